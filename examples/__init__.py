"""Runnable examples; README.md and docs/ explain them."""
