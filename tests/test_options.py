"""Clients made of a client: `with_options`, `with_response`, no retries, and methods that tests replace."""

from __future__ import annotations

import asyncio
import gc
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import AsyncMock, create_autospec

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import checkout_async
from checkout_async import CheckoutClient, Limits, OAuthCredentials, RetryPolicy, SecretKey, errors
from checkout_async.models import payments
from checkout_async.operations import ApiResponse
from checkout_async.sandbox import Sandbox, payment_card

KEY = SecretKey("sk_sbox_" + "a" * 27)
OTHER_KEY = SecretKey("sk_sbox_" + "b" * 27)


class Api:
    """A server that counts the connections, the credentials and the tokens of its requests."""

    def __init__(self) -> None:
        self.connections: set[Any] = set()
        self.credentials: list[str] = []
        self.tokens: Counter[str] = Counter()
        self.status = 200
        self.arrived, self.released = asyncio.Event(), asyncio.Event()
        self.released.set()

    async def answer(self, request: web.Request) -> web.Response:
        self.connections.add(request.transport)
        self.arrived.set()
        await self.released.wait()
        if request.path == "/connect/token":
            name = b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode().partition(":")[0]
            self.tokens[name] += 1
            return web.json_response({"access_token": f"token-of-{name}", "token_type": "Bearer", "expires_in": 3600})
        self.credentials.append(request.headers["Authorization"].removeprefix("Bearer "))
        return web.json_response({"id": request.path.rpartition("/")[2]}, status=self.status)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def url(api: Api) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


def client(url: str, credentials: Any = KEY, **options: Any) -> CheckoutClient:
    return CheckoutClient(credentials, base_url=url, token_url=f"{url}/connect/token", **options)


class TestOptions:
    async def test_retries_and_the_deadline_are_those_of_the_new_client_only(self, api: Api, url: str) -> None:
        async with client(url, retry=RetryPolicy(attempts=2, backoff=0)) as checkout:
            api.status = 503
            with pytest.raises(errors.ServerError):
                await checkout.with_options(retry=0).payments.get_payment("pay_1")
            assert len(api.credentials) == 1
            with pytest.raises(errors.CheckoutError):
                await checkout.payments.get_payment("pay_1")
            assert len(api.credentials) == 3

    async def test_the_level_of_checks(self, url: str) -> None:
        async with client(url) as checkout:
            with pytest.raises(errors.InvalidRequest):
                await checkout.with_options(validate="strict").payments.get_payment("pay 1")
            assert (await checkout.payments.get_payment("pay_1")).id == "pay_1"

    async def test_options_of_options_add_up(self, api: Api, url: str) -> None:
        async with client(url) as checkout:
            api.status = 503
            patient = checkout.with_options(retry=RetryPolicy(attempts=2, backoff=0))
            with pytest.raises(errors.CheckoutError):
                await patient.with_options(timeout=30).payments.get_payment("pay_1")
            assert len(api.credentials) == 2

    async def test_connections_token_and_limits_are_shared(self, api: Api, url: str) -> None:
        credentials = OAuthCredentials("ack_a", "secret", scopes=[])
        async with client(url, credentials, limits=Limits(concurrency=1)) as checkout:
            await checkout.payments.get_payment("pay_1")
            quick = checkout.with_options(timeout=5)
            for _ in range(3):
                await quick.payments.get_payment("pay_1")
            assert (len(api.connections), api.tokens) == (1, {"ack_a": 1})
            assert quick._limiter is checkout._limiter
            assert quick.abandoned_calls is checkout.abandoned_calls

    async def test_an_api_that_was_used_before_is_used_with_the_new_options(self, api: Api, url: str) -> None:
        async with client(url) as checkout:
            assert checkout.payments is checkout.payments
            other = checkout.with_options(retry=0)
            assert other.payments is not checkout.payments

    async def test_closing_it_leaves_the_first_one_open(self, url: str) -> None:
        async with client(url) as checkout:
            async with checkout.with_options(timeout=5) as quick:
                await quick.payments.get_payment("pay_1")
            with pytest.raises(errors.ClientClosed):
                await quick.payments.get_payment("pay_1")
            assert (await checkout.payments.get_payment("pay_1")).id == "pay_1"

    async def test_closing_the_first_one_closes_it(self, url: str) -> None:
        async with client(url) as checkout:
            quick, other = checkout.with_options(timeout=5), checkout.with_options(credentials=OTHER_KEY)
            await quick.payments.get_payment("pay_1")
        for each in (quick, other):
            with pytest.raises(errors.ClientClosed):
                await each.payments.get_payment("pay_1")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"retry": -1}, "retry must be"),
            ({"retry": "no"}, "retry must be"),
            ({"timeout": "5"}, "timeout must be"),
            ({"timeout": 0}, "must be a number above 0"),
            ({"validate": "lax"}, "validate must be one of"),
            ({"credentials": "sk_sbox_"}, "credentials must be"),
            ({"rate_limiter": object()}, "rate_limiter needs credentials"),
        ],
        ids=["negative", "text", "timeout", "no time", "level", "credentials", "rates"],
    )
    def test_wrong_options_are_refused(self, options: dict[str, Any], message: str) -> None:
        checkout = CheckoutClient(KEY, base_url="http://127.0.0.1:9")
        with pytest.raises(errors.ConfigurationError, match=message):
            checkout.with_options(**options)


