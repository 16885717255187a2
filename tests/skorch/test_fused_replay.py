"""A step that a device replays gives what the step gives, whatever becomes of the recording."""

# ruff: noqa: E402

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from sk_optuna.skorch._fused_replay import ReplayedStep


class Recorder:
    """Repeats a step as a CUDA graph does: on the memory of the inputs that it was recorded with, into its outputs."""

    def __init__(self):
        self.n_replays = 0

    def __call__(self, step, inputs):
        outputs = [torch.empty_like(each) for each in step(*inputs)]

        def replay():
            self.n_replays += 1
            for output, value in zip(outputs, step(*inputs), strict=True):
                output.copy_(value)

        return replay, outputs


def step(weights, X, y):
    error = torch.bmm(X, weights) - y
    return [error.square().mean((1, 2)), torch.bmm(X.transpose(1, 2), error)]


def some_inputs(seed):
    draw = torch.Generator().manual_seed(seed)
    flat = torch.randn(3, 20, generator=draw, dtype=torch.float64)
    # as the weights of a group, which are parts of longer rows
    weights = flat[:, 2:14].view(3, 4, 3)
    return weights, *(torch.randn(3, 8, n, generator=draw, dtype=torch.float64) for n in (4, 3))


def test_replayed_steps_are_those_of_the_function():
    recorder = Recorder()
    replayed = ReplayedStep(step, recorder)
    for seed in range(30):
        inputs = some_inputs(seed)
        before = [each.clone() for each in inputs]
        for made, expected in zip(replayed(*inputs), step(*inputs), strict=True):
            assert torch.equal(made, expected)
        assert all(torch.equal(a, b) for a, b in zip(inputs, before, strict=True))
    assert recorder.n_replays == 25


@pytest.mark.parametrize("error", [RuntimeError("operation not permitted when stream is capturing"), "no CUDA"])
def test_step_that_cannot_be_recorded_goes_on_as_it_is_and_is_recorded_once(error):
    n_tries = []

    def fails(step, inputs):
        n_tries.append(1)
        raise error

    # without CUDA, torch's own recording raises
    replayed = ReplayedStep(step, None if error == "no CUDA" and not torch.cuda.is_available() else fails)
    for seed in range(20):
        for made, expected in zip(replayed(*some_inputs(seed)), step(*some_inputs(seed)), strict=True):
            assert torch.equal(made, expected)
    assert len(n_tries) <= 1


def test_mistakes_in_a_step_are_not_taken_for_a_device_that_cannot_record():
    def mistaken(step, inputs):
        raise TypeError("a mistake")

    replayed = ReplayedStep(step, mistaken)
    for seed in range(5):
        replayed(*some_inputs(seed))
    with pytest.raises(TypeError, match="a mistake"):
        replayed(*some_inputs(5))
