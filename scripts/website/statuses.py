"""An extension of griffe: a status at the beginning of a text is a number, and not the number of a list item."""

from __future__ import annotations

import re
from typing import Any, Final

import griffe

_STATUS: Final = re.compile(r"^(\s+\w+: )(\d{3})\. ", re.MULTILINE)


class Statuses(griffe.Extension):
    """Escapes the dot after a status in the docstrings of operations, whose errors begin with one."""

    def on_instance(self, *, obj: griffe.Object, **_arguments: Any) -> None:
        """Change the docstring of an object before it is parsed."""
        if obj.docstring is not None:
            obj.docstring.value = _STATUS.sub(r"\1\2\\. ", obj.docstring.value)
