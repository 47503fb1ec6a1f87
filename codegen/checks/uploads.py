"""Checks of files: a member with `format: binary` is only in a schema that is the body of multipart/form-data alone."""

from __future__ import annotations

from collections import Counter

from codegen.diagnostics import Problems
from codegen.document import Object
from codegen.keywords import BINARY
from codegen.parse import MULTIPART
from codegen.passes.directions import find_directions
from codegen.passes.walk import calls, parts, reference_name, references, schemas


def check_uploads(document: Object, problems: Problems) -> None:
    """Report files where no body can have them."""
    forms = Counter(_bodies(document))
    named, received = schemas(document), find_directions(document).received
    inside = {name for _, schema in named.objects() for name in references(schema)}
    uses = Counter(
        reference_name(media.object("schema"))
        for call in calls(document.object("paths"))
        for _, media in call.operation.object("requestBody").object("content").objects()
    )
    for name, schema in named.objects():
        alone = name in forms and uses[name] == forms[name] and name not in received | inside
        for member, value in schema.object("properties").objects():
            if value.text("format") == BINARY and not alone:
                message = f"property '{member}' is a file, so '{name}' must be a body of {MULTIPART} only"
                problems.add(value.at("format"), message)
            if any(each.text("format") == BINARY for part in parts(value) for each in (part, *parts(part))):
                problems.add(value.origin, f"property '{member}' contains files: give each file a member of its own")


def _bodies(document: Object) -> list[str]:
    content = (call.operation.object("requestBody").object("content") for call in calls(document.object("paths")))
    return [reference_name(each.object(MULTIPART).object("schema")) for each in content if MULTIPART in each]
