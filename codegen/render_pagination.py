"""Renders the parts of a generated iterator over pages: its arguments, its page and its docstring."""

from __future__ import annotations

from typing import Final

from codegen import render_call
from codegen.ir import Operation, Pagination
from codegen.render_call import Argument
from codegen.render_text import literal

MAX_ITEMS: Final = Argument(
    "max_items", "int | None", "None", "Maximum number of items to yield, 0 or more; all if left out."
)
_EXPLANATION: Final = (
    "Each page, including the first, is fetched when its first item is requested. An item that appears on two pages is "
    "yielded once. Iteration ends at a page without new items."
)


def arguments(operation: Operation, pagination: Pagination) -> list[Argument]:
    """Return the arguments of an iterator: those of the operation, and `max_items`."""
    accepted = render_call.arguments(operation, MAX_ITEMS)
    start = "Number of items to skip before the first one yielded."
    return [each._replace(description=start) if each.name == pagination.skip else each for each in accepted]


def iterator(operation: Operation, pagination: Pagination) -> dict[str, str]:
    """Return what the templates need for an iterator."""
    accepted, passed_on = arguments(operation, pagination), render_call.arguments(operation)
    start = f"{pagination.skip} or 0"
    return {
        "name": pagination.iterator,
        "style": pagination.style,
        "item": str(pagination.item),
        "parameters": render_call.signature(accepted, "sender: Sender"),
        "method_parameters": render_call.signature(accepted, "self"),
        "method_call_arguments": render_call.call_arguments(accepted),
        "call_arguments": render_call.call_arguments(passed_on, **{pagination.skip: start} if pagination.skip else {}),
        "skip": literal(_offset_name(operation, pagination)),
        "start": start,
        "page": _page(pagination),
        "docstring": _docstring(operation, pagination, 4),
        "method_docstring": _docstring(operation, pagination, 8),
    }


def _offset_name(operation: Operation, pagination: Pagination) -> str:
    """Return the API's name of the parameter with the offset."""
    return next((each.name for each in operation.parameters if each.python_name == pagination.skip), "")


def _page(pagination: Pagination) -> str:
    """Return the arguments of the `Page` for the result of an operation."""
    items = f"result.{pagination.items}"
    known = f"total=result.{pagination.total}" if pagination.total else f"next_link={_link(pagination.next)}"
    return f"{items}, [item.{pagination.key} for item in {items}], {known}"


def _link(path: tuple[str, ...]) -> str:
    """Return the expression for a link, which is None if a member on the path to it is missing."""
    steps = ["result." + ".".join(path[:depth]) for depth in range(1, len(path))]
    present = " and ".join(f"{step} is not None" for step in steps)
    link = f"result.{'.'.join(path)}"
    return f"{link} if {present} else None" if present else link


def _docstring(operation: Operation, pagination: Pagination, indent: int) -> str:
    holder = "member" if pagination.style == "link" else "argument"
    of_body = " of the body" if pagination.style == "link" else ""
    lines = [
        f"Iterate over the items of all pages of `{operation.name}`.",
        f"{_EXPLANATION} The {holder} `{pagination.limit}`{of_body} sets the page size.",
    ]
    return render_call.docstring(operation, arguments(operation, pagination), indent, *lines)
