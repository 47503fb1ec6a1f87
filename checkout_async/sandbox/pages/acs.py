"""The issuer's pages (ACS): the 3DS Method, and the challenge by one-time password or banking app.

The browser posts `threeDSMethodData` to the 3DS Method from a hidden iframe; the page posts the transaction id back to
the notification URL, unless the card's scenario is that the method never answers. The browser posts `creq` to the
challenge; at the end the page posts `cres` (and `threeDSSessionData`, if there was any) to the session's challenge
notification URL. The two notification endpoints here stand in for Checkout.com's own: they notify the shop's page by a
browser event.
"""

from __future__ import annotations

from collections import Counter
from html import escape

from aiohttp import web

from checkout_async.sandbox.core.notifier import is_web_address
from checkout_async.sandbox.core.payload import base64url_json, text
from checkout_async.sandbox.core.simulation import Simulation
from checkout_async.sandbox.pages.countdown import OVER, SCRIPT, Countdown
from checkout_async.sandbox.pages.forms import FormFields, read_message, with_form
from checkout_async.sandbox.pages.html import (
    autosubmit_page,
    error_page,
    form,
    html_page,
    notice_page,
    post_message_page,
)
from checkout_async.sandbox.sessions.blocks import cres
from checkout_async.sandbox.sessions.cardholder import Cardholder
from checkout_async.sandbox.sessions.replies import CHALLENGE_PATH, METHOD_PATH
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import SessionStatus
from checkout_async.sandbox.sessions.store import SessionStore

METHOD_NOTIFICATION_PATH = "/sessions-interceptor/3ds-method-notification"
ONE_TIME_PASSWORD = "1234"  # noqa: S105 - the page shows it
ANSWER_PATH = f"{CHALLENGE_PATH}/answer"
CHALLENGE_NOTIFICATION_PATH = "/sessions-interceptor/challenge-notification"
HOSTED_RETURN_PATH = "/_sandbox/interceptor/{id}/challenge"
_ATTEMPTS = 3
_METHOD_DATA = "threeDSMethodData"
_SESSION_DATA = "threeDSSessionData"
_ENTRY = (
    '<label for="password">One-time password</label>'
    '<input id="password" name="password" inputmode="numeric" autocomplete="one-time-code">'
    '<button class="main" name="how" value="password">Confirm</button>'
)


