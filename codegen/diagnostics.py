"""Problems in the fragments: each has a file and a line; they are collected and reported together, causes first.

Whatever is wrong in the compiler itself is a CompilerError.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """A place in the fragments: a path relative to the repository, and a line counted from 1."""

    file: str
    line: int
    module: str = ""
    """The module of a schema of a bundle. In fragments it is the name of a folder."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong with a fragment, and how to fix it."""

    origin: Origin
    message: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.message}"


class CompilerError(RuntimeError):
    """The compiler made code that is not right. The fault is in codegen/, not in the fragments."""


class SpecificationError(Exception):
    """The fragments cannot be compiled. `problems` are sorted by stage, file and line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class Stage(IntEnum):
    """The stages of a compilation in which problems are found. A problem of one stage may cause others in the next."""

    READING = 0
    REFERENCES = 1
    KEYWORDS = 2
    CHECKS = 3
    UNUSED = 4


_MOST_PLACES: Final = 3


class Problems:
    """Collects problems, so that the compiler can continue and find more."""

    def __init__(self) -> None:
        self._found: dict[Problem, Stage] = {}
        self._stage = Stage.READING

    def begin(self, stage: Stage) -> None:
        """Begin a stage: what is recorded from now on was found in it."""
        self._stage = stage

    def add(self, origin: Origin, message: str, stage: Stage | None = None) -> None:
        """Record a problem of the current stage, or of another; duplicates are ignored."""
        self._found.setdefault(Problem(origin, message), self._stage if stage is None else stage)

    def stop_if_any(self, before: Stage | None = None, outside: tuple[str, ...] = ()) -> None:
        """Raise SpecificationError if anything was recorded, or anything before a stage and outside of some folders.

        The causes come first, and what follows from them is left out as far as that can be known.
        """
        for problem, stage in self._found.items():
            if (before is None or stage < before) and not problem.origin.file.startswith(outside or "\0"):
                raise SpecificationError(tuple(_limit_places(self._causes())))

    def _causes(self) -> list[Problem]:
        """Return the problems by stage, without those that a problem of an earlier stage may have caused.

        A problem may cause others in its own file. Anything may leave a definition unused.
        """
        first: dict[str, Stage] = {}
        for problem, stage in self._found.items():
            first[problem.origin.file] = min(stage, first.get(problem.origin.file, stage))
        earliest = min(self._found.values())
        kept = {
            problem: stage
            for problem, stage in self._found.items()
            if stage == first[problem.origin.file] and (stage < Stage.UNUSED or earliest == Stage.UNUSED)
        }
        return sorted(kept, key=lambda problem: (kept[problem], problem))


def _limit_places(problems: list[Problem]) -> Iterator[Problem]:
    """Yield the problems; of those with one message, which have one cause, only the first few."""
    places = Counter(problem.message for problem in problems)
    shown: Counter[str] = Counter()
    for problem in problems:
        shown[problem.message] += 1
        more = places[problem.message] - _MOST_PLACES
        if shown[problem.message] == _MOST_PLACES and more > 0:
            where = "another place" if more == 1 else f"{more} other places"
            yield Problem(problem.origin, f"{problem.message}; the same in {where}")
        elif shown[problem.message] <= _MOST_PLACES:
            yield problem
