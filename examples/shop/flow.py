"""The shop without a web framework: a table of routes, each with a handler from a request to a response.

The server has the access token, makes all API calls, and keeps a driver for each order. Browsers, callbacks and
webhooks only give hints: the result is in the session that the driver reads.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from checkout_async import CheckoutClient, errors, threeds, webhooks
from checkout_async.models import payments, sessions
from examples.shop import pages
from examples.shop.card_form import Card, CardErrors, api_errors, read_card
from examples.shop.pages import ShopResponse

__all__ = ["BODY_LIMIT", "Order", "Route", "Shop", "ShopRequest"]

AMOUNT, CURRENCY = 6540, "GBP"  # in the minor unit, from the shop's own books

BODY_LIMIT: Final = 65_536
"""Maximum size of a request body, in bytes: many times the size of a form, a callback or a webhook."""

SHORT_POLL: Final = threeds.Backoff(give_up_after=5)
"""How long a request waits for the session to change. Its event may be forged, and the page reloads anyway."""

UNPAID_LIFETIME: Final = 60 * 60
"""Seconds after which an order that is not paid ends: longer than any challenge, and much shorter than a key lives."""

_LOG = logging.getLogger("shop")
_MAX_FIELDS: Final = 20


@dataclass(frozen=True, slots=True)
class ShopRequest:
    """The parts of an HTTP request that the shop needs.

    `name` is the part of the path in braces, `peer` the address at the other end of the connection.
    """

    name: str
    headers: Mapping[str, str]
    peer: str
    body: bytes = field(repr=False)

    @property
    def form(self) -> dict[str, str]:
        """The fields of a posted form."""
        try:
            return dict(parse_qsl(self.body.decode("ascii"), max_num_fields=_MAX_FIELDS))
        except ValueError:
            raise errors.MalformedMessage("form", "is not application/x-www-form-urlencoded") from None


@dataclass(frozen=True, slots=True)
class Route:
    """A route and its handler. The syntax of `path` is that of both aiohttp and Starlette."""

    method: str
    path: str
    handler: Callable[[ShopRequest], Awaitable[ShopResponse]]


@dataclass(slots=True)
class Order:
    """An order of the shop."""

    number: str
    driver: threeds.Driver
    card: Card | None = field(repr=False)
    """The card to charge; None once it was charged. A real shop has a card token here, and never sees the number."""
    begun: float
    """When the customer pressed the button, in seconds since the epoch."""
    payment: payments.Payment | None = None
    called_back: bool = False
    events: dict[str, str] = field(default_factory=dict[str, str])
    """Types of the received webhooks, by event id: each counts once."""

    @property
    def path(self) -> str:
        """The page of the order."""
        return f"/3ds/{self.number}"


class UnknownOrder(Exception):
    """There is no order with this number."""


class Shop:
    """A shop that sells one teapot.

    `address` is the shop's URL for browsers. `signing_keys` are the signing keys of its webhook. `test_cards` are card
    numbers to show, by a description of their behaviour.
    """

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
        self._orders: dict[str, Order] = {}  # by an order number that cannot be guessed
        self._by_session: dict[str, Order] = {}

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of the shop."""
        return (
            Route("GET", "/", self._checkout_page),
            Route("GET", "/static/{name}", self._static),
            Route("POST", "/pay", _with_error_pages(self._pay)),
            Route("GET", "/3ds/{name}", _with_error_pages(self._show)),
            Route("POST", "/3ds/{name}/method", _with_error_pages(self._method)),
            Route("POST", "/3ds/{name}/challenge", _with_error_pages(self._challenge)),
            Route("GET", "/3ds/{name}/success", _with_error_pages(self._returned)),
            Route("GET", "/3ds/{name}/failure", _with_error_pages(self._returned)),
            Route("POST", "/3ds/{name}/callback", _with_error_pages(self._callback)),
            Route("POST", "/3ds/{name}/capture", _with_error_pages(self._capture)),
            Route("POST", "/3ds/{name}/void", _with_error_pages(self._void)),
            Route("POST", "/3ds/{name}/refund", _with_error_pages(self._refund)),
            Route("POST", "/webhooks", self._webhook),
        )

    async def _checkout_page(self, request: ShopRequest) -> ShopResponse:
        return pages.checkout(self._test_cards)

    async def _static(self, request: ShopRequest) -> ShopResponse:
        return pages.static(request.name)

    async def _pay(self, request: ShopRequest) -> ShopResponse:
        """Create the session. A real shop gets a card token from Checkout.com's form, and no card number."""
        form, number = request.form, secrets.token_urlsafe(16)
        card = read_card(form)
        if isinstance(card, CardErrors):
            return pages.checkout(self._test_cards, form, card, status=400)
        url = f"{self._address}/3ds/{number}"
        browser = threeds.browser_channel_data(
            request.headers, request.peer, threeds.read_browser_values(form.get("threeds_browser"))
        )
        hosted = form.get("completion") == "hosted"
        try:
            session = await self._checkout.sessions.request_session(_session_request(card, url, hosted=hosted))
        except errors.CheckoutError as error:
            if error.may_have_been_done or error.is_transient:
                raise
            _LOG.warning("%s", error)
            return pages.checkout(self._test_cards, form, api_errors(error), status=422)
        size = threeds.WindowSize.W500_H600
        options = threeds.Options(method_notification_url=f"{url}/method", size=size, complete=not hosted)
        driver = threeds.Driver(self._checkout, session, options=options, channel_data=browser, poll=SHORT_POLL)
        order = self._orders[number] = self._by_session[session.id] = Order(number, driver, card, time.time())
        return _see_other(order.path)

    async def _show(self, request: ShopRequest) -> ShopResponse:
        """Return the page on which the cardholder waits, is challenged, or sees the result."""
        order = self._order(request)
        step = await order.driver.advance()
        left = order.driver.time_left
        match step:
            case threeds.RunMethod(form=form):
                return pages.method(form, left)
            case threeds.ShowChallenge(form=form, size=size):
                return pages.challenge(form, size, left)
            case threeds.RedirectCardholder(url=url):
                return pages.redirect(url)
            case threeds.Done(result=result):
                if result.authenticated:
                    await self._charge(order, result)
                return pages.result(result, order.payment, order.path, _notifications(order))
            case threeds.SendChannelData() | threeds.ShowAppChallenge():
                return pages.error("This order does not belong to a browser.", 409)

    async def _charge(self, order: Order, result: threeds.ThreeDSResult) -> None:
        """Request the payment. The page may be loaded again, also at the same time: the key makes it one payment.

        The key does so for 24 hours. An order ends before (`_order`), because its page may be restored a day later.
        """
        if order.card is None:
            return
        order.payment = await self._checkout.payments.request_payment(
            payments.PaymentRequest(
                source=order.card.for_payment(),
                amount=AMOUNT,
                currency=CURRENCY,
                reference=order.number,
                capture=False,
                three_ds=result.three_ds(),
            ),
            idempotency_key=order.number,
        )
        order.card = None

    async def _capture(self, request: ShopRequest) -> ShopResponse:
        """Capture the payment, as the shop does when it ships the goods."""
        order, payment = self._paid(request)
        await self._checkout.payments.capture_payment(payment.id, idempotency_key=f"{order.number}-capture")
        return await self._reread(order, payment)

    async def _void(self, request: ShopRequest) -> ShopResponse:
        """Void the payment, as the shop does when it cannot ship."""
        order, payment = self._paid(request)
        await self._checkout.payments.void_payment(payment.id, idempotency_key=f"{order.number}-void")
        return await self._reread(order, payment)

    async def _refund(self, request: ShopRequest) -> ShopResponse:
        """Refund the payment, as the shop does when the goods come back."""
        order, payment = self._paid(request)
        await self._checkout.payments.refund_payment(payment.id, idempotency_key=f"{order.number}-refund")
        return await self._reread(order, payment)

    def _paid(self, request: ShopRequest) -> tuple[Order, payments.Payment]:
        order = self._order(request)
        if order.payment is None:
            raise UnknownOrder
        return order, order.payment

    async def _reread(self, order: Order, payment: payments.Payment) -> ShopResponse:
        order.payment = await self._checkout.payments.get_payment(payment.id)
        return _see_other(order.path)

    async def _method(self, request: ShopRequest) -> ShopResponse:
        """Handle the POST of the issuer's script, inside the hidden iframe."""
        return await self._handle_event(request, threeds.emv.read_method_notification(request.form))

    async def _challenge(self, request: ShopRequest) -> ShopResponse:
        """Handle the POST of the issuer's page at the end of the challenge, inside its iframe."""
        return await self._handle_event(request, threeds.emv.read_challenge_response(request.form))

    async def _handle_event(self, request: ShopRequest, event: threeds.Event) -> ShopResponse:
        order = self._order(request)
        await order.driver.advance(event)
        return pages.leave_iframe(order.path)

    async def _returned(self, request: ShopRequest) -> ShopResponse:
        """Handle the return from Checkout.com's page. Which of the two URLs was called proves nothing."""
        order = self._order(request)
        await order.driver.advance(threeds.CardholderReturned())
        return _see_other(order.path)

    def _order(self, request: ShopRequest) -> Order:
        order = self._orders.get(request.name)
        if order is not None and order.payment is None and time.time() - order.begun >= UNPAID_LIFETIME:
            del self._orders[order.number], self._by_session[order.driver.session.id]
            order = None
        if order is None:
            raise UnknownOrder
        return order

    async def _callback(self, request: ShopRequest) -> ShopResponse:
        """Record a callback. The driver waits for this response, so this handler must not wait for the driver."""
        order = self._order(request)
        threeds.read_callback(request.body, order.driver.session)
        order.called_back = True
        return ShopResponse()

    async def _webhook(self, request: ShopRequest) -> ShopResponse:
        try:
            event = webhooks.receive(request.body, request.headers, self._signing_keys)
        except errors.InvalidSignature as error:
            return ShopResponse(str(error), 401, "text/plain")
        except errors.MalformedMessage as error:
            _LOG.warning("%s", error)
            return ShopResponse()  # accepted, because another delivery would be malformed too
        session_id = event.data.session_id if isinstance(event, webhooks.AuthenticationEvent) and event.data else None
        if (order := self._by_session.get(session_id or "")) is not None:
            order.events[event.id] = event.type
        return ShopResponse()


