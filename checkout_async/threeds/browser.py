"""Browser channel data: request headers, the cardholder's address, and the values that a script reads in the browser.

Lengths are those of the specification; what is longer is cut, as EMV 3DS 2.2 says for browserAcceptHeader and
browserUserAgent. What a browser reports is its own claim and only checked for its form. The script needs no permission
but `script-src`; serve it as a file, or with a nonce. It evaluates nothing and sends nothing by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import UNSET

from checkout_async.errors import MalformedMessage
from checkout_async.models import sessions
from checkout_async.threeds.address import Network, client_address
from checkout_async.threeds.emv.encoding import parse_json

__all__ = ["BROWSER_SCRIPT", "BrowserValues", "browser_channel_data", "read_browser_values"]

BROWSER_SCRIPT: Final = """\
// Values for EMV 3-D Secure. threeDSBrowser() returns them; every <input name="threeds_browser"> gets them as JSON.
"use strict";
function threeDSBrowser() {
  return {
    language: navigator.language,
    colorDepth: screen.colorDepth,
    screenHeight: screen.height,
    screenWidth: screen.width,
    timezoneOffset: new Date().getTimezoneOffset(),
    javaEnabled: typeof navigator.javaEnabled === "function" && navigator.javaEnabled(),
  };
}
(function () {
  function fill() {
    document.querySelectorAll('input[name="threeds_browser"]').forEach(function (input) {
      input.value = JSON.stringify(threeDSBrowser());
    });
  }
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", fill);
  } else {
    fill();
  }
})();
"""
"""JavaScript, ECMAScript 5. It holds no data, so it may be cached and allowed by its hash."""


_WHAT: Final = "browser values"
_LONGEST_VALUES: Final = 2048

# EMV 3DS 2.2, browserColorDepth; displays with 30 bits count as the next lower depth.
_COLOR_DEPTHS: Final = (1, 4, 8, 15, 16, 24, 32, 48)
_USUAL_COLOR_DEPTH: Final = 24
_LARGEST_SCREEN: Final = 999_999
# UTC-12 to UTC+14 are in use; a day either way is what can be meant.
_LARGEST_OFFSET: Final = 24 * 60

_LANGUAGE = re.compile(r"[A-Za-z0-9]{1,8}(?:-[A-Za-z0-9]{1,8})*")


class BrowserValues(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What `BROWSER_SCRIPT` reads. `timezone_offset` is in minutes, positive where local time is behind UTC."""

    language: str | None = None
    color_depth: float = _USUAL_COLOR_DEPTH
    screen_height: float
    screen_width: float
    timezone_offset: float
    java_enabled: bool = False

    def __post_init__(self) -> None:
        for name in ("screen_height", "screen_width"):
            if not 0 <= getattr(self, name) <= _LARGEST_SCREEN:
                raise ValueError(f"{name} is no size in pixels")
        if not abs(self.timezone_offset) <= _LARGEST_OFFSET:
            raise ValueError("timezone_offset is no offset in minutes")


_values = msgspec.json.Decoder(BrowserValues)


def read_browser_values(text: str | bytes | None) -> BrowserValues | None:
    """Read the script's values from JSON; None for an empty text: the script did not run.

    Raises MalformedMessage for anything else.
    """
    if not text or not text.strip():
        return None
    if len(text) > _LONGEST_VALUES:
        raise MalformedMessage(_WHAT, f"is longer than {_LONGEST_VALUES} characters")
    return parse_json(_values, text, _WHAT)


def browser_channel_data(
    headers: Mapping[str, str],
    peer: str,
    values: BrowserValues | None,
    *,
    trusted_proxies: Iterable[str | Network] = (),
    method_completion: sessions.ThreeDsMethodCompletion | None = None,
) -> sessions.BrowserChannelData:
    """Return channel data from the cardholder's request.

    `headers` of the request to the merchant's server, in any letter case; `peer` the address at the other end of its
    connection; `trusted_proxies` the networks whose `X-Forwarded-For` is believed. Without `values` the browser counts
    as one that runs no script: the API asks for screen and timezone all the same, and gets zeros.
    Raises MalformedMessage where the request has no `User-Agent` or `peer` is no address.
    """
    sent = _joined(headers)
    if not (user_agent := sent.get("user-agent", "").strip()):
        raise MalformedMessage("User-Agent", "the request has no such header; a browser always sends it")
    seen = values or BrowserValues(screen_height=0, screen_width=0, timezone_offset=0)
    hints = sent.get("sec-ch-ua")
    return sessions.BrowserChannelData(
        # A request without the header takes anything (RFC 9110 section 12.5.1).
        accept_header=_cut("accept_header", sent.get("accept") or "*/*"),
        java_enabled=seen.java_enabled,
        javascript_enabled=values is not None,
        language=_language(seen.language, sent.get("accept-language", "")),
        color_depth=_color_depth(seen.color_depth),
        screen_height=str(round(seen.screen_height)),
        screen_width=str(round(seen.screen_width)),
        timezone=str(round(seen.timezone_offset)),
        user_agent=_cut("user_agent", user_agent),
        ip_address=client_address(peer, sent.get("x-forwarded-for", ""), trusted_proxies),
        three_ds_method_completion=UNSET if method_completion is None else method_completion,
        user_agent_client_hint=_encodable(hints) if hints else UNSET,
    )


def _joined(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers by lower-case names, lines of one name joined (RFC 9110 section 5.3)."""
    joined: dict[str, str] = {}
    for name, value in headers.items():
        key = str(name).lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined


def _limits() -> dict[str, int]:
    """Return the longest lengths that the specification allows, by field."""
    info = msgspec.inspect.type_info(sessions.BrowserChannelData)
    assert isinstance(info, msgspec.inspect.StructType)
    types = {field.name: field.type for field in info.fields}
    return {
        name: kind.max_length
        for name, kind in types.items()
        if isinstance(kind, msgspec.inspect.StrType) and kind.max_length is not None
    }


_LIMITS: Final = _limits()


def _cut(name: str, text: str) -> str:
    return _encodable(text)[: _LIMITS[name]]


def _encodable(text: str) -> str:
    """Replace what a server's decoding of odd bytes may have left: text that cannot be written as UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _language(reported: str | None, accepted: str) -> str:
    """Return the browser's language: as reported, else the first that the request accepts, else English."""
    for candidate in (reported or "", accepted.partition(",")[0].partition(";")[0].strip()):
        if _LANGUAGE.fullmatch(candidate):
            return _shortened(candidate)
    return "en"


def _shortened(tag: str) -> str:
    """Leave out trailing subtags until the tag fits: what is left is a more general language (RFC 4647)."""
    while len(tag) > _LIMITS["language"]:
        tag = tag.rpartition("-")[0]
    return tag


def _color_depth(reported: float) -> str:
    """Return the greatest allowed depth that is not above the reported one."""
    return str(max((depth for depth in _COLOR_DEPTHS if depth <= reported), default=_COLOR_DEPTHS[0]))
