"""Checks of what a search, or a nested cross-validation, has found: findings, each with what to do."""

from sk_optuna.checks._evidence import SearchEvidence, evidence_of
from sk_optuna.checks._findings import CODES, Finding, Findings, checked_ignore
from sk_optuna.checks._of_results import ResultsEvidence, check_results
from sk_optuna.checks._of_search import check_search

__all__ = [
    "CODES",
    "Finding",
    "Findings",
    "ResultsEvidence",
    "SearchEvidence",
    "check_results",
    "check_search",
    "checked_ignore",
    "evidence_of",
]
