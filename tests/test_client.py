"""The client over real sockets, against the simulator: calls, tokens, session secrets, settings, opening, closing."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast
from urllib.parse import parse_qs

import anyio
import msgspec
import pytest

from checkout_async import (
    CheckoutClient,
    Environment,
    Limits,
    OAuthCredentials,
    RetryPolicy,
    SecretKey,
    Timeouts,
    errors,
    models,
)
from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.auth import MemoryTokenStore
from checkout_async.models import payments, sessions
from checkout_async.operations import sessions as operations
from checkout_async.sandbox import CannedResponse, Fault, Sandbox, payment_card
from tests.channel_data import BROWSER
from tests.commands import environment

CARD = "4242424242424242"


@pytest.fixture
async def checkout(sandbox: Sandbox) -> AsyncIterator[CheckoutClient]:
    async with sandbox.client() as client:
        yield client


def order(number: str = CARD, **members: Any) -> sessions.SessionRequest:
    return sessions.SessionRequest(
        source=sessions.CardSource(number=number, expiry_month=1, expiry_year=2030),
        amount=6540,
        currency="GBP",
        completion=sessions.NonHostedCompletionInfo(),
        **members,
    )


class Recorder:
    """A transport that grants a token, finds nothing else, and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []

    async def send(self, request: HttpRequest, _timeouts: Timeouts, /) -> HttpResponse:
        self.requests.append(request)
        if "token" in request.url:
            body = b'{"access_token":"aaa.bbb","token_type":"Bearer","expires_in":3600}'
            return HttpResponse(status=200, headers={}, body=body)
        return HttpResponse(status=404, headers={}, body=b"")

    async def aclose(self) -> None:
        """Nothing to close."""


