"""The shop's pages: HTML with a strict Content-Security-Policy, as responses that any web framework can send.

The style sheet and the scripts are the shop's own files. No page sets a cookie or contains a secret: the browser only
knows the order number, which cannot be guessed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Final

from checkout_async import threeds

__all__ = ["ShopResponse", "challenge", "checkout", "error", "leave_iframe", "method", "redirect", "result", "static"]

PRICE: Final = "£65.40"

_FOLDER = Path(__file__).parent / "static"
_STATIC: Final = {
    "shop.css": ("text/css", (_FOLDER / "shop.css").read_text("utf-8")),
    "leave_iframe.js": ("text/javascript", (_FOLDER / "leave_iframe.js").read_text("utf-8")),
    "threeds.js": ("text/javascript", threeds.BROWSER_SCRIPT),
}
_RELOAD_AFTER: Final = "5"
"""Seconds after which the page of an undecided order reloads."""
_OWN_POLICY: Final = "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'"


@dataclass(frozen=True, slots=True)
class ShopResponse:
    """An HTTP response. The charset is always UTF-8 and is not part of `content_type`."""

    body: str = ""
    status: int = 200
    content_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def static(name: str) -> ShopResponse:
    """Return the style sheet or a script."""
    if name not in _STATIC:
        return error("There is no such page.", 404)
    content_type, body = _STATIC[name]
    return ShopResponse(body, content_type=content_type, headers={"X-Content-Type-Options": "nosniff"})


def checkout(test_cards: Mapping[str, str]) -> ShopResponse:
    """Return the card form. `test_cards` are card numbers, by a description of their behaviour."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(number)}</dd>" for name, number in test_cards.items())
    hints = f"<details><summary>Test cards</summary><dl>{rows}</dl></details>" if rows else ""
    content = f"""<dl><dt>A very good teapot</dt><dd>{PRICE}</dd></dl>
<form method="post" action="/pay">
<label>Card number <input name="number" inputmode="numeric" autocomplete="cc-number" required></label>
<div class="row">
<label>Month <input name="month" inputmode="numeric" autocomplete="cc-exp-month" value="1" required></label>
<label>Year <input name="year" inputmode="numeric" autocomplete="cc-exp-year" value="2030" required></label>
</div>
<fieldset><legend>3-D Secure</legend>
<label><input type="radio" name="completion" value="non_hosted" checked> on this page</label>
<label><input type="radio" name="completion" value="hosted"> on Checkout.com's page</label>
</fieldset>
<input type="hidden" name="threeds_browser">
<button>Pay {PRICE}</button>
</form>{hints}<script src="/static/threeds.js"></script>"""
    return _page("Checkout", content)


def method(form: threeds.FormPost, path: str, seconds: float) -> ShopResponse:
    """Return the page with the 3DS Method in a hidden iframe. It loads `path` when the time limit has passed."""
    nonce = threeds.new_nonce()
    content = f"<p>Asking your bank. This takes up to ten seconds.</p>{threeds.method_iframe(form, nonce=nonce)}"
    return _iframe_page("One moment", content, form, nonce, f"{math.ceil(seconds)}; url={path}")


def challenge(form: threeds.FormPost, size: threeds.WindowSize, path: str, seconds: float) -> ShopResponse:
    """Return the page with the issuer's challenge in an iframe. It loads `path` when the time limit has passed."""
    nonce = threeds.new_nonce()
    content = f"<p>Your bank wants to know that it is you.</p>{threeds.challenge_iframe(form, size=size, nonce=nonce)}"
    return _iframe_page("Confirm your payment", content, form, nonce, f"{math.ceil(seconds)}; url={path}")


def redirect(url: str) -> ShopResponse:
    """Return a page that redirects to Checkout.com's page.

    A redirect in response to the card form would need that host in `form-action`.
    """
    content = f'<p>Taking you to the bank.</p><a class="button" href="{escape(url)}">Continue</a>'
    return _page("One moment", content, headers={"Refresh": f"0; url={url}"})


def leave_iframe(path: str) -> ShopResponse:
    """Return an empty document for an iframe that the issuer has finished with; the page around it loads `path`."""
    script = f'<script src="/static/leave_iframe.js" data-to="{escape(path)}"></script>'
    body = f"<!doctype html><title>Thank you</title>{script}"
    policy = "default-src 'none'; script-src 'self'; base-uri 'none'; frame-ancestors 'self'"
    return ShopResponse(body, headers=_headers(policy))


def result(outcome: threeds.ThreeDSResult, notifications: Mapping[str, str]) -> ShopResponse:
    """Return the page with the result. `notifications` describes the received callback and webhooks."""
    session = outcome.session
    facts = {"Verdict": outcome.verdict, "Session": session.id, "Status": session.status or "unknown", **notifications}
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.items())
    title, style, text = _result_texts(outcome)
    content = f'<p class="{style}">{text}</p><dl>{rows}</dl><a class="button" href="/">Back to the shop</a>'
    undecided = outcome.verdict is threeds.Verdict.UNDECIDED
    return _page(title, content, headers={"Refresh": _RELOAD_AFTER} if undecided else None)


def _result_texts(outcome: threeds.ThreeDSResult) -> tuple[str, str, str]:
    if outcome.authenticated:
        return "Thank you", "good", f"A payment of {PRICE} would now be requested with this authentication."
    if outcome.verdict is threeds.Verdict.UNDECIDED:
        return "One moment", "bad", "Your bank has not decided yet. This page asks again by itself."
    return "Not paid", "bad", "No payment is requested. Please choose another card."


def error(text: str, status: int, retry_path: str = "/") -> ShopResponse:
    """Return a page with an error text, which also works in an iframe. `retry_path` is the target of its link."""
    content = (
        f'<p class="bad">{escape(text)}</p><a class="button" target="_top" href="{escape(retry_path)}">Try again</a>'
    )
    return _page("That did not work", content, status=status, ancestors="'self'")


def _iframe_page(title: str, content: str, form: threeds.FormPost, nonce: str, refresh: str) -> ShopResponse:
    policy = f"{threeds.content_security_policy(form, nonce=nonce)}; style-src 'self'"
    return _page(title, content, policy, headers={"Refresh": refresh})


def _page(
    title: str,
    content: str,
    policy: str = _OWN_POLICY,
    *,
    status: int = 200,
    ancestors: str = "'none'",
    headers: Mapping[str, str] | None = None,
) -> ShopResponse:
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{title}</title><link rel="stylesheet" href="/static/shop.css"></head>'
        f"<body><main><h1>{title}</h1>{content}</main></body></html>"
    )
    if "frame-ancestors" not in policy:  # content_security_policy() contains it
        policy = f"{policy}; frame-ancestors {ancestors}"
    return ShopResponse(body, status, headers=_headers(policy) | dict(headers or {}))


def _headers(policy: str) -> dict[str, str]:
    return {"Content-Security-Policy": policy, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
