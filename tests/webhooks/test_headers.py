"""The headers of a request, as each kind of server hands them over, and the fixed text in `Authorization`."""

from __future__ import annotations

import io
from collections.abc import Callable
from http.client import parse_headers
from types import SimpleNamespace

import pytest
from multidict import CIMultiDict

from checkout_async import errors, webhooks

BODY = b'{"id":"evt_1","type":"payment_paid"}'
KEY = "a-signing-key"
TEXT = "Bearer a-fixed-text"

Build = Callable[[str, str], object]
FORMS: dict[str, Build] = {
    "mapping": lambda name, value: {"Host": "shop", name: value},
    "lower case": lambda name, value: {"host": "shop", name.lower(): value},
    "aiohttp": lambda name, value: CIMultiDict({"Host": "shop", name: value}),
    "ASGI": lambda name, value: [(b"host", b"shop"), (name.lower().encode(), value.encode())],
    "lists": lambda name, value: [[b"host", b"shop"], [name.lower().encode(), value.encode()]],
    "pairs of text": lambda name, value: ((each, text) for each, text in (("Host", "shop"), (name, value))),
    "mapping of bytes": lambda name, value: {b"host": b"shop", name.encode(): value.encode()},
    "http.server": lambda name, value: parse_headers(io.BytesIO(f"Host: shop\r\n{name}: {value}\r\n\r\n".encode())),
    "META": lambda name, value: {"wsgi.input": object(), f"HTTP_{name.upper().replace('-', '_')}": value},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_signature_is_found(form: str) -> None:
    headers = FORMS[form]("Cko-Signature", webhooks.sign(BODY, KEY))
    receive: Callable[..., webhooks.WebhookEvent] = webhooks.receive
    assert receive(BODY, headers, KEY).id == "evt_1"


@pytest.mark.parametrize("form", FORMS)
def test_a_missing_signature_is_missed(form: str) -> None:
    receive: Callable[..., webhooks.WebhookEvent] = webhooks.receive
    with pytest.raises(errors.InvalidSignature, match="no header Cko-Signature"):
        receive(BODY, FORMS[form]("Content-Type", "application/json"), KEY)


def test_a_header_whose_name_is_neither_text_nor_bytes_is_skipped() -> None:
    headers: dict[object, object] = {5: "a value", None: "another", "Cko-Signature": webhooks.sign(BODY, KEY)}
    receive: Callable[..., webhooks.WebhookEvent] = webhooks.receive
    assert receive(BODY, headers, KEY).id == "evt_1"


@pytest.mark.parametrize("items", [None, [1, 2], ["Cko-Signature"], {"Cko-Signature": "x"}], ids=repr)
def test_what_has_items_that_are_no_pairs_is_refused(items: object) -> None:
    receive: Callable[..., webhooks.WebhookEvent] = webhooks.receive
    with pytest.raises(errors.ConfigurationError, match="the headers must be a mapping or a list of pairs"):
        receive(BODY, SimpleNamespace(items=lambda: items), KEY)
    with pytest.raises(errors.ConfigurationError, match="the headers must be a mapping or a list of pairs"):
        receive(BODY, dict, KEY)


def test_two_signatures_in_a_list_are_none() -> None:
    pair = (b"cko-signature", webhooks.sign(BODY, KEY).encode())
    with pytest.raises(errors.InvalidSignature, match="2 headers"):
        webhooks.receive(BODY, [pair, pair], KEY)
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in (pair, pair)) + b"\r\n"
    with pytest.raises(errors.InvalidSignature, match="2 headers"):
        webhooks.receive(BODY, parse_headers(io.BytesIO(lines)), KEY)


@pytest.mark.parametrize(
    "headers",
    [
        None,
        "a signature",
        b"a signature",
        "",
        b"",
        5,
        [b"cko-signature"],
        [(b"cko-signature", b"a signature", 5)],
        {"Cko-Signature": ["in", "a list"]},
    ],
)
def test_anything_else_is_told_what_to_pass(headers: object) -> None:
    receive: Callable[..., webhooks.WebhookEvent] = webhooks.receive
    with pytest.raises(errors.ConfigurationError, match=r"pass request\.headers") as caught:
        receive(BODY, headers, KEY)
    assert "a signature" not in str(caught.value)


@pytest.mark.parametrize("key", [" key", "key\n", "\tkey", "key "])
def test_a_key_with_outer_blanks_is_refused(key: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="begins or ends with a blank") as caught:
        webhooks.sign(BODY, key)
    assert "key " not in str(caught.value).replace("key begins", "")


class TestAuthorization:
    @pytest.mark.parametrize("form", FORMS)
    def test_the_text_is_found_in_the_headers(self, form: str) -> None:
        verify: Callable[..., None] = webhooks.verify_authorization
        verify(FORMS[form]("Authorization", TEXT), TEXT)

    def test_the_value_alone_will_do(self) -> None:
        webhooks.verify_authorization(TEXT, TEXT)
        webhooks.verify_authorization(TEXT, ["another", TEXT])

    @pytest.mark.parametrize("value", [None, "", "a-fixed-text", TEXT.lower(), f"{TEXT} ", TEXT[:-1]])
    def test_the_whole_text_has_to_match(self, value: str | None) -> None:
        with pytest.raises(errors.InvalidSignature, match="Authorization") as caught:
            webhooks.verify_authorization(value, TEXT)
        assert TEXT not in f"{caught.value!r} {caught.value.__dict__}"

    def test_a_request_without_the_header_is_refused(self) -> None:
        with pytest.raises(errors.InvalidSignature, match="no header Authorization"):
            webhooks.verify_authorization({}, TEXT)

    @pytest.mark.parametrize("value", ["clé", "clé".encode().decode("latin-1"), "cl\udcc3\udca9"])
    def test_a_server_may_read_the_header_in_another_charset(self, value: str) -> None:
        webhooks.verify_authorization(value, "clé")
        with pytest.raises(errors.InvalidSignature):
            webhooks.verify_authorization(value, "cle")

    @pytest.mark.parametrize("expected", ["", " ", [], None, [TEXT, ""], f"{TEXT}\n"])
    def test_a_missing_or_unusable_text_is_never_passed_over(self, expected: object) -> None:
        verify: Callable[..., None] = webhooks.verify_authorization
        with pytest.raises(errors.ConfigurationError, match="Authorization"):
            verify(TEXT, expected)
