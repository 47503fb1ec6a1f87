"""Secret keys and session secrets: recognised, sent as documented, never shown."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from checkout_async.auth import Authenticator, Credentials, MemoryTokenStore, OAuthCredentials, SecretKey, SessionSecret
from checkout_async.config import Environment
from checkout_async.errors import ConfigurationError
from checkout_async.operations import Sender

SANDBOX_KEY = "sk_sbox_" + "a" * 27
PRODUCTION_KEY = "sk_" + "a" * 26 + "#"
SESSION_SECRET = "sek_Dal7UyiH8rIFXA4PfgiIk2jUyQkVDeEWgVBEL4TsRTE="


def no_token_endpoint(authenticator: Authenticator) -> Sender:
    raise AssertionError(f"{authenticator} needs no token")


async def test_a_secret_key_is_a_bearer_credential() -> None:
    authenticator = SecretKey(SANDBOX_KEY).authenticator(no_token_endpoint)
    assert await authenticator.authorize() == f"Bearer {SANDBOX_KEY}"


async def test_a_session_secret_is_the_bare_header_value() -> None:
    authenticator = SessionSecret(SESSION_SECRET).authenticator(no_token_endpoint)
    assert await authenticator.authorize() == SESSION_SECRET


async def test_a_refused_fixed_credential_is_not_tried_again() -> None:
    authenticator = SecretKey(SANDBOX_KEY).authenticator(no_token_endpoint)
    assert not authenticator.on_unauthorized(await authenticator.authorize())


def test_a_key_of_the_other_environment_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="sandbox key"):
        SecretKey(SANDBOX_KEY).check(Environment.PRODUCTION)
    with pytest.raises(ConfigurationError, match="production key"):
        SecretKey(PRODUCTION_KEY).check(Environment.SANDBOX)
    SecretKey(SANDBOX_KEY).check(Environment.SANDBOX)
    SecretKey(PRODUCTION_KEY).check(Environment.PRODUCTION)
    SecretKey(PRODUCTION_KEY).check(None)


@pytest.mark.parametrize("key", ["", "pk_sbox_" + "a" * 27, "sk_short", SANDBOX_KEY + "\n", "sk_sbox_" + "A" * 27])
def test_what_is_not_a_secret_key_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigurationError, match="secret key") as caught:
        SecretKey(key)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize("secret", ["", "sk_x", "sek_", "sek_a b", "sek_a\r\nHost: evil"])
def test_what_is_not_a_session_secret_is_refused(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="session secret"):
        SessionSecret(secret)


@pytest.mark.parametrize(
    ("client_id", "client_secret"), [("", "s"), ("i", ""), ("i d", "s"), ("i", "s\n"), ("i:d", "s")]
)
def test_what_is_not_an_access_key_is_refused(client_id: str, client_secret: str) -> None:
    with pytest.raises(ConfigurationError, match="client_"):
        OAuthCredentials(client_id, client_secret, scopes=[])


@pytest.mark.parametrize("scopes", ["sessions:app sessions:browser", None, 5])
def test_what_is_not_a_list_of_scopes_is_refused(scopes: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"scopes must be a list of str, not {type(scopes).__name__}"):
        OAuthCredentials("i", "s", scopes=scopes)


@pytest.mark.parametrize("scope", ["", "sessions:app sessions:browser", 'a"b', "a\\b", "a\n", "é", "\x7f", None])
def test_what_is_not_a_scope_is_refused(scope: Any) -> None:
    with pytest.raises(ConfigurationError, match="each scope must be one word"):
        OAuthCredentials("i", "s", scopes=["sessions:app", scope])


@pytest.mark.parametrize("scope", ["sessions:browser", "!#[]~", "https://scope.example/read"])
def test_a_scope_may_have_any_character_of_the_rfc(scope: str) -> None:
    OAuthCredentials("i", "s", scopes=iter([scope]))


@pytest.mark.parametrize("store", [object(), "tokens"])
def test_what_is_not_a_token_store_is_refused(store: Any) -> None:
    with pytest.raises(ConfigurationError, match="store must be TokenStore, not "):
        OAuthCredentials("i", "s", scopes=[], store=store)


def test_a_class_of_token_stores_is_not_a_token_store() -> None:
    store: Any = MemoryTokenStore
    with pytest.raises(ConfigurationError, match="store must be an instance of TokenStore, not the class MemoryToken"):
        OAuthCredentials("i", "s", scopes=[], store=store)


@pytest.mark.parametrize(
    "credentials", [SecretKey(SANDBOX_KEY), SessionSecret(SESSION_SECRET), OAuthCredentials("ack_x", "hush", scopes=[])]
)
def test_credentials_are_neither_shown_nor_pickled(credentials: Credentials) -> None:
    shown = f"{credentials!r} {credentials}"
    assert SANDBOX_KEY not in shown
    assert SESSION_SECRET not in shown
    assert "hush" not in shown
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(credentials)
