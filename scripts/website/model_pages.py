"""The page of each model, and the list of all."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from scripts.website.example_bodies import examples
from scripts.website.operation_pages import operations_by_model
from scripts.website.specification import SCHEMAS, Member, Model, all_models

INDEX: Final = "reference/models/index.md"
_KINDS: Final = {"request": "Requests", "response": "Replies", "enum": "Enums", "union": "Unions"}
_WHAT: Final = {
    "request": "A Struct of requests",
    "response": "A Struct of replies. Any member but the identifier may be missing, and is then `None`",
    "enum": "An enum. A text that is not listed stays a text of this type",
    "union": "A union: one of these Structs",
}
_WRAPPERS: Final = {"list": "list of ", "Sequence": "list of ", "Mapping": "dict of ", "dict": "dict of "}


def pages() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each page."""
    yield INDEX, "\n".join(_index())
    for models in all_models().values():
        for model in models.values():
            yield model.page, "\n".join(_page(model))


def _index() -> Iterator[str]:
    yield "# Models"
    yield ""
    yield "Structs, enums and unions, by API. Import the module of an API, and name the class in it:"
    yield ""
    yield "```python\nfrom checkout_async.models import payments, sessions\n"
    yield "payments.PaymentRequest, sessions.SessionRequest\n```"
    for api, models in all_models().items():
        yield f"\n## {api}\n"
        yield "Used by several APIs: the module of each of them has these names, too.\n" if api == "common" else ""
        for kind, title in _KINDS.items():
            rows = [model for model in models.values() if model.kind == kind]
            if rows:
                yield f"### {title} of {api}\n\n| {title} | |\n|---|---|"
                for row in rows:
                    yield f"| [`{row.name}`]({api}/{row.name}.md) | {_cell(_sentence(row.text))} |"
                yield ""


def _page(model: Model) -> Iterator[str]:
    yield f"# {model.name}\n"
    module = "the API's module, such as `payments`" if model.api == "common" else f"`checkout_async.models.{model.api}`"
    yield f"{_WHAT[model.kind]}, in {module}. [All models](../index.md)\n"
    yield f"{model.text}\n"
    if model.tag:
        yield f"Recognised by `{model.tag[0]}` = `{model.tag[1]}`, which the Struct sends by itself.\n"
    yield {"enum": "## Values\n", "union": "## Variants\n"}.get(model.kind, "## Members\n")
    yield from _members(model)
    yield "## Example\n"
    yield f"```json\n{json.dumps(examples()[model.schema], indent=2, ensure_ascii=False)}\n```\n"
    users = [f"[`{name.split('.')[1]}`](../{name.replace('.', '/')}.md)" for name in sorted(set(model.used_by))]
    calls = [
        f"[`{name}`](../../operations/{name}.md)" for name in operations_by_model().get((model.api, model.name), ())
    ]
    if users or calls:
        yield f"## Used by\n\n{', '.join([*calls, *users])}\n"


def _members(model: Model) -> Iterator[str]:
    schema = SCHEMAS[model.schema].get("properties", {})
    if not model.members:
        yield "It has no members of its own.\n"
    for member in model.members:
        if model.kind == "enum":
            yield f'`{member.name}` = `"{member.wire_name}"`'
            yield f":   {member.text or 'No meaning is documented.'}\n"
        elif model.kind == "union":
            yield f"[`{member.name}`]({member.name}.md)"
            yield f":   {_sentence(member.text)}\n"
        else:
            facts = [_type(member.annotation), *_facts(member)]
            yield f"`{member.name}`: {', '.join(facts)}"
            yield f":   {member.text}{_enforced(schema.get(member.wire_name, {}))}\n"


def _facts(member: Member) -> Iterator[str]:
    if member.required:
        yield "**required**"
    if member.name != member.wire_name:
        yield f"`{member.wire_name}` in JSON"


def _enforced(part: Mapping[str, Any]) -> str:
    words = {"minLength": "least length", "maxLength": "greatest length", "minItems": "number of items"}
    enforced: list[str] = part.get("x-enforced", [])
    checked = [words.get(name, name) for name in enforced]
    return f" Checked before sending: {', '.join(checked)}." if checked else ""


def _type(annotation: str) -> str:
    """Return a type in words, with links to the models in it."""
    return _words(ast.parse(annotation, mode="eval").body)


def _words(node: ast.expr) -> str:
    if isinstance(node, ast.BinOp):
        return f"{_words(node.left)} or {_words(node.right)}"
    if isinstance(node, ast.Subscript):
        inner = node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) else node.slice
        return _WRAPPERS[ast.unparse(node.value)] + _words(inner)
    # An enum or the text of one of its values; a page shows the enum.
    name = ast.unparse(node).removesuffix("Like")
    for api, models in all_models().items():
        if name in models:
            return f"[`{name}`](../{api}/{name}.md)"
    return f"`{name}`"


def _sentence(text: str) -> str:
    """Return the first sentence of a text."""
    head, dot, _ = text.partition(". ")
    return head + "." if dot else text


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
