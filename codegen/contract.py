"""What the generated package promises, as one value: operations, types, masks, and how many of each there are.

It is read from the generated code, so that it says what our Python does. `openapi/contract.json` is the one that a
person accepted. A change of it is reviewed as a diff.
"""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from codegen import render_call, render_pagination
from codegen.diagnostics import Origin, Problem, SpecificationError
from codegen.document import Object
from codegen.files import replace_file
from codegen.generator_input import FORMER_FIELD
from codegen.ir import Api, Operation, Pagination, Parameter
from codegen.load import SNAPSHOT
from codegen.passes import facts
from codegen.passes.servers import api_urls, token_flows, token_urls
from codegen.write import GENERATED

Contract: TypeAlias = dict[str, Any]
FORMAT: Final = 3
"""The form of a contract. Two contracts of different forms cannot be compared."""
ACCEPTED: Final = "accepted"
_BASES: Final = {"RequestModel": "sent", "ResponseModel": "received", "OpenEnum": "enum"}


def build_contract(document: Object, apis: tuple[Api, ...], files: Mapping[str, bytes]) -> Contract:
    """Return the contract of generated files. What they do not repeat of the document is read from it."""
    operations = {api.name: {each.name: _operation(each) for each in api.operations} for api in apis}
    types = {module: dict(_types(content)) for module, content in _modules(files, "models")}
    strict = {module: dict(_types(content)) for module, content in _modules(files, "strict")}
    return {
        "format": FORMAT,
        "counts": {
            "operations": {api: len(found) for api, found in operations.items()},
            "types": {module: len(found) for module, found in types.items()},
        },
        "servers": _servers(document),
        "facts": _facts(document),
        "operations": operations,
        "types": types,
        "strict": {module: _limits(found) for module, found in strict.items()},
    }


def read_contract(folder: Path) -> Contract | None:
    """Return the accepted contract of a folder, or None if it has none. Raises SpecificationError if it is not JSON."""
    path = folder / SNAPSHOT
    try:
        return json.loads(path.read_bytes()) if path.exists() else None
    except ValueError as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        message = "not valid JSON: take the file from git again, and `accept` what the fragments promise now"
        raise SpecificationError((Problem(Origin(f"{folder.name}/{SNAPSHOT}", line), message),)) from None


def write_contract(folder: Path, contract: Contract) -> None:
    """Write the accepted contract. Raises OSError."""
    replace_file(folder / SNAPSHOT, render_contract(contract))


def render_contract(contract: Contract) -> str:
    """Return a contract as the text of its file."""
    return json.dumps(contract, ensure_ascii=False, indent=1) + "\n"


def diff_contract(old: Contract, new: Contract) -> str:
    """Return a unified diff of two contracts, as their files would show it."""
    before, after = (render_contract(each).splitlines(keepends=True) for each in (old, new))
    return "".join(difflib.unified_diff(before, after, f"a/{SNAPSHOT}", f"b/{SNAPSHOT}"))


def _operation(operation: Operation) -> Contract:
    accepted = render_call.arguments(operation)
    body = operation.body
    found: Contract = {
        "line": f"{operation.method} {operation.path}",
        "signature": f"({', '.join(_signature(accepted))}) -> {render_call.result_type(operation)}",
        "statuses": {str(each.status): str(each.type) for each in (*operation.responses, *operation.errors)},
        "repetition": operation.idempotency,
        "scopes": list(operation.security.scopes),
        "session_secret": operation.security.session_secret,
        "secret_key": operation.security.secret_key,
        "parameters": {each.name: _parameter(each) for each in operation.parameters},
    }
    found |= {"body": f"{body.format} {body.type}{'' if body.required else ' or nothing'}"} if body else {}
    if body and body.alternatives:
        found["alternatives"] = {type_.name: list(members) for type_, members in body.alternatives}
    if operation.idempotency_header:
        found |= {"key": operation.idempotency_header, "key_lifetime": operation.key_lifetime}
    found |= {"reference": operation.reference} if operation.reference else {}
    found |= {"deprecated": True} if operation.deprecated else {}
    if operation.pagination:
        found["paging"] = _paging(operation, operation.pagination)
    return found


def _servers(document: Object) -> Contract:
    """Return where calls go by environment, those of the API and those for tokens, and the documented `tokenUrl`s."""
    documented = {name: flow.text("tokenUrl") for name, flow in token_flows(document)}
    return {"api": api_urls(document), "token_endpoint": token_urls(document), "tokenUrl": documented}


def _facts(document: Object) -> Contract:
    """Return the names that the package reads by their role, and how amounts are counted, by currency."""
    names = {key: places[0].name for key, places in facts.names_by_role(document).items() if places}
    decimals, steps, other = facts.decimals(document), facts.steps(document), facts.other_decimals(document)
    amounts = {code: _amount(decimals.get(code, other), steps.get(code, 1)) for code in sorted({*decimals, *steps})}
    found = {"names": names} if names else {}
    found |= {"visible": visible} if (visible := dict.fromkeys(facts.visible_headers(document), "shown")) else {}
    return found | ({"amounts": {**amounts, "other": _amount(other, 1)}} if amounts else {})


