"""`checkout-async call`: one call of an operation, with the answer as JSON."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TextIO, cast

import click
import msgspec

from checkout_async._core.wire import ApiRequest, ApiResponse, Operation
from checkout_async._generated import operations as generated
from checkout_async.batch.command.console import echo
from checkout_async.cli.settings import CommandSettings, settings_options
from checkout_async.cli.shown import as_json
from checkout_async.operations.catalogue import all_operations, find_operation
from checkout_async.redaction import SecretMembers, clears_frames

__all__ = ["call"]

_MAX_DEPTH: Final = 100
_TOO_DEEP: Final = f"--body must be a file with a JSON object of at most {_MAX_DEPTH} levels."
# What a builder takes from the options of the command, and what has no place on a command line.
_NOT_SET = frozenset({"body", "headers", "extra_body", "retry", "session_secret", "idempotency_key"})


def _find(_ctx: click.Context, _param: click.Parameter, name: str) -> Operation[Any]:
    try:
        return find_operation(name)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in sorted(all_operations()) if name.startswith(incomplete)]


@click.command(short_help="Call one operation and print the answer as JSON.")
@click.argument("operation", callback=_find, shell_complete=_complete)
@click.argument("identifiers", nargs=-1, metavar="[ID]...")
@click.option("--body", type=click.File("rb"), metavar="FILE", help="JSON file with the body; - is standard input.")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="Set a further argument. May be repeated.")
@click.option("--idempotency-key", metavar="KEY", help="Send this key; by default a new one.")
@click.option("--show-secrets", is_flag=True, help="Print the answer as it was received, secrets included.")
@settings_options
def call(
    operation: Operation[Any],
    identifiers: tuple[str, ...],
    body: TextIO | None,
    pairs: tuple[str, ...],
    idempotency_key: str | None,
    env_file: Path | None,
    log_file: Path | None,
    verbose: int,
    *,
    show_secrets: bool,
) -> None:
    """Call one OPERATION, such as get_payment, and print the answer as JSON.

    The IDs are those in the operation's path, in their order. Other arguments are set by name: --set limit=10. The
    status and the request id go to standard error. Card numbers, tokens, session secrets, cryptograms, personal data
    and the values of maps, such as metadata, are masked unless --show-secrets asks for them.

    Examples: checkout-async call get_payment pay_mbabizu24mvu3mela5njyhpit4;
    checkout-async call request_payment --body order.json --idempotency-key order-1
    """
    settings = CommandSettings(env_file=env_file, log_file=log_file, verbose=verbose)
    settings.start_logging()
    request = _request(operation, identifiers, None if body is None else _read_body(body), pairs, idempotency_key)
    response = asyncio.run(_send(settings, request))
    echo(f"{response.status}, request id {response.request_id or 'not stated'}", sys.stderr)
    if response.value is not None:
        click.echo(as_json(response.value, show_secrets=show_secrets))


@clears_frames
def _read_body(file: TextIO) -> SecretMembers:
    try:
        body: object = msgspec.json.decode(file.read())
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = None
    except RecursionError:
        raise click.UsageError(_TOO_DEEP) from None
    if not isinstance(body, dict):
        raise click.UsageError("--body must be a file with a JSON object.")
    if not _is_shallow(body):
        raise click.UsageError(_TOO_DEEP)
    return SecretMembers(cast("dict[str, object]", body))


def _is_shallow(body: object) -> bool:
    """Whether a body has at most as many levels as the interpreter's stack surely holds when it is sent."""
    level = [body]
    for _ in range(_MAX_DEPTH):
        parts = [cast("dict[str, object]", each).values() for each in level if isinstance(each, dict)]
        parts += [cast("list[object]", each) for each in level if isinstance(each, list)]
        level = [each for part in parts for each in part if isinstance(each, dict | list)]
    return not level


def _request(
    operation: Operation[Any],
    identifiers: tuple[str, ...],
    body: SecretMembers | None,
    pairs: tuple[str, ...],
    key: str | None,
) -> ApiRequest[Any]:
    build = _builder_of(operation)
    parameters = list(inspect.signature(build).parameters.values())
    count = operation.path.count("{")
    if len(identifiers) != count:
        raise click.UsageError(f"{operation.name} takes {count} IDs ({operation.path}), not {len(identifiers)}.")
    further = {each.name: each for each in parameters[count:]}
    arguments = _arguments(further, pairs)
    given = {"body": body, "idempotency_key": key}
    for name, value in given.items():
        if value is not None and name not in further:
            raise click.UsageError(f"{operation.name} takes no --{name.replace('_', '-')}.")
        if value is not None:
            arguments[name] = value
        elif name in further and further[name].default is inspect.Parameter.empty:
            raise click.UsageError(f"{operation.name} needs --{name}.")
    return build(*identifiers, **arguments)


def _builder_of(operation: Operation[Any]) -> Callable[..., ApiRequest[Any]]:
    """Return the function that builds the request: `operations.payments.build_get_payment`."""
    modules = (vars(import_module(f"checkout_async._generated.operations.{api}")) for api in generated.__all__)
    name = f"build_{operation.name}"
    found: Callable[..., ApiRequest[Any]] = next(each[name] for each in modules if name in each)
    return found


def _arguments(parameters: Mapping[str, inspect.Parameter], pairs: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments of --set, as the types that the builder asks for."""
    allowed = sorted(set(parameters) - _NOT_SET)
    arguments: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name not in allowed:
            raise click.UsageError(f"--set must be NAME=VALUE, where NAME is one of {', '.join(allowed)}.")
        arguments[name] = _converted(name, value, str(parameters[name].annotation))
    return arguments


def _converted(name: str, value: str, annotation: str) -> object:
    try:
        if "int" in annotation or "float" in annotation:
            return float(value) if "float" in annotation else int(value)
    except ValueError:
        raise click.UsageError(f"--set {name} must be a number.") from None
    if "bool" in annotation:
        return value.lower() in {"true", "yes", "1"}
    return value


async def _send(settings: CommandSettings, request: ApiRequest[Any]) -> ApiResponse[Any]:
    async with settings.client() as checkout:
        return await checkout.send(request)
