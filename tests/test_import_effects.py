"""Importing a room leaves the process as it was: warnings, logging, random numbers, settings of torch."""

import subprocess
import sys

import pytest

_PROGRAM = """
import importlib, logging, random, sys, warnings
import joblib, numpy as np, optuna, scipy.stats, sklearn.model_selection
for name in {others}:
    importlib.import_module(name)

def filters_of_loggers():
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    return {{getattr(logger, "name", ""): list(getattr(logger, "filters", [])) for logger in loggers}}

def state():
    parts = {{
        "warnings": list(warnings.filters),
        "logging": {{name: filters for name, filters in filters_of_loggers().items() if filters}},
        "levels": (logging.root.level, logging.root.manager.disable),
        "numpy": (repr(np.random.get_state()), repr(np.geterr()), repr(np.get_printoptions())),
        "python": random.getstate(),
    }}
    torch = sys.modules.get("torch")
    if torch is not None:
        parts["torch"] = (
            torch.get_rng_state().tolist(), torch.get_num_threads(), torch.get_default_dtype(),
            torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark, torch.is_grad_enabled(),
        )
    return parts

before = state()
room = importlib.import_module({room!r})
for name in room.__all__:
    getattr(room, name)
after = state()
print([name for name in before if before[name] != after[name]])
"""


@pytest.mark.parametrize(
    ("room", "others"),
    [
        ("sk_optuna", []),
        ("sk_optuna.skorch", ["torch", "skorch"]),
        ("sk_optuna.lightning", ["torch", "lightning.pytorch"]),
    ],
)
def test_an_import_leaves_the_process_as_it_was(room, others):
    for package in others:
        pytest.importorskip(package)
    program = _PROGRAM.format(room=room, others=others)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.strip() == "[]"
