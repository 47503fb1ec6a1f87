"""The bundled document as other programs read it: lists beside enums, valid examples, and a check with their tools."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.openapi.support import REPOSITORY, Json

BUNDLE: Any = json.loads((REPOSITORY / "checkout_async" / "_generated" / "openapi.json").read_bytes())
SCRIPT = REPOSITORY / "scripts" / "check_bundle.py"


def parts(value: Json, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every object of a part of the document with its place, outermost first."""
    if isinstance(value, dict):
        yield place, value
        for key, member in value.items():
            yield from parts(member, (*place, key))
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from parts(item, (*place, str(index)))


DESCRIBED = {place: part for place, part in parts(BUNDLE) if "x-enum-descriptions" in part and "enum" in part}
MEDIA_TYPES = {place: part for place, part in parts(BUNDLE) if place[-2:-1] == ("content",) and "examples" in part}


@pytest.mark.costly
def test_other_validators_take_the_document() -> None:
    assert list(OpenAPIV31SpecValidator(BUNDLE).iter_errors()) == []


def test_enums_have_descriptions_and_bodies_of_every_kind_have_examples() -> None:
    assert ("components", "schemas", "SessionStatus") in DESCRIBED
    kinds = ("requestBody", "responses", "callbacks")
    assert all(any(kind in place for place in MEDIA_TYPES if place[0] == "paths") for kind in kinds)
    assert any(place[:2] == ("components", "responses") for place in MEDIA_TYPES)


@pytest.mark.parametrize("place", DESCRIBED, ids="/".join)
def test_descriptions_of_an_enum_are_a_list_with_one_text_for_each_value(place: tuple[str, ...]) -> None:
    texts = DESCRIBED[place]["x-enum-descriptions"]
    assert texts.__class__ is list
    assert [text.__class__ for text in texts] == [str for _ in DESCRIBED[place]["enum"]]


@pytest.mark.parametrize("place", MEDIA_TYPES, ids="/".join)
def test_examples_match_their_schema_formats_included(place: tuple[str, ...]) -> None:
    schema = {**MEDIA_TYPES[place]["schema"], "components": BUNDLE["components"]}
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    for example in MEDIA_TYPES[place]["examples"].values():
        validator.validate(example["value"])


def test_without_npm_the_check_with_other_tools_fails_and_says_why() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], env={"PATH": ""}, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        "The bundled document cannot be checked: npm is missing: install Node.js 20 or newer, which contains it, then "
        "run this again\n"
    )
