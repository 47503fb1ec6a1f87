"""`python -m codegen --count`: how much the fragments describe, by API, and how many variants each union has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from codegen.document import Object
from codegen.parse import api_name
from codegen.passes.alternatives import alternatives, is_alternatives
from codegen.passes.directions import reach
from codegen.passes.discriminators import is_union, variants
from codegen.passes.walk import calls, home, schemas

_COLUMNS: Final = ("operations", "schemas", "objects", "enums", "unions", "properties", "enum values")


def counted(document: Object) -> str:
    """Return the counts of a bundled document as two tables."""
    found: dict[str, Counter[str]] = {}
    for call in calls(document.object("paths")):
        found.setdefault(api_name(call.operation.texts("tags")[0]), Counter())["operations"] += 1
    for _, schema in schemas(document).objects():
        found.setdefault(home(schema), Counter()).update(_counted(schema))
    total = sum(found.values(), Counter[str]())
    rows = [(name, *(str(counts[column]) for column in _COLUMNS)) for name, counts in [*found.items(), ("all", total)]]
    return "\n".join([*_table([("", *_COLUMNS), *rows]), "", *_table([("union", "", "variants"), *_unions(document)])])


def _counted(schema: Object) -> dict[str, int]:
    kind = "enums" if "enum" in schema else "objects" if "properties" in schema else "unions"
    properties, values = len(schema.object("properties")), len(schema.array("enum"))
    return {"schemas": 1, kind: 1, "properties": properties, "enum values": values}


def _unions(document: Object) -> Iterable[tuple[str, ...]]:
    reached = reach(document)
    for name, schema in schemas(document).objects():
        if is_union(schema) or is_alternatives(schema):
            number = len(variants(schema) or alternatives(schema))
            ways = [way for way, names in (("sent", reached.sent), ("received", reached.received)) if name in names]
            yield name, " and ".join(ways), str(number)


def _table(rows: list[tuple[str, ...]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells])
