"""Check that a document uses only known keywords, each with a value of the right shape.

Returns the document without the offending members, so that later checks can rely on the shape of what is left.
"""

from __future__ import annotations

import difflib

from codegen.diagnostics import Origin, Problems
from codegen.document import Array, Object
from codegen.vocabulary import VOCABULARY, Shape

_MISFIT = object()
_NAMES = {"text": "text", "bool": "true or false", "int": "an integer", "number": "a number", "texts": "a list of text"}


def well_shaped(document: Object, problems: Problems) -> Object:
    """Report unknown keywords and misshapen values; return the document without them."""
    return _Shaper(problems).members(document, "root")


class _Shaper:
    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def members(self, value: Object, kind: str) -> Object:
        known = VOCABULARY[kind]
        kept: dict[str, object] = {}
        for key, member in value.items():
            shape = known.get(key) or known.get("*")
            if shape is None:
                article = "an" if kind[0] in "aeio" else "a"
                message = f"unknown keyword '{key}' in {article} {kind}{_suggestion(key, known)}"
                self._problems.add(value.at(key), message)
                continue
            shaped = self._shaped(member, shape, f"'{key}'", value.at(key))
            if shaped is not _MISFIT:
                kept[key] = shaped
        return value.derive(kept)

    def _shaped(self, value: object, shape: Shape, what: str, origin: Origin) -> object:
        if shape == "data":
            return value
        if shape.startswith("{"):
            return self._mapping(value, shape[1:-1], what, origin)
        if shape.startswith("["):
            return self._list(value, shape[1:-1], what, origin)
        if shape in VOCABULARY:
            return self.members(value, shape) if isinstance(value, Object) else self._misfit(what, "a mapping", origin)
        if shape == "type":
            shape = "texts" if isinstance(value, Array) else "text"
        return value if _fits(value, shape) else self._misfit(what, _NAMES[shape], origin)

    def _mapping(self, value: object, shape: Shape, what: str, origin: Origin) -> object:
        if not isinstance(value, Object):
            return self._misfit(what, "a mapping", origin)
        shaped = {key: self._shaped(item, shape, f"'{key}'", value.at(key)) for key, item in value.items()}
        return value.derive({key: item for key, item in shaped.items() if item is not _MISFIT})

    def _list(self, value: object, shape: Shape, what: str, origin: Origin) -> object:
        if not isinstance(value, Array):
            return self._misfit(what, "a list", origin)
        pairs = list(zip(value, value.origins, strict=True))
        shaped = [(self._shaped(item, shape, f"an item of {what}", where), where) for item, where in pairs]
        kept = [(item, where) for item, where in shaped if item is not _MISFIT]
        return Array([item for item, _ in kept], value.origin, [where for _, where in kept])

    def _misfit(self, what: str, wanted: str, origin: Origin) -> object:
        self._problems.add(origin, f"{what} must be {wanted}")
        return _MISFIT


def _fits(value: object, shape: Shape) -> bool:
    if shape == "texts":
        return isinstance(value, Array) and all(isinstance(item, str) for item in value)
    if shape == "bool" or isinstance(value, bool):
        return shape == "bool" and isinstance(value, bool)
    if shape == "text":
        return isinstance(value, str)
    return isinstance(value, int) or (shape == "number" and isinstance(value, float))


def _suggestion(key: str, known: dict[str, Shape]) -> str:
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(key.lower(), lowered, n=1, cutoff=0.75)
    return f"; did you mean '{lowered[close[0]]}'?" if close else ""
