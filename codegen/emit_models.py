"""Emits the Structs and enums. datamodel-code-generator writes the classes; this module arranges them in modules.

One run generates all classes. They are then split into one module per folder of components/schemas/: enums first, then
request types, then response types, each in the order of the fragments.

A member of a request type takes an enum or one of its texts. msgspec refuses a union of an enum and a `Literal`, so
that only type checkers see one. They also see the TypedDicts, which are loaded on demand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Final

from codegen.document import Object
from codegen.generator import Generated, generate_classes, replace_types
from codegen.ir import ObjectType
from codegen.parse_types import enums_sent, parse_types
from codegen.passes.levels import keep_documented, keep_enforced, without_texts
from codegen.passes.unions import alternatives, is_alternatives, is_union, variants
from codegen.passes.walk import module_of, reachable, schemas
from codegen.render_strict import strict_class
from codegen.render_text import HEADER, USES_DEPRECATED, docstring, literal
from codegen.render_type import dict_name, enum_like

MODELS: Final = "checkout_async._generated.models"
DICTS: Final = "checkout_async._generated.dicts"
STRICT: Final = "checkout_async._generated.strict"
_DOCSTRING: Final = '"""Models of `{}`: enums, then request types, then response types."""'
_STRICT_DOCSTRING: Final = '"""Request types of `{}` with every documented limit, for the level `strict`."""'
_WORD: Final = re.compile(r"[A-Za-z_]\w*")


class Structs:
    """The Structs and enums of a document. One run of the generator makes the models and the strict types."""

    def __init__(self, document: Object) -> None:
        self._document = document
        self._generated = generate_classes(keep_enforced(document))

    def models(self) -> dict[str, str]:
        """Return the model modules by name: every enum and Struct, request types with the enforced limits only."""
        return _models(self._document, self._generated)

    def strict(self) -> dict[str, str]:
        """Return the modules of strict request types by name: the same classes with every documented limit.

        They use the enums of the model modules. A module without request types is left out.
        """
        return _strict(self._document, self._generated)


def emit_models(document: Object) -> dict[str, str]:
    """Return the model modules of a document."""
    return Structs(document).models()


def emit_strict(document: Object) -> dict[str, str]:
    """Return the modules of strict request types of a document."""
    return Structs(document).strict()


def _models(document: Object, generated: Generated) -> dict[str, str]:
    named = dict(schemas(document).objects())
    likes = enums_sent(document)
    statements, imports = with_types(generated, named, likes)
    for name, schema in named.items():
        if is_union(schema) or is_alternatives(schema):
            statements[name] += f"\n{docstring(schema.text('description'), 0)}"
    modules = {name: module_of(schema) for name, schema in named.items()}
    imports |= {name: f"from {MODELS}.{module} import {name}" for name, module in modules.items()}
    imports |= {enum_like(name): f"from {MODELS}.{modules[name]} import {enum_like(name)}" for name in likes}
    return {
        module: _render_module(_DOCSTRING.format(module), module, named, statements, imports, likes)
        for module in sorted({*modules.values()})
    }


def _strict(document: Object, generated: Generated) -> dict[str, str]:
    named = dict(schemas(document).objects())
    sent = {name: schema for name, schema in named.items() if schema.get("x-direction") == "sent"}
    statements, imports = strict_classes(document, generated), dict(generated.imports)
    modules = {name: module_of(schema) for name, schema in named.items()}
    for name, module in modules.items():
        imports[name] = f"from {STRICT if name in sent else MODELS}.{module} import {name}"
    return {
        module: _render_module(_STRICT_DOCSTRING.format(module), module, sent, statements, imports)
        for module in sorted({modules[name] for name in sent})
    }


def strict_classes(document: Object, generated: Generated) -> dict[str, str]:
    """Return the statements with request types that have every documented limit, and no texts."""
    statements = dict(generated.statements)
    for type_ in parse_types(keep_documented(without_texts(document))):
        if isinstance(type_, ObjectType) and type_.direction == "sent":
            statements[type_.name] = strict_class(statements[type_.name], type_, generated.imports)
    return statements


def with_types(
    generated: Generated, named: Mapping[str, Object], likes: Set[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return statements and imports. Request types take the enums of `likes` or their texts."""
    statements, imports = dict(generated.statements), dict(generated.imports)
    # Times without a zone would differ from one machine to the next. In replies the codec reads such a time as UTC.
    times = {name for name, statement in imports.items() if statement.startswith("from datetime import datetime")}
    received = {name: f"Annotated[{name}, Meta(tz=True)]" for name in times}
    sent = received | {name: enum_like(name) for name in likes}
    # A list is invariant: a `list[Scheme]` is no list of enums or texts, but a sequence of them.
    sent |= {f"list[{name}]": f"Sequence[{enum_like(name)}]" for name in likes}
    for name, schema in named.items():
        if "x-direction" in schema:
            replacements = sent if schema["x-direction"] == "sent" else received
            statements[name] = replace_types(statements[name], replacements)
    return statements, imports


