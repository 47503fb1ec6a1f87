"""The one place that knows aiohttp: bytes out, bytes in, its exceptions translated. No policy lives here.

Habits of aiohttp that are switched off: it resends a PUT, GET or DELETE by itself when a kept connection turns out to
be closed; it follows redirects, which would carry the credential to another host; it keeps cookies; it reads a body
without end, and gives up the reply over one that was compressed wrongly.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from http import HTTPStatus
from types import SimpleNamespace
from typing import Final

import aiohttp
from yarl import URL

from checkout_async._core.content_encoding import ACCEPTED, CorruptEncoding, decompress
from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.config import Limits, Timeouts, require_type
from checkout_async.errors import ConfigurationError, ConnectFailed, OutcomeUnknown, TransportError
from checkout_async.transport.connector import clean_connector
from checkout_async.transport.proxies import Proxies

__all__ = ["AiohttpTransport"]

# Connections could not be made: whatever the phase says, no byte of the request left.
_NOT_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
    aiohttp.ServerFingerprintMismatch,
)


class AiohttpTransport:
    """HTTP over one aiohttp session, opened at the first request and owned by this object.

    `ssl_context` brings private certificate authorities or a client certificate; it has to verify servers. `proxy` is
    the URL of an HTTP proxy for all requests; `proxies_from_env` reads HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY
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
        self._limits = limits
        self._ssl = None if ssl_context is None else _verifying(ssl_context)
        self._proxies = Proxies(proxy, from_env=proxies_from_env)
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def send(self, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
        """Exchange one request for one response. Raises ConnectFailed or OutcomeUnknown, and nothing of aiohttp."""
        try:
            found = await self._exchanged(request, timeouts)
        except asyncio.CancelledError as cancelled:
            # Without aiohttp's frames, whose local variables are parts of the reply.
            cancelled.__context__ = None
            raise cancelled.with_traceback(None)  # noqa: B904 - the same one
        # Raised outside the handler: aiohttp's errors hold the request's headers, and with them the credential.
        if isinstance(found, TransportError):
            raise found
        return found

    async def _exchanged(self, request: HttpRequest, timeouts: Timeouts) -> HttpResponse | TransportError:
        phase = SimpleNamespace(sending=False)
        url = URL(request.url, encoded=True)
        # aiohttp would round what is longer than its threshold up to whole seconds, past the caller's deadline.
        limit = aiohttp.ClientTimeout(total=timeouts.attempt, connect=timeouts.connect, ceil_threshold=math.inf)
        try:
            async with self._opened().request(
                request.method,
                url,
                data=request.body,
                headers=request.headers,
                allow_redirects=False,
                proxy=self._proxies.proxy_for(url),
                timeout=limit,
                trace_request_ctx=phase,
            ) as reply:
                if self._is_of_proxy(reply):
                    return ConnectFailed(f"no connection: {_refused_by_proxy(reply.status)}; nothing was sent to it")
                body = await _beginning(reply, self._limits.response_size)
                return _response(reply, body, self._limits.response_size)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, RuntimeError) as error:
            return _translated(error, sending=phase.sending)

    async def aclose(self) -> None:
        """Close the session and its connections for good."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _is_of_proxy(self, reply: aiohttp.ClientResponse) -> bool:
        """Tell whether a proxy wants a password before it forwards; through a tunnel the reply is the server's own."""
        wants_password = reply.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED and reply.url.scheme == "http"
        return wants_password and self._proxies.proxy_for(reply.url) is not None

    def _opened(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._closed:
            raise ConfigurationError("the client was closed; nothing was sent")
        if self._loop not in {None, loop}:
            raise ConfigurationError("the client was used in another event loop; make one for each loop")
        if self._session is None:
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=clean_connector(keepalive=self._limits.keepalive, ssl_context=self._ssl),
                auto_decompress=False,
                headers={"Accept-Encoding": ACCEPTED},
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                trace_configs=[_sending_trace()],
                # Not in our headers: what the pipeline set is what is sent.
                skip_auto_headers=("User-Agent", "Content-Type"),
            )
            # aiohttp offers no public switch; its own test client does the same.
            setattr(self._session, "_retry_connection", False)  # noqa: B010
        return self._session


def _verifying(context: ssl.SSLContext) -> ssl.SSLContext:
    """Refuse a context that would take any server for the API."""
    require_type("ssl_context", context, ssl.SSLContext)
    if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
        raise ConfigurationError(
            "ssl_context must verify certificates and host names: verification cannot be turned off; for a private "
            "certificate authority use ssl.create_default_context(cafile=...)"
        )
    return context


async def _beginning(reply: aiohttp.ClientResponse, limit: int) -> bytes:
    """Read a body to its end or somewhat past the limit, where its connection is given up."""
    chunks: list[bytes] = []
    size = 0
    while chunk := await reply.content.readany():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            reply.close()
            break
    return b"".join(chunks)


def _response(reply: aiohttp.ClientResponse, body: bytes, limit: int) -> HttpResponse:
    headers = {name.lower(): value for name, value in reply.headers.items()}
    coding = headers.get("content-encoding", "") if len(body) <= limit else ""
    try:
        whole, is_cut = decompress(body, coding, limit)
    except CorruptEncoding:
        # As received: it is still worth more than no reply, and some servers only say that they compressed.
        whole, is_cut = body, False
    return HttpResponse(status=reply.status, headers=headers, body=whole, truncated=is_cut)


def _sending_trace() -> aiohttp.TraceConfig:
    """Note in the request's context that it begins to be written: from there on it may have arrived."""

    async def sending(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.sending = True

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(sending)
    return trace


def _translated(error: Exception, *, sending: bool) -> TransportError:
    if isinstance(error, _NOT_SENT) or not sending:
        return ConnectFailed(f"no connection: {_cause(error)}; nothing was sent")
    return OutcomeUnknown(f"no reply: {_cause(error)}; the request may have been carried out")


def _cause(error: Exception) -> str:
    """Name the failure without the library's text, which may hold URLs, headers and bytes of the reply."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return _refused_by_proxy(error.status)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return "the proxy could not be reached"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return (
            "the server's TLS certificate was not accepted: not trusted, expired, or for another host (bring a private "
            "certificate authority as ssl_context)"
        )
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "TLS could not be agreed on (a server that wants a client certificate gets it from ssl_context)"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the host name could not be resolved"
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "it took too long"
    if isinstance(error, aiohttp.ClientOSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError) or _was_reset(error):
        return "the server closed the connection"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the reply broke off"
    return f"the exchange failed ({type(error).__name__})"


def _refused_by_proxy(status: int) -> str:
    return f"the proxy refused to connect to the API (status {status})"


def _was_reset(error: Exception) -> bool:
    """Tell whether the server ended the connection in the TLS handshake; asyncio's error has no text then."""
    return isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.__cause__, ConnectionError)
