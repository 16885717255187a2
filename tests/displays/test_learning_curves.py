import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import GridSearchCV

from sk_optuna import OptunaSearchCV, _optional
from sk_optuna.displays import LearningCurvesDisplay
from sk_optuna.exceptions import InvalidArgumentError, MissingExtraError

SPACE = {"alpha": [1e-6, 1e-4, 1e-2, 1.0, 10.0, 100.0]}
X, y = make_classification(120, 6, random_state=0)


def searched(**options):
    options = {"report": "epoch", "n_trials": 6, "cv": 3, "random_state": 0, "pruner": "median", **options}
    return OptunaSearchCV(SGDClassifier(max_iter=4, tol=None, random_state=0), SPACE, **options)


@pytest.fixture(scope="module")
def search():
    return searched().fit(X, y)


def legend_of(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def display_of(values, **options):
    values = np.asarray(values, dtype=float)
    states = options.pop("states", ["COMPLETE"] * len(values))
    return LearningCurvesDisplay(trial_number=np.arange(len(values)), trial_state=states, values=values, **options)


NAN = np.nan
# Trial 1 was stopped in its second fold after one epoch, trial 2 in its first after two.
THREE = [
    [[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]],
    [[0.0, 1.0, 1.0], [2.0, NAN, NAN]],
    [[0.5, 0.25, NAN], [NAN, NAN, NAN]],
]
STATES = ["COMPLETE", "PRUNED", "PRUNED"]


def test_a_line_is_the_mean_over_the_folds_begun_as_far_as_all_of_them_went():
    means = display_of(THREE).means()
    assert [mean.tolist() for mean in means] == [[2.0, 3.0, 4.0], [1.0], [0.5, 0.25]]


def test_a_trial_without_epochs_has_an_empty_mean():
    assert display_of([[[NAN, NAN]], [[1.0, 2.0]]]).means()[0].tolist() == []


def test_record_holds_every_score_of_the_search(search, pictures):
    display = LearningCurvesDisplay.from_search(search)
    curves = search.learning_curves_
    kept = display.values[curves["trial_number"], curves["fold"], curves["epoch"] - 1]
    np.testing.assert_array_equal(kept, curves["valid_score"])
    assert np.count_nonzero(~np.isnan(display.values)) == len(curves["epoch"])
    assert display.best_trial == search.cv_results_["trial_number"][search.best_index_]


def test_last_point_of_the_best_line_is_the_best_score(search, pictures):
    display = LearningCurvesDisplay.from_search(search)
    assert display.line_.get_ydata()[-1] == pytest.approx(search.best_score_)


def test_one_fold_alone_is_drawn_as_it_is(search, pictures):
    curves = search.learning_curves_
    wanted = curves["valid_score"][(curves["fold"] == 1) & (curves["trial_number"] == search.best_index_)]
    display = LearningCurvesDisplay.from_search(search, fold=1)
    assert display.line_.get_ydata().tolist() == wanted.tolist()
    assert display.fill_between_ is None


def test_pruned_trials_are_marked_where_they_stopped(pictures):
    display = display_of(THREE, states=STATES, best_trial=0).plot()
    assert display.stops_.get_xydata().tolist() == [[1.0, 1.0], [2.0, 0.25]]
    assert display.stops_.get_label() == "pruned (2)"


def test_best_line_is_drawn_over_all_others(pictures):
    display = display_of(THREE, best_trial=1).plot()
    assert display.lines_[-1] is display.line_
    assert display.line_.get_zorder() > max(line.get_zorder() for line in display.lines_[:-1])


def test_search_that_chose_none_highlights_none(pictures):
    search = searched(scoring=["accuracy", "roc_auc"], refit=False).fit(X, y)
    display = LearningCurvesDisplay.from_search(search)
    assert display.line_ is None
    assert display.ax_.get_ylabel() == "Accuracy"


def test_negated_scores_are_drawn_as_errors(pictures):
    search = searched(scoring="neg_brier_score", n_trials=2)
    search.estimator.set_params(loss="log_loss")
    search.fit(X, y)
    display = LearningCurvesDisplay.from_search(search, negate_score=True)
    assert np.nanmin(display.values) >= 0
    assert display.ax_.get_ylabel() == "Brier score"
    assert not display.greater_is_better


def test_candidates_that_ran_away_leave_the_picture_and_not_the_record(pictures):
    values = np.linspace(0.5, 0.9, 40).reshape(4, 1, 10)
    display = display_of([*values, np.full((1, 10), -1e6)]).plot()
    low, high = display.ax_.get_ylim()
    assert -5 < low < 0.5
    assert high > 0.9
    assert display.values.min() == -1e6
    assert display.plot(focus=False).ax_.get_ylim()[0] < -1e6


def test_curves_that_leave_the_picture_are_marked_where_they_do(pictures):
    values = np.linspace(0.5, 0.9, 40).reshape(4, 1, 10)
    away = np.full((1, 10), 0.5)
    away[0, 6:] = -1e6
    display = display_of([*values, away, np.full((1, 10), -1e6)]).plot()
    (marks,) = display.leaving_
    assert marks.get_xdata().tolist() == [7, 1]
    heights = marks.get_transform().transform(marks.get_xydata())[:, 1]
    assert heights == pytest.approx(display.ax_.bbox.y0)
    assert "goes on below (2)" in legend_of(display)
    assert display.plot(focus=False).leaving_ == []


def test_the_legend_covers_no_curve_in_a_figure_of_its_own(search, pictures):
    display = LearningCurvesDisplay.from_search(search)
    display.figure_.draw_without_rendering()
    legend = display.ax_.get_legend().get_window_extent()
    assert legend.x0 > display.ax_.bbox.x1
    assert legend.x1 <= display.figure_.bbox.x1
    assert "± 1 std of the folds" in legend_of(display)


def test_the_epochs_of_a_booster_are_rounds(pictures):
    found = OptunaSearchCV(
        GradientBoostingClassifier(n_estimators=4, random_state=0), {"max_depth": [1, 2]}, cv=2, report="epoch"
    ).fit(X, y)
    assert LearningCurvesDisplay.from_search(found).ax_.get_xlabel() == "Round"


def test_it_draws_where_it_is_told_and_as_it_is_told(search, pictures):
    figure, ax = pictures.subplots()
    display = LearningCurvesDisplay.from_search(search, ax=ax, best_line_kw={"color": "black"}, score_name="Hits")
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert display.line_.get_color() == "black"
    assert ax.get_ylabel() == "Hits"


def test_drawing_again_begins_anew(pictures):
    display = display_of(THREE, states=STATES, best_trial=0).plot()
    first = display.ax_
    assert display.plot().ax_ is not first
    assert len(display.lines_) == 3


def test_trials_of_a_single_epoch_can_be_seen(pictures):
    display = display_of([[[0.5]], [[0.6]]], best_trial=1).plot()
    assert [line.get_marker() for line in display.lines_] == ["o", "o"]


def test_frame_holds_the_points_of_all_lines(search, pictures):
    pd = pytest.importorskip("pandas")
    display = LearningCurvesDisplay.from_search(search)
    drawn = sorted(line.get_xydata().tolist() for line in display.lines_)
    frame = display.frame()
    assert isinstance(frame, pd.DataFrame)
    points = [rows[["epoch", "mean"]].to_numpy().tolist() for _, rows in frame.groupby("trial_number")]
    assert sorted(points) == drawn
    assert dict(zip(frame["trial_number"], frame["trial_state"], strict=True)) == dict(
        zip(search.cv_results_["trial_number"], search.cv_results_["trial_state"], strict=True)
    )


def test_frame_holds_the_band_of_the_best_line(search, pictures):
    pytest.importorskip("pandas")
    display = LearningCurvesDisplay.from_search(search)
    best = display.frame().query(f"trial_number == {display.best_trial}")
    [path] = display.fill_between_.get_paths()
    drawn = path.vertices[np.argsort(path.vertices[:, 0], kind="stable")]
    for epoch, mean, std in best[["epoch", "mean", "std"]].to_numpy():
        heights = drawn[drawn[:, 0] == epoch, 1]
        assert (heights.min(), heights.max()) == pytest.approx((mean - std, mean + std))


def test_frame_follows_the_fold_and_the_sign_that_were_drawn(search, pictures):
    whole = search.learning_curves_
    display = LearningCurvesDisplay.from_search(search, fold=0, negate_score=True)
    one = whole["fold"] == 0
    assert np.asarray(display.frame()["mean"]).tolist() == (-whole["valid_score"][one]).tolist()
    assert np.asarray(display.frame()["epoch"]).tolist() == whole["epoch"][one].tolist()


def test_record_without_epochs_draws_empty_axes(pictures):
    display = display_of([[[NAN, NAN]]]).plot()
    assert display.lines_ == []
    assert display.line_ is display.stops_ is display.fill_between_ is None


def test_despine_reaches_the_axes(search, pictures):
    display = LearningCurvesDisplay.from_search(search, despine=True)
    assert not display.ax_.spines["top"].get_visible()


def test_search_that_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        LearningCurvesDisplay.from_search(searched())


def test_search_that_reported_folds_is_told_how_to_keep_curves():
    search = searched(report="fold", n_trials=2).fit(X, y)
    with pytest.raises(InvalidArgumentError, match=r"with report='fold'\. Fit an OptunaSearchCV with report='epoch'"):
        LearningCurvesDisplay.from_search(search)


def test_other_searches_are_told_what_keeps_curves():
    search = GridSearchCV(SGDClassifier(), {"alpha": [1e-4]}, cv=2).fit(X, y)
    with pytest.raises(InvalidArgumentError, match="this GridSearchCV keeps none"):
        LearningCurvesDisplay.from_search(search)


@pytest.mark.parametrize("fold", [3, -1, True, "0", 1.0])
def test_fold_that_there_is_not_is_refused(search, fold):
    with pytest.raises(InvalidArgumentError, match="fold must be None or an integer from 0 to 2"):
        LearningCurvesDisplay.from_search(search, fold=fold)


def test_unknown_column_is_refused_with_the_known_ones(search):
    with pytest.raises(InvalidArgumentError, match=r"column must be one of \('valid_score', 'train_loss'\)"):
        LearningCurvesDisplay.from_search(search, column="loss")


def test_loss_that_was_never_reported_is_refused(search):
    with pytest.raises(InvalidArgumentError, match="did not report one"):
        LearningCurvesDisplay.from_search(search, column="train_loss")


def test_missing_matplotlib_is_named_with_its_extra(search, monkeypatch):
    monkeypatch.setattr(_optional, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"LearningCurvesDisplay\.plot needs the package 'matplotlib'"):
        LearningCurvesDisplay.from_search(search)


def test_importing_displays_imports_no_matplotlib():
    program = (
        "import sys, sk_optuna, sk_optuna.displays\n"
        "print(sorted({'matplotlib', 'optuna', 'torch'} & {n.partition('.')[0] for n in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=250, check=True)
    assert done.stdout.strip() == "[]"


def test_record_and_frame_need_neither_matplotlib_nor_pandas():
    program = (
        "import sys\n"
        "sys.modules.update(matplotlib=None, pandas=None)\n"
        "import numpy as np\n"
        "from sk_optuna.displays import LearningCurvesDisplay\n"
        "values = np.array([[[1.0, 2.0], [3.0, 4.0]]])\n"
        "display = LearningCurvesDisplay(trial_number=np.arange(1), trial_state=['COMPLETE'], values=values)\n"
        "print(type(display.frame()).__name__, display.frame()['mean'].tolist())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=250, check=True)
    assert done.stdout.strip() == "dict [2.0, 3.0]"
