"""AiohttpTransport: sends a request over one session of aiohttp. It contains no policy.

`failures.py` translates aiohttp's exceptions, and `replies.py` reads its replies.

Of the client's modules, only those of this folder import aiohttp. These behaviours of aiohttp are switched off:

- it resends a PUT, GET or DELETE when a kept connection turns out to be closed (`connector.py`);
- it follows redirects, which would send the credential to another host;
- it stores cookies;
- it reads a body of any size;
- it raises an error instead of the reply if a body was compressed wrongly.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from http import HTTPStatus

import aiohttp
from yarl import URL

from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.config import Limits, Timeouts, require_type
from checkout_async.errors import (
    CheckoutError,
    ClientClosed,
    ConfigurationError,
    ConnectFailed,
    IncompatibleVersion,
    OutcomeUnknown,
    TransportError,
    WrongLoop,
)
from checkout_async.processes import ProcessGuard
from checkout_async.transport.connector import clean_connector
from checkout_async.transport.deadlines import Deadlines
from checkout_async.transport.direct import DirectRequest, is_hooked, open_directly
from checkout_async.transport.failures import proxy_refusal, translate_error
from checkout_async.transport.guards import Exchange, GuardedResponse, current_exchange
from checkout_async.transport.proxies import Proxies
from checkout_async.transport.replies import build_response, is_repeated, read_capped

__all__ = ["AiohttpTransport"]


class AiohttpTransport:
    """HTTP over one aiohttp session, which this object opens at the first request and owns.

    `ssl_context` provides private certificate authorities or a client certificate; it must verify servers. `proxy` is
    the URL of an HTTP proxy for all requests. `proxies_from_env` reads HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY
    instead, which are ignored otherwise. Raises ConfigurationError if a setting cannot be used.
    """

    def __init__(
        self,
        limits: Limits,
        ssl_context: ssl.SSLContext | None = None,
        *,
        proxy: str | None = None,
        proxies_from_env: bool = False,
    ) -> None:
        self._process = ProcessGuard("the client")
        self._session: aiohttp.ClientSession | None = None
        self._deadlines: Deadlines | None = None
        self._limits = limits
        self._ssl = None if ssl_context is None else _require_verification(ssl_context)
        self._proxies = Proxies(proxy, from_env=proxies_from_env)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._last_timeouts: Timeouts | None = None
        self._last_client_timeout = aiohttp.ClientTimeout()
        self._closed = False

    def check_proxy_for(self, url: str) -> None:
        """Raise ConfigurationError if the environment names a proxy for this URL that cannot be used."""
        self._proxies.proxy_for(URL(url))

    async def send(self, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
        """Send one request and return its response. Raises ConnectFailed or OutcomeUnknown, never aiohttp's errors."""
        session, deadlines = self._session_for_loop()
        exchange = Exchange(is_idempotent=request.is_idempotent)
        # It is not reset: a coroutine that is collected is closed in another context, where that raises an error.
        current_exchange.set(exchange)
        deadline = deadlines.start(timeouts.attempt)
        try:
            result = await self._exchange(session, deadlines.loop, exchange, request, timeouts)
        except asyncio.CancelledError as cancelled:
            if not deadline.undo():
                # Without aiohttp's frames: their local variables contain parts of the reply.
                cancelled.__context__ = None
                raise cancelled.with_traceback(None)  # noqa: B904 - the same one
            result = self._failure(TimeoutError(), request, exchange)
        finally:
            deadlines.stop(deadline)
        # Raised outside the handler: aiohttp's errors contain the request's headers, and with them the credential.
        if isinstance(result, CheckoutError):
            raise result
        return result

    async def _exchange(
        self,
        session: aiohttp.ClientSession,
        loop: asyncio.AbstractEventLoop,
        exchange: Exchange,
        request: HttpRequest,
        timeouts: Timeouts,
    ) -> HttpResponse | CheckoutError:
        url, limit = URL(request.url, encoded=True), self._client_timeout(timeouts)
        try:
            proxy = self._proxies.proxy_for(url)
            if proxy is None and not is_hooked(session):
                opened = open_directly(session, request, url, limit, loop)
            else:
                opened = _open_by_session(session, request, url, limit, proxy)
            async with await opened as reply:
                if self._is_from_proxy(reply):
                    reason = proxy_refusal(reply.status)
                    return ConnectFailed(f"no connection: {reason}; nothing was sent to it", reason=reason)
                body = await read_capped(reply, self._limits.response_size)
                handler = reply.handler if isinstance(reply, GuardedResponse) else None
                if handler is None:
                    return build_response(reply, body, self._limits.response_size)
                is_first = not handler.has_replied
                if is_repeated(handler, request, reply, body):
                    return OutcomeUnknown(
                        "no reply: the server sent an earlier reply again; the request may have been carried out"
                    )
                return build_response(reply, body, self._limits.response_size, is_first, handler.close)
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:  # OSError: also TimeoutError
            return self._failure(error, request, exchange)
        except IncompatibleVersion as error:
            return error.with_traceback(None)

    def _failure(self, error: Exception, request: HttpRequest, exchange: Exchange) -> TransportError:
        reason = "the client was closed" if self._closed else ""
        return translate_error(error, request, was_not_sent=exchange.was_not_sent, reason=reason)

    def _client_timeout(self, timeouts: Timeouts) -> aiohttp.ClientTimeout:
        """Return aiohttp's form of the time limit of a new connection; `Deadlines` limits the exchange.

        Nearly all calls have the same limits, so the last form is kept (3 us).
        """
        if timeouts is not self._last_timeouts:
            # aiohttp rounds timeouts above `ceil_threshold` up to whole seconds, beyond the caller's deadline.
            self._last_client_timeout = aiohttp.ClientTimeout(
                total=None, connect=timeouts.connect, ceil_threshold=math.inf
            )
            self._last_timeouts = timeouts
        return self._last_client_timeout

    async def aclose(self) -> None:
        """Close the session and its connections, and end the exchanges in progress. It cannot be used again."""
        self._closed = True
        if self._process.is_foreign:
            self._give_up_session()
        elif self._session is not None and self._deadlines is not None and self._session.connector is not None:
            # Not the session: it would drop the connector, which aiohttp takes for granted when it resends a GET whose
            # connection has closed. Then a call would end with AssertionError.
            closing = self._session.connector.close()
            await asyncio.sleep(0)  # a reply that has just arrived is still read
            # aiohttp ends neither what is connecting nor what reads a body: they would wait for their deadline.
            self._deadlines.close()
            await closing

    def __del__(self) -> None:
        if self._process.is_foreign:
            self._give_up_session()

    def _give_up_session(self) -> None:
        """In a child process: leave the connections to the parent, and keep aiohttp from warning that they are open."""
        if self._session is not None:
            self._session.detach()

    def _is_from_proxy(self, reply: aiohttp.ClientResponse) -> bool:
        """Return whether the reply is a proxy's 407. Through a tunnel (https), a reply is the server's own."""
        wants_password = reply.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED and reply.url.scheme == "http"
        return wants_password and self._proxies.proxy_for(reply.url) is not None

    def _session_for_loop(self) -> tuple[aiohttp.ClientSession, Deadlines]:
        """Return session and deadlines; open them at the first request.

        Raises ClientClosed, WrongProcess and WrongLoop.
        """
        loop = asyncio.get_running_loop()
        if self._closed:
            raise ClientClosed("the client is closed, so nothing was sent; make a new one")
        self._process.check()
        if self._loop is not loop and self._loop is not None:
            raise WrongLoop("the client belongs to another event loop, so nothing was sent; make one for each loop")
        if self._session is None or self._deadlines is None:
            self._loop = loop
            self._deadlines = Deadlines(loop)
            self._session = aiohttp.ClientSession(
                request_class=DirectRequest,
                response_class=GuardedResponse,
                connector=clean_connector(self._limits, self._ssl),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session, self._deadlines


def _require_verification(context: ssl.SSLContext) -> ssl.SSLContext:
    """Return the context. Raises ConfigurationError if it does not verify servers."""
    require_type("ssl_context", context, ssl.SSLContext)
    if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
        raise ConfigurationError(
            "ssl_context must verify certificates and host names: verification cannot be turned off; for a private "
            "certificate authority use ssl.create_default_context(cafile=...)"
        )
    return context


async def _open_by_session(
    session: aiohttp.ClientSession, request: HttpRequest, url: URL, limit: aiohttp.ClientTimeout, proxy: URL | None
) -> aiohttp.ClientResponse:
    # Plain text and bytes: a library that hooks into the session may write down what it gets, by its exact type.
    return await session.request(
        request.method,
        url,
        data=None if request.body is None else bytes(request.body),
        headers={name: str(value) for name, value in request.headers.items()},
        allow_redirects=False,
        proxy=proxy,
        timeout=limit,
    )
