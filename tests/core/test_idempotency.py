"""Idempotency keys: new keys differ; a caller's own key is sent as it is or refused."""

from __future__ import annotations

from uuid import RFC_4122, UUID

import pytest

from checkout_async._core.decision import check_key, new_key
from checkout_async.errors import InvalidRequest


def test_new_keys_are_version_4_uuids_and_differ() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    # Each of the four digits that the variant may have comes up, unless chance fails 100 times.
    assert {key[19] for key in keys} == set("89ab")
    for key in keys:
        assert (UUID(key).version, UUID(key).variant, str(UUID(key))) == (4, RFC_4122, key)


@pytest.mark.parametrize("key", ["1", "order 5023", "x" * 255, "a:b/c=?&"])
def test_a_callers_own_key_is_taken_as_it_is(key: str) -> None:
    assert check_key("pay", key) == key


@pytest.mark.parametrize("key", ["", " ", "a ", " a", "x" * 256, "a\r\nHost: evil", "a\n", "é", "a\x00b"])
def test_a_key_that_is_not_a_header_value_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(InvalidRequest, match="idempotency_key must be") as caught:
        check_key("pay", key)
    assert caught.value.path == "idempotency_key"
    assert "evil" not in str(caught.value)
