"""The public names are a contract."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import cast

import msgspec
import pytest
from msgspec import Struct

import checkout_async

PUBLIC = [
    "checkout_async",
    "checkout_async.errors",
    "checkout_async.models",
    "checkout_async.operations",
    "checkout_async.auth",
    "checkout_async.batch",
    "checkout_async.limits",
    "checkout_async.observability",
    "checkout_async.sandbox",
    "checkout_async.threeds",
    "checkout_async.threeds.emv",
    "checkout_async.webhooks",
    "checkout_async.recovery",
    "checkout_async.money",
    "checkout_async.transport",
]


def test_the_names_of_the_package() -> None:
    assert set(checkout_async.__all__) == {
        "API_VERSION",
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
        "money",
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


OPERATIONS = {
    "sessions": {
        "request_session",
        "get_session",
        "update_session",
        "complete_session",
        "update_three_ds_method_completion",
    },
    "payments": {
        "request_payment",
        "list_payments",
        "get_payment",
        "get_payment_actions",
        "increment_authorization",
        "cancel_scheduled_retry",
        "capture_payment",
        "refund_payment",
        "reverse_payment",
        "void_payment",
        "search_payments",
    },
}
ITERATORS = {"sessions": set[str](), "payments": {"iterate_payments", "iterate_search_payments"}}


@pytest.mark.parametrize("api", OPERATIONS)
def test_every_operation_is_a_function_a_builder_and_a_method(api: str) -> None:
    functions = getattr(checkout_async.operations, api)
    credentials = checkout_async.SecretKey("sk_sbox_" + "a" * 27)
    client = checkout_async.CheckoutClient(credentials, environment="sandbox", subdomain="vkuhvk4v")
    names, iterators = OPERATIONS[api], ITERATORS[api]
    methods = {name for name in dir(getattr(client, api)) if not name.startswith("_")}
    assert methods == names | iterators | {"with_response"}
    assert {name for name in dir(getattr(client, api).with_response) if not name.startswith("_")} == names
    public = {name for name in functions.__all__ if name.islower()}
    assert public == names | iterators | {f"build_{name}" for name in names}


@pytest.mark.parametrize("api", OPERATIONS)
def test_only_path_parameters_and_the_body_are_positional(api: str) -> None:
    functions = getattr(checkout_async.operations, api)
    for name in OPERATIONS[api] | ITERATORS[api]:
        function = getattr(functions, name)
        operation = getattr(
            functions, name.upper().replace("ITERATE_PAYMENTS", "LIST_PAYMENTS").replace("ITERATE_", "")
        )
        parameters = inspect.signature(function).parameters.values()
        positional = [each.name for each in parameters if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        in_path = re.findall(r"{(\w+)}", operation.path)
        assert positional[: len(in_path) + 1] == ["sender", *(f"{api.removesuffix('s')}_{each}" for each in in_path)]
        assert positional[len(in_path) + 1 :] == (["body"] if "body" in {each.name for each in parameters} else [])


@pytest.mark.parametrize("api", OPERATIONS)
def test_required_members_come_first_in_a_signature(api: str) -> None:
    module = getattr(checkout_async.models, api)
    values = cast("dict[str, object]", vars(module)).values()
    structs = [value for value in values if isinstance(value, type) and issubclass(value, Struct)]
    assert len(structs) > 40
    for struct in structs:
        required = [each.required for each in msgspec.structs.fields(struct)]
        assert required == sorted(required, reverse=True), struct


def test_version_and_changelog_agree() -> None:
    changelog = (Path(__file__).parent.parent / "CHANGELOG.md").read_text()
    assert re.search(rf"^## {re.escape(checkout_async.__version__)}\b", changelog, re.MULTILINE)


def test_the_package_is_typed() -> None:
    assert (Path(checkout_async.__file__).parent / "py.typed").is_file()
