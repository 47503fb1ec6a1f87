"""pydantic, and with it FastAPI, reads, checks, writes and describes the models; its errors repeat no value."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from openapi_schema_validator import OAS31Validator
from pydantic import BaseModel, TypeAdapter, ValidationError

from checkout_async import models
from checkout_async.models import payments, sessions

CARD_NUMBER = "4242424242424242"
CARD: dict[str, Any] = {"type": "card", "number": CARD_NUMBER, "expiry_month": 1, "expiry_year": 2030}
ORDER: dict[str, Any] = {"source": CARD, "amount": 100, "currency": "GBP"}


class Basket(BaseModel):
    """A model of an application with one of ours in it."""

    order: payments.PaymentRequest
    note: str = ""


def test_a_request_is_read_from_json_and_from_a_dict() -> None:
    adapter = TypeAdapter(payments.PaymentRequest)
    expected = msgspec.convert(ORDER, payments.PaymentRequest)
    assert adapter.validate_python(ORDER) == adapter.validate_json(json.dumps(ORDER)) == expected
    assert adapter.validate_python(expected) is expected


@pytest.mark.parametrize(
    ("change", "place", "reason"),
    [
        ({"amout": 1}, (), "did you mean `amount`"),
        ({"source": {**CARD, "expiry_month": CARD_NUMBER}}, ("source", "expiry_month"), "Expected `int`"),
        ({"source": {"type": CARD_NUMBER}}, ("source", "type"), "must be one of"),
        ({"items": [{}, {"quantity": CARD_NUMBER}]}, ("items", 1, "quantity"), "Expected `int`"),
        ({"currency": 7}, ("currency",), "Expected `str`"),
    ],
    ids=["misspelt", "nested", "tag", "list", "type"],
)
def test_a_wrong_request_is_named_and_not_repeated(
    change: dict[str, Any], place: tuple[str | int, ...], reason: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Basket.model_validate({"order": {**ORDER, **change}})
    (error,) = caught.value.errors()
    assert error["loc"] == ("order", *place)
    assert reason in error["msg"]
    assert error["input"] == {}
    assert CARD_NUMBER not in f"{caught.value} {caught.value.json()} {caught.value.errors()}"
    assert caught.value.__context__ is None


@pytest.mark.parametrize("other", [CARD_NUMBER, [CARD_NUMBER], 7, None, sessions.CardSource])
@pytest.mark.parametrize("model", [payments.RequestCardSource, payments.Payment])
def test_what_is_no_object_is_refused(model: type[Any], other: object) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(model).validate_python(other)
    assert CARD_NUMBER not in str(caught.value.errors())


def test_a_wrong_variant_of_a_union_is_named() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(payments.RequestCardSource | payments.RequestTokenSource).validate_python({"type": "card"})
    assert {error["loc"][0] for error in caught.value.errors()} == {
        "function-wrap[RequestCardSource()]",
        "function-wrap[RequestTokenSource()]",
    }


def test_a_reply_is_read_as_the_client_reads_it() -> None:
    received = b'{"id": "pay_1", "status": "Unheard of", "amount": "12", "currency": [], "new": 1}'
    payment = TypeAdapter(payments.Payment).validate_json(received)
    assert (payment.status, payment.amount, payment.currency) == ("Unheard of", 12, None)


def test_a_reply_keeps_its_bytes_on_the_way_through() -> None:
    payment = TypeAdapter(payments.Payment).validate_json(b'{"id": "pay_1"}')
    assert TypeAdapter(payments.Payment).validate_python(payment) is payment
    assert json.loads(models.to_json(payment)) == {"id": "pay_1"}


def test_models_are_written_with_the_names_of_the_api() -> None:
    body = {"order": {**ORDER, "3ds": {"enabled": True}}, "note": "gift"}
    assert Basket.model_validate(body).model_dump() == body
    assert json.loads(Basket.model_validate(body).model_dump_json()) == body


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_the_json_schema_agrees_with_the_models(mode: Any) -> None:
    schema = TypeAdapter(payments.PaymentRequest).json_schema(mode=mode)
    validator = OAS31Validator(schema)
    assert validator.is_valid(ORDER)
    assert not validator.is_valid({**ORDER, "amout": 1})
    assert not validator.is_valid({**ORDER, "source": {**CARD, "number": 7}})
    assert not validator.is_valid({**ORDER, "source": {**CARD, "type": "cheque"}})
    assert schema["title"] == "PaymentRequest"
    assert schema["description"]
    assert schema["additionalProperties"] is False


def test_nothing_of_pydantic_is_imported_unless_it_asks() -> None:
    code = "import sys; from checkout_async.models import payments; payments.Payment; print('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
