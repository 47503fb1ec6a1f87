"""Base64url JSON: one way to encode it, every reasonable way to decode it, and one error for the rest."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async import errors
from checkout_async.threeds.emv import decode_base64url, decode_json, encode_base64url, encode_json
from checkout_async.threeds.emv.encoding import MESSAGE_LIMIT

# Where the alphabets differ: worked out by hand from RFC 4648, tables 1 and 2.
MESSAGE = {"threeDSMethodNotificationURL": "https://shop.example/n?a=>>>&b=???"}
STANDARD = "eyJ0aHJlZURTTWV0aG9kTm90aWZpY2F0aW9uVVJMIjoiaHR0cHM6Ly9zaG9wLmV4YW1wbGUvbj9hPT4+PiZiPT8/PyJ9"
URL_SAFE = "eyJ0aHJlZURTTWV0aG9kTm90aWZpY2F0aW9uVVJMIjoiaHR0cHM6Ly9zaG9wLmV4YW1wbGUvbj9hPT4-PiZiPT8_PyJ9"

texts = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)
json_objects = st.dictionaries(texts, json_values, max_size=5)


class TestWriting:
    def test_the_url_safe_alphabet_without_padding(self) -> None:
        assert encode_json(MESSAGE) == URL_SAFE
        assert encode_base64url(b"\xfb\xff") == "-_8"

    @given(json_objects)
    def test_encoded_text_needs_no_escaping_in_a_form_or_url(self, message: dict[str, object]) -> None:
        assert set(encode_json(message)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


class TestReading:
    @pytest.mark.parametrize("text", [STANDARD, URL_SAFE])
    def test_either_alphabet(self, text: str) -> None:
        assert decode_json(text) == MESSAGE

    @given(json_objects)
    def test_encoded_objects_decode_to_the_same(self, message: dict[str, object]) -> None:
        assert decode_json(encode_json(message)) == message

    @given(st.binary(max_size=100))
    def test_with_or_without_padding_and_line_breaks(self, raw: bytes) -> None:
        for text in (base64.urlsafe_b64encode(raw), base64.b64encode(raw), base64.encodebytes(raw)):
            assert decode_base64url(text.decode()) == raw
            assert decode_base64url(text.decode().rstrip("=\n")) == raw
            assert decode_base64url(text.decode().rstrip("\n").removesuffix("=")) == raw
            assert decode_base64url(text.decode().strip().replace("\n", "\r\n")) == raw

    @given(st.binary(max_size=100))
    def test_a_plus_that_a_form_turned_into_a_blank(self, raw: bytes) -> None:
        # A blank at either end is stripped like pasted whitespace, so the text begins and ends with other characters.
        text = base64.b64encode(b"a" + raw + b"a" * (3 - (len(raw) + 1) % 3)).decode()
        assert decode_base64url(text.replace("+", " ")) == base64.b64decode(text)


class TestRefusing:
    @given(st.text(max_size=200))
    def test_any_text_is_an_object_or_a_malformed_message(self, text: str) -> None:
        try:
            assert isinstance(decode_json(text, "cres"), dict)
        except errors.MalformedMessage as error:
            assert error.message == "cres"
            assert error.reason

    @given(st.binary(max_size=200))
    def test_any_bytes_are_an_object_or_a_malformed_message(self, raw: bytes) -> None:
        try:
            assert isinstance(decode_json(encode_base64url(raw)), dict)
        except errors.MalformedMessage as error:
            assert error.reason

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "is not JSON"),
            ("a", "is not base64url"),
            ("abc$", "is not base64url"),
            ("ab=c", "is not base64url"),
            ("YQ===", "is not base64url"),
            ("ÄÖÜ", "is not base64url"),
            ("\ud800", "is not base64url"),
            ("aGFsbG8", "is not JSON"),
            (encode_base64url(b"[1, 2]"), "Expected `object`, got `array`"),
            (encode_base64url(b'{"a": "\xff"}'), "is not JSON"),
            (encode_base64url(b'{"a":' * 2000), "is not JSON"),
            ("A" * (MESSAGE_LIMIT + 1), f"is longer than {MESSAGE_LIMIT} characters"),
        ],
    )
    def test_the_error_names_the_reason_and_not_the_input(self, text: str, reason: str) -> None:
        with pytest.raises(errors.MalformedMessage) as raised:
            decode_json(text, "threeDSMethodData")
        assert str(raised.value) == f"threeDSMethodData: {reason}"
        assert raised.value.__cause__ is None

    def test_deep_nesting_does_not_crash(self) -> None:
        deep = encode_base64url(('{"a":' * 900 + "1" + "}" * 900).encode())
        try:
            assert json.loads(base64.urlsafe_b64decode(deep + "=" * (-len(deep) % 4))) == decode_json(deep)
        except errors.MalformedMessage as error:
            assert error.reason == "is not JSON"
