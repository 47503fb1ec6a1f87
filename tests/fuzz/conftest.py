"""Counts the examples that hypothesis ran in these tests, and says so at the end of the run."""

from __future__ import annotations

import functools
import inspect
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

RAN: Counter[str] = Counter()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Put a counter around the body of each property, where hypothesis calls it once an example."""
    handle = getattr(getattr(item, "obj", None), "hypothesis", None)
    if handle is not None and not hasattr(handle.inner_test, "is_counted"):
        handle.inner_test = counted(handle.inner_test, item.nodeid.partition("[")[0])


def counted(inner: Callable[..., Any], name: str) -> Callable[..., Any]:
    @functools.wraps(inner)
    def plain(*args: Any, **kwargs: Any) -> Any:
        RAN[name] += 1
        return inner(*args, **kwargs)

    @functools.wraps(inner)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        RAN[name] += 1
        return await inner(*args, **kwargs)

    wrapper = awaited if inspect.iscoroutinefunction(inner) else plain
    vars(wrapper)["is_counted"] = True
    return wrapper


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if RAN:
        terminalreporter.section("fuzz")
        terminalreporter.write_line(f"hypothesis ran {RAN.total()} examples of {len(RAN)} properties")