def _render_module(
    text: str,
    name: str,
    named: Mapping[str, Object],
    statements: Mapping[str, str],
    imports: Mapping[str, str],
    likes: Set[str] | None = None,
) -> str:
    """Return a module. Without `likes`, those of the enums that requests take by their texts, it is a strict one."""
    members = {member: schema for member, schema in named.items() if module_of(schema) == name}
    reached = reachable(members, named)
    body = [statements[member] for member in _in_order(members)]
    if likes is not None:
        body.insert(sum("enum" in schema for schema in members.values()), _for_checkers(name, reached, named, likes))
    like_names = {enum_like(each) for each in reached & (likes or set())}
    own = {*members, *(enum_like(each) for each in members.keys() & (likes or set()))}
    exported = reached | like_names
    # Words of the texts are among them. The formatter removes the imports that nothing uses.
    used = {word for text in body for word in _WORD.findall(text)}
    lines = {imports[used_name] for used_name in (used | exported) - own if used_name in imports}
    return "\n\n".join(
        [
            f"# {HEADER}\n{USES_DEPRECATED if any('@deprecated(' in text for text in body) else ''}{text}",
            "from __future__ import annotations",
            "\n".join(sorted(lines)),
            f"__all__ = {sorted(exported)!r}",
            *body,
        ]
    )


def _for_checkers(name: str, reached: Set[str], named: Mapping[str, Object], likes: Set[str]) -> str:
    """Return the statement with what differs between type checkers and run time."""
    dicts = sorted(each for each in reached if named[each].get("x-direction") == "sent")
    own = [each for each in named if each in likes and module_of(named[each]) == name]
    checked = [f"from {DICTS}.{name} import {dict_name(each)} as {dict_name(each)}" for each in dicts]
    for each in own:
        texts = ", ".join(map(literal, named[each].texts("enum")))
        checked.append(f"{enum_like(each)}: TypeAlias = {each} | Literal[{texts}]")
    run = [f"{enum_like(each)} = {each}" for each in own]
    run.append("__getattr__ = named_on_demand(__name__)")
    return "\n    ".join(["if TYPE_CHECKING:", *(checked or ["pass"])]) + "\n    ".join(["\nelse:", *run])


def _in_order(members: Mapping[str, Object]) -> Iterator[str]:
    yield from (name for name, schema in members.items() if "enum" in schema)
    yield from _aliases_last([name for name, schema in members.items() if schema.get("x-direction") == "sent"], members)
    yield from (name for name, schema in members.items() if schema.get("x-direction") == "received")


def _aliases_last(names: Iterable[str], members: Mapping[str, Object]) -> Iterator[str]:
    """Yield each alias right after the last class it refers to, because Python evaluates it at its definition."""
    waiting = {name: _variant_names(members[name]) & members.keys() for name in names if _variant_names(members[name])}
    for name in names:
        if name not in waiting:
            yield name
        for alias in [alias for alias, variants_left in waiting.items() if variants_left <= {name}]:
            yield alias
            del waiting[alias]
        for variants_left in waiting.values():
            variants_left.discard(name)


def _variant_names(schema: Object) -> set[str]:
    """Return the classes that an alias refers to; empty if the schema is a class itself."""
    return {*variants(schema).values(), *alternatives(schema)}
