"""CheckoutClient: builds the pipeline from settings and credentials, and opens and closes it."""

from __future__ import annotations

import os
import ssl
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack, cast, overload

import anyio

from checkout_async._core.abandoned import AbandonedCall
from checkout_async._core.events import Hook
from checkout_async._core.prepare import user_agent
from checkout_async._core.spelling import no_attribute
from checkout_async._core.wire import ApiRequest, ApiResponse, Sender, Transport
from checkout_async._generated.models import access
from checkout_async._generated.resources.client_apis import ClientApis
from checkout_async.auth import Authenticator, Credentials
from checkout_async.auth.oauth import OAuthAuthenticator
from checkout_async.auth.token_store import TokenStore
from checkout_async.clock import Clock
from checkout_async.config import (
    EnvironmentName,
    Limits,
    NoSubdomain,
    RetryPolicy,
    Timeouts,
    Validation,
    is_synchronous,
    require_bool,
    require_level,
    require_type,
)
from checkout_async.endpoints import resolve_endpoints
from checkout_async.environment import checkout_variables, credentials_from_env
from checkout_async.errors import ConfigurationError
from checkout_async.lifetime import Lifetime
from checkout_async.limits.limiter import Limiter
from checkout_async.limits.rate_limiter import RateLimiter
from checkout_async.redaction import as_secret, clears_frames
from checkout_async.transport.pipeline import Pipeline, Settings

__all__ = ["CheckoutClient", "ClientOptions"]

T = TypeVar("T")

_MAX_ABANDONED = 1000


class ClientOptions(TypedDict, total=False):
    """The settings of a client except credentials and the address of the API. CheckoutClient describes them."""

    timeout: Timeouts | float | None
    retry: RetryPolicy | int | None
    limits: Limits | None
    rate_limiter: RateLimiter | None
    validate: Validation
    ssl_context: ssl.SSLContext | None
    proxy: str | None
    proxies_from_env: bool
    application: str | None
    hooks: Sequence[Hook]
    transport: Transport | None


