"""A refusal of the token endpoint as AuthenticationFailed: its code and description, and never the secret.

A server may quote what it was sent, so what it says is searched for the secret in every form that went to it.
"""

from __future__ import annotations

from urllib.parse import quote, quote_plus

from checkout_async._core.codec import Undecodable, decode
from checkout_async._generated.models import access
from checkout_async.errors import ApiError, AuthenticationFailed
from checkout_async.redaction import MASK, Opaque, quoted

__all__ = ["Blackout", "refusal"]


class Blackout:
    """Masks given secrets, and what they look like when they are escaped, in what a server said."""

    def __init__(self, *secrets: str) -> None:
        forms = {form for secret in secrets for form in (secret, quote(secret, safe=""), quote_plus(secret))}
        forms |= {form.replace("/", "\\/") for form in forms}
        # Long forms first: one may be part of another.
        self._forms = sorted(forms, key=len, reverse=True)

    def text(self, said: str) -> str:
        """Return text fit to be printed, at most a few hundred characters of it."""
        for form in self._forms:
            said = said.replace(form, MASK)
        return quoted(said)

    def body(self, raw: bytes) -> Opaque:
        """Return a body as it came, but for the secrets; it may hold a token, which a traceback must not show."""
        for form in self._forms:
            raw = raw.replace(form.encode("ascii"), MASK.encode("ascii"))
        return Opaque(raw)


def refusal(error: ApiError, blackout: Blackout) -> AuthenticationFailed:
    """Return what to raise for an error status of the token endpoint."""
    code = description = None
    try:
        body, _ = decode(access.TokenError, error.body)
    except Undecodable:
        body = None
    if body is not None:
        code = body.error and blackout.text(body.error)
        description = body.error_description and blackout.text(body.error_description)
    said = f"{code or 'without an OAuth error code'}{f' ({description})' if description else ''}"
    return AuthenticationFailed(
        f"the token endpoint answered {error.status} {said}; check client id, secret, scopes and environment",
        status=error.status,
        error=code or None,
        description=description or None,
        body=blackout.body(error.body),
    )
