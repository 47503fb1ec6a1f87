"""Whole pages for the cardholder's browser, each with the headers to send: the 3DS Method, the challenge, a redirect.

They need no files and no script of the shop. Their styles and scripts are constants, which the Content-Security-Policy
among the headers allows by a nonce. Colours have a contrast of 4.5:1 or more in light and dark (WCAG 2.2, 1.4.3).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from html import escape
from typing import ClassVar, Final

from checkout_async.errors import MalformedMessage
from checkout_async.redaction import SecretStruct, clears_frames
from checkout_async.threeds.emv.html import (
    FormPost,
    challenge_iframe,
    content_security_policy,
    method_iframe,
    new_nonce,
    require_nonce,
    self_submitting_form,
    url_problem,
)
from checkout_async.threeds.emv.messages import WindowSize

__all__ = ["ThreeDSPage", "challenge_page", "leave_iframe_page", "method_page", "redirect_page"]

# Not `//host`, nor a backslash, which browsers read as a slash: both lead to another host.
_PATH: Final = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")

_STYLES: Final = """\
:root{color-scheme:light dark;--ink:#1c2430;--paper:#fff;--line:#8a94a3;--accent:#12694f;--on-accent:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e8ecf3;--paper:#14191d;--line:#7a8794;--accent:#3fae8a;--on-accent:#08120e}}
*{box-sizing:border-box}
body{margin:0;font:1rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
main{max-width:40rem;margin:0 auto;padding:1.25rem;text-align:center}
h1{font-size:1.4rem;margin:0 0 .75rem}
p{margin:0 0 1rem}
iframe:not([hidden]){display:block;max-width:100%;margin:0 auto;border:1px solid var(--line);border-radius:.5rem}
button,.button{display:inline-block;padding:.75rem 1.5rem;font:inherit;color:var(--on-accent);background:var(--accent);
border:0;border-radius:.5rem;text-decoration:none;cursor:pointer}
.spinner{width:2.5rem;height:2.5rem;margin:1.5rem auto;border:.3rem solid var(--line);border-top-color:var(--accent);
border-radius:50%;animation:turn 1s linear infinite}
@keyframes turn{to{transform:rotate(1turn)}}
@media(prefers-reduced-motion:reduce){.spinner{animation-duration:8s}}
"""
_SPINNER: Final = '<div class="spinner" aria-hidden="true"></div>'
_LEAVE: Final = "top.location.replace(document.currentScript.dataset.to);"


class ThreeDSPage(SecretStruct, frozen=True):
    """A page for the cardholder's browser. Send `html` with the status 200 and these `headers`."""

    __hidden__: ClassVar[tuple[str, ...]] = ("headers", "html")

    html: str
    headers: Mapping[str, str]


@clears_frames
def method_page(
    form: FormPost,
    *,
    seconds: float | None = None,
    title: str = "One moment",
    text: str = "We are asking your bank. This takes up to ten seconds.",
    button: str = "Continue",
    language: str = "en",
    css: str = "",
    nonce: str | None = None,
) -> ThreeDSPage:
    """Return the page that runs the 3DS Method in an invisible iframe.

    The page loads its own URL again after so many `seconds`, the driver's `time_left`: then the next step is due.
    `title`, `text` and `button` are in the `language`, a BCP 47 tag. `button` is shown where no scripts run. `css` is
    added to the styles. Raises ConfigurationError for a malformed nonce; without one, the page has one of its own.
    """
    nonce = new_nonce() if nonce is None else require_nonce(nonce)
    content = f"{_status(text)}{_SPINNER}{method_iframe(form, title=title, button=button, nonce=nonce)}"
    return _page(title, content, language, css, nonce, content_security_policy(form, nonce=nonce), _refresh(seconds))


@clears_frames
def challenge_page(
    form: FormPost,
    *,
    size: WindowSize = WindowSize.W390_H400,
    seconds: float | None = None,
    title: str = "Confirm your payment",
    text: str = "Your bank wants to know that it is you.",
    button: str = "Continue",
    language: str = "en",
    css: str = "",
    nonce: str | None = None,
) -> ThreeDSPage:
    """Return the page with the issuer's challenge in an iframe, or for the full screen one that goes to the issuer.

    The iframe has the `size` of the step and is never wider than the window. The other arguments are those of
    `method_page`.
    """
    nonce = new_nonce() if nonce is None else require_nonce(nonce)
    if size.pixels is None:
        show = f"{_SPINNER}{self_submitting_form(form, button=button, nonce=nonce)}"
    else:
        show = challenge_iframe(form, size=size, title=title, button=button, nonce=nonce)
    policy = content_security_policy(form, nonce=nonce)
    return _page(title, f"{_status(text)}{show}", language, css, nonce, policy, _refresh(seconds))


@clears_frames
def redirect_page(
    url: str,
    *,
    title: str = "One moment",
    text: str = "We are taking you to your bank.",
    button: str = "Continue",
    language: str = "en",
    css: str = "",
    nonce: str | None = None,
) -> ThreeDSPage:
    """Return the page that redirects the browser to Checkout.com's page.

    A redirect in reply to the shop's own form would need Checkout.com's hosts in its `form-action`. Raises
    MalformedMessage for a URL that is not https (http is allowed on the loopback interface, for simulators). The other
    arguments are those of `method_page`.
    """
    if (problem := url_problem(url)) is not None:
        raise MalformedMessage("redirect", f"the URL {problem}")
    nonce = new_nonce() if nonce is None else require_nonce(nonce)
    link = f'<a class="button" href="{escape(url)}">{escape(button)}</a>'
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors 'none'"
    refresh = {"Refresh": f"0; url={url}"}
    return _page(title, f"{_status(text)}{_SPINNER}{link}", language, css, nonce, policy, refresh)


@clears_frames
def leave_iframe_page(
    url: str,
    *,
    title: str = "One moment",
    button: str = "Continue",
    language: str = "en",
    css: str = "",
    nonce: str | None = None,
) -> ThreeDSPage:
    """Return the reply to the issuer's POST inside an iframe: it makes the window around the iframe load `url`.

    `url` is a path of the shop, such as `/3ds/1`, or an https URL. Raises MalformedMessage for any other, since a
    browser would run or load whatever it is. The other arguments are those of `method_page`.
    """
    if not _PATH.fullmatch(url) and (problem := url_problem(url)) is not None:
        raise MalformedMessage("leave_iframe", f"the URL {problem}")
    nonce = new_nonce() if nonce is None else require_nonce(nonce)
    link = f'<a class="button" target="_top" href="{escape(url)}">{escape(button)}</a>'
    script = f'<script nonce="{nonce}" data-to="{escape(url)}">{_LEAVE}</script>'
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; base-uri 'none'; "
        "frame-ancestors 'self'"
    )
    return _page(title, f"<noscript>{link}</noscript>{script}", language, css, nonce, policy, {})


def _status(text: str) -> str:
    return f'<p role="status" aria-live="polite">{escape(text)}</p>'


def _refresh(seconds: float | None) -> dict[str, str]:
    """Return the header that loads a page again. No time left means now, and a browser takes no fraction."""
    return {} if seconds is None or math.isinf(seconds) else {"Refresh": str(math.ceil(max(0.0, seconds)))}


def _page(
    title: str, content: str, language: str, css: str, nonce: str, policy: str, headers: dict[str, str]
) -> ThreeDSPage:
    # In a style element, only this ends it.
    styles = _STYLES + css.replace("</", "<\\/")
    html = (
        f'<!DOCTYPE html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><style nonce="{nonce}">{styles}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{content}</main></body></html>"
    )
    own = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return ThreeDSPage(html, own | headers)
