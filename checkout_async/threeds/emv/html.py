"""HTML forms that submit themselves: how a message gets from the merchant's page to the issuer (EMV 3DS 2.2).

`url_problem` checks the URLs that a form or redirect may go to. All values are escaped. The only script is a constant
without data, which a Content-Security-Policy can allow by a nonce or by AUTO_SUBMIT_HASH. There are no inline handlers
and no inline styles. The forms contain no secrets: messages contain identifiers of the transaction only.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from html import escape
from ipaddress import ip_address
from typing import ClassVar, Final
from urllib.parse import urlsplit

from msgspec.structs import force_setattr

from checkout_async.errors import ConfigurationError, MalformedMessage
from checkout_async.redaction import SecretStruct, clears_frames
from checkout_async.threeds.emv.messages import WindowSize

__all__ = [
    "AUTO_SUBMIT_HASH",
    "FormPost",
    "autosubmit_page",
    "challenge_iframe",
    "content_security_policy",
    "method_iframe",
    "new_nonce",
    "url_problem",
]

# Called through the prototype, because a field named `submit` would hide the method.
_AUTO_SUBMIT: Final = "HTMLFormElement.prototype.submit.call(document.currentScript.previousElementSibling);"
AUTO_SUBMIT_HASH: Final = "'sha256-" + base64.b64encode(hashlib.sha256(_AUTO_SUBMIT.encode()).digest()).decode() + "'"
"""Source expression that allows the script in a policy without a nonce (Content Security Policy Level 3)."""

_NONCE = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
# The host and port that a Content-Security-Policy accepts: no `;`, `,`, `*` or quotes.
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


class FormPost(SecretStruct, frozen=True):
    """A form that the cardholder's browser POSTs: its target URL and its fields.

    Raises MalformedMessage if the action is not https (http is allowed on the loopback interface, for simulators).
    Pages that build their own forms can take it as JSON: `{"action": ..., "fields": {...}}`.
    """

    __hidden__: ClassVar[tuple[str, ...]] = ("fields",)

    action: str
    fields: Mapping[str, str]

    @clears_frames
    def __post_init__(self) -> None:
        if (problem := url_problem(self.action)) is not None:
            raise MalformedMessage("action of the form", problem)
        force_setattr(self, "fields", dict(self.fields))


def new_nonce() -> str:
    """Return a fresh nonce of 128 random bits. Use each nonce for one response only."""
    return secrets.token_urlsafe(16)


@clears_frames
def content_security_policy(form: FormPost, *, nonce: str | None = None) -> str:
    """Return a value of the header `Content-Security-Policy` under which this module's HTML works.

    Issuers redirect the browser to further hosts that cannot be listed in advance. Frames and forms may therefore go to
    any https address and to the page's own host. Style sheets are allowed from the page's own host, and in a `style`
    element with the nonce. Everything else is forbidden. A page with more content can build its
    own policy; it needs `form-action` and `frame-src` from this one. Raises ConfigurationError for a malformed nonce.
    """
    script = AUTO_SUBMIT_HASH if nonce is None else f"'nonce-{require_nonce(nonce)}'"
    targets = " ".join(dict.fromkeys(["'self'", "https:", _origin(form.action)]))
    rules = {
        "default-src": "'none'",
        "script-src": script,
        "style-src": "'self'" if nonce is None else f"'self' 'nonce-{nonce}'",
        "form-action": targets,
        "frame-src": targets,
        "base-uri": "'none'",
        "frame-ancestors": "'self'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


@clears_frames
def method_iframe(
    form: FormPost,
    *,
    name: str = "threeds-method",
    title: str = "3-D Secure",
    button: str | None = None,
    nonce: str | None = None,
) -> str:
    """Return an invisible iframe and a form that submits itself into it, for the 3DS Method.

    Put the fragment into a page that the server renders: a script that is inserted with `innerHTML` does not run. Where
    no scripts run, the `button` submits the form.
    """
    frame = f'<iframe name="{escape(name)}" title="{escape(title)}" hidden></iframe>'
    return frame + self_submitting_form(form, target=name, button=button, nonce=nonce)


@clears_frames
def challenge_iframe(
    form: FormPost,
    *,
    size: WindowSize = WindowSize.W390_H400,
    name: str = "threeds-challenge",
    title: str = "3-D Secure",
    button: str | None = None,
    nonce: str | None = None,
) -> str:
    """Return an iframe of the given size and a form that submits itself into it, for the challenge.

    Screen readers announce `title`. For the full screen the iframe has no size; the page's style sheet decides. Where
    no scripts run, the `button` submits the form.
    """
    dimensions = f' width="{size.pixels[0]}" height="{size.pixels[1]}"' if size.pixels else ""
    frame = f'<iframe name="{escape(name)}" title="{escape(title)}"{dimensions}></iframe>'
    return frame + self_submitting_form(form, target=name, button=button, nonce=nonce)


@clears_frames
def autosubmit_page(
    form: FormPost,
    *,
    title: str = "3-D Secure",
    button: str = "Continue",
    language: str = "en",
    nonce: str | None = None,
) -> str:
    """Return a complete HTML page that submits the form: for a redirect, or as the document of an iframe.

    The page shows `button` in browsers that run no scripts.
    """
    return (
        f'<!DOCTYPE html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title></head>'
        f"<body>{self_submitting_form(form, button=button, nonce=nonce)}</body></html>"
    )


@clears_frames
def self_submitting_form(
    form: FormPost, *, target: str | None = None, button: str | None = None, nonce: str | None = None
) -> str:
    """Return a form that submits itself, into the iframe named `target` or the whole window."""
    into = f' target="{escape(target)}"' if target else ""
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in form.fields.items()
    )
    fallback = f"<noscript><button>{escape(button)}</button></noscript>" if button else ""
    allowed = f' nonce="{require_nonce(nonce)}"' if nonce is not None else ""
    return (
        f'<form method="post" action="{escape(form.action)}"{into}>{fields}{fallback}</form>'
        f"<script{allowed}>{_AUTO_SUBMIT}</script>"
    )


def require_nonce(nonce: str) -> str:
    """Return the nonce. Raises ConfigurationError if it is malformed."""
    if not _NONCE.fullmatch(nonce):
        raise ConfigurationError("a nonce must be base64 text; use new_nonce()")
    return nonce


@clears_frames
def url_problem(url: str, *, max_length: int = 2048) -> str | None:
    """Return why a URL may not be the target of a form or redirect, or None if it may.

    Allowed are https, and http on the loopback interface for simulators. EMV 3DS 2.2 allows 2048 characters for URLs.
    """
    if len(url) > max_length:
        return f"is longer than {max_length} characters"
    if not _PRINTABLE.fullmatch(url):
        return "is empty or contains blanks or non-ASCII characters"
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    if not host or not _AUTHORITY.fullmatch(parts.netloc) or "\\" in url:
        return "has no host, or names a user"
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        return "must begin with https:// (http:// on the loopback interface only)"
    return None


def _origin(url: str) -> str:
    """Return scheme, host and port of a valid URL, in the form that a Content-Security-Policy uses for a source."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
