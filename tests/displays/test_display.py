"""Every display keeps one protocol: a record, `plot` and `frame`."""

import inspect
from dataclasses import dataclass, fields

import numpy as np
import pytest

from sk_optuna import _optional, displays
from sk_optuna.displays import _display
from sk_optuna.exceptions import MissingExtraError

DISPLAYS = [getattr(displays, name) for name in displays.__all__]


@dataclass(kw_only=True, eq=False, repr=False)
class Scores:
    score: np.ndarray

    def columns(self):
        return {"trial_number": np.arange(len(self.score)), "score": self.score}


class ScoresDisplay(Scores, _display.Display):
    def plot(self, ax=None, *, despine=False):
        self._open(ax).plot(self.score, label="scores")
        return self._close(despine=despine)


@pytest.fixture
def display():
    return ScoresDisplay(score=np.array([0.5, 0.75]))


@pytest.mark.parametrize("kind", DISPLAYS)
def test_displays_are_records_with_a_picture(kind):
    assert issubclass(kind, _display.Display)
    [record] = [base for base in kind.__mro__ if "__dataclass_fields__" in vars(base)]
    assert record.__module__.startswith("sk_optuna.results.")
    assert list(inspect.signature(kind).parameters) == [field.name for field in fields(record)]


@pytest.mark.parametrize("kind", DISPLAYS)
def test_displays_draw_where_they_are_told_with_all_else_by_keyword(kind):
    _, ax, *others = inspect.signature(kind.plot).parameters.values()
    assert (ax.name, ax.default) == ("ax", None)
    assert all(option.kind is option.KEYWORD_ONLY and option.default is not option.empty for option in others)
    assert next(option.default for option in others if option.name == "despine") is False


@pytest.mark.parametrize("kind", DISPLAYS)
def test_displays_hand_the_options_of_plot_through(kind):
    makers = [getattr(kind, name) for name in ("from_search", "from_results") if hasattr(kind, name)]
    assert makers
    plot = inspect.signature(kind.plot).parameters
    for maker in makers:
        options = inspect.signature(maker).parameters
        assert {name: option.default for name, option in plot.items() if name != "self"} == {
            name: option.default for name, option in options.items() if name in plot
        }


def test_frame_is_a_data_frame_of_the_columns(display):
    pd = pytest.importorskip("pandas")
    pd.testing.assert_frame_equal(display.frame(), pd.DataFrame({"trial_number": [0, 1], "score": [0.5, 0.75]}))


def test_frame_is_the_columns_themselves_where_pandas_is_missing(display, monkeypatch):
    monkeypatch.setattr(_optional, "find_spec", lambda name: None)
    frame = display.frame()
    assert type(frame) is dict
    assert {name: column.tolist() for name, column in frame.items()} == {"trial_number": [0, 1], "score": [0.5, 0.75]}


def test_frame_needs_no_matplotlib(display, monkeypatch):
    monkeypatch.setattr(_optional, "find_spec", lambda name: None)
    assert display.frame()["score"].tolist() == [0.5, 0.75]
    with pytest.raises(MissingExtraError, match=r"ScoresDisplay\.plot needs the package 'matplotlib'.*\[plot\]"):
        display.plot()


def test_plot_returns_the_display_and_opens_a_figure_of_its_own(display, pictures):
    current = pictures.figure()
    assert display.plot() is display
    assert display.figure_ is not current
    assert display.ax_.figure is display.figure_


def test_plot_draws_on_axes_that_are_given_and_opens_no_figure(display, pictures):
    figure, axes = pictures.subplots(1, 2)
    display.plot(axes[1])
    assert (display.ax_, display.figure_) == (axes[1], figure)
    assert not axes[0].lines
    assert pictures.get_fignums() == [figure.number]


def test_despine_hides_the_upper_and_the_right_border_only(display, pictures):
    shown = {name: spine.get_visible() for name, spine in display.plot(despine=True).ax_.spines.items()}
    assert shown == {"left": True, "bottom": True, "top": False, "right": False}
    assert all(spine.get_visible() for spine in display.plot().ax_.spines.values())


def test_a_display_of_a_record_has_its_fields():
    score = np.array([1.0])
    display = ScoresDisplay._of(Scores(score=score))
    assert type(display) is ScoresDisplay
    assert display.score is score


def test_a_class_without_plot_or_columns_is_no_display():
    class Nothing(_display.Display):
        pass

    with pytest.raises(TypeError, match=r"abstract methods '?columns'?, '?plot'?"):
        Nothing()
