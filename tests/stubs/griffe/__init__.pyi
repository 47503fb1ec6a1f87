"""What scripts/website/docstrings.py uses of griffe, which is in the environment of `make docs` alone."""

class Docstring:
    value: str

class Object:
    docstring: Docstring | None

class Extension: ...
