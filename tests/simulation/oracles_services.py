"""The oracles about what clients share: the rates of the account, and access tokens."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.simulation.token_endpoint import LIFETIMES

if TYPE_CHECKING:
    from tests.simulation.world import Attempt, Universe

BURST = 0.1
"""Share of a second's requests that may come at once (docs/limits.md)."""

MOST_ATTEMPTS = 3
"""Requests that a client makes for one token: the default of RetryPolicy."""

_IN_FLIGHT = 8
"""Requests of one process that may be on their way when a token becomes invalid, each of them sent twice."""


def rates(universe: Universe) -> Iterator[str]:
    """Check that in no second a client, or an account that shares its rates, began too many requests of a kind.

    A process that cannot reach Redis does not share the rates: its requests do not count for the account then. They
    count for the client, always.
    """
    by_kind: dict[tuple[str, bool], list[float]] = defaultdict(list)
    for attempt in universe.sent:
        by_kind[attempt.client, attempt.reads].append(attempt.at)
        if universe.shares and not _is_apart(universe, attempt):
            by_kind["the account", attempt.reads].append(attempt.at)
    for (client, _), times in by_kind.items():
        times.sort()
        for index, at in enumerate(times):
            within = bisect_left(times, at + 1) - index
            if within > universe.rate + max(1, universe.rate * BURST) + 1:
                yield f"{client} began {within} requests in one second from {at:.2f} on"
                break


def _is_apart(universe: Universe, attempt: Attempt) -> bool:
    return any(
        apart.process in {"", attempt.process} and apart.start <= attempt.at <= apart.end for apart in universe.apart
    )


def tokens(universe: Universe) -> Iterator[str]:
    """Check that clients ask for a token because one is due, and give up one that the API refuses."""
    yield from _requests_for_tokens(universe)
    if universe.most_token_fetches > 1:
        yield f"a client requested {universe.most_token_fetches} tokens at once"
    for refused in universe.edge.token_refusals.values():
        most = _IN_FLIGHT * (len(universe.processes) + universe.starts)
        if refused > most:
            yield f"a token that the API refused was sent {refused} times, where {most} would do"
    # Only calls that were in flight when a token became invalid can be refused.
    fired = universe.edge.fired
    reasons = fired["revoked_tokens"] + fired["tokens_forgotten"] + fired["wall_clock_jumps"] + _odd_lifetimes(universe)
    due = _IN_FLIGHT * (universe.starts + universe.hours + len(universe.processes) * reasons)
    refused = sum(1 for arrival in universe.edge.arrivals if arrival.status == 401)
    if refused > due:
        yield f"{refused} requests were sent with a token that the API had refused, where {due:.0f} would do"


def _requests_for_tokens(universe: Universe) -> Iterator[str]:
    asked = len(universe.tokens.arrivals)
    # Whatever the token endpoint does, a call that needs a token asks for few.
    most = MOST_ATTEMPTS * universe.all_token_fetches
    if asked > most:
        yield f"{asked} requests for a token, where {most} would do for {universe.all_token_fetches} fetches"
    # One for each process at first, for each 401, for each process and hour, and for each that failed.
    fired = universe.edge.fired
    refused = sum(1 for arrival in universe.edge.arrivals if arrival.status == 401)
    refused += fired["UNAUTHORIZED"] + universe.edge.token_refusals.total()
    failed = sum(number for what, number in fired.items() if what.startswith("token_endpoint."))
    hours = universe.hours * len(universe.processes)
    bound = 3 * (universe.starts + refused + hours + failed) + 10
    if asked > bound:
        yield f"{asked} requests for a token, where {bound:.0f} would do"


def _odd_lifetimes(universe: Universe) -> int:
    return sum(universe.edge.fired[f"token_endpoint.{oddity.name}"] for oddity in LIFETIMES)
