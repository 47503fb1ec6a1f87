"""The public names are a contract."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from functools import cached_property
from pathlib import Path
from typing import cast

import msgspec
import pytest
from msgspec import Struct

import checkout_async
from checkout_async._generated.resources.client_apis import ClientApis

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
    "checkout_async.testing",
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
        "testing",
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


CONTRACT = json.loads((Path(__file__).parents[1] / "openapi" / "contract.json").read_bytes())
# Fetching a token is no call of its own.
CALLED = sorted(api for api, found in CONTRACT["operations"].items() if any(each["scopes"] for each in found.values()))


def test_the_client_has_the_apis_that_were_accepted() -> None:
    assert {"payments", "sessions"} <= {*CALLED}
    properties = {name for name, value in inspect.getmembers(ClientApis) if isinstance(value, cached_property)}
    assert properties == {*CALLED}


@pytest.mark.parametrize("api", CALLED)
def test_every_accepted_operation_is_a_function_a_builder_and_a_method(api: str) -> None:
    functions = getattr(checkout_async.operations, api)
    credentials = checkout_async.SecretKey("sk_sbox_" + "a" * 27)
    client = checkout_async.CheckoutClient(credentials, environment="sandbox", subdomain="vkuhvk4v")
    accepted = CONTRACT["operations"][api]
    names = {*accepted}
    iterators = {each["paging"]["iterator"].partition("(")[0] for each in accepted.values() if "paging" in each}
    methods = {name for name in dir(getattr(client, api)) if not name.startswith("_")}
    assert methods == names | iterators | {"with_response"}
    assert {name for name in dir(getattr(client, api).with_response) if not name.startswith("_")} == names
    public = {name for name in functions.__all__ if name.islower()}
    assert public == names | iterators | {f"build_{name}" for name in names}


@pytest.mark.parametrize("api", CALLED)
def test_only_path_parameters_and_the_body_are_positional(api: str) -> None:
    functions = getattr(checkout_async.operations, api)
    for name, accepted in CONTRACT["operations"][api].items():
        iterators = [accepted["paging"]["iterator"].partition("(")[0]] if "paging" in accepted else []
        in_path = [f"{api.removesuffix('s')}_{each}" for each in re.findall(r"{(\w+)}", accepted["line"])]
        for function in (name, *iterators):
            parameters = inspect.signature(getattr(functions, function)).parameters.values()
            positional = [each.name for each in parameters if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
            body = ["body"] if "body" in {each.name for each in parameters} else []
            assert positional == ["sender", *in_path, *body]


@pytest.mark.parametrize("api", CALLED)
def test_required_members_come_first_in_a_signature(api: str) -> None:
    module = getattr(checkout_async.models, api)
    values = cast("dict[str, object]", vars(module)).values()
    structs = [value for value in values if isinstance(value, type) and issubclass(value, Struct)]
    accepted = {name for name, each in CONTRACT["types"][api].items() if each["kind"] in {"sent", "received"}}
    assert accepted
    assert accepted <= {struct.__name__ for struct in structs}
    for struct in structs:
        required = [each.required for each in msgspec.structs.fields(struct)]
        assert required == sorted(required, reverse=True), struct


def test_version_and_changelog_agree() -> None:
    changelog = (Path(__file__).parent.parent / "CHANGELOG.md").read_text()
    assert re.search(rf"^## {re.escape(checkout_async.__version__)}\b", changelog, re.MULTILINE)


def test_the_package_is_typed() -> None:
    assert (Path(checkout_async.__file__).parent / "py.typed").is_file()
