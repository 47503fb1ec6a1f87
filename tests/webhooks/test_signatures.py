"""A webhook is believed only if its raw bytes were signed with a key of ours."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async import errors, webhooks

BODY = '{"id":"evt_1","type":"payment_captured","data":{"reference":"Café © ™"}}'.encode()
KEY = "a-signing-key"

bodies = st.binary(max_size=200)
keys = st.text(min_size=1, max_size=40).filter(lambda key: key == key.strip()).filter(str.isprintable)


def test_the_test_case_of_rfc_4231() -> None:
    """Section 4.3: a key and a text in ASCII."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert webhooks.sign(b"what do ya want for nothing?", "Jefe") == expected


@given(body=bodies, key=keys)
def test_what_is_signed_is_accepted(body: bytes, key: str) -> None:
    signature = webhooks.sign(body, key)
    assert signature == hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    webhooks.verify(body, signature, key)
    webhooks.verify(body, signature.upper(), key)


@given(body=st.binary(min_size=1, max_size=200), key=keys, data=st.data())
def test_a_flipped_bit_of_the_body_is_refused(body: bytes, key: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, 8 * len(body) - 1))
    changed = bytearray(body)
    changed[place // 8] ^= 1 << place % 8
    with pytest.raises(errors.InvalidSignature, match="does not match the body"):
        webhooks.verify(bytes(changed), webhooks.sign(body, key), key)


@given(body=bodies, key=keys, place=st.integers(0, 255))
def test_a_flipped_bit_of_the_signature_is_refused(body: bytes, key: str, place: int) -> None:
    digest = bytearray.fromhex(webhooks.sign(body, key))
    digest[place // 8] ^= 1 << place % 8
    with pytest.raises(errors.InvalidSignature, match="does not match the body"):
        webhooks.verify(body, digest.hex(), key)


@given(signature=st.text(max_size=80))
def test_a_signature_of_another_form_is_refused(signature: str) -> None:
    with pytest.raises(errors.InvalidSignature, match="Cko-Signature"):
        webhooks.verify(BODY, signature, KEY)


@pytest.mark.parametrize("form", ["{}\n", " {}", "{}00", "{:.62}", "sha256={}"])
def test_a_signature_has_exactly_its_digits(form: str) -> None:
    with pytest.raises(errors.InvalidSignature, match="64 hexadecimal digits"):
        webhooks.verify(BODY, form.format(webhooks.sign(BODY, KEY)), KEY)


@pytest.mark.parametrize("signature", [None, ""])
def test_a_missing_signature_is_refused(signature: str | None) -> None:
    with pytest.raises(errors.InvalidSignature, match="no header Cko-Signature"):
        webhooks.verify(BODY, signature, KEY)


@pytest.mark.parametrize("signature", [5, b"0" * 64, ["0" * 64]])
def test_a_signature_is_text(signature: object) -> None:
    with pytest.raises(errors.ConfigurationError, match="signature of a webhook must be str, not"):
        getattr(webhooks, "verify")(BODY, signature, KEY)  # noqa: B009 - the type is wrong


@pytest.mark.parametrize("signer", ["old", "new"])
def test_while_a_key_is_changed_either_is_accepted(signer: str) -> None:
    webhooks.verify(BODY, webhooks.sign(BODY, signer), ["new", "old"])
    webhooks.verify(BODY, webhooks.sign(BODY, signer), (key for key in ("old", "new")))
    with pytest.raises(errors.InvalidSignature):
        webhooks.verify(BODY, webhooks.sign(BODY, signer), ["newer", "newest"])


def test_the_same_event_encoded_again_is_another_body() -> None:
    again = json.dumps(json.loads(BODY)).encode()
    with pytest.raises(errors.InvalidSignature, match="raw bytes received"):
        webhooks.verify(again, webhooks.sign(BODY, KEY), KEY)


@pytest.mark.parametrize("call", ["verify", "sign", "parse", "receive"])
def test_text_is_not_a_raw_body(call: str) -> None:
    text = BODY.decode()
    arguments: dict[str, tuple[object, ...]] = {
        "verify": (text, webhooks.sign(BODY, KEY), KEY),
        "sign": (text, KEY),
        "parse": (text,),
        "receive": (text, {"Cko-Signature": webhooks.sign(BODY, KEY)}, KEY),
    }
    with pytest.raises(errors.ConfigurationError, match="body of a webhook must be bytes, not str"):
        getattr(webhooks, call)(*arguments[call])


@pytest.mark.parametrize("signing_keys", [[], "", ["good-key", "  "], None, [None], b"key", ["bad \ud800 key"]])
def test_a_missing_or_unusable_key_is_never_passed_over(signing_keys: object) -> None:
    with pytest.raises(errors.ConfigurationError, match="signing key") as caught:
        getattr(webhooks, "verify")(BODY, webhooks.sign(BODY, "good-key"), signing_keys)  # noqa: B009 - the type is wrong
    assert "good-key" not in str(caught.value)
    assert "bad" not in repr(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("name", ["Cko-Signature", "cko-signature", "CKO-SIGNATURE"])
def test_the_header_is_found_in_any_letter_case(name: str) -> None:
    headers = {"Content-Type": "application/json", name: webhooks.sign(BODY, KEY)}
    assert webhooks.receive(BODY, headers, KEY).id == "evt_1"


def test_two_signature_headers_are_refused() -> None:
    headers = {"Cko-Signature": webhooks.sign(BODY, KEY), "cko-signature": webhooks.sign(b"", KEY)}
    with pytest.raises(errors.InvalidSignature, match="2 headers"):
        webhooks.receive(BODY, headers, KEY)


def test_the_signature_is_checked_before_the_event_is_read() -> None:
    broken = b'{"id": '
    with pytest.raises(errors.InvalidSignature):
        webhooks.receive(broken, {}, KEY)
    with pytest.raises(errors.MalformedMessage):
        webhooks.receive(broken, {"Cko-Signature": webhooks.sign(broken, KEY)}, KEY)


def test_no_error_shows_the_key_the_right_signature_or_the_body() -> None:
    right, shown = webhooks.sign(BODY, KEY), ""
    for signature in (None, "z", webhooks.sign(BODY, "another")):
        with pytest.raises(errors.InvalidSignature) as caught:
            webhooks.verify(BODY, signature, KEY)
        shown += f"{caught.value!r} {caught.value.__dict__}"
    assert not any(secret in shown for secret in (KEY, right, "Café", "evt_1"))


def test_the_module_is_loaded_when_it_is_first_asked_for() -> None:
    code = (
        "import sys, checkout_async as c; print('checkout_async.webhooks' in sys.modules);"
        "print(c.webhooks.SIGNATURE_HEADER)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["False", "Cko-Signature"]
