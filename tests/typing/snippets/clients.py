"""Making a client: its address, its credentials, its settings."""

import ssl

from checkout_async import (
    NO_SUBDOMAIN,
    CheckoutClient,
    Environment,
    Limits,
    OAuthCredentials,
    RetryPolicy,
    SecretKey,
    SessionSecret,
    Timeouts,
)

KEY = SecretKey("sk_sbox_" + "a" * 27)


def addresses(text: str, maybe: str | None) -> None:
    CheckoutClient(KEY, environment="sandbox", subdomain="vkuhvk4v")  # right
    CheckoutClient(KEY, environment="production", subdomain="vkuhvk4v")  # right
    CheckoutClient(KEY, environment=Environment.SANDBOX, subdomain=text)  # right
    CheckoutClient(KEY, environment=Environment.SANDBOX, subdomain=NO_SUBDOMAIN)  # right
    CheckoutClient(KEY, environment=Environment(text), subdomain=text)  # right
    CheckoutClient(KEY, base_url="http://127.0.0.1:8080")  # right
    CheckoutClient(KEY, base_url="http://127.0.0.1:8080", token_url="http://127.0.0.1:8080/connect/token")  # right
    CheckoutClient.from_env()  # right
    CheckoutClient.from_env(timeout=10)  # right
    CheckoutClient(KEY)  # wrong
    CheckoutClient(KEY, environment="sandbox")  # wrong
    CheckoutClient(KEY, subdomain="vkuhvk4v")  # wrong
    CheckoutClient(KEY, environment="sandbox", subdomain=None)  # wrong
    CheckoutClient(KEY, environment="sandbox", subdomain=maybe)  # wrong
    CheckoutClient(KEY, environment="sandbx", subdomain="vkuhvk4v")  # wrong
    CheckoutClient(KEY, environment=text, subdomain="vkuhvk4v")  # wrong
    CheckoutClient(KEY, environment="sandbox", subdomain="vkuhvk4v", base_url="http://127.0.0.1:8080")  # wrong
    CheckoutClient(KEY, token_url="http://127.0.0.1:8080/connect/token")  # wrong
    CheckoutClient(KEY, "sandbox", "vkuhvk4v")  # wrong
    CheckoutClient.from_env(timeuot=10)  # wrong


def credentials(scopes: list[str], text: str) -> None:
    OAuthCredentials("ack_1", "secret", scopes=["sessions:browser"])  # right
    OAuthCredentials("ack_1", "secret", scopes=["sessions:browser", "a:new:scope"])  # right
    OAuthCredentials("ack_1", "secret", scopes=scopes)  # right
    OAuthCredentials("ack_1", "secret", scopes=())  # right
    OAuthCredentials("ack_1", "secret")  # wrong
    OAuthCredentials("ack_1", "secret", scopes=None)  # wrong
    OAuthCredentials("ack_1", "secret", scopes=[1])  # wrong
    OAuthCredentials("ack_1", scopes=["sessions:browser"])  # wrong
    CheckoutClient(SessionSecret(text), environment="sandbox", subdomain="vkuhvk4v")  # right
    CheckoutClient("sk_sbox_", environment="sandbox", subdomain="vkuhvk4v")  # wrong


def settings(context: ssl.SSLContext) -> None:
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", timeout=10, retry=RetryPolicy(attempts=1))  # right
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", timeout=Timeouts(total=10), limits=Limits(concurrency=1))  # right
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", validate="strict", ssl_context=context)  # right
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", validate="lax")  # wrong
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", timeout="10")  # wrong
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", verify_ssl=False)  # wrong
    CheckoutClient(KEY, base_url="http://127.0.0.1:1", hooks=print)  # wrong
    RetryPolicy(3)  # wrong
    Timeouts(totl=1)  # wrong
