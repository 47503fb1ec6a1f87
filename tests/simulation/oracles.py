"""The oracles: they know what the API's ledger holds, what reached the edge and what calls reported, and no more."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.simulation.batch_oracles import batch_violations
from tests.simulation.calls import CallOutcome, CallResult
from tests.simulation.oracles_services import rates, tokens
from tests.simulation.threeds_oracles import threeds_violations

if TYPE_CHECKING:
    from tests.simulation.world import Universe

_WRITES = {"request_payment": "Authorization", "capture_payment": "Capture", "refund_payment": "Refund"}


def violations(universe: Universe) -> list[str]:
    """Return what went wrong in a universe that has come to its end."""
    made = _effects(universe)
    return [
        *_twice(made),
        *_false_answers(universe, made),
        *_strangers_replies(universe),
        *_amounts(universe),
        *_false_doubts(universe),
        *_keys(universe),
        *_late(universe),
        *rates(universe),
        *tokens(universe),
        *_after_closing(universe),
        *batch_violations(universe, made),
        *threeds_violations(universe, made),
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


def _false_doubts(universe: Universe) -> Iterator[str]:
    """Check that a call which sent nothing is not left in doubt.

    It got no access token, for example, or each connection that it needed was refused.
    """
    for answer in universe.call_results:
        if answer.outcome is not CallOutcome.MAYBE:
            continue
        begun, refused = (
            sum(each.order == answer.reference and answer.started <= each.at <= answer.ended for each in those)
            for those in (universe.sent, universe.refused)
        )
        if begun <= refused:
            yield f"{answer.operation} of {answer.reference} sent nothing, and was reported as perhaps done"


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


def _after_closing(universe: Universe) -> Iterator[str]:
    """Check that a call with a closed client ends at once with ClientClosed: it did nothing."""
    for answer in universe.call_results:
        if answer.client_was_closed and (answer.outcome, answer.kind) != (CallOutcome.NOT_DONE, "ClientClosed"):
            yield f"{answer.operation} of {answer.reference} with a closed client was {answer.outcome} {answer.kind}"
        if answer.client_was_closed and answer.ended > answer.started:
            yield f"{answer.operation} of {answer.reference} with a closed client took a while"


def _late(universe: Universe) -> Iterator[str]:
    """Check that each call ends by its deadline, by the clock of its process, which may run too slow."""
    for answer in universe.call_results:
        took, clock = answer.ended - answer.started, universe.clocks.of(answer.reference.partition("-")[0])
        if took > answer.total * (1 + abs(clock.drift)) + 0.01:
            yield f"{answer.operation} of {answer.reference} took {took:.2f} s of {answer.total:g} s"


def _unfinished(universe: Universe) -> Iterator[str]:
    """Check that every order came to its end, now that nothing is wrong any more."""
    for process in universe.processes:
        yield from (f"{process.name} failed: {error!r}" for error in process.failures)
        if not process.ended.is_set():
            yield f"{process.name} did not come to its end"
    for shop in universe.callers:
        if shop.open_orders:
            yield f"{shop.name} left {len(shop.open_orders)} orders open"


def _leaks(universe: Universe) -> Iterator[str]:
    yield from (f"left over: {each}" for each in universe.left_over)
    closed = [client for process in universe.processes for client in process.closed]
    for client in [*universe.clients.values(), *closed]:
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
