"""Reads any OpenAPI 3.0 or 3.1 document in one file, JSON or YAML, with its lines, and follows its references.

Nothing is checked but that it can be read: documents of others have anchors, tabs in JSON, unknown keywords.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import referencing.exceptions
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from codegen.diagnostics import Origin, Problem, Problems, SpecificationError
from codegen.document import EMPTY, Array, Object
from codegen.load import parse_text
from codegen.passes.walk import METHODS

_VERSIONS: Final = ("3.0", "3.1")


class Endpoint(NamedTuple):
    """An operation of a document: its method, its path, its path item and what it says."""

    method: str
    path: str
    item: Object
    operation: Object


class Document:
    """A document with its references. A reference that leads nowhere, or out of the file, leads to an empty schema."""

    def __init__(self, root: Object) -> None:
        self.root = root
        resource: Resource[Any] = DRAFT202012.create_resource(root)
        registry: Registry[Any] = Registry()
        self._resolver = registry.with_resource("", resource).resolver()
        self.unresolved: dict[str, Origin] = {}

    def resolve(self, value: Object) -> Object:
        """Return what a chain of references leads to, or the object itself."""
        seen: set[str] = set()
        while isinstance(reference := value.get("$ref"), str):
            if reference in seen:
                return EMPTY
            seen.add(reference)
            value = self._look_up(reference, value)
        return value

    def _look_up(self, reference: str, value: Object) -> Object:
        try:
            found: object = self._resolver.lookup(reference).contents
        except (referencing.exceptions.Unresolvable, ValueError):
            found = None
        if isinstance(found, Object):
            return found
        self.unresolved.setdefault(reference, value.at("$ref"))
        return EMPTY

    @property
    def title(self) -> str:
        """Its title and its version."""
        info = self.root.get("info")
        return f"{info.get('title')} {info.get('version')}" if isinstance(info, Object) else ""

    def endpoints(self) -> Iterator[Endpoint]:
        """Yield the operations in the order of the document."""
        for path, item in members(self.root, "paths"):
            resolved = self.resolve(item)
            for method, operation in resolved.items():
                if method in METHODS and isinstance(operation, Object):
                    yield Endpoint(method, path, resolved, operation)


def read_document(path: Path) -> Document:
    """Return the document in a file. Raises SpecificationError if it is no OpenAPI 3.0 or 3.1, and OSError."""
    root = parse_text(_read_text(path), path.name, Problems())
    version = str(root.get("openapi", root.get("swagger", "none"))) if isinstance(root, Object) else "none"
    if not isinstance(root, Object) or not version.startswith(_VERSIONS):
        message = f"not an OpenAPI document of version 3.0 or 3.1: its version is {version}"
        raise SpecificationError((Problem(Origin(path.name, 1), message),))
    _check_paths(root)
    return Document(root)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        message = f"not UTF-8 text, from the byte 0x{error.object[error.start]:02X} on: save the file as UTF-8"
        raise SpecificationError((Problem(Origin(path.name, line), message),)) from None


def _check_paths(root: Object) -> None:
    """Raise SpecificationError if a path cannot be compared: urlsplit refuses some that begin with two slashes."""
    problems = Problems()
    for path, _ in members(root, "paths"):
        try:
            normal_path(path)
        except ValueError as error:
            message = f"path '{path}' is not the path of a URL ({error}): correct it, or remove it from a copy"
            problems.add(root.object("paths").at(path), message)
    problems.stop_if_any()


def members(holder: Object, key: str) -> Iterator[tuple[str, Object]]:
    """Yield the objects in a mapping under a key; nothing if it is something else."""
    value = holder.get(key)
    if isinstance(value, Object):
        yield from value.objects()


def items(holder: Object, key: str) -> Iterator[Object]:
    """Yield the objects in a list under a key; nothing if it is something else."""
    value = holder.get(key)
    if isinstance(value, Array):
        yield from value.objects()


def texts(holder: Object, key: str) -> list[str]:
    """Return the strings in a list under a key, or the one string under it."""
    value = holder.get(key)
    found = list(value) if isinstance(value, Array) else [value]
    return [each for each in found if isinstance(each, str)]


def normal_path(path: str) -> tuple[str, ...]:
    """Return the segments of a path without the names of its parameters."""
    segments = urlsplit(path).path.strip("/").split("/")
    return tuple("{}" if segment.startswith("{") else segment.lower() for segment in segments)
