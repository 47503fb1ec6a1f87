"""The simulator's Payments API as one object: the parts over one store of payments."""

from __future__ import annotations

from checkout_async.sandbox.core.simulation import Simulation
from checkout_async.sandbox.payments.customer import Customer
from checkout_async.sandbox.payments.idempotency import OperationHolds
from checkout_async.sandbox.payments.instruments import Vault
from checkout_async.sandbox.payments.operations import PaymentOperations
from checkout_async.sandbox.payments.store import PaymentStore, PaymentsView
from checkout_async.sandbox.sessions.card_tokens import CardTokens
from checkout_async.sandbox.sessions.store import SessionStore


class PaymentsSimulator:
    """The payments of one sandbox, which may refer to its sessions."""

    def __init__(self, simulation: Simulation, sessions: SessionStore, card_tokens: CardTokens) -> None:
        self._simulation = simulation
        self._sessions = sessions
        self._card_tokens = card_tokens
        self._vault = Vault(simulation.ids)
        self._store = PaymentStore(simulation, self._vault)
        self.holds: OperationHolds = OperationHolds()
        self.view: PaymentsView = PaymentsView(self._store, simulation.clock)
        self.customer: Customer = Customer(self._store, simulation)

    def operations(self) -> PaymentOperations:
        """Create the operations."""
        return PaymentOperations(
            self._simulation, self._store, self._sessions, self._vault, self.holds, self._card_tokens
        )
