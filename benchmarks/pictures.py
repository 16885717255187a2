"""Draw the pictures of three pages from the printouts, and that of first_search.md by its code.

docs/printouts.md is the only source: a record of numbers is read from it, and drawn. The record is kept in the picture,
in the description of its metadata, so that a test can tell a picture that is out of date.

Run: python benchmarks/pictures.py   after a printout has changed (takes matplotlib)
"""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
Record = dict[str, Any]

# Okabe and Ito's colours: they differ to colour-blind eyes and in grey.
OURS, OTHERS, IDEAL, INK = "#0072B2", "#BBBBBB", "#E69F00", "#222222"

# Lines of the printout, and what the picture calls them.
REACHED = {
    "RandomizedSearchCV": "RandomizedSearchCV",
    "HalvingRandomSearchCV": "HalvingRandomSearchCV",
    "BayesSearchCV": "BayesSearchCV, 7 tasks, 1 seed",
    "optuna-integration": "optuna-integration, 7 tasks",
    "OptunaSearchCV": "OptunaSearchCV",
    'OptunaSearchCV, "race"': 'OptunaSearchCV, pruner="race"',
    'OptunaSearchCV, "auto"': 'OptunaSearchCV, sampler="auto"',
    '"auto", "race"': "OptunaSearchCV, both",
}
PRUNERS = ("no pruning", 'pruner="wilcoxon"', 'pruner="median"', 'pruner="race"')
PIPELINES = {"mutual information": "mutual information", "PCA": "PCA", "tf-idf": "tf-idf"}
SHARING = ("GridSearchCV", "OptunaSearchCV", "ideal")
LOOPS = (
    "bare loop",
    "GridSearchCV",
    "RandomizedSearchCV",
    "OptunaSearchCV, random",
    "OptunaSearchCV, tpe",
    "study.optimize(cross_val_score)",
    "optuna_integration.OptunaSearchCV",
)
GROWTH = {
    "models": "Models,\none layer of 64 units",
    "units": "Units of a layer,\n20 models, two layers",
    "layers": "Hidden layers,\n20 models, 64 units",
}
MEMORY = ("2 processes, sums", "2 threads, sums", "n_jobs=1, sums")


# --- the record -------------------------------------------------------------------------------------------------------


def printout(text: str, command: str) -> str:
    """Return the lines that a command printed."""
    (found,) = re.findall(rf"^\$ {re.escape(command)}\n(.*?)(?=^\$ |^```)", text, re.DOTALL | re.MULTILINE)
    return str(found)


def between(lines: str, start: str, end: str = "\n\n") -> str:
    """Return what follows a line that begins with `start`, up to `end`."""
    return lines[lines.index(f"\n{start}") + 1 :].partition(end)[0]


def cells(lines: str, label: str) -> list[str]:
    """Return the words after a label at the beginning of a line."""
    (found,) = re.findall(rf"^ *{re.escape(label)}  +(.*)$", lines, re.MULTILINE)
    return str(found).split()


def number(cell: str) -> float | None:
    """Read a number or a percentage; None stands for "never"."""
    return None if cell == "never" else float(cell.rstrip("%"))


def how_many_fits(text: str) -> Record:
    """Read the shares of fits until a score, the shares of fits in races, and the speed-ups by shared prefixes."""
    table = between(printout(text, "python benchmarks/time_to_quality.py --seeds 10"), "all 8 tasks")
    raced = printout(text, "python benchmarks/fits_saved.py --trials 50 --seeds 3 --jobs 1")
    raced = raced[: raced.index("=== held-out")]  # all tasks stay
    of_folds = {k: between(raced, f"{k} folds, 50 trials") for k in (5, 10)}
    prefixes = printout(text, "python benchmarks/prefix.py")
    speed_ups = {}
    for pipeline in PIPELINES:
        of_pipeline = between(prefixes, f"{pipeline}, ", "\n40 trials")
        speed_ups[pipeline] = {name: number(cells(of_pipeline, name)[1]) for name in SHARING}
    rows = {line: cells(table, line) for line in REACHED}
    # searches, fits, three words of quartiles, share of the fits, share of the CPU time, reached
    return {
        "share of RandomizedSearchCV's fits": {line: number(row[5]) for line, row in rows.items()},
        "searches that reached the score, %": {line: number(row[7]) for line, row in rows.items()},
        "share of fits that ran": {
            name: {str(k): number(cells(lines, name)[0]) for k, lines in of_folds.items()} for name in PRUNERS
        },
        "speed-up over GridSearchCV": speed_ups,
    }


