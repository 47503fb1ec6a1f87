"""Merges an overlay into the fragments: private additions, or corrections, in files of the same names.

A mapping is merged by key, and a list of named things, such as tags, by name. Anything else replaces what was there,
and `null` removes it. What comes of the overlay keeps its own file and line.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from codegen.diagnostics import Origin, Problems
from codegen.document import Array, Object
from codegen.keywords import NOT_SENSITIVE
from codegen.load import load_overlay

_MASK: Final = "x-sensitive"


def add_overlay(folder: Path, overlay: Path, fragments: Mapping[str, Object], problems: Problems) -> dict[str, Object]:
    """Return the fragments of a folder with those of an overlay merged into them, sorted as those of one folder."""
    added = load_overlay(overlay, overlay_label(folder, overlay), problems)
    merged = {name: _merge(fragments[name], each, problems) for name, each in added.items() if name in fragments}
    every = {**fragments, **added, **merged}
    first = list(fragments)[:1]  # the root
    return {name: every[name] for name in [*first, *sorted(every.keys() - first, key=_place)]}


def overlay_label(folder: Path, overlay: Path) -> str:
    """Return what reports call an overlay: its name, marked if the folder of the fragments has the same."""
    return overlay.name if overlay.name != folder.name else f"{overlay.name} (overlay)"


def _place(name: str) -> tuple[bool, str]:
    return name.startswith("components/"), name


def _merge(base: Object, over: Object, problems: Problems) -> Object:
    members: dict[str, object] = dict(base)
    origins = dict(base.origins)
    for key, value in over.items():
        if value is None:
            _remove(key, members, over.at(key), problems)
        elif key in members and (both := _merge_values(members[key], value, problems)) is not None:
            members[key] = both
        else:
            members[key], origins[key] = value, over.at(key)
    return Object(members, base.origin, origins)


def _merge_values(base: object, over: object, problems: Problems) -> object:
    """Return two values as one; None if the second replaces the first."""
    if isinstance(base, Object) and isinstance(over, Object):
        return _merge(base, over, problems)
    if isinstance(base, Array) and isinstance(over, Array):
        return _merge_lists(base, over, problems)
    return None


def _remove(key: str, members: dict[str, object], origin: Origin, problems: Problems) -> None:
    if key == _MASK and key in members:
        problems.add(origin, f"null removes {_MASK}: write `{_MASK}: {NOT_SENSITIVE}` if the value may show in logs")
    elif key in members:
        del members[key]
    else:
        problems.add(origin, f"null removes '{key}', which the fragments do not have: delete this line")


def _merge_lists(base: Array, over: Array, problems: Problems) -> Array | None:
    """Return two lists of named things as one; None if they are others."""
    names = [_names(each) for each in (base, over)]
    if names[0] is None or names[1] is None:
        return None
    items = dict(zip(names[0], zip(base, base.origins, strict=True), strict=True))
    for name, item, origin in zip(names[1], over, over.origins, strict=True):
        old = items.get(name)
        items[name] = (_merge_values(old[0], item, problems), old[1]) if old else (item, origin)
    return Array((item for item, _ in items.values()), base.origin, (origin for _, origin in items.values()))


def _names(items: Array) -> list[str] | None:
    """Return the names of the things in a list; None unless each thing has one of its own."""
    names = [each.get("name") for each in items.objects()]
    texts = [each for each in names if isinstance(each, str)]
    return texts if len(texts) == len(items) == len({*texts}) else None
