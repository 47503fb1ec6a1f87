"""The sandbox as a server: in this process (`Sandbox`) or for as long as a command runs (`serve`)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack
from urllib.parse import urlsplit

from aiohttp import web

from checkout_async.sandbox.core.access import Gate
from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.ids import Mint
from checkout_async.sandbox.core.notifier import Notifier
from checkout_async.sandbox.core.request_log import RequestLog, RequestRecord
from checkout_async.sandbox.core.spec import load_spec
from checkout_async.sandbox.core.tokens import DEFAULT_CLIENTS, SandboxClient, TokenEndpoint
from checkout_async.sandbox.core.webhooks import WEBHOOK_SECRET, WebhookRecord, Webhooks
from checkout_async.sandbox.http.app import SandboxApp
from checkout_async.sandbox.http.connect import connect
from checkout_async.sandbox.http.control import Control
from checkout_async.sandbox.http.faults import Faults
from checkout_async.sandbox.pages.acs import ChallengePages
from checkout_async.sandbox.pages.countdown import Countdown
from checkout_async.sandbox.pages.hosted import HostedPages
from checkout_async.sandbox.pages.method import MethodPages
from checkout_async.sandbox.payments.hold import Held
from checkout_async.sandbox.payments.simulator import PaymentsSimulator
from checkout_async.sandbox.sessions.cardholder import Cardholder
from checkout_async.sandbox.sessions.operations import SessionOperations
from checkout_async.sandbox.sessions.replies import Replies
from checkout_async.sandbox.sessions.store import SessionStore, SessionsView

if TYPE_CHECKING:
    from checkout_async.auth.token_store import TokenStore
    from checkout_async.client import CheckoutClient, ClientOptions

LOOPBACK = "127.0.0.1"
_WILDCARDS = frozenset({"", "0.0.0.0"})  # noqa: S104 - recognised, never chosen


class Sandbox:
    """A simulator of the API on a loopback port, alive inside `async with`.

    `port` 0 takes a free one. Two sandboxes with the same `seed` answer the same requests with the same identifiers,
    secrets and cryptograms. `clients` come on top of the documented ones. `token_lifetime` is in seconds of the
    sandbox's clock, `callback_timeout` in seconds of real time. Captures, voids, refunds, reversals, cancellations and
    payouts take effect `payment_delay` seconds of the sandbox's clock after they were accepted. `ssl_context` holds a
    server's certificate and makes it https; a context that wants client certificates gets them checked. Events are
    POSTed to `webhook_url`, signed with `webhook_secret`; without a URL there are none. `document` is a
    bundled OpenAPI document to use in place of the package's own. Raises ValueError for a `webhook_url` that is no http
    or https address and for an empty `webhook_secret`; entering raises OSError if the port is taken.
    """

    def __init__(
        self,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        seed: int | str = 0,
        clock: SandboxClock | None = None,
        clients: Iterable[SandboxClient] = (),
        token_lifetime: int = 3600,
        callback_timeout: float = 10.0,
        payment_delay: float = 0.0,
        ssl_context: ssl.SSLContext | None = None,
        webhook_url: str | None = None,
        webhook_secret: str = WEBHOOK_SECRET,
        document: Path | None = None,
    ) -> None:
        self._ssl_context = ssl_context
        self.clock = SandboxClock() if clock is None else clock
        self._address = (host, port)
        self._mint = Mint(seed)
        self._spec = load_spec(document)
        self._notifier = Notifier(callback_timeout)
        self._webhooks = Webhooks(self.clock, self._notifier, self._spec, webhook_url, webhook_secret)
        watch = self._webhooks.watch
        self._store = SessionStore(self.clock, watch)
        self._log = RequestLog()
        self.faults = Faults(self._spec.operations)
        self._tokens = TokenEndpoint(
            (*DEFAULT_CLIENTS, *clients),
            self._spec.scopes,
            lifetime=token_lifetime,
            clock=self.clock,
            mint=self._mint,
        )
        self._runner: web.AppRunner | None = None
        self._site: web.SockSite | None = None
        self._base_url: str | None = None
        self.cardholder = Cardholder(self._store, self.clock)
        self.sessions = SessionsView(self._store)
        self._payments = PaymentsSimulator(self._spec, self._store, self.clock, self._mint, watch, delay=payment_delay)
        self.customer = self._payments.customer
        self.payments = self._payments.view

    async def __aenter__(self) -> Self:
        if self._runner is not None:
            raise RuntimeError("this Sandbox is running already; make another one")
        listener = socket.create_server(self._address)
        host, port = self._address[0], listener.getsockname()[1]
        scheme = "http" if self._ssl_context is None else "https"
        self._base_url = f"{scheme}://{LOOPBACK if host in _WILDCARDS else host}:{port}"
        self._runner = web.AppRunner(self._app(self._base_url), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await self._listen(self._runner, listener, self._ssl_context)
        self._webhooks.start(self._base_url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        runner, self._runner = self._runner, None
        self.faults.release()
        if runner is not None:
            await runner.cleanup()
        await self._webhooks.stop()
        await self._notifier.close()

    @property
    def base_url(self) -> str:
        """Where the API is, without a trailing slash; RuntimeError before the sandbox was started."""
        if self._base_url is None:
            raise RuntimeError("the sandbox has no address yet: use it inside `async with Sandbox() as sandbox:`")
        return self._base_url

    @property
    def token_url(self) -> str:
        """Where access tokens are had."""
        return self.base_url + self._spec.path("request_access_token")

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """The latest 10,000 requests that were answered, oldest first."""
        return self._log.records()

    @property
    def webhooks(self) -> tuple[WebhookRecord, ...]:
        """The latest 10,000 webhooks, oldest event first, whether delivered or not; none without `webhook_url`."""
        return self._webhooks.records()

    async def webhooks_settled(self) -> None:
        """Wait until every webhook that is due by now was sent, and answered or given up for this time."""
        await self._webhooks.settled()

    def count(self, operation_id: str) -> int:
        """Count the answered requests of an operation, refusals included."""
        return self._log.count(operation_id)

    def client(
        self,
        *,
        client_id: str = DEFAULT_CLIENTS[0].client_id,
        client_secret: str = DEFAULT_CLIENTS[0].client_secret,
        scopes: Iterable[str] = (),
        store: TokenStore | None = None,
        **options: Unpack[ClientOptions],
    ) -> CheckoutClient:
        """Return a CheckoutClient made for this sandbox, to be closed by the caller; the options are the client's.

        It keeps to no rate, since the sandbox has no limit; `limits` brings one. `store` is the credentials' own.
        """
        return connect(
            self.base_url,
            self.token_url,
            client_id=client_id,
            client_secret=client_secret,
            scopes=scopes,
            store=store,
            options=options,
        )

    async def advance(self, seconds: float) -> None:
        """Move the clock ahead: tokens, pending sessions and challenges grow older by so many seconds."""
        self.clock.advance(seconds)

    def revoke_tokens(self) -> None:
        """Make every access token given out so far invalid."""
        self._tokens.revoke_all()

    def hold(self, operation_id: str) -> AbstractAsyncContextManager[Held]:
        """Keep requests of a payment operation waiting, and their idempotency keys in use, until the block is left.

        `arrived` of what the block gets is set once a request waits. ValueError for anything but a payment operation.
        """
        operation = self._spec.operations.get(operation_id)
        if operation is None or operation.api != "Payments":
            raise ValueError(f"{operation_id} is not a payment operation")
        return self._payments.holds.hold(operation_id)

    @asynccontextmanager
    async def refusing(self) -> AsyncGenerator[None]:
        """Refuse connections until the block is left; open ones are closed, requests in flight are not answered.

        RuntimeError unless the sandbox is running and takes connections.
        """
        runner, holder = await self._stop_listening()
        try:
            yield
        finally:
            await self._listen(runner, holder, self._ssl_context)

    @asynccontextmanager
    async def presenting(self, ssl_context: ssl.SSLContext) -> AsyncGenerator[None]:
        """Show another certificate until the block is left, such as an untrusted one; open connections are closed.

        RuntimeError unless the sandbox is running, takes connections and was made with an `ssl_context`.
        """
        if self._ssl_context is None:
            raise RuntimeError("the sandbox shows no certificate: make it with an ssl_context")
        await self._listen(*await self._stop_listening(), ssl_context)
        try:
            yield
        finally:
            await self._listen(*await self._stop_listening(), self._ssl_context)

    async def _stop_listening(self) -> tuple[web.AppRunner, socket.socket]:
        """Close the listener and all connections; return a socket that keeps the port."""
        runner, site = self._runner, self._site
        if runner is None or runner.server is None or site is None:
            raise RuntimeError("the sandbox takes no connections now: it is not running, or refuses them already")
        port = urlsplit(self.base_url).port or 0
        await site.stop()
        self._site = None
        for connection in runner.server.connections:
            connection.force_close()
        while runner.server.connections:  # noqa: ASYNC110 - aiohttp tells nobody when one is gone
            await asyncio.sleep(0)
        # Bound and not listening: the port stays ours, and who connects is refused.
        return runner, _bound(self._address[0], port)

    async def _listen(self, runner: web.AppRunner, listener: socket.socket, ssl_context: ssl.SSLContext | None) -> None:
        self._site = web.SockSite(runner, listener, ssl_context=ssl_context)
        await self._site.start()

    def _app(self, base_url: str) -> web.Application:
        gate = Gate(self._tokens)
        operations = SessionOperations(
            self._spec,
            gate,
            self._store,
            Replies(self._spec, base_url),
            self._notifier,
            self.clock,
            self._mint,
        )
        payments = self._payments.operations(gate, base_url)
        countdown = Countdown(self._store, self.clock)
        pages = (
            MethodPages(self._store),
            ChallengePages(self._store, self.cardholder, countdown, base_url),
            HostedPages(self._spec, self._store, self.clock, base_url),
            countdown,
        )
        control = Control(self.cardholder, self.customer, self.clock)
        return SandboxApp(
            self._spec, self._tokens, operations, payments, control, pages, self._log, self._mint, self.faults
        ).build()


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket that holds a port without listening; the options are those of socket.create_server."""
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((host, port))
    return holder


async def serve(
    *,
    host: str = LOOPBACK,
    port: int = 0,
    seed: int | str = 0,
    token_lifetime: int = 3600,
    on_ready: Callable[[Sandbox], object] | None = None,
) -> None:
    """Run a sandbox until cancelled; `on_ready` is called once it listens, with the sandbox to ask for its address."""
    async with Sandbox(host=host, port=port, seed=seed, token_lifetime=token_lifetime) as sandbox:
        if on_ready is not None:
            on_ready(sandbox)
        await asyncio.Event().wait()
