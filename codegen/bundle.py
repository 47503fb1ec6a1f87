"""Bundles the fragments into one document: paths inline, everything else under `#/components/<kind>/<Name>`.

The key of a definition in its file becomes its name in the bundle. A definition that nothing refers to is a problem.
Example bodies (`externalValue`) are read from their files and become `value`.
"""

from __future__ import annotations

import difflib
import json
import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from codegen.diagnostics import Origin, Problems, Stage
from codegen.document import Array, Object
from codegen.load import CURRENCIES, ROOT_FILE

KINDS: Final = {
    "schemas": "schema",
    "parameters": "parameter",
    "responses": "response",
    "headers": "header",
    "securitySchemes": "security scheme",
}

# The values of these keys are maps whose names the author chooses. A name may look like an OpenAPI keyword.
_NAME_MAPS: Final = frozenset(
    [
        "callbacks",
        "content",
        "examples",
        "flows",
        "headers",
        "mapping",
        "paths",
        "properties",
        "responses",
        "variables",
        "webhooks",
    ]
)
# The values of these keys are data, not OpenAPI.
_DATA: Final = frozenset({"const", "default", "enum", "example", "value"})


def bundle(folder: Path, fragments: Mapping[str, Object], problems: Problems, overlay: Path | None = None) -> Object:
    """Return the bundled document. An unresolved reference is reported as a problem and left unchanged.

    An example body is read from the overlay if that has it.
    """
    return _Bundler(folder, fragments, problems, overlay).run()


