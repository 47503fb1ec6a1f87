"""Wrong settings: the error that names them shows no secret, nor do our frames in a traceback with locals."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Callable

import pytest

from checkout_async import CheckoutClient, OAuthCredentials, errors
from checkout_async.auth import RedisTokenStore
from checkout_async.limits import RedisRateLimiter

SECRET = "hunter2hunter2hunter2"
IN_BASIC = base64.b64encode(f"ack_x:{SECRET}".encode()).decode()


def without_a_token_url() -> None:
    CheckoutClient(OAuthCredentials("ack_x", SECRET, scopes=[]), base_url="http://127.0.0.1:9")


def a_store_at_a_wrong_url() -> None:
    RedisTokenStore(f"rediz://user:{SECRET}@127.0.0.1/0")


def rates_at_a_wrong_url() -> None:
    RedisRateLimiter(f"rediz://user:{SECRET}@127.0.0.1/0", "account")


@pytest.mark.parametrize("wrong", [without_a_token_url, a_store_at_a_wrong_url, rates_at_a_wrong_url])
def test_a_wrong_setting_gives_no_secret_away(wrong: Callable[[], None]) -> None:
    with pytest.raises(errors.ConfigurationError) as caught:
        wrong()
    shown = [str(caught.value), repr(caught.value)]
    found = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    for frame in found.stack:
        if "/checkout_async/" in frame.filename:
            shown += (frame.locals or {}).values()
    assert len(shown) > 2
    assert not [text for text in shown if SECRET in text or IN_BASIC in text]
