"""Everything that uses a socket: the aiohttp adapter, and the pipeline of policies around it.

A `Transport` of your own replaces aiohttp: pass it as `CheckoutClient(transport=...)`. It gets an `HttpRequest`, with
its credential, and returns an `HttpResponse`.
"""

from __future__ import annotations

from checkout_async._core.wire import HttpRequest, HttpResponse, Transport

__all__ = ["HttpRequest", "HttpResponse", "Transport"]
