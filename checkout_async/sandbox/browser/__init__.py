"""The sandbox's pages: what a cardholder's browser meets at the issuer and at the hosted page."""
