"""`checkout-async sandbox`: runs the simulator as a process, with every option of `Sandbox(...)`."""

from __future__ import annotations

import asyncio
import os
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from checkout_async.batch.command.interrupt import Interrupt
from checkout_async.cli.settings import Number
from checkout_async.errors import ConfigurationError, MissingExtra

if TYPE_CHECKING:
    from checkout_async.sandbox import Sandbox, SandboxClient
    from checkout_async.sandbox.http.server import SandboxOptions

__all__ = ["sandbox"]

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SECONDS = Number()


class _Given(TypedDict):
    """The options of the command line."""

    host: str
    port: int
    seed: str
    client: tuple[str, ...]
    token_lifetime: int
    payment_delay: float
    callback_timeout: float
    remote_callbacks: bool
    webhook_url: str | None
    webhook_secret: str | None
    exact: bool
    refuse_reused_keys: bool
    allowed_host: tuple[str, ...]
    document: Path | None
    tls_certificate: Path | None
    tls_key: Path | None
    clock_start: datetime | None
    frozen_clock: bool


@click.command(short_help="Run a simulator of the API on this machine.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8642,
    show_default=True,
    help="The port to listen on; 0 takes a free one.",
)
@click.option("--seed", default="0", show_default=True, help="The same seed gives the same identifiers.")
@click.option(
    "--client",
    multiple=True,
    metavar="ID:SECRET[:SCOPES]",
    help="A further OAuth client; its scopes are separated by blanks, by default it has all. May be repeated.",
)
@click.option(
    "--token-lifetime",
    type=click.IntRange(min=1),
    default=3600,
    show_default=True,
    help="Seconds for which an access token is valid.",
)
@click.option(
    "--payment-delay",
    type=_SECONDS,
    default=0.0,
    show_default=True,
    help="Seconds until captures, voids, refunds and payouts take effect.",
)
@click.option(
    "--callback-timeout",
    type=_SECONDS,
    default=10.0,
    show_default=True,
    help="Seconds that a completion callback or a webhook may take.",
)
@click.option("--remote-callbacks", is_flag=True, help="Send completion callbacks to other machines, too.")
@click.option("--webhook-url", metavar="URL", help="The URL to send events to; by default none are sent.")
@click.option("--webhook-secret", metavar="KEY", help="Signs the events.  [default: sandbox_webhook_secret]")
@click.option("--exact", is_flag=True, help="Refuse what the API forgives: unknown members, nulls, numbers as text.")
@click.option(
    "--refuse-reused-keys",
    is_flag=True,
    help="Refuse an idempotency key that comes again with another body; by default the first reply is replayed.",
)
@click.option(
    "--allowed-host",
    multiple=True,
    metavar="NAME",
    help="A further host name under which the sandbox answers. May be repeated.",
)
@click.option("--document", type=_FILE, help="Another bundled OpenAPI document to use.")
@click.option("--tls-certificate", type=_FILE, help="A certificate in PEM, with its chain: serve https.")
@click.option("--tls-key", type=_FILE, help="The key of the certificate, unless that file contains it.")
@click.option(
    "--clock-start",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]),
    help="The time at which the sandbox's clock starts, UTC unless it has a zone; by default now.",
)
@click.option("--frozen-clock", is_flag=True, help="Let the clock move only when it is advanced.")
def sandbox(**given: Unpack[_Given]) -> None:
    """Run a simulator of the API on this machine until Ctrl-C, and print how to use it."""
    try:
        asyncio.run(_simulate(given))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise ConfigurationError(f"cannot listen on {_address(given)}: {reason}") from None


def _address(given: _Given) -> str:
    return f"port {given['port']}" if given["host"] == "127.0.0.1" else f"{given['host']}, port {given['port']}"


async def _simulate(given: _Given) -> None:
    try:
        from checkout_async.sandbox import WEBHOOK_SECRET, Sandbox  # noqa: PLC0415  # the sandbox needs an extra that the other commands do not
    except ModuleNotFoundError as error:
        raise MissingExtra(f"the sandbox needs {error.name}: pip install 'checkout-async[sandbox]'") from None
    try:
        simulator = Sandbox(**_options(given))
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    with Interrupt(announce=lambda: None) as interrupt, interrupt.cancelling():
        async with simulator:
            _say_how_to_use(simulator)
            if given["webhook_url"] is not None:
                named = WEBHOOK_SECRET if given["webhook_secret"] is None else "the key of --webhook-secret"
                click.echo(f"Webhooks go to {given['webhook_url']}, signed with {named}.\n")
            await interrupt.stop.wait()


def _options(given: _Given) -> SandboxOptions:
    """Return the options of `Sandbox` that the command line asks for; raises ValueError, ConfigurationError."""
    from checkout_async.sandbox import WEBHOOK_SECRET, SandboxClock  # noqa: PLC0415  # as above

    return {
        "host": given["host"],
        "port": given["port"],
        "seed": given["seed"],
        "clock": SandboxClock(_in_utc(given["clock_start"]), frozen=given["frozen_clock"]),
        "clients": [_client(text) for text in given["client"]],
        "token_lifetime": given["token_lifetime"],
        "callback_timeout": given["callback_timeout"],
        "payment_delay": given["payment_delay"],
        "ssl_context": _ssl_context(given["tls_certificate"], given["tls_key"]),
        "webhook_url": given["webhook_url"],
        "webhook_secret": WEBHOOK_SECRET if given["webhook_secret"] is None else given["webhook_secret"],
        "document": given["document"],
        "exact": given["exact"],
        "refuse_reused_keys": given["refuse_reused_keys"],
        "remote_callbacks": given["remote_callbacks"],
        "allowed_hosts": given["allowed_host"],
    }


def _client(text: str) -> SandboxClient:
    """Read an OAuth client; the message of the error does not repeat the text, which contains a secret."""
    from checkout_async.sandbox import SandboxClient  # noqa: PLC0415  # as above

    client_id, _, rest = text.partition(":")
    secret, colon, scopes = rest.partition(":")
    if not client_id or not secret:
        raise ConfigurationError("--client must be ID:SECRET or ID:SECRET:SCOPES, with scopes separated by blanks")
    return SandboxClient(client_id, secret, frozenset(scopes.split()) if colon else None)


def _ssl_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        if key is not None:
            raise ConfigurationError("--tls-key needs --tls-certificate")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except ssl.SSLError:
        raise ConfigurationError(f"{certificate} and its key are not a certificate and the key to it, in PEM") from None
    return context


def _in_utc(start: datetime | None) -> datetime | None:
    return start if start is None or start.tzinfo else start.replace(tzinfo=UTC)


def _say_how_to_use(simulator: Sandbox) -> None:
    from checkout_async._generated.scopes import SCOPES  # noqa: PLC0415  # as above
    from checkout_async.sandbox.core import tokens  # noqa: PLC0415  # as above

    click.echo(
        "The sandbox runs until Ctrl-C. In another terminal:\n\n"
        f"export CHECKOUT_BASE_URL={simulator.base_url}\n"
        f"export CHECKOUT_TOKEN_URL={simulator.token_url}\n"
        f"export CHECKOUT_CLIENT_ID={tokens.CLIENT_ID}\n"
        f"export CHECKOUT_CLIENT_SECRET={tokens.CLIENT_SECRET}\n"
        f"export CHECKOUT_SCOPES='{' '.join(SCOPES)}'\n"
    )
