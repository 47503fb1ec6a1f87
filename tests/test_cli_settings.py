"""`--env-file`, `--log-file` and `--verbose`: where a command's settings come from, and what it logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from checkout_async.sandbox import Sandbox
from tests.batch.support import CARD, request
from tests.commands import AUTHENTICATE, environment, is_there, mode_of, run, text_of, write_lines

pytestmark = pytest.mark.slow

SECRET = "sandbox_secret"
NOBODY = {name: value for name, value in environment("").items() if not name.startswith("CHECKOUT_")}


@pytest.fixture
def settings(sandbox: Sandbox, tmp_path: Path) -> Path:
    """The settings as systemd, shells and dotenv files write them."""
    path = tmp_path / "batch.env"
    path.write_text(
        "# of the night\n\n"
        f"CHECKOUT_BASE_URL={sandbox.base_url}\nexport CHECKOUT_TOKEN_URL='{sandbox.base_url}/connect/token'\n"
        f'CHECKOUT_CLIENT_ID="ack_sandbox" # the simulator\nCHECKOUT_CLIENT_SECRET={SECRET}\nPATH=/nowhere\n'
    )
    path.chmod(0o600)
    return path


async def test_settings_are_read_from_a_file(settings: Path) -> None:
    done = await run("token", "--env-file", settings, env=NOBODY)
    assert (done.code, done.err) == (0, "")
    assert "lifetime  3600 s" in done.out


async def test_the_environment_wins(settings: Path) -> None:
    done = await run("token", "--env-file", settings, env={**NOBODY, "CHECKOUT_CLIENT_SECRET": "another"})
    assert done.code == 1
    assert "invalid_client" in done.err


async def test_a_value_is_taken_as_it_is(settings: Path) -> None:
    """A secret may contain what a shell would replace."""
    settings.write_text(text_of(settings).replace(f"={SECRET}", "='${HOME}$PATH'"))
    done = await run("token", "--env-file", settings, env={**NOBODY, "HOME": SECRET, "PATH": ""})
    assert done.code == 1
    assert "invalid_client" in done.err


@pytest.mark.parametrize(("mode", "warned"), [(0o640, False), (0o644, True)])
async def test_a_file_whose_secrets_every_user_can_read_gets_a_warning(
    settings: Path, mode: int, *, warned: bool
) -> None:
    settings.chmod(mode)
    done = await run("token", "--env-file", settings, env=NOBODY)
    assert (done.code, "every user of this machine can read the secrets" in done.err) == (0, warned)
    assert SECRET not in done.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"CHECKOUT_CLIENT_ID=x\nsecret_without_name\n", "line 2: not of the form NAME=value"),
        (b"CHECKOUT_CLIENT_ID='x\nCHECKOUT_CLIENT_SECRET=sandbox_secret", "line 1: not of the form NAME=value"),
        (b"CHECKOUT_CLIENT_ID=\xff", "is not valid UTF-8; save it as UTF-8"),
        (None, "cannot read the settings file"),
    ],
)
async def test_a_file_that_is_not_understood_is_refused_without_its_content(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "bad.env"
    if content is not None:
        path.write_bytes(content)
    done = await run("token", "--env-file", path, env=NOBODY)
    assert done.code == 2
    assert said in done.err
    assert "secret" not in done.err
    assert done.err.count("\n") == 1 + ("every user" in done.err)


@pytest.mark.parametrize(
    ("verbose", "logged", "not_logged"),
    [
        ([], [], ["succeeded", "attempt"]),
        (["-v"], ["request_session: succeeded"], ["attempt started"]),
        (["-vv"], ["request_session: succeeded", "request_session: attempt started"], []),
    ],
)
async def test_calls_are_logged_to_a_private_file_without_secrets(
    settings: Path, tmp_path: Path, verbose: list[str], logged: list[str], not_logged: list[str]
) -> None:
    source = write_lines(tmp_path / "in.jsonl", [request(reference="ref-of-the-night")])
    log = tmp_path / "run.log"
    log.write_text("before\n")
    log.chmod(0o600)
    arguments: list[str | Path] = [
        source,
        "-o",
        tmp_path / "out.jsonl",
        "--env-file",
        settings,
        "--log-file",
        log,
        *verbose,
    ]
    done = await run(*AUTHENTICATE, *arguments, env=NOBODY)
    assert done.code == 0
    text = text_of(log)
    assert text.startswith("before\n")
    assert [each for each in logged if each not in text] == []
    assert [each for each in not_logged if each in text] == []
    assert not any(secret in text + done.err for secret in (SECRET, CARD, "Bearer", "ref-of-the-night"))


async def test_without_a_file_the_log_is_on_standard_error(settings: Path) -> None:
    done = await run("token", "--env-file", settings, "-v", env=NOBODY)
    assert "INFO checkout_async.calls: request_access_token: succeeded" in done.err


async def test_the_log_says_how_the_run_went_and_is_not_another_file_of_it(settings: Path, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [request(reference="a"), "{"])
    log, target = tmp_path / "run.log", tmp_path / "out.jsonl"
    arguments: list[str | Path] = [
        source,
        "-o",
        target,
        "--rejects",
        tmp_path / "r.jsonl",
        "--env-file",
        settings,
        "-v",
    ]
    done = await run(*AUTHENTICATE, *arguments, "--log-file", source, env=NOBODY)
    assert (done.code, is_there(target)) == (2, False)
    assert "the log is the input file" in done.err
    done = await run(*AUTHENTICATE, *arguments, "--log-file", log, env=NOBODY)
    assert (done.code, mode_of(log)) == (1, 0o600)
    assert "1 rejected records are in" in text_of(log)
