"""The chain of calls that builds a client of checkout-sdk becomes a CheckoutClient."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

import libcst as cst
from libcst import matchers as m

_NAMES: Final = frozenset({"api", "checkout_api"})
"""What the samples of checkout-sdk name a client."""
REPLACED: Final = frozenset({"CheckoutSdk", "Environment"})
"""What is no longer imported once a client was replaced."""
_KNOWN: Final = frozenset(
    {
        "builder",
        "oauth",
        "client_credentials",
        "secret_key",
        "public_key",
        "environment",
        "environment_subdomain",
        "scopes",
    }
)


@dataclass
class Built:
    """The new expression, the names of this package that it needs, and what is left to do."""

    expression: cst.BaseExpression
    needed: set[str]
    left: list[str] = field(default_factory=list[str])


def build(call: cst.Call) -> Built | None:
    """Return what replaces a call if it is the end of a chain `CheckoutSdk.builder()...build()`, else None."""
    chain = _chain(call)
    if chain is None or "build" not in chain:
        return None
    left = [
        f"{name}(...) has no counterpart; see docs/migrating.md" for name in chain if name not in _KNOWN | {"build"}
    ]
    arguments, needed = _credentials(chain)
    if not arguments:
        return None
    environment = _environment(chain.get("environment"))
    subdomain = chain.get("environment_subdomain")
    needed |= {"CheckoutClient"} if subdomain else {"CheckoutClient", "NO_SUBDOMAIN"}
    settings = [
        _keyword("environment", environment),
        _keyword("subdomain", _first(subdomain) or cst.Name("NO_SUBDOMAIN")),
    ]
    if "public_key" in chain:
        left.append("the public key is not used by these APIs")
    left.append("close the client: async with, or await checkout.aclose()")
    return Built(cst.Call(cst.Name("CheckoutClient"), [*arguments, *settings]), needed, left)


def clients(module: cst.Module, imported: Collection[str]) -> frozenset[str]:
    """Return the variables of a module that hold a client of checkout-sdk, such as `api` or `self.api`.

    They are assigned from its builder, annotated with a class that is imported from it, or named as in its samples.
    """
    found = set(_NAMES)
    for node in m.findall(module, m.Assign() | m.AnnAssign() | m.Param()):
        if isinstance(node, cst.Assign):
            chain = _chain(node.value) if isinstance(node.value, cst.Call) else None
            found |= {_code(each.target) for each in node.targets} if chain is not None and "build" in chain else set()
        elif isinstance(node, cst.AnnAssign | cst.Param) and _annotation(node) in imported:
            found.add(_code(node.target if isinstance(node, cst.AnnAssign) else node.name))
    return frozenset(found)


def apis(module: cst.Module, clients: Collection[str]) -> frozenset[str]:
    """Return the expressions of a module that are an API of a client: `api.payments`, or a variable set to it."""
    found = {f"{client}.{api}" for client in clients for api in ("payments", "sessions")}
    for node in m.findall(module, m.Assign()):
        if isinstance(node, cst.Assign) and _code(node.value) in found:
            found |= {_code(each.target) for each in node.targets}
    return frozenset(found)


def _annotation(node: cst.AnnAssign | cst.Param) -> str:
    return "" if node.annotation is None else _code(node.annotation.annotation).strip("\"'")


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


def _chain(call: cst.Call) -> dict[str, Sequence[cst.Arg]] | None:
    """Return the arguments of each call of a chain by its name, or None if it is another chain."""
    calls: dict[str, Sequence[cst.Arg]] = {}
    node: cst.BaseExpression = call
    while isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
        calls[node.func.attr.value] = node.args
        node = node.func.value
    return calls if isinstance(node, cst.Name) and node.value == "CheckoutSdk" and "builder" in calls else None


def _credentials(chain: dict[str, Sequence[cst.Arg]]) -> tuple[list[cst.Arg], set[str]]:
    """Return the credentials as the first argument of the client, and the name of their class."""
    if "client_credentials" in chain:
        given = _id_and_secret(chain["client_credentials"])
        scopes = _first(chain.get("scopes"))
        more = [] if scopes is None else [_keyword("scopes", scopes)]
        return [cst.Arg(cst.Call(cst.Name("OAuthCredentials"), [*given, *more]))], {"OAuthCredentials"}
    key = _first(chain.get("secret_key"))
    if key is None:
        return [], set()
    return [cst.Arg(cst.Call(cst.Name("SecretKey"), [cst.Arg(key)]))], {"SecretKey"}


def _id_and_secret(arguments: Sequence[cst.Arg]) -> list[cst.Arg]:
    """Return the id and the secret in this order: a secret in the place of the id would be printed."""
    if any(each.star for each in arguments):
        return list(arguments)
    places = {"client_id": 0, "client_secret": 1}
    named = [("" if each.keyword is None else each.keyword.value, each.value) for each in arguments]
    ordered = sorted(enumerate(named), key=lambda each: places.get(each[1][0], each[0]))
    return [cst.Arg(value) for _, (_, value) in ordered]


def _environment(arguments: Sequence[cst.Arg] | None) -> cst.BaseExpression:
    """Return the name of an environment: checkout-sdk uses the sandbox if none is given."""
    value = _first(arguments)
    if isinstance(value, cst.Call) and isinstance(value.func, cst.Attribute):
        return cst.SimpleString(f'"{value.func.attr.value}"')
    return value or cst.SimpleString('"sandbox"')


def _first(arguments: Sequence[cst.Arg] | None) -> cst.BaseExpression | None:
    return arguments[0].value if arguments else None


def _keyword(name: str, value: cst.BaseExpression) -> cst.Arg:
    equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    return cst.Arg(value, keyword=cst.Name(name), equal=equal)