class TestCalls:
    async def test_from_request_to_authenticated_cardholder(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        session = await checkout.sessions.request_session(order())
        assert session.status is sessions.SessionStatus.PENDING
        assert session.next_actions == [sessions.NextAction.COLLECT_CHANNEL_DATA]
        session = await checkout.sessions.update_session(session.id, BROWSER)
        assert session.status is sessions.SessionStatus.CHALLENGED
        await sandbox.cardholder.complete_challenge(session.id, trans_status="Y")
        session = await checkout.sessions.get_session(session.id)
        assert session.status is sessions.SessionStatus.APPROVED
        assert session.eci == "05"
        assert session.cryptogram
        await checkout.sessions.complete_session(session.id)
        assert (await checkout.sessions.get_session(session.id)).completed

    async def test_a_plain_dict_is_as_good_as_structs(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        as_dict: sessions.SessionRequestDict = {
            "currency": "GBP",
            "amount": 6540,
            "completion": {"type": "non_hosted"},
            "source": {"expiry_year": 2030, "expiry_month": 1, "number": CARD, "type": "card"},
        }
        session = await checkout.sessions.request_session(as_dict)
        assert session.amount == 6540
        assert msgspec.json.encode(order()) == msgspec.json.encode(msgspec.convert(as_dict, sessions.SessionRequest))

    async def test_send_gives_the_value_with_all_the_reply_came_with(self, checkout: CheckoutClient) -> None:
        response = await checkout.send(operations.build_request_session(order()))
        assert response.status == 202
        assert response.request_id
        assert response.headers["content-type"].startswith("application/json")
        assert json.loads(response.body)["id"] == response.value.id
        assert models.to_json(response.value) == response.body
        assert response.attempts == 1

    async def test_an_invalid_request_names_its_json_path_and_sends_nothing(
        self, sandbox: Sandbox, checkout: CheckoutClient
    ) -> None:
        wrongs: list[tuple[Any, str]] = [
            (order(number="4242-4242"), "$.source.number"),
            ({**msgspec.to_builtins(order()), "amount": -1}, "$.amount"),
            ({"source": {"type": "card"}}, "$.source"),
        ]
        for wrong, path in wrongs:
            with pytest.raises(errors.InvalidRequest) as caught:
                await checkout.sessions.request_session(wrong)
            assert caught.value.path == path
        with pytest.raises(errors.InvalidRequest) as caught:
            await checkout.sessions.request_session(order(reference="x" * 101), validate="strict")
        assert caught.value.path == "$.reference"
        with pytest.raises(errors.InvalidRequest, match="session_id must match"):
            await checkout.sessions.get_session("../payments", validate="strict")
        assert len(sandbox.requests) == 0

    async def test_validation_can_be_turned_off_for_members_the_specification_lacks(self, sandbox: Sandbox) -> None:
        async with sandbox.client(validate="off") as checkout:
            with pytest.raises(errors.UnprocessableEntity):
                await checkout.sessions.request_session(cast("Any", {"brand_new": 1}))
        assert sandbox.requests[-1].forgiven == ("$.brand_new",)
        assert sandbox.count("request_session") == 1

    async def test_a_refusal_is_an_error_with_type_codes_and_request_id(self, checkout: CheckoutClient) -> None:
        with pytest.raises(errors.NotFound) as caught:
            await checkout.sessions.get_session("sid_" + "a" * 26)
        assert caught.value.status == 404
        assert caught.value.request_id
        assert caught.value.operation == "get_session"

    async def test_a_declined_card_is_a_result(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        session = await checkout.sessions.request_session(order(channel_data=BROWSER))
        await sandbox.cardholder.complete_challenge(session.id, trans_status="N")
        session = await checkout.sessions.get_session(session.id)
        assert session.status is sessions.SessionStatus.DECLINED
        assert session.approved is False


class TestCredentials:
    @pytest.mark.costly
    async def test_a_thousand_first_calls_at_once_make_one_token_request(self, sandbox: Sandbox) -> None:
        async with sandbox.client(limits=Limits(concurrency=100, read_rate=None)) as checkout:
            calls = (checkout.sessions.get_session("sid_" + "a" * 26) for _ in range(1000))
            results = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(result) for result in results} == {errors.NotFound}
        assert sandbox.count("request_access_token") == 1
        assert sandbox.count("get_session") == 1000

    async def test_a_revoked_token_is_replaced_once_without_a_failed_call(self, sandbox: Sandbox) -> None:
        async with sandbox.client() as checkout:
            session = await checkout.sessions.request_session(order())
            sandbox.revoke_tokens()
            await asyncio.gather(*(checkout.sessions.get_session(session.id) for _ in range(20)))
        assert sandbox.count("request_access_token") == 2

    async def test_the_session_secret_replaces_the_token_for_one_call(
        self, sandbox: Sandbox, checkout: CheckoutClient
    ) -> None:
        created = await checkout.sessions.request_session(order())
        assert created.session_secret
        seen = await checkout.sessions.get_session(created.id, session_secret=created.session_secret)
        assert seen.id == created.id
        assert seen.session_secret is None

    async def test_a_token_can_be_had_for_use_elsewhere(self, sandbox: Sandbox) -> None:
        async with sandbox.client(scopes=["sessions:app"]) as checkout:
            token = await checkout.request_access_token()
        assert token.scope == "sessions:app"
        assert token.access_token not in repr(token)
        keyed = CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url=sandbox.base_url)
        with pytest.raises(errors.ConfigurationError, match="needs no access token"):
            await keyed.request_access_token()

    async def test_wrong_credentials_are_refused_by_name(self, sandbox: Sandbox) -> None:
        async with sandbox.client(client_secret="wrong") as checkout:
            with pytest.raises(errors.AuthenticationFailed, match="invalid_client") as caught:
                await checkout.sessions.get_session("sid_" + "a" * 26)
        assert caught.value.error == "invalid_client"
        assert sandbox.count("get_session") == 0

    async def test_a_token_without_the_scope_of_the_channel_is_refused(self, sandbox: Sandbox) -> None:
        async with sandbox.client(scopes=["sessions:app"]) as checkout:
            with pytest.raises(errors.Forbidden):
                await checkout.sessions.request_session(order(channel_data=BROWSER))


class TestSettings:
    def test_a_client_can_be_made_where_no_loop_runs(self) -> None:
        CheckoutClient(OAuthCredentials("ack_x", "s", scopes=[]), environment=Environment.SANDBOX, subdomain="vkuhvk4v")

    @pytest.mark.parametrize("setting", ["retry", "limits", "timeout"])
    def test_a_setting_of_another_type_is_refused_by_name(self, setting: str) -> None:
        options: dict[str, Any] = {setting: "3"}
        with pytest.raises(errors.ConfigurationError, match=f"{setting} must be .*, not str"):
            CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url="http://127.0.0.1:9", **options)

    def test_credentials_of_another_type_are_refused_without_being_shown(self) -> None:
        key: Any = "sk_sbox_" + "a" * 27
        with pytest.raises(errors.ConfigurationError, match="credentials must be Credentials, not str"):
            CheckoutClient(key, base_url="http://127.0.0.1:9")

    def test_a_sandbox_key_is_refused_in_production(self) -> None:
        with pytest.raises(errors.ConfigurationError, match="sandbox key"):
            CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), environment="production", subdomain="vkuhvk4v")

    def test_oauth_needs_a_token_endpoint(self) -> None:
        with pytest.raises(errors.ConfigurationError, match="token_url is missing"):
            CheckoutClient(OAuthCredentials("ack_x", "s", scopes=[]), base_url="http://127.0.0.1:1")

    @pytest.mark.parametrize(
        ("account", "base_url", "token_url"),
        [
            (
                {"CHECKOUT_ENVIRONMENT": "sandbox", "CHECKOUT_SUBDOMAIN": "vkuhvk4v"},
                "https://vkuhvk4v.api.sandbox.checkout.com",
                "https://vkuhvk4v.access.sandbox.checkout.com/connect/token",
            ),
            (
                {"CHECKOUT_ENVIRONMENT": "production", "CHECKOUT_SUBDOMAIN": "vkuhvk4v"},
                "https://vkuhvk4v.api.checkout.com",
                "https://vkuhvk4v.access.checkout.com/connect/token",
            ),
            (
                {"CHECKOUT_BASE_URL": "http://127.0.0.1:9", "CHECKOUT_TOKEN_URL": "http://127.0.0.1:9/token"},
                "http://127.0.0.1:9",
                "http://127.0.0.1:9/token",
            ),
        ],
        ids=["sandbox", "production", "simulator"],
    )
    @pytest.mark.parametrize("scopes", ["sessions:app sessions:browser", "sessions:app, sessions:browser"])
    async def test_from_env_reads_what_is_documented(
        self, account: dict[str, str], base_url: str, token_url: str, scopes: str
    ) -> None:
        wire = Recorder()
        environ = {"CHECKOUT_CLIENT_ID": "ack_x", "CHECKOUT_CLIENT_SECRET": "s", "CHECKOUT_SCOPES": scopes}
        async with CheckoutClient.from_env(environ | account, transport=wire) as checkout:
            with pytest.raises(errors.NotFound):
                await checkout.sessions.get_session("sid_" + "a" * 26)
        token, call = wire.requests
        assert (token.url, call.url) == (token_url, f"{base_url}/sessions/sid_{'a' * 26}")
        assert token.headers["Authorization"] == f"Basic {b64encode(b'ack_x:s').decode()}"
        assert parse_qs((token.body or b"").decode())["scope"] == ["sessions:app sessions:browser"]

    async def test_from_env_reads_a_secret_key(self) -> None:
        wire, key = Recorder(), "sk_sbox_" + "a" * 27
        environ = {
            "CHECKOUT_SECRET_KEY": key,
            "CHECKOUT_ENVIRONMENT": "sandbox",
            "CHECKOUT_SUBDOMAIN": "vkuhvk4v",
        }
        async with CheckoutClient.from_env(environ, transport=wire) as checkout:
            with pytest.raises(errors.NotFound):
                await checkout.sessions.get_session("sid_" + "a" * 26)
        assert [request.headers["Authorization"] for request in wire.requests] == [f"Bearer {key}"]

    @pytest.mark.parametrize(
        ("environ", "named"),
        [
            ({}, "CHECKOUT_CLIENT_ID"),
            ({"CHECKOUT_CLIENT_ID": "a"}, "CHECKOUT_CLIENT_SECRET"),
            ({"CHECKOUT_CLIENT_ID": "a", "CHECKOUT_CLIENT_SECRET": "b"}, "environment is missing"),
            ({"CHECKOUT_CLIENT_ID": "a", "CHECKOUT_SECRET_KEY": "b"}, "either CHECKOUT_SECRET_KEY"),
        ],
    )
    def test_from_env_names_what_is_missing(self, environ: dict[str, str], named: str) -> None:
        with pytest.raises(errors.ConfigurationError, match=named):
            CheckoutClient.from_env(environ)

    async def test_from_env_shares_an_access_token_through_a_store(self) -> None:
        store = MemoryTokenStore()
        async with Sandbox() as sandbox:
            for _ in range(2):
                async with CheckoutClient.from_env(environment(sandbox.base_url), token_store=store) as checkout:
                    with pytest.raises(errors.NotFound):
                        await checkout.sessions.get_session("sid_" + "a" * 26)
            assert sandbox.count("request_access_token") == 1

    def test_from_env_takes_the_clients_other_options(self) -> None:
        environ = {"CHECKOUT_SECRET_KEY": "sk_sbox_" + "a" * 27, "CHECKOUT_BASE_URL": "http://127.0.0.1:9"}
        with pytest.raises(errors.ConfigurationError, match="application"):
            CheckoutClient.from_env(environ, application="(none)")

    @pytest.mark.parametrize(
        "options",
        [
            {"rate_limiter": "redis://127.0.0.1"},
            {"transport": 5},
            {"validate": "no"},
            {"proxies_from_env": "false"},
            {"retry": "0"},
            {"retry": True},
            {"retry": -1},
            {"limits": {}},
        ],
        ids=lambda options: "-".join(map(str, next(iter(options.items())))),
    )
    def test_settings_of_another_type_are_refused_by_name(self, options: dict[str, Any]) -> None:
        with pytest.raises(errors.ConfigurationError, match=f"^{next(iter(options))} must be"):
            CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url="http://127.0.0.1:9", **options)

    def test_network_settings_together_with_a_transport_are_refused(self) -> None:
        class Mute:
            async def send(self, request: HttpRequest, timeouts: Timeouts, /) -> HttpResponse:
                raise errors.ConnectFailed("mute")

            async def aclose(self) -> None:
                """Nothing to close."""

        key = SecretKey("sk_sbox_" + "a" * 27)
        with pytest.raises(errors.ConfigurationError, match="set them on your own transport"):
            CheckoutClient(key, base_url="http://127.0.0.1:9", transport=Mute(), proxy="http://127.0.0.1:8")

    def test_a_client_is_for_one_event_loop(self) -> None:
        checkout = CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url="http://127.0.0.1:9")

        async def look() -> None:
            await checkout.payments.get_payment("pay_nobodyhasthisoneinhere0000", retry=RetryPolicy(attempts=1))

        with pytest.raises(errors.ConnectFailed):
            asyncio.run(look())
        with pytest.raises(errors.WrongLoop, match="another event loop"):
            asyncio.run(look())
        asyncio.run(checkout.aclose())

    async def test_a_call_that_waits_sends_nothing_more_once_the_client_is_closed(self) -> None:
        async with Sandbox() as sandbox:
            checkout = sandbox.client(retry=RetryPolicy(backoff=0, max_backoff=0))
            card: payments.RequestCardSourceDict = {
                "type": "card",
                "number": payment_card("approved"),
                "expiry_month": 1,
                "expiry_year": 2030,
            }
            payment = await checkout.payments.request_payment({"source": card, "amount": 1, "currency": "GBP"})
            sandbox.faults.add("get_payment", CannedResponse(503, retry_after=1), times=None)
            call = asyncio.create_task(checkout.payments.get_payment(payment.id))
            while sandbox.count("get_payment") == 0:
                await asyncio.sleep(0.01)
            await checkout.aclose()
            # Not ClientClosed, which would say that nothing was sent.
            with pytest.raises(errors.OutcomeUnknown, match=r"earlier attempt .* the client is closed") as caught:
                await call
            assert sandbox.count("get_payment") == 1
            assert (caught.value.may_have_been_done, caught.value.is_transient) == (False, True)

    async def test_a_client_that_is_closed_before_a_retry_sends_nothing_more(self) -> None:
        class ClosedMeanwhile(Recorder):
            close: Callable[[], Awaitable[None]]

            async def send(self, request: HttpRequest, timeouts: Timeouts, /) -> HttpResponse:
                await super().send(request, timeouts)
                await self.close()
                raise errors.ConnectFailed("no connection")

        wire, key = ClosedMeanwhile(), SecretKey("sk_sbox_" + "a" * 27)
        retry = RetryPolicy(attempts=3, backoff=0)
        checkout = CheckoutClient(key, base_url="http://127.0.0.1:9", transport=wire, retry=retry)
        wire.close = checkout.aclose
        with pytest.raises(errors.ClientClosed, match="closed"):
            await checkout.sessions.get_session("sid_" + "a" * 26)
        assert len(wire.requests) == 1

    async def test_a_client_that_is_closed_before_a_retry_does_not_hide_a_request_in_doubt(self) -> None:
        class ClosedMeanwhile(Recorder):
            close: Callable[[], Awaitable[None]]

            async def send(self, request: HttpRequest, timeouts: Timeouts, /) -> HttpResponse:
                await super().send(request, timeouts)
                await self.close()
                raise errors.OutcomeUnknown("no reply")

        wire, key = ClosedMeanwhile(), SecretKey("sk_sbox_" + "a" * 27)
        retry = RetryPolicy(attempts=3, backoff=0)
        checkout = CheckoutClient(key, base_url="http://127.0.0.1:9", transport=wire, retry=retry)
        wire.close = checkout.aclose
        with pytest.raises(errors.OutcomeUnknown, match="an earlier attempt may have been carried out") as caught:
            await checkout.payments.capture_payment("pay_" + "a" * 26)
        assert caught.value.may_have_been_done
        assert caught.value.idempotency_key
        assert len(wire.requests) == 1

    async def _async_hook(self, event: object) -> None:
        """A hook that would never be awaited."""

    @pytest.mark.parametrize("hooks", [print, [print, 3], "text", None, [_async_hook]])
    def test_hooks_of_another_shape_are_refused(self, hooks: Any) -> None:
        with pytest.raises(errors.ConfigurationError, match="hooks must be a list of synchronous callables"):
            CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url="http://127.0.0.1:9", hooks=hooks)

    async def test_timeout_and_retry_can_be_set_for_a_client_and_for_a_call(self) -> None:
        async with Sandbox() as sandbox, sandbox.refusing():
            await self._check_attempts(
                sandbox.client(retry=RetryPolicy(attempts=2, backoff=0), timeout=Timeouts(total=30))
            )

    async def _check_attempts(self, checkout: CheckoutClient) -> None:
        for retry, attempts in ((None, 2), (RetryPolicy(attempts=4, backoff=0), 4)):
            with pytest.raises(errors.ConnectFailed) as caught:
                await checkout.sessions.get_session(
                    "sid_" + "a" * 26, session_secret="sek_x", retry=retry, timeout=Timeouts(total=30)
                )
            assert caught.value.attempts == attempts
        await checkout.aclose()


