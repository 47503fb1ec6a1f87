"""What the site says of each model: its members, types, limits and an example, read from the package.

The names, types and texts are those of the generated modules; the shapes and the limits those of the bundled document.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal, TypeGuard

import msgspec

import checkout_async
from checkout_async import models
from checkout_async._core.model import OpenEnum, RequestModel
from checkout_async._generated import models as generated
from checkout_async._generated.models import common

DOCUMENT: Final[Mapping[str, Any]] = json.loads(
    (Path(checkout_async.__file__).parent / "_generated" / "openapi.json").read_text(encoding="utf-8")
)
SCHEMAS: Final[Mapping[str, Any]] = DOCUMENT["components"]["schemas"]
APIS: Final = tuple(generated.__all__)
MODULES: Final[Mapping[str, ModuleType]] = {"common": common} | {name: getattr(models, name) for name in APIS}

Kind = Literal["request", "response", "enum", "union"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of a Struct, or a value of an enum. `wire_name` is the API's name or the value."""

    name: str
    wire_name: str
    annotation: str
    required: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A class or a union of a generated module. `tag` is the discriminator of a union's variant, and its value."""

    api: str
    name: str
    kind: Kind
    schema: str
    text: str
    members: tuple[Member, ...] = ()
    tag: tuple[str, str] | None = None
    used_by: list[str] = field(default_factory=list[str])

    @property
    def page(self) -> str:
        """The path of its page."""
        return f"reference/models/{self.api}/{self.name}.md"


@cache
def all_models() -> Mapping[str, Mapping[str, Model]]:
    """Return every model by its API and name."""
    found = {api: {model.name: model for model in _models(api, module)} for api, module in MODULES.items()}
    by_name = {name: model for own in found.values() for name, model in own.items()}
    for model in by_name.values():
        for name in {name for member in model.members for name in names_in(member.annotation)}:
            if name in by_name:
                by_name[name].used_by.append(f"{model.api}.{model.name}")
    return found


def names_in(annotation: str) -> list[str]:
    """Return the names in an annotation, as they stand there."""
    found = [node for node in ast.walk(ast.parse(annotation, mode="eval")) if isinstance(node, ast.Name)]
    return [model_of(node.id) for node in sorted(found, key=lambda node: (node.lineno, node.col_offset))]


def model_of(name: str) -> str:
    """Return the name of the enum that an annotation such as `SchemeLike` is of: the enum, or one of its texts."""
    return name.removesuffix("Like")


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Return whether a value of JSON is an object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Return whether a value of JSON is a list."""
    return isinstance(value, list)


def resolve(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a reference to its schema."""
    while "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _models(api: str, module: ModuleType) -> Iterator[Model]:
    """Yield what a module defines, in the order of its source."""
    body = ast.parse(inspect.getsource(module)).body
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef):
            yield _class(api, getattr(module, node.name), node)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            name, variants = node.target.id, names_in(ast.unparse(node.value))
            members = tuple(
                Member(name=each, wire_name=each, annotation=each, required=True, text=_first(getattr(module, each)))
                for each in variants
            )
            yield Model(api=api, name=name, kind="union", schema=name, text=_text(after), members=members)


def _class(api: str, cls: Any, node: ast.ClassDef) -> Model:
    texts = {
        _target(statement): _text(after)
        for statement, after in zip(node.body, [*node.body[1:], None], strict=True)
        if isinstance(statement, ast.Assign | ast.AnnAssign)
    }
    schema = cls.__name__ if cls.__name__ in SCHEMAS else cls.__name__.removesuffix("Response")
    if issubclass(cls, OpenEnum):
        members = [
            Member(
                name=each.name, wire_name=each.value, annotation="str", required=False, text=texts.get(each.name, "")
            )
            for each in cls
        ]
        kind: Kind = "enum"
    else:
        annotations = {_target(each): each.annotation for each in node.body if isinstance(each, ast.AnnAssign)}
        members = [
            Member(
                name=each.name,
                wire_name=each.encode_name,
                annotation=_plain(annotations[each.name]),
                required=each.required,
                text=texts.get(each.name, ""),
            )
            for each in msgspec.structs.fields(cls)
        ]
        kind = "request" if issubclass(cls, RequestModel) else "response"
    config = getattr(cls, "__struct_config__", None)
    tag = (str(config.tag_field), str(config.tag)) if config is not None and config.tag is not None else None
    text = " ".join((inspect.getdoc(cls) or "").split())
    return Model(api=api, name=cls.__name__, kind=kind, schema=schema, text=text, members=tuple(members), tag=tag)


def _plain(annotation: ast.expr) -> str:
    """Return an annotation without `None`, `UNSET` and the limits, which the text repeats."""
    if isinstance(annotation, ast.BinOp):
        sides = [_plain(annotation.left), _plain(annotation.right)]
        return " | ".join(side for side in sides if side not in {"", "None"})
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Annotated":
        assert isinstance(annotation.slice, ast.Tuple)
        return _plain(annotation.slice.elts[0])
    if isinstance(annotation, ast.Subscript):
        elements = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        return f"{ast.unparse(annotation.value)}[{', '.join(map(_plain, elements))}]"
    return "" if ast.unparse(annotation) == "UnsetType" else ast.unparse(annotation)


def _target(statement: ast.stmt) -> str:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return targets[0].id if isinstance(targets[0], ast.Name) else ""


def _text(statement: ast.stmt | None) -> str:
    """Return the text of a string that stands as a statement."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return " ".join(str(statement.value.value).split())
    return ""


def _first(cls: Any) -> str:
    return " ".join((inspect.getdoc(cls) or "").split())
