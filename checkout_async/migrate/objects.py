"""Objects that are made empty and filled by assignment become one call with keywords."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import libcst as cst
import msgspec
from libcst import matchers as m

from checkout_async import models

Note = Callable[[cst.CSTNode, str], None]


def gather(
    original: Sequence[cst.BaseStatement],
    updated: Sequence[cst.BaseStatement],
    kinds: Mapping[str, tuple[str, str]],
    note: Note,
) -> list[cst.BaseStatement]:
    """Return the statements of a block with each object of one of the kinds made in one call.

    `updated` are the statements of `original` with new names. `kinds` are the module and the name here of the classes,
    by their names in `original`. `note` is called for what a person has to look at.
    """
    result: list[cst.BaseStatement] = []
    number = 0
    while number < len(original):
        made = _made(original[number], kinds)
        end = number + 1
        if made is None:
            result.append(updated[number])
        else:
            variable, kind = made
            while end < len(original) and _assigned(original[end], variable) is not None:
                end += 1
            result.append(_call(updated[number], original[number:end], updated[number + 1 : end], kind, note))
        number = end
    return result


def _made(statement: cst.BaseStatement, kinds: Mapping[str, tuple[str, str]]) -> tuple[str, tuple[str, str]] | None:
    """Return the variable and the kind of a statement that makes an empty object, or None."""
    empty = m.SimpleStatementLine([m.Assign([m.AssignTarget(m.Name())], m.Call(m.Name(), args=[]))])
    if not m.matches(statement, empty):
        return None
    assign = _assign(statement)
    variable = cst.ensure_type(assign.targets[0].target, cst.Name).value
    name = cst.ensure_type(cst.ensure_type(assign.value, cst.Call).func, cst.Name).value
    return (variable, kinds[name]) if name in kinds else None


def _assigned(statement: cst.BaseStatement, variable: str) -> str | None:
    """Return the attribute of a variable that a statement sets to a value without it, or None."""
    target = m.Attribute(m.Name(variable), m.Name())
    if not m.matches(statement, m.SimpleStatementLine([m.Assign([m.AssignTarget(target)])])):
        return None
    if _comments(statement) or m.findall(_assign(statement).value, m.Name(variable)):
        return None
    return cst.ensure_type(_assign(statement).targets[0].target, cst.Attribute).attr.value


def _comments(statement: cst.BaseStatement) -> bool:
    return bool(m.findall(statement, m.Comment()))


def _call(
    statement: cst.BaseStatement,
    originals: Sequence[cst.BaseStatement],
    assignments: Sequence[cst.BaseStatement],
    kind: tuple[str, str],
    note: Note,
) -> cst.BaseStatement:
    """Return the statement that makes the object, with its members as keywords."""
    cls = getattr(getattr(models, kind[0]), kind[1])
    fields = getattr(cls, "__struct_fields__", ())
    if not fields:
        note(originals[0], f"{kind[1]} is a union here: use one of its classes")
    values: dict[str, cst.BaseExpression] = {}
    for original, updated in zip(originals[1:], assignments, strict=True):
        name = cst.ensure_type(_assign(original).targets[0].target, cst.Attribute).attr.value
        if name == cls.__struct_config__.tag_field if fields else False:
            continue  # the class sends it
        if fields and name not in fields:
            note(original, f"{kind[1]} has no member {name}")
        values[name] = _assign(updated).value
    missing = [each.name for each in msgspec.structs.fields(cls) if each.required] if fields else []
    if missing := [name for name in missing if name not in values]:
        note(originals[0], f"{kind[1]} needs {' and '.join(missing)} when it is made")
    assign = _assign(statement)
    call = cst.ensure_type(assign.value, cst.Call).with_changes(**_laid_out(values))
    line = cst.ensure_type(statement, cst.SimpleStatementLine)
    return line.with_changes(body=[assign.with_changes(value=call)])


def _laid_out(values: Mapping[str, cst.BaseExpression]) -> dict[str, object]:
    """Return the arguments of a call, one a line, and the white space before the first."""
    if not values:
        return {"args": []}
    inner = cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace("    "))
    outer = cst.ParenthesizedWhitespace(indent=True)
    equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    last = list(values)[-1]
    arguments = [
        cst.Arg(
            value,
            keyword=cst.Name(name),
            equal=equal,
            comma=cst.Comma(whitespace_after=outer if name == last else inner),
        )
        for name, value in values.items()
    ]
    return {"args": arguments, "whitespace_before_args": inner}


def _assign(statement: cst.BaseStatement) -> cst.Assign:
    return cst.ensure_type(cst.ensure_type(statement, cst.SimpleStatementLine).body[0], cst.Assign)
