"""The members of session replies: proof of authentication, 3DS messages, links, exemptions; by state and operation."""

from __future__ import annotations

import base64

import pytest

from checkout_async.sandbox import Sandbox
from tests.sandbox.support import BROWSER_WITH_METHOD, HOSTED, Api, decoded, order

DAY = 24 * 60 * 60


@pytest.mark.parametrize(
    ("scheme", "authenticated", "attempted", "neither"),
    [
        ("visa", "05", "06", "07"),
        ("amex", "05", "06", "07"),
        ("jcb", "05", "06", "07"),
        ("diners", "05", "06", "07"),
        ("discover", "05", "06", "07"),
        ("mastercard", "02", "01", "00"),
    ],
)
async def test_the_eci_is_that_of_the_scheme(
    api: Api, scheme: str, authenticated: str, attempted: str, neither: str
) -> None:
    by_scenario = {"frictionless": authenticated, "attempted": attempted, "declined": neither, "unavailable": neither}
    for scenario, eci in by_scenario.items():
        answer = await api.create(order(scenario, scheme=scheme, channel_data=BROWSER_WITH_METHOD))

        assert answer.body["eci"] == eci


@pytest.mark.parametrize("scenario", ["frictionless", "attempted"])
async def test_a_successful_authentication_is_proven(api: Api, scenario: str) -> None:
    body = (await api.finished(scenario)).body

    assert body["approved"] is True
    assert len(base64.b64decode(body["cryptogram"], validate=True)) == 20
    assert len(base64.b64decode(body["xid"] + "=", validate=True)) == 20


@pytest.mark.parametrize("scenario", ["declined", "rejected", "unavailable", "challenge"])
async def test_nothing_else_is(api: Api, scenario: str) -> None:
    body = (await api.finished(scenario)).body

    assert not {"cryptogram", "xid"} & body.keys()
    assert body.get("approved") is (None if scenario == "challenge" else False)


async def test_the_cryptogram_is_shown_for_a_day_after_creation(sandbox: Sandbox, api: Api) -> None:
    session_id = (await api.finished()).body["id"]
    await sandbox.advance(DAY - 1)
    fresh = f"Bearer {(await api.token()).body['access_token']}"
    before = await api.get(session_id, auth=fresh)
    await sandbox.advance(1)
    after = await api.get(session_id, auth=fresh)

    assert "cryptogram" in before.body
    assert "cryptogram" not in after.body
    assert after.body["eci"] == before.body["eci"]


async def test_a_refused_cardholder_gets_a_text(api: Api) -> None:
    assert (await api.finished("declined")).body["cardholder_info"]
    assert "cardholder_info" not in (await api.finished("frictionless")).body


async def test_a_challenge_comes_with_a_ready_made_request_for_the_acs(api: Api) -> None:
    body = (await api.finished("challenge")).body

    assert decoded(body["3ds"]["challenge_request"]) == {
        "threeDSServerTransID": body["transaction_id"],
        "acsTransID": body["acs"]["transaction_id"],
        "messageType": "CReq",
        "messageVersion": body["protocol_version"],
        "challengeWindowSize": "05",
    }
    assert body["acs"]["url"] == body["_links"]["acs_url"]["href"]
    assert body["challenged"] is True
    assert body["acs"]["challenge_mandated"] is True


async def test_after_the_challenge_its_page_is_gone(sandbox: Sandbox, api: Api) -> None:
    session_id = (await api.finished("challenge")).body["id"]
    await sandbox.cardholder.complete_challenge(session_id)
    answer = await api.get(session_id)

    assert "acs_url" not in answer.links
    assert "url" not in answer.body["acs"]
    assert answer.body["3ds"] == {"interaction_counter": "01"}


async def test_identifiers_do_not_change_during_a_session(sandbox: Sandbox, api: Api) -> None:
    created = (await api.create(order("challenge"))).body
    challenged = (await api.collect(created["id"])).body
    await sandbox.cardholder.complete_challenge(created["id"])
    final = (await api.get(created["id"])).body

    for name in ("id", "session_secret", "transaction_id", "card"):
        assert created[name] == challenged[name] == final[name]
    assert challenged["acs"]["transaction_id"] == final["acs"]["transaction_id"]
    assert challenged["ds"] == final["ds"]


