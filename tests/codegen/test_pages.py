"""The generated iterators over pages, and how parameters, idempotency keys and optional bodies reach the core."""

from __future__ import annotations

import datetime
import inspect
from typing import Any, TypeVar

import pytest

from checkout_async._core.parameters import Parameter
from checkout_async._core.wire import ApiRequest, ApiResponse
from tests.codegen.support import GoldenLibrary

T = TypeVar("T")


class Shelf:
    """Returns the pages it was given, and records the requests."""

    def __init__(self, *pages: object) -> None:
        self._pages = list(pages)
        self.requests: list[ApiRequest[Any]] = []

    async def send(self, request: ApiRequest[T], /) -> ApiResponse[T]:
        self.requests.append(request)
        value: T = self._pages[len(self.requests) - 1]  # type: ignore[assignment]  # a fake returns what it was given
        return ApiResponse(value=value, status=200, headers={}, request_id=None, body=b"")


class Library(GoldenLibrary):
    """The golden library, and pages of its loans."""

    def listed(self, *ids: str, total: int | None = None) -> object:
        return self.models.LoanList(data=[self.models.Loan(id=each) for each in ids], total_count=total)

    def found(self, *ids: str, link: str | None = None) -> object:
        links = self.models.Links(next=self.models.Link(href=link)) if link else None
        return self.models.LoanSearchResult(data=[self.models.Loan(id=each) for each in ids], links=links)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    """Return the golden library."""
    return Library(monkeypatch)


def query(request: ApiRequest[Any]) -> dict[str, str]:
    return {parameter.name: parameter.value for parameter in request.query}


# --- pages by position


async def test_the_items_of_all_pages_come_one_by_one(library: Library) -> None:
    shelf = Shelf(library.listed("a", "b", total=3), library.listed("c", total=3))
    loans = [loan.id async for loan in library.operations.iterate_loans(shelf, reader="Ada", page_size=2)]
    assert loans == ["a", "b", "c"]
    assert [query(request) for request in shelf.requests] == [
        {"reader": "Ada", "page-size": "2", "skip": "0"},
        {"reader": "Ada", "page-size": "2", "skip": "2"},
    ]


async def test_nothing_is_fetched_before_an_item_is_requested(library: Library) -> None:
    shelf = Shelf(library.listed("a", "b", total=4))
    loans = library.operations.iterate_loans(shelf, reader="Ada")
    assert shelf.requests == []
    assert [(await anext(loans)).id, (await anext(loans)).id] == ["a", "b"]
    assert len(shelf.requests) == 1


async def test_an_iterator_starts_at_skip_and_stops_after_max_items(library: Library) -> None:
    shelf = Shelf(library.listed("f", "g", total=9))
    loans = library.operations.iterate_loans(shelf, reader="Ada", skip=5, max_items=1)
    assert [loan.id async for loan in loans] == ["f"]
    assert query(shelf.requests[0])["skip"] == "5"


async def test_a_page_without_a_total_does_not_end_the_iteration_unless_it_is_empty(library: Library) -> None:
    shelf = Shelf(library.listed("a"), library.listed("b"), library.listed())
    assert [loan.id async for loan in library.operations.iterate_loans(shelf, reader="Ada")] == ["a", "b"]


# --- pages by link


async def test_links_lead_from_page_to_page(library: Library) -> None:
    shelf = Shelf(library.found("a", link="/loans/search?page=2"), library.found("b"))
    body = library.models.LoanSearchRequest(title="Zuleika")
    loans = library.operations.iterate_search_loans(shelf, body, headers={"X-Trace": "1"})
    assert shelf.requests == []
    assert [loan.id async for loan in loans] == ["a", "b"]
    first, second = shelf.requests
    assert (first.body, first.link) == (body, None)
    assert second.link == "/loans/search?page=2"
    assert second.operation is first.operation is library.operations.SEARCH_LOANS
    assert second.options == first.options


async def test_a_server_that_repeats_a_page_ends_the_iteration(library: Library) -> None:
    page = library.found("a", link="/again")
    assert [loan.id async for loan in library.operations.iterate_search_loans(Shelf(page, page), {})] == ["a"]


# --- both


@pytest.mark.parametrize("name", ["iterate_loans", "iterate_search_loans"])
def test_an_iterator_takes_what_the_call_takes_and_the_number_of_items_wanted(library: Library, name: str) -> None:
    call = getattr(library.operations, name.replace("iterate_loans", "list_loans").replace("iterate_search", "search"))
    iterator = getattr(library.operations, name)
    taken = inspect.signature(iterator).parameters
    assert set(taken) == {*inspect.signature(call).parameters, "max_items"}
    method = getattr(library.resources.LibraryResource, name)
    assert list(inspect.signature(method).parameters)[1:] == list(taken)[1:]
    assert inspect.getdoc(method) is not None
    assert name in library.operations.__all__


async def test_a_resource_class_iterates_too(library: Library) -> None:
    shelf = Shelf(library.listed("a", total=1))
    resource = library.resources.LibraryResource(shelf)
    assert [loan.id async for loan in resource.iterate_loans(reader="Ada", max_items=5)] == ["a"]


# --- parameters, keys, bodies


def test_parameters_carry_every_limit_of_the_specification(library: Library) -> None:
    since = datetime.date(2026, 11, 21)
    assert library.operations.build_list_loans(reader="Ada", page_size=3, skip=0, since=since).query == (
        Parameter(name="reader", value="Ada", max_length=20),
        Parameter(name="page-size", value="3", argument="page_size", minimum=1, maximum=100),
        Parameter(name="skip", value="0", minimum=0),
        Parameter(name="since", value="2026-11-21"),
    )
    assert library.operations.build_renew_loan("l-1").path == (
        Parameter(name="id", value="l-1", argument="loan_id", min_length=3, max_length=8),
    )


def test_an_idempotency_key_is_an_option_and_its_header_known_to_the_core(library: Library) -> None:
    request = library.operations.build_renew_loan("l-1", idempotency_key="k")
    assert request.options.idempotency_key == "k"
    assert request.headers == ()
    assert library.operations.RENEW_LOAN.idempotency_header == "Library-Request-Key"
    assert library.operations.LIST_LOANS.idempotency_header is None


def test_a_body_that_is_not_required_may_be_left_out(library: Library) -> None:
    assert library.operations.build_renew_loan("l-1").body is None
    assert not library.operations.RENEW_LOAN.body_required
    assert library.operations.REQUEST_LOAN.body_required


def test_a_reply_may_have_a_body_or_none(library: Library) -> None:
    assert library.operations.RENEW_LOAN.responses == {202: library.models.Loan, 204: None}
    assert inspect.signature(library.operations.renew_loan).return_annotation == "Loan | None"
