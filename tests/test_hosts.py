"""Hostile hosts in every URL that a user sets: refused when the setting is made, or usable by the libraries below."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from checkout_async import CheckoutClient, OAuthCredentials, SecretKey
from checkout_async.auth import RedisTokenStore
from checkout_async.cli.listen import listen
from checkout_async.errors import ConfigurationError
from checkout_async.hosts import is_host
from checkout_async.limits import RedisRateLimiter
from checkout_async.sandbox import Sandbox
from checkout_async.sandbox.core.notifier import Notifier

KEY = SecretKey("sk_sbox_" + "a" * 27)
OAUTH = OAuthCredentials("ack_x", "secret", scopes=[])

# None of these is the host of a URL: too long, empty, broken punycode, no IPv4 address, or with what ends a host.
NO_HOSTS = [
    "",
    ".",
    "..",
    "a..b",
    ".a",
    "a" * 64,
    "b." + "a" * 64 + ".example",
    ".".join(["a" * 60] * 5),
    "xn--",
    "xn---",
    "xn--a",
    "xn--\u2026",
    "xn--\u2026.example",
    "xn--\xe9",
    "xn--\ud800",
    "\u3002",
    "1",
    "127.1",
    "256.256.256.256",
    "0x7f.1",
    "[::1",
    "[]",
    "[1.2.3.4]",
    "a b",
    "a\tb",
    "a\nb",
    "a\0b",
    "a\x7fb",
    "a\\b",
    "a%00b",
    "a%2fb",
    "host:0",
    "host:65536",
    "host:-1",
    "host:x",
    "host:8 0",
]

NO_LABELS = [each for each in NO_HOSTS if "xn--" in each or ".." in each or 64 * "a" in each or each in {"", ".", ".a"}]
"""Those that no label of the domain name system is like."""

# By setting, a function that makes it with a host.
SETTINGS: dict[str, Callable[[str], object]] = {
    "base_url": lambda host: CheckoutClient(KEY, base_url=f"https://{host}"),
    "token_url": lambda host: CheckoutClient(OAUTH, base_url="https://api.example", token_url=f"https://{host}/token"),
    "proxy": lambda host: CheckoutClient(KEY, base_url="https://api.example", proxy=f"http://{host}"),
    "proxy of another port": lambda host: CheckoutClient(
        KEY, base_url="https://api.example", proxy=f"http://user:password@{host}:3128"
    ),
    "rate limiter": lambda host: RedisRateLimiter(f"redis://{host}", "account"),
    "token store": lambda host: RedisTokenStore(f"rediss://:password@{host}/0"),
}


def ids(host: str) -> str:
    return ascii(host)[:30]


# Redis has a default host, and redis-py a default for port 0.
NOT_OF_REDIS = {"", "host:0"}
REFUSED = [
    (setting, host)
    for setting in SETTINGS
    for host in NO_HOSTS
    if host not in NOT_OF_REDIS or setting not in {"rate limiter", "token store"}
]


@pytest.mark.parametrize(("setting", "host"), REFUSED, ids=[f"{setting}-{ids(host)}" for setting, host in REFUSED])
def test_what_is_no_host_is_refused_when_the_setting_is_made(setting: str, host: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        SETTINGS[setting](host)
    assert "password" not in str(caught.value).replace("user:password@", "")


@pytest.mark.parametrize("setting", list(SETTINGS))
@pytest.mark.parametrize(
    "host", ["api.example", "localhost", "127.0.0.1", "[::1]", "a" * 63 + ".example", "xn--bcher-kva.example"], ids=ids
)
def test_a_host_is_accepted(setting: str, host: str) -> None:
    SETTINGS[setting](host)


@pytest.mark.parametrize("setting", ["rate limiter", "token store"])
def test_a_password_of_redis_may_have_any_character_but_controls(setting: str) -> None:
    SETTINGS[setting]("x:p\xa0\u200b\U0001fae9 @redis_1.2:6380")
    with pytest.raises(ConfigurationError, match=r"neither a name nor a whole address such as 127\.0\.0\.1"):
        SETTINGS[setting]("x:p\t@redis:6380")


@pytest.mark.parametrize(
    "host",
    [
        "xn--fa-hia.example",
        "_service.example",
        "a.example.",
        "A-B.example",
        "redis",
        "my_redis.1",
        "r.0x7f",
        "fe80::1%eth0",
    ],
)
def test_names_beyond_the_usual_are_accepted_too(host: str) -> None:
    assert is_host(host)


def test_a_user_is_no_part_of_a_base_url() -> None:
    for host in ("user@host", "user:password@host", "@host"):
        with pytest.raises(ConfigurationError) as caught:
            SETTINGS["base_url"](host)
        assert "password" not in str(caught.value)


LABEL = st.one_of(
    st.text("ab0-_\u2026\xe9\xdf\u3002\ud800 %/\\", max_size=5),
    st.text("a0-", max_size=6).map("xn--".__add__),
    st.integers(0, 70).map("a".__mul__),
)


@given(st.lists(LABEL, max_size=4).map(".".join))
def test_the_libraries_take_every_host_that_is_accepted(host: str) -> None:
    if is_host(host) and host.isascii():
        assert URL(f"https://{host}/x", encoded=True).host  # what aiohttp reads
        assert host.encode("idna")  # what the resolver reads


@pytest.mark.parametrize("host", [each for each in NO_HOSTS if each != "host:0"], ids=ids)
async def test_the_simulator_posts_to_no_such_host(host: str) -> None:
    if host in NO_LABELS:
        with pytest.raises(ValueError, match="webhook_url must be an http or https address"):
            await Sandbox(webhook_url=f"http://{host}/").__aenter__()
    notifier = Notifier(1.0, loopback_only=False)
    assert not await notifier.deliver(f"http://{host}/", {})
    await notifier.close()


@pytest.mark.parametrize("host", ["xn--\u2026", "a" * 64, "a..b"], ids=ids)
def test_listen_says_in_a_line_that_a_host_is_none(host: str) -> None:
    result = CliRunner().invoke(listen, ["--host", host, "--port", "0"])
    assert isinstance(result.exception, ConfigurationError)
    assert "cannot listen" in str(result.exception)
