"""Forms that a browser posts: their fields by name, or a page that says why they cannot be read.

Browsers post the messages of EMV 3DS 2.2 as `application/x-www-form-urlencoded`; nothing else is taken.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

from aiohttp import web

from checkout_async.sandbox.pages.messages import BadMessage
from checkout_async.sandbox.pages.page import problem

Fields = Mapping[str, str]

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 50


def taking_fields(
    handler: Callable[[web.Request, Fields], Awaitable[web.StreamResponse]],
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Give a handler the fields of the form; a BadMessage, of the form or of the handler, becomes a page with 400."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request, _fields(request.content_type, await request.read()))
        except BadMessage as bad:
            return problem(str(bad))

    return handle


def _fields(content_type: str, body: bytes) -> dict[str, str]:
    if content_type != _FORM:
        raise BadMessage(f"the body must be a form, {_FORM}")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise BadMessage("the form is not UTF-8, or has too many fields") from None