class MethodPages:
    """The pages of the 3DS Method."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store

    def register(self, app: web.Application) -> None:
        """Register the paths."""
        app.router.add_post(METHOD_PATH, with_form(self._run))
        app.router.add_post(METHOD_NOTIFICATION_PATH, with_form(self._notify_page))

    async def _run(self, _request: web.Request, fields: FormFields) -> web.StreamResponse:
        data = read_message(_METHOD_DATA, fields.get(_METHOD_DATA))
        transaction_id = text(data, "threeDSServerTransID") or ""
        session = self._store.find_by_transaction_id(transaction_id)
        if session is None or not session.has_method_url:
            return error_page("There is no session with this threeDSServerTransID that has a 3DS Method.", 404)
        url = text(data, "threeDSMethodNotificationURL") or ""
        if not is_web_address(url):
            return error_page("threeDSMethodNotificationURL is not an http or https address.")
        if not session.request.card.scenario.method_answers:
            return html_page("3DS Method", "<p>This issuer never answers.</p>")
        return autosubmit_page(url, {_METHOD_DATA: base64url_json({"threeDSServerTransID": transaction_id})})

    async def _notify_page(self, _request: web.Request, fields: FormFields) -> web.StreamResponse:
        data = read_message(_METHOD_DATA, fields.get(_METHOD_DATA))
        return post_message_page({"threeDSServerTransID": text(data, "threeDSServerTransID") or ""})


class ChallengePages:
    """The pages of the challenge."""

    def __init__(
        self, simulation: Simulation, store: SessionStore, cardholder: Cardholder, countdown: Countdown
    ) -> None:
        self._store = store
        self._cardholder = cardholder
        self._countdown = countdown
        self._simulation = simulation
        self._wrong_passwords: Counter[str] = Counter()

    def register(self, app: web.Application) -> None:
        """Register the paths."""
        app.router.add_post(CHALLENGE_PATH, with_form(self._start))
        app.router.add_post(ANSWER_PATH, with_form(self._answer))
        app.router.add_post(CHALLENGE_NOTIFICATION_PATH, with_form(self._notify_page))

    async def _start(self, _request: web.Request, fields: FormFields) -> web.StreamResponse:
        message = read_message("creq", fields.get("creq"))
        session = self._store.find_by_transaction_id(text(message, "threeDSServerTransID") or "")
        if session is None or text(message, "messageType") != "CReq":
            return error_page("This is not a challenge request (CReq) of a session here.", 404)
        data = fields.get(_SESSION_DATA, "")
        if session.status is not SessionStatus.CHALLENGED:
            return self._send_back(session, data)
        return self._password_page(session, data)

    async def _answer(self, _request: web.Request, fields: FormFields) -> web.StreamResponse:
        session = self._store.find_by_transaction_id(fields.get("transaction", ""))
        if session is None:
            return error_page("There is no such challenge.", 404)
        data, how = fields.get(_SESSION_DATA, ""), fields.get("how")
        if session.status is not SessionStatus.CHALLENGED:
            return self._send_back(session, data)
        if how == "app":
            return self._app_page(session, data)
        if how == "cancel":
            await self._cardholder.abandon_challenge(session.id)
        elif how == "approved" or fields.get("password") == ONE_TIME_PASSWORD:
            await self._cardholder.complete_challenge(session.id)
        else:
            self._wrong_passwords[session.id] += 1
            left = _ATTEMPTS - self._wrong_passwords[session.id]
            if left > 0:
                return self._password_page(session, data, f"That is not the password. You may try {left} more times.")
            await self._cardholder.complete_challenge(session.id, "N")
        return self._send_back(session, data)

    def _send_back(self, session: Session, data: str) -> web.StreamResponse:
        """Send the browser back with the result of the challenge; with `N` if there is none."""
        result = session.result
        trans_status = result.response_code if result is not None else None
        url = text(session.request.urls, "challenge_notification_url") or self._simulation.url(
            CHALLENGE_NOTIFICATION_PATH
        )
        if session.request.hosted:
            url = self._simulation.url(HOSTED_RETURN_PATH.format(id=session.id))
        if not is_web_address(url):
            return error_page("challenge_notification_url is not an http or https address.")
        fields = {"cres": cres(session, trans_status if trans_status and trans_status != "C" else "N")}
        fields |= {_SESSION_DATA: data} if data else {}
        if result is not None and result.timed_out:
            return notice_page("The time is up", "You did not confirm the payment in time.", url, fields)
        return autosubmit_page(url, fields)

    async def _notify_page(self, _request: web.Request, fields: FormFields) -> web.StreamResponse:
        message = read_message("cres", fields.get("cres"))
        names = ("transStatus", "threeDSServerTransID")
        return post_message_page({name: text(message, name) or "" for name in names})

    def _password_page(self, session: Session, data: str, wrong: str = "") -> web.Response:
        alert = f'<p class="problem" role="alert">{escape(wrong)}</p>' if wrong else ""
        app_button = _form(session, data, '<button name="how" value="app">Use my banking app</button>')
        content = (
            f"{_summary(session)}<p>We sent a one-time password to your phone.</p>{alert}"
            f"{_form(session, data, _ENTRY)}{app_button}{_cancel(session, data)}"
            f'<p class="small">A simulator: the password is {ONE_TIME_PASSWORD}.</p>'
        )
        return self._timed_page("Confirm your payment", content, session, data)

    def _app_page(self, session: Session, data: str) -> web.Response:
        approved = '<button class="main" name="how" value="approved">I approved it in the app</button>'
        content = (
            f"{_summary(session)}<p>Open your banking app and approve the payment there.</p>"
            f"{_form(session, data, approved)}{_cancel(session, data)}"
        )
        return self._timed_page("Waiting for your approval", content, session, data)

    def _timed_page(self, title: str, content: str, session: Session, data: str) -> web.Response:
        """Return a page that continues by itself when the challenge is over."""
        over = form(ANSWER_PATH, _fields(session, data), id_=OVER)
        return html_page(title, content + self._countdown.html(session) + over, SCRIPT, polls=True)


def _summary(session: Session) -> str:
    request = session.request
    card = f"•••• {request.card.last_four}" if request.card.last_four else request.card.scheme
    return (
        f"<dl><dt>Card</dt><dd>{escape(card)}</dd>"
        f"<dt>Amount (minor unit)</dt><dd>{request.amount} {escape(request.currency)}</dd></dl>"
    )


def _form(session: Session, data: str, content: str) -> str:
    return form(ANSWER_PATH, _fields(session, data), content)


def _fields(session: Session, data: str) -> dict[str, str]:
    return {"transaction": session.transaction_id} | ({_SESSION_DATA: data} if data else {})


def _cancel(session: Session, data: str) -> str:
    return _form(session, data, '<button name="how" value="cancel">Cancel</button>')
