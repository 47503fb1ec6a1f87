"""A reply that belongs to another request is never returned: late duplicates, foreign ids, reused idempotency keys."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest

from checkout_async import CheckoutClient, Limits, RetryPolicy, SecretKey, errors
from checkout_async.models import payments
from tests.transport.servers import Behaviour, RawServer, raw_server

KEY = "sk_sbox_" + "a" * 27
CALLS = 300


def http(status: int, request_id: str, body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} OK\r\nCko-Request-Id: {request_id}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def client(server: RawServer, attempts: int = 1) -> CheckoutClient:
    retry = RetryPolicy(attempts=attempts, backoff=0)
    limits = Limits(concurrency=4, read_rate=None, write_rate=None, retry_budget=None)
    return CheckoutClient(SecretKey(KEY), base_url=server.url, retry=retry, limits=limits)


def sent(server: RawServer, number: int) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(server.requests[number - 1].partition(b"\r\n\r\n")[2] or b"{}")
    return body


def order(reference: str = "ORD-1", **members: Any) -> dict[str, Any]:
    card = {"type": "card", "number": "4242424242424242", "expiry_month": 1, "expiry_year": 2035}
    return {"source": card, "amount": 1000, "currency": "GBP", "reference": reference} | members


class Duplicating:
    """Answers each payment with its reference, and sends one reply in ten again, late: before the next reply."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._late: dict[asyncio.StreamWriter, bytes] = {}
        self.server = RawServer()
        self.duplicates = 0

    async def __call__(self, writer: asyncio.StreamWriter, number: int) -> None:
        if (late := self._late.pop(writer, None)) is not None:
            self.duplicates += 1
            writer.write(late)
        reference = sent(self.server, number)["reference"]
        reply = http(201, f"request-{number}", {"id": f"pay_{number}", "reference": reference})
        if self._rng.random() < 0.1:
            self._late[writer] = reply
        writer.write(reply)
        await writer.drain()


async def test_a_late_duplicate_is_never_the_reply_to_another_payment() -> None:
    behave = Duplicating(seed=1)
    async with raw_server(behave) as server, client(server) as checkout:
        behave.server = server
        references = [f"ORD-{number}" for number in range(CALLS)]
        calls = (checkout.payments.request_payment(order(reference)) for reference in references)
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert behave.duplicates > CALLS / 20
    received = [result for result in results if isinstance(result, payments.Payment)]
    assert all(
        result.reference == reference
        for result, reference in zip(results, references, strict=True)
        if isinstance(result, payments.Payment)
    )
    assert {type(result) for result in results} == {payments.Payment, errors.OutcomeUnknown}
    # Only the call that met the duplicate is in doubt; its connection is closed, so that no later one is shifted.
    assert len(results) - len(received) == behave.duplicates
    assert len(server.requests) == CALLS


async def test_two_attempts_of_one_key_may_get_the_same_reply() -> None:
    same = http(201, "request-1", {"id": "pay_1", "reference": "ORD-1"})

    async def behave(writer: asyncio.StreamWriter, _number: int) -> None:
        writer.write(same)
        await writer.drain()

    async with raw_server(behave) as server, client(server) as checkout:
        for _ in range(3):
            payment = await checkout.payments.request_payment(order(), idempotency_key="ORD-1")
            assert payment.id == "pay_1"
        assert server.connections == 1
        with pytest.raises(errors.OutcomeUnknown, match="previous reply again"):
            await checkout.payments.request_payment(order())


class TestReadsById:
    @staticmethod
    def answering(*ids: str) -> Behaviour:
        async def behave(writer: asyncio.StreamWriter, number: int) -> None:
            writer.write(http(200, f"request-{number}", {"id": ids[min(number, len(ids)) - 1]}))
            await writer.drain()

        return behave

    async def test_a_read_that_gets_another_payment_is_repeated_on_another_connection(self) -> None:
        async with raw_server(self.answering("pay_other", "pay_mine")) as server, client(server, 2) as checkout:
            assert (await checkout.payments.get_payment("pay_mine")).id == "pay_mine"
            assert (len(server.requests), server.connections) == (2, 2)

    async def test_it_is_never_returned(self) -> None:
        async with raw_server(self.answering("pay_other")) as server, client(server, 2) as checkout:
            with pytest.raises(errors.OutcomeUnknown, match="another request"):
                await checkout.payments.get_payment("pay_mine")

    async def test_an_id_of_another_kind_is_a_way_to_ask(self) -> None:
        async with raw_server(self.answering("pay_1")) as server, client(server) as checkout:
            assert (await checkout.payments.get_payment("sid_1")).id == "pay_1"


class TestReusedKeys:
    """The API answers a key that it knows with its first reply, whatever the second request says."""

    @staticmethod
    def answering(**members: Any) -> Behaviour:
        async def behave(writer: asyncio.StreamWriter, number: int) -> None:
            writer.write(http(201, f"request-{number}", {"id": "pay_first", **members}))
            await writer.drain()

        return behave

    @pytest.mark.parametrize(
        ("members", "name"),
        [
            ({"reference": "ORD-0"}, "reference"),
            ({"currency": "EUR"}, "currency"),
            ({"amount": 500, "amount_requested": 600}, "amount"),
        ],
    )
    async def test_a_reply_that_contradicts_the_request_is_an_error_with_all_it_came_with(
        self, members: dict[str, Any], name: str
    ) -> None:
        async with raw_server(self.answering(**members)) as server, client(server) as checkout:
            with pytest.raises(errors.ReplyMismatch, match=name) as caught:
                await checkout.payments.request_payment(order(), idempotency_key="used before")
        assert isinstance(caught.value.value, payments.Payment)
        assert caught.value.value.id == "pay_first"
        assert (caught.value.status, caught.value.request_id) == (201, "request-1")
        assert b"pay_first" in bytes(caught.value.body)
        assert caught.value.idempotency_key == "used before"

    @pytest.mark.parametrize(
        "members",
        [
            {"reference": "ORD-1", "currency": "gbp", "amount": 1000},
            {"amount": 400, "amount_requested": 1000},
            {"amount": 400},
            {"reference": None},
            {},
        ],
        ids=["the same", "authorised in part", "another amount alone", "null", "nothing"],
    )
    async def test_a_reply_that_fits_is_returned(self, members: dict[str, Any]) -> None:
        async with raw_server(self.answering(**members)) as server, client(server) as checkout:
            payment = await checkout.payments.request_payment(order(), idempotency_key="ORD-1")
        assert payment.id == "pay_first"

    async def test_a_key_of_the_clients_own_cannot_have_been_used(self) -> None:
        async with raw_server(self.answering(reference="other")) as server, client(server) as checkout:
            assert (await checkout.payments.request_payment(order())).id == "pay_first"
