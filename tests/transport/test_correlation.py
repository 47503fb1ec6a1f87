"""A reply that belongs to another request is never returned: late duplicates, foreign ids, reused idempotency keys."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any, ClassVar

import pytest

from checkout_async import CheckoutClient, Limits, RetryPolicy, SecretKey, Timeouts, errors
from checkout_async._core.wire import HttpRequest
from checkout_async.models import payments
from checkout_async.transport.aiohttp import AiohttpTransport
from tests.transport.servers import Behaviour, RawServer, raw_server

KEY = "sk_sbox_" + "a" * 27
CALLS = 300


def http(status: int, request_id: str, body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} OK\r\nCko-Request-Id: {request_id}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def client(server: RawServer, attempts: int = 1) -> CheckoutClient:
    retry = RetryPolicy(attempts=attempts, backoff=0, conflict_wait=0.01)
    limits = Limits(concurrency=4, read_rate=None, write_rate=None, retry_budget=None)
    return CheckoutClient(SecretKey(KEY), base_url=server.url, retry=retry, limits=limits)


def sent(server: RawServer, number: int) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(server.requests[number - 1].partition(b"\r\n\r\n")[2] or b"{}")
    return body


def order(reference: str = "ORD-1", **members: Any) -> Any:
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
        # A connection that repeats a reply is closed all the same: the real one may be still to come.
        assert server.connections == 2
        with pytest.raises(errors.OutcomeUnknown, match="earlier reply again"):
            await checkout.payments.request_payment(order())


@pytest.mark.parametrize(
    ("status", "key", "is_reply"),
    [(200, "mine", True), (399, "mine", True), (400, "mine", False), (200, None, False)],
)
async def test_only_a_success_with_a_key_may_come_twice(status: int, key: str | None, is_reply: bool) -> None:
    async def behave(writer: asyncio.StreamWriter, _number: int) -> None:
        writer.write(http(status, "request-1", {"id": "pay_1"}))
        await writer.drain()

    transport = AiohttpTransport(Limits())
    async with raw_server(behave) as server:
        request = HttpRequest(method="POST", url=server.url, headers={}, body=b"{}", idempotency_key=key)
        assert (await transport.send(request, Timeouts())).status == status
        try:
            second = await transport.send(request, Timeouts())
        except errors.OutcomeUnknown as error:
            assert not is_reply, error
            assert "earlier reply again" in str(error)
        else:
            assert is_reply
            assert second.status == status
        await transport.aclose()
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [401, 408, 425, 429, 500, 503])
@pytest.mark.parametrize("key", [None, "mine"])
async def test_an_error_that_is_sent_twice_does_not_answer_the_next_attempt(status: int, key: str | None) -> None:
    """The second attempt is carried out; the error that answers it late belongs to the first one."""
    error = http(status, "request-1", {})

    async def behave(writer: asyncio.StreamWriter, number: int) -> None:
        reference = sent(server, number)["reference"]
        right = http(201, f"request-{number}", {"id": f"pay_{reference}", "reference": reference})
        writer.write({1: error, 2: error + right}.get(number, right))
        await writer.drain()

    async with raw_server(behave) as server, client(server, attempts=3) as checkout:
        # A static key is not sent again after a 401: the next call is the one that meets the late reply.
        if status == 401:
            with pytest.raises(errors.Unauthorized):
                await checkout.payments.request_payment(order(), idempotency_key=key)
        payment = await checkout.payments.request_payment(order(), idempotency_key=key)
        assert payment.id == "pay_ORD-1"
        another = await checkout.payments.request_payment(order("ORD-2"))
        assert another.id == "pay_ORD-2"


async def test_the_reply_to_a_payment_is_not_the_reply_to_its_capture_with_the_same_key() -> None:
    paid = http(201, "request-1", {"id": "pay_1", "action_id": "act_1"})

    async def behave(writer: asyncio.StreamWriter, number: int) -> None:
        writer.write({1: paid, 2: paid + http(403, "request-2", {})}.get(number, http(403, f"request-{number}", {})))
        await writer.drain()

    async with raw_server(behave) as server, client(server, attempts=2) as checkout:
        await checkout.payments.request_payment(order(), idempotency_key="order-1")
        with pytest.raises(errors.OutcomeUnknown) as caught:
            await checkout.payments.capture_payment("pay_1", {"amount": 100}, idempotency_key="order-1")
    assert isinstance(caught.value.__cause__, errors.Forbidden)


@pytest.mark.parametrize("keys", [False, True], ids=["the client's keys", "the caller's keys"])
async def test_a_connection_on_which_each_reply_answers_the_request_before_is_left(keys: bool) -> None:
    """Without a request id only what a reply repeats of its request shows that it belongs to another one."""

    def replied(number: int) -> bytes:
        reference = sent(server, number)["reference"]
        content = json.dumps({"id": f"pay_{reference}", "reference": reference}).encode()
        return b"HTTP/1.1 201 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content

    async def behave(writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(replied(1) + replied(2) if number == 2 else replied(number))
        await writer.drain()

    async with raw_server(behave) as server, client(server, attempts=2) as checkout:
        for name in ("A", "B", "C", "D"):
            key = name if keys else None
            payment = await checkout.payments.request_payment(order(name), idempotency_key=key)
            assert payment.id == f"pay_{name}"
        assert (len(server.requests), server.connections) == (5, 2)


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


class TestSessions:
    """A session is requested without a key, so what its reply repeats of the request is all that tells whose it is."""

    REQUEST: ClassVar[Any] = {
        "source": {"type": "card", "number": "4242424242424242", "expiry_month": 1, "expiry_year": 2035},
        "completion": {"type": "non_hosted"},
        "amount": 1000,
        "currency": "GBP",
        "reference": "ORD-1",
    }

    @staticmethod
    def answering(**members: Any) -> Behaviour:
        async def behave(writer: asyncio.StreamWriter, number: int) -> None:
            writer.write(http(201, f"request-{number}", {"id": "sid_1", "status": "approved", **members}))
            await writer.drain()

        return behave

    @pytest.mark.parametrize(
        ("member", "value"), [("reference", "ORD-2"), ("amount", 999), ("currency", "EUR"), ("reference", "ord-1")]
    )
    async def test_the_session_of_another_request_is_not_returned(self, member: str, value: object) -> None:
        async with raw_server(self.answering(**{member: value})) as server, client(server, 3) as checkout:
            with pytest.raises(errors.ReplyMismatch, match=f"its {member} is not the {member}") as caught:
                await checkout.sessions.request_session(self.REQUEST)
            assert len(server.requests) == 1, "another attempt would create another session"
        assert caught.value.may_have_been_done

    @pytest.mark.parametrize("members", [{}, {"reference": "ORD-1", "amount": 1000, "currency": "gbp"}])
    async def test_a_session_that_contradicts_nothing_is_returned(self, members: dict[str, Any]) -> None:
        async with raw_server(self.answering(**members)) as server, client(server) as checkout:
            assert (await checkout.sessions.request_session(self.REQUEST)).id == "sid_1"

    async def test_an_update_that_gets_another_session_is_in_doubt(self) -> None:
        async with raw_server(self.answering()) as server, client(server) as checkout:
            with pytest.raises(errors.OutcomeUnknown, match="another request"):
                await checkout.sessions.update_three_ds_method_completion(
                    "sid_2", {"three_ds_method_completion": "N"}, session_secret="sek_1"
                )

    async def test_a_session_without_a_name_is_not_understood(self) -> None:
        async with raw_server(self.answering(id="")) as server, client(server) as checkout:
            with pytest.raises(errors.UnexpectedResponse, match="its id is empty"):
                await checkout.sessions.request_session(self.REQUEST)


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
            ({"amount": 500, "amount_requested": 600}, "amount_requested"),
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
        assert caught.value.reason == f"its {name} is not the {name.removesuffix('_requested')} of this request"
        assert caught.value.operation == "request_payment"
        assert caught.value.headers["cko-request-id"] == "request-1"
        assert b"pay_first" in bytes(caught.value.body)
        assert caught.value.idempotency_key == "used before"

    async def test_a_warm_connection_is_not_believed_without_a_second_opinion(self) -> None:
        async with raw_server(self.answering(reference="ORD-0")) as server, client(server, 2) as checkout:
            await checkout.payments.request_payment(order("ORD-0"))
            with pytest.raises(errors.ReplyMismatch, match="look it up"):
                await checkout.payments.request_payment(order(), idempotency_key="used before")
            assert (len(server.requests), server.connections) == (3, 2)

    @pytest.mark.parametrize(("key", "kind"), [("used before", errors.ReplyMismatch), (None, errors.OutcomeUnknown)])
    async def test_without_another_attempt_a_key_of_the_caller_is_the_likely_mistake(
        self, key: str | None, kind: type[Exception]
    ) -> None:
        async with raw_server(self.answering(reference="ORD-0")) as server, client(server) as checkout:
            await checkout.payments.request_payment(order("ORD-0"))
            with pytest.raises(errors.CheckoutError) as caught:
                await checkout.payments.request_payment(order(), idempotency_key=key)
        assert type(caught.value) is kind

    async def test_the_same_contradiction_on_two_warm_connections_is_the_reply(self) -> None:
        both = asyncio.Barrier(2)

        async def behave(writer: asyncio.StreamWriter, number: int) -> None:
            if number <= 2:
                await both.wait()
            writer.write(http(201, f"request-{number}", {"id": "pay_first", "reference": "ORD-0"}))
            await writer.drain()

        async with raw_server(behave) as server, client(server, 3) as checkout:
            await asyncio.gather(*(checkout.payments.request_payment(order("ORD-0")) for _ in range(2)))
            with pytest.raises(errors.ReplyMismatch, match="reference"):
                await checkout.payments.request_payment(order(), idempotency_key="used before")
            assert (len(server.requests), server.connections) == (4, 2)

    @pytest.mark.parametrize("attempts", [1, 2])
    async def test_the_letter_case_of_a_reference_tells(self, attempts: int) -> None:
        async with raw_server(self.answering(reference="ord-1")) as server, client(server, attempts) as checkout:
            with pytest.raises(errors.ReplyMismatch, match="reference"):
                await checkout.payments.request_payment(order(), idempotency_key="used before")

    async def test_numbers_as_text_are_the_numbers(self) -> None:
        members = {"reference": "12", "amount_requested": 1000}
        async with raw_server(self.answering(**members)) as server, client(server) as checkout:
            body = order() | {"reference": 12, "amount": "1000"}
            await checkout.payments.request_payment(body, idempotency_key="mine", validate="off")

    @pytest.mark.parametrize(
        "members",
        [
            {"reference": "ORD-1", "currency": "gbp", "amount": 1000},
            {"amount": 400, "amount_requested": 1000},
            {"amount": 400},
            {"reference": None},
            {"reference": ""},
            {},
        ],
        ids=["the same", "authorised in part", "another amount alone", "null", "empty", "nothing"],
    )
    async def test_a_reply_that_fits_is_returned(self, members: dict[str, Any]) -> None:
        async with raw_server(self.answering(**members)) as server, client(server) as checkout:
            payment = await checkout.payments.request_payment(order(), idempotency_key="ORD-1")
        assert payment.id == "pay_first"

    async def test_a_key_of_the_clients_own_cannot_have_been_used(self) -> None:
        async with raw_server(self.answering(reference="other")) as server, client(server) as checkout:
            assert (await checkout.payments.request_payment(order())).id == "pay_first"
