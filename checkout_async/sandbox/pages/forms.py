"""Forms that a browser posts: their fields by name, and the EMV 3DS messages in them.

Browsers post the messages of EMV 3DS 2.2 as `application/x-www-form-urlencoded`; anything else is refused with a page
that says why. A message is JSON in base64url; the standard alphabet and padding are accepted, too.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from checkout_async.sandbox.core.payload import JsonObject, is_object
from checkout_async.sandbox.pages.html import error_page

FormFields = Mapping[str, str]

_FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 50
_MAX_MESSAGE_LENGTH = 8192


class FormError(ValueError):
    """A form or one of its fields cannot be read; the text says why."""


def read_message(name: str, value: str | None) -> JsonObject:
    """Decode the EMV 3DS message in the form field `name`; raises FormError."""
    if not value or len(value) > _MAX_MESSAGE_LENGTH:
        raise FormError(f"the form field {name} is missing, empty or too long")
    standard = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        raw = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
        message: object = msgspec.json.decode(raw)
    except (binascii.Error, ValueError, RecursionError):
        raise FormError(f"the form field {name} is not base64url of JSON") from None
    if not is_object(message):
        raise FormError(f"the form field {name} is not base64url of a JSON object")
    return message


def with_form(
    handler: Callable[[web.Request, FormFields], Awaitable[web.StreamResponse]],
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Call a handler with the fields of the posted form; a FormError, also of the handler, becomes a page with 400."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request, _fields(request.content_type, await request.read()))
        except FormError as error:
            return error_page(str(error))

    return handle


def _fields(content_type: str, body: bytes) -> dict[str, str]:
    if content_type != _FORM:
        raise FormError(f"the body must be a form, {_FORM}")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError:
        raise FormError("the form is not UTF-8, or has too many fields") from None
