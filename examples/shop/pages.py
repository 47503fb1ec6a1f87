"""The shop's pages: HTML with a strict Content-Security-Policy, as responses that any web framework can send.

The style sheet and the scripts are the shop's own files. No page sets a cookie or contains a secret: the browser only
knows the order number, which cannot be guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Final

from checkout_async import threeds
from checkout_async.models import payments
from examples.shop.card_form import CardErrors

__all__ = ["ShopResponse", "challenge", "checkout", "error", "leave_iframe", "method", "redirect", "result", "static"]

PRICE: Final = "£65.40"

_FOLDER = Path(__file__).parent / "static"
_STATIC: Final = {
    "shop.css": ("text/css", (_FOLDER / "shop.css").read_text("utf-8")),
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


def checkout(
    test_cards: Mapping[str, str],
    entered: Mapping[str, str] | None = None,
    wrong: CardErrors | None = None,
    *,
    status: int = 200,
) -> ShopResponse:
    """Return the card form. `test_cards` are card numbers, by a description of their behaviour.

    After an error, the form shows what was `entered`, without the card number, and the errors at their fields.
    """
    form = entered or {"month": "1", "year": "2030"}
    texts: Mapping[str, str] = {} if wrong is None else wrong.texts
    number, month, year = (_field(name, form, texts) for name in ("number", "month", "year"))
    hosted = form.get("completion") == "hosted"
    here, there = ("", " checked") if hosted else (" checked", "")
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(number)}</dd>" for name, number in test_cards.items())
    hints = f"<details><summary>Test cards</summary><dl>{rows}</dl></details>" if rows else ""
    content = f"""<dl><dt>A very good teapot</dt><dd>{PRICE}</dd></dl>
<form method="post" action="/pay">
{number}
<div class="row">{month}{year}</div>
<fieldset><legend>3-D Secure</legend>
<label><input type="radio" name="completion" value="non_hosted"{here}> on this page</label>
<label><input type="radio" name="completion" value="hosted"{there}> on Checkout.com's page</label>
</fieldset>
<input type="hidden" name="threeds_browser">
<button>Pay {PRICE}</button>
</form>{hints}<script src="/static/threeds.js"></script>"""
    return _page("Checkout", content, status=status)


_LABELS: Final = {"number": "Card number", "month": "Month", "year": "Year"}
_AUTOCOMPLETE: Final = {"number": "cc-number", "month": "cc-exp-month", "year": "cc-exp-year"}


def _field(name: str, entered: Mapping[str, str], texts: Mapping[str, str]) -> str:
    """Return a field with its error, which screen readers announce with it. A card number is not sent back."""
    value = "" if name == "number" else f' value="{escape(entered.get(name, ""))}"'
    text = texts.get(name)
    first = " autofocus" if name == next(iter(texts), None) else ""
    state = "" if text is None else f' aria-invalid="true" aria-describedby="{name}-error"{first}'
    note = "" if text is None else f'<span class="bad" id="{name}-error">{escape(text)}</span>'
    return (
        f'<label>{_LABELS[name]} <input name="{name}" inputmode="numeric" autocomplete="{_AUTOCOMPLETE[name]}"'
        f"{value}{state} required></label>{note}"
    )


_CSS: Final = "main{max-width:28rem;text-align:left}"
"""What the pages of 3D Secure need to look like the shop's own."""


def method(form: threeds.FormPost, seconds: float | None) -> ShopResponse:
    """Return the page with the 3DS Method in a hidden iframe. It loads the next step when the time limit has passed."""
    text = "Asking your bank. This takes up to ten seconds."
    return _three_ds(threeds.method_page(form, seconds=seconds, text=text, css=_CSS))


def challenge(form: threeds.FormPost, size: threeds.WindowSize, seconds: float | None) -> ShopResponse:
    """Return the page with the issuer's challenge. It loads the next step when the time limit has passed."""
    return _three_ds(threeds.challenge_page(form, size=size, seconds=seconds, css=_CSS))


def redirect(url: str) -> ShopResponse:
    """Return a page that redirects to Checkout.com's page."""
    return _three_ds(threeds.redirect_page(url, text="Taking you to the bank.", css=_CSS))


def leave_iframe(path: str) -> ShopResponse:
    """Return a document for an iframe that the issuer has finished with; the page around it loads `path`."""
    return _three_ds(threeds.leave_iframe_page(path))


def _three_ds(page: threeds.ThreeDSPage) -> ShopResponse:
    headers = {name: value for name, value in page.headers.items() if name != "Content-Type"}
    return ShopResponse(page.html, headers=headers)


def result(
    outcome: threeds.ThreeDSResult, payment: payments.Payment | None, path: str, notifications: Mapping[str, str]
) -> ShopResponse:
    """Return the page with the result. `notifications` describes the received callback and webhooks."""
    session = outcome.session
    facts = {"Verdict": str(outcome.verdict), "Session": session.id, "Status": session.status or "unknown"}
    if payment is not None:
        facts |= {"Payment": payment.id, "Payment status": payment.status or "unknown"}
    facts |= notifications
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.items())
    title, style, text = _result_texts(outcome, payment)
    content = (
        f'<p class="{style}">{text}</p><dl>{rows}</dl>{_actions(payment, path)}'
        '<a class="button" href="/">Back to the shop</a>'
    )
    undecided = outcome.verdict is threeds.Verdict.UNDECIDED
    return _page(title, content, headers={"Refresh": _RELOAD_AFTER} if undecided else None)


_ACTIONS: Final = {
    payments.PaymentStatus.AUTHORIZED: (("capture", "Capture"), ("void", "Void")),
    payments.PaymentStatus.CAPTURED: (("refund", "Refund"),),
}


def _actions(payment: payments.Payment | None, path: str) -> str:
    """Return the buttons for what the shop can do with the payment. A real shop has them in its back office."""
    possible = () if payment is None or payment.status is None else _ACTIONS.get(payment.status, ())
    return "".join(
        f'<form method="post" action="{escape(path)}/{name}"><button class="quiet">{label}</button></form>'
        for name, label in possible
    )


def _result_texts(outcome: threeds.ThreeDSResult, payment: payments.Payment | None) -> tuple[str, str, str]:
    if payment is not None and payment.approved:
        return "Thank you", "good", f"You paid {PRICE}."
    if payment is not None:
        return "Not paid", "bad", "Your bank declined the payment. Please choose another card."
    if outcome.verdict is threeds.Verdict.UNDECIDED:
        return "One moment", "bad", "Your bank has not decided yet. This page asks again by itself."
    return "Not paid", "bad", "No payment is requested. Please choose another card."


def error(text: str, status: int, retry_path: str = "/") -> ShopResponse:
    """Return a page with an error text, which also works in an iframe. `retry_path` is the target of its link."""
    content = (
        f'<p class="bad">{escape(text)}</p><a class="button" target="_top" href="{escape(retry_path)}">Try again</a>'
    )
    return _page("That did not work", content, status=status, ancestors="'self'")


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
