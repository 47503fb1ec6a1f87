"""The oracles of 3D Secure: each flow ends as its session did, and a payment uses the authentication of its order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from tests.simulation.checkout_page import CheckoutPage

if TYPE_CHECKING:
    from tests.simulation.world import Universe

_VERDICTS: Final = {
    "approved": "authenticated",
    "attempted": "attempted",
    "declined": "declined",
    "rejected": "rejected",
    "unavailable": "unavailable",
    "challenge_abandoned": "abandoned",
    "expired": "expired",
}


def threeds_violations(universe: Universe, made: Counter[tuple[str, str]]) -> Iterator[str]:
    """Return what went wrong with 3D Secure. `made` counts what the API did, by operation and reference."""
    for page in universe.callers:
        if isinstance(page, CheckoutPage):
            yield from _verdicts(universe, page, made)
            yield from _proofs(universe, page)


def _verdicts(universe: Universe, page: CheckoutPage, made: Counter[tuple[str, str]]) -> Iterator[str]:
    for reference, session_id in page.session_ids.items():
        if session_id not in universe.sandbox.sessions:
            yield f"{reference} got the session {session_id}, which the API does not know"
            continue
        session, verdict = universe.sandbox.sessions[session_id], page.verdicts.get(reference)
        if verdict != _VERDICTS.get(session.status):
            yield f"the verdict of {reference} is {verdict}, and its session is {session.status}"
        may_pay = session.status in {"approved", "attempted"}
        if (paid := made["request_payment", reference]) != may_pay:
            yield f"{reference} was paid {paid} times, and its session is {session.status}"


def _proofs(universe: Universe, page: CheckoutPage) -> Iterator[str]:
    """Check that each payment request names the session of its order, and nothing was paid without one."""
    for arrival in universe.edge.arrivals:
        is_payment = arrival.path == "/payments" and arrival.method == "POST"
        if is_payment and str(arrival.reference).startswith(f"{page.name}-"):
            expected = page.session_ids.get(str(arrival.reference))
            if expected is None or arrival.authentication_id != expected:
                yield f"{arrival.reference} was paid with the session {arrival.authentication_id}, not {expected}"
