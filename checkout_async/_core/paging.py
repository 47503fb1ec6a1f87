"""Pagination: async iterators that fetch one page at a time, and only when its items are needed.

The API pages in two ways: by position (`by_position`) and by a link to the next page (`by_link`). Both iterators stop
at `max_items` or at the last page, and also if a server keeps repeating a page. New items push older ones onto the next
page, so a page may repeat items of the one before. Each item is yielded once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from checkout_async.errors import InvalidRequest

__all__ = ["Page", "by_link", "by_position"]

T = TypeVar("T")

# New items push known ones onto the next page, so a page without a new item is not always the end. A server that keeps
# repeating a page must not keep the iterator going, though.
_MAX_STALE_PAGES = 10


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page: its items, the identifier of each item, and the total or the link to the next page if it gives one."""

    items: Sequence[T]
    keys: Sequence[str]
    total: int | None = None
    next_link: str | None = None


async def by_position(
    fetch: Callable[[int], Awaitable[Page[T]]], *, start: int, max_items: int | None
) -> AsyncIterator[T]:
    """Yield the items of all pages. `fetch` is called with the number of items to skip."""
    budget = _item_budget(max_items)
    seen: set[str] = set()
    position = start
    stale = 0
    while budget > 0:
        page = await fetch(position)
        fresh = _new_items(page, seen)
        for item in fresh[: int(min(budget, len(fresh)))]:
            yield item
        budget -= len(fresh)
        position += len(page.items)
        stale = 0 if fresh else stale + 1
        at_end = not page.items or (page.total is not None and position >= page.total)
        if at_end or stale >= _MAX_STALE_PAGES or (stale and page.total is None):
            return


async def by_link(
    first: Callable[[], Awaitable[Page[T]]],
    follow: Callable[[str], Awaitable[Page[T]]],
    *,
    max_items: int | None,
) -> AsyncIterator[T]:
    """Yield the items of all pages. `follow` is called with the link to the next page."""
    budget = _item_budget(max_items)
    seen: set[str] = set()
    followed: set[str] = set()
    if budget <= 0:
        return
    page = await first()
    while True:
        fresh = _new_items(page, seen)
        for item in fresh[: int(min(budget, len(fresh)))]:
            yield item
        budget -= len(fresh)
        link = page.next_link
        if link is None or link in followed or not fresh or budget <= 0:
            return
        followed.add(link)
        page = await follow(link)


def _item_budget(max_items: int | None) -> float:
    if max_items is not None and max_items < 0:
        reason = "must not be negative"
        raise InvalidRequest(f"max_items {reason}", path="max_items", reason=reason)
    return float("inf") if max_items is None else max_items


def _new_items(page: Page[T], seen: set[str]) -> list[T]:
    fresh: list[T] = []
    for item, key in zip(page.items, page.keys, strict=True):
        if key not in seen:
            seen.add(key)
            fresh.append(item)
    return fresh
