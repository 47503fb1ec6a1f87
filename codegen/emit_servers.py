"""Emits the URLs of the API and of its token endpoint, by environment."""

from __future__ import annotations

from codegen.document import Object
from codegen.passes.servers import api_urls, token_urls
from codegen.render_text import HEADER, literal


def emit_servers(document: Object) -> str:
    """Return the module with the URLs."""
    lines = [
        f"# {HEADER}",
        '"""The URLs of the API and of its token endpoint, by environment. `{subdomain}` stands for the account\'s."""',
        "",
        "from __future__ import annotations",
        "",
        "from collections.abc import Mapping",
        "from typing import Final",
        "",
        '__all__ = ["BASE_URLS", "TOKEN_URLS"]',
        "",
        f"BASE_URLS: Final[Mapping[str, str]] = {literal(api_urls(document))}",
        f"TOKEN_URLS: Final[Mapping[str, str]] = {literal(token_urls(document))}",
    ]
    return "\n".join(lines) + "\n"
