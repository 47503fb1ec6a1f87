"""The recipes of docs/workers.md run as they stand there, with a simulator in a thread in place of the API."""

from __future__ import annotations

import ast
import asyncio
import gc
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

from checkout_async import CheckoutClient
from checkout_async.sandbox import Sandbox
from tests.commands import environment
from tests.documents import python_blocks
from tests.processes.children import fork, loop_in_thread

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

PAGE = Path(__file__).parent.parent.parent / "docs/workers.md"
BLOCKS = python_blocks(PAGE)
MODULES = {match[1]: block for block in BLOCKS if (match := re.match(r"# (\w+)\.py\b", block))}
CELLS = [block for block in BLOCKS if block.startswith("# cell")]
ORDER = {
    "source": {"type": "token", "token": "tok_4gzeau5o2uqubbk6fufs3m7p54"},
    "amount": 6540,
    "currency": "GBP",
    "capture": False,
}


class Running:
    """A simulator in a thread of its own, which no child has, and a payment that was made there."""

    def __init__(self, sandbox: Sandbox, payment: str) -> None:
        self._sandbox = sandbox
        self.payment = payment
        self._before = {name: sandbox.count(name) for name in ("request_access_token", "request_payment")}

    def count(self, operation: str) -> int:
        """Return how many requests the test has made since."""
        return self._sandbox.count(operation) - self._before[operation]


async def make_payment(sandbox: Sandbox) -> str:
    # It also loads the classes of the API, so that no child has to.
    async with sandbox.client() as checkout:
        return (await checkout.payments.request_payment(cast("Any", ORDER))).id


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[Running]:
    """Start a simulator, name it in the environment, and write the recipes to where they can be imported."""
    for name, block in MODULES.items():
        (tmp_path / f"{name}.py").write_text(block)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    sandbox = Sandbox()
    with loop_in_thread() as run:
        run(sandbox.__aenter__())
        for name, value in environment(sandbox.base_url).items():
            if name.startswith("CHECKOUT_"):
                monkeypatch.setenv(name, value)
        yield Running(sandbox, run(make_payment(sandbox)))
        run(sandbox.__aexit__(None, None, None))
    for name in MODULES:
        sys.modules.pop(name, None)
    gc.collect()


def load(name: str) -> Any:
    module: ModuleType = importlib.import_module(name)
    return module


def test_every_block_is_a_recipe_that_is_tested() -> None:
    assert set(MODULES) == {"asgi", "shop_checkout", "tasks", "worker", "jobs", "handler", "views"}
    assert len(MODULES) + len(CELLS) == len(BLOCKS)


def test_gunicorn_with_preload(simulator: Running) -> None:
    payment = simulator.payment
    command = (sys.executable, "-m", "gunicorn", "--preload", "--worker-class", "asgi", "--workers", "2")
    server = subprocess.Popen(
        (*command, "--bind", "127.0.0.1:0", "--no-control-socket", "asgi:app"),
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{Path.cwd()}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
    )
    try:
        assert server.stderr is not None
        log: list[str] = []
        while not (found := re.search(r"Listening at: (http\S+)", log[-1] if log else "")):
            log.append(server.stderr.readline())
            assert log[-1], "".join(log)
        while simulator.count("request_access_token") < 2:  # until both workers have answered
            with urllib.request.urlopen(f"{found[1]}/payments/{payment}", timeout=60) as reply:
                assert json.load(reply) == {"id": payment, "status": "Authorized"}
    finally:
        server.terminate()
        server.communicate(timeout=60)


def test_code_that_is_not_async_calls_from_any_thread_and_process(simulator: Running) -> None:
    payment = simulator.payment

    def child() -> str:
        async def get(checkout: CheckoutClient) -> str:
            return (await checkout.payments.get_payment(payment)).id

        with ThreadPoolExecutor(4) as threads:
            (found,) = set(threads.map(load("shop_checkout").run, [get] * 8))
        return f"{found} {sum('portal' in thread.name.lower() for thread in threading.enumerate())}"

    assert fork(child) == [f"{payment} 1"] * 2
    assert simulator.count("request_access_token") == 2


