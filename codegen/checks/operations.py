"""Checks of the operations: required keywords, parameters, bodies, responses and security."""

from __future__ import annotations

import re
from typing import Final

from codegen.checks.schemas import check_default, check_inline
from codegen.diagnostics import Origin, Problems, Stage
from codegen.document import EMPTY, Array, Object
from codegen.keywords import IDEMPOTENCY, IDEMPOTENCY_KEY
from codegen.parse import FORM, JSON, MULTIPART, PARAMETER_LIMITS, SCALARS, is_list
from codegen.passes.directions import in_direction
from codegen.passes.patterns import LIMITS
from codegen.passes.unions import alternatives
from codegen.passes.walk import (
    Call,
    bodies,
    calls,
    idempotency_keys,
    incoming_operations,
    parameters,
    reference_name,
    references,
    resolve,
    schemas,
)

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
# RFC 3986 section 3.3: `path-absolute`, of which a placeholder is a part. Two slashes at the start would name a host,
# and dot segments another path.
_CHARACTER: Final = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2}|\{[A-Za-z0-9_\-.]+\})"
_PATH: Final = re.compile(rf"/(?:{_CHARACTER}+(?:/{_CHARACTER}*)*)?")
_DOT_SEGMENTS: Final = frozenset({".", ".."})
_REQUIRED: Final = ("operationId", "x-idempotency", "summary", "description", "responses")


def check_operations(document: Object, problems: Problems) -> None:
    """Report the problems of each operation, and tags without an operation."""
    if not document.text("openapi").startswith("3.1."):
        problems.add(document.at("openapi"), "openapi must be 3.1.x")
    _check_paths(document.object("paths"), problems)
    for call in calls(document.object("paths")):
        if not call.path.startswith("/"):
            continue  # what is no path may be no operation either
        check = _Check(document, call, problems)
        check.statements()
        check.tags()
        check.parameters()
        check.request_body()
        check.reference()
        check.responses()
        check.security()
    for call in incoming_operations(document):
        _Check(document, call, problems).request_body()
    _check_tags(document, problems)


def _check_tags(document: Object, problems: Problems) -> None:
    used = {name for call in calls(document.object("paths")) for name in call.operation.texts("tags")}
    tags = document.array("tags")
    for tag, origin in zip(tags.objects(), tags.origins, strict=True):
        if not tag.text("description"):
            problems.add(origin, f"tag '{tag.text('name')}' has no description")
        if tag.text("name") not in used:
            message = f"unused tag '{tag.text('name')}': no operation uses it"
            problems.add(origin, message, Stage.UNUSED)


def _check_paths(paths: Object, problems: Problems) -> None:
    for path in paths:
        if not path.startswith("/"):
            problems.add(paths.at(path), f"path '{path}' must begin with a slash, or it would change the host")
        elif not _PATH.fullmatch(path) or not _DOT_SEGMENTS.isdisjoint(path.lower().replace("%2e", ".").split("/")):
            problems.add(paths.at(path), f"path '{path}' is not an absolute path of RFC 3986 without dot segments")


