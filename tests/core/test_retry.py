"""The retry table and the laws of the waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async._core.decision import check_key, final_error, is_ambiguous, key_conflict_wait, retry_wait
from checkout_async._core.response import error_class
from checkout_async._core.wire import Idempotency, Operation
from checkout_async.config import RetryPolicy
from checkout_async.errors import (
    AuthenticationFailed,
    CheckoutError,
    ClientClosed,
    ConnectFailed,
    IncompatibleVersion,
    InvalidRequest,
    OutcomeUnknown,
    TransportError,
    UnexpectedResponse,
)

SAFE, NATURAL, KEY, NONE = Idempotency
POLICY = RetryPolicy(attempts=3, backoff=1.0, max_backoff=4.0, max_retry_after=20.0)


def status(code: int, retry_after: float | None = None) -> CheckoutError:
    return error_class(code)("failed", status=code, retry_after=retry_after)


def repeated(idempotency: Idempotency, failure: CheckoutError) -> bool:
    return retry_wait(idempotency, POLICY, 1, failure, 0.5) is not None


@pytest.mark.parametrize("idempotency", list(Idempotency))
@pytest.mark.parametrize("failure", [ConnectFailed("x"), status(429), status(425)], ids=["not sent", "429", "425"])
def test_a_failure_that_proves_nothing_was_done_is_always_repeated(
    idempotency: Idempotency, failure: CheckoutError
) -> None:
    assert repeated(idempotency, failure)
    assert not is_ambiguous(failure)


@pytest.mark.parametrize(
    "failure",
    [OutcomeUnknown("x"), *(status(code) for code in (408, 500, 502, 503, 504, 520, 524))],
    ids=["no reply", "408", "500", "502", "503", "504", "520", "524"],
)
def test_an_ambiguous_failure_is_repeated_unless_a_repetition_has_a_second_effect(failure: CheckoutError) -> None:
    assert is_ambiguous(failure)
    assert [repeated(idempotency, failure) for idempotency in (SAFE, NATURAL, KEY)] == [True, True, True]
    assert not repeated(NONE, failure)


@pytest.mark.parametrize("idempotency", list(Idempotency))
@pytest.mark.parametrize(
    "failure",
    [
        *(status(code) for code in (400, 401, 403, 404, 409, 422, 501, 505)),
        UnexpectedResponse("x", status=200),
        InvalidRequest("x"),
    ],
    ids=["400", "401", "403", "404", "409", "422", "501", "505", "unexpected", "invalid"],
)
def test_an_answer_is_final(idempotency: Idempotency, failure: CheckoutError) -> None:
    assert not repeated(idempotency, failure)
    assert not is_ambiguous(failure)


def test_the_number_of_attempts_is_kept() -> None:
    waits = [retry_wait(SAFE, POLICY, attempt, ConnectFailed("x"), 1.0) for attempt in (1, 2, 3, 4)]
    assert waits == [1.0, 2.0, None, None]
    assert retry_wait(SAFE, RetryPolicy(attempts=1), 1, ConnectFailed("x"), 0.0) is None


@given(st.integers(1, 500), st.floats(0, 1))
def test_a_wait_is_between_zero_and_the_backoff_of_its_attempt(attempt: int, draw: float) -> None:
    policy = RetryPolicy(attempts=1000, backoff=0.5, max_backoff=8.0)
    wait = retry_wait(SAFE, policy, attempt, ConnectFailed("x"), draw)
    assert wait is not None
    assert 0 <= wait <= min(8.0, 0.5 * 2 ** min(attempt - 1, 10))


def test_the_servers_retry_after_is_waited_at_least() -> None:
    assert retry_wait(SAFE, POLICY, 1, status(429, 7.0), 0.5) == 7.0
    assert retry_wait(SAFE, POLICY, 1, status(503, 0.1), 0.5) == 0.5


def test_a_retry_after_above_the_cap_ends_the_call() -> None:
    assert retry_wait(SAFE, POLICY, 1, status(429, 20.0), 0.5) == 20.0
    assert retry_wait(SAFE, POLICY, 1, status(429, 20.5), 0.5) is None


def key_wait(failure: CheckoutError, idempotency: Idempotency = KEY, *, key_may_be_known: bool = False) -> float | None:
    policy = RetryPolicy(conflict_wait=30.0)
    return key_conflict_wait(idempotency, policy, failure, key_may_be_known=key_may_be_known)


def test_a_conflict_of_an_operation_with_a_key_is_waited_out() -> None:
    assert key_wait(status(409)) == 30.0
    assert key_wait(status(409, 45.0)) == 45.0


def test_a_short_wait_for_a_key_is_not_made_longer() -> None:
    policy = RetryPolicy(conflict_wait=0.25)
    assert key_conflict_wait(KEY, policy, status(409), key_may_be_known=False) == 0.25


@pytest.mark.parametrize("idempotency", [SAFE, NATURAL, NONE])
def test_a_conflict_of_any_other_operation_is_an_answer(idempotency: Idempotency) -> None:
    assert key_wait(status(409), idempotency) is None


def test_a_429_means_the_key_only_where_the_api_may_know_it() -> None:
    assert key_wait(status(429)) is None
    assert key_wait(status(429), key_may_be_known=True) == 30.0
    assert key_wait(status(429, 2.0), key_may_be_known=True) is None


@pytest.mark.parametrize("failure", [OutcomeUnknown("x"), ConnectFailed("x"), status(500), status(422)])
def test_nothing_else_means_the_key(failure: CheckoutError) -> None:
    assert key_wait(failure, key_may_be_known=True) is None


def test_a_single_attempt_stays_single_while_the_key_is_in_use() -> None:
    assert key_conflict_wait(KEY, RetryPolicy(attempts=1), status(409), key_may_be_known=True) is None


def test_waits_stay_finite_after_thousands_of_attempts() -> None:
    policy = RetryPolicy(attempts=5000, max_backoff=0.01)
    assert retry_wait(SAFE, policy, 4999, ConnectFailed("x"), 1.0) == 0.01


# The error that a call ends with

ADVICE = {
    SAFE: "calling again is safe",
    NATURAL: "calling again does no harm",
    KEY: "call again with the same idempotency key (it is on this error)",
    NONE: "look up whether it was carried out before calling again",
}


def final(
    failure: CheckoutError,
    idempotency: Idempotency,
    *,
    may_have_been_done: bool = False,
    was_refused: bool = False,
    note: str = "",
) -> CheckoutError:
    operation = Operation[None](name="pay", method="POST", path="/pay", idempotency=idempotency, responses={200: None})
    return final_error(operation, failure, 3, may_have_been_done=may_have_been_done, was_refused=was_refused, note=note)


@pytest.mark.parametrize("idempotency", list(Idempotency))
def test_an_unknown_outcome_says_what_to_do_next(idempotency: Idempotency) -> None:
    error = final(OutcomeUnknown("no reply"), idempotency)
    assert str(error) == f"pay: no reply; {ADVICE[idempotency]}"
    assert isinstance(error, OutcomeUnknown)
    assert (error.operation, error.attempts) == ("pay", 3)


@pytest.mark.parametrize("idempotency", list(Idempotency))
def test_where_nothing_was_sent_there_is_nothing_to_look_up(idempotency: Idempotency) -> None:
    error = final(ConnectFailed("no connection; nothing was sent"), idempotency)
    assert str(error) == "pay: no connection; nothing was sent"
    assert isinstance(error, ConnectFailed)
    assert (error.operation, error.attempts, error.may_have_been_done) == ("pay", 3, False)


@pytest.mark.parametrize("kind", [ConnectFailed, OutcomeUnknown])
def test_the_reason_of_a_failure_stays_on_the_error(kind: type[TransportError]) -> None:
    failure = kind("no connection: the lines are cut", reason="the lines are cut")
    error = final(failure, KEY)
    assert isinstance(error, kind)
    assert error.reason == "the lines are cut"
    hidden = final(ConnectFailed("no connection", reason="the lines are cut"), KEY, may_have_been_done=True)
    assert isinstance(hidden, OutcomeUnknown)
    assert hidden.reason == "the lines are cut"


def test_a_key_that_cannot_be_sent_is_named_but_not_shown() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_key("request_payment", "two\nlines")
    error = caught.value
    assert (error.operation, error.path) == ("request_payment", "idempotency_key")
    assert error.reason == "must be 1 to 255 printable ASCII characters without outer spaces"
    assert str(error) == f"request_payment: idempotency_key {error.reason}"


@pytest.mark.parametrize(("code", "advice"), [(502, True), (408, True), (501, False), (422, False), (409, False)])
def test_an_error_of_the_api_has_the_advice_only_if_it_leaves_the_outcome_open(code: int, advice: bool) -> None:
    failure = status(code)
    assert final(failure, NONE) is failure
    assert str(failure) == (f"failed; {ADVICE[NONE]}" if advice else "failed")


@pytest.mark.parametrize("failure", [OutcomeUnknown("x"), status(503)], ids=["no reply", "503"])
def test_a_read_has_done_nothing_however_it_ends(failure: CheckoutError) -> None:
    assert failure.may_have_been_done
    assert not final(failure, SAFE, may_have_been_done=True).may_have_been_done


UNSENT = [ConnectFailed, ClientClosed, IncompatibleVersion]


@pytest.mark.parametrize("idempotency", list(Idempotency))
@pytest.mark.parametrize("kind", UNSENT)
def test_a_call_that_may_have_arrived_never_ends_with_an_error_that_says_that_nothing_was_sent(
    kind: type[CheckoutError], idempotency: Idempotency
) -> None:
    failure = kind("nothing was sent")
    error = final(failure, idempotency, may_have_been_done=True)
    assert isinstance(error, OutcomeUnknown)
    assert error.may_have_been_done == (idempotency is not SAFE)
    assert "an earlier attempt may have been carried out; the last one ended with: nothing was sent" in str(error)
    assert str(error).endswith(ADVICE[idempotency])
    assert error.__cause__ is failure


@pytest.mark.parametrize(
    "failure",
    [status(404), UnexpectedResponse("odd", status=302), AuthenticationFailed("no")],
    ids=["404", "302", "no credentials"],
)
def test_what_a_read_is_answered_in_the_end_is_its_result(failure: CheckoutError) -> None:
    assert final(failure, SAFE, may_have_been_done=True) is failure


@pytest.mark.parametrize("kind", UNSENT)
def test_a_call_that_was_refused_before_says_so(kind: type[CheckoutError]) -> None:
    error = final(kind("nothing was sent"), KEY, was_refused=True)
    assert isinstance(error, kind)
    assert not error.may_have_been_done
    assert "the API refused an earlier request; the last one ended with: nothing was sent" in str(error)


@pytest.mark.parametrize(
    "failure",
    [status(429), OutcomeUnknown("x"), AuthenticationFailed("no")],
    ids=["429", "no reply", "no credentials"],
)
def test_a_refusal_is_mentioned_only_where_the_failure_says_that_nothing_was_sent(failure: CheckoutError) -> None:
    assert "refused an earlier" not in str(final(failure, KEY, was_refused=True))


def test_a_rate_limit_is_no_doubt_unless_the_api_may_know_the_key() -> None:
    assert not final(status(429), KEY).may_have_been_done
    in_use = final(status(409), KEY)
    assert (in_use.may_have_been_done, in_use.is_transient) == (True, True)
    answer = final(status(409), NATURAL)
    assert (answer.may_have_been_done, answer.is_transient) == (False, False)


def test_the_reason_for_no_further_attempt_follows_the_failure() -> None:
    assert str(final(status(422), SAFE, note="not retried: retry budget exhausted")) == (
        "failed; not retried: retry budget exhausted"
    )


@pytest.mark.parametrize("idempotency", [NATURAL, KEY, NONE])
@pytest.mark.parametrize("code", [100, 199, 300, 302])
def test_only_a_success_that_cannot_be_read_settles_an_earlier_doubt(idempotency: Idempotency, code: int) -> None:
    error = final(UnexpectedResponse("odd", status=code), idempotency, may_have_been_done=True)
    assert isinstance(error, OutcomeUnknown)
    assert isinstance(error.__cause__, UnexpectedResponse)
    for success in (200, 299):
        unreadable = UnexpectedResponse("odd", status=success)
        assert final(unreadable, idempotency, may_have_been_done=True) is unreadable