def benchmarks(text: str) -> Record:
    """Read the cost around a fit, that of an ask in a long search, and the peaks of memory."""
    around = printout(text, "python benchmarks/overhead.py").partition("the sampler alone")[0]
    asks = between(printout(text, "python benchmarks/scale.py"), "2 parameters", "\n  own share")
    held = ("100", "1000", "3000", "10000")
    memory = printout(text, "python benchmarks/memory.py --rounds 1 --trials 3")
    peaks = {}
    for case in MEMORY:
        first, second = memory[memory.index(f"\n{case} ") + 1 :].splitlines()[:2]
        peaks[case] = {line.split()[-8]: number(line.split()[-3]) for line in (first, second)}
    return {
        "CPU time over a bare loop": {name: number(cells(around, name)[1]) for name in LOOPS},
        "CPU ms for an ask and a tell": {
            "held": [int(n) for n in held],
            "TPE": [number(cells(asks, n)[3]) for n in held],
            "bounded": [number(cells(asks, n)[4]) for n in held],
            "random": [number(cells(asks, n)[5]) for n in held],
        },
        "peak of memory, in sizes of X": peaks,
    }


def fused(text: str) -> Record:
    """Read the CPU time alone over that of a model in the group, by what is varied, batch and value."""
    section = text[text.index("\n## fused_growth") :].partition("\n## ")[2].partition("\n## ")[0]
    found: Record = {name: {} for name in GROWTH}
    tables = re.findall(r"^batch (\d+), .*\n +([a-z]+) .*\n((?: +\d+ .*\n)+)", section, re.MULTILINE)
    for batch, name, rows in tables:
        found[name][batch] = {row.split()[0]: number(row.split()[3]) for row in rows.splitlines()}
    return found


# --- the pictures -----------------------------------------------------------------------------------------------------


def bars(ax: Any, names: Iterable[str], values: Iterable[float | None], notes: Iterable[str], colours: Any) -> None:
    """Draw horizontal bars from top to bottom, each with its note; a value of None has a note alone."""
    names, values = list(names), list(values)
    places = range(len(names))
    ax.barh(places, [value or 0 for value in values], color=colours, edgecolor=INK, linewidth=0.6)
    for place, value, note in zip(places, values, notes, strict=True):
        ax.annotate(note, (value or 0, place), xytext=(4, 0), textcoords="offset points", va="center")
    ax.set_yticks(places, names)
    ax.invert_yaxis()
    ax.margins(x=0.3)
    ax.spines[["top", "right"]].set_visible(False)


def pairs(ax: Any, groups: Record, labels: dict[str, str], colours: list[str], digits: int = 2) -> None:
    """Draw a few horizontal bars for each group, with their numbers."""
    height = 0.8 / len(labels)
    for i, (key, label) in enumerate(labels.items()):
        places = [place + (i - (len(labels) - 1) / 2) * height for place in range(len(groups))]
        drawn = ax.barh(
            places,
            [group[key] for group in groups.values()],
            height,
            label=label,
            color=colours[i],
            edgecolor=INK,
            linewidth=0.6,
        )
        ax.bar_label(drawn, fmt=f"%.{digits}f", padding=3)
    ax.set_yticks(range(len(groups)), groups)
    ax.invert_yaxis()
    ax.margins(x=0.22)
    ax.spines[["top", "right"]].set_visible(False)


def draw_how_many_fits(record: Record, axes: Any) -> None:
    first, second, third = axes
    shares, reached = record["share of RandomizedSearchCV's fits"], record["searches that reached the score, %"]
    found = {line: "never for the median search" if share is None else f"{share:.2f}" for line, share in shares.items()}
    notes = [f"{share}, {reached[line]:.0f} % reach it" for line, share in found.items()]
    ours = [OURS if label.startswith("OptunaSearchCV") else OTHERS for label in REACHED.values()]
    bars(first, [REACHED[line] for line in shares], shares.values(), notes, ours)
    first.set_xlim(0, 1.4)
    first.set_xticks([0, 0.5, 1])
    first.set_title("Fits until a search is as good as RandomizedSearchCV after 300 fits", loc="left")
    first.set_xlabel("share of its fits, median of the searches")
    pairs(second, record["share of fits that ran"], {"5": "5 folds", "10": "10 folds"}, [OURS, "#9ECAE9"])
    second.set_title("Fits that run under a pruner,\n50 candidates of TPE", loc="left")
    second.set_xlabel("share of the fits without one")
    third_labels = {"GridSearchCV": "GridSearchCV", "OptunaSearchCV": "OptunaSearchCV", "ideal": "ideal, by hand"}
    pairs(third, record["speed-up over GridSearchCV"], third_labels, [OTHERS, OURS, IDEAL])
    third.set_title("First steps fitted once,\na grid of 24 candidates", loc="left")
    third.set_xlabel("speed-up over GridSearchCV (CPU)")
    for ax in (second, third):
        ax.legend(loc="upper center", bbox_to_anchor=(0.4, -0.22), ncols=2, frameon=False, handlelength=1.2)


