"""A package of another name is generated from files in openapi/ alone, and runs on the installed one.

The API is made up: it lists, reads and posts. A real server says what it was sent.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web

from checkout_async import CheckoutClient, RetryPolicy, SecretKey, errors, runtime
from checkout_async._core.body import strict_type
from codegen.__main__ import main
from codegen.compiler import compile_document, compile_package
from codegen.target import INTERFACE, parse_package
from tests.codegen.support import HERE, INPUTS, ITEM, ORDER, SCHEMAS, SHOP, write_fragments
from tests.codegen.test_lint import clean
from tests.codegen.test_query_lists import ENUM, WITH_LISTS
from tests.codegen.test_uploads import FILES
from tests.codegen.test_uploads import SCHEMAS as FILE_SCHEMAS

FRAGMENTS = HERE / "parcels" / "openapi"
NAME = "parcels_api"
KEY = SecretKey("sk_sbox_" + "a" * 27)
USE = """\
from collections.abc import AsyncIterator
from typing import assert_type

import parcels_api
from checkout_async import CheckoutClient
from parcels_api.models import parcels

async def use(client: CheckoutClient) -> None:
    apis = parcels_api.Apis(client)
    assert_type(await apis.parcels.get_parcel("p_1"), parcels.Parcel)
    assert_type(apis.parcels.iterate_parcels(), AsyncIterator[parcels.Parcel])
    assert_type(await parcels_api.operations.parcels.list_parcels(client), parcels.ParcelList)
    await apis.parcels.send_parcel({"grams": 5, "recipient": "Ada"}, idempotency_key="key")
    await apis.parcels.send_parcel({"grams": "5", "recipient": "Ada"})
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the generated package."""
    folder = tmp_path_factory.mktemp("others")
    assert main(["--package", NAME, "--openapi", str(FRAGMENTS), "--output", str(folder)]) == 0
    return folder


def forget() -> None:
    for name in [each for each in sys.modules if each.partition(".")[0] == NAME]:
        del sys.modules[name]


@pytest.fixture
def parcels_api(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Return the package, freshly imported."""
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    yield importlib.import_module(NAME)
    forget()


