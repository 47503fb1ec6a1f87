"""The page of each operation: its signature, and each documented body as a Struct, a dict and a curl command."""

from __future__ import annotations

import json
import re
import shlex
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from textwrap import indent
from types import ModuleType
from typing import Any, Final, NamedTuple

import msgspec

from checkout_async import CheckoutClient, operations
from checkout_async._core.wire import Operation
from checkout_async._generated import operations as generated
from scripts.website.example_bodies import component, text_for
from scripts.website.python_source import imports, source
from scripts.website.specification import DOCUMENT, is_object

INDEX: Final = "reference/operations/index.md"
_PUBLISHED: Final = "published"
"""The name of an example that is kept with the mistakes of its source: replies may have them, requests should not."""
_VARIABLES: Final = {"Session": "session", "Payment": "payment", "AcceptedAction": "accepted"}


class Described(NamedTuple):
    """An operation of a client, with what the document says of it."""

    api: str
    operation: Operation[Any]
    document: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name of the operation."""
        return self.operation.name

    @property
    def page(self) -> str:
        """The path of its page."""
        return f"reference/operations/{self.name}.md"


class Example(NamedTuple):
    """A documented request. `body` is None for an operation without one."""

    title: str
    body: Any


@cache
def all_operations() -> tuple[Described, ...]:
    """Return every operation that a client has."""
    found: list[Described] = []
    for api in generated.__all__:
        module: ModuleType = getattr(operations, api)
        for operation in vars(module).values():
            if isinstance(operation, Operation) and hasattr(CheckoutClient, api):
                document = DOCUMENT["paths"][operation.path][operation.method.lower()]
                found.append(Described(api, operation, document))
    return tuple(found)


@cache
def operations_by_model() -> Mapping[tuple[str, str], list[str]]:
    """Return the names of the operations that a model is a body or a reply of."""
    found: dict[tuple[str, str], list[str]] = {}
    for each in all_operations():
        names = [
            name for type_ in (*_bodies(each.operation), *each.operation.responses.values()) for name in _names(type_)
        ]
        content = each.document.get("requestBody", {}).get("content", {})
        names += [media["schema"].get("$ref", "").rsplit("/", 1)[-1] for media in content.values()]
        for name in dict.fromkeys(names):
            found.setdefault((each.api, name), []).append(each.name)
    return found


def pages() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each page."""
    yield INDEX, "\n".join(_index())
    for each in all_operations():
        yield each.page, "\n".join(_page(each))


def _index() -> Iterator[str]:
    yield "# Operations\n"
    yield "An operation is a method of `checkout.sessions` or `checkout.payments`, and a function of the same name in"
    yield "`checkout_async.operations`. Its page shows each documented request as Struct, dict and `curl` command.\n"
    for tag in DOCUMENT["tags"]:
        rows = [each for each in all_operations() if tag["name"] in each.document["tags"]]
        if rows:
            yield f"## {tag['name']}\n\n{tag['description']}\n\n| Operation | |\n|---|---|"
            for each in rows:
                yield f"| [`{each.name}`]({each.name}.md) | {each.document['summary']}. |"
            yield ""


def _page(each: Described) -> Iterator[str]:
    yield f"# {each.name}\n"
    yield f"`{each.operation.method} {each.operation.path}`. [All operations](index.md)\n"
    if each.document.get("deprecated"):
        yield "Deprecated.\n"
    yield f"::: checkout_async._generated.resources.{each.api}.{each.api.capitalize()}Resource.{each.name}"
    yield indent("options:\n  heading: Signature\n", "    ")
    if iterator := _iterator(each):
        yield f"::: checkout_async._generated.resources.{each.api}.{each.api.capitalize()}Resource.{iterator}"
        yield indent(f"options:\n  heading: {iterator} yields the items of all pages\n", "    ")
    yield "## Requests\n"
    yield "The blocks read credentials from the environment:"
    yield "see [Before you paste](../../quickstart.md#before-you-paste).\n"
    for example in requests(each):
        yield f"### {example.title}\n"
        for title, language, text in tabs(each, example):
            yield f'=== "{title}"\n\n{indent(f"```{language}{chr(10)}{text}```", "    ")}\n'
    yield "## Replies\n"
    yield from _replies(each)


def _replies(each: Described) -> Iterator[str]:
    for status, described in each.document["responses"].items():
        if not status.startswith("2"):
            continue
        reply = component(described)
        names = list(_names(each.operation.responses[int(status)]))
        links = "".join(f" [`{name}`](../models/{each.api}/{name}.md)." for name in names) or " No body."
        yield f"### {status}\n\n{reply['description']}{links}\n"
        for media in reply.get("content", {}).values():
            for example in map(component, media.get("examples", {}).values()):
                shown = json.dumps(example["value"], indent=2, ensure_ascii=False)
                yield f'??? example "{example["summary"]}"\n'
                yield indent(f"```json\n{shown}\n```\n", "    ")