def draw_benchmarks(record: Record, axes: Any) -> None:
    first, second, third = axes
    ratios = record["CPU time over a bare loop"]
    ours = [OURS if name.startswith("OptunaSearchCV") else OTHERS for name in ratios]
    bars(first, ratios, ratios.values(), [f"{value:.2f}" for value in ratios.values()], ours)
    first.set_title("Around fits of 1.3 ms, 50 trials of 5 folds", loc="left")
    first.set_xlabel("CPU time over that of a bare loop")
    asks = record["CPU ms for an ask and a tell"]
    for name, label, style in (
        ("TPE", "TPE", {"color": OURS, "marker": "o"}),
        ("bounded", "BoundedHistorySampler", {"color": IDEAL, "marker": "s"}),
        ("random", "random", {"color": "#666666", "marker": "^"}),
    ):
        second.plot(asks["held"], asks[name], label=label, **style)
    second.set_xscale("log")
    second.set_yscale("log")
    second.set_yticks([0.5, 1, 5, 10, 50], ["0.5", "1", "5", "10", "50"])
    second.set_title("Time to choose a candidate,\ntwo parameters", loc="left")
    second.set_xlabel("trials held")
    second.set_ylabel("CPU ms for an ask and a tell")
    second.spines[["top", "right"]].set_visible(False)
    second.legend(loc="upper center", bbox_to_anchor=(0.45, -0.2), ncols=2, frameon=False)
    names = {"RandomizedSearchCV": "RandomizedSearchCV", "OptunaSearchCV": "OptunaSearchCV"}
    pairs(third, record["peak of memory, in sizes of X"], names, [OTHERS, OURS])
    third.set_title("Memory at the peak,\nX of 200 MB", loc="left")
    third.set_xlabel("in sizes of X")
    third.legend(loc="upper center", bbox_to_anchor=(0.4, -0.2), ncols=1, frameon=False)


def draw_fused(record: Record, axes: Any) -> None:
    styles = {"32": {"color": OURS, "marker": "o"}, "128": {"color": IDEAL, "marker": "s"}}
    for ax, (name, title) in zip(axes, GROWTH.items(), strict=True):
        for batch, style in styles.items():
            values = {int(value): ratio for value, ratio in record[name][batch].items()}
            ax.plot(list(values), list(values.values()), label=f"batches of {batch}", **style)
        ax.axhline(1, color="#666666", linestyle="--", linewidth=1)
        ax.set_xscale("log")
        ax.set_xticks(list(values), [str(value) for value in values])
        ax.minorticks_off()
        ax.set_title(title, loc="left")
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylim(bottom=0)  # all share its scale, and all is drawn by now
    axes[0].set_ylabel("CPU time alone over fused")
    axes[2].legend(loc="upper center", bbox_to_anchor=(0.45, -0.12), ncols=1, frameon=False)


def one_above_two(figure: Any) -> list[Any]:
    """Add axes, the first as wide as both others."""
    places = figure.add_gridspec(2, 2, height_ratios=[1.1, 1])
    return [figure.add_subplot(place) for place in (places[0, :], places[1, 0], places[1, 1])]


def side_by_side(figure: Any) -> list[Any]:
    """Add axes of one scale, the second the widest."""
    figure.set_figheight(3.9)
    return list(figure.subplots(1, 3, sharey=True, width_ratios=[4, 5, 3]))


PICTURES: dict[str, tuple[Callable[[str], Record], Callable[[Any], list[Any]], Callable[[Record, Any], None]]] = {
    "how_many_fits": (how_many_fits, one_above_two, draw_how_many_fits),
    "benchmarks": (benchmarks, one_above_two, draw_benchmarks),
    "fused": (fused, side_by_side, draw_fused),
}
STYLE = {"svg.hashsalt": "sk_optuna", "font.size": 10.0, "axes.titlesize": 11.0, "axes.titleweight": "bold"}


def read_record(name: str, docs: Path = DOCS) -> Record:
    """Read a picture's record from the printouts."""
    return PICTURES[name][0]((docs / "printouts.md").read_text(encoding="utf-8"))


def record_of(picture: Path) -> Record:
    """Read the record that a picture was drawn from, from its metadata."""
    (found,) = re.findall(r"<dc:description>(.*?)</dc:description>", picture.read_text(encoding="utf-8"), re.DOTALL)
    return dict(json.loads(found.replace("&quot;", '"').replace("&apos;", "'").replace("&amp;", "&")))


def draw(name: str, record: Record) -> Any:
    """Draw a record on a figure of three axes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        # as wide as the text of a page: the letters are as large as its own
        figure = Figure(figsize=(9, 6.4), facecolor="white", layout="constrained")
        _, arranged, drawn = PICTURES[name]
        drawn(record, arranged(figure))
    return figure


def save(name: str, record: Record, path: Path) -> None:
    """Write a picture, the same bytes for the same record and version of matplotlib."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        draw(name, record).savefig(path, metadata={"Date": None, "Description": json.dumps(record)})


def first_search(path: Path) -> None:
    """Run the code of first_search.md up to its picture, and save that in a small size."""
    page = (DOCS / "first_search.md").read_text(encoding="utf-8")
    given: dict[str, Any] = {}
    for code in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        if "savefig" in code:
            exec(code.replace('"candidates.png"', f"{str(path)!r}, dpi=80"), given)
            return
        exec(code, given)


def main() -> None:
    (DOCS / "_static").mkdir(exist_ok=True)
    first_search(DOCS / "_static" / "first_search.png")
    for name in PICTURES:
        path = DOCS / "_static" / f"{name}.svg"
        save(name, read_record(name), path)
        print(path.relative_to(DOCS.parent))


if __name__ == "__main__":
    main()
