"""The entry point of `checkout-async` and `python -m checkout_async`. The commands need the extra `cli`."""

from __future__ import annotations

import sys

__all__ = ["main"]

_EXTRA = frozenset({"click", "rich"})


def main() -> None:
    """Run the command line and exit with its code. Without the extra `cli`, print how to install it and exit with 2."""
    try:
        from checkout_async.cli import cli  # noqa: PLC0415  # needs an extra
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _EXTRA:
            raise
        sys.stderr.write("checkout-async: the commands need more packages: pip install 'checkout-async[cli]'\n")
        sys.exit(2)
    cli(prog_name="checkout-async")


if __name__ == "__main__":
    main()
