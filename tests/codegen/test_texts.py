"""Texts of the fragments stay texts in generated code, whatever is in them."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from codegen.render_text import RenderError, docstring, literal, raw_literal
from tests.codegen.support import ITEM, PATH, ROOT, SCHEMAS, generate, import_generated

BREAK_OUT = 'x""""; print("PWNED") #'
_HOSTILE = st.text(st.one_of(st.sampled_from("\"'\\ \n\r\t\0\x85\u2028\ud800{}#xN"), st.characters()), max_size=40)


@given(_HOSTILE, st.sampled_from([0, 4, 8]), st.lists(_HOSTILE, max_size=2))
@example(BREAK_OUT, 4, [])
@example("\\", 4, ['"'])
@settings(max_examples=100, deadline=None)
def test_a_docstring_is_the_text_and_nothing_else(text: str, indent: int, entries: list[str]) -> None:
    module = ast.parse(f"class Holder:\n{' ' * (indent or 1)}{docstring(text, indent, ('Args', entries))}\n")
    [holder] = module.body
    assert isinstance(holder, ast.ClassDef)
    [statement] = holder.body
    assert isinstance(statement, ast.Expr)
    expected = [text, *(["Args:"] if entries else []), *entries]
    assert "".join(ast.literal_eval(statement.value).split()) == "".join("".join(expected).split())


@given(_HOSTILE)
@example(BREAK_OUT)
@example("\\")
@settings(max_examples=100, deadline=None)
def test_a_literal_is_its_value(text: str) -> None:
    for source in (literal(text), raw_literal(text)):
        assert ast.literal_eval(source) == text
        assert source.isprintable()
    assert ast.literal_eval(literal({text: text})) == {text: text}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_without_a_literal_is_not_rendered(value: float) -> None:
    with pytest.raises(RenderError):
        literal(value)


@pytest.mark.costly
def test_no_text_of_the_fragments_runs_when_generated_code_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = json.dumps(BREAK_OUT)
    value = f"Kind:\n  type: string\n  description: {text}\n  enum: [{text}]\n  x-enum-varnames: [ONE]\n"
    value += f"  x-enum-descriptions: {{{text}: {text}}}\n  x-enum-aliases: {{'\\': {text}}}\n"
    members = f"    item: {{$ref: '#/Kind', description: {text}}}\n"
    members += f"    tag: {{type: string, const: {text}, description: D.}}\n"
    schemas = value + SCHEMAS.replace(ITEM, members).replace("[item]", "[tag]").replace("What to order.", text)
    path = PATH.replace("Places an order.", text).replace("The order.", text)
    folder = generate(tmp_path, root=ROOT.replace("Orders.", text), path=path, schemas=schemas)
    for module in ("models.shop", "strict.shop", "operations.shop", "resources.shop"):
        import_generated(folder, module, monkeypatch)
    assert capsys.readouterr().out == ""
