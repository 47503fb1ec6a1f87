"""The policies around a transport: retries by operation class, one deadline, a 401, a slot for each attempt."""

from __future__ import annotations

import asyncio
import logging
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import anyio
import pytest

from checkout_async import errors
from checkout_async._core.abandoned import AbandonedCall
from checkout_async._core.events import (
    AttemptEnded,
    AttemptStarted,
    CallEnded,
    CallStarted,
    Event,
    Hook,
    RetryScheduled,
    Waited,
    WaitReason,
)
from checkout_async._core.wire import (
    ApiRequest,
    ApiResponse,
    CallOptions,
    HttpRequest,
    HttpResponse,
    Idempotency,
    Operation,
    Parameter,
)
from checkout_async.auth.base import Authenticator
from checkout_async.auth.static import FixedAuthenticator
from checkout_async.clock import Clock
from checkout_async.config import Limits, RetryPolicy, Timeouts
from checkout_async.limits import limiter as limits_module
from checkout_async.limits.limiter import Limiter
from checkout_async.redaction import Secret
from checkout_async.transport import observer as observer_module
from checkout_async.transport.observer import ObserverFactory
from checkout_async.transport.pipeline import Pipeline, Settings
from tests.core.models import Receipt
from tests.loop_time import LoopTime

Step = HttpResponse | errors.TransportError | float | Callable[[], Any]

OK = HttpResponse(status=200, headers={}, body=b'{"id":"r1"}')
LOST = errors.OutcomeUnknown("no reply")
UNSENT = errors.ConnectFailed("no connection")


def status(code: int, **headers: str) -> HttpResponse:
    return HttpResponse(status=code, headers={key.replace("_", "-"): value for key, value in headers.items()}, body=b"")


class ManualClock:
    """Time that passes only during a sleep; records the waits. Each sleep takes `oversleeps` seconds longer."""

    def __init__(self) -> None:
        self.time = self.oversleeps = 0.0
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += seconds + self.oversleeps
        await asyncio.sleep(0)

    def clock(self) -> Clock:
        return Clock(
            monotonic=lambda: self.time,
            now=lambda: datetime(2026, 11, 21, tzinfo=UTC),
            sleep=self.sleep,
            draw=lambda: 1.0,
        )


