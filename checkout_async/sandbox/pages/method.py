"""The issuer's 3DS Method page, and the interceptor that tells the shop's page of its end.

The browser posts `threeDSMethodData` here from a hidden iframe; the page posts the transaction id back to the
notification URL, unless the card's scenario is that the method never answers.
"""

from __future__ import annotations

from aiohttp import web

from checkout_async.sandbox.core.notifier import is_web_address
from checkout_async.sandbox.core.payload import encoded, text
from checkout_async.sandbox.pages.forms import Fields, taking_fields
from checkout_async.sandbox.pages.messages import read
from checkout_async.sandbox.pages.page import announcement, forward, page, problem
from checkout_async.sandbox.sessions.replies import METHOD_PATH
from checkout_async.sandbox.sessions.store import SessionStore

NOTIFICATION_PATH = "/sessions-interceptor/3ds-method-notification"
_FIELD = "threeDSMethodData"


class MethodPages:
    """The pages of the 3DS Method."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store

    def add_to(self, app: web.Application) -> None:
        """Register the paths."""
        app.router.add_post(METHOD_PATH, taking_fields(self._run))
        app.router.add_post(NOTIFICATION_PATH, taking_fields(self._notified))

    async def _run(self, _request: web.Request, posted: Fields) -> web.StreamResponse:
        data = read(_FIELD, posted.get(_FIELD))
        transaction_id = text(data, "threeDSServerTransID") or ""
        session = self._store.with_transaction(transaction_id)
        if session is None or not session.has_method_url:
            return problem("There is no session with this threeDSServerTransID that has a 3DS Method.", 404)
        url = text(data, "threeDSMethodNotificationURL") or ""
        if not is_web_address(url):
            return problem("threeDSMethodNotificationURL is not an http or https address.")
        if not session.order.card.scenario.method_answers:
            return page("3DS Method", "<p>This issuer never answers.</p>")
        return forward(url, {_FIELD: encoded({"threeDSServerTransID": transaction_id})})

    async def _notified(self, _request: web.Request, posted: Fields) -> web.StreamResponse:
        data = read(_FIELD, posted.get(_FIELD))
        return announcement({"threeDSServerTransID": text(data, "threeDSServerTransID") or ""})
