"""Runnable examples; README.md and docs/ say what each shows."""
