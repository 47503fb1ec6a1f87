"""A wrong setting always raises an error."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from checkout_async.config import NO_SUBDOMAIN, Environment, Limits, RetryPolicy, Timeouts
from checkout_async.endpoints import resolve_endpoints
from checkout_async.errors import ConfigurationError


class TestEndpoints:
    def test_the_sandbox_of_an_account(self) -> None:
        where = resolve_endpoints(Environment.SANDBOX, "vkuhvk4v")
        assert where.base_url == "https://vkuhvk4v.api.sandbox.checkout.com"
        assert where.token_url == "https://vkuhvk4v.access.sandbox.checkout.com/connect/token"

    def test_production_of_an_account(self) -> None:
        where = resolve_endpoints("production", "pl-vkuhvk4v")
        assert where.base_url == "https://pl-vkuhvk4v.api.checkout.com"
        assert where.token_url == "https://pl-vkuhvk4v.access.checkout.com/connect/token"

    def test_the_shared_host_must_be_chosen_explicitly(self) -> None:
        assert resolve_endpoints(Environment.SANDBOX, NO_SUBDOMAIN).base_url == "https://api.sandbox.checkout.com"
        with pytest.raises(ConfigurationError, match="subdomain is missing"):
            resolve_endpoints(Environment.SANDBOX, None)

    @pytest.mark.parametrize("subdomain", ["a", "ab", "abc1", "12345domain", "12345678", "1234doma", "pl-abc123"])
    def test_well_formed_subdomains(self, subdomain: str) -> None:
        assert resolve_endpoints("sandbox", subdomain).base_url == f"https://{subdomain}.api.sandbox.checkout.com"

    @pytest.mark.parametrize(
        "subdomain",
        [
            "",
            "  ",
            " - ",
            "a b",
            "foo-",
            "-foo",
            "ABC123",
            "test-123",
            "pl-",
            "test_123",
            "a@b",
            "a.b",
            "abc\n",
            "a/b",
            64 * "a",
        ],
    )
    def test_a_malformed_subdomain_is_refused_instead_of_ignored(self, subdomain: str) -> None:
        with pytest.raises(ConfigurationError, match="subdomain must be"):
            resolve_endpoints("sandbox", subdomain)

    def test_an_unknown_environment_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="sandbox, production"):
            resolve_endpoints("test", "vkuhvk4v")

    def test_a_simulator_by_its_urls(self) -> None:
        where = resolve_endpoints(
            None, None, base_url="http://127.0.0.1:8080/", token_url="http://localhost:8080/connect/token"
        )
        assert (where.base_url, where.token_url) == ("http://127.0.0.1:8080", "http://localhost:8080/connect/token")

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"token_url": "https://a.example/connect/token"},
            {"base_url": "https://a.example", "environment": "sandbox"},
            {"base_url": "https://a.example", "subdomain": "vkuhvk4v"},
        ],
    )
    def test_settings_that_contradict_or_say_nothing_are_refused(self, options: dict[str, Any]) -> None:
        with pytest.raises(ConfigurationError):
            resolve_endpoints(options.pop("environment", None), options.pop("subdomain", None), **options)

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "ftp://a.example",
            "https://",
            "https://user@a.example",
            "https://a.example?x=1",
            "a.example",
            "https://:secret@a.example",
            "https://a.example/?",
            "https://a.example:999999",
            "http://[::1",
            "https://a.example#x",
        ],
    )
    def test_a_url_with_more_than_a_host_and_path_is_refused(self, url: str) -> None:
        with pytest.raises(ConfigurationError, match="base_url must be a plain"):
            resolve_endpoints(None, None, base_url=url)

    @pytest.mark.parametrize("host", [64 * "a", "a..b", f"b.{64 * 'c'}.example"], ids=["long", "empty", "long-inside"])
    def test_a_host_name_that_no_resolver_takes_is_refused(self, host: str) -> None:
        with pytest.raises(ConfigurationError, match="base_url names no host"):
            resolve_endpoints(None, None, base_url=f"https://{host}")
        assert resolve_endpoints(None, None, base_url=f"https://{63 * 'a'}.example.").token_url is None

    def test_secrets_are_not_sent_unencrypted_to_another_machine(self) -> None:
        with pytest.raises(ConfigurationError, match="https"):
            resolve_endpoints(None, None, base_url="http://api.example")
        with pytest.raises(ConfigurationError, match="https"):
            resolve_endpoints(None, None, base_url="http://127.0.0.1.evil.example")


class TestValues:
    @pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), True, "5"])
    @pytest.mark.parametrize(("kind", "name"), [(Timeouts, "total"), (Timeouts, "connect"), (Limits, "keepalive")])
    def test_a_time_must_be_a_number_above_zero(self, kind: type[Any], name: str, value: object) -> None:
        with pytest.raises(ConfigurationError, match=rf"{kind.__name__}\.{name} must be"):
            kind(**{name: value})

    @pytest.mark.parametrize("kind", [Timeouts, RetryPolicy, Limits])
    def test_no_setting_is_a_larger_number_than_any_float(self, kind: type[Any]) -> None:
        """Else it would raise OverflowError where it meets one, and a wait before a retry comes after a request."""
        for field in dataclasses.fields(kind):
            with pytest.raises(ConfigurationError, match="not a larger one than any float"):
                kind(**{field.name: 10**5000})
            with pytest.raises(ConfigurationError, match="not a smaller one than any float"):
                kind(**{field.name: -(10**5000)})

    @pytest.mark.parametrize(("kind", "name"), [(RetryPolicy, "attempts"), (Limits, "concurrency")])
    def test_a_count_must_be_a_whole_number_above_zero(self, kind: type[Any], name: str) -> None:
        for value in (0, -1, 1.5):
            with pytest.raises(ConfigurationError, match="whole number"):
                kind(**{name: value})

    def test_a_caller_can_give_all_timeouts_or_the_deadline_alone(self) -> None:
        settings = Timeouts(total=60, attempt=20, connect=2)
        assert settings.merged(None) == settings
        assert settings.merged(5) == Timeouts(total=5, attempt=20, connect=2)
        assert settings.merged(Timeouts(total=1)) == Timeouts(total=1)
        with pytest.raises(ConfigurationError, match=r"Timeouts\.total"):
            settings.merged(0)

    def test_an_unkeyed_request_may_be_given_new_connections_only(self) -> None:
        assert Limits(keepalive_non_idempotent=0).keepalive_non_idempotent == 0
        with pytest.raises(ConfigurationError, match=r"Limits\.keepalive_non_idempotent must be"):
            Limits(keepalive_non_idempotent=-1)

    def test_waits_may_be_zero(self) -> None:
        assert RetryPolicy(backoff=0, max_backoff=0, max_retry_after=0).backoff == 0
