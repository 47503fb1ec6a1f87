"""The oracles: they know what the API's ledger holds, what reached the edge and what calls reported, and no more."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.simulation.shop import CallOutcome, CallResult

if TYPE_CHECKING:
    from tests.simulation.world import Universe

BURST = 0.1
"""Share of a second's requests that may come at once (docs/limits.md)."""

_WRITES = {"request_payment": "Authorization", "capture_payment": "Capture", "refund_payment": "Refund"}


def violations(universe: Universe) -> list[str]:
    """Return what went wrong in a universe that has come to its end."""
    made = _effects(universe)
    return [
        *_twice(made),
        *_false_answers(universe, made),
        *_strangers_replies(universe),
        *_amounts(universe),
        *_keys(universe),
        *_late(universe),
        *_rates(universe),
        *_tokens(universe),
        *_batch(universe, made),
        *_unfinished(universe),
        *_leaks(universe),
        *_false_refusals(universe),
        *_refused_credentials(universe),
        *_long_attempts(universe),
    ]


def _effects(universe: Universe) -> Counter[tuple[str, str]]:
    """Count what the API did, by operation and reference."""
    made = Counter[tuple[str, str]]()
    for session in universe.sandbox.sessions.values():
        made["request_session", str(session.reference)] += 1
    for payment in universe.sandbox.payments.values():
        made["request_payment", str(payment.reference)] += 1
        actions = Counter(action.type.value for action in payment.actions)
        made["capture_payment", str(payment.reference)] += actions["Capture"]
        made["refund_payment", str(payment.reference)] += actions["Refund"]
    return made


def _twice(made: Counter[tuple[str, str]]) -> Iterator[str]:
    for (operation, reference), count in made.items():
        if count > 1:
            yield f"{operation} of {reference} was done {count} times"


def _false_answers(universe: Universe, made: Counter[tuple[str, str]]) -> Iterator[str]:
    """Compare each answer with the ledger: a success happened, and what was reported as not done did not."""
    latest: dict[tuple[str, str], list[CallResult]] = defaultdict(list)
    for answer in universe.call_results:
        latest[answer.operation, answer.reference].append(answer)
    for (operation, reference), calls in latest.items():
        if operation not in {*_WRITES, "request_session"}:
            continue
        outcome = {answer.outcome for answer in calls}
        if CallOutcome.DONE in outcome and made[operation, reference] == 0:
            yield f"{operation} of {reference} was reported as done, and was not"
        if outcome == {CallOutcome.NOT_DONE} and made[operation, reference]:
            yield f"{operation} of {reference} was reported as not done, and was done"


def _strangers_replies(universe: Universe) -> Iterator[str]:
    for answer in universe.call_results:
        if answer.outcome is not CallOutcome.DONE:
            continue
        expected = answer.reference
        if answer.operation in {"request_payment", "get_session"} and answer.value.reference not in {expected, None}:
            yield f"{answer.operation} of {expected} got the reply to {answer.value.reference}"


