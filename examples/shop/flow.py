"""The shop without a web framework: a table of routes, each from a visit to a reply.

The server holds the access token, makes all calls of the API and keeps a driver for each order. A browser, a callback
and a webhook only give hints: what counts is the session as the driver reads it.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from checkout_async import CheckoutClient, errors, threeds, webhooks
from checkout_async.models import sessions
from examples.shop import pages
from examples.shop.pages import Reply

__all__ = ["BODY_LIMIT", "Order", "Route", "Shop", "Visit"]

AMOUNT, CURRENCY = 6540, "GBP"  # in the minor unit, from the shop's own books

BODY_LIMIT: Final = 65_536
"""Longest body that a server has to read, in bytes: many times what a form, a callback or a webhook takes."""

BRIEFLY: Final = threeds.Backoff(give_up_after=5)
"""How long a request waits for the session to change: what brought it may be forged, and the page asks again."""

_LOG = logging.getLogger("shop")
_MOST_FIELDS: Final = 20


@dataclass(frozen=True, slots=True)
class Visit:
    """A request as the shop needs it; `name` is the part of the path in braces."""

    name: str
    headers: Mapping[str, str]
    peer: str
    body: bytes = field(repr=False)

    @property
    def form(self) -> dict[str, str]:
        """The fields of a posted form."""
        try:
            return dict(parse_qsl(self.body.decode("ascii"), max_num_fields=_MOST_FIELDS))
        except ValueError:
            raise errors.MalformedMessage("form", "is not application/x-www-form-urlencoded") from None


@dataclass(frozen=True, slots=True)
class Route:
    """Where an answer is had. The syntax of `path` is that of aiohttp and of Starlette."""

    method: str
    path: str
    answer: Callable[[Visit], Awaitable[Reply]]


@dataclass(slots=True)
class Order:
    """What the shop keeps of an order."""

    path: str
    driver: threeds.Driver
    called_back: bool = False
    events: dict[str, str] = field(default_factory=dict[str, str])
    """Types of webhooks by their identifiers: each counts once."""


class UnknownOrder(Exception):
    """Nobody was given this number."""


class Shop:
    """Sells one teapot. `address` is the shop's own as browsers see it, `signing_keys` those of its webhook."""

    def __init__(
        self,
        checkout: CheckoutClient,
        address: str,
        *,
        signing_keys: Sequence[str],
        test_cards: Mapping[str, str] | None = None,
    ) -> None:
        self._checkout = checkout
        self._address = address
        self._signing_keys = signing_keys
        self._test_cards = test_cards or {}
        self._orders: dict[str, Order] = {}  # by a number that nobody can guess
        self._by_session: dict[str, Order] = {}

    def routes(self) -> tuple[Route, ...]:
        """Return all that the shop answers."""
        return (
            Route("GET", "/", self._front),
            Route("GET", "/static/{name}", self._static),
            Route("POST", "/pay", _guarded(self._pay)),
            Route("GET", "/3ds/{name}", _guarded(self._show)),
            Route("POST", "/3ds/{name}/method", _guarded(self._method)),
            Route("POST", "/3ds/{name}/challenge", _guarded(self._challenge)),
            Route("GET", "/3ds/{name}/success", _guarded(self._returned)),
            Route("GET", "/3ds/{name}/failure", _guarded(self._returned)),
            Route("POST", "/3ds/{name}/callback", _guarded(self._callback)),
            Route("POST", "/webhooks", self._webhook),
        )

    async def _front(self, visit: Visit) -> Reply:
        return pages.checkout(self._test_cards)

    async def _static(self, visit: Visit) -> Reply:
        return pages.static(visit.name)

    async def _pay(self, visit: Visit) -> Reply:
        """Create the session. A real shop gets a token of the card, made by Checkout.com's form, and no number."""
        form, number = visit.form, secrets.token_urlsafe(16)
        path = f"/3ds/{number}"
        browser = threeds.browser_channel_data(
            visit.headers, visit.peer, threeds.read_browser_values(form.get("threeds_browser"))
        )
        hosted = form.get("completion") == "hosted"
        try:
            session = await self._checkout.sessions.request_session(_request(form, self._address + path, hosted=hosted))
        except (errors.InvalidRequest, errors.UnprocessableEntity) as refused:
            _LOG.warning("%s", refused)
            return pages.problem("Please check the card number and its expiry date.", 422)
        options = threeds.Options(method_notification_url=f"{self._address}{path}/method", complete=not hosted)
        driver = threeds.Driver(self._checkout, session, options=options, channel_data=browser, poll=BRIEFLY)
        self._orders[number] = self._by_session[session.id] = Order(path, driver)
        return _see_other(path)

    async def _show(self, visit: Visit) -> Reply:
        """Return the page on which the cardholder waits, is challenged, or sees the result."""
        order = self._order(visit)
        step = await order.driver.advance()
        left = order.driver.time_left or 0.0
        match step:
            case threeds.RunMethod(form=form):
                return pages.waiting(form, order.path, left)
            case threeds.ShowChallenge(form=form, size=size):
                return pages.challenge(form, size, order.path, left)
            case threeds.RedirectCardholder(url=url):
                return pages.leaving(url)
            case threeds.Done(result=result):
                return pages.result(result, _seen(order))
            case threeds.SendChannelData() | threeds.ShowAppChallenge():
                return pages.problem("This order does not belong to a browser.", 409)

    async def _method(self, visit: Visit) -> Reply:
        """Hear from the issuer's script, inside the hidden iframe."""
        return await self._heard(visit, threeds.read_method_notification(visit.form))

    async def _challenge(self, visit: Visit) -> Reply:
        """Hear from the issuer's page, inside its iframe, that the challenge is over."""
        return await self._heard(visit, threeds.read_challenge_response(visit.form))

    async def _heard(self, visit: Visit, event: threeds.Event) -> Reply:
        order = self._order(visit)
        await order.driver.advance(event)
        return pages.onward(order.path)

    async def _returned(self, visit: Visit) -> Reply:
        """Take the cardholder back from Checkout.com's page; which of the two addresses it was proves nothing."""
        order = self._order(visit)
        await order.driver.advance(threeds.CardholderReturned())
        return _see_other(order.path)

    def _order(self, visit: Visit) -> Order:
        if (order := self._orders.get(visit.name)) is None:
            raise UnknownOrder
        return order

    async def _callback(self, visit: Visit) -> Reply:
        """Note a callback. The driver is waiting for this answer: do not wait for the driver here."""
        order = self._order(visit)
        threeds.read_callback(visit.body, order.driver.session)
        order.called_back = True
        return Reply()

    async def _webhook(self, visit: Visit) -> Reply:
        try:
            event = webhooks.receive(visit.body, visit.headers, self._signing_keys)
        except errors.InvalidSignature as forged:
            return Reply(str(forged), 401, "text/plain")
        except errors.MalformedMessage as unreadable:
            _LOG.warning("%s", unreadable)
            return Reply()  # it would come no better the next time
        about = event.data.session_id if isinstance(event, webhooks.AuthenticationEvent) and event.data else None
        if (order := self._by_session.get(about or "")) is not None:
            order.events[event.id] = event.type
        return Reply()


