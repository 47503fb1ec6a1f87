"""Messages to the merchant: a JSON POST to an endpoint, which has to answer 2XX."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from checkout_async.sandbox.core.payload import JsonObject

_log = logging.getLogger("checkout_async.sandbox")
_ONLY_LOOPBACK = (
    "callbacks go to http and https at loopback addresses; remote_callbacks (--remote-callbacks) allows other addresses"
)


def is_web_address(url: str) -> bool:
    """Return whether this is an http or https address with a host, and perhaps a port."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
        # Both raise UnicodeError for a label that is too long, empty, or begins with `xn--` and cannot be decoded.
        host.encode("idna").decode("idna")
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(host)


def _parsed(url: str) -> URL | None:
    """Return the http or https address as it is connected to, or None.

    aiohttp connects to the host that yarl reads, with digits of any script as ASCII, and resolves no address.
    """
    try:
        return URL(url) if is_web_address(url) else None
    except ValueError:
        return None


class Notifier:
    """Sends over one HTTP session; each request may take `timeout` seconds of real time and follows no redirect.

    With `loopback_only` it connects to loopback addresses only. Otherwise a program that can reach the sandbox could
    have it post to any machine that this one reaches. `sockets` are those that are open.
    """

    def __init__(self, timeout: float, *, loopback_only: bool) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._loopback_only = loopback_only
        self._http: aiohttp.ClientSession | None = None
        self.sockets: WeakSet[socket.socket] = WeakSet()

    async def deliver(self, url: str, body: JsonObject) -> bool:
        """POST the body once; return whether the endpoint answered 2XX in time."""
        return await self.post(url, msgspec.json.encode(body), {})

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> bool:
        """POST encoded JSON with further headers once; return whether the endpoint answered 2XX in time."""
        target = _parsed(url)
        if target is None or (self._loopback_only and _is_remote_address(target.host or "")):
            _log.warning("nothing was sent to a callback URL: %s", _ONLY_LOOPBACK)
            return False
        headers = {"Content-Type": "application/json", **headers}
        try:
            async with self._session().post(target, data=body, headers=headers, allow_redirects=False) as reply:
                return 200 <= reply.status < 300
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False

    async def close(self) -> None:
        """Close the HTTP session."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            resolver = _LoopbackResolver() if self._loopback_only else None
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=resolver, socket_factory=self._create_socket),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._http

    def _create_socket(self, address: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, *_ = address
        created = socket.socket(family, kind, protocol)
        self.sockets.add(created)
        return created


class _LoopbackResolver(AbstractResolver):
    """Resolves names, and fails for one with an address elsewhere: what was checked is what is connected to."""

    def __init__(self) -> None:
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if any(_is_remote_address(each["host"]) for each in found):
            _log.warning("nothing was sent to %s: %s", host, _ONLY_LOOPBACK)
            raise OSError(f"{host} is not a loopback address")
        return found

    async def close(self) -> None:
        await self._resolver.close()


def _is_remote_address(host: str) -> bool:
    """Return whether a host is an address, not a name, and not a loopback one."""
    try:
        return not ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
