"""
Where grid, random search, TPE and a Gaussian process look
==========================================================

Four methods may try the same number of points on one line. Which points does each of them visit, and how near does it
come to the best one?
"""

# %%
# Two problems of which the answer is known. One is Optuna's first example. The other is a garden along a wall, with 500
# metres of fence for its other three sides: two of x metres, and one of what is left. Its area x (500 - 2x) = 500x -
# 2x² is largest at x = 125.

import matplotlib.pyplot as plt
import numpy as np
import optuna
from scipy.stats import loguniform
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_optuna import OptunaSearchCV
from sk_optuna.samplers import GaussianProcessSampler

optuna.logging.set_verbosity(optuna.logging.WARNING)
N_TRIALS, N_SEEDS = 24, 5


def square(x):
    return (x - 2) ** 2


def garden(x):
    return 500 * x - 2 * x**2


problems = {
    "(x - 2)²": (square, "minimize", -10, 10, 2),
    "500x - 2x²": (garden, "maximize", 0, 250, 125),
}

# %%
# An Optuna sampler for each method. The grid is laid over the whole range and visited in random order.

methods = {
    "grid": lambda low, high, seed: optuna.samplers.GridSampler({"x": np.linspace(low, high, N_TRIALS).tolist()}, seed),
    "random": lambda low, high, seed: optuna.samplers.RandomSampler(seed),
    "TPE": lambda low, high, seed: optuna.samplers.TPESampler(seed=seed),
    "Gaussian process": lambda low, high, seed: GaussianProcessSampler(seed),
}


def study_of(problem, method, seed):
    """Return an Optuna study of the problem, optimized."""
    function, direction, low, high, _ = problems[problem]
    study = optuna.create_study(direction=direction, sampler=methods[method](low, high, seed))
    study.optimize(lambda trial: function(trial.suggest_float("x", low, high)), n_trials=N_TRIALS)
    return study


studies = {(of, by): [study_of(of, by, seed) for seed in range(N_SEEDS)] for of in problems for by in methods}

# %%
# The best point, how far it lies from the answer, and how many points of the second half lie near the answer: within a
# twentieth of the range on either side. Each is a median over several seeds.

print(f"{'':10} {'method':16} {'best x':>7}  distance to answer near it, of the last {N_TRIALS // 2}")
for (of, by), repeats in studies.items():
    _, _, low, high, answer = problems[of]
    best = np.array([study.best_params["x"] for study in repeats])
    visited = np.array([[trial.params["x"] for trial in study.trials] for study in repeats])
    near = np.abs(visited[:, N_TRIALS // 2 :] - answer) < (high - low) / 20
    distance, n_near = np.median(np.abs(best - answer)), np.median(near.sum(axis=1))
    print(f"{of:10} {by:16} {np.median(best):7.2f} {distance:21.3f} {n_near:24.0f}")

# %%
# The grid and random search do not learn. They look far from the answer at the end as at the beginning, and the grid
# comes no nearer to it than its lines do. TPE draws its first ten points at random; then it prefers places where the
# points were good, and still looks elsewhere. The Gaussian process begins with eight points spread over the range. From
# then on it has a model of the whole curve, goes to the best place, comes back to it, and in between looks where it
# knows least. A smooth curve with one parameter is the problem that suits it best: not all problems are like that.

# %%
# The score of a model is such a curve, too, with an answer that nobody knows. Here it is the log loss of a logistic
# regression that tells three wines apart, by its parameter C. A search keeps its trials in an Optuna study of its own,
# ``study_``, which is read like those above. Its values are scores, to be maximized: minus the log loss.

model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
name, distribution, lines = "logisticregression__C", loguniform(1e-4, 1e4), np.logspace(-4, 4, N_TRIALS)
samplers = {"grid": "grid", "random": "random", "TPE": "tpe", "Gaussian process": "gp"}
X, y = load_wine(return_X_y=True)
for by, sampler in samplers.items():
    space = {name: lines if sampler == "grid" else distribution}
    search = OptunaSearchCV(
        model, space, sampler=sampler, n_trials=N_TRIALS, scoring="neg_log_loss", cv=3, random_state=0
    ).fit(X, y)
    studies["wine", by] = [search.study_]
    best = search.study_.best_trial
    print(f"{'wine':10} {by:16} C = {best.params[name]:5.2f}, log loss {-best.value:.4f}")

# %%
# The points of the first seed in the order of the visits; a star is the best of them. The dashed line is the answer;
# for the wines it is the best point of all, around which their curve is so flat that the losses above are nearly the
# same. A search visits a whole grid line by line, Optuna's sampler in random order.

best_wine = max((studies["wine", by][0].best_trial for by in methods), key=lambda trial: trial.value)
answers = {of: answer for of, (*_, answer) in problems.items()} | {"wine": best_wine.params[name]}
figure, axes = plt.subplots(3, 4, figsize=(10, 7.5), sharex=True, sharey="row", layout="constrained")
for row, (of, answer) in zip(axes, answers.items(), strict=True):
    for ax, by in zip(row, methods, strict=True):
        study = studies[of, by][0]
        visited = [next(iter(trial.params.values())) for trial in study.trials]
        ax.axhline(answer, color="0.6", linestyle="--", linewidth=1)
        ax.plot(range(1, N_TRIALS + 1), visited, "o", markersize=4)
        ax.plot(study.best_trial.number + 1, visited[study.best_trial.number], "*", color="C1", markersize=12)
    row[0].set_ylabel("C for the wines" if of == "wine" else f"x for {of}")
for ax, by in zip(axes[0], methods, strict=True):
    ax.set_title(by)
for ax in axes[2]:
    ax.set(yscale="log", xlabel="visit")
figure.savefig("search_methods.png")
print("The visits are drawn in search_methods.png")
