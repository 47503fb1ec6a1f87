"""`checkout-async doctor`: checks the settings and the way to the API, step by step, and says what to do."""

from __future__ import annotations

import asyncio
import email.utils
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

import click

from checkout_async._generated.scopes import SCOPES
from checkout_async._version import __version__
from checkout_async.batch.command.console import printable
from checkout_async.cli.settings import CommandSettings, settings_options
from checkout_async.client import CheckoutClient
from checkout_async.endpoints import Endpoints, resolve_endpoints
from checkout_async.errors import AuthenticationFailed, CheckoutError, ConfigurationError, NotFound, Unauthorized
from checkout_async.operations.catalogue import all_operations
from checkout_async.redaction import sanitize

__all__ = ["doctor"]

_TIMEOUT: Final = 10.0
_MAX_CLOCK_ERROR: Final = 30.0
"""Seconds by which this machine's clock may be wrong before it is worth a remark."""
_UNUSED: Final = "http://127.0.0.1:9"
_NO_PAYMENT: Final = "pay_" + "a" * 26


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `advice` says what to do if it failed."""

    check: str
    ok: bool
    text: str
    advice: str = ""


@click.command(short_help="Check credentials, address, network, clock, token and scopes.")
@settings_options
@click.pass_context
def doctor(ctx: click.Context, env_file: Path | None, log_file: Path | None, verbose: int) -> None:
    """Check the settings of the environment and the way to the API. Each check prints a line, and what to do.

    It needs no test data: it looks up the hosts, connects, compares the clocks, fetches an access token, and lists the
    operations that its scopes allow. With a secret key it reads a payment that does not exist. Nothing is charged.

    Exit code 0: everything is in order. 1: at least one check failed.
    """
    settings = CommandSettings(env_file=env_file, log_file=log_file, verbose=verbose)
    settings.start_logging()
    ctx.exit(asyncio.run(_report(settings.environ())))


async def _report(environ: Mapping[str, str]) -> int:
    failed = 0
    click.echo(f"checkout-async {__version__}")
    async for finding in _examine(environ):
        click.echo(printable(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.check:<12} {finding.text}"))
        if not finding.ok:
            failed += 1
            click.echo(f"{'':19}{finding.advice}")
    click.echo("Everything is in order." if not failed else f"Failed checks: {failed}.")
    return 1 if failed else 0


async def _examine(environ: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Yield the findings in order. A check whose prerequisite failed is left out."""
    credentials = _check_credentials(environ)
    yield credentials
    address, where = _check_address(environ, has_credentials=credentials.ok)
    yield address
    if where is None:
        return
    reached = True
    for url in dict.fromkeys(_origin(each) for each in (where.base_url, where.token_url) if each is not None):
        async for finding in _check_server(urlsplit(url)):
            reached = reached and (finding.ok or finding.check == "clock")
            yield finding
    if reached and credentials.ok:
        async for finding in _check_access(environ):
            yield finding


def _check_credentials(environ: Mapping[str, str]) -> Finding:
    own = {name: value for name, value in environ.items() if name in _CREDENTIALS}
    try:
        CheckoutClient.from_env(own | {"CHECKOUT_BASE_URL": _UNUSED, "CHECKOUT_TOKEN_URL": _UNUSED})
    except ConfigurationError as error:
        advice = "Set the variables, or pass a file with them: --env-file. The dashboard shows keys under Developers."
        return Finding("credentials", ok=False, text=str(error), advice=advice)
    if environ.get("CHECKOUT_SECRET_KEY"):
        return Finding("credentials", ok=True, text="a secret key; it is for Payments only")
    return Finding("credentials", ok=True, text="an access key (OAuth)")


_CREDENTIALS: Final = ("CHECKOUT_CLIENT_ID", "CHECKOUT_CLIENT_SECRET", "CHECKOUT_SCOPES", "CHECKOUT_SECRET_KEY")


def _check_address(environ: Mapping[str, str], *, has_credentials: bool) -> tuple[Finding, Endpoints | None]:
    """Check environment, subdomain and URLs, and whether the credentials are for them."""
    get = environ.get
    try:
        where = resolve_endpoints(
            get("CHECKOUT_ENVIRONMENT") or None,
            get("CHECKOUT_SUBDOMAIN") or None,
            base_url=get("CHECKOUT_BASE_URL") or None,
            token_url=get("CHECKOUT_TOKEN_URL") or None,
        )
        if has_credentials:
            CheckoutClient.from_env(environ)
    except ConfigurationError as error:
        advice = "Set CHECKOUT_ENVIRONMENT (sandbox or production) and CHECKOUT_SUBDOMAIN."
        return Finding("address", ok=False, text=str(error), advice=advice), None
    return Finding("address", ok=True, text=where.base_url), where


