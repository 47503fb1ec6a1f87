"""What scripts/website/hooks.py uses of mkdocs, which is in the environment of `make docs` alone."""

from typing import Any

class MkDocsConfig:
    extra: dict[str, Any]
