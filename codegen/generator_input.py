"""Prepares the input of datamodel-code-generator: JSON Schema of types only; its templates get the names and texts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from codegen.document import Array, Object
from codegen.keywords import APPLIES_TO, BINARY, FORMER_NAME
from codegen.names import snake_name
from codegen.parse import identifiers
from codegen.passes.annotations import describe, name_table
from codegen.passes.nullable import MARK, may_be_null
from codegen.passes.patterns import LIMITS
from codegen.passes.unions import constants, is_alternatives
from codegen.passes.walk import SCHEMAS, is_any, rewrite_schema, schemas, type_names
from codegen.render_text import docstring, literal

FORMER_FIELD: Final = "_former_"
"""What the names of the fields begin with that read a member of a reply under its former name."""
_UPLOAD: Final = "checkout_async._core.multipart.Upload"
_BASES: Final = {
    "sent": "checkout_async._core.model.RequestModel",
    "received": "checkout_async._core.model.ResponseModel",
}
# A value that the API sends either as such or as a string is decoded as such.
_WRITTEN_AS_TEXT: Final = (["integer", "string"], ["number", "string"], ["boolean", "string"])
_ANNOTATIONS: Final = frozenset(
    {
        "deprecated",
        "description",
        "examples",
        "readOnly",
        "writeOnly",
        "x-direction",
        "x-echoes",
        "x-enforced",
        FORMER_NAME,
        "x-identifier",
        "x-role",
        "x-sensitive",
    }
)


@dataclass(frozen=True, slots=True)
class GeneratorInput:
    """The schemas, and the data for the templates by the name of the schema."""

    definitions: dict[str, Any]
    template_data: dict[str, dict[str, Any]]
    inline: frozenset[str]
    """Names of extra definitions, for types with limits inside other types. `emit_models` inlines them again."""


def prepare_input(document: Object) -> GeneratorInput:
    """Prepare the named schemas of a document after all passes. Alternatives are left out: they need no generator."""
    table = name_table(document)
    named = {name: schema for name, schema in schemas(document).objects() if not is_alternatives(schema)}
    definitions: dict[str, Any] = {}
    template_data: dict[str, dict[str, Any]] = {}
    inline = _InlineTypes(frozenset(named))
    for name, schema in named.items():
        definitions[name] = _definition(schema, inline)
        if "enum" in schema:
            template_data[name] = _enum_data(schema)
        elif "oneOf" not in schema:
            template_data[name] = _struct_data(name, schema, table)
    all_definitions = {**definitions, **inline.definitions}
    return GeneratorInput({"$defs": all_definitions}, template_data, frozenset(inline.definitions))


class _InlineTypes:
    """Gives a name to each inline type with limits, because the generator would otherwise invent one."""

    def __init__(self, taken: frozenset[str]) -> None:
        self.definitions: dict[str, Object] = {}
        self._names = (name for number in count() if (name := f"InlineType{number}") not in taken)

    def extract(self, part: Object) -> Object:
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


def _definition(schema: Object, inline: _InlineTypes) -> dict[str, object]:
    received = schema.get("x-direction") == "received"
    schema = with_former_members(schema) if received else schema
    bare = rewrite_schema(schema, lambda part: inline.extract(_without_annotations(part, nullable=not received)))
    if "enum" in schema:
        return {key: bare[key] for key in ("type", "enum", "x-enum-varnames")}
    if "oneOf" in schema:
        discriminator = schema.object("discriminator")
        mapping = {tag: _local_reference(str(reference)) for tag, reference in discriminator.object("mapping").items()}
        return {"oneOf": bare["oneOf"], "discriminator": {**discriminator, "mapping": mapping}}
    return {
        "type": "object",
        "customBasePath": _BASES[schema.text("x-direction")],
        "required": identifiers(schema) if received else schema.texts("required"),
        "properties": bare.object("properties"),
    }


def _without_annotations(part: Object, *, nullable: bool) -> Object:
    """Return a schema without annotations, and without null unless `nullable`: what is received is optional anyway."""
    kept = part.without(*_ANNOTATIONS, *(("format",) if part.get("format") == "uri" else ()))
    if is_any(kept):
        return kept.without("type")
    if part.text("format") == BINARY:
        return kept.derive({"type": "string", "customTypePath": _UPLOAD})
    if "$ref" in part:
        reference = kept.derive({**kept.without(MARK), "$ref": _local_reference(part.text("$ref"))})
        if not nullable or not may_be_null(part):
            return reference
        arms = Array([reference, part.derive({"type": "null"})], part.origin, [part.origin] * 2)
        return kept.derive({"anyOf": arms})
    if not isinstance(part.get("type"), Array):
        return kept
    kinds = [kind for kind in type_names(part) if nullable or kind != "null"]
    if not nullable and kinds in _WRITTEN_AS_TEXT:
        return kept.derive({**kept, "type": kinds[0]})
    return kept.derive({**kept, "type": kinds[0]}) if len(kinds) == 1 else _type_union(kept, kinds)


def _type_union(part: Object, kinds: list[str]) -> Object:
    """Return a choice of types, each with only the limits that apply to it."""
    arms = [
        part.derive({"type": kind, **{key: part[key] for key in part if kind in APPLIES_TO.get(key, ())}})
        for kind in kinds
    ]
    return part.derive({"anyOf": Array(arms, part.origin, [part.origin] * len(arms))})


def _local_reference(reference: str) -> str:
    return reference.replace(SCHEMAS, "#/$defs/")


def _enum_data(schema: Object) -> dict[str, Any]:
    values, meanings = schema.texts("enum"), schema.texts("x-enum-descriptions") or [""] * len(schema.array("enum"))
    texts = [docstring(text, 4) if text else "" for text in meanings]
    aliases = {alias: str(value) for alias, value in schema.object("x-enum-aliases").items()}
    return {
        "docstring": docstring(schema.text("description"), 4),
        "members": list(zip(schema.texts("x-enum-varnames"), map(literal, values), texts, strict=True)),
        "aliases": literal(aliases) if aliases else "",
    }


def former_names(schema: Object) -> dict[str, str]:
    """Return the former names of members with their present names.

    What a union of several types is read as may have a member of that name from another of them.
    """
    properties = schema.object("properties")
    named = {member.text(FORMER_NAME): name for name, member in properties.objects() if FORMER_NAME in member}
    return {former: name for former, name in named.items() if former not in properties}


def with_former_members(schema: Object) -> Object:
    """Return a reply with a member for each former name, which is read from a reply that still has that name.

    An identifier is read under its new name alone: a reply without it cannot be made.
    """
    properties = schema.object("properties")
    members = dict(properties.objects())
    for former, name in former_names(schema).items():
        if members[name].get("x-identifier") is not True:
            members[former] = members[name].without("deprecated", "x-echoes")
    return schema.derive({**schema, "properties": properties.derive(members)})


def _struct_data(class_name: str, schema: Object, table: dict[str, str]) -> dict[str, Any]:
    received = schema.get("x-direction") == "received"
    former = former_names(schema)
    schema = with_former_members(schema) if received else schema
    properties = dict(schema.object("properties").objects())
    required = identifiers(schema) if received else schema.texts("required")
    # Required members come first in the signature of the class.
    properties = {name: properties[name] for name in sorted(properties, key=lambda name: name not in required)}
    read = {name for name, member in properties.items() if received and is_deprecated(member)}
    names = {name: ("_" if name in read else "") + (snake_name(name, table) or name) for name in properties}
    names |= {old: f"{FORMER_FIELD}{names[name]}" for old, name in former.items() if old in properties}
    attributes = {old: snake_name(old, table) or old for old in former}
    # The same words in another spelling may give the same Python name.
    others = {old: name for old, name in former.items() if attributes[old] not in names.values()}
    sensitive = {
        names[name]: member.text("x-sensitive") for name, member in properties.items() if "x-sensitive" in member
    }
    echoes = {names[name]: member.text("x-echoes") for name, member in properties.items() if "x-echoes" in member}
    tags = "".join(f", tag_field={literal(name)}, tag={literal(value)}" for name, value in constants(schema).items())
    return {
        "docstring": docstring(schema.text("description") or f"`{class_name}` with every documented limit.", 4),
        "received": received,
        "tag": tags,
        "sensitive": literal(sensitive) if sensitive else "",
        "echoes": literal(echoes) if received and echoes else "",
        "deprecated": literal(_deprecation(class_name, schema)) if is_deprecated(schema) else "",
        "former_names": literal({attributes[old]: names[name] for old, name in others.items()}) if others else "",
        "former_keys": literal(former) if former and not received else "",
        "former": [
            (attributes[old], names[name], name, literal(former_name_text(class_name, attributes[old], names[name])))
            for old, name in others.items()
        ],
        "read_former": [literal(names[name]) for old, name in former.items() if old in properties],
        "warnings": [
            (names[name], literal(_deprecation(f"{class_name}.{names[name]}", member)))
            for name, member in properties.items()
            if not received and is_deprecated(member)
        ],
        "members": {
            name: {
                "name": names[name],
                "default": _default(
                    name, names[name], _missing_value(member, required=name in required, received=received)
                ),
                "missing": _missing_type(member, received=received),
                "property": names[name][1:] if name in read else "",
                "deprecated": literal(_deprecation(f"{class_name}.{names[name][1:]}", member)),
                "docstring": docstring(text, 4) if name not in former and (text := describe(member)) else "",
            }
            for name, member in properties.items()
            if "const" not in member
        },
    }


def former_name_text(class_name: str, former: str, name: str) -> str:
    """Return the text of the warning about a former name, as `checkout_async._core.former_names` gives it."""
    return f"{class_name}.{former} is called `{name.removeprefix('_')}` now. The old name goes with the next release."


def is_deprecated(described: Object) -> bool:
    """Return whether the specification calls an object deprecated."""
    return described.get("deprecated") is True


def _deprecation(subject: str, described: Object) -> str:
    """Return the text of a warning."""
    advice = described.text("description").partition(" Documented: ")[0]
    return f"{subject} is deprecated. {advice}".strip()


def _missing_type(member: Object, *, received: bool) -> str:
    """Return what the type of an optional member has in addition.

    None leaves a member out, unless the API reads null as a value of it.
    """
    return " | None" if received else " | UnsetType" if may_be_null(member) else " | UnsetType | None"


def _missing_value(member: Object, *, required: bool, received: bool) -> str:
    if required:
        return ""
    return "UNSET" if not received and may_be_null(member) else "None"


def _default(name: str, python_name: str, missing: str) -> str:
    if name == python_name:
        return f" = {missing}" if missing else ""
    return f" = msgspec.field(name={literal(name)}{f', default={missing}' if missing else ''})"
