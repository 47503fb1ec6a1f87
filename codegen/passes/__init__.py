"""From the bundled document to one that says what to generate. Each pass is a pure function, document to document."""

from __future__ import annotations

from codegen.document import Object
from codegen.passes.defaults import document_defaults
from codegen.passes.directions import split_directions
from codegen.passes.enums import name_members
from codegen.passes.patterns import translate_patterns


def run_passes(document: Object) -> Object:
    """Apply every pass in its order. The document must have passed all checks."""
    for step in (split_directions, document_defaults, translate_patterns, name_members):
        document = step(document)
    return document
