"""The scripted cardholder, in this process and over the sandbox's own paths."""

from __future__ import annotations

import json

import pytest

from checkout_async.sandbox import CardholderError, Sandbox
from tests.sandbox.support import BROWSER, HOSTED, Answer, Api, Json, decoded, order

UNKNOWN = "sid_aaaaaaaaaaaaaaaaaaaaaaaaaa"


async def control(api: Api, path: str, body: Json | None = None) -> Answer:
    data = b"" if body is None else json.dumps(body).encode()
    return await api.send("POST", f"/_sandbox{path}", data=data, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(
    ("scenario", "completion"), [("frictionless", "Y"), ("silent_method", "N"), ("frictionless_no_method", "U")]
)
async def test_running_the_method_gives_the_completion_to_report(
    sandbox: Sandbox, api: Api, scenario: str, completion: str
) -> None:
    session_id = (await api.create(order(scenario, channel_data=BROWSER))).body["id"]

    assert await sandbox.cardholder.run_three_ds_method(session_id) == completion


async def test_a_finished_challenge_sends_the_browser_back_with_its_result(sandbox: Sandbox, api: Api) -> None:
    url = "https://shop.example/challenged"
    created = await api.finished("challenge", completion={"type": "non_hosted", "challenge_notification_url": url})
    back = await sandbox.cardholder.complete_challenge(created.body["id"], "N")

    assert back.notification_url == url
    assert back.event == {"transStatus": "N", "threeDSServerTransID": created.body["transaction_id"]}
    assert decoded(back.cres) == {
        "threeDSServerTransID": created.body["transaction_id"],
        "acsTransID": created.body["acs"]["transaction_id"],
        "messageType": "CRes",
        "messageVersion": "2.2.0",
        "transStatus": "N",
    }


async def test_without_instructions_the_cardholder_does_as_the_card_says(sandbox: Sandbox, api: Api) -> None:
    for scenario, status in (("challenge", "approved"), ("challenge_failed", "declined")):
        session_id = (await api.finished(scenario)).body["id"]
        await sandbox.cardholder.complete_challenge(session_id)

        assert sandbox.sessions[session_id].status == status


async def test_a_hosted_challenge_can_be_failed(sandbox: Sandbox, api: Api) -> None:
    session_id = (await api.create(order("challenge", completion=HOSTED))).body["id"]

    assert await sandbox.cardholder.finish_hosted(session_id, "N") == HOSTED["failure_url"]
    assert sandbox.sessions[session_id].status == "declined"


async def test_the_impossible_is_refused_with_the_reason(sandbox: Sandbox, api: Api) -> None:
    person = sandbox.cardholder
    pending = (await api.create()).body["id"]
    final = (await api.finished()).body["id"]
    challenged = (await api.finished("challenge")).body["id"]

    with pytest.raises(CardholderError, match=f"there is no session {UNKNOWN}"):
        await person.complete_challenge(UNKNOWN)
    with pytest.raises(CardholderError, match="is pending: a cardholder cannot finish a challenge"):
        await person.complete_challenge(pending)
    with pytest.raises(CardholderError, match="is approved: a cardholder cannot finish a challenge"):
        await person.abandon_challenge(final)
    with pytest.raises(CardholderError, match="'C' is not one of A, N, R, U, Y"):
        await person.complete_challenge(challenged, "C")
    with pytest.raises(CardholderError, match="is not hosted"):
        await person.finish_hosted(pending)
    with pytest.raises(CardholderError, match="does not wait for the 3DS Method"):
        await person.run_three_ds_method(final)


async def test_another_process_plays_the_cardholder_over_http(api: Api) -> None:
    first, second = (await api.finished("challenge")).body["id"], (await api.finished("challenge")).body["id"]
    hosted = (await api.create(completion=HOSTED)).body["id"]
    opened = (await api.create()).body["id"]

    method = await control(api, f"/sessions/{opened}/3ds-method")
    back = await control(api, f"/sessions/{first}/challenge", {"transStatus": "N"})
    abandoned = await control(api, f"/sessions/{second}/challenge/abandon")
    page = await control(api, f"/sessions/{hosted}/hosted", {})

    assert method.body == {"three_ds_method_completion": "Y"}
    assert decoded(back.body["cres"])["transStatus"] == back.body["event"]["transStatus"] == "N"
    assert (abandoned.status, abandoned.body) == (200, {})
    assert page.body == {"url": HOSTED["success_url"]}
    views = api.sandbox.sessions
    assert [views[name].status for name in (first, second, hosted)] == ["declined", "challenge_abandoned", "approved"]


async def test_another_process_moves_the_clock_over_http(api: Api) -> None:
    session_id = (await api.create()).body["id"]
    answer = await control(api, "/clock", {"advance": 1800})

    assert answer.status == 200
    assert api.sandbox.sessions[session_id].status == "expired"


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (f"/sessions/{UNKNOWN}/challenge", None, f"there is no session {UNKNOWN}"),
        ("/clock", {"advance": "1 h"}, 'the body must be {"advance": seconds}'),
        ("/clock", {"advance": -1}, "a clock moves forward by a finite number of seconds, not by -1"),
        ("/clock", [], "the body must be a JSON object, or empty"),
    ],
)
async def test_over_http_the_impossible_is_a_conflict_with_the_reason(
    api: Api, path: str, body: Json | None, message: str
) -> None:
    answer = await control(api, path, body)

    assert (answer.status, answer.body) == (409, {"error": message})
