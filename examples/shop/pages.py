"""The shop's pages: HTML with a strict Content-Security-Policy, as replies that any web framework can send.

Style and scripts are files of the shop's own. No page sets a cookie or holds a secret: what the browser knows is the
order's number, which nobody can guess.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Final

from checkout_async import threeds

__all__ = ["Reply", "challenge", "checkout", "leaving", "onward", "problem", "result", "static", "waiting"]

PRICE: Final = "£65.40"

_FOLDER = Path(__file__).parent / "static"
_STATIC: Final = {
    "shop.css": ("text/css", (_FOLDER / "shop.css").read_text("utf-8")),
    "onward.js": ("text/javascript", (_FOLDER / "onward.js").read_text("utf-8")),
    "threeds.js": ("text/javascript", threeds.BROWSER_SCRIPT),
}
_ASK_AGAIN: Final = "5"
"""Seconds after which the page of an undecided order is loaded again."""
_OWN_POLICY: Final = "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the shop answers; `content_type` is without a charset, which is UTF-8."""

    body: str = ""
    status: int = 200
    content_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def static(name: str) -> Reply:
    """Return the style sheet or a script."""
    if name not in _STATIC:
        return problem("There is no such page.", 404)
    content_type, body = _STATIC[name]
    return Reply(body, content_type=content_type, headers={"X-Content-Type-Options": "nosniff"})


def checkout(test_cards: Mapping[str, str]) -> Reply:
    """Return the card form; `test_cards` are numbers by what they do."""
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


def waiting(form: threeds.FormPost, path: str, seconds: float) -> Reply:
    """Return the page with the 3DS Method in a hidden iframe; it looks again at `path` when the time is over."""
    nonce = threeds.new_nonce()
    content = f"<p>Asking your bank. This takes up to ten seconds.</p>{threeds.method_iframe(form, nonce=nonce)}"
    return _framing("One moment", content, form, nonce, f"{math.ceil(seconds)}; url={path}")


def challenge(form: threeds.FormPost, size: threeds.WindowSize, path: str, seconds: float) -> Reply:
    """Return the page with the issuer's challenge in an iframe; it looks again at `path` when the time is over."""
    nonce = threeds.new_nonce()
    content = f"<p>Your bank wants to know that it is you.</p>{threeds.challenge_iframe(form, size=size, nonce=nonce)}"
    return _framing("Confirm your payment", content, form, nonce, f"{math.ceil(seconds)}; url={path}")


def leaving(url: str) -> Reply:
    """Return the page that goes on to Checkout.com's.

    A redirect in answer to the card form would need `form-action` to name that host.
    """
    content = f'<p>Taking you to the bank.</p><a class="button" href="{escape(url)}">Continue</a>'
    return _page("One moment", content, headers={"Refresh": f"0; url={url}"})


def onward(path: str) -> Reply:
    """Return what an iframe shows when the issuer is done with it: nothing; the page around it goes to `path`."""
    body = f'<!doctype html><title>Thank you</title><script src="/static/onward.js" data-to="{escape(path)}"></script>'
    policy = "default-src 'none'; script-src 'self'; base-uri 'none'; frame-ancestors 'self'"
    return Reply(body, headers=_headers(policy))


def result(outcome: threeds.ThreeDSResult, seen: Mapping[str, str]) -> Reply:
    """Return the page that says how it ended; `seen` is what else the server has heard, by name."""
    session = outcome.session
    facts = {"Verdict": outcome.verdict, "Session": session.id, "Status": session.status or "unknown", **seen}
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.items())
    title, mood, text = _ending(outcome)
    content = f'<p class="{mood}">{text}</p><dl>{rows}</dl><a class="button" href="/">Back to the shop</a>'
    undecided = outcome.verdict is threeds.Verdict.UNDECIDED
    return _page(title, content, headers={"Refresh": _ASK_AGAIN} if undecided else None)


def _ending(outcome: threeds.ThreeDSResult) -> tuple[str, str, str]:
    if outcome.authenticated:
        return "Thank you", "good", f"A payment of {PRICE} would now be requested with this authentication."
    if outcome.verdict is threeds.Verdict.UNDECIDED:
        return "One moment", "bad", "Your bank has not decided yet. This page asks again by itself."
    return "Not paid", "bad", "No payment is requested. Please choose another card."


def problem(text: str, status: int, again: str = "/") -> Reply:
    """Return a page that says what is wrong, fit for an iframe too; `again` is where to try once more."""
    content = f'<p class="bad">{escape(text)}</p><a class="button" target="_top" href="{escape(again)}">Try again</a>'
    return _page("That did not work", content, status=status, ancestors="'self'")


def _framing(title: str, content: str, form: threeds.FormPost, nonce: str, refresh: str) -> Reply:
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
) -> Reply:
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{title}</title><link rel="stylesheet" href="/static/shop.css"></head>'
        f"<body><main><h1>{title}</h1>{content}</main></body></html>"
    )
    if "frame-ancestors" not in policy:  # the policies that threeds makes have it
        policy = f"{policy}; frame-ancestors {ancestors}"
    return Reply(body, status, headers=_headers(policy) | dict(headers or {}))


def _headers(policy: str) -> dict[str, str]:
    return {"Content-Security-Policy": policy, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
