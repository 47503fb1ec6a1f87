"""Translates aiohttp's exceptions: what they prove, and the reason in words that contain nothing of the exchange."""

from __future__ import annotations

import os
import ssl
from typing import Final

import aiohttp
from yarl import URL

from checkout_async._core.wire import HttpRequest
from checkout_async.errors import ConnectFailed, OutcomeUnknown, TransportError

__all__ = ["proxy_refusal", "translate_error"]

# aiohttp raises these only while it has no connection to the server, so no byte of the request was sent.
_NOT_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
    aiohttp.ServerFingerprintMismatch,
)


def translate_error(error: Exception, request: HttpRequest, *, was_not_sent: bool, reason: str = "") -> TransportError:
    """Return ConnectFailed if it is proved that no byte of the request was sent, else OutcomeUnknown.

    `reason` is what the caller knows of the failure; without one, the exception says it.
    """
    reason = reason or _describe(error, URL(request.url, encoded=True))
    if was_not_sent or isinstance(error, _NOT_SENT):
        return ConnectFailed(f"no connection: {reason}; nothing was sent", reason=reason)
    return OutcomeUnknown(f"no reply: {reason}; the request may have been carried out", reason=reason)


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
        return proxy_refusal(error.status)
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


def proxy_refusal(status: int) -> str:
    """Return the reason for a connection that a proxy did not make."""
    return f"the proxy refused to connect to the API (status {status})"
