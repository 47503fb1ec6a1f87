"""Compares a document of others with ours: operations, parameters, statuses, scopes and members, in each direction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from codegen.document import Object
from codegen.upstream.read import Document, Endpoint, items, members, normal_path, texts
from codegen.upstream.shapes import LIMITS, Direction, Shape, describe, labelled

MISSING: Final = "missing"
EXTRA: Final = "extra"


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of one operation: `fact` is `missing`, `extra`, or what is different, such as `type` or `maxLength`.

    `ours` and `theirs` say what each document has.
    """

    operation: str
    side: str
    place: str
    fact: str
    ours: str = ""
    theirs: str = ""
    our_origin: str = ""
    their_origin: str = ""

    @property
    def key(self) -> str:
        """What a decision names: operation, side, place and fact."""
        return " ".join(filter(None, (self.operation, self.side, self.place, self.fact)))


class Agreement(NamedTuple):
    """How much of an operation is the same: the number of its parts, and of those that are the same in both."""

    operation: str
    line: str
    parts: int
    same: int

    @property
    def percent(self) -> int:
        """The share that is the same, rounded down."""
        return 100 * self.same // self.parts if self.parts else 100


class Comparison(NamedTuple):
    """The differences of two documents, and the agreement of each operation that both have."""

    differences: list[Difference]
    agreements: list[Agreement]


def compare_documents(ours: Document, theirs: Document) -> Comparison:
    """Compare our document with one of others."""
    own, other = list(ours.endpoints()), list(theirs.endpoints())
    differences: list[Difference] = []
    agreements: list[Agreement] = []
    matched = match(own, other)
    for endpoint in own:
        name = str(endpoint.operation.get("operationId"))
        partner = matched.get((endpoint.method, endpoint.path))
        if partner is None:
            where = str(endpoint.item.at(endpoint.method))
            differences.append(Difference(name, "operation", "", EXTRA, line(endpoint), our_origin=where))
            continue
        parts = [_parts(ours, endpoint), _parts(theirs, partner)]
        _align(parts)
        found = list(_differ(name, parts[0], parts[1]))
        differences += found
        every = parts[0].keys() | parts[1].keys()
        spoilt = {(each.side, each.place) for each in found}
        agreements.append(Agreement(name, line(endpoint), len(every), len(every - spoilt)))
    taken = {(each.method, each.path) for each in matched.values()}
    for endpoint in other:
        if (endpoint.method, endpoint.path) not in taken:
            where = str(endpoint.item.at(endpoint.method))
            differences.append(Difference(line(endpoint), "operation", "", MISSING, their_origin=where))
    return Comparison(differences, agreements)


def line(endpoint: Endpoint) -> str:
    """Return the HTTP line of an operation."""
    return f"{endpoint.method.upper()} {endpoint.path}"


def match(own: Iterable[Endpoint], other: Iterable[Endpoint]) -> dict[tuple[str, str], Endpoint]:
    """Return the operation of others for each of ours, by method and path.

    The names of path parameters do not count. A path that nobody has as it is may lack a prefix, such as a version.
    """
    theirs = {(each.method, normal_path(each.path)): each for each in other}
    found: dict[tuple[str, str], Endpoint] = {}
    for each in own:
        path = normal_path(each.path)
        if (each.method, path) in theirs:
            found[each.method, each.path] = theirs[each.method, path]
            continue
        longer = [one for (method, its), one in theirs.items() if method == each.method and its[-len(path) :] == path]
        if len(longer) == 1:
            found[each.method, each.path] = longer[0]
    return found


def _parts(document: Document, endpoint: Endpoint) -> dict[tuple[str, str], Shape]:
    """Return everything that is compared of an operation, by side and place."""
    operation = endpoint.operation
    found: dict[tuple[str, str], Shape] = {}
    for parameter in (*items(endpoint.item, "parameters"), *items(operation, "parameters")):
        resolved = document.resolve(parameter)
        place = f"{resolved.get('in')} {_parameter_name(resolved, len(found))}"
        schema = resolved.get("schema")
        shape = _root(document, schema) if isinstance(schema, Object) else Shape(resolved.origin)
        shape.required = resolved.get("required") is True
        found["parameter", place] = shape
    body = operation.get("requestBody")
    schemas = list(_schemas(document.resolve(body))) if isinstance(body, Object) else []
    found |= _placed("request", describe(document, schemas, "request"))
    replies: list[Object] = []
    for status, reply in members(operation, "responses"):
        found["status", status] = Shape(reply.origin)
        if status.startswith("2"):
            replies += _schemas(document.resolve(reply))
    found |= _placed("reply", describe(document, replies, "reply"))
    return found | {("scope", scope): Shape(operation.at("security")) for scope in _scopes(document, operation)}


def _root(document: Document, schema: Object) -> Shape:
    """Return what a document says of a value that is not inside another."""
    holder = Object({"type": "object", "properties": Object({"value": schema}, schema.origin, {})}, schema.origin, {})
    return describe(document, [holder], "request")["value"]


