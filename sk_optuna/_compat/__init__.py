"""Other people's privates, a door for each library: no private name of theirs is used anywhere else in the package.

Their pieces are called, never copied. To drop a version, delete the lines that are marked with it. Each file is
imported by its own name, so that a worker process, which needs no Optuna, does not import it. A private method that a
class of ours overrides stays with the class: tests/test_architecture.py lists these. tests/test_compat.py has a row for
each name.
"""
