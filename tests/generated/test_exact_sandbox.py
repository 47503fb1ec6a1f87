"""The law between client and simulator: what the client passes at its default level, the simulator's exact mode takes.

The two share no code. A member, type, tag or enum value that one of them names otherwise breaks it.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkout_async._core.body import encode_body
from checkout_async._core.wire import Operation
from checkout_async.errors import InvalidRequest
from checkout_async.sandbox.core.errors import ApiRefusal
from checkout_async.sandbox.core.spec import load_spec
from checkout_async.sandbox.core.validation import RequestReader
from tests.generated.strategies import values
from tests.generated.test_wire import PUBLISHED_WITH_DEFECTS, SENT, operation_of, sent_type
from tests.openapi.test_samples import SAMPLES, request_type

SPEC = load_spec()
EXACT = RequestReader(SPEC, exact=True)
SLOW_TO_DRAW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def refusal(operation_id: str, body: bytes) -> list[str]:
    """Return the error codes with which exact mode refuses a body; none if it takes it."""
    try:
        EXACT.decoded_body(SPEC.operations[operation_id], json.loads(body))
    except ApiRefusal as refused:
        return list(refused.error_codes)
    return []


def sending() -> list[Any]:
    """Return every request type with its operation; the alternatives of an operation one by one."""
    found: dict[str, tuple[Operation[Any], Any]] = {}
    for example in SENT:
        operation = operation_of(example)
        for type_ in [each.type for each in operation.alternatives] or [operation.request]:
            found[f"{operation.name}-{getattr(type_, '__name__', 'union')}"] = (operation, type_)
    return [pytest.param(*each, id=name) for name, each in sorted(found.items())]


@pytest.mark.parametrize("example", [one for one in SENT if str(one) not in PUBLISHED_WITH_DEFECTS], ids=str)
def test_exact_mode_takes_what_the_client_sends_of_an_example(example: Any) -> None:
    operation = operation_of(example)
    assert refusal(operation.name, encode_body("law", example.value, sent_type(operation, example.value))) == []


@pytest.mark.parametrize(
    "sample", [pytest.param(each, id=f"{each['operation']}-{i}") for i, each in enumerate(SAMPLES)]
)
def test_exact_mode_takes_what_the_client_sends_of_another_programs_body(sample: Any) -> None:
    try:
        body = encode_body("law", sample["body"], request_type(sample))
    except InvalidRequest:
        return  # the law is about what the client passes; which samples it passes is another test
    assert refusal(sample["operation"], body) == []


@pytest.mark.slow
@pytest.mark.parametrize(("operation", "type_"), sending())
@settings(max_examples=60, deadline=None, suppress_health_check=SLOW_TO_DRAW)
@given(data=st.data())
def test_exact_mode_takes_what_the_client_passes(operation: Operation[Any], type_: Any, data: st.DataObject) -> None:
    assert refusal(operation.name, encode_body("law", data.draw(values(type_)), type_)) == []
