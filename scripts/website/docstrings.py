"""An extension of griffe: docstrings are written for `help()`, and some of them mean something else in Markdown."""

from __future__ import annotations

from typing import Any

import griffe

from scripts.website.markdown import as_markdown


class Docstrings(griffe.Extension):
    """Changes docstrings so that they look as they were meant."""

    def on_instance(self, *, obj: griffe.Object, **_arguments: Any) -> None:
        """Change the docstring of an object before it is parsed."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)
