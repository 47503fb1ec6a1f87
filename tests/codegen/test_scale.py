"""The work for each class is the same for few classes as for many. Calls are counted, since times vary."""

from __future__ import annotations

import cProfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from codegen.compiler import compile_document
from codegen.emit_models import split_module
from codegen.passes import run_passes
from codegen.trial import try_types
from tests.codegen.support import ORDER, SCHEMAS, SHOP, write_fragments

FEW, MANY = 20, 200


def calls(task: Callable[[], object]) -> int:
    """Return how many functions a task calls, those in C included."""
    profile = cProfile.Profile()
    profile.runcall(task)
    return sum(entry.callcount for entry in profile.getstats())


def generated(count: int) -> str:
    """Return a module as the generator writes it."""
    return "".join(f'class C{number}:\n    """A text."""\n    member: str\n\n' for number in range(count))


def specification(root: Path, count: int) -> Path:
    """Write the shop with a number of further schemas of its request; return the folder of its fragments."""
    names = range(count)
    members = "".join(f"    m{number}: {{$ref: '#/S{number}', description: M.}}\n" for number in names)
    member = "    a: {{type: string, maxLength: 3, description: A.}}\n"
    text = "{}:\n  type: object\n  description: D.\n  properties:\n" + member
    request, reply = SCHEMAS.split("Order:\n")
    more = "".join(text.format(f"S{number}") for number in names)
    return write_fragments(root, {**SHOP, ORDER: f"{request}{members}Order:\n{reply}{more}"}) / "openapi"


def prepare(folder: Path) -> object:
    """Check a specification and run the passes."""
    return run_passes(compile_document(folder))


def test_a_class_costs_the_same_to_split_off_a_large_module() -> None:
    few, many = (
        calls(partial(split_module, generated(count), {f"C{number}" for number in range(count)}, frozenset()))
        for count in (FEW, MANY)
    )
    assert many / MANY <= 1.2 * few / FEW


@pytest.mark.costly
def test_a_schema_costs_the_same_to_check_in_a_large_document(tmp_path: Path) -> None:
    few, many = (calls(partial(prepare, specification(tmp_path / f"{count}", count))) for count in (FEW, MANY))
    assert many / MANY <= 1.2 * few / FEW


def chain(count: int) -> list[Any]:
    """Return classes each of which refers to the one before."""
    made: list[Any] = [int]
    for number in range(count):
        made.append(msgspec.defstruct(f"C{number}", [("member", made[-1] | None, None)]))
    return made


def test_a_type_costs_the_same_to_try_among_many() -> None:
    few, many = (calls(partial(try_types, chain(count))) for count in (FEW, MANY))
    assert many / MANY <= 1.2 * few / FEW