def test_celery(simulator: Running) -> None:
    load("tasks")  # Celery imports the tasks before it forks

    def child() -> str:
        return str(load("tasks").pay.apply(args=[ORDER, "key-of-the-shop"]).get())

    assert fork(child, count=1) == fork(child, count=1), "both runs sent the same key, so there is one payment"
    assert simulator.count("request_payment") == 2


@pytest.mark.usefixtures("simulator")
def test_celery_discards_a_task_before_its_key_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    app = load("tasks").app
    monkeypatch.setattr(app.conf, "broker_url", "memory://")
    load("tasks").pay.apply_async(args=[ORDER, "key-of-the-shop"])
    with app.connection_for_read() as connection:
        message = connection.SimpleQueue("celery").get(timeout=10)
    left = datetime.fromisoformat(message.headers["expires"]) - datetime.now(UTC)
    assert timedelta(0) < left < timedelta(hours=23)


def test_arq(simulator: Running) -> None:
    """Play arq's part, since its version of redis-py excludes the one of the extra `redis`: `make try-arq` is real."""
    settings = load("worker").WorkerSettings

    async def work() -> set[str]:
        context: dict[str, object] = {"enqueue_time": datetime.now(UTC)}
        await settings.on_startup(context)
        (job,) = settings.functions
        paid = {await job(context, ORDER, "key-of-the-queue") for _ in range(2)}
        with pytest.raises(RuntimeError, match="too late"):
            await job(context | {"enqueue_time": datetime.now(UTC) - timedelta(days=1)}, ORDER, "key-of-the-queue")
        await settings.on_shutdown(context)
        return paid

    assert len(asyncio.run(work())) == 1, "both runs sent the same key, so there is one payment"
    assert simulator.count("request_access_token") == 1
    assert simulator.count("request_payment") == 2


def test_a_process_for_each_job(simulator: Running) -> None:
    pay = load("jobs").pay
    ids = {fork(partial(pay, ORDER, f"key-{number}", time.time()), count=1)[0] for number in range(3)}
    assert len(ids) == 3
    with pytest.raises(RuntimeError, match="too late"):
        pay(ORDER, "key-0", time.time() - 24 * 3600)
    assert simulator.count("request_payment") == 3
    assert simulator.count("request_access_token") == 1, "the store shared the token"


def test_lambda(simulator: Running) -> None:
    payment = simulator.payment

    def child() -> str:
        handler = load("handler").handler
        return json.dumps([handler({"payment": payment}, None) for _ in range(3)])

    (report,) = fork(child, count=1)
    assert json.loads(report) == [{"id": payment, "status": "Authorized"}] * 3
    assert simulator.count("request_access_token") == 1, "the client was kept"


def test_django(simulator: Running) -> None:
    payment = simulator.payment

    # Django and Celery have no type hints.
    django, conf, test = (cast("Any", importlib.import_module(f"django{name}")) for name in ("", ".conf", ".test"))

    def child() -> str:
        conf.settings.configure(ROOT_URLCONF="views", ALLOWED_HOSTS=["*"], SECRET_KEY="tests")
        django.setup()

        async def asgi() -> list[Any]:
            browser = test.AsyncClient()
            return [json.loads((await browser.get(f"/asgi/{payment}")).content) for _ in range(2)]

        wsgi = [json.loads(test.Client().get(f"/wsgi/{payment}").content) for _ in range(2)]
        return json.dumps(asyncio.run(asgi()) + wsgi)

    for report in fork(child):
        assert json.loads(report) == [{"id": payment, "status": "Authorized"}] * 4


@pytest.mark.usefixtures("simulator")
def test_notebook() -> None:
    async def notebook() -> list[object]:
        names: dict[str, Any] = {}
        shown: list[object] = []
        for cell in CELLS:
            tree = ast.parse(cell)
            last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
            await in_cell(compile(tree, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
            if isinstance(last, ast.Expr):
                shown.append(
                    await in_cell(
                        compile(ast.Expression(last.value), "cell", "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names
                    )
                )
        return shown

    assert asyncio.run(notebook()) == ["Authorized", None]


async def in_cell(code: Any, names: dict[str, Any]) -> object:
    value = eval(code, names)
    return await value if inspect.isawaitable(value) else value
