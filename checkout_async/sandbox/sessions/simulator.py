"""The simulator's Sessions API as one object: the parts over one store of sessions."""

from __future__ import annotations

from checkout_async.sandbox.core.simulation import Simulation
from checkout_async.sandbox.sessions.card_tokens import CardTokens
from checkout_async.sandbox.sessions.cardholder import Cardholder
from checkout_async.sandbox.sessions.operations import SessionOperations
from checkout_async.sandbox.sessions.store import SessionStore, SessionsView


class SessionsSimulator:
    """The sessions of one sandbox, and the one-time tokens that they share with its payments."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.store: SessionStore = SessionStore(simulation)
        self.card_tokens: CardTokens = CardTokens(simulation.clock, simulation.ids)
        self.view: SessionsView = SessionsView(self.store)
        self.cardholder: Cardholder = Cardholder(self.store, simulation.clock)

    def operations(self) -> SessionOperations:
        """Create the operations."""
        return SessionOperations(self._simulation, self.store, self.card_tokens)
