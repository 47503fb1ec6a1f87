"""What the journal remembers a record by: equal for equal records, revealing nothing without the key."""

from __future__ import annotations

import random
from pathlib import Path
from types import MappingProxyType
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async.batch.journal.fingerprint import KEY_BYTES, Fingerprints, key_file_of, load_key, make_key
from checkout_async.batch.records import Record
from checkout_async.errors import BatchFileError, InvalidRequest
from checkout_async.models import sessions
from tests.batch.support import CARD, request

KEY = bytes(range(32))
FINGERPRINTS = Fingerprints(KEY)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
REQUESTS = st.dictionaries(st.text(), JSON, max_size=5)


def content(request: object, line: int = 1) -> bytes:
    return FINGERPRINTS.of_content(Record(line=line, request=cast("sessions.SessionRequest", request)))


def shuffled(value: object, order: random.Random) -> object:
    """The same JSON, its members in another order."""
    if isinstance(value, dict):
        members = [(name, shuffled(member, order)) for name, member in cast("dict[str, object]", value).items()]
        order.shuffle(members)
        return dict(members)
    return [shuffled(item, order) for item in cast("list[object]", value)] if isinstance(value, list) else value


@pytest.mark.costly
@given(REQUESTS, st.randoms(use_true_random=False))
def test_the_order_of_members_does_not_matter(request: dict[str, object], order: random.Random) -> None:
    assert content(request) == content(shuffled(request, order))


@pytest.mark.costly
@given(REQUESTS, REQUESTS)
def test_other_content_has_another_fingerprint(one: dict[str, object], other: dict[str, object]) -> None:
    same = msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")
    assert (content(one) == content(other)) is same


def test_a_struct_and_the_mapping_of_the_same_shape_are_the_same_request() -> None:
    mapping = request(CARD, reference="ORD-1")
    assert content(msgspec.convert(mapping, sessions.SessionRequest)) == content(mapping)


def test_any_kind_of_mapping_will_do() -> None:
    assert content(MappingProxyType(request())) == content(request())


def test_the_line_is_no_part_of_a_record() -> None:
    assert content(request(), line=1) == content(request(), line=2)


def test_a_reference_differs_from_a_content_of_the_same_text() -> None:
    assert FINGERPRINTS.of_reference("{}") != content({})


@given(st.text(st.characters(), max_size=5), st.text(st.characters(), max_size=5))
def test_references_have_one_fingerprint_each(one: str, other: str) -> None:
    assert (FINGERPRINTS.of_reference(one) == FINGERPRINTS.of_reference(other)) is (one == other)


def test_a_reference_may_hold_half_a_surrogate_pair() -> None:
    assert FINGERPRINTS.of_reference("\ud800") != FINGERPRINTS.of_reference("\ud801")


def test_another_key_gives_other_fingerprints() -> None:
    other = Fingerprints(bytes(32))
    assert other.of_reference("ORD-1") != FINGERPRINTS.of_reference("ORD-1")
    assert other.check != FINGERPRINTS.check


def test_the_fingerprint_is_a_keyed_hash_of_128_bits() -> None:
    # HMAC-SHA256 of "reference\0ORD-1" under 00 01 .. 1f, by `openssl dgst -sha256 -mac HMAC`, cut to 16 bytes.
    assert FINGERPRINTS.of_reference("ORD-1").hex() == "2e34b656f6359fc17bb9871a9484f0ce"


def test_a_request_that_is_no_json_is_refused_without_its_content() -> None:
    with pytest.raises(InvalidRequest, match="cannot be written as JSON") as caught:
        content({"source": {"number": CARD, "cvv": object()}})
    assert CARD not in str(caught.value)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(BatchFileError, match=f"32 bytes; this one has {length}"):
        Fingerprints(bytes(length))


def test_a_made_key_is_random_private_and_read_back(tmp_path: Path) -> None:
    one, other = tmp_path / "one.journal", tmp_path / "other.journal"
    keys = make_key(one), make_key(other)
    assert (load_key(one), load_key(other)) == keys
    assert keys[0] != keys[1]
    assert {len(key) for key in keys} == {KEY_BYTES}
    assert key_file_of(one).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.journal.key", "other.journal.key"]


def test_there_may_be_no_key_yet(tmp_path: Path) -> None:
    assert load_key(tmp_path / "run.journal") is None


def test_a_key_file_of_the_wrong_length_is_refused_by_name(tmp_path: Path) -> None:
    path = key_file_of(tmp_path / "run.journal")
    path.touch(mode=0o600)
    path.write_bytes(b"secret-but-short")
    with pytest.raises(BatchFileError, match=r"run\.journal\.key is not a key of a journal") as caught:
        load_key(tmp_path / "run.journal")
    assert "secret" not in str(caught.value)


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    make_key(tmp_path / "run.journal")
    key_file_of(tmp_path / "run.journal").chmod(0o640)
    with pytest.raises(BatchFileError, match="chmod 600"):
        load_key(tmp_path / "run.journal")


def test_a_key_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    key_file_of(tmp_path / "run.journal").mkdir()
    with pytest.raises(BatchFileError, match=r"run\.journal\.key"):
        make_key(tmp_path / "run.journal")
    assert [path.name for path in tmp_path.iterdir()] == ["run.journal.key"]


def test_a_key_file_that_cannot_be_read_is_an_error_and_not_a_missing_key(tmp_path: Path) -> None:
    key_file_of(tmp_path / "run.journal").mkdir()
    with pytest.raises(BatchFileError, match=r"cannot read the journal's key .*run\.journal\.key: .+"):
        load_key(tmp_path / "run.journal")


def test_nothing_shows_the_key(tmp_path: Path) -> None:
    key = make_key(tmp_path / "run.journal", KEY)
    assert repr(key) == repr(load_key(tmp_path / "run.journal")) == "<32 bytes>"
    assert repr(KEY)[2:-1] not in f"{vars(Fingerprints(key))}"
