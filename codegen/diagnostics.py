"""Problems in the fragments: each has a file and a line; all of them are collected and reported together.

Whatever is wrong in the compiler itself is a CompilerError.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """A place in the fragments: a path relative to the repository, and a line counted from 1."""

    file: str
    line: int

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
    """The fragments cannot be compiled. `problems` are sorted by file and line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(slots=True)
class Problems:
    """Collects problems, so that the compiler can continue and find more."""

    _found: set[Problem] = field(default_factory=set[Problem])

    def add(self, origin: Origin, message: str) -> None:
        """Record a problem; duplicates are ignored."""
        self._found.add(Problem(origin, message))

    def stop_if_any(self) -> None:
        """Raise SpecificationError if anything was recorded."""
        if self._found:
            raise SpecificationError(tuple(sorted(self._found)))
