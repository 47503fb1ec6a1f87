"""Every reply becomes a result or one of our errors, and nothing it came with is lost."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from checkout_async import errors
from checkout_async._core.response import parse_response, retry_after
from checkout_async._core.wire import HttpResponse
from tests.core.models import CAPTURE, CLOSE_SHOP, PLACE_ORDER, Receipt

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
ERROR_BODY = (
    b'{"request_id":"0d1","error_type":"request_invalid","error_codes":["amount_invalid","card_4242424242424242"]}'
)


def reply(status: int, body: bytes = b"", **headers: str) -> HttpResponse:
    return HttpResponse(
        status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}, body=body
    )


def failure(status: int, body: bytes = b"", **headers: str) -> errors.ApiError:
    with pytest.raises(errors.ApiError) as caught:
        parse_response(PLACE_ORDER, reply(status, body, **headers), NOW)
    return caught.value


class TestSuccess:
    def test_a_documented_status_gives_its_value_with_all_it_came_with(self) -> None:
        body = b'{"id":"r1","amount":"x"}'
        response = parse_response(PLACE_ORDER, reply(201, body, cko_request_id="q1"), NOW)
        assert response.value == Receipt(id="r1")
        assert (response.status, response.request_id, response.body) == (201, "q1", body)
        assert response.ignored == ("$.amount",)

    def test_a_success_without_a_body_gives_none(self) -> None:
        response = parse_response(CLOSE_SHOP, reply(204), NOW)
        assert response.value is None

    @pytest.mark.parametrize("status", [200, 202, 299])
    def test_another_success_status_is_read_like_the_documented_one(self, status: int) -> None:
        assert parse_response(PLACE_ORDER, reply(status, b'{"id":"r1"}'), NOW).value == Receipt(id="r1")

    def test_an_action_may_be_answered_with_or_without_a_body(self) -> None:
        assert parse_response(CAPTURE, reply(202, b'{"id":"r1"}'), NOW).value == Receipt(id="r1")
        assert parse_response(CAPTURE, reply(200, b'{"id":"r1"}'), NOW).value == Receipt(id="r1")
        assert parse_response(CAPTURE, reply(204), NOW).value is None
        with pytest.raises(errors.UnexpectedResponse, match="it is empty"):
            parse_response(CAPTURE, reply(202), NOW)

    @pytest.mark.parametrize("status", [100, 199, 300, 301, 302, 304, 307, 308, 399])
    def test_a_redirect_or_other_status_is_unexpected_though_its_body_could_be_read(self, status: int) -> None:
        body = b'{"id":"r1"}'
        moved = reply(status, body, location="https://evil.example", cko_request_id="q1")
        with pytest.raises(errors.UnexpectedResponse, match="does not list this status") as caught:
            parse_response(PLACE_ORDER, moved, NOW)
        assert (caught.value.status, caught.value.body, caught.value.request_id) == (status, body, "q1")
        assert "evil" not in str(caught.value)
        assert caught.value.may_have_been_done is (status not in {301, 307, 308})

    def test_a_success_that_cannot_be_read_keeps_status_request_id_and_raw_body(self) -> None:
        with pytest.raises(errors.UnexpectedResponse) as caught:
            parse_response(PLACE_ORDER, reply(201, b'{"amount":5}', cko_request_id="q1"), NOW)
        error = caught.value
        assert (error.operation, error.status, error.request_id, error.body) == (
            "place_order",
            201,
            "q1",
            b'{"amount":5}',
        )
        assert "status 201" in str(error)
        assert error.reason
        assert error.reason in str(error)
        assert "request id q1" in str(error)

    def test_a_success_larger_than_is_read_says_so_and_keeps_its_beginning(self) -> None:
        cut = replace(reply(201, b'{"id":"r1"', cko_request_id="q1"), truncated=True)
        with pytest.raises(errors.UnexpectedResponse, match=r"larger than Limits\.response_size") as caught:
            parse_response(PLACE_ORDER, cut, NOW)
        error = caught.value
        assert (error.status, error.request_id, error.body) == (201, "q1", b'{"id":"r1"')
        assert error.headers == {"cko-request-id": "q1"}


class TestFailure:
    def test_an_error_larger_than_is_read_is_still_what_its_status_says(self) -> None:
        with pytest.raises(errors.UnprocessableEntity) as caught:
            parse_response(PLACE_ORDER, replace(reply(422, ERROR_BODY[:20], cko_request_id="q1"), truncated=True), NOW)
        assert (caught.value.request_id, caught.value.body) == ("q1", ERROR_BODY[:20])

    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (400, errors.ApiError),
            (401, errors.Unauthorized),
            (403, errors.Forbidden),
            (404, errors.NotFound),
            (409, errors.Conflict),
            (418, errors.ApiError),
            (422, errors.UnprocessableEntity),
            (429, errors.RateLimited),
            (500, errors.ServerError),
            (503, errors.ServerError),
        ],
    )
    def test_a_status_gives_its_class(self, status: int, kind: type[errors.ApiError]) -> None:
        assert type(failure(status)) is kind

    def test_an_error_carries_what_the_api_said(self) -> None:
        error = failure(422, ERROR_BODY)
        assert error.error_type == "request_invalid"
        assert error.error_codes == ("amount_invalid", "card_***")
        assert error.request_id == "0d1"
        assert error.body == ERROR_BODY

    @pytest.mark.parametrize(
        ("codes", "expected"),
        [
            (b'"amount_invalid"', ("amount_invalid",)),
            (b'[{"code":"amount_invalid","path":"amount"},"x"]', ("amount_invalid", "x")),
            (b'{"error_code":"amount_invalid"}', ("amount_invalid",)),
            (b'[{"error":"amount_invalid"},{"type":"card_invalid"}]', ("amount_invalid", "card_invalid")),
            (b"[20005]", ("20005",)),
            (b"null", ()),
        ],
    )
    def test_error_codes_of_another_shape_are_read(self, codes: bytes, expected: tuple[str, ...]) -> None:
        error = failure(422, b'{"error_type":"request_invalid","error_codes":' + codes + b"}")
        assert (error.error_type, error.error_codes) == ("request_invalid", expected)

    def test_a_byte_order_mark_before_an_error_is_skipped(self) -> None:
        assert failure(422, b"\xef\xbb\xbf" + ERROR_BODY).error_codes == ("amount_invalid", "card_***")

    def test_its_text_says_what_where_and_the_request_id_but_no_card_number(self) -> None:
        text = str(failure(422, ERROR_BODY))
        assert text == "place_order: 422 request_invalid: amount_invalid, card_*** (request id 0d1)"

    def test_its_text_says_what_there_is(self) -> None:
        assert str(failure(422, b'{"error_type":"request_invalid"}')) == "place_order: 422: request_invalid"
        assert str(failure(422, b'{"error_codes":["amount_invalid"]}')) == "place_order: 422: amount_invalid"

    def test_it_names_the_operation_and_keeps_headers_and_the_wait(self) -> None:
        error = failure(429, retry_after="7")
        assert (error.operation, error.headers, error.retry_after) == ("place_order", {"retry-after": "7"}, 7.0)

    def test_a_status_from_600_on_is_no_server_error(self) -> None:
        assert type(failure(599)) is errors.ServerError
        assert type(failure(600)) is errors.ApiError

    def test_the_header_names_the_request_where_the_body_does_not(self) -> None:
        assert failure(404, b"", cko_request_id="q1").request_id == "q1"

    @pytest.mark.parametrize(
        "body", [b"", b"<html>no</html>", b"[1]", b"null", b"\xff", b'{"error_codes":[{"a":1},[]]}']
    )
    def test_attributes_exist_whatever_the_body_is(self, body: bytes) -> None:
        error = failure(502, body)
        assert (error.request_id, error.error_type, error.error_codes, error.retry_after) == (None, None, (), None)
        assert error.body == body
        assert str(error) == "place_order: 502: no error body"

    @given(st.integers(100, 599), st.binary(max_size=60), st.dictionaries(st.text(), st.text()))
    def test_nothing_but_our_errors_comes_out(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        response = HttpResponse(status=status, headers=headers, body=body)
        try:
            parse_response(PLACE_ORDER, response, NOW)
        except (errors.ApiError, errors.UnexpectedResponse) as error:
            assert error.body == body
            assert error.status == status


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            (None, None),
            ("0", 0.0),
            ("120", 120.0),
            (" 7 ", 7.0),
            ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
            ("Sat, 21 Nov 2026 11:59:00 GMT", 0.0),
            ("Saturday, 21-Nov-26 12:00:30 GMT", 30.0),
            ("Sat Nov 21 12:00:30 2026", 30.0),
            ("Wed, 21 Oct 99999999999999 07:28:00 GMT", None),
            ("Wed, 21 Oct 2026 07:28:00 +99999999999999999999", None),
            ("soon", None),
            ("-5", None),
            ("٣", None),
            ("", None),
        ],
    )
    def test_seconds_and_http_dates_are_read(self, value: str | None, seconds: float | None) -> None:
        assert retry_after(value, NOW) == seconds

    @pytest.mark.parametrize(
        ("sent_at", "seconds"),
        [
            ("Sun, 22 Nov 2026 12:00:00 GMT", 30.0),  # the clock of this machine is a day late
            ("Fri, 20 Nov 2026 12:00:00 GMT", 2 * 86400 + 30.0),
            ("soon", 86400 + 30.0),
            ("Wed, 21 Oct 2026 07:28:00 +99999999999999999999", 86400 + 30.0),
        ],
    )
    def test_a_date_is_compared_with_the_clock_of_the_server_that_wrote_it(self, sent_at: str, seconds: float) -> None:
        error = failure(503, retry_after="Sun, 22 Nov 2026 12:00:30 GMT", date=sent_at)
        assert error.retry_after == seconds

    @given(st.text())
    def test_any_header_is_read_or_left_alone(self, value: str) -> None:
        seconds = retry_after(value, NOW)
        assert seconds is None or seconds >= 0
