"""What may be shown of values, free text and headers."""

import asyncio
import copy
import pickle
import re
import traceback
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from checkout_async.redaction import (
    MASK,
    Headers,
    Secret,
    SecretBytes,
    SecretMembers,
    SecretStruct,
    as_secret,
    clears_frames,
    mask,
    mask_headers,
    sanitize,
    scrub,
)
from tests.canary.marks import luhn


@pytest.mark.parametrize("number", ["4242424242424242", "4222222222222"])
def test_a_card_number_keeps_its_last_four_digits(number: str) -> None:
    assert mask(number, "pan") == f"***{number[-4:]}"


@pytest.mark.parametrize("value", ["x", "956", "Ada Lovelace-King", "sek_Dal7UyiH8rIFXA4PfgiIk2jUyQkVDeEWgVBEL4Ts", 5])
@pytest.mark.parametrize("kind", ["cvv", "secret", "personal"])
def test_anything_else_sensitive_shows_nothing(value: object, kind: str) -> None:
    assert mask(value, kind) == "***"


@pytest.mark.parametrize("number", ["", "4242", "4242424", "424242424242", 4242424242424242])
def test_a_shortened_card_number_shows_nothing(number: object) -> None:
    assert mask(number, "pan") == "***"


@pytest.mark.parametrize(
    "secret",
    [
        "4242424242424242",
        "4242 4242 4242 4242",
        "3782-822463-10005",
        "4242.4242.4242.4242",
        "6759649826438453011",
        "sk_sbox_aaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "pk_sbox_aaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "ack_i4dcnxhzqv4ebkvxiu3ksa27ca",
        "sek_Dal7UyiH8rIFXA4PfgiIk2jUyQkVDeEWgVBEL4TsRTE=",
        "tok_ubfj2q76miwundwlk72vxt2i7q",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhY2sifQ.c2lnbmF0dXJl",
        "Bearer abc",
        "basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    ],
)
def test_free_text_is_scrubbed_of_card_numbers_keys_and_tokens(secret: str) -> None:
    scrubbed = scrub(f"could not use ({secret}) here")
    assert scrubbed.startswith("could not use (***")
    assert secret not in scrubbed


@pytest.mark.parametrize(
    "text", ["amount_invalid", "sid_y3oqhf46pyzuxjbcn2giaqnb44", "2026-11-21T12:00:00Z", "12345678"]
)
def test_identifiers_codes_dates_and_short_numbers_stay(text: str) -> None:
    assert scrub(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "Accept",
        "Cko-Request-Id",
        "Cko-Version",
        "Content-Length",
        "CONTENT-TYPE",
        "date",
        "Retry-After",
        "User-Agent",
    ],
)
def test_a_listed_header_shows_its_value(name: str) -> None:
    assert mask_headers({name: "y"}) == {name: "y"}


@pytest.mark.parametrize("name", ["Authorization", "Cko-Idempotency-Key", "Cookie", "Set-Cookie", "X-Anything"])
def test_any_other_header_shows_no_value(name: str) -> None:
    assert mask_headers({name: "y"}) == {name: "***"}


def test_a_text_of_a_server_is_shown_up_to_200_characters() -> None:
    assert sanitize("x" * 200) == "x" * 200
    assert sanitize("x" * 201) == "x" * 200 + "..."


def test_control_characters_of_a_server_are_escaped() -> None:
    assert sanitize("a\r\nb\x1b[31m\u202e\u0085") == "a\\r\\nb\\x1b[31m\\u202e\\x85"


@pytest.mark.parametrize("hidden", [Secret("hush " * 30), SecretBytes(b"hush " * 30)])
def test_a_hidden_value_shows_itself_neither_whole_nor_shortened(hidden: Secret | SecretBytes) -> None:
    assert "hush" not in repr(hidden) + repr(hidden[:80]) + repr([hidden]) + pretty_repr({"a": hidden}, max_string=80)


def test_secret_bytes_show_their_number_in_formatted_text_too() -> None:
    assert f"{SecretBytes(b'hush')} {SecretBytes(b'hush')!s}" == "<4 bytes> <4 bytes>"


def test_hidden_values_are_what_they_hide() -> None:
    assert Secret("hush") == "hush" == f"{Secret('hush')}"
    assert SecretBytes(b"hush") == b"hush"
    assert type(bytes(SecretBytes(b"hush"))) is bytes
    assert SecretBytes(b"hush")[0] == ord("h")


