"""Everything that plays Payments, put together over the sandbox's clock, seed and sessions."""

from __future__ import annotations

from checkout_async.sandbox.core.access import Gate
from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.dispatch import Watch
from checkout_async.sandbox.core.ids import Mint
from checkout_async.sandbox.core.spec import ApiSpec
from checkout_async.sandbox.payments.blocks import Links
from checkout_async.sandbox.payments.customer import Customer
from checkout_async.sandbox.payments.hold import Holds
from checkout_async.sandbox.payments.instruments import Vault
from checkout_async.sandbox.payments.operations import PaymentOperations
from checkout_async.sandbox.payments.queries import PaymentReading
from checkout_async.sandbox.payments.replies import PaymentReplies
from checkout_async.sandbox.payments.store import PaymentStore, PaymentsView
from checkout_async.sandbox.sessions.store import SessionStore


class PaymentsSimulator:
    """The payments of one sandbox; asynchronous operations take effect `delay` seconds after they were accepted."""

    def __init__(
        self, spec: ApiSpec, sessions: SessionStore, clock: SandboxClock, mint: Mint, watch: Watch, *, delay: float
    ) -> None:
        self._spec = spec
        self._sessions = sessions
        self._clock = clock
        self._mint = mint
        self._delay = delay
        self._vault = Vault(mint)
        self._store = PaymentStore(clock, self._vault, watch)
        self.holds = Holds()
        self.view = PaymentsView(self._store, clock)
        self.customer = Customer(self._store, clock, delay=delay)

    def operations(self, gate: Gate, base_url: str) -> PaymentOperations:
        """Make the operations, with links to a base URL."""
        links = Links(self._spec, base_url)
        replies = PaymentReplies(links, self._vault)
        reading = PaymentReading(self._spec, self._store, replies, links, self._clock, self._mint)
        return PaymentOperations(
            self._spec,
            gate,
            self._store,
            self._sessions,
            self._vault,
            replies,
            reading,
            self.holds,
            self._clock,
            self._mint,
            delay=self._delay,
        )
