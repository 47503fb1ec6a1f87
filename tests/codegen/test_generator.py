"""What datamodel-code-generator warns of becomes a problem with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.checks import schemas
from codegen.compiler import compile_files
from codegen.diagnostics import SpecificationError
from codegen.keywords import FORMATS
from tests.codegen.support import ORDER, SCHEMAS, SHOP, write_fragments

COLOUR = "    item:\n      type: string\n      format: colour\n"


def test_a_warning_names_file_line_and_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Today the checks refuse everything that the generator is known to warn of; this lets something through.
    monkeypatch.setattr(schemas, "FORMATS", {*FORMATS, "colour"})
    text = SCHEMAS.replace("    item:\n      type: string\n", COLOUR)
    write_fragments(tmp_path, {**SHOP, ORDER: text})
    with pytest.raises(SpecificationError) as caught:
        compile_files(tmp_path)
    line = text.split("\n").index("OrderRequest:") + 2
    assert str(caught.value) == (
        f"openapi/{ORDER}:{line}: schema 'OrderRequest': datamodel-code-generator warns: "
        "format of 'colour' not understood for 'string' - using default"
    )
