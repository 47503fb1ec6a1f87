"""Changes the code of the money path a little, many times, and counts how often the tests notice (mutation testing).

    python -m scripts.mutants [--sample 200] [--seed 1] [--jobs 1] [--module checkout_async/_core/paging.py] [--list]

Each mutant is one change of one module: a comparison moved to the other side of its limit, an operand, a keyword or a
member of a table left out, a statement deleted, a condition negated, a number changed. For each, the module's tests of
table.toml run in a copy of the repository until one fails. A mutant that makes a test hang counts as noticed.
Survivors are printed with file, line and change. Exit status 1: less than 92 % were noticed. Exit status 2: the tests
fail without a change, or table.toml does not match the code.

The sample is a function of the seed and of the text of the changes, so that an edit elsewhere does not choose others.

mutmut 3.8 and cosmic-ray 8.7 were tried first. mutmut changes only the bodies of undecorated functions, but here much
is decided by tables, sets of statuses and header names, time limits, properties and context managers; and its wrappers
stand in the frames in which the tests look for secrets. cosmic-ray changes operators, numbers and loops, many of them
in annotations, which nothing evaluates; it deletes no statement and no member of a table, knows one test command for
all modules, and draws no sample.
"""
