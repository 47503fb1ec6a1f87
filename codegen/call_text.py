"""The parts of a generated call as text: its signature, its arguments, its docstring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from codegen import text
from codegen.ir import Body, Operation, Parameter, TypeRef
from codegen.text import literal

IDEMPOTENCY: Final = {
    "safe": "It only reads, so it is retried.",
    "natural": "Repeating it leaves what doing it once leaves, so it is retried.",
    "key": "It is retried under one idempotency key, which the API recognises.",
    "none": "A repetition would be a second effect, so it is retried only where nothing was done.",
}
ERRORS: Final = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    422: "UnprocessableEntity",
    429: "RateLimited",
}


_DATES: Final = ("date", "datetime")
BODY: Final = "body"
_SECRETIVE: Final = frozenset({BODY, "session_secret", "idempotency_key", "headers"})


class Argument(NamedTuple):
    """An argument of a generated function; by keyword only if it has a default and is not the body."""

    name: str
    annotation: str
    default: str
    description: str


OPTIONS: Final = (
    Argument(
        "session_secret", "str | None", "None", "Secret of the session, used instead of the client's credentials."
    ),
    Argument(
        "idempotency_key",
        "str | None",
        "None",
        "Key the API recognises a repetition by, 1 to 255 printable ASCII characters; the same on every attempt. The "
        "client makes one up if left out.",
    ),
    Argument("timeout", "Timeouts | float | None", "None", "Deadline of the call in seconds, or all its timeouts."),
    Argument(
        "retry", "RetryPolicy | None", "None", "How often and how soon to repeat it, instead of the client's policy."
    ),
    Argument("headers", "Mapping[str, str] | None", "None", "Further HTTP headers."),
)


def options(operation: Operation) -> list[Argument]:
    """Return the options of a call: those of every call, and those that the specification allows for this one."""
    refused = set[str]()
    if not operation.security.session_secret:
        refused.add("session_secret")
    if operation.idempotency != "key":
        refused.add("idempotency_key")
    return [option for option in OPTIONS if option.name not in refused]


def arguments(operation: Operation, *more: Argument) -> list[Argument]:
    """Return every argument of a call in the order of its signature: required ones, then those with a default.

    What a function takes besides goes before the options.
    """
    found = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body:
        annotation = f"{operation.body.type} | Mapping[str, object]"
        found.append(_argument(BODY, annotation, operation.body.description, required=operation.body.required))
    return sorted([*found, *more, *options(operation)], key=lambda argument: argument.default != "")


def signature(found: list[Argument], *before: str) -> str:
    """Return the parameters of a function that takes these arguments, after those given."""
    required = [f"{argument.name}: {argument.annotation}" for argument in found if not argument.default]
    optional = [each for each in found if each.default]
    body = [f"{each.name}: {each.annotation} = {each.default}" for each in optional if each.name == BODY]
    keywords = [f"{each.name}: {each.annotation} = {each.default}" for each in optional if each.name != BODY]
    return ", ".join([*before, *required, *body, "*", *keywords]) + ","


def passed(found: list[Argument], **other: str) -> str:
    """Return the arguments with which one generated function calls another, some with another expression."""
    values = {each.name: other.get(each.name, each.name) for each in found}
    return ", ".join(f"{each.name}={values[each.name]}" if each.default else values[each.name] for each in found)


def hidden(found: list[Argument]) -> str:
    """Return the arguments that may hold a secret: a function forgets them before it waits for anything."""
    return ", ".join(each.name for each in found if each.name in _SECRETIVE)


def result(operation: Operation) -> str:
    """Return the type of what a call returns."""
    return " | ".join(dict.fromkeys(str(reply.type) for reply in operation.responses))


def static_description(operation: Operation) -> str:
    """Return the arguments of the `Operation` constant."""
    responses = ", ".join(f"{reply.status}: {reply.type}" for reply in operation.responses)
    lines = [
        f"name={literal(operation.name)}",
        f"method={literal(operation.method)}",
        f"path={literal(operation.path)}",
        f"idempotency=Idempotency.{operation.idempotency.upper()}",
        f"responses={{{responses}}}",
    ]
    if operation.body:
        several = operation.body.alternatives
        lines.append(f"alternatives={_alternatives(operation.body)}" if several else f"request={operation.body.type}")
        lines += ["body_format=BodyFormat.FORM"] if operation.body.format == "FORM" else []
        lines += [] if operation.body.required else ["body_required=False"]
    if operation.security.scopes:
        lines.append(f"scopes={_tuple(map(literal, operation.security.scopes))}")
    if operation.security.session_secret:
        lines.append("session_secret=True")
    if operation.idempotency_header:
        lines.append(f"idempotency_header={literal(operation.idempotency_header)}")
    return ",\n    ".join(lines) + ","


def request_arguments(operation: Operation, constant: str) -> str:
    """Return the arguments of the `ApiRequest` that a build function makes."""
    lines = [f"operation={constant}"]
    for argument, place in (("path", "path"), ("query", "query"), ("headers", "header")):
        found = [parameter for parameter in operation.parameters if parameter.place == place]
        if found:
            lines.append(f"{argument}={_parameters(found)}")
    if operation.body:
        lines.append("body=body")
    given = ", ".join(f"{option.name}={option.name}" for option in options(operation))
    lines.append(f"options=CallOptions({given})")
    return ",\n        ".join(lines) + ","


def docstring(operation: Operation, found: list[Argument], indent: int, *before: str) -> str:
    """Return the docstring of a call: what it does, its HTTP line, who may call, arguments, errors.

    The paragraphs given stand in place of the summary.
    """
    paragraphs = [*(before or [operation.summary + "."]), operation.description, facts(operation)]
    told = (f"{argument.name}: {argument.description}" for argument in found)
    return text.docstring(
        "\n\n".join(["Deprecated.", *paragraphs] if operation.deprecated else paragraphs),
        indent,
        ("Args", told),
        ("Raises", told_errors(operation)),
    )


def facts(operation: Operation) -> str:
    """Return what a reader has to know of any call: HTTP line, credentials, repetition."""
    line = f"`{operation.method} {operation.path}`."
    return " ".join([line, credentials(operation), repetition(operation)])


def repetition(operation: Operation) -> str:
    """Return a sentence that says whether a call is retried, and what makes that safe."""
    header = f" Its header is `{operation.idempotency_header}`." if operation.idempotency_header else ""
    return IDEMPOTENCY[operation.idempotency] + header


def credentials(operation: Operation) -> str:
    """Return a sentence that says who may call."""
    scopes = [f"`{scope}`" for scope in operation.security.scopes]
    accepted = [f"an access token with the scope {' or '.join(scopes)}"] if scopes else []
    accepted += ["the secret of the session"] if operation.security.session_secret else []
    accepted += ["a secret key"] if operation.security.secret_key else []
    return f"Needs {', or '.join(accepted)}." if accepted else "Needs the credentials of the client itself."


def told_errors(operation: Operation) -> Iterator[str]:
    """Yield each documented refusal: class of the error, status, description."""
    for reply in operation.errors:
        name = "ServerError" if reply.status >= 500 else ERRORS.get(reply.status, "ApiError")
        yield f"{name}: {reply.status}. {reply.description}"


def _argument(name: str, annotation: str, description: str, *, required: bool) -> Argument:
    if required:
        return Argument(name, annotation, "", description)
    return Argument(name, f"{annotation} | None", "None", description)


def _parameter(parameter: Parameter) -> Argument:
    annotation = f"{parameter.type} | str" if isinstance(parameter.type, TypeRef) else parameter.type
    return _argument(parameter.python_name, annotation, parameter.description, required=parameter.required)


def _parameters(found: list[Parameter]) -> str:
    if len(found) == 1 and not found[0].required:
        return _given(found[0])
    return _tuple(_value(each) if each.required else f"*{_given(each)}" for each in found)


def _tuple(items: Iterable[str]) -> str:
    found = list(items)
    return f"({found[0]},)" if len(found) == 1 else f"({', '.join(found)})"


def _given(parameter: Parameter) -> str:
    name, written = parameter.python_name, _text(parameter)
    value = f"None if {name} is None else {written}" if parameter.type in _DATES else name
    return f"given({literal(parameter.name)}, {value}{_limits(parameter)})"


def _value(parameter: Parameter) -> str:
    return f"Parameter(name={literal(parameter.name)}, value={_text(parameter)}{_limits(parameter)})"


def _limits(parameter: Parameter) -> str:
    return "".join(f", {name}={_limit(value)}" for name, value in parameter.limits)


def _limit(value: str | float) -> str:
    if not isinstance(value, str):
        return repr(value)
    return f'r"{value}"' if '"' not in value else literal(value)


def _alternatives(body: Body) -> str:
    return _tuple(
        f"Alternative({type_}, {_tuple(map(literal, members))})" if members else f"Alternative({type_})"
        for type_, members in body.alternatives
    )


def _text(parameter: Parameter) -> str:
    """Return the expression that makes text of a parameter's value."""
    name = parameter.python_name
    written = {"int": f"str({name})", "float": f"str({name})", "bool": f"str({name}).lower()"}
    written |= dict.fromkeys(_DATES, f"{name}.isoformat()")
    return name if isinstance(parameter.type, TypeRef) else written.get(parameter.type, name)
