"""The command `python -m checkout_async.codegen`: starts the compiler, which generates packages that run on this one.

The compiler is no part of this package, and nothing here imports it. In the repository it stands beside the package,
in a wheel in a folder of its own.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

__all__ = ["main"]


def main() -> None:
    """Run the compiler with the arguments of the process. Raises SystemExit with its exit code."""
    package = Path(__file__).parent
    shipped = package / "_compiler"
    sys.path.insert(0, str(shipped if shipped.is_dir() else package.parent))
    try:
        runpy.run_module("codegen", run_name="__main__", alter_sys=True)
    except ModuleNotFoundError as error:
        sys.exit(f"this needs the package {error.name}: pip install 'checkout-async[codegen]'")


if __name__ == "__main__":
    main()
