"""A study for readers: a trial for each row of `cv_results_`, under the user's names and in the user's units."""

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from sk_optuna._compat._optuna import CONSTRAINTS, new_study
from sk_optuna.spaces import UnitScale, shown_params


def plain_study(
    table: Mapping[str, Any],
    trials: Sequence[FrozenTrial],
    scales: Mapping[str, UnitScale],
    *,
    name: str,
    values: Sequence[str],
    include_pruned: bool,
) -> optuna.Study:
    """Return a study in memory for importances and pictures.

    Parameters
    ----------
    table : mapping
        The search's `cv_results_`.
    trials : sequence of optuna.trial.FrozenTrial
        The trials of its study, by their numbers.
    scales : mapping of str to UnitScale
        The scales of its space.
    name : str
        The name of the study.
    values : sequence of str
        The names of what is maximized.
    include_pruned : bool
        Whether pruned trials count as complete, with their estimates for values.
    """
    rows, distributions = shown_params(table["params"], scales)
    study = new_study(study_name=name, values=values)
    for number, row in zip(table["trial_number"], rows, strict=True):
        theirs = trials[number]
        state = theirs.state
        if include_pruned and state == TrialState.PRUNED and theirs.values:
            state = TrialState.COMPLETE
        trial = create_trial(
            state=state,
            values=None if state == TrialState.FAIL else theirs.values,
            params=row,
            distributions={each: distributions[each] for each in row},
            user_attrs=theirs.user_attrs,
            system_attrs={key: value for key, value in theirs.system_attrs.items() if key == CONSTRAINTS},
            intermediate_values=theirs.intermediate_values,
        )
        trial.datetime_start, trial.datetime_complete = theirs.datetime_start, theirs.datetime_complete
        study.add_trial(trial)
    return study
