"""Checks of `x-pagination`: everything it names must exist and have the type that paging needs."""

from __future__ import annotations

from codegen.diagnostics import Problems
from codegen.document import Object
from codegen.keywords import PAGINATION
from codegen.parse import identifiers, paging_schemas
from codegen.passes.walk import Call, calls, parameters, reference_name, schemas


def check_pagination(document: Object, problems: Problems) -> None:
    """Report the problems of each operation with `x-pagination`."""
    for call in calls(document.object("paths")):
        if "x-pagination" in call.operation:
            _Check(document, call, problems).run()


class _Check:
    def __init__(self, document: Object, call: Call, problems: Problems) -> None:
        self._document = document
        self._call = call
        self._stated = call.operation.object("x-pagination")
        self._paged = paging_schemas(document, call.operation)
        self._problems = problems

    def run(self) -> None:
        style = self._stated.text("style")
        if style not in PAGINATION:
            self._problem("style", f"style must be one of {', '.join(sorted(PAGINATION))}")
            return
        for key in sorted(PAGINATION[style] - self._stated.keys()):
            self._problem("style", f"style {style} needs '{key}'")
        for key in sorted(self._stated.keys() - PAGINATION[style]):
            self._problem(key, f"'{key}' has no meaning with style {style}")
        if self._call.operation.text("x-idempotency") != "safe":
            self._problem("iterator", "only an operation with x-idempotency: safe can be paged")
        if not self._paged.page:
            self._problem("items", "paging needs exactly one success response, whose body is an object")
            return
        self._items()
        if style == "skip":
            self._parameter("limit")
            self._parameter("skip")
            self._number("total", self._paged.page, "the response")
        else:
            self._number("limit", self._paged.body, "the request body")
            self._next()

    def _items(self) -> None:
        name = self._stated.text("items")
        if not self._paged.item:
            self._problem("items", f"the response has no member '{name}' that is an array of objects")
        elif name not in identifiers(self._paged.page):
            self._problem("items", f"'{name}' needs `x-identifier: true`: a response without it is not a page")
        named = identifiers(self._paged.item)
        members = self._paged.item.object("properties")
        if self._paged.item and (len(named) != 1 or members.object(named[0]).get("type") != "string"):
            self._problem(
                "items", f"'{self._paged.item_name}' needs one x-identifier that is a string, to detect repeated items"
            )

    def _parameter(self, key: str) -> None:
        name = self._stated.text(key)
        found = [each for each in parameters(self._document, self._call) if each.text("name") == name]
        for parameter in found:
            optional = parameter.get("required") is not True
            if parameter.text("in") != "query" or parameter.object("schema").get("type") != "integer" or not optional:
                self._problem(key, f"'{name}' must be an optional integer in the query")
        if key in self._stated and not found:
            self._problem(key, f"the operation has no parameter '{name}'")

    def _number(self, key: str, schema: Object, where: str) -> None:
        name = self._stated.text(key)
        if key in self._stated and schema.object("properties").object(name).get("type") != "integer":
            self._problem(key, f"{where} has no member '{name}' that is an integer")

    def _next(self) -> None:
        schema, named = self._paged.page, schemas(self._document)
        member = schema
        for name in self._stated.texts("next"):
            member = schema.object("properties").object(name)
            schema = named.object(reference_name(member))
        if "next" in self._stated and member.get("type") != "string":
            path = ".".join(self._stated.texts("next"))
            self._problem("next", f"the response has no member '{path}' that is a string")

    def _problem(self, key: str, message: str) -> None:
        self._problems.add(self._stated.at(key), f"x-pagination: {message}")
