"""Options of the commands that call the API: where the settings come from, and what is logged.

Log lines have no bodies, headers, tokens or identifiers (docs/observability.md).
"""

from __future__ import annotations

import logging
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypedDict, TypeVar, Unpack

import click

from checkout_async.batch.command.console import echo
from checkout_async.client import CheckoutClient
from checkout_async.config import Limits, Validation
from checkout_async.env_file import Environ, read_environ
from checkout_async.errors import ConfigurationError
from checkout_async.files import OWNER_ONLY
from checkout_async.observability import Hook, LoggingHook
from checkout_async.redaction import clears_frames

__all__ = ["MOST", "CommandSettings", "Number", "settings_options"]

_Command = TypeVar("_Command", bound=Callable[..., object])

_FILE: Final = click.Path(dir_okay=False, path_type=Path)
MOST: Final = 1_000_000_000.0
"""The most that an option accepts as a time or a rate."""

_LEVELS: Final = (logging.WARNING, logging.INFO, logging.DEBUG)


class Number(click.FloatRange):
    """A number from 0 to `MOST`: seconds, days, or a rate. `nan` and `inf` are refused."""

    name = "number"

    def __init__(self) -> None:
        super().__init__(min=0, max=MOST)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; a comparison alone would let `nan` pass."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail("nan is not a number.", param, ctx)
        return number


class _CallerOptions(TypedDict, total=False):
    limits: Limits
    validate: Validation


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSettings:
    """The values of `settings_options`."""

    env_file: Path | None
    log_file: Path | None
    verbose: int

    @clears_frames
    def client(self, *, hooks: Sequence[Hook] = (), **options: Unpack[_CallerOptions]) -> CheckoutClient:
        """Make a client from the environment and the settings file. Raises ConfigurationError."""
        if self._is_logging:
            hooks = (*hooks, LoggingHook(level=logging.INFO))
        return CheckoutClient.from_env(self.environ(), hooks=hooks, **options)

    def environ(self) -> Environ:
        """Return the settings of the file, and the environment, which wins. Raises ConfigurationError."""
        return read_environ(self.env_file, lambda text: echo(f"warning: {text}", sys.stderr))

    def start_logging(self) -> None:
        """Log to the file, or with --verbose alone to standard error. Raises ConfigurationError."""
        if not self._is_logging:
            return
        handler = _Screen() if self.log_file is None else _log_file(self.log_file)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger = logging.getLogger("checkout_async")
        logger.setLevel(_LEVELS[min(self.verbose, len(_LEVELS) - 1)])
        logger.addHandler(handler)
        # A full disk must not end the run, nor fill the screen with tracebacks.
        logging.raiseExceptions = False

    @property
    def _is_logging(self) -> bool:
        return self.log_file is not None or self.verbose > 0


def settings_options(command: _Command) -> _Command:
    """Add the options `--env-file`, `--log-file` and `--verbose` to a command."""
    for option in (
        click.option("-v", "--verbose", count=True, help="Log every call too; -vv also every attempt and wait."),
        click.option("--log-file", type=_FILE, help="Append retries, failures and messages to this file."),
        click.option("--env-file", type=_FILE, help="Read CHECKOUT_... settings from this file. The environment wins."),
    ):
        command = option(command)
    return command


class _Screen(logging.Handler):
    """Writes to what is standard error at that moment: a progress bar replaces it, to keep the lines apart."""

    def emit(self, record: logging.LogRecord) -> None:
        echo(self.format(record), sys.stderr)


def _log_file(path: Path) -> logging.Handler:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, OWNER_ONLY))
        return logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot write the log file {path}: {error.strerror}") from None
