"""Compare the typed codec with other ways to read and write the largest documented bodies.

    python benchmarks/codec.py

Each line has the medians of interleaved rounds, in microseconds, and the ratio to `json` of the standard library.
"""

from __future__ import annotations

import gc
import json
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pydantic
from contenders import plain

from checkout_async._core.body import encode_body
from checkout_async._core.codec import decode
from checkout_async.models import payments, sessions

EXAMPLES = Path(__file__).parent.parent / "openapi/examples"
ROUNDS, REPEATS = 31, 200
DEFECTS = (0, 1, 10, 100)


def example(name: str) -> bytes:
    """Return an example body, with a time where the documentation has the placeholder "string"."""
    return (EXAMPLES / name).read_bytes().replace(b'"expires_on": "string"', b'"expires_on": "2026-12-13T15:00:01Z"')


def compare(title: str, ways: dict[str, Callable[[], object]]) -> None:
    """Run all ways in turn and print their medians."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    gc.disable()
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            for _ in range(REPEATS):
                way()
            took[name].append((time.perf_counter() - began) / REPEATS * 1e6)
    gc.enable()
    medians = {name: statistics.median(each) for name, each in took.items()}
    print(title)
    for name, median in medians.items():
        print(f"  {name:42}{median:8.1f}   {median / medians['json']:.2f} of json")


def reading(title: str, body: bytes, type_: Any) -> None:
    """Compare ways to decode a reply."""
    clean = msgspec.json.encode(decode(type_, body)[0])
    simple, model = msgspec.json.Decoder(plain(type_), strict=False), pydantic_of(clean)
    ways: dict[str, Callable[[], object]] = {
        "json": lambda: json.loads(clean),
        "orjson": lambda: orjson.loads(clean),
        "pydantic": lambda: model.validate_json(clean),
        "msgspec, plain classes": lambda: simple.decode(clean),
    }
    for count in DEFECTS:
        damaged = damage(clean, count)
        ways[f"ours, {count} wrong members"] = lambda damaged=damaged: decode(type_, damaged)
    compare(f"read {title} ({len(clean):,} bytes)", ways)


def writing(title: str, body: bytes, type_: Any, operation: str) -> None:
    """Compare ways to encode a request."""
    mapping = json.loads(body)
    struct = msgspec.convert(mapping, type_)
    simple, model = msgspec.convert(mapping, plain(type_)), pydantic_of(body)
    value, encoder = model.validate_json(body), msgspec.json.Encoder()
    compare(
        f"write {title} ({len(body):,} bytes)",
        {
            "json": lambda: json.dumps(mapping).encode(),
            "orjson": lambda: orjson.dumps(mapping),
            "pydantic": lambda: model.dump_json(value, by_alias=True),
            "msgspec, plain classes, no check": lambda: encoder.encode(simple),
            "ours, a Struct, checked": lambda: encode_body(operation, struct, type_),
            "ours, a mapping, checked": lambda: encode_body(operation, mapping, type_),
        },
    )


def pydantic_of(body: bytes) -> pydantic.TypeAdapter[Any]:
    """Return pydantic models that have the members of an example."""
    return pydantic.TypeAdapter(_type_like(json.loads(body), "Body"))


def _type_like(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        members: dict[str, Any] = {
            f"m_{number}": (_type_like(each, key), pydantic.Field(alias=key))
            for number, (key, each) in enumerate(value.items())
        }
        return pydantic.create_model(name, **members) if members else dict[str, Any]
    if isinstance(value, list):
        return list[_type_like(value[0], name)] if value else list[Any]
    return Any if value is None else type(value)


def damage(body: bytes, count: int) -> bytes:
    """Return a body in which as many members have an object where another value belongs."""
    left = count

    def damaged(value: Any, name: str = "") -> Any:
        nonlocal left
        if isinstance(value, dict):
            return {key: damaged(each, key) for key, each in value.items()}
        if isinstance(value, list):
            return [damaged(each) for each in value]
        if left and name not in {"", "id", "type"}:
            left -= 1
            return {"wrong": 1}
        return value

    return json.dumps(damaged(json.loads(body))).encode()


def main() -> None:
    """Compare all."""
    warnings.simplefilter("ignore", DeprecationWarning)  # the largest documented bodies have deprecated members
    reading("a payment", example("payments/get_payment.response.200.json"), payments.Payment)
    reading("a session", example("sessions/request_session.response.201.json"), sessions.Session)
    writing(
        "a session request",
        example("sessions/request_session.full.request.json"),
        sessions.SessionRequest,
        "request_session",
    )
    writing(
        "a payment request",
        example("payments/request_payment.request.json"),
        payments.PaymentRequest,
        "request_payment",
    )


if __name__ == "__main__":
    main()
