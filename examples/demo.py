"""The main job end to end, without an account: `make demo`, or `python examples/demo.py [COUNT]`.

Writes a file of varied session requests, starts the sandbox in a separate process, runs `checkout-async authenticate`
on the file, and checks that every line has exactly one result. The same COUNT always gives the same file.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from checkout_async.sandbox import SCENARIOS, SCHEMES, amount, card_number

COMMAND = [sys.executable, "-m", "checkout_async"]
SOME_LINES_HAVE_ERRORS = 1
"""The expected exit code: the file contains malformed lines and cards that the API refuses."""

FAKE_BROWSER = "--fake-browser-data"
"""Some requests have no channel data. In production the command refuses those."""

Json = dict[str, Any]


def main() -> None:
    """Run the demo. Exits with 1 if a line has no result or more than one."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    with tempfile.TemporaryDirectory(prefix="checkout-async-demo-") as folder:
        requests, results = Path(folder, "requests.jsonl"), Path(folder, "results.jsonl")
        malformed = write_requests(requests, count)
        print(f"{count} session requests ({len(malformed)} of them malformed) go to a local sandbox", flush=True)
        with sandbox() as settings:
            command = [*COMMAND, "authenticate", str(requests), "--output", str(results), "--rate", "0", FAKE_BROWSER]
            done = subprocess.run(command, env=os.environ | settings, check=False)  # noqa: S603  # our own command
        check(results, count, malformed, done.returncode)


def check(path: Path, count: int, malformed: set[int], exit_code: int) -> None:
    """Compare the results with the requests."""
    results = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert exit_code == SOME_LINES_HAVE_ERRORS, f"unexpected exit code {exit_code}"
    assert sorted(result["line"] for result in results) == list(range(1, count + 1)), (
        "a line does not have exactly one result"
    )
    reported = {result["line"] for result in results if result.get("error", {}).get("kind") == "InvalidRecord"}
    assert reported == malformed, "a malformed line counted as a request, or the reverse"
    authenticated = sum("cryptogram" in result for result in results)
    print(f"every line has exactly one result; {authenticated} have a cryptogram and may be authorised")