class CheckoutClient(ClientApis):
    """A client of Checkout.com's APIs for one account and environment.

    Make one and share it: it owns the connections, the access token and the limits. It opens nothing before the first
    call, so it can be made before an event loop runs, and before a server forks its workers. Its first call binds it to
    its process and event loop. Close it with `async with` or `aclose()`.
    """

    @overload
    def __init__(
        self,
        credentials: Credentials,
        *,
        environment: EnvironmentName,
        subdomain: str | NoSubdomain,
        **options: Unpack[ClientOptions],
    ) -> None: ...

    @overload
    def __init__(
        self,
        credentials: Credentials,
        *,
        base_url: str,
        token_url: str | None = None,
        **options: Unpack[ClientOptions],
    ) -> None: ...

    @clears_frames
    def __init__(
        self,
        credentials: Credentials,
        *,
        environment: EnvironmentName | None = None,
        subdomain: str | NoSubdomain | None = None,
        base_url: str | None = None,
        token_url: str | None = None,
        timeout: Timeouts | float | None = None,
        retry: RetryPolicy | int | None = None,
        limits: Limits | None = None,
        rate_limiter: RateLimiter | None = None,
        validate: Validation = "shape",
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        proxies_from_env: bool = False,
        application: str | None = None,
        hooks: Sequence[Hook] = (),
        transport: Transport | None = None,
    ) -> None:
        """Raise ConfigurationError if the settings cannot work together.

        Pass either `environment` and the account's `subdomain`, or `base_url` and `token_url` (for a simulator).
        `timeout`, in seconds, is the deadline of a call; `Timeouts` sets more. `retry` is a policy, or the number of
        retries. `limits` apply to this client; `rate_limiter` makes several processes share the rates. `validate` is
        the level at which requests are checked before they are sent: `shape` checks what the API is known to refuse,
        `strict` every documented limit, and `off` nothing.

        `ssl_context` adds private CAs or a client certificate; verification cannot be turned off. `proxy` is the URL
        of an HTTP proxy. `HTTPS_PROXY` and other such variables are used only with `proxies_from_env`. `application`,
        such as `my-shop/1.2`, goes into `User-Agent` before the name of this package. `hooks` receive the events of
        all calls (see `checkout_async.observability`). `transport` replaces aiohttp, including these network settings.
        """
        proxy = as_secret(proxy)  # its password; a traceback may show the locals
        require_type("credentials", credentials, Credentials)
        retry = RetryPolicy().merged(retry)
        limits = Limits() if limits is None else limits
        _check_types(limits, rate_limiter, transport)
        require_bool("proxies_from_env", proxies_from_env)
        require_level(validate)
        if transport is not None and (ssl_context is not None or proxy is not None or proxies_from_env):
            raise ConfigurationError(
                "ssl_context and proxies are settings of the aiohttp transport; set them on your own transport"
            )
        where = resolve_endpoints(environment, subdomain, base_url=base_url, token_url=token_url)
        credentials.check(where.environment)
        clock = Clock()
        self._where = where
        self._limits = limits
        self._limiter = Limiter(limits, clock, rate_limiter)
        self._check_proxy_for: Callable[[str], None] = lambda _url: None
        if transport is None:
            # aiohttp takes two thirds of the time of the imports. What makes no client, such as an endpoint for
            # webhooks, does without it.
            from checkout_async.transport.aiohttp import AiohttpTransport  # noqa: PLC0415

            transport = AiohttpTransport(limits, ssl_context, proxy=proxy, proxies_from_env=proxies_from_env)
            self._check_proxy_for = transport.check_proxy_for
        self._transport: Transport = transport
        self._check_proxy_for(where.base_url)
        self._settings = Settings(
            user_agent=user_agent(application),
            timeouts=Timeouts().merged(timeout),
            retry=retry,
            validate=validate,
            clock=clock,
            hooks=_check_hooks(hooks),
        )
        self._abandoned = deque[AbandonedCall](maxlen=_MAX_ABANDONED)
        self._authenticator = credentials.authenticator(self._token_sender, where.token_url)
        self._lifetime = Lifetime()
        self._pipeline = self._connect()

    @classmethod
    @clears_frames
    def from_env(
        cls,
        environ: Mapping[str, str] | None = None,
        *,
        token_store: TokenStore | None = None,
        **options: Unpack[ClientOptions],
    ) -> Self:
        """Make a client from `CHECKOUT_…` environment variables. Raises ConfigurationError that names what is missing.

        The credentials are `CHECKOUT_CLIENT_ID`, `CHECKOUT_CLIENT_SECRET` and `CHECKOUT_SCOPES` (separated by spaces or
        commas), or `CHECKOUT_SECRET_KEY`. The address is `CHECKOUT_ENVIRONMENT` and `CHECKOUT_SUBDOMAIN`, or
        `CHECKOUT_BASE_URL` and `CHECKOUT_TOKEN_URL`. `environ` replaces `os.environ`. Processes share an access token
        through `token_store`. `options` are the other settings of the client.
        """
        environ = checkout_variables(os.environ if environ is None else environ)
        make = cast("Callable[..., Self]", cls)  # which of the variables are set is not known to a type checker
        return make(
            credentials_from_env(environ, token_store),
            environment=environ.get("CHECKOUT_ENVIRONMENT") or None,
            subdomain=environ.get("CHECKOUT_SUBDOMAIN") or None,
            base_url=environ.get("CHECKOUT_BASE_URL") or None,
            token_url=environ.get("CHECKOUT_TOKEN_URL") or None,
            **options,
        )

    @clears_frames
    def with_options(
        self,
        *,
        timeout: Timeouts | float | None = None,
        retry: RetryPolicy | int | None = None,
        validate: Validation | None = None,
        credentials: Credentials | None = None,
        rate_limiter: RateLimiter | None = None,
    ) -> Self:
        """Return a client with other options for its calls. It shares the connections of this one.

        Without `credentials` it shares the access token, the limits and `abandoned_calls`, too. With them it acts for
        another merchant: it has a token, limits of the same size and a record of abandoned calls of its own, and
        `rate_limiter` shares its rates with other processes. Keep it as long as you act for the merchant, since it
        holds the token.

        Closing it leaves this client open. Closing this client closes all that were made of it. Raises
        ConfigurationError.
        """
        if validate is not None:
            require_level(validate)
        if rate_limiter is not None:
            if credentials is None:
                raise ConfigurationError("rate_limiter needs credentials: without them the limits are shared")
            require_type("rate_limiter", rate_limiter, RateLimiter)
        settings = self._settings
        other = object.__new__(type(self))
        # Not the APIs that were used already: their methods call this client.
        cached = {name for name in vars(self) if isinstance(getattr(type(self), name, None), cached_property)}
        vars(other).update({name: value for name, value in vars(self).items() if name not in cached})
        other._settings = replace(
            settings,
            timeouts=settings.timeouts.merged(timeout),
            retry=settings.retry.merged(retry),
            validate=settings.validate if validate is None else validate,
        )
        other._lifetime = self._lifetime.derive()
        if credentials is not None:
            other._act_for(credentials, rate_limiter)
        other._pipeline = other._connect()
        return other

    def _act_for(self, credentials: Credentials, rate_limiter: RateLimiter | None) -> None:
        """Take other credentials, with a token, limits and a record of their own."""
        require_type("credentials", credentials, Credentials)
        credentials.check(self._where.environment)
        self._limiter = Limiter(self._limits, self._settings.clock, rate_limiter)
        self._abandoned = deque[AbandonedCall](maxlen=_MAX_ABANDONED)
        self._authenticator = credentials.authenticator(self._token_sender, self._where.token_url)
        self._lifetime.own_token(self._authenticator)

    def _connect(self) -> Pipeline:
        return Pipeline(
            self._transport,
            self._authenticator,
            self._limiter,
            self._where.base_url.__add__,
            self._settings,
            self._lifetime.check,
            self._abandoned.append,
        )

    async def send(self, request: ApiRequest[T]) -> ApiResponse[T]:
        """Send a request from a `build_…` function. Return its value with status, headers, request id and bytes.

        Raises the errors of `checkout_async.errors`.
        """
        self._lifetime.check()
        return await self._pipeline.send(request)

    @property
    def abandoned_calls(self) -> deque[AbandonedCall]:
        """The last thousand calls with an idempotency key that were cancelled when they may have reached the API.

        So were calls that `aclose()` cut off. The oldest comes first; remove those that you have dealt with. An
        exception carries the key of its call (`errors.idempotency_key`), but none comes out of a task whose sibling
        failed, of `anyio.move_on_after` and of `asyncio.shield`. A call that was cancelled before it was sent did
        nothing, and is not here. In another process, or after a restart, the record is empty: hooks receive each entry
        as `CallEnded.abandoned`.
        """
        return self._abandoned

    async def request_access_token(self) -> access.AccessToken:
        """Fetch a new access token with the client's credentials, for use elsewhere. The client's calls do not need it.

        Raises AuthenticationFailed if the endpoint refuses the credentials, ConnectFailed if it cannot be reached or is
        out of order, and ConfigurationError if the credentials are not OAuth.
        """
        self._lifetime.check()
        if not isinstance(self._authenticator, OAuthAuthenticator):
            raise ConfigurationError("this client needs no access token: only OAuth credentials can fetch one")
        return await self._authenticator.request_token()

    async def aclose(self) -> None:
        """Stop background work and close the connections. Calls in flight fail at once, waiting calls after their wait.

        A call whose request may be with the API ends as OutcomeUnknown, any other as ClientClosed or ConnectFailed.

        A client that `with_options` made leaves the connections open: they belong to the client that it was made of.
        Its own calls in flight are finished, and its waiting calls fail after their wait, too.

        In a process that was forked after the client was used, nothing is closed: that is the parent's.
        """
        if not self._lifetime.end():
            return
        # Shielded: if the surrounding scope is cancelled, an open connection would outlive its client.
        with anyio.CancelScope(shield=True):
            try:
                for authenticator in self._lifetime.tokens_to_close(self._authenticator):
                    await authenticator.aclose()
            finally:
                if self._lifetime.owns_connections:
                    await self._transport.aclose()

    if not TYPE_CHECKING:  # a checker would take every name for one that exists

        def __getattr__(self, name: str) -> Any:
            raise no_attribute(self, name)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __reduce__(self) -> str:
        message = "a CheckoutClient contains connections and secrets and cannot be pickled; make one in each process"
        raise TypeError(message)

    def _token_sender(self, authenticator: Authenticator) -> Sender:
        token_url = self._where.token_url
        if token_url is None:
            raise ConfigurationError("token_url is missing: OAuth credentials need it in addition to base_url")
        self._check_proxy_for(token_url)
        return Pipeline(self._transport, authenticator, None, lambda _target: token_url, self._settings)


def _check_types(limits: object, rate_limiter: object, transport: object) -> None:
    require_type("limits", limits, Limits)
    if rate_limiter is not None:
        require_type("rate_limiter", rate_limiter, RateLimiter)
    if transport is not None:
        require_type("transport", transport, Transport)


def _check_hooks(hooks: object) -> tuple[Hook, ...]:
    if isinstance(hooks, list | tuple) and all(map(is_synchronous, cast("Sequence[object]", hooks))):
        return tuple(cast("Sequence[Hook]", hooks))
    raise ConfigurationError("hooks must be a list of synchronous callables taking one event, e.g. [LoggingHook()]")
