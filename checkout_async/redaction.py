"""Masks for everything that must not be printed: card numbers, CVVs, tokens, keys, personal data, headers.

Allow-list first: a header is shown only if it is named here, a value of a sensitive kind is never shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import SupportsIndex, TypeVar, cast, overload

__all__ = ["MASK", "Headers", "Secret", "SecretBytes", "as_secret", "mask", "mask_headers", "sanitize", "scrub"]

T = TypeVar("T")

MASK = "***"

_MAX_LENGTH = 200

_VISIBLE_HEADERS = frozenset(
    {
        "accept",
        "cko-request-id",
        "cko-version",
        "content-length",
        "content-type",
        "date",
        "retry-after",
        "user-agent",
    }
)

# Thirteen digits make the shortest card number (ISO/IEC 7812); people write them in groups.
_CARD_NUMBER = re.compile(r"(?<!\d)\d(?:[\s.\-\u00ad\u200b\u2010-\u2015]{0,2}\d){12,}")
_NUMBER_AT_END = re.compile(r"\d[\d\s.\-\u00ad\u200b\u2010-\u2015]*\Z")
_SECRET = re.compile(r"\b(?:sek|sk|pk|tok|ack)_[\w+/=*#$-]+|\bey[\w-]{8,}(?:\.[\w-]*)*|(?i:\b(?:bearer|basic)\s+\S+)")


def mask(value: object, kind: str) -> str:
    """Return what may be shown of a sensitive value: the last four digits of a card number, otherwise nothing."""
    if kind == "pan" and isinstance(value, str) and len(value) >= 13:
        return f"{MASK}{value[-4:]}"
    return MASK


def scrub(text: str) -> str:
    """Mask what looks like a card number, a key or a token inside free text, such as a server's error message."""
    return _CARD_NUMBER.sub(MASK, _SECRET.sub(MASK, text))


def sanitize(text: str) -> str:
    """Return free text of a server as it may stand in a message: scrubbed, in one line of printable text, not too long.

    What else it holds could forge lines of a log, or command a terminal.
    """
    shown = scrub(text) if len(text) <= _MAX_LENGTH else f"{scrub(_NUMBER_AT_END.sub(MASK, text[:_MAX_LENGTH]))}..."
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in shown)


def mask_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with every value masked whose name is not on the allow-list."""
    return {name: value if name.lower() in _VISIBLE_HEADERS else MASK for name, value in headers.items()}


class SecretBytes(bytes):
    """The bytes of a message, whose `repr` tells only how many they are; `decode()` or `bytes()` gives them."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"

    __str__ = __repr__

    @overload
    def __getitem__(self, key: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, key: slice, /) -> SecretBytes: ...
    def __getitem__(self, key: SupportsIndex | slice, /) -> int | SecretBytes:
        """Return a byte, or a part that is as opaque: who shortens before printing prints no more."""
        return SecretBytes(super().__getitem__(key)) if isinstance(key, slice) else super().__getitem__(key)


class Secret(str):
    """A credential, a key or another text whose `repr` shows nothing; `str()` and formatting give it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)

    def __getitem__(self, key: SupportsIndex | slice, /) -> Secret:
        """Return a part that is as secret: who shortens before printing prints no more."""
        return Secret(super().__getitem__(key))


def as_secret(value: T) -> T:
    """Return a text or bytes so that its `repr` shows nothing, and anything else as it is: who checks it refuses it."""
    if isinstance(value, str):
        return cast("T", Secret(value))
    return cast("T", SecretBytes(value)) if isinstance(value, bytes) else value


class Headers(dict[str, str]):
    """HTTP headers whose `repr` shows only what may be seen."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(mask_headers(self))
