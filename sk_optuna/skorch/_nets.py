"""The three nets: skorch's of the same names, made fit for searches.

Each mixin adds one matter: data (`_fitting`, `_targets`), the loss (`_losses`), parameters (`_checks`, `_beforehand`),
random numbers (`_random_streams`), devices (`_on_device`), losses read late (`_deferred`), epochs (`_reports`), epochs
trained together with other nets (`_fused_net`). A mixin
calls skorch's method and adds to it, so a user's subclass overrides it as in skorch. Not taken: a wrapper around a
skorch net, which would hide the net from callbacks and `set_params`.
"""

from typing import Any

import skorch
import torch

from sk_optuna.skorch._beforehand import ChecksBeforehand
from sk_optuna.skorch._checks import ChecksParameters
from sk_optuna.skorch._deferred import DeferredLosses
from sk_optuna.skorch._fitting import TakesArrays
from sk_optuna.skorch._fused_net import TrainsTogether
from sk_optuna.skorch._loader import TensorLoader
from sk_optuna.skorch._losses import WeighsRows
from sk_optuna.skorch._on_device import RunsOnDevice
from sk_optuna.skorch._random_streams import DrawsFromStreams
from sk_optuna.skorch._reports import ReportsEpochs
from sk_optuna.skorch._targets import ManyClasses, NumericTargets, TwoClasses


# The order of the bases has a meaning where several of them define a method. The first one is the outermost: it is
# called first, and calls the next one through super(). Skorch's method is the innermost.
#
# method              mixins, outermost first                         reason of the order
# initialize          ChecksParameters DrawsFromStreams RunsOnDevice  a refused parameter uses up no seed of the fold;
#                                                                     weights are drawn from the net's streams
# set_params          ChecksParameters DrawsFromStreams               unknown names are refused before parts are made
#                                                                     anew, which draws
# partial_fit         TakesArrays ReportsEpochs                       skorch is given the converted data; an early end
#                                                                     is caught next to skorch's code, which it leaves
# fit_loop            TakesArrays ReportsEpochs                       as partial_fit; a callback or a subclass may call
#                                                                     either of them by itself
# get_split_datasets  TakesArrays DrawsFromStreams                    the split is drawn, then its validation rows are
#                                                                     converted
# get_iterator        TakesArrays DrawsFromStreams                    the DataLoader gets its generator before it is
#                                                                     wrapped to carry weights
# run_single_epoch    TrainsTogether DrawsFromStreams WeighsRows DeferredLosses
#                                                                     a net that waits for others must not hold the
#                                                                     generators; all steps draw from the streams;
#                                                                     DeferredLosses, which may replace skorch's loop,
#                                                                     has the step function that WeighsRows watches
# infer               RunsOnDevice WeighsRows                         the module runs under autocast, and its errors get
#                                                                     their note next to it
# notify              DeferredLosses ReportsEpochs                    on_grad_computed may be left out altogether; an
#                                                                     epoch is reported after skorch's callbacks
# __getstate__        TakesArrays RunsOnDevice ParksMonitor           any: each leaves out attributes of its own
# _about_features     TakesArrays WeighsRows                          WeighsRows asks; its own answer is for a net whose
#                                                                     rows are unknown
#
# The mixin of the targets (`_targets`) stands before all of these: it replaces the defaults that TakesArrays and
# WeighsRows have for a net that knows nothing of y (_take_in_targets, _facts, _aligned and so on).
class SearchableNet(
    TakesArrays,
    ChecksBeforehand,
    ChecksParameters,
    TrainsTogether,
    DrawsFromStreams,
    RunsOnDevice,
    WeighsRows,
    DeferredLosses,
    ReportsEpochs,
):
    """Base of the three nets, whose targets differ."""


