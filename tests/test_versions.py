"""The versions for a report: of what is needed, and of what is installed beside it."""

import platform
from importlib import metadata

import sk_optuna
from sk_optuna import _versions


def test_own_version_is_that_of_the_code_and_pictures_packages_are_named(capsys, monkeypatch):
    monkeypatch.setattr(_versions, "version", lambda name: "0.0.1")
    sk_optuna.show_versions()
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert shown["sk-optuna"] == sk_optuna.__version__ != "0.0.1"
    assert {"matplotlib", "plotly", "ipython"} <= set(shown)


def test_versions_are_printed_a_line_each_without_what_is_not_installed(capsys, monkeypatch):
    monkeypatch.setattr(_versions, "_OPTIONAL", ("hypothesis", "no-such-package"))
    sk_optuna.show_versions()
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert shown["Python"] == platform.python_version()
    assert shown["sk-optuna"] == sk_optuna.__version__
    for name in ("scikit-learn", "optuna", "numpy", "scipy", "joblib", "hypothesis"):
        assert shown[name] == metadata.version(name)
    assert "no-such-package" not in shown
