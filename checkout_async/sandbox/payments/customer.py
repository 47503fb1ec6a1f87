"""The customer of a pending payment as a script: approves, fails or cancels on the redirect page."""

from __future__ import annotations

from urllib.parse import urlencode

from checkout_async.sandbox.core.payload import text
from checkout_async.sandbox.core.simulation import Simulation
from checkout_async.sandbox.payments import flow
from checkout_async.sandbox.payments.payment import Payment
from checkout_async.sandbox.payments.status import PaymentStatus
from checkout_async.sandbox.payments.store import PaymentStore
from checkout_async.sandbox.sessions.cardholder import CardholderError


class Customer:
    """Plays the customer of any payment that waits for one.

    Every method returns the URL to which the customer returns, with the `cko-session-id` that `get_payment` accepts; it
    is empty if the request named no URL. Every method raises CardholderError for a payment that does not exist or does
    not wait for its customer.
    """

    def __init__(self, store: PaymentStore, simulation: Simulation) -> None:
        self._store = store
        self._clock = simulation.clock
        self._delay = simulation.payment_delay

    async def approve(self, payment_id: str) -> str:
        """Authenticate, or pay with the payment method; the test data decide what the issuer then answers."""
        payment = self._find(payment_id)
        flow.customer_succeeds(payment, self._clock.now(), self._delay)
        decision = payment.decision
        return _return_url(payment, "success_url" if decision is not None and decision.approved else "failure_url")

    async def fail(self, payment_id: str) -> str:
        """Fail the authentication, or have the payment method decline."""
        payment = self._find(payment_id)
        flow.customer_fails(payment, self._clock.now())
        return _return_url(payment, "failure_url")

    async def cancel(self, payment_id: str) -> str:
        """Press Cancel: the payment is `Canceled`."""
        payment = self._find(payment_id)
        flow.customer_cancels(payment, self._clock.now())
        return _return_url(payment, "failure_url")

    def _find(self, payment_id: str) -> Payment:
        payment = self._store.find(payment_id)
        if payment is None:
            raise CardholderError(f"there is no payment {payment_id}")
        status = payment.ledger.status()
        if not payment.redirected or status is not PaymentStatus.PENDING:
            raise CardholderError(f"payment {payment_id} is {status}: it does not wait for the customer")
        return payment


def _return_url(payment: Payment, name: str) -> str:
    url = text(payment.request.urls, name)
    if url is None:
        return ""
    mark = "&" if "?" in url else "?"
    return f"{url}{mark}{urlencode({'cko-session-id': payment.session_id})}"
