"""`complete_session`: the callback is really delivered, and its answer decides."""

from __future__ import annotations

import asyncio

import pytest

from checkout_async.sandbox import Sandbox
from tests.sandbox.support import Answer, Api, Merchant, check_schema


async def final_session(api: Api, url: str | None, scenario: str = "frictionless") -> str:
    completion = {"type": "non_hosted"} | ({} if url is None else {"callback_url": url})
    answer = await api.finished(scenario, completion=completion)
    return str(answer.body["id"])


def check_callback_failed(answer: Answer) -> None:
    assert answer.status == 500
    assert answer.body["error_type"] == "callback_failed"
    assert answer.codes == ["session_callback_failed"]


async def test_a_callback_tells_the_result_and_completes_the_session(api: Api, merchant: Merchant) -> None:
    session_id = await final_session(api, merchant.url)
    answer = await api.complete(session_id)
    body = (await api.get(session_id)).body

    assert answer.status == 204
    assert body["completed"] is True
    assert body["next_actions"] == []
    assert "complete" not in body["_links"]
    (callback,) = merchant.received
    check_schema("SessionCompletedCallback", callback)
    assert callback["session_id"] == session_id
    assert {name: body[name] for name in callback if name != "session_id"} | {"session_id": session_id} == callback
    assert {"cryptogram", "eci", "xid", "approved", "status", "reference"} <= callback.keys()


async def test_a_callback_carries_no_credential(api: Api, merchant: Merchant) -> None:
    await api.complete(await final_session(api, merchant.url))

    assert "Authorization" not in merchant.headers[0]
    assert "session_secret" not in merchant.received[0]


async def test_a_session_secret_completes_with_the_same_callback(api: Api, merchant: Merchant) -> None:
    created = await api.finished(completion={"type": "non_hosted", "callback_url": merchant.url})
    answer = await api.complete(created.body["id"], auth=created.body["session_secret"])

    assert answer.status == 204
    assert merchant.received[0]["cryptogram"] == created.body["cryptogram"]


@pytest.mark.parametrize("scenario", ["declined", "rejected", "attempted", "unavailable"])
async def test_every_final_status_can_be_completed(api: Api, merchant: Merchant, scenario: str) -> None:
    answer = await api.complete(await final_session(api, merchant.url, scenario))

    assert answer.status == 204
    check_schema("SessionCompletedCallback", merchant.received[0])


async def test_without_a_callback_url_completing_just_succeeds(api: Api) -> None:
    session_id = await final_session(api, None)

    assert (await api.complete(session_id)).status == 204
    assert api.sandbox.sessions[session_id].completed


@pytest.mark.parametrize("status", [302, 400, 500])
async def test_a_callback_that_is_not_answered_with_2xx_fails(api: Api, merchant: Merchant, status: int) -> None:
    session_id = await final_session(api, merchant.url)
    merchant.status = status
    check_callback_failed(await api.complete(session_id))
    body = (await api.get(session_id)).body

    assert len(merchant.received) == 1
    assert (body["status"], body["completed"], body["next_actions"]) == ("approved", False, ["complete"])


async def test_a_failed_callback_can_be_tried_again(api: Api, merchant: Merchant) -> None:
    session_id = await final_session(api, merchant.url)
    merchant.status = 503
    await api.complete(session_id)
    merchant.status = 201

    assert (await api.complete(session_id)).status == 204


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/callback", "http://no-such-host.invalid/", "ftp://127.0.0.1/x"])
async def test_a_callback_that_cannot_be_delivered_fails(api: Api, url: str) -> None:
    check_callback_failed(await api.complete(await final_session(api, url)))


async def test_a_callback_that_is_not_answered_in_time_fails(merchant: Merchant) -> None:
    merchant.gate.clear()
    async with Sandbox(callback_timeout=0.05) as sandbox, Api(sandbox) as api:
        answer = await api.complete(await final_session(api, merchant.url))
    merchant.gate.set()

    check_callback_failed(answer)


async def test_a_completed_session_cannot_be_completed_again(api: Api, merchant: Merchant) -> None:
    session_id = await final_session(api, merchant.url)
    await api.complete(session_id)
    answer = await api.complete(session_id)

    assert (answer.status, answer.codes) == (403, ["update_not_allowed_due_to_state"])
    assert len(merchant.received) == 1


async def test_a_second_request_while_the_callback_is_under_way_is_a_conflict(api: Api, merchant: Merchant) -> None:
    session_id = await final_session(api, merchant.url)
    merchant.gate.clear()
    first = asyncio.create_task(api.complete(session_id))
    await merchant.arrived.wait()
    refused = [await api.complete(session_id), await api.collect(session_id)]
    reading = await api.get(session_id)
    merchant.gate.set()

    for answer in refused:
        assert (answer.status, answer.body["error_type"]) == (409, "duplicate_requests_detected")
        assert answer.codes == ["session_already_in_use"]
    assert reading.status == 200
    assert (await first).status == 204
