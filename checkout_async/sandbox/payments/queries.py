"""The operations that only read: a payment, its actions, the list by reference, and the search with its pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from checkout_async.sandbox.core.calls import ApiCall, ApiReply
from checkout_async.sandbox.core.errors import ApiRefusal, bad_search, payment_invalid, payment_not_found
from checkout_async.sandbox.core.ids import DeterministicIds
from checkout_async.sandbox.core.payload import JsonObject, integer, text
from checkout_async.sandbox.core.simulation import Simulation
from checkout_async.sandbox.payments.blocks import Links
from checkout_async.sandbox.payments.payment import Payment
from checkout_async.sandbox.payments.replies import PaymentReplies
from checkout_async.sandbox.payments.search import parse_query
from checkout_async.sandbox.payments.store import PaymentStore

VISIT_LIFETIME = 15 * 60
"""Seconds after the customer's return during which `get_payment` accepts the `sid_` identifier of the redirect."""

NEXT_PAGE_PATH = "/payments/search/{id}"
"""Path of the further pages of a search, selected by `?token=`; the API's documents do not describe it."""

_DEFAULT_LIMIT = 10
_MAX_LIMIT = 1000
"""The largest page of a search; a larger limit is read as this one."""
_PAGING_CODES = frozenset({"limit_invalid", "skip_invalid"})


@dataclass(frozen=True, slots=True)
class _Search:
    """A search: the payments found when it started, and the size of its pages."""

    id: str
    ids: DeterministicIds
    found: list[str]
    limit: int

    def token(self, offset: int) -> str:
        """Return the token of the page that starts at an offset."""
        return self.ids.token(f"page {offset}")


class PaymentQueries:
    """The read-only operations over one store of payments."""

    def __init__(self, simulation: Simulation, store: PaymentStore, replies: PaymentReplies, links: Links) -> None:
        self._reader = simulation.reader
        self._clock = simulation.clock
        self._ids = simulation.ids
        self._store = store
        self._replies = replies
        self._links = links
        self._searches: dict[str, _Search] = {}

    async def get_payment(self, call: ApiCall) -> ApiReply:
        """Return a payment, by its identifier or by the `sid_` identifier of its redirect."""
        payment = self._store.find(call.resource_id) or self._find_by_redirect(call.resource_id)
        if payment is None:
            raise payment_not_found()
        return ApiReply(200, self._replies.details(payment, self._clock.now()))

    async def get_payment_actions(self, call: ApiCall) -> ApiReply:
        """Return the actions of a payment."""
        payment = self._store.find(call.resource_id)
        if payment is None:
            raise payment_not_found()
        return ApiReply(200, self._replies.actions(payment, self._clock.now()))

    async def list_payments(self, call: ApiCall) -> ApiReply:
        """List the payments with a reference."""
        parameters = self._read_parameters(call)
        limit, skip = integer(parameters, "limit") or _DEFAULT_LIMIT, integer(parameters, "skip") or 0
        payments = self._store.find_by_reference(text(parameters, "reference") or "")
        if not payments:
            raise payment_not_found()
        now = self._clock.now()
        page = [self._replies.details(payment, now) for payment in payments[skip : skip + limit]]
        return ApiReply(200, {"limit": limit, "skip": skip, "total_count": len(payments), "data": page})

    async def search_payments(self, call: ApiCall) -> ApiReply:
        """Search, and return the first page."""
        body = self._reader.body(call)
        since, until = _period(body)
        query = parse_query(text(body, "query") or "")
        now = self._clock.now()
        found = [
            payment.id
            for payment in self._store.newest_first()
            if since <= payment.created_at <= until
            and query.may_match({"id": payment.id, "reference": payment.request.reference})
            and query.matches(self._replies.search_item(payment, now))
        ]
        ids = self._ids.fork("search", call.body)
        limit = integer(body, "limit")
        search = _Search(
            ids.token("id"), ids, found, _DEFAULT_LIMIT if limit is None else min(max(limit, 1), _MAX_LIMIT)
        )
        self._searches[search.id] = search
        return ApiReply(200, self._page(search, 0))

    async def next_page(self, call: ApiCall) -> ApiReply:
        """Return a further page of a search."""
        search = self._searches.get(call.resource_id)
        offsets = range(search.limit, len(search.found), search.limit) if search else range(0)
        for offset in offsets:
            if search is not None and search.token(offset) == call.query.get("token"):
                return ApiReply(200, self._page(search, offset))
        raise bad_search("token_invalid")

    def _page(self, search: _Search, offset: int) -> JsonObject:
        end, now = offset + search.limit, self._clock.now()
        payments = [self._store.find(payment_id) for payment_id in search.found[offset:end]]
        page: JsonObject = {
            "data": [self._replies.search_item(payment, now) for payment in payments if payment is not None]
        }
        if end < len(search.found):
            path = f"{NEXT_PAGE_PATH.format(id=search.id)}?token={search.token(end)}"
            page["_links"] = self._links.next_page(path)
        return page

    def _read_parameters(self, call: ApiCall) -> JsonObject:
        """Read the query parameters of a list; invalid paging has its own error codes."""
        try:
            return self._reader.query(call)
        except ApiRefusal as refusal:
            codes = (f"paging_{code}" if code in _PAGING_CODES else code for code in refusal.error_codes)
            raise payment_invalid(*codes) from None

    def _find_by_redirect(self, session_id: str) -> Payment | None:
        payment = self._store.find_by_session_id(session_id)
        if payment is None or (
            payment.returned_at is not None and self._clock.now() >= payment.returned_at + VISIT_LIFETIME
        ):
            return None
        return payment


def _period(body: JsonObject) -> tuple[float, float]:
    """Read `from` and `to`, which go together; raises 422, or 400 if they are the wrong way round."""
    since, until = text(body, "from"), text(body, "to")
    if since is None and until is None:
        return float("-inf"), float("inf")
    if since is None or until is None:
        raise payment_invalid("from_required" if since is None else "to_required")
    start, end = datetime.fromisoformat(since).timestamp(), datetime.fromisoformat(until).timestamp()
    if start > end:
        raise bad_search("from_invalid")
    return start, end
