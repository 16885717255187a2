"""
A script that trains by itself
==============================

A ``train.py`` reads lists of image files, trains in a process of its own and prints its metrics epoch by epoch, as
YOLOv5's does. Can a search tune it over folds, and stop a run that will come to nothing, without a change to it?
"""

# %%
# The data: images in files, one folder for each label. A row is the name of a file.

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import loguniform, uniform
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sk_optuna import FunctionEstimator, OptunaSearchCV

FULL = os.environ.get("SK_OPTUNA_EXAMPLE_SIZE", "small") == "full"
N_IMAGES, N_TRIALS, N_EPOCHS = (1797, 40, 30) if FULL else (450, 12, 10)

folder = tempfile.TemporaryDirectory()
digits = load_digits()
files = []
for i, (image, label) in enumerate(zip(digits.images[:N_IMAGES], digits.target[:N_IMAGES], strict=True)):
    file = Path(folder.name, "images", str(label), f"{i:04}.npy")
    file.parent.mkdir(parents=True, exist_ok=True)
    np.save(file, image)
    files.append(str(file))
labels = digits.target[:N_IMAGES]
train_files, test_files, train_labels, test_labels = train_test_split(files, labels, stratify=labels, random_state=0)

# %%
# The script. It knows nothing of searches: options, lists of files, and after each epoch the weights in a file and a
# line of metrics. (A softmax regression stands for the network.)

script = Path(folder.name, "train.py")
script.write_text("""
import argparse, pathlib
import numpy as np

parser = argparse.ArgumentParser()
for option in ("train", "valid", "weights"):
    parser.add_argument("--" + option)
for option, kind in (("lr", float), ("momentum", float), ("batch-size", int), ("epochs", int), ("seed", int)):
    parser.add_argument("--" + option, type=kind)
options = parser.parse_args()

def read(file_list):
    files = pathlib.Path(file_list).read_text().split()
    X = np.array([np.load(file).ravel() / 16 for file in files])
    return X, np.array([int(pathlib.Path(file).parent.name) for file in files])

def probabilities(X, weights):
    scores = X @ weights
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)

X, y = read(options.train)
rng = np.random.default_rng(options.seed)
weights, velocity = np.zeros((X.shape[1], 10)), 0.0
for epoch in range(options.epochs):
    for rows in np.array_split(rng.permutation(len(X)), max(1, len(X) // options.batch_size)):
        gradient = X[rows].T @ (probabilities(X[rows], weights) - np.eye(10)[y[rows]]) / len(rows)
        velocity = options.momentum * velocity - options.lr * gradient
        weights = weights + velocity
    loss = -np.log(probabilities(X, weights)[np.arange(len(y)), y] + 1e-9).mean()
    line = f"epoch={epoch + 1} loss={loss:.4f}"
    if options.valid:
        X_valid, y_valid = read(options.valid)
        line += f" accuracy={(probabilities(X_valid, weights).argmax(axis=1) == y_valid).mean():.4f}"
    np.save(f"{options.weights}/{epoch + 1}.npy", weights)
    print(line, flush=True)
""")

# %%
# The function around it: write the lists, start the script, read its lines, report them, and end the script when the
# search has seen enough. In the refit there are no rows to validate on, and the script is run without. What the
# function returns is the model, here the weights of the last epoch.


def train(params, train_data, valid_data, report):
    with tempfile.TemporaryDirectory() as run:
        options = {"weights": run, "train": f"{run}/train.txt", "epochs": N_EPOCHS}
        Path(options["train"]).write_text("\n".join(train_data[0]))
        if valid_data is not None:
            options["valid"] = f"{run}/valid.txt"
            Path(options["valid"]).write_text("\n".join(valid_data[0]))
        options.update(lr=params["lr"], momentum=params["momentum"], seed=params["random_state"])
        options["batch-size"] = params["batch_size"]
        command = [sys.executable, str(script), *(f"--{name}={value}" for name, value in options.items())]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                metrics = dict(pair.split("=") for pair in line.split())
                if report(metrics.get("accuracy"), train_loss=metrics["loss"]):
                    process.kill()
                    break
            else:
                if process.wait() != 0:
                    raise RuntimeError(f"{script} ended with exit status {process.returncode}")
        return np.load(f"{run}/{metrics['epoch']}.npy")


def predict(weights, files):
    return (np.array([np.load(file).ravel() / 16 for file in files]) @ weights).argmax(axis=1)


estimator = FunctionEstimator(
    train, predict_func=predict, estimator_type="classifier", lr=0.1, momentum=0.9, batch_size=32, random_state=None
)

# %%
# The search.

space = {"lr": loguniform(1e-4, 1e1), "momentum": uniform(0, 0.95), "batch_size": [16, 32, 64]}
search = OptunaSearchCV(
    estimator, space, n_trials=N_TRIALS, cv=3, report="epoch", pruner="median", n_jobs=2, random_state=0
)
search.fit(train_files, train_labels)
table = search.cv_results_
print(f"{sum(table['n_epochs_run'])} of {N_TRIALS * 3 * N_EPOCHS} epochs run, best parameters {search.best_params_}")
print(
    f"cross-validated accuracy {search.best_score_:.3f}, held-out accuracy {search.score(test_files, test_labels):.3f}"
)

# %%
# Each run of the script, in each fold. What was given up early is grey.

curves = pd.DataFrame(search.learning_curves_)
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for _, curve in curves.groupby(["trial_number", "fold"]):
    finished = curve["epoch"].max() == N_EPOCHS
    style = {"color": "tab:blue", "alpha": 0.6} if finished else {"color": "gray", "marker": "o", "markevery": [-1]}
    ax.plot(curve["epoch"], curve["valid_score"], **style)
ax.set(xlabel="epoch", ylabel="accuracy on the fold's test rows", title="What train.py printed")
figure.savefig("training_script.png")
print("The curves are drawn in training_script.png")
folder.cleanup()
