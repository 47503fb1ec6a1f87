"""Browser channel data: request headers, the cardholder's address, and the values that a script reads in the browser.

The specification sets the maximum lengths; longer values are truncated, as EMV 3DS 2.2 requires for browserAcceptHeader
and browserUserAgent. The browser's values are its own claims: only their format is checked. The script needs no
permission except `script-src`; serve it as a file, or with a nonce. It evaluates nothing and sends nothing by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from checkout_async._core.body import documented_lengths
from checkout_async.errors import MalformedMessage
from checkout_async.models import sessions
from checkout_async.redaction import clears_frames
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
"""JavaScript (ECMAScript 5). It contains no data, so it may be cached and allowed by its hash."""


_NAME: Final = "browser values"
_MAX_VALUES_LENGTH: Final = 2048

# EMV 3DS 2.2, browserColorDepth. A depth in between, such as 30 bits, counts as the next lower one.
_COLOR_DEPTHS: Final = (1, 4, 8, 15, 16, 24, 32, 48)
_DEFAULT_COLOR_DEPTH: Final = 24
_MAX_SCREEN: Final = 999_999
# In minutes. UTC-12 to UTC+14 are in use; more than a day in either direction cannot be meant.
_MAX_OFFSET: Final = 24 * 60

_LANGUAGE = re.compile(r"[A-Za-z0-9]{1,8}(?:-[A-Za-z0-9]{1,8})*")


class BrowserValues(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The values that `BROWSER_SCRIPT` reads.

    Sizes are in CSS pixels. `timezone_offset` is in minutes, positive if local time is behind UTC.
    """

    language: str | None = None
    color_depth: float = _DEFAULT_COLOR_DEPTH
    screen_height: float
    screen_width: float
    timezone_offset: float
    java_enabled: bool = False

    @clears_frames
    def __post_init__(self) -> None:
        for name in ("screen_height", "screen_width"):
            if not 0 <= getattr(self, name) <= _MAX_SCREEN:
                raise ValueError(f"{name} is not a size in pixels")
        if not abs(self.timezone_offset) <= _MAX_OFFSET:
            raise ValueError("timezone_offset is not an offset in minutes")


_values = msgspec.json.Decoder(BrowserValues)


@clears_frames
def read_browser_values(text: str | bytes | None) -> BrowserValues | None:
    """Read the script's values from JSON. Return None for an empty text, which means that the script did not run.

    Raises MalformedMessage for anything else.
    """
    if not text or not text.strip():
        return None
    if len(text) > _MAX_VALUES_LENGTH:
        raise MalformedMessage(_NAME, f"is longer than {_MAX_VALUES_LENGTH} characters")
    return parse_json(_values, text, _NAME)


@clears_frames
def browser_channel_data(
    headers: Mapping[str, str],
    peer: str,
    values: BrowserValues | None,
    *,
    trusted_proxies: Iterable[str | Network] = (),
    method_completion: sessions.ThreeDsMethodCompletion | None = None,
) -> sessions.BrowserChannelData:
    """Return channel data from the cardholder's request to the merchant's server.

    `headers` are the request's, in any letter case. `peer` is the address at the other end of its connection.
    `trusted_proxies` are the networks whose `X-Forwarded-For` counts. Without `values`, the channel data say that the
    browser runs no JavaScript, and contain zeros for the screen and time zone, which the API requires anyway.
    Raises MalformedMessage if the request has no `User-Agent`, or if `peer` or what a trusted proxy wrote into
    `X-Forwarded-For` is not an address.
    """
    sent = _merge_headers(headers)
    if not (user_agent := sent.get("user-agent", "").strip()):
        raise MalformedMessage("User-Agent", "the request has no such header; a browser always sends it")
    reported = values or BrowserValues(screen_height=0, screen_width=0, timezone_offset=0)
    hints = sent.get("sec-ch-ua")
    return sessions.BrowserChannelData(
        # A request without the header accepts any media type (RFC 9110 section 12.5.1).
        accept_header=_truncate("accept_header", sent.get("accept") or "*/*"),
        java_enabled=reported.java_enabled,
        javascript_enabled=values is not None,
        language=_choose_language(reported.language, sent.get("accept-language", "")),
        color_depth=_nearest_color_depth(reported.color_depth),
        screen_height=str(round(reported.screen_height)),
        screen_width=str(round(reported.screen_width)),
        timezone=str(round(reported.timezone_offset)),
        user_agent=_truncate("user_agent", user_agent),
        ip_address=client_address(peer, sent.get("x-forwarded-for", ""), trusted_proxies),
        three_ds_method_completion=method_completion,
        user_agent_client_hint=_replace_surrogates(hints) if hints else None,
    )


def _merge_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers by lower-case name; lines of the same name are joined (RFC 9110 section 5.3)."""
    merged: dict[str, str] = {}
    for name, value in headers.items():
        key = str(name).lower()
        merged[key] = f"{merged[key]}, {value}" if key in merged else value
    return merged


def _longest(name: str) -> int:
    """Return the maximum length that the specification allows for a member."""
    return documented_lengths(sessions.BrowserChannelData)[name]


def _truncate(name: str, text: str) -> str:
    return _replace_surrogates(text)[: _longest(name)]


def _replace_surrogates(text: str) -> str:
    """Replace lone surrogates, which a server may produce from invalid bytes and which UTF-8 cannot encode."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _choose_language(reported: str | None, accepted: str) -> str:
    """Return the language that the browser reported, else the first that the request accepts, else English."""
    for candidate in (reported or "", accepted.partition(",")[0].partition(";")[0].strip()):
        if _LANGUAGE.fullmatch(candidate):
            return _shorten_tag(candidate)
    return "en"


def _shorten_tag(tag: str) -> str:
    """Remove trailing subtags until the tag fits; the rest is a more general language (RFC 4647)."""
    while len(tag) > _longest("language"):
        tag = tag.rpartition("-")[0]
    return tag


def _nearest_color_depth(reported: float) -> str:
    """Return the greatest allowed depth that does not exceed the reported one."""
    return str(max((depth for depth in _COLOR_DEPTHS if depth <= reported), default=_COLOR_DEPTHS[0]))
