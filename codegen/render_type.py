"""Renders the types of the intermediate representation as annotations: of a Struct, and of a TypedDict.

The Structs themselves come from datamodel-code-generator. A test compares what it writes with `struct_annotation`, so
that another version of it shows what it changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from codegen.ir import Member, MemberType, ObjectType
from codegen.render_text import literal

DICT: Final = "Dict"
LIKE: Final = "Like"
# JSON has no times. A mapping that was read from JSON has them as texts.
_AS_TEXT: Final = {"date": ("date", "str"), "datetime": ("datetime", "str")}


def struct_annotation(member: Member, direction: str, *, likes: bool) -> str:
    """Return the annotation of a member of a Struct. With `likes`, a request takes the texts of enums."""
    types = [_struct_type(each, likes=likes and direction == "sent") for each in member.types]
    types += ["None"] if member.nullable else []
    if not member.required:
        types += ["None"] if direction == "received" else ["UnsetType"] if member.nullable else ["UnsetType", "None"]
    return " | ".join(types)


def _struct_type(type_: MemberType, *, likes: bool) -> str:
    items = " | ".join(_struct_type(each, likes=likes) for each in type_.items)
    text = {"list": f"list[{items}]", "dict": f"dict[str, {items}]"}.get(type_.kind, type_.name)
    if likes and type_.kind == "enum":
        text = enum_like(type_.name)
    if likes and type_.kind == "list" and [each.kind for each in type_.items] == ["enum"]:
        text = f"Sequence[{items}]"
    limits = [*type_.limits, ("tz", True)] if type_.name == "datetime" else type_.limits
    shown = ((name, float(value) if type_.name == "float" else value) for name, value in sorted(limits))
    meta = ", ".join(f"{name}={literal(value)}" for name, value in shown)
    return f"Annotated[{text}, Meta({meta})]" if meta else text


def enum_like(name: str) -> str:
    """Return the name of the alias for an enum or one of its texts."""
    return f"{name}{LIKE}"


def dict_name(name: str) -> str:
    """Return the name of the TypedDict beside a Struct, or of the alias beside a union."""
    return f"{name}{DICT}"


def dict_annotation(member: Member) -> str:
    """Return the annotation of a member of a TypedDict. None leaves an optional member out."""
    types = list(dict.fromkeys(text for each in member.types for text in _dict_types(each)))
    types += [] if member.required and not member.nullable else ["None"]
    text = " | ".join(types)
    return text if member.required else f"NotRequired[{text}]"


def _dict_types(type_: MemberType) -> tuple[str, ...]:
    """Return the types that a value in a mapping may have: what JSON has, or what a Struct takes in its place."""
    items = list(dict.fromkeys(text for each in type_.items for text in _dict_types(each)))
    joined = " | ".join(items)
    match type_.kind:
        case "list":
            # A text is a sequence of texts, too, and would pass for a list of them.
            return (f"list[{joined}]" if "str" in items else f"Sequence[{joined}]",)
        case "dict":
            return (f"Mapping[str, {joined}]",)
        case "enum":
            return (enum_like(type_.name),)
        case "class" | "union":
            return (type_.name, dict_name(type_.name))
        case "any":
            return ("object",)
        case "literal":
            return (f"Literal[{literal(type_.value)}]",)
        case _:
            return _AS_TEXT.get(type_.name, (type_.name,))


def types_of(objects: Iterable[ObjectType]) -> set[tuple[str, str]]:
    """Return kind and name of each enum, class and union that members of these objects refer to."""
    waiting = [type_ for each in objects for member in each.members for type_ in member.types]
    found: set[tuple[str, str]] = set()
    while waiting:
        type_ = waiting.pop()
        waiting += type_.items
        if type_.kind in {"enum", "class", "union"}:
            found.add((type_.kind, type_.name))
    return found
