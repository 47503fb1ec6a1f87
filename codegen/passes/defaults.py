"""What descriptions tell besides: that something is deprecated, and defaults, which are the server's and never sent."""

from __future__ import annotations

import json

from codegen.document import Object
from codegen.passes.walk import schema_rewritten, schemas, with_schemas


def document_defaults(document: Object) -> Object:
    """Return the document with each `default` moved into the description; received objects just lose theirs."""
    return with_schemas(document, {name: _told(schema) for name, schema in schemas(document).objects()})


def _told(schema: Object) -> Object:
    sent = schema.get("x-direction") == "sent"
    return schema_rewritten(schema, lambda part: _moved(part, tell=sent))


def told(described: Object) -> str:
    """Return the description of something, with a warning where it is deprecated."""
    text = described.text("description")
    return f"Deprecated. {text}" if described.get("deprecated") is True else text


def default_told(description: str, schema: Object) -> str:
    """Return a description that names the default of a schema, if it has one."""
    if "default" not in schema:
        return description
    value = schema["default"]
    shown = value if isinstance(value, str) else json.dumps(value)
    return f"{description} Default on the server: `{shown}`.".strip()


def _moved(part: Object, *, tell: bool) -> Object:
    text = default_told(part.text("description"), part) if tell else part.text("description")
    return part.derive({**part, "description": text}).without("default") if "default" in part else part
