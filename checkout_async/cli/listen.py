"""`checkout-async listen`: prints the webhooks that reach it, and checks their signatures."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime

import click
from aiohttp import web

from checkout_async import webhooks
from checkout_async.batch.command.console import echo
from checkout_async.batch.command.interrupt import Interrupt
from checkout_async.cli.shown import as_json
from checkout_async.errors import ConfigurationError, InvalidSignature, MalformedMessage
from checkout_async.redaction import sanitize

__all__ = ["listen"]

SANDBOX_SIGNING_KEY = "sandbox_webhook_secret"
_MAX_BODY = 1024 * 1024


@click.command(short_help="Print the webhooks that arrive, and check their signatures.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8643,
    show_default=True,
    help="The port to listen on; 0 takes a free one.",
)
@click.option(
    "--signing-key",
    envvar="CHECKOUT_SIGNING_KEY",
    metavar="KEY",
    help="The signing key of the workflow, better in the variable CHECKOUT_SIGNING_KEY.  [default: the sandbox's]",
)
@click.option("--body", is_flag=True, help="Print the events too, with card data, personal data and maps masked.")
@click.option("--show-secrets", is_flag=True, help="With --body: print the events as they were received.")
@click.option("--stop-after", type=click.IntRange(min=1), metavar="N", help="End after so many valid webhooks.")
def listen(
    host: str, port: int, signing_key: str | None, stop_after: int | None, *, body: bool, show_secrets: bool
) -> None:
    """Receive webhooks on this machine until Ctrl-C, check their signatures, and print a line for each.

    Any path is accepted. A webhook with a wrong signature is answered with 401 and printed to standard error. To try
    it: checkout-async sandbox --webhook-url http://127.0.0.1:8643/. To receive those of Checkout.com, a tunnel or proxy
    has to lead to this port.
    """
    key = SANDBOX_SIGNING_KEY if signing_key is None else signing_key
    listener = _Listener(key, body=body or show_secrets, show_secrets=show_secrets, stop_after=stop_after)
    try:
        asyncio.run(listener.run(host, port, "the sandbox's" if signing_key is None else "yours"))
    except UnicodeError:
        raise ConfigurationError("cannot listen: --host is neither an address nor the name of a host") from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise ConfigurationError(f"cannot listen on port {port}: {reason}") from None


class _Listener:
    def __init__(self, key: str, *, body: bool, show_secrets: bool, stop_after: int | None) -> None:
        webhooks.sign(b"", key)  # raises ConfigurationError for a key that cannot be one
        self._key = key
        self._body = body
        self._show_secrets = show_secrets
        self._left = stop_after

    async def run(self, host: str, port: int, whose: str) -> None:
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_post("/{path:.*}", self._receive)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            with Interrupt(announce=lambda: None) as interrupt, interrupt.cancelling():
                self._stop = interrupt.stop
                await web.TCPSite(runner, host, port).start()
                address = f"http://{host}:{runner.addresses[0][1]}/"
                click.echo(f"Listening for webhooks on {address} until Ctrl-C. The signing key is {whose}.")
                await interrupt.stop.wait()
        finally:
            await runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        try:
            event = webhooks.receive(await request.read(), request.headers, self._key)
        except InvalidSignature as error:
            echo(f"{_now()}  refused with 401: {error}", sys.stderr)
            return web.Response(status=401)
        except MalformedMessage as error:
            echo(f"{_now()}  signed, but not an event: {error}", sys.stderr)
            return web.Response()
        shown = (sanitize(event.type), sanitize(event.id), *_subject(event))
        click.echo("  ".join((_now(), "verified", *shown)))
        if self._body:
            click.echo(as_json(event, show_secrets=self._show_secrets))
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                self._stop.set()
        return web.Response()


def _subject(event: webhooks.WebhookEvent) -> tuple[str, ...]:
    """Return the identifier of the payment or session that an event is about, if it names one."""
    data = event.data
    for name in ("id", "session_id"):
        found = data.get(name) if isinstance(data, dict) else getattr(data, name, None)
        if isinstance(found, str):
            return (sanitize(found),)
    return ()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
