"""Printouts have a legend each, pages lead to them, and the pictures show what they say."""

import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
PRINTOUTS = (DOCS / "printouts.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PRINTOUTS, re.DOTALL | re.MULTILINE))


@pytest.fixture(scope="module")
def pictures():
    spec = importlib.util.spec_from_file_location("pictures", DOCS.parent / "benchmarks" / "pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", SECTIONS)
def test_each_printout_has_its_command_its_versions_a_legend_and_a_page(name):
    text = SECTIONS[name]
    blocks = re.findall(r"^```text\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert blocks
    assert all(f"python benchmarks/{name}.py" in block or f"python {name}.py" in block for block in blocks)
    assert "Python 3." in blocks[0]
    assert re.search(r"^\| (column|place) \| meaning \|$", text, re.MULTILINE)
    (page,) = set(re.findall(r"\(([a-z_]+)\.md#", text))
    assert f"(printouts.md#{name})" in (DOCS / f"{page}.md").read_text(encoding="utf-8")
    assert (DOCS.parent / "benchmarks" / f"{name}.py").exists()


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_to_printouts_arrive(page):
    assert set(re.findall(r"\(printouts\.md#(.+?)\)", page.read_text(encoding="utf-8"))) <= SECTIONS.keys()


@pytest.mark.parametrize("name", ["how_many_fits", "benchmarks", "fused"])
def test_a_committed_picture_was_drawn_from_the_printouts_of_today(pictures, name):
    record = pictures.read_record(name)
    assert pictures.record_of(DOCS / "_static" / f"{name}.svg") == record, "run python benchmarks/pictures.py"
    assert f"(_static/{name}.svg)" in (DOCS / f"{name}.md").read_text(encoding="utf-8")


def test_the_records_have_the_numbers_that_the_printouts_have(pictures):
    fits, costs = pictures.read_record("how_many_fits"), pictures.read_record("benchmarks")
    shares = fits["share of RandomizedSearchCV's fits"]
    assert re.search(r'^"auto", "race" .* 0\.19 +0\.21 +91%', PRINTOUTS, re.MULTILINE)
    assert (shares['"auto", "race"'], fits["searches that reached the score, %"]['"auto", "race"']) == (0.19, 91)
    assert shares["HalvingRandomSearchCV"] is None
    assert fits["share of fits that ran"]['pruner="race"'] == {"5": 0.59, "10": 0.51}
    assert fits["speed-up over GridSearchCV"]["mutual information"]["OptunaSearchCV"] == 5.28
    assert costs["CPU time over a bare loop"]["OptunaSearchCV, tpe"] == 1.53
    assert costs["CPU ms for an ask and a tell"]["TPE"][-1] == 76.59
    assert costs["peak of memory, in sizes of X"]["2 processes, sums"] == {
        "RandomizedSearchCV": 4.42,
        "OptunaSearchCV": 4.44,
    }


@pytest.mark.parametrize("name", ["how_many_fits", "benchmarks"])
def test_all_numbers_of_a_record_are_drawn(pictures, name, tmp_path):
    pytest.importorskip("matplotlib")
    record = pictures.read_record(name)
    first, second, third = pictures.draw(name, record).axes
    one, *others = record.values()
    lengths = [bar.get_width() for bar in first.patches]
    assert lengths == [share or 0 for share in one.values()]
    *_, last = others
    assert sorted(bar.get_width() for bar in third.patches) == sorted(
        v for group in last.values() for v in group.values()
    )
    if name == "benchmarks":
        asks = others[0]
        assert [list(line.get_ydata()) for line in second.lines] == [asks[k] for k in ("TPE", "bounded", "random")]
    else:
        races = others[1]
        assert sorted(bar.get_width() for bar in second.patches) == sorted(
            v for g in races.values() for v in g.values()
        )
        noted = [text.get_text() for text in first.texts]
        assert all(f"{reached:.0f} %" in note for reached, note in zip(others[0].values(), noted, strict=True))
    for path in (tmp_path / "a.svg", tmp_path / "b.svg"):
        pictures.save(name, record, path)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert pictures.record_of(tmp_path / "a.svg") == record


def test_the_picture_of_fused_networks_has_each_ratio_that_was_printed(pictures, tmp_path):
    pytest.importorskip("matplotlib")
    record = pictures.read_record("fused")
    assert list(record) == list(pictures.GROWTH)
    assert all(list(by_batch) == ["32", "128"] for by_batch in record.values())
    axes = pictures.draw("fused", record).axes
    for ax, by_batch in zip(axes, record.values(), strict=True):
        drawn = [list(line.get_ydata()) for line in ax.lines[:2]]
        assert drawn == [list(ratios.values()) for ratios in by_batch.values()]
        printed = [(value, f"{ratio:.2f}") for ratios in by_batch.values() for value, ratio in ratios.items()]
        assert all(re.search(rf"^ +{value} .* {ratio} ", PRINTOUTS, re.MULTILINE) for value, ratio in printed)
    pictures.save("fused", record, tmp_path / "fused.svg")
    assert pictures.record_of(tmp_path / "fused.svg") == record
