"""Twenty workers share rates and a token for half a minute of virtual time: what docs/scale.md promises holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

pytest.importorskip("lupa.lua51", reason="the model of Redis runs scripts in Lua")

from tests.simulation.scale import scenarios
from tests.simulation.scale.chart import draw
from tests.simulation.scale.measures import Figures
from tests.simulation.scale.scenario import Scenario, World, simulate

pytestmark = pytest.mark.costly

WORKERS, LIMIT = 20, 20.0

Event = Callable[[World], Awaitable[None]]


def twenty_workers(
    event: Event | None = None, *, lasts: float = 5.0, lifetime: int = 3600, parts: bool = True
) -> Figures:
    return simulate(
        Scenario(
            "twenty workers",
            WORKERS,
            LIMIT,
            seconds=30,
            headroom=scenarios.HEADROOM,
            lifetime=lifetime,
            event=event,
            event_lasts=lasts,
            processes=WORKERS if parts else 1,
        )
    )


@pytest.fixture(scope="module")
def calm() -> Figures:
    return twenty_workers()


def test_the_rate_is_used_and_the_limit_is_never_exceeded(calm: Figures) -> None:
    assert calm.peak <= 1.0
    assert calm.use >= 0.94
    assert calm.refused == 0
    assert not calm.failed


def test_no_worker_starves(calm: Figures) -> None:
    assert calm.fairness >= 0.95
    assert calm.most <= 1.05


def test_a_call_costs_redis_at_most_two_commands(calm: Figures) -> None:
    assert 1.0 <= calm.commands_a_call <= 2.05


def test_all_workers_ask_for_one_token_and_for_one_more_when_it_expires(calm: Figures) -> None:
    assert calm.token_requests == 1
    renewed = twenty_workers(lifetime=24)
    assert renewed.token_requests == 2
    assert 18 <= renewed.tokens[1] <= 18.5, "a quarter of its lifetime before it expires"
    assert not renewed.failed


def test_a_run_is_a_function_of_its_seed(calm: Figures) -> None:
    assert twenty_workers() == calm


@pytest.mark.parametrize(
    ("event", "lasts"), [(scenarios.redis_lags, 3.0), (scenarios.redis_silent, 5.0)], ids=["failover", "silent"]
)
def test_an_outage_of_redis_stops_no_call_and_hardly_exceeds_the_limit(event: Event, lasts: float) -> None:
    figures = twenty_workers(event, lasts=lasts)
    assert not figures.failed
    # A quarter of a second's permits may be granted twice (docs/limits.md).
    assert figures.peak <= 1.25
    assert figures.use >= 0.9
    assert figures.fairness >= 0.85
    assert figures.back_after is not None
    assert figures.back_after <= 3


def test_without_the_number_of_processes_an_outage_of_redis_exceeds_the_limit() -> None:
    assert twenty_workers(scenarios.redis_down, parts=False).peak > 2


def test_after_an_outage_of_the_api_the_rate_is_back_at_once(calm: Figures) -> None:
    figures = twenty_workers(scenarios.api_down)
    assert figures.peak <= 1.0
    assert figures.back_after == 0
    assert set(figures.failed) == {"ServerError"}


def test_the_picture_has_a_panel_for_each_event(calm: Figures) -> None:
    assert draw([calm, calm], WORKERS).count("Twenty workers") == 2
