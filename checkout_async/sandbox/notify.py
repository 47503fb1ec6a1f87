"""The completion callback: one JSON POST to the merchant's endpoint, which must be answered with 2XX."""

from __future__ import annotations

import aiohttp
import msgspec

from checkout_async.sandbox.payload import JsonObject


class Notifier:
    """Delivers callbacks over one HTTP session; each has `timeout` seconds of real time and follows no redirect."""

    def __init__(self, timeout: float) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._http: aiohttp.ClientSession | None = None

    async def deliver(self, url: str, body: JsonObject) -> bool:
        """POST the body once; whether the endpoint answered 2XX in time."""
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar())
        headers = {"Content-Type": "application/json"}
        try:
            async with self._http.post(
                url, data=msgspec.json.encode(body), headers=headers, allow_redirects=False
            ) as reply:
                return 200 <= reply.status < 300
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False

    async def close(self) -> None:
        """Close the HTTP session."""
        if self._http is not None:
            await self._http.close()
            self._http = None
