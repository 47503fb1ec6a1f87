"""Warnings of what the specification calls deprecated. Editors strike it out, and its first use in a process warns.

PEP 702 reaches functions, classes and properties, and no members of a Struct. So a deprecated member of a reply is a
property, and a deprecated member of a request warns when a value that has it is made or checked.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

__all__ = ["deprecated", "warn_deprecated"]

T = TypeVar("T")

if TYPE_CHECKING:
    from typing_extensions import deprecated
else:

    def deprecated(message: str) -> Callable[[T], T]:
        """Mark a function or a class for editors (PEP 702). Its own code warns."""

        def mark(marked: T) -> T:
            marked.__deprecated__ = message
            return marked

        return mark


_warned: set[str] = set()


def warn_deprecated(message: str) -> None:
    """Warn once in a process, at the line outside this package that led here."""
    if message in _warned:
        return
    frame = inspect.currentframe()  # `skip_file_prefixes` of warnings.warn needs Python 3.12
    while frame is not None and frame.f_globals.get("__name__", "").startswith("checkout_async."):
        frame = frame.f_back
    if frame is None:
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return
    warnings.warn_explicit(
        message,
        DeprecationWarning,
        filename=frame.f_code.co_filename,
        lineno=frame.f_lineno,
        module=frame.f_globals.get("__name__", ""),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )
    _warned.add(message)
