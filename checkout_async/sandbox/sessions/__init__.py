"""The simulator's Sessions API."""
