"""Renders the parts of a generated operation function: its signature, arguments and docstring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from codegen import render_text
from codegen.ir import Body, Operation, Parameter, TypeRef
from codegen.render_text import literal, raw_literal
from codegen.render_type import dict_name, enum_like

IDEMPOTENCY: Final = {
    "safe": "Read-only, so it is retried.",
    "natural": "Repeating it has the same effect as doing it once, so it is retried.",
    "key": "It is retried with the same idempotency key, by which the API recognises a repeated request.",
    "none": "Repeating it could take effect twice, so it is retried only when it is certain that nothing was done.",
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
_UNITS: Final = ((3600, "hour"), (60, "minute"), (1, "second"))
BODY: Final = "body"
_SECRET_ARGUMENTS: Final = frozenset({BODY, "extra_body", "session_secret", "idempotency_key", "headers"})


class Argument(NamedTuple):
    """An argument of a generated function.

    Only path parameters and the body may be passed by position. So neither another order of the parameters in the
    specification nor a new required header moves an argument of a caller.
    """

    name: str
    annotation: str
    default: str
    description: str
    positional: bool = False


OPTIONS: Final = (
    Argument(
        "session_secret", "str | None", "None", "Secret of the session, used instead of the client's credentials."
    ),
    Argument(
        "idempotency_key",
        "str | None",
        "None",
        "Key by which the API recognises a repeated request, 1 to 255 printable ASCII characters. All attempts use the "
        "same key. The client generates one if this is left out. It is on every error of the call, but in no pickle: a "
        "task queue passes its own key.",
    ),
    Argument(
        "timeout",
        "Timeouts | float | None",
        "None",
        "Deadline of the whole call in seconds, or a `Timeouts`. At the deadline the call raises an error that says "
        "whether it may have been carried out; a cancellation, such as that of `asyncio.wait_for`, does not say it.",
    ),
    Argument(
        "retry",
        "RetryPolicy | int | None",
        "None",
        "When to retry and how often, instead of the client's policy, or only the number of retries: 0 for none.",
    ),
    Argument("headers", "Mapping[str, str] | None", "None", "Additional HTTP headers."),
    Argument(
        "validate",
        "Validation | None",
        "None",
        "What is checked before anything is sent, instead of the client's level: `shape`, `strict` or `off`.",
    ),
    Argument(
        "extra_body",
        "Mapping[str, object] | None",
        "None",
        "Members to add to the body after it was checked, for what the specification does not know yet.",
    ),
)


def options(operation: Operation) -> list[Argument]:
    """Return the options of an operation: those of every operation, and those that the specification allows for it."""
    refused = set[str]()
    if not operation.security.session_secret:
        refused.add("session_secret")
    if operation.idempotency != "key":
        refused.add("idempotency_key")
    if operation.body is None or operation.body.format != "JSON":
        refused.add("extra_body")
    return [option for option in OPTIONS if option.name not in refused]


def arguments(operation: Operation, *more: Argument) -> list[Argument]:
    """Return the arguments of an operation in the order of its signature.

    Positional ones come first, then required ones, then those with a default. `more` are further arguments of a
    function; they come before the options.
    """
    own = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body:
        annotation = body_annotation(operation.body.type)
        body = _argument(BODY, annotation, operation.body.description, required=operation.body.required)
        own.append(body._replace(positional=True))
    return sorted([*own, *more, *options(operation)], key=lambda each: (not each.positional, each.default != ""))


def body_annotation(type_: TypeRef) -> str:
    """Return the annotation of a body: a Struct or the mapping in its place, or a sequence of them."""
    either = f"{type_.name} | {dict_name(type_.name)}"
    return f"Sequence[{either}]" if type_.many else either


def signature(accepted: list[Argument], *before: str) -> str:
    """Return the parameter list of a function with these arguments. `before` are the parameters that come first."""
    positional = [_declaration(each) for each in accepted if each.positional]
    keywords = [_declaration(each) for each in accepted if not each.positional]
    return ", ".join([*before, *positional, "*", *keywords]) + ","


def _declaration(argument: Argument) -> str:
    default = f" = {argument.default}" if argument.default else ""
    return f"{argument.name}: {argument.annotation}{default}"


def call_arguments(accepted: list[Argument], **expressions: str) -> str:
    """Return the arguments with which one generated function calls another.

    Each argument is passed on under its own name; `expressions` replaces the values of some.
    """
    values = {each.name: expressions.get(each.name, each.name) for each in accepted}
    return ", ".join(values[each.name] if each.positional else f"{each.name}={values[each.name]}" for each in accepted)


def secret_arguments(accepted: list[Argument]) -> str:
    """Return the arguments that may contain a secret. A function deletes them before it awaits anything."""
    return ", ".join(each.name for each in accepted if each.name in _SECRET_ARGUMENTS)


def result_type(operation: Operation) -> str:
    """Return the return type of an operation."""
    return " | ".join(dict.fromkeys(str(reply.type) for reply in operation.responses))


def operation_arguments(operation: Operation) -> str:
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
        lines += [f"body_format=BodyFormat.{operation.body.format}"] if operation.body.format != "JSON" else []
        lines += [] if operation.body.required else ["body_required=False"]
    if operation.security.scopes:
        lines.append(f"scopes={_tuple(map(literal, operation.security.scopes))}")
    if operation.security.session_secret:
        lines.append("session_secret=True")
    if operation.idempotency_header:
        lines.append(f"idempotency_header={literal(operation.idempotency_header)}")
    if operation.key_lifetime:
        lines.append(f"key_lifetime={literal(operation.key_lifetime)}")
    if operation.reference:
        lines.append(f"reference={literal(operation.reference)}")
    return ",\n    ".join(lines) + ","


def request_arguments(operation: Operation, constant: str) -> str:
    """Return the arguments of the `ApiRequest` that a build function returns."""
    lines = [f"operation={constant}"]
    for argument, place in (("path", "path"), ("query", "query"), ("headers", "header")):
        placed = [parameter for parameter in operation.parameters if parameter.place == place]
        if placed:
            lines.append(f"{argument}={_parameters(placed)}")
    if operation.body:
        lines.append("body=body")
    passed_on = ", ".join(f"{option.name}={option.name}" for option in options(operation))
    lines.append(f"options=CallOptions({passed_on})")
    return ",\n        ".join(lines) + ","


def docstring(operation: Operation, accepted: list[Argument], indent: int, *paragraphs: str) -> str:
    """Return the docstring of an operation: summary, description, HTTP line, credentials, arguments and errors.

    `paragraphs` replaces the summary.
    """
    opening = paragraphs or (f"{operation.summary}.",)
    text = [*opening, operation.description, summary_line(operation)]
    entries = (f"{argument.name}: {argument.description}" for argument in accepted)
    return render_text.docstring(
        "\n\n".join(["Deprecated.", *text] if operation.deprecated else text),
        indent,
        ("Args", entries),
        ("Raises", documented_errors(operation)),
    )


def summary_line(operation: Operation) -> str:
    """Return the summary of an operation for its docstring: HTTP line, credentials, and when it is retried."""
    line = f"`{operation.method} {operation.path}`."
    return " ".join([line, required_credentials(operation), retry_rule(operation)])


def retry_rule(operation: Operation) -> str:
    """Return the sentences that say when an operation is retried, and why that is safe."""
    return " ".join([IDEMPOTENCY[operation.idempotency], *_key_rule(operation)])


def _key_rule(operation: Operation) -> Iterator[str]:
    """Yield the sentences that say where an idempotency key is sent, how long it lives, and what to do then."""
    if operation.idempotency_header is None or operation.key_lifetime is None:
        return
    yield f"The key is sent in the header `{operation.idempotency_header}`, and the API knows it for"
    yield f"{_duration(operation.key_lifetime)}."
    named = f" by its `{operation.reference}`" if operation.reference else ""
    yield f"After that, a repeated request is a new one: look the result up{named} first."


def _duration(seconds: int) -> str:
    """Return a duration in the largest unit that it is a whole number of."""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return f"{seconds // size} {unit}{'' if seconds == size else 's'}"


def required_credentials(operation: Operation) -> str:
    """Return the sentence that says which credentials an operation needs."""
    scopes = [f"`{scope}`" for scope in operation.security.scopes]
    accepted = [f"an access token with the scope {' or '.join(scopes)}"] if scopes else []
    accepted += ["the session secret"] if operation.security.session_secret else []
    accepted += ["a secret key"] if operation.security.secret_key else []
    return f"Requires {', or '.join(accepted)}." if accepted else "Requires the client's own credentials."


def documented_errors(operation: Operation) -> Iterator[str]:
    """Yield each documented error: its class, status and description."""
    for reply in operation.errors:
        name = "ServerError" if reply.status >= 500 else ERRORS.get(reply.status, "ApiError")
        yield f"{name}: {reply.status}. {reply.description}"


def _argument(name: str, annotation: str, description: str, *, required: bool) -> Argument:
    if required:
        return Argument(name, annotation, "", description)
    return Argument(name, f"{annotation} | None", "None", description)


def _parameter(parameter: Parameter) -> Argument:
    annotation = enum_like(parameter.type.name) if isinstance(parameter.type, TypeRef) else parameter.type
    if parameter.several:
        # A text is a sequence of texts, too, and would pass for a list of them.
        annotation = "list[str] | tuple[str, ...]" if annotation == "str" else f"Sequence[{annotation}]"
    argument = _argument(parameter.python_name, annotation, parameter.description, required=parameter.required)
    return argument._replace(positional=parameter.place == "path")


def _parameters(placed: list[Parameter]) -> str:
    if len(placed) == 1 and _may_be_missing(placed[0]):
        return _optional_expression(placed[0])
    return _tuple(
        f"*{_optional_expression(each)}" if _may_be_missing(each) else _required_expression(each) for each in placed
    )


def _may_be_missing(parameter: Parameter) -> bool:
    """Return whether an expression of several parameters, or none, stands for it."""
    return not parameter.required or bool(parameter.several)


def _tuple(items: Iterable[str]) -> str:
    listed = list(items)
    return f"({listed[0]},)" if len(listed) == 1 else f"({', '.join(listed)})"


def _optional_expression(parameter: Parameter) -> str:
    if parameter.several:
        return f"list_parameter({_list_arguments(parameter)})"
    name, written = parameter.python_name, _string_expression(parameter)
    value = f"None if {name} is None else {written}" if parameter.type in _DATES else name
    return f"optional_parameter({literal(parameter.name)}, {value}{_argument_name(parameter)}{_limits(parameter)})"


def _list_arguments(parameter: Parameter) -> str:
    joined = ", joined=True" if parameter.several == "joined" else ""
    required = ", required=True" if parameter.required else ""
    name = f"{literal(parameter.name)}, {parameter.python_name}"
    return f"{name}{_argument_name(parameter)}{joined}{required}{_limits(parameter)}"


def _required_expression(parameter: Parameter) -> str:
    value = f"{_string_expression(parameter)}{_argument_name(parameter)}"
    return f"Parameter(name={literal(parameter.name)}, value={value}{_limits(parameter)})"


def _argument_name(parameter: Parameter) -> str:
    other = parameter.python_name != parameter.name
    return f", argument={literal(parameter.python_name)}" if other else ""


def _limits(parameter: Parameter) -> str:
    limits = "".join(f", {name}={_limit(value)}" for name, value in parameter.limits)
    return f"{limits}, enforced={_tuple(map(literal, parameter.enforced))}" if parameter.enforced else limits


def _limit(value: str | float) -> str:
    return raw_literal(value) if isinstance(value, str) else literal(value)


def _alternatives(body: Body) -> str:
    return _tuple(
        f"Alternative({type_}, {_tuple(map(literal, members))})" if members else f"Alternative({type_})"
        for type_, members in body.alternatives
    )


def _string_expression(parameter: Parameter) -> str:
    """Return the expression that converts a parameter's value to a string."""
    name = parameter.python_name
    if isinstance(parameter.type, TypeRef) or parameter.type == "str":
        return name
    return f"{name}.isoformat()" if parameter.type in _DATES else f"parameter_text({name})"
