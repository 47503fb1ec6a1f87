"""Structs and enums: what their members take, and what replies give."""

from typing import assert_type

from msgspec import UNSET, UnsetType

from checkout_async.models import payments, sessions

NUMBER = "4242424242424242"


def use(*_values: object) -> None:
    """Use values: a checker reports an expression that nobody uses."""


def structs(text: str) -> None:
    sessions.CardSource(number=NUMBER, expiry_month=6, expiry_year=2030)  # right
    sessions.CardSource(number=NUMBER, expiry_month=6, expiry_year=2030, scheme="visa")  # right
    sessions.CardSource(number=NUMBER, expiry_month=6, expiry_year=2030, scheme=sessions.Scheme.VISA)  # right
    sessions.CardSource(number=NUMBER, expiry_month=6, expiry_year=2030, scheme=sessions.Scheme(text))  # right
    sessions.CardSource(number=NUMBER, expiry_month=6, expiry_year=2030, scheme=None)  # right
    sessions.CardSource(number=NUMBER, expiry_month=6, expiry_year=2030, scheme=UNSET)  # right
    sessions.CardSource(number=NUMBER, expiry_month=6, expiry_year=2030, scheme="vsa")  # wrong
    sessions.CardSource(number=NUMBER, expiry_month=6, expiry_year=2030, scheme=text)  # wrong
    sessions.CardSource(number=NUMBER, expiry_month=6, expiry_year=2030, scheme=sessions.AuthenticationType.REGULAR)  # wrong
    sessions.CardSource(NUMBER, 6, 2030)  # wrong
    sessions.CardSource(number=NUMBER, expiry_month=6)  # wrong
    sessions.CardSource(number=4242424242424242, expiry_month=6, expiry_year=2030)  # wrong
    sessions.CardSource(number=NUMBER, expiry_month="06", expiry_year=2030)  # wrong
    sessions.CardSource(number=NUMBER, expiry_month=6, expiry_year=2030, cvc="100")  # wrong
    payments.PaymentRequest(currency="GBP", source=payments.RequestIdSource(id="src_1"))  # right
    payments.PaymentRequest(currency="GBP", source=payments.RequestIdSource(id="src_1"), payment_type="MOTO")  # right
    payments.PaymentRequest(currency="GBP", source=payments.RequestIdSource(id="src_1"), three_ds=payments.ThreeDsRequest())  # right
    payments.PaymentRequest(currency="GBP", source=payments.RequestIdSource(id="src_1"), payment_type="Moto?")  # wrong
    payments.PaymentRequest(currency="GBP", source=sessions.IdSource(id="src_1"))  # wrong
    payments.PaymentRequest(currency="GBP", source="src_1")  # wrong
    payments.PaymentRequest(source=payments.RequestIdSource(id="src_1"))  # wrong


def lists(experiences: list[sessions.Experience]) -> None:
    card = sessions.IdSource(id="src_1")
    end = sessions.NonHostedCompletionInfo()
    sessions.SessionRequest(source=card, currency="GBP", completion=end, preferred_experiences=experiences)  # right
    sessions.SessionRequest(source=card, currency="GBP", completion=end, preferred_experiences=["3ds"])  # right
    sessions.SessionRequest(source=card, currency="GBP", completion=end, preferred_experiences=[sessions.Experience.GOOGLE_SPA])  # right
    sessions.SessionRequest(source=card, currency="GBP", completion=end, preferred_experiences=["4ds"])  # wrong
    sessions.SessionRequest(source=card, currency="GBP", completion=end, preferred_experiences="3ds")  # wrong


def requests(request: payments.RefundRequest) -> None:
    assert_type(request.amount, int | UnsetType | None)  # right
    request.amount = 100  # right
    request.amount = "100"  # wrong
    request.amout = 100  # wrong


def replies(session: sessions.Session, payment: payments.Payment) -> None:
    assert_type(session.id, str)  # right
    assert_type(session.status, sessions.SessionStatus | None)  # right
    assert_type(payment.approved, bool | None)  # right
    if session.status == sessions.SessionStatus.APPROVED:  # right
        pass
    if session.status == "approved":  # right
        pass
    if payment.amount is not None:
        assert_type(payment.amount + 1, int)  # right
    session.status = None  # wrong
    use(session.stauts)  # wrong
    use(payment.amount + 1)  # wrong
    use(payment.source.type)  # wrong
    use(payments.PaymentStatus.AUTHORISED)  # wrong
    payments.PaymentStatus("New Status")  # right
