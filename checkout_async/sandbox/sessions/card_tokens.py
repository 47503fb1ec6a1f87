"""One-time tokens: a stub of the API's `POST /tokens`, which shops call with their public key.

The document does not describe this operation, so its path and members stand here, after the API reference. A token
stands for its card for 15 minutes of the sandbox's clock and pays, or is authenticated, once. Tokens that the sandbox
did not issue stay valid: the amount decides their outcome.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from checkout_async.sandbox.core.calls import AccessControl
from checkout_async.sandbox.core.clock import SandboxClock, timestamp
from checkout_async.sandbox.core.errors import invalid, payment_invalid, unauthorized
from checkout_async.sandbox.core.ids import DeterministicIds
from checkout_async.sandbox.core.payload import JsonObject, drop_none, is_object, member, text
from checkout_async.sandbox.sessions.scenarios import is_card_number, scheme_of

TOKENS_PATH = "/tokens"
TOKEN_LIFETIME = 15 * 60
"""Seconds for which a one-time token is valid."""

_SCOPES = frozenset({"vault", "vault:tokenization"})
_KEPT = ("name", "billing_address", "phone")
"""Members of a token request that a payment with the token has, too."""
_WALLETS = frozenset({"applepay", "googlepay"})
_WALLET_YEARS = 3


@dataclass(slots=True)
class _IssuedToken:
    source: JsonObject | None = field(repr=False)
    """Members of the source that it stands for; None once it was used or has expired."""
    expires_at: float
    used: bool = False


class CardTokens:
    """Issues one-time tokens, and puts the cards for which they stand into the requests that use them."""

    def __init__(self, clock: SandboxClock, ids: DeterministicIds) -> None:
        self._clock = clock
        self._ids = ids
        self._issued: dict[str, _IssuedToken] = {}

    def issue(self, raw: bytes, authorization: str, access: AccessControl) -> JsonObject:
        """Answer a token request; raises 401 without a public key or a token for the vault, 422 for bad data."""
        word, _, credential = authorization.rpartition(" ")
        is_public_key = credential.startswith("pk_") and word.lower() in {"", "bearer"}
        if not is_public_key and not _SCOPES & (access.scopes_of(authorization) or frozenset()):
            raise unauthorized()
        body = _read(raw)
        ids = self._ids.fork("one-time token", raw)
        expires_at = self._clock.now() + TOKEN_LIFETIME
        source = self._wallet(body, ids) if text(body, "type") in _WALLETS else self._card(body)
        token = ids.identifier("tok", "id")
        self._forget_expired()
        self._issued[token] = _IssuedToken(source, expires_at)
        number = text(source, "number") or ""
        scheme = (scheme_of(number) if number else None) or "visa"
        return drop_none(
            {
                "type": body["type"],
                "token": token,
                "expires_on": timestamp(expires_at),
                "expiry_month": source["expiry_month"],
                "expiry_year": source["expiry_year"],
                "scheme": scheme.capitalize(),
                "last4": number[-4:] or ids.digits(4, "last four"),
                "bin": number[:6] or "400000",
                "card_type": "CREDIT",
                "card_category": "CONSUMER",
                "issuer": "Sandbox Bank",
                "issuer_country": "GB",
                "product_id": "F",
                "product_type": "CLASSIC",
                **{name: body.get(name) for name in _KEPT},
            }
        )

    def resolve(self, body: JsonObject, *, api: str) -> JsonObject:
        """Return a request whose source has the card for which its token stands; others are returned as they are.

        Raises 422 `token_used`, `token_expired`.
        """
        source = member(body, "source")
        issued = self._issued.get(text(source, "token") or "")
        if issued is None or text(source, "type") != "token":
            return body
        if issued.used:
            raise invalid("token_used", api=api)
        if issued.source is None or self._clock.now() >= issued.expires_at:
            raise invalid("token_expired", api=api)
        return body | {"source": issued.source | source}

    def mark_used(self, body: JsonObject) -> None:
        """Record that the request was carried out: its token cannot be used again."""
        issued = self._issued.get(text(member(body, "source"), "token") or "")
        if issued is not None:
            issued.source, issued.used = None, True

    def _card(self, body: JsonObject) -> JsonObject:
        if text(body, "type") != "card":
            raise payment_invalid("type_invalid" if "type" in body else "type_required")
        missing = [f"{name}_required" for name in ("number", "expiry_month", "expiry_year") if body.get(name) is None]
        if missing:
            raise payment_invalid(*missing)
        number = str(body["number"])
        if not is_card_number(number) or scheme_of(number) is None:
            raise payment_invalid("card_number_invalid")
        month, year = _number(body, "expiry_month"), _number(body, "expiry_year")
        if month not in range(1, 13):
            raise payment_invalid("card_expiry_month_invalid")
        kept = {name: body.get(name) for name in ("cvv", *_KEPT)}
        return drop_none({"number": number, "expiry_month": month, "expiry_year": year, **kept})

    def _wallet(self, body: JsonObject, ids: DeterministicIds) -> JsonObject:
        """Invent an expiry for the card of a wallet, whose data the sandbox cannot decrypt; the amount decides."""
        if not member(body, "token_data"):
            raise payment_invalid("token_data_required")
        year = datetime.fromtimestamp(self._clock.now(), UTC).year + _WALLET_YEARS
        return {"expiry_month": ids.derive_bytes(1, "month")[0] % 12 + 1, "expiry_year": year}

    def _forget_expired(self) -> None:
        """Drop the cards of expired tokens: no card number is kept longer than its token."""
        now = self._clock.now()
        for issued in self._issued.values():
            if now >= issued.expires_at:
                issued.source = None


def _read(raw: bytes) -> JsonObject:
    try:
        body: object = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        raise payment_invalid("json_invalid") from None
    if not is_object(body):
        raise payment_invalid("request_invalid")
    return body


def _number(body: JsonObject, name: str) -> int:
    """Return a number, which may be written as text."""
    value = body[name]
    digits = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 4):
        raise payment_invalid(f"card_{name}_invalid")
    return int(digits)
