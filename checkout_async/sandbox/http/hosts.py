"""Which `Host` and `Origin` headers the sandbox answers: those that a page of the wide web cannot send.

A page may point its own host name at 127.0.0.1 (DNS rebinding), or post to the sandbox from elsewhere. So requests must
name a loopback host, the host that the sandbox is bound to, or one that was allowed. Whatever a browser sends to the
control endpoints must come from a page of such a host.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

WILDCARDS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - recognised, never chosen


def is_loopback(host: str) -> bool:
    """Return whether a host is a loopback address or a name that always stands for one (RFC 6761)."""
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost") or _is_loopback_address(name)


class AllowedHosts:
    """The hosts under which one sandbox answers."""

    def __init__(self, bound: str, allowed: Iterable[str]) -> None:
        self._names = frozenset(name.lower().rstrip(".") for name in (bound, *allowed)) - WILDCARDS
        self._takes_addresses = bound in WILDCARDS

    def refusal(self, host: str | None) -> str | None:
        """Return why a request with this `Host` header is refused, or None; programs that send none are answered."""
        if host is None or self._is_allowed(f"//{host}"):
            return None
        return (
            "The sandbox does not answer under this host. Use localhost or the address it listens on, or start it with"
            " --allowed-host (allowed_hosts=) and the name."
        )

    def origin_refusal(self, origin: str | None) -> str | None:
        """Return why a request with this `Origin` header is refused, or None; only browsers send the header."""
        if origin is None or self._is_allowed(origin):
            return None
        return "Pages of other hosts may not use the control endpoints of the sandbox."

    def _is_allowed(self, url: str) -> bool:
        try:
            name = (urlsplit(url).hostname or "").rstrip(".")
        except ValueError:
            return False
        # Bound to every address, it is reached under any of them; an address cannot be rebound as a name can.
        return is_loopback(name) or name in self._names or (self._takes_addresses and _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback_address(name: str) -> bool:
    return _is_address(name) and ip_address(name).is_loopback
