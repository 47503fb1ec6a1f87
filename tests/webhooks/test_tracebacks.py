"""Anybody can send a request that fails: a traceback with locals shows neither the signing key nor the body."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from checkout_async import errors, webhooks
from tests.canary.frames import shown_by_frames

CANARY = "canary-5f1c"
BODY = f'{{"id":"evt_1","type":"payment_paid","data":{{"cryptogram":"{CANARY}"}}}}'.encode()
MALFORMED = f'{{"id":5,"type":"{CANARY}"'.encode()
FORGED = "0" * 64
HEADERS = {"Cko-Signature": FORGED, "Authorization": f"Bearer {CANARY}", "Cookie": CANARY}
TWO_HEADERS = [(b"cko-signature", CANARY.encode()), (b"cko-signature", CANARY.encode())]

receive: Callable[..., object] = webhooks.receive
verify: Callable[..., object] = webhooks.verify
authorize: Callable[..., object] = webhooks.verify_authorization
parse: Callable[..., object] = webhooks.parse
sign: Callable[..., object] = webhooks.sign


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        pytest.param(receive, (BODY, HEADERS, CANARY), id="receive a forged signature"),
        pytest.param(receive, (BODY, HEADERS, [CANARY, f"{CANARY}2"]), id="receive with two keys"),
        pytest.param(receive, (BODY, {"Cookie": CANARY}, CANARY), id="receive without a signature"),
        pytest.param(receive, (BODY, {"Cko-Signature": CANARY}, CANARY), id="receive other digits"),
        pytest.param(receive, (BODY, TWO_HEADERS, CANARY), id="receive two signatures"),
        pytest.param(receive, (BODY, {"Cko-Signature": [CANARY]}, CANARY), id="receive a header of another type"),
        pytest.param(receive, (BODY, [CANARY], CANARY), id="receive headers of another type"),
        pytest.param(receive, (BODY.decode(), HEADERS, CANARY), id="receive a text"),
        pytest.param(receive, (bytearray(BODY), HEADERS, CANARY), id="receive a bytearray"),
        pytest.param(receive, ({"a": CANARY}, HEADERS, CANARY), id="receive a mapping"),
        pytest.param(receive, (BODY, HEADERS, f" {CANARY}"), id="receive with a blank before the key"),
        pytest.param(receive, (BODY, HEADERS, [CANARY, CANARY.encode()]), id="receive with a key of bytes"),
        pytest.param(receive, (BODY, HEADERS, [CANARY, f"{CANARY}\ud800"]), id="receive with a lone surrogate"),
        pytest.param(
            receive,
            (MALFORMED, {"Cko-Signature": webhooks.sign(MALFORMED, CANARY), "Cookie": CANARY}, CANARY),
            id="receive a signed body that is no event",
        ),
        pytest.param(verify, (BODY, FORGED, CANARY), id="verify"),
        pytest.param(verify, (BODY, CANARY, CANARY), id="verify other digits"),
        pytest.param(verify, (BODY, [CANARY], CANARY), id="verify a list"),
        pytest.param(authorize, (HEADERS, f"{CANARY}2"), id="authorize by headers"),
        pytest.param(authorize, (CANARY, f"{CANARY}2"), id="authorize by value"),
        pytest.param(authorize, ({"Cookie": CANARY}, CANARY), id="authorize without"),
        pytest.param(parse, (MALFORMED,), id="parse"),
        pytest.param(sign, (BODY, f"{CANARY} "), id="sign"),
    ],
)
def test_a_failure_shows_no_argument(function: Callable[..., object], arguments: tuple[object, ...]) -> None:
    with pytest.raises(errors.CheckoutError) as caught:
        function(*arguments)
    assert CANARY not in f"{shown_by_frames(caught.value)} {caught.value!r} {vars(caught.value)}"
    assert caught.value.__context__ is None
