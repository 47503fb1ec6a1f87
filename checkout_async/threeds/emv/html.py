"""Forms that submit themselves: the way a message gets from the merchant's page to the issuer (EMV 3DS 2.2).

Everything is escaped. The one script is a constant that holds no data: a Content-Security-Policy may allow it by its
nonce or by AUTO_SUBMIT_HASH. There are no inline handlers and no inline styles. Nothing secret goes in: messages carry
identifiers of the transaction only.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Final

from checkout_async.errors import ConfigurationError, MalformedMessage
from checkout_async.threeds.emv.messages import WindowSize
from checkout_async.threeds.emv.urls import fault_of, origin_of

__all__ = [
    "AUTO_SUBMIT_HASH",
    "FormPost",
    "challenge_iframe",
    "content_security_policy",
    "method_iframe",
    "new_nonce",
    "page",
]

# By the prototype, since a field named `submit` would hide the method.
_AUTO_SUBMIT: Final = "HTMLFormElement.prototype.submit.call(document.currentScript.previousElementSibling);"
AUTO_SUBMIT_HASH: Final = "'sha256-" + base64.b64encode(hashlib.sha256(_AUTO_SUBMIT.encode()).digest()).decode() + "'"
"""Source expression that allows the script where a policy has no nonce (Content Security Policy Level 3)."""

_NONCE = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


@dataclass(frozen=True, slots=True)
class FormPost:
    """A form for the cardholder's browser to POST: where to, and its fields.

    Raises MalformedMessage for an action that is not https (http on the loopback interface is, for simulators). As
    JSON (`{"action": ..., "fields": {...}}`) it serves pages that build their forms themselves.
    """

    action: str
    fields: Mapping[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        if (fault := fault_of(self.action)) is not None:
            raise MalformedMessage("action of the form", fault)
        object.__setattr__(self, "fields", dict(self.fields))


def new_nonce() -> str:
    """Return a fresh nonce of 128 random bits; use each for one response only."""
    return secrets.token_urlsafe(16)


def content_security_policy(form: FormPost, *, nonce: str | None = None) -> str:
    """Return a value of the header `Content-Security-Policy` under which a page of this module works.

    Issuers move the browser on to further hosts of theirs, which nobody can list: frames and forms may therefore go
    to any https address, and back to the page's own host. Everything else is forbidden; a page with more on it needs
    `form-action` and `frame-src` from here.
    """
    script = AUTO_SUBMIT_HASH if nonce is None else f"'nonce-{_checked(nonce)}'"
    targets = " ".join(dict.fromkeys(["'self'", "https:", origin_of(form.action)]))
    rules = {
        "default-src": "'none'",
        "script-src": script,
        "form-action": targets,
        "frame-src": targets,
        "base-uri": "'none'",
        "frame-ancestors": "'self'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def method_iframe(form: FormPost, *, name: str = "threeds-method", nonce: str | None = None) -> str:
    """Return an invisible iframe and a form that submits itself into it: the 3DS Method.

    It is a fragment for a page that the server renders; a script that is put into a page by `innerHTML` does not run.
    """
    frame = f'<iframe name="{escape(name)}" title="3-D Secure" hidden></iframe>'
    return frame + _form(form, target=name, nonce=nonce)


def challenge_iframe(
    form: FormPost,
    *,
    size: WindowSize = WindowSize.W390_H400,
    name: str = "threeds-challenge",
    title: str = "3-D Secure",
    nonce: str | None = None,
) -> str:
    """Return an iframe of the given size and a form that submits itself into it: the challenge.

    `title` is what screen readers say. For the full screen no size is given: the page's style sheet decides.
    """
    dimensions = f' width="{size.pixels[0]}" height="{size.pixels[1]}"' if size.pixels else ""
    frame = f'<iframe name="{escape(name)}" title="{escape(title)}"{dimensions}></iframe>'
    return frame + _form(form, target=name, nonce=nonce)


def page(
    form: FormPost,
    *,
    title: str = "3-D Secure",
    button: str = "Continue",
    language: str = "en",
    nonce: str | None = None,
) -> str:
    """Return a whole HTML page that moves on to the form's action: for a redirect, or as the document of an iframe.

    `button` is shown where no script runs.
    """
    return (
        f'<!DOCTYPE html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title></head>'
        f"<body>{_form(form, button=button, nonce=nonce)}</body></html>"
    )


def _form(form: FormPost, *, target: str | None = None, button: str | None = None, nonce: str | None) -> str:
    into = f' target="{escape(target)}"' if target else ""
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in form.fields.items()
    )
    by_hand = f"<noscript><button>{escape(button)}</button></noscript>" if button else ""
    allowed = f' nonce="{_checked(nonce)}"' if nonce is not None else ""
    return (
        f'<form method="post" action="{escape(form.action)}"{into}>{fields}{by_hand}</form>'
        f"<script{allowed}>{_AUTO_SUBMIT}</script>"
    )


def _checked(nonce: str) -> str:
    if not _NONCE.fullmatch(nonce):
        raise ConfigurationError("a nonce is base64 text, such as new_nonce() makes")
    return nonce
