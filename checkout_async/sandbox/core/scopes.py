"""The OAuth scopes of all public APIs of Checkout.com, as its access control hands them out.

A program asks for the scopes of every API it uses in one token request, so the token endpoint has to know those of
APIs that the simulator does not play. The document adds the scopes of the operations that it describes.

Source: the lists of scopes in the vendor's SDKs, checkout-sdk-python (`checkout_sdk/oauth_scopes.py`) and
checkout-sdk-go (`configuration/oauth_scopes.go`), November 2026; `reporting`, `reporting:view` and `payouts` are from
earlier versions of them, which programs still use. `Payment Context` is left out: a scope cannot contain a blank (RFC
6749 section 3.3).
"""

from __future__ import annotations

_SCOPES = """
accounts
agentic:inventory
balances balances:top-up-instructions balances:view
card-management
compliance-requests compliance-requests:read compliance-requests:respond
disputes disputes:accept disputes:provide-evidence disputes:scheme-files disputes:view
files files:download files:retrieve files:upload
financial-actions financial-actions:view
flow flow:events flow:reflow flow:workflows
forward forward:secrets
fx
gateway gateway:payment gateway:payment-authorizations gateway:payment-cancellations gateway:payment-captures
gateway:payment-contexts gateway:payment-details gateway:payment-refunds gateway:payment-voids
identity-verification
issuing-disputes issuing:card-management-read issuing:card-management-write issuing:card-mgmt issuing:client
issuing:controls-read issuing:controls-write issuing:disputes-read issuing:disputes-write
issuing:transactions-read issuing:transactions-write
marketplace
middleware middleware:gateway middleware:merchants-public middleware:merchants-secret middleware:payment-context
payment-sessions
payments:search
payouts payouts:bank-details
reporting reporting:view reports reports:view
sessions:app sessions:browser
transactions
transfers transfers:create transfers:view
vault vault:apme-enrollment vault:card-metadata vault:customers vault:gpayme-enrollment vault:instruments
vault:network-tokens vault:real-time-account-updater vault:tokenization vault:tokens-metadata
"""

PUBLIC_SCOPES = frozenset(_SCOPES.split())
