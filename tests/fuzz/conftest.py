"""Counts the examples that hypothesis runs in these tests, for the figures at the end of the run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from tests import figures


def pytest_itemcollected(item: pytest.Item) -> None:
    """Put a counter around the body of each property, where hypothesis calls it once an example."""
    handle = getattr(getattr(item, "obj", None), "hypothesis", None)
    if handle is not None and not hasattr(handle.inner_test, "is_counted"):
        handle.inner_test = counted(handle.inner_test, item.nodeid.partition("[")[0])


def counted(inner: Callable[..., Any], name: str) -> Callable[..., Any]:
    @functools.wraps(inner)
    def plain(*args: Any, **kwargs: Any) -> Any:
        _count(name)
        return inner(*args, **kwargs)

    @functools.wraps(inner)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        _count(name)
        return await inner(*args, **kwargs)

    wrapper = awaited if inspect.iscoroutinefunction(inner) else plain
    vars(wrapper)["is_counted"] = True
    return wrapper


def _count(name: str) -> None:
    figures.COUNTS["examples"] += 1
    figures.NAMES["properties"].add(name)
