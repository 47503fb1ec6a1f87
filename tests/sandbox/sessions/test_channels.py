"""Hosted, app and merchant-initiated sessions, and what the `channel` header shows of a session."""

from __future__ import annotations

import pytest

from checkout_async.sandbox import Sandbox
from tests.sandbox.support import APP, BROWSER, BROWSER_WITH_METHOD, HOSTED, MERCHANT, Api, order


@pytest.mark.parametrize("scenario", ["frictionless", "challenge", "slow", "frictionless_no_method", "slow_challenge"])
async def test_a_hosted_cardholder_returns_to_the_success_page(sandbox: Sandbox, api: Api, scenario: str) -> None:
    session_id = (await api.create(order(scenario, completion=HOSTED))).body["id"]
    page = await sandbox.cardholder.finish_hosted(session_id)
    body = (await api.get(session_id)).body

    assert page == HOSTED["success_url"]
    assert (body["status"], body["next_actions"]) == ("approved", [])


async def test_a_stand_in_counts_as_success_on_a_hosted_page(sandbox: Sandbox, api: Api) -> None:
    session_id = (await api.create(order("attempted", completion=HOSTED))).body["id"]

    assert await sandbox.cardholder.finish_hosted(session_id) == HOSTED["success_url"]


@pytest.mark.parametrize("scenario", ["declined", "rejected", "unavailable", "challenge_failed"])
async def test_a_hosted_cardholder_who_is_not_authenticated_returns_to_the_failure_page(
    sandbox: Sandbox, api: Api, scenario: str
) -> None:
    session_id = (await api.create(order(scenario, completion=HOSTED))).body["id"]

    assert await sandbox.cardholder.finish_hosted(session_id) == HOSTED["failure_url"]


async def test_a_hosted_page_shows_its_redirect_only_while_pending(sandbox: Sandbox, api: Api) -> None:
    session_id = (await api.create(completion=HOSTED)).body["id"]
    await sandbox.cardholder.finish_hosted(session_id)

    assert set((await api.get(session_id)).links) == {"self", "success_url", "failure_url"}


async def test_a_hosted_session_cannot_be_completed(sandbox: Sandbox, api: Api) -> None:
    session_id = (await api.create(completion=HOSTED)).body["id"]
    pending = await api.complete(session_id)
    await sandbox.cardholder.finish_hosted(session_id)
    final = await api.complete(session_id)

    for answer in (pending, final):
        assert answer.status == 403
        assert answer.body["error_type"] == "operation_not_allowed"
        assert answer.codes == ["update_not_allowed_due_to_state"]


async def test_browser_data_for_the_published_card_finish_a_hosted_session(api: Api) -> None:
    body = order(completion=HOSTED)
    body["source"]["number"] = "4485040371536584"
    session_id = (await api.create(body)).body["id"]
    answer = await api.collect(session_id, BROWSER)

    assert (answer.status, answer.body["status"], answer.body["next_actions"]) == (200, "approved", [])
    assert "redirect_url" not in answer.links


async def test_app_data_with_dummy_encryption_make_a_hosted_session_unavailable(api: Api) -> None:
    session_id = (await api.create(completion=HOSTED)).body["id"]
    answer = await api.collect(session_id, APP | {"sdk_encrypted_data": "string"})

    assert (answer.status, answer.body["status"]) == (200, "unavailable")


async def test_a_fingerprint_alone_leaves_a_hosted_session_pending(api: Api) -> None:
    session_id = (await api.create(completion=HOSTED)).body["id"]
    answer = await api.fingerprint(session_id)

    assert (answer.status, answer.body["status"]) == (200, "pending")
    assert answer.body["next_actions"] == ["redirect_cardholder"]


async def test_a_hosted_session_keeps_browser_data_of_its_creation_for_the_page(sandbox: Sandbox, api: Api) -> None:
    answer = await api.create(completion=HOSTED, channel_data=BROWSER_WITH_METHOD)

    assert (answer.status, answer.body["next_actions"]) == (202, ["redirect_cardholder"])
    assert await sandbox.cardholder.finish_hosted(answer.body["id"]) == HOSTED["success_url"]


async def test_app_data_that_are_not_encrypted_cannot_be_used(api: Api) -> None:
    answer = await api.create(channel_data=APP | {"sdk_encrypted_data": "dummy"})

    assert (answer.status, answer.body["status"], answer.body["next_actions"]) == (201, "unavailable", ["complete"])


async def test_an_app_challenge_carries_signed_content_and_no_url(api: Api) -> None:
    answer = await api.create(order("challenge", channel_data=APP))

    assert answer.body["status"] == "challenged"
    assert answer.body["acs"]["signed_content"].count(".") == 2
    assert answer.body["acs"]["interface"] == "html"
    assert answer.body["acs"]["ui_template"] == "single_select"
    assert "url" not in answer.body["acs"]
    assert "3ds" not in answer.body
    assert answer.body["ds"]["ds_id"] == "A999999999"


async def test_certificates_are_there_as_long_as_the_cardholder_may_use_an_app(api: Api) -> None:
    opened = await api.create()
    app = await api.collect(opened.body["id"], APP)
    browser = await api.create(channel_data=BROWSER)
    hosted = await api.create(completion=HOSTED)

    assert opened.body["certificates"] == app.body["certificates"]
    assert "certificates" not in browser.body
    assert "certificates" not in hosted.body


async def test_a_merchant_initiated_session_is_not_challenged(api: Api) -> None:
    answer = await api.create(order("challenge", channel_data=MERCHANT))

    assert (answer.body["status"], answer.body["response_status_reason"]) == ("declined", "23")


@pytest.mark.parametrize(
    ("channel", "actions"),
    [
        ("browser", ["collect_channel_data", "issuer_fingerprint"]),
        ("app", ["collect_channel_data"]),
        ("merchant_initiated", []),
    ],
)
async def test_the_channel_header_restricts_next_actions_and_their_links(
    api: Api, channel: str, actions: list[str]
) -> None:
    session_id = (await api.create()).body["id"]
    answer = await api.get(session_id, channel=channel)

    assert answer.body["next_actions"] == actions
    assert ("issuer_fingerprint" in answer.links) == ("issuer_fingerprint" in actions)
    assert ("collect_channel_data" in answer.links) == ("collect_channel_data" in actions)