def requests(each: Described) -> list[Example]:
    """Return the documented requests of an operation."""
    found = {name: Example(example["summary"], example["value"]) for name, example in _request_examples(each)}
    if len(found) > 1:
        found.pop(_PUBLISHED, None)
    return list(found.values()) or [Example(each.document["summary"], None)]


def tabs(each: Described, example: Example) -> Iterator[tuple[str, str, str]]:
    """Yield title, language and text of each tab of a request."""
    if example.body is None:
        yield "Python", "python", _block(each, "", None)
    else:
        struct = _decoded(each, example.body)
        written = source(struct, each.api, 8)
        yield "Struct", "python", _block(each, f"{imports(written)}", written)
        yield "dict", "python", _block(each, None, source(example.body, each.api, 8))
    yield "curl", "sh", _curl(each, example.body)


def _block(each: Described, before: str | None, body: str | None) -> str:
    """Return the block that makes a call. `before` are imports; None for a body that needs no models."""
    models = f"from checkout_async.models import {each.api}\n" if before is not None and body is not None else ""
    arguments = list(_arguments(each))
    arguments += [] if body is None else [body]
    inline = ", ".join(arguments)
    call = f"checkout.{each.api}.{each.name}"
    result = _result(each)
    line = f"    {result}await {call}({inline})"
    if "\n" in inline or len(line) > 88:
        line = f"    {result}await {call}(\n" + "".join(f"        {argument},\n" for argument in arguments) + "    )"
    opening = "async with CheckoutClient.from_env() as checkout:"
    return f"{before or ''}from checkout_async import CheckoutClient\n{models}\n{opening}\n{line}\n"


def _result(each: Described) -> str:
    names = {name for type_ in each.operation.responses.values() for name in _names(type_)}
    return f"{next((_VARIABLES[name] for name in _VARIABLES if name in names), 'found')} = " if names else ""


def _arguments(each: Described) -> Iterator[str]:
    """Yield the arguments of a call before its body: identifiers by position, required search terms by keyword."""
    for parameter in map(component, each.document.get("parameters", ())):
        if parameter["in"] == "path":
            yield json.dumps(sample(each, parameter))
        elif parameter.get("required") and parameter["in"] == "query":
            yield f"{parameter['name']}={json.dumps(sample(each, parameter))}"


def sample(each: Described, parameter: Mapping[str, Any]) -> str:
    """Return a value of a parameter that fits the documented replies, which name it."""
    replies = [value for value in replies_of(each) if is_object(value)]
    for value in [item for reply in replies for item in (reply, *reply.get("data", ())) if is_object(item)]:
        found = str(value.get(parameter["name"], ""))
        if found and re.fullmatch(parameter["schema"].get("pattern", ".*"), found):
            return found
    return text_for(parameter["schema"].get("pattern", parameter["name"]))


def replies_of(each: Described) -> Iterator[Any]:
    """Yield the documented success replies of an operation."""
    for status, reply in each.document["responses"].items():
        for media in component(reply).get("content", {}).values() if status.startswith("2") else ():
            for example in media.get("examples", {}).values():
                yield component(example)["value"]


def _curl(each: Described, body: Any) -> str:
    path = each.operation.path
    query: list[str] = []
    for parameter in map(component, each.document.get("parameters", ())):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", sample(each, parameter))
        elif parameter.get("required") and parameter["in"] == "query":
            query.append(f"{parameter['name']}={sample(each, parameter)}")
    lines = [f'curl "$CHECKOUT_BASE_URL{path}{"?" if query else ""}{"&".join(query)}"']
    lines += [] if each.operation.method == "GET" else [f"--request {each.operation.method}"]
    lines.append('--header "Authorization: Bearer $CHECKOUT_ACCESS_TOKEN"')
    if each.operation.idempotency_header:
        lines.append(f'--header "{each.operation.idempotency_header}: $(uuidgen)"')
    if body is not None:
        lines.append('--header "Content-Type: application/json"')
        lines.append(f"--data {shlex.quote(json.dumps(body, indent=2, ensure_ascii=False))}")
    return " \\\n  ".join(lines) + "\n"


def _decoded(each: Described, body: Any) -> msgspec.Struct:
    """Return a body as a Struct."""
    encoded = msgspec.json.encode(body)
    for other in each.operation.alternatives:
        if all(member in body for member in other.members):
            return msgspec.json.decode(encoded, type=other.type)
    decoded: msgspec.Struct = msgspec.json.decode(encoded, type=each.operation.request)
    return decoded


def _request_examples(each: Described) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for media in each.document.get("requestBody", {}).get("content", {}).values():
        yield from ((name, component(example)) for name, example in media.get("examples", {}).items())


def _bodies(operation: Operation[Any]) -> list[Any]:
    return [operation.request, *(other.type for other in operation.alternatives)]


def _names(type_: Any) -> Iterator[str]:
    """Yield the names of the models in a type."""
    for part in (type_, *typing.get_args(type_)):
        if isinstance(part, type) and issubclass(part, msgspec.Struct):
            yield part.__name__


def _iterator(each: Described) -> str | None:
    return f"iterate_{each.name.removeprefix('list_')}" if "x-pagination" in each.document else None
