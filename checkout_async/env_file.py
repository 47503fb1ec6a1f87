"""Settings from a file of lines such as `CHECKOUT_SUBDOMAIN=vkuhvk4v`, as services and shells read them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from checkout_async.environment import SECRET_VARIABLES
from checkout_async.errors import ConfigurationError, MissingExtra
from checkout_async.redaction import Secret

__all__ = ["Environ", "read_environ"]


class Environ(dict[str, str]):
    """Settings by name, secrets among them: `repr` shows only how many they are."""

    def __repr__(self) -> str:
        return f"<{len(self)} settings>"


def read_environ(path: Path | None, warn: Callable[[str], object]) -> Environ:
    """Return the `CHECKOUT_...` settings of a file, if there is one, and the environment, which wins.

    `warn` is called if every user of the machine can read the secrets in the file. Raises ConfigurationError, and
    MissingExtra without python-dotenv.
    """
    found = os.environ if path is None else _read(path, warn) | os.environ
    # Callers keep them in local variables, which a traceback may show.
    return Environ({name: Secret(value) if name in SECRET_VARIABLES else str(value) for name, value in found.items()})


def _read(path: Path, warn: Callable[[str], object]) -> Environ:
    settings = Environ()
    try:
        parser: Any = import_module("dotenv.parser")
    except ImportError:
        raise MissingExtra("a settings file needs python-dotenv: pip install 'checkout-async[cli]'") from None
    try:
        with path.open(encoding="utf-8-sig") as file:
            mode = os.fstat(file.fileno()).st_mode
            # `dotenv_values` would skip a line that it cannot read, and put variables of the environment into secrets.
            for binding in parser.parse_stream(file):
                if binding.error or (binding.key is not None and binding.value is None):
                    line = binding.original.line + binding.original.string.count("\n", 0, -1)
                    raise ConfigurationError(f"{path}, line {line}: not of the form NAME=value")
                if binding.key is not None and binding.key.startswith("CHECKOUT_"):
                    settings[binding.key] = Secret(binding.value or "")
    except OSError as error:
        raise ConfigurationError(f"cannot read the settings file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"the settings file {path} is not valid UTF-8; save it as UTF-8") from None
    if mode & stat.S_IROTH and any(name in settings for name in SECRET_VARIABLES):
        warn(f"every user of this machine can read the secrets in {path}: chmod 600 it")
    return settings
