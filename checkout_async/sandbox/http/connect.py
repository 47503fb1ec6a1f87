"""A client made for a sandbox: the one place here that knows the SDK, imported only when somebody asks for one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checkout_async.auth.token_store import TokenStore
    from checkout_async.client import CheckoutClient, ClientOptions


def connect(
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

    The simulator refuses no rate, so the client keeps none unless `limits` are among its options.
    """
    from checkout_async.auth import OAuthCredentials
    from checkout_async.client import CheckoutClient, ClientOptions
    from checkout_async.config import Limits

    credentials = OAuthCredentials(client_id, client_secret, scopes=scopes, store=store)
    settings = ClientOptions(limits=Limits(read_rate=None, write_rate=None))
    settings.update(options)
    return CheckoutClient(credentials, base_url=base_url, token_url=token_url, **settings)
