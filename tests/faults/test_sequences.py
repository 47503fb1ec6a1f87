"""Two faults in a row: the last one must not hide that an earlier attempt may have been carried out."""

from __future__ import annotations

import pytest

from checkout_async import errors
from checkout_async.sandbox import CannedResponse, Fault, Sandbox
from tests.faults.test_matrix import ONCE, PATIENT, SUBJECTS

pytestmark = pytest.mark.slow

FINAL = (CannedResponse(429, retry_after=60), CannedResponse(400), CannedResponse(403), CannedResponse(422))


@pytest.mark.parametrize("kind", ["natural", "key"])
@pytest.mark.parametrize("last", FINAL, ids=lambda last: str(last.status))
async def test_a_lost_reply_and_then_an_error_leave_the_outcome_unknown(kind: str, last: CannedResponse) -> None:
    subject = SUBJECTS[kind]
    async with Sandbox() as sandbox, sandbox.client(retry=ONCE) as checkout:
        call = await subject.prepare(checkout)
        sandbox.faults.add(subject.operation, Fault.LOST_REPLY)
        sandbox.faults.add(subject.operation, last, at=2)
        with pytest.raises(errors.OutcomeUnknown) as caught:
            await call(PATIENT)
        refusal = caught.value.__cause__
        assert isinstance(refusal, errors.ApiError)
        assert (refusal.status, refusal.request_id) == (last.status, sandbox.requests[-1].request_id)
        assert caught.value.attempts == 2
        assert subject.done(sandbox) == 1


@pytest.mark.parametrize("last", FINAL, ids=lambda last: str(last.status))
async def test_where_nothing_can_have_been_done_the_last_error_is_raised(last: CannedResponse) -> None:
    subject = SUBJECTS["safe"]
    async with Sandbox() as sandbox, sandbox.client(retry=ONCE) as checkout:
        call = await subject.prepare(checkout)
        sandbox.faults.add(subject.operation, Fault.LOST_REPLY)
        sandbox.faults.add(subject.operation, last, at=2)
        with pytest.raises(errors.ApiError) as caught:
            await call(PATIENT)
        assert caught.value.status == last.status
