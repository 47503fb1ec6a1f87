"""What the frames of the package show of their local variables in the traceback of an error."""

from __future__ import annotations

import traceback

from rich.traceback import Traceback


def shown_by_frames(error: BaseException) -> str:
    """Return the locals of the package's frames as the standard library and rich show them.

    A test's own frames hold what it passed; no package can help that.
    """
    found = traceback.TracebackException.from_exception(error, capture_locals=True)
    lines = [f"{frame.name}: {frame.locals}" for frame in found.stack if "/checkout_async/" in frame.filename]
    assert error.__traceback__ is not None
    rich = Traceback.extract(type(error), error, error.__traceback__, show_locals=True)
    for frame in (frame for stack in rich.stacks for frame in stack.frames):
        if "/checkout_async/" in frame.filename:
            lines += [f"{frame.name}: {name} = {node}" for name, node in (frame.locals or {}).items()]
    assert lines, "no frame of the package is in the traceback"
    return "\n".join(lines)
