"""The sessions of a sandbox: the store, and read-only views for assertions. A view contains no card number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from checkout_async.sandbox.core.simulation import Simulation
from checkout_async.sandbox.sessions.events import SessionEventSource
from checkout_async.sandbox.sessions.flow import tick
from checkout_async.sandbox.sessions.session import Session


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as it was when the view was made."""

    id: str
    status: str
    scheme: str
    scenario: str
    """Name of its row in the table of test data."""
    source_type: str
    last_four: str | None
    amount: int
    currency: str
    reference: str | None
    channel: str | None
    hosted: bool
    completed: bool
    next_actions: tuple[str, ...]
    channel_data: Mapping[str, object] = field(repr=False, hash=False)
    """As supplied by the caller or collected by the hosted page; empty if there are none."""


class SessionStore:
    """The sessions by identifier; finding one first applies what time has changed."""

    def __init__(self, simulation: Simulation) -> None:
        self._clock = simulation.clock
        self._events = simulation.events
        self._sessions: dict[str, Session] = {}
        self._by_cryptogram: dict[str, Session] = {}
        self._by_transaction: dict[str, Session] = {}

    def add(self, session: Session) -> None:
        """Store a new session."""
        self._sessions[session.id] = session
        self._by_cryptogram[session.cryptogram] = session
        self._by_transaction[session.transaction_id] = session
        self._events.add(session.id, SessionEventSource(session))

    def find(self, session_id: str) -> Session | None:
        """Return the session as it is now, or None."""
        session = self._sessions.get(session_id)
        if session is not None:
            self._events.touch(session_id)
            tick(session, self._clock.now())
        return session

    def find_by_cryptogram(self, cryptogram: str) -> Session | None:
        """Return the session that issued a cryptogram, as it is now, or None."""
        session = self._by_cryptogram.get(cryptogram)
        return None if session is None else self.find(session.id)

    def find_by_transaction_id(self, transaction_id: str) -> Session | None:
        """Return the session with a 3DS Server transaction id, as it is now, or None."""
        session = self._by_transaction.get(transaction_id)
        return None if session is None else self.find(session.id)

    def identifiers(self) -> list[str]:
        """Return the identifiers in order of creation."""
        return list(self._sessions)


class SessionsView(Mapping[str, SessionView]):
    """The sandbox's sessions by identifier, in order of creation."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store

    def __getitem__(self, session_id: str) -> SessionView:
        session = self._store.find(session_id)
        if session is None:
            raise KeyError(session_id)
        return _view(session)

    def __iter__(self) -> Iterator[str]:
        return iter(self._store.identifiers())

    def __len__(self) -> int:
        return len(self._store.identifiers())


def _view(session: Session) -> SessionView:
    request = session.request
    reference = request.echoed.get("reference")
    return SessionView(
        id=session.id,
        status=str(session.status),
        scheme=request.card.scheme,
        scenario=request.card.scenario.name,
        source_type=request.source_type,
        last_four=request.card.last_four,
        amount=request.amount,
        currency=request.currency,
        reference=reference if isinstance(reference, str) else None,
        channel=session.channel,
        hosted=request.hosted,
        completed=session.completed,
        next_actions=tuple(session.next_actions()),
        channel_data=MappingProxyType({} if session.device is None else session.device.data),
    )
