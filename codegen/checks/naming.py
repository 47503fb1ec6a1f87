"""Checks of the Python names derived from the specification: they must be valid and must not collide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from codegen.diagnostics import Origin, Problems
from codegen.document import Object
from codegen.names import is_class, is_constant, is_snake, snake_name
from codegen.parse import api_name, parameter_name
from codegen.passes.annotations import member_names, name_table
from codegen.passes.directions import SUFFIX, find_directions
from codegen.passes.walk import calls, idempotency_keys, module_of, parameters, references, schemas
from codegen.render_call import OPTIONS
from codegen.render_pagination import MAX_ITEMS
from codegen.render_type import dict_name, enum_like

COMMON: Final = "common"
WEBHOOKS: Final = "webhooks"
# Names that generated functions use in addition to the parameters of the specification.
_RESERVED: Final = frozenset(
    {
        "sender",
        "self",
        "body",
        "list_parameter",
        "optional_parameter",
        "operations",
        "parameter_text",
        "request",
        "response",
        *(option.name for option in OPTIONS),
    }
)
# Names that generated iterators over pages use in addition.
_PAGING: Final = frozenset({"by_link", "by_position", "replace"})
_RESERVED_IF_PAGED: Final = _RESERVED | _PAGING | {MAX_ITEMS.name, "fetch", "first", "follow", "link", "position"}


METHODS: Final = frozenset({"from_dict", "to_dict", "to_json"})
"""The public methods of every Struct."""


def check_names(document: Object, problems: Problems) -> None:
    """Report invalid Python names, and names that collide."""
    table = document.object("x-python-names")
    for name, python in table.items():
        if not is_snake(str(python)):
            problems.add(table.at(name), f"'{python}' is not a Python name in lower snake case")
    _check_classes(document, problems)
    _check_functions(document, problems)
    for name, schema in schemas(document).objects():
        _check_fields(name, schema, name_table(document), problems)
        if "enum" in schema:
            _check_enum_members(schema, name_table(document), problems)
        _check_module(document, name, schema, problems)


def _check_classes(document: Object, problems: Problems) -> None:
    named, directions = schemas(document), find_directions(document)
    for name, schema in named.objects():
        if not is_class(name):
            problems.add(named.at(name), f"'{name}' is not a valid class name in a generated module; rename the schema")
        if name in directions.received and directions.received_name(name, schema) != name and name + SUFFIX in named:
            message = f"'{name + SUFFIX}' collides with the response class of '{name}', which is sent and received"
            problems.add(named.at(name + SUFFIX), message)
        for beside in {dict_name(name), enum_like(name)} & named.keys():
            problems.add(named.at(beside), f"'{beside}' is the name of a type beside '{name}'; rename the schema")


def _check_functions(document: Object, problems: Problems) -> None:
    first: dict[str, Origin] = {}
    for call in calls(document.object("paths")):
        for function, origin in _generated_functions(call.operation, problems):
            if function in first:
                problems.add(origin, f"function '{function}' also comes from {first[function]}")
            elif function in _PAGING | {"list_parameter", "optional_parameter", "parameter_text", "with_response"}:
                problems.add(origin, f"'{function}' is reserved in generated modules; choose another name")
            first.setdefault(function, origin)
        keys = idempotency_keys(document, call)
        plain = (value for value in parameters(document, call) if value not in keys)
        names = ((value.text("name"), parameter_name(document, value), value.at("name")) for value in plain)
        reserved = _RESERVED_IF_PAGED if "x-pagination" in call.operation else _RESERVED
        _check_python_names("parameter", names, problems, reserved)
    for tag in document.array("tags").objects():
        if not is_snake(api_name(tag.text("name"))):
            problems.add(tag.at("name"), f"tag '{tag.text('name')}' does not give a valid module name")


def _generated_functions(operation: Object, problems: Problems) -> Iterator[tuple[str, Origin]]:
    """Yield the functions generated from an operation, each with the origin of its name."""
    name, pagination = operation.text("operationId"), operation.object("x-pagination")
    stated = (("operationId", name, operation), ("iterator", pagination.text("iterator"), pagination))
    for key, function, holder in stated:
        if function and not is_snake(function):
            problems.add(holder.at(key), f"{key} '{function}' is not a Python name in lower snake case")
        if function:
            yield function, holder.at(key)
    if name:
        yield f"build_{name}", operation.at("operationId")


def _check_fields(schema_name: str, schema: Object, table: dict[str, str], problems: Problems) -> None:
    properties = schema.object("properties")
    names = ((name, snake_name(name, table), properties.at(name)) for name in properties)
    _check_python_names(f"field of {schema_name}:", names, problems, METHODS)


def _check_enum_members(schema: Object, table: dict[str, str], problems: Problems) -> None:
    values = schema.array("enum")
    names = member_names(schema, table)
    if len(schema.texts("enum")) == len(values) != len(names):
        problems.add(schema.at("x-enum-varnames"), f"x-enum-varnames has {len(names)} names for {len(values)} values")
    first: dict[str, object] = {}
    for value, name, origin in zip(values, names, values.origins, strict=False):
        if name is None or not is_constant(name):
            problems.add(origin, f"enum value '{value}' needs a name in upper snake case; add it to x-enum-varnames")
        elif name in first:
            problems.add(origin, f"enum values '{first[name]}' and '{value}' have the same name {name}")
        first.setdefault(name or "", value)


def _check_module(document: Object, name: str, schema: Object, problems: Problems) -> None:
    origin = schemas(document).at(name)
    apis = _api_names(document)
    known = {COMMON, *apis} | ({WEBHOOKS} & document.keys())
    misplaced = not origin.module and len(origin.file.split("/")) != 5
    if misplaced or module_of(schema) not in known:
        folders = " or ".join(sorted(known))
        folder = origin.file.rpartition("/")[0].partition("/")[2]
        message = f"'{folder}' contains schemas, so it must be a folder of components/schemas/ named {folders}"
        problems.add(Origin(origin.file, 1), message)
    # Events describe resources of all APIs and belong to none of them.
    allowed = {module_of(schema), COMMON} | (apis if module_of(schema) == WEBHOOKS else set[str]())
    for other in references(schema):
        target = schemas(document).object(other)
        if target and module_of(target) not in allowed:
            problems.add(origin, f"schema '{name}' refers to '{other}' of another API; move '{other}' to {COMMON}")


def _api_names(document: Object) -> set[str]:
    """Return the names of the APIs, those of tags that are not declared included: the operation is reported."""
    declared = {tag.text("name") for tag in document.array("tags").objects()}
    used = {name for call in calls(document.object("paths")) for name in call.operation.texts("tags")}
    return {api_name(tag) for tag in declared | used}


def _check_python_names(
    what: str,
    names: Iterable[tuple[str, str | None, Origin]],
    problems: Problems,
    reserved: frozenset[str] = frozenset(),
) -> None:
    first: dict[str, str] = {}
    for name, python, origin in names:
        if python is None or not is_snake(python):
            problems.add(origin, f"{what} '{name}' needs a Python name; add it to x-python-names")
        elif python in reserved:
            problems.add(origin, f"{what} '{name}' would be called {python}, which is reserved in generated code")
        elif python in first:
            problems.add(origin, f"{what} '{name}' and '{first[python]}' have the same Python name {python}")
        first.setdefault(python or "", name)
