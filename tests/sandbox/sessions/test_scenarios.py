"""The table of test data: every row has its outcome, by card number of every scheme and by amount."""

from __future__ import annotations

from pathlib import Path

import pytest

from checkout_async.sandbox import SCENARIOS, SCHEMES, Sandbox, amount, card_number
from tests.sandbox.support import BROWSER_WITH_METHOD, Answer, Api, Json, order

DOCS = Path(__file__).parents[3] / "docs" / "sandbox.md"

FINAL = {
    "frictionless": ("approved", "Y", None, "ares_status", "frictionless"),
    "frictionless_no_method": ("approved", "Y", None, "ares_status", "frictionless"),
    "challenge": ("approved", "Y", None, "rreq_status", "challenged"),
    "challenge_no_method": ("approved", "Y", None, "rreq_status", "challenged"),
    "challenge_failed": ("declined", "N", "01", "rreq_status", "challenged"),
    "attempted": ("attempted", "A", None, "ares_status", "frictionless"),
    "declined": ("declined", "N", "01", "ares_status", "frictionless"),
    "rejected": ("rejected", "R", "11", "ares_status", "frictionless"),
    "unavailable": ("unavailable", "U", "22", "ares_status", "frictionless"),
    "ares_error": ("unavailable", "U", "22", "ares_error", "frictionless"),
    "rreq_error": ("unavailable", "U", "22", "rreq_error", "challenged"),
    "risk_declined": ("declined", None, None, "risk_declined", None),
    "slow": ("approved", "Y", None, "ares_status", "frictionless"),
    "slow_challenge": ("approved", "Y", None, "rreq_status", "challenged"),
    "delegated": ("approved", "Y", None, "ares_status", "frictionless_delegated"),
    "silent_method": ("approved", "Y", None, "ares_status", "frictionless"),
    "google_spa": ("approved", "Y", None, "rreq_status", "challenged"),
    "no_vault": ("approved", "Y", None, "ares_status", "frictionless"),
    "flaky_get": ("approved", "Y", None, "ares_status", "frictionless"),
}
"""Row -> status, response code and reason, status reason, flow type once everything has happened."""

FAILURES = {
    "not_enrolled": (422, "unprocessable_entity", "card_not_enrolled"),
    "scheme_outage": (503, "service_not_available", "scheme_outage"),
    "ds_error": (503, "service_not_available", "ds_error"),
    "duplicate": (409, "duplicate_requests_detected", "session_already_in_use"),
    "internal_error": (500, "internal_server_error", "unknown_error"),
    "channel_disabled": (422, "unprocessable_entity", "processing_channel_disabled"),
}


async def read(api: Api, session_id: str) -> Answer:
    """Read a session like a client that repeats reads after a bad gateway."""
    answer = await api.get(session_id)
    return await read(api, session_id) if answer.status == 502 else answer


async def see_through(api: Api, body: Json) -> Json:
    """Create a session and go on until nothing more happens, the cardholder answering as the card says."""
    session_id = (await api.create(body)).body["id"]
    answer = await read(api, session_id)
    while answer.body["status"] == "processing":
        answer = await read(api, session_id)
    if answer.body["status"] == "challenged":
        await api.sandbox.cardholder.complete_challenge(session_id)
    return (await read(api, session_id)).body


def test_every_row_is_covered_here() -> None:
    assert [row.name for row in SCENARIOS] == [*FINAL, *FAILURES]
    assert [row.row for row in SCENARIOS] == list(range(1, len(SCENARIOS) + 1))


@pytest.mark.parametrize("scenario", FINAL)
@pytest.mark.parametrize("by", ["card", "amount"])
async def test_a_row_has_its_outcome(api: Api, scenario: str, by: str) -> None:
    source = {"type": "token", "token": "tok_ubfj2q76miwundwlk72vxt2i7q"}
    changes: Json = {"source": source, "amount": amount(scenario)} if by == "amount" else {}
    body = await see_through(api, order(scenario, channel_data=BROWSER_WITH_METHOD, **changes))

    names = ("status", "response_code", "response_status_reason", "status_reason", "flow_type")
    assert tuple(body.get(name) for name in names) == FINAL[scenario]


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_row_has_a_card_in_every_scheme(api: Api, scheme: str) -> None:
    for scenario in ("frictionless", "declined", "attempted"):
        body = await see_through(api, order(scenario, scheme=scheme, channel_data=BROWSER_WITH_METHOD))

        assert (body["scheme"], body["status"]) == (scheme, FINAL[scenario][0])


