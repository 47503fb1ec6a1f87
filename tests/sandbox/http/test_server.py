"""The sandbox as a server: start and stop, what it saw, what it never keeps, the layers inside."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
from pathlib import Path

import aiohttp
import pytest

from checkout_async.sandbox import Sandbox, card_number, serve
from tests.sandbox.support import BROWSER_WITH_METHOD, Api, document, order


async def test_a_sandbox_listens_on_a_free_loopback_port(sandbox: Sandbox) -> None:
    async with Sandbox() as other:
        assert sandbox.base_url.startswith("http://127.0.0.1:")
        assert sandbox.base_url != other.base_url
        assert sandbox.token_url == f"{sandbox.base_url}/connect/token"


async def test_a_stopped_sandbox_releases_its_port() -> None:
    async with Sandbox() as first:
        port = int(first.base_url.rpartition(":")[2])
    async with Sandbox(port=port) as second, Api(second) as api:
        assert (await api.create()).status == 202


async def test_an_occupied_port_is_an_error(sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match="in use"):
        async with Sandbox(port=int(sandbox.base_url.rpartition(":")[2])):
            pass


async def test_a_sandbox_is_used_inside_async_with_and_once() -> None:
    idle = Sandbox()
    with pytest.raises(RuntimeError, match="async with Sandbox"):
        _ = idle.base_url
    async with idle:
        with pytest.raises(RuntimeError, match="already running"):
            await idle.__aenter__()


async def test_served_from_a_command_it_runs_until_cancelled() -> None:
    started: asyncio.Future[Sandbox] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(on_ready=started.set_result))
    sandbox = await started
    async with Api(sandbox) as api:
        answer = await api.create()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert answer.status == 202
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectionError):
            await http.get(sandbox.base_url)


async def test_the_sandbox_tells_what_it_saw(sandbox: Sandbox, api: Api) -> None:
    created = (await api.create()).body
    await api.get(created["id"], auth=created["session_secret"])
    await api.get(created["id"], auth="")
    await api.send("GET", "/elsewhere", headers={"Authorization": "Basic eDp5"})
    seen = [(r.method, r.operation_id, r.authorization, r.status) for r in sandbox.requests]

    assert seen == [
        ("POST", "request_access_token", "none", 200),
        ("POST", "request_session", "bearer", 202),
        ("GET", "get_session", "session_secret", 200),
        ("GET", "get_session", "none", 401),
        ("GET", None, "basic", 501),
    ]
    assert (sandbox.count("get_session"), sandbox.count("complete_session")) == (2, 0)


async def test_its_sessions_can_be_looked_at(sandbox: Sandbox, api: Api) -> None:
    first = (await api.finished("declined", amount=120)).body["id"]
    second = (await api.create()).body["id"]
    view = sandbox.sessions[first]

    assert list(sandbox.sessions) == [first, second]
    assert (view.status, view.scheme, view.scenario, view.amount) == ("declined", "visa", "declined", 120)
    assert (view.channel, view.hosted, view.completed, view.next_actions) == ("browser", False, False, ("complete",))
    with pytest.raises(KeyError, match="sid_x"):
        sandbox.sessions["sid_x"]


async def test_no_card_number_or_secret_is_kept_where_it_could_be_seen(
    sandbox: Sandbox, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    number = card_number("challenge")
    created = await api.create(order("challenge", channel_data=BROWSER_WITH_METHOD))
    body = order("challenge", currency="POUND")
    refused = await api.create(body)
    token = (await api.bearer()).removeprefix("Bearer ")
    shown = [
        caplog.text,
        repr(sandbox),
        repr(sandbox.requests),
        repr(list(sandbox.sessions.values())),
        str(created.body),
        str(refused.body),
    ]

    assert sandbox.sessions[created.body["id"]].last_four == number[-4:]
    assert not [text for text in shown if number in text or token in text or "sandbox_secret" in text]
    assert not [text for text in shown[:4] if created.body["session_secret"] in text]


async def test_a_fault_of_the_sandbox_itself_is_an_internal_error(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(number: str) -> None:
        raise ZeroDivisionError(number[-4:])

    monkeypatch.setattr("checkout_async.sandbox.sessions.scenarios.for_card", broken)
    answer = await api.create()

    assert (answer.status, answer.body["error_type"]) == (500, "internal_server_error")
    assert "could not answer POST /sessions" in caplog.text


async def test_a_member_added_to_the_document_is_known_without_a_change_here(tmp_path: Path) -> None:
    grown = copy.deepcopy(document())
    grown["components"]["schemas"]["SessionRequest"]["properties"]["colour"] = {"enum": ["red"]}
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(grown))
    async with Sandbox(document=path) as sandbox, Api(sandbox) as api:
        known = await api.create(colour="red")
        wrong = await api.create(colour="blue")

    assert known.status == 202
    assert wrong.codes == ["colour_invalid"]
