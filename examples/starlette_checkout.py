"""Checkout.com in a Starlette or FastAPI application: the client, the webhooks, and the endpoints of 3D Secure.

Copy what you need. `create_app` shows how the parts fit together; FastAPI takes the same `lifespan` and `routes`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypedDict
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from checkout_async import CheckoutClient, errors, threeds, webhooks
from checkout_async.models import sessions

MAX_BODY = 64 * 1024

PAGE_LIFETIME = 60 * 60
"""Seconds after which the page of an order ends: longer than any challenge, and much shorter than a key lives."""


class State(TypedDict):
    """The attributes of `request.state`."""

    checkout: CheckoutClient


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncGenerator[State]:
    """Make the client when the application starts, and close it when the application ends."""
    async with CheckoutClient.from_env() as checkout:
        yield {"checkout": checkout}


def webhook_route(
    path: str, signing_keys: Iterable[str], store: Callable[[webhooks.WebhookEvent], Awaitable[None]]
) -> Route:
    """Return the endpoint of a workflow. `store` is awaited with each event; one may come more than once."""
    keys = tuple(signing_keys)

    async def receive(request: Request) -> Response:
        try:
            event = webhooks.receive(await _body(request), request.headers, keys)
        except errors.InvalidSignature:
            return Response(status_code=401)
        except errors.MalformedMessage:
            return Response()  # accepted: another delivery would be malformed too
        await store(event)
        return Response()

    return Route(path, receive, methods=["POST"])


class ThreeDSEndpoints:
    """The three endpoints of 3D Secure: the page of an order, and the notifications of method and challenge.

    `address` is the shop's URL for browsers. `finish` returns the page for a result; it is called again when the
    cardholder loads the page again, so a payment in it needs an idempotency key made from the order. That key lives 24
    hours, so the page must end before: one that a browser restores the next day would pay again. Drivers are kept in
    this process; docs/threeds.md says how to keep them elsewhere.
    """

    def __init__(
        self, address: str, finish: Callable[[Request, str, threeds.ThreeDSResult], Awaitable[Response]]
    ) -> None:
        self._address = address
        self._finish = finish
        # When the page ends, and the driver, by an order number that cannot be guessed.
        self._orders: dict[str, tuple[float, threeds.Driver]] = {}

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/3ds/{order}", self._show),
            Route("/3ds/{order}/method", self._method, methods=["POST"]),
            Route("/3ds/{order}/challenge", self._challenge, methods=["POST"]),
        ]

    async def begin(self, request: Request, session_request: dict[str, Any], browser: str | None) -> Response:
        """Authenticate a card, and send the browser to the page of the order.

        `session_request` lacks `completion`. `browser` is the form field that `threeds.BROWSER_SCRIPT` fills in.
        """
        peer = request.client.host if request.client else ""
        try:  # first: no browser sends anything else, and a session costs money
            values = threeds.read_browser_values(browser)
            channel_data = threeds.browser_channel_data(request.headers, peer, values)
        except errors.MalformedMessage as error:
            raise HTTPException(400, str(error)) from None
        order = secrets.token_urlsafe(16)
        url = f"{self._address}/3ds/{order}"
        completion = {"type": "non_hosted", "challenge_notification_url": f"{url}/challenge"}
        checkout: CheckoutClient = request.state.checkout
        session = await checkout.sessions.request_session(
            sessions.SessionRequest.from_dict({**session_request, "completion": completion})
        )
        options = threeds.Options(method_notification_url=f"{url}/method", size=threeds.WindowSize.W500_H600)
        poll = threeds.Backoff(give_up_after=5)  # a hint may be forged, and must not hold a request for long
        driver = threeds.Driver(checkout, session, options=options, channel_data=channel_data, poll=poll)
        self._forget_old()
        self._orders[order] = (time.time() + PAGE_LIFETIME, driver)
        return RedirectResponse(f"/3ds/{order}", 303)

    async def _show(self, request: Request) -> Response:
        """Return the page on which the cardholder waits, is challenged, or sees the result."""
        driver = self._driver(request)
        step = await driver.advance()
        match step:
            case threeds.RunMethod(form=form):
                page = threeds.method_page(form, seconds=driver.time_left)
            case threeds.ShowChallenge(form=form, size=size):
                page = threeds.challenge_page(form, size=size, seconds=driver.time_left)
            case threeds.Done(result=result):
                return await self._finish(request, request.path_params["order"], result)
            case _:
                raise HTTPException(409)
        return HTMLResponse(page.html, headers=page.headers)

    async def _method(self, request: Request) -> Response:
        return await self._handle_event(request, threeds.emv.read_method_notification)

    async def _challenge(self, request: Request) -> Response:
        return await self._handle_event(request, threeds.emv.read_challenge_response)

    async def _handle_event(self, request: Request, read: Callable[[dict[str, str]], threeds.Event]) -> Response:
        """Pass a notification to the driver, and make the window around the iframe load the next step."""
        driver = self._driver(request)
        try:
            await driver.advance(read(await form_of(request)))
        except errors.MalformedMessage as error:
            raise HTTPException(400, str(error)) from None
        page = threeds.leave_iframe_page(f"/3ds/{request.path_params['order']}")
        return HTMLResponse(page.html, headers=page.headers)

    def _driver(self, request: Request) -> threeds.Driver:
        self._forget_old()
        if (found := self._orders.get(request.path_params["order"])) is None:
            raise HTTPException(404)
        return found[1]

    def _forget_old(self) -> None:
        now = time.time()
        for order in [order for order, (end, _) in self._orders.items() if end <= now]:
            del self._orders[order]


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form as browsers post it. Starlette's own `form()` needs python-multipart."""
    try:
        return dict(parse_qsl((await _body(request)).decode("ascii", "replace"), max_num_fields=20))
    except ValueError:  # no browser sends that
        raise HTTPException(400) from None


async def _body(request: Request) -> bytes:
    """Read the body up to a limit; Starlette itself has none."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(413)
    return bytes(body)


def create_app(address: str, signing_keys: Iterable[str], events: list[webhooks.WebhookEvent]) -> Starlette:
    """Return a shop that takes a stored card (`src_...`), authenticates it, and charges it."""

    async def finish(request: Request, order: str, result: threeds.ThreeDSResult) -> Response:
        if result.verdict is threeds.Verdict.UNDECIDED:  # another card now could mean two payments
            return Response("Your bank has not decided yet.", headers={"Refresh": "5"})
        if not result.authenticated:
            return Response("Please choose another card.", 402)
        checkout: CheckoutClient = request.state.checkout
        payment = await checkout.payments.request_payment(
            {
                "source": {"type": "id", "id": INSTRUMENT},
                "amount": AMOUNT,
                "currency": "GBP",
                "reference": order,
                "3ds": result.three_ds(),
            },
            idempotency_key=order,
        )
        return Response("Thank you." if payment.approved else "Please choose another card.")

    async def pay(request: Request) -> Response:
        form = await form_of(request)
        order = {"source": {"type": "id", "id": INSTRUMENT}, "amount": AMOUNT, "currency": "GBP"}
        return await endpoints.begin(request, order, form.get("threeds_browser"))

    async def store(event: webhooks.WebhookEvent) -> None:
        events.append(event)

    endpoints = ThreeDSEndpoints(address, finish)
    routes = [
        Route("/pay", pay, methods=["POST"]),
        *endpoints.routes(),
        webhook_route("/webhooks", signing_keys, store),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


# From the shop's own books: the customer's stored card, and the price in the minor unit.
INSTRUMENT, AMOUNT = "src_" + "a" * 26, 6540
