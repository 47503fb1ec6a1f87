"""The entry point of `checkout-async` and `python -m checkout_async`. The commands need the extra `cli`."""

from __future__ import annotations

import os
import signal
import sys

from checkout_async._version import __version__

__all__ = ["main"]

_EXTRA = frozenset({"click", "dotenv", "rich"})
_INSTALL = "pip install 'checkout-async[cli]'"
_HELP = f"""\
Usage: checkout-async [OPTIONS] COMMAND [ARGS]...

  Checkout.com's Standalone Sessions (3D Secure) and Payments from the command line.

  The commands need more packages: {_INSTALL}

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.
"""


def main() -> None:
    """Run the command line and exit with its code. Without the extra `cli`, print how to install it and exit with 2.

    `--version` and `--help` work without it.
    """
    _open_standard_streams()
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"{__version__}\n")
        sys.exit(0)
    try:
        from checkout_async.cli import cli  # noqa: PLC0415  # needs an extra

        cli(prog_name="checkout-async")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _EXTRA:
            raise
        if sys.argv[1:] in (["-h"], ["--help"]):
            sys.stdout.write(_HELP)
            sys.exit(0)
        sys.stderr.write(f"checkout-async: the commands need more packages: {_INSTALL}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        # While the modules are loaded. Later, the commands handle it themselves.
        sys.exit(128 + signal.SIGINT)


def _open_standard_streams() -> None:
    """Give the standard streams that are closed a descriptor and an object.

    Otherwise the next socket or file would get the number of standard output, and results would go there. Each is
    opened in the wrong direction: results that are meant for standard output fail instead of being lost. Messages are
    dropped.
    """
    for descriptor, (name, flags) in enumerate(
        (("stdin", os.O_WRONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_RDONLY))
    ):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number, which is this one.
            os.open(os.devnull, flags)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: PTH123, SIM115


if __name__ == "__main__":
    main()
