"""The payments of a sandbox, and a read-only view of them to assert on. Neither holds a card number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.dispatch import Watch
from checkout_async.sandbox.payments.actions import Action, Balances
from checkout_async.sandbox.payments.events import PaymentTeller
from checkout_async.sandbox.payments.flow import tick
from checkout_async.sandbox.payments.instruments import Vault
from checkout_async.sandbox.payments.payment import Payment


@dataclass(frozen=True, slots=True)
class PaymentView:
    """A payment at the moment it was looked at; amounts are in the minor unit of the currency."""

    id: str
    status: str
    kind: str
    """`card`, `apm` (any other way to pay), `payout` or `unreferenced_refund`."""
    scenario: str
    """Row of the table of test data."""
    amount: int
    currency: str
    reference: str | None
    source_type: str
    scheme: str | None
    last_four: str | None
    response_code: str | None
    """None while nobody has decided."""
    balances: Balances
    actions: tuple[Action, ...]
    """Oldest first, without those that have not taken effect."""


class PaymentStore:
    """The payments by identifier, each brought up to date when it is taken out; approved cards go to the vault."""

    def __init__(self, clock: SandboxClock, vault: Vault, watch: Watch) -> None:
        self._clock = clock
        self._watch = watch
        self._vault = vault
        self._payments: dict[str, Payment] = {}
        self._by_session: dict[str, Payment] = {}
        self._by_reference: dict[str, list[Payment]] = {}

    def add(self, payment: Payment) -> None:
        """Keep a new payment."""
        self._payments[payment.id] = payment
        self._by_session[payment.session_id] = payment
        if payment.order.reference is not None:
            self._by_reference.setdefault(payment.order.reference, []).append(payment)
        if payment.order.customer is not None:
            self._vault.remember(payment.order.customer)
        self._keep_card(payment)
        self._watch.add(payment.id, PaymentTeller(payment, self._vault))

    def find(self, payment_id: str) -> Payment | None:
        """Return the payment as it is now, or None."""
        return self._fresh(self._payments.get(payment_id))

    def of_session(self, session_id: str) -> Payment | None:
        """Return the payment that a visit of the redirect page belongs to, or None."""
        return self._fresh(self._by_session.get(session_id))

    def with_reference(self, reference: str) -> list[Payment]:
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

    def _fresh(self, payment: Payment | None) -> Payment | None:
        if payment is not None:
            self._update(payment)
        return payment

    def _update(self, payment: Payment) -> None:
        self._watch.touch(payment.id)
        tick(payment, self._clock.now())
        self._keep_card(payment)

    def _keep_card(self, payment: Payment) -> None:
        instrument, customer, decision = payment.order.instrument, payment.order.customer, payment.decision
        if instrument is not None and decision is not None and decision.approved:
            self._vault.keep(instrument, str(customer["id"]) if customer else None)


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
    order, decision = payment.order, payment.decision
    return PaymentView(
        id=payment.id,
        status=str(payment.ledger.status(now)),
        kind=order.kind,
        scenario=order.scenario.name,
        amount=order.amount,
        currency=order.currency,
        reference=order.reference,
        source_type=str(order.source.get("type")),
        scheme=order.instrument.scheme if order.instrument else None,
        last_four=order.instrument.last_four if order.instrument else None,
        response_code=decision.response_code if decision else None,
        balances=payment.ledger.balances(now),
        actions=tuple(payment.ledger.actions_by(now)),
    )