class Script:
    """A transport that plays its steps: a reply, a failure, or a number of seconds that pass before the next step."""

    def __init__(self, time: ManualClock, *steps: Step) -> None:
        self.time = time
        self.steps = list(steps)
        self.requests: list[HttpRequest] = []
        self.timeouts: list[Timeouts] = []

    async def send(self, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
        self.requests.append(request)
        self.timeouts.append(timeouts)
        await asyncio.sleep(0)
        while isinstance(step := self.steps.pop(0), float):
            self.time.time += step
        if isinstance(step, errors.TransportError):
            raise step
        assert isinstance(step, HttpResponse)
        return step

    async def aclose(self) -> None:
        """Nothing to close."""


class Renewable:
    """An authenticator with a new token after each refusal."""

    def __init__(self) -> None:
        self.number = 1
        self.refused: list[str] = []

    def current(self) -> Secret | None:
        return None

    async def authorize(self) -> Secret:
        return Secret(f"Bearer {self.number}")

    def on_unauthorized(self, authorization: str) -> bool:
        self.refused.append(authorization)
        self.number += 1
        return True

    async def aclose(self) -> None:
        """Nothing runs."""


class Wired:
    """A pipeline with a scripted transport and a manual clock."""

    def __init__(
        self,
        *steps: Step,
        authenticator: Authenticator | None = None,
        concurrency: int = 8,
        limits: Limits | None = None,
        hooks: tuple[Hook, ...] = (),
    ) -> None:
        self.time = ManualClock()
        self.script = Script(self.time, *steps)
        limits = limits or Limits(concurrency=concurrency, read_rate=None, write_rate=None)
        self.limiter = Limiter(limits, self.time.clock())
        settings = Settings(
            user_agent="tests/1",
            timeouts=Timeouts(total=60, attempt=30, connect=5),
            retry=RetryPolicy(attempts=3, backoff=1.0, max_backoff=8.0, max_retry_after=20.0),
            clock=self.time.clock(),
            hooks=hooks,
        )
        self.pipeline = Pipeline(
            self.script,
            authenticator or FixedAuthenticator("Bearer fixed"),
            self.limiter,
            "https://api.example".__add__,
            settings,
        )

    async def call(self, idempotency: Idempotency = Idempotency.SAFE, **options: Any) -> ApiResponse[Receipt]:
        operation: Operation[Receipt] = Operation(
            name="look",
            method="GET",
            path="/orders/{id}",
            idempotency=idempotency,
            responses={200: Receipt},
            idempotency_header="Cko-Idempotency-Key" if idempotency is Idempotency.KEY else None,
        )
        path = (Parameter(name="id", value="r1"),)
        return await self.pipeline.send(ApiRequest(operation=operation, path=path, options=CallOptions(**options)))

    async def failure(self, idempotency: Idempotency = Idempotency.SAFE, **options: Any) -> errors.CheckoutError:
        with pytest.raises(errors.CheckoutError) as caught:
            await self.call(idempotency, **options)
        return caught.value

    @property
    def sent(self) -> int:
        return len(self.script.requests)


class TestRetries:
    async def test_a_reply_at_once(self) -> None:
        wired = Wired(OK)
        response = await wired.call()
        assert (response.value, response.attempts, wired.time.waits) == (Receipt(id="r1"), 1, [])

    async def test_failures_before_a_reply_are_counted_and_waited_out_longer_each_time(self) -> None:
        wired = Wired(UNSENT, status(503), OK)
        response = await wired.call()
        assert (response.attempts, wired.sent, wired.time.waits) == (3, 3, [1.0, 2.0])

    async def test_without_a_limiter_as_for_access_tokens_it_is_retried_too(self) -> None:
        wired = Wired(UNSENT, status(429), OK)
        wired.pipeline._limiter = None
        assert ((await wired.call()).attempts, wired.time.waits) == (3, [1.0, 2.0])

    @pytest.mark.parametrize("attempts", [1, 2, 3])
    async def test_a_reply_says_how_many_attempts_it_took(self, attempts: int) -> None:
        assert (await Wired(*[UNSENT] * (attempts - 1), OK).call()).attempts == attempts

    async def test_the_last_failure_is_raised_when_attempts_run_out(self) -> None:
        wired = Wired(UNSENT, UNSENT, UNSENT)
        error = await wired.failure()
        assert isinstance(error, errors.ConnectFailed)
        assert (error.operation, error.attempts, wired.sent) == ("look", 3, 3)

    async def test_an_operation_that_must_not_be_repeated_is_not(self) -> None:
        wired = Wired(LOST)
        error = await wired.failure(Idempotency.NONE)
        assert isinstance(error, errors.OutcomeUnknown)
        assert wired.sent == 1
        assert "look up whether it was carried out before calling again" in str(error)

    async def test_it_is_repeated_where_nothing_was_sent_or_the_api_says_nothing_was_done(self) -> None:
        wired = Wired(UNSENT, status(429, retry_after="3"), OK)
        await wired.call(Idempotency.NONE)
        assert (wired.sent, wired.time.waits) == (3, [1.0, 3.0])

    @pytest.mark.parametrize("last", [UNSENT, status(429), status(403)], ids=["not sent", "429", "403"])
    async def test_a_clear_failure_after_an_ambiguous_one_leaves_the_outcome_unknown(self, last: Step) -> None:
        wired = Wired(LOST, last, last)
        error = await wired.failure(Idempotency.NATURAL)
        assert isinstance(error, errors.OutcomeUnknown)
        assert error.__cause__ is not None
        assert "calling again does no harm" in str(error)

    async def test_a_refused_token_or_unreadable_reply_after_an_ambiguous_attempt_hides_nothing(self) -> None:
        class Refused(Renewable):
            async def authorize(self) -> Secret:
                if self.refused:
                    raise errors.AuthenticationFailed("refused")
                return Secret("Bearer 1")

        error = await Wired(LOST, status(401), authenticator=Refused()).failure(Idempotency.KEY)
        assert isinstance(error, errors.OutcomeUnknown)
        assert isinstance(error.__cause__, errors.AuthenticationFailed)
        assert isinstance(await Wired(LOST, status(302)).failure(Idempotency.KEY), errors.OutcomeUnknown)

    async def test_a_success_that_cannot_be_read_stays_what_it_is(self) -> None:
        unreadable = HttpResponse(status=200, headers={}, body=b"")
        assert isinstance(await Wired(LOST, unreadable).failure(Idempotency.KEY), errors.UnexpectedResponse)

    async def test_a_server_error_says_what_to_do_where_it_may_have_been_done(self) -> None:
        error = await Wired(*[status(502)] * 3).failure(Idempotency.KEY)
        assert isinstance(error, errors.ServerError)
        assert "call again with the same idempotency key" in str(error)

    async def test_a_policy_of_another_type_is_refused_before_anything_is_sent(self) -> None:
        wired = Wired(OK)
        with pytest.raises(errors.ConfigurationError, match="retry must be RetryPolicy or int, not str"):
            await wired.call(retry="3")
        assert wired.sent == 0

    async def test_a_read_just_ends_with_its_last_failure(self) -> None:
        assert isinstance(await Wired(LOST, status(403)).failure(), errors.Forbidden)

    async def test_a_retry_after_longer_than_the_cap_is_handed_to_the_caller(self) -> None:
        wired = Wired(status(429, retry_after="21"))
        error = await wired.failure()
        assert isinstance(error, errors.RateLimited)
        assert (error.retry_after, wired.sent) == (21.0, 1)

    async def test_a_call_can_bring_its_own_policy(self) -> None:
        wired = Wired(UNSENT)
        await wired.failure(retry=RetryPolicy(attempts=1))
        assert wired.sent == 1

    async def test_each_attempt_is_the_same_request(self) -> None:
        wired = Wired(UNSENT, UNSENT, OK)
        await wired.call()
        assert wired.script.requests[0] == wired.script.requests[1] == wired.script.requests[2]


class TestIdempotencyKey:
    async def test_every_attempt_of_a_call_carries_the_same_key_and_another_call_another(self) -> None:
        wired = Wired(LOST, status(503), OK, OK)
        await wired.call(Idempotency.KEY)
        await wired.call(Idempotency.KEY)
        keys = [request.headers["Cko-Idempotency-Key"] for request in wired.script.requests]
        assert keys[0] == keys[1] == keys[2] != keys[3]

    async def test_a_429_after_a_lost_reply_means_the_key_and_slows_down_no_other_call(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for steps, waits, pauses in (((LOST, status(429), OK), [1.0, 30.0], 0), ((status(429), OK), [1.0], 1)):
            wired, slowed = Wired(*steps), list[float]()
            monkeypatch.setattr(wired.limiter, "slow_down", slowed.append)
            await wired.call(Idempotency.KEY)
            assert (wired.time.waits, len(slowed)) == (waits, pauses)

    async def test_a_key_in_use_is_waited_out_beyond_the_number_of_attempts(self) -> None:
        wired = Wired(LOST, *[status(409)] * 4, OK)
        response = await wired.call(Idempotency.KEY, timeout=200)
        assert (response.attempts, wired.time.waits) == (6, [1.0, 30.0, 30.0, 30.0, 30.0])

    async def test_a_429_for_the_callers_own_key_is_taken_for_the_key(self) -> None:
        wired = Wired(*[status(429)] * 4, OK)
        await wired.call(Idempotency.KEY, idempotency_key="order 5023", timeout=200)
        assert wired.time.waits == [30.0] * 4

    async def test_a_429_after_a_409_is_taken_for_the_key_too(self) -> None:
        wired = Wired(status(409), *[status(429)] * 3, OK)
        await wired.call(Idempotency.KEY, timeout=200)
        assert wired.time.waits == [30.0] * 4

    async def test_it_is_waited_out_within_the_deadline_only(self) -> None:
        wired = Wired(status(409), status(409))
        error = await wired.failure(Idempotency.KEY, timeout=45)
        assert isinstance(error, errors.Conflict)
        assert "key may still be in progress; retry with the same key after 30 s" in str(error)
        assert wired.time.waits == [30.0]

    async def test_after_a_key_in_use_a_request_that_is_not_sent_leaves_the_payment_in_doubt(self) -> None:
        error = await Wired(status(409), UNSENT, UNSENT, UNSENT).failure(
            Idempotency.KEY, idempotency_key="k", timeout=200
        )
        assert isinstance(error, errors.OutcomeUnknown)
        assert error.may_have_been_done

    async def test_a_deadline_that_passes_before_the_key_is_tried_again_ends_with_the_conflict(self) -> None:
        wired = Wired(status(409))
        wired.time.oversleeps = 1.0
        error = await wired.failure(Idempotency.KEY, idempotency_key="k", timeout=30.5)
        assert isinstance(error, errors.Conflict)
        assert (error.may_have_been_done, error.is_transient, wired.sent) == (True, True, 1)

    @pytest.mark.parametrize(
        "step", [LOST, UNSENT, status(500), status(422), HttpResponse(status=200, headers={}, body=b"")]
    )
    async def test_the_error_carries_the_key_out_of_sight(self, step: Step) -> None:
        wired = Wired(*[step] * 3)
        error = await wired.failure(Idempotency.KEY, idempotency_key="order 5023")
        assert error.idempotency_key == "order 5023"
        assert "order 5023" not in f"{error} {error!r} {vars(error)}"
        assert b"order 5023" not in pickle.dumps(error)

    async def test_an_unknown_outcome_says_how_to_call_again(self) -> None:
        error = await Wired(LOST, LOST, LOST).failure(Idempotency.KEY)
        assert "call again with the same idempotency key" in str(error)

    async def test_a_call_without_a_key_has_none_on_its_error(self) -> None:
        assert (await Wired(LOST).failure(Idempotency.NONE)).idempotency_key is None


@pytest.mark.parametrize("number", [1, 20, 21])
async def test_of_the_members_that_were_ignored_twenty_are_logged(
    number: int, caplog: pytest.LogCaptureFixture
) -> None:
    body = b'{"id":"r1","links":[%s]}' % b",".join([b"5"] * number)
    await Wired(HttpResponse(status=200, headers={}, body=body)).call()
    (message,) = caplog.messages
    paths = message.partition("by None: ")[2].removesuffix(" and more").split(", ")
    assert paths == [f"$.links[{index}]" for index in range(min(number, 20))]
    assert message.endswith(" and more") == (number > 20)


class TestDeadline:
    async def test_an_attempt_never_gets_more_than_what_is_left(self) -> None:
        wired = Wired(8.0, UNSENT, OK)
        await wired.call(timeout=10)
        assert [(limit.attempt, limit.connect) for limit in wired.script.timeouts] == [(10, 5), (1.0, 1.0)]

    async def test_what_before_send_takes_moves_the_deadline_by_as_much(self) -> None:
        wired = Wired(8.0, UNSENT, OK)
        wired.time.time = 1000.0

        async def before() -> None:
            wired.time.time += 100

        await wired.call(timeout=10, before_send=before)
        assert [limit.attempt for limit in wired.script.timeouts] == [10, 1.0]

    async def test_a_wait_that_does_not_fit_is_not_begun(self) -> None:
        wired = Wired(9.5, UNSENT)
        error = await wired.failure(timeout=10)
        assert isinstance(error, errors.ConnectFailed)
        assert (wired.sent, wired.time.waits) == (1, [])

    async def test_a_wait_that_ends_just_at_the_deadline_is_not_begun_and_takes_no_retry_out_of_the_budget(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for timeout, withdrawals in ((1.0, 0), (0.5, 0), (1.5, 1)):
            wired = Wired(UNSENT, UNSENT, UNSENT)
            withdraw = Mock(return_value=True)
            monkeypatch.setattr(wired.pipeline, "_withdraw_retry", withdraw)
            await wired.failure(timeout=timeout)
            assert (wired.time.waits, withdraw.call_count) == ([1.0] * withdrawals, withdrawals)

    async def test_where_no_time_is_left_to_wait_for_a_key_the_error_says_when_to_retry(self) -> None:
        wired = Wired(status(409))
        error = await wired.failure(Idempotency.KEY, timeout=30.0)
        assert "may still be in progress; retry with the same key after 30 s" in str(error)
        assert wired.time.waits == []

    @pytest.mark.parametrize(
        ("steps", "left", "kind", "cause"),
        [
            ((), 0.0, errors.Conflict, type(None)),
            ((UNSENT,), 0.5, errors.OutcomeUnknown, errors.ConnectFailed),
            ((1.0, status(422)), 0.5, errors.OutcomeUnknown, errors.UnprocessableEntity),
        ],
        ids=["deadline", "not sent in time", "answered late"],
    )
    async def test_a_call_whose_time_ends_before_the_key_is_free_ends_with_the_conflict(
        self, steps: tuple[Step, ...], left: float, kind: type[Exception], cause: type[object]
    ) -> None:
        wired = Wired(status(409), *steps)
        wired.time.oversleeps = 10.0 - left
        error = await wired.failure(Idempotency.KEY, timeout=40.0)
        assert type(error) is kind
        assert isinstance(error.__cause__, cause)

    async def test_a_failure_after_the_deadline_without_a_conflict_stays_what_it_is(self) -> None:
        assert isinstance(await Wired(61.0, UNSENT).failure(Idempotency.KEY), errors.ConnectFailed)

    @pytest.mark.parametrize(("key", "may_have_been_done"), [("mine", True), (None, False)])
    async def test_a_429_to_a_key_of_the_caller_may_mean_that_the_call_is_being_carried_out(
        self, key: str | None, may_have_been_done: bool
    ) -> None:
        retry = RetryPolicy(attempts=1)
        error = await Wired(status(429)).failure(Idempotency.KEY, idempotency_key=key, retry=retry)
        assert isinstance(error, errors.RateLimited)
        assert error.may_have_been_done == may_have_been_done

    async def test_a_call_cancelled_while_it_waits_for_a_token_after_a_401_has_done_nothing(self) -> None:
        waits = asyncio.Event()

        class Slow(Renewable):
            async def authorize(self) -> Secret:
                if self.refused:
                    waits.set()
                    await asyncio.Event().wait()
                return await super().authorize()

        wired, abandoned = Wired(status(401), authenticator=Slow()), list[AbandonedCall]()
        wired.pipeline._on_abandoned = abandoned.append
        calling = asyncio.create_task(wired.call(Idempotency.KEY))
        await waits.wait()
        calling.cancel()
        await asyncio.wait([calling])
        assert calling.cancelled()
        assert abandoned == []

    async def test_a_call_cancelled_while_it_waits_for_a_key_is_recorded(self) -> None:
        wired, abandoned = Wired(status(409)), list[AbandonedCall]()
        waits = asyncio.Event()

        async def sleep(seconds: float) -> None:
            assert seconds == 30.0
            waits.set()
            await asyncio.Event().wait()

        wired.time.sleep = sleep  # type: ignore[method-assign]  # it never ends
        wired.pipeline._settings = Settings(user_agent="t", clock=wired.time.clock())
        wired.pipeline._on_abandoned = abandoned.append
        calling = asyncio.create_task(wired.call(Idempotency.KEY))
        await waits.wait()
        calling.cancel()
        await asyncio.wait([calling])
        (record,) = abandoned
        assert record.idempotency_key == wired.script.requests[0].headers["Cko-Idempotency-Key"]

    async def test_waiting_for_a_slot_counts_and_sends_nothing(self) -> None:
        wired, time = Wired(OK, concurrency=1), LoopTime(asyncio.get_running_loop(), is_stopped=True)
        async with wired.limiter.slots:
            failing = asyncio.create_task(wired.failure(timeout=10.0))
            while wired.limiter.slots.statistics().tasks_waiting == 0:
                await asyncio.sleep(0)
            wired.time.time += 10.0
            time.passes(10.0)
            error = await failing
        assert isinstance(error, errors.ConnectFailed)
        assert "waiting for a free slot; nothing was sent" in str(error)
        assert wired.sent == 0

    @pytest.mark.parametrize(("passed", "left"), [(0.0, 5.0), (4.0, 1.0), (7.0, 0.0)])
    async def test_waiting_ends_at_the_deadline(
        self, passed: float, left: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first attempt takes `passed` seconds and gets a 401; the next one has to wait for a token."""
        limits: list[float] = []
        move_on_after = anyio.move_on_after
        wired = Wired(passed, status(401), OK, authenticator=Renewable())

        def noting(seconds: float) -> anyio.CancelScope:
            limits.append(seconds)
            return move_on_after(seconds)

        monkeypatch.setattr(anyio, "move_on_after", noting)
        await asyncio.gather(wired.call(timeout=5.0), return_exceptions=True)
        assert limits[:2] == [5.0, left]

    async def test_waiting_for_a_token_counts_and_sends_nothing(self) -> None:
        time = LoopTime(asyncio.get_running_loop(), is_stopped=True)

        class Slow(Renewable):
            async def authorize(self) -> Secret:
                time.passes(10.0)
                await asyncio.Event().wait()
                return Secret()

        wired = Wired(OK, authenticator=Slow())
        error = await wired.failure(timeout=10.0)
        assert "waiting for an access token; nothing was sent" in str(error)
        assert (wired.sent, wired.limiter.slots.borrowed_tokens) == (0, 0)


class TestAuthentication:
    async def test_a_401_drops_the_token_and_repeats_once(self) -> None:
        authenticator = Renewable()
        wired = Wired(status(401), OK, authenticator=authenticator)
        response = await wired.call(Idempotency.NONE)
        assert [request.headers["Authorization"] for request in wired.script.requests] == ["Bearer 1", "Bearer 2"]
        assert authenticator.refused == ["Bearer 1"]
        assert (response.attempts, wired.time.waits) == (1, [])

    async def test_a_second_401_is_final(self) -> None:
        wired = Wired(status(401), status(401), authenticator=Renewable())
        assert isinstance(await wired.failure(), errors.Unauthorized)
        assert wired.sent == 2

    async def test_a_credential_that_cannot_change_is_not_repeated(self) -> None:
        wired = Wired(status(401))
        assert isinstance(await wired.failure(), errors.Unauthorized)
        assert wired.sent == 1

    async def test_each_attempt_is_freshly_authorised(self) -> None:
        class Counting(Renewable):
            async def authorize(self) -> Secret:
                self.number += 1
                return Secret(f"Bearer {self.number}")

        wired = Wired(UNSENT, OK, authenticator=Counting())
        await wired.call()
        assert [request.headers["Authorization"] for request in wired.script.requests] == ["Bearer 2", "Bearer 3"]

    async def test_a_session_secret_replaces_the_clients_credential_as_a_bare_value(self) -> None:
        wired = Wired(OK)
        await wired.call(session_secret="sek_x")
        assert wired.script.requests[0].headers["Authorization"] == "sek_x"

    async def test_a_session_secret_that_could_start_another_header_is_refused(self) -> None:
        wired = Wired(OK)
        error = await wired.failure(session_secret="sek_x\r\nHost: evil")
        assert isinstance(error, errors.InvalidRequest)
        assert "evil" not in str(error)
        assert wired.sent == 0


class TestSlots:
    async def test_no_more_requests_are_in_flight_than_allowed(self) -> None:
        wired = Wired(*[OK] * 20, concurrency=3)
        most = 0
        send = wired.script.send

        async def watched(request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            nonlocal most
            most = max(most, wired.limiter.slots.borrowed_tokens)
            return await send(request, timeouts)

        wired.script.send = watched  # type: ignore[method-assign]  # to watch the limiter from inside
        await asyncio.gather(*(wired.call() for _ in range(20)))
        assert most == 3
        assert wired.limiter.slots.borrowed_tokens == 0

    async def test_a_call_that_waits_to_retry_holds_no_slot(self) -> None:
        wired = Wired(UNSENT, OK, concurrency=1)
        held: list[int] = []

        async def sleep(seconds: float) -> None:
            held.append(wired.limiter.slots.borrowed_tokens)

        wired.time.sleep = sleep  # type: ignore[method-assign]  # to look while it sleeps
        wired.pipeline._settings = Settings(user_agent="t", clock=wired.time.clock())
        await wired.call()
        assert held == [0]

    @pytest.mark.parametrize("steps", [[OK], [UNSENT] * 3, [LOST] * 3, [status(500)] * 3, [status(404)]])
    async def test_every_end_of_a_call_frees_its_slot(self, steps: list[Step]) -> None:
        wired = Wired(*steps)
        await asyncio.gather(wired.call(), return_exceptions=True)
        assert wired.limiter.slots.borrowed_tokens == 0

    async def test_a_cancelled_call_frees_its_slot(self) -> None:
        wired = Wired(OK, concurrency=1)
        call = asyncio.create_task(wired.call())
        while wired.sent == 0:
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert wired.limiter.slots.borrowed_tokens == 0


class TestRates:
    async def test_a_read_waits_for_the_read_rate_and_a_write_for_the_write_rate(self) -> None:
        wired = Wired(*[OK] * 30, limits=Limits(read_rate=10, write_rate=None))
        for _ in range(15):
            await wired.call()
        assert wired.time.time >= 1.3

    async def test_waiting_for_the_rate_counts_against_the_deadline_and_sends_nothing(self) -> None:
        time = LoopTime(asyncio.get_running_loop(), is_stopped=True)

        async def stand_still(seconds: float) -> None:
            assert seconds > 10.0
            wired.time.time += 10.0
            time.passes(10.0)
            await asyncio.Event().wait()

        wired = Wired(OK, limits=Limits(read_rate=0.001))
        wired.time.sleep = stand_still  # type: ignore[method-assign]  # the deadline is one of the event loop
        wired.limiter = wired.pipeline._limiter = Limiter(Limits(read_rate=0.001), wired.time.clock())
        assert wired.limiter.throttle("GET").try_acquire()
        error = await wired.failure(timeout=10.0)
        assert isinstance(error, errors.ConnectFailed)
        assert "waiting for the rate limit; nothing was sent" in str(error)
        assert (wired.sent, wired.limiter.slots.borrowed_tokens) == (0, 0)

    async def test_a_429_lets_other_calls_wait_too(self) -> None:
        wired = Wired(status(429, retry_after="5"), OK)
        await wired.failure(retry=RetryPolicy(attempts=1))
        await wired.call()
        assert wired.time.time >= 5

    @pytest.mark.parametrize(("reply", "pause"), [(status(429), 0.0), (status(429, retry_after="5"), 5.0)])
    async def test_a_429_pauses_calls_for_as_long_as_it_says(
        self, reply: HttpResponse, pause: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wired = Wired(reply)
        pauses: list[float] = []
        monkeypatch.setattr(wired.limiter, "slow_down", pauses.append)
        await wired.failure(retry=RetryPolicy(attempts=1))
        assert pauses == [pause]

    async def test_other_calls_wait_no_longer_than_a_retry_would(self) -> None:
        wired = Wired(status(429, retry_after="86400"), OK)
        await wired.failure()
        await wired.call()
        assert 20 <= wired.time.time < 30

    async def test_shared_rates_that_fail_leave_the_clients_own(self, caplog: pytest.LogCaptureFixture) -> None:
        class Broken:
            async def acquire(self, kind: str, rate: float) -> float:
                raise ValueError("redis://:password@host")

            async def aclose(self) -> None:
                """Nothing to close."""

        wired = Wired(OK)
        wired.pipeline._limiter = Limiter(Limits(), wired.time.clock(), Broken())
        await wired.call()
        assert caplog.messages == ["the shared rate limiter failed with ValueError; this request ignores it"]

    @pytest.mark.parametrize("answer", [None, "0", -1.0, float("nan")])
    async def test_shared_rates_that_answer_badly_leave_the_clients_own(self, answer: Any) -> None:
        class Odd:
            async def acquire(self, kind: str, rate: float) -> float:
                found: float = answer
                return found

            async def aclose(self) -> None:
                """Nothing to close."""

        wired = Wired(OK)
        wired.pipeline._limiter = Limiter(Limits(), wired.time.clock(), Odd())
        await wired.call()
        assert wired.sent == 1

    async def test_shared_rates_that_hang_stop_no_call(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Hanging:
            async def acquire(self, kind: str, rate: float) -> float:
                await asyncio.sleep(3600)
                return 0.0

            async def aclose(self) -> None:
                """Nothing to close."""

        monkeypatch.setattr(limits_module, "_SHARED_TIMEOUT", 0.01)
        wired = Wired(OK)
        wired.pipeline._limiter = Limiter(Limits(), wired.time.clock(), Hanging())
        await wired.call()
        assert wired.sent == 1

    async def test_a_key_in_use_slows_no_other_call_down(self) -> None:
        wired = Wired(status(429), OK, limits=Limits(read_rate=100))
        await wired.call(Idempotency.KEY, idempotency_key="order 5023", timeout=200)
        assert wired.limiter.throttle("GET").try_acquire()


class TestRetryBudget:
    async def test_an_outage_is_not_multiplied(self) -> None:
        wired = Wired(*[status(503)] * 300, limits=Limits(read_rate=None, retry_budget=0.25))
        failures = [await wired.failure(retry=RetryPolicy(backoff=0)) for _ in range(100)]
        assert (wired.time.time, wired.sent) == (0, 100 + 10 + 25)
        assert "not retried: retry budget exhausted" in str(failures[-1])
        assert isinstance(failures[-1], errors.ServerError)

    async def test_without_a_budget_every_call_is_repeated(self) -> None:
        limits = Limits(read_rate=None, retry_budget=None)
        wired = Wired(*[status(503)] * 150, limits=limits)
        for _ in range(50):
            await wired.failure()
        assert wired.sent == 150


class TestHooks:
    async def test_they_get_the_events_of_a_call_in_order(self) -> None:
        events: list[Event] = []
        wired = Wired(2.0, UNSENT, 0.5, status(503, cko_request_id="1"), OK, hooks=(events.append,))
        await wired.call()
        kinds = [type(event) for event in events]
        attempt: list[type[Event]] = [AttemptStarted, AttemptEnded]
        retried: list[type[Event]] = [*attempt, RetryScheduled]
        assert kinds == [CallStarted, *retried, *retried, *attempt, CallEnded]
        assert len({id(event.call) for event in events}) == 1
        ends = [event for event in events if isinstance(event, AttemptEnded)]
        assert [(end.attempt, end.seconds, end.status, end.request_id, type(end.failure)) for end in ends] == [
            (1, 2.0, None, None, errors.ConnectFailed),
            (2, 0.5, 503, "1", type(None)),
            (3, 0.0, 200, None, type(None)),
        ]
        waits = [event for event in events if isinstance(event, RetryScheduled)]
        assert [(wait.attempt, wait.seconds, type(wait.failure)) for wait in waits] == [
            (1, 1.0, errors.ConnectFailed),
            (2, 2.0, errors.ServerError),
        ]
        last = events[-1]
        assert isinstance(last, CallEnded)
        assert (last.seconds, last.attempts, last.status, last.failure, last.cancelled) == (5.5, 3, 200, None, False)

    async def test_they_get_the_calls_address_without_its_identifiers(self) -> None:
        events: list[Event] = []
        await Wired(OK, hooks=(events.append,)).call()
        call = events[0].call
        assert (call.operation, call.method, call.path) == ("look", "GET", "/orders/{id}")
        assert (call.server, call.port, call.idempotency) == ("api.example", 443, Idempotency.SAFE)

    async def test_they_get_the_error_that_the_call_raises(self) -> None:
        events: list[Event] = []
        wired = Wired(LOST, hooks=(events.append,))
        error = await wired.failure(Idempotency.NONE)
        last = events[-1]
        assert isinstance(last, CallEnded)
        assert last.failure is error

    async def test_they_get_the_repetition_after_a_401(self) -> None:
        events: list[Event] = []
        await Wired(status(401), OK, authenticator=Renewable(), hooks=(events.append,)).call()
        ends = [event for event in events if isinstance(event, AttemptEnded)]
        assert [(end.attempt, end.status) for end in ends] == [(1, 401), (2, 200)]

    async def test_they_get_what_was_waited_for(self) -> None:
        events: list[Event] = []
        wired = Wired(OK, OK, limits=Limits(concurrency=1, read_rate=0.5), authenticator=Renewable())
        wired.pipeline._observers = ObserverFactory([events.append], wired.time.clock().monotonic)
        await asyncio.gather(wired.call(), wired.call())
        waits = {event.reason: event.seconds for event in events if isinstance(event, Waited)}
        assert waits == {WaitReason.SLOT: 0, WaitReason.RATE: 2.0, WaitReason.TOKEN: 0}

    async def test_they_get_a_cancellation(self) -> None:
        events: list[Event] = []
        wired = Wired(OK, hooks=(events.append,))
        call = asyncio.create_task(wired.call())
        while wired.sent == 0:
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        attempt, whole = events[-2:]
        assert isinstance(attempt, AttemptEnded)
        assert isinstance(whole, CallEnded)
        assert (attempt.cancelled, whole.cancelled, whole.failure) == (True, True, None)

    async def test_one_that_raises_changes_nothing_and_its_text_is_not_logged(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(event: Event) -> None:
            raise ValueError("4242424242424242")

        events: list[Event] = []
        wired = Wired(OK, hooks=(broken, events.append))
        with caplog.at_level(logging.DEBUG):
            assert (await wired.call()).value.id == "r1"
        assert len(events) == 4
        assert caplog.messages == ["a hook raised ValueError, which was ignored; the call goes on"] * 4

    async def test_without_hooks_no_event_is_created(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def made(**_members: object) -> None:
            pytest.fail("an event was created without hooks")

        names = ("CallStarted", "CallEnded", "CallInfo", "AttemptStarted", "AttemptEnded", "RetryScheduled", "Waited")
        for name in names:
            monkeypatch.setattr(observer_module, name, made)
        assert (await Wired(UNSENT, OK).call()).value.id == "r1"

    async def test_no_event_shows_a_secret(self) -> None:
        events: list[Event] = []
        wired = Wired(LOST, status(401), hooks=(events.append,))
        await wired.failure(Idempotency.KEY, idempotency_key="order 5023", session_secret="sek_hidden")
        shown = "".join(f"{event} {event!r}" for event in events)
        assert "order 5023" not in shown
        assert "sek_hidden" not in shown


async def test_members_that_could_not_be_read_are_logged_by_path_without_values(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wired = Wired(HttpResponse(status=200, headers={}, body=b'{"id":"r1","amount":["4242424242424242"]}'))
    with caplog.at_level(logging.DEBUG):
        response = await wired.call()
    assert response.ignored == ("$.amount",)
    assert [record.getMessage() for record in caplog.records if record.name == "checkout_async"] == [
        "look: members of an unexpected type were replaced by None: $.amount"
    ]
    assert "4242424242424242" not in caplog.text
