"""The cardholder's IP address behind proxies: `X-Forwarded-For` is believed as far as trusted proxies wrote it.

Each proxy appends the address it was called from. Read from the right, the first address that is no trusted proxy is
the cardholder's; everything left of it was sent by the cardholder and may say anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from checkout_async.errors import ConfigurationError, MalformedMessage

__all__ = ["Network", "client_address", "networks"]

Network = IPv4Network | IPv6Network
_Address = IPv4Address | IPv6Address


def networks(trusted: Iterable[str | Network]) -> tuple[Network, ...]:
    """Return networks as values. Raises ConfigurationError for a text that is none, such as `10.0.0.1/8`."""
    if isinstance(trusted, str):
        raise ConfigurationError("trusted proxies are a list of networks, not one text")
    found: list[Network] = []
    for item in trusted:
        try:
            found.append(_network(item))
        except ValueError as error:
            raise ConfigurationError(f"trusted proxies: {error}") from None
    return tuple(found)


def client_address(peer: str, forwarded_for: str = "", trusted: Iterable[str | Network] = ()) -> str:
    """Return the cardholder's IP address.

    `peer` is the address at the other end of the connection, `forwarded_for` the header's value (several lines joined
    by commas), `trusted` the networks of the proxies in front of the server. With none, the header is not looked at.
    An entry that is no address ends the search at the last good one. Raises MalformedMessage where `peer` is no
    address, ConfigurationError for a network that is none.
    """
    believed = networks(trusted)
    address = _parsed(peer)
    if address is None:
        raise MalformedMessage("peer", "is not an IP address; behind a Unix socket, name the proxy's address")
    hops = [hop for hop in forwarded_for.split(",") if hop.strip()]
    while hops and _is_in(address, believed):
        further = _parsed(hops.pop())
        if further is None:
            break
        address = further
    return str(address)


def _network(item: str | Network) -> Network:
    """Return a network; IPv4-mapped ones as the IPv4 they stand for, like the addresses they are compared with."""
    network = ip_network(item)
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return network if mapped is None or network.prefixlen < 96 else ip_network((mapped, network.prefixlen - 96))


def _is_in(address: _Address, believed: tuple[Network, ...]) -> bool:
    return any(address in network for network in believed)


def _parsed(text: str) -> _Address | None:
    """Return the address in `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`; None for anything else."""
    bare = text.strip().strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
