"""Processes that state different rates: together they keep the highest one, and none is held up by another's rate.

The script runs in a real Redis and in a fake one, at moments that the test sets: seconds of many processes take as long
as the commands do.
"""

from __future__ import annotations

import heapq
import uuid
from collections.abc import Callable, Generator
from importlib import import_module
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from checkout_async.limits import slots

SECONDS = 3.0

Ask = Callable[[float, float, bool], tuple[bool, float]]


@pytest.fixture(params=[pytest.param("real", marks=pytest.mark.services), "fake"])
def ask(request: pytest.FixtureRequest) -> Generator[Callable[[], Ask]]:
    """Return a function that begins a new account, and returns the function that asks for it."""
    if request.param == "real":
        redis = _library("redis").Redis.from_url(request.getfixturevalue("redis_url"))
    else:
        _library("lupa")
        redis = _library("fakeredis").FakeRedis()
    # The script reads the clock of Redis: this one is set by the test.
    script = redis.register_script(
        slots.TAKE_A_SLOT.replace("redis.call('time')", "{tonumber(ARGV[5]), tonumber(ARGV[6])}")
    )

    def new_account() -> Ask:
        account = f"account {uuid.uuid4()}"

        def ask(at: float, rate: float, has_place: bool) -> tuple[bool, float]:
            seconds, fraction = divmod(round(at * 1e6), 1_000_000)
            arguments = [
                slots.interval(rate),
                slots.AHEAD,
                int(has_place),
                slots.BURST,
                seconds + 1_700_000_000,
                fraction,
            ]
            has_slot, wait = script(keys=[account], args=arguments)
            return bool(has_slot), wait / 1e6

        return ask

    with redis:
        yield new_account


def _library(name: str) -> Any:
    """Import a library that is not wholly typed, hence Any."""
    pytest.importorskip(name)
    return import_module(name)


def sent(ask: Ask, rates: list[float]) -> list[list[float]]:
    """Return when each process sends, each of which has always something to send and keeps its own rate by itself."""
    times: list[list[float]] = [[] for _ in rates]
    events = [(number / 1000, number, False) for number, _ in enumerate(rates)]
    while events and events[0][0] < SECONDS:
        now, number, has_place = heapq.heappop(events)
        has_slot, wait = ask(now, rates[number], has_place)
        if has_slot:
            times[number].append(now + wait)
            heapq.heappush(events, (now + wait + 1 / rates[number], number, False))
        else:
            heapq.heappush(events, (now + wait, number, True))
    return times


RATES = st.sampled_from([0.2, 0.9, 2.0, 7.5, 20.0, 50.0])


@pytest.mark.costly
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([50.0, 50.0, 0.9])
@example([0.2, 50.0, 50.0])
@example([50.0, 50.0, 2.0])
@example([*[2.0] * 10, 50.0])
@given(rates=st.lists(RATES, min_size=1, max_size=8))
def test_all_together_keep_the_highest_rate_and_nobody_is_held_up(ask: Callable[[], Ask], rates: list[float]) -> None:
    highest = max(rates)
    # The highest is stated first: those that are in the line when it becomes known keep their places.
    rates.sort(reverse=True)
    times = sent(ask(), rates)
    everyone = sorted(at for each in times for at in each)
    for first, begin in enumerate(everyone):
        for last in range(first, len(everyone)):
            count, seconds = last - first + 1, everyone[last] - begin
            assert count <= highest * (seconds + 2e-6) + max(1, highest * slots.BURST / 1e6)
    for rate, each in zip(rates, times, strict=True):
        # It waits until its own rate allows to ask, and then for all others once.
        turn = 1 / rate + len(rates) / highest
        assert len(each) >= 0.8 * SECONDS / turn - 1