class NeuralNetClassifier(ManyClasses, SearchableNet, skorch.NeuralNetClassifier):
    """skorch's NeuralNetClassifier for searches, Pipelines and nested cross-validation.

    A subclass of `skorch.NeuralNetClassifier`. Parameters and defaults are skorch's, except for those named here. X may
    be an array, DataFrame, list or sparse matrix of any numeric dtype, y may hold labels of any kind.

    Parameters
    ----------
    module : type, callable or torch.nn.Module
        The module's class, or a function that returns a module. An instance brings a warning: clones copy its weights.
    criterion : type, default=torch.nn.NLLLoss
        The loss. As in skorch, NLLLoss is for modules that end with a softmax; for scores use
        torch.nn.CrossEntropyLoss.
    train_split : None or callable, default=None
        Splits validation rows off the training rows, for example `skorch.dataset.ValidSplit(5, stratified=True)`. None
        trains on all rows, since a search validates on its own folds.
    classes : array-like of shape (n_classes,), default=None
        All labels, in the order of the module's outputs; None for the sorted labels of y.
    class_weight : None, "balanced" or dict, default=None
        Weights of the classes in the loss: n_samples / (n_classes * count), or a weight for each label. They multiply
        `criterion__weight`, if the criterion has weights of its own.
    random_state : int, numpy.random.RandomState or None, default=None
        Seed of initialization, order of rows and dropout; torch's global generators are left as they are. None draws
        from torch's global generators, as in skorch; within an `OptunaSearchCV` it takes a seed that follows from the
        search's `random_state`, the trial and the fold.
    device : "auto", str, torch.device or None, default="auto"
        The device for training and predictions: "auto" for cuda if there is one, else mps, else cpu. A pickle holds
        "auto", not the device that was found.
    amp : None, "bf16" or "fp16", default=None
        Lower precision for the module's forward pass; weights and outputs stay float32. "fp16" needs cuda.
    iterator_train, iterator_valid : type, default=TensorLoader
        Makes batches of rows.
    **kwargs : dict
        skorch's other parameters, such as `optimizer`, `lr`, `max_epochs`, `batch_size`, `callbacks`, `verbose`, and
        those of its parts, such as `module__n_hidden`. Three may be "auto": `module__n_features` is then the number of
        columns of X (of sequences, of shape (n, time, features), the last axis; of images, of shape (n, channels,
        height, width), the channels), `module__n_classes` the number of classes, `module__n_outputs` the number of
        outputs that fits y.

    Attributes
    ----------
    classes_ : array of shape (n_classes,)
        The labels.
    n_features_in_ : int
        Number of columns of X in `fit`.
    feature_names_in_ : array of shape (`n_features_in_`,)
        Names of the columns, if X had names that are all strings.
    module_ : torch.nn.Module
        The trained module; skorch has more: `history_`, `optimizer_`, `callbacks_`.
    device_ : str, torch.device or None
        The device that the module was put on, for `device="auto"` too.
    scaler_ : torch.amp.GradScaler or None
        Scales the losses of `amp="fp16"`; None otherwise.

    See Also
    --------
    NeuralNetBinaryClassifier : Two classes with one output a row.
    NeuralNetRegressor : Targets that are numbers.
    sk_optuna.OptunaSearchCV : The search.

    Notes
    -----
    Within a search nothing is printed. Labels in a Dataset are used as in skorch. So is y of more than one dimension
    (masks, soft labels, several labels a row): the module sees it unencoded, in the dtype that torch's losses compare.
    Only one thread at a time draws random numbers, so with `random_state` threads train one after the other; use
    processes instead. Results are the same on one kind of device with one number of torch threads; a search uses the
    same number in all its folds. A net whose weights come from `load_params` predicts the labels in `classes`, or codes
    without `classes`.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import load_iris
    >>> from sk_optuna.skorch import NeuralNetClassifier
    >>> class MLP(torch.nn.Sequential):
    ...     def __init__(self, n_features, n_classes, n_hidden=16):
    ...         super().__init__(
    ...             torch.nn.Linear(n_features, n_hidden), torch.nn.ReLU(), torch.nn.Linear(n_hidden, n_classes)
    ...         )
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NeuralNetClassifier(
    ...     MLP,
    ...     module__n_features="auto",
    ...     module__n_classes="auto",
    ...     criterion=torch.nn.CrossEntropyLoss,
    ...     max_epochs=50,
    ...     lr=0.1,
    ...     verbose=0,
    ...     random_state=0,
    ... )
    >>> net.fit(X, y).predict(X[:2])
    array([0, 0])
    """

    def __init__(
        self,
        module: Any,
        *,
        criterion: Any = torch.nn.NLLLoss,
        train_split: Any = None,
        classes: Any = None,
        class_weight: Any = None,
        random_state: Any = None,
        device: Any = "auto",
        amp: Any = None,
        iterator_train: Any = TensorLoader,
        iterator_valid: Any = TensorLoader,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            module,
            criterion=criterion,
            train_split=train_split,
            classes=classes,
            device=device,
            iterator_train=iterator_train,
            iterator_valid=iterator_valid,
            **kwargs,
        )
        self.class_weight = class_weight
        self.random_state = random_state
        self.amp = amp

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.non_deterministic = self.random_state is None
        return tags


