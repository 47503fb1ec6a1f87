"""Checkout.com in an aiohttp application: the client, the webhooks, and the endpoints of 3D Secure.

Copy what you need. `create_app` shows how the parts fit together.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from typing import Any

from aiohttp import web

from checkout_async import CheckoutClient, errors, threeds, webhooks
from checkout_async.models import sessions

CHECKOUT = web.AppKey("CHECKOUT", CheckoutClient)
"""The client: `request.app[CHECKOUT]`."""

MAX_BODY = 64 * 1024

PAGE_LIFETIME = 60 * 60
"""Seconds after which the page of an order ends: longer than any challenge, and much shorter than a key lives."""


async def client(app: web.Application) -> AsyncGenerator[None]:
    """Make the client when the application starts, and close it when the application ends."""
    async with CheckoutClient.from_env() as checkout:
        app[CHECKOUT] = checkout
        yield


def webhook_route(
    path: str, signing_keys: Iterable[str], store: Callable[[webhooks.WebhookEvent], Awaitable[None]]
) -> web.RouteDef:
    """Return the endpoint of a workflow. `store` is awaited with each event; one may come more than once."""
    keys = tuple(signing_keys)

    async def receive(request: web.Request) -> web.Response:
        try:
            event = webhooks.receive(await request.read(), request.headers, keys)
        except errors.InvalidSignature:
            return web.Response(status=401)
        except errors.MalformedMessage:
            return web.Response()  # accepted: another delivery would be malformed too
        await store(event)
        return web.Response()

    return web.post(path, receive)


class ThreeDSEndpoints:
    """The three endpoints of 3D Secure: the page of an order, and the notifications of method and challenge.

    `address` is the shop's URL for browsers. `finish` returns the page for a result; it is called again when the
    cardholder loads the page again, so a payment in it needs an idempotency key made from the order. That key lives 24
    hours, so the page must end before: one that a browser restores the next day would pay again. Drivers are kept in
    this process; docs/threeds.md says how to keep them elsewhere.
    """

    def __init__(
        self, address: str, finish: Callable[[web.Request, str, threeds.ThreeDSResult], Awaitable[web.Response]]
    ) -> None:
        self._address = address
        self._finish = finish
        # When the page ends, and the driver, by an order number that cannot be guessed.
        self._orders: dict[str, tuple[float, threeds.Driver]] = {}

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/3ds/{order}", self._show),
            web.post("/3ds/{order}/method", self._method),
            web.post("/3ds/{order}/challenge", self._challenge),
        ]

    async def begin(self, request: web.Request, session_request: dict[str, Any], browser: str | None) -> web.Response:
        """Authenticate a card, and send the browser to the page of the order.

        `session_request` lacks `completion`. `browser` is the form field that `threeds.BROWSER_SCRIPT` fills in.
        """
        try:  # first: no browser sends anything else, and a session costs money
            values = threeds.read_browser_values(browser)
            channel_data = threeds.browser_channel_data(request.headers, request.remote or "", values)
        except errors.MalformedMessage as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        order, checkout = secrets.token_urlsafe(16), request.app[CHECKOUT]
        url = f"{self._address}/3ds/{order}"
        completion = {"type": "non_hosted", "challenge_notification_url": f"{url}/challenge"}
        session = await checkout.sessions.request_session(
            sessions.SessionRequest.from_dict({**session_request, "completion": completion})
        )
        options = threeds.Options(method_notification_url=f"{url}/method", size=threeds.WindowSize.W500_H600)
        poll = threeds.Backoff(give_up_after=5)  # a hint may be forged, and must not hold a request for long
        driver = threeds.Driver(checkout, session, options=options, channel_data=channel_data, poll=poll)
        self._forget_old()
        self._orders[order] = (time.time() + PAGE_LIFETIME, driver)
        raise web.HTTPSeeOther(f"/3ds/{order}")

    async def _show(self, request: web.Request) -> web.Response:
        """Return the page on which the cardholder waits, is challenged, or sees the result."""
        driver = self._driver(request)
        step = await driver.advance()
        match step:
            case threeds.RunMethod(form=form):
                page = threeds.method_page(form, seconds=driver.time_left)
            case threeds.ShowChallenge(form=form, size=size):
                page = threeds.challenge_page(form, size=size, seconds=driver.time_left)
            case threeds.Done(result=result):
                return await self._finish(request, request.match_info["order"], result)
            case _:
                raise web.HTTPConflict
        return _response(page)

    async def _method(self, request: web.Request) -> web.Response:
        return await self._handle_event(request, threeds.emv.read_method_notification)

    async def _challenge(self, request: web.Request) -> web.Response:
        return await self._handle_event(request, threeds.emv.read_challenge_response)

    async def _handle_event(self, request: web.Request, read: Callable[[Any], threeds.Event]) -> web.Response:
        """Pass a notification to the driver, and make the window around the iframe load the next step."""
        driver = self._driver(request)
        try:
            await driver.advance(read(await form_of(request)))
        except errors.MalformedMessage as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        return _response(threeds.leave_iframe_page(f"/3ds/{request.match_info['order']}"))

    def _driver(self, request: web.Request) -> threeds.Driver:
        self._forget_old()
        if (found := self._orders.get(request.match_info["order"])) is None:
            raise web.HTTPNotFound
        return found[1]

    def _forget_old(self) -> None:
        now = time.time()
        for order in [order for order, (end, _) in self._orders.items() if end <= now]:
            del self._orders[order]


async def form_of(request: web.Request) -> Mapping[str, Any]:
    """Return the fields of a form."""
    try:
        return await request.post()
    except ValueError:  # no browser sends that
        raise web.HTTPBadRequest from None


def _response(page: threeds.ThreeDSPage) -> web.Response:
    return web.Response(body=page.html.encode(), headers=page.headers)


def create_app(address: str, signing_keys: Iterable[str], events: list[webhooks.WebhookEvent]) -> web.Application:
    """Return a shop that takes a stored card (`src_...`), authenticates it, and charges it."""

    async def finish(request: web.Request, order: str, result: threeds.ThreeDSResult) -> web.Response:
        if result.verdict is threeds.Verdict.UNDECIDED:  # another card now could mean two payments
            return web.Response(text="Your bank has not decided yet.", headers={"Refresh": "5"})
        if not result.authenticated:
            return web.Response(text="Please choose another card.", status=402)
        payment = await request.app[CHECKOUT].payments.request_payment(
            {
                "source": {"type": "id", "id": INSTRUMENT},
                "amount": AMOUNT,
                "currency": "GBP",
                "reference": order,
                "3ds": result.three_ds(),
            },
            idempotency_key=order,
        )
        return web.Response(text="Thank you." if payment.approved else "Please choose another card.")

    async def pay(request: web.Request) -> web.Response:
        form = await form_of(request)
        order = {"source": {"type": "id", "id": INSTRUMENT}, "amount": AMOUNT, "currency": "GBP"}
        return await endpoints.begin(request, order, str(form.get("threeds_browser", "")))

    async def store(event: webhooks.WebhookEvent) -> None:
        events.append(event)

    endpoints = ThreeDSEndpoints(address, finish)
    app = web.Application(client_max_size=MAX_BODY)
    app.cleanup_ctx.append(client)
    app.add_routes([web.post("/pay", pay), *endpoints.routes(), webhook_route("/webhooks", signing_keys, store)])
    return app


# From the shop's own books: the customer's stored card, and the price in the minor unit.
INSTRUMENT, AMOUNT = "src_" + "a" * 26, 6540
