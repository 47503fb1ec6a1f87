"""A server that echoes what was sent: the texts of its error repeat nothing that is marked sensitive."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from checkout_async import CheckoutClient, RetryPolicy, Timeouts, errors
from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.auth import SecretKey
from checkout_async.models import payments

KEY = "order-7-attempt-1"
SECRETS = ("956", "Ada Lovelace", KEY, "4485040371536584")
MAPPING: dict[str, Any] = {
    "source": {
        "type": "card",
        "number": "4485040371536584",
        "expiry_month": 1,
        "expiry_year": 2030,
        "cvv": "956",
        "name": "Ada Lovelace",
    },
    "amount": 5,
    "currency": "GBP",
}
CARD = payments.RequestCardSource(
    number="4485040371536584", expiry_month=1, expiry_year=2030, cvv="956", name="Ada Lovelace"
)
STRUCT = payments.PaymentRequest(source=CARD, amount=5, currency="GBP")


class Echo:
    """A transport whose server quotes what it got, in every text of its error."""

    async def send(self, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
        body = {
            "error_type": f"request_invalid for ada lovelace with {KEY}",
            "error_codes": [
                f"cvv 956 of Ada Lovelace ({KEY}) on 4485040371536584 is wrong",
                "cvv_956_invalid",
                "code_9561",
            ],
        }
        return HttpResponse(status=422, headers={}, body=json.dumps(body).encode())

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize("body", [MAPPING, STRUCT], ids=["mapping", "Struct"])
async def test_an_error_quotes_nothing_that_was_marked(body: Any) -> None:
    credentials = SecretKey("sk_sbox_" + "a" * 27)
    async with CheckoutClient(
        credentials, base_url="http://127.0.0.1:9", transport=Echo(), retry=RetryPolicy(attempts=1)
    ) as checkout:
        with pytest.raises(errors.UnprocessableEntity) as caught:
            await checkout.payments.request_payment(body, idempotency_key=KEY)
    error = caught.value
    shown = f"{error} {error!r} {vars(error)}"
    assert not [secret for secret in SECRETS if re.search(rf"(?<!\d){secret}(?!\d)", shown, re.IGNORECASE)]
    assert error.error_codes == ("cvv *** of *** (***) on *** is wrong", "cvv_***_invalid", "code_9561")
    assert error.idempotency_key == KEY