def _request(form: Mapping[str, str], here: str, *, hosted: bool) -> sessions.SessionRequest:
    try:
        month, year = int(form.get("month", "")), int(form.get("year", ""))
    except ValueError:
        raise errors.MalformedMessage("expiry date", "is not a month and a year in digits") from None
    completion: sessions.CompletionInfo
    if hosted:
        completion = sessions.HostedCompletionInfo(success_url=f"{here}/success", failure_url=f"{here}/failure")
    else:
        completion = sessions.NonHostedCompletionInfo(
            callback_url=f"{here}/callback", challenge_notification_url=f"{here}/challenge"
        )
    number = "".join(form.get("number", "").split())
    source = sessions.CardSource(number=number, expiry_month=month, expiry_year=year)
    return sessions.SessionRequest(source=source, amount=AMOUNT, currency=CURRENCY, completion=completion)


def _seen(order: Order) -> dict[str, str]:
    return {"Callback": "came" if order.called_back else "none", "Webhooks": ", ".join(order.events.values()) or "none"}


def _see_other(path: str) -> Reply:
    return Reply(status=303, headers={"Location": path, "Cache-Control": "no-store"})


def _guarded(answer: Callable[[Visit], Awaitable[Reply]]) -> Callable[[Visit], Awaitable[Reply]]:
    """Turn forged messages, unknown orders and failures of the API into pages."""

    async def guarded(visit: Visit) -> Reply:
        try:
            return await answer(visit)
        except UnknownOrder:
            return pages.problem("There is no such order.", 404)
        except errors.MalformedMessage as forged:
            return pages.problem(str(forged), 400)
        except errors.CheckoutError as failure:
            _LOG.warning("%s", failure)
            again = f"/3ds/{visit.name}" if visit.name else "/"
            return pages.problem("The bank cannot be reached right now.", 502, again)

    return guarded
