"""The layers point downward: a module imports only what is listed before it, and never the package root.

The map is docs/architecture.md in code; the sandbox keeps its own order, written in its docstring.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "checkout_async"

ORDER = [
    "_version",
    "redaction",
    "errors",
    "config",
    "_core.model",
    "_core.wire",
    "_core.events",
    "_core.coding",
    "_core.codec",
    "_core.idempotency",
    "_core.prepare",
    "_core.retry",
    "_core.outcome",
    "_core.verdict",
    "_core.paging",
    "_core.patience",
    "_core",
    "_generated.models",
    "_generated.operations",
    "_generated.resources",
    "_generated",
    "models",
    "operations",
    "observability.ending",
    "threeds.urls",
    "threeds.emv",
    "threeds.encoding",
    "threeds.html",
    "threeds.matching",
    "threeds.method",
    "threeds.challenge",
    "threeds.messages",
    "threeds.callback",
    "threeds.address",
    "threeds.snippet",
    "threeds.browser",
    "threeds.app",
    "threeds.result",
    "threeds.steps",
    "threeds.table",
    "threeds.state",
    "threeds.making",
    "threeds.flow",
    "threeds.driver",
    "threeds",
    "webhooks",
    "observability.logging",
    "observability.semconv",
    "observability.spans",
    "observability.metrics",
    "observability.otel",
    "observability",
    "stores.base",
    "stores.file",
    "stores.redis",
    "stores.rates",
    "stores",
    "credentials.base",
    "credentials.static",
    "credentials.shared",
    "credentials.cache",
    "credentials.refusal",
    "credentials.oauth",
    "credentials",
    "_transport.clock",
    "_transport.proxies",
    "_transport.connector",
    "_transport.aiohttp",
    "_transport.limits",
    "_transport.observer",
    "_transport.pipeline",
    "_transport",
    "client",
    "batch.records",
    "batch.outcome",
    "batch.journal.fingerprint",
    "batch.journal.claim",
    "batch.journal.database",
    "batch.journal.ledger",
    "batch.journal.writer",
    "batch.journal.journal",
    "batch.journal.merge",
    "batch.journal",
    "batch.flow",
    "batch.gate",
    "batch.delivery",
    "batch.reader",
    "batch.crew",
    "batch.runner",
    "batch.formats",
    "batch.apart",
    "batch.fields",
    "batch.arrow",
    "batch.sources.base",
    "batch.sources.inflate",
    "batch.sources.lines",
    "batch.sources.jsonl",
    "batch.sources.rows",
    "batch.sources.table",
    "batch.sources.columns",
    "batch.sources",
    "batch.results.told",
    "batch.results.replacing",
    "batch.results.rows",
    "batch.results.spool",
    "batch.results.file",
    "batch.results",
    "batch.wording",
    "batch.waits",
    "batch.report.latency",
    "batch.report.report",
    "batch.report.charts",
    "batch.report.html",
    "batch.report.file",
    "batch.report",
    "batch.cluster.loops",
    "batch.cluster.cuts",
    "batch.cluster.partition",
    "batch.cluster.repeats",
    "batch.cluster.slices",
    "batch.cluster.input",
    "batch.cluster.plan",
    "batch.cluster.worker",
    "batch.cluster.gather",
    "batch.cluster",
    "batch.dask",
    "batch.command.saying",
    "batch.command.progress",
    "batch.command.interrupt",
    "batch.command.check",
    "batch.command.channel_data",
    "batch.command.execution",
    "batch.command.job",
    "batch.command",
    "batch",
    "cli.cluster",
    "cli.authenticate",
    "cli",
    "__main__",
    "",
]
APART = "sandbox"
"""The simulator: it may import only itself and outside libraries, and only `cli` and itself may import it."""


def modules() -> list[str]:
    names: list[str] = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def place(module: str) -> int:
    """Return the position of a module: of itself, or of the folder it is in."""
    while module not in ORDER:
        module = module.rpartition(".")[0]
        assert module, "a module that the map does not show"
    return ORDER.index(module)


def imports(module: str, *, for_types: bool = True) -> Iterator[str]:
    """Yield the modules of the package that a module imports, at any depth; `for_types` also for type checkers."""
    path = PACKAGE.joinpath(*module.split("."))
    tree = ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())
    if not for_types:
        tree.body = [node for node in tree.body if ast.unparse(node).partition("\n")[0] != "if TYPE_CHECKING:"]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "checkout_async")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "checkout_async":
            yield from (_exact(node.module or "", alias.name) for alias in node.names)


def _exact(package: str, name: str) -> str:
    """Return the module that `from package import name` loads: `name` may be a module of the package."""
    inside = Path(*package.split(".")[1:], name)
    is_module = (PACKAGE / inside).is_dir() or (PACKAGE / inside.with_suffix(".py")).is_file()
    return f"{package}.{name}" if is_module else package


@pytest.mark.parametrize("module", [name for name in modules() if name.split(".")[0] != APART])
def test_a_module_imports_only_what_is_listed_before_it(module: str) -> None:
    for imported in imports(module):
        target = imported.removeprefix("checkout_async").lstrip(".")
        assert target, f"{module} imports the package root"
        if target.split(".")[0] == APART:
            assert place(module) >= place("client"), f"{module} imports the simulator"
            continue
        in_one_place = place(target) == place(module)
        assert place(target) < place(module) or in_one_place, f"{module} imports {target}, which is listed after it"


@pytest.mark.parametrize(
    "module", [name for name in modules() if name.split(".")[0] == APART and name != "sandbox.connect"]
)
def test_the_simulator_knows_nothing_of_the_package_it_tests(module: str) -> None:
    for imported in imports(module, for_types=False):
        assert imported.startswith("checkout_async.sandbox"), f"{module} imports {imported}"


def test_the_generator_knows_nothing_of_the_package_it_generates() -> None:
    for path in (PACKAGE.parent / "codegen").rglob("*.py"):
        assert "import checkout_async" not in path.read_text()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("checkout_async")


def test_importing_the_package_loads_no_extra_and_no_simulator() -> None:
    import subprocess
    import sys

    extras = {"click", "rich", "jsonschema_rs", "limits", "redis", "opentelemetry", "filelock"}
    apart = {"checkout_async.sandbox", "checkout_async.batch", "checkout_async.threeds"}
    code = f"import sys, checkout_async; print(sorted({extras | apart!r} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"
