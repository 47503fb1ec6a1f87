"""The stand-ins for unit tests: a sender that returns models, and a transport that follows a script."""

from __future__ import annotations

from typing import Any

import pytest

from checkout_async import CheckoutClient, OAuthCredentials, RetryPolicy, SecretKey, errors, operations
from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.models import payments, sessions
from checkout_async.testing import FakeSender, RecordedCall, ScriptedTransport, json_reply

PAYMENT = payments.Payment(id="pay_1", status=payments.PaymentStatus("Authorized"))
CARD = "4242424242424242"
ORDER: Any = {
    "source": {"type": "card", "number": CARD, "expiry_month": 1, "expiry_year": 2030},
    "amount": 100,
    "currency": "GBP",
}


class TestFakeSender:
    async def test_it_returns_models_by_operation_and_records_the_calls(self) -> None:
        sender = FakeSender({"request_payment": PAYMENT, "void_payment": payments.AcceptedAction(action_id="act_1")})
        assert await sender.payments.request_payment(ORDER, idempotency_key="key-1") is PAYMENT
        voided = await operations.payments.void_payment(sender, "pay_1")
        assert voided is not None
        assert voided.action_id == "act_1"
        first, second = sender.calls
        assert (first.operation, first.method, first.path) == ("request_payment", "POST", "/payments")
        assert (first.body, first.idempotency_key) == (ORDER, "key-1")
        assert (second.path, second.body) == ("/payments/pay_1/voids", None)
        assert sender.calls_of("request_payment") == [first]

    async def test_a_recorded_call_shows_no_card_and_no_key(self) -> None:
        sender = FakeSender({"request_payment": PAYMENT})
        await sender.payments.request_payment(ORDER, idempotency_key="key-1")
        assert repr(sender.calls) == "[RecordedCall(operation='request_payment', method='POST', path='/payments')]"

    async def test_consecutive_calls_get_consecutive_replies(self) -> None:
        def third(call: RecordedCall) -> payments.Payment:
            return payments.Payment(id=call.path.rpartition("/")[2])

        sender = FakeSender({"get_payment": [errors.ConnectFailed("no connection"), PAYMENT, third]})
        with pytest.raises(errors.ConnectFailed):
            await sender.payments.get_payment("pay_1")
        assert await sender.payments.get_payment("pay_1") is PAYMENT
        assert (await sender.payments.get_payment("pay_3")).id == "pay_3"
        with pytest.raises(AssertionError, match="get_payment was called more often"):
            await sender.payments.get_payment("pay_1")

    async def test_a_call_without_a_reply_names_its_operation(self) -> None:
        with pytest.raises(AssertionError, match=r"get_session was called.*FakeSender\(\{'get_session': \.\.\.\}\)"):
            await FakeSender().sessions.get_session("sid_" + "a" * 26)

    async def test_a_wrong_request_is_refused_as_by_a_client(self) -> None:
        sender = FakeSender({"request_payment": PAYMENT})
        wrong: Any = {**ORDER, "amout": 1}
        with pytest.raises(errors.InvalidRequest, match="amout"):
            await sender.payments.request_payment(wrong)
        assert sender.calls == []

    def test_an_operation_that_does_not_exist_is_refused(self) -> None:
        with pytest.raises(ValueError, match="there is no operation 'get_paymnt'; did you mean 'get_payment'"):
            FakeSender({"get_paymnt": PAYMENT})
        with pytest.raises(ValueError, match="there is no operation"):
            FakeSender().calls_of("pay")

    @pytest.mark.parametrize("wrong", [{"id": "pay_1"}, [PAYMENT, None], payments.AcceptedAction(action_id="act_1")])
    def test_a_reply_of_another_type_is_refused(self, wrong: Any) -> None:
        with pytest.raises(TypeError, match="get_payment replies with Payment, not with"):
            FakeSender({"get_payment": wrong})

    async def test_so_is_that_of_a_function(self) -> None:
        def wrong(_call: RecordedCall) -> object:
            return 1

        with pytest.raises(TypeError, match="get_payment replies with Payment, not with int"):
            await FakeSender({"get_payment": wrong}).payments.get_payment("pay_1")

    async def test_an_empty_reply_is_none(self) -> None:
        sender = FakeSender({"complete_session": None})
        response = await sender.send(operations.sessions.build_complete_session("sid_" + "a" * 26))
        assert (response.value, response.status, response.body) == (None, 204, b"")

    async def test_a_reply_has_status_and_bytes(self) -> None:
        sender = FakeSender({"request_payment": PAYMENT})
        response = await sender.send(operations.payments.build_request_payment(ORDER))
        assert (response.status, bytes(response.body)) == (201, b'{"id":"pay_1","status":"Authorized"}')
        assert response.request_id

    async def test_whole_replies_are_given_on_request(self) -> None:
        response = await FakeSender({"get_payment": PAYMENT}).payments.with_response.get_payment("pay_1")
        assert (response.value, response.status) == (PAYMENT, 200)

    async def test_pages_are_followed(self) -> None:
        pages = [
            payments.PaymentList(data=[PAYMENT], total_count=2, limit=1, skip=0),
            payments.PaymentList(data=[payments.Payment(id="pay_2")], total_count=2, limit=1, skip=1),
        ]
        sender = FakeSender({"list_payments": pages})
        found = [each async for each in sender.payments.iterate_payments(reference="ORD-1", limit=1)]
        assert (len(found), len(sender.calls)) == (2, 2)

    async def test_it_closes_like_a_client(self) -> None:
        async with FakeSender({"get_payment": PAYMENT}) as sender:
            await sender.payments.get_payment("pay_1")
        await sender.aclose()


