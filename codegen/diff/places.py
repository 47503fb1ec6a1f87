"""Finds where the fragments, or a bundle, state what a finding is about."""

from __future__ import annotations

from codegen.diff.finding import Finding
from codegen.diff.kinds import KINDS
from codegen.document import EMPTY, Object
from codegen.names import snake_name
from codegen.parse import parameter_name
from codegen.passes.annotations import member_names, name_table
from codegen.passes.directions import SUFFIX
from codegen.passes.facts import names_by_role, reply_headers
from codegen.passes.servers import token_flows, token_servers
from codegen.passes.unions import variants
from codegen.passes.walk import Call, calls, idempotency_keys, parameters, schemas

_ABOUT_KEYS = frozenset({"idempotency-header", "key-lifetime"})
_ABOUT_SERVERS = frozenset({"server", "server-gone", "server-new"})
_ABOUT_FACTS = frozenset({"amount", "read-name", "visible-header"})


def locate(document: Object, finding: Finding, *, new: bool) -> str:
    """Return file and line of what a finding is about in the old or the new document; empty if it is not there."""
    place = finding.became if new and finding.became else finding.place
    if finding.kind in _ABOUT_SERVERS:
        return _of_server(document, *place.split(".", 2)[1:])
    if finding.kind in _ABOUT_FACTS:
        return _of_fact(document, place.removeprefix("facts."))
    _, name, *member = place.split(".")
    keyword = KINDS[finding.kind].keyword
    for call in calls(document.object("paths")):
        if call.operation.text("operationId") == name:
            return _of_operation(document, call, finding.kind, member, keyword)
    return _of_type(document, name, member, keyword)


def _of_server(document: Object, group: str, name: str) -> str:
    """Return where the server of an environment, or the `tokenUrl` of a security scheme, is stated."""
    if group == "tokenUrl":
        return next((str(flow.at("tokenUrl")) for scheme, flow in token_flows(document) if scheme == name), "")
    holder = document if group == "api" else token_servers(document)
    servers = holder.array("servers").objects()
    return next((str(each.at("url")) for each in servers if each.text("x-environment") == name), "")


def _of_fact(document: Object, name: str) -> str:
    """Return where a header or member with a role, a header that may show, or a currency is stated."""
    if places := names_by_role(document).get(name):
        return str(places[0].origin)
    for header, place in reply_headers(document):
        if place.name == name:
            return str(header.at("x-sensitive"))
    currencies = document.object("x-currencies")
    for key in ("decimals", "steps"):
        for group in currencies.object(key):
            codes = currencies.object(key).array(group)
            if name in codes:
                return str(codes.origins[codes.index(name)])
    return str(currencies.at("other")) if currencies else ""


def _of_operation(document: Object, call: Call, kind: str, member: list[str], keyword: str) -> str:
    for parameter in parameters(document, call):
        if member == [parameter_name(document, parameter)]:
            schema = parameter.object("schema")
            return str(
                schema.at(keyword) if keyword in schema else parameter.at(keyword if keyword in parameter else "name")
            )
    if kind in _ABOUT_KEYS and (keys := idempotency_keys(document, call)):
        return str(keys[0].at(keyword))
    return "" if member else str(call.operation.at(keyword) if keyword in call.operation else call.item.at(call.method))


def _of_type(document: Object, name: str, member: list[str], keyword: str) -> str:
    named = schemas(document)
    name = name if name in named else name.removesuffix(SUFFIX)
    if name not in named:
        return ""
    schema = named.object(name)
    if not member:
        return str(schema.at(keyword) if keyword in schema else named.at(name))
    names = member_names(schema, name_table(document)) if "enum" in schema else []
    if member[0] in names:
        return str(schema.array("enum").origins[names.index(member[0])])
    return _of_member(document, schema, member[0], keyword)


def _of_member(document: Object, schema: Object, member: str, keyword: str) -> str:
    """Return where a schema, or the first variant of a union that has it, states a member."""
    table, named = name_table(document), schemas(document)
    for holder in (schema, *(named.object(each) for each in variants(schema).values())):
        properties = holder.object("properties")
        for key in properties:
            if snake_name(key, table) == member:
                return str(_line(holder, key, keyword))
    return ""


def _line(holder: Object, key: str, keyword: str) -> object:
    properties, required = holder.object("properties"), holder.array("required")
    if keyword == "required" and key in required:
        return required.origins[required.index(key)]
    value = properties.get(key, EMPTY)
    return value.at(keyword) if isinstance(value, Object) and keyword in value else properties.at(key)
