"""The passes that choose which limits of sent schemas the generated types check.

A documented limit is not a limit that the API enforces. The types in `models` check only the limits that `x-enforced`
marks, each with its ground; the types in `strict` check every documented one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from codegen.document import Object
from codegen.passes.patterns import LIMITS
from codegen.passes.walk import rewrite_schema, schemas, with_schemas

# RFC 3986 section 3.1: an absolute URI begins with a scheme.
_ABSOLUTE_URI: Final = r"^[A-Za-z][A-Za-z0-9+.\-]*:"


def keep_enforced(document: Object) -> Object:
    """Return the document whose sent schemas have only the limits that are marked as enforced."""
    return _rewrite_sent(document, lambda part: part.without(*(LIMITS - part.object("x-enforced").keys())))


def keep_documented(document: Object) -> Object:
    """Return the document whose sent schemas have every documented limit, `format: uri` included, as a pattern."""
    return _rewrite_sent(document, _uri_as_pattern)


def without_texts(document: Object) -> Object:
    """Return the document without the descriptions of members: strict types are never read by people.

    What is deprecated keeps its description, which a warning repeats.
    """
    return _rewrite_sent(document, lambda part: part if part.get("deprecated") is True else part.without("description"))


def _uri_as_pattern(part: Object) -> Object:
    if part.get("format") != "uri" or "pattern" in part:
        return part
    return part.derive({**part, "pattern": _ABSOLUTE_URI})


def _rewrite_sent(document: Object, change: Callable[[Object], Object]) -> Object:
    members: dict[str, object] = {
        name: rewrite_schema(schema, change) if schema.get("x-direction") == "sent" else schema
        for name, schema in schemas(document).objects()
    }
    return with_schemas(document, members)
