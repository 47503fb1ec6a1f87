"""The cardholder's IP address behind proxies: `X-Forwarded-For` counts only as far as trusted proxies wrote it.

Each proxy appends the address that called it. Read the header from the right: the first address that does not belong to
a trusted proxy is the cardholder's. The cardholder sent everything left of it, so that part may say anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from checkout_async.errors import ConfigurationError, MalformedMessage
from checkout_async.redaction import clears_frames

__all__ = ["Network", "client_address", "parse_networks"]

Network = IPv4Network | IPv6Network
_Address = IPv4Address | IPv6Address


@clears_frames
def parse_networks(trusted_proxies: Iterable[str | Network]) -> tuple[Network, ...]:
    """Return the networks as values. Raises ConfigurationError for text that is not a network, such as `10.0.0.1/8`."""
    if isinstance(trusted_proxies, str):
        raise ConfigurationError('trusted proxies must be a list of networks, e.g. ["10.0.7.0/28"], not one text')
    found: list[Network] = []
    for item in trusted_proxies:
        try:
            found.append(_parse_network(item))
        except ValueError as error:
            raise ConfigurationError(f"trusted proxies: {error}") from None
    return tuple(found)


@clears_frames
def client_address(peer: str, forwarded_for: str = "", trusted_proxies: Iterable[str | Network] = ()) -> str:
    """Return the cardholder's IP address.

    `peer` is the address at the other end of the connection. `forwarded_for` is the header's value, with several lines
    joined by commas. `trusted_proxies` are the networks of the proxies in front of the server; without any, the header
    is ignored. Raises MalformedMessage if `peer`, or the entry that a trusted proxy wrote, is not an address: a proxy's
    own address must not go to the issuer as the cardholder's. Raises ConfigurationError for text that is not a network.
    """
    networks = parse_networks(trusted_proxies)
    address = _parse_address(peer)
    if address is None:
        raise MalformedMessage("peer", "is not an IP address; behind a Unix socket, pass the proxy's address")
    hops = [hop for hop in forwarded_for.split(",") if hop.strip()]
    while hops and _is_in(address, networks):
        previous = _parse_address(hops.pop())
        if previous is None:
            raise MalformedMessage("X-Forwarded-For", "the entry that a trusted proxy wrote is not an IP address")
        address = previous
    return str(address)


def _parse_network(item: str | Network) -> Network:
    """Return a network. An IPv4-mapped one becomes IPv4, as the addresses it is compared with do."""
    network = ip_network(item)
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return network if mapped is None or network.prefixlen < 96 else ip_network((mapped, network.prefixlen - 96))


def _is_in(address: _Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)


def _parse_address(text: str) -> _Address | None:
    """Parse `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`; return None for anything else."""
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
