"""The commands: authenticate a file, purge its journal, run the sandbox, try credentials, calls and webhooks.

Errors are one line, never a traceback.

Exit codes: 0 done; 1 failed, or failed for some records; 2 wrong usage or configuration, nothing was sent;
3 a batch ended before its input did; 129, 130 and 143 after SIGHUP, Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from difflib import get_close_matches
from pathlib import Path

import click

from checkout_async._version import __version__
from checkout_async.batch.command.console import echo, printable
from checkout_async.batch.command.job import STOPPED_EARLY
from checkout_async.cli.authenticate import authenticate
from checkout_async.cli.call import call
from checkout_async.cli.doctor import doctor
from checkout_async.cli.journal import batch
from checkout_async.cli.listen import listen
from checkout_async.cli.sandbox import sandbox
from checkout_async.cli.settings import CommandSettings, settings_options
from checkout_async.errors import BatchFileError, CheckoutError, ConfigurationError, DiskFull, MissingExtra
from checkout_async.models import access

__all__ = ["cli"]


# Errors that end a command before it sends anything.
_NOTHING_STARTED = (BatchFileError, ConfigurationError, MissingExtra)


class _Commands(click.Group):
    """A group that prints the errors of this package on one line, turns them into exit codes, and suggests commands."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            close = get_close_matches(args[0], self.list_commands(ctx), n=1)
            # Newer versions of click suggest by themselves.
            if close and "Did you mean" not in error.format_message():
                vars(error)["message"] = f"{error.message} Did you mean '{close[0]}'?"
            raise

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CheckoutError as error:
            echo(f"checkout-async: {error}", sys.stderr)
            # A full disk is worth another start later, as it is during a run.
            failed = STOPPED_EARLY if isinstance(error, DiskFull) else 2 if isinstance(error, _NOTHING_STARTED) else 1
            ctx.exit(failed)
        except click.ClickException as error:
            # click prints the argument of the command line that it complains about.
            vars(error)["message"] = printable(error.message)
            raise
        except (asyncio.CancelledError, KeyboardInterrupt):
            ctx.exit(128 + signal.SIGINT)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(version)s")
def cli() -> None:
    """Checkout.com's Standalone Sessions (3D Secure) and Payments from the command line.

    Commands that call the API read the environment: CHECKOUT_CLIENT_ID, CHECKOUT_CLIENT_SECRET, CHECKOUT_SCOPES, and
    either CHECKOUT_ENVIRONMENT and CHECKOUT_SUBDOMAIN or CHECKOUT_BASE_URL and CHECKOUT_TOKEN_URL.
    """


for _command in (authenticate, batch, call, doctor, listen, sandbox):
    cli.add_command(_command)


@cli.command(short_help="Fetch an access token and print its lifetime and scopes.")
@click.option("--show", is_flag=True, help="Print only the token itself to standard output.")
@settings_options
def token(env_file: Path | None, log_file: Path | None, verbose: int, *, show: bool) -> None:
    """Fetch an access token with the credentials of the environment; print its lifetime and scopes."""
    settings = CommandSettings(env_file=env_file, log_file=log_file, verbose=verbose)
    settings.start_logging()
    granted = asyncio.run(_fetch_token(settings))
    lifetime = "unknown" if granted.expires_in is None else f"{granted.expires_in:g} s"
    click.echo(f"lifetime  {lifetime}\nscopes    {granted.scope or 'not stated'}", err=show)
    if show:
        click.echo(granted.access_token)


async def _fetch_token(settings: CommandSettings) -> access.AccessToken:
    async with settings.client() as client:
        return await client.request_access_token()
