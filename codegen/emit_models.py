"""Emits the Structs and enums. datamodel-code-generator writes the classes; this module arranges them in modules.

One run generates all classes. They are then split into one module per folder of components/schemas/: enums first, then
request types, then response types, each in the order of the fragments.

A member of a request type takes an enum or one of its texts. msgspec refuses a union of an enum and a `Literal`, so
that only type checkers see one. They also see the TypedDicts, which are loaded on demand.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from datamodel_code_generator import DatetimeClassType, InputFileType, PythonVersion, generate
from datamodel_code_generator.enums import DataModelType
from datamodel_code_generator.format import Formatter

from codegen.diagnostics import CompilerError, Origin, Problems
from codegen.document import Object
from codegen.generator_input import GeneratorInput, prepare_input
from codegen.ir import ObjectType
from codegen.parse_types import enums_sent, parse_types
from codegen.passes.levels import keep_documented, keep_enforced, without_texts
from codegen.passes.unions import alternatives, is_alternatives, is_union, variants
from codegen.passes.walk import module_of, references, schemas
from codegen.render_strict import strict_class
from codegen.render_text import HEADER, USES_DEPRECATED, docstring, literal
from codegen.render_type import dict_name, enum_like

MODELS: Final = "checkout_async._generated.models"
DICTS: Final = "checkout_async._generated.dicts"
STRICT: Final = "checkout_async._generated.strict"
_TEMPLATES: Final = Path(__file__).parent / "templates" / "models"
_DOCSTRING: Final = '"""Models of `{}`: enums, then request types, then response types."""'
_STRICT_DOCSTRING: Final = '"""Request types of `{}` with every documented limit, for the level `strict`."""'
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_IMPORTS: Final = {
    "Annotated": "from typing import Annotated",
    "ClassVar": "from typing import ClassVar",
    "FormerNames": "from checkout_async._core.former_names import FormerNames",
    "Literal": "from typing import Literal",
    "Mapping": "from collections.abc import Mapping",
    "Meta": "from msgspec import Meta",
    "OpenEnum": "from checkout_async._core.model import OpenEnum",
    "Sequence": "from collections.abc import Sequence",
    "TYPE_CHECKING": "from typing import TYPE_CHECKING",
    "TypeAlias": "from typing import TypeAlias",
    "UNSET": "from msgspec import UNSET",
    "deprecated": "from checkout_async._core.deprecation import deprecated",
    "named_on_demand": "from checkout_async._core.model import named_on_demand",
    "read_former": "from checkout_async._core.former_names import read_former",
    "warn_deprecated": "from checkout_async._core.deprecation import warn_deprecated",
    "msgspec": "import msgspec",
}


class GeneratorError(CompilerError):
    """datamodel-code-generator wrote unexpected code."""


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


class Generated(NamedTuple):
    """What the generator wrote: the source of each class and alias, and the import statement of each imported name."""

    statements: dict[str, str]
    imports: dict[str, str]


def generate_classes(document: Object) -> Generated:
    """Return what the generator writes, with the aliases of alternatives."""
    named = dict(schemas(document).objects())
    prepared = prepare_input(document)
    aliases = {name: schema for name, schema in named.items() if is_alternatives(schema)}
    statements, imports = split_module(_run_generator(prepared, named), named.keys() - aliases.keys(), prepared.inline)
    for name, schema in aliases.items():
        statements[name] = f"{name}: TypeAlias = {' | '.join(alternatives(schema))}"
    return Generated(statements, imports)


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
            statements[name] = _replace_types(statements[name], replacements)
    return statements, imports


def _run_generator(prepared: GeneratorInput, named: Mapping[str, Object]) -> str:
    """Return what the generator writes. Raises SpecificationError if it warns: it did something else than was meant."""
    source, warned = _generate(prepared)
    problems = Problems()
    for message in warned:
        for origin, subject in _blame(message, prepared, named):
            problems.add(origin, f"{subject}: datamodel-code-generator warns: {message}")
    problems.stop_if_any()
    return source


def _blame(message: str, prepared: GeneratorInput, named: Mapping[str, Object]) -> Iterator[tuple[Origin, str]]:
    """Yield place and name of each schema that the warning is about: it comes for it, and for no schema inside it."""
    every: dict[str, object] = prepared.definitions["$defs"]
    inside = {name: reachable([name], named) for name in named if name in every}
    warned: set[str] = set()
    for name, found in inside.items():
        part = {key: value for key, value in every.items() if key in found or key in prepared.inline}
        if message in _generate(replace(prepared, definitions={"$defs": part}))[1]:
            warned.add(name)
    first = {name for name in warned if not warned & (inside[name] - {name})}
    yield from ((named[name].origin, f"schema '{name}'") for name in first or warned)
    if not warned:
        yield next(iter(named.values())).origin, "the schemas"


def _generate(prepared: GeneratorInput) -> tuple[str, list[str]]:
    """Run the generator. Return what it writes and the texts of its warnings."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        source = _call_generator(prepared)
    return source, [str(each.message) for each in warned]