class _Check:
    def __init__(self, document: Object, call: Call, problems: Problems) -> None:
        self._document = document
        self._call = call
        self._operation = call.operation
        self._problems = problems

    @property
    def _origin(self) -> Origin:
        return self._call.item.at(self._call.method)

    def statements(self) -> None:
        for key in _REQUIRED:
            if key not in self._operation:
                self._problems.add(self._origin, f"operation {self._call.method} {self._call.path} has no {key}")
        idempotency = self._operation.text("x-idempotency")
        if idempotency and idempotency not in IDEMPOTENCY:
            message = f"x-idempotency must be one of {', '.join(sorted(IDEMPOTENCY))}, not '{idempotency}'"
            self._problems.add(self._operation.at("x-idempotency"), message)

    def tags(self) -> None:
        names = self._operation.texts("tags")
        declared = {tag.text("name") for tag in self._document.array("tags").objects()}
        if len(names) != 1:
            self._problems.add(self._operation.at("tags"), "an operation needs exactly one tag: the API it belongs to")
        for name in names:
            if name not in declared:
                self._problems.add(self._operation.at("tags"), f"tag '{name}' is not declared in openapi.yaml")

    def parameters(self) -> None:
        declared_parameters = list(parameters(self._document, self._call))
        placeholders = _PLACEHOLDER.findall(self._call.path)
        declared = {parameter.text("name") for parameter in declared_parameters if parameter.text("in") == "path"}
        for name in placeholders:
            if name not in declared:
                self._problems.add(self._origin, f"path parameter '{name}' is not declared")
        for parameter in declared_parameters:
            self._parameter(parameter, placeholders)
        self._idempotency_key()

    def _idempotency_key(self) -> None:
        expected = self._operation.text("x-idempotency") == "key"
        keys = idempotency_keys(self._document, self._call)
        if expected and len(keys) != 1:
            message = f"x-idempotency: key needs one header parameter with `x-role: {IDEMPOTENCY_KEY}`"
            self._problems.add(self._operation.at("x-idempotency"), message)
        for key in keys:
            if not expected:
                message = f"operation {self._call.method} {self._call.path} has an idempotency key, so it needs"
                self._problems.add(self._operation.at("x-idempotency"), f"{message} x-idempotency: key")
            lifetime = key.get("x-key-lifetime")
            if not isinstance(lifetime, int) or lifetime <= 0:
                message = "an idempotency key needs an x-key-lifetime: for how many seconds the API knows it"
                self._problems.add(key.at("x-role"), message)
            if key.text("in") != "header" or key.get("required") or key.object("schema").get("type") != "string":
                self._problems.add(key.at("x-role"), "an idempotency key must be an optional header of type string")

    def _parameter(self, parameter: Object, placeholders: list[str]) -> None:
        name, place, origin = parameter.text("name"), parameter.text("in"), parameter.at("name")
        if place not in {"path", "query", "header"}:
            cookie = "; the client keeps and sends no cookies" if place == "cookie" else ""
            self._problems.add(parameter.at("in"), f"parameter '{name}' must be in path, query or header{cookie}")
        if place == "path" and name not in placeholders:
            self._problems.add(origin, f"path parameter '{name}' does not occur in {self._call.path}")
        if place == "path" and parameter.get("required") is not True:
            self._problems.add(origin, f"path parameter '{name}' must be required")
        if not parameter.text("description"):
            self._problems.add(origin, f"parameter '{name}' has no description")
        self._list(parameter)
        schema = parameter.object("schema")
        if is_list(parameter):
            schema = schema.object("items")
        for key in sorted(LIMITS & schema.keys() - PARAMETER_LIMITS.keys()):
            self._problems.add(schema.at(key), f"'{key}' is not supported on a parameter")
        target = schemas(self._document).object(next(references(schema), ""))
        scalar = isinstance(schema.get("type"), str) and (schema.text("type"), schema.text("format")) in SCALARS
        if not scalar and "enum" not in target:
            what = f"the items of parameter '{name}'" if is_list(parameter) else f"parameter '{name}'"
            self._problems.add(origin, f"{what} must be a scalar or refer to an enum")
        schema = parameter.object("schema")
        check_default(schema, schemas(self._document), self._problems)
        check_inline(schema, f"parameter '{name}'", parameter.at("schema"), self._problems)

    def _list(self, parameter: Object) -> None:
        """Check how a list of values is written. A parameter with one value has no choice."""
        if not is_list(parameter):
            for key in sorted({"style", "explode"} & parameter.keys()):
                self._problems.add(parameter.at(key), f"'{key}' is for a list in the query only")
        elif parameter.text("in") != "query":
            self._problems.add(parameter.at("in"), "a list must be in the query; join it in your own text elsewhere")
        elif parameter.text("style") not in {"form", ""}:
            message = (
                "style must be form: `explode: true` repeats the name, `explode: false` joins the values by commas"
            )
            self._problems.add(parameter.at("style"), message)

    def request_body(self) -> None:
        if "requestBody" not in self._operation:
            return
        body = self._operation.object("requestBody")
        origin, content = self._operation.at("requestBody"), body.object("content")
        if not body.text("description"):
            self._problems.add(origin, "the request body has no description")
        if len(content) != 1 or not content.keys() <= {JSON, FORM, MULTIPART}:
            self._problems.add(origin, f"a request body needs exactly one media type, {JSON}, {FORM} or {MULTIPART}")
        for media_type, media in content.objects():
            if not media.object("schema").text("$ref"):
                self._problems.add(content.at(media_type), "the schema of a request body must be a $ref")
            elif media_type in {FORM, MULTIPART}:
                self._form(media.object("schema"), content.at(media_type))

    def reference(self) -> None:
        """Check that `x-reference` names a member of the body, or of each of its alternatives."""
        if not (name := self._operation.text("x-reference")):
            return
        named = schemas(self._document)
        body = next(bodies(self._operation.object("requestBody")), EMPTY)
        schema = named.object(reference_name(body))
        choices = [named.object(each) for each in alternatives(schema)] or [schema]
        if not all(name in in_direction(choice, "sent").object("properties") for choice in choices):
            self._problems.add(self._operation.at("x-reference"), f"the request body has no member '{name}'")

    def _form(self, schema: Object, origin: Origin) -> None:
        named = schemas(self._document)
        for name, member in named.object(next(references(schema), "")).object("properties").objects():
            if member.get("type") != "string" and "enum" not in named.object(next(references(member), "")):
                self._problems.add(origin, f"a form can contain only strings, but '{name}' is not a string")

    def responses(self) -> None:
        responses = self._operation.object("responses")
        for status, value in responses.objects():
            if not re.fullmatch(r"[1-5][0-9]{2}", status):
                self._problems.add(responses.at(status), f"'{status}' is not a status code")
            self._response(resolve(self._document, value), responses.at(status))
        if responses and not any(status.startswith("2") for status in responses):
            self._problems.add(self._operation.at("responses"), "an operation needs a success response (2..)")

    def _response(self, response: Object, origin: Origin) -> None:
        if response and not response.text("description"):
            self._problems.add(origin, "the response has no description")
        for name, value in response.object("headers").objects():
            header = resolve(self._document, value)
            if header and not header.text("description"):
                self._problems.add(response.object("headers").at(name), f"header '{name}' has no description")
        for media_type, media in response.object("content").objects():
            schema = media.object("schema")
            item = schema.object("items") if schema.get("type") == "array" else schema
            if media_type != JSON:
                self._problems.add(origin, f"media type {media_type}: a response must be {JSON} or have no body")
            elif not item.text("$ref"):
                self._problems.add(origin, "the schema of a response must be a $ref, or an array of one")

    def security(self) -> None:
        holder = self._operation if "security" in self._operation else self._document
        alternatives = holder.array("security")
        if not alternatives:
            self._problems.add(self._origin, "an operation needs security; add it here or in openapi.yaml")
        for alternative, origin in zip(alternatives.objects(), alternatives.origins, strict=True):
            self._alternative(alternative, origin)

    def _alternative(self, alternative: Object, origin: Origin) -> None:
        declared = self._document.object("components").object("securitySchemes")
        if len(alternative) > 1 or any(isinstance(each, Array) and len(each) > 1 for each in alternative.values()):
            self._problems.add(
                origin,
                "an alternative must have one scheme with at most one scope; split it into several",
            )
        for name in alternative:
            scopes = declared.object(name).object("flows").object("clientCredentials").object("scopes")
            if name not in declared:
                self._problems.add(origin, f"security scheme '{name}' is not declared in openapi.yaml")
                continue
            for scope in alternative.texts(name):
                if scope not in scopes:
                    self._problems.add(origin, f"scope '{scope}' is not one of security scheme '{name}'")
