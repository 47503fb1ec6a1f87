"""Response codes of the sandbox: what each means, and which ones start a scheduled retry.

Codes and families are those of the API's list of response codes; the first digit names the family.
"""

from __future__ import annotations

APPROVED = "10000"
APPROVED_RISKY = "10100"
APPROVED_IN_PART = "10010"
NOT_ENROLLED = "20150"
AUTHENTICATION_FAILED = "20151"
AUTHENTICATION_TIMED_OUT = "20152"
AUTHENTICATION_REQUIRED = "20154"
AUTHENTICATION_INVALID = "20155"
PAYOUT_RETURNED = "50499"

SUMMARIES = {
    APPROVED: "Approved",
    APPROVED_IN_PART: "Partial value approved",
    APPROVED_RISKY: "Approved, flagged as risky",
    "20005": "Declined - Do not honour",
    "20046": "Bank decline",
    "20051": "Insufficient funds",
    "20054": "Expired card",
    "20059": "Suspected fraud",
    "20068": "Response received too late / timeout",
    "20087": "Bad track data (invalid CVV and/or expiry date)",
    "20091": "Issuer unavailable or switch is inoperative",
    "20096": "System malfunction",
    NOT_ENROLLED: "Card not 3D Secure enabled",
    AUTHENTICATION_FAILED: "3D Secure authentication failed",
    AUTHENTICATION_TIMED_OUT: "3D Secure authentication not completed",
    AUTHENTICATION_REQUIRED: "3D Secure authentication required",
    AUTHENTICATION_INVALID: "3D Secure authentication result invalid",
    "30041": "Lost card - pick up",
    "30043": "Stolen card - pick up",
    "30401": "Capture value exceeds the authorized value",
    "41301": "Risk blocked transaction - score",
    "50003": "Insufficient balance",
    PAYOUT_RETURNED: "Payout returned",
}

DUNNING = frozenset(
    {
        "20005",
        "20013",
        "20014",
        "20015",
        "20016",
        "20020",
        "20022",
        "20030",
        "20051",
        "20057",
        "20061",
        "20065",
        "20068",
    }
)
"""Soft declines of merchant-initiated payments after which a dunning retry is scheduled."""
DOWNTIME = frozenset({"20068", "20091", "20096"})
"""Failures to reach the issuer after which a downtime retry is scheduled."""


def is_approval(code: str) -> bool:
    """Return whether a response code is an approval."""
    return code.startswith("10")


def is_risk(code: str) -> bool:
    """Return whether the risk engine flagged or blocked the payment."""
    return code.startswith("4") or code == APPROVED_RISKY


def auth_code(code: str, approved: str) -> str:
    """Return the issuer's authorization code: `approved` for an approval, zeros for a decline."""
    return approved if is_approval(code) else "000000"
