"""The shape of a result, and what it contains of an error."""

from __future__ import annotations

import msgspec
import pytest

from checkout_async import errors
from checkout_async.batch import INVALID_RECORD, BatchResult, ErrorInfo, Outcome
from checkout_async.batch.attempts import is_outage, is_refused_access, may_concern_every_record
from tests.batch.support import SID, bad_line, record, session


def test_an_authenticated_record_carries_its_proof() -> None:
    assert members(Outcome.of(record(3), session("approved", xid="x" * 28), seconds=0.25)) == {
        "line": 3,
        "result": "authenticated",
        "reference": "ref-3",
        "session_id": SID,
        "status": "approved",
        "eci": "05",
        "cryptogram": "c" * 28,
        "xid": "x" * 28,
        "response_code": "Y",
        "seconds": 0.25,
    }


def test_an_error_keeps_what_was_known_of_the_session() -> None:
    error = errors.NotFound("get_session: 404", operation="get_session", status=404, request_id="r-1")
    assert members(Outcome.of(record(), session("processing"), error)) == {
        "line": 1,
        "result": "unknown",
        "reference": "ref-1",
        "session_id": SID,
        "status": "processing",
        "error": {
            "kind": "NotFound",
            "message": "the API answered 404; --resume reads the session again. If there is none, --resume "
            "--retry-unknown sends the record again",
            "status": 404,
            "request_id": "r-1",
        },
    }


def test_a_malformed_line_has_an_outcome_too() -> None:
    assert members(Outcome.invalid_record(bad_line(9))) == {
        "line": 9,
        "result": "invalid",
        "error": {"kind": INVALID_RECORD, "message": "the line is not a JSON object", "path": "$"},
    }


def test_repr_masks_the_cryptogram() -> None:
    shown = repr(Outcome.of(record(), session("approved")))
    assert "cccc" not in shown
    assert "approved" in shown


def test_an_invalid_request_names_its_path() -> None:
    error = errors.InvalidRequest("request_session: $.amount: Expected `int`", path="$.amount")
    assert ErrorInfo.of(error) == ErrorInfo(kind="InvalidRequest", message=str(error), path="$.amount")


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("approved", BatchResult.AUTHENTICATED),
        ("attempted", BatchResult.ATTEMPTED),
        ("challenged", BatchResult.CHALLENGE_REQUIRED),
        ("declined", BatchResult.DECLINED),
        ("rejected", BatchResult.REJECTED),
        ("unavailable", BatchResult.UNAVAILABLE),
        ("expired", BatchResult.EXPIRED),
        ("challenge_abandoned", BatchResult.ABANDONED),
        ("processing", BatchResult.UNKNOWN),
        ("pending", BatchResult.UNKNOWN),
        ("postponed", BatchResult.UNKNOWN),
    ],
)
def test_every_status_has_its_result(status: str, result: BatchResult) -> None:
    assert Outcome.of(record(), session(status)).result is result


def test_a_session_that_waits_for_a_hosted_page_needs_its_cardholder() -> None:
    waiting = session("pending", "redirect_cardholder")
    assert Outcome.of(record(), waiting).result is BatchResult.CHALLENGE_REQUIRED


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (errors.InvalidRequest("amount", operation="request_session", path="$.amount"), BatchResult.INVALID),
        (errors.UnprocessableEntity("422", operation="request_session", status=422), BatchResult.INVALID),
        (errors.ConnectFailed("refused", operation="request_session"), BatchResult.FAILED),
        (errors.RateLimited("429", operation="request_session", status=429), BatchResult.FAILED),
        (errors.Conflict("409", operation="request_session", status=409), BatchResult.FAILED),
        (errors.ServerError("501", operation="request_session", status=501), BatchResult.FAILED),
        (errors.NotFound("404", operation="request_session", status=404), BatchResult.FAILED),
        (errors.Forbidden("403", operation="request_session", status=403), BatchResult.FAILED),
        (errors.AuthenticationFailed("no token", status=400), BatchResult.FAILED),
        (errors.OutcomeUnknown("lost", operation="request_session"), BatchResult.UNKNOWN),
        (errors.ServerError("503", operation="request_session", status=503), BatchResult.UNKNOWN),
        (errors.ApiError("408", operation="request_session", status=408), BatchResult.UNKNOWN),
        (errors.UnexpectedResponse("odd", operation="request_session", status=201), BatchResult.UNKNOWN),
        (ValueError(), BatchResult.UNKNOWN),
    ],
)
def test_an_error_before_there_is_a_session_says_whether_it_may_have_arrived(
    error: Exception, result: BatchResult
) -> None:
    assert Outcome.of(record(), None, error).result is result
    assert Outcome.of(record(), None, error, session_id=SID).result is BatchResult.UNKNOWN


def test_only_what_needs_a_person_or_another_run_is_not_final() -> None:
    assert {result for result in BatchResult if not result.is_final} == {
        BatchResult.INVALID,
        BatchResult.FAILED,
        BatchResult.UNKNOWN,
    }


def test_credentials_concern_every_record() -> None:
    assert is_refused_access(errors.AuthenticationFailed("invalid_client", status=400, error="invalid_client"))
    assert is_refused_access(errors.AuthenticationFailed("no OAuth error", status=403))
    assert is_refused_access(errors.Unauthorized("401", operation="request_session", status=401))
    assert not is_refused_access(errors.Forbidden("403", operation="request_session", status=403))


@pytest.mark.parametrize(
    ("error", "may_concern_others"),
    [
        (errors.Forbidden("403", operation="request_session", status=403), True),
        (errors.NotFound("404", operation="request_session", status=404), True),
        (errors.Forbidden("403", operation="get_session", status=403), True),
        (errors.NotFound("404", operation="get_session", status=404), False),
        (errors.Forbidden("403", operation="update_session", status=403), False),
        (errors.UnexpectedResponse("HTML", operation="request_session", status=201), True),
        (errors.UnexpectedResponse("HTML", operation="get_session", status=200), True),
        (errors.UnexpectedResponse("HTML", operation="update_session", status=200), False),
        (errors.Conflict("409", operation="request_session", status=409), False),
        (errors.UnprocessableEntity("422", operation="request_session", status=422), False),
    ],
)
def test_a_refusal_may_concern_others_unless_it_speaks_of_the_request(
    error: errors.CheckoutError, may_concern_others: bool
) -> None:
    assert may_concern_every_record(error) is may_concern_others


def test_a_refusal_of_the_token_endpoint_is_no_outage() -> None:
    for status in (400, 401, 403, 404):
        assert not is_outage(errors.AuthenticationFailed("refused", status=status))
        assert is_refused_access(errors.AuthenticationFailed("refused", status=status))


def test_what_a_header_brought_can_be_written() -> None:
    error = errors.UnprocessableEntity(
        "422", operation="request_session", status=422, request_id="\udcff", error_codes=("\udcff",)
    )
    failure = ErrorInfo.of(error)
    assert (failure.message, failure.request_id) == ("the API answered 422: \\udcff", "\\udcff")
    assert msgspec.json.encode(failure)


def test_a_defect_of_the_package_tells_its_place_and_not_its_text() -> None:
    with pytest.raises(KeyError) as caught:
        _ = dict[str, str]()["4485040371536584"]
    failure = ErrorInfo.of(caught.value)
    assert failure.kind == "KeyError"
    assert "test_a_defect" in failure.message
    assert "4485" not in failure.message


def members(outcome: Outcome) -> object:
    return msgspec.json.decode(msgspec.json.encode(outcome))
