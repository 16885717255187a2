"""NestedCVResults: the answers of a nested cross-validation, as tables and as a first screen."""

from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from sk_optuna._compat._sklearn import num_samples
from sk_optuna._nearest import hint, nearest
from sk_optuna._optional import as_frame
from sk_optuna.checks import Findings, checked_ignore
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.nested._comparison import Comparison
from sk_optuna.nested._kept_models import check_order, scored
from sk_optuna.nested._metrics import Metrics, check_scorers
from sk_optuna.nested._picture import picture_of
from sk_optuna.nested._screen import WIDTH, Screen, chosen_in_short, numbers_like, row_of_screen
from sk_optuna.nested._statistics import check_rope, compare_scores
from sk_optuna.nested._tables import objects, stacked
from sk_optuna.nested._words import sentence_of_dummy, sentence_of_tuning, summary_of, title_of

__all__ = ["NestedCVResults", "ProcedureScore"]


class ProcedureScore(NamedTuple):
    """The score of a procedure: a search over this space with this budget, on data like these.

    It is no score of the model that was fitted in the end, of which nobody has tested rows.

    Attributes
    ----------
    name : str
        The row of the comparison.
    metric : str
        The metric.
    mean : float
        The mean over the outer folds.
    low, high : float
        Its interval of 95 %; NaN where there is no basis for one.
    n_outer_folds : int
        Number of outer folds.
    """

    name: str
    metric: str
    mean: float
    low: float
    high: float
    n_outer_folds: int

    def __str__(self) -> str:
        number = numbers_like([self.mean, self.low, self.high])
        interval = "" if np.isnan(self.low) else f", interval of 95 % [{number(self.low)}, {number(self.high)}]"
        return (
            f"{self.metric} of the procedure {self.name!r}: {number(self.mean)}{interval}, from {self.n_outer_folds} "
            "outer folds. The final model is fitted on all rows, and has no rows left to be tested on."
        )


