"""The payments of a sandbox: the store, and read-only views for assertions. Neither contains a card number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.simulation import Simulation
from checkout_async.sandbox.payments.actions import Action, Balances
from checkout_async.sandbox.payments.events import PaymentEventSource
from checkout_async.sandbox.payments.flow import tick
from checkout_async.sandbox.payments.instruments import Vault
from checkout_async.sandbox.payments.payment import Payment


@dataclass(frozen=True, slots=True)
class PaymentView:
    """A payment as it was when the view was made; amounts are in the minor unit of the currency."""

    id: str
    status: str
    kind: str
    """`card`, `apm` (any other way to pay), `payout` or `unreferenced_refund`."""
    scenario: str
    """Name of its row in the table of test data."""
    amount: int
    currency: str
    reference: str | None
    source_type: str
    scheme: str | None
    last_four: str | None
    response_code: str | None
    """None until the payment is approved or declined."""
    balances: Balances
    actions: tuple[Action, ...]
    """Those that have taken effect, oldest first."""


class PaymentStore:
    """The payments by identifier; finding one first applies what time has changed. Approved cards go to the vault."""

    def __init__(self, simulation: Simulation, vault: Vault) -> None:
        self._simulation = simulation
        self._clock = simulation.clock
        self._events = simulation.events
        self._vault = vault
        self._payments: dict[str, Payment] = {}
        self._by_session: dict[str, Payment] = {}
        self._by_reference: dict[str, list[Payment]] = {}

    def add(self, payment: Payment) -> None:
        """Store a new payment."""
        self._payments[payment.id] = payment
        self._by_session[payment.session_id] = payment
        if payment.request.reference is not None:
            self._by_reference.setdefault(payment.request.reference, []).append(payment)
        if payment.request.customer is not None:
            self._vault.store_customer(payment.request.customer)
        self._store_card(payment)
        self._events.add(payment.id, PaymentEventSource(payment, self._vault, self._simulation))

    def find(self, payment_id: str) -> Payment | None:
        """Return the payment as it is now, or None."""
        return self._refresh(self._payments.get(payment_id))

    def find_by_session_id(self, session_id: str) -> Payment | None:
        """Return the payment by the `sid_` identifier of its redirect, or None."""
        return self._refresh(self._by_session.get(session_id))

    def find_by_reference(self, reference: str) -> list[Payment]:
        """Return the payments with a reference as they are now, newest first."""
        payments = self._by_reference.get(reference, [])[::-1]
        for payment in payments:
            self._update(payment)
        return payments

    def newest_first(self) -> Iterator[Payment]:
        """Go through all payments as they are now."""
        for payment in reversed(self._payments.values()):
            self._update(payment)
            yield payment

    def identifiers(self) -> list[str]:
        """Return the identifiers in order of creation."""
        return list(self._payments)

    def _refresh(self, payment: Payment | None) -> Payment | None:
        if payment is not None:
            self._update(payment)
        return payment

    def _update(self, payment: Payment) -> None:
        self._events.touch(payment.id)
        tick(payment, self._clock.now())
        self._store_card(payment)

    def _store_card(self, payment: Payment) -> None:
        instrument, customer, decision = payment.request.instrument, payment.request.customer, payment.decision
        if instrument is not None and decision is not None and decision.approved:
            self._vault.store(instrument, str(customer["id"]) if customer else None)


class PaymentsView(Mapping[str, PaymentView]):
    """The sandbox's payments by identifier, in order of creation."""

    def __init__(self, store: PaymentStore, clock: SandboxClock) -> None:
        self._store = store
        self._clock = clock

    def __getitem__(self, payment_id: str) -> PaymentView:
        payment = self._store.find(payment_id)
        if payment is None:
            raise KeyError(payment_id)
        return _view(payment, self._clock.now())

    def __iter__(self) -> Iterator[str]:
        return iter(self._store.identifiers())

    def __len__(self) -> int:
        return len(self._store.identifiers())

    def total(self, reference: str | None = None) -> Balances:
        """Add up the balances of all payments, or of those with a reference."""
        views = [view for view in self.values() if reference in {None, view.reference}]
        return Balances.of(action for view in views for action in view.actions)


def _view(payment: Payment, now: float) -> PaymentView:
    request, decision = payment.request, payment.decision
    return PaymentView(
        id=payment.id,
        status=str(payment.ledger.status(now)),
        kind=request.kind,
        scenario=request.scenario.name,
        amount=request.amount,
        currency=request.currency,
        reference=request.reference,
        source_type=str(request.source.get("type")),
        scheme=request.instrument.scheme if request.instrument else None,
        last_four=request.instrument.last_four if request.instrument else None,
        response_code=decision.response_code if decision else None,
        balances=payment.ledger.balances(now),
        actions=tuple(payment.ledger.actions_by(now)),
    )