class Depot:
    """A server of parcels on a real socket. It fails the first request to send one."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str | None, Any]] = []
        self.url = ""

    async def __aenter__(self) -> Depot:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = "http://{}:{}".format(*self._runner.addresses[0])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        self.seen.append((request.method, request.path_qs, request.headers.get("Parcel-Request-Key"), body))
        if request.method == "POST":
            if [each[0] for each in self.seen].count("POST") == 1:
                return web.json_response({}, status=503)
            return web.json_response({"id": "p_9", "status": "accepted", "recipient": "Ada"}, status=201)
        if request.path == "/parcels":
            start = int(request.query["skip"])
            data = [{"id": f"p_{number}"} for number in range(start, min(start + 2, 3))]
            return web.json_response({"total_count": 3, "data": data})
        return web.json_response({"id": request.path.rpartition("/")[2], "status": "delivered"})


@pytest.mark.costly
async def test_its_operations_are_called_through_the_client(parcels_api: Any) -> None:
    once = RetryPolicy(attempts=2)
    async with Depot() as depot, CheckoutClient(KEY, base_url=depot.url, retry=once) as client:
        apis = parcels_api.Apis(client)
        parcel = await apis.parcels.get_parcel("p_1")
        assert parcel.status is parcels_api.models.parcels.ParcelStatus.DELIVERED
        assert [each.id async for each in apis.parcels.iterate_parcels()] == ["p_0", "p_1", "p_2"]
        request = parcels_api.models.parcels.ParcelRequest(grams=5, recipient="Ada")
        sent = await parcels_api.operations.parcels.send_parcel(client, request, idempotency_key="key-1")
        assert sent.id == "p_9"
        assert "Ada" not in repr(sent) + repr(request)
    posts = [each for each in depot.seen if each[0] == "POST"]
    assert posts == [("POST", "/parcels", "key-1", {"grams": 5, "recipient": "Ada"})] * 2
    assert [each[1] for each in depot.seen if each[0] == "GET"] == [
        "/parcels/p_1",
        "/parcels?skip=0",
        "/parcels?skip=2",
    ]


async def test_a_call_without_a_key_of_the_caller_is_repeated_with_one_key(parcels_api: Any) -> None:
    async with Depot() as depot, CheckoutClient(KEY, base_url=depot.url) as client:
        await parcels_api.Apis(client).parcels.send_parcel({"grams": 5, "recipient": "Ada"})
    first, second = [each[2] for each in depot.seen]
    assert first == second
    assert first


async def test_documented_limits_are_checked_at_the_level_strict_alone(parcels_api: Any) -> None:
    body = {"grams": 5, "recipient": "Ada Lovelace"}
    async with Depot() as depot, CheckoutClient(KEY, base_url=depot.url) as client:
        with pytest.raises(errors.InvalidRequest, match="recipient"):
            await parcels_api.Apis(client).parcels.send_parcel(body, validate="strict")
        assert depot.seen == []
        await parcels_api.Apis(client).parcels.send_parcel(body)
    assert depot.seen[-1][3] == body


def test_a_class_that_nobody_generated_has_no_other_strict_type() -> None:
    class Parcel(runtime.RequestModel):
        grams: int

    Parcel.__module__ = "shop.models.parcels"
    assert strict_type(Parcel) is Parcel


def test_its_modules_are_loaded_on_first_use(parcels_api: Any) -> None:
    assert f"{NAME}.models.parcels" not in sys.modules
    assert parcels_api.models.parcels.ParcelRequestDict.__required_keys__ == {"grams", "recipient"}
    with pytest.raises(AttributeError, match=r"module 'parcels_api.models' has no attribute 'parcel'; did you mean"):
        _ = parcels_api.models.parcel
    with pytest.raises(AttributeError, match=r"module 'parcels_api.models.parcels' has no attribute 'Parcels'"):
        _ = parcels_api.models.parcels.Parcels


@pytest.mark.parametrize(
    ("installed", "remedy"),
    [(INTERFACE + 1, "generate it again: python -m checkout_async.codegen"), (INTERFACE - 1, "install a newer")],
    ids=["newer", "older"],
)
def test_another_interface_of_the_runtime_is_refused_at_import(
    folder: Path, installed: int, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.setattr(runtime, "INTERFACE", installed)
    with pytest.raises(ImportError, match=remedy) as refused:
        importlib.import_module(f"{NAME}.models.parcels")
    forget()
    assert refused.value.name == NAME
    assert f"interface {INTERFACE} of checkout-async" in str(refused.value)


# --- what generated packages rest on

# What packages that were generated for interface 1 call, with its parameters in order. If a change of the runtime fails
# this, they fail, too: raise INTERFACE in checkout_async/runtime.py and codegen/target.py, and write the table anew.
INTERFACE_1 = {
    "Alternative": "type members",
    "ApiRequest": "operation path query headers body link options",
    "ApiResponse": "value status headers request_id body ignored attempts",
    "CallOptions": "timeout retry headers session_secret idempotency_key validate extra_body before_send on_unsent",
    "ForwardingSender": "sender",
    "Operation": "name method path idempotency responses request alternatives body_format "
    "scopes session_secret body_required idempotency_header key_lifetime reference",
    "Page": "items keys total next_link",
    "Parameter": "name value argument pattern min_length max_length minimum maximum enforced",
    "Resource": "sender",
    "by_link": "first follow max_items",
    "by_position": "fetch start max_items",
    "Upload": "content filename content_type",
    "deprecated": "message",
    "list_parameter": "name values required described",
    "modules_on_demand": "package",
    "named_on_demand": "module",
    "optional_parameter": "name value argument pattern min_length max_length minimum maximum enforced",
    "parameter_text": "value",
    "require_interface": "wanted package",
    "warn_deprecated": "message",
}


def test_compiler_and_runtime_have_the_same_interface() -> None:
    assert runtime.INTERFACE == INTERFACE == 1


@pytest.mark.parametrize("name", INTERFACE_1)
def test_what_an_older_generated_package_calls_is_still_there(name: str) -> None:
    parameters = inspect.signature(getattr(runtime, name)).parameters
    recorded = INTERFACE_1[name].split()
    assert [each for each in parameters if each in recorded] == recorded
    assert [each.name for each in parameters.values() if each.name not in recorded and each.default is each.empty] == []


@pytest.mark.costly
@pytest.mark.parametrize("case", [FRAGMENTS, *sorted(INPUTS.glob("*/openapi"))], ids=lambda path: path.parent.name)
def test_generated_packages_import_nothing_else_of_the_runtime(case: Path) -> None:
    require_runtime_alone(case)


@pytest.mark.costly
@pytest.mark.parametrize(
    ("path", "schemas"), [(WITH_LISTS, SCHEMAS + ENUM), (FILES, FILE_SCHEMAS)], ids=["lists", "files"]
)
def test_what_few_apis_have_is_imported_from_the_runtime_too(tmp_path: Path, path: str, schemas: str) -> None:
    write_fragments(tmp_path, {**SHOP, "paths/orders.yaml": path, ORDER: schemas})
    require_runtime_alone(tmp_path / "openapi")


def require_runtime_alone(case: Path) -> None:
    files = compile_package(parse_package("some.where"), compile_document(case))
    for path, content in files.items():
        nodes = ast.walk(ast.parse(content)) if path.endswith(".py") else ()
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("checkout_async"):
                assert node.module == "checkout_async.runtime", path
                assert {each.name for each in node.names} <= set(runtime.__all__), path


@pytest.mark.parametrize(
    "name",
    ["my-lib", "class", "a..b", "", "\ufb01le", "checkout_async", "typing.x", "msgspec", "checkout_async.x", "aiohttp"],
)
def test_a_name_that_no_package_can_have_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["--package", name or " ", "--openapi", str(FRAGMENTS)])
    assert ended.value.code == 2
    assert "package" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--openapi", str(FRAGMENTS)],
        ["--overlay", str(FRAGMENTS)],
        ["diff", "--package", NAME],
        ["compare", "--openapi", str(FRAGMENTS)],
        ["lint", "--fix", "--openapi", str(FRAGMENTS), "--overlay", str(FRAGMENTS)],
        ["--count", "--package", NAME],
        ["--package", NAME, "--openapi", str(FRAGMENTS / "none")],
    ],
    ids=" ".join,
)
def test_options_that_do_not_go_together_are_refused(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.costly
def test_check_compares_the_package_and_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["check", "--package", NAME, "--openapi", str(FRAGMENTS), "--output"]
    assert main([*arguments, str(folder)]) == 0
    assert main([*arguments, str(folder / "elsewhere")]) == 1
    assert "+++ b/parcels_api/models/parcels.py" in capsys.readouterr().out
    assert not (folder / "elsewhere").exists()


ASKED = "openapi/components/schemas/shop/order.yaml:6: property 'email' of OrderRequest looks sensitive"
PRIVATE = "private/components/schemas/shop/order.yaml:3: property 'iban' of OrderRequest looks sensitive"
EMAIL = ITEM.replace("item:", "email:")


@pytest.fixture
def asking(tmp_path: Path) -> list[str]:
    """Return the options for fragments, and for an overlay of them, about which a reviewer asks."""
    shop = {**SHOP, ORDER: SCHEMAS.replace(ITEM, EMAIL).replace("[item]", "[email]")}
    fragments = write_fragments(tmp_path, shop) / "openapi"
    added = tmp_path / "private" / ORDER
    added.parent.mkdir(parents=True)
    added.write_text("OrderRequest:\n  properties:\n    iban: {type: string, description: Of the account.}\n")
    return ["--openapi", str(fragments), "--overlay", str(tmp_path / "private")]


@pytest.mark.parametrize("named", [["--package", NAME], []], ids=["with a name", "without a name"])
def test_lint_asks_about_the_fragments_of_another_package(
    asking: list[str], named: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert main(["lint", *named, *asking[:2]]) == 1
    found = capsys.readouterr().err
    assert ASKED in found
    assert PRIVATE not in found
    assert main(["lint", *named, *asking]) == 1
    found = capsys.readouterr().err
    assert ASKED in found
    assert PRIVATE in found
    assert sorted(tmp_path.rglob("*")) == before


def test_lint_corrects_the_fragments_of_another_package(asking: list[str], tmp_path: Path) -> None:
    main(["lint", "--fix", *asking[:2]])
    assert EMAIL + "      x-sensitive: personal\n" in (tmp_path / "openapi" / ORDER).read_text()


@pytest.mark.costly
def test_lint_asks_about_an_overlay_of_the_installed_fragments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    added = tmp_path / "private" / "components" / "schemas" / "payments" / "action_request.yaml"
    added.parent.mkdir(parents=True)
    added.write_text("VoidRequest:\n  properties:\n    iban: {description: Of the account., type: string}\n")
    assert main(["lint", "--overlay", str(tmp_path / "private")]) == 1
    place = "private/components/schemas/payments/action_request.yaml:3: "
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith(place) for line in lines] == [True, True, False]
    assert "looks sensitive" in lines[0]
    assert "the keywords of a schema stand in this order: type, description" in lines[1]


@pytest.mark.costly
def test_generation_says_what_lint_would_and_writes_all_the_same(
    asking: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "output"
    assert main(["--package", NAME, *asking, "--output", str(output)]) == 0
    found = capsys.readouterr().err
    assert ASKED in found
    assert PRIVATE in found
    assert "the package is written" in found
    assert (output / NAME / "__init__.py").exists()


@pytest.mark.costly
def test_generation_of_fragments_about_which_nobody_asks_says_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(
            [
                "--package",
                NAME,
                "--openapi",
                str(write_fragments(tmp_path, clean()) / "openapi"),
                "--output",
                str(tmp_path),
            ]
        )
        == 0
    )
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_mypy_and_pyright_know_its_types(folder: Path, tmp_path: Path) -> None:
    (tmp_path / NAME).symlink_to(folder / NAME)
    (tmp_path / "use.py").write_text(USE)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    commands = [
        ["mypy", "--strict", "--no-incremental", NAME, "use.py"],
        ["pyright", "--pythonpath", sys.executable, NAME, "use.py"],
    ]
    for command in commands:
        run = [sys.executable, "-m", *command]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
        (problem,) = [line for line in done.stdout.splitlines() if "error:" in line]
        assert "use.py:14:" in problem, done.stdout
