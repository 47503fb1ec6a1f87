"""`python -m checkout_async.migrate`: what it makes of programs, and that a rewritten one pays."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from checkout_async.migrate import __main__ as command
from checkout_async.migrate import names
from checkout_async.migrate.rewrite import rewrite
from checkout_async.sandbox import Sandbox, payment_card
from tests.docs import test_migrating

SHOP = '''"""A shop."""

from checkout_sdk.common.enums import Country, Currency
from checkout_sdk.common.common import Address
from checkout_sdk.exception import CheckoutApiException
from checkout_sdk.payments.payments import (
    CaptureRequest, CaptureType, PaymentRequest, PaymentRequestCardSource as Card,
)
import math


async def pay(api, number, key):
    address = Address()
    address.country = Country.GB
    source = Card()
    source.type = "card"
    source.number = number
    source.expiry_month = 6
    source.expiry_year = 2030
    source.billing_address = address

    request = PaymentRequest()
    request.source = source
    request.amount = math.floor(10.5)
    request.currency = Currency.GBP
    request.capture = False
    try:
        response = api.payments.request_payment(request, key)
        capture = CaptureRequest()
        capture.amount = 5
        capture.capture_type = CaptureType.NON_FINAL
        api.payments.capture_payment(response.id, capture_request=capture)
        return api.payments.get_payment_details(response.id).status
    except CheckoutApiException as error:
        return error.http_metadata.status_code, error.error_details
'''


OPTIONS = ".environment_subdomain('x').scopes([OAuthScopes.GATEWAY]).build()"


def only(source: str) -> str:
    """Return what becomes of a source of which nothing is left to do."""
    code, left = rewrite(source)
    assert left == []
    return code


async def test_a_rewritten_program_pays_and_captures() -> None:
    code = only(SHOP)
    assert "checkout_sdk" not in code
    program: dict[str, Any] = {}
    exec(compile(code, "shop.py", "exec"), program)
    async with Sandbox(exact=True) as sandbox, sandbox.client() as checkout:
        pay = program["pay"]
        assert await pay(checkout, payment_card("approved"), "a-key") == "Partially Captured"
        (payment,) = sandbox.payments.values()
        assert (payment.balances.total_authorized, payment.balances.total_captured) == (10, 5)
        assert await pay(checkout, payment_card("approved")[:-1] + "0", "b-key") == (422, ("card_number_invalid",))


def test_what_it_replaces_is_imported_and_the_rest_stays() -> None:
    code = only(SHOP)
    assert "from checkout_async import errors\nfrom checkout_async.models import payments\nimport math\n" in code
    assert code.startswith('"""A shop."""\n\n')
    other = "from checkout_sdk.tokens.tokens import CardTokenRequest\n\nrequest = CardTokenRequest()\nrequest.x = 1\n"
    assert only(other) == other


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("api.payments.request_payout(r, key)", "await api.payments.request_payment(r, idempotency_key=key)"),
        ("api.payments.get_payment_details(p)", "await api.payments.get_payment(p)"),
        (
            "api.payments.increment_payment_authorization(p, r, key)",
            "await api.payments.increment_authorization(p, r, idempotency_key=key)",
        ),
        ("api.sessions.get_session_details(s, secret)", "await api.sessions.get_session(s, session_secret=secret)"),
        (
            "api.sessions.update_session(s, channel_data=d, session_secret=x)",
            "await api.sessions.update_session(s, body=d, session_secret=x)",
        ),
        (
            "api.sessions.update_3ds_method_completion(s, r, secret)",
            "await api.sessions.update_three_ds_method_completion(s, r, session_secret=secret)",
        ),
        ("api.payments.void_payment(p).action_id", "(await api.payments.void_payment(p)).action_id"),
        ("api.customers.get(c)", "api.customers.get(c)"),
        ("queue.request_payment(p)", "queue.request_payment(p)"),
    ],
)
def test_a_call_becomes(before: str, after: str) -> None:
    assert only(f"async def f(api):\n    {before}\n") == f"async def f(api):\n    {after}\n"


@pytest.mark.parametrize("receiver", ["payments_repo", "self.payments", "x.payments", "f().payments"])
def test_a_call_that_may_be_of_another_package_is_left_and_listed(receiver: str) -> None:
    source = f"async def f(self, payments_repo, x):\n    {receiver}.refund_payment('order-1', 100)\n"
    code, left = rewrite(source)
    assert code == source
    assert left == [(2, "refund_payment is left as it is: it is not known whether it is of checkout-sdk")]


@pytest.mark.parametrize(
    ("before", "receiver"),
    [
        ("sdk = CheckoutSdk.builder().secret_key(k).build()", "sdk.payments"),
        ("self.sdk = CheckoutSdk.builder().secret_key(k).build()", "self.sdk.payments"),
        ("sdk: CheckoutApi = g()", "sdk.payments"),
        ("pays = api.payments", "pays"),
    ],
)
def test_a_call_of_a_known_client_is_rewritten(before: str, receiver: str) -> None:
    imports = "from checkout_sdk.checkout_sdk import CheckoutSdk\nfrom checkout_sdk.checkout_api import CheckoutApi\n"
    code, _ = rewrite(f"{imports}async def f(self):\n    {before}\n    {receiver}.void_payment(p)\n")
    assert f"await {receiver}.void_payment(p)" in code


def test_every_call_of_the_vendor_has_a_target_but_the_list_which_takes_an_object() -> None:
    there = test_migrating.vendor("PaymentsClient") | test_migrating.vendor("SessionsClient")
    assert set(names.CALLS) == there - {"get_payments_list"}


def test_the_names_are_those_of_the_page() -> None:
    by_title = {
        "Classes of payments": [names.PAYMENTS, names.PAYMENT_METHODS],
        "Classes of sessions": [names.SESSIONS],
        "Common classes": [names.COMMON, names.ENUMS],
    }
    for title, tables in by_title.items():
        rows = {
            theirs: ours.split("`")[1] if ours.startswith("`") else None
            for theirs, ours in test_migrating.rows(test_migrating.section(title))
            if theirs.startswith("`")
        }
        known = {f"`{theirs}`": ours for table in tables for theirs, ours in table.items() if theirs != ours}
        assert {theirs: ours for theirs, ours in rows.items() if f"`{ours}`" != theirs} == known


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        (
            "CheckoutSdk.builder().secret_key(key).environment(Environment.production()).build()",
            'CheckoutClient(SecretKey(key), environment="production", subdomain=NO_SUBDOMAIN)',
        ),
        (
            "CheckoutSdk.builder().oauth().client_credentials(client_id='i', client_secret='s')" + OPTIONS,
            "CheckoutClient(OAuthCredentials('i', 's', scopes=[\"gateway\"]), environment=\"sandbox\", subdomain='x')",
        ),
        (
            "CheckoutSdk.builder().oauth().client_credentials(client_secret='s', client_id='i')" + OPTIONS,
            "CheckoutClient(OAuthCredentials('i', 's', scopes=[\"gateway\"]), environment=\"sandbox\", subdomain='x')",
        ),
        (
            "CheckoutSdk.builder().oauth().client_credentials(*both)" + OPTIONS,
            'CheckoutClient(OAuthCredentials(*both, scopes=["gateway"]), environment="sandbox", subdomain=\'x\')',
        ),
    ],
)
def test_a_client_is_made(chain: str, expected: str) -> None:
    imports = (
        "from checkout_sdk.checkout_sdk import CheckoutSdk\nfrom checkout_sdk.environment import Environment\n"
        "from checkout_sdk.oauth_scopes import OAuthScopes\n"
    )
    code, left = rewrite(f"{imports}api = {chain}\n")
    assert f"api = {expected}\n" in code
    assert [text for _, text in left] == ["close the client: async with, or await checkout.aclose()"]


@pytest.mark.parametrize(
    ("source", "line", "text"),
    [
        (
            "from checkout_sdk.payments.payments import SenderInformation\n\nx = SenderInformation()\n",
            3,
            "no counterpart",
        ),
        ("from checkout_sdk.payments.payments import CaptureType\nCaptureType.PARTLY\n", 2, "no member PARTLY"),
        (
            "from checkout_sdk.payments.payments import CaptureRequest\nx = CaptureRequest()\nx.amuont = 1\n",
            3,
            "no member amuont",
        ),
        ("from checkout_sdk.payments.payments import PaymentRequest\nx = PaymentRequest()\n", 2, "needs currency"),
        ("from x import api\napi.payments.void_payment(p)\n", 2, "inside an async function"),
        ("def f(api):\n    return api.payments.void_payment(p)\n", 2, "make the function f async"),
        ("api.payments.get_payments_list(query)\n", 1, "iterate_payments"),
        ("async def f(api):\n    pool.submit(api.payments.void_payment, p)\n", 2, "await what a call of void_payment"),
        ("async def f(api):\n    g(lambda: api.payments.void_payment(p))\n", 2, "a lambda cannot await void_payment"),
        ("from checkout_sdk.common.enums import Currency\nc = Currency[name]\n", 2, "Currency is a text here"),
        ("import checkout_sdk.exception\n", 1, "names of this module are left"),
        ("from checkout_sdk import exception\n", 1, "names of this module are left"),
        ("from checkout_sdk.payments import payments as p\n", 1, "names of this module are left"),
        ("from checkout_sdk.exception import *\n", 1, "names of this module are left"),
    ],
)
def test_what_is_left_is_listed_with_its_line(source: str, line: int, text: str) -> None:
    (left,) = rewrite(source)[1]
    assert left[0] == line
    assert text in left[1]


def test_a_lambda_is_python_afterwards_and_a_method_that_is_passed_on_has_its_new_name() -> None:
    source = (
        "async def f(api):\n    x = [lambda: api.payments.void_payment(p), map(api.payments.get_payment_details, y)]\n"
    )
    code, _ = rewrite(source)
    compile(code, "shop.py", "exec")
    assert "map(api.payments.get_payment, y)" in code


def test_a_member_of_an_enum_that_is_a_text_here_has_no_value_and_what_is_still_used_is_still_imported() -> None:
    code, _ = rewrite(
        "from checkout_sdk.common.enums import Country, Currency\n"
        "texts = [Currency.GBP.value, Country.GB.name, Country.FR]\nall_of_them = list(Currency)\n"
    )
    assert 'texts = ["GBP", "GB", "FR"]' in code
    assert "from checkout_sdk.common.enums import Country, Currency\n" in code
    assert only("from checkout_sdk.common.enums import Country\nx = Country.GB.value\n") == 'x = "GB"\n'


def test_a_comment_between_assignments_is_kept() -> None:
    source = (
        "from checkout_sdk.payments.payments import CaptureRequest\n"
        "x = CaptureRequest()\nx.amount = 1\n# all of it\nx.reference = 'r'\n"
    )
    code = only(source)
    assert "# all of it\nx.reference = 'r'" in code
    assert "amount=1" in code


class TestCommand:
    @pytest.fixture
    def shop(self, tmp_path: Path) -> Path:
        (tmp_path / "shop.py").write_text(SHOP)
        (tmp_path / "other.py").write_text("x = 1\n")
        return tmp_path

    def test_it_shows_the_changes_and_makes_none(self, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert command.main([str(shop)]) == 0
        shown = capsys.readouterr()
        assert "+from checkout_async.models import payments" in shown.out
        assert shown.err.endswith("1 of 2 files would change\n")
        assert (shop / "shop.py").read_text() == SHOP

    def test_it_writes(self, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert command.main([str(shop), "--write"]) == 0
        assert capsys.readouterr().err.endswith("1 of 2 files were changed\n")
        assert "checkout_sdk" not in (shop / "shop.py").read_text()

    @pytest.mark.parametrize("folder", [".venv", ".git", "env", "a/site-packages/b", "node_modules/x", "__pycache__"])
    def test_it_skips_what_is_not_the_program(self, folder: str, shop: Path) -> None:
        other = shop / folder / "shop.py"
        other.parent.mkdir(parents=True)
        other.write_text(SHOP)
        (shop / "env").mkdir(exist_ok=True)
        (shop / "env" / "pyvenv.cfg").touch()
        assert command.main([str(shop), "--write"]) == 0
        assert other.read_text() == SHOP
        assert "checkout_sdk" not in (shop / "shop.py").read_text()

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"import checkout_sdk\n# caf\xe9\n", "UnicodeDecodeError"),
            (b"import checkout_sdk\nprint 1\n", "ParserSyntaxError"),
            (b"import checkout_sdk\nasync def f(api):\n    api.payments.request_payment(*a, **k)\n", "CSTValidation"),
        ],
        ids=["latin-1", "python-2", "star"],
    )
    def test_a_file_that_cannot_be_rewritten_is_named_and_the_others_go_on(
        self, content: bytes, reason: str, shop: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (shop / "a.py").write_bytes(content)
        assert command.main([str(shop), "--write"]) == 1
        assert f"{shop / 'a.py'}: left as it is: {reason}" in capsys.readouterr().err
        assert (shop / "a.py").read_bytes() == content
        assert "checkout_sdk" not in (shop / "shop.py").read_text()

    def test_line_ends_and_encoding_are_kept(self, shop: Path) -> None:
        source = "# -*- coding: latin-1 -*-\n# caf\xe9\n" + SHOP
        (shop / "shop.py").write_bytes(source.replace("\n", "\r\n").encode("latin-1"))
        assert command.main([str(shop), "--write"]) == 0
        written = (shop / "shop.py").read_bytes()
        assert written.replace(b"\r\n", b"\n").decode("latin-1") == only(source)
        assert written.count(b"\n") == written.count(b"\r\n")

    def test_without_libcst_it_says_what_to_install(
        self, shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setitem(sys.modules, "libcst", None)
        for name in [name for name in sys.modules if name.startswith("checkout_async.migrate.")]:
            monkeypatch.delitem(sys.modules, name)
        assert command.main([str(shop)]) == 2
        assert "pip install 'checkout-async[migrate]'" in capsys.readouterr().err

    def test_a_path_without_python_is_named(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert command.main([str(tmp_path / "none")]) == 2
        assert "none" in capsys.readouterr().err
