"""The example bodies as generated types: read and written again, nothing the specification names is lost."""

from __future__ import annotations

from datetime import datetime
from types import GenericAlias
from typing import Any

import msgspec
import pytest

from checkout_async import models
from checkout_async._core.codec import decode
from checkout_async._core.model import known_values_only
from checkout_async._generated import operations
from checkout_async._generated.models import common
from tests.openapi.support import Json, bodies, defects, named, resolved, schema_of

BODIES = bodies()
REQUESTS = [name for name in BODIES if name.endswith(".request")]
REPLIES = [name for name in BODIES if not name.endswith(".request")]
NUMBERS_AS_TEXT = (["integer", "string"], ["number", "string"])

LOST: dict[str, dict[str, str]] = {
    "get_payment.response.200": {"$.expires_on": "`string` is no time"},
    "list_payments.response.200": {"$.data[0].expires_on": "`string` is no time"},
    "increment_authorization.response.201": {"$.expires_on": "`string` is no time"},
}
"""What cannot be read, and is reported by the decoder."""


MODULES = (*(getattr(models, api) for api in operations.__all__), common)


def generated(name: str) -> Any:
    """Return the generated type of a body, or of an item where the body is an array."""
    schema = schema_of(name)
    item = named(schema.get("items", schema))
    type_ = next(getattr(module, item) for module in MODULES if hasattr(module, item))
    return GenericAlias(list, type_) if "items" in schema else type_


@pytest.mark.parametrize("name", [name for name in REQUESTS if not defects(name)])
def test_a_request_is_accepted_and_sent_as_it_was_given(name: str) -> None:
    with known_values_only():
        value = msgspec.convert(BODIES[name], generated(name))
    assert comparable(msgspec.to_builtins(value)) == comparable(BODIES[name])


@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_is_read_even_if_defective_and_keeps_what_the_specification_names(name: str) -> None:
    value, ignored = decode(generated(name), msgspec.json.encode(BODIES[name]))
    assert set(ignored) == LOST.get(name, {}).keys()
    kept = part_named(BODIES[name], schema_of(name), "$", frozenset(ignored))
    assert comparable(msgspec.to_builtins(value)) == comparable(kept)


def comparable(value: Json) -> object:
    """Return a value with times and texts in one spelling: `Z` is `+00:00`, case and blanks do not matter."""
    if isinstance(value, dict):
        return {key: comparable(member) for key, member in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, str) and len(value) >= 20 and value[10] == "T":
        return msgspec.convert(value, datetime)
    return value.casefold().replace(" ", "_") if isinstance(value, str) else value


def part_named(value: Json, schema: Any, path: str, lost: frozenset[str]) -> Json:
    """Return the part of a value that its schema names, without null and without what is lost."""
    schema = resolved(schema)
    if isinstance(value, list):
        return [part_named(item, schema["items"], f"{path}[{index}]", lost) for index, item in enumerate(value)]
    if isinstance(value, dict):
        members = properties(schema, value)
        return {
            key: part_named(member, members[key], f"{path}.{key}", lost)
            for key, member in value.items()
            if key in members and member is not None and f"{path}.{key}" not in lost
        }
    if schema.get("type") in NUMBERS_AS_TEXT and isinstance(value, str):
        return float(value)
    return value


def properties(schema: Any, value: dict[str, Json]) -> Any:
    """Return the schemas of the members of an object, a variant of a union or a map."""
    if "oneOf" in schema:
        discriminator = schema["discriminator"]
        schema = resolved({"$ref": discriminator["mapping"][value[discriminator["propertyName"]]]})
    return schema["properties"] if "properties" in schema else dict.fromkeys(value, schema["additionalProperties"])
