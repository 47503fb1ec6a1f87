"""A translated pattern means in Python what it means in ECMA-262; a pattern that cannot be translated is refused."""

from __future__ import annotations

import re

import jsonschema_rs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from codegen.passes.patterns import UnsupportedPattern, python_pattern

ATOMS = st.sampled_from(
    [
        "a",
        "7",
        "_",
        ".",
        r"\d",
        r"\D",
        r"\w",
        r"\W",
        r"\.",
        r"\$",
        r"\\",
        "[a-c]",
        "[^a]",
        r"[\d.$]",
        r"[^\w]",
        "[[(.]",
        r"[\[a]",
        "(a|7)",
    ]
)
QUANTIFIERS = st.sampled_from(["", "", "?", "*", "+", "{2}", "{1,2}"])
PARTS = st.lists(st.tuples(ATOMS, QUANTIFIERS).map("".join), min_size=1, max_size=4).map("".join)
PATTERNS = st.tuples(st.sampled_from(["", "^"]), PARTS, st.sampled_from(["", "$"])).map("".join)
TEXTS = st.text(st.sampled_from("aAbc7_.$\\[( \n٣é"), max_size=5)


@settings(deadline=None)
@given(PATTERNS, TEXTS)
@example("a$", "a\n")
@example(r"^\d$", "٣")
@example(r"^\w$", "é")
@example("7+a?7+", "7")
def test_a_translated_pattern_matches_exactly_what_the_original_matches(pattern: str, text: str) -> None:
    schema = {"type": "string", "pattern": pattern}
    # Its other engine, fancy_regex, takes "7" for a match of "7+a?7+".
    original = jsonschema_rs.is_valid(schema, text, pattern_options=jsonschema_rs.RegexOptions())
    assert (re.search(python_pattern(pattern), text) is not None) == original


def test_a_dot_matches_all_but_the_line_terminators_of_ecma_262() -> None:
    """The engine used in the test above treats a dot as Python does, so this case is written out."""
    matched = [text for text in "a é\t\n\r\u2028\u2029\x85" if re.search(python_pattern("^.$"), text)]
    assert matched == ["a", " ", "é", "\t", "\x85"]


@pytest.mark.parametrize(
    ("pattern", "translated"),
    [
        (r"^(sid)_(\w{26})$", r"(?a)^(sid)_(\w{26})\Z"),
        ("^[0-9]+$", r"^[0-9]+\Z"),
        ("[$.]", "[$.]"),
        ("(?<year>x)(?<!y)", "(?P<year>x)(?<!y)"),
    ],
)
def test_only_what_differs_is_changed(pattern: str, translated: str) -> None:
    assert python_pattern(pattern) == translated


@pytest.mark.costly
@pytest.mark.parametrize(
    "pattern",
    [
        "^(a+)+$",
        "^(a*)*$",
        "^(a|aa)+$",
        "^([a-z]+[0-9]*)+$",
        r"^(\w+\.?)+@",
        "(.*,)*x",
        "^(a?b?)*$",
        "(x+x+)+y",
        "^([0-9]|1{1,12})+$",
        "a(?=(b+)+c)",
        "^(a|[^b])*$",
        "^(a{1,20}){1,20}$",
        "^(a?){30}$",
        "^((a?){5}){5}$",
        pytest.param(f"^{'a?' * 30}{'a' * 30}$", id="thirty letters that may be missing"),
        "^(a|a)*$",
        "^(ab|ab)+c",
        "^(a?|b?)*$",
    ],
)
def test_a_pattern_that_can_take_exponential_time_is_refused(pattern: str) -> None:
    with pytest.raises(UnsupportedPattern, match="exponential"):
        python_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "^[a-z]+(-[a-z]+)*$",
        r"^(\d{2}){1,4}$",
        r"^(\w{26})+$",
        r"^([0-9]{1,3}\.){3}[0-9]{1,3}$",
        "a+b+",
        "^(ab?)*$",
        "^(ab|ac)*$",
        "^(?!a+b)c*$",
        "^(a|[^ab])*$",
        "^(a?){5}$",
        "^(a|a)b$",
        r"^\w{1,9}\w{1,9}$",
        "^[a-z]{0,20}[a-z]{30}$",
        "^(|a)$",
    ],
)
def test_a_pattern_that_repeats_in_one_way_only_is_taken(pattern: str) -> None:
    python_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", [r"\s", r"\Z", r"\A", r"\p{L}", r"\cA", "[]", "[^]", "a{,2}", "(", "[a", "a**", "[a--b]", r"(?<=a*)b"]
)
def test_a_pattern_that_would_mean_something_else_is_refused(pattern: str) -> None:
    with pytest.raises(UnsupportedPattern):
        python_pattern(pattern)
