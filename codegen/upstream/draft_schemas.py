"""Drafts schemas from a document of others, as our fragments have them.

`allOf` is merged, what is inline and needs a name gets one, limits that no value can have are left out, and masks are
proposed. Descriptions are written by a person and never copied, so a draft has the words of the name in their place.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any, Final

from codegen.document import Object
from codegen.keywords import APPLIES_TO, BINARY, FORMATS, TYPES
from codegen.lint.sensitive import propose_mask
from codegen.names import constant_name, is_class
from codegen.passes.patterns import UnsupportedPattern, python_pattern
from codegen.upstream.read import Document, texts
from codegen.upstream.shapes import LIMITS, Whole, whole_schema

Draft = dict[str, Any]
REVIEW: Final = "x-review"
_WORDS: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_OPEN: Final[Draft] = {"type": "object", "additionalProperties": {}}


class SchemaDrafts:
    """Drafts named schemas, each once. `taken` are the names that our fragments have already."""

    def __init__(self, document: Document, taken: Collection[str], prefix: str) -> None:
        self._document = document
        self._taken = {*taken}
        self._prefix = prefix
        self._names: dict[int, tuple[Object, str]] = {}
        self._received = False
        self.found: dict[str, Draft] = {}
        """The drafts by name, in the order in which they are referred to."""

    def named(self, schema: Object, fallback: str, *, received: bool = False) -> str:
        """Draft a schema that must have a name, and return the name. `received` marks the body of a reply."""
        target = self._document.resolve(schema)
        if id(target) in self._names:
            return self._names[id(target)][1]
        reference = schema.get("$ref")
        name = self._free_name(str(reference).rpartition("/")[2] if isinstance(reference, str) else fallback)
        self._names[id(target)] = (target, name)
        self.found[name] = {}
        outer, self._received = self._received, self._received or received
        self.found[name] = self._definition(schema, name)
        self._received = outer
        if received:
            _mark_identifier(self.found[name])
        return name

    def member(self, schema: Object, name: str, holder: str) -> Draft:
        """Return the draft of a member of an object: a reference if it needs a name of its own."""
        whole = whole_schema(self._document, schema)
        if whole.properties or whole.variants or (whole.values and not whole.open):
            draft: Draft = {"$ref": f"#/{self.named(schema, holder + class_name(name))}", "description": sentence(name)}
        else:
            draft = self._inline(schema, whole, holder + class_name(name))
            draft = {"type": draft.pop("type"), "description": sentence(name), **draft}
        look = self._document.resolve(schema)
        mask = propose_mask(name, look if "description" in look else schema)
        if mask and "$ref" not in draft and draft["type"] != "boolean":
            draft["x-sensitive"] = mask
        if schema.get("deprecated") is True:
            draft["deprecated"] = True
        return draft

    def _definition(self, schema: Object, name: str) -> Draft:
        whole = whole_schema(self._document, schema)
        if any(whole.variants) and whole.discriminator and not (self._received and self._conflicts(whole)):
            return self._union(whole, name)
        if whole.values and not whole.properties and not whole.variants:
            return _enum(whole, name)
        return self._object(whole, name)

    def _conflicts(self, union: Whole) -> bool:
        """Return whether variants have different objects or lists under one name, which no type of a reply holds."""
        found: dict[str, set[int]] = {}
        for part in (each for parts in union.variants.values() for each in parts):
            for key, values in whole_schema(self._document, part).properties.items():
                whole = whole_schema(self._document, values[0])
                if whole.properties or whole.variants or whole.items or whole.values_of_map:
                    found.setdefault(key, set()).add(id(self._document.resolve(values[0])))
        return any(len(each) > 1 for each in found.values())

    def _object(self, whole: Whole, name: str) -> Draft:
        """Return an object with the members of its parts, and of its alternatives if nothing tells them apart."""
        members: dict[str, Object] = {key: parts[0] for key, parts in whole.properties.items()}
        draft: Draft = {"type": "object", "description": sentence(name)}
        if whole.variants:
            for part in (each for parts in whole.variants.values() for each in parts):
                for key, values in whole_schema(self._document, part).properties.items():
                    members.setdefault(key, values[0])
            draft[REVIEW] = "Alternatives that nothing tells apart are laid over each other."
        if not members:
            members = {"value": Object({"type": "string"}, whole.origin, {})}
            draft[REVIEW] = "The document names no members."
        if required := [key for key in members if key in whole.required]:
            draft["required"] = required
        draft["properties"] = {key: self.member(part, key, name) for key, part in members.items()}
        return draft

    def _union(self, whole: Whole, name: str) -> Draft:
        """Return a union by its discriminator. Each variant has the members of the base, and its own tag."""
        mapping: dict[str, str] = {}
        for tag, parts in whole.variants.items():
            variant = self._free_name(f"{class_name(tag)}{name}")
            self.found[variant] = {}
            own = whole_schema(self._document, parts[0])
            for key, values in whole.properties.items():
                own.properties.setdefault(key, values)
            own.required |= whole.required | {whole.discriminator}
            own.variants = {}
            own.properties.pop(whole.discriminator, None)
            bare: Draft = {"type": "object", "description": sentence(variant)}
            draft = self._object(own, variant) if own.properties else bare
            constant = {"type": "string", "description": sentence(whole.discriminator), "const": tag}
            draft["properties"] = {whole.discriminator: constant, **draft.get("properties", {})}
            draft["required"] = [whole.discriminator, *_others(draft.get("required", []), whole.discriminator)]
            self.found[variant] = draft
            mapping[tag] = f"#/{variant}"
        return {
            "description": sentence(name),
            "oneOf": [{"$ref": reference} for reference in mapping.values()],
            "discriminator": {"propertyName": whole.discriminator, "mapping": mapping},
        }

    def _inline(self, schema: Object, whole: Whole, name: str) -> Draft:
        """Return the draft of a value without a name: a scalar, a list or a map."""
        types = sorted({"string" if each in {"date", "date-time"} else each for each in whole.types} & TYPES)
        if "array" in types:
            draft: Draft = {"type": "array", **_limits(whole, "array")}
            draft["items"] = self._item(whole.items[0], name) if whole.items else {"type": "string"}
            return draft
        if "object" in types or whole.values_of_map:
            item = self._item(whole.values_of_map[0], name) if whole.values_of_map else {}
            return {**_OPEN, "additionalProperties": item}
        kind: str | list[str] = types[0] if len(types) == 1 else types or "string"
        draft = {"type": kind, **_limits(whole, *([kind] if isinstance(kind, str) else kind))}
        time = whole.types & {"date", "date-time"}
        stated = next(iter(time)) if time else self._document.resolve(schema).get("format")
        if kind == "string" and stated in FORMATS - {BINARY}:
            draft = {"type": kind, "format": stated, **({} if time else _without(draft, "type"))}
        if isinstance(kind, str) and not self._received and self._takes_null(schema):
            draft["type"] = [kind, "null"]
        return draft

    def _takes_null(self, schema: Object) -> bool:
        target = self._document.resolve(schema)
        return target.get("nullable") is True or "null" in texts(target, "type")

    def _item(self, schema: Object, name: str) -> Draft:
        """Return what a list or a map contains."""
        whole = whole_schema(self._document, schema)
        if whole.properties or whole.variants or (whole.values and not whole.open):
            return {"$ref": f"#/{self.named(schema, f'{name}Item')}"}
        return self._inline(schema, whole, name)

    def _free_name(self, wanted: str) -> str:
        """Return a name of a class that is not taken, made from another."""
        name = class_name(wanted)
        while name in self._taken or not is_class(name):
            name = f"{self._prefix}{name}" if not name.startswith(self._prefix) else f"{name}Draft"
        self._taken.add(name)
        return name


def class_name(name: str) -> str:
    """Return the name of a class from a name of any form. A leading number, which orders files, is left out."""
    words = _WORDS.findall(re.sub(r"^[\d_]+", "", name) or f"N{name}")
    return "".join(word[0].upper() + word[1:] for word in words) or "Value"


def sentence(name: str) -> str:
    """Return the words of a name as a sentence, which stands for a description until a person writes one."""
    words = " ".join(word.lower() for word in _WORDS.findall(name)) or "value"
    return f"{words[0].upper()}{words[1:]}."


def _enum(whole: Whole, name: str) -> Draft:
    values = sorted(whole.values)
    names = [constant_name(value, {}) for value in values]
    draft: Draft = {"type": "string", "description": sentence(name), "enum": values}
    if None in names or len({*names}) < len(names):
        draft["x-enum-varnames"] = [
            f"VALUE_{re.sub(r'[^0-9A-Z]+', '_', value.upper())}".rstrip("_") for value in values
        ]
    return draft


def _limits(whole: Whole, *kinds: str) -> Draft:
    """Return the limits that a value of these types can have, and that the compiler can check."""
    found: Draft = {}
    for key in LIMITS:
        value = whole.limits.get(key)
        if value is None or isinstance(value, bool) or APPLIES_TO[key].isdisjoint(kinds):
            continue
        if key == "pattern" and not _is_supported(str(value)):
            continue
        found[key] = value
    return found


def _is_supported(pattern: str) -> bool:
    try:
        python_pattern(pattern)
    except UnsupportedPattern:
        return False
    return True


def _mark_identifier(draft: Draft) -> None:
    """Mark the `id` of a reply: one without it does not belong to the operation."""
    identifier = draft.get("properties", {}).get("id")
    if identifier is not None:
        identifier["x-identifier"] = True
        draft["required"] = ["id", *_others(draft.get("required", []), "id")]


def _without(members: Draft, key: str) -> Draft:
    return {name: value for name, value in members.items() if name != key}


def _others(names: Iterable[str], name: str) -> list[str]:
    return [each for each in names if each != name]
