"""Fragments are YAML 1.2: strings that YAML 1.1 reads as other types stay strings, and every value has its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.diagnostics import Origin, Problems, SpecificationError
from codegen.document import Object
from codegen.load import load_fragments
from tests.codegen.support import write_fragments


def load(root: Path, text: str) -> Object:
    """Read a text as the root fragment."""
    problems = Problems()
    fragments = load_fragments(write_fragments(root, {"openapi.yaml": text}) / "openapi", problems)
    problems.stop_if_any()
    return fragments["openapi.yaml"]


@pytest.mark.parametrize(
    "text", ["Y", "n", "yes", "No", "on", "OFF", "2026-11-21", "1_000", "1:30", "0o8", "<<", "=", "''"]
)
def test_text_that_yaml_1_1_reads_as_something_else_is_text(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, f"key: {text}\n") == {"key": text.strip("'")}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("~", None),
        ("", None),
        ("true", True),
        ("FALSE", False),
        ("12", 12),
        ("-012", -12),
        ("0o14", 12),
        ("0xC", 12),
        ("1.5", 1.5),
        ("-.5e3", -500.0),
        ("'12'", "12"),
        ('"true"', "true"),
        ("|-\n  12", "12"),
        (">-\n  a\n  b", "a b"),
    ],
)
def test_scalars_of_the_core_schema(tmp_path: Path, text: str, value: object) -> None:
    loaded = load(tmp_path, f"key: {text}\n")["key"]
    assert loaded == value
    assert type(loaded) is type(value)


def test_keys_are_always_strings(tmp_path: Path) -> None:
    assert list(load(tmp_path, "200: a\nno: b\n'1': c\n")) == ["200", "no", "1"]


def test_every_key_and_item_has_its_origin(tmp_path: Path) -> None:
    document = load(tmp_path, "# comment\na:\n  b: 1\n  c:\n    - x\n    -\n      y: 2\n")
    assert document.at("a") == Origin("openapi/openapi.yaml", 2)
    assert document.object("a").at("c") == Origin("openapi/openapi.yaml", 4)
    assert document.object("a").array("c").origins == [
        Origin("openapi/openapi.yaml", 5),
        Origin("openapi/openapi.yaml", 7),
    ]


FINITE = "a number must be finite"
FITS = "an integer must fit in 64 bits with a sign"


@pytest.mark.costly
@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: .nan", 2, FINITE),
        ("a: 1\nb: -.inf", 2, FINITE),
        ("a: 1\nb: [1e400]", 2, FINITE),
        ("a: 9223372036854775808", 1, FITS),
        ("a: -0x0\nb: 0xFFFFFFFFFFFFFFFF", 2, FITS),
        (f"a: 1\nb: {'9' * 5000}", 2, FITS),
        ('a: 1\nb: "\\ud800"', 2, "the character U+D800 is not supported in a text"),
        ('a: 1\nb: "\\0"', 2, "the character U+0000 is not supported in a text"),
        ('a: 1\n"\\x1b": b', 2, "the character U+001B is not supported in a text"),
        ('a: "\\UFFFFFFFF"', 1, "not valid YAML: an escape stands for no character"),
        (f"a: {'[' * 5000}{']' * 5000}", 1, "not valid YAML: nested too deeply"),
    ],
)
def test_a_value_that_json_or_a_decoder_cannot_contain_is_a_problem(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    with pytest.raises(SpecificationError) as caught:
        load(tmp_path, f"{text}\n")
    assert f"openapi/openapi.yaml:{line}: {message}" in [str(problem) for problem in caught.value.problems]
