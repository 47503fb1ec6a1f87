"""What datamodel-code-generator is fed: JSON Schema of bare types, and for its templates all names and texts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from codegen.document import Array, Object
from codegen.names import snake
from codegen.parse import identifiers
from codegen.passes.alternatives import is_alternatives
from codegen.passes.defaults import told
from codegen.passes.discriminators import constants
from codegen.passes.enums import name_table
from codegen.passes.patterns import LIMITS
from codegen.passes.walk import SCHEMAS, schema_rewritten, schemas, type_names
from codegen.text import docstring, literal
from codegen.vocabulary import APPLIES_TO

_BASES: Final = {
    "sent": "checkout_async._core.model.RequestModel",
    "received": "checkout_async._core.model.ResponseModel",
}
# What the API writes as a number or as text is read as a number.
_NUMBERS_AS_TEXT: Final = (["integer", "string"], ["number", "string"])
_NO_TYPE: Final = frozenset({"deprecated", "description", "examples", "x-direction", "x-identifier", "x-sensitive"})


@dataclass(frozen=True, slots=True)
class Feed:
    """The schemas, and what the templates are given for each by name."""

    definitions: dict[str, Any]
    template_data: dict[str, dict[str, Any]]
    inline: frozenset[str]
    """Definitions made up here, of types with limits inside other types: to be written out where they stand."""


def feed(document: Object) -> Feed:
    """Prepare the named schemas of a document that went through all passes; alternatives need no generator."""
    table = name_table(document)
    named = {name: schema for name, schema in schemas(document).objects() if not is_alternatives(schema)}
    definitions: dict[str, Any] = {}
    template_data: dict[str, dict[str, Any]] = {}
    inline = _Inline(frozenset(named))
    for name, schema in named.items():
        definitions[name] = _definition(schema, inline)
        if "enum" in schema:
            template_data[name] = _enum_data(schema)
        elif "oneOf" not in schema:
            template_data[name] = _struct_data(schema, table)
    all_definitions = {**definitions, **inline.definitions}
    return Feed({"$defs": all_definitions}, template_data, frozenset(inline.definitions))


class _Inline:
    """Names for what stands inline with limits; left alone, the generator would invent them."""

    def __init__(self, taken: frozenset[str]) -> None:
        self.definitions: dict[str, Object] = {}
        self._names = (name for number in count() if (name := f"InlineType{number}") not in taken)

    def named(self, part: Object) -> Object:
        members = dict(part)
        for key in ("items", "additionalProperties"):
            if key in part and part.object(key).keys() & LIMITS:
                members[key] = self._reference(part.object(key))
        if "anyOf" in part:
            arms = part.array("anyOf")
            members["anyOf"] = arms.derive(
                self._reference(arm) if arm.keys() & LIMITS else arm for arm in arms.objects()
            )
        return part.derive(members)

    def _reference(self, part: Object) -> Object:
        name = next(self._names)
        self.definitions[name] = part
        return part.derive({"$ref": f"#/$defs/{name}"})


def _definition(schema: Object, inline: _Inline) -> dict[str, object]:
    received = schema.get("x-direction") == "received"
    bare = schema_rewritten(schema, lambda part: inline.named(_bare(part, nullable=not received)))
    if "enum" in schema:
        return {key: bare[key] for key in ("type", "enum", "x-enum-varnames")}
    if "oneOf" in schema:
        discriminator = schema.object("discriminator")
        mapping = {tag: _local(str(reference)) for tag, reference in discriminator.object("mapping").items()}
        return {"oneOf": bare["oneOf"], "discriminator": {**discriminator, "mapping": mapping}}
    return {
        "type": "object",
        "customBasePath": _BASES[schema.text("x-direction")],
        "required": identifiers(schema) if received else schema.texts("required"),
        "properties": bare.object("properties"),
    }


def _bare(part: Object, *, nullable: bool) -> Object:
    """Return a schema without what only describes it. Whatever is received may be missing, so null says no more."""
    kept = part.without(*_NO_TYPE, *(("format",) if part.get("format") == "uri" else ()))
    if "$ref" in part:
        return kept.derive({**kept, "$ref": _local(part.text("$ref"))})
    if not isinstance(part.get("type"), Array):
        return kept
    kinds = [kind for kind in type_names(part) if nullable or kind != "null"]
    if not nullable and kinds in _NUMBERS_AS_TEXT:
        return kept.derive({**kept, "type": kinds[0]})
    return kept.derive({**kept, "type": kinds[0]}) if len(kinds) == 1 else _arms(kept, kinds)


def _arms(part: Object, kinds: list[str]) -> Object:
    """Return a choice of types, each with the limits that apply to it."""
    arms = [
        part.derive({"type": kind, **{key: part[key] for key in part if kind in APPLIES_TO.get(key, ())}})
        for kind in kinds
    ]
    return part.derive({"anyOf": Array(arms, part.origin, [part.origin] * len(arms))})


def _local(reference: str) -> str:
    return reference.replace(SCHEMAS, "#/$defs/")


def _enum_data(schema: Object) -> dict[str, Any]:
    meanings = schema.object("x-enum-descriptions")
    texts = {value: docstring(meanings.text(value), 4) if value in meanings else "" for value in schema.texts("enum")}
    return {"docstring": docstring(schema.text("description"), 4), "docstrings": texts}


def _struct_data(schema: Object, table: dict[str, str]) -> dict[str, Any]:
    properties = dict(schema.object("properties").objects())
    received = schema.get("x-direction") == "received"
    required = identifiers(schema) if received else schema.texts("required")
    names = {name: snake(name, table) or name for name in properties}
    sensitive = {
        names[name]: member.text("x-sensitive") for name, member in properties.items() if "x-sensitive" in member
    }
    tags = "".join(f", tag_field={literal(name)}, tag={literal(value)}" for name, value in constants(schema).items())
    return {
        "docstring": docstring(schema.text("description"), 4),
        "received": received,
        "tag": tags,
        "sensitive": repr(sensitive) if sensitive else "",
        "members": {
            name: {
                "name": names[name],
                "default": _default(name, names[name], required=name in required, received=received),
                "missing": " | None" if received else " | UnsetType",
                "docstring": docstring(told(member), 4),
            }
            for name, member in properties.items()
            if "const" not in member
        },
    }


def _default(name: str, python_name: str, *, required: bool, received: bool) -> str:
    missing = "" if required else "None" if received else "UNSET"
    if name == python_name:
        return f" = {missing}" if missing else ""
    return f" = msgspec.field(name={literal(name)}{f', default={missing}' if missing else ''})"
