"""The `CHECKOUT_…` environment variables: those with a secret show none, wherever they go."""

from __future__ import annotations

import pytest

from checkout_async.environment import SECRET_VARIABLES, checkout_variables


@pytest.mark.parametrize("name", sorted(SECRET_VARIABLES))
def test_a_secret_variable_does_not_print(name: str) -> None:
    found = checkout_variables({name: "rediss://user:hidden@host/0", "CHECKOUT_SUBDOMAIN": "vkuhvk4v", "HOME": "/root"})
    assert found[name] == "rediss://user:hidden@host/0"
    assert "hidden" not in repr(found)
    assert found.keys() == {name, "CHECKOUT_SUBDOMAIN"}


def test_the_url_of_redis_is_one_of_them() -> None:
    assert "CHECKOUT_REDIS_URL" in SECRET_VARIABLES
