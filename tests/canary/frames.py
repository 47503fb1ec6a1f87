"""What tools that report errors show of the frames of the package: each tool itself, with its defaults.

The frames of the caller are left out: they hold what the caller passed, and no package can help that.
"""

from __future__ import annotations

import io
import json
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from types import FrameType, TracebackType
from typing import cast

import loguru
import pytest
import sentry_sdk
from rich.traceback import Traceback
from sentry_sdk.envelope import Envelope
from sentry_sdk.scrubber import EventScrubber
from sentry_sdk.transport import Transport
from sentry_sdk.utils import event_from_exception

__all__ = ["FRAME_TOOLS", "Seen", "frames", "raised_from", "shown_by_frames"]


@dataclass(frozen=True)
class Seen:
    """A frame of the package in a traceback: where it failed, and its variables with their types."""

    frame: FrameType
    instruction: int
    line: int

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.frame.f_code.co_filename}:{self.line}"

    def key(self, canary: str) -> tuple[object, ...]:
        """Return the same for frames that show the same: at one place, variables of the same types, tainted alike."""
        variables = self.frame.f_locals.items()
        return self.place, *((name, value.__class__, _contains(value, canary)) for name, value in variables)


def shown_by_frames(error: BaseException) -> str:
    """Return the tracebacks of an error as each tool writes them, with local variables."""
    found = frames(error)
    assert found, "no frame of the package is in the traceback"
    return "\n".join(tool(raised_from(found)) for tool in FRAME_TOOLS.values())


def frames(error: BaseException) -> list[Seen]:
    """Return the frames of the package, and of what it calls, in an error and in all that it refers to."""
    found: list[Seen] = []
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        waiting += [each.__cause__, each.__context__]
        trace = each.__traceback__
        while trace is not None and not _is_ours(trace.tb_frame.f_code.co_filename):
            trace = trace.tb_next
        while trace is not None:
            found.append(Seen(trace.tb_frame, trace.tb_lasti, trace.tb_lineno))
            trace = trace.tb_next
    return found


def raised_from(found: Sequence[Seen]) -> Exception:
    """Return an error whose traceback has these frames."""
    trace: TracebackType | None = None
    for each in reversed(found):
        trace = TracebackType(trace, each.frame, each.instruction, each.line)
    return RuntimeError("any").with_traceback(trace)


def _contains(value: object, canary: str) -> bool:
    """Return whether a variable holds the canary, shown or not."""
    if isinstance(value, str):
        return canary in str.__str__(value)
    if isinstance(value, bytes):
        return canary.encode() in bytes.__getitem__(value, slice(None))
    return canary in repr(dict(cast("dict[object, object]", value)) if isinstance(value, dict) else value)


def _is_ours(file: str) -> bool:
    # A dataclass has its `__init__` in a file of this name.
    return "/checkout_async/" in file or file == "<string>"


def _standard(error: BaseException) -> str:
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def _rich(error: BaseException) -> str:
    # What rich prints, without the highlighting of the source, which takes most of the time.
    found = Traceback.extract(type(error), error, error.__traceback__, show_locals=True)
    every = (frame for stack in found.stacks for frame in stack.frames)
    return "\n".join(str(node) for frame in every for node in (frame.locals or {}).values())


def _loguru(error: BaseException) -> str:
    sink = _loguru_sink()
    loguru.logger.opt(exception=error).error("failed")
    loguru.logger.complete()
    text = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return text


@cache
def _loguru_sink() -> io.StringIO:
    """Return where loguru writes in this process. `diagnose` is on by default: it shows what expressions refer to.

    `backtrace` would add the frames of the caller.
    """
    sink = io.StringIO()
    loguru.logger.remove()
    loguru.logger.add(sink, colorize=False, backtrace=False)
    return sink


class _Kept(Transport):
    """A transport of Sentry that sends nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.envelopes: list[Envelope] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.envelopes.append(envelope)


@cache
def _sentry_client() -> tuple[sentry_sdk.Client, _Kept]:
    """Return a client with the defaults of Sentry.

    Its integrations would change other libraries of this process; its scrubber knows a variable by its name only.
    """
    kept = _Kept()
    return sentry_sdk.Client(
        dsn="http://key@127.0.0.1/1",
        transport=kept,
        default_integrations=False,
        event_scrubber=EventScrubber(denylist=[], pii_denylist=[]),
    ), kept


def _sentry(error: BaseException) -> str:
    client, kept = _sentry_client()
    assert client.options["include_local_variables"] is True
    event, hint = event_from_exception(error, client_options=client.options)
    client.capture_event(event, hint, scope=sentry_sdk.Scope(client=client))
    return json.dumps(kept.envelopes.pop().get_event())


def _pytest(error: BaseException) -> str:
    caught = pytest.ExceptionInfo[BaseException].from_exception(error)
    return str(caught.getrepr(showlocals=True, truncate_locals=False))


FRAME_TOOLS: dict[str, Callable[[BaseException], str]] = {
    "traceback": _standard,
    "rich": _rich,
    "loguru": _loguru,
    "sentry-sdk": _sentry,
    "pytest -l": _pytest,
}