@pytest.mark.parametrize("scenario", FAILURES)
async def test_a_failing_row_answers_with_its_error_and_creates_nothing(api: Api, scenario: str) -> None:
    answer = await api.create(order(scenario))

    assert (answer.status, answer.body["error_type"], *answer.codes) == FAILURES[scenario]
    assert len(api.sandbox.sessions) == 0


async def test_the_first_two_reads_of_a_flaky_session_are_bad_gateways(api: Api) -> None:
    session_id = (await api.finished("flaky_get")).body["id"]
    answers = [await api.get(session_id) for _ in range(3)]

    assert [answer.status for answer in answers] == [502, 502, 200]
    assert answers[0].body == {}


async def test_without_a_vault_the_card_is_not_described(api: Api) -> None:
    token = {"type": "token", "token": "tok_ubfj2q76miwundwlk72vxt2i7q"}

    assert "card" not in (await api.finished("no_vault")).body
    assert "card" in (await api.create(source=token, amount=amount("no_vault"))).body
    assert "card" in (await api.finished("frictionless")).body


async def test_a_faulty_response_is_explained(api: Api) -> None:
    body = (await api.finished("ares_error")).body

    assert body["3ds"]["error_details"]["error_component"] == "D"
    assert "acs" not in body


async def test_a_card_declined_by_risk_never_reaches_the_scheme(api: Api) -> None:
    body = (await api.finished("risk_declined")).body

    assert not {"ds", "acs", "response_code", "eci"} & body.keys()
    assert body["approved"] is False


@pytest.mark.parametrize(("number", "status"), [("4485040371536584", "approved"), ("4242424242424242", "challenged")])
async def test_published_cards_do_what_they_do_in_the_real_sandbox(api: Api, number: str, status: str) -> None:
    body = order(channel_data=BROWSER_WITH_METHOD)
    body["source"]["number"] = number

    assert (await api.create(body)).body["status"] == status


async def test_a_card_that_is_not_in_the_table_is_approved(api: Api) -> None:
    body = order(channel_data=BROWSER_WITH_METHOD)
    body["source"]["number"] = "4111111111111111"

    assert (await api.create(body)).body["status"] == "approved"


def test_the_table_names_no_row_or_scheme_it_does_not_have() -> None:
    for unknown in (("moon", "visa"), ("slow", "moon")):
        with pytest.raises(KeyError, match="moon"):
            card_number(*unknown)
    with pytest.raises(KeyError, match="moon"):
        amount("moon")


def test_the_documentation_shows_the_table_as_it_is() -> None:
    text = DOCS.read_text()
    for row in SCENARIOS:
        line = f"| `{row.name}` | {row.summary} | `{card_number(row.name)}` | `{amount(row.name)}` |"
        assert line in text
    for scheme in SCHEMES:
        assert f"| {scheme} | `{card_number('challenge', scheme)}` |" in text


async def test_google_spa_runs_where_the_request_prefers_it(sandbox: Sandbox, api: Api) -> None:
    answer = await api.finished("google_spa", preferred_experiences=["google_spa", "3ds"])
    challenged = answer.body
    await sandbox.cardholder.complete_challenge(challenged["id"])
    final = (await api.get(challenged["id"])).body

    assert challenged["preferred_experiences"] == {
        "google_spa": {"status": "available"},
        "3ds": {"status": "unprocessed"},
    }
    assert challenged["experience"] == "google_spa"
    assert {"challenge_url", "initial_timeout", "max_timeout", "iframe", "token"} == challenged["google_spa"].keys()
    assert final["preferred_experiences"]["google_spa"] == {"status": "processed"}


async def test_google_spa_is_unavailable_for_other_cards(api: Api) -> None:
    body = (await api.finished("challenge", preferred_experiences=["google_spa", "3ds"])).body

    assert body["preferred_experiences"]["google_spa"]["status"] == "unavailable"
    assert body["experience"] == "3ds"
    assert "google_spa" not in body
