"""A small made-up API for the tests of the core: the same bases as the generated classes, none of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, UnsetType, field

from checkout_async._core.model import OpenEnum, RequestModel, ResponseModel
from checkout_async._core.wire import Alternative, Idempotency, Operation


class Colour(OpenEnum):
    RED = "red"
    DARK_BLUE = "dark blue"

    __aliases__: ClassVar[Mapping[str, str]] = {"Navy": "dark blue"}


class CardSource(RequestModel, tag_field="type", tag="card", kw_only=True):
    __sensitive__: ClassVar[Mapping[str, str]] = {"number": "pan", "cvv": "cvv", "holder": "personal"}

    number: Annotated[str, Meta(min_length=13, max_length=19, pattern=r"(?a)^\d+\Z")]
    cvv: str | UnsetType | None = None
    holder: str | UnsetType | None = None


class TokenSource(RequestModel, tag_field="type", tag="token", kw_only=True):
    token: str


class Order(RequestModel, kw_only=True):
    source: CardSource | TokenSource
    amount: Annotated[int, Meta(ge=0)] | UnsetType | None = None
    colour: Colour | UnsetType | None = None
    three_ds: bool | UnsetType | None = field(name="3ds", default=None)
    note: str | UnsetType | None = UNSET
    at: Annotated[datetime, Meta(tz=True)] | UnsetType | None = None
    weight: float | UnsetType | None = None


class Payout(RequestModel, kw_only=True):
    destination: str
    amount: int


class Link(ResponseModel, frozen=True, kw_only=True):
    href: str | None = None


class Receipt(ResponseModel, frozen=True, kw_only=True):
    __sensitive__: ClassVar[Mapping[str, str]] = {"secret": "secret"}

    id: str
    amount: int | None = None
    colour: Colour | None = None
    colours: list[Colour] | None = None
    secret: str | None = None
    link: Link | None = None
    links: list[Link] | None = None
    by_name: dict[str, Link] | None = None
    texts: list[str] | None = None
    text_or_link: Link | str | None = None
    done_on: Annotated[datetime, Meta(tz=True)] | None = None


PLACE_ORDER = Operation[Receipt](
    name="place_order",
    method="POST",
    path="/shops/{shop}/orders",
    idempotency=Idempotency.NONE,
    responses={201: Receipt, 202: Receipt},
    request=Order,
)
PAY: Operation[Receipt] = Operation(
    name="pay",
    method="POST",
    path="/payments",
    idempotency=Idempotency.KEY,
    responses={201: Receipt},
    alternatives=(Alternative(Payout, ("destination",)), Alternative(Order)),
    body_required=False,
    idempotency_header="Cko-Idempotency-Key",
)
CAPTURE: Operation[Receipt | None] = Operation(
    name="capture",
    method="POST",
    path="/payments/{payment}/captures",
    idempotency=Idempotency.KEY,
    responses={202: Receipt, 204: None},
)
CLOSE_SHOP = Operation[None](
    name="close_shop", method="PUT", path="/shops/{shop}", idempotency=Idempotency.NATURAL, responses={204: None}
)
