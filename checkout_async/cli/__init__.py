"""The commands: authenticate a file, run the sandbox, try the credentials. Errors are one line, never a traceback.

Exit codes: 0 done; 1 failed, or failed for some records; 2 wrong usage or configuration, nothing was sent;
3 a batch ended before its input did; 130 and 143 after Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

import click

from checkout_async._version import __version__
from checkout_async.batch.command.interrupt import Interrupt
from checkout_async.batch.command.saying import say
from checkout_async.cli.authenticate import authenticate
from checkout_async.client import CheckoutClient
from checkout_async.errors import CheckoutError, ConfigurationError
from checkout_async.models import access

if TYPE_CHECKING:
    from checkout_async.sandbox import Sandbox

__all__ = ["cli"]


class _Commands(click.Group):
    """A group that prints the errors of this package on one line and turns them into exit codes."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CheckoutError as error:
            say(f"checkout-async: {error}", sys.stderr)
            ctx.exit(2 if isinstance(error, ConfigurationError) else 1)
        except (asyncio.CancelledError, KeyboardInterrupt):
            ctx.exit(128 + signal.SIGINT)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(version)s")
def cli() -> None:
    """Checkout.com's Standalone Sessions (3D Secure) from the command line.

    Commands that call the API read the environment: CHECKOUT_CLIENT_ID, CHECKOUT_CLIENT_SECRET, CHECKOUT_SCOPES, and
    either CHECKOUT_ENVIRONMENT and CHECKOUT_SUBDOMAIN or CHECKOUT_BASE_URL and CHECKOUT_TOKEN_URL.
    """


cli.add_command(authenticate)


@cli.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8642,
    show_default=True,
    help="The port to listen on; 0 takes a free one.",
)
@click.option("--seed", default="0", show_default=True, help="The same seed gives the same identifiers.")
@click.option("--webhook-url", metavar="URL", help="The URL to send events to; by default none are sent.")
@click.option("--webhook-secret", metavar="KEY", help="Signs the events.  [default: sandbox_webhook_secret]")
def sandbox(port: int, seed: str, webhook_url: str | None, webhook_secret: str | None) -> None:
    """Run a simulator of the API on this machine until Ctrl-C, and print how to use it."""
    try:
        asyncio.run(_simulate(port, seed, webhook_url, webhook_secret))
    except OSError as error:
        raise ConfigurationError(f"cannot listen on port {port}: {os.strerror(error.errno or 0)}") from None


async def _simulate(port: int, seed: str, webhook_url: str | None, webhook_secret: str | None) -> None:
    try:
        from checkout_async.sandbox import WEBHOOK_SECRET, Sandbox  # noqa: PLC0415  # the sandbox needs an extra that the other commands do not
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"the sandbox needs {error.name}: pip install 'checkout-async[sandbox]'") from None
    key = WEBHOOK_SECRET if webhook_secret is None else webhook_secret
    try:
        simulator = Sandbox(port=port, seed=seed, webhook_url=webhook_url, webhook_secret=key)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    with Interrupt(announce=lambda: None) as interrupt, interrupt.cancelling():
        async with simulator:
            _say_how_to_use(simulator)
            if webhook_url is not None:
                named = WEBHOOK_SECRET if webhook_secret is None else "the key of --webhook-secret"
                click.echo(f"Webhooks go to {webhook_url}, signed with {named}.\n")
            await interrupt.stop.wait()


def _say_how_to_use(simulator: Sandbox) -> None:
    from checkout_async.sandbox.core import tokens  # noqa: PLC0415  # as above

    click.echo(
        "The sandbox runs until Ctrl-C. In another terminal:\n\n"
        f"export CHECKOUT_BASE_URL={simulator.base_url}\n"
        f"export CHECKOUT_TOKEN_URL={simulator.token_url}\n"
        f"export CHECKOUT_CLIENT_ID={tokens.CLIENT_ID}\n"
        f"export CHECKOUT_CLIENT_SECRET={tokens.CLIENT_SECRET}\n"
        "export CHECKOUT_SCOPES='sessions:browser sessions:app gateway payments:search'\n"
    )


@cli.command()
@click.option("--show", is_flag=True, help="Print only the token itself to standard output.")
def token(*, show: bool) -> None:
    """Fetch an access token with the credentials of the environment; print its lifetime and scopes."""
    granted = asyncio.run(_fetch_token())
    lifetime = "unknown" if granted.expires_in is None else f"{granted.expires_in:g} s"
    click.echo(f"lifetime  {lifetime}\nscopes    {granted.scope or 'not stated'}", err=show)
    if show:
        click.echo(granted.access_token)


async def _fetch_token() -> access.AccessToken:
    async with CheckoutClient.from_env() as client:
        return await client.request_access_token()
