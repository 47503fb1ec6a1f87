"""Reads replies from aiohttp: their bodies up to a limit, and whether one is an earlier reply that is sent again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from zlib import crc32

import aiohttp

from checkout_async._core.content_encoding import CorruptEncoding, decompress
from checkout_async._core.wire import HttpRequest, HttpResponse, do_nothing
from checkout_async._generated.facts import REQUEST_ID_HEADER
from checkout_async.redaction import Headers
from checkout_async.transport.guards import GuardedHandler, GuardedResponse

__all__ = ["build_response", "is_repeated", "read_capped"]


async def read_capped(reply: aiohttp.ClientResponse, limit: int) -> bytes:
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


def is_repeated(handler: GuardedHandler, request: HttpRequest, reply: aiohttp.ClientResponse, body: bytes) -> bool:
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


def build_response(
    reply: aiohttp.ClientResponse,
    body: bytes,
    limit: int,
    is_first: bool = True,
    discard: Callable[[], None] = do_nothing,
) -> HttpResponse:
    """Return a reply with its body unpacked. What is beyond the limit is cut off."""
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