def _amount(decimals: int, step: int) -> str:
    return f"{decimals} decimals" + (f", in steps of {step}" if step != 1 else "")


def _parameter(parameter: Parameter) -> Contract:
    found: Contract = {"in": parameter.place, "name": parameter.python_name}
    found |= {"several": parameter.several} if parameter.several else {}
    found |= {"limits": dict(parameter.limits)} if parameter.limits else {}
    return found | ({"enforced": list(parameter.enforced)} if parameter.enforced else {})


def _paging(operation: Operation, paging: Pagination) -> Contract:
    pages = render_pagination.arguments(operation, paging)
    found: Contract = {
        "iterator": f"{paging.iterator}({', '.join(_signature(pages))}) -> {paging.item}",
        "style": paging.style,
        "key": paging.key,
        "limit": paging.limit,
        "items": paging.items,
    }
    more = {"skip": paging.skip, "total": paging.total, "next": ".".join(paging.next)}
    return found | {key: value for key, value in more.items() if value}


def _signature(accepted: list[render_call.Argument]) -> Iterator[str]:
    """Yield the arguments in their order, without the options that follow from the rest."""
    options = {option.name for option in render_call.OPTIONS} - {"idempotency_key", "session_secret"}
    kept = [each for each in accepted if each.name not in options]
    by_position = [each for each in kept if not each.default]
    by_position += [each for each in kept if each.default and each.name == render_call.BODY]
    by_keyword = [each for each in kept if each not in by_position]
    yield from map(_argument, by_position)
    if by_keyword:
        yield "*"
        yield from map(_argument, by_keyword)


def _argument(argument: render_call.Argument) -> str:
    return f"{argument.name}: {argument.annotation}{argument.default and f' = {argument.default}'}"


def _modules(files: Mapping[str, bytes], package: str) -> Iterator[tuple[str, bytes]]:
    start = f"{GENERATED}/{package}/"
    for path, content in files.items():
        if path.startswith(start) and not path.endswith("__init__.py"):
            yield path.removeprefix(start).removesuffix(".py"), content


def _types(content: bytes) -> Iterator[tuple[str, Contract]]:
    """Yield the classes and aliases of a module with their members, in the order of their names."""
    module = ast.parse(content)
    found = {node.name: _class(node) for node in module.body if isinstance(node, ast.ClassDef)}
    for node in module.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            found[node.target.id] = {"kind": "union", "members": ast.unparse(node.value).split(" | ")}
    yield from sorted(found.items())


def _class(node: ast.ClassDef) -> Contract:
    kind = _BASES[ast.unparse(node.bases[0])]
    members = [each for each in node.body if isinstance(each, ast.AnnAssign)]
    plain = {ast.unparse(each.target): each for each in members if not ast.unparse(each.target).startswith("__")}
    former = {name for name in plain if name.startswith(FORMER_FIELD)}
    found: Contract = {"kind": kind}
    if tag := {each.arg: ast.literal_eval(each.value) for each in node.keywords if each.arg in {"tag_field", "tag"}}:
        found["tag"] = f"{tag['tag_field']}={tag['tag']}"
    if kind == "enum":
        values = (each for each in node.body if isinstance(each, ast.Assign))
        found["values"] = {ast.unparse(each.targets[0]): ast.literal_eval(each.value) for each in values}
    else:
        found["members"] = {name: _member(each) for name, each in plain.items() if name not in former}
        if former:
            # A reply is read under both names. A mapping is given under both, which `__former_keys__` says.
            found["former_keys"] = {
                _api_name(plain[name]): _api_name(plain[name.removeprefix(FORMER_FIELD)]) for name in sorted(former)
            }
    for each in members:
        name = ast.unparse(each.target)
        if name.startswith("__") and each.value:
            stated = {key: value for key, value in ast.literal_eval(each.value).items() if key not in former}
            found[{"__sensitive__": "masks"}.get(name, name.strip("_"))] = stated
    return found


def _api_name(node: ast.AnnAssign) -> str:
    """Return the name of a member in the API."""
    return _member(node).partition(", in the API ")[2] or ast.unparse(node.target)


def _member(node: ast.AnnAssign) -> str:
    """Return the type of a member, its default, and its name in the API if it is another."""
    text, value = ast.unparse(node.annotation), node.value
    if isinstance(value, ast.Call):
        given = {each.arg: each.value for each in value.keywords}
        default = f" = {ast.unparse(given['default'])}" if "default" in given else ""
        return f"{text}{default}, in the API {ast.literal_eval(given['name'])}"
    return f"{text} = {ast.unparse(value)}" if value else text


def _limits(types: Mapping[str, Contract]) -> Contract:
    """Return the members with limits of the strict types."""
    found = {
        name: {member: text for member, text in each.get("members", {}).items() if "Meta(" in text}
        for name, each in types.items()
        if each["kind"] == "sent"
    }
    return {name: members for name, members in found.items() if members}
