"""What a run came to: lines by status or kind of error, duration and rate, as a value and as a table of text."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator

from checkout_async.batch.outcome import Outcome
from checkout_async.models import sessions

__all__ = ["Summary"]


class Summary:
    """Counts outcomes. `by_status` has the lines with a session's result, `by_error` the others by kind of error."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.by_status: Counter[str] = Counter()
        self.by_error: Counter[str] = Counter()
        self._clock = clock
        self._started = clock()

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        if outcome.error is not None:
            self.by_error[outcome.error.kind] += 1
        else:
            self.by_status[outcome.status or "unknown"] += 1

    @property
    def done(self) -> int:
        """Lines counted so far."""
        return self.by_status.total() + self.by_error.total()

    def table(self) -> str:
        """Return the counts by status, then by kind of error, with the total, the time it took and the rate."""
        seconds = self._clock() - self._started
        rows = list(self._rows())
        width = max(len(name) for name, _ in rows)
        lines = [f"{name:<{width}}  {count:>9,}  {self._share(count):>6}" for name, count in rows]
        rule = "-" * len(lines[0])
        rate = f", {self.done / seconds:.0f} a second" if seconds > 0 else ""
        head = f"{'status':<{width}}  {'lines':>9}"
        return "\n".join([head, rule, *lines[:-1], rule, lines[-1], f"{seconds:.1f} s{rate}"])

    def _rows(self) -> Iterator[tuple[str, int]]:
        for status in sessions.SessionStatus:
            if status in self.by_status:
                yield status, self.by_status[status]
        for unknown in sorted(self.by_status.keys() - set(sessions.SessionStatus)):
            yield unknown, self.by_status[unknown]
        for kind in sorted(self.by_error):
            yield f"error: {kind}", self.by_error[kind]
        yield "total", self.done

    def _share(self, count: int) -> str:
        return f"{100 * count / self.done:.1f} %" if self.done else ""
