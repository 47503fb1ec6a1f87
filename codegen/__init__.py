"""The compiler: reads the curated OpenAPI fragments in openapi/ and writes the generated part of the package.

`python -m codegen` writes `checkout_async/_generated/` and `docs/api.md`. `python -m codegen --check` compares them
with what is on disk. `python -m codegen --count` prints how many operations, schemas, properties and values there are.
`python -m codegen --package mylib --openapi FOLDER` writes a package of another name, which runs on the installed one.
Nothing here imports checkout_async. Read the modules in this order; each one imports only modules listed before it:

diagnostics, document, names, files, load, keywords, overlay, bundle, validate, passes/, ir, parse, parse_types,
render_text, render_type, render_strict, render_call, render_pagination, checks/, publish, write, target,
generator_input, generator, emit_models, emit_operations, emit_dicts, emit_packages, emit_facts, emit_servers,
write_package, record, trial, prove, contract, compiler, count, decisions, lint/, upstream/, revisions, diff/,
generate, commands, run, __main__.
"""
