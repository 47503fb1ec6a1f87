"""Every output channel of the package as text: logs, events, tracebacks, pickles, spans."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import traceback
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, cast

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from rich.pretty import pretty_repr
from rich.traceback import Traceback

from checkout_async import errors
from checkout_async.observability import Event, Hook, LoggingHook, OpenTelemetryHook
from tests import figures
from tests.canary.marks import Canaries

TESTS = str(Path(__file__).parents[1])
EVERYTHING = 10**9
CLOCK = {"created", "msecs", "relativeCreated", "lineno", "taskName"}
"""Numbers of a log record that are different in every record."""


@dataclass(frozen=True)
class Leak:
    """A canary that got out, and where."""

    canary: str
    channel: str
    excerpt: str


def leaks(outputs: list[tuple[str, str]], canaries: Canaries, clean: set[str] | None = None) -> list[Leak]:
    """Search outputs, each given with the name of its channel, for every canary in every form.

    `clean` are lines that were searched before for the same canaries, or before a canary was made.
    """
    figures.NAMES["canaries"] |= canaries.values.keys()
    figures.COUNTS["canary outputs"] += len(outputs)
    figures.COUNTS["canary characters"] += sum(len(text) for _, text in outputs)
    # Most lines are there many times, such as the local variables of the same frames.
    lines = {line: channel for channel, text in outputs for line in text.splitlines()}
    fresh = lines.keys() - (clean or set())
    if clean is not None:
        clean |= fresh
    search = canaries.search()
    return [
        Leak(name, lines[line], line[max(0, start - 80) : end + 20])
        for line in fresh
        for name, start, end in search.hits(line)
    ]


class Recorder(logging.Handler):
    """Records every log record of the process, every warning, event, span and metric."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.clean = set[str]()
        self.records: list[logging.LogRecord] = []
        self.events: list[Event] = []
        self.warned: list[warnings.WarningMessage] = []
        self.spans = InMemorySpanExporter()
        self.metrics = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        self.meters = MeterProvider(metric_readers=[self.metrics])
        self.hooks: list[Hook] = [
            self.events.append,
            LoggingHook(),
            OpenTelemetryHook(tracer_provider=self.tracers, meter_provider=self.meters),
        ]

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def outputs(self, seen: set[int] | None = None) -> Iterator[tuple[str, str]]:
        """Yield what was recorded since the last time; `seen` as in `rendered`."""
        for record in self.records:
            attributes = {name: value for name, value in vars(record).items() if name not in CLOCK}
            yield f"log {record.name}", f"{record.getMessage()}\n{attributes!r}"
            if record.exc_info and record.exc_info[1]:
                yield from ((f"log {record.name}: {name}", text) for name, text in rendered(record.exc_info[1], seen))
        for event in self.events:
            yield "event", f"{event!r} {event!s} {pretty_repr(event)}"
        for warning in self.warned:
            yield "warning", f"{warning.message} {warning.source!r}"
        for span in self.spans.get_finished_spans():
            yield "span", span.to_json()
        self.records.clear()
        self.events.clear()
        self.warned.clear()
        self.spans.clear()

    def measured(self) -> Iterator[tuple[str, str]]:
        """Yield all that was measured so far."""
        metrics = self.metrics.get_metrics_data()
        yield "metrics", metrics.to_json() if metrics else ""


@contextmanager
def recording() -> Generator[Recorder]:
    """Set every logger, including that of the event loop, to its lowest level, and record everything."""
    recorder = Recorder()
    root, loop = logging.getLogger(), asyncio.get_running_loop()
    level = root.level
    root.addHandler(recorder)
    root.setLevel(logging.NOTSET + 1)
    loop.set_debug(True)
    loop.slow_callback_duration = 0.0
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            recorder.warned = warned
            yield recorder
    finally:
        loop.set_debug(False)
        root.removeHandler(recorder)
        root.setLevel(level)


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error with all it refers to, suppressed contexts and members of groups too."""
    found: dict[int, BaseException] = {}
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in found:
            continue
        found[id(each)] = each
        waiting += [each.__cause__, each.__context__]
        waiting += (
            cast("BaseExceptionGroup[BaseException]", each).exceptions if isinstance(each, BaseExceptionGroup) else ()
        )
    yield from found.values()


def rendered(error: BaseException, seen: set[int] | None = None) -> Iterator[tuple[str, str]]:
    """Yield an error as programs print it: as text, with its attributes, and as tracebacks with local variables.

    Frames of the tests are left out: they contain the canaries by design. `seen` are the identities of errors that were
    yielded before, and are not again.
    """
    for each in chain(error):
        if seen is not None:
            if id(each) in seen:
                continue
            seen.add(id(each))
        yield "str", f"{each!s} {each!r} {getattr(each, '__notes__', '')}"
        yield "attributes", f"{vars(each)!r} {pretty_repr(vars(each))}"
        yield "traceback", standard(each)
        yield "rich traceback", rich(each)


def standard(error: BaseException) -> str:
    """Render an error's own traceback with the standard library."""
    frames = (each for each in traceback.walk_tb(error.__traceback__) if not is_of_tests(each[0]))
    return "".join(traceback.StackSummary.extract(frames, capture_locals=True).format())


def rich(error: BaseException) -> str:
    """Render the local variables of an error's own traceback as rich does."""
    outermost = error.__traceback__
    while outermost is not None and is_of_tests(outermost.tb_frame):
        outermost = outermost.tb_next
    found = Traceback.extract(
        Exception,
        Exception(),  # in place of the error: rich would go through its causes too, and `chain` yields them
        outermost,
        show_locals=True,
        locals_max_length=EVERYTHING,
        locals_max_string=EVERYTHING,
    )
    frames = [frame for stack in found.stacks for frame in stack.frames if not frame.filename.startswith(TESTS)]
    return "\n".join(str(node) for frame in frames for node in (frame.locals or {}).values())


def is_of_tests(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(TESTS)


def pickled(error: errors.CheckoutError) -> Iterator[tuple[str, str]]:
    """Yield the pickle of an error, and that of a copy, as text."""
    for twin in (error, copy.copy(error), copy.deepcopy(error)):
        yield "pickle", pickle.dumps(twin).decode(errors="backslashreplace")


def without_reply(error: errors.CheckoutError) -> errors.CheckoutError:
    """Return a copy of an error without the reply, which is kept as it came so that nothing paid for is lost."""
    twin = copy.copy(error)
    for name in ("_body", "_headers"):
        if hasattr(twin, name):
            setattr(twin, name, type(getattr(twin, name))())
    return twin


def shown(value: Any) -> Iterator[tuple[str, str]]:
    """Yield a result as programs print it."""
    yield "result", f"{value!r} {value!s} {[value]!r} {pretty_repr(value)} {pretty_repr(value, max_string=20)}"
