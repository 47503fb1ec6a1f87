"""The parts of `checkout-async authenticate`: a job from file to file, progress, signals, dry run.

It needs the `cli` extra. Modules, low to high: console, progress, interrupt, dry_run, job.
"""