class TestLife:
    async def test_a_closed_client_says_so(self, sandbox: Sandbox) -> None:
        client = sandbox.client()
        await client.aclose()
        await client.aclose()
        with pytest.raises(errors.ClientClosed, match="closed"):
            await client.sessions.get_session("sid_" + "a" * 26)

    async def test_a_client_is_neither_pickled_nor_copied(self, checkout: CheckoutClient) -> None:
        for attempt in (pickle.dumps, copy.copy):
            with pytest.raises(TypeError, match="cannot be pickled"):
                attempt(checkout)

    async def test_calls_in_flight_fail_with_our_errors_when_the_client_is_closed(self, sandbox: Sandbox) -> None:
        client = sandbox.client(limits=Limits(concurrency=1))
        sandbox.faults.add("request_session", Fault.STALLED, times=None)
        calls = [asyncio.create_task(client.sessions.request_session(order())) for _ in range(5)]
        while sandbox.count("request_session") == 0:
            await asyncio.sleep(0.001)
        await client.aclose()
        results = await asyncio.gather(*calls, return_exceptions=True)
        # The one that is on its way may be carried out; the others wait for its place and send nothing.
        assert sorted(type(result).__name__ for result in results) == ["ClientClosed"] * 4 + ["OutcomeUnknown"]
        assert sandbox.count("request_session") == 1
        with pytest.raises(errors.ClientClosed, match="closed"):
            await client.request_access_token()

    async def test_a_client_is_closed_in_a_cancelled_scope_too(self, sandbox: Sandbox) -> None:
        client = sandbox.client()
        with anyio.move_on_after(0.05):
            async with client:
                await client.sessions.request_session(order())
                await asyncio.sleep(30)
        with pytest.raises(errors.ClientClosed, match="closed"):
            await client.sessions.request_session(order())

    async def test_a_cancelled_call_leaves_the_client_usable(self, checkout: CheckoutClient) -> None:
        for delay in (0.0, 0.001, 0.003):
            call = asyncio.create_task(checkout.sessions.request_session(order()))
            await asyncio.sleep(delay)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        assert (await checkout.sessions.request_session(order())).id