class NeuralNetBinaryClassifier(TwoClasses, SearchableNet, skorch.NeuralNetBinaryClassifier):
    """skorch's NeuralNetBinaryClassifier for searches, Pipelines and nested cross-validation.

    A subclass of `skorch.NeuralNetBinaryClassifier`. Parameters and defaults are skorch's, except for those named here.
    The module has one output a row, the score of the second of the sorted labels.

    Parameters
    ----------
    module : type, callable or torch.nn.Module
        The module's class, or a function that returns a module; its output has shape (n_rows,) or (n_rows, 1).
    criterion : type, default=torch.nn.BCEWithLogitsLoss
        The loss.
    train_split : None or callable, default=None
        As in NeuralNetClassifier.
    threshold : float, default=0.5
        Rows with a larger probability are predicted as the second class.
    class_weight, random_state, device, amp, iterator_train, iterator_valid
        As in NeuralNetClassifier.
    **kwargs : dict
        skorch's other parameters, and those of its parts. `module__n_outputs="auto"` is 1.

    Attributes
    ----------
    classes_ : array of shape (2,)
        The labels, the positive one last.
    n_features_in_ : int
        Number of columns of X in `fit`.
    feature_names_in_ : array of shape (`n_features_in_`,)
        Names of the columns, if X had names that are all strings.
    module_ : torch.nn.Module
        The trained module.
    device_, scaler_
        As in NeuralNetClassifier.

    See Also
    --------
    NeuralNetClassifier : Any number of classes, one output each; its notes hold here.

    Notes
    -----
    If all rows have one label, which is 0 or 1, the classes are 0 and 1. With other labels y must have both.
    """

    def __init__(
        self,
        module: Any,
        *,
        criterion: Any = torch.nn.BCEWithLogitsLoss,
        train_split: Any = None,
        threshold: float = 0.5,
        class_weight: Any = None,
        random_state: Any = None,
        device: Any = "auto",
        amp: Any = None,
        iterator_train: Any = TensorLoader,
        iterator_valid: Any = TensorLoader,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            module,
            criterion=criterion,
            train_split=train_split,
            threshold=threshold,
            device=device,
            iterator_train=iterator_train,
            iterator_valid=iterator_valid,
            **kwargs,
        )
        self.class_weight = class_weight
        self.random_state = random_state
        self.amp = amp

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_class = False
        tags.non_deterministic = self.random_state is None
        return tags


class NeuralNetRegressor(NumericTargets, SearchableNet, skorch.NeuralNetRegressor):
    """skorch's NeuralNetRegressor for searches, Pipelines and nested cross-validation.

    A subclass of `skorch.NeuralNetRegressor`. Parameters and defaults are skorch's, except for those named here. y may
    have shape (n_samples,) or (n_samples, n_outputs), and `predict` returns the same shape.

    Parameters
    ----------
    module : type, callable or torch.nn.Module
        The module's class, or a function that returns a module. For y of shape (n_samples,) its output may have shape
        (n_rows,) or (n_rows, 1).
    criterion : type, default=torch.nn.MSELoss
        The loss.
    train_split : None or callable, default=None
        As in NeuralNetClassifier.
    random_state, device, amp, iterator_train, iterator_valid
        As in NeuralNetClassifier.
    **kwargs : dict
        skorch's other parameters, and those of its parts. `module__n_outputs="auto"` is the number of columns of y.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of X in `fit`.
    feature_names_in_ : array of shape (`n_features_in_`,)
        Names of the columns, if X had names that are all strings.
    module_ : torch.nn.Module
        The trained module.
    device_, scaler_
        As in NeuralNetClassifier.

    See Also
    --------
    NeuralNetClassifier : The same for labels; its notes hold here.

    Notes
    -----
    y is cast to the dtype of the module's weights: float32 rounds targets near 1e9 to multiples of 64.
    Scale them, for example with TransformedTargetRegressor, which also makes nets easier to train.
    """

    def __init__(
        self,
        module: Any,
        *,
        criterion: Any = torch.nn.MSELoss,
        train_split: Any = None,
        random_state: Any = None,
        device: Any = "auto",
        amp: Any = None,
        iterator_train: Any = TensorLoader,
        iterator_valid: Any = TensorLoader,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            module,
            criterion=criterion,
            train_split=train_split,
            device=device,
            iterator_train=iterator_train,
            iterator_valid=iterator_valid,
            **kwargs,
        )
        self.random_state = random_state
        self.amp = amp

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = True
        tags.non_deterministic = self.random_state is None
        return tags