def _session_request(card: Card, order_url: str, *, hosted: bool) -> sessions.SessionRequest:
    completion: sessions.CompletionInfo
    if hosted:
        completion = sessions.HostedCompletionInfo(
            success_url=f"{order_url}/success", failure_url=f"{order_url}/failure"
        )
    else:
        completion = sessions.NonHostedCompletionInfo(
            callback_url=f"{order_url}/callback", challenge_notification_url=f"{order_url}/challenge"
        )
    return sessions.SessionRequest(source=card.for_session(), amount=AMOUNT, currency=CURRENCY, completion=completion)


def _notifications(order: Order) -> dict[str, str]:
    return {
        "Callback": "received" if order.called_back else "none",
        "Webhooks": ", ".join(order.events.values()) or "none",
    }


def _see_other(path: str) -> ShopResponse:
    return ShopResponse(status=303, headers={"Location": path, "Cache-Control": "no-store"})


def _with_error_pages(
    handler: Callable[[ShopRequest], Awaitable[ShopResponse]],
) -> Callable[[ShopRequest], Awaitable[ShopResponse]]:
    """Turn malformed messages, unknown orders and errors of the API into pages."""

    async def handle(request: ShopRequest) -> ShopResponse:
        try:
            return await handler(request)
        except UnknownOrder:
            return pages.error("There is no such order.", 404)
        except errors.MalformedMessage as error:
            return pages.error(str(error), 400)
        except errors.Forbidden:
            return pages.error("The payment does not allow that any more.", 409, f"/3ds/{request.name}")
        except errors.CheckoutError as error:
            _LOG.warning("%s", error)
            retry_path = f"/3ds/{request.name}" if request.name else "/"
            return pages.error("The bank cannot be reached right now.", 502, retry_path)

    return handle
