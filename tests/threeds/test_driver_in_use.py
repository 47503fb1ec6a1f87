"""The driver in an application: the payment data, the requests of a web server, and `authenticate`."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from checkout_async import errors, threeds
from checkout_async.models import payments, sessions
from checkout_async.sandbox import CannedResponse, Fault, card_number
from checkout_async.threeds import Verdict, authenticate
from tests.threeds.shop import BROWSER, OPTIONS, Shop, notification_of, result_of


class TestProof:
    async def test_a_payment_refers_to_the_session(self, shop: Shop) -> None:
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

    async def test_the_result_has_eci_cryptogram_and_xid_for_another_provider(self, shop: Shop) -> None:
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
    async def test_a_failed_authentication_gives_no_payment_data(self, shop: Shop, scenario: str) -> None:
        driver = await shop.driver(scenario, options=threeds.Options())
        result = result_of(await driver.advance())
        with pytest.raises(errors.InvalidRequest, match="the cardholder is not authenticated"):
            result.three_ds()


class TestCompletion:
    async def test_the_session_is_completed_if_requested(self, shop: Shop) -> None:
        options = threeds.Options(complete=True)
        driver = await shop.driver("frictionless", options=options)
        result = result_of(await driver.advance())
        assert (result.completion_error, shop.sandbox.sessions[driver.session.id].completed) == (None, True)

    async def test_a_callback_that_fails_does_not_lose_the_result(self, shop: Shop) -> None:
        unreachable = sessions.NonHostedCompletionInfo(callback_url="http://127.0.0.1:9/callback")
        driver = await shop.driver("frictionless", completion=unreachable, options=threeds.Options(complete=True))
        result = result_of(await driver.advance())
        assert result.verdict is Verdict.AUTHENTICATED
        assert isinstance(result.completion_error, errors.CheckoutError)

    async def test_the_session_is_not_completed_unless_requested(self, shop: Shop) -> None:
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

    async def test_advancing_again_returns_the_same_step_without_a_call(self, shop: Shop) -> None:
        driver = await shop.driver("challenge_no_method")
        first = await driver.advance()
        count = len(shop.sandbox.requests)
        assert await driver.advance() == first
        assert len(shop.sandbox.requests) == count

    async def test_after_an_error_the_driver_continues(self, shop: Shop) -> None:
        driver = await shop.driver("frictionless", options=threeds.Options())
        shop.sandbox.faults.add("update_session", Fault.WRONG_TYPE)
        with pytest.raises(errors.UnexpectedResponse):
            await driver.advance()
        assert result_of(await driver.advance()).verdict is Verdict.AUTHENTICATED

    async def test_a_refusal_without_a_change_of_the_session_is_raised(self, shop: Shop) -> None:
        driver = await shop.driver("frictionless", options=threeds.Options())
        shop.sandbox.faults.add("update_session", CannedResponse(403), times=None)
        with pytest.raises(errors.Forbidden):
            await driver.advance()

    async def test_a_message_about_another_session_is_refused(self, shop: Shop) -> None:
        driver, other = await shop.driver("frictionless"), await shop.driver("challenge")
        await driver.advance()
        with pytest.raises(errors.MalformedMessage, match="about another session"):
            await driver.advance(notification_of(other))
        assert isinstance(await driver.advance(), threeds.RunMethod)


class TestOneCall:
    async def test_the_handler_is_called_for_each_step(self, shop: Shop) -> None:
        asked: list[type] = []
        session = await shop.session("challenge")

        async def on_step(step: threeds.CardholderStep) -> threeds.Event:
            asked.append(type(step))
            if isinstance(step, threeds.RunMethod):
                return threeds.emv.MethodNotification(server_transaction_id=session.transaction_id or "")
            if isinstance(step, threeds.SendChannelData):
                return BROWSER
            back = await shop.sandbox.cardholder.complete_challenge(session.id)
            return threeds.read_browser_event(back.event)

        result = await authenticate(shop.checkout, session, on_step, options=OPTIONS)
        assert result.verdict is Verdict.AUTHENTICATED
        assert asked == [threeds.RunMethod, threeds.SendChannelData, threeds.ShowChallenge]

    async def test_a_handler_without_an_answer_is_cancelled_at_the_timeout(self, shop: Shop) -> None:
        waiting: list[type] = []
        left: list[type] = []

        async def on_step(step: threeds.CardholderStep) -> threeds.Event:
            waiting.append(type(step))
            try:
                await asyncio.Event().wait()
            finally:
                left.append(type(step))
            raise AssertionError("the handler must be cancelled")

        session = await shop.session("challenge")
        result = await authenticate(
            shop.checkout,
            session,
            on_step,
            options=OPTIONS,
            channel_data=BROWSER,
            now=shop.sandbox.clock.now,
            sleep=shop.sleep,
        )
        assert result.verdict is Verdict.ABANDONED
        assert waiting == left == [threeds.RunMethod, threeds.ShowChallenge]
        assert shop.slept == [10, 900]

    async def test_an_error_of_the_handler_is_raised_unchanged(self, shop: Shop) -> None:
        async def on_step(_step: threeds.CardholderStep) -> threeds.Event:
            raise ConnectionResetError("the cardholder's websocket is gone")

        with pytest.raises(ConnectionResetError):
            await authenticate(shop.checkout, await shop.session("challenge"), on_step, options=OPTIONS)
