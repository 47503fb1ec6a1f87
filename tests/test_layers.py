"""What importing the package loads. Which module may import which is checked by import-linter (`make lint`)."""

from __future__ import annotations

import subprocess
import sys

EXTRAS = {"click", "rich", "jsonschema_rs", "limits", "redis", "opentelemetry", "filelock", "pytest", "pydantic"}
ON_DEMAND = {"checkout_async.sandbox", "checkout_async.batch", "checkout_async.threeds", "checkout_async.testing"}


def test_importing_the_package_loads_no_extra_and_no_simulator() -> None:
    code = f"import sys, checkout_async; print(sorted({EXTRAS | ON_DEMAND!r} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"
