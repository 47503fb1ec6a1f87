"""One record, from its request to the last thing a machine can do for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from checkout_async import CheckoutClient, errors
from checkout_async._core.body import encode_body
from checkout_async.batch import (
    FAKE_BROWSER_DATA,
    Backoff,
    BatchResult,
    Outcome,
    Record,
    SharedChannelData,
)
from checkout_async.models import sessions
from checkout_async.operations import Sender
from checkout_async.sandbox import Sandbox, amount, card_number
from tests.batch.support import SID, ScriptedSender, client_of, in_turn, record, request, run, session

AT_ONCE = Backoff(initial=0.001, maximum=0.001, give_up_after=0.005)
BROWSER = {
    "channel": "browser",
    "accept_header": "text/html",
    "java_enabled": False,
    "language": "en-GB",
    "color_depth": "24",
    "screen_height": "1080",
    "screen_width": "1920",
    "timezone": "0",
    "user_agent": "Mozilla/5.0",
    "ip_address": "192.0.2.7",
}
APP = {
    "channel": "app",
    "sdk_app_id": "9aea641d-0549-4222-9ca9-d90b43a4f38c",
    "sdk_max_timeout": 5,
    "sdk_ephem_pub_key": {"kty": "EC", "crv": "P-256", "x": "x", "y": "y"},
    "sdk_reference_number": "3DS_LOA_SDK",
    "sdk_encrypted_data": "a.b.c.d.e",
    "sdk_transaction_id": "9aea641d-0549-4222-9ca9-d90b43a4f38c",
    "sdk_interface_type": "both",
    "sdk_ui_elements": ["text"],
}
RECURRING = {"channel": "merchant_initiated", "request_type": "recurring_transaction"}
METHOD = {"three_ds_method_url": {"href": "https://acs.example/method"}}
HOSTED = {"type": "hosted", "success_url": "https://shop.example/s", "failure_url": "https://shop.example/f"}


async def outcome_of(
    sender: Sender, item: Record | None = None, channel_data: SharedChannelData = FAKE_BROWSER_DATA
) -> Outcome:
    outcomes = run(sender, [item or record()], channel_data=channel_data, poll=AT_ONCE, outage_backoff=AT_ONCE)
    [outcome] = [outcome async for outcome in outcomes]
    return outcome


class TestAgainstTheSandbox:
    @pytest.fixture
    async def sandbox(self) -> AsyncIterator[Sandbox]:
        async with Sandbox() as running:
            yield running

    @pytest.fixture
    async def checkout(self, sandbox: Sandbox) -> AsyncIterator[CheckoutClient]:
        async with client_of(sandbox) as client:
            yield client

    async def test_a_frictionless_card_is_approved_with_its_proof(self, checkout: CheckoutClient) -> None:
        outcome = await outcome_of(checkout)
        assert outcome.result is BatchResult.AUTHENTICATED
        assert (outcome.status, outcome.eci, outcome.response_code) == ("approved", "05", "Y")
        assert outcome.cryptogram
        assert outcome.xid
        assert outcome.reference == "ref-1"
        assert outcome.error is None

    @pytest.mark.parametrize(
        ("scenario", "result", "status"),
        [
            ("frictionless_no_method", BatchResult.AUTHENTICATED, "approved"),
            ("attempted", BatchResult.ATTEMPTED, "attempted"),
            ("declined", BatchResult.DECLINED, "declined"),
            ("rejected", BatchResult.REJECTED, "rejected"),
            ("unavailable", BatchResult.UNAVAILABLE, "unavailable"),
            ("risk_declined", BatchResult.DECLINED, "declined"),
            ("challenge", BatchResult.CHALLENGE_REQUIRED, "challenged"),
            ("challenge_no_method", BatchResult.CHALLENGE_REQUIRED, "challenged"),
        ],
    )
    @pytest.mark.parametrize("channel", [{}, {"channel_data": BROWSER}, {"channel_data": APP}])
    async def test_every_outcome_is_a_result_whatever_the_channel(
        self, checkout: CheckoutClient, scenario: str, result: BatchResult, status: str, channel: Mapping[str, object]
    ) -> None:
        outcome = await outcome_of(checkout, record(1, card_number(scenario), **channel))
        assert (outcome.result, outcome.status, outcome.error) == (result, status, None)

    @pytest.mark.parametrize(
        "source",
        [
            {"type": "id", "id": "src_" + "a" * 26},
            {"type": "token", "token": "tok_" + "a" * 26},
            {"type": "network_token", "token": card_number("frictionless"), "expiry_month": 1, "expiry_year": 2035},
        ],
        ids=lambda source: str(source["type"]),
    )
    async def test_every_kind_of_source(self, checkout: CheckoutClient, source: Mapping[str, object]) -> None:
        outcome = await outcome_of(checkout, record(source=source, amount=amount("attempted")))
        assert (outcome.status, outcome.eci) == ("attempted", "06")

    async def test_merchant_initiated(self, checkout: CheckoutClient) -> None:
        outcome = await outcome_of(checkout, record(channel_data=RECURRING))
        assert outcome.status == "approved"

    async def test_a_hosted_session_is_left_to_its_page(self, checkout: CheckoutClient, sandbox: Sandbox) -> None:
        outcome = await outcome_of(checkout, record(completion=HOSTED))
        assert (outcome.result, outcome.status) == (BatchResult.CHALLENGE_REQUIRED, "pending")
        assert outcome.error is None
        assert [seen.operation_id for seen in sandbox.requests][1:] == ["request_session"]

    async def test_a_session_that_is_processing_is_polled(self, checkout: CheckoutClient, sandbox: Sandbox) -> None:
        outcome = await outcome_of(checkout, record(1, card_number("slow")))
        assert outcome.status == "approved"
        assert outcome.cryptogram
        assert sandbox.count("get_session") == 3

    async def test_nothing_is_completed(self, checkout: CheckoutClient, sandbox: Sandbox) -> None:
        await outcome_of(checkout)
        assert sandbox.count("complete_session") == 0

    async def test_a_refused_request_is_an_error_with_its_request_id(self, checkout: CheckoutClient) -> None:
        outcome = await outcome_of(checkout, record(1, card_number("not_enrolled")))
        assert (outcome.result, outcome.session_id) == (BatchResult.INVALID, None)
        assert outcome.error is not None
        assert (outcome.error.kind, outcome.error.status) == ("UnprocessableEntity", 422)
        assert "card_not_enrolled" in outcome.error.message
        assert outcome.error.request_id

    async def test_an_invalid_request_names_its_json_path_and_is_not_sent(
        self, checkout: CheckoutClient, sandbox: Sandbox
    ) -> None:
        outcome = await outcome_of(checkout, record(1, "not a card number"[:12]))
        assert outcome.result is BatchResult.INVALID
        assert outcome.error is not None
        assert (outcome.error.kind, outcome.error.path) == ("InvalidRequest", "$.source.number")
        assert "not a card" not in outcome.error.message
        assert sandbox.requests == ()


class TestSteps:
    async def test_the_3ds_method_is_reported_as_not_completed_where_there_is_one(self) -> None:
        sender = in_turn(session("pending", "collect_channel_data", "issuer_fingerprint", _links=METHOD), session())
        await outcome_of(sender)
        assert completion_in(sender.calls[1]) == ("update_session", "N")

    async def test_and_as_unavailable_where_there_is_none(self) -> None:
        sender = in_turn(session("pending", "collect_channel_data"), session())
        await outcome_of(sender)
        assert completion_in(sender.calls[1]) == ("update_session", "U")

    async def test_channel_data_of_the_request_need_the_3ds_method_only(self) -> None:
        sender = in_turn(session("pending", "issuer_fingerprint", _links=METHOD), session())
        await outcome_of(sender, record(channel_data=BROWSER))
        assert completion_in(sender.calls[1]) == ("update_three_ds_method_completion", "N")

    async def test_shared_merchant_initiated_data_are_sent_as_they_are(self) -> None:
        shared = sessions.MerchantInitiatedChannelData(
            request_type=sessions.MerchantInitiatedRequestType.RECURRING_TRANSACTION
        )
        sender = in_turn(session("pending", "collect_channel_data"), session())
        await outcome_of(sender, channel_data=shared)
        assert sender.calls[1] == ("update_session", shared)

    async def test_a_proof_that_a_reply_lacks_is_read_once(self) -> None:
        sender = in_turn(session("approved", "complete", cryptogram=None), session())
        assert (await outcome_of(sender)).cryptogram
        assert sender.operations == ["request_session", "get_session"]

    async def test_a_proof_that_cannot_be_had_is_not_insisted_on(self) -> None:
        sender = in_turn(session(cryptogram=None), session(cryptogram=None))
        outcome = await outcome_of(sender)
        assert (outcome.status, outcome.cryptogram, outcome.error) == ("approved", None, None)

    async def test_no_proof_is_asked_for_where_there_is_none(self) -> None:
        sender = in_turn(session("declined", "complete"))
        assert (await outcome_of(sender)).status == "declined"

    async def test_patience_ends_and_the_session_is_reported_as_it_is(self) -> None:
        sender = ScriptedSender(lambda _: session("processing"))
        outcome = await outcome_of(sender)
        assert (outcome.result, outcome.status, outcome.error) == (BatchResult.UNKNOWN, "processing", None)
        assert sender.operations == ["request_session"] + ["get_session"] * 5

    async def test_an_api_that_keeps_asking_for_the_same_is_not_answered_twice(self) -> None:
        sender = ScriptedSender(lambda _: session("pending", "collect_channel_data"))
        assert (await outcome_of(sender)).status == "pending"
        assert sender.operations == ["request_session", "update_session"] + ["get_session"] * 5

    async def test_a_status_this_version_does_not_know_is_reported(self) -> None:
        assert (await outcome_of(in_turn(session("postponed", "call_the_bank")))).status == "postponed"


class TestErrors:
    async def test_an_error_after_creation_keeps_the_session(self) -> None:
        refused = errors.UnprocessableEntity("update_session: 422", operation="update_session", status=422)
        outcome = await outcome_of(in_turn(session("pending", "collect_channel_data"), refused))
        assert (outcome.result, outcome.session_id, outcome.status) == (BatchResult.UNKNOWN, SID, "pending")
        assert outcome.error is not None
        assert outcome.error.kind == "UnprocessableEntity"

    async def test_a_step_that_the_api_could_not_take_is_tried_again_in_the_same_session(self) -> None:
        lost = errors.ServerError("update_session: 502", operation="update_session", status=502)
        waiting = session("pending", "collect_channel_data")
        sender = in_turn(waiting, lost, waiting, session())
        assert (await outcome_of(sender)).result is BatchResult.AUTHENTICATED
        assert sender.operations == ["request_session", "update_session", "get_session", "update_session"]

    async def test_but_not_for_ever(self) -> None:
        lost = errors.ServerError("update_session: 502", operation="update_session", status=502)
        waiting = session("pending", "collect_channel_data")
        sender = in_turn(waiting, lost, waiting, lost, waiting, lost)
        outcome = await outcome_of(sender)
        assert (outcome.result, outcome.session_id) == (BatchResult.UNKNOWN, SID)
        assert outcome.error is not None
        assert outcome.error.kind == "ServerError"

    async def test_a_session_that_may_have_been_made_is_not_asked_for_again(self) -> None:
        sender = in_turn(errors.OutcomeUnknown("request_session: lost", operation="request_session"))
        outcome = await outcome_of(sender)
        assert (outcome.result, outcome.session_id) == (BatchResult.UNKNOWN, None)
        assert sender.operations == ["request_session"]

    async def test_one_that_was_not_sent_is_sent_again(self) -> None:
        sender = in_turn(errors.ConnectFailed("request_session: refused", operation="request_session"), session())
        assert (await outcome_of(sender)).result is BatchResult.AUTHENTICATED

    async def test_a_defect_becomes_the_outcome_of_its_record(self) -> None:
        outcome = await outcome_of(in_turn(session("pending", "collect_channel_data"), ValueError("4485040371536584")))
        assert (outcome.result, outcome.session_id) == (BatchResult.UNKNOWN, SID)
        assert outcome.error is not None
        assert outcome.error.kind == "ValueError"
        assert "4485" not in outcome.error.message


class TestPatience:
    def test_waits_grow_to_the_longest_and_end(self) -> None:
        assert list(Backoff(initial=1, maximum=4, give_up_after=12).waits()) == [1, 2, 4, 4, 4]


def completion_in(call: tuple[str, object]) -> tuple[str, object]:
    name, body = call
    assert isinstance(body, sessions.BrowserChannelData | sessions.ThreeDsMethodCompletionRequest)
    return name, body.three_ds_method_completion


def test_the_default_browser_fits_the_specification() -> None:
    assert encode_body("test", request(channel_data=FAKE_BROWSER_DATA), sessions.SessionRequest)