def _parameter_name(parameter: Object, number: int) -> str:
    """Return the name of a parameter: that of a header in lower case, of a path parameter its number."""
    name, place = str(parameter.get("name")), parameter.get("in")
    return name.lower() if place == "header" else str(number) if place == "path" else name


def _placed(side: Direction, shapes: Mapping[str, Shape]) -> dict[tuple[str, str], Shape]:
    return {(side, place): shape for place, shape in shapes.items()}


def _schemas(holder: Object) -> Iterator[Object]:
    for _, media in members(holder, "content"):
        if isinstance(schema := media.get("schema"), Object):
            yield schema


def _scopes(document: Document, operation: Object) -> set[str]:
    holder = operation if "security" in operation else document.root
    return {scope for each in items(holder, "security") for name in each for scope in texts(each, name)}


def _align(parts: list[dict[tuple[str, str], Shape]]) -> None:
    """Lay the variants of a union over each other where only one of the documents tells them apart."""
    for side in ("request", "reply"):
        unions = [{*labelled(place for its, place in each if its == side)} for each in parts]
        plain = [{place for its, place in each if its == side} for each in parts]
        for index in (0, 1):
            lonely = {union for union in unions[index] - unions[1 - index] if union in plain[1 - index] or not union}
            if lonely:
                parts[index] = _laid_over(parts[index], side, lonely)


def _laid_over(parts: Mapping[tuple[str, str], Shape], side: str, unions: set[str]) -> dict[tuple[str, str], Shape]:
    found: dict[tuple[str, str], Shape] = {}
    for (its, place), shape in parts.items():
        key = (its, _without_labels(place, unions) if its == side else place)
        if other := found.get(key):
            other.types |= shape.types
            other.values |= shape.values
            other.required = other.required and shape.required
        else:
            found[key] = shape
    return found


def _without_labels(place: str, unions: set[str]) -> str:
    for union in sorted(unions, key=len, reverse=True):
        if place.startswith(f"{union}<"):
            end = place.index(">", len(union))
            place = union + place[end + 1 :]
    return place.lstrip(".")


def _differ(
    operation: str, ours: Mapping[tuple[str, str], Shape], theirs: Mapping[tuple[str, str], Shape]
) -> Iterator[Difference]:
    for side, place in [*theirs, *(key for key in ours if key not in theirs)]:
        own, other = ours.get((side, place)), theirs.get((side, place))
        if own is None or other is None:
            # What is inside something that one of them lacks is not told again.
            if not _has_parent(place, side, ours if own is None else theirs):
                continue
            fact = MISSING if own is None else EXTRA
            places = [str(each.origin) if each else "" for each in (own, other)]
            yield Difference(operation, side, place, fact, our_origin=places[0], their_origin=places[1])
        else:
            for fact, mine, its in _facts(own, other, side):
                yield Difference(operation, side, place, fact, mine, its, str(own.origin), str(other.origin))


def _has_parent(place: str, side: str, parts: Mapping[tuple[str, str], Shape]) -> bool:
    if side not in {"request", "reply"}:
        return True
    parent = place.rstrip(")>*")
    cut = max(parent.rfind("."), parent.rfind("("), parent.rfind("<"))
    return cut <= 0 or (side, place[:cut].rstrip(".")) in parts


def _facts(ours: Shape, theirs: Shape, side: str) -> Iterator[tuple[str, str, str]]:
    """Yield what is different of one member: the fact, and what each document says."""
    if ours.types and theirs.types and not _same_types(ours.types, theirs.types):
        yield "type", _shown(ours.types), _shown(theirs.types)
    if side in {"request", "parameter"} and ours.required != theirs.required:
        yield "required", "yes" if ours.required else "no", "yes" if theirs.required else "no"
    if ours.values and theirs.values and {*map(str.lower, ours.values)} != {*map(str.lower, theirs.values)}:
        more = sorted(ours.values - theirs.values), sorted(theirs.values - ours.values)
        yield "values", f"also {_shown(more[0])}" if more[0] else "", f"also {_shown(more[1])}" if more[1] else ""
    elif bool(ours.values) != bool(theirs.values):
        yield "values", _shown(ours.values) or "any", _shown(theirs.values) or "any"
    for limit in LIMITS:
        if ours.limits.get(limit) != theirs.limits.get(limit):
            yield limit, str(ours.limits.get(limit, "none")), str(theirs.limits.get(limit, "none"))


def _same_types(ours: set[str], theirs: set[str]) -> bool:
    """Return whether two sets of types are the same; a time is a string for those who do not say more."""
    plain = [{"string" if each in {"date", "date-time"} else each for each in side} for side in (ours, theirs)]
    return plain[0] == plain[1]


def _shown(values: Iterable[str]) -> str:
    return ", ".join(sorted(values))