def _call_generator(prepared: GeneratorInput) -> str:
    result = generate(
        prepared.definitions,
        input_file_type=InputFileType.JsonSchema,
        output_model_type=DataModelType.MsgspecStruct,
        target_python_version=PythonVersion.PY_311,
        custom_template_dir=_TEMPLATES,
        extra_template_data=defaultdict(dict[str, Any], prepared.template_data),
        formatters=[Formatter.BUILTIN],
        disable_timestamp=True,
        keep_model_order=True,
        keyword_only=True,
        output_datetime_class=DatetimeClassType.Datetime,
        skip_root_model=True,
        use_annotated=True,
        use_msgspec_tagged_unions=True,
        use_specialized_enum=True,
        use_standard_collections=True,
        use_union_operator=True,
    )
    if not isinstance(result, str):
        raise GeneratorError("datamodel-code-generator did not return one module")
    return result


def split_module(source: str, expected: Set[str], inline: frozenset[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Split a module into the source of each class and alias, and the import statement of each imported name."""
    statements: dict[str, str] = {}
    imports = dict(_IMPORTS)
    lines = source.split("\n")
    for node in ast.parse(source).body:
        text = _source_of(node, lines)
        if isinstance(node, ast.ImportFrom):
            imports |= {
                alias.asname or alias.name: f"from {node.module} import {ast.unparse(alias)}" for alias in node.names
            }
        elif (name := _defined_name(node)) in expected | inline:
            statements[name] = text
        else:
            raise GeneratorError(f"datamodel-code-generator wrote an unexpected statement: {text.splitlines()[0]}")
    if missing := (expected | inline) - statements.keys():
        raise GeneratorError(f"datamodel-code-generator left out {', '.join(sorted(missing))}")
    definitions = {name: statements[name].partition(" = ")[2] for name in inline}
    return {name: _inline_aliases(statements[name], definitions) for name in expected}, imports


def _source_of(node: ast.stmt, lines: list[str]) -> str:
    """Return the source of a statement. `ast.get_source_segment` splits the whole module at each call."""
    first = min((each.lineno for each in getattr(node, "decorator_list", ())), default=node.lineno)
    return "\n".join(lines[first - 1 : node.end_lineno])


def _defined_name(node: ast.stmt) -> str:
    """Return the name of the class or alias that a statement defines."""
    if isinstance(node, ast.ClassDef):
        return node.name
    return node.target.id if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else ""


def _inline_aliases(source: str, aliases: Mapping[str, str]) -> str:
    """Replace each use of an alias with its definition; a definition may use other aliases."""
    inlined = _replace_types(source, aliases)
    return source if inlined == source else _inline_aliases(inlined, aliases)


def _replace_types(source: str, replacements: Mapping[str, str]) -> str:
    """Replace names, and lists of a name, in the annotations of a class or in the value of an alias."""
    if not any(name in source for name in replacements):
        return source  # to parse it would cost more than all else here
    annotations = [node.annotation for node in ast.walk(ast.parse(source)) if isinstance(node, ast.AnnAssign)]
    found = [each for annotation in annotations for each in _find_types(annotation, replacements)]
    lines = source.split("\n")
    for node, replacement in sorted(found, key=lambda each: (each[0].lineno, each[0].col_offset), reverse=True):
        # ast counts columns in UTF-8 bytes.
        line = lines[node.lineno - 1].encode()
        lines[node.lineno - 1] = (line[: node.col_offset] + replacement.encode() + line[node.end_col_offset :]).decode()
    return "\n".join(lines)


def _find_types(node: ast.AST, replacements: Mapping[str, str]) -> Iterator[tuple[ast.expr, str]]:
    """Yield the outermost parts of an annotation that have a replacement."""
    match node:
        case ast.Name(id=name) if name in replacements:
            yield node, replacements[name]
        case ast.Subscript(value=ast.Name(id="list"), slice=ast.Name(id=name)) if f"list[{name}]" in replacements:
            yield node, replacements[f"list[{name}]"]
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _find_types(child, replacements)


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


def reachable(members: Iterable[str], named: Mapping[str, Object]) -> set[str]:
    """Return the members and every schema they refer to, directly or not: the names their module exports."""
    found: set[str] = set()
    waiting = list(members)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [reference for reference in references(named[name]) if reference in named]
    return found


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
