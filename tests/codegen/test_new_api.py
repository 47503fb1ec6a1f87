"""A new API needs fragments, an example for each body, and one accepted snapshot: everything else follows from them.

The test adds a made-up API of three operations to a copy of the repository: list with pages, read, and post.
It changes nothing but files in openapi/, generates, accepts, and runs the tests that walk all APIs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from codegen.__main__ import main
from tests.codegen.support import HERE, compile_once

REPOSITORY = HERE.parents[1]
FOLDERS = ("benchmarks", "checkout_async", "codegen", "docs", "openapi", "scripts", "tests")
FILES = ("CHANGELOG.md", "Makefile", "README.md", "pyproject.toml")
TAG = """\
  - name: Disputes
    description: Disputed payments. A dispute waits for evidence, and is then won or lost.

security:
"""
PATHS = """\
paths:
  /disputes:
    $ref: 'paths/disputes.yaml'
  /disputes/{id}:
    $ref: 'paths/disputes_{id}.yaml'
  /disputes/{id}/evidence:
    $ref: 'paths/disputes_{id}_evidence.yaml'
"""
SCOPES = "scopes:\n        disputes: Disputes.\n"
USE = """
import asyncio
from aiohttp import web
import checkout_async
from checkout_async import CheckoutClient, SecretKey, models, operations

SEEN = []

async def answer(request):
    SEEN.append((request.method, request.path_qs))
    if request.method == "POST":
        assert (await request.json()) == {"text": "Delivered.", "customer_email": "jo@shop.example"}
        return web.json_response({"id": "dsp_1"}, status=201)
    if request.path == "/disputes":
        start = int(request.query["skip"])
        data = [{"id": f"dsp_{number}"} for number in range(start, min(start + 2, 3))]
        return web.json_response({"total_count": 3, "data": data})
    return web.json_response({"id": "dsp_1", "status": "won", "cardholder_email": "jo@shop.example"})

async def main():
    runner = web.AppRunner(web.Application())
    runner.app.router.add_route("*", "/{path:.*}", answer)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    async with CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url=url, token_url=url) as client:
        dispute = await client.disputes.get_dispute("dsp_1")
        assert dispute.status is models.disputes.DisputeStatus.WON
        assert "jo@shop.example" not in repr(dispute)
        assert [each.id async for each in client.disputes.iterate_disputes()] == ["dsp_0", "dsp_1", "dsp_2"]
        evidence = models.disputes.DisputeEvidence(text="Delivered.", customer_email="jo@shop.example")
        assert (await operations.disputes.submit_dispute_evidence(client, "dsp_1", evidence)).id == "dsp_1"
    await runner.cleanup()
    assert [each for each in SEEN if each[0] == "POST"] == [("POST", "/disputes/dsp_1/evidence")]

asyncio.run(main())
"""
TYPED = """\
from typing import assert_type

from checkout_async import CheckoutClient, models, operations

async def use(client: CheckoutClient) -> None:
    assert_type(await client.disputes.get_dispute("dsp_1"), models.disputes.Dispute)
    assert_type(await operations.disputes.list_disputes(client), models.disputes.DisputeList)
    await client.disputes.get_dispute(1)
"""
WALKS = (
    "tests/openapi",
    "tests/generated",
    "tests/fuzz",
    "tests/canary/test_values.py",
    "tests/test_public_api.py",
    "tests/test_readme.py",
)
# The tests of one of its bodies, types or operations, and those that hold for all of them at once.
ABOUT_IT = "dispute or Dispute or test_document or test_public_api or test_readme or every or none"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_an_api_of_three_operations_needs_files_in_openapi_and_one_accepted_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in FOLDERS:
        # With the bytecode: what does not change need not be compiled again.
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    for file in FILES:
        shutil.copyfile(REPOSITORY / file, tmp_path / file)
    shutil.copytree(HERE / "new_api" / "openapi", tmp_path / "openapi", dirs_exist_ok=True)
    root = tmp_path / "openapi" / "openapi.yaml"
    edit(root, "\nsecurity:\n", TAG)
    edit(root, "paths:\n", PATHS)
    edit(tmp_path / "openapi" / "components" / "securitySchemes" / "access.yaml", "scopes:\n", SCOPES)

    def codegen(*arguments: str) -> int:
        return main(["--root", str(tmp_path), *arguments])

    def start(*command: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        run = [sys.executable, *command]
        return subprocess.Popen(
            run, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    compile_once(monkeypatch)
    assert codegen() == 0
    assert "accept it with" in capsys.readouterr().err
    assert codegen("--check") == 1
    capsys.readouterr()
    assert codegen("accept", "--why", "A new API.") == 0
    assert '+    "line": "POST /disputes/{id}/evidence",' in capsys.readouterr().out
    assert codegen("--check") == 0
    assert "`submit_dispute_evidence`" in (tmp_path / "docs" / "api.md").read_text(encoding="utf-8")
    (tmp_path / "typed.py").write_text(TYPED)
    # At the same time: the machines that run this have two cores.
    typed = start("-m", "mypy", "--strict", "--no-incremental", "typed.py")
    used = start("-c", USE)
    walked = start("-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=quick", "-k", ABOUT_IT, *WALKS)
    shown = [each.communicate()[0] for each in (typed, used, walked)]
    (problem,) = [line for line in shown[0].splitlines() if "error:" in line]
    assert 'typed.py:8: error: Argument 1 to "get_dispute"' in problem
    assert used.returncode == 0, shown[1]
    assert walked.returncode == 0, shown[2][-4000:]
