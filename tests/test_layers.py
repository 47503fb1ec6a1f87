"""What importing the package loads. Which module may import which is checked by import-linter (`make lint`)."""

from __future__ import annotations

import subprocess
import sys

import pytest

EXTRAS = {"click", "rich", "jsonschema_rs", "redis", "opentelemetry", "filelock", "pytest", "pydantic"}
ON_DEMAND = {
    "checkout_async.sandbox",
    "checkout_async.batch",
    "checkout_async.threeds",
    "checkout_async.testing",
    "checkout_async._generated.dicts",
    "checkout_async._generated.models.payments",
    "checkout_async._generated.models.sessions",
    "checkout_async._generated.scopes",
}
LOADED = 60  # Each takes time from every start of an application: raise it only for what every client needs.


def test_importing_the_package_loads_no_extra_and_no_simulator() -> None:
    code = f"import sys, checkout_async; print(sorted({EXTRAS | ON_DEMAND!r} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"


def loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after some code."""
    shown = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    ).stdout
    return set(shown.split())


@pytest.mark.costly
def test_importing_the_package_loads_fewer_modules_than_what_it_is_built_on() -> None:
    base = loaded_by("import aiohttp, anyio, msgspec")
    assert len(loaded_by("import checkout_async")) < len(base)
    assert len(loaded_by("from checkout_async.models import payments, sessions; payments.Payment")) < len(base)


@pytest.mark.costly
def test_aiohttp_is_loaded_when_a_client_is_made() -> None:
    make = "checkout_async.CheckoutClient(checkout_async.SecretKey('sk_sbox_' + 'a' * 27), base_url='http://127.0.0.1')"
    assert "aiohttp" not in loaded_by("import checkout_async, checkout_async.webhooks, checkout_async.threeds")
    assert "aiohttp" in loaded_by(f"import checkout_async; {make}")


def test_importing_the_package_loads_no_more_of_it_than_every_client_needs() -> None:
    assert len([name for name in loaded_by("import checkout_async") if name.startswith("checkout_async")]) <= LOADED


def test_calling_an_operation_loads_no_typed_dicts() -> None:
    """They are for type checkers, and take as long to import as the Structs."""
    call = (
        "from checkout_async import models, operations\n"
        "operations.payments.build_request_payment({'currency': 'GBP'}), models.payments.PaymentRequest"
    )
    assert not [name for name in loaded_by(call) if "_generated.dicts" in name]
