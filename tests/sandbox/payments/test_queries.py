"""Finding payments: the list by reference, the search with its query language, and the walk through pages."""

from __future__ import annotations

import pytest

from checkout_async.sandbox import Sandbox
from checkout_async.sandbox.core.clock import timestamp
from tests.sandbox.payments.support import TOKEN, PaymentsApi, card, order, payout
from tests.sandbox.support import Json

UNKNOWN = "pay_aaaaaaaaaaaaaaaaaaaaaaaaaa"


async def make(api: PaymentsApi, count: int, reference: str = "A") -> list[str]:
    """Make payments; gives their identifiers, newest first."""
    return [await api.paid(reference=reference) for _ in range(count)][::-1]


def found(page: Json) -> list[str]:
    return [item["id"] for item in page["data"]]


async def test_the_list_has_the_payments_with_a_reference_newest_first(api: PaymentsApi) -> None:
    mine = await make(api, 3)
    await make(api, 1, reference="AB")
    answer = await api.read("/payments", params={"reference": "A"})

    assert (answer.status, found(answer.body)) == (200, mine)
    assert (answer.body["limit"], answer.body["skip"], answer.body["total_count"]) == (10, 0, 3)
    assert answer.body["data"][0] == await api.payment(mine[0])


async def test_the_list_is_paged(api: PaymentsApi) -> None:
    mine = await make(api, 5)
    pages = [await api.read("/payments", params={"reference": "A", "limit": "2", "skip": s}) for s in ("0", "2", "4")]
    beyond = await api.read("/payments", params={"reference": "A", "skip": "5"})

    assert [found(page.body) for page in pages] == [mine[:2], mine[2:4], mine[4:]]
    assert (beyond.status, beyond.body["data"], beyond.body["total_count"]) == (200, [], 5)


async def test_an_unused_reference_is_not_found(api: PaymentsApi) -> None:
    answer = await api.read("/payments", params={"reference": "A"})

    assert (answer.status, answer.body) == (404, {})


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"reference": "A", "limit": "0"}, "paging_limit_invalid"),
        ({"reference": "A", "limit": "101"}, "paging_limit_invalid"),
        ({"reference": "A", "limit": "ten"}, "paging_limit_invalid"),
        ({"reference": "A", "skip": "-1"}, "paging_skip_invalid"),
        ({"limit": "10"}, "reference_required"),
        ({"reference": "A", "page": "2"}, "page_invalid"),
    ],
)
async def test_wrong_paging_is_refused(api: PaymentsApi, parameters: dict[str, str], code: str) -> None:
    await api.paid(reference="A")
    answer = await api.read("/payments", params=parameters)

    assert (answer.status, answer.codes) == (422, [code])


@pytest.mark.parametrize("what", ["", "/actions"])
@pytest.mark.parametrize("payment_id", [UNKNOWN, "sid_aaaaaaaaaaaaaaaaaaaaaaaaaa", "pay_short"])
async def test_an_unknown_payment_is_not_found(api: PaymentsApi, payment_id: str, what: str) -> None:
    answer = await api.read(f"/payments/{payment_id}{what}")

    assert (answer.status, answer.body) == (404, {})


async def test_an_empty_search_finds_everything_newest_first(api: PaymentsApi) -> None:
    first, second = await api.paid(), await api.paid(amount=1)
    payout_id = (await api.pay(payout())).body["id"]

    assert found((await api.search()).body) == [payout_id, second, first]


QUERIES = [
    "id:'{id}'",
    "reference:'Ref-1'",
    "amount:'4711' AND currency:'usd'",
    "amount:'4711' currency:'USD'",
    "status:'Captured'",
    "scheme:'mastercard'",
    "source.last4:'3100'",
    "bin:'520000' AND payment_method:'card'",
    "issuer:'sandbox bank' AND issuer_country:'GB' AND bin:'520000'",
    "customer_email:'jia@example.com'",
    "customer.name:'Jia Tsang'",
    "metadata.order:'A-17'",
    "metadata.order:'A*'",
    "metadata.order:'*-1*'",
    "metadata.count:'3'",
    "payment_type:'MOTO'",
    "acquirer_reference_number:'{arn}'",
]


