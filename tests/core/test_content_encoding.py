"""Compressed replies are decompressed exactly and up to the limit; a damaged body is not mistaken for a large one."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async._core.content_encoding import CorruptEncoding, decompress

BOMB = gzip.compress(b"a" * 50_000_000)


def raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda body: body,
    "identity": lambda body: body,
    "gzip": gzip.compress,
    "X-GZip ": gzip.compress,
    "deflate": zlib.compress,
}


@given(st.binary(max_size=200), st.sampled_from(sorted(CODINGS)), st.integers(0, 250))
def test_what_was_encoded_is_decoded_up_to_the_limit(body: bytes, coding: str, limit: int) -> None:
    assert decompress(CODINGS[coding](body), coding, limit) == (body[:limit], len(body) > limit)


def test_deflate_without_its_frame_is_read_too() -> None:
    assert decompress(raw_deflate(b'{"id": 1}'), "deflate", 100) == (b'{"id": 1}', False)


def test_gzip_members_in_a_row_are_one_body() -> None:
    assert decompress(gzip.compress(b"ab") + gzip.compress(b"cd"), "gzip", 100) == (b"abcd", False)


@pytest.mark.parametrize("padding", [b"\0", b"\0" * 512], ids=["one zero", "a block"])
def test_zeros_after_a_gzip_member_are_padding(padding: bytes) -> None:
    assert decompress(gzip.compress(b"ab") + padding, "gzip", 100) == (b"ab", False)
    assert decompress(gzip.compress(b"ab") + padding + gzip.compress(b"cd") + padding, "gzip", 100) == (b"abcd", False)


@pytest.mark.parametrize("rest", [b"\0x", b"\0" + gzip.compress(b"cut off")[:-1]], ids=["text", "half a member"])
def test_anything_else_after_padding_is_damage(rest: bytes) -> None:
    with pytest.raises(CorruptEncoding):
        decompress(gzip.compress(b"ab") + rest, "gzip", 100)


def test_a_bomb_makes_no_more_than_the_limit() -> None:
    assert len(BOMB) < 50_000
    assert decompress(BOMB, "gzip", 1000) == (b"a" * 1000, True)


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (b"not compressed", "gzip"),
        (b"not compressed", "deflate"),
        (gzip.compress(b"cut off")[:-1], "gzip"),
        (zlib.compress(b"cut off")[:-1], "deflate"),
        (gzip.compress(b"and more") + b"x", "gzip"),
        (gzip.compress(b"") * 100_000, "gzip"),
        (b"{}", "br"),
        (gzip.compress(gzip.compress(b"{}")), "gzip, gzip"),
    ],
    ids=range(8),
)
def test_damaged_bodies_and_unrequested_codings_are_errors(body: bytes, coding: str) -> None:
    with pytest.raises(CorruptEncoding):
        decompress(body, coding, 1000)


@given(st.binary(max_size=100), st.sampled_from(["gzip", "deflate", "br", ""]))
def test_any_bytes_are_decoded_or_corrupt(body: bytes, coding: str) -> None:
    try:
        whole, _ = decompress(body, coding, 50)
    except CorruptEncoding:
        return
    assert len(whole) <= 50
