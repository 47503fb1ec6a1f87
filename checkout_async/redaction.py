"""Mask everything that must not be printed: card numbers, CVVs, tokens, keys, personal data, headers.

Headers follow an allow-list: the value of any other header is masked. A value of a sensitive kind is never shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import SupportsIndex, TypeVar, cast, overload

__all__ = [
    "MASK",
    "Headers",
    "Secret",
    "SecretBytes",
    "SecretMembers",
    "as_secret",
    "mask",
    "mask_headers",
    "sanitize",
    "scrub",
]

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

# The shortest card number has thirteen digits (ISO/IEC 7812). People write the digits in groups.
_CARD_NUMBER = re.compile(r"(?<!\d)\d(?:[\s.\-\u00ad\u200b\u2010-\u2015]{0,2}\d){12,}")
_NUMBER_AT_END = re.compile(r"\d[\d\s.\-\u00ad\u200b\u2010-\u2015]*\Z")
_SECRET = re.compile(r"\b(?:sek|sk|pk|tok|ack)_[\w+/=*#$-]+|\bey[\w-]{8,}(?:\.[\w-]*)*|(?i:\b(?:bearer|basic)\s+\S+)")


def mask(value: object, kind: str) -> str:
    """Return a mask for a sensitive value. Only the last four digits of a card number (`pan`) are shown."""
    if kind == "pan" and isinstance(value, str) and len(value) >= 13:
        return f"{MASK}{value[-4:]}"
    return MASK


def scrub(text: str) -> str:
    """Mask in free text, such as a server's error message, what looks like a card number, a key or a token."""
    return _CARD_NUMBER.sub(MASK, _SECRET.sub(MASK, text))


def sanitize(text: str) -> str:
    """Return free text of a server so that it can be put into a message: scrubbed, printable, on one line, and short.

    Other characters could forge lines of a log or send commands to a terminal.
    """
    shown = scrub(text) if len(text) <= _MAX_LENGTH else f"{scrub(_NUMBER_AT_END.sub(MASK, text[:_MAX_LENGTH]))}..."
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in shown)


def mask_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers. Values of headers that are not on the allow-list are masked."""
    return {name: value if name.lower() in _VISIBLE_HEADERS else MASK for name, value in headers.items()}


class SecretBytes(bytes):
    """The bytes of a message. Its `repr` shows only their number; `decode()` or `bytes()` gives the content."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"

    __str__ = __repr__

    @overload
    def __getitem__(self, key: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, key: slice, /) -> SecretBytes: ...
    def __getitem__(self, key: SupportsIndex | slice, /) -> int | SecretBytes:
        """Return a byte, or a slice as SecretBytes, so that shortened bytes do not print either."""
        return SecretBytes(super().__getitem__(key)) if isinstance(key, slice) else super().__getitem__(key)


class Secret(str):
    """A credential, a key or other secret text. Its `repr` shows nothing; `str()` and formatting give the text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)

    def __getitem__(self, key: SupportsIndex | slice, /) -> Secret:
        """Return a slice as Secret, so that shortened text does not print either."""
        return Secret(super().__getitem__(key))


def as_secret(value: T) -> T:
    """Return text as Secret and bytes as SecretBytes. Any other value is returned as it is, for a later type check."""
    if isinstance(value, str):
        return cast("T", Secret(value))
    return cast("T", SecretBytes(value)) if isinstance(value, bytes) else value


class SecretMembers(dict[str, object]):
    """Members of a JSON object. Their `repr` shows the names only, sanitized."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr({sanitize(str(name)): MASK for name in self})


class Headers(dict[str, str]):
    """HTTP headers. Their `repr` masks every value that is not on the allow-list."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(mask_headers(self))
