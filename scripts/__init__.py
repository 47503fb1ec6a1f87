"""What make targets run, and what contributors run by hand."""
