"""What the frames of the package show of their local variables in the traceback of an error."""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Iterator
from itertools import islice
from types import FrameType

from rich.traceback import Traceback


def shown_by_frames(error: BaseException) -> str:
    """Return the locals of the package's frames as the standard library, rich and loguru show them.

    A test's own frames hold what it passed; no package can help that.
    """
    found = traceback.TracebackException.from_exception(error, capture_locals=True)
    lines = [f"{frame.name}: {frame.locals}" for frame in found.stack if "/checkout_async/" in frame.filename]
    assert error.__traceback__ is not None
    rich = Traceback.extract(type(error), error, error.__traceback__, show_locals=True)
    for frame in (frame for stack in rich.stacks for frame in stack.frames):
        if "/checkout_async/" in frame.filename:
            lines += [f"{frame.name}: {name} = {node}" for name, node in (frame.locals or {}).items()]
    lines += [text for frame, last in _frames(error) for text in _shown_by_expressions(frame, last)]
    assert lines, "no frame of the package is in the traceback"
    return "\n".join(lines)


_EXPRESSION = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


def _frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    """Yield the frames of the package, each with the index of its last instruction."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if "/checkout_async/" in frame.f_code.co_filename:
            yield frame, frame.f_lasti


def _shown_by_expressions(frame: FrameType, last: int) -> Iterator[str]:
    """Yield the values of the names and attributes in the failing expression, as loguru and better_exceptions do."""
    first, end, *_ = next(islice(frame.f_code.co_positions(), last // 2, None))
    for number in range(first or 1, (end or 0) + 1):
        for expression in _EXPRESSION.findall(linecache.getline(frame.f_code.co_filename, number)):
            name, *attributes = expression.split(".")
            value = frame.f_locals.get(name)
            for attribute in attributes:
                value = getattr(value, attribute, None)
            yield f"{frame.f_code.co_name}: {expression} = {value!r}"