class TestOtherCredentials:
    async def test_each_merchant_has_its_token_and_limits_and_all_share_the_connections(
        self, api: Api, url: str
    ) -> None:
        async with client(url, OAuthCredentials("ack_a", "secret", scopes=[])) as checkout:
            merchants = [
                checkout.with_options(credentials=OAuthCredentials(f"ack_{name}", "secret", scopes=[]))
                for name in ("b", "c")
            ]
            for _ in range(2):
                for each in (checkout, *merchants):
                    await each.payments.get_payment("pay_1")
            assert api.credentials == ["token-of-ack_a", "token-of-ack_b", "token-of-ack_c"] * 2
            assert api.tokens == {"ack_a": 1, "ack_b": 1, "ack_c": 1}
            assert len(api.connections) == 1
            assert len({id(each._limiter) for each in (checkout, *merchants)}) == 3
            assert merchants[0].abandoned_calls is not checkout.abandoned_calls

    async def test_closing_one_merchant_leaves_the_others(self, url: str) -> None:
        async with client(url) as checkout:
            async with checkout.with_options(credentials=OTHER_KEY) as other:
                await other.payments.get_payment("pay_1")
            assert (await checkout.payments.get_payment("pay_1")).id == "pay_1"

    async def test_closing_a_merchant_closes_all_that_were_made_of_it(self, url: str) -> None:
        async with client(url) as checkout:
            other = checkout.with_options(credentials=OTHER_KEY)
            before = other.with_options(timeout=5)
            await other.aclose()
            for each in (other, before, other.with_options(timeout=5)):
                with pytest.raises(errors.ClientClosed):
                    await each.payments.get_payment("pay_1")
            assert (await checkout.payments.get_payment("pay_1")).id == "pay_1"

    async def test_the_first_client_ends_the_wait_for_a_token_of_a_merchant_whose_own_client_is_gone(
        self, api: Api, url: str
    ) -> None:
        api.released.clear()
        async with client(url) as checkout:
            merchant = OAuthCredentials("ack_b", "secret", scopes=[])
            quick = checkout.with_options(credentials=merchant).with_options(timeout=60)
            gc.collect()
            call = asyncio.create_task(quick.payments.get_payment("pay_1"))
            await api.arrived.wait()
        with pytest.raises(errors.CheckoutError):
            await asyncio.wait_for(call, 30)
        api.released.set()
        assert api.credentials == []

    @pytest.mark.parametrize("credentials", [None, OTHER_KEY], ids=["the same", "another merchant"])
    async def test_a_call_that_waits_is_not_sent_once_its_client_is_closed(
        self, api: Api, url: str, credentials: SecretKey | None
    ) -> None:
        api.released.clear()
        async with client(url, limits=Limits(concurrency=1)) as checkout:
            other = checkout.with_options(credentials=credentials)
            first = asyncio.create_task(other.payments.get_payment("pay_1"))
            await api.arrived.wait()
            second = asyncio.create_task(other.payments.get_payment("pay_2"))
            await asyncio.sleep(0)
            await other.aclose()
            api.released.set()
            assert (await first).id == "pay_1"
            with pytest.raises(errors.ClientClosed):
                await second
            assert len(api.credentials) == 1

    def test_the_key_must_be_one_of_the_environment(self) -> None:
        checkout = CheckoutClient(KEY, environment="sandbox", subdomain="vkuhvk4v")
        with pytest.raises(errors.ConfigurationError, match="production key"):
            checkout.with_options(credentials=SecretKey("sk_" + "a" * 27))


