"""The life of a non-hosted session: every transition, and every event that the state forbids."""

from __future__ import annotations

import pytest

from checkout_async.sandbox import Sandbox
from tests.sandbox.support import APP, BROWSER, BROWSER_WITH_METHOD, MERCHANT, Api, Json, order

CHALLENGE_SECONDS = 15 * 60
PENDING_SECONDS = 30 * 60


async def check_refused(api: Api, session_id: str, *calls: str) -> None:
    for call in calls:
        answer = await getattr(api, call)(session_id)
        assert (answer.status, answer.codes) == (403, ["update_not_allowed_due_to_state"])


async def test_a_fingerprint_alone_leaves_a_session_pending(api: Api) -> None:
    session_id = (await api.create()).body["id"]
    answer = await api.fingerprint(session_id)

    assert (answer.status, answer.body["status"]) == (200, "pending")
    assert answer.body["next_actions"] == ["collect_channel_data"]


async def test_a_fingerprint_then_channel_data_authenticate(api: Api) -> None:
    session_id = (await api.create()).body["id"]
    await api.fingerprint(session_id)
    answer = await api.collect(session_id)

    assert (answer.body["status"], answer.body["next_actions"]) == ("approved", ["complete"])


async def test_a_fingerprint_authenticates_when_channel_data_came_with_the_session(api: Api) -> None:
    session_id = (await api.create(channel_data=BROWSER)).body["id"]
    answer = await api.fingerprint(session_id, "N")

    assert (answer.body["status"], answer.body["next_actions"]) == ("approved", ["complete"])


@pytest.mark.parametrize("data", [BROWSER, BROWSER_WITH_METHOD, APP, MERCHANT])
async def test_channel_data_authenticate_with_or_without_a_fingerprint(api: Api, data: Json) -> None:
    session_id = (await api.create()).body["id"]
    answer = await api.collect(session_id, data)

    assert (answer.body["status"], answer.body["next_actions"]) == ("approved", ["complete"])


async def test_channel_data_may_lead_to_a_challenge(api: Api) -> None:
    session_id = (await api.create(order("challenge"))).body["id"]
    answer = await api.collect(session_id, BROWSER_WITH_METHOD)

    assert (answer.body["status"], answer.body["response_code"]) == ("challenged", "C")
    assert answer.body["next_actions"] == ["challenge_cardholder"]


@pytest.mark.parametrize(
    ("trans_status", "status"),
    [("Y", "approved"), ("A", "attempted"), ("N", "declined"), ("R", "rejected"), ("U", "unavailable")],
)
async def test_a_finished_challenge_is_final(sandbox: Sandbox, api: Api, trans_status: str, status: str) -> None:
    session_id = (await api.finished("challenge")).body["id"]
    await sandbox.cardholder.complete_challenge(session_id, trans_status)
    answer = await api.get(session_id)

    assert (answer.body["status"], answer.body["response_code"]) == (status, trans_status)
    assert answer.body["next_actions"] == ["complete"]
    assert answer.body["status_reason"] == "rreq_status"


async def test_a_challenge_given_up_is_abandoned(sandbox: Sandbox, api: Api) -> None:
    session_id = (await api.finished("challenge")).body["id"]
    await sandbox.cardholder.abandon_challenge(session_id)
    body = (await api.get(session_id)).body

    assert (body["status"], body["next_actions"], body["approved"]) == ("challenge_abandoned", [], False)
    assert body["acs"]["challenge_cancel_reason"] == "cardholder_cancel"
    assert body["acs"]["challenge_cancel_reason_code"] == "01"


async def test_a_challenge_left_open_is_abandoned_after_fifteen_minutes(sandbox: Sandbox, api: Api) -> None:
    session_id = (await api.finished("challenge")).body["id"]
    await sandbox.advance(CHALLENGE_SECONDS - 1)
    before = await api.get(session_id)
    await sandbox.advance(1)
    after = await api.get(session_id)

    assert before.body["status"] == "challenged"
    assert after.body["status"] == "challenge_abandoned"
    assert after.body["acs"]["challenge_cancel_reason"] == "challenge_timed_out"


