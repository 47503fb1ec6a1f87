"""Checks of the Python names that the specification leads to: each must be fit for its place, and no two the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from codegen.call_text import OPTIONS
from codegen.diagnostics import Origin, Problems
from codegen.document import Object
from codegen.names import is_class, is_constant, is_snake, snake
from codegen.paging_text import MAX_ITEMS
from codegen.parse import api_name, parameter_name
from codegen.passes.directions import SUFFIX, reach
from codegen.passes.enums import member_names, name_table
from codegen.passes.walk import calls, home, idempotency_keys, parameters, referred, schemas

COMMON: Final = "common"
WEBHOOKS: Final = "webhooks"
# What a generated function has besides the parameters of the specification.
_TAKEN: Final = frozenset(
    {"sender", "self", "body", "given", "operations", "request", "response", *(option.name for option in OPTIONS)}
)
# What stands in a generated iterator over pages besides.
_PAGING: Final = frozenset({"by_link", "by_position", "replace"})
_TAKEN_IF_PAGED: Final = _TAKEN | _PAGING | {MAX_ITEMS.name, "fetch", "first", "follow", "link", "position"}


def check_names(document: Object, problems: Problems) -> None:
    """Report names that are no Python names, and names that collide."""
    table = document.object("x-python-names")
    for name, python in table.items():
        if not is_snake(str(python)):
            problems.add(table.at(name), f"'{python}' is not a Python name in lower snake case")
    _classes(document, problems)
    _functions(document, problems)
    for name, schema in schemas(document).objects():
        _fields(name, schema, name_table(document), problems)
        if "enum" in schema:
            _members(schema, name_table(document), problems)
        _home(document, name, schema, problems)


def _classes(document: Object, problems: Problems) -> None:
    named, reached = schemas(document), reach(document)
    for name, schema in named.objects():
        if not is_class(name):
            problems.add(named.at(name), f"'{name}' cannot be the name of a class in a generated module")
        if name in reached.received and reached.received_name(name, schema) != name and name + SUFFIX in named:
            message = f"'{name + SUFFIX}' collides with the class for the '{name}' of replies, which is sent as well"
            problems.add(named.at(name + SUFFIX), message)


def _functions(document: Object, problems: Problems) -> None:
    first: dict[str, Origin] = {}
    for call in calls(document.object("paths")):
        for function, origin in _made(call.operation, problems):
            if function in first:
                problems.add(origin, f"function '{function}' is already made from {_place(first[function])}")
            elif function in _PAGING | {"given"}:
                problems.add(origin, f"'{function}' is what generated modules call something else")
            first.setdefault(function, origin)
        keys = idempotency_keys(document, call)
        plain = (value for value in parameters(document, call) if value not in keys)
        found = ((value.text("name"), parameter_name(document, value), value.at("name")) for value in plain)
        taken = _TAKEN_IF_PAGED if "x-pagination" in call.operation else _TAKEN
        _collisions("parameter", found, problems, taken)
    for tag in document.array("tags").objects():
        if not is_snake(api_name(tag.text("name"))):
            problems.add(tag.at("name"), f"tag '{tag.text('name')}' does not give the name of a module")


def _made(operation: Object, problems: Problems) -> Iterator[tuple[str, Origin]]:
    """Yield the functions made from an operation, and where their names come from."""
    name, pagination = operation.text("operationId"), operation.object("x-pagination")
    stated = (("operationId", name, operation), ("iterator", pagination.text("iterator"), pagination))
    for key, function, holder in stated:
        if function and not is_snake(function):
            problems.add(holder.at(key), f"{key} '{function}' is not a Python name in lower snake case")
        if function:
            yield function, holder.at(key)
    if name:
        yield f"build_{name}", operation.at("operationId")


def _fields(schema_name: str, schema: Object, table: dict[str, str], problems: Problems) -> None:
    properties = schema.object("properties")
    found = ((name, snake(name, table), properties.at(name)) for name in properties)
    _collisions(f"field of {schema_name}:", found, problems)


def _members(schema: Object, table: dict[str, str], problems: Problems) -> None:
    values = schema.array("enum")
    names = member_names(schema, table)
    if len(schema.texts("enum")) == len(values) != len(names):
        problems.add(schema.at("x-enum-varnames"), f"x-enum-varnames has {len(names)} names for {len(values)} values")
    first: dict[str, object] = {}
    for value, name, origin in zip(values, names, values.origins, strict=False):
        if name is None or not is_constant(name):
            problems.add(origin, f"enum value '{value}' needs a name in upper snake case in x-enum-varnames")
        elif name in first:
            problems.add(origin, f"enum values '{first[name]}' and '{value}' are both called {name}")
        first.setdefault(name or "", value)


def _home(document: Object, name: str, schema: Object, problems: Problems) -> None:
    origin = schemas(document).at(name)
    apis = {api_name(tag.text("name")) for tag in document.array("tags").objects()}
    known = {COMMON, *apis} | ({WEBHOOKS} & document.keys())
    if len(origin.file.split("/")) != 5 or home(schema) not in known:
        folders = ", ".join(sorted(known))
        problems.add(origin, f"schema '{name}' must stand in a file of components/schemas/, folder {folders}")
    # Events tell of what the APIs have, and belong to none themselves.
    allowed = {home(schema), COMMON} | (apis if home(schema) == WEBHOOKS else set[str]())
    for other in referred(schema):
        target = schemas(document).object(other)
        if target and home(target) not in allowed:
            problems.add(origin, f"schema '{name}' refers to '{other}' of another API; move that one to {COMMON}")


def _collisions(
    what: str,
    names: Iterable[tuple[str, str | None, Origin]],
    problems: Problems,
    taken: frozenset[str] = frozenset(),
) -> None:
    first: dict[str, str] = {}
    for name, python, origin in names:
        if python is None or not is_snake(python):
            problems.add(origin, f"{what} '{name}' needs a Python name, in x-python-names of openapi.yaml")
        elif python in taken:
            problems.add(origin, f"{what} '{name}' is called {python}, which generated functions use already")
        elif python in first:
            problems.add(origin, f"{what} '{name}' and '{first[python]}' are both called {python}")
        first.setdefault(python or "", name)


def _place(origin: Origin) -> str:
    return f"{origin.file}:{origin.line}"
