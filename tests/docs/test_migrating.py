"""docs/migrating.md: what it names here exists, and it names all that checkout-sdk has for payments and sessions."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

from checkout_async import errors
from checkout_async.models import payments, sessions
from tests.docs.pages import ROOT

TEXT = (ROOT / "docs" / "migrating.md").read_text(encoding="utf-8")
VENDOR = (Path(__file__).parent / "checkout_sdk_names.txt").read_text(encoding="utf-8")
"""The classes and methods of checkout-sdk 4.8.1 by module, as `inspect` shows them there."""


def section(title: str) -> str:
    return TEXT.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^\| (.+?) \| (.*?) \|$", text, re.MULTILINE)


def vendor(module: str) -> set[str]:
    """Return the names of a module of checkout-sdk."""
    return set(re.findall(rf"^{re.escape(module)} (\w+)$", VENDOR, re.MULTILINE))


def names(text: str) -> set[str]:
    """Return the names of checkout-sdk that a section maps: the first column, and those under the same name."""
    same = {
        name
        for line in re.findall(r"^Under the same name: (.+?)\.\n\n", text, re.MULTILINE | re.DOTALL)
        for name in re.findall(r"`(\w+)`", line)
    }
    return same | {name for cell, _ in rows(text) for name in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize(
    ("title", "modules"),
    [
        ("Classes of payments", ["payments.payments", "payments.payment_apm"]),
        ("Classes of sessions", ["sessions.sessions"]),
        ("Common classes", ["common.common", "common.enums"]),
    ],
)
def test_every_class_of_the_vendor_is_mapped(title: str, modules: list[str]) -> None:
    expected = set[str]().union(*map(vendor, modules))
    assert expected
    assert names(section(title)) == expected


@pytest.mark.parametrize(
    ("title", "module"),
    [("Classes of payments", payments), ("Classes of sessions", sessions), ("Common classes", payments)],
)
def test_every_class_here_exists(title: str, module: object) -> None:
    mapped = [name for _, cell in rows(section(title)) for name in re.findall(r"^`(\w+)`", cell)]
    same = re.findall(r"^Under the same name: (.+?)\.\n\n", section(title), re.MULTILINE | re.DOTALL)
    mapped += re.findall(r"`(\w+)`", " ".join(same))
    assert mapped
    assert [name for name in mapped if not hasattr(module, name)] == []


@pytest.mark.parametrize(("api", "client"), [("payments", "PaymentsClient"), ("sessions", "SessionsClient")])
def test_every_call_is_mapped_to_one_with_these_arguments(api: str, client: str) -> None:
    table = section("Calls").split(f"`await checkout.{api}.…`", 1)[1].split("\n\n", 1)[0]
    calls = {theirs.strip("`").split("(")[0]: ours for theirs, ours in rows(table) if theirs.startswith("`")}
    assert set(calls) == vendor(client)
    module = importlib.import_module(f"checkout_async._generated.resources.{api}")
    resource = getattr(module, f"{api.capitalize()}Resource")
    for ours in calls.values():
        for name, arguments in re.findall(r"`(\w+)\((.*?)\)`", ours):
            accepted = inspect.signature(getattr(resource, name)).parameters
            assert set(re.findall(r"(\w+)=", arguments)) <= set(accepted)


def test_every_error_here_exists_and_every_one_of_theirs_is_mapped() -> None:
    table = rows(section("Errors"))
    assert vendor("exception") <= {name for theirs, _ in table for name in re.findall(r"`(\w+)`", theirs)}
    classes = {name for _, ours in table for name in re.findall(r"`([A-Z]\w+)`", ours)}
    assert classes <= set(errors.__all__)
    attributes = {name for _, ours in table for name in re.findall(r"`\.(\w+)`", ours)}
    assert attributes <= set(vars(errors.ApiError("text", status=418))) | set(dir(errors.ApiError))
