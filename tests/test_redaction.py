"""What may be shown of values, free text and headers."""

import pytest

from checkout_async.redaction import mask, scrub, visible_headers


def test_a_card_number_keeps_its_last_four_digits() -> None:
    assert mask("4242424242424242", "pan") == "***4242"


@pytest.mark.parametrize(
    ("value", "kind"), [("956", "cvv"), ("x", "secret"), ("Ada", "personal"), (5, "pan"), ("4242", "pan")]
)
def test_anything_else_sensitive_shows_nothing(value: object, kind: str) -> None:
    assert mask(value, kind) == "***"


@pytest.mark.parametrize(
    "secret",
    [
        "4242424242424242",
        "4242 4242 4242 4242",
        "3782-822463-10005",
        "4242.4242.4242.4242",
        "6759649826438453012",
        "sk_sbox_aaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "sek_Dal7UyiH8rIFXA4PfgiIk2jUyQkVDeEWgVBEL4TsRTE=",
        "tok_ubfj2q76miwundwlk72vxt2i7q",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhY2sifQ.c2lnbmF0dXJl",
        "Bearer abc",
        "basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    ],
)
def test_free_text_is_scrubbed_of_card_numbers_keys_and_tokens(secret: str) -> None:
    scrubbed = scrub(f"could not use ({secret}) here")
    assert scrubbed.startswith("could not use (***")
    assert secret not in scrubbed


@pytest.mark.parametrize(
    "text", ["amount_invalid", "sid_y3oqhf46pyzuxjbcn2giaqnb44", "2026-11-21T12:00:00Z", "12345678"]
)
def test_identifiers_codes_dates_and_short_numbers_stay(text: str) -> None:
    assert scrub(text) == text


def test_only_listed_headers_show_their_values() -> None:
    headers = {"Content-Type": "application/json", "Authorization": "Bearer x", "X-Anything": "y"}
    assert visible_headers(headers) == {"Content-Type": "application/json", "Authorization": "***", "X-Anything": "***"}