class _Bundler:
    def __init__(self, folder: Path, fragments: Mapping[str, Object], problems: Problems, overlay: Path | None) -> None:
        self._folder = folder
        self._overlay = overlay
        self._fragments = fragments
        self._problems = problems
        self._used_files: dict[str, None] = {}
        self._used: set[tuple[str, str]] = set()
        self._definitions: dict[tuple[str, str], Object] = {}

    def run(self) -> Object:
        root = self._fragments.get(ROOT_FILE)
        if root is None:
            return Object({}, Origin(f"{self._folder.name}/{ROOT_FILE}", 1), {})
        document = self._members(root, ROOT_FILE)
        self._report_unused()
        self._report_duplicates()
        return root.derive({**document, "components": root.derive(self._components())})

    def _components(self) -> dict[str, object]:
        components: dict[str, object] = {}
        for kind in KINDS:
            files = [file for file in self._used_files if _kind(file) == kind]
            names = [(file, name) for file in files for name in self._fragments[file] if (file, name) in self._used]
            if names:
                origin = self._fragments[names[0][0]].origin
                origins = {name: self._fragments[file].at(name) for file, name in names}
                components[kind] = Object(
                    {name: self._definitions[file, name] for file, name in names}, origin, origins
                )
        return components

    def _value(self, value: object, file: str) -> object:
        if isinstance(value, Array):
            return value.derive(self._value(item, file) for item in value)
        if not isinstance(value, Object):
            return value
        if "$ref" in value:
            return self._reference(value, file)
        if "externalValue" in value:
            return self._example(value, file)
        return value.derive(self._members(value, file))

    def _members(self, value: Object, file: str) -> dict[str, object]:
        return {key: self._member(key, member, value.at(key), file) for key, member in value.items()}

    def _member(self, key: str, member: object, origin: Origin, file: str) -> object:
        if key in _DATA:
            return member
        if key == "mapping" and isinstance(member, Object):
            return member.derive(
                {name: self._resolve_reference(ref, member.at(name), file) for name, ref in member.items()}
            )
        if key in _NAME_MAPS and isinstance(member, Object):
            return member.derive({name: self._value(entry, file) for name, entry in member.items()})
        return self._value(member, file)

    def _reference(self, value: Object, file: str) -> Object:
        target = value["$ref"]
        if isinstance(target, str) and "#" not in target and len(value) == 1:
            return self._inline_file(target, value, file)
        resolved = self._resolve_reference(target, value.at("$ref"), file)
        return value.derive({**value, "$ref": resolved})

    def _inline_file(self, target: str, value: Object, file: str) -> Object:
        path = _resolve_path(file, target)
        if path not in self._fragments or not _is_whole(path):
            self._problems.add(value.at("$ref"), f"unresolved $ref: there is no file {path} in paths/")
            return value
        self._used_files[path] = None
        fragment = self._fragments[path]
        return fragment.derive(self._members(fragment, path))

    def _resolve_reference(self, target: object, origin: Origin, file: str) -> object:
        """Return the reference into the bundle for a reference in a file, and bundle the definition it refers to."""
        path, _, pointer = str(target).partition("#")
        path = _resolve_path(file, path) if path else file
        name = pointer.removeprefix("/")
        kind = _kind(path)
        if path not in self._fragments or kind is None:
            self._problems.add(origin, f"unresolved $ref: there is no file {path} in components/")
        elif name not in self._fragments[path]:
            self._problems.add(
                origin, f"unresolved $ref: {path} does not define '{name}'{_suggestion(name, self._fragments[path])}"
            )
        else:
            self._add_definition(path, name)
            return f"#/components/{kind}/{name}"
        return target

    def _add_definition(self, file: str, name: str) -> None:
        if (file, name) in self._used:
            return
        self._used_files.setdefault(file)
        self._used.add((file, name))
        value = self._fragments[file][name]
        if isinstance(value, Object):
            bundled = self._value(value, file)
            assert isinstance(bundled, Object)
            self._definitions[file, name] = bundled
        else:
            self._problems.add(self._fragments[file].at(name), f"'{name}' must be a mapping")
            self._definitions[file, name] = self._fragments[file].derive({})

    def _example(self, value: Object, file: str) -> Object:
        name = str(value["externalValue"])
        path = self._example_path(_resolve_path(file, name))
        try:
            content: object = json.loads(path.read_bytes())
            # Python reads NaN, numbers beyond its range and lone surrogates; JSON in UTF-8 has none of them.
            json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
        except OSError:
            self._problems.add(value.at("externalValue"), f"unresolved externalValue '{name}': file not found")
        except (ValueError, RecursionError):
            self._problems.add(value.at("externalValue"), f"the example '{name}' is not valid JSON")
        else:
            return value.derive({**value.without("externalValue"), "value": content})
        return value

    def _example_path(self, name: str) -> Path:
        if self._overlay is not None and (self._overlay / name).exists():
            return self._overlay / name
        return self._folder / name

    def _report_unused(self) -> None:
        for file, fragment in self._fragments.items():
            if _is_whole(file) and file not in self._used_files:
                self._problems.add(fragment.origin, f"unused file: {ROOT_FILE} does not refer to it", Stage.UNUSED)
            for name in fragment if file.startswith("components/") else ():
                if (file, name) not in self._used:
                    kind = KINDS.get(_kind(file) or "", "definition")
                    message = f"unused {kind} '{name}': nothing refers to it"
                    self._problems.add(fragment.at(name), message, Stage.UNUSED)

    def _report_duplicates(self) -> None:
        first: dict[tuple[str, str], Origin] = {}
        for file, name in sorted(self._used):
            key, origin = (_kind(file) or "", name), self._fragments[file].at(name)
            if key in first:
                self._problems.add(origin, f"duplicate {KINDS[key[0]]} '{name}', also defined at {first[key]}")
            first.setdefault(key, origin)


def _suggestion(name: str, defined: Object) -> str:
    close = difflib.get_close_matches(name, defined, n=1, cutoff=0.75)
    return f"; did you mean '{close[0]}'?" if close else ""


def _resolve_path(file: str, reference: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), reference))


def _is_whole(file: str) -> bool:
    """Return whether a file is referred to as a whole, and not by the names in it."""
    return file.startswith("paths/") or file == CURRENCIES


def _kind(file: str) -> str | None:
    folders = file.split("/")
    return folders[1] if folders[0] == "components" and len(folders) > 2 and folders[1] in KINDS else None
