"""Which proxy a request uses: the given one, those of the environment if the client asks for them, or none.

aiohttp's own `trust_env` is not used: it also reads .netrc, and sends a password from there in place of our credential.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.request import getproxies_environment

from yarl import URL

from checkout_async.auth.base import SecretHolder
from checkout_async.config import check_proxy
from checkout_async.errors import ConfigurationError
from checkout_async.redaction import Secret

__all__ = ["Proxies"]

_ALL: Final = "all"
_NONE: Final = "no"


class Proxies(SecretHolder):
    """Finds the proxy for a URL. It may contain the proxy's password.

    `proxy` is for all requests. `from_env` reads HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, once, when this is
    created. A variable that no request needs may contain anything: it is meant for other programs. Raises
    ConfigurationError if both are given, or if `proxy` cannot be used.
    """

    def __init__(self, proxy: str | None, *, from_env: bool) -> None:
        if proxy is not None and from_env:
            raise ConfigurationError("give either proxy or proxies_from_env, not both")
        self._usable: dict[str, URL] = {}
        self._unchecked: dict[str, Secret] = {}
        self._exempt: tuple[_Exemption, ...] = ()
        if proxy is not None:
            self._usable[_ALL] = URL(check_proxy(proxy))
        elif from_env:
            self._read_environment()

    def proxy_for(self, url: URL) -> URL | None:
        """Return the URL of the proxy, with user and password if it has them, or None to connect directly.

        Raises ConfigurationError if the proxy that the environment names for the URL cannot be used.
        """
        if not self._usable and not self._unchecked:
            return None  # no proxy at all, as in nearly all clients
        if any(exemption.covers(url) for exemption in self._exempt):
            return None
        for scheme in (url.scheme, _ALL):
            if scheme in self._unchecked:
                self._usable[scheme] = URL(check_proxy(self._unchecked[scheme], f"{scheme.upper()}_PROXY"))
                del self._unchecked[scheme]
            if scheme in self._usable:
                return self._usable[scheme]
        return None

    def _read_environment(self) -> None:
        self._unchecked = {scheme: Secret(url) for scheme, url in getproxies_environment().items()}
        entries = self._unchecked.pop(_NONE, "").lower().split(",")
        self._exempt = tuple(_parse_exemption(entry.strip()) for entry in entries if entry.strip())


@dataclass(frozen=True, slots=True)
class _Exemption:
    """An entry of NO_PROXY: a host, which includes its subdomains, or addresses; and a port, or None for every port."""

    host: str
    network: IPv4Network | IPv6Network | None
    port: int | None

    def covers(self, url: URL) -> bool:
        """Return whether the URL is reached without a proxy."""
        if self.port not in {None, url.port}:
            return False
        host = (url.host or "").lower()
        if self.network is None:
            return self.host == "*" or host == self.host or host.endswith(f".{self.host}")
        try:
            return ip_address(host) in self.network
        except ValueError:
            return False


# An IPv6 address with a port stands in brackets (RFC 3986 section 3.2.2). People write brackets without a port, too.
_BRACKETED = re.compile(r"\[(?P<address>[^\]]*)\](?P<length>/\d+)?(?::(?P<port>\d+))?")
_WITH_PORT = re.compile(r"(?P<host>[^:]*):(?P<port>\d+)")


def _parse_exemption(entry: str) -> _Exemption:
    if bracketed := _BRACKETED.fullmatch(entry):
        host, port = bracketed["address"] + (bracketed["length"] or ""), bracketed["port"]
    elif with_port := _WITH_PORT.fullmatch(entry):
        host, port = with_port["host"], with_port["port"]
    else:
        host, port = entry, None
    name = host if host == "*" else host.removeprefix("*").removeprefix(".")
    return _Exemption(name, _parse_network(host), None if port is None else int(port))


def _parse_network(text: str) -> IPv4Network | IPv6Network | None:
    """Return an address or a network in CIDR notation, or None. As in curl, bits beyond the network's are ignored."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
