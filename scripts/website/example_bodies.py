"""An example of each schema: a part of a documented body where one has it, else made from the schema."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final

import jsonschema_rs
import msgspec

from scripts.website.specification import DOCUMENT, MODULES, SCHEMAS, is_list, is_object, resolve

# What `re` reads a pattern with: type checkers know neither module.
sre: Any = import_module("re._constants")
sre_parser: Any = import_module("re._parser")

_DEPTH: Final = 4
"""How deep optional members of a made example go."""
_AMBIGUOUS: Final = frozenset({"code", "id", "name", "number", "type", "value"})
"""Names of members that mean something else in each schema."""
_ADDRESS: Final = "urn:document"
_FORMATS: Final = {"date-time": "2026-11-28T10:15:00Z", "date": "2026-11-28", "uri": "https://shop.example/done"}


@cache
def examples() -> Mapping[str, Any]:
    """Return an example for each schema by its name: the documented one with the most members."""
    found: dict[str, list[Any]] = {}
    scalars: dict[str, list[Any]] = {}
    for value, schema in documented():
        _collect(value, schema, found)
        _scalars(value, scalars)
    valid = {name: [value for value in found.get(name, ()) if _is_example(name, value)] for name in SCHEMAS}
    return {
        name: max(valid[name], key=_size) if valid[name] else _made(schema, scalars) for name, schema in SCHEMAS.items()
    }


def is_valid(name: str, value: Any) -> bool:
    """Whether a value fits a schema."""
    return _validator(name).is_valid(value)


def _is_example(name: str, value: Any) -> bool:
    """Whether a value fits a schema and its class, which is stricter where the API is known to be inconsistent."""
    classes = [getattr(module, name, None) for module in MODULES.values()]
    try:
        with warnings.catch_warnings(category=DeprecationWarning, action="ignore"):  # an example may have such a member
            for cls in classes:
                if isinstance(cls, type):
                    msgspec.convert(value, cls)
    except msgspec.ValidationError:
        return False
    return is_valid(name, value)


@cache
def _validator(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({"$ref": f"{_ADDRESS}#/components/schemas/{name}"}, registry=_registry())


@cache
def _registry() -> jsonschema_rs.Registry:
    return jsonschema_rs.Registry(
        [(_ADDRESS, {"components": {"schemas": dict(SCHEMAS)}})], draft=jsonschema_rs.Draft202012
    )


def documented() -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """Yield each documented body with its schema."""
    for part in ("paths", "webhooks"):
        for path in DOCUMENT[part].values():
            for operation in path.values():
                if is_object(operation) and "responses" in operation:
                    yield from _bodies(operation.get("requestBody", {}))
                    for response in operation["responses"].values():
                        yield from _bodies(component(response))


def component(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a reference to a component of any kind."""
    while "$ref" in value:
        _, kind, name = value["$ref"].rsplit("/", 2)
        value = DOCUMENT["components"][kind][name]
    return value


def _bodies(described: Mapping[str, Any]) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    for media in described.get("content", {}).values():
        for example in media.get("examples", {}).values():
            yield component(example)["value"], media["schema"]


def _collect(value: Any, schema: Mapping[str, Any], found: dict[str, list[Any]]) -> None:
    """Note which parts of a value are examples of which schema."""
    while "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        found.setdefault(name, []).append(value)
        schema = SCHEMAS[name]
    if is_list(value):
        for item in value:
            _collect(item, schema.get("items", {}), found)
    elif is_object(value):
        if (variant := variant_of(value, schema)) is not None:
            _collect(value, variant, found)
            return
        more = schema.get("additionalProperties")
        for name, item in value.items():
            part = schema.get("properties", {}).get(name, more)
            if is_object(part):
                _collect(item, part, found)


