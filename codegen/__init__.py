"""The compiler: from the curated OpenAPI fragments in openapi/ to the generated part of the package.

`python -m codegen` writes `checkout_async/_generated/` and `docs/api.md`; `python -m codegen --check` compares, and
`python -m codegen --count` says how many operations, schemas, properties and values there are.
Read in this order; a module imports only what stands above it, and nothing here imports checkout_async:

diagnostics, document, names, load, bundle, vocabulary, shape, passes/, ir, parse, text, call_text, paging_text,
checks/, feed, emit_models, emit_operations, emit_docs, count, write, compiler, __main__.
"""

VERSION = "1.0.0"
"""Version of the compiler, recorded in MANIFEST.json."""
