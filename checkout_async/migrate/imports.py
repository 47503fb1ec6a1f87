"""What a module imports of checkout-sdk, and which of its imports are no longer needed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import libcst as cst
from libcst import matchers as m

from checkout_async.migrate.names import MODULES

_VENDOR: Final = "checkout_sdk"
_MODULES: Final = (
    *MODULES,
    "checkout_sdk.exception",
    "checkout_sdk.checkout_sdk",
    "checkout_sdk.environment",
    "checkout_sdk.oauth_scopes",
)
"""The modules whose names are replaced."""


def imported(module: cst.Module) -> dict[str, tuple[str, str]]:
    """Return what a module imports of checkout-sdk: the module and the name there, by the name here."""
    found: dict[str, tuple[str, str]] = {}
    for node in m.findall(module, m.ImportFrom()):
        statement = cst.ensure_type(node, cst.ImportFrom)
        path = _path(statement)
        if path.split(".")[0] != _VENDOR or isinstance(statement.names, cst.ImportStar):
            continue
        for alias in statement.names:
            local = alias.asname.name if alias.asname else alias.name
            if isinstance(local, cst.Name) and isinstance(alias.name, cst.Name):
                found[local.value] = (path, alias.name.value)
    return found


def hides_names(statement: cst.Import | cst.ImportFrom) -> bool:
    """Whether an import brings names of checkout-sdk that cannot be followed: a whole module, or all of its names."""
    if isinstance(statement, cst.Import):
        return any(_code(alias.name).split(".")[0] == _VENDOR for alias in statement.names)
    path = _path(statement)
    if isinstance(statement.names, cst.ImportStar):
        return path.split(".")[0] == _VENDOR
    full = [f"{path}.{_code(alias.name)}" for alias in statement.names]
    return any(known == each or known.startswith(f"{each}.") for each in full for known in _MODULES)


def is_replaced(statement: cst.CSTNode, replaced: Collection[str], body: Sequence[cst.CSTNode]) -> bool:
    """Whether a statement imports only what was replaced, and what no statement of the new `body` uses any more."""
    if not m.matches(statement, m.SimpleStatementLine([m.ImportFrom()])):
        return False
    names = [
        (alias.asname.name if alias.asname else alias.name)
        for each in m.findall(statement, m.ImportFrom())
        if isinstance(each, cst.ImportFrom) and isinstance(each.names, Sequence)
        for alias in each.names
    ]
    local = {name.value for name in names if isinstance(name, cst.Name)}
    return len(local) == len(names) and local <= set(replaced) and not local & _used(body)


def _used(body: Sequence[cst.CSTNode]) -> set[str]:
    is_import = m.SimpleStatementLine([m.Import() | m.ImportFrom()])
    found = [m.findall(each, m.Name()) for each in body if not m.matches(each, is_import)]
    attributes = [m.findall(each, m.Attribute()) for each in body]
    members = {id(each.attr) for group in attributes for each in group if isinstance(each, cst.Attribute)}
    return {name.value for group in found for name in group if isinstance(name, cst.Name) and id(name) not in members}


def _path(statement: cst.ImportFrom) -> str:
    return "" if statement.module is None else _code(statement.module)


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)
