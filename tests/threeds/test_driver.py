"""The driver against the simulator: from a fresh session to a result, whatever cardholder and issuer do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import TypeVar

import msgspec
import pytest
from msgspec.structs import replace as changed

from checkout_async import CheckoutClient, errors, threeds
from checkout_async.models import payments, sessions
from checkout_async.operations import ApiRequest, ApiResponse
from checkout_async.sandbox import Answer, Fault, Sandbox, SandboxClock, card_number
from checkout_async.threeds import Driver, Verdict, authenticate
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


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(clock=SandboxClock(frozen=True)) as running:
        yield running


@pytest.fixture
async def checkout(sandbox: Sandbox) -> AsyncIterator[CheckoutClient]:
    async with sandbox.client() as client:
        yield client


class Shop:
    """A driver of a fresh session on the sandbox's clock, which sleeping moves ahead."""

    def __init__(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        self.sandbox = sandbox
        self.checkout = checkout
        self.slept: list[float] = []
        self.sent: list[object] = []

    async def send(self, request: ApiRequest[T]) -> ApiResponse[T]:
        """Send a driver's request through the client, and remember its body."""
        self.sent.append(request.body)
        return await self.checkout.send(request)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.sandbox.clock.advance(seconds)

    async def session(
        self, scenario: str, completion: sessions.CompletionInfo | None = None, **members: object
    ) -> sessions.Session:
        order: Mapping[str, object] = {
            "source": {"type": "card", "number": card_number(scenario), "expiry_month": 1, "expiry_year": 2099},
            "amount": 6540,
            "currency": "GBP",
            "completion": completion or sessions.NonHostedCompletionInfo(),
        }
        return await self.checkout.sessions.request_session({**order, **members})

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


@pytest.fixture
def shop(sandbox: Sandbox, checkout: CheckoutClient) -> Shop:
    return Shop(sandbox, checkout)


def notification_of(driver: Driver) -> threeds.MethodNotification:
    """What the issuer makes the browser bring to the notification URL."""
    data = threeds.encode_json({"threeDSServerTransID": driver.session.transaction_id})
    return threeds.read_method_notification({"threeDSMethodData": data})


def result_of(step: threeds.CardholderStep | threeds.Done) -> threeds.Result:
    assert isinstance(step, threeds.Done), step
    return step.result


class TestThreeDsMethod:
    async def test_a_notification_in_time_is_reported_with_the_channel_data(self, shop: Shop) -> None:
        driver = await shop.driver("frictionless")
        step = await driver.advance()
        assert isinstance(step, threeds.RunMethod)
        assert step.form.action.startswith(shop.sandbox.base_url)
        assert driver.time_left == 10

        result = result_of(await driver.advance(notification_of(driver)))
        assert result.verdict is Verdict.AUTHENTICATED
        assert driver.progress.method is sessions.ThreeDsMethodCompletion.Y
        assert shop.sent == [changed(BROWSER, three_ds_method_completion=sessions.ThreeDsMethodCompletion.Y)]
        assert shop.sandbox.count("update_session") == 1
        assert shop.sandbox.count("update_three_ds_method_completion") == 0

    async def test_ten_seconds_without_one_are_noticed_by_themselves(self, shop: Shop) -> None:
        driver = await shop.driver("silent_method")
        assert isinstance(await driver.advance(), threeds.RunMethod)
        await shop.sandbox.advance(9)
        assert isinstance(await driver.advance(), threeds.RunMethod)
        await shop.sandbox.advance(1)
        assert result_of(await driver.advance()).verdict is Verdict.AUTHENTICATED
        assert driver.progress.method is sessions.ThreeDsMethodCompletion.N
        assert shop.sent == [changed(BROWSER, three_ds_method_completion=sessions.ThreeDsMethodCompletion.N)]

    async def test_an_issuer_without_one_is_not_waited_for(self, shop: Shop) -> None:
        driver = await shop.driver("frictionless_no_method")
        assert result_of(await driver.advance()).verdict is Verdict.AUTHENTICATED
        assert shop.sent == [changed(BROWSER, three_ds_method_completion=sessions.ThreeDsMethodCompletion.U)]

    async def test_where_channel_data_came_with_the_session_it_is_reported_alone(self, shop: Shop) -> None:
        driver = shop.drive(await shop.session("frictionless", channel_data=BROWSER), channel_data=None)
        await driver.advance()
        assert result_of(await driver.advance(notification_of(driver))).verdict is Verdict.AUTHENTICATED
        assert shop.sandbox.count("update_three_ds_method_completion") == 1
        assert shop.sandbox.count("update_session") == 0

    async def test_channel_data_may_come_later(self, shop: Shop) -> None:
        driver = await shop.driver("frictionless", channel_data=None)
        await driver.advance()
        step = await driver.advance(notification_of(driver))
        assert step == threeds.SendChannelData(sessions.ThreeDsMethodCompletion.Y)
        assert result_of(await driver.advance(BROWSER)).verdict is Verdict.AUTHENTICATED

    async def test_channel_data_that_come_first_are_kept(self, shop: Shop) -> None:
        driver = await shop.driver("frictionless", channel_data=None)
        assert isinstance(await driver.advance(BROWSER), threeds.RunMethod)
        assert result_of(await driver.advance(notification_of(driver))).verdict is Verdict.AUTHENTICATED


class TestOutcomes:
    @pytest.mark.parametrize(
        ("scenario", "verdict"),
        [
            ("frictionless", Verdict.AUTHENTICATED),
            ("attempted", Verdict.ATTEMPTED),
            ("declined", Verdict.NOT_AUTHENTICATED),
            ("risk_declined", Verdict.NOT_AUTHENTICATED),
            ("rejected", Verdict.REJECTED),
            ("unavailable", Verdict.UNAVAILABLE),
        ],
    )
    async def test_without_a_challenge(self, shop: Shop, scenario: str, verdict: Verdict) -> None:
        driver = await shop.driver(scenario, options=threeds.Options())
        result = result_of(await driver.advance())
        assert result.verdict is verdict
        assert result.authenticated == (verdict in {Verdict.AUTHENTICATED, Verdict.ATTEMPTED})
        assert (result.cryptogram is not None) == result.authenticated

    @pytest.mark.parametrize(
        ("answer", "verdict"),
        [("Y", Verdict.AUTHENTICATED), ("N", Verdict.NOT_AUTHENTICATED), ("U", Verdict.UNAVAILABLE)],
    )
    async def test_after_a_challenge(self, shop: Shop, answer: str, verdict: Verdict) -> None:
        driver = await shop.driver("challenge_no_method")
        step = await driver.advance()
        assert isinstance(step, threeds.ShowChallenge)
        assert step.form.action.startswith(shop.sandbox.base_url)
        back = await shop.sandbox.cardholder.complete_challenge(driver.session.id, answer)
        hint = threeds.read_challenge_response({"cres": back.cres})
        assert result_of(await driver.advance(hint)).verdict is verdict

    async def test_the_browser_cannot_make_a_failed_challenge_succeed(self, shop: Shop) -> None:
        driver = await shop.driver("challenge_no_method")
        await driver.advance()
        back = await shop.sandbox.cardholder.complete_challenge(driver.session.id, "N")
        forged = threeds.read_browser_event(back.event | {"transStatus": "Y"})
        assert result_of(await driver.advance(forged)).verdict is Verdict.NOT_AUTHENTICATED

    async def test_a_challenge_that_is_cancelled(self, shop: Shop) -> None:
        driver = await shop.driver("challenge_no_method")
        await driver.advance()
        await shop.sandbox.cardholder.abandon_challenge(driver.session.id)
        event = {"threeDSServerTransID": driver.session.transaction_id, "transStatus": "N"}
        assert result_of(await driver.advance(threeds.read_browser_event(event))).verdict is Verdict.ABANDONED

    async def test_a_challenge_that_nobody_answers_ends_after_fifteen_minutes(self, shop: Shop) -> None:
        driver = await shop.driver("challenge_no_method")
        await driver.advance()
        await shop.sandbox.advance(899)
        assert isinstance(await driver.advance(), threeds.ShowChallenge)
        await shop.sandbox.advance(1)
        assert result_of(await driver.advance()).verdict is Verdict.ABANDONED

    async def test_a_session_whose_cardholder_comes_too_late_is_expired(self, shop: Shop) -> None:
        driver = await shop.driver("frictionless_no_method", channel_data=None)
        assert isinstance(await driver.advance(), threeds.SendChannelData)
        await shop.sandbox.advance(30 * 60)
        assert result_of(await driver.advance(BROWSER)).verdict is Verdict.EXPIRED

    @pytest.mark.parametrize(("answer", "verdict"), [("Y", Verdict.AUTHENTICATED), ("R", Verdict.REJECTED)])
    async def test_on_the_hosted_page(self, shop: Shop, answer: str, verdict: Verdict) -> None:
        driver = await shop.driver("frictionless" if answer == "Y" else "rejected", completion=HOSTED)
        step = await driver.advance()
        assert isinstance(step, threeds.RedirectCardholder)
        assert step.url.startswith(shop.sandbox.base_url)
        assert step.url not in repr(step)
        await shop.sandbox.cardholder.finish_hosted(driver.session.id, answer)
        assert result_of(await driver.advance(threeds.CardholderReturned())).verdict is verdict

    async def test_a_cardholder_who_returns_without_having_been_there_is_sent_again(self, shop: Shop) -> None:
        driver = await shop.driver("frictionless", completion=HOSTED)
        first = await driver.advance()
        assert await driver.advance(threeds.CardholderReturned()) == first

    async def test_in_an_app(self, shop: Shop) -> None:
        driver = await shop.driver("challenge", options=threeds.Options(app=True), channel_data=APP)
        step = await driver.advance()
        assert shop.sent == [APP]
        assert isinstance(step, threeds.ShowAppChallenge)
        assert step.challenge.server_transaction_id == driver.session.transaction_id
        await shop.sandbox.cardholder.complete_challenge(driver.session.id)
        assert result_of(await driver.advance(threeds.CardholderReturned())).verdict is Verdict.AUTHENTICATED


class TestPolling:
    async def test_a_slow_scheme_is_waited_for(self, shop: Shop) -> None:
        driver = await shop.driver("slow", options=threeds.Options())
        assert result_of(await driver.advance()).verdict is Verdict.AUTHENTICATED
        assert shop.slept == [0.2, 0.4, 0.8]

    async def test_after_an_event_the_session_is_read_at_once(self, shop: Shop) -> None:
        driver = await shop.driver("challenge_no_method")
        await driver.advance()
        back = await shop.sandbox.cardholder.complete_challenge(driver.session.id)
        await driver.advance(threeds.read_browser_event(back.event))
        assert shop.slept == []

    async def test_patience_ends_in_a_result_that_allows_nothing(self, shop: Shop) -> None:
        driver = await shop.driver("slow", options=threeds.Options())
        shop.sandbox.faults.add("get_session", frozen_reply(await processing(shop)), times=None)
        result = result_of(await driver.advance())
        assert (result.verdict, result.session.status) == (Verdict.UNAVAILABLE, "processing")
        assert sum(shop.slept) >= 30

    async def test_a_false_hint_is_disregarded_when_nothing_confirms_it(self, shop: Shop) -> None:
        driver = await shop.driver("challenge_no_method")
        first = await driver.advance()
        event = {"threeDSServerTransID": driver.session.transaction_id, "transStatus": "Y"}
        assert await driver.advance(threeds.read_browser_event(event)) == first


async def processing(shop: Shop) -> bytes:
    """The reply of a session that is being processed."""
    slow = await shop.session("slow")
    return msgspec.json.encode(
        {"id": slow.id, "transaction_id": slow.transaction_id, "status": "processing", "next_actions": []}
    )


def frozen_reply(body: bytes) -> Answer:
    return Answer(200, body=body, content_type="application/json")


class TestProof:
    async def test_a_payment_takes_the_session_itself(self, shop: Shop) -> None:
        driver = await shop.driver("frictionless", options=threeds.Options())
        result = result_of(await driver.advance())
        payment = await shop.checkout.payments.request_payment(
            payments.PaymentRequest(
                source=payments.RequestCardSource(
                    number=card_number("frictionless"), expiry_month=1, expiry_year=2099, cvv="100"
                ),
                amount=6540,
                currency="GBP",
                three_ds=result.three_ds(),
            )
        )
        assert payment.approved

    async def test_another_provider_takes_eci_cryptogram_and_xid(self, shop: Shop) -> None:
        driver = await shop.driver("frictionless", options=threeds.Options())
        result = result_of(await driver.advance())
        assert result.eci == "05"
        assert result.cryptogram is not None
        assert result.xid is not None
        assert result.cryptogram not in repr(result)

    async def test_a_reply_without_the_proof_is_read_again(self, shop: Shop) -> None:
        session = await shop.session("frictionless")
        secret = session.session_secret
        assert secret is not None
        finished = await shop.checkout.sessions.update_session(session.id, BROWSER, session_secret=secret)
        assert finished.cryptogram is None
        assert result_of(await shop.drive(finished).advance()).cryptogram is not None

    @pytest.mark.parametrize("scenario", ["declined", "rejected", "unavailable"])
    async def test_what_is_not_authenticated_cannot_be_paid_with(self, shop: Shop, scenario: str) -> None:
        driver = await shop.driver(scenario, options=threeds.Options())
        result = result_of(await driver.advance())
        with pytest.raises(errors.InvalidRequest, match="the cardholder is not authenticated"):
            result.three_ds()


class TestCompletion:
    async def test_the_session_is_completed_where_that_is_wanted(self, shop: Shop) -> None:
        options = threeds.Options(complete=True)
        driver = await shop.driver("frictionless", options=options)
        result = result_of(await driver.advance())
        assert (result.completion_failure, shop.sandbox.sessions[driver.session.id].completed) == (None, True)

    async def test_a_callback_that_fails_does_not_lose_the_result(self, shop: Shop) -> None:
        nobody = sessions.NonHostedCompletionInfo(callback_url="http://127.0.0.1:9/callback")
        driver = await shop.driver("frictionless", completion=nobody, options=threeds.Options(complete=True))
        result = result_of(await driver.advance())
        assert result.verdict is Verdict.AUTHENTICATED
        assert isinstance(result.completion_failure, errors.CheckoutError)

    async def test_it_is_not_completed_unasked(self, shop: Shop) -> None:
        driver = await shop.driver("frictionless", options=threeds.Options())
        result_of(await driver.advance())
        assert shop.sandbox.count("complete_session") == 0


class TestWebApplications:
    async def test_each_request_may_make_its_own_driver(self, shop: Shop) -> None:
        driver = await shop.driver("challenge")
        await driver.advance()
        session_id, kept = driver.session.id, msgspec.json.encode(driver.progress)

        progress = msgspec.json.decode(kept, type=threeds.Progress)
        driver = shop.drive(await shop.checkout.sessions.get_session(session_id), progress=progress)
        assert isinstance(await driver.advance(notification_of(driver)), threeds.ShowChallenge)
        kept = msgspec.json.encode(driver.progress)

        await shop.sandbox.cardholder.complete_challenge(session_id)
        progress = msgspec.json.decode(kept, type=threeds.Progress)
        driver = shop.drive(await shop.checkout.sessions.get_session(session_id), progress=progress)
        assert result_of(await driver.advance()).verdict is Verdict.AUTHENTICATED

    async def test_two_requests_at_once_send_channel_data_once(self, shop: Shop) -> None:
        driver = await shop.driver("frictionless")
        await driver.advance()
        both = await asyncio.gather(driver.advance(notification_of(driver)), driver.advance(BROWSER))
        assert {result_of(step).verdict for step in both} == {Verdict.AUTHENTICATED}
        assert shop.sandbox.count("update_session") == 1

    async def test_asking_again_repeats_the_step_and_no_call(self, shop: Shop) -> None:
        driver = await shop.driver("challenge_no_method")
        first = await driver.advance()
        count = len(shop.sandbox.requests)
        assert await driver.advance() == first
        assert len(shop.sandbox.requests) == count

    async def test_after_an_error_the_driver_goes_on_where_it_was(self, shop: Shop) -> None:
        driver = await shop.driver("frictionless", options=threeds.Options())
        shop.sandbox.faults.add("update_session", Fault.WRONG_TYPE)
        with pytest.raises(errors.UnexpectedResponse):
            await driver.advance()
        assert result_of(await driver.advance()).verdict is Verdict.AUTHENTICATED

    async def test_a_refusal_that_the_session_does_not_explain_is_raised(self, shop: Shop) -> None:
        driver = await shop.driver("frictionless", options=threeds.Options())
        shop.sandbox.faults.add("update_session", Answer(403), times=None)
        with pytest.raises(errors.Forbidden):
            await driver.advance()

    async def test_a_message_about_another_session_is_refused(self, shop: Shop) -> None:
        driver, other = await shop.driver("frictionless"), await shop.driver("challenge")
        await driver.advance()
        with pytest.raises(errors.MalformedMessage, match="about another session"):
            await driver.advance(notification_of(other))
        assert isinstance(await driver.advance(), threeds.RunMethod)


class TestOneCall:
    async def test_the_cardholder_is_asked_for_each_step(self, shop: Shop) -> None:
        asked: list[type] = []
        session = await shop.session("challenge")

        async def ask(step: threeds.CardholderStep) -> threeds.Event:
            asked.append(type(step))
            if isinstance(step, threeds.RunMethod):
                return threeds.MethodNotification(server_transaction_id=session.transaction_id or "")
            if isinstance(step, threeds.SendChannelData):
                return BROWSER
            back = await shop.sandbox.cardholder.complete_challenge(session.id)
            return threeds.read_browser_event(back.event)

        result = await authenticate(shop.checkout, session, ask, options=OPTIONS)
        assert result.verdict is Verdict.AUTHENTICATED
        assert asked == [threeds.RunMethod, threeds.SendChannelData, threeds.ShowChallenge]

    async def test_a_cardholder_who_does_not_answer_runs_out_of_time(self, shop: Shop) -> None:
        waiting: list[type] = []
        left: list[type] = []

        async def ask(step: threeds.CardholderStep) -> threeds.Event:
            waiting.append(type(step))
            try:
                await asyncio.Event().wait()
            finally:
                left.append(type(step))
            raise AssertionError("nobody answers")

        session = await shop.session("challenge")
        result = await authenticate(
            shop.checkout,
            session,
            ask,
            options=OPTIONS,
            channel_data=BROWSER,
            now=shop.sandbox.clock.now,
            sleep=shop.sleep,
        )
        assert result.verdict is Verdict.ABANDONED
        assert waiting == left == [threeds.RunMethod, threeds.ShowChallenge]
        assert shop.slept == [10, 900]

    async def test_what_asking_raises_comes_out_as_it_is(self, shop: Shop) -> None:
        async def ask(_step: threeds.CardholderStep) -> threeds.Event:
            raise ConnectionResetError("the cardholder's websocket is gone")

        with pytest.raises(ConnectionResetError):
            await authenticate(shop.checkout, await shop.session("challenge"), ask, options=OPTIONS)
