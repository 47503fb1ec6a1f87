"""Loads the fragments: YAML 1.2 (core schema) to values that keep their file and line.

`Y`, `no`, `on` and dates are strings. Duplicate keys are refused. Anchors and tags are refused too: a fragment refers
to another with $ref.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import yaml

from codegen.diagnostics import Origin, Problem, Problems, SpecificationError
from codegen.document import Array, Object

ROOT_FILE: Final = "openapi.yaml"
SNAPSHOT: Final = "contract.json"
"""What the fragments promise, as a person accepted it."""
DECISIONS: Final = "decisions.yaml"
"""What was chosen where sources disagree."""
CURRENCIES: Final = "currencies.yaml"
"""How amounts are counted. The root refers to it."""
_BESIDE: Final = (SNAPSHOT, DECISIONS, "redocly.yaml")
_PLACES: Final = (
    "fragments are .yaml files in paths/ and components/, example bodies .json files in examples/, and texts README.md"
)

# YAML 1.2.2 section 10.3.2.
_PLAIN_SCALARS: Final[tuple[tuple[re.Pattern[str], Callable[[str], object]], ...]] = (
    (re.compile(r"~|null|Null|NULL|"), lambda text: None),
    (re.compile(r"true|True|TRUE"), lambda text: True),
    (re.compile(r"false|False|FALSE"), lambda text: False),
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+"), lambda text: int(text, 0)),
    (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"), lambda text: float(text.replace(".", ""))),
)
# msgspec's limits are signed and add 1 to an exclusive one.
_INTEGERS: Final = range(-(2**63) + 1, 2**63 - 1)
# Control characters but tab and line feed, and surrogates, which UTF-8 cannot encode.
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_TAGS: Final = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str"))


def fragment_paths(folder: Path) -> list[Path]:
    """Return the paths of the fragments of a folder: the root, the currencies, paths and components, each sorted."""
    currencies = [path for path in [folder / CURRENCIES] if path.exists()]
    paths, components = (sorted(folder.glob(each)) for each in ("paths/**/*.yaml", "components/*/**/*.yaml"))
    return [folder / ROOT_FILE, *currencies, *paths, *components]


def load_fragments(folder: Path, problems: Problems) -> dict[str, Object]:
    """Read every fragment of a folder. Keys are paths relative to it, in sorted order."""
    return _load_all(folder, fragment_paths(folder), folder.name, problems)


def load_overlay(folder: Path, label: str, problems: Problems) -> dict[str, Object]:
    """Read the fragments of an overlay, which need not have a root. `label` is its name in reports."""
    paths = [path for path in fragment_paths(folder) if path.exists()]
    if not paths:
        problems.add(Origin(label, 1), f"the overlay has no fragment: {_PLACES}")
    return _load_all(folder, paths, label, problems)


def _load_all(folder: Path, paths: Iterable[Path], label: str, problems: Problems) -> dict[str, Object]:
    _report_strays(folder, label, problems)
    fragments: dict[str, Object] = {}
    for path in paths:
        name = path.relative_to(folder).as_posix()
        value = _load(path, f"{label}/{name}", problems)
        if value is not None:
            fragments[name] = value
    return fragments


def load_file(path: Path, file: str, problems: Problems) -> Object | None:
    """Read one YAML file of our own by the rules of fragments. `file` is its name in reports."""
    return _load(path, file, problems)


def load_bundle(path: Path, problems: Problems) -> Object:
    """Read a whole document from one file. JSON is YAML, so it keeps its lines, too."""
    return _load(path, path.name, problems) or Object({}, Origin(path.name, 1), {})


def parse_text(text: str, file: str, problems: Problems) -> object:
    """Read the text of a document of others. Anchors are followed, tags ignored; of equal keys the first counts.

    Raises SpecificationError if it is not valid YAML, which JSON is.
    """
    if text.lstrip().startswith("{"):
        text = text.replace("\t", " ")  # between the tokens of JSON; inside its strings no tab may stand
    try:
        node = _compose(text)
        return _TolerantConverter(file, problems).value(node) if node else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        reason = error.problem if isinstance(error, yaml.MarkedYAMLError) else str(error)
        raise SpecificationError(
            (Problem(Origin(file, mark.line + 1 if mark else 1), f"not valid YAML: {reason}"),)
        ) from None


def _report_strays(folder: Path, label: str, problems: Problems) -> None:
    """Report the files that no run would read, because of their name or their place. Hidden files are left out."""
    read = {*fragment_paths(folder), *folder.glob("examples/**/*.json"), *(folder / name for name in _BESIDE)}
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_dir() or hidden or path in read or path.name == "README.md":
            continue
        origin = Origin(f"{label}/{path.relative_to(folder).as_posix()}", 1)
        if path.suffix in {".yml", ".YAML", ".YML"}:
            problems.add(origin, "a fragment ends in .yaml: rename the file, or it is not read")
        else:
            problems.add(origin, f"stray file, which is not read: {_PLACES}")


def _load(path: Path, file: str, problems: Problems) -> Object | None:
    start = Origin(file, 1)
    try:
        node = _compose(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.add(start, "file not found")
    except (UnicodeDecodeError, yaml.reader.ReaderError):
        problems.add(start, "the file must be UTF-8 text without control characters")
    except (ValueError, OverflowError):
        problems.add(start, "not valid YAML: an escape stands for no character")
    except RecursionError:
        problems.add(start, "not valid YAML: nested too deeply")
    except OSError as error:
        problems.add(start, f"the file cannot be read: {error.strerror}")
    except yaml.MarkedYAMLError as error:
        reason = ", ".join(filter(None, (error.context, error.problem)))
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problems.add(Origin(file, line), f"not valid YAML: {reason}")
    else:
        value = _convert(node, file, problems) if node else None
        if isinstance(value, Object):
            return value
        problems.add(start, "a fragment must be a mapping")
    return None


def _compose(text: str) -> yaml.Node | None:
    """Return the root node of a text. A base loader keeps scalars as strings, so that no rule of YAML 1.1 applies.

    libyaml is ten times as fast. What it refuses is read again by the loader in Python, which explains it better. The
    loader in Python also reads texts with tabs: it refuses them in more places, and not every machine has libyaml.
    """
    if "\t" not in text:
        with contextlib.suppress(AttributeError, ValueError, yaml.YAMLError):
            return yaml.CBaseLoader(text).get_single_node()
    return yaml.BaseLoader(text).get_single_node()


def _convert(node: yaml.Node, file: str, problems: Problems) -> object:
    try:
        return _NodeConverter(file, problems).value(node)
    except RecursionError:
        problems.add(Origin(file, 1), "not valid YAML: nested too deeply")
        return Object({}, Origin(file, 1), {})


class _NodeConverter:
    """Converts the YAML nodes of one file to values."""

    def __init__(self, file: str, problems: Problems) -> None:
        self._file = file
        self._problems = problems
        self._seen: set[int] = set()

    def value(self, node: yaml.Node) -> object:
        if id(node) in self._seen:
            self._problems.add(self._origin(node), "anchors are not supported; use $ref")
            return None
        self._seen.add(id(node))
        if node.tag not in _TAGS:
            self._problems.add(self._origin(node), f"tags such as {node.tag} are not supported")
        if isinstance(node, yaml.MappingNode):
            return self._object(node)
        if isinstance(node, yaml.SequenceNode):
            items: list[yaml.Node] = node.value
            return Array(map(self.value, items), self._origin(node), map(self._origin, items))
        return self._scalar(node)

    def _scalar(self, node: yaml.Node) -> object:
        text = self._text(node)
        if isinstance(node, yaml.ScalarNode) and not node.style:  # None in Python, "" in libyaml
            for pattern, read in _PLAIN_SCALARS:
                if pattern.fullmatch(text):
                    return self._number(node, read)
        return text

    def _text(self, node: yaml.Node) -> str:
        text = str(node.value)
        if found := _FORBIDDEN.search(text):
            self._problems.add(self._origin(node), f"the character U+{ord(found[0]):04X} is not supported in a text")
            return _FORBIDDEN.sub("?", text)
        return text

    def _number(self, node: yaml.Node, read: Callable[[str], object]) -> object:
        """Return what a plain scalar stands for. Python refuses to read an integer of several thousand digits."""
        try:
            value = read(str(node.value))
        except ValueError:
            value = _INTEGERS.stop
        if isinstance(value, float) and not math.isfinite(value):
            self._problems.add(self._origin(node), "a number must be finite")
            return 0.0
        if isinstance(value, int) and value not in _INTEGERS:
            self._problems.add(self._origin(node), "an integer must fit in 64 bits with a sign")
            return 0
        return value

    def _origin(self, node: yaml.Node) -> Origin:
        return Origin(self._file, node.start_mark.line + 1)

    def _object(self, node: yaml.MappingNode) -> Object:
        members: dict[str, object] = {}
        origins: dict[str, Origin] = {}
        pairs: list[tuple[yaml.Node, yaml.Node]] = node.value
        repeated: list[tuple[Origin, str]] = []
        for key_node, value_node in pairs:
            key = self._text(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self._problems.add(self._origin(key_node), "a key must be a string")
            elif key in members:
                repeated.append((self._origin(key_node), f"duplicate key '{key}', first on line {origins[key].line}"))
            else:
                members[key], origins[key] = self.value(value_node), self._origin(key_node)
        for origin, message in repeated[:1]:
            # Several come of one cause: the line that would begin another mapping is missing.
            more = f", and {len(repeated) - 1} more after it" if len(repeated) > 1 else ""
            self._problems.add(origin, message + more)
        return Object(members, self._origin(node), origins)


class _TolerantConverter(_NodeConverter):
    """Converts a document that others wrote. What an anchor stands for is converted once, and used at each place."""

    def __init__(self, file: str, problems: Problems) -> None:
        super().__init__(file, problems)
        self._values: dict[int, object] = {}

    def value(self, node: yaml.Node) -> object:
        if id(node) not in self._seen:
            self._values[id(node)] = super().value(node)
        return self._values.get(id(node))  # None for an anchor inside what it stands for
