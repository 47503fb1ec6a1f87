"""Laws of every generated request type, for any value that its own limits allow."""

from __future__ import annotations

import importlib
import json
import pkgutil
from functools import cache
from types import ModuleType
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkout_async._core.body import encode_body
from checkout_async._core.model import RequestModel
from checkout_async._generated import models, strict
from tests.generated.strategies import values
from tests.generated.support import DOCUMENT

pytestmark = pytest.mark.slow


def request_types(package: ModuleType) -> list[type[RequestModel]]:
    """Return the request types of a generated package."""
    names = [f"{package.__name__}.{module.name}" for module in pkgutil.iter_modules(package.__path__)]
    found = {
        value
        for name in names
        for value in vars(importlib.import_module(name)).values()
        if isinstance(value, type) and issubclass(value, RequestModel) and value is not RequestModel
    }
    return sorted(found, key=lambda cls: cls.__name__)


DEFAULT, STRICT = request_types(models), request_types(strict)
SLOW_TO_DRAW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
RELAXED = settings(max_examples=20, deadline=None, suppress_health_check=SLOW_TO_DRAW)


def test_every_request_type_has_a_strict_one() -> None:
    assert DEFAULT
    assert [cls.__name__ for cls in DEFAULT] == [cls.__name__ for cls in STRICT]


@cache
def validator(name: str) -> Any:
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(schema)


@pytest.mark.parametrize("cls", DEFAULT, ids=lambda cls: cls.__name__)
@RELAXED
@given(data=st.data())
def test_a_request_survives_encoding_and_decoding(cls: type[RequestModel], data: st.DataObject) -> None:
    value = data.draw(values(cls))
    sent = encode_body("law", value, cls)
    assert msgspec.json.decode(sent, type=cls) == value
    assert encode_body("law", json.loads(sent), cls) == sent


@pytest.mark.parametrize("cls", STRICT, ids=lambda cls: cls.__name__)
@RELAXED
@given(data=st.data())
def test_a_strict_request_is_valid_by_the_specification(cls: type[RequestModel], data: st.DataObject) -> None:
    sent = encode_body("law", data.draw(values(cls)), cls)
    problems = [error.message for error in validator(cls.__name__).iter_errors(json.loads(sent))]
    assert problems == []
