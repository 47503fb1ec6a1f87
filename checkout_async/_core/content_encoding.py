"""Content codings of replies (RFC 9110 section 8.4.1): decompress gzip and deflate, up to a limit."""

from __future__ import annotations

import zlib

__all__ = ["ACCEPTED", "CorruptEncoding", "decompress"]

ACCEPTED = "gzip, deflate"
"""The value of `Accept-Encoding`: the codings that `decompress` knows."""

_GZIP = zlib.MAX_WBITS | 16
_ZLIB = zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS

# Each further gzip member copies the rest of the body, so a body of many empty members would take quadratic time.
_MAX_MEMBERS = 64


class CorruptEncoding(Exception):
    """The bytes do not match their content coding, or the request did not ask for that coding."""


def decompress(body: bytes, coding: str, limit: int) -> tuple[bytes, bool]:
    """Decompress a body. Return at most `limit` bytes, and whether there were more. Raises CorruptEncoding."""
    name = coding.strip().lower()
    if name in {"", "identity"} or not body:
        return body[:limit], len(body) > limit
    if name in {"gzip", "x-gzip"}:
        return _inflate(body, _GZIP, limit)
    if name == "deflate":
        # Some servers omit the zlib header that RFC 9110 section 8.4.1.2 asks for. Its first byte ends in the digit 8.
        return _inflate(body, _ZLIB if body[:1] and body[0] & 0xF == 8 else _RAW_DEFLATE, limit)
    raise CorruptEncoding


def _inflate(body: bytes, format_: int, limit: int) -> tuple[bytes, bool]:
    whole = bytearray()
    try:
        # A gzip body may consist of several members (RFC 1952 section 2.2).
        for _ in range(_MAX_MEMBERS):
            inflate = zlib.decompressobj(format_)
            whole += inflate.decompress(body, limit + 1 - len(whole))
            if len(whole) > limit:
                return bytes(whole[:limit]), True
            # Some servers pad a body with zeros. The program gzip ignores them, and no gzip member begins with one.
            body = inflate.unused_data.lstrip(b"\0")
            if inflate.eof and not body:
                return bytes(whole), False
            if not inflate.eof:
                break
    except zlib.error:
        raise CorruptEncoding from None
    raise CorruptEncoding