def client(transport: ScriptedTransport, **options: Any) -> CheckoutClient:
    key = SecretKey("sk_sbox_" + "a" * 27)
    return CheckoutClient(key, base_url="http://127.0.0.1:9", transport=transport, **options)


class TestScriptedTransport:
    async def test_it_answers_in_order_and_records_the_requests(self) -> None:
        transport = ScriptedTransport(
            errors.ConnectFailed("no connection"), json_reply(503), json_reply(201, {"id": "pay_1"})
        )
        async with client(transport, retry=RetryPolicy(backoff=0)) as checkout:
            payment = await checkout.payments.request_payment(ORDER, idempotency_key="key-1")
        assert payment.id == "pay_1"
        assert [each.idempotency_key for each in transport.requests] == ["key-1"] * 3
        assert transport.unused == 0

    async def test_a_function_sees_the_request(self) -> None:
        def reply(request: HttpRequest) -> HttpResponse:
            return json_reply(200, {"id": request.url.rpartition("/")[2]})

        async with client(ScriptedTransport(reply)) as checkout:
            assert (await checkout.payments.get_payment("pay_7")).id == "pay_7"

    async def test_headers_of_a_reply_are_read(self) -> None:
        limited = json_reply(429, headers={"Retry-After": "7"})
        async with client(ScriptedTransport(limited), retry=RetryPolicy(attempts=1)) as checkout:
            with pytest.raises(errors.RateLimited) as caught:
                await checkout.payments.get_payment("pay_1")
        assert caught.value.retry_after == 7

    async def test_an_access_token_is_not_part_of_the_script(self) -> None:
        transport = ScriptedTransport(json_reply(200, {"id": "sid_" + "a" * 26}))
        base = "http://127.0.0.1:9"
        credentials = OAuthCredentials("ack_test", "secret", scopes=())
        async with CheckoutClient(
            credentials, base_url=base, token_url=f"{base}/connect/token", transport=transport
        ) as checkout:
            found = await checkout.sessions.get_session("sid_" + "a" * 26)
        assert isinstance(found, sessions.Session)
        assert len(transport.requests) == 1

    async def test_the_end_of_the_script_is_an_error(self) -> None:
        async with client(ScriptedTransport()) as checkout:
            with pytest.raises(AssertionError, match="no reply for GET /payments/pay_1, request 1"):
                await checkout.payments.get_payment("pay_1")
