"""Describes what a body may be as one table: a path to each member, and what the document says of it.

`$ref`, `allOf`, `oneOf`, `anyOf` and discriminators are followed, so two documents that split the same body into
different schemas give the same table. A path is `source<card>.number`, `items().name` or `metadata.*`: `<card>` is a
variant by its discriminator. Variants without one are laid over each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from codegen.diagnostics import Origin
from codegen.document import Array, Object
from codegen.keywords import APPLIES_TO
from codegen.upstream.read import Document, items, members, texts

Direction = Literal["request", "reply"]
LIMITS: Final = (
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
)
_TIMES: Final = frozenset({"date", "date-time"})
_PLAIN: Final = dict.fromkeys(_TIMES, "string")
_LEFT_OUT: Final = {"request": "readOnly", "reply": "writeOnly"}


@dataclass(slots=True)
class Shape:
    """What a document says of one member."""

    origin: Origin
    types: set[str] = field(default_factory=set[str])
    required: bool = False
    values: set[str] = field(default_factory=set[str])
    """Its known values; empty if it is no enum."""
    limits: dict[str, object] = field(default_factory=dict[str, object])


@dataclass(slots=True)
class Whole:
    """A schema with everything that its references and its parts say."""

    origin: Origin
    types: set[str] = field(default_factory=set[str])
    values: set[str] = field(default_factory=set[str])
    open: bool = False
    """Whether some alternative takes other values than the listed ones."""
    limits: dict[str, object] = field(default_factory=dict[str, object])
    properties: dict[str, list[Object]] = field(default_factory=dict[str, "list[Object]"])
    required: set[str] = field(default_factory=set[str])
    items: list[Object] = field(default_factory=list["Object"])
    values_of_map: list[Object] = field(default_factory=list["Object"])
    variants: dict[str, list[Object]] = field(default_factory=dict[str, "list[Object]"])
    discriminator: str = ""


def describe(document: Document, schemas: Iterable[Object], direction: Direction) -> dict[str, Shape]:
    """Return the members of a body by path. Several schemas, as of several replies, are laid over each other."""
    return _Walk(document, direction).run(list(schemas))


class _Walk:
    def __init__(self, document: Document, direction: Direction) -> None:
        self._document = document
        self._left_out = _LEFT_OUT[direction]
        self._found: dict[str, Shape] = {}
        self._wholes: dict[int, tuple[Object, Whole]] = {}

    def run(self, schemas: list[Object]) -> dict[str, Shape]:
        self._describe(schemas, "", (), required=False)
        return self._found

    def _describe(self, schemas: list[Object], path: str, above: tuple[int, ...], *, required: bool) -> None:
        targets = [self._document.resolve(each) for each in schemas]
        if any(id(each) in above for each in targets):
            return  # a schema inside itself
        above = (*above, *map(id, targets))
        wholes = [self._whole(each) for each in schemas]
        if path and wholes:
            self._add(path, wholes, required=required)
        labels = list(dict.fromkeys(label for whole in wholes for label in whole.variants))
        # What the base of a hierarchy has, each of its variants has.
        has_base = any(labels)
        for name in dict.fromkeys(name for whole in wholes for name in whole.properties if not has_base):
            parts = [part for whole in wholes for part in whole.properties.get(name, ())]
            kept = [part for part in parts if self._document.resolve(part).get(self._left_out) is not True]
            if kept:
                needed = all(name in whole.required for whole in wholes)
                self._describe(kept, f"{path}.{name}".lstrip("."), above, required=needed)
        if parts := [part for each in wholes for part in each.items]:
            self._describe(parts, f"{path}()", above, required=False)
        if parts := [part for each in wholes for part in each.values_of_map]:
            self._describe(parts, f"{path}.*".lstrip("."), above, required=False)
        for label in labels:
            parts = [part for whole in wholes for part in whole.variants.get(label, ())]
            variant = f"{path}<{label}>" if label else path
            self._describe([_with_base(part, wholes) for part in parts], variant, above, required=required)
            for tag in {whole.discriminator for whole in wholes if label and whole.discriminator}:
                if shape := self._found.get(f"{variant}.{tag}".lstrip(".")):
                    shape.values, shape.limits = {label}, {}

    def _whole(self, schema: Object) -> Whole:
        # The schema is kept with what was found, so that no other one gets its identity.
        if id(schema) not in self._wholes:
            self._wholes[id(schema)] = (schema, whole_schema(self._document, schema))
        return self._wholes[id(schema)][1]

    def _add(self, path: str, wholes: list[Whole], *, required: bool) -> None:
        shape = self._found.setdefault(path, Shape(wholes[0].origin, required=required))
        for whole in wholes:
            shape.types |= whole.types
            shape.values |= set() if whole.open else whole.values
            for key, value in whole.limits.items():
                # Documents of others state limits that no value of the type can have, and lengths of enums.
                if not whole.values and not APPLIES_TO[key].isdisjoint(_PLAIN.get(each, each) for each in whole.types):
                    shape.limits.setdefault(key, value)


def _with_base(variant: Object, bases: Iterable[Whole]) -> Object:
    """Return a variant with the members of the union that it belongs to; itself if the union has none of its own."""
    own = {name: parts[0] for base in bases for name, parts in base.properties.items()}
    required = {name for base in bases for name in base.required if name in own}
    if not own:
        return variant
    shared = Object(
        {"properties": Object(own, variant.origin, {}), "required": _array(required, variant)}, variant.origin, {}
    )
    return Object({"allOf": Array([variant, shared], variant.origin, [variant.origin] * 2)}, variant.origin, {})


def _array(values: Iterable[str], near: Object) -> Array:
    listed = sorted(values)
    return Array(listed, near.origin, [near.origin] * len(listed))


def whole_schema(document: Document, schema: Object, above: frozenset[int] = frozenset()) -> Whole:
    """Return a schema with what its references, its `allOf` and its scalar alternatives say.

    `above` are the unions that it is an alternative of, by identity: one inside itself has no more variants.
    """
    whole = Whole(schema.origin)
    _Collector(document, above).collect(schema, whole, inherits=False)
    return whole


class _Collector:
    def __init__(self, document: Document, above: frozenset[int]) -> None:
        self._document = document
        self._above = above
        self._seen: set[int] = set()

    def collect(self, schema: Object, whole: Whole, *, inherits: bool) -> None:
        """Add what a schema says, with its references and its parts. A part of `allOf` inherits from it."""
        if id(schema) in self._seen:
            return
        self._seen.add(id(schema))
        target = self._document.resolve(schema)
        if target is not schema:
            self.collect(target, whole, inherits=inherits)
        _add_values(schema, whole)
        for name, part in members(schema, "properties"):
            whole.properties.setdefault(name, []).append(part)
            whole.types.add("object")
        for key, parts in (("items", whole.items), ("additionalProperties", whole.values_of_map)):
            inner = schema.get(key)
            if isinstance(inner, Object):
                parts.append(inner)
        for part in items(schema, "allOf"):
            self.collect(part, whole, inherits=True)
        if id(schema) not in self._above:
            self._add_alternatives(schema, whole, inherits=inherits)

    def _add_alternatives(self, schema: Object, whole: Whole, *, inherits: bool) -> None:
        """Add the variants of a union, and what its scalar alternatives say. A part of `allOf` has no variants."""
        labels = _labels(schema)
        discriminator = schema.get("discriminator")
        if isinstance(discriminator, Object) and not inherits:
            whole.discriminator = str(discriminator.get("propertyName", ""))
        alternatives = [*items(schema, "oneOf"), *items(schema, "anyOf")]
        if not alternatives and labels and not inherits:
            # OpenAPI 3.0: the base of a hierarchy names its subtypes in the mapping of its discriminator.
            alternatives = [Object({"$ref": reference}, schema.origin, {}) for reference in labels]
        for part in alternatives:
            inner = whole_schema(self._document, part, self._above | {id(schema)})
            if inner.properties or inner.variants:
                label = labels.get(str(part.get("$ref"))) or _constant(self._document, schema, inner)
                whole.variants.setdefault(label, []).append(part)
                whole.types.add("object")
            else:
                whole.types |= inner.types
                whole.values |= inner.values
                whole.open |= bool(inner.types) and not inner.values
                whole.items += inner.items
                whole.values_of_map += inner.values_of_map


def _add_values(schema: Object, whole: Whole) -> None:
    """Add the types, values and limits that a schema states itself."""
    whole.types |= {each for each in texts(schema, "type") if each != "null"}
    if schema.get("format") in _TIMES:
        whole.types = (whole.types - {"string"}) | {str(schema["format"])}
    values = schema.get("enum")
    listed = list(values) if isinstance(values, Array) else [schema["const"]] if "const" in schema else []
    whole.values |= {str(value) for value in listed if value is not None}
    whole.limits |= {key: schema[key] for key in LIMITS if key in schema}
    whole.required |= {*texts(schema, "required")}


def _labels(schema: Object) -> dict[str, str]:
    """Return the values of a discriminator by the references they select."""
    discriminator = schema.get("discriminator")
    mapping = discriminator.get("mapping") if isinstance(discriminator, Object) else None
    return {str(reference): value for value, reference in mapping.items()} if isinstance(mapping, Object) else {}


def _constant(document: Document, union: Object, variant: Whole) -> str:
    """Return the one value of the discriminator that a variant states itself; empty if there is none."""
    discriminator = union.get("discriminator")
    name = discriminator.get("propertyName") if isinstance(discriminator, Object) else None
    for part in variant.properties.get(str(name), ()):
        values = whole_schema(document, part).values
        if len(values) == 1:
            return next(iter(values))
    return ""


def labelled(paths: Iterable[str]) -> Iterator[str]:
    """Yield the unions, by path, whose variants have labels."""
    for path in paths:
        for end, character in enumerate(path):
            if character == "<":
                yield path[:end]
