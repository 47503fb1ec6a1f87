"""The example bodies on the way a call takes: checked and encoded as sent, decoded as received, strange ones too."""

from __future__ import annotations

import importlib
import json
from typing import Any

import msgspec
import pytest

from checkout_async._core.codec import decode, encode_body
from checkout_async._core.wire import Operation
from checkout_async.errors import InvalidRequest
from checkout_async.models import to_json
from tests.generated.support import Example, examples

ALL = list(examples())
SENT = [example for example in ALL if example.status is None]
RECEIVED = [example for example in ALL if example.status is not None and example.status < 400]
PUBLISHED_WITH_DEFECTS = {
    "request_session-request-published": "$.processing_channel_id",  # reads "string"
}


def operation_of(example: Example) -> Operation[Any]:
    module = importlib.import_module(f"checkout_async._generated.operations.{example.tag}")
    return getattr(module, example.operation.upper())  # type: ignore[no-any-return]  # looked up by name


def body_type(example: Example) -> Any:
    assert example.status is not None
    return operation_of(example).responses[example.status]


def test_there_are_examples_of_every_operation_that_has_a_body() -> None:
    assert {example.operation for example in SENT} >= {
        "request_session",
        "update_session",
        "update_three_ds_method_completion",
    }
    assert len(SENT) >= 10
    assert len(RECEIVED) >= 10


@pytest.mark.parametrize("example", [one for one in SENT if str(one) not in PUBLISHED_WITH_DEFECTS], ids=str)
def test_what_is_sent_is_the_example_whole(example: Example) -> None:
    operation = operation_of(example)
    sent = encode_body(operation.name, example.value, operation.request)
    assert json.loads(sent) == example.value
    as_struct = msgspec.json.decode(sent, type=operation.request)
    assert encode_body(operation.name, as_struct, operation.request) == sent


@pytest.mark.parametrize("example", [one for one in SENT if str(one) in PUBLISHED_WITH_DEFECTS], ids=str)
def test_a_defective_published_request_is_refused(example: Example) -> None:
    operation = operation_of(example)
    with pytest.raises(InvalidRequest) as caught:
        encode_body(operation.name, example.value, operation.request)
    assert caught.value.path == PUBLISHED_WITH_DEFECTS[str(example)]


@pytest.mark.parametrize("example", RECEIVED, ids=str)
def test_unknown_members_and_values_do_not_disturb_a_reply(example: Example) -> None:
    strange = {**example.value, "brand_new": {"a": [1]}, "status": "brand_new"}
    value, ignored = decode(body_type(example), json.dumps(strange).encode())
    assert ignored == ()
    assert json.loads(to_json(value)) == strange
    if "status" in example.value:
        assert value.status == "brand_new"
        assert json.loads(msgspec.json.encode(value))["status"] == "brand_new"


@pytest.mark.parametrize("example", RECEIVED, ids=str)
def test_a_member_of_the_wrong_type_is_lost_alone(example: Example) -> None:
    untouched, _ = decode(body_type(example), json.dumps(example.value).encode())
    identifiers = {name for name in example.value if _is_identifier(body_type(example), name)}
    for member in set(example.value) - identifiers:
        wrong: dict[str, Any] = {**example.value, member: [[[]]]}
        value, ignored = decode(body_type(example), json.dumps(wrong).encode())
        lost = {name for name in value.__struct_fields__ if getattr(value, name) != getattr(untouched, name)}
        assert len(lost) <= 1, f"{member} took {lost} with it"
        assert all(path.startswith(f"$.{member}") for path in ignored)


def _is_identifier(type_: Any, name: str) -> bool:
    return any(field.encode_name == name and field.required for field in msgspec.structs.fields(type_))
