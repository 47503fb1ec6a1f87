"""The driver against the simulator: its calls and its result for each kind of cardholder and issuer."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace as changed

from checkout_async import threeds
from checkout_async.models import sessions
from checkout_async.sandbox import CannedResponse
from checkout_async.threeds import Verdict
from tests.threeds.shop import APP, BROWSER, HOSTED, Shop, notification_of, result_of


class TestThreeDsMethod:
    async def test_a_notification_in_time_is_reported_with_the_channel_data(self, shop: Shop) -> None:
        driver = await shop.driver("frictionless")
        step = await driver.advance()
        assert isinstance(step, threeds.RunMethod)
        assert step.form.action.startswith(shop.sandbox.base_url)
        assert driver.time_left == 10

        result = result_of(await driver.advance(notification_of(driver)))
        assert result.verdict is Verdict.AUTHENTICATED
        assert driver.progress.method_completion is sessions.ThreeDsMethodCompletion.Y
        assert shop.sent == [changed(BROWSER, three_ds_method_completion=sessions.ThreeDsMethodCompletion.Y)]
        assert shop.sandbox.count("update_session") == 1
        assert shop.sandbox.count("update_three_ds_method_completion") == 0

    async def test_a_timeout_of_ten_seconds_is_noticed_without_an_event(self, shop: Shop) -> None:
        driver = await shop.driver("silent_method")
        assert isinstance(await driver.advance(), threeds.RunMethod)
        await shop.sandbox.advance(9)
        assert isinstance(await driver.advance(), threeds.RunMethod)
        await shop.sandbox.advance(1)
        assert result_of(await driver.advance()).verdict is Verdict.AUTHENTICATED
        assert driver.progress.method_completion is sessions.ThreeDsMethodCompletion.N
        assert shop.sent == [changed(BROWSER, three_ds_method_completion=sessions.ThreeDsMethodCompletion.N)]

    async def test_an_issuer_without_a_3ds_method_causes_no_wait(self, shop: Shop) -> None:
        driver = await shop.driver("frictionless_no_method")
        assert result_of(await driver.advance()).verdict is Verdict.AUTHENTICATED
        assert shop.sent == [changed(BROWSER, three_ds_method_completion=sessions.ThreeDsMethodCompletion.U)]

    async def test_if_the_session_has_channel_data_only_the_method_is_reported(self, shop: Shop) -> None:
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

    async def test_channel_data_that_come_before_the_notification_are_kept(self, shop: Shop) -> None:
        driver = await shop.driver("frictionless", channel_data=None)
        assert isinstance(await driver.advance(BROWSER), threeds.RunMethod)
        assert result_of(await driver.advance(notification_of(driver))).verdict is Verdict.AUTHENTICATED


class TestOutcomes:
    @pytest.mark.parametrize(
        ("scenario", "verdict"),
        [
            ("frictionless", Verdict.AUTHENTICATED),
            ("attempted", Verdict.ATTEMPTED),
            ("declined", Verdict.DECLINED),
            ("risk_declined", Verdict.DECLINED),
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
        [("Y", Verdict.AUTHENTICATED), ("N", Verdict.DECLINED), ("U", Verdict.UNAVAILABLE)],
    )
    async def test_after_a_challenge(self, shop: Shop, answer: str, verdict: Verdict) -> None:
        driver = await shop.driver("challenge_no_method")
        step = await driver.advance()
        assert isinstance(step, threeds.ShowChallenge)
        assert step.form.action.startswith(shop.sandbox.base_url)
        back = await shop.sandbox.cardholder.complete_challenge(driver.session.id, answer)
        hint = threeds.emv.read_challenge_response({"cres": back.cres})
        assert result_of(await driver.advance(hint)).verdict is verdict

    async def test_the_browser_cannot_make_a_failed_challenge_succeed(self, shop: Shop) -> None:
        driver = await shop.driver("challenge_no_method")
        await driver.advance()
        back = await shop.sandbox.cardholder.complete_challenge(driver.session.id, "N")
        forged = threeds.read_browser_event(back.event | {"transStatus": "Y"})
        assert result_of(await driver.advance(forged)).verdict is Verdict.DECLINED

    async def test_a_challenge_that_is_cancelled(self, shop: Shop) -> None:
        driver = await shop.driver("challenge_no_method")
        await driver.advance()
        await shop.sandbox.cardholder.abandon_challenge(driver.session.id)
        event = {"threeDSServerTransID": driver.session.transaction_id, "transStatus": "N"}
        assert result_of(await driver.advance(threeds.read_browser_event(event))).verdict is Verdict.ABANDONED

    async def test_a_challenge_without_an_answer_times_out_after_fifteen_minutes(self, shop: Shop) -> None:
        driver = await shop.driver("challenge_no_method")
        await driver.advance()
        await shop.sandbox.advance(899)
        assert isinstance(await driver.advance(), threeds.ShowChallenge)
        await shop.sandbox.advance(1)
        assert result_of(await driver.advance()).verdict is Verdict.ABANDONED

    async def test_a_session_whose_cardholder_comes_too_late_expires(self, shop: Shop) -> None:
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

    async def test_a_cardholder_who_returns_early_is_redirected_again(self, shop: Shop) -> None:
        driver = await shop.driver("frictionless", completion=HOSTED)
        first = await driver.advance()
        assert await driver.advance(threeds.CardholderReturned()) == first

    async def test_google_spa_is_undecided_until_the_session_has_a_result(self, shop: Shop) -> None:
        session = await shop.session("google_spa", preferred_experiences=["google_spa", "3ds"])
        driver = shop.drive(session, threeds.Options())
        undecided = result_of(await driver.advance())
        assert undecided.verdict is Verdict.UNDECIDED
        assert undecided.session.google_spa is not None
        assert undecided.session.google_spa.challenge_url
        await shop.sandbox.cardholder.complete_challenge(session.id)
        assert result_of(await driver.advance()).verdict is Verdict.AUTHENTICATED

    async def test_in_an_app(self, shop: Shop) -> None:
        driver = await shop.driver("challenge", options=threeds.Options(app=True), channel_data=APP)
        step = await driver.advance()
        assert shop.sent == [APP]
        assert isinstance(step, threeds.ShowAppChallenge)
        assert step.challenge.server_transaction_id == driver.session.transaction_id
        await shop.sandbox.cardholder.complete_challenge(driver.session.id)
        assert result_of(await driver.advance(threeds.CardholderReturned())).verdict is Verdict.AUTHENTICATED


class TestPolling:
    async def test_a_session_in_processing_is_polled(self, shop: Shop) -> None:
        driver = await shop.driver("slow", options=threeds.Options())
        assert result_of(await driver.advance()).verdict is Verdict.AUTHENTICATED
        assert shop.slept == [0.2, 0.4, 0.8]

    async def test_after_an_event_the_session_is_read_at_once(self, shop: Shop) -> None:
        driver = await shop.driver("challenge_no_method")
        await driver.advance()
        back = await shop.sandbox.cardholder.complete_challenge(driver.session.id)
        await driver.advance(threeds.read_browser_event(back.event))
        assert shop.slept == []

    async def test_polling_ends_with_an_undecided_result(self, shop: Shop) -> None:
        driver = await shop.driver("slow", options=threeds.Options())
        shop.sandbox.faults.add("get_session", frozen_reply(await processing(shop), driver.session.id), times=None)
        result = result_of(await driver.advance())
        assert (result.verdict, result.session.status) == (Verdict.UNDECIDED, "processing")
        assert sum(shop.slept) >= 30

    async def test_a_challenge_that_ends_after_its_timeout_still_gives_its_result(self, shop: Shop) -> None:
        driver = await shop.driver("challenge_no_method")
        assert isinstance(await driver.advance(), threeds.ShowChallenge)
        await shop.sandbox.advance(899)
        shop.sandbox.faults.add("get_session", frozen_reply(await challenged(shop, driver), driver.session.id), times=1)
        over = result_of(await driver.advance(threeds.TimedOut()))
        assert over.verdict is Verdict.ABANDONED
        await shop.sandbox.cardholder.complete_challenge(driver.session.id, "Y")
        assert result_of(await driver.advance()).verdict is Verdict.AUTHENTICATED

    async def test_after_an_error_message_the_challenge_is_not_shown_and_the_session_decides(self, shop: Shop) -> None:
        driver = await shop.driver("challenge_no_method")
        await driver.advance()
        failed = threeds.emv.encode_json({"messageType": "Erro", "errorCode": "403", "errorComponent": "A"})
        undecided = result_of(await driver.advance(threeds.emv.read_challenge_response({"cres": failed})))
        assert (undecided.verdict, undecided.session.status) == (Verdict.UNDECIDED, "challenged")
        await shop.sandbox.cardholder.complete_challenge(driver.session.id, "U")
        assert result_of(await driver.advance()).verdict is Verdict.UNAVAILABLE

    async def test_a_forged_error_message_cannot_hide_a_success(self, shop: Shop) -> None:
        driver = await shop.driver("challenge_no_method")
        await driver.advance()
        await driver.advance(threeds.emv.ErrorMessage())
        await shop.sandbox.cardholder.complete_challenge(driver.session.id, "Y")
        assert result_of(await driver.advance()).verdict is Verdict.AUTHENTICATED

    async def test_a_hint_that_no_reply_confirms_is_ignored(self, shop: Shop) -> None:
        driver = await shop.driver("challenge_no_method")
        first = await driver.advance()
        event = {"threeDSServerTransID": driver.session.transaction_id, "transStatus": "Y"}
        assert await driver.advance(threeds.read_browser_event(event)) == first


async def challenged(shop: Shop, driver: threeds.Driver) -> bytes:
    """A reply that still says `challenged`."""
    session = driver.session
    return msgspec.json.encode(
        {
            "id": session.id,
            "transaction_id": session.transaction_id,
            "status": "challenged",
            "next_actions": ["challenge_cardholder"],
        }
    )


async def processing(shop: Shop) -> bytes:
    """The reply of a session that is being processed."""
    slow = await shop.session("slow")
    return msgspec.json.encode(
        {"id": slow.id, "transaction_id": slow.transaction_id, "status": "processing", "next_actions": []}
    )


def frozen_reply(body: bytes, session_id: str) -> CannedResponse:
    """Return a reply that stays the same, about the session that is asked for."""
    members = msgspec.json.decode(body) | {"id": session_id}
    return CannedResponse(200, body=msgspec.json.encode(members), content_type="application/json")