@contextmanager
def sandbox() -> Generator[dict[str, str]]:
    """Run the simulator on a free port. Gives the environment variables that point a client to it."""
    command = [*COMMAND, "sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # our own command
        try:
            yield dict(read_exports(process))
        finally:
            process.terminate()


def read_exports(process: subprocess.Popen[str]) -> Iterator[tuple[str, str]]:
    """Read the `export NAME=VALUE` lines that the command prints when it is ready."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            yield name, value.strip("'")
            if name == "CHECKOUT_SCOPES":
                return
    raise SystemExit("the sandbox did not start")


def write_requests(path: Path, count: int) -> set[int]:
    """Write a line per request and return the numbers of the malformed ones."""
    rng = random.Random(count)  # noqa: S311  # for variety, not for secrets
    malformed = set(rng.sample(range(1, count + 1), k=min(count, 1 + count // 500)))
    with path.open("w", encoding="utf-8") as file:
        for number in range(1, count + 1):
            line = json.dumps(make_request(rng, number))
            file.write((line[: len(line) // 2] if number in malformed else line) + "\n")
    return malformed


def make_request(rng: random.Random, number: int) -> Json:
    """Make a request with any source, scheme and channel, and with a card or amount for a random outcome."""
    weights = [1 if scenario.failure else 40 if scenario.name == "frictionless" else 4 for scenario in SCENARIOS]
    scenario = rng.choices(SCENARIOS, weights)[0].name
    source = rng.choice(SOURCES)(rng, scenario)
    is_card = source["type"] == "card"
    request: Json = {
        "source": source,
        "amount": rng.randrange(100, 9000) if is_card else amount(scenario),
        "currency": rng.choice(["GBP", "EUR", "USD"]),
        "reference": f"demo-{number}",
        **rng.choice(CHANNELS)(rng),
        **rng.choice(AGREEMENTS),
    }
    return request


def card(rng: random.Random, scenario: str) -> Json:
    """Make a card of any scheme; for some Visa cards, the holder chose Cartes Bancaires."""
    scheme = rng.choice(list(SCHEMES))
    choice = {"scheme": "cartes_bancaires"} if scheme == "visa" and rng.random() < 0.3 else {}
    number = card_number(scenario, scheme)
    return {"type": "card", "number": number, "expiry_month": 6, "expiry_year": 2035, "name": "Bo Demo", **choice}


def network_token(rng: random.Random, _scenario: str) -> Json:
    """Make a network token, which looks like a card number."""
    number = card_number("frictionless", rng.choice(["visa", "mastercard"]))
    return {"type": "network_token", "token": number, "expiry_month": 6, "expiry_year": 2035}


SOURCES: list[Callable[[random.Random, str], Json]] = [
    card,
    card,
    network_token,
    lambda rng, _: {"type": "id", "id": f"src_{rng.randrange(36**5):026d}"},
    lambda rng, _: {"type": "token", "token": f"tok_{rng.randrange(36**5):026d}"},
]

NON_HOSTED = {"completion": {"type": "non_hosted"}}
HOSTED = {
    "completion": {
        "type": "hosted",
        "success_url": "https://shop.example/success",
        "failure_url": "https://shop.example/failure",
    }
}


def in_browser(rng: random.Random) -> Json:
    """Make the members for a browser with channel data; for some, the 3DS Method was run."""
    method = rng.choice([{}, {"three_ds_method_completion": "Y"}, {"three_ds_method_completion": "U"}])
    browser = {
        "channel": "browser",
        "accept_header": "text/html",
        "java_enabled": False,
        "javascript_enabled": True,
        "language": rng.choice(["en-GB", "fr-FR"]),
        "color_depth": "24",
        "screen_height": "1080",
        "screen_width": "1920",
        "timezone": "-60",
        "user_agent": "Mozilla/5.0 (demo)",
        "ip_address": "192.0.2.7",
    }
    return {**NON_HOSTED, "channel_data": browser | method}


def in_app(rng: random.Random) -> Json:
    """Make the members for an app. The device data are a JWE for the scheme; the sandbox reads only its form."""
    app = {
        "channel": "app",
        "sdk_app_id": str(uuid.UUID(int=rng.getrandbits(128))),
        "sdk_max_timeout": 5,
        "sdk_ephem_pub_key": {
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x",
        },
        "sdk_reference_number": "3DS_LOA_SDK_DEMO",
        "sdk_encrypted_data": "eyJhbGciOiJSU0EtT0FFUCJ9.a2V5.aXY.ZGF0YQ.dGFn",
        "sdk_transaction_id": str(uuid.UUID(int=rng.getrandbits(128))),
        "sdk_interface_type": "both",
        "sdk_ui_elements": ["text", "single_select"],
    }
    return {**NON_HOSTED, "channel_data": app}


def merchant_initiated(_rng: random.Random) -> Json:
    """Make the members for a merchant-initiated session, without a cardholder."""
    data = {"channel": "merchant_initiated", "request_type": "recurring_transaction"}
    return {**NON_HOSTED, "channel_data": data}


CHANNELS: list[Callable[[random.Random], Json]] = [
    lambda _: dict(NON_HOSTED),
    lambda _: dict(NON_HOSTED),
    lambda _: dict(HOSTED),
    in_browser,
    in_browser,
    in_app,
    merchant_initiated,
]

AGREEMENTS: list[Json] = [
    {},
    {},
    {"authentication_type": "recurring", "recurring": {"days_between_payments": 28, "expiry": "20351231"}},
    {"authentication_type": "installment", "installment": {"number_of_payments": 4}},
    {"authentication_type": "add_card", "authentication_category": "non_payment"},
    {"challenge_indicator": "challenge_requested_mandate"},
    {"preferred_experiences": ["google_spa", "3ds"]},
]


if __name__ == "__main__":
    main()
