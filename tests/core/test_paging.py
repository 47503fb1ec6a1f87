"""Pages are fetched lazily, each item is yielded once, and no server can keep an iterator going for ever."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from checkout_async._core.paging import Page, by_link, by_position
from checkout_async.errors import InvalidRequest


class Shelf:
    """A server of numbered items; records the requests."""

    def __init__(self, size: int, page_size: int, *, total: bool = True) -> None:
        self.items = [f"item {number}" for number in range(size)]
        self.page_size = page_size
        self.total = len(self.items) if total else None
        self.requests: list[int | str] = []

    async def skip(self, position: int) -> Page[str]:
        self.requests.append(position)
        items = self.items[position : position + self.page_size]
        return Page(items, items, total=self.total)

    async def first(self) -> Page[str]:
        return await self.follow("0")

    async def follow(self, link: str) -> Page[str]:
        self.requests.append(link)
        start = int(link)
        items = self.items[start : start + self.page_size]
        following = start + self.page_size
        return Page(items, items, next_link=str(following) if following < len(self.items) else None)


async def collect(shelf: Shelf, *, links: bool, max_items: int | None = None) -> list[str]:
    pages = (
        by_link(shelf.first, shelf.follow, max_items=max_items)
        if links
        else by_position(shelf.skip, start=0, max_items=max_items)
    )
    return [item async for item in pages]


@pytest.mark.parametrize("links", [False, True])
@example(size=5, page_size=2, max_items=0)
@example(size=5, page_size=2, max_items=4)
@given(size=st.integers(0, 50), page_size=st.integers(1, 20), max_items=st.none() | st.integers(0, 60))
async def test_an_iterator_yields_the_first_items_in_order_and_fetches_no_page_too_many(
    links: bool, size: int, page_size: int, max_items: int | None
) -> None:
    shelf = Shelf(size, page_size)
    wanted = size if max_items is None else min(size, max_items)
    assert await collect(shelf, links=links, max_items=max_items) == shelf.items[:wanted]
    pages_needed = 0 if max_items == 0 else max(1, -(-wanted // page_size))
    assert len(shelf.requests) == pages_needed


async def test_without_a_total_iteration_ends_at_the_first_page_without_new_items() -> None:
    shelf = Shelf(10, 5, total=False)
    assert await collect(shelf, links=False) == shelf.items
    assert shelf.requests == [0, 5, 10]


async def test_an_empty_page_ends_the_iteration_even_if_the_total_promises_more_items() -> None:
    shelf = Shelf(10, 5)
    shelf.total = 1000
    assert await collect(shelf, links=False) == shelf.items
    assert shelf.requests == [0, 5, 10]


@pytest.mark.parametrize("links", [False, True])
async def test_nothing_is_fetched_before_the_first_item_is_asked_for(links: bool) -> None:
    shelf = Shelf(10, 5)
    pages = (
        by_link(shelf.first, shelf.follow, max_items=None)
        if links
        else by_position(shelf.skip, start=0, max_items=None)
    )
    assert shelf.requests == []
    await anext(pages)
    assert len(shelf.requests) == 1


class Repeater:
    """A server that repeats one page for ever: under a new link each time, and with a total that grows."""

    def __init__(self) -> None:
        self.requests = 0

    async def page(self, _position: int | str = 0) -> Page[str]:
        self.requests += 1
        if self.requests > 100:
            pytest.fail("the iteration does not end")
        return Page(["a", "b"], ["a", "b"], total=1000 * self.requests, next_link=f"page {self.requests}")


async def test_positions_end_after_ten_pages_without_a_new_item() -> None:
    server = Repeater()
    assert [item async for item in by_position(server.page, start=0, max_items=None)] == ["a", "b"]
    assert server.requests == 1 + 10


async def test_without_a_total_positions_end_at_the_first_page_without_a_new_item() -> None:
    requests: list[int] = []

    async def repeating(position: int) -> Page[str]:
        requests.append(position)
        return Page(["a", "b"], ["a", "b"])

    assert [item async for item in by_position(repeating, start=0, max_items=None)] == ["a", "b"]
    assert requests == [0, 2]


async def test_links_end_at_the_first_page_without_a_new_item() -> None:
    server = Repeater()
    assert [item async for item in by_link(server.page, server.page, max_items=None)] == ["a", "b"]
    assert server.requests == 1 + 1


async def test_nine_pages_without_a_new_item_do_not_end_the_iteration() -> None:
    async def crowded(position: int) -> Page[str]:
        items = ["a"] if position < 10 else ["b"]
        return Page(items, items, total=11)

    assert [item async for item in by_position(crowded, start=0, max_items=None)] == ["a", "b"]


async def test_a_link_that_leads_in_a_circle_is_followed_once() -> None:
    pages = {"1": (["a"], "2"), "2": (["b"], "3"), "3": (["c"], "2")}

    async def follow(link: str = "1") -> Page[str]:
        items, following = pages[link]
        return Page(items, items, next_link=following)

    assert [item async for item in by_link(follow, follow, max_items=None)] == ["a", "b", "c"]


async def test_an_item_pushed_on_by_a_new_one_is_yielded_once() -> None:
    async def shifting(position: int) -> Page[str]:
        items = {0: ["c", "b"], 2: ["b", "a"]}.get(position, [])
        return Page(items, items, total=4)

    assert [item async for item in by_position(shifting, start=0, max_items=None)] == ["c", "b", "a"]


async def test_items_that_arrive_during_the_iteration_cost_no_others() -> None:
    shelf = [f"item {number}" for number in range(10)]

    async def growing(position: int) -> Page[str]:
        page = Page(tuple(shelf[position : position + 2]), tuple(shelf[position : position + 2]), total=len(shelf))
        if position == 0:
            shelf[:0] = ["new 1", "new 2"]
        return page

    assert [item async for item in by_position(growing, start=0, max_items=None)] == [f"item {n}" for n in range(10)]


async def test_a_page_must_name_each_of_its_items() -> None:
    async def torn(_position: int) -> Page[str]:
        return Page(["a", "b"], ["a"], total=2)

    with pytest.raises(ValueError, match="shorter"):
        await anext(by_position(torn, start=0, max_items=None))


async def test_a_negative_number_of_items_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="max_items must not be negative") as caught:
        await collect(Shelf(1, 1), links=False, max_items=-1)
    assert (caught.value.path, caught.value.reason) == ("max_items", "must not be negative")
