"""TLS contexts of servers, impostors and clients, from certificate authorities made for the test run."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

import trustme

HOST = "127.0.0.1"


@cache
def authority() -> trustme.CA:
    return trustme.CA()


@cache
def server() -> ssl.SSLContext:
    return _server(authority().issue_cert(HOST))


def untrusted() -> ssl.SSLContext:
    return _server(trustme.CA().issue_cert(HOST))


def of_another_host() -> ssl.SSLContext:
    return _server(authority().issue_cert("api.elsewhere.example"))


def expired() -> ssl.SSLContext:
    begin, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)
    return _server(authority().issue_cert(HOST, not_before=begin, not_after=end))


def demanding() -> ssl.SSLContext:
    """Return a server's context that requires a client certificate of the same authority."""
    context = _server(authority().issue_cert(HOST))
    _trust_authority(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def trusting(client: trustme.LeafCert | None = None) -> ssl.SSLContext:
    """Return a client's context that trusts the authority, and presents a certificate if it gets one."""
    context = ssl.create_default_context()
    _trust_authority(context)
    if client is not None:
        _load(client, context)
    return context


def _server(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _load(certificate, context)
    return context


# trustme's types name PyOpenSSL, which is not installed.
def _trust_authority(context: ssl.SSLContext) -> None:
    cast("Any", authority()).configure_trust(context)


def _load(certificate: trustme.LeafCert, context: ssl.SSLContext) -> None:
    cast("Any", certificate).configure_cert(context)
