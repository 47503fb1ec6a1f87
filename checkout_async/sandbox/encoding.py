"""Base64url without padding, as EMV 3DS 2.2 and RFC 7515 write it."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import msgspec


def base64url(raw: bytes) -> str:
    """Encode bytes."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def encoded(message: Mapping[str, object]) -> str:
    """Encode a message as JSON in base64url."""
    return base64url(msgspec.json.encode(message))
