"""The issuer's 3DS Method page, and the interceptor that tells the shop's page of its end.

The browser posts `threeDSMethodData` here from a hidden iframe; the page posts the transaction id back to the
notification URL, unless the card's scenario is that the method never answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import web

from checkout_async.sandbox.browser.messages import BadMessage, read, write
from checkout_async.sandbox.browser.page import announcement, forward, page, problem
from checkout_async.sandbox.ledger import SessionStore
from checkout_async.sandbox.payload import text
from checkout_async.sandbox.replies import METHOD_PATH

NOTIFICATION_PATH = "/sessions-interceptor/3ds-method-notification"
_FIELD = "threeDSMethodData"


class MethodPages:
    """The pages of the 3DS Method."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store

    def add_to(self, app: web.Application) -> None:
        """Register the paths."""
        app.router.add_post(METHOD_PATH, self._run)
        app.router.add_post(NOTIFICATION_PATH, self._notified)

    async def _run(self, request: web.Request) -> web.StreamResponse:
        try:
            data = read(_FIELD, field_of(await request.post(), _FIELD))
        except BadMessage as bad:
            return problem(str(bad))
        transaction_id = text(data, "threeDSServerTransID") or ""
        session = self._store.with_transaction(transaction_id)
        if session is None or not session.has_method_url:
            return problem("There is no session with this threeDSServerTransID that has a 3DS Method.", 404)
        url = text(data, "threeDSMethodNotificationURL") or ""
        if not is_web_address(url):
            return problem("threeDSMethodNotificationURL is not an http or https address.")
        if not session.order.card.scenario.method_answers:
            return page("3DS Method", "<p>This issuer never answers.</p>")
        return forward(url, {_FIELD: write({"threeDSServerTransID": transaction_id})})

    async def _notified(self, request: web.Request) -> web.StreamResponse:
        try:
            data = read(_FIELD, field_of(await request.post(), _FIELD))
        except BadMessage as bad:
            return problem(str(bad))
        return announcement({"threeDSServerTransID": text(data, "threeDSServerTransID") or ""})


def field_of(form: Mapping[str, object], name: str) -> str | None:
    """Read a text field of a posted form."""
    value = form.get(name)
    return value if isinstance(value, str) else None


def is_web_address(url: str) -> bool:
    """Whether a browser can be sent to this address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
