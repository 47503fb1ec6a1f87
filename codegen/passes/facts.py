"""Finds what the package itself reads of the API: headers and members with a role, and how amounts are counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from codegen.diagnostics import Origin
from codegen.document import Object
from codegen.keywords import IDEMPOTENCY_KEY, NOT_SENSITIVE
from codegen.passes.walk import bodies, calls, incoming_operations, parameters, reference_name, resolve, schemas

REQUEST_ID: Final = "request-id"
SIGNATURE: Final = "signature"
MEMBER_ROLES: Final = (REQUEST_ID, "error-type", "error-codes")
"""The values of `x-role` on a member of an error body."""


class Place(NamedTuple):
    """The name of a header or a member, and where it is stated."""

    name: str
    origin: Origin


def reply_headers(document: Object) -> Iterator[tuple[Object, Place]]:
    """Yield each header of a reply with its name."""
    for call in calls(document.object("paths")):
        for _, response in call.operation.object("responses").objects():
            headers = resolve(document, response).object("headers")
            for name, header in headers.objects():
                described = resolve(document, header)
                yield described, Place(name, described.at("x-role"))


def webhook_parameters(document: Object) -> Iterator[tuple[Object, Place]]:
    """Yield each parameter of a webhook with its name."""
    for call in incoming_operations(document):
        for each in parameters(document, call):
            yield each, Place(each.text("name"), each.at("x-role"))


def error_schemas(document: Object) -> set[str]:
    """Return the names of the schemas that are the body of an error."""
    found: set[str] = set()
    for call in calls(document.object("paths")):
        for status, response in call.operation.object("responses").objects():
            if status.startswith(("4", "5")):
                found |= {reference_name(each) for each in bodies(resolve(document, response))}
    return found - {""}


def error_members(document: Object) -> Iterator[tuple[Object, Place]]:
    """Yield each member of the schemas that are the body of an error."""
    for name in sorted(error_schemas(document)):
        for member, value in schemas(document).object(name).object("properties").objects():
            yield value, Place(member, value.at("x-role"))


def names_by_role(document: Object) -> dict[str, list[Place]]:
    """Return the different names of each role, by the name of the constant that the package reads."""
    found: dict[str, list[Place]] = {"REQUEST_ID_HEADER": [], "SIGNATURE_HEADER": []}
    found |= {constant_of(role): [] for role in MEMBER_ROLES}
    for described, place in reply_headers(document):
        _add(found["REQUEST_ID_HEADER"], place, wanted=described.text("x-role") == REQUEST_ID)
    for described, place in webhook_parameters(document):
        _add(found["SIGNATURE_HEADER"], place, wanted=described.text("x-role") == SIGNATURE)
    for described, place in error_members(document):
        if described.text("x-role") in MEMBER_ROLES:
            _add(found[constant_of(described.text("x-role"))], place, wanted=True)
    return found


def constant_of(role: str) -> str:
    """Return the constant with the name of the member of an error body that has a role."""
    return f"ERROR_{role.removeprefix('error-').upper().replace('-', '_')}"


def _add(found: list[Place], place: Place, *, wanted: bool) -> None:
    if wanted and place.name not in {each.name for each in found}:
        found.append(place)


def key_headers(document: Object) -> list[str]:
    """Return the names of the headers that carry an idempotency key."""
    found = (each for call in calls(document.object("paths")) for each in parameters(document, call))
    return sorted({each.text("name") for each in found if each.text("x-role") == IDEMPOTENCY_KEY})


def visible_headers(document: Object) -> list[str]:
    """Return the names of the headers of replies that may show in logs."""
    headers = reply_headers(document)
    return sorted({place.name for header, place in headers if header.text("x-sensitive") == NOT_SENSITIVE})


def scopes(document: Object) -> list[str]:
    """Return the scopes of access tokens in documented order."""
    schemes = document.object("components").object("securitySchemes")
    flows = (scheme.object("flows").object("clientCredentials") for _, scheme in schemes.objects())
    return [scope for flow in flows for scope in flow.object("scopes")]


def decimals(document: Object) -> dict[str, int]:
    """Return how many decimals the minor unit of a currency stands for, for those that are listed."""
    return _by_currency(document, "decimals")


def steps(document: Object) -> dict[str, int]:
    """Return of what an amount has to be a multiple, for the currencies that are listed."""
    return _by_currency(document, "steps")


def other_decimals(document: Object) -> int:
    """Return how many decimals all other currencies have."""
    stated = document.object("x-currencies").get("other", 2)
    return stated if isinstance(stated, int) else 2


def _by_currency(document: Object, key: str) -> dict[str, int]:
    groups = document.object("x-currencies").object(key)
    return {code: int(number) for number in groups for code in groups.texts(number)}
