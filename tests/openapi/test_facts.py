"""No fact of the API stands in a module by hand: what the specification names, generated code says.

The simulator is left out: it speaks plain JSON, so that a mistake in generated code shows as a refused request. So is
`migrate/`, which knows the names of another package.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

import checkout_async
from checkout_async._generated import facts
from checkout_async._generated.scopes import SCOPES
from checkout_async._generated.servers import BASE_URLS, TOKEN_URLS
from tests.generated.support import DOCUMENT

PACKAGE = Path(checkout_async.__file__).parent
# Not of the API: a page of Checkout.com's that an issuer's browser page posts to, which no operation describes.
EXCEPTIONS = {("threeds/emv/method.py", "api.checkout.com")}


def headers(node: object) -> Iterator[str]:
    if isinstance(node, list):
        for item in cast("list[object]", node):
            yield from headers(item)
    elif isinstance(node, dict):
        members = cast("dict[str, Any]", node)
        if members.get("in") == "header":
            yield str(members["name"])
        if isinstance(members.get("headers"), dict):
            yield from map(str, members["headers"])
        for member in members.values():
            yield from headers(member)


# A name of one word, such as `channel`, may be any word.
HEADERS = {name.lower() for name in headers(DOCUMENT) if "-" in name}
PATHS = {path.partition("/{")[0] for path in DOCUMENT["paths"]}
HOSTS = {urlsplit(url).netloc.replace("{subdomain}.", "") for url in (*BASE_URLS.values(), *TOKEN_URLS.values())}
ERRORS = {facts.ERROR_TYPE, facts.ERROR_CODES}
CURRENCIES = {*facts.DECIMALS, *facts.STEPS}
NAMED_SCOPES = {scope for scope in SCOPES if ":" in scope}


def modules() -> Iterator[str]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith(("_generated/", "sandbox/", "migrate/")):
            yield name


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield the texts of a module that code reads, with their lines: a docstring is for people."""
    tree = ast.parse(source)
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.lineno, node.value


def facts_in(source: str) -> Iterator[tuple[int, str]]:
    """Yield the facts of the API in a module, each with its line."""
    for line, text in texts(source):
        words = {*text.split(), *text.replace("'", " ").split()}
        found = {text.lower()} & HEADERS | {text} & ERRORS | words & (CURRENCIES | NAMED_SCOPES)
        found |= {host for host in HOSTS if host in text}
        found |= {path for path in PATHS if text == path or text.startswith(f"{path}/")}
        yield from ((line, each) for each in sorted(found))


def test_no_module_repeats_a_fact_of_the_api() -> None:
    found = [
        (name, line, fact)
        for name in modules()
        for line, fact in facts_in((PACKAGE / name).read_text(encoding="utf-8"))
        if (name, fact) not in EXCEPTIONS
    ]
    assert found == [], "state it in openapi/, and read it from checkout_async/_generated"


@pytest.mark.parametrize(
    "source",
    [
        'HEADER = "Cko-Request-Id"',
        'KEYS = {"cko-idempotency-key"}',
        'SIGNATURE = "CKO-Signature"',
        'path = f"/payments/{id}"',
        'path = "/sessions"',
        'url = "https://api.sandbox.checkout.com"',
        'kind = body["error_type"]',
        'CODES = "BIF DJF GNF"',
        'if currency == "JPY": pass',
        'scope = "sessions:browser gateway"',
    ],
)
def test_a_fact_by_hand_would_be_found(source: str) -> None:
    assert [*facts_in(source)]


@pytest.mark.parametrize("source", ['"""In the header `Cko-Signature`."""', 'x = "authorization"', 'x = "/pay"'])
def test_what_is_none_is_not_found(source: str) -> None:
    assert not [*facts_in(source)]
