"""Which proxy a request uses: the given one, those of the environment if the client asks for them, or none.

aiohttp's own `trust_env` is not used: it also reads .netrc, and sends a password from there in place of our credential.
"""

from __future__ import annotations

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
    created. Raises ConfigurationError if both are given, or if a proxy's URL cannot be used.
    """

    def __init__(self, proxy: str | None, *, from_env: bool) -> None:
        if proxy is not None and from_env:
            raise ConfigurationError("give either proxy or proxies_from_env, not both")
        self._by_scheme: dict[str, URL] = {}
        self._exempt: tuple[str, ...] = ()
        if proxy is not None:
            self._by_scheme[_ALL] = URL(check_proxy(proxy))
        elif from_env:
            self._read_environment()

    def proxy_for(self, url: URL) -> URL | None:
        """Return the URL of the proxy, with user and password if it has them, or None to connect directly."""
        if any(_covers(entry, url) for entry in self._exempt):
            return None
        return self._by_scheme.get(url.scheme) or self._by_scheme.get(_ALL)

    def _read_environment(self) -> None:
        found = {scheme: Secret(url) for scheme, url in getproxies_environment().items()}
        self._exempt = tuple(entry.strip().lower() for entry in found.get(_NONE, "").split(",") if entry.strip())
        for scheme in ("https", "http", _ALL):
            if scheme in found:
                self._by_scheme[scheme] = URL(check_proxy(found[scheme], f"{scheme.upper()}_PROXY"))


def _covers(entry: str, url: URL) -> bool:
    """Return whether an entry of NO_PROXY matches a URL.

    An entry is a host, which matches its subdomains too, a host and port, or `*` for all URLs.
    """
    host = (url.host or "").lower()
    name = entry.removeprefix("*").removeprefix(".")
    return entry == "*" or any(found == name or found.endswith(f".{name}") for found in (host, f"{host}:{url.port}"))