class NestedCVResults:
    """Results of a nested cross-validation, made by `nested_cross_validate` or `nested_cv_results`.

    Shown, it is the first screen: a row for each search and estimator, best first, with the `mean` over the outer folds
    and its `interval` of 95 %; the mean of the `inner` best scores, and their `optimism`, inner minus outer, which
    other tools call generalization gap; the `gain` over the search's own estimator with its own parameters; the seconds
    of all outer folds; and the chosen parameters in short. Then come a sentence on whether tuning was worth it, notes
    and findings, if there are any, and the next two calls.

    Tables are DataFrames where pandas is installed, else dicts of arrays of one length.

    Attributes
    ----------
    metric_ : str
        The metric of the screen and of `compare`.

    table_ : DataFrame or dict of str to ndarray of shape (n_rows,)
        The numbers of the screen, a row for each search, estimator and baseline, best first: `search` (its name),
        `kind` ("search", "estimator", "default" or "dummy"), `defaults` (the row that has its defaults; empty if none),
        `mean`, `std`, `low` and `high`, `inner_best`, `optimism`, `gain`, `seconds` and `n_failed` (outer folds).

    outer_ : DataFrame or dict of str to ndarray of shape (n_rows * n_outer_folds,)
        A row for each row of the comparison and outer fold: `search`, `outer_fold`, `test_score` of the metric of the
        screen, `inner_best`, `optimism`, scores of other metrics and of training rows under `cross_validate`'s names,
        `n_train` and `n_test` (rows), `seconds`, `params` (those that the fold chose) and `error` (empty if none).
        `inner_best` is NaN where it is of another metric or target; a note says so.

    archive_ : DataFrame or dict of str to ndarray of shape (n_candidates,)
        A row for each inner candidate: `search`, `outer_fold`, and the columns of its search's `cv_results_`. A column
        that one search lacks is NaN there, or None.

    stability_ : DataFrame or dict of str to ndarray of shape (n_parameters,)
        A row for each search and parameter that any outer fold chose: `n_folds` (with a choice), `active_share` (folds
        in which the parameter was there, in a conditional space), `mode` and `modal_share` (the choice made most often,
        among folds in which it was there, and its share); for numbers `low`, `median`, `high` and `spread`, the
        distance of the lowest and the highest choice as a share of the space's range in its own scale, such as a log;
        and the space's bounds `space_low` and `space_high`, NaN where there are none, and `space_log`.

    predictions_ : DataFrame or dict of str to ndarray of shape (n_predictions,)
        A row for each time that a row was tested: `search`, `outer_fold`, `row`, `y_true`, `y_pred`, and
        ``proba_<class>``, or where there are none ``decision_<class>`` or `decision`, but none of pairs of classes.
        Rows that no fold tested are not in it, and repetitions are rows.

    errors_ : DataFrame or dict of str to ndarray of shape (n_errors,)
        A row for each outer fold that failed: `search`, `outer_fold`, `exception`, `message`, `traceback`.

    studies_ : dict of str to list of optuna.study.Study or None
        The inner studies by name and outer fold; None where a search has none.

    cross_validate_ : dict of str to dict of str to ndarray
        scikit-learn's own output for each row, as `cross_validate` returns it with ``return_indices=True``, and with
        the estimators unless none is kept: `RocCurveDisplay.from_cv_results` takes it.

    notes_ : list of str
        Sentences on what is missing, and why.

    See Also
    --------
    nested_cross_validate : Runs the searches.
    nested_cv_results : Makes this of what `cross_validate` has returned.
    """

    def __init__(self, comparison: Comparison, *, verbose: int = 0) -> None:
        self._comparison = comparison
        self._verbose = verbose

    @property
    def metric_(self) -> str:
        """The metric of the screen and of `compare`."""
        return self._comparison.metrics.shown

    @property
    def notes_(self) -> list[str]:
        """Sentences on what is missing, and why."""
        return list(self._comparison.notes)

    @property
    def table_(self) -> Any:
        """The numbers of the screen, a row for each search, estimator and baseline."""
        return as_frame(self._comparison.means())

    @property
    def outer_(self) -> Any:
        """A row for each row of the comparison and outer fold."""
        return as_frame(self._comparison.outer)

    @property
    def archive_(self) -> Any:
        """A row for each inner candidate."""
        return as_frame(self._comparison.archive)

    @property
    def stability_(self) -> Any:
        """A row for each search and parameter."""
        return as_frame(self._comparison.stability)

    @property
    def predictions_(self) -> Any:
        """A row for each time that a row of the data was tested."""
        return as_frame(self._comparison.predictions)

    @property
    def errors_(self) -> Any:
        """A row for each outer fold that failed."""
        return as_frame(self._comparison.errors)

    @property
    def studies_(self) -> dict[str, list[Any]]:
        """The inner studies by name and outer fold."""
        return {name: list(studies) for name, studies in self._comparison.studies.items()}

    @property
    def cross_validate_(self) -> dict[str, dict[str, Any]]:
        """scikit-learn's own output for each row."""
        train, test = zip(*self._comparison.splits, strict=True)
        keeps = self._comparison.keep != "nothing"
        return {
            name: {
                **columns,
                **({"estimator": list(self._comparison.models[name])} if keeps else {}),
                "indices": {"train": list(train), "test": list(test)},
            }
            for name, columns in self._comparison.scores.items()
        }

    def compare(self, reference: str | None = None, rope: float = 0.0) -> Any:
        """Compare the rows by their scores on the same outer folds.

        Parameters
        ----------
        reference : str or None, default=None
            The row that all others are compared with; None for the best of `search`. That one was chosen by the same
            scores, so that differences to it come out somewhat too large.
        rope : float, default=0.0
            Region of practical equivalence, in units of the score: a difference of at most so much counts as none.

        Returns
        -------
        DataFrame or dict of str to ndarray of shape (n_rows - 1,)
            A row for each other row: `model`, `reference`, `difference` (mean of model minus reference), its interval
            of 95 % `low` and `high`, `t`, `p_value` and `p_holm` (the same after Holm's correction for the rows
            of `search`; baselines have one of their own) of the corrected
            resampled t test [1]_, `wins`, `ties` and `losses` (outer folds), `p_worse`, `p_equivalent` and `p_better`
            (probabilities of the correlated t posterior [2]_), `basis` ("published procedure", "heuristic" or "none")
            and `reason` (why there is no test; columns of a test are NaN then).

        Raises
        ------
        InvalidArgumentError
            Where `reference` is no row, there is only one row, or `rope` is below 0.

        References
        ----------
        .. [1] C. Nadeau, Y. Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003.
           :doi:`10.1023/A:1024068626366`
        .. [2] G. Corani, A. Benavoli, "A Bayesian approach for comparing cross-validated algorithms on multiple data
           sets", Machine Learning 100, 2015. :doi:`10.1007/s10994-015-5486-z`
        """
        record = self._comparison
        if reference is None:
            means = record.means()
            own = [row.name for row in record.rows if not row.is_baseline]
            reference = next(name for name in means["search"] if name in own)
        return as_frame(
            compare_scores(
                record.test_scores(),
                splits=record.outer_splits,
                reference=reference,
                rope=rope,
                baselines=[row.name for row in record.rows if row.is_baseline],
            )
        )

    def score(self, X: Any, y: Any = None, scoring: Any = None) -> Any:
        """Score the kept models of the outer folds on their test rows by other metrics; nothing is fitted.

        Parameters
        ----------
        X, y : array-like
            The data of the cross-validation, in the same order.
        scoring : str, callable, list or dict, default=None
            The metric or metrics, as in `cross_validate`; None for each estimator's own.

        Returns
        -------
        DataFrame or dict of str to ndarray of shape (n_rows * n_outer_folds,)
            `search`, `outer_fold`, and `test_score`, or ``test_<metric>`` of several metrics; NaN for failed folds.

        Raises
        ------
        InvalidArgumentError
            Where no models are kept, `X` has another number of rows, or `y` is in another order.
        """
        record = self._comparison
        if record.keep == "nothing":
            raise InvalidArgumentError(
                "There are no models to score, since keep='nothing' dropped them. Run nested_cross_validate with "
                "keep='best', or with several metrics as scoring; predictions_ is there all the same."
            )
        if num_samples(X) != record.n_rows:
            raise InvalidArgumentError(
                f"The 'X' parameter must be the data of the cross-validation, which had {record.n_rows} rows, but got "
                f"{num_samples(X)}."
            )
        check_order(record.predictions, y)
        blocks = []
        check_scorers(
            Metrics(scoring, "", ""), [model for each in record.models.values() for model in each[:1] if model]
        )
        for name, models in record.models.items():
            found = [scored(model, X, y, split, scoring) for model, split in zip(models, record.splits, strict=True)]
            keys = dict.fromkeys(key for scores in found for key in scores)
            head = {"search": objects([name] * len(found)), "outer_fold": np.arange(len(found))}
            blocks.append(head | {key: np.array([scores.get(key, np.nan) for scores in found]) for key in keys})
        return as_frame(stacked(blocks))

    def fit_final(self, name: str, X: Any, y: Any = None, **params: Any) -> Any:
        """Fit a row's estimator on all data: the model to use.

        Parameters
        ----------
        name : str
            The row, a key of `cross_validate_`.
        X, y : array-like
            The data, all of it.
        **params : dict of str to object
            As in `fit` of the estimator.

        Returns
        -------
        estimator
            A fitted clone. Its attribute `nested_results_` has these results, and `nested_score_` the score of the
            procedure, a `ProcedureScore` whose text says what it belongs to. It is printed if the results were made
            with ``verbose=1``. A search with a `storage` goes on from there as any other. A pickle of the model has the
            results, too, with the models of all outer folds that are kept: delete the attribute before, or keep less.

        Raises
        ------
        InvalidArgumentError
            Where there is no such row.
        """
        score = self.procedure_score(name)
        estimator = clone(self._comparison.row(name).estimator).fit(X, y, **params)
        estimator.nested_results_, estimator.nested_score_ = self, score
        if self._verbose:
            print(score)
        return estimator

    def procedure_score(self, name: str) -> ProcedureScore:
        """Return the score of a procedure, for a report.

        Parameters
        ----------
        name : str
            The row.

        Raises
        ------
        InvalidArgumentError
            Where there is no such row.
        """
        known = [row.name for row in self._comparison.rows]
        if name not in known:
            raise InvalidArgumentError(
                f"The 'name' parameter must be one of {known}, but got {name!r}."
                f"{hint(str(name), nearest(str(name), known))}"
            )
        means = self._comparison.means()
        i = list(means["search"]).index(name)
        mean, low, high = (float(means[key][i]) for key in ("mean", "low", "high"))
        return ProcedureScore(name, self.metric_, mean, low, high, len(self._comparison.splits))

    def checks(self, ignore: Any = ()) -> Findings:
        """Look for signs that a search could do better, was not worth it, or reads better than it is.

        Parameters
        ----------
        ignore : str or iterable of str, default=()
            Codes of checks to leave out.

        Returns
        -------
        Findings
            A tuple of :class:`~sk_optuna.checks.Finding`, issues first; empty where nothing was found. It prints as a
            short list.

            - ``"optimism"``: the best inner scores are above the outer ones by more than the standard error of these.
            - ``"defaults-as-good"``: the gain over the defaults is at most one standard error.
            - ``"unstable-choice"``: parameters whose values the outer folds chose no more alike than random draws are,
              from four folds on.
            - The codes of :meth:`OptunaSearchCV.checks <sk_optuna.OptunaSearchCV.checks>`, of which half of the inner
              searches have the same finding.

            Standard errors are corrected for shared training rows. Where there is no basis for one, as with groups, the
            first two keep silent.

        Raises
        ------
        InvalidArgumentError
            Where `ignore` names no check.
        """
        ignored = checked_ignore(ignore)
        return Findings(finding for finding in self._comparison.findings if finding.code not in ignored)

    def plot(self, *, search: str | None = None, reference: str | None = None, rope: float = 0.0) -> Any:
        """Draw the results in one figure: scores, differences, and the choices of the best searches.

        Parameters
        ----------
        search : str or None, default=None
            The search whose choices are drawn; None for the two best that have some.
        reference : str or None, default=None
            As in `compare`.
        rope : float, default=0.0
            As in `compare`.

        Returns
        -------
        matplotlib Figure
            The figure of up to four panels: a :class:`~sk_optuna.displays.NestedScoresDisplay`, a
            :class:`~sk_optuna.displays.ComparisonDisplay` where there are two rows or more, and one or two of
            :class:`~sk_optuna.displays.ParamStabilityDisplay`. Each draws on axes of yours, and has its numbers, by
            ``from_results(results, ax=ax)``.

        Raises
        ------
        InvalidArgumentError
            Where there is no such search, or no choice of it, no such reference, or `rope` is below 0.
        MissingExtraError
            Where matplotlib is missing.
        """
        return picture_of(self, search=search, reference=reference, rope=rope)

    def summary(self, rope: float = 0.0) -> str:
        """Return the results in words: data and folds, the ground of intervals and tests, tuning's worth, and notes.

        Parameters
        ----------
        rope : float, default=0.0
            As in `compare`.

        Raises
        ------
        InvalidArgumentError
            Where `rope` is below 0.
        """
        check_rope(rope)
        return summary_of(self._comparison, rope)

    def _screen(self) -> Screen:
        """Write the first screen."""
        record = self._comparison
        means = record.means()
        number = numbers_like([*means["mean"], *means["low"], *means["high"], *means["inner_best"]])
        rows = [
            row_of_screen(row, chosen_in_short(record.stability, row["search"]), number)
            for row in ({key: column[i] for key, column in means.items()} for i in range(len(means["search"])))
            if row["kind"] != "default"
        ]
        sentences = [sentence_of_dummy(record, number), sentence_of_tuning(record, number)]
        findings = [f"{each.severity} [{each.code}] {each.sentence}" for each in self.checks()]
        best = next((name for name, kind in zip(means["search"], means["kind"], strict=True) if kind == "search"), None)
        final = f"      results.fit_final({best or rows[0][0]!r}, X, y)"
        more = "  # the model, fitted on all rows"
        turned = ".T" if find_spec("pandas") else ""
        calls = [f"Next: results.compare(){turned}  # differences of rows", final + more * (len(final + more) <= WIDTH)]
        return Screen(title_of(record), rows, [*filter(None, sentences), *record.notes, *findings], calls)

    def __repr__(self) -> str:
        return self._screen().text()

    def _repr_html_(self) -> str:
        return self._screen().html()

    def to_markdown(self) -> str:
        """Return the first screen as markdown."""
        return self._screen().markdown()
