"""Starts the shop together with the simulator, on one of the two web frameworks."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from checkout_async import CheckoutClient
from checkout_async.sandbox import WEBHOOK_SECRET, Sandbox, card_number
from examples.shop import shop

__all__ = ["Framework", "RunningShop", "run_shop"]

TEST_CARDS: Final = {
    "no challenge": card_number("frictionless"),
    "challenge, password 1234": card_number("challenge"),
    "challenge, no 3DS Method": card_number("challenge_no_method"),
    "3DS Method never answers": card_number("silent_method"),
    "declined": card_number("declined"),
}


class Framework(StrEnum):
    """The web framework that serves the shop."""

    AIOHTTP = "aiohttp"
    STARLETTE = "starlette"


@dataclass(frozen=True, slots=True)
class RunningShop:
    """A shop that accepts requests: its address, its client, and the simulator that it calls."""

    address: str
    checkout: CheckoutClient
    sandbox: Sandbox


@asynccontextmanager
async def run_shop(framework: Framework = Framework.AIOHTTP, *, port: int = 0) -> AsyncGenerator[RunningShop]:
    """Run the shop and the simulator inside the block. Port 0 is any free port. Raises OSError if the port is in use.

    The shop is on `localhost` and the simulator on 127.0.0.1. To a browser these are two sites, as a real shop and its
    customer's issuer are.
    """
    with socket.create_server(("127.0.0.1", port)) as listener:
        address = f"http://localhost:{listener.getsockname()[1]}"
        async with (
            Sandbox(webhook_url=f"{address}/webhooks") as sandbox,
            sandbox.client() as checkout,
            _serving(framework, checkout, address, listener),
        ):
            yield RunningShop(address, checkout, sandbox)


def _serving(
    framework: Framework, checkout: CheckoutClient, address: str, listener: socket.socket
) -> AbstractAsyncContextManager[None]:
    keys = [WEBHOOK_SECRET]
    if framework is Framework.AIOHTTP:
        return shop.serve(shop.create_app(checkout, address, signing_keys=keys, test_cards=TEST_CARDS), listener)
    from examples.shop import starlette_shop  # noqa: PLC0415 - the aiohttp shop works without Starlette

    app = starlette_shop.create_app(checkout, address, signing_keys=keys, test_cards=TEST_CARDS)
    return starlette_shop.serve(app, listener)
