"""The pages of the documentation site that are made from `openapi/` and the package, and the hooks that add them."""
