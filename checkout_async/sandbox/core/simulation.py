"""What all parts of one sandbox share, as one value that their constructors take."""

from __future__ import annotations

from dataclasses import dataclass

from checkout_async.sandbox.core.calls import AccessControl
from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.dispatch import EventDispatcher
from checkout_async.sandbox.core.ids import DeterministicIds
from checkout_async.sandbox.core.notifier import Notifier
from checkout_async.sandbox.core.spec import ApiSpec
from checkout_async.sandbox.core.tokens import TokenEndpoint
from checkout_async.sandbox.core.validation import RequestReader


@dataclass(slots=True, kw_only=True, eq=False)
class Simulation:
    """The document, reader of requests, clock, identifiers, access tokens, events and messages of one sandbox."""

    spec: ApiSpec
    reader: RequestReader
    clock: SandboxClock
    ids: DeterministicIds
    tokens: TokenEndpoint
    access: AccessControl
    events: EventDispatcher
    notifier: Notifier
    """Sends completion callbacks."""
    payment_delay: float = 0.0
    """Seconds of the sandbox's clock until a capture, void, refund, reversal, cancellation or payout takes effect."""
    refuse_reused_keys: bool = False
    """Whether an idempotency key that comes again with another body is refused; the API replays the first reply."""
    base_url: str = ""
    """Where the server listens, without a trailing slash. The only member that is set later: a port is known only once
    the server has bound it, so parts read it when they write a link."""

    def url(self, path: str) -> str:
        """Return the absolute address of a path of the sandbox."""
        return self.base_url + path

    def operation_url(self, operation_id: str, resource_id: str) -> str:
        """Return the absolute address of an operation on a session or payment."""
        return self.url(self.spec.path(operation_id, id=resource_id))
