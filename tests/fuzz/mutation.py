"""Strategies of JSON texts that no honest server sends: valid bodies mutated in a few places, and noise.

This module writes the texts itself: a JSON library would refuse duplicate keys, NaN or a lone surrogate.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

__all__ = ["Members", "Token", "is_a", "json_values", "junk", "plain", "spoilt", "written"]


@dataclass(frozen=True)
class Token:
    """A piece of text that is written into the JSON unchanged."""

    text: str


@dataclass(frozen=True)
class Members:
    """An object as pairs, so that a name can come twice."""

    pairs: tuple[tuple[str, Any], ...]


TOKENS = [
    *("NaN", "Infinity", "-Infinity", "nul", "1e999", "-1e-999", "0123", "1.", "-0", "-0.0", "1E400", ""),
    *("9" * 19, "9" * 21, "1" * 400, f"1.{'3' * 400}", "18446744073709551616", "-9223372036854775809"),
    *(
        '"\\ud800"',
        '"\\udc00x"',
        '"\\u0000"',
        '"\\ud83d\\ude00"',
        '"\\x"',
        '"\n"',
        '"\u202e\ufeff\u2028"',
        '"' + "x" * 70000 + '"',
    ),
    *("[" * 2000 + "]" * 2000, '{"a":' * 2000 + "1" + "}" * 2000, "[" * 100_000),
    *(
        '"2026-02-30"',
        '"2026-11-21T25:00:00Z"',
        '"9999-12-31T23:59:59+23:59"',
        '"0001-01-01T00:00:00+14:00"',
        '"00:00:00Z"',
    ),
    *('"4242424242424242"', '"01"', '"999999999999999999999"', '" 5 "', '"٣"', '"True"', '"1e5"', '""'),
]

texts = st.text(st.characters(), max_size=12)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**400), 10**400),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
    st.sampled_from(TOKENS).map(Token),
)


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.one_of(texts, st.sampled_from(["id", "type", "status", "amount", "_links", "metadata"]))
    objects = st.dictionaries(names, inner, max_size=4)
    twice = st.lists(st.tuples(names, inner), max_size=4).map(lambda pairs: Members((*pairs, *pairs[:1])))
    return st.one_of(st.lists(inner, max_size=4), objects, twice)


json_values = st.recursive(scalars, _nested, max_leaves=8)


def is_a(kind: type, value: object) -> bool:
    """Return whether a value is of a class, without narrowing the type of its content."""
    return isinstance(value, kind)


def written(value: Any) -> str:
    """Return a value as JSON text, with tokens as they stand and lone surrogates escaped."""
    match value:
        case Token(text):
            return text
        case Members(pairs):
            return "{" + ",".join(f"{json.dumps(name)}:{written(member)}" for name, member in pairs) + "}"
        case _ if is_a(dict, value):
            pairs = tuple(value.items())
            return written(Members(pairs))
        case _ if is_a(list, value):
            return "[" + ",".join(written(item) for item in value) + "]"
        case int() if not isinstance(value, bool):
            return str(value)
        case _:
            return json.dumps(value)


def plain(value: Any) -> Any:
    """Return a value as a caller could pass it: tokens as text, duplicate members once."""
    match value:
        case Token(text):
            return text
        case Members(pairs):
            return {name: plain(member) for name, member in pairs}
        case _ if is_a(dict, value):
            return {name: plain(member) for name, member in value.items()}
        case _ if is_a(list, value):
            return [plain(item) for item in value]
        case _:
            return value


def _numbered(items: list[Any]) -> list[tuple[Any, Any]]:
    return list(enumerate(items))


def _places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path to every member and item of a value."""
    found: list[tuple[Any, ...]] = [here] if here else []
    children: list[tuple[Any, Any]] = []
    if is_a(dict, value):
        children = list(value.items())
    elif is_a(list, value):
        children = list(_numbered(value))
    for key, child in children:
        found += _places(child, (*here, key))
    return found


@st.composite
def spoilt(draw: st.DrawFn, body: Any) -> Any:
    """Return a valid body with up to three members, at any depth, dropped, doubled, replaced, renamed or wrapped."""
    value = json.loads(json.dumps(body))
    for _ in range(draw(st.integers(1, 3))):
        places = [place for place in _places(value) if _reached(value, place[:-1]) is not None]
        if not places:
            break
        way = draw(st.sampled_from(places))
        value = _changed(value, way, draw(st.sampled_from(sorted(CHANGES))), draw(json_values))
    return value


def _reached(value: Any, way: tuple[Any, ...]) -> Any:
    for step in way:
        value = value[step] if (is_a(dict, value) or is_a(list, value)) else None
    return value if (is_a(dict, value) or is_a(list, value)) else None


def _changed(value: Any, way: tuple[Any, ...], change: str, other: Any) -> Any:
    """Return the value with one place changed. The containers on the path to it are copied."""
    step, rest = way[0], way[1:]
    if rest:
        value[step] = _changed(value[step], rest, change, other)
        return value
    pairs: list[tuple[Any, Any]] = list(value.items() if is_a(dict, value) else _numbered(value))
    place = [key for key, _ in pairs].index(step)
    pairs[place : place + 1] = CHANGES[change](step, value[step], other)
    if not is_a(dict, value):
        return [item for _, item in pairs]
    return Members(tuple(pairs)) if change == "double" else dict(pairs)


CHANGES: dict[str, Callable[[Any, Any, Any], list[tuple[Any, Any]]]] = {
    "drop": lambda _key, _old, _other: [],
    "double": lambda key, old, other: [(key, other), (key, old)],
    "replace": lambda key, _old, other: [(key, other)],
    "add": lambda key, old, other: [(key, old), ("brand_new" if isinstance(key, str) else key, other)],
    "wrap": lambda key, old, _other: [(key, [old])],
    "nest": lambda key, old, _other: [(key, {"value": old})],
    "text": lambda key, old, _other: [(key, written(old))],
}

junk = st.one_of(
    st.binary(max_size=200),
    json_values.map(lambda value: written(value).encode("utf-8", "replace")),
    st.text(st.characters(codec="utf-8"), max_size=50).map(str.encode),
    st.sampled_from(
        [b"", b"null", b"{}", b"[]", b"{", b'{"id":', b"\xef\xbb\xbf{}", b"<html>502</html>", b"\xff\xfe{\x00}\x00"]
    ),
)
"""Bodies that have nothing to do with an operation."""
