"""Making a client: its address, its credentials, its settings."""

import ssl
from decimal import Decimal
from typing import Any, assert_type

from checkout_async import (
    NO_SUBDOMAIN,
    CheckoutClient,
    Environment,
    Limits,
    OAuthCredentials,
    RetryPolicy,
    SecretKey,
    SessionSecret,
    Timeouts,
    money,
)
from checkout_async.models import payments
from checkout_async.observability import CallEnded, Event, Hook
from checkout_async.operations import ApiResponse
from checkout_async.transport import HttpRequest, HttpResponse, Transport

KEY = SecretKey("sk_sbox_" + "a" * 27)


def addresses(text: str, maybe: str | None) -> None:
    CheckoutClient(KEY, environment="sandbox", subdomain="vkuhvk4v")  # right
    CheckoutClient(KEY, environment="production", subdomain="vkuhvk4v")  # right
    CheckoutClient(KEY, environment=Environment.SANDBOX, subdomain=text)  # right
    CheckoutClient(KEY, environment=Environment.SANDBOX, subdomain=NO_SUBDOMAIN)  # right
    CheckoutClient(KEY, environment=Environment(text), subdomain=text)  # right
    CheckoutClient(KEY, base_url="http://127.0.0.1:8080")  # right
    CheckoutClient(KEY, base_url="http://127.0.0.1:8080", token_url="http://127.0.0.1:8080/connect/token")  # right
    CheckoutClient.from_env()  # right
    CheckoutClient.from_env(timeout=10)  # right
    CheckoutClient(KEY)  # wrong
    CheckoutClient(KEY, environment="sandbox")  # wrong
    CheckoutClient(KEY, subdomain="vkuhvk4v")  # wrong
    CheckoutClient(KEY, environment="sandbox", subdomain=None)  # wrong
    CheckoutClient(KEY, environment="sandbox", subdomain=maybe)  # wrong
    CheckoutClient(KEY, environment="sandbx", subdomain="vkuhvk4v")  # wrong
    CheckoutClient(KEY, environment=text, subdomain="vkuhvk4v")  # wrong
    CheckoutClient(KEY, environment="sandbox", subdomain="vkuhvk4v", base_url="http://127.0.0.1:8080")  # wrong
    CheckoutClient(KEY, token_url="http://127.0.0.1:8080/connect/token")  # wrong
    CheckoutClient(KEY, "sandbox", "vkuhvk4v")  # wrong
    CheckoutClient.from_env(timeuot=10)  # wrong


def credentials(scopes: list[str], text: str) -> None:
    OAuthCredentials("ack_1", "secret", scopes=["sessions:browser"])  # right
    OAuthCredentials("ack_1", "secret", scopes=["sessions:browser", "a:new:scope"])  # right
    OAuthCredentials("ack_1", "secret", scopes=scopes)  # right
    OAuthCredentials("ack_1", "secret", scopes=())  # right
    OAuthCredentials("ack_1", "secret")  # wrong
    OAuthCredentials("ack_1", "secret", scopes=None)  # wrong
    OAuthCredentials("ack_1", "secret", scopes=[1])  # wrong
    OAuthCredentials("ack_1", scopes=["sessions:browser"])  # wrong
    CheckoutClient(SessionSecret(text), environment="sandbox", subdomain="vkuhvk4v")  # right
    CheckoutClient("sk_sbox_", environment="sandbox", subdomain="vkuhvk4v")  # wrong


def settings(context: ssl.SSLContext) -> None:
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", timeout=10, retry=RetryPolicy(attempts=1))  # right
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", timeout=Timeouts(total=10), limits=Limits(concurrency=1))  # right
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", validate="strict", ssl_context=context)  # right
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", validate="lax")  # wrong
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", timeout="10")  # wrong
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", verify_ssl=False)  # wrong
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", hooks=print)  # wrong
    RetryPolicy(3)  # wrong
    Timeouts(totl=1)  # wrong


async def derived(checkout: CheckoutClient) -> None:
    assert_type(checkout.with_options(timeout=5, retry=0, validate="off"), CheckoutClient)  # right
    checkout.with_options(retry=RetryPolicy.none(), timeout=Timeouts(total=1))  # right
    checkout.with_options(credentials=KEY)  # right
    checkout.with_options(5)  # wrong
    checkout.with_options(retry="no")  # wrong
    checkout.with_options(credentials="sk_sbox_")  # wrong
    checkout.with_options(timeuot=5)  # wrong
    assert_type(await checkout.payments.with_response.get_payment("pay_1"), ApiResponse[payments.Payment])  # right
    assert_type((await checkout.payments.with_response.get_payment("pay_1")).value, payments.Payment)  # right
    await checkout.payments.with_response.get_payment()  # wrong
    await checkout.payments.with_response.get_paymnt("pay_1")  # wrong
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", retry=0)  # right
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", retry="0")  # wrong


def amounts(payment: payments.Payment) -> None:
    assert_type(money.to_minor_units(Decimal("19.99"), "GBP"), int)  # right
    assert_type(money.from_minor_units(1999, "GBP"), Decimal)  # right
    assert_type(payment.to_dict(), dict[str, Any])  # right
    assert_type(payment.to_json(), bytes)  # right
    money.to_minor_units(19.99, "GBP")  # wrong
    money.to_minor_units(Decimal("19.99"))  # wrong
    money.from_minor_units(Decimal("19.99"), "GBP")  # wrong


class OwnTransport:
    async def send(self, request: HttpRequest, timeouts: Timeouts, /) -> HttpResponse:
        return HttpResponse(status=200, headers={}, body=request.body or b"")

    async def aclose(self) -> None:
        pass


class HalfTransport:
    async def aclose(self) -> None:
        pass


def on_event(event: Event) -> None:
    if isinstance(event, CallEnded):
        assert_type(event.status, int | None)  # right


def parts() -> None:
    transport: Transport = OwnTransport()  # right
    hook: Hook = on_event  # right
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", transport=transport, hooks=[hook])  # right
    half: Transport = HalfTransport()  # wrong
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", transport=HalfTransport())  # wrong
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", hooks=[derived])  # wrong
