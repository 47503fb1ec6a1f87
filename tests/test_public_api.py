"""The public names are a contract."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

import checkout_async

PUBLIC = [
    "checkout_async",
    "checkout_async.errors",
    "checkout_async.models",
    "checkout_async.operations",
    "checkout_async.auth",
    "checkout_async.threeds",
    "checkout_async.threeds.emv",
    "checkout_async.webhooks",
    "checkout_async.recovery",
]


def test_the_names_of_the_package() -> None:
    assert set(checkout_async.__all__) == {
        "NO_SUBDOMAIN",
        "UNSET",
        "CheckoutClient",
        "CheckoutError",
        "Environment",
        "Limits",
        "OAuthCredentials",
        "RetryPolicy",
        "SecretKey",
        "SessionSecret",
        "Timeouts",
        "__version__",
        "errors",
        "models",
        "operations",
        "threeds",
        "webhooks",
    }


@pytest.mark.parametrize("name", PUBLIC)
def test_all_is_exact_and_everything_in_it_exists_and_is_documented(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    for public in module.__all__:
        value = getattr(module, public)
        if inspect.isclass(value) or inspect.isfunction(value) or inspect.ismodule(value):
            assert value.__doc__, f"{name}.{public} has no docstring"


@pytest.mark.parametrize("name", ["checkout_async.threeds", "checkout_async.threeds.emv"])
def test_all_lists_every_name_that_the_package_imports(name: str) -> None:
    module = importlib.import_module(name)
    visible = {public for public in vars(module) if not public.startswith("_") and public != "annotations"}
    submodules = {public for public in visible if inspect.ismodule(getattr(module, public))}
    assert visible - submodules == set(module.__all__) - submodules


def test_every_operation_is_a_function_a_builder_and_a_method() -> None:
    from checkout_async.operations import sessions as functions

    names = {
        "request_session",
        "get_session",
        "update_session",
        "complete_session",
        "update_three_ds_method_completion",
    }
    credentials = checkout_async.SecretKey("sk_sbox_" + "a" * 27)
    client = checkout_async.CheckoutClient(credentials, environment="sandbox", subdomain="vkuhvk4v")
    methods = {name for name in dir(client.sessions) if not name.startswith("_")}
    assert methods == names
    assert {f"build_{name}" for name in names} | names <= set(functions.__all__)


def test_version_and_changelog_agree() -> None:
    changelog = (Path(__file__).parent.parent / "CHANGELOG.md").read_text()
    assert re.search(rf"^## {re.escape(checkout_async.__version__)}\b", changelog, re.MULTILINE)


def test_the_package_is_typed() -> None:
    assert (Path(checkout_async.__file__).parent / "py.typed").is_file()
