"""
A LightningModule, tuned
========================

A perceptron of two hidden layers, written for Lightning as one writes it: how wide should its layers be, how fast
should it learn, and which candidates can be told to be hopeless after a few epochs?
"""

# %%
# The data: 1797 images of 8 x 8 pixels, a quarter of them held out.

import os

import matplotlib.pyplot as plt
import torch
from lightning.pytorch import LightningModule
from scipy.stats import loguniform, uniform
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_optuna import OptunaSearchCV
from sk_optuna.displays import LearningCurvesDisplay
from sk_optuna.lightning import LightningClassifier

FULL = os.environ.get("SK_OPTUNA_EXAMPLE_SIZE", "small") == "full"
N_IMAGES, N_TRIALS, N_EPOCHS, WIDTHS = (1797, 50, 30, [64, 128, 256]) if FULL else (600, 10, 8, [32, 64, 128])

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X[:N_IMAGES], y[:N_IMAGES], stratify=y[:N_IMAGES], random_state=0)

# %%
# The module: 64 pixels, two hidden layers, 10 digits. It need not know that it is searched. `n_features` and
# `n_classes` are filled in from the data.


class MLP(LightningModule):
    def __init__(self, n_features, n_classes, first=128, second=128, dropout=0.0, lr=1e-3):
        super().__init__()
        self.lr = lr
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(n_features, first),
            torch.nn.ReLU(),
            torch.nn.Dropout(dropout),
            torch.nn.Linear(first, second),
            torch.nn.ReLU(),
            torch.nn.Dropout(dropout),
            torch.nn.Linear(second, n_classes),
        )

    def forward(self, X):
        return self.layers(X)

    def training_step(self, batch, batch_idx):
        X, y = batch
        return torch.nn.functional.cross_entropy(self(X), y)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)


# %%
# The search. The net is the last step of a Pipeline, as any other classifier: after each epoch it is scored on the
# fold's test rows as the scaler of that fold transforms them, and compared with earlier candidates at the same epoch of
# the same fold. Seeds of initialisation, dropout and batches follow from the search's `random_state`.

model = make_pipeline(StandardScaler(), LightningClassifier(MLP, max_epochs=N_EPOCHS, batch_size=64))
space = {
    "lightningclassifier__module__first": WIDTHS,
    "lightningclassifier__module__second": WIDTHS,
    "lightningclassifier__module__dropout": uniform(0, 0.5),
    "lightningclassifier__module__lr": loguniform(1e-4, 1e-1),
}
search = OptunaSearchCV(model, space, n_trials=N_TRIALS, cv=3, report="epoch", pruner="median", random_state=0)
search.fit(X_train, y_train)

table = search.cv_results_
print(f"{sum(table['n_epochs_run'])} of {N_TRIALS * 3 * N_EPOCHS} epochs run")
for name, value in search.best_params_.items():
    print(f"{name.rpartition('__')[2]:>8} {value:.3g}")
print(f"cross-validated accuracy {search.best_score_:.3f}, held-out accuracy {search.score(X_test, y_test):.3f}")

# %%
# The learning curves: the best candidate stands out, and what was given up on ends in a mark.

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
LearningCurvesDisplay.from_search(search, score_name="accuracy on the fold's test rows", ax=ax)
figure.savefig("lightning.png")
print("The curves are drawn in lightning.png")
