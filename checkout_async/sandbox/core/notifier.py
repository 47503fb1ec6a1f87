"""Messages to the merchant: a JSON POST to an endpoint, which has to answer 2XX."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp
import msgspec

from checkout_async.sandbox.core.payload import JsonObject


def is_web_address(url: str) -> bool:
    """Return whether this is an http or https address with a host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


class Notifier:
    """Sends over one HTTP session; each request may take `timeout` seconds of real time and follows no redirect."""

    def __init__(self, timeout: float) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._http: aiohttp.ClientSession | None = None

    async def deliver(self, url: str, body: JsonObject) -> bool:
        """POST the body once; return whether the endpoint answered 2XX in time."""
        return await self.post(url, msgspec.json.encode(body), {})

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> bool:
        """POST encoded JSON with further headers once; return whether the endpoint answered 2XX in time."""
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar())
        headers = {"Content-Type": "application/json", **headers}
        try:
            async with self._http.post(url, data=body, headers=headers, allow_redirects=False) as reply:
                return 200 <= reply.status < 300
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False

    async def close(self) -> None:
        """Close the HTTP session."""
        if self._http is not None:
            await self._http.close()
            self._http = None
