"""A shop with a sandbox: it makes drivers of new sessions on the sandbox's clock, and the cardholder's messages."""

from __future__ import annotations

from typing import Any, TypeVar

from checkout_async import CheckoutClient, threeds
from checkout_async.models import sessions
from checkout_async.operations import ApiRequest, ApiResponse
from checkout_async.sandbox import Sandbox, card_number
from checkout_async.threeds import Driver
from tests.threeds.support import NOTIFY

T = TypeVar("T")

BROWSER = sessions.BrowserChannelData(
    accept_header="text/html",
    java_enabled=False,
    javascript_enabled=True,
    language="en-GB",
    color_depth="24",
    screen_height="1080",
    screen_width="1920",
    timezone="0",
    user_agent="Mozilla/5.0",
    ip_address="192.0.2.7",
)
APP = sessions.AppChannelData(
    sdk_app_id="dbd64fcb-c19a-4728-8849-e3d50bfdde39",
    sdk_max_timeout=5,
    sdk_ephem_pub_key=sessions.SdkEphemeralPublicKey(kty="EC", crv="P-256", x="x", y="y"),
    sdk_reference_number="3DS_LOA_SDK",
    sdk_encrypted_data="eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVydGV4dA.dGFn",
    sdk_transaction_id="b2385523-a66c-4907-ac3c-91848e8c0067",
    sdk_interface_type=sessions.SdkInterfaceType.BOTH,
    sdk_ui_elements=[sessions.UiElement.TEXT],
)
HOSTED = sessions.HostedCompletionInfo(success_url="https://shop.example/ok", failure_url="https://shop.example/no")
OPTIONS = threeds.Options(method_notification_url=NOTIFY)


class Shop:
    """Makes drivers of new sessions on the sandbox's clock. Sleeping advances the clock."""

    def __init__(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        self.sandbox = sandbox
        self.checkout = checkout
        self.slept: list[float] = []
        self.sent: list[object] = []

    async def send(self, request: ApiRequest[T]) -> ApiResponse[T]:
        """Send a driver's request through the client, and record its body."""
        self.sent.append(request.body)
        return await self.checkout.send(request)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.sandbox.clock.advance(seconds)

    async def session(
        self, scenario: str, completion: sessions.CompletionInfo | None = None, **members: object
    ) -> sessions.Session:
        order: Any = {
            "source": {"type": "card", "number": card_number(scenario), "expiry_month": 1, "expiry_year": 2099},
            "amount": 6540,
            "currency": "GBP",
            "completion": completion or sessions.NonHostedCompletionInfo(),
        }
        return await self.checkout.sessions.request_session(order | members)

    async def driver(
        self,
        scenario: str,
        *,
        completion: sessions.CompletionInfo | None = None,
        options: threeds.Options = OPTIONS,
        channel_data: sessions.BrowserChannelData | sessions.AppChannelData | None = BROWSER,
    ) -> Driver:
        return self.drive(await self.session(scenario, completion), options, channel_data)

    def drive(
        self,
        session: sessions.Session,
        options: threeds.Options = OPTIONS,
        channel_data: sessions.BrowserChannelData | sessions.AppChannelData | None = BROWSER,
        progress: threeds.Progress | None = None,
    ) -> Driver:
        return Driver(
            self,
            session,
            options=options,
            progress=progress,
            channel_data=channel_data,
            now=self.sandbox.clock.now,
            sleep=self.sleep,
        )


def notification_of(driver: Driver) -> threeds.emv.MethodNotification:
    """Return the message that the issuer makes the browser send to the notification URL."""
    data = threeds.emv.encode_json({"threeDSServerTransID": driver.session.transaction_id})
    return threeds.emv.read_method_notification({"threeDSMethodData": data})


def result_of(step: threeds.CardholderStep | threeds.Done) -> threeds.ThreeDSResult:
    assert isinstance(step, threeds.Done), step
    return step.result
