"""A client for a sandbox.

This is the only module of the simulator that may import the SDK (import-linter checks it), and it does so only when it
is called: the simulator must not share code with the client that is tested against it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checkout_async.auth.token_store import TokenStore
    from checkout_async.client import CheckoutClient, ClientOptions


def create_client(
    base_url: str,
    token_url: str,
    *,
    client_id: str,
    client_secret: str,
    scopes: Iterable[str],
    store: TokenStore | None,
    options: ClientOptions,
) -> CheckoutClient:
    """Return a CheckoutClient for a simulator at these addresses; the options are those of the client.

    The simulator has no rate limit, so the client has none unless `limits` is among its options.
    """
    from checkout_async.auth import OAuthCredentials
    from checkout_async.client import CheckoutClient, ClientOptions
    from checkout_async.config import Limits

    credentials = OAuthCredentials(client_id, client_secret, scopes=scopes, store=store)
    settings = ClientOptions(limits=Limits(read_rate=None, write_rate=None))
    settings.update(options)
    return CheckoutClient(credentials, base_url=base_url, token_url=token_url, **settings)
