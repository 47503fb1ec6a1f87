"""AiohttpTransport: sends a request, reads the reply, and translates aiohttp's exceptions. It contains no policy.

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
import os
import ssl
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Final
from zlib import crc32

import aiohttp
from yarl import URL

from checkout_async._core.content_encoding import CorruptEncoding, decompress
from checkout_async._core.wire import HttpRequest, HttpResponse, do_nothing
from checkout_async._generated.facts import REQUEST_ID_HEADER
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
from checkout_async.redaction import Headers
from checkout_async.transport.connector import clean_connector
from checkout_async.transport.deadlines import Deadlines
from checkout_async.transport.direct import DirectRequest, is_hooked, open_directly
from checkout_async.transport.guards import Exchange, GuardedHandler, GuardedResponse, current_exchange
from checkout_async.transport.proxies import Proxies

__all__ = ["AiohttpTransport"]

# aiohttp raises these only while it has no connection to the server, so no byte of the request was sent.
_NOT_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
    aiohttp.ServerFingerprintMismatch,
)


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
            result = self._translate_error(TimeoutError(), request, exchange)
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
                    reason = _proxy_refusal(reply.status)
                    return ConnectFailed(f"no connection: {reason}; nothing was sent to it", reason=reason)
                body = await _read_capped(reply, self._limits.response_size)
                handler = reply.handler if isinstance(reply, GuardedResponse) else None
                if handler is None:
                    return _build_response(reply, body, self._limits.response_size)
                is_first = not handler.has_replied
                if _is_repeated(handler, request, reply, body):
                    return OutcomeUnknown(
                        "no reply: the server sent an earlier reply again; the request may have been carried out"
                    )
                return _build_response(reply, body, self._limits.response_size, is_first, handler.close)
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:  # OSError: also TimeoutError
            return self._translate_error(error, request, exchange)
        except IncompatibleVersion as error:
            return error.with_traceback(None)

    def _translate_error(self, error: Exception, request: HttpRequest, exchange: Exchange) -> TransportError:
        """Return ConnectFailed if it is proved that no byte of the request was sent, else OutcomeUnknown."""
        reason = "the client was closed" if self._closed else _describe(error, URL(request.url, encoded=True))
        if exchange.was_not_sent or isinstance(error, _NOT_SENT):
            return ConnectFailed(f"no connection: {reason}; nothing was sent", reason=reason)
        return OutcomeUnknown(f"no reply: {reason}; the request may have been carried out", reason=reason)

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


async def _read_capped(reply: aiohttp.ClientResponse, limit: int) -> bytes:
    """Read a body to its end, or to the first chunk beyond the limit: then aiohttp closes the connection."""
    content = reply.content
    if isinstance(reply, GuardedResponse) and content.is_eof() and content.total_bytes <= limit:
        return content.read_nowait()  # it came together with the headers, as nearly all do
    chunks: list[bytes] = []
    size = 0
    while chunk := await content.readany():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            break
    return b"".join(chunks)


def _is_repeated(handler: GuardedHandler, request: HttpRequest, reply: aiohttp.ClientResponse, body: bytes) -> bool:
    """Return whether a reply is an earlier one of its connection, sent again. Such a connection is closed.

    The real reply may be still to come, and would become the reply to the next request. Two replies with the same
    request id and body are one. If both requests were attempts of one call, the API may have replayed its result: then
    it is the reply to both. An error is none, even then: the attempt after a 401 or a 503 may have been carried out.
    """
    handler.has_replied = True
    request_id = reply.headers.get(REQUEST_ID_HEADER)
    if request_id is None:
        return False
    key = request.idempotency_key
    call = (request.method, request.url, key)
    # A checksum of the body takes a quarter of the time of its hash, and the request id has to be the same too.
    earlier = handler.remember_reply((request_id, len(body), crc32(body)), call)
    if earlier is None:
        return False
    handler.close()
    return key is None or earlier != hash(call) or reply.status >= HTTPStatus.BAD_REQUEST


def _build_response(
    reply: aiohttp.ClientResponse,
    body: bytes,
    limit: int,
    is_first: bool = True,
    discard: Callable[[], None] = do_nothing,
) -> HttpResponse:
    headers = Headers({name.lower(): value for name, value in reply.headers.items()})
    truncated = len(body) > limit
    if truncated:
        body = body[:limit]
    elif coding := headers.get("content-encoding"):
        # If that fails, the body as received: better than no reply, and some servers do not compress what they say.
        with suppress(CorruptEncoding):
            body, truncated = decompress(body, coding, limit)
    return HttpResponse(
        status=reply.status, headers=headers, body=body, truncated=truncated, is_first=is_first, discard=discard
    )


# aiohttp's own texts are not used: they may contain URLs, headers and bytes of the reply. The first line that fits
# counts. `{where}` is the host and port that could not be used: the server's, or those of a proxy.
_REASONS: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...]] = (
    (aiohttp.ClientConnectorDNSError, "the host name {host} could not be resolved"),
    (aiohttp.ClientProxyConnectionError, "the proxy {where} could not be reached"),
    (
        aiohttp.ClientConnectorCertificateError,
        (
            "{where}: its TLS certificate was not accepted: it is not trusted, expired, or for another host (for a "
            "private certificate authority pass an ssl_context)"
        ),
    ),
    (
        (aiohttp.ClientSSLError, ssl.SSLError),
        "the TLS handshake with {where} failed (if it requires a client certificate, pass an ssl_context)",
    ),
    (TimeoutError, "{where} took too long"),
    ((aiohttp.ServerDisconnectedError, ConnectionResetError), "{where} closed the connection"),
    (aiohttp.ClientConnectorError, "{where} could not be reached ({system})"),
    (aiohttp.ClientPayloadError, "the reply of {where} broke off"),
)


def _describe(error: Exception, url: URL) -> str:
    """Describe a failure. Of the addresses, it names only host and port, and no user or password of a proxy."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return _proxy_refusal(error.status)
    system, error = _system_text(error), _cause_of_reset(error)
    # Errors of a connection have the address that was connected to, which may be that of a proxy.
    host, port = getattr(error, "host", url.host), getattr(error, "port", url.port)
    default = "the exchange with {where} failed ({system})"
    text = next((text for kinds, text in _REASONS if isinstance(error, kinds)), default)
    return text.format(host=host, where=_address(host, port), system=system)


def _system_text(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    return type(error).__name__ if number is None else os.strerror(number).lower()


def _cause_of_reset(error: Exception) -> Exception:
    """Return another error if the server closed the connection in the TLS handshake; aiohttp's does not say it."""
    was_reset = isinstance(error.__cause__, ConnectionResetError)
    return ConnectionResetError() if was_reset and isinstance(error, aiohttp.ClientConnectorError) else error


def _address(host: str | None, port: int | None) -> str:
    host = host or "the server"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _proxy_refusal(status: int) -> str:
    return f"the proxy refused to connect to the API (status {status})"
