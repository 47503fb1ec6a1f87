"""A client made for a sandbox: the one place here that knows the SDK, imported only when somebody asks for one."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checkout_async.client import CheckoutClient
    from checkout_async.config import Limits, RetryPolicy, Timeouts


def connect(
    base_url: str,
    token_url: str,
    *,
    client_id: str,
    client_secret: str,
    scopes: Iterable[str] = (),
    timeout: Timeouts | float | None = None,
    retry: RetryPolicy | None = None,
    limits: Limits | None = None,
    validate_requests: bool = True,
    ssl_context: ssl.SSLContext | None = None,
) -> CheckoutClient:
    """Return a CheckoutClient for a simulator at these addresses; the options are those of the client."""
    from checkout_async.client import CheckoutClient
    from checkout_async.credentials import OAuthCredentials

    return CheckoutClient(
        OAuthCredentials(client_id, client_secret, scopes=scopes),
        base_url=base_url,
        token_url=token_url,
        timeout=timeout,
        retry=retry,
        limits=limits,
        validate_requests=validate_requests,
        ssl_context=ssl_context,
    )
