"""The hosts a client calls are those that the specification names as servers of an environment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import checkout_async
from checkout_async._generated.servers import BASE_URLS, TOKEN_URLS
from checkout_async.config import NO_SUBDOMAIN, Environment
from checkout_async.endpoints import resolve_endpoints
from tests.generated.support import DOCUMENT

(TOKEN_PATH,) = (path for path, node in DOCUMENT["paths"].items() if "servers" in node)


def hosts(node: Any, prefix: str) -> dict[str, str]:
    return {each["x-environment"]: each["url"].replace("{prefix}.", prefix) for each in node["servers"]}


@pytest.mark.parametrize("environment", Environment)
def test_the_client_goes_to_the_servers_of_the_specification(environment: Environment) -> None:
    for subdomain, prefix in (("vkuhvk4v", "vkuhvk4v."), (NO_SUBDOMAIN, "")):
        where = resolve_endpoints(environment, subdomain)
        assert where.base_url == hosts(DOCUMENT, prefix)[environment]
        assert where.token_url == hosts(DOCUMENT["paths"][TOKEN_PATH], prefix)[environment] + TOKEN_PATH


def test_every_environment_has_its_servers() -> None:
    assert BASE_URLS.keys() == TOKEN_URLS.keys() == {*Environment}


def test_no_host_of_the_api_is_written_by_hand_where_a_client_finds_its_own() -> None:
    package = Path(checkout_async.__file__).parent
    for module in ("client.py", "config.py", "endpoints.py"):
        text = (package / module).read_text(encoding="utf-8")
        assert not re.search(r"(api|access|sandbox)\.[\w.]*checkout\.com", text), module
        assert TOKEN_PATH not in text, module
