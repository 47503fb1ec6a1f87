"""Drafts fragments from a document of others: an operation, a schema, or a member of a schema, with all that it needs.

A draft conforms to the rules of the fragments, and compiles. Whatever was guessed has an `x-review`, which `lint`
refuses until a person has reviewed it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Final

import yaml

from codegen.diagnostics import Origin, Problem, SpecificationError
from codegen.document import EMPTY, Object
from codegen.keywords import BINARY
from codegen.lint.order import ORDER
from codegen.names import snake_name
from codegen.parse import JSON, MULTIPART, api_name
from codegen.passes.walk import calls, schemas
from codegen.upstream.compare import line
from codegen.upstream.draft_schemas import REVIEW, Draft, SchemaDrafts, class_name, sentence
from codegen.upstream.read import Document, Endpoint, items, members, texts
from codegen.upstream.shapes import whole_schema

_REPETITION: Final = {"get": "safe", "put": "natural", "delete": "natural"}
_SCALARS: Final = frozenset({"string", "integer", "number", "boolean"})


@dataclass(slots=True)
class Drafts:
    """New files by their paths in openapi/, and what a person adds to existing ones."""

    files: dict[str, str] = field(default_factory=dict[str, str])
    steps: list[str] = field(default_factory=list[str])


def adopt_operation(theirs: Document, ours: Object, wanted: str, api: str) -> Drafts:
    """Draft an operation, by its operationId or its HTTP line, for an API of ours, by its tag."""
    endpoint = _find(theirs, wanted)
    named = SchemaDrafts(theirs, schemas(ours).keys(), class_name(api))
    name = _function_name(ours, endpoint)
    schema_file = f"components/schemas/{api_name(api)}/{name}.yaml"
    operation = _operation(theirs, ours, endpoint, named, name, api, f"../{schema_file}")
    path_file = f"paths/{endpoint.path.strip('/').replace('/', '_')}.yaml"
    drafts = Drafts({path_file: dump({endpoint.method: operation})})
    if named.found:
        drafts.files[schema_file] = _schema_file(named)
    drafts.steps.append(f"add to paths in openapi.yaml: {endpoint.path}: {{$ref: '{path_file}'}}")
    if api not in {tag.text("name") for tag in ours.array("tags").objects()}:
        drafts.steps.append(f"add to tags in openapi.yaml: {{name: {api}, description: ...}}")
    for scope in _new_scopes(ours, operation):
        drafts.steps.append(f"add the scope '{scope}' to the security scheme")
    return drafts


def adopt_schema(theirs: Document, ours: Object, wanted: str, api: str) -> Drafts:
    """Draft a schema by its name in the document of others."""
    named = SchemaDrafts(theirs, schemas(ours).keys(), class_name(api))
    name = named.named(_schema(theirs, wanted), wanted)
    file = f"components/schemas/{api_name(api)}/{snake_name(name, {}) or name.lower()}.yaml"
    return Drafts({file: _schema_file(named)}, [f"refer to '{file}#/{name}' where it is used"])


def adopt_member(theirs: Document, ours: Object, wanted: str, api: str) -> Drafts:
    """Draft a member, as `Schema.member` in the document of others, for the schema of ours with that name."""
    schema_name, _, member_name = wanted.partition(".")
    whole = whole_schema(theirs, _schema(theirs, schema_name))
    if member_name not in whole.properties:
        raise _error(theirs, f"'{schema_name}' has no member '{member_name}'")
    named = SchemaDrafts(theirs, schemas(ours).keys(), class_name(api))
    member = named.member(whole.properties[member_name][0], member_name, class_name(schema_name))
    member = _in_order({**member, REVIEW: "Drafted: write the description, and name the source."}, "schema")
    drafts = Drafts({}, [f"add to the properties of a schema:\n\n{_indented(dump({member_name: member}), 4)}"])
    if target := schemas(ours).get(class_name(schema_name)):
        place = schemas(ours).at(class_name(schema_name)) if isinstance(target, Object) else Origin("", 0)
        drafts.steps.append(f"the schema of that name is at {place}")
    if named.found:
        drafts.files[f"components/schemas/{api_name(api)}/{snake_name(member_name, {})}.yaml"] = _schema_file(named)
    return drafts


def _find(theirs: Document, wanted: str) -> Endpoint:
    found = [each for each in theirs.endpoints() if wanted in {each.operation.get("operationId"), line(each)}]
    if not found:
        raise _error(theirs, f"no operation '{wanted}': name its operationId, or its line, such as 'POST /payments'")
    return found[0]


def _schema(theirs: Document, wanted: str) -> Object:
    components = theirs.root.get("components")
    for name, _ in members(components, "schemas") if isinstance(components, Object) else ():
        if name == wanted:
            return Object({"$ref": f"#/components/schemas/{name}"}, theirs.root.origin, {})
    raise _error(theirs, f"no schema '{wanted}'")


def _error(theirs: Document, message: str) -> SpecificationError:
    return SpecificationError((Problem(theirs.root.origin, message),))


def _function_name(ours: Object, endpoint: Endpoint) -> str:
    """Return the Python name of an operation: its operationId, or its method and path."""
    stated = endpoint.operation.get("operationId")
    words = str(stated) if stated else f"{endpoint.method} {re.sub(r'{[^}]*}', '', endpoint.path)}"
    name = snake_name(words, {}) or ""
    name = re.sub(r"\W+|_+", "_", name or words).strip("_").lower()
    taken = {call.operation.text("operationId") for call in calls(ours.object("paths"))}
    return f"{name}_draft" if name in taken else name


def _operation(
    theirs: Document, ours: Object, endpoint: Endpoint, named: SchemaDrafts, name: str, api: str, file: str
) -> Draft:
    stated = endpoint.operation
    draft: Draft = {
        "operationId": name,
        "tags": [api],
        "summary": sentence(name).rstrip("."),
        "description": sentence(name),
        "x-idempotency": _REPETITION.get(endpoint.method, "none"),
        REVIEW: "Drafted: write the texts, choose the repetition and the credentials, add examples, name the source.",
        "security": _security(theirs, ours, stated),
        "parameters": _parameters(theirs, endpoint, named, file),
        "responses": {},
    }
    body = stated.get("requestBody")
    schema = _schema_of(theirs.resolve(body)) if isinstance(body, Object) else None
    if schema is not None and isinstance(body, Object):
        request = named.named(schema, class_name(name) + "Request")
        content = {"schema": {"$ref": f"{file}#/{request}"}}
        media_type = _form_type(theirs, body)
        if media_type == MULTIPART:
            _mark_files(theirs, schema, named.found[request])
        required = theirs.resolve(body).get("required") is True
        text = "What to send."
        draft["requestBody"] = {"required": required, "description": text, "content": {media_type: content}}
    for status, reply in members(stated, "responses"):
        if re.fullmatch(r"[1-5]\d\d", status):
            draft["responses"][status] = _response(theirs, reply, status, named, name, file)
    if not any(status.startswith("2") for status in draft["responses"]):
        draft["responses"]["200"] = {"description": "Done."}
    return _in_order({key: value for key, value in draft.items() if value != []}, "operation")


def _response(theirs: Document, reply: Object, status: str, named: SchemaDrafts, name: str, file: str) -> Draft:
    """Return a reply. Errors have the body that all errors have, so a draft leaves theirs out."""
    draft: Draft = {"description": "Done." if status.startswith("2") else f"Refused with {status}."}
    schema = _schema_of(theirs.resolve(reply)) if status.startswith("2") else None
    if schema is None:
        return draft
    whole = whole_schema(theirs, schema)
    many = bool(whole.items) and not whole.properties
    item = named.named(whole.items[0] if many else schema, f"{class_name(name)}Result", received=True)
    reference = {"$ref": f"{file}#/{item}"}
    draft["content"] = {"application/json": {"schema": {"type": "array", "items": reference} if many else reference}}
    return draft


def _form_type(theirs: Document, body: Object) -> str:
    """Return the media type of a body: that of files if it is the only one, else JSON."""
    return MULTIPART if [*dict(members(theirs.resolve(body), "content"))] == [MULTIPART] else JSON


def _mark_files(theirs: Document, schema: Object, draft: Draft) -> None:
    """Turn the members of a form into what a form can have: files, texts and enums."""
    for name, parts in whole_schema(theirs, schema).properties.items():
        member = draft["properties"][name]
        if "$ref" in member:
            continue
        kept = {key: member[key] for key in ("description", "deprecated", "x-sensitive") if key in member}
        is_file = theirs.resolve(parts[0]).get("format") == BINARY
        if is_file or member.get("type") != "string":
            draft["properties"][name] = {"type": "string", **({"format": BINARY} if is_file else {}), **kept}


def _schema_of(holder: Object) -> Object | None:
    """Return the schema of the JSON body, or of whatever comes first; None if there is no body."""
    media = dict(members(holder, "content"))
    chosen = media.get("application/json") or next(iter(media.values()), EMPTY)
    schema = chosen.get("schema")
    return schema if isinstance(schema, Object) else None


def _parameters(theirs: Document, endpoint: Endpoint, named: SchemaDrafts, file: str) -> list[Draft]:
    found: list[Draft] = []
    for each in (*items(endpoint.item, "parameters"), *items(endpoint.operation, "parameters")):
        stated = theirs.resolve(each)
        name, place, schema = str(stated.get("name")), stated.get("in"), stated.get("schema")
        if place not in {"path", "query", "header"} or not isinstance(schema, Object):
            continue
        kept: Draft = {"type": "string"}
        whole = whole_schema(theirs, schema)
        if not whole.properties and not whole.variants and len(whole.types & _SCALARS) == 1:
            value = named.member(schema, name, "")
            kept = {key: each for key, each in value.items() if key not in {"description", "x-sensitive", "deprecated"}}
            if "$ref" in kept:
                kept["$ref"] = f"{file}{kept['$ref']}"
        draft: Draft = {"name": name, "in": place, "required": place == "path" or stated.get("required") is True}
        draft["description"] = sentence(name)
        if whole.items and place == "query" and stated.get("style") in {"form", None}:
            draft |= {"explode": False} if stated.get("explode") is False else {}
            kept = {"type": "array", "items": _item(theirs, whole.items[0], named, name, file)}
        found.append({**draft, "schema": _in_order(kept, "schema")})
    return found


def _item(theirs: Document, schema: Object, named: SchemaDrafts, name: str, file: str) -> Draft:
    """Return what a list in the query contains: a scalar or an enum; texts, if theirs is anything else."""
    whole = whole_schema(theirs, schema)
    if whole.properties or whole.variants or len(whole.types & _SCALARS) != 1:
        return {"type": "string"}
    member = named.member(schema, f"{name}_item", "")
    return {"$ref": f"{file}{member['$ref']}"} if "$ref" in member else {"type": member["type"]}


def _security(theirs: Document, ours: Object, operation: Object) -> list[Draft]:
    """Return one alternative for each scope, and for each scheme of ours that theirs may be; ours if they name none."""
    holder = operation if "security" in operation else theirs.root
    scopes = dict.fromkeys(scope for each in items(holder, "security") for name in each for scope in texts(each, name))
    schemes = ours.object("components").object("securitySchemes")
    oauth = next((name for name, scheme in schemes.objects() if scheme.get("type") == "oauth2"), "")
    if scopes and oauth:
        return [{oauth: [scope]} for scope in scopes]
    return [{name: each.texts(name) for name in each} for each in ours.array("security").objects()]


def _new_scopes(ours: Object, operation: Draft) -> list[str]:
    known: set[str] = set()
    for _, scheme in ours.object("components").object("securitySchemes").objects():
        known |= {*scheme.object("flows").object("clientCredentials").object("scopes")}
    used = [scope for each in operation["security"] for scopes in each.values() for scope in scopes]
    return [scope for scope in used if scope not in known]


def _schema_file(named: SchemaDrafts) -> str:
    review = "Drafted: write the descriptions, and name the source."
    drafts = {
        name: _ordered_members(_in_order({**draft, REVIEW: draft.get(REVIEW, review)}, "schema"))
        for name, draft in named.found.items()
    }
    return "\n".join(dump({name: draft}) for name, draft in drafts.items())


def _ordered_members(draft: Draft) -> Draft:
    if "properties" in draft:
        draft["properties"] = {key: _in_order(member, "schema") for key, member in draft["properties"].items()}
    return draft


def _in_order(draft: Draft, kind: str) -> Draft:
    return {key: draft[key] for key in ORDER[kind] if key in draft}


def write_drafts(folder: Path, drafts: Drafts) -> None:
    """Write the new files of drafts into a folder of fragments. Raises OSError; FileExistsError if one exists."""
    for name, text in drafts.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)


class _Dumper(yaml.SafeDumper):
    """Writes YAML as the fragments have it: lists are indented, short lists of texts stand on one line."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_list(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.Node:
    short = all(isinstance(each, str) for each in data) and sum(map(len, data)) < 80
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=short)


_Dumper.add_representer(list, _represent_list)


def dump(value: Draft) -> str:
    """Return a mapping as YAML."""
    stream = StringIO()
    dumper: Any = _Dumper(stream, sort_keys=False, width=110, allow_unicode=True, default_flow_style=False)
    dumper.open()
    dumper.represent(value)
    dumper.close()
    return stream.getvalue()


def _indented(text: str, columns: int) -> str:
    return "".join(f"{' ' * columns}{each}" for each in text.splitlines(keepends=True))
