"""The hosts a client calls are those the specification names as servers."""

from __future__ import annotations

from typing import Any

import pytest

from checkout_async.config import Environment, resolve_endpoints
from tests.generated.support import DOCUMENT


def hosts(node: Any) -> list[str]:
    return [each["url"].replace("{prefix}", "vkuhvk4v") for each in node["servers"]]


@pytest.mark.parametrize(("environment", "place"), [(Environment.SANDBOX, 0), (Environment.PRODUCTION, 1)])
def test_the_client_goes_to_the_servers_of_the_specification(environment: Environment, place: int) -> None:
    (path,) = (path for path, node in DOCUMENT["paths"].items() if "servers" in node)
    where = resolve_endpoints(environment, "vkuhvk4v")
    assert where.base_url == hosts(DOCUMENT)[place]
    assert where.token_url == hosts(DOCUMENT["paths"][path])[place] + path
