"""The simulator in a thread with an event loop of its own, for tests of any kind: sync, async, in any event loop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from functools import partial
from types import TracebackType
from typing import ParamSpec, Self, TypeVar, Unpack

from anyio.from_thread import BlockingPortal, start_blocking_portal

from checkout_async._generated.scopes import SCOPES
from checkout_async.auth import OAuthCredentials
from checkout_async.client import CheckoutClient, ClientOptions
from checkout_async.config import Limits
from checkout_async.sandbox import (
    RequestRecord,
    Sandbox,
    SandboxClock,
    SessionView,
    WebhookRecord,
)
from checkout_async.sandbox.core.tokens import CLIENT_ID, CLIENT_SECRET
from checkout_async.sandbox.http.server import SandboxOptions
from checkout_async.testing.any_loop import AnyLoopClient
from checkout_async.testing.threaded import (
    ThreadedCardholder,
    ThreadedCustomer,
    ThreadedFaults,
    ThreadedPayments,
    ThreadedView,
)

__all__ = ["ThreadedSandbox"]

T = TypeVar("T")
P = ParamSpec("P")


class ThreadedSandbox:
    """A simulator of the API that runs inside `with`, in a thread with an event loop of its own.

    The options are those of `Sandbox`. So are the attributes and methods, except that nothing is awaited: a method
    returns when the simulator has done what it asks for. From another process, or without this class, use
    `checkout-async sandbox`.
    """

    def __init__(self, **options: Unpack[SandboxOptions]) -> None:
        self._options = options
        self._stack = ExitStack()
        self._running: tuple[BlockingPortal, Sandbox] | None = None

    def __enter__(self) -> Self:
        if self._running is not None:
            raise RuntimeError("this ThreadedSandbox is already running; create another one")
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal(name="checkout-sandbox"))
            # Made in its own loop's thread, like everything else of it.
            sandbox = portal.call(lambda: Sandbox(**self._options))
            stack.enter_context(portal.wrap_async_context_manager(sandbox))
            self._stack = stack.pop_all()
        self._running = portal, sandbox
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def _portal(self) -> BlockingPortal:
        return self._require_running()[0]

    @property
    def _sandbox(self) -> Sandbox:
        return self._require_running()[1]

    def _require_running(self) -> tuple[BlockingPortal, Sandbox]:
        if self._running is None:
            raise RuntimeError("the sandbox is not running: use it inside `with ThreadedSandbox() as sandbox:`")
        return self._running

    @property
    def base_url(self) -> str:
        """Address of the API, without a trailing slash."""
        return self._sandbox.base_url

    @property
    def token_url(self) -> str:
        """Address of the token endpoint."""
        return self._sandbox.token_url

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables with which `CheckoutClient.from_env()` makes a client for this sandbox."""
        return {
            "CHECKOUT_BASE_URL": self.base_url,
            "CHECKOUT_TOKEN_URL": self.token_url,
            "CHECKOUT_CLIENT_ID": CLIENT_ID,
            "CHECKOUT_CLIENT_SECRET": CLIENT_SECRET,
            "CHECKOUT_SCOPES": " ".join(SCOPES),
        }

    @property
    def clock(self) -> SandboxClock:
        """The sandbox's clock. Read it; to move it, use `advance`."""
        return self._sandbox.clock

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """The latest 10,000 requests that were answered, oldest first."""
        return self._call(lambda: self._sandbox.requests)

    @property
    def key_mismatches(self) -> tuple[RequestRecord, ...]:
        """Those of `requests` whose idempotency key came before with another body."""
        return self._call(lambda: self._sandbox.key_mismatches)

    @property
    def webhooks(self) -> tuple[WebhookRecord, ...]:
        """The latest 10,000 webhooks, oldest event first, whether delivered or not; none without `webhook_url`."""
        return self._call(lambda: self._sandbox.webhooks)

    @property
    def sessions(self) -> Mapping[str, SessionView]:
        """The sessions by identifier, in order of creation."""
        return ThreadedView(self._portal, self._sandbox.sessions)

    @property
    def payments(self) -> ThreadedPayments:
        """The payments by identifier, in order of creation."""
        return ThreadedPayments(self._portal, self._sandbox)

    @property
    def cardholder(self) -> ThreadedCardholder:
        """Plays the cardholder of any session."""
        return ThreadedCardholder(self._portal, self._sandbox)

    @property
    def customer(self) -> ThreadedCustomer:
        """Plays the customer of any payment that waits for one."""
        return ThreadedCustomer(self._portal, self._sandbox)

    @property
    def faults(self) -> ThreadedFaults:
        """Plans faults: the n-th request of an operation is reset, stalled, or answered with an error."""
        return ThreadedFaults(self._portal, self._sandbox)

    def count(self, operation_id: str) -> int:
        """Count the answered requests of an operation, including refusals."""
        return self._call(self._sandbox.count, operation_id)

    def advance(self, seconds: float) -> None:
        """Advance the clock by `seconds`: tokens, sessions and payments age by as much.

        Raises ValueError if `seconds` is negative or not finite.
        """
        self._portal.call(self._sandbox.advance, seconds)

    def revoke_tokens(self) -> None:
        """Invalidate every access token that was issued so far."""
        self._call(self._sandbox.revoke_tokens)

    def webhooks_settled(self) -> None:
        """Wait until every webhook that is due by now was sent, and its attempt was answered or failed.

        Raises RuntimeError in a running event loop: an endpoint that it serves could not answer.
        """
        _refuse_in_loop("webhooks_settled")
        self._portal.call(self._sandbox.webhooks_settled)

    def client(self, **options: Unpack[ClientOptions]) -> CheckoutClient:
        """Return a CheckoutClient for this sandbox, which the caller closes; the options are those of the client.

        It belongs to the event loop of its first call. It has no rate limit unless `limits` is given.
        """
        return self._sandbox.client(**options)

    def any_loop_client(self, **options: Unpack[ClientOptions]) -> AnyLoopClient:
        """Return a client for this sandbox that works in any event loop, and is closed with the sandbox.

        The options are those of the client. It has no rate limit unless `limits` is given.
        """
        settings = ClientOptions(limits=Limits(read_rate=None, write_rate=None))
        settings.update(options)
        client = AnyLoopClient(
            self._portal,
            OAuthCredentials(CLIENT_ID, CLIENT_SECRET, scopes=()),
            base_url=self.base_url,
            token_url=self.token_url,
            **settings,
        )
        self._stack.callback(client.close)
        return client

    @contextmanager
    def hold(self, operation_id: str) -> Generator[Callable[[], None]]:
        """Keep requests of a payment operation waiting, and their idempotency keys in use, until the block is left.

        The block gets a function that returns once a request waits. Raises ValueError for an operation that is not one
        of Payments.
        """
        with self._portal.wrap_async_context_manager(self._call(self._sandbox.hold, operation_id)) as held:
            yield lambda: self._portal.call(_wait_for, held.arrived)

    @contextmanager
    def refusing(self) -> Generator[None]:
        """Refuse connections until the block is left; open ones are closed, requests in progress are not answered."""
        with self._portal.wrap_async_context_manager(_made_in_loop(self._portal, self._sandbox.refusing)):
            yield

    @contextmanager
    def presenting(self, ssl_context: ssl.SSLContext) -> Generator[None]:
        """Present another certificate until the block is left, such as an untrusted one; open connections are closed.

        Raises RuntimeError unless the sandbox was created with an `ssl_context`.
        """
        present = partial(self._sandbox.presenting, ssl_context)
        with self._portal.wrap_async_context_manager(_made_in_loop(self._portal, present)):
            yield

    def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return self._portal.call(lambda: function(*args, **kwargs))


def _made_in_loop(
    portal: BlockingPortal, make: Callable[[], AbstractAsyncContextManager[T]]
) -> AbstractAsyncContextManager[T]:
    return portal.call(make)


async def _wait_for(event: asyncio.Event) -> None:
    await event.wait()


def _refuse_in_loop(method: str) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(
        f"{method}() would block this event loop while the sandbox waits for it: "
        f"await asyncio.to_thread(sandbox.{method})"
    )
