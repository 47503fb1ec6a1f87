"""The issuer's challenge page (ACS): a one-time password, the banking app instead, or cancel.

The browser posts `creq` here. At the end the page posts `cres` (and `threeDSSessionData`, if there was any) to the
session's challenge notification URL, or to the endpoint here that tells the shop's page by a browser event.
"""

from __future__ import annotations

from collections import Counter
from html import escape

from aiohttp import web

from checkout_async.sandbox.blocks import cres
from checkout_async.sandbox.browser.messages import BadMessage, read
from checkout_async.sandbox.browser.method import field_of
from checkout_async.sandbox.browser.page import announcement, form, forward, page, problem
from checkout_async.sandbox.cardholder import Cardholder
from checkout_async.sandbox.ledger import SessionStore
from checkout_async.sandbox.payload import text
from checkout_async.sandbox.replies import CHALLENGE_PATH
from checkout_async.sandbox.session import Session
from checkout_async.sandbox.status import Status

ONE_TIME_PASSWORD = "1234"  # noqa: S105 - what the page asks for, and says
ANSWER_PATH = f"{CHALLENGE_PATH}/answer"
NOTIFICATION_PATH = "/sessions-interceptor/challenge-notification"
HOSTED_RETURN_PATH = "/_sandbox/interceptor/{id}/challenge"
_ATTEMPTS = 3
_DATA = "threeDSSessionData"


class ChallengePages:
    """The pages of the challenge."""

    def __init__(self, store: SessionStore, cardholder: Cardholder, base_url: str) -> None:
        self._store = store
        self._cardholder = cardholder
        self._base_url = base_url
        self._wrong: Counter[str] = Counter()

    def add_to(self, app: web.Application) -> None:
        """Register the paths."""
        app.router.add_post(CHALLENGE_PATH, self._begin)
        app.router.add_post(ANSWER_PATH, self._answer)
        app.router.add_post(NOTIFICATION_PATH, self._notified)

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        posted = await request.post()
        try:
            message = read("creq", field_of(posted, "creq"))
        except BadMessage as bad:
            return problem(str(bad))
        session = self._store.with_transaction(text(message, "threeDSServerTransID") or "")
        if session is None or text(message, "messageType") != "CReq":
            return problem("This is no challenge request (CReq) of a session here.", 404)
        data = field_of(posted, _DATA) or ""
        if session.status is not Status.CHALLENGED:
            return self._back(session, data)
        return _question(session, data)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        posted = await request.post()
        session = self._store.with_transaction(field_of(posted, "transaction") or "")
        if session is None:
            return problem("There is no such challenge.", 404)
        data, how = field_of(posted, _DATA) or "", field_of(posted, "how")
        if session.status is not Status.CHALLENGED:
            return self._back(session, data)
        if how == "app":
            return _app(session, data)
        if how == "cancel":
            await self._cardholder.abandon_challenge(session.id)
        elif how == "approved" or field_of(posted, "password") == ONE_TIME_PASSWORD:
            await self._cardholder.complete_challenge(session.id)
        else:
            self._wrong[session.id] += 1
            left = _ATTEMPTS - self._wrong[session.id]
            if left > 0:
                return _question(session, data, f"That is not the password. You may try {left} more times.")
            await self._cardholder.complete_challenge(session.id, "N")
        return self._back(session, data)

    def _back(self, session: Session, data: str) -> web.StreamResponse:
        """Send the browser back with the challenge's result, or that there is none any more."""
        result = session.outcome.response_code if session.outcome is not None else None
        url = text(session.order.urls, "challenge_notification_url") or self._base_url + NOTIFICATION_PATH
        if session.order.hosted:
            url = self._base_url + HOSTED_RETURN_PATH.format(id=session.id)
        fields = {"cres": cres(session, result if result and result != "C" else "N")}
        return forward(url, fields | ({_DATA: data} if data else {}))

    async def _notified(self, request: web.Request) -> web.StreamResponse:
        try:
            message = read("cres", field_of(await request.post(), "cres"))
        except BadMessage as bad:
            return problem(str(bad))
        names = ("transStatus", "threeDSServerTransID")
        return announcement({name: text(message, name) or "" for name in names})


def _question(session: Session, data: str, wrong: str = "") -> web.Response:
    entry = (
        '<label for="password">One-time password</label>'
        '<input id="password" name="password" inputmode="numeric" autocomplete="one-time-code">'
        '<button class="main" name="how" value="password">Confirm</button>'
    )
    alert = f'<p class="problem" role="alert">{escape(wrong)}</p>' if wrong else ""
    other_way = _form(session, data, '<button name="how" value="app">Use my banking app</button>')
    content = (
        f"{_summary(session)}<p>We sent a one-time password to your phone.</p>{alert}"
        f"{_form(session, data, entry)}{other_way}{_cancel(session, data)}"
        f'<p class="small">A simulator: the password is {ONE_TIME_PASSWORD}.</p>'
    )
    return page("Confirm your payment", content)


def _app(session: Session, data: str) -> web.Response:
    approved = '<button class="main" name="how" value="approved">I approved it in the app</button>'
    content = (
        f"{_summary(session)}<p>Open your banking app and approve the payment there.</p>"
        f"{_form(session, data, approved)}{_cancel(session, data)}"
    )
    return page("Waiting for your approval", content)


def _summary(session: Session) -> str:
    order = session.order
    card = f"•••• {order.card.last_four}" if order.card.last_four else order.card.scheme
    return (
        f"<dl><dt>Card</dt><dd>{escape(card)}</dd>"
        f"<dt>Amount (minor unit)</dt><dd>{order.amount} {escape(order.currency)}</dd></dl>"
    )


def _form(session: Session, data: str, content: str) -> str:
    fields = {"transaction": session.transaction_id} | ({_DATA: data} if data else {})
    return form(ANSWER_PATH, fields, content)


def _cancel(session: Session, data: str) -> str:
    return _form(session, data, '<button name="how" value="cancel">Cancel</button>')
