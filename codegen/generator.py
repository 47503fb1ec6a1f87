"""Runs datamodel-code-generator, and splits what it writes into classes and aliases. One run makes all of them."""

from __future__ import annotations

import ast
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from datamodel_code_generator import DatetimeClassType, InputFileType, PythonVersion, generate
from datamodel_code_generator.enums import DataModelType
from datamodel_code_generator.format import Formatter

from codegen.diagnostics import CompilerError, Origin, Problems
from codegen.document import Object
from codegen.generator_input import GeneratorInput, prepare_input
from codegen.passes.unions import alternatives, is_alternatives
from codegen.passes.walk import reachable, schemas

_TEMPLATES: Final = Path(__file__).parent / "templates" / "models"
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
    inlined = replace_types(source, aliases)
    return source if inlined == source else _inline_aliases(inlined, aliases)


def replace_types(source: str, replacements: Mapping[str, str]) -> str:
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
