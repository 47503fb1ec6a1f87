"""When a reply contradicts its request, and when it is about another resource than the one that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from checkout_async._core.correlation import is_about_another, mismatch
from checkout_async._core.model import ResponseModel
from checkout_async._core.parameters import Parameter
from checkout_async._core.wire import ApiRequest, ApiResponse, Idempotency, Operation
from checkout_async.models import payments
from checkout_async.operations import payments as payment_operations
from checkout_async.operations import sessions as session_operations
from tests.core.models import Receipt


def response(value: object) -> ApiResponse[Any]:
    return ApiResponse(value=value, status=201, headers={"a": "b"}, request_id="q1", body=b"{}")


def payment(**members: object) -> payments.Payment:
    return msgspec.convert({"id": "pay_1", **members}, payments.Payment)


def test_a_contradiction_is_an_error_with_all_that_the_reply_came_with() -> None:
    error = mismatch("pay", b'{"reference":"a"}', response(payment(reference="b")))
    assert error is not None
    assert error.reason == "its reference is not the reference of this request"
    assert str(error).startswith(f"pay: the reply belongs to another request: {error.reason}; ")
    assert (error.operation, error.status, error.headers, error.request_id) == ("pay", 201, {"a": "b"}, "q1")
    assert (error.body, error.value) == (b"{}", payment(reference="b"))


@pytest.mark.parametrize("value", [None, [], "text", 5])
def test_a_reply_without_a_model_contradicts_nothing(value: object) -> None:
    assert mismatch("pay", b'{"reference":"a"}', response(value)) is None


@pytest.mark.parametrize("body", [None, b"", b"{}", b"[]", b"5", b'"reference"', b'{"reference":null}'])
def test_a_request_without_the_member_is_not_contradicted(body: bytes | None) -> None:
    assert mismatch("pay", body, response(payment(reference="b"))) is None


def test_a_request_that_is_no_json_is_read_only_if_the_reply_could_contradict_it() -> None:
    assert mismatch("token", b"grant_type=client_credentials", response(Receipt(id="r1"))) is None


@pytest.mark.parametrize(
    ("sent", "received"),
    [("GBP", "gbp"), (" GBP ", "GBP"), ("", "EUR"), ("GBP", ""), (None, "EUR"), ("GBP", None)],
)
def test_a_currency_in_other_letters_or_left_out_is_no_contradiction(sent: str | None, received: str | None) -> None:
    body = msgspec.json.encode({"currency": sent})
    assert mismatch("pay", body, response(payment(currency=received))) is None


@pytest.mark.parametrize(("sent", "received"), [("GBP", "EUR"), ("GBP", "GBPX"), ("gbp1", "GBP1")])
def test_another_currency_is_a_contradiction(sent: str, received: str) -> None:
    assert mismatch("pay", msgspec.json.encode({"currency": sent}), response(payment(currency=received))) is not None


class Numbered(ResponseModel, frozen=True, kw_only=True):
    number: int
    text: str | None = None


def asks(*identifiers: str, idempotency: Idempotency = Idempotency.SAFE) -> ApiRequest[Any]:
    operation = Operation[Any](
        name="get", method="GET", path="/payments/{id}", idempotency=idempotency, responses={200: payments.Payment}
    )
    return ApiRequest(operation=operation, path=tuple(Parameter(name="id", value=each) for each in identifiers))


@pytest.mark.parametrize("idempotency", [Idempotency.SAFE, Idempotency.NATURAL, Idempotency.NONE])
def test_the_reply_to_a_read_or_a_change_by_id_is_about_that_resource(idempotency: Idempotency) -> None:
    assert is_about_another(asks("pay_2", idempotency=idempotency), response(payment()))
    assert not is_about_another(asks("pay_1", idempotency=idempotency), response(payment()))


def test_ids_of_different_kinds_are_not_compared() -> None:
    assert not is_about_another(asks("sid_2"), response(payment()))


SESSION, PAYMENT = "sid_" + "a" * 26, "pay_" + "b" * 26


@pytest.mark.parametrize(
    ("build", "received", "is_another"),
    [
        (session_operations.build_get_session, PAYMENT, True),
        (session_operations.build_get_session, SESSION, False),
        (payment_operations.build_get_payment, PAYMENT, False),
    ],
)
def test_an_id_of_a_kind_that_the_operation_does_not_take_is_of_another_resource(
    build: Callable[[str], ApiRequest[Any]], received: str, is_another: bool
) -> None:
    assert is_about_another(build(SESSION), response(payment(id=received))) == is_another


@pytest.mark.parametrize(
    "request_", [asks(), asks("pay_2", "pay_3"), asks("pay_2", idempotency=Idempotency.KEY)], ids=["list", "two", "key"]
)
def test_what_has_no_single_id_or_creates_something_is_not_compared(request_: ApiRequest[Any]) -> None:
    assert not is_about_another(request_, response(payment()))


@pytest.mark.parametrize("value", [None, [payment()], "text", Numbered(number=5, text="pay_3")])
def test_a_reply_that_is_no_resource_is_not_compared(value: object) -> None:
    assert not is_about_another(asks("pay_2"), response(value))
