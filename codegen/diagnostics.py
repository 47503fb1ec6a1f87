"""Problems of the fragments: each with file and line, collected, and reported all at once."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Where in the fragments something stands: a path relative to the repository, and a line counted from 1."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong with a fragment, and what to do about it."""

    origin: Origin
    message: str

    def __str__(self) -> str:
        return f"{self.origin.file}:{self.origin.line}: {self.message}"


class SpecificationError(Exception):
    """The fragments cannot be compiled. `problems` are sorted by file and line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(slots=True)
class Problems:
    """Collects problems while the compiler goes on looking for more."""

    _found: set[Problem] = field(default_factory=set[Problem])

    def add(self, origin: Origin, message: str) -> None:
        """Record a problem; the same one twice counts once."""
        self._found.add(Problem(origin, message))

    def stop_if_any(self) -> None:
        """Raise SpecificationError if anything was recorded."""
        if self._found:
            raise SpecificationError(tuple(sorted(self._found)))
