"""`before_send` of a call: awaited when nothing is waited for any more, before each attempt, and able to prevent it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from unittest.mock import patch

import msgspec
import pytest

from checkout_async import CheckoutClient, Limits, OAuthCredentials
from checkout_async.clock import Clock
from checkout_async.errors import CheckoutError
from checkout_async.models import sessions
from checkout_async.operations import ApiResponse
from checkout_async.operations import sessions as operations
from checkout_async.sandbox import Fault, Sandbox
from tests.batch.support import RECURRING, request
from tests.commands import until


@asynccontextmanager
async def client(sandbox: Sandbox, limits: Limits | None = None) -> AsyncGenerator[CheckoutClient]:
    credentials = OAuthCredentials("ack_sandbox", "sandbox_secret", scopes=[])
    async with CheckoutClient(
        credentials, base_url=sandbox.base_url, token_url=sandbox.token_url, limits=limits or Limits()
    ) as checkout:
        yield checkout


async def send(checkout: CheckoutClient, before_send: Callable[[], Awaitable[None]]) -> ApiResponse[sessions.Session]:
    call = operations.build_request_session(request(channel_data=msgspec.to_builtins(RECURRING)))
    options = msgspec.structs.replace(call.options, before_send=before_send)
    return await checkout.send(msgspec.structs.replace(call, options=options))


async def test_a_call_that_waits_for_a_slot_is_not_announced(sandbox: Sandbox) -> None:
    announced: list[int] = []
    go = asyncio.Event()

    async def before(number: int) -> None:
        announced.append(number)
        await go.wait()

    async with client(sandbox, Limits(concurrency=1)) as checkout, asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(send(checkout, partial(before, number)))
        await until(lambda: checkout._limiter.slots.statistics().tasks_waiting == 2 and bool(announced))
        assert announced == [0]
        go.set()
    assert (announced, len(sandbox.sessions)) == ([0, 1, 2], 3)


async def test_each_attempt_is_announced(sandbox: Sandbox) -> None:
    announced: list[None] = []

    async def before() -> None:
        announced.append(None)

    sandbox.faults.add("request_session", Fault.RATE_LIMITED)
    async with client(sandbox) as checkout:
        await send(checkout, before)
    assert len(announced) == 2


@pytest.mark.parametrize("error", [RuntimeError("no"), asyncio.CancelledError()])
async def test_a_call_whose_announcement_fails_is_not_sent(sandbox: Sandbox, error: BaseException) -> None:
    async def before() -> None:
        raise error

    async with client(sandbox) as checkout:
        with pytest.raises(type(error)):
            await send(checkout, before)
    assert not sandbox.sessions


async def test_the_deadline_does_not_count_the_time_of_an_announcement(sandbox: Sandbox) -> None:
    passed = 0.0

    async def before() -> None:
        nonlocal passed
        passed += 100

    clock = Clock(monotonic=lambda: time.monotonic() + passed)
    with patch("checkout_async.client.Clock", return_value=clock):
        async with client(sandbox, Limits(concurrency=1)) as checkout:
            await send(checkout, before)
            sandbox.faults.add("request_session", Fault.RATE_LIMITED)
            await send(checkout, before)
    assert (len(sandbox.sessions), passed) == (2, 300)


@pytest.mark.parametrize(
    ("faults", "times"),
    [
        ([], 0),
        ([Fault.RATE_LIMITED], 1),
        ([Fault.RATE_LIMITED, Fault.RATE_LIMITED], 2),
        ([Fault.LOST_REPLY], 0),
        ([Fault.INTERNAL_ERROR], 0),
    ],
    ids=["done", "one 429", "two 429", "lost reply", "500"],
)
async def test_a_call_that_was_not_sent_and_waits_is_announced_again(
    sandbox: Sandbox, faults: list[Fault], times: int
) -> None:
    announced: list[str] = []

    async def before() -> None:
        announced.append("before")

    for at, fault in enumerate(faults, 1):
        sandbox.faults.add("request_session", fault, at=at)
    call = operations.build_request_session(request(channel_data=msgspec.to_builtins(RECURRING)))
    options = msgspec.structs.replace(call.options, before_send=before, on_unsent=lambda: announced.append("unsent"))
    async with client(sandbox) as checkout:
        with suppress(CheckoutError):
            await checkout.send(msgspec.structs.replace(call, options=options))
    assert announced == ["before"] + ["unsent", "before"] * times


async def test_a_call_that_waits_to_be_sent_again_can_be_ended_there(sandbox: Sandbox) -> None:
    async def before() -> None:
        pass

    def unsent() -> None:
        raise RuntimeError("no")

    sandbox.faults.add("request_session", Fault.RATE_LIMITED)
    call = operations.build_request_session(request(channel_data=msgspec.to_builtins(RECURRING)))
    options = msgspec.structs.replace(call.options, before_send=before, on_unsent=unsent)
    async with client(sandbox) as checkout:
        with pytest.raises(RuntimeError, match="no"):
            await checkout.send(msgspec.structs.replace(call, options=options))
    assert not sandbox.sessions