async def test_links_follow_next_actions(api: Api) -> None:
    url = "https://shop.example/callback"
    pending = await api.create(completion={"type": "non_hosted", "callback_url": url})
    session_url = f"{api.sandbox.base_url}/sessions/{pending.body['id']}"
    final = await api.collect(pending.body["id"])

    method = pending.links["three_ds_method_url"]
    assert pending.links == {
        "self": session_url,
        "issuer_fingerprint": f"{session_url}/issuer-fingerprint",
        "collect_channel_data": f"{session_url}/collect-data",
        "three_ds_method_url": method,
        "callback_url": url,
    }
    assert final.links == {"self": session_url, "complete": f"{session_url}/complete", "callback_url": url}


async def test_the_links_work(api: Api) -> None:
    links = (await api.create()).links
    data = {"three_ds_method_completion": "Y"}

    assert (await api.call("PUT", links["issuer_fingerprint"], data)).status == 200
    updated = await api.call("PUT", links["collect_channel_data"], BROWSER_WITH_METHOD)
    assert (await api.call("POST", updated.links["complete"])).status == 204
    assert (await api.call("GET", links["self"])).body["completed"] is True


async def test_a_fingerprint_reply_lacks_what_the_api_documents_as_lacking(api: Api) -> None:
    body = order(scheme="mastercard", authentication_type="recurring", completion=HOSTED)
    session_id = (await api.create(body)).body["id"]
    reply = await api.fingerprint(session_id)
    full = await api.get(session_id)

    lacking = {"recurring", "authentication_date", "challenge_indicator"}
    assert lacking <= full.body.keys()
    assert not lacking & reply.body.keys()
    assert set(reply.links) == {"self", "redirect_url"}


@pytest.mark.parametrize(
    ("amount", "sent", "applied"),
    [(3000, "low_value", "low_value"), (3001, "no_challenge_requested", "none")],
)
async def test_an_exemption_that_cannot_be_applied_falls_back(api: Api, amount: int, sent: str, applied: str) -> None:
    body = (await api.finished(challenge_indicator="low_value", amount=amount)).body

    assert body["challenge_indicator"] == sent
    assert body["exemption"] == {"requested": "low_value", "applied": applied}


async def test_a_trusted_listing_names_the_beneficiary(api: Api) -> None:
    body = (await api.finished(challenge_indicator="trusted_listing")).body

    assert body["exemption"]["trusted_beneficiary"] == {"status": "Y", "source": "02"}


async def test_optimization_says_what_it_changed(api: Api) -> None:
    wish = {"framework": "acceptance_rates"}
    changed = (await api.create(optimization=wish, challenge_indicator="trusted_listing")).body
    unchanged = (await api.create(optimization=wish)).body

    assert changed["challenge_indicator"] == "transaction_risk_assessment"
    assert changed["optimization"] == {
        "optimized": True,
        "framework": "acceptance_rates",
        "optimized_properties": [
            {
                "field": "challenge_indicator",
                "original_value": "trusted_listing",
                "optimized_value": "transaction_risk_assessment",
            }
        ],
    }
    assert unchanged["optimization"] == {
        "optimized": False,
        "framework": "acceptance_rates",
        "optimized_properties": [],
    }


async def test_cartes_bancaires_adds_its_own_data(api: Api) -> None:
    body = order(channel_data=BROWSER_WITH_METHOD)
    body["source"]["scheme"] = "cartes_bancaires"
    answer = (await api.create(body)).body
    visa = (await api.finished()).body

    assert answer["customer_ip"] == BROWSER_WITH_METHOD["ip_address"]
    assert answer["scheme_info"].keys() == {"name", "score", "avalgo"}
    assert "customer_ip" not in visa
    assert visa["scheme_info"] == {"name": "visa"}
