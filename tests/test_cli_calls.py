"""The small commands against the simulator, in this process: call, doctor, listen, help and suggestions."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from urllib import error as urllib_error
from urllib import request as urllib_request

import pytest
import trustme
from click.testing import CliRunner, Result

from checkout_async import webhooks
from checkout_async.cli import cli
from checkout_async.cli.doctor import _greet
from checkout_async.cli.listen import SANDBOX_SIGNING_KEY
from checkout_async.cli.shown import as_json
from checkout_async.models import payments
from checkout_async.sandbox import SECRET_KEY, WEBHOOK_SECRET, CannedResponse, Fault, card_number, payment_card
from checkout_async.testing import ThreadedSandbox

CARD = payment_card("approved")
ORDER = {
    "source": {"type": "card", "number": CARD, "expiry_month": 1, "expiry_year": 2030},
    "amount": 6540,
    "currency": "GBP",
    "reference": "ORD-1",
    "customer": {"email": "jo@shop.example"},
}


def run(*arguments: str, stdin: bytes | str | None = None, **env: str | None) -> Result:
    done = CliRunner().invoke(cli, arguments, input=stdin, env=env, prog_name="checkout-async")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CHECKOUT_")]:
        monkeypatch.delenv(name)


class TestHelp:
    def test_summaries_are_whole_sentences(self) -> None:
        shown = run("--help").stdout
        listed = re.findall(r"^  (\w+)  +(.+)$", shown.partition("Commands:")[2], re.MULTILINE)
        assert {name for name, _ in listed} == set(cli.commands)
        for _, summary in listed:
            assert summary.endswith(".")
            assert "..." not in summary

    @pytest.mark.parametrize(("typed", "meant"), [("sanbox", "sandbox"), ("autenticate", "authenticate")])
    def test_a_mistyped_command_suggests_one(self, typed: str, meant: str) -> None:
        done = run(typed)
        assert done.exit_code == 2
        assert f"No such command '{typed}'" in done.stderr
        assert f"Did you mean '{meant}'?" in done.stderr

    @pytest.mark.slow
    @pytest.mark.parametrize("option", ["--version", "--help"])
    @pytest.mark.parametrize("missing", ["click", "rich", "dotenv"])
    def test_version_and_help_need_no_extra(self, option: str, missing: str) -> None:
        code = (
            f"import runpy, sys; sys.modules['{missing}'] = None; sys.argv[1:] = ['{option}']; "
            "runpy.run_module('checkout_async', run_name='__main__')"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        # Only a settings file needs python-dotenv: the help is whole without it.
        shown = "Usage: checkout-async" if missing == "dotenv" else "pip install 'checkout-async[cli]'"
        assert shown in done.stdout or re.fullmatch(r"\d+\.\d+\.\S+\n", done.stdout)

    @pytest.mark.parametrize(
        ("words", "found"), [("checkout-async sa", "sandbox"), ("checkout-async call request_p", "request_payment")]
    )
    def test_a_shell_completes_commands_and_operations(self, words: str, found: str) -> None:
        done = run(_CHECKOUT_ASYNC_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(words.split()) - 1))
        assert done.stdout == f"plain,{found}\n"


@pytest.fixture
def order(tmp_path: Path) -> str:
    path = tmp_path / "order.json"
    path.write_text(json.dumps(ORDER))
    return str(path)


class TestCall:
    def test_the_answer_is_json_without_secrets(
        self, order: str, checkout_environment: dict[str, str], checkout_sandbox: ThreadedSandbox
    ) -> None:
        done = run("call", "request_payment", "--body", order, "--idempotency-key", "order-1", **checkout_environment)
        assert done.exit_code == 0
        payment = json.loads(done.stdout)
        assert (payment["amount"], payment["reference"], payment["approved"]) == (6540, "ORD-1", True)
        assert "jo@shop.example" not in done.output
        assert re.match(r"201, request id [0-9a-f-]{36}\n", done.stderr)
        again = run("call", "request_payment", "--body", order, "--idempotency-key", "order-1", **checkout_environment)
        assert json.loads(again.stdout)["id"] == payment["id"]
        assert len(checkout_sandbox.payments) == 1

    def test_secrets_are_shown_on_request(self, tmp_path: Path, checkout_environment: dict[str, str]) -> None:
        card = {"type": "card", "number": card_number("challenge"), "expiry_month": 1, "expiry_year": 2030}
        body = {"source": card, "amount": 1, "currency": "GBP", "completion": {"type": "non_hosted"}}
        stdin = json.dumps(body)
        masked, shown = (
            json.loads(run("call", "request_session", "--body", "-", *more, stdin=stdin, **checkout_environment).stdout)
            for more in ((), ("--show-secrets",))
        )
        assert masked["session_secret"] == "***"
        assert shown["session_secret"].startswith("sek_")
        assert set(masked) <= set(shown)

    def test_identifiers_and_arguments_are_passed(
        self, order: str, checkout_environment: dict[str, str], checkout_sandbox: ThreadedSandbox
    ) -> None:
        made = json.loads(run("call", "request_payment", "--body", order, **checkout_environment).stdout)
        found = json.loads(run("call", "get_payment", made["id"], **checkout_environment).stdout)
        assert found["status"] == "Captured"
        listed = json.loads(
            run("call", "list_payments", "--set", "reference=ORD-1", "--set", "limit=1", **checkout_environment).stdout
        )
        assert (listed["limit"], len(listed["data"])) == (1, 1)

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["get_paymnt", "pay_1"], "there is no operation 'get_paymnt'; did you mean 'get_payment'?"),
            (["get_payment"], "get_payment takes 1 IDs (/payments/{id}), not 0."),
            (["request_payment"], "request_payment needs --body."),
            (["get_payment", "pay_1", "--body", "-"], "get_payment takes no --body."),
            (["get_payment", "pay_1", "--idempotency-key", "k"], "get_payment takes no --idempotency-key."),
            (
                ["list_payments", "--set", "colour=blue"],
                "NAME is one of limit, reference, skip, timeout, validate.",
            ),
            (["list_payments", "--set", "limit=many"], "--set limit must be a number."),
        ],
    )
    def test_wrong_usage_is_code_2(self, arguments: list[str], problem: str) -> None:
        done = run("call", *arguments, stdin="{}")
        assert (done.exit_code, done.stdout) == (2, "")
        assert problem in re.sub(r"\s+", " ", done.stderr)

    @pytest.mark.parametrize("content", ["", "[]", f'{{"number": "{CARD}"', b"\xff"])
    def test_a_body_that_is_no_object_is_not_shown(self, content: str | bytes) -> None:
        done = run("call", "request_payment", "--body", "-", stdin=content)
        assert done.exit_code == 2
        assert "--body must be a file with a JSON object." in done.stderr
        assert CARD not in done.output

    @pytest.mark.parametrize("levels", [101, 450, 100_000])
    @pytest.mark.parametrize(("start", "end"), [('{"a":', "}"), ("[", "]")], ids=["objects", "lists"])
    def test_a_body_that_is_nested_too_deep_is_refused(
        self, start: str, end: str, levels: int, checkout_environment: dict[str, str], checkout_sandbox: ThreadedSandbox
    ) -> None:
        stdin = f'{{"metadata": {start * (levels - 2)}[]{end * (levels - 2)}}}'
        done = run(
            "call", "request_payment", "--body", "-", "--set", "validate=off", stdin=stdin, **checkout_environment
        )
        assert (done.exit_code, done.stdout) == (2, "")
        assert "--body must be a file with a JSON object of at most 100 levels." in re.sub(r"\s+", " ", done.stderr)
        assert checkout_sandbox.requests == ()

    def test_a_body_may_have_100_levels(
        self, checkout_environment: dict[str, str], checkout_sandbox: ThreadedSandbox
    ) -> None:
        stdin = f'{{"metadata": {98 * "["}[]{98 * "]"}}}'
        run("call", "request_payment", "--body", "-", "--set", "validate=off", stdin=stdin, **checkout_environment)
        assert [each.operation_id for each in checkout_sandbox.requests][-1:] == ["request_payment"]

    def test_metadata_is_masked_and_its_names_are_shown(self, checkout_environment: dict[str, str]) -> None:
        metadata = {"note": CARD, CARD: "x", "cvv": 123}
        stdin = json.dumps({**ORDER, "metadata": metadata})
        made = json.loads(run("call", "request_payment", "--body", "-", stdin=stdin, **checkout_environment).stdout)
        masked, shown = (
            json.loads(run("call", "get_payment", made["id"], *more, **checkout_environment).stdout)
            for more in ((), ("--show-secrets",))
        )
        assert masked["metadata"] == {"note": "***", "***": "***", "cvv": "***"}
        assert shown["metadata"] == metadata
        assert masked["_links"].keys() == shown["_links"].keys()
        assert masked["_links"]["self"] == shown["_links"]["self"], "a model in a map is masked by member"

    @pytest.mark.parametrize("options", [(), ("--show-secrets",)], ids=["masked", "whole"])
    def test_a_terminal_gets_no_control_character_and_the_answer_is_json(
        self, options: tuple[str, ...], checkout_environment: dict[str, str], checkout_faults: Any
    ) -> None:
        reference = "a\x9b31m\u202eb"
        made = run("call", "request_payment", "--body", "-", stdin=json.dumps(ORDER), **checkout_environment)
        payment = json.loads(made.stdout)["id"]
        got = json.loads(run("call", "get_payment", payment, "--show-secrets", **checkout_environment).stdout)
        body = json.dumps({**got, "reference": reference}, ensure_ascii=False).encode()
        checkout_faults.add("get_payment", CannedResponse(200, body=body), times=None)
        done = run("call", "get_payment", payment, *options, **checkout_environment)
        assert done.exit_code == 0, done.stderr
        assert "\x9b" not in done.stdout
        assert "\u202e" not in done.stdout
        assert json.loads(done.stdout)["reference"] == reference

    def test_an_error_of_the_api_is_one_line(self, checkout_environment: dict[str, str]) -> None:
        done = run("call", "get_payment", "pay_" + "a" * 26, **checkout_environment)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith("checkout-async: get_payment: 404")


@contextmanager
def odd_server(reply: bytes) -> Generator[str]:
    """Run a server that answers whatever it is asked with these bytes."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline() not in {b"\r\n", b""}:
                pass
            self.wfile.write(reply)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class TestDoctor:
    def test_everything_is_in_order(self, checkout_environment: dict[str, str]) -> None:
        done = run("doctor", **checkout_environment)
        assert done.exit_code == 0, done.output
        lines = done.stdout.splitlines()
        checks = [line.split()[1] for line in lines[1:-1]]
        assert checks == ["credentials", "address", "dns", "connection", "clock", "token", "scopes"]
        assert all(line.startswith("ok ") for line in lines[1:-1])
        assert "request_payment" in lines[-2]
        assert lines[-1] == "Everything is in order."

    def test_a_secret_key_is_tried(
        self, checkout_environment: dict[str, str], checkout_sandbox: ThreadedSandbox
    ) -> None:
        env: dict[str, str | None] = dict.fromkeys(checkout_environment)
        env |= {"CHECKOUT_BASE_URL": checkout_sandbox.base_url, "CHECKOUT_SECRET_KEY": SECRET_KEY}
        assert "the API accepts the secret key" in run("doctor", **env).stdout
        wrong = run("doctor", **{**env, "CHECKOUT_SECRET_KEY": "sk_sbox_" + 27 * "b"})
        assert wrong.exit_code == 1
        assert "FAIL  key          the API refused the secret key (401)" in wrong.stdout
        assert "bbb" not in wrong.output

    @pytest.mark.parametrize(
        ("changes", "check", "text"),
        [
            ({"CHECKOUT_CLIENT_ID": None}, "credentials", "CHECKOUT_CLIENT_ID is not set"),
            ({"CHECKOUT_BASE_URL": None, "CHECKOUT_TOKEN_URL": None}, "address", "environment is missing"),
            (
                {"CHECKOUT_BASE_URL": None, "CHECKOUT_TOKEN_URL": None, "CHECKOUT_ENVIRONMENT": "sandbox"},
                "address",
                "subdomain is missing",
            ),
            (
                {
                    "CHECKOUT_BASE_URL": None,
                    "CHECKOUT_TOKEN_URL": None,
                    "CHECKOUT_ENVIRONMENT": "sandbox",
                    "CHECKOUT_SUBDOMAIN": 64 * "a",
                },
                "address",
                "at most 63 of them",
            ),
            ({"CHECKOUT_BASE_URL": f"https://{64 * 'a'}.invalid"}, "address", "base_url names no host"),
            ({"CHECKOUT_BASE_URL": "https://no-such-host.invalid"}, "dns", "could not be resolved"),
            ({"CHECKOUT_CLIENT_SECRET": "wrong"}, "token", "invalid_client"),
            ({"CHECKOUT_SCOPES": "fx"}, "scopes", "fx: no operation of this package may be called"),
        ],
        ids=["credentials", "address", "subdomain", "long-subdomain", "long-host", "dns", "token", "scopes"],
    )
    def test_what_is_wrong_is_named_with_what_to_do(
        self, changes: dict[str, str | None], check: str, text: str, checkout_environment: dict[str, str]
    ) -> None:
        done = run("doctor", **{**checkout_environment, **changes})
        assert done.exit_code == 1
        failed = re.search(rf"^FAIL  {check} +(.+)\n {{19}}(\S.+)$", done.stdout, re.MULTILINE)
        assert failed is not None, done.stdout
        assert text in failed[1]
        assert done.stdout.endswith("Failed checks: 1.\n")

    def test_a_port_that_nobody_listens_on(self, checkout_environment: dict[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        done = run("doctor", **{**checkout_environment, "CHECKOUT_BASE_URL": url, "CHECKOUT_TOKEN_URL": url})
        assert f"FAIL  connection   127.0.0.1, port {port} could not be reached" in done.stdout

    @pytest.mark.parametrize(
        ("headers", "check", "text", "advice"),
        [
            ("X: " + 70_000 * "x", "connection", "sends headers of over 64 KiB", "Check the address"),
            ("Date: yesterday", "clock", "the server's `Date` header is not a date", "Compare this machine's clock"),
            (
                "Date: Sat, 28 Nov 2026 10:00:00 +9999999999999",
                "clock",
                "the server's `Date` header is not a date",
                "Compare this",
            ),
        ],
        ids=["long", "word", "zone"],
    )
    def test_a_server_whose_reply_is_odd(
        self, headers: str, check: str, text: str, advice: str, checkout_environment: dict[str, str]
    ) -> None:
        with odd_server(f"HTTP/1.1 200 OK\r\n{headers}\r\n\r\n".encode()) as url:
            done = run("doctor", **{**checkout_environment, "CHECKOUT_BASE_URL": url, "CHECKOUT_TOKEN_URL": url})
        failed = re.search(rf"^FAIL  {check} +(.+)\n {{19}}(\S.+)$", done.stdout, re.MULTILINE)
        assert failed is not None, done.stdout
        assert text in failed[1]
        assert advice in failed[2]

    def test_a_date_without_a_zone_is_utc(
        self, checkout_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S -0000")
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        try:
            with odd_server(f"HTTP/1.1 200 OK\r\nDate: {now}\r\n\r\n".encode()) as url:
                done = run("doctor", **{**checkout_environment, "CHECKOUT_BASE_URL": url, "CHECKOUT_TOKEN_URL": url})
        finally:
            monkeypatch.undo()
            time.tzset()
        assert "ok    clock        this machine and the server agree" in done.stdout

    @pytest.mark.parametrize("certificate", [None, {}, {"notAfter": "soon"}], ids=["none", "empty", "word"])
    def test_a_certificate_without_an_end_of_its_validity(
        self,
        certificate: dict[str, str] | None,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        authority = trustme.CA()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        cast("Any", authority.issue_cert("127.0.0.1")).configure_cert(context)
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

        def getpeercert(_: ssl.SSLObject) -> dict[str, str] | None:
            return certificate

        monkeypatch.setattr(ssl.SSLObject, "getpeercert", getpeercert)
        with ThreadedSandbox(ssl_context=context) as sandbox:
            done = run("doctor", **sandbox.environ)
        assert re.search(
            r"FAIL  tls +127.0.0.1: the certificate has no end of validity\n +Have the server's", done.stdout
        )

    def test_a_server_that_does_not_end_tls_leaves_no_socket_open(self) -> None:
        """A socket that is left open is a ResourceWarning, which fails any test."""
        authority = trustme.CA()
        server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
        cast("Any", authority.issue_cert("127.0.0.1")).configure_cert(server)
        cast("Any", authority).configure_trust(client)
        ended = threading.Event()

        def answer() -> None:
            with server.wrap_socket(listener.accept()[0], server_side=True) as connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
                ended.wait(60)

        with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as threads:
            answered = threads.submit(answer)
            try:
                head, _ = asyncio.run(_greet("127.0.0.1", listener.getsockname()[1], client))
                gc.collect()
            finally:
                ended.set()
            answered.result()
        assert head.startswith("HTTP/1.1 204")

    def test_a_certificate_that_is_not_trusted_and_one_that_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        authority = trustme.CA()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        cast("Any", authority.issue_cert("127.0.0.1")).configure_cert(context)
        with ThreadedSandbox(ssl_context=context) as sandbox:
            for name, value in sandbox.environ.items():
                monkeypatch.setenv(name, value)
            assert "FAIL  tls          127.0.0.1: " in run("doctor").stdout
            authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
            done = run("doctor")
        assert re.search(
            r"^ok    tls +127\.0\.0\.1: TLSv1\.3, certificate valid until \d{4}-", done.stdout, re.MULTILINE
        )
        assert done.exit_code == 0, done.output

    @pytest.mark.parametrize(("error", "text"), [(90, r"9[01] s ahead of"), (-3600, r"(3599|3600) s behind")])
    def test_a_wrong_clock(
        self, error: float, text: str, checkout_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = time.time
        monkeypatch.setattr(
            sys.modules["checkout_async.cli.doctor"],
            "time",
            type("Time", (), {"time": staticmethod(lambda: now() + error)}),
        )
        done = run("doctor", **checkout_environment)
        assert re.search(f"FAIL  clock        this machine is {text} the server", done.stdout)
        assert "ok    token" in done.stdout, "the other checks go on"

    def test_a_token_endpoint_that_is_out_of_order(
        self, checkout_environment: dict[str, str], checkout_faults: Any
    ) -> None:
        checkout_faults.add("request_access_token", Fault.UNAVAILABLE, times=None)
        done = run("doctor", **checkout_environment)
        assert re.search(r"FAIL  token .*answered 503.*\n +Try again later\.", done.stdout)


class Listening:
    """The command in a process of its own, since it takes the signals of its process."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process = process
        self.address = address

    def post(self, body: bytes, key: str) -> int:
        headers = {webhooks.SIGNATURE_HEADER: webhooks.sign(body, key)}
        try:
            with urllib_request.urlopen(urllib_request.Request(self.address, body, headers), timeout=60) as reply:
                return int(reply.status)
        except urllib_error.HTTPError as refused:
            return refused.code

    def finish(self) -> tuple[str, str]:
        return self.process.communicate(timeout=60)


@pytest.fixture
def listening(request: pytest.FixtureRequest) -> Iterator[Listening]:
    options: list[str] = getattr(request, "param", [])
    process = subprocess.Popen(
        [sys.executable, "-m", "checkout_async", "listen", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    yield Listening(process, first.split()[4])
    process.kill()
    process.communicate()


@pytest.mark.slow
class TestListen:
    @pytest.mark.parametrize("listening", [["--stop-after", "1"]], indirect=True)
    def test_it_prints_the_webhooks_of_the_simulator(self, listening: Listening) -> None:
        with ThreadedSandbox(webhook_url=listening.address) as sandbox:
            checkout = sandbox.any_loop_client()
            payment = asyncio.run(
                checkout.payments.request_payment(payments.PaymentRequest.from_dict({**ORDER, "capture": False}))
            )
            sandbox.webhooks_settled()
            assert [each.delivered for each in sandbox.webhooks] == [True]
        out, _ = listening.finish()
        assert re.search(rf"Z  verified  payment_approved  evt_\w+  {payment.id}\n", out)
        assert listening.process.returncode == 0

    @pytest.mark.parametrize("listening", [["--body", "--signing-key", "mine", "--stop-after", "1"]], indirect=True)
    def test_a_wrong_signature_is_refused_and_bodies_are_masked(self, listening: Listening) -> None:
        data = {"id": "pay_1", "source": {"type": "card", "last_4": "4242", "name": "Jo Bloggs"}}
        body = json.dumps({"id": "evt_1", "type": "payment_approved", "data": data}).encode()
        assert listening.post(body, "another") == 401
        assert listening.post(b"[]", "mine") == 200
        assert listening.post(body, "mine") == 200
        out, err = listening.finish()
        assert "verified  payment_approved  evt_1  pay_1" in out
        assert "Jo Bloggs" not in out
        assert '"last_4"' in out
        assert "refused with 401" in err
        assert "signed, but not an event" in err

    @pytest.mark.parametrize("listening", [["--body", "--signing-key", "mine", "--stop-after", "1"]], indirect=True)
    def test_an_event_of_an_unknown_type_shows_no_value(self, listening: Listening) -> None:
        data = {"number": CARD, "list": [123, {"cvv": 100}], "token": "tok_" + "a" * 26, CARD: None}
        event = {"id": f"evt\n{CARD}", "type": f"dispute\n{CARD}", "data": data}
        assert listening.post(json.dumps(event).encode(), "mine") == 200
        out, _ = listening.finish()
        first, _, body = out.partition("\n")
        assert first.endswith("  verified  dispute\\n***  evt\\n***")
        masked = {"number": "***", "list": ["***", {"cvv": "***"}], "token": "***", "***": "***"}
        assert json.loads(body)["data"] == masked

    def test_it_ends_with_ctrl_c(self, listening: Listening) -> None:
        listening.process.send_signal(2)
        listening.finish()
        assert listening.process.returncode == 0


@pytest.mark.parametrize("depth", [60, 400])
def test_an_unknown_event_is_masked_at_any_depth(depth: int) -> None:
    data = '{"a":[' * (depth // 2) + f'"{CARD}"' + "]}" * (depth // 2)
    event = webhooks.parse(f'{{"id": "evt_1", "type": "other", "data": {data}}}'.encode())
    shown = as_json(event, show_secrets=False)
    assert CARD not in shown
    assert "***" in shown
    assert CARD in as_json(event, show_secrets=True)


def test_the_simulators_signing_key_is_the_default() -> None:
    assert SANDBOX_SIGNING_KEY == WEBHOOK_SECRET


def test_a_signing_key_that_cannot_be_one_is_refused() -> None:
    done = run("listen", "--port", "0", "--signing-key", " ")
    assert done.exit_code == 2
    assert "the signing key is empty" in done.stderr


def test_a_port_in_use_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("listen", "--port", str(port))
    assert (done.exit_code, done.stderr) == (
        2,
        f"checkout-async: cannot listen on port {port}: Address already in use\n",
    )
