"""The simulator's Payments API."""
