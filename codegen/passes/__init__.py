"""The passes: pure functions, document to document, that turn the bundled document into one ready for the emitters."""

from __future__ import annotations

from codegen.document import Object
from codegen.passes.annotations import document_defaults, document_limits, name_members
from codegen.passes.directions import split_directions
from codegen.passes.patterns import translate_patterns


def run_passes(document: Object) -> Object:
    """Apply every pass in order. The document must have passed all checks."""
    for run_pass in (split_directions, document_defaults, document_limits, translate_patterns, name_members):
        document = run_pass(document)
    return document
