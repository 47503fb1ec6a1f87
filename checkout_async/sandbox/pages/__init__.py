"""The simulator's pages: what a cardholder's browser sees at the issuer and on the hosted page."""
