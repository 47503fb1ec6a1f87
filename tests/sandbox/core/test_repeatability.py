"""Same seed, same requests, same values; and the clock that tests move."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async.sandbox import Sandbox, SandboxClock
from checkout_async.sandbox.core.ids import DeterministicIds
from tests.sandbox.support import Api, Json, order

START = datetime(2030, 1, 1, 12, tzinfo=UTC)
VALUES = ("id", "session_secret", "transaction_id", "cryptogram", "xid", "authentication_date", "card", "ds", "acs")


async def run(seed: int | str, amounts: list[int]) -> dict[int, Json]:
    clock = SandboxClock(START, frozen=True)
    async with Sandbox(seed=seed, clock=clock) as sandbox, Api(sandbox) as api:
        await api.bearer()
        replies = await asyncio.gather(*(api.finished(amount=amount) for amount in amounts))
    return {reply.body["amount"]: {name: reply.body[name] for name in VALUES} for reply in replies}


async def test_the_same_seed_and_requests_give_the_same_values_in_any_order() -> None:
    assert await run("demo", [100, 200, 300]) == await run("demo", [300, 100, 200])


async def test_another_seed_gives_other_values() -> None:
    first, second = (await run(1, [100]))[100], (await run(2, [100]))[100]

    for name in ("id", "session_secret", "transaction_id", "cryptogram", "card"):
        assert first[name] != second[name]


async def test_tokens_and_request_identifiers_repeat_too() -> None:
    async def talk() -> list[str]:
        async with Sandbox(clock=SandboxClock(START, frozen=True)) as sandbox, Api(sandbox) as api:
            return [await api.bearer(), (await api.create()).headers["Cko-Request-Id"]]

    assert await talk() == await talk()


@given(st.binary(max_size=8), st.text(max_size=8), st.integers(1, 64))
def test_a_minted_value_depends_on_seed_and_name_only(seed: bytes, name: str, size: int) -> None:
    value = DeterministicIds(seed).derive_bytes(size, name)

    assert len(value) == size
    assert value == DeterministicIds(seed).derive_bytes(size, name)


async def test_a_running_clock_begins_at_its_start_and_never_goes_back() -> None:
    clock = SandboxClock(START)
    first = clock.now()
    clock.advance(60)

    assert first >= START.timestamp()
    assert clock.now() >= first + 60


def test_a_frozen_clock_moves_only_when_it_is_advanced() -> None:
    clock = SandboxClock(START, frozen=True)
    clock.advance(1.5)

    assert clock.now() == START.timestamp() + 1.5


def test_a_naive_start_is_taken_as_utc() -> None:
    assert SandboxClock(START.replace(tzinfo=None), frozen=True).now() == START.timestamp()


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_a_clock_does_not_go_back_or_to_infinity(seconds: float) -> None:
    with pytest.raises(ValueError, match="a clock moves forward by a finite number of seconds"):
        SandboxClock().advance(seconds)


async def test_dates_in_replies_are_those_of_the_clock() -> None:
    async with Sandbox(clock=SandboxClock(START, frozen=True)) as sandbox, Api(sandbox) as api:
        created = await api.create(order())
        await sandbox.advance(61)
        updated = await api.collect(created.body["id"])

    assert created.body["authentication_date"] == "2030-01-01T12:00:00Z"
    assert updated.body["authentication_date"] == "2030-01-01T12:01:01Z"
