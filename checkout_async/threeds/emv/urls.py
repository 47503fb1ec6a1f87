"""Which URLs a cardholder's browser may be sent to: https, or http on the loopback interface for simulators."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

__all__ = ["fault_of", "origin_of"]

# What a Content-Security-Policy takes as a host and port: no `;`, `,`, `*` or quotes.
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


def fault_of(url: str, *, longest: int = 2048) -> str | None:
    """Say what is wrong with a URL as the target of a form or a redirect; None where nothing is.

    2048 characters are what EMV 3DS 2.2 allows for URLs.
    """
    if len(url) > longest:
        return f"is longer than {longest} characters"
    if not _PRINTABLE.fullmatch(url):
        return "is empty or holds blanks or characters beyond ASCII"
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    if not host or not _AUTHORITY.fullmatch(parts.netloc) or "\\" in url:
        return "has no host, or names a user"
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        return "must begin with https:// (http:// on the loopback interface only)"
    return None


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL that has no fault, as a Content-Security-Policy names a source."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