@pytest.mark.parametrize("hidden", [Secret("hush"), SecretBytes(b"hush"), Headers({"X": "hush"})])
def test_hidden_values_stay_hidden_when_they_travel(hidden: object) -> None:
    for twin in (pickle.loads(pickle.dumps(hidden)), copy.copy(hidden), copy.deepcopy(hidden)):
        assert twin == hidden
        assert "hush" not in repr(twin)


def test_only_text_and_bytes_need_hiding() -> None:
    assert "hush" not in repr([as_secret("hush"), as_secret(b"hush")])
    assert as_secret(None) is None


class Login(SecretStruct, frozen=True):
    __hidden__ = ("password",)

    user: str
    password: str


def test_a_struct_shows_all_members_but_the_hidden_ones_and_travels_whole() -> None:
    login = Login("ada", "hush")
    assert repr(login) == pretty_repr(login) == "Login(user='ada')"
    assert login.__getstate__() == {"user": "ada"}
    assert copy.copy(login) == pickle.loads(pickle.dumps(login)) == login


def test_members_show_their_names_on_one_line() -> None:
    assert repr(SecretMembers({"pin": "hush", "a\nb": 5})) == "{'pin': '***', 'a\\\\nb': '***'}"


def test_headers_print_as_what_may_be_seen() -> None:
    assert repr(Headers({"Date": "today", "Authorization": "Bearer x"})) == "{'Date': 'today', 'Authorization': '***'}"


@pytest.mark.parametrize("gap", ["", " ", "-", ".", "\u00a0", "\n", "  ", "\u2011", "\u200b", "_", "\u00b7", "\u2060"])
def test_a_card_number_is_masked_however_it_is_grouped(gap: str) -> None:
    shown = sanitize(gap.join(["4242", "4242", "4242", "4242"]))
    assert "4242" not in shown
    assert MASK in shown


@pytest.mark.parametrize(
    "text",
    [
        "4242 4242 4242 4242 123",
        "4242424242424242 12/26 123",
        "1000 4242-4242-4242-4242",
        "9999 9999 9999 4242 4242 4242 4242",
        "4242424242424242-4242424242424242",
        "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2",
        "378 282 246 310 005",
        "4222 2222 2222 2",
        "676770000005",
        "c4242424242424242f",
    ],
)
def test_a_card_number_is_masked_whatever_stands_beside_it(text: str) -> None:
    shown = scrub(text)
    assert MASK in shown
    assert not re.search(r"4\D?2\D?4\D?2|378|2222|676770", shown)


@pytest.mark.parametrize("length", range(12, 20))
@pytest.mark.parametrize("digit", range(10))
def test_a_number_of_any_digits_with_their_check_digit_is_a_card_and_no_other(digit: int, length: int) -> None:
    number = luhn(f"{digit}" * (length - 1))
    assert scrub(number) == MASK
    another = f"{number[:-1]}{(int(number[-1]) + 1) % 10}"
    assert scrub(another) == another


@pytest.mark.parametrize(
    "number",
    [
        "4242424242424241",
        "42424242424242424242",
        "12345678903",
        "4222 2222 2 2222",
        "2026-11-21 12.00.00",
        "192.168.10.200",
        "87 8766 2073 1215",
    ],
)
def test_a_number_without_length_grouping_or_check_digit_of_a_card_stays(number: str) -> None:
    assert scrub(f"reference {number} unknown") == f"reference {number} unknown"


@pytest.mark.parametrize(
    "request_id",
    [
        "c93a1234-5678-4903-9012-345678902d2f",
        "00000000-0000-0000-0000-000000000000",
        "c4242424242424242000000000000d2f",
        "C9342424-2424-4242-4242-4242424242FF",
    ],
)
def test_a_request_id_stays_whole(request_id: str) -> None:
    assert sanitize(f"3 {request_id}, 4242424242424242") == f"3 {request_id}, {MASK}"


@given(st.uuids())
def test_any_uuid_stays_whole(request_id: UUID) -> None:
    assert scrub(f"{request_id} refused") == f"{request_id} refused"


def test_in_a_very_long_text_every_run_of_so_many_digits_is_masked() -> None:
    assert scrub("4242424242424241 " + "x" * 10_000).startswith(f"{MASK} xx")
    longest = "4242424242424241 ".ljust(10_000, "x")
    assert scrub(longest) == longest
    assert scrub(f"{longest}x").startswith(f"{MASK} xx")


