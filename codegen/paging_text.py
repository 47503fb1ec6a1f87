"""The parts of a generated iterator over pages as text: its arguments, its page, its docstring."""

from __future__ import annotations

from typing import Final

from codegen import call_text
from codegen.call_text import Argument
from codegen.ir import Operation, Pagination
from codegen.text import literal

MAX_ITEMS: Final = Argument("max_items", "int | None", "None", "Most items wanted, 0 or more; all if left out.")
_EXPLAINED: Final = (
    "Each page is fetched when its first item is asked for, and the first one not before that. An item that comes on "
    "two pages is yielded once; a page that brings nothing new is the last."
)


def arguments(operation: Operation, pagination: Pagination) -> list[Argument]:
    """Return every argument of an iterator: those of the call, and how many items are wanted."""
    found = call_text.arguments(operation, MAX_ITEMS)
    start = "Number of items to leave out before the first."
    return [each._replace(description=start) if each.name == pagination.skip else each for each in found]


def iterator(operation: Operation, pagination: Pagination) -> dict[str, str]:
    """Return what the templates need for an iterator."""
    found, calling = arguments(operation, pagination), call_text.arguments(operation)
    return {
        "name": pagination.iterator,
        "style": pagination.style,
        "item": str(pagination.item),
        "parameters": call_text.signature(found, "sender: Sender"),
        "method_parameters": call_text.signature(found, "self"),
        "method_passed": call_text.passed(found),
        "passed": call_text.passed(calling, **{pagination.skip: f"{pagination.skip} or 0"} if pagination.skip else {}),
        "skip": literal(_api_name(operation, pagination)),
        "start": f"{pagination.skip} or 0",
        "page": _page(pagination),
        "docstring": _docstring(operation, pagination, 4),
        "method_docstring": _docstring(operation, pagination, 8),
    }


def _api_name(operation: Operation, pagination: Pagination) -> str:
    """Return what the API calls the number of items to leave out."""
    return next((each.name for each in operation.parameters if each.python_name == pagination.skip), "")


def _page(pagination: Pagination) -> str:
    """Return the arguments of the `Page` made of what a call found."""
    items = f"found.{pagination.items}"
    known = f"total=found.{pagination.total}" if pagination.total else f"next_link={_link(pagination.next)}"
    return f"{items}, [item.{pagination.key} for item in {items}], {known}"


def _link(way: tuple[str, ...]) -> str:
    """Return the expression for a link that is there if every member on the way to it is."""
    steps = ["found." + ".".join(way[:depth]) for depth in range(1, len(way))]
    present = " and ".join(f"{step} is not None" for step in steps)
    link = f"found.{'.'.join(way)}"
    return f"{link} if {present} else None" if present else link


def _docstring(operation: Operation, pagination: Pagination, indent: int) -> str:
    of_a_page = "the body's" if pagination.style == "link" else "the argument"
    lines = [
        f"Iterate over the items of all pages of `{operation.name}`.",
        f"{_EXPLAINED} The length of a page is {of_a_page} `{pagination.limit}`.",
    ]
    return call_text.docstring(operation, arguments(operation, pagination), indent, *lines)
