"""The records of a batch: a `Record` is a session to authenticate, an `InvalidRecord` is not a valid request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Final, Self, cast

import msgspec
from msgspec.structs import force_setattr

from checkout_async.models import sessions
from checkout_async.redaction import SecretStruct, clears_frames

__all__ = ["InvalidRecord", "Record"]

# Many times the documented length. A row of the output has to stay readable, whatever a record says.
_LONGEST_REFERENCE: Final = 10_000
# A missing quote in CSV makes one cell of several rows, and their card numbers would be in the output and the journal.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
# Neither the output nor the journal, which are UTF-8, could have it.
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Record(SecretStruct, frozen=True, kw_only=True):
    """A session to authenticate: the request, a Struct or a mapping of the same shape, and its line in the input.

    A `reference` that cannot be one (`Record.of`) is dropped: it is not stored in the journal or the output.
    """

    __hidden__: ClassVar[tuple[str, ...]] = ("request",)

    line: int
    request: sessions.SessionRequest | Mapping[str, object]
    reference: str | None = None

    def __post_init__(self) -> None:
        if self.reference is None:
            return
        if _fault_of(self.reference) is not None:
            force_setattr(self, "reference", None)
        elif type(self.reference) is not str:
            # Neither the output nor the journal would take a subclass, such as `numpy.str_`.
            force_setattr(self, "reference", str.__str__(self.reference))

    @classmethod
    @clears_frames
    def of(cls, line: int, request: sessions.SessionRequest | Mapping[str, object]) -> Self | InvalidRecord:
        """Return the record of a request, with its reference if it has one.

        It is an InvalidRecord if the reference contains control characters or half a surrogate pair, or is longer than
        10,000 characters: such a text is not meant to be a reference.
        """
        given = request.get("reference") if isinstance(request, (dict, Mapping)) else cast("object", request.reference)
        reference = given if isinstance(given, str) and given else None
        fault = reference and _fault_of(reference)
        if fault:
            return InvalidRecord(line=line, reason=fault, path="$.reference")
        return cls(line=line, request=request, reference=reference)


def _fault_of(reference: str) -> str | None:
    if len(reference) > _LONGEST_REFERENCE:
        return f"the reference is longer than {_LONGEST_REFERENCE:,} characters"
    if _CONTROL.search(reference):
        return "the reference contains a line feed or another control character: is a quote missing?"
    if _SURROGATE.search(reference):
        return "the reference contains half a surrogate pair, which is no character"
    return None


class InvalidRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record that is not a request. `reason` never shows its content; `path` is the JSON path of what is wrong."""

    line: int
    reason: str
    path: str | None = None
    reference: str | None = None
