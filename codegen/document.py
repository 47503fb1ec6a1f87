"""The document in memory: JSON-like values that remember the file and line they came from.

Values are immutable by convention: a pass creates new objects with `derive` and does not change existing ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from codegen.diagnostics import Origin

NOWHERE = Origin("", 0)


class Object(dict[str, object]):
    """A mapping with its origin and the origin of each key.

    The accessors assume that `validate` has checked the types of the values, and raise TypeError otherwise. They return
    an empty value for an absent key.
    """

    __slots__ = ("origin", "origins")

    def __init__(self, members: Mapping[str, object], origin: Origin, origins: Mapping[str, Origin]) -> None:
        super().__init__(members)
        self.origin = origin
        self.origins = dict(origins)

    def at(self, key: str) -> Origin:
        """Return the origin of a key, or of the object if it has no such key."""
        return self.origins.get(key, self.origin)

    def derive(self, members: Mapping[str, object]) -> Self:
        """Return an object with other members and the same origins."""
        return type(self)(members, self.origin, self.origins)

    def without(self, *keys: str) -> Self:
        """Return a copy without the keys."""
        return self.derive({key: value for key, value in self.items() if key not in keys})

    def object(self, key: str) -> Object:
        """Return the object under a key."""
        value = self.get(key, EMPTY)
        if not isinstance(value, Object):
            raise TypeError(f"{key} is not an object")
        return value

    def array(self, key: str) -> Array:
        """Return the array under a key."""
        value = self.get(key, NOTHING)
        if not isinstance(value, Array):
            raise TypeError(f"{key} is not an array")
        return value

    def text(self, key: str) -> str:
        """Return the string under a key."""
        value = self.get(key, "")
        if not isinstance(value, str):
            raise TypeError(f"{key} is not a string")
        return value

    def texts(self, key: str) -> list[str]:
        """Return the strings in the array under a key."""
        return [item for item in self.array(key) if isinstance(item, str)]

    def objects(self) -> Iterator[tuple[str, Object]]:
        """Iterate over the members that are objects."""
        return ((key, value) for key, value in self.items() if isinstance(value, Object))


class Array(list[object]):
    """A sequence with its origin and the origin of each item."""

    __slots__ = ("origin", "origins")

    def __init__(self, items: Iterable[object], origin: Origin, origins: Iterable[Origin]) -> None:
        super().__init__(items)
        self.origin = origin
        self.origins = list(origins)

    def derive(self, items: Iterable[object]) -> Self:
        """Return an array with the same origins and other items, one for each of the current ones."""
        return type(self)(items, self.origin, self.origins)

    def objects(self) -> Iterator[Object]:
        """Iterate over the items that are objects."""
        return (item for item in self if isinstance(item, Object))


EMPTY = Object({}, NOWHERE, {})
NOTHING = Array([], NOWHERE, [])
