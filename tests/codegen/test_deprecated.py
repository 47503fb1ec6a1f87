"""What the specification calls deprecated: struck out by editors, and a warning at its first use in a process."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from checkout_async._core import deprecation
from codegen.write import GENERATED
from tests.codegen.support import GOLDEN, PATH, SCHEMAS, generate, import_generated

OLD_PATH = PATH.replace("  x-idempotency: none\n", "  x-idempotency: none\n  deprecated: true\n")
OLD_SCHEMAS = SCHEMAS.replace(
    "  description: What to order.\n", "  description: What to order.\n  deprecated: true\n"
).replace(
    "Order:\n  type: object\n  description: An order.\n  required: [id]\n  properties:\n",
    "Order:\n  type: object\n  description: An order.\n  required: [id]\n  properties:\n"
    "    note:\n      type: string\n      description: A note. See `text`.\n      deprecated: true\n"
    "      x-sensitive: personal\n",
)


@pytest.fixture(autouse=True)
def _nothing_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deprecation, "_warned", set[str]())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("old"), path=OLD_PATH, schemas=OLD_SCHEMAS)


@pytest.fixture
def models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return import_generated(folder, "models.shop", monkeypatch)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the models of the golden shop: `OrderRequest.gift` is deprecated."""
    import_generated(GOLDEN / "shop" / GENERATED, "models.common", monkeypatch)
    return import_generated(GOLDEN / "shop" / GENERATED, "models.shop", monkeypatch)


async def test_an_operation_warns_once_at_the_line_that_calls_it(
    folder: Path, models: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sender:
        async def send(self, _request: Any) -> Any:
            return type("Response", (), {"value": None})

    operations = import_generated(folder, "operations.shop", monkeypatch)
    resource: Any = import_generated(folder, "resources.shop", monkeypatch).ShopResource(Sender())
    with pytest.warns(DeprecationWarning, match=r"^request_order is deprecated\. Place an order\.$") as warned:
        await resource.request_order({"item": "x"})
    assert [each.filename for each in warned] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await resource.request_order({"item": "x"})
        operations.build_request_order({"item": "x"})
    methods: list[Any] = [operations.request_order, operations.build_request_order, resource.request_order]
    for struck in methods:
        assert struck.__deprecated__ == "request_order is deprecated. Place an order."


def test_a_class_warns_when_it_is_made_and_when_it_is_checked(models: ModuleType) -> None:
    assert models.OrderRequest.__deprecated__ == "OrderRequest is deprecated. What to order."
    with pytest.warns(DeprecationWarning, match="OrderRequest is deprecated") as warned:
        models.OrderRequest(item="x")
    assert [each.filename for each in warned] == [__file__]
    deprecation._warned.clear()
    with pytest.warns(DeprecationWarning, match="OrderRequest is deprecated"):
        msgspec.json.decode(b'{"item": "x"}', type=models.OrderRequest)


def test_a_member_of_a_request_warns_when_it_is_set(shop: ModuleType) -> None:
    payment = shop.CashPayment()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shop.OrderRequest(items=[], payment=payment)
        shop.OrderRequest(items=[], payment=payment, gift=None)
        shop.OrderRequest(items=[], payment=payment, gift=msgspec.UNSET)
    with pytest.warns(DeprecationWarning, match=r"^OrderRequest\.gift is deprecated\. Whether it is a gift\."):
        shop.OrderRequest(items=[], payment=payment, gift=True)
    deprecation._warned.clear()
    with pytest.warns(DeprecationWarning, match="gift"):
        msgspec.convert({"items": [], "payment": {"type": "cash"}, "gift": False}, shop.OrderRequest)


def test_a_class_without_a_deprecated_member_has_no_code_for_one(shop: ModuleType) -> None:
    assert not hasattr(shop.CashPayment, "__post_init__")
    assert not hasattr(shop.Order, "__post_init__")


def test_a_member_of_a_reply_is_a_property_that_warns_when_it_is_read(models: ModuleType) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        order = msgspec.json.decode(b'{"id": "o", "note": "secret"}', type=models.Order)
        assert "secret" not in repr(order)
        assert "note=" in repr(order)
    with pytest.warns(DeprecationWarning, match=r"^Order\.note is deprecated\. A note\. See `text`\.$") as warned:
        assert order.note == "secret"
    assert [each.filename for each in warned] == [__file__]
    assert msgspec.json.encode(order) == b'{"id":"o","note":"secret"}'
    assert models.Order.note.fget.__deprecated__ == "Order.note is deprecated. A note. See `text`."


def test_a_warning_that_is_an_error_comes_again(models: ModuleType) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            with pytest.raises(DeprecationWarning):
                models.OrderRequest(item="x")


@pytest.mark.slow
def test_pyright_strikes_out_what_is_deprecated_and_nothing_in_the_generated_code(tmp_path: Path) -> None:
    pytest.importorskip("pyright", reason="it is in the group `type`")
    use = tmp_path / "use.py"
    use.write_text(
        "from checkout_async.models import payments, sessions\n"
        "def use(links: sessions.SessionLinks, payment: payments.Payment) -> None:\n"
        "    print(links.term_url)\n"
        "    print(payment.marketplace)\n"
        "    print(payments.RequestSofortSource())\n"
        "    source: payments.RequestSofortSourceDict = {'type': 'sofort'}\n"
        "    print(source, links.acs_url, payments.RequestIdSource(id='src_1'))\n"
    )
    settings = f'{{"include": ["."], "extraPaths": ["{GOLDEN.parents[2]}"], "reportDeprecated": "error"}}'
    (tmp_path / "pyrightconfig.json").write_text(settings)
    command = [sys.executable, "-m", "pyright", "-p", str(tmp_path), "--pythonpath", sys.executable]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    lines = [int(line.split(":")[1]) for line in shown.splitlines() if "error" in line and "use.py:" in line]
    assert lines == [3, 4, 5, 6], shown
