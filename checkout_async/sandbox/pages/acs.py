"""The issuer's challenge page (ACS): a one-time password, the banking app instead, cancel, or no answer in time.

The browser posts `creq` here. At the end the page posts `cres` (and `threeDSSessionData`, if there was any) to the
session's challenge notification URL, or to the endpoint here that tells the shop's page by a browser event.
"""

from __future__ import annotations

from collections import Counter
from html import escape

from aiohttp import web

from checkout_async.sandbox.core.notifier import is_web_address
from checkout_async.sandbox.core.payload import text
from checkout_async.sandbox.pages.countdown import OVER, SCRIPT, Countdown
from checkout_async.sandbox.pages.forms import Fields, taking_fields
from checkout_async.sandbox.pages.messages import read
from checkout_async.sandbox.pages.page import announcement, farewell, form, forward, page, problem
from checkout_async.sandbox.sessions.blocks import cres
from checkout_async.sandbox.sessions.cardholder import Cardholder
from checkout_async.sandbox.sessions.replies import CHALLENGE_PATH
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import Status
from checkout_async.sandbox.sessions.store import SessionStore

ONE_TIME_PASSWORD = "1234"  # noqa: S105 - what the page asks for, and says
ANSWER_PATH = f"{CHALLENGE_PATH}/answer"
NOTIFICATION_PATH = "/sessions-interceptor/challenge-notification"
HOSTED_RETURN_PATH = "/_sandbox/interceptor/{id}/challenge"
_ATTEMPTS = 3
_DATA = "threeDSSessionData"
_ENTRY = (
    '<label for="password">One-time password</label>'
    '<input id="password" name="password" inputmode="numeric" autocomplete="one-time-code">'
    '<button class="main" name="how" value="password">Confirm</button>'
)


class ChallengePages:
    """The pages of the challenge."""

    def __init__(self, store: SessionStore, cardholder: Cardholder, countdown: Countdown, base_url: str) -> None:
        self._store = store
        self._cardholder = cardholder
        self._countdown = countdown
        self._base_url = base_url
        self._wrong: Counter[str] = Counter()

    def add_to(self, app: web.Application) -> None:
        """Register the paths."""
        app.router.add_post(CHALLENGE_PATH, taking_fields(self._begin))
        app.router.add_post(ANSWER_PATH, taking_fields(self._answer))
        app.router.add_post(NOTIFICATION_PATH, taking_fields(self._notified))

    async def _begin(self, _request: web.Request, posted: Fields) -> web.StreamResponse:
        message = read("creq", posted.get("creq"))
        session = self._store.with_transaction(text(message, "threeDSServerTransID") or "")
        if session is None or text(message, "messageType") != "CReq":
            return problem("This is no challenge request (CReq) of a session here.", 404)
        data = posted.get(_DATA, "")
        if session.status is not Status.CHALLENGED:
            return self._back(session, data)
        return self._question(session, data)

    async def _answer(self, _request: web.Request, posted: Fields) -> web.StreamResponse:
        session = self._store.with_transaction(posted.get("transaction", ""))
        if session is None:
            return problem("There is no such challenge.", 404)
        data, how = posted.get(_DATA, ""), posted.get("how")
        if session.status is not Status.CHALLENGED:
            return self._back(session, data)
        if how == "app":
            return self._app(session, data)
        if how == "cancel":
            await self._cardholder.abandon_challenge(session.id)
        elif how == "approved" or posted.get("password") == ONE_TIME_PASSWORD:
            await self._cardholder.complete_challenge(session.id)
        else:
            self._wrong[session.id] += 1
            left = _ATTEMPTS - self._wrong[session.id]
            if left > 0:
                return self._question(session, data, f"That is not the password. You may try {left} more times.")
            await self._cardholder.complete_challenge(session.id, "N")
        return self._back(session, data)

    def _back(self, session: Session, data: str) -> web.StreamResponse:
        """Send the browser back with the challenge's result, or that there is none any more."""
        outcome = session.outcome
        result = outcome.response_code if outcome is not None else None
        url = text(session.order.urls, "challenge_notification_url") or self._base_url + NOTIFICATION_PATH
        if session.order.hosted:
            url = self._base_url + HOSTED_RETURN_PATH.format(id=session.id)
        if not is_web_address(url):
            return problem("challenge_notification_url is not an http or https address.")
        fields = {"cres": cres(session, result if result and result != "C" else "N")}
        fields |= {_DATA: data} if data else {}
        if outcome is not None and outcome.timed_out:
            return farewell("The time is up", "You did not confirm the payment in time.", url, fields)
        return forward(url, fields)

    async def _notified(self, _request: web.Request, posted: Fields) -> web.StreamResponse:
        message = read("cres", posted.get("cres"))
        names = ("transStatus", "threeDSServerTransID")
        return announcement({name: text(message, name) or "" for name in names})

    def _question(self, session: Session, data: str, wrong: str = "") -> web.Response:
        alert = f'<p class="problem" role="alert">{escape(wrong)}</p>' if wrong else ""
        other_way = _form(session, data, '<button name="how" value="app">Use my banking app</button>')
        content = (
            f"{_summary(session)}<p>We sent a one-time password to your phone.</p>{alert}"
            f"{_form(session, data, _ENTRY)}{other_way}{_cancel(session, data)}"
            f'<p class="small">A simulator: the password is {ONE_TIME_PASSWORD}.</p>'
        )
        return self._timed("Confirm your payment", content, session, data)

    def _app(self, session: Session, data: str) -> web.Response:
        approved = '<button class="main" name="how" value="approved">I approved it in the app</button>'
        content = (
            f"{_summary(session)}<p>Open your banking app and approve the payment there.</p>"
            f"{_form(session, data, approved)}{_cancel(session, data)}"
        )
        return self._timed("Waiting for your approval", content, session, data)

    def _timed(self, title: str, content: str, session: Session, data: str) -> web.Response:
        """Return a page that goes on by itself when the challenge is over."""
        over = form(ANSWER_PATH, _fields(session, data), id_=OVER)
        return page(title, content + self._countdown.shown(session) + over, SCRIPT, asks=True)


def _summary(session: Session) -> str:
    order = session.order
    card = f"•••• {order.card.last_four}" if order.card.last_four else order.card.scheme
    return (
        f"<dl><dt>Card</dt><dd>{escape(card)}</dd>"
        f"<dt>Amount (minor unit)</dt><dd>{order.amount} {escape(order.currency)}</dd></dl>"
    )


def _form(session: Session, data: str, content: str) -> str:
    return form(ANSWER_PATH, _fields(session, data), content)


def _fields(session: Session, data: str) -> dict[str, str]:
    return {"transaction": session.transaction_id} | ({_DATA: data} if data else {})


def _cancel(session: Session, data: str) -> str:
    return _form(session, data, '<button name="how" value="cancel">Cancel</button>')
