"""Whether a text from a setting can be a host: an address, or a name that resolvers and HTTP libraries take."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final

__all__ = ["is_host"]

_LONGEST: Final = 253
"""Characters of a name without a dot at its end (RFC 1035 section 2.3.4, without the lengths of the labels)."""

# URL standard, "forbidden domain code point".
_FORBIDDEN: Final = re.compile(r"[\x00-\x20#%/:<>?@\[\\\]^|\x7f]")

_NUMBER: Final = re.compile(r"\d+|0[xX][0-9a-fA-F]*")
"""A part of an IPv4 address, as the URL standard reads it."""


def is_host(host: str) -> bool:
    """Return whether a connection with a host, an address or a name, can be tried. Brackets are no part of it.

    Libraries raise errors of their own for others, such as UnicodeError, and often not before the first request.
    """
    if ":" in host:
        return _is_address(host.partition("%")[0])
    name = host.removesuffix(".")
    # What consists of numbers is an address. `127.1` is taken for one by some libraries only. Containers have names
    # such as `redis.1`, which are none.
    if all(map(_NUMBER.fullmatch, name.split("."))):
        return _is_address(name)
    return 0 < len(name) <= _LONGEST and _FORBIDDEN.search(name) is None and _can_be_encoded(host)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _can_be_encoded(name: str) -> bool:
    """Return whether the labels have 1 to 63 characters, and are valid if they begin with `xn--` (RFC 5890)."""
    try:
        encoded = name.encode("idna")
        try:
            encoded.decode("idna")
        except UnicodeError:
            # A name of IDNA 2008 that IDNA 2003, which Python has, does not know. aiohttp brings this package along.
            from idna import decode  # noqa: PLC0415 - hardly ever needed

            decode(encoded)
    except UnicodeError:  # also that of idna
        return False
    return True
