"""Finds patterns that take exponential time: those that can match one text in a loop in more than one way.

Python's `re` tries all ways before it gives up. The pattern becomes a graph of its characters: an edge leads from each
character to one that may follow it. Two walkers start at one place and read the same text. If they can part and meet
there again, each further round doubles the number of ways. Without a loop, the ways to read one letter again and again
are counted: of thirty letters that may each be missing, there are a billion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from itertools import product
from typing import Any, Final, NamedTuple

# The parser of `re`; its tree has no public door.
_PARSER: Final[Any] = import_module("re._parser")
_ALPHABET: Final = [chr(code) for code in range(1, 128)] + ["\x85", "é", "٣", "\u2028", "한"]
_CATEGORIES: Final[dict[str, Callable[[str], bool]]] = {
    "DIGIT": str.isdigit,
    "SPACE": str.isspace,
    "WORD": lambda text: text.isalnum() or text == "_",
}
# Below this, a repetition is written out; from here on it counts as endless, unless its number is fixed.
_MANY: Final = 10
_LONGEST: Final = 400
# More ways than this to read one text are too many.
_MOST_WAYS: Final = 10_000


class _Part(NamedTuple):
    """A part of a pattern: whether it can be empty, and the places where it can begin and end."""

    empty: bool
    first: frozenset[int]
    last: frozenset[int]


_NOTHING: Final = _Part(empty=True, first=frozenset(), last=frozenset())


def is_catastrophic(pattern: str) -> bool:
    """Return whether a pattern of Python's `re` can take a time that doubles with every few characters."""
    graph = _Graph()
    whole = graph.sequence(_PARSER.parse(pattern))
    return graph.is_ambiguous() or graph.has_many_ways(whole.first)


class _Graph:
    def __init__(self) -> None:
        self._letters: list[frozenset[str]] = []
        self._edges: dict[tuple[int, int], int] = {}
        self._repeated = 0
        self._is_empty_twice = False
        """Whether a part that is repeated can be empty in two ways."""

    def is_ambiguous(self) -> bool:
        """Return whether two walkers that read the same text can part in a loop and meet again."""
        if self._is_empty_twice:
            return True
        for start, end in self._edges:
            if self._edges[start, end] > 1 and (start, start) in self._reached([(end, end)]):
                return True
        for place in range(len(self._letters)):
            parted = [pair for pair in self._next((place, place)) if pair[0] != pair[1]]
            if (place, place) in self._reached(parted):
                return True
        return False

    def has_many_ways(self, starts: Iterable[int]) -> bool:
        """Return whether there are too many ways to read some letter again and again without going round a loop."""
        begun = frozenset(starts)
        for places in {frozenset(self._places(letter)) for letter in _ALPHABET}:
            ways = dict.fromkeys(begun & places, 1)
            while ways:
                if sum(ways.values()) > _MOST_WAYS:
                    return True
                longer: dict[int, int] = {}
                for (start, end), count in self._edges.items():
                    if start < end and start in ways and end in places:
                        longer[end] = longer.get(end, 0) + count * ways[start]
                ways = longer
        return False

    def _places(self, letter: str) -> Iterable[int]:
        return (place for place, letters in enumerate(self._letters) if letter in letters)

    def _next(self, pair: tuple[int, int]) -> list[tuple[int, int]]:
        ends = ([end for start, end in self._edges if start == place] for place in pair)
        return [(one, two) for one, two in product(*ends) if self._letters[one] & self._letters[two]]

    def _reached(self, pairs: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        found: set[tuple[int, int]] = set()
        waiting = list(pairs)
        while waiting:
            pair = waiting.pop()
            if pair not in found:
                found.add(pair)
                waiting += self._next(pair)
        return found

    def sequence(self, nodes: Iterable[tuple[Any, Any]]) -> _Part:
        """Add the parts of a sequence."""
        whole = _NOTHING
        for kind, argument in nodes:
            whole = self._join(whole, self._part(str(kind), argument))
        return whole

    def _part(self, kind: str, argument: Any) -> _Part:
        if kind in {"LITERAL", "NOT_LITERAL", "ANY", "IN"}:
            return self._letter(_letters(kind, argument))
        if kind in {"MAX_REPEAT", "MIN_REPEAT"}:
            return self._repeat(*argument)
        if kind == "BRANCH":
            branches = [self.sequence(branch) for branch in argument[1]]
            # The parser of `re` takes what branches begin with out of them, so that equal ones are empty.
            self._is_empty_twice |= self._repeated > 0 and sum(branch.empty for branch in branches) > 1
            return _either(branches)
        if kind == "SUBPATTERN":
            return self.sequence(argument[-1])
        if kind in {"ASSERT", "ASSERT_NOT"}:
            self.sequence(argument[1])  # apart from what surrounds it
        return _NOTHING

    def _letter(self, letters: frozenset[str]) -> _Part:
        self._letters.append(letters)
        place = frozenset({len(self._letters) - 1})
        return _Part(empty=False, first=place, last=place)

    def _repeat(self, least: int, most: Any, nodes: Any) -> _Part:
        self._repeated += most > 1
        part = self._repeat_part(least, most, nodes)
        self._repeated -= most > 1
        return part

    def _repeat_part(self, least: int, most: Any, nodes: Any) -> _Part:
        short = most == least or most < _MANY
        if short and len(self._letters) + most * max(1, len(nodes)) <= _LONGEST:
            copies = [self.sequence(nodes) for _ in range(most)]
            whole = _NOTHING
            for number, copy in reversed([*enumerate(copies)]):
                whole = self._join(copy, whole)
                whole = whole if number < least else whole._replace(empty=True)
            return whole
        once = self.sequence(nodes)
        self._connect(once.last, once.first)
        return once if least and not once.empty else once._replace(empty=True)

    def _join(self, one: _Part, two: _Part) -> _Part:
        self._connect(one.last, two.first)
        first = one.first | two.first if one.empty else one.first
        last = one.last | two.last if two.empty else two.last
        return _Part(empty=one.empty and two.empty, first=first, last=last)

    def _connect(self, starts: Iterable[int], ends: Iterable[int]) -> None:
        for edge in product(starts, ends):
            self._edges[edge] = self._edges.get(edge, 0) + 1


def _either(parts: list[_Part]) -> _Part:
    first = frozenset[int]().union(*(part.first for part in parts))
    last = frozenset[int]().union(*(part.last for part in parts))
    return _Part(empty=any(part.empty for part in parts), first=first, last=last)


def _letters(kind: str, argument: Any) -> frozenset[str]:
    """Return the letters of the alphabet that a character of a pattern stands for."""
    if kind == "IN":
        negated = str(argument[0][0]) == "NEGATE"
        members = frozenset[str]().union(
            *(_letters(str(each), value) for each, value in argument if str(each) != "NEGATE")
        )
        return frozenset(_ALPHABET) - members if negated else members
    if kind == "RANGE":
        return frozenset(letter for letter in _ALPHABET if argument[0] <= ord(letter) <= argument[1])
    if kind == "CATEGORY":
        _, *words = str(argument).split("_")
        matches = _CATEGORIES[words[-1]]
        return frozenset(letter for letter in _ALPHABET if bool(matches(letter)) != ("NOT" in words))
    if kind == "ANY":
        return frozenset(_ALPHABET)
    other = {chr(argument)}
    return frozenset(_ALPHABET) - other if kind == "NOT_LITERAL" else frozenset(other)
