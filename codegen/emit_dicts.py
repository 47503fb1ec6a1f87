"""Emits the TypedDicts: for each request type, the mapping that an operation takes in its place."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from codegen.document import Object
from codegen.emit_models import DICTS, MODELS, reachable
from codegen.emit_operations import TEMPLATES
from codegen.ir import Member, ObjectType, UnionType
from codegen.parse_types import parse_types
from codegen.passes.walk import module_of, schemas
from codegen.render_text import HEADER, USES_DEPRECATED, docstring, literal
from codegen.render_type import dict_annotation, dict_name, enum_like, types_of

_MODULE: Final = "Bodies of `{}` as mappings: a TypedDict for each request type, under the names of the API."
# Names that annotations use. In the body of a class, a member of the same name would hide them.
_USED: Final = frozenset({"bool", "date", "datetime", "float", "int", "list", "object", "str"})
_STANDARD: Final = (
    "from collections.abc import Mapping, Sequence",
    "from datetime import date, datetime",
    "from typing import Literal, NotRequired, TypeAlias, TypedDict",
    "from checkout_async._core.deprecation import deprecated",
    "from checkout_async._core.multipart import Upload",
)


def emit_dicts(document: Object) -> dict[str, str]:
    """Return the modules of TypedDicts by name. A module without request types is left out."""
    named = schemas(document)
    sent = [each for each in parse_types(document) if _is_sent(each, named)]
    modules = {name: module_of(schema) for name, schema in named.objects()}
    rendered: dict[str, str] = {}
    for module in sorted({each.module for each in sent}):
        # What several APIs share is in the module of each of them.
        reached = reachable((each.name for each in sent if each.module == module), dict(named.objects()))
        rendered[module] = _render_module(module, [each for each in sent if each.name in reached], modules)
    return rendered


def _is_sent(type_: ObjectType | UnionType, named: Object) -> bool:
    return named.object(type_.name).get("x-direction") == "sent"


def _render_module(name: str, reached: list[ObjectType | UnionType], modules: Mapping[str, str]) -> str:
    own = [each for each in reached if each.module == name]
    objects = [each for each in own if isinstance(each, ObjectType)]
    unions = [each for each in own if isinstance(each, UnionType)]
    return TEMPLATES.get_template("dicts.jinja2").render(
        header=HEADER,
        docstring=docstring(_MODULE.format(name), 0),
        uses_deprecated=USES_DEPRECATED if any(each.deprecated for each in objects) else "",
        imports="\n".join([*_STANDARD, *_imports(name, reached, modules)]),
        names=[dict_name(each.name) for each in reached],
        objects=[_object(each) for each in objects],
        unions=[_union(each) for each in unions],
    )


def _imports(name: str, reached: Iterable[ObjectType | UnionType], modules: Mapping[str, str]) -> list[str]:
    """Return the imports of Structs and enum aliases, and of TypedDicts of other modules; unused ones are removed."""
    lines = {f"from {DICTS}.{each.module} import {dict_name(each.name)}" for each in reached if each.module != name}
    for kind, each in types_of(each for each in reached if isinstance(each, ObjectType)):
        lines.add(f"from {MODELS}.{modules[each]} import {enum_like(each) if kind == 'enum' else each}")
    return sorted(lines)


def _object(type_: ObjectType) -> dict[str, object]:
    members = [*type_.members, *(_former(each) for each in type_.members if each.former_name)]
    outside = [each for each in members if not _fits_class(each.name)]
    return {
        "name": dict_name(type_.name),
        "deprecated": literal(f"{type_.name} is deprecated. {type_.description}") if type_.deprecated else "",
        "docstring": docstring(type_.description or f"A `{type_.name}` as a mapping.", 4),
        "outside": [(literal(each.name), _quoted(each)) for each in outside],
        "members": [
            (each.name, dict_annotation(each), docstring(each.description, 4) if each.description else "")
            for each in sorted(members, key=lambda each: not each.required)
            if each not in outside
        ],
    }


def _former(member: Member) -> Member:
    """Return a member as it may still be given: under its former name."""
    text = f"The former name of `{member.name}`."
    return replace(member, name=member.former_name, required=False, description=text)


def _fits_class(name: str) -> bool:
    """Return whether a member can stand in the body of a class. Python changes names with two leading underscores."""
    return name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("__") and name not in _USED


def _quoted(member: Member) -> str:
    """Return the annotation for the functional syntax, whose values are evaluated."""
    text = dict_annotation(member)
    if member.required:
        return literal(text)
    return f"NotRequired[{literal(text.removeprefix('NotRequired[').removesuffix(']'))}]"


def _union(type_: UnionType) -> dict[str, str]:
    return {
        "name": dict_name(type_.name),
        "choices": " | ".join(map(dict_name, type_.choices)),
        "docstring": docstring(type_.description, 0) if type_.description else "",
    }