@pytest.mark.parametrize("query", QUERIES)
async def test_a_query_finds_what_it_describes(api: PaymentsApi, query: str) -> None:
    await api.paid(source=TOKEN, reference="other", metadata={"order": "B-2", "count": 4})
    wanted = await api.captured(
        4711,
        body=order(scheme="mastercard", amount=4711, currency="USD", reference="REF-1", payment_type="MOTO"),
        customer={"email": "jia@example.com", "name": "Jia Tsang"},
        metadata={"order": "A-17", "count": 3},
    )
    capture = (await api.actions(wanted))[0]
    query = query.format(id=wanted, arn=capture["processing"]["acquirer_reference_number"])
    answer = await api.search(query)

    assert found(answer.body) == [wanted]


@pytest.mark.parametrize("query", ["amount:'4711' AND currency:'GBP'", "metadata.none:'*'", "reference:'REF'", "id:''"])
async def test_every_term_of_a_query_must_hold(api: PaymentsApi, query: str) -> None:
    await api.paid(amount=4711, currency="USD", reference="REF-1")

    assert found((await api.search(query)).body) == []


@pytest.mark.parametrize(
    "query",
    [
        "pay_x",
        "id:pay_x",
        "id:'x",
        "colour:'red'",
        "AND id:'x'",
        "id:'x' OR id:'y'",
        "id:'x'id:'y'",
        "metadata.a:'**'",
        "metadata.a:'*b*c*'",
    ],
)
async def test_a_query_that_is_not_understood_is_refused(api: PaymentsApi, query: str) -> None:
    answer = await api.search(query)

    assert (answer.status, answer.codes) == (422, ["query_invalid"])


async def test_a_period_limits_the_search(sandbox: Sandbox, api: PaymentsApi) -> None:
    await api.paid()
    await sandbox.advance(100)
    since = timestamp(sandbox.clock.now())
    await sandbox.advance(1)
    wanted = await api.paid()
    until = timestamp(sandbox.clock.now() + 1)
    await sandbox.advance(100)
    await api.paid()

    assert found((await api.search(members={"from": since, "to": until})).body) == [wanted]


@pytest.mark.parametrize(
    ("members", "status", "code"),
    [
        ({"from": "2026-01-01T00:00:00Z"}, 422, "to_required"),
        ({"to": "2026-01-01T00:00:00Z"}, 422, "from_required"),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, 400, "from_invalid"),
        ({"from": "yesterday", "to": "2026-01-01T00:00:00Z"}, 422, "from_invalid"),
    ],
)
async def test_a_search_beyond_its_limits_is_refused(api: PaymentsApi, members: Json, status: int, code: str) -> None:
    answer = await api.search(members=members)

    assert (answer.status, answer.codes) == (status, [code])


async def test_further_pages_of_a_search_are_linked(sandbox: Sandbox, api: PaymentsApi) -> None:
    mine = await make(api, 5)
    page = (await api.search(members={"limit": 2})).body
    pages = [found(page)]
    await api.paid()
    while "_links" in page:
        page = (await api.read(page["_links"]["next"]["href"])).body
        pages.append(found(page))

    assert pages == [mine[:2], mine[2:4], mine[4:]]
    assert sandbox.count("search_payments") == 3


async def test_a_page_that_was_not_linked_is_refused(api: PaymentsApi) -> None:
    await make(api, 3)
    href = (await api.search(members={"limit": 2})).body["_links"]["next"]["href"]
    answers = [await api.read(wrong) for wrong in (href + "x", href.partition("?")[0], "/payments/search/x?token=y")]

    assert [(answer.status, answer.codes) for answer in answers] == [(400, ["token_invalid"])] * 3


async def test_search_results_are_written_as_the_index_does(api: PaymentsApi) -> None:
    payment_id = await api.captured(6540, body=order(source=card(name="Jia Tsang")))
    item = (await api.search(f"id:'{payment_id}'")).body["data"][0]
    capture, authorization = item["actions"]

    assert (item["status"], item["payment_type"], item["source"]["card_type"]) == ("captured", "regular", "credit")
    assert (item["source"]["expiry_month"], item["source"]["expiry_year"]) == ("06", "2099")
    assert item["risk"]["score"] == "10"
    assert item["balances"] == {"total_authorized": 6540, "total_captured": 6540, "total_refunded": 0}
    assert (capture["type"], capture["status"], capture["amount"]) == ("Capture", "Approved", 6540)
    assert (authorization["type"], "approved" in authorization) == ("Authorization", False)
    assert "_links" not in item
