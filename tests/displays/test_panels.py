"""Panels in the place of one: where they lie, and the legend that is theirs together."""

import pytest

from sk_optuna.displays._axes import new_axes
from sk_optuna.displays._panels import divide, explain_panels
from sk_optuna.exceptions import InvalidArgumentError


@pytest.mark.parametrize("n_panels", [1, 2, 5, 9])
def test_panels_lie_within_the_place_of_the_axes_below_their_strip(pictures, n_panels):
    _, (_, ax) = pictures.subplots(1, 2)
    place = ax.get_position()
    panels, _ = divide(ax, n_panels, n_labels=3, resize=False)
    boxes = [panel.get_position() for panel in panels]
    assert len({(box.x0, box.y0) for box in boxes}) == n_panels
    assert all(place.x0 - 1e-9 <= box.x0 < box.x1 <= place.x1 + 1e-9 for box in boxes)
    assert all(place.y0 - 1e-9 <= box.y0 < box.y1 <= ax.get_position().y0 for box in boxes)


def test_a_label_of_several_panels_is_explained_once(pictures):
    ax = new_axes()
    panels, _ = divide(ax, 3, n_labels=2, resize=True)
    for panel in panels:
        panel.plot([0, 1], label="line")
    panels[2].plot([1, 0], label="other")
    explain_panels(ax, panels, note="A note")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["line", "other"]
    assert ax.get_legend().get_title().get_text() == "A note"


def test_panels_share_the_vertical_axis_whose_numbers_stand_on_the_left(pictures):
    panels, n_columns = divide(new_axes(), 5, n_labels=1, resize=True, share_y=True)
    assert n_columns == 3
    panels[1].set_ylim(3, 4)
    assert all(panel.get_ylim() == (3, 4) for panel in panels)
    assert [panel.yaxis.get_tick_params()["labelleft"] for panel in panels] == [True, False, False, True, False]


def test_axes_are_divided_once(pictures):
    ax = new_axes()
    divide(ax, 2, n_labels=1, resize=True)
    with pytest.raises(InvalidArgumentError, match="ax was divided already"):
        divide(ax, 2, n_labels=1, resize=True)
