"""The keywords that the compiler supports, by kind of object, with the type of each keyword's value.

Every keyword listed here is used by some part of the compiler. Any other keyword would be ignored silently, so it is
reported as a problem.
"""

from __future__ import annotations

from typing import Final

ValueType = str
"""A primitive ("text", "bool", "int", "number", "data"), "texts" (a list of strings), "type" (a string or a list of
strings), "values" (a schema, or `true` for any value), or the name of a kind of object below. "[kind]" is an array of a
kind, "{kind}" a mapping of names to it."""

KEYWORDS: Final[dict[str, dict[str, ValueType]]] = {
    "root": {
        "openapi": "text",
        "info": "info",
        "servers": "[server]",
        "tags": "[tag]",
        "security": "[requirement]",
        "paths": "{path item}",
        "webhooks": "{path item}",
        "components": "components",
        "x-currencies": "currencies",
        "x-python-names": "{text}",
    },
    "currencies": {
        "source": "text",
        "date": "text",
        "description": "text",
        "other": "int",
        "decimals": "{texts}",
        "steps": "{texts}",
    },
    "info": {
        "title": "text",
        "version": "text",
        "summary": "text",
        "description": "text",
        "contact": "contact",
        "license": "license",
    },
    "contact": {"name": "text", "url": "text", "email": "text"},
    "license": {"name": "text", "identifier": "text", "url": "text"},
    "server": {
        "url": "text",
        "description": "text",
        "variables": "{server variable}",
        "x-environment": "text",
    },
    "server variable": {"default": "text", "description": "text", "enum": "texts"},
    "tag": {"name": "text", "description": "text"},
    "requirement": {"*": "texts"},
    "components": {
        "schemas": "{schema}",
        "parameters": "{parameter}",
        "responses": "{response}",
        "headers": "{header}",
        "securitySchemes": "{security scheme}",
    },
    "path item": {
        "$ref": "text",
        "summary": "text",
        "description": "text",
        "servers": "[server]",
        "parameters": "[parameter]",
        "get": "operation",
        "put": "operation",
        "post": "operation",
        "delete": "operation",
        "patch": "operation",
    },
    "operation": {
        "operationId": "text",
        "tags": "texts",
        "summary": "text",
        "description": "text",
        "deprecated": "bool",
        "x-idempotency": "text",
        "x-idempotency-reason": "text",
        "x-review": "text",
        "x-reference": "text",
        "x-pagination": "pagination",
        "security": "[requirement]",
        "parameters": "[parameter]",
        "requestBody": "request body",
        "responses": "{response}",
        "callbacks": "{callback}",
    },
    "pagination": {
        "iterator": "text",
        "style": "text",
        "limit": "text",
        "items": "text",
        "skip": "text",
        "total": "text",
        "next": "texts",
    },
    "callback": {"*": "path item"},
    "parameter": {
        "$ref": "text",
        "name": "text",
        "in": "text",
        "required": "bool",
        "deprecated": "bool",
        "description": "text",
        "style": "text",
        "explode": "bool",
        "schema": "schema",
        "example": "data",
        "x-python-name": "text",
        "x-role": "text",
        "x-review": "text",
        "x-key-lifetime": "int",
    },
    "request body": {"description": "text", "required": "bool", "content": "{media type}"},
    "response": {
        "$ref": "text",
        "description": "text",
        "headers": "{header}",
        "content": "{media type}",
    },
    "header": {
        "$ref": "text",
        "description": "text",
        "schema": "schema",
        "x-role": "text",
        "x-sensitive": "text",
    },
    "media type": {"schema": "schema", "example": "data", "examples": "{example}"},
    "example": {"summary": "text", "description": "text", "value": "data", "externalValue": "text"},
    "security scheme": {
        "type": "text",
        "description": "text",
        "in": "text",
        "name": "text",
        "scheme": "text",
        "bearerFormat": "text",
        "flows": "flows",
    },
    "flows": {"clientCredentials": "flow"},
    "flow": {"tokenUrl": "text", "scopes": "{text}"},
    "schema": {
        "$ref": "text",
        "type": "type",
        "description": "text",
        "deprecated": "bool",
        "readOnly": "bool",
        "writeOnly": "bool",
        "format": "text",
        "properties": "{schema}",
        "required": "texts",
        "additionalProperties": "values",
        "items": "schema",
        "enum": "[data]",
        "const": "text",
        "oneOf": "[schema]",
        "discriminator": "discriminator",
        "anyOf": "[schema]",
        "x-recognised-by": "{texts}",
        "default": "data",
        "examples": "[data]",
        "pattern": "text",
        "minLength": "int",
        "maxLength": "int",
        "minimum": "number",
        "maximum": "number",
        "exclusiveMinimum": "number",
        "exclusiveMaximum": "number",
        "multipleOf": "number",
        "minItems": "int",
        "maxItems": "int",
        "minProperties": "int",
        "maxProperties": "int",
        "x-echoes": "text",
        "x-former-name": "text",
        "x-enforced": "{text}",
        "x-sensitive": "text",
        "x-review": "text",
        "x-role": "text",
        "x-identifier": "bool",
        "x-enum-varnames": "texts",
        "x-enum-descriptions": "{text}",
        "x-enum-aliases": "{text}",
    },
    "discriminator": {"propertyName": "text", "mapping": "{text}"},
}

