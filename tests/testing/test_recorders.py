"""Libraries that replace or record the traffic of aiohttp work with the client."""

from __future__ import annotations

import asyncio
import importlib
from pathlib import Path
from typing import Any, cast

import pytest
from aioresponses import aioresponses

from checkout_async import CheckoutClient, SecretKey, errors
from checkout_async.sandbox import SECRET_KEY, payment_card
from checkout_async.testing import MockedResponse, ThreadedSandbox

vcr: Any = importlib.import_module("vcr")
API = "https://api.example"
ORDER: Any = {
    "source": {"type": "card", "number": payment_card("approved"), "expiry_month": 1, "expiry_year": 2030},
    "amount": 6540,
    "currency": "GBP",
    "capture": False,
}


class TestAioresponses:
    async def test_a_reply_is_read(self) -> None:
        with aioresponses() as mocked:
            reply = {"id": "pay_1", "status": "Authorized"}
            headers = {"Cko-Request-Id": "0HK4R3LO4HNP6"}
            cast("Any", mocked).post(
                f"{API}/payments", status=201, payload=reply, headers=headers, response_class=MockedResponse
            )
            async with CheckoutClient(SecretKey(SECRET_KEY), base_url=API) as checkout:
                payment = await checkout.payments.request_payment(ORDER, idempotency_key="key-1")
            ((call,),) = cast("Any", mocked).requests.values()
        assert (payment.id, payment.status) == ("pay_1", "Authorized")
        sent = call.kwargs
        assert sent["headers"]["Cko-Idempotency-Key"] == "key-1"
        assert {type(value) for value in sent["headers"].values()} == {str}
        assert type(sent["data"]) is bytes

    async def test_an_error_is_read(self) -> None:
        with aioresponses() as mocked:
            cast("Any", mocked).get(f"{API}/payments/pay_1", status=404, response_class=MockedResponse)
            async with CheckoutClient(SecretKey(SECRET_KEY), base_url=API) as checkout:
                with pytest.raises(errors.NotFound):
                    await checkout.payments.get_payment("pay_1")


class TestVcr:
    def test_a_cassette_is_recorded_and_replayed(self, tmp_path: Path) -> None:
        cassette = tmp_path / "payment.yaml"
        recorder = vcr.VCR(filter_headers=["Authorization"])

        async def pay(checkout: CheckoutClient) -> str:
            async with checkout:
                payment = await checkout.payments.request_payment(ORDER, idempotency_key="key-1")
                return (await checkout.payments.get_payment(payment.id)).id

        with ThreadedSandbox() as sandbox:
            base_url = sandbox.base_url
            with recorder.use_cassette(str(cassette)):
                paid = asyncio.run(pay(CheckoutClient(SecretKey(SECRET_KEY), base_url=base_url)))
            assert sandbox.count("request_payment") == 1
        written = cassette.read_text()
        assert "key-1" in written
        assert "python/object" not in written
        assert SECRET_KEY not in written
        with recorder.use_cassette(str(cassette), record_mode="none") as played:
            assert asyncio.run(pay(CheckoutClient(SecretKey(SECRET_KEY), base_url=base_url))) == paid
            assert played.play_count == 2