def _amounts(universe: Universe) -> Iterator[str]:
    """Check that the money adds up: nobody was charged or refunded another amount than was asked for."""
    for payment in universe.sandbox.payments.values():
        balances = payment.balances
        wanted = 1000 + int(str(payment.reference).rpartition("-")[2])
        if payment.amount != wanted or balances.total_captured not in {0, wanted}:
            yield f"{payment.reference} is about {payment.amount} and captured {balances.total_captured}, not {wanted}"
        if balances.total_refunded not in {0, wanted // 2}:
            yield f"{payment.reference} refunded {balances.total_refunded}, not {wanted // 2}"


def _keys(universe: Universe) -> Iterator[str]:
    """Check that a key belongs to one operation on one order, and that each keyed request has one."""
    owners: dict[str, set[tuple[str, str | None]]] = defaultdict(set)
    for arrival in universe.edge.arrivals:
        if arrival.key is not None:
            owners[arrival.key].add((arrival.path, arrival.reference))
    for key, owned in owners.items():
        if len(owned) > 1:
            yield f"the idempotency key {key} was sent for {len(owned)} requests"


def _late(universe: Universe) -> Iterator[str]:
    for answer in universe.call_results:
        if answer.ended - answer.started > answer.total + 0.01:
            took = answer.ended - answer.started
            yield f"{answer.operation} of {answer.reference} took {took:.2f} s of {answer.total:g} s"


def _rates(universe: Universe) -> Iterator[str]:
    """Check that in no second a process, or an account that shares its rates, began too many requests of a kind."""
    by_kind: dict[tuple[str, bool], list[float]] = defaultdict(list)
    for at, process, reads in universe.sent:
        by_kind[process, reads].append(at)
        if universe.shares and not universe.redis_fails:
            by_kind["the account", reads].append(at)
    for (process, _), times in by_kind.items():
        for index, at in enumerate(times):
            within = sum(1 for other in times[index:] if other < at + 1)
            if within > universe.rate + max(1, universe.rate * BURST) + 1:
                yield f"{process} began {within} requests in one second"
                break


def _tokens(universe: Universe) -> Iterator[str]:
    """Check that clients ask for a token because one is due, and not for every call."""
    asked = sum(1 for arrival in universe.edge.arrivals if arrival.path == "/connect/token")
    refused = sum(1 for arrival in universe.edge.arrivals if arrival.status == 401)
    # One for each process at first, for each 401 and for each hour, and retries of those that failed.
    failed = sum(1 for each in universe.edge.arrivals if each.path == "/connect/token" and each.status != 200)
    strayed = universe.edge.fired["UNAUTHORIZED"]
    bound = 3 * (universe.starts + refused + strayed + universe.hours + failed) + 10
    if asked > bound:
        yield f"{asked} requests for a token, where {bound:.0f} would do"
    if universe.most_token_fetches > 1:
        yield f"a client requested {universe.most_token_fetches} tokens at once"
    # Only calls that were in flight when the token became invalid can be refused.
    due = 8 * (universe.starts + universe.hours + len(universe.processes) * universe.edge.fired["revoked_tokens"])
    if refused > due:
        yield f"{refused} requests were sent with a token that the API had refused, where {due:.0f} would do"


def _batch(universe: Universe, made: Counter[tuple[str, str]]) -> Iterator[str]:
    """Check that each record has an outcome, which is true, and that a final outcome never changes."""
    worker = universe.worker
    for record in worker.records:
        rows = [row for row in worker.rows if row.line == record.line]
        if not rows:
            yield f"record {record.line} has no outcome"
            continue
        exists = made["request_session", str(record.reference)] > 0
        if rows[-1].result.is_final and not exists:
            yield f"record {record.line} is {rows[-1].result}, and has no session"
        if rows[-1].result in {"failed", "invalid"} and exists:
            yield f"record {record.line} is {rows[-1].result}, and has a session"
        final = {row.result for row in rows if row.result.is_final}
        if len(final) > 1 or (final and not rows[-1].result.is_final):
            yield f"record {record.line} is {' and then '.join(row.result for row in rows)}"


def _unfinished(universe: Universe) -> Iterator[str]:
    """Check that every order came to its end, now that nothing is wrong any more."""
    for process in universe.processes:
        yield from (f"{process.name} failed: {error!r}" for error in process.failures)
        if not process.ended.is_set():
            yield f"{process.name} did not come to its end"
    for shop in universe.shops:
        if shop.open_orders:
            yield f"{shop.name} left {len(shop.open_orders)} orders open"


def _leaks(universe: Universe) -> Iterator[str]:
    yield from (f"left over: {each}" for each in universe.left_over)
    for client in universe.clients.values():
        if used := client._limiter.slots.borrowed_tokens:
            yield f"{used} slots of a client are still taken"


_PATHS = {
    "request_session": "/sessions",
    "request_payment": "/payments",
    "capture_payment": "/captures",
    "refund_payment": "/refunds",
}


def _false_refusals(universe: Universe) -> Iterator[str]:
    """Check that no call was reported as not done that the API carried out meanwhile.

    Only the first call of a step counts: what the API carries out during a later one may be of an earlier one.
    """
    begun = set[tuple[str, str]]()
    for answer in sorted(universe.call_results, key=lambda each: each.started):
        step = answer.operation, answer.reference
        is_first = step not in begun
        begun.add(step)
        if is_first and answer.outcome is CallOutcome.NOT_DONE and answer.operation in _PATHS:
            path = _PATHS[answer.operation]
            if any(
                answer.started < each.at < answer.ended and each.status is not None and each.status < 300
                for each in universe.edge.arrivals
                if each.reference == answer.reference and each.path.endswith(path) and each.method == "POST"
            ):
                yield f"{answer.operation} of {answer.reference} was reported as not done, and was done"


def _refused_credentials(universe: Universe) -> Iterator[str]:
    """Check that no call says that its credentials were refused if nothing refused them."""
    if any(what.endswith(("UNAUTHORIZED", "BAD_REQUEST")) for what in universe.edge.fired):
        return
    for answer in universe.call_results:
        if answer.kind == "AuthenticationFailed":
            yield f"{answer.operation} of {answer.reference} failed for its credentials, and they were not refused"


def _long_attempts(universe: Universe) -> Iterator[str]:
    """Check that each attempt ends by its own deadline."""
    if universe.longest_attempt > universe.attempt + 0.01:
        yield f"an attempt took {universe.longest_attempt:.2f} s of {universe.attempt:g} s"