def variant_of(value: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the schema of the variant of a union that a value belongs to; None if it is no union."""
    if "discriminator" in schema:
        named = schema["discriminator"]
        reference = named["mapping"].get(str(value.get(named["propertyName"])))
        return None if reference is None else {"$ref": reference}
    if "anyOf" in schema:
        recognised = schema["x-recognised-by"]
        for reference in schema["anyOf"]:
            if all(member in value for member in recognised[reference["$ref"].rsplit("/", 1)[1]]):
                return dict(reference)
    return None


def _scalars(value: Any, found: dict[str, list[Any]]) -> None:
    """Note which values the documented examples give members of a name."""
    for name, item in value.items() if is_object(value) else ():
        if isinstance(item, str | int | float):
            found.setdefault(name, []).append(item)
        else:
            _scalars(item, found)
    for item in value if is_list(value) else ():
        _scalars(item, found)


def _made(schema: Mapping[str, Any], scalars: Mapping[str, list[Any]], name: str = "", depth: int = 0) -> Any:
    """Make a value that fits a schema."""
    schema = resolve(schema)
    if "oneOf" in schema or "anyOf" in schema:
        return _made(schema.get("oneOf", schema.get("anyOf"))[0], scalars, name, depth)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if is_list(kind):
        kind = next(each for each in kind if each != "null")
    if kind == "object":
        return _object(schema, scalars, depth)
    if kind == "array":
        return [_made(schema["items"], scalars, name, depth + 1)]
    for value in () if name in _AMBIGUOUS else scalars.get(name, ()):
        if _fits(value, schema, kind):
            return value
    return _scalar(schema, kind, name)


def _object(schema: Mapping[str, Any], scalars: Mapping[str, list[Any]], depth: int) -> dict[str, Any]:
    required = schema.get("required", ())
    shown = {
        name: part
        for name, part in schema.get("properties", {}).items()
        if name in required or (depth < _DEPTH and not part.get("deprecated") and not resolve(part).get("deprecated"))
    }
    return {name: _made(part, scalars, name, depth + 1) for name, part in shown.items()}


def _scalar(schema: Mapping[str, Any], kind: str | None, name: str) -> Any:
    if kind == "boolean":
        return True
    if kind in {"integer", "number"}:
        return schema.get("default", max(schema.get("minimum", 1), 1) if schema.get("maximum", 1) >= 1 else 0)
    if "format" in schema and schema["format"] in _FORMATS:
        return _FORMATS[schema["format"]]
    if "pattern" in schema:
        return text_for(schema["pattern"])
    text = name.replace("_", " ")[: schema.get("maxLength", 255)]
    return text.ljust(schema.get("minLength", 0), "a") or "text"


def _fits(value: Any, schema: Mapping[str, Any], kind: str | None) -> bool:
    """Whether a scalar of another example also fits here."""
    if kind == "string":
        within = isinstance(value, str) and schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**6)
        form = schema.get("format")
        matches = within and re.search(schema.get("pattern", ""), value) is not None
        return matches and (form is None or ("T" in str(value)) == (form == "date-time"))
    if isinstance(value, bool):
        return kind == "boolean"
    number = isinstance(value, int) or (kind == "number" and isinstance(value, float))
    return number and schema.get("minimum", value) <= value <= schema.get("maximum", value)


def text_for(pattern: str) -> str:
    """Return a text that matches a pattern of the document."""
    return "".join(_texts(sre_parser.parse(pattern)))


def _texts(parsed: Any) -> Iterator[str]:
    for kind, argument in parsed:
        if kind is sre.LITERAL:
            yield chr(argument)
        elif kind is sre.ANY:
            yield "a"
        elif kind is sre.IN:
            yield _one_of(argument)
        elif kind is sre.SUBPATTERN:
            yield from _texts(argument[-1])
        elif kind is sre.BRANCH:
            yield from _texts(argument[1][0])
        elif kind is sre.MAX_REPEAT:
            least, most, repeated = argument
            yield "".join(_texts(repeated)) * max(int(least), min(1, int(most)) if least else 0)
        elif kind is not sre.AT:
            raise NotImplementedError(f"a pattern with {kind}")


def _one_of(choices: Any) -> str:
    kind, argument = choices[0]
    if kind is sre.LITERAL:
        return chr(argument)
    if kind is sre.RANGE:
        return chr(argument[0])
    return "1" if argument is sre.CATEGORY_DIGIT else "a"


def _size(value: Any) -> int:
    if is_object(value):
        return 1 + sum(map(_size, value.values()))
    return 1 + sum(map(_size, value)) if is_list(value) else 1
