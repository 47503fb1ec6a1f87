"""The operations that only read: a payment, its actions, the list by reference, the search with its pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from checkout_async.sandbox.core.call import Call, Reply
from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.errors import ApiRefusal, bad_search, not_found, payment_invalid
from checkout_async.sandbox.core.ids import Mint
from checkout_async.sandbox.core.payload import JsonObject, integer, text
from checkout_async.sandbox.core.spec import ApiSpec
from checkout_async.sandbox.core.validation import read_body
from checkout_async.sandbox.core.validation import read_query as read_parameters
from checkout_async.sandbox.payments.blocks import Links
from checkout_async.sandbox.payments.payment import Payment
from checkout_async.sandbox.payments.query import read_query
from checkout_async.sandbox.payments.replies import PaymentReplies
from checkout_async.sandbox.payments.store import PaymentStore

VISIT_LIFETIME = 15 * 60
"""Seconds after the customer's return during which `get_payment` takes the `sid_` of the redirect."""

NEXT_PAGE_PATH = "/payments/search/{id}"
"""Where the pages of a search are, `?token=` telling which; the API's documents do not describe it."""

_DEFAULT_LIMIT = 10
_PAGING_FAULTS = frozenset({"limit_invalid", "skip_invalid"})


@dataclass(frozen=True, slots=True)
class _Search:
    """A search under way: what it found when it began, and how it goes through it."""

    id: str
    mint: Mint
    found: list[str]
    limit: int

    def token(self, offset: int) -> str:
        """Name the page that begins at an offset."""
        return self.mint.token(f"page {offset}")


class PaymentReading:
    """The reading operations over one store of payments."""

    def __init__(
        self,
        spec: ApiSpec,
        store: PaymentStore,
        replies: PaymentReplies,
        links: Links,
        clock: SandboxClock,
        mint: Mint,
    ) -> None:
        self._spec = spec
        self._store = store
        self._replies = replies
        self._links = links
        self._clock = clock
        self._mint = mint
        self._searches: dict[str, _Search] = {}

    async def get_payment(self, call: Call) -> Reply:
        """Show a payment, by its identifier or by that of the customer's visit."""
        payment = self._store.find(call.resource_id) or self._of_visit(call.resource_id)
        if payment is None:
            raise not_found("payment")
        return Reply(200, self._replies.details(payment, self._clock.now()))

    async def get_payment_actions(self, call: Call) -> Reply:
        """Show what was done to a payment."""
        payment = self._store.find(call.resource_id)
        if payment is None:
            raise not_found("payment")
        return Reply(200, self._replies.actions(payment, self._clock.now()))

    async def list_payments(self, call: Call) -> Reply:
        """List the payments with a reference."""
        asked = self._paging(call)
        limit, skip = integer(asked, "limit") or _DEFAULT_LIMIT, integer(asked, "skip") or 0
        payments = self._store.with_reference(text(asked, "reference") or "")
        if not payments:
            raise not_found("payment")
        now = self._clock.now()
        page = [self._replies.details(payment, now) for payment in payments[skip : skip + limit]]
        return Reply(200, {"limit": limit, "skip": skip, "total_count": len(payments), "data": page})

    async def search_payments(self, call: Call) -> Reply:
        """Search, and show the first page."""
        body = read_body(self._spec, call.operation, call.body, call.content_type)
        since, until = _period(body)
        holds = read_query(text(body, "query") or "")
        now = self._clock.now()
        found = [
            payment.id
            for payment in self._store.newest_first()
            if since <= payment.created_at <= until and holds(self._replies.found(payment, now))
        ]
        mint = self._mint.child("search", call.body)
        search = _Search(mint.token("id"), mint, found, integer(body, "limit") or _DEFAULT_LIMIT)
        self._searches[search.id] = search
        return Reply(200, self._page(search, 0))

    async def next_page(self, call: Call) -> Reply:
        """Show the page of a search that a link leads to."""
        search = self._searches.get(call.resource_id)
        offsets = range(search.limit, len(search.found), search.limit) if search else range(0)
        for offset in offsets:
            if search is not None and search.token(offset) == call.query.get("token"):
                return Reply(200, self._page(search, offset))
        raise bad_search("token_invalid")

    def _page(self, search: _Search, offset: int) -> JsonObject:
        end, now = offset + search.limit, self._clock.now()
        payments = [self._store.find(payment_id) for payment_id in search.found[offset:end]]
        page: JsonObject = {"data": [self._replies.found(payment, now) for payment in payments if payment is not None]}
        if end < len(search.found):
            path = f"{NEXT_PAGE_PATH.format(id=search.id)}?token={search.token(end)}"
            page["_links"] = self._links.next_page(path)
        return page

    def _paging(self, call: Call) -> JsonObject:
        """Read the parameters of a list; faults of its paging have codes of their own."""
        try:
            return read_parameters(self._spec, call.operation, call.query)
        except ApiRefusal as refusal:
            codes = (f"paging_{code}" if code in _PAGING_FAULTS else code for code in refusal.error_codes)
            raise payment_invalid(*codes) from None

    def _of_visit(self, session_id: str) -> Payment | None:
        payment = self._store.of_session(session_id)
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
