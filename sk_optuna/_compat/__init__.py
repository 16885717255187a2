"""Other people's privates, a door for each library: no private name of theirs is used anywhere else in the package.

Their pieces are called, never copied. To drop a version, delete the parts that are marked with it. Each file is
imported by its own name, so that a worker process, which needs no Optuna, does not import Optuna.
"""
