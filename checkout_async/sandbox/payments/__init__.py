"""The simulator's Payments side. The order of its modules stands in checkout_async/sandbox/__init__.py."""