async def _check_server(url: SplitResult) -> AsyncIterator[Finding]:
    """Look up a host, connect to it, and compare the clocks."""
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port)
    except OSError:
        advice = "Check CHECKOUT_SUBDOMAIN, and whether this machine can resolve names of the Internet."
        yield Finding("dns", ok=False, text=f"{host} could not be resolved", advice=advice)
        return
    yield Finding("dns", ok=True, text=f"{host} is {found[0][4][0]}")
    context = ssl.create_default_context() if url.scheme == "https" else None
    try:
        async with asyncio.timeout(_TIMEOUT):
            head, secured = await _greet(host, port, context)
    except ssl.SSLCertVerificationError as error:
        advice = "For a private certificate authority, set SSL_CERT_FILE. A proxy may present its own certificate."
        yield Finding("tls", ok=False, text=f"{host}: {error.verify_message}", advice=advice)
    except asyncio.LimitOverrunError:
        advice = "Check the address: this is hardly the API, a simulator or a proxy for them."
        yield Finding("connection", ok=False, text=f"{host}, port {port} sends headers of over 64 KiB", advice=advice)
    except (ssl.SSLError, ConnectionError, EOFError, OSError, TimeoutError):
        advice = "Check firewall and proxy: this machine must reach the port. Proxies of the environment are not used."
        yield Finding("connection", ok=False, text=f"{host}, port {port} could not be reached", advice=advice)
    else:
        yield _check_connection(host, port, secured)
        lines = (line.partition(":") for line in head.split("\r\n"))
        dates = [value.strip() for name, _, value in lines if name.lower() == "date"]
        if dates:
            yield _check_clock(dates[0])


async def _greet(host: str, port: int, context: ssl.SSLContext | None) -> tuple[str, ssl.SSLObject | None]:
    """Connect and ask for something. Return the head of the reply, and the secured connection, if it is one."""
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        writer.write(f"HEAD / HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode("ascii"))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        return head, writer.get_extra_info("ssl_object")
    finally:
        # Not `close`: it waits until the server ends TLS, and a command that ends meanwhile leaves the socket open.
        writer.transport.abort()


def _check_connection(host: str, port: int, secured: ssl.SSLObject | None) -> Finding:
    if secured is None:
        return Finding("connection", ok=True, text=f"{host}, port {port} answers")
    try:
        seconds = ssl.cert_time_to_seconds(str((secured.getpeercert() or {}).get("notAfter")))
    except ValueError:
        advice = "Have the server's or proxy's certificate checked: openssl s_client shows it."
        return Finding("tls", ok=False, text=f"{host}: the certificate has no end of validity", advice=advice)
    until = datetime.fromtimestamp(seconds, UTC)
    return Finding("tls", ok=True, text=f"{host}: {secured.version()}, certificate valid until {until:%Y-%m-%d}")


def _check_clock(date: str) -> Finding:
    """Compare the clocks by the `Date` of a reply (RFC 9110 section 6.6.1)."""
    try:
        # A date with the zone "-0000" comes without one; it is UTC.
        theirs = email.utils.parsedate_to_datetime(date)
        theirs = theirs if theirs.tzinfo is not None else theirs.replace(tzinfo=UTC)
        difference = time.time() - theirs.timestamp()
    except (ValueError, OverflowError):
        advice = "Compare this machine's clock with another one, or set it with NTP. A proxy may have changed the date."
        return Finding(
            "clock",
            ok=False,
            text="the server's `Date` header is not a date, so the clocks cannot be compared",
            advice=advice,
        )
    if abs(difference) <= _MAX_CLOCK_ERROR:
        return Finding("clock", ok=True, text="this machine and the server agree")
    text = f"this machine is {abs(difference):.0f} s {'ahead of' if difference > 0 else 'behind'} the server"
    advice = "Set the clock, e.g. with NTP: expiry dates, tokens of other processes and logs depend on it."
    return Finding("clock", ok=False, text=text, advice=advice)


async def _check_access(environ: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Fetch a token and read its scopes, or try the secret key."""
    async with CheckoutClient.from_env(environ, timeout=_TIMEOUT) as checkout:
        if environ.get("CHECKOUT_SECRET_KEY"):
            yield await _check_key(checkout)
            return
        try:
            granted = await checkout.request_access_token()
        except CheckoutError as error:
            refused = isinstance(error, AuthenticationFailed)
            advice = "Compare id, secret, scopes and environment with the dashboard." if refused else "Try again later."
            yield Finding("token", ok=False, text=str(error), advice=advice)
            return
        lifetime = "an unknown time" if granted.expires_in is None else f"{granted.expires_in:g} s"
        yield Finding("token", ok=True, text=f"valid for {lifetime}")
        yield _check_scopes((granted.scope or environ.get("CHECKOUT_SCOPES", "")).replace(",", " ").split())


async def _check_key(checkout: CheckoutClient) -> Finding:
    try:
        await checkout.payments.get_payment(_NO_PAYMENT)
    except NotFound:
        pass
    except Unauthorized:
        advice = "Use the secret key of this environment, as the dashboard shows it under Developers > Keys."
        return Finding("key", ok=False, text="the API refused the secret key (401)", advice=advice)
    except CheckoutError as error:
        return Finding("key", ok=False, text=str(error), advice="Try again later, or ask Checkout.com's support.")
    return Finding("key", ok=True, text="the API accepts the secret key")


def _check_scopes(scopes: list[str]) -> Finding:
    allowed = [each.name for each in all_operations().values() if set(each.scopes) & set(scopes)]
    shown = sanitize(" ".join(scopes)) or "none"
    if not allowed:
        advice = f"Set CHECKOUT_SCOPES, e.g. to '{' '.join(SCOPES[:3])}', and allow them for the access key."
        return Finding("scopes", ok=False, text=f"{shown}: no operation of this package may be called", advice=advice)
    return Finding("scopes", ok=True, text=f"{shown}: {', '.join(allowed)}")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
