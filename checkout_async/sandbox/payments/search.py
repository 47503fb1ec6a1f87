"""The search language: the subset that the sandbox understands.

A query is a series of terms `field:'value'`, joined by `AND` or by spaces; a payment must match all of them. Case is
ignored. Values of metadata may contain up to two `*`, with at least one plain character between them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

from checkout_async.sandbox.core.errors import payment_invalid
from checkout_async.sandbox.core.payload import JsonObject, is_object

_PATHS = {
    "id": "id",
    "reference": "reference",
    "status": "status",
    "amount": "amount",
    "currency": "currency",
    "payment_type": "payment_type",
    "payment_method": "source.type",
    "scheme": "source.scheme",
    "bin": "source.bin",
    "last4": "source.last4",
    "issuer": "source.issuer",
    "issuer_country": "source.issuer_country",
    "customer_id": "customer.id",
    "customer_email": "customer.email",
    "customer_name": "customer.name",
    "response_code": "response_code",
    "acquirer_reference_number": "actions.processing.acquirer_reference_number",
}
"""Field of a term -> path of its value in a search result. A path may be used as a field, too."""

_METADATA = "metadata."
_TERM = re.compile(r"\s*(?:AND\s+)?([A-Za-z0-9_.]+):'([^']*)'(?=\s|$)")
_TWO_WILDCARDS = re.compile(r"[^*]*(\*[^*]*|\*[^*]+\*[^*]*)?")


@dataclass(frozen=True, slots=True)
class _Term:
    path: tuple[str, ...]
    pattern: re.Pattern[str]

    def matches(self, item: JsonObject) -> bool:
        """Return whether any value at the path matches."""
        return any(self.pattern.fullmatch(value) for value in _values(item, self.path))


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query."""

    terms: list[_Term]

    def matches(self, item: JsonObject) -> bool:
        """Return whether an item of a search result matches every term."""
        return all(term.matches(item) for term in self.terms)

    def may_match(self, members: JsonObject) -> bool:
        """Return whether an item with these members may match, so that the rest of it has to be written."""
        return all(term.matches(members) for term in self.terms if term.path[0] in members)


def parse_query(query: str) -> Query:
    """Parse a query; raises 422 `query_invalid` for one that is not understood. An empty query matches everything."""
    terms: list[_Term] = []
    position = 0
    while query[position:].strip():
        match = _TERM.match(query, position)
        if match is None or (not terms and match[0].lstrip().startswith("AND")):
            raise payment_invalid("query_invalid")
        terms.append(_term(match[1], match[2]))
        position = match.end()
    return Query(terms)


def _term(name: str, value: str) -> _Term:
    if name.startswith(_METADATA):
        if not _TWO_WILDCARDS.fullmatch(value):
            raise payment_invalid("query_invalid")
        path = ("metadata", name.removeprefix(_METADATA))
        plain = [re.escape(part) for part in value.split("*")]
        return _Term(path, re.compile(".*".join(plain), re.IGNORECASE | re.DOTALL))
    known = _PATHS.get(name, name)
    if known not in _PATHS.values():
        raise payment_invalid("query_invalid")
    return _Term(tuple(known.split(".")), re.compile(re.escape(value), re.IGNORECASE))


def _values(node: object, path: tuple[str, ...]) -> list[str]:
    """Collect the values at a path as text; arrays on the way contribute all their entries."""
    if isinstance(node, list):
        return [value for entry in cast("list[object]", node) for value in _values(entry, path)]
    if not path:
        return [] if node is None or is_object(node) else [_text(node)]
    return _values(node.get(path[0]), path[1:]) if is_object(node) else []


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
