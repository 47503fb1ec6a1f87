"""The example bodies on the way a call takes: checked and encoded as sent, decoded as received, strange ones too."""

from __future__ import annotations

import importlib
import json
from typing import Any

import msgspec
import pytest

from checkout_async._core.codec import decode
from checkout_async._core.prepare import prepare
from checkout_async._core.wire import ApiRequest, Operation
from checkout_async.errors import InvalidRequest
from checkout_async.models import to_json
from tests.generated.support import Example, defective_examples, examples, operations

SHOWN = list(examples())
ALL = [*SHOWN, *defective_examples()]
SENT = [example for example in ALL if example.status is None and example.tag != "access"]
RECEIVED = [example for example in ALL if example.status is not None and example.status < 400]
PUBLISHED_WITH_DEFECTS = {
    "request_session-request-published": "$.account_info.cardholder_account_age_indicator",  # with a stray comma
}


def operation_of(example: Example) -> Operation[Any]:
    module = importlib.import_module(f"checkout_async._generated.operations.{example.tag}")
    return getattr(module, example.operation.upper())  # type: ignore[no-any-return]  # looked up by name


def encoded(operation: Operation[Any], body: object) -> bytes:
    """Return the body of the request that a call with this body sends."""
    sent = prepare(ApiRequest(operation=operation, body=body), "https://api.example".__add__, "tests").body
    assert sent is not None
    return sent


def body_type(example: Example) -> Any:
    assert example.status is not None
    return operation_of(example).responses[example.status]


def items(value: Any) -> list[Any]:
    """Return the objects of a reply: itself, or those of the array that it is."""
    return value if value.__class__ is list else [value]


def changed(example: Example, change: dict[str, Any]) -> Any:
    """Return the reply of an example with other members in each of its objects."""
    objects = [{**item, **change} for item in items(example.value)]
    return objects if isinstance(example.value, list) else objects[0]


def read(example: Example, reply: Any) -> tuple[list[Any], set[str]]:
    """Return the objects of a reply as they are decoded, and what was ignored that is not by the example itself."""
    value, ignored = decode(body_type(example), json.dumps(reply).encode())
    _, already = decode(body_type(example), json.dumps(example.value).encode())
    return items(value), set(ignored) - set(already)


def test_there_are_examples_of_every_operation_that_has_a_body() -> None:
    sending = {each["operationId"] for each in operations() if "requestBody" in each} - {"request_access_token"}
    assert {example.operation for example in SENT if example in SHOWN} == sending
    replying = {each["operationId"] for each in operations()} - {"complete_session"}
    assert {example.operation for example in RECEIVED if example in SHOWN} == replying


@pytest.mark.parametrize("example", [one for one in SENT if str(one) not in PUBLISHED_WITH_DEFECTS], ids=str)
def test_what_is_sent_is_the_example_whole_as_a_mapping_and_as_a_struct(example: Example) -> None:
    operation = operation_of(example)
    sent = encoded(operation, example.value)
    assert in_whole_seconds(sent) == in_whole_seconds(json.dumps(example.value).encode())
    assert encoded(operation, msgspec.json.decode(sent, type=sent_type(operation, example.value))) == sent


def in_whole_seconds(body: bytes) -> Any:
    """Return a body with its times as they are sent: without a fraction that is 0."""
    return json.loads(body.replace(b".000Z", b"Z"))


def sent_type(operation: Operation[Any], body: Any) -> Any:
    """Return the type of a body that is sent: of alternatives the first all of whose members it has."""
    found = (each.type for each in operation.alternatives if body.keys() >= {*each.members})
    return next(found, operation.request)


@pytest.mark.parametrize("example", [one for one in SENT if str(one) in PUBLISHED_WITH_DEFECTS], ids=str)
def test_a_defective_published_request_is_refused(example: Example) -> None:
    with pytest.raises(InvalidRequest) as caught:
        encoded(operation_of(example), example.value)
    assert caught.value.path == PUBLISHED_WITH_DEFECTS[str(example)]


@pytest.mark.parametrize("example", RECEIVED, ids=str)
def test_unknown_members_and_values_do_not_disturb_a_reply(example: Example) -> None:
    strange = changed(example, {"brand_new": {"a": [1]}, "status": "brand_new"})
    found, ignored = read(example, strange)
    assert ignored == set()
    for item in found:
        if hasattr(item, "status"):
            assert item.status == "brand_new"
            assert json.loads(msgspec.json.encode(item))["status"] == "brand_new"


@pytest.mark.parametrize("example", [one for one in RECEIVED if isinstance(one.value, dict)], ids=str)
def test_a_reply_remembers_the_bytes_it_came_as(example: Example) -> None:
    strange = changed(example, {"brand_new": {"a": [1]}})
    value, _ = decode(body_type(example), json.dumps(strange).encode())
    assert json.loads(to_json(value)) == strange


@pytest.mark.costly
@pytest.mark.parametrize("example", RECEIVED, ids=str)
def test_a_member_of_the_wrong_type_is_lost_alone(example: Example) -> None:
    untouched, _ = read(example, example.value)
    type_ = untouched[0].__class__
    for member in {name for item in items(example.value) for name in item if not _is_identifier(type_, name)}:
        found, ignored = read(example, changed(example, {member: [[[]]]}))
        for value, before in zip(found, untouched, strict=True):
            lost = {name for name in value.__struct_fields__ if getattr(value, name) != getattr(before, name)}
            assert len(lost) <= 1, f"{member} took {lost} with it"
        assert all(f".{member}" in path for path in ignored)


def _is_identifier(type_: Any, name: str) -> bool:
    return any(field.encode_name == name and field.required for field in msgspec.structs.fields(type_))
