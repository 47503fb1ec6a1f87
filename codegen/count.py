"""Counts what a document describes, as two tables: the size of each API, and the number of variants of each union."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from codegen.document import Object
from codegen.parse import api_name
from codegen.passes.directions import find_directions
from codegen.passes.unions import alternatives, is_alternatives, is_union, variants
from codegen.passes.walk import calls, module_of, schemas

_COLUMNS: Final = ("operations", "schemas", "objects", "enums", "unions", "properties", "enum values")


def count_document(document: Object) -> str:
    """Return the counts of a bundled document as two tables."""
    counts: dict[str, Counter[str]] = {}
    for call in calls(document.object("paths")):
        counts.setdefault(api_name(call.operation.texts("tags")[0]), Counter())["operations"] += 1
    for _, schema in schemas(document).objects():
        counts.setdefault(module_of(schema), Counter()).update(_count_schema(schema))
    total = sum(counts.values(), Counter[str]())
    rows = [(name, *(str(row[column]) for column in _COLUMNS)) for name, row in [*counts.items(), ("all", total)]]
    return "\n".join([*_table([("", *_COLUMNS), *rows]), "", *_table([("union", "", "variants"), *_unions(document)])])


def _count_schema(schema: Object) -> dict[str, int]:
    kind = "enums" if "enum" in schema else "objects" if "properties" in schema else "unions"
    properties, values = len(schema.object("properties")), len(schema.array("enum"))
    return {"schemas": 1, kind: 1, "properties": properties, "enum values": values}


def _unions(document: Object) -> Iterable[tuple[str, ...]]:
    directions = find_directions(document)
    for name, schema in schemas(document).objects():
        if is_union(schema) or is_alternatives(schema):
            number = len(variants(schema) or alternatives(schema))
            ways = [
                way for way, names in (("sent", directions.sent), ("received", directions.received)) if name in names
            ]
            yield name, " and ".join(ways), str(number)


def _table(rows: list[tuple[str, ...]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells])