@pytest.mark.parametrize("changes", [{}, {"channel_data": BROWSER}], ids=["no channel data", "no fingerprint"])
async def test_a_pending_session_expires_after_thirty_minutes(sandbox: Sandbox, api: Api, changes: Json) -> None:
    session_id = (await api.create(order(**changes))).body["id"]
    await sandbox.advance(PENDING_SECONDS - 1)
    before = await api.get(session_id)
    await sandbox.advance(1)
    after = await api.get(session_id)

    assert before.body["status"] == "pending"
    assert (after.body["status"], after.body["next_actions"], after.body["approved"]) == ("expired", [], False)


async def test_a_slow_scheme_is_processing_for_two_polls(api: Api) -> None:
    created = await api.finished("slow")
    polled = [(await api.get(created.body["id"])).body["status"] for _ in range(3)]

    assert (created.status, created.body["status"], created.body["next_actions"]) == (201, "processing", [])
    assert polled == ["processing", "processing", "approved"]


async def test_a_slow_scheme_answers_after_ten_seconds_polled_or_not(sandbox: Sandbox, api: Api) -> None:
    session_id = (await api.finished("slow_challenge")).body["id"]
    await sandbox.advance(10)

    assert sandbox.sessions[session_id].status == "challenged"


async def test_time_passes_in_order_however_far_the_clock_jumps(sandbox: Sandbox, api: Api) -> None:
    session_id = (await api.finished("slow_challenge")).body["id"]
    await sandbox.advance(10 + CHALLENGE_SECONDS)

    assert sandbox.sessions[session_id].status == "challenge_abandoned"


async def test_an_open_session_cannot_be_completed(api: Api) -> None:
    pending = (await api.create()).body["id"]
    processing = (await api.finished("slow")).body["id"]
    challenged = (await api.finished("challenge")).body["id"]

    for session_id in (pending, processing, challenged):
        await check_refused(api, session_id, "complete")


async def test_a_session_that_ended_without_answer_cannot_be_completed(sandbox: Sandbox, api: Api) -> None:
    expired = (await api.create()).body["id"]
    abandoned = (await api.finished("challenge")).body["id"]
    await sandbox.advance(PENDING_SECONDS)

    for session_id in (expired, abandoned):
        await check_refused(api, session_id, "complete", "collect", "fingerprint")


@pytest.mark.parametrize("scenario", ["frictionless", "challenge", "slow", "declined"])
async def test_nothing_more_can_be_supplied_once_the_scheme_was_asked(api: Api, scenario: str) -> None:
    session_id = (await api.finished(scenario)).body["id"]

    await check_refused(api, session_id, "collect", "fingerprint")


async def test_repeating_an_accepted_update_gives_the_session_as_it_is(api: Api) -> None:
    session_id = (await api.create()).body["id"]
    first, again = await api.fingerprint(session_id), await api.fingerprint(session_id)
    updated, repeated = await api.collect(session_id), await api.collect(session_id)

    assert (again.status, again.body) == (first.status, first.body)
    assert (repeated.status, repeated.body) == (updated.status, updated.body)


async def test_another_update_after_the_accepted_one_is_refused(api: Api) -> None:
    session_id = (await api.create()).body["id"]
    await api.collect(session_id)
    answer = await api.collect(session_id, BROWSER | {"language": "de"})

    assert answer.status == 403


async def test_a_fingerprint_needs_a_method_url(api: Api) -> None:
    session_id = (await api.create(order("frictionless_no_method"))).body["id"]
    answer = await api.fingerprint(session_id)

    assert (answer.status, answer.codes) == (403, ["three_ds_method_not_supported_without_url"])


async def test_a_fingerprint_is_not_for_apps(api: Api) -> None:
    session_id = (await api.create(channel_data=APP)).body["id"]
    answer = await api.fingerprint(session_id)

    assert (answer.status, answer.codes) == (403, ["three_ds_method_not_supported_for_app"])
