"""The flow: the step after each reply, the effect of each event, and the limits of 10 seconds and 15 minutes."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async import errors
from checkout_async.models import sessions
from checkout_async.threeds import (
    CardholderReturned,
    Done,
    Event,
    Flow,
    Options,
    Progress,
    RedirectCardholder,
    RunMethod,
    SendChannelData,
    ShowAppChallenge,
    ShowChallenge,
    TimedOut,
    Verdict,
    WindowSize,
)
from checkout_async.threeds.emv import (
    ChallengeNotification,
    ChallengeResponse,
    ErrorMessage,
    MethodNotification,
)
from checkout_async.threeds.steps import Complete, ReadSession, ReportMethod, Step
from tests.threeds.support import ACS_TRANSACTION, ACS_URL, METHOD_URL, NOTIFY, TRANSACTION, session

COLLECT, METHOD = "collect_channel_data", "issuer_fingerprint"
WITH_METHOD = Options(method_notification_url=NOTIFY)
Completion = sessions.ThreeDsMethodCompletion
START = 1_800_000_000.0

NOTIFIED = MethodNotification(server_transaction_id=TRANSACTION)
FAILED = ErrorMessage(error_code="402")
CHALLENGE_OVER: list[ChallengeNotification | ChallengeResponse | ErrorMessage] = [
    ChallengeNotification(server_transaction_id=TRANSACTION, trans_status=sessions.ResponseCode.Y),
    ChallengeResponse(server_transaction_id=TRANSACTION, trans_status=sessions.ResponseCode.N),
    FAILED,
]
HOSTED: dict[str, Any] = {"_links": {"success_url": {"href": "https://shop.example/ok"}}}
APP_ACS: dict[str, Any] = {
    "acs": {"transaction_id": ACS_TRANSACTION, "reference_number": "ACS-1", "signed_content": "a.b.c"}
}


def flow(status: str = "pending", *actions: str, options: Options = WITH_METHOD, **members: object) -> Flow:
    return Flow(session=session(status, *actions, **members), options=options)


def challenged() -> Flow:
    return flow("challenged", "challenge_cardholder").mark_shown(START)


class TestReplies:
    @pytest.mark.parametrize(
        ("status", "actions", "step"),
        [
            ("pending", [COLLECT, METHOD], RunMethod),
            ("pending", [METHOD], RunMethod),
            ("pending", [COLLECT], SendChannelData),
            ("pending", ["redirect_cardholder"], RedirectCardholder),
            ("pending", [], ReadSession),
            ("processing", [], ReadSession),
            ("challenged", ["challenge_cardholder"], ShowChallenge),
            ("challenged", [], ShowChallenge),
            ("approved", ["complete"], Done),
            ("declined", [], Done),
            ("expired", [], Done),
            ("postponed", ["call_the_bank"], Done),
        ],
    )
    def test_status_and_next_actions_decide(self, status: str, actions: list[str], step: type[Step]) -> None:
        assert isinstance(flow(status, *actions).step(), step)

    def test_a_session_may_come_without_next_actions(self) -> None:
        assert flow("pending", next_actions=None).step() == ReadSession()

    def test_the_3ds_method_goes_to_the_issuer(self) -> None:
        step = flow("pending", METHOD).step()
        assert isinstance(step, RunMethod)
        assert step.form.action == METHOD_URL

    def test_the_challenge_has_the_requested_size(self) -> None:
        options = Options(size=WindowSize.FULL_SCREEN, session_data=b"order 1")
        step = flow("challenged", options=options).step()
        assert isinstance(step, ShowChallenge)
        assert (step.size, step.form.action) == (WindowSize.FULL_SCREEN, ACS_URL)
        assert "threeDSSessionData" in step.form.fields

    def test_the_session_is_completed_once_if_requested(self) -> None:
        wanted = flow("approved", "complete", options=Options(complete=True))
        assert wanted.step() == Complete()
        assert isinstance(wanted.apply_reply(Complete()).step(), Done)

    def test_an_abandoned_challenge_is_not_completed(self) -> None:
        assert isinstance(flow("challenge_abandoned", options=Options(complete=True)).step(), Done)

    def test_options_may_be_left_out(self) -> None:
        assert Flow(session=session("pending", COLLECT)).step() == SendChannelData(Completion.U)

    def test_a_session_that_was_read_in_vain_goes_on_when_it_asks_for_something(self) -> None:
        waiting = flow("pending")
        assert waiting.step() == ReadSession()
        assert waiting.apply_reply(ReadSession(), session("pending", COLLECT)).step() == SendChannelData(Completion.U)

    @pytest.mark.parametrize("link", ["success_url", "redirect_url"])
    def test_a_session_with_one_link_to_checkout_com_is_hosted(self, link: str) -> None:
        assert flow("challenged", _links={link: {"href": "https://shop.example/ok"}}).step() == ReadSession()

    def test_a_hosted_session_is_challenged_by_checkout_com(self) -> None:
        assert flow("challenged", "challenge_cardholder", **HOSTED).step() == ReadSession()

    def test_a_redirect_to_an_unsafe_address_is_refused(self) -> None:
        links = {"redirect_url": {"href": "http://checkout.example/"}}
        with pytest.raises(errors.MalformedMessage, match="redirect_url must begin with https"):
            flow("pending", "redirect_cardholder", _links=links).step()

    def test_a_redirect_without_an_address_is_named(self) -> None:
        with pytest.raises(errors.MalformedMessage, match="redirect_url is missing"):
            flow("pending", "redirect_cardholder", _links={}).step()

    def test_google_spa_has_no_step_and_is_undecided(self) -> None:
        step = flow("challenged", "challenge_cardholder", experience="google_spa", acs=None).step()
        assert isinstance(step, Done)
        assert step.result.verdict is Verdict.UNDECIDED
        assert flow("challenged", experience="google_spa", **HOSTED).step() == ReadSession()

    def test_data_that_were_sent_are_not_requested_again(self) -> None:
        stuck = flow("pending", COLLECT)
        assert stuck.apply_reply(SendChannelData(Completion.U), stuck.session).step() == ReadSession()
        stuck = flow("pending", METHOD, options=Options())
        assert stuck.apply_reply(ReportMethod(Completion.N), stuck.session).step() == ReadSession()


class TestMethod:
    def test_a_notification_in_time_is_y(self) -> None:
        after = flow("pending", COLLECT, METHOD).mark_shown(START).handle_event(NOTIFIED, START + 10)
        assert after.step() == SendChannelData(Completion.Y)

    def test_no_notification_within_ten_seconds_is_n(self) -> None:
        shown = flow("pending", COLLECT, METHOD).mark_shown(START)
        assert isinstance(shown.tick(START + 9.9).step(), RunMethod)
        assert shown.tick(START + 10).step() == SendChannelData(Completion.N)

    def test_a_notification_that_comes_too_late_changes_nothing(self) -> None:
        shown = flow("pending", COLLECT, METHOD).mark_shown(START)
        assert shown.handle_event(NOTIFIED, START + 11).step() == SendChannelData(Completion.N)
        assert shown.tick(START + 10).handle_event(NOTIFIED, START + 11).step() == SendChannelData(Completion.N)

    def test_the_page_may_report_the_timeout(self) -> None:
        shown = flow("pending", COLLECT, METHOD).mark_shown(START)
        assert shown.handle_event(TimedOut(), START + 1).step() == SendChannelData(Completion.N)

    def test_showing_it_again_does_not_restart_the_time(self) -> None:
        shown = flow("pending", METHOD).mark_shown(START).mark_shown(START + 5)
        assert shown.time_left(START + 6) == 4

    def test_without_a_3ds_method_url_it_is_u(self) -> None:
        assert flow("pending", COLLECT).step() == SendChannelData(Completion.U)

    def test_nothing_is_reported_without_a_3ds_method_url(self) -> None:
        assert flow("pending", METHOD, _links={}).step() == ReadSession()

    def test_without_a_notification_url_it_is_not_run_and_n(self) -> None:
        assert flow("pending", COLLECT, METHOD, options=Options()).step() == SendChannelData(Completion.N)
        assert flow("pending", METHOD, options=Options()).step() == ReportMethod(Completion.N)

    def test_if_the_session_has_channel_data_only_the_method_is_reported(self) -> None:
        after = flow("pending", METHOD).mark_shown(START).handle_event(NOTIFIED, START + 1)
        assert after.step() == ReportMethod(Completion.Y)

    def test_a_completion_that_went_with_the_channel_data_is_not_reported_again(self) -> None:
        both = flow("pending", COLLECT, METHOD, options=Options())
        assert both.apply_reply(SendChannelData(Completion.N), session("pending", METHOD)).step() == ReadSession()

    def test_another_sessions_notification_is_refused(self) -> None:
        other = MethodNotification(server_transaction_id="352455b7-b3b1-4696-a916-69e2e4274e6c")
        with pytest.raises(errors.MalformedMessage, match="about another session"):
            flow("pending", METHOD).handle_event(other, START)

    @pytest.mark.parametrize("url", ["http://shop.example/", "https://shop.example/" + "a" * 250])
    def test_an_unusable_notification_url_is_refused_at_once(self, url: str) -> None:
        with pytest.raises(errors.ConfigurationError, match="notification URL"):
            Options(method_notification_url=url)


class TestChallenge:
    @pytest.mark.parametrize("event", CHALLENGE_OVER)
    def test_after_any_message_of_the_browser_the_session_is_read(self, event: ChallengeNotification) -> None:
        refreshing = challenged().handle_event(event, START + 60)
        assert refreshing.step() == ReadSession()
        done = refreshing.apply_reply(ReadSession(), session("declined", "complete")).step()
        assert isinstance(done, Done)
        assert done.result.verdict is Verdict.DECLINED

    def test_an_unchanged_session_is_read_until_it_changes_or_polling_ends(self) -> None:
        refreshing = challenged().handle_event(CHALLENGE_OVER[0], START + 60)
        still = refreshing.apply_reply(ReadSession(), refreshing.session)
        assert still.step() == ReadSession()
        assert isinstance(still.stop_refreshing().step(), ShowChallenge)

    def test_a_failed_challenge_is_not_shown_again_and_stays_undecided(self) -> None:
        refreshing = challenged().handle_event(FAILED, START + 60)
        assert refreshing.apply_reply(ReadSession(), refreshing.session).step() == ReadSession()
        for late in (refreshing.stop_refreshing(), refreshing.stop_refreshing().tick(START + 900)):
            done = late.step()
            assert isinstance(done, Done)
            assert done.result.verdict is Verdict.UNDECIDED

    @pytest.mark.parametrize(
        ("named", "refused"),
        [
            ({}, False),
            ({"acs_transaction_id": ACS_TRANSACTION.upper()}, False),
            ({"server_transaction_id": ACS_TRANSACTION}, True),
            ({"server_transaction_id": TRANSACTION, "acs_transaction_id": TRANSACTION}, True),
        ],
    )
    def test_an_error_message_may_name_no_transaction_but_not_another_sessions(
        self, named: dict[str, str], refused: bool
    ) -> None:
        about = ErrorMessage(**named)
        with pytest.raises(errors.MalformedMessage, match="about another session") if refused else nullcontext():
            assert challenged().handle_event(about, START).progress.challenge_failed

    @pytest.mark.parametrize("kind", [ChallengeNotification, ChallengeResponse])
    def test_another_sessions_message_is_refused(
        self, kind: type[ChallengeNotification] | type[ChallengeResponse]
    ) -> None:
        other = kind(server_transaction_id=ACS_TRANSACTION, trans_status=sessions.ResponseCode.Y)
        with pytest.raises(errors.MalformedMessage, match="about another session"):
            challenged().handle_event(other, START)

    @pytest.mark.parametrize("seconds", [0, 1, 890])
    def test_an_early_timeout_event_is_ignored(self, seconds: float) -> None:
        assert challenged().handle_event(TimedOut(), START + seconds) == challenged()
        assert flow("challenged").handle_event(TimedOut(), START + seconds) == flow("challenged")

    def test_a_timeout_event_may_come_five_seconds_early(self) -> None:
        assert challenged().handle_event(TimedOut(), START + 895).progress.timed_out
        assert not challenged().handle_event(TimedOut(), START + 894.5).progress.timed_out

    def test_only_showing_a_challenge_starts_its_time(self) -> None:
        for other in (
            flow("pending", COLLECT),
            flow("processing"),
            flow("approved"),
            flow("pending", "redirect_cardholder"),
        ):
            assert other.mark_shown(START) == other

    def test_a_session_without_links_is_challenged_here(self) -> None:
        assert isinstance(flow("challenged", "challenge_cardholder", _links=None).step(), ShowChallenge)

    def test_a_timer_may_be_slightly_ahead_of_the_clock(self) -> None:
        assert challenged().handle_event(TimedOut(), START + 899.5).progress.timed_out

    def test_after_fifteen_minutes_it_is_read_once_more_and_abandoned(self) -> None:
        assert isinstance(challenged().tick(START + 899).step(), ShowChallenge)
        timed_out = challenged().tick(START + 900)
        assert timed_out.step() == ReadSession()
        done = timed_out.apply_reply(ReadSession(), timed_out.session).step()
        assert isinstance(done, Done)
        assert done.result.verdict is Verdict.ABANDONED

    def test_a_challenge_that_ends_at_the_last_moment_counts(self) -> None:
        done = challenged().tick(START + 900).apply_reply(ReadSession(), session("approved", "complete")).step()
        assert isinstance(done, Done)
        assert done.result.verdict is Verdict.AUTHENTICATED


class TestHosted:
    def test_the_cardholders_return_is_not_a_proof(self) -> None:
        sent = flow("pending", "redirect_cardholder").mark_shown(START)
        assert sent.time_left(START) is None
        back = sent.handle_event(CardholderReturned(), START + 60)
        assert back.step() == ReadSession()
        assert isinstance(back.apply_reply(ReadSession(), session("approved")).step(), Done)


class TestApp:
    OPTIONS = Options(app=True)

    def test_there_is_no_3ds_method(self) -> None:
        assert flow("pending", COLLECT, METHOD, options=self.OPTIONS).step() == SendChannelData(None)

    def test_nothing_is_reported_of_a_3ds_method(self) -> None:
        assert flow("pending", METHOD, options=self.OPTIONS).step() == ReadSession()

    def test_the_sdk_runs_the_challenge(self) -> None:
        shown = flow("challenged", "challenge_cardholder", options=self.OPTIONS, **APP_ACS).mark_shown(START)
        step = shown.step()
        assert isinstance(step, ShowAppChallenge)
        assert step.challenge.acs_signed_content == "a.b.c"
        assert (
            shown.handle_event(CardholderReturned(), START + 1).step()
            == shown.tick(START + 900).step()
            == ReadSession()
        )


class TestLaws:
    STATUSES = (*sessions.SessionStatus, "postponed")
    EVENTS: tuple[Event, ...] = (NOTIFIED, *CHALLENGE_OVER, CardholderReturned(), TimedOut())

    @pytest.mark.parametrize("status", STATUSES)
    def test_an_event_that_does_not_fit_the_step_changes_nothing(self, status: str) -> None:
        fitting = {
            (RunMethod, MethodNotification),
            (RunMethod, TimedOut),
            (ShowChallenge, ChallengeNotification),
            (ShowChallenge, ChallengeResponse),
            (ShowChallenge, ErrorMessage),
            (ShowChallenge, TimedOut),
            (RedirectCardholder, CardholderReturned),
        }
        for action, event in product(sessions.NextAction, self.EVENTS):
            before = flow(status, action).mark_shown(START)
            changed = before.handle_event(event, START + 900) != before
            assert changed == ((type(before.step()), type(event)) in fitting)

    @pytest.mark.parametrize("status", STATUSES)
    def test_a_repeated_event_changes_nothing(self, status: str) -> None:
        for action, event in product(sessions.NextAction, self.EVENTS):
            once = flow(status, action).handle_event(event, START)
            assert once.handle_event(event, START) == once

    @pytest.mark.parametrize("options", [WITH_METHOD, Options(), Options(complete=True), Options(app=True)])
    @pytest.mark.parametrize("status", STATUSES)
    def test_every_flow_ends_if_each_step_gets_its_event_or_reply(self, status: str, options: Options) -> None:
        """The API approves as soon as it is asked again; the cardholder does what the step asks for."""
        fitting: dict[type[Step], Event] = {
            RunMethod: NOTIFIED,
            ShowChallenge: CHALLENGE_OVER[0],
            ShowAppChallenge: CardholderReturned(),
            RedirectCardholder: CardholderReturned(),
        }
        members = APP_ACS if options.app and status == "challenged" else {}
        for action in sessions.NextAction:
            current, steps = flow(status, action, options=options, **members), list[type[Step]]()
            while not isinstance(step := current.step(), Done):
                steps.append(type(step))
                if (event := fitting.get(type(step))) is not None:
                    current = current.mark_shown(START).handle_event(event, START + 1)
                    assert current.step() != step, "the event has an effect"
                elif isinstance(step, ReadSession):
                    current = current.apply_reply(step, session("approved", "complete"))
                else:
                    current = current.apply_reply(step, current.session)
                assert len(steps) <= 6, steps
            assert len(set(steps)) == len(steps), "no step is asked for twice"

    @pytest.mark.costly
    @given(st.data())
    def test_no_sequence_of_events_and_replies_resets_progress(self, data: st.DataObject) -> None:
        now, current = START, flow("pending", COLLECT, METHOD)
        for _ in range(data.draw(st.integers(1, 12))):
            now += data.draw(st.sampled_from([0, 1, 11, 901]))
            before = current.progress
            if data.draw(st.booleans()):
                current = current.tick(now).mark_shown(now).handle_event(data.draw(st.sampled_from(self.EVENTS)), now)
            else:
                status, action = (
                    data.draw(st.sampled_from(self.STATUSES)),
                    data.draw(st.sampled_from(sessions.NextAction)),
                )
                current = current.apply_reply(current.step(), session(status, action))
            for name in ("method_completion", "method_started_at", "challenge_started_at"):
                assert getattr(before, name) in (None, getattr(current.progress, name))
            for name in (
                "channel_data_sent",
                "method_reported",
                "challenge_failed",
                "timed_out",
                "completion_attempted",
            ):
                assert getattr(current.progress, name) >= getattr(before, name)
            assert isinstance(current.step(), Step)

    def test_progress_survives_a_round_trip_through_json(self) -> None:
        before = flow("pending", COLLECT, METHOD).mark_shown(START)
        kept = msgspec.json.encode(before.progress)
        again = Flow(session=before.session, options=WITH_METHOD, progress=msgspec.json.decode(kept, type=Progress))
        assert again == before
        assert again.tick(START + 10).step() == SendChannelData(Completion.N)
