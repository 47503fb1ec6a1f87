"""The sandbox as a server: in this process (`Sandbox`) or for as long as a command runs (`serve`)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypedDict, Unpack
from urllib.parse import urlsplit

from aiohttp import web

from checkout_async.processes import ProcessGuard, disconnect, forget_after_fork
from checkout_async.sandbox.core.calls import AccessControl
from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.dispatch import EventDispatcher
from checkout_async.sandbox.core.ids import DeterministicIds
from checkout_async.sandbox.core.notifier import Notifier
from checkout_async.sandbox.core.scopes import PUBLIC_SCOPES
from checkout_async.sandbox.core.simulation import Simulation
from checkout_async.sandbox.core.spec import load_spec
from checkout_async.sandbox.core.tokens import DEFAULT_CLIENTS, SandboxClient, TokenEndpoint
from checkout_async.sandbox.core.validation import RequestReader
from checkout_async.sandbox.core.webhooks import WEBHOOK_SECRET, WebhookRecord, Webhooks
from checkout_async.sandbox.http.app import RequestLog, RequestRecord, SandboxApp
from checkout_async.sandbox.http.connect import create_client
from checkout_async.sandbox.http.faults import Faults
from checkout_async.sandbox.http.hosts import WILDCARDS, AllowedHosts
from checkout_async.sandbox.http.standstill import StandstillWatch
from checkout_async.sandbox.payments.customer import Customer
from checkout_async.sandbox.payments.idempotency import HeldOperation
from checkout_async.sandbox.payments.simulator import PaymentsSimulator
from checkout_async.sandbox.payments.store import PaymentsView
from checkout_async.sandbox.sessions.cardholder import Cardholder
from checkout_async.sandbox.sessions.simulator import SessionsSimulator
from checkout_async.sandbox.sessions.store import SessionsView

if TYPE_CHECKING:
    from checkout_async.auth.token_store import TokenStore
    from checkout_async.client import CheckoutClient, ClientOptions

LOOPBACK = "127.0.0.1"


class SandboxOptions(TypedDict, total=False):
    """The options of `Sandbox`."""

    host: str
    port: int
    seed: int | str
    clock: SandboxClock | None
    clients: Iterable[SandboxClient]
    token_lifetime: int
    callback_timeout: float
    payment_delay: float
    ssl_context: ssl.SSLContext | None
    webhook_url: str | None
    webhook_secret: str
    document: Path | None
    exact: bool
    refuse_reused_keys: bool
    remote_callbacks: bool
    allowed_hosts: Iterable[str]


class Sandbox:
    """A simulator of the API on a loopback port, which runs inside `async with`.

    `port` 0 takes a free one. Two sandboxes with the same `seed` answer the same requests with the same identifiers,
    secrets and cryptograms. `clients` are added to the documented ones. `token_lifetime` is in seconds of the sandbox's
    clock, `callback_timeout` in seconds of real time. Captures, voids, refunds, reversals, cancellations and payouts
    take effect `payment_delay` seconds of the sandbox's clock after they were accepted. `ssl_context` contains the
    server's certificate and switches to https; if it requires client certificates, they are checked. Events are POSTed
    to `webhook_url`, signed with `webhook_secret`; without a URL none are sent. `document` is another bundled OpenAPI
    document to use instead of the package's own. `exact` refuses what the API forgives: members that no schema names,
    nulls, and numbers or booleans written as text. `refuse_reused_keys` refuses an idempotency key that comes again
    with another body, where the API replays the first reply. Completion callbacks go to loopback addresses, with
    `remote_callbacks` to others, too. The sandbox answers under loopback names, `host` and `allowed_hosts`.
    In a process that was forked while the sandbox ran, its methods raise WrongProcess, and leaving it does nothing; the
    child can make a client for `base_url`. Raises ValueError for a `webhook_url` that is not an http or https address,
    for an empty `webhook_secret`, and for a `document` that is not one. Entering raises OSError if the port is in use.
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
        exact: bool = False,
        refuse_reused_keys: bool = False,
        remote_callbacks: bool = False,
        allowed_hosts: Iterable[str] = (),
    ) -> None:
        self._address = (host, port)
        self._ssl_context = ssl_context
        self.clock: SandboxClock = SandboxClock() if clock is None else clock
        spec, ids = load_spec(document), DeterministicIds(seed)
        if "request_access_token" not in spec.operations:
            raise ValueError(f"{document} is not a bundled document of this API: it has no token endpoint")
        tokens = TokenEndpoint(
            (*DEFAULT_CLIENTS, *clients),
            spec.scopes | PUBLIC_SCOPES,
            lifetime=token_lifetime,
            clock=self.clock,
            ids=ids,
        )
        self._simulation = Simulation(
            spec=spec,
            reader=RequestReader(spec, exact=exact),
            clock=self.clock,
            ids=ids,
            tokens=tokens,
            access=AccessControl(tokens),
            events=EventDispatcher(self.clock),
            notifier=Notifier(callback_timeout, loopback_only=not remote_callbacks),
            payment_delay=payment_delay,
            refuse_reused_keys=refuse_reused_keys,
        )
        notifier = Notifier(callback_timeout, loopback_only=False)  # its address comes from who starts the sandbox
        self._notifiers = (self._simulation.notifier, notifier)
        self._webhooks = Webhooks(self._simulation, notifier, webhook_url, webhook_secret)
        self._hosts = AllowedHosts(host, allowed_hosts)
        self._sessions = SessionsSimulator(self._simulation)
        self.sessions: SessionsView = self._sessions.view
        self.cardholder: Cardholder = self._sessions.cardholder
        self._payments = PaymentsSimulator(self._simulation, self._sessions.store, self._sessions.card_tokens)
        self.payments: PaymentsView = self._payments.view
        self.customer: Customer = self._payments.customer
        self.faults: Faults = Faults(spec.operations)
        self._log = RequestLog()
        self._runner: web.AppRunner | None = None
        self._site: web.SockSite | None = None
        self._listener: socket.socket | None = None
        self._process = ProcessGuard("the Sandbox")
        if ssl_context is None:
            self._watch = StandstillWatch(lambda: self._listener if self._site else None, self._open_sockets)
        else:
            self._watch = StandstillWatch(lambda: None, list[socket.socket])

    async def __aenter__(self) -> Self:
        if self._runner is not None:
            raise RuntimeError("this Sandbox is already running; create another one")
        self._process.check()
        forget_after_fork(self)
        listener = socket.create_server(self._address)
        host, port = self._address[0], listener.getsockname()[1]
        scheme = "http" if self._ssl_context is None else "https"
        self._simulation.base_url = f"{scheme}://{LOOPBACK if host in WILDCARDS else host}:{port}"
        app = SandboxApp(self._simulation, self._sessions, self._payments, self.faults, self._log, self._hosts)
        self._runner = web.AppRunner(app.build(), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await self._listen(self._runner, listener, self._ssl_context)
        self._webhooks.start()
        self._watch.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.is_foreign:
            return  # the server and its connections are the parent's
        self._watch.stop()
        runner, self._runner = self._runner, None
        self.faults.release()
        if runner is not None:
            await runner.cleanup()
        await self._webhooks.stop()
        await self._simulation.notifier.close()

    def forget(self) -> None:
        """In a child that was just forked: disconnect its copies of the sockets, so that it answers no request."""
        disconnect(
            (
                *(() if self._listener is None else (self._listener,)),
                *self._open_sockets(),
                *(each for notifier in self._notifiers for each in notifier.sockets),
            )
        )

    def _open_sockets(self) -> list[socket.socket]:
        connections = () if self._runner is None or self._runner.server is None else self._runner.server.connections
        transports = (each.transport for each in connections if each.transport is not None)
        return [transport.get_extra_info("socket") for transport in transports]

    @property
    def base_url(self) -> str:
        """Address of the API, without a trailing slash; RuntimeError before the sandbox is started."""
        if not self._simulation.base_url:
            raise RuntimeError("the sandbox has no address yet: use it inside `async with Sandbox() as sandbox:`")
        return self._simulation.base_url

    @property
    def token_url(self) -> str:
        """Address of the token endpoint."""
        return self.base_url + self._simulation.spec.path("request_access_token")

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """The latest 10,000 requests that were answered, oldest first."""
        self._process.check()
        return self._log.records()

    @property
    def key_mismatches(self) -> tuple[RequestRecord, ...]:
        """Those of `requests` whose idempotency key came before with another body."""
        return tuple(record for record in self.requests if record.key_mismatch)

    @property
    def webhooks(self) -> tuple[WebhookRecord, ...]:
        """The latest 10,000 webhooks, oldest event first, whether delivered or not; none without `webhook_url`."""
        self._process.check()
        return self._webhooks.records()

    async def webhooks_settled(self) -> None:
        """Wait until every webhook that is due by now was sent, and its attempt was answered or failed."""
        self._process.check()
        await self._webhooks.settled()

    def count(self, operation_id: str) -> int:
        """Count the answered requests of an operation, including refusals."""
        self._process.check()
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
        """Return a CheckoutClient for this sandbox, which the caller closes; the options are those of the client.

        It has no rate limit, since the sandbox has none, unless `limits` is given. `store` is the token store of the
        credentials.
        """
        return create_client(
            self.base_url,
            self.token_url,
            client_id=client_id,
            client_secret=client_secret,
            scopes=scopes,
            store=store,
            options=options,
        )

    async def advance(self, seconds: float) -> None:
        """Advance the clock by `seconds`: tokens, sessions and payments age by as much.

        Raises ValueError if `seconds` is negative or not finite.
        """
        self._process.check()
        self.clock.advance(seconds)

    def revoke_tokens(self) -> None:
        """Invalidate every access token that was issued so far."""
        self._process.check()
        self._simulation.tokens.revoke_all()

    def hold(self, operation_id: str) -> AbstractAsyncContextManager[HeldOperation]:
        """Keep requests of a payment operation waiting, and their idempotency keys in use, until the block is left.

        The block gets an object whose `arrived` is set once a request waits. Raises ValueError for an operation that is
        not one of Payments.
        """
        self._process.check()
        operation = self._simulation.spec.operations.get(operation_id)
        if operation is None or operation.api != "Payments":
            raise ValueError(f"{operation_id} is not a payment operation")
        return self._payments.holds.hold(operation_id)

    @asynccontextmanager
    async def refusing(self) -> AsyncGenerator[None]:
        """Refuse connections until the block is left; open ones are closed, requests in progress are not answered.

        Raises RuntimeError unless the sandbox is running and accepts connections.
        """
        runner, reserved = await self._stop_listening()
        try:
            yield
        finally:
            await self._listen(runner, reserved, self._ssl_context)

    @asynccontextmanager
    async def presenting(self, ssl_context: ssl.SSLContext) -> AsyncGenerator[None]:
        """Present another certificate until the block is left, such as an untrusted one; open connections are closed.

        Raises RuntimeError unless the sandbox is running, accepts connections and was created with an `ssl_context`.
        """
        if self._ssl_context is None:
            raise RuntimeError("the sandbox has no certificate: create it with an ssl_context")
        await self._listen(*await self._stop_listening(), ssl_context)
        try:
            yield
        finally:
            await self._listen(*await self._stop_listening(), self._ssl_context)

    async def _stop_listening(self) -> tuple[web.AppRunner, socket.socket]:
        """Close the listener and all connections; return a socket that reserves the port."""
        self._process.check()
        runner, site = self._runner, self._site
        if runner is None or runner.server is None or site is None:
            raise RuntimeError("the sandbox accepts no connections now: it is not running, or refuses them already")
        port = urlsplit(self.base_url).port or 0
        await site.stop()
        self._site = None
        for connection in runner.server.connections:
            connection.force_close()
        while runner.server.connections:  # noqa: ASYNC110 - aiohttp does not report when one is gone
            await asyncio.sleep(0)
        # Bound and not listening: the port stays reserved, and connections are refused.
        return runner, _reserve_port(self._address[0], port)

    async def _listen(self, runner: web.AppRunner, listener: socket.socket, ssl_context: ssl.SSLContext | None) -> None:
        self._listener = listener
        self._site = web.SockSite(runner, listener, ssl_context=ssl_context)
        await self._site.start()


def _reserve_port(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to a port without listening; the options are those of socket.create_server."""
    reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind((host, port))
    return reserved


async def serve(*, on_ready: Callable[[Sandbox], object] | None = None, **options: Unpack[SandboxOptions]) -> None:
    """Run a sandbox until cancelled; `on_ready` is called with it once it listens, the options are those of Sandbox."""
    async with Sandbox(**options) as sandbox:
        if on_ready is not None:
            on_ready(sandbox)
        await asyncio.Event().wait()
