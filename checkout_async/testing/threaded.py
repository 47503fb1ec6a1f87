"""What a ThreadedSandbox hands out: payments and sessions to read, the players, and faults to plan.

Each does its work in the simulator's thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from anyio.from_thread import BlockingPortal

from checkout_async.sandbox import Balances, ChallengeReturn, Fault, PaymentView, Sandbox
from checkout_async.sandbox.http.faults import Behaviour

__all__ = ["ThreadedCardholder", "ThreadedCustomer", "ThreadedFaults", "ThreadedPayments", "ThreadedView"]

V = TypeVar("V")


class ThreadedView(Mapping[str, V]):
    """A read-only view, read in the simulator's thread."""

    def __init__(self, portal: BlockingPortal, view: Mapping[str, V]) -> None:
        self._portal = portal
        self._view = view

    def __getitem__(self, identifier: str) -> V:
        return self._portal.call(self._view.__getitem__, identifier)

    def __iter__(self) -> Iterator[str]:
        return iter(self._portal.call(list[str], self._view))

    def __len__(self) -> int:
        return self._portal.call(len, self._view)


class ThreadedPayments(ThreadedView[PaymentView]):
    """The sandbox's payments by identifier, in order of creation."""

    def __init__(self, portal: BlockingPortal, sandbox: Sandbox) -> None:
        super().__init__(portal, sandbox.payments)
        self._total = sandbox.payments.total

    def total(self, reference: str | None = None) -> Balances:
        """Add up the balances of all payments, or of those with a reference."""
        return self._portal.call(self._total, reference)


class ThreadedCardholder:
    """Plays the cardholder of any session.

    Every method raises CardholderError for a session that does not exist, or whose status does not allow the action.
    """

    def __init__(self, portal: BlockingPortal, sandbox: Sandbox) -> None:
        self._portal = portal
        self._cardholder = sandbox.cardholder

    def run_three_ds_method(self, session_id: str) -> str:
        """Run the 3DS Method as a browser does; return the `three_ds_method_completion` to report: `Y`, `N` or `U`."""
        return self._portal.call(self._cardholder.run_three_ds_method, session_id)

    def complete_challenge(self, session_id: str, trans_status: str | None = None) -> ChallengeReturn:
        """Complete the challenge with a transStatus: `Y`, `N`, `U`, `A` or `R` (default: the scenario's)."""
        return self._portal.call(self._cardholder.complete_challenge, session_id, trans_status)

    def abandon_challenge(self, session_id: str) -> None:
        """Cancel the challenge."""
        self._portal.call(self._cardholder.abandon_challenge, session_id)

    def finish_hosted(self, session_id: str, trans_status: str | None = None) -> str:
        """Finish the hosted page, including a challenge; return the URL to which the cardholder returns."""
        return self._portal.call(self._cardholder.finish_hosted, session_id, trans_status)


class ThreadedCustomer:
    """Plays the customer of any payment that waits for one.

    Every method returns the URL to which the customer returns, and raises CardholderError for a payment that does not
    exist or does not wait for its customer.
    """

    def __init__(self, portal: BlockingPortal, sandbox: Sandbox) -> None:
        self._portal = portal
        self._customer = sandbox.customer

    def approve(self, payment_id: str) -> str:
        """Authenticate, or pay with the payment method; the test data decide what the issuer then answers."""
        return self._portal.call(self._customer.approve, payment_id)

    def fail(self, payment_id: str) -> str:
        """Fail the authentication, or have the payment method decline."""
        return self._portal.call(self._customer.fail, payment_id)

    def cancel(self, payment_id: str) -> str:
        """Press Cancel: the payment is `Canceled`."""
        return self._portal.call(self._customer.cancel, payment_id)


class ThreadedFaults:
    """Plans faults of a simulator in a thread."""

    def __init__(self, portal: BlockingPortal, sandbox: Sandbox) -> None:
        self._portal = portal
        self._faults = sandbox.faults

    def add(self, operation_id: str, fault: Fault | Behaviour, *, at: int = 1, times: int | None = 1) -> None:
        """Apply a fault to `times` requests of an operation (None: all), starting with the `at`-th from now.

        If two faults are planned for the same request, the one added first applies. Raises ValueError for an unknown
        operation, and for an `at` or `times` below 1.
        """

        def plan() -> Any:
            self._faults.add(operation_id, fault, at=at, times=times)

        self._portal.call(plan)

    def clear(self) -> None:
        """Remove the faults that have not happened yet; a connection that stalls already stays so."""
        self._portal.call(self._faults.clear)
