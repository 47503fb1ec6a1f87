"""Request bodies that other programs send to the API, held against the request types.

`tests/samples/requests.jsonl` has one body a line, with the operation, the program it is from, and what is known of
the API's answer. Names, addresses and references are made up; types, shapes and all other values are as sent.
"""

from __future__ import annotations

import importlib
import json
from typing import Any

import msgspec
import pytest

from checkout_async._core.model import known_values_only
from checkout_async._core.wire import Operation
from tests.openapi.support import REPOSITORY, api_of

SAMPLES = [json.loads(line) for line in (REPOSITORY / "tests" / "samples" / "requests.jsonl").read_bytes().splitlines()]
TAKEN = [sample for sample in SAMPLES if sample["expect"] == "accepted"]
"""Those that a live test of the vendor sends and expects to succeed."""


def request_type(sample: Any) -> Any:
    """Return the default type of a body; of alternatives the first all of whose members it has."""
    module = importlib.import_module(f"checkout_async._generated.operations.{api_of(sample['operation'])}")
    operation: Operation[Any] = getattr(module, sample["operation"].upper())
    found = (each.type for each in operation.alternatives if sample["body"].keys() >= {*each.members})
    return next(found, operation.request)


@pytest.mark.parametrize("sample", [pytest.param(each, id=f"{each['operation']}-{i}") for i, each in enumerate(TAKEN)])
def test_what_the_vendors_live_tests_send_is_accepted(sample: Any) -> None:
    with known_values_only():
        value = msgspec.convert(sample["body"], request_type(sample))
    assert msgspec.to_builtins(value).keys() == sample["body"].keys()
