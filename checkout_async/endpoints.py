"""Where a client's calls go: the hosts of the specification for an account, or the URLs of a simulator or a proxy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

from checkout_async._generated.servers import BASE_URLS, TOKEN_URLS
from checkout_async.config import Environment, NoSubdomain, matches, split_url
from checkout_async.errors import ConfigurationError
from checkout_async.hosts import is_host
from checkout_async.redaction import clears_frames

__all__ = ["Endpoints", "resolve_endpoints"]

# Checkout.com API reference, "base URL"; `pl-` marks a PrivateLink host. A label has at most 63 characters (RFC 1035
# section 2.3.4).
_SUBDOMAIN = re.compile(r"(?=.{1,63}\Z)(?:pl-)?[a-z0-9]+")


# RFC 3986 without user, query and fragment. URL parsers disagree on which characters belong to the host.
_URL = re.compile(
    r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})+)*/?",
)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a client's calls go: the base URL of the API, and the token endpoint (None: no OAuth)."""

    base_url: str
    token_url: str | None
    environment: Environment | None = None


@clears_frames
def resolve_endpoints(
    environment: Environment | str | None,
    subdomain: str | NoSubdomain | None,
    *,
    base_url: str | None = None,
    token_url: str | None = None,
) -> Endpoints:
    """Return the URLs of the API. Raises ConfigurationError rather than guess.

    Pass either an environment with the account's subdomain, or `base_url` (and `token_url`) for a simulator or a proxy.
    """
    if base_url is not None:
        if environment is not None or subdomain is not None:
            raise ConfigurationError("pass either base_url or environment and subdomain, not both")
        token = None if token_url is None else _check_url("token_url", token_url)
        return Endpoints(_check_url("base_url", base_url), token)
    if token_url is not None:
        raise ConfigurationError(
            "token_url needs base_url; without base_url, the environment determines the token endpoint"
        )
    if environment is None:
        raise ConfigurationError("environment is missing: pass Environment.SANDBOX or Environment.PRODUCTION")
    if not matches(environment, re.compile("|".join(Environment))):
        raise ConfigurationError(f"environment must be one of {', '.join(Environment)}")
    return _official_endpoints(Environment(environment), subdomain)


def _official_endpoints(environment: Environment, subdomain: str | NoSubdomain | None) -> Endpoints:
    if subdomain is None:
        raise ConfigurationError(
            "subdomain is missing: pass the first 8 characters of the client id without 'cli_', shown in the dashboard "
            "under Developers > Overview"
        )
    if not isinstance(subdomain, NoSubdomain) and not matches(subdomain, _SUBDOMAIN):
        raise ConfigurationError(
            "subdomain must be lower-case letters and digits, such as 'vkuhvk4v' or 'pl-vkuhvk4v', at most 63 of them"
        )
    prefix = "" if isinstance(subdomain, NoSubdomain) else f"{subdomain}."
    base_url, token_url = (urls[environment].replace("{subdomain}.", prefix) for urls in (BASE_URLS, TOKEN_URLS))
    return Endpoints(base_url, token_url, environment)


def _check_url(name: str, url: str) -> str:
    parts = split_url(url) if matches(url, _URL) else None
    if parts is None or not parts.hostname:
        raise ConfigurationError(f"{name} must be a plain http(s) URL such as 'http://127.0.0.1:8080'")
    if not is_host(parts.hostname):
        raise ConfigurationError(
            f"{name} names no host: each part between dots must have 1 to 63 characters, what begins with 'xn--' must "
            "be valid, and an IPv4 address has four numbers up to 255"
        )
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ConfigurationError(f"{name} must use https: plain http is for simulators on this machine only")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