def test_a_key_that_contains_a_uuid_is_masked() -> None:
    assert scrub("sk_test_0b9b5db6-f223-49d0-b68f-f6643dd4f808 refused") == f"{MASK} refused"


@pytest.mark.parametrize("before", range(180, 200))
def test_a_card_number_at_the_cut_is_masked(before: int) -> None:
    shown = sanitize("x" * before + "4242424242424242" + "y" * 50)
    assert "42" not in shown


# Frames


@clears_frames
def refuse(secret: str, *, also: str) -> None:
    """Raise an error whose frames, and those of its cause and its context, have a secret."""
    try:
        _fail(secret + also)
    except ValueError as error:
        try:
            _fail(secret + also)
        except ValueError:
            raise LookupError from error


@clears_frames
async def refuse_when_awaited(secret: str, *, also: str) -> None:
    refuse(secret, also=also)


@clears_frames
def pass_on(error: BaseException) -> None:
    raise error


def _fail(secret: str) -> None:
    raise ValueError(len(secret))


def _variables(error: BaseException | None, *, outer: int = 0) -> str:
    """Return the local variables of the frames of an error, its cause and its context, without the outermost ones."""
    if error is None:
        return ""
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__)][outer:]
    return repr(frames) + _variables(error.__cause__) + _variables(error.__context__)


async def test_an_exception_leaves_without_the_variables_of_any_frame() -> None:
    with pytest.raises(LookupError) as caught:
        refuse("hush", also="hush")
    assert "hush" not in _variables(caught.value, outer=1)
    with pytest.raises(LookupError) as caught:
        await refuse_when_awaited("hush", also="hush")
    assert "hush" not in _variables(caught.value, outer=1)


@clears_frames
async def wait_for_reply(secret: str, reply: asyncio.Future[None]) -> None:
    await _wait(secret, reply)


async def _wait(secret: str, reply: asyncio.Future[None]) -> None:
    await reply
    assert secret


async def test_an_exception_of_what_was_awaited_leaves_without_the_variables_of_any_frame() -> None:
    reply = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(wait_for_reply("hush", reply))
    await asyncio.sleep(0)
    reply.set_exception(OSError())
    with pytest.raises(OSError) as caught:  # noqa: PT011 - any
        await waiting
    assert "hush" not in _variables(caught.value, outer=1)


def test_the_frames_of_an_exception_that_the_caller_handles_keep_their_variables() -> None:
    try:
        _fail("hush")
    except ValueError as handled:
        with pytest.raises(LookupError):
            pass_on(LookupError())
        assert handled.__traceback__ is not None
        assert handled.__traceback__.tb_next is not None
        assert handled.__traceback__.tb_next.tb_frame.f_locals == {"secret": "hush"}


def _numbers(kept: list[BaseException]) -> Iterator[int]:
    try:
        _fail("hush")
    except ValueError as error:
        kept.append(error)
    yield 1
    yield 2


async def _later_numbers(kept: list[BaseException]) -> AsyncIterator[int]:
    try:
        _fail("hush")
    except ValueError as error:
        kept.append(error)
    yield 1
    yield 2


async def _number(kept: list[BaseException]) -> int:
    try:
        _fail("hush")
    except ValueError as error:
        kept.append(error)
    await asyncio.sleep(0)
    return 2


async def test_a_generator_or_coroutine_that_went_on_after_an_exception_is_not_ended() -> None:
    kept: list[BaseException] = []
    numbers, later, number = _numbers(kept), _later_numbers(kept), _number(kept)
    assert (next(numbers), await anext(later), number.send(None)) == (1, 1, None)
    for error in kept:
        with pytest.raises(ValueError, match="4"):
            pass_on(error)
    assert (next(numbers), await anext(later)) == (2, 2)
    with pytest.raises(StopIteration, match="2"):
        number.send(None)


def test_a_generator_that_an_exception_ends_keeps_no_variables() -> None:
    def broken(secret: str) -> Iterator[int]:
        yield len(secret)
        raise ValueError

    @clears_frames
    def use(secret: str) -> None:
        list(broken(secret))

    with pytest.raises(ValueError, match=r"^$") as caught:
        use("hush")
    assert "hush" not in _variables(caught.value, outer=1)
