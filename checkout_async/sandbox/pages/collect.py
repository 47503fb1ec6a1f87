"""Browser data as the hosted page collects them: its script fills a form, the request that posts it tells the rest.

Lengths and meaning are those of EMV 3DS 2.2: headers are cut, a colour depth of 30 counts as the next lower one.
"""

from __future__ import annotations

from aiohttp import web

from checkout_async.sandbox.core.payload import JsonObject, present
from checkout_async.sandbox.pages.forms import Fields

_TEXTS = ("language", "color_depth", "screen_height", "screen_width", "timezone")
_FLAGS = ("java_enabled", "javascript_enabled")
FIELDS = (*_FLAGS, *_TEXTS)
"""Names of the form's fields that the script fills."""
_LONGEST_HEADER = 2048
_TRUTH: dict[str, object] = {"true": True, "false": False}

SCRIPT = """
const seen = {
  java_enabled: typeof navigator.javaEnabled === 'function' && navigator.javaEnabled(),
  javascript_enabled: true,
  language: navigator.language.length > 12 ? navigator.language.split('-')[0] : navigator.language,
  color_depth: [48, 32, 24, 16, 15, 8, 4, 1].find(depth => depth <= screen.colorDepth),
  screen_height: screen.height,
  screen_width: screen.width,
  timezone: new Date().getTimezoneOffset(),
};
for (const [name, value] of Object.entries(seen)) document.getElementById('data').elements[name].value = value;
"""


def channel_data(request: web.Request, posted: Fields, completion: str) -> JsonObject:
    """Write channel data, unchecked, from what the page posted and the headers and address it came with."""
    data: dict[str, object | None] = {
        "channel": "browser",
        # A request without the header takes anything (RFC 9110 section 12.5.1).
        "accept_header": _header(request, "Accept") or "*/*",
        "user_agent": _header(request, "User-Agent"),
        "user_agent_client_hint": _header(request, "Sec-CH-UA"),
        "ip_address": request.remote,
        "three_ds_method_completion": completion,
    }
    data |= {name: posted.get(name) for name in _TEXTS}
    data |= {name: _TRUTH.get(posted.get(name, ""), posted.get(name)) for name in _FLAGS}
    return present(data)


def _header(request: web.Request, name: str) -> str | None:
    """Read a header, with bytes that are no UTF-8 replaced."""
    value = request.headers.get(name)
    return None if value is None else value.encode("utf-8", "replace").decode()[:_LONGEST_HEADER]
