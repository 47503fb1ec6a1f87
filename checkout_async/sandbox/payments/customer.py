"""The customer of a pending payment as a script: finishes, fails or leaves what the redirect page asks for."""

from __future__ import annotations

from urllib.parse import urlencode

from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.payload import text
from checkout_async.sandbox.payments import flow
from checkout_async.sandbox.payments.payment import Payment
from checkout_async.sandbox.payments.status import PaymentStatus
from checkout_async.sandbox.payments.store import PaymentStore
from checkout_async.sandbox.sessions.cardholder import CardholderError


class Customer:
    """Plays the customer of any payment that waits for one.

    Every method gives the URL the customer returns to, with the `cko-session-id` that `get_payment` takes; it is empty
    where the request named none. Every method raises CardholderError for a payment that is not there, or does not wait.
    """

    def __init__(self, store: PaymentStore, clock: SandboxClock, *, delay: float) -> None:
        self._store = store
        self._clock = clock
        self._delay = delay

    async def approve(self, payment_id: str) -> str:
        """Authenticate, or pay with the method; what the issuer then says depends on the test data."""
        payment = self._find(payment_id)
        flow.customer_succeeds(payment, self._clock.now(), self._delay)
        decision = payment.decision
        return _way_back(payment, "success_url" if decision is not None and decision.approved else "failure_url")

    async def fail(self, payment_id: str) -> str:
        """Fail the authentication, or have the method refuse."""
        payment = self._find(payment_id)
        flow.customer_fails(payment, self._clock.now())
        return _way_back(payment, "failure_url")

    async def cancel(self, payment_id: str) -> str:
        """Press Cancel: the payment is `Canceled`."""
        payment = self._find(payment_id)
        flow.customer_cancels(payment, self._clock.now())
        return _way_back(payment, "failure_url")

    def _find(self, payment_id: str) -> Payment:
        payment = self._store.find(payment_id)
        if payment is None:
            raise CardholderError(f"there is no payment {payment_id}")
        status = payment.ledger.status()
        if not payment.redirected or status is not PaymentStatus.PENDING:
            raise CardholderError(f"payment {payment_id} is {status}: it waits for no customer")
        return payment


def _way_back(payment: Payment, name: str) -> str:
    url = text(payment.order.urls, name)
    if url is None:
        return ""
    mark = "&" if "?" in url else "?"
    return f"{url}{mark}{urlencode({'cko-session-id': payment.session_id})}"