# Keywords of OpenAPI 3.0, 3.1 and JSON Schema that the compiler does not support on purpose, and what to write instead.
REFUSED: Final[dict[str, dict[str, str]]] = {
    "schema": {
        "$anchor": "refer to a schema by the file and the name that it has there",
        "$defs": "give each schema a name in a file of components/schemas/",
        "allOf": "write the members of all its parts into this schema; a type in Python has one definition",
        "contains": "describe it in the description",
        "contentEncoding": "describe it in the description; the value is the text as the API sends it",
        "contentMediaType": "describe it in the description; the value is the text as the API sends it",
        "dependentRequired": "describe it in the description; the API checks it",
        "dependentSchemas": "describe it in the description; the API checks it",
        "else": "describe it in the description; the API checks it",
        "example": "write `examples`, a list, as OpenAPI 3.1 does",
        "externalDocs": "write what matters into the description",
        "if": "describe it in the description; the API checks it",
        "not": "describe it in the description; the API checks it",
        "nullable": "write `type: [string, 'null']` with the type it has, as OpenAPI 3.1 does",
        "patternProperties": "use additionalProperties, and describe the keys in the description",
        "prefixItems": "use items with one type for all of them",
        "propertyNames": "describe the keys in the description",
        "then": "describe it in the description; the API checks it",
        "title": "leave it out; the class has the name that the schema has in its file",
        "unevaluatedProperties": "leave it out; requests refuse unknown members, and replies ignore them",
        "uniqueItems": "describe it in the description; the API checks it",
        "xml": "leave it out; bodies are JSON or forms",
    },
    "parameter": {
        "allowEmptyValue": "leave it out; a parameter without a value is not sent",
        "allowReserved": "leave it out; every reserved character is quoted",
        "content": "use `schema` with a scalar or an enum",
        "examples": "use `example`, with one value",
    },
    "operation": {
        "externalDocs": "write what matters into the description",
        "servers": "state the servers in openapi.yaml; an API has one host in each environment",
    },
    "media type": {"encoding": "leave it out; a part of a form is a text, or a file with its own media type"},
    "response": {"links": "describe in the description what to call next"},
    "components": {
        "callbacks": "write a callback into its operation",
        "examples": "put an example into a file of examples/, and refer to it with externalValue",
        "pathItems": "put a path into a file of paths/",
        "requestBodies": "write a request body into its operation",
    },
    "flows": {
        "authorizationCode": "only clientCredentials is supported; a server has no user to send elsewhere",
        "implicit": "only clientCredentials is supported; a server has no user to send elsewhere",
        "password": "only clientCredentials is supported",
    },
    "path item": {
        "head": "use get; a client of this package reads bodies",
        "options": "leave it out; it is for browsers",
        "trace": "leave it out; it shows credentials",
    },
}
# Values that OpenAPI 3.0 or JSON Schema allow and the compiler does not: keyword and type of the value.
REFUSED_VALUES: Final[dict[tuple[str, str], str]] = {
    ("additionalProperties", "bool"): (
        "leave it out of an object with properties, and give a map the schema of its values, `true` or `{}` for any"
    ),
    ("exclusiveMaximum", "bool"): "write the limit itself, and leave `maximum` out, as OpenAPI 3.1 does",
    ("exclusiveMinimum", "bool"): "write the limit itself, and leave `minimum` out, as OpenAPI 3.1 does",
    ("required", "bool"): "true or false is for parameters and bodies; an object lists its required members",
}

# The values of `type` that a JSON Schema keyword applies to.
APPLIES_TO: Final[dict[str, frozenset[str]]] = {
    "properties": frozenset({"object"}),
    "required": frozenset({"object"}),
    "additionalProperties": frozenset({"object"}),
    "minProperties": frozenset({"object"}),
    "maxProperties": frozenset({"object"}),
    "items": frozenset({"array"}),
    "minItems": frozenset({"array"}),
    "maxItems": frozenset({"array"}),
    "format": frozenset({"string"}),
    "pattern": frozenset({"string"}),
    "enum": frozenset({"string"}),
    "const": frozenset({"string"}),
    "minLength": frozenset({"string"}),
    "maxLength": frozenset({"string"}),
    "minimum": frozenset({"integer", "number"}),
    "maximum": frozenset({"integer", "number"}),
    "exclusiveMinimum": frozenset({"integer", "number"}),
    "exclusiveMaximum": frozenset({"integer", "number"}),
    "multipleOf": frozenset({"integer", "number"}),
}
TYPES: Final = frozenset({"array", "boolean", "integer", "number", "object", "string"})
ANY: Final = TYPES | {"null"}
"""The value of `type` of a member that may have any value."""
BINARY: Final = "binary"
"""The format of a file, a member of a body of multipart/form-data."""
COMPOSITE: Final = frozenset({"array", "object"})
FORMATS: Final = frozenset({"binary", "date", "date-time", "uri"})
SENSITIVE: Final = frozenset({"cvv", "pan", "personal", "secret"})
NOT_SENSITIVE: Final = "none"
"""What a member says that looks sensitive and is not."""
FORMER_NAME: Final = "x-former-name"
"""The name that a member had until the last release."""
IDEMPOTENCY: Final = frozenset({"key", "natural", "none", "safe"})
IDEMPOTENCY_KEY: Final = "idempotency-key"
"""The only value of `x-role` that a parameter of an operation may have."""
# The members of `x-pagination` by style; all of them are required.
PAGINATION: Final[dict[str, frozenset[str]]] = {
    "skip": frozenset({"iterator", "style", "limit", "items", "skip", "total"}),
    "link": frozenset({"iterator", "style", "limit", "items", "next"}),
}
# The keywords that may stand next to `$ref`.
REFERENCE_SIBLINGS: Final = frozenset(
    {
        "$ref",
        "default",
        "deprecated",
        "description",
        "readOnly",
        "writeOnly",
        "x-echoes",
        "x-former-name",
        "x-identifier",
        "x-null",
        "x-review",
        "x-role",
        "x-sensitive",
    }
)
ONE_WAY: Final = {"sent": "readOnly", "received": "writeOnly"}
"""The keyword of the members that a body of each direction does not have."""
