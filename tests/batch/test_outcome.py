"""The shape of a result, and what an error tells about itself."""

from __future__ import annotations

import msgspec
import pytest

from checkout_async import errors
from checkout_async.batch import MALFORMED_LINE, Failure, Outcome, encode_outcome
from tests.batch.support import SID, bad_line, record, session


def test_a_result_is_one_line_of_json_without_empty_members() -> None:
    line = encode_outcome(Outcome.of(record(3), session("approved")))
    assert line.endswith(b"\n")
    assert msgspec.json.decode(line) == {
        "line": 3,
        "reference": "ref-3",
        "session_id": SID,
        "status": "approved",
        "eci": "05",
        "cryptogram": "c" * 28,
        "response_code": "Y",
    }


def test_an_error_keeps_what_was_known_of_the_session() -> None:
    failure = Failure.of(errors.NotFound("get_session: 404", operation="get_session", status=404, request_id="r-1"))
    assert msgspec.json.decode(encode_outcome(Outcome.of(record(), session("processing"), failure))) == {
        "line": 1,
        "reference": "ref-1",
        "session_id": SID,
        "status": "processing",
        "error": {"kind": "NotFound", "message": "get_session: 404", "status": 404, "request_id": "r-1"},
    }


def test_a_malformed_line_has_a_result_too() -> None:
    assert msgspec.json.decode(encode_outcome(Outcome.malformed(bad_line(9)))) == {
        "line": 9,
        "error": {"kind": MALFORMED_LINE, "message": "the line is not a JSON object"},
    }


def test_repr_masks_the_cryptogram() -> None:
    shown = repr(Outcome.of(record(), session("approved")))
    assert "cccc" not in shown
    assert "approved" in shown


def test_an_invalid_request_names_its_path() -> None:
    error = errors.InvalidRequest("request_session: $.amount: Expected `int`", path="$.amount")
    assert Failure.of(error) == Failure(kind="InvalidRequest", message=str(error), path="$.amount")


@pytest.mark.parametrize(
    ("error", "may_have_been_done"),
    [
        (errors.OutcomeUnknown("lost", operation="request_session"), True),
        (errors.ServerError("503", operation="request_session", status=503), True),
        (errors.ServerError("502", operation="update_session", status=502), True),
        (errors.UnexpectedResponse("odd", operation="request_session", status=201), True),
        (errors.ServerError("502", operation="get_session", status=502), False),
        (errors.OutcomeUnknown("lost", operation="get_session"), False),
        (errors.ConnectFailed("refused", operation="request_session"), False),
        (errors.RateLimited("429", operation="request_session", status=429), False),
        (errors.UnprocessableEntity("422", operation="request_session", status=422), False),
        (errors.AuthenticationFailed("no token", status=400), False),
    ],
)
def test_whether_the_api_may_have_carried_it_out_all_the_same(
    error: errors.CheckoutError, may_have_been_done: bool
) -> None:
    assert Failure.of(error).may_have_been_done is may_have_been_done


def test_a_defect_of_the_package_tells_its_place_and_not_its_text() -> None:
    with pytest.raises(KeyError) as caught:
        _ = dict[str, str]()["4485040371536584"]
    failure = Failure.defect(caught.value)
    assert failure.kind == "KeyError"
    assert "test_a_defect" in failure.message
    assert "4485" not in failure.message
