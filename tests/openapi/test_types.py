"""The example bodies as generated types: read and written again, nothing the specification names is lost."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pytest

from checkout_async._core.model import known_values_only
from checkout_async._generated.models import access, common, sessions
from tests.openapi.support import Json, bodies, document, schema_of
from tests.openapi.test_examples import SCHEMA_DEFECTS

BODIES = bodies()
REQUESTS = [name for name in BODIES if name.endswith(".request") and name not in SCHEMA_DEFECTS]
REPLIES = [name for name in BODIES if not name.endswith(".request")]


def generated(schema: str) -> Any:
    """Return the generated type of a schema."""
    return next(getattr(module, schema) for module in (sessions, access, common) if hasattr(module, schema))


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_accepted_and_sent_as_it_was_given(name: str) -> None:
    with known_values_only():
        value = msgspec.convert(BODIES[name], generated(schema_of(name)))
    assert comparable(msgspec.to_builtins(value)) == comparable(BODIES[name])


@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_is_read_even_if_defective_and_keeps_what_the_specification_names(name: str) -> None:
    schema = schema_of(name)
    value = msgspec.json.decode(msgspec.json.encode(BODIES[name]), type=generated(schema))
    assert comparable(msgspec.to_builtins(value)) == comparable(named(BODIES[name], {"$ref": f"/{schema}"}))


def comparable(value: Json) -> object:
    """Return a value with its times in one spelling, since `Z` and `+00:00` say the same."""
    if isinstance(value, dict):
        return {key: comparable(member) for key, member in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, str) and len(value) >= 20 and value[10] == "T":
        return datetime.fromisoformat(value)
    return value


def named(value: Json, schema: Any) -> Json:
    """Return the part of a value that its schema names."""
    if "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if isinstance(value, list):
        return [named(item, schema["items"]) for item in value]
    if isinstance(value, dict):
        members = schema["properties"]
        return {key: named(member, members[key]) for key, member in value.items() if key in members}
    return value