class TestNoRetries:
    def test_a_policy_without_retries(self) -> None:
        assert RetryPolicy.none() == RetryPolicy(attempts=1)
        assert RetryPolicy(backoff=2).merged(3) == RetryPolicy(attempts=4, backoff=2)

    @pytest.mark.parametrize("retry", [0, RetryPolicy.none()], ids=["0", "none"])
    async def test_a_call_is_tried_once(self, api: Api, url: str, retry: RetryPolicy | int) -> None:
        api.status = 503
        async with client(url) as checkout:
            with pytest.raises(errors.ServerError):
                await checkout.payments.get_payment("pay_1", retry=retry)
        async with client(url, retry=retry) as checkout:
            with pytest.raises(errors.ServerError):
                await checkout.payments.get_payment("pay_1")
        assert len(api.credentials) == 2

    async def test_a_number_of_retries(self, api: Api, url: str) -> None:
        api.status = 503
        async with client(url, retry=RetryPolicy(backoff=0)) as checkout:
            with pytest.raises(errors.CheckoutError):
                await checkout.payments.get_payment("pay_1", retry=1)
        assert len(api.credentials) == 2


async def test_with_response_gives_the_value_with_all_that_the_reply_came_with() -> None:
    async with Sandbox() as sandbox, sandbox.client() as checkout:
        card = payments.RequestCardSource(number=payment_card("approved"), expiry_month=1, expiry_year=2030)
        order = payments.PaymentRequest(source=card, currency="GBP", amount=100)
        response = await checkout.payments.with_response.request_payment(order)
        assert isinstance(response, ApiResponse)
        assert (response.status, response.value.approved, response.attempts) == (201, True, 1)
        assert response.value.to_json() == response.body
        assert response.request_id
        assert checkout.payments.with_response is checkout.payments.with_response


class TestMocks:
    async def test_a_method_is_replaced(self, monkeypatch: pytest.MonkeyPatch) -> None:
        checkout = CheckoutClient(KEY, base_url="http://127.0.0.1:9")
        fake = AsyncMock(return_value=payments.Payment(id="pay_fake"))
        monkeypatch.setattr(checkout.payments, "get_payment", fake)
        assert (await checkout.payments.get_payment("pay_1")).id == "pay_fake"
        fake.assert_awaited_once_with("pay_1")

    async def test_an_autospec_knows_the_methods_and_their_arguments(self) -> None:
        fake = create_autospec(CheckoutClient, instance=True)
        fake.payments = create_autospec(
            type(CheckoutClient(KEY, base_url="http://127.0.0.1:9").payments), instance=True
        )
        fake.payments.get_payment.return_value = payments.Payment(id="pay_fake")
        assert (await fake.payments.get_payment("pay_1")).id == "pay_fake"
        with pytest.raises(TypeError):
            fake.payments.get_payment()
        with pytest.raises(AttributeError):
            _ = fake.payments.get_paymnt


class TestWrongNames:
    @pytest.mark.parametrize(
        ("holder", "name", "meant"),
        [
            (payments.Payment(id="pay_1"), "amuont", "amount"),
            (payments.RefundRequest(), "refrence", "reference"),
            (CheckoutClient(KEY, base_url="http://127.0.0.1:9"), "payment", "payments"),
            (CheckoutClient(KEY, base_url="http://127.0.0.1:9").payments, "get_paymnt", "get_payment"),
            (CheckoutClient(KEY, base_url="http://127.0.0.1:9").payments.with_response, "refund", "refund_payment"),
            (payments, "Address", "PaymentAddress"),
            (payments, "PaymentReqest", "PaymentRequest"),
            (checkout_async, "CheckoutCleint", "CheckoutClient"),
            (checkout_async.models, "payment", "payments"),
            (checkout_async.operations, "sesions", "sessions"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_the_right_one_is_suggested(self, holder: object, name: str, meant: str) -> None:
        with pytest.raises(AttributeError) as caught:
            getattr(holder, name)
        assert str(caught.value).endswith(f"; did you mean `{meant}`?")
        assert name in str(caught.value)

    def test_nothing_like_it_is_suggested_for_nothing_like_it(self) -> None:
        with pytest.raises(AttributeError) as caught:
            getattr(payments.Payment(id="pay_1"), "zzz")  # noqa: B009
        assert str(caught.value) == "'Payment' object has no attribute 'zzz'"

    def test_libraries_that_look_for_a_name_find_none(self) -> None:
        assert not hasattr(payments.Payment(id="pay_1"), "model_dump")
        assert not hasattr(payments.Payment(id="pay_1"), "__html__")


def test_the_version_of_the_api_is_that_of_the_specification() -> None:
    assert checkout_async.API_VERSION == "2026.11"
