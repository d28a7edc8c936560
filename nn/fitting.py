"""`fit`: training as a whole, with validation, history, early stopping and a clear stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from math import inf, isfinite
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from engine import detect_anomaly, no_grad

from . import metrics as known_metrics
from .data import in_parts, samples
from .initialisers import randomness
from .module import Module
from .observation import LayerStatistics, named_layers, observe
from .optimisers import Optimiser, joined
from .progress import progress
from .replaying import Replay, number
from .schedules import OneCycleLR, Schedule
from .snapshots import Snapshot, mode
from .training import require_own, training_step

if TYPE_CHECKING:
    from .initialisers import Randomness
    from .training import Loss

Metric = Callable[[Any, Any], float]
OBSERVED = 256  # samples that statistics are taken of


class History(dict[str, list[float]]):
    """What training has measured: for each name a list with a number for each whole epoch.

    The names are "loss", the mean over the epoch's batches as they were met, penalties included;
    "lr", the rate at the epoch's end; each metric's on the training samples; and with validation
    data "val_loss" and each metric's with "val_" before it. All but "loss" are measured at the end
    of the epoch, without dropout and penalties.

    Attributes:
        steps: how many steps have been taken in all.
        best_epoch: which one early stopping holds to be the best, counted from 0; None without.
        stopped: why training ended before its last epoch; "" if it did not.
        statistics: for each epoch the layers' `LayerStatistics`, if they were asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.best_epoch: int | None = None
        self.stopped = ""
        self.statistics: list[list[LayerStatistics]] = []

    @property
    def epochs(self) -> int:
        """How many whole epochs there were."""
        return len(self.get("loss", ()))

    def last(self) -> str:
        """The last epoch as text."""
        return ", ".join(f"{name} {xs[-1]:.4g}" for name, xs in self.items() if xs)

    def __repr__(self) -> str:
        return f"History of {self.epochs} epochs: {self.last()}".rstrip(": ")


class EarlyStopping(NamedTuple):
    """When to stop before the last epoch, and with which parameters, as in Keras.

    Attributes:
        patience: after how many epochs without a better one training stops.
        monitor: which of the history's numbers tells; by default "val_loss" if there is validation
            data, else "loss".
        min_delta: by how much an epoch must be better to count.
        mode: whether "min" or "max" is better; by default "min" for losses and "max" for the rest.
        restore_best_weights: whether the best epoch's parameters are put back at the end.
    """

    patience: int = 0
    monitor: str | None = None
    min_delta: float = 0.0
    mode: str | None = None
    restore_best_weights: bool = True


class NonFiniteLossError(FloatingPointError):
    """A loss is no longer finite, or a parameter. The model is as before the step that did it.

    Attributes:
        step: which one, in all, counted from 1.
        epoch: in which epoch, counted from 1.
        layer: the layer's place in the model; "" if it is none of them.
        history: the epochs before.
    """

    def __init__(self, message: str, step: int, epoch: int, layer: str, history: History) -> None:
        super().__init__(message)
        self.step, self.epoch, self.layer, self.history = step, epoch, layer, history


def fit(
    model: Module,
    data: tuple[Any, Any],
    *,
    loss: Loss,
    optimiser: Optimiser,
    epochs: int = 1,
    batch_size: int | None = 32,
    validation_data: tuple[Any, Any] | None = None,
    metrics: Iterable[str | Metric] | Mapping[str, Metric] = (),
    schedule: Schedule | None = None,
    schedule_every: str = "epoch",
    early_stopping: EarlyStopping | int | None = None,
    callbacks: Iterable[Callable[[Module, History], Any]] = (),
    penalty: float = 0.0,
    l1: float = 0.0,
    clip_value: float | None = None,
    clip_norm: float | None = None,
    statistics: bool = False,
    shuffle: bool = True,
    rng: Randomness | int | None = None,
    verbose: bool | str = "auto",
    history: History | None = None,
) -> History:
    """Train a model for some epochs, and tell how that went.

    Steps are recorded and replayed where that is possible (see `replayed`) and taken one by one
    where not; the numbers are the same. Ctrl-C is heeded between two steps, so that none is half
    taken; a second one at once. After it, and after any error, the history that was given holds the
    epochs that are whole.

    Args:
        model: a network, scalar or vectorised, or a module of your own.
        data: inputs and targets: lists with an entry for each sample, or arrays with a row.
        loss: a function of the outputs and the targets, such as `nn.mean_squared_error`.
        optimiser: what moves the parameters.
        epochs: how many times each sample is used.
        batch_size: how many samples a step is given; None for all of them.
        validation_data: inputs and targets that are not learnt from.
        metrics: functions of outputs and targets; "accuracy" is that of `nn`.
        schedule: what sets the learning rate after each "epoch" or "step": ``schedule_every``.
        early_stopping: when to stop before the last epoch; a number is the patience.
        callbacks: functions that are called with the model and the history after each epoch;
            training ends when one returns True.
        penalty, l1, clip_value, clip_norm: as for `training_step`.
        statistics: whether to note those of activations and gradients, layer by layer, after each
            epoch, on the first 256 samples: see `observe`.
        shuffle: whether each epoch goes through the samples in another order.
        rng: what shuffles: a `random.Random`, a seed, or None for the module `random`.
        verbose: whether to show progress on stderr: by default on terminals and in notebooks.
        history: one to go on with; a new one by default.

    Raises:
        NonFiniteLossError: when a loss is no longer finite. It names the step, and the layer, node
            and line where the first number arose that was not.
        TypeError, ValueError: for samples or settings that are none.
    """
    if epochs < 0:
        raise ValueError(f"the number of epochs is at least 0, not {epochs!r}")
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"a batch has at least one sample, not {batch_size!r}")
    if schedule_every not in ("epoch", "step"):
        raise ValueError(f"schedule_every is 'epoch' or 'step', not {schedule_every!r}")
    require_own(optimiser, model)
    step = training_step(
        model, loss, optimiser, penalty, l1=l1, clip_value=clip_value, clip_norm=clip_norm,
        eager=True,
    )  # fmt: skip
    training = Training(model, loss, optimiser, step, history)
    training.train = samples(model, "data", data)
    if validation_data is not None:
        training.test = samples(model, "validation_data", validation_data)
    training.metrics = named_metrics(metrics)
    training.schedule, training.each_step = schedule, schedule_every == "step"
    training.statistics = statistics
    size = len(training.train[1]) if batch_size is None else batch_size
    best = Best(early_stopping, training) if early_stopping is not None else None
    training.run(epochs, size, randomness(rng) if shuffle else None, verbose, best, list(callbacks))
    return training.history


class Training:
    """A run of `fit`."""

    schedule: Schedule | None = None
    each_step = statistics = is_last = False
    test: tuple[Any, Any] | None = None

    def __init__(
        self, model: Module, loss: Loss, optimiser: Optimiser, step: Any, history: History | None
    ) -> None:
        self.model, self.loss, self.optimiser = model, loss, optimiser
        self.step, self.quick = step, Replay(step, unasked=True)
        self.history = History() if history is None else history
        self.train: tuple[Any, Any] = (), ()
        self.metrics: dict[str, Metric] = {}

    def run(
        self,
        epochs: int,
        size: int,
        rng: Randomness | None,
        verbose: bool | str,
        best: Best | None,
        callbacks: list[Callable[[Module, History], Any]],
    ) -> None:
        """Train, and note how it goes."""
        history, order = self.history, list(range(len(self.train[1])))
        history.stopped = ""
        steps = epochs * -(-len(order) // size)
        self.quick.course.announce(steps)
        bar = progress(verbose, steps)
        try:
            with Interrupts() as interrupts, mode(self.model, training=True):
                for epoch in range(epochs):
                    self.is_last = epoch == epochs - 1
                    if rng is not None:
                        rng.shuffle(order)
                    self.epoch(list(in_parts(*self.train, order, size)), interrupts, bar)
                    bar.set_postfix_str(history.last())
                    said = [callback(self.model, history) for callback in callbacks]
                    if any(isinstance(x, (bool, np.bool_)) and x for x in said):
                        history.stopped = "a callback ended it"
                    if best is not None and best.is_over():
                        history.stopped = f"{best.monitor} did not get better"
                    interrupts.heed()
                    if history.stopped:
                        break
                if best is not None:
                    best.restore()
        except KeyboardInterrupt:
            history.stopped = "interrupted"
            raise
        finally:
            bar.close()

    def epoch(self, batches: list[tuple[Any, Any]], interrupts: Interrupts, bar: Any) -> None:
        """Train for an epoch and add it to the history."""
        start = Snapshot(self.model, self.optimiser, self.schedule)
        first, total, count = self.history.steps, 0.0, 0
        for i, (xs, ts) in enumerate(batches):
            value = self.quick(xs, ts)
            if not isfinite(value):
                raise self.diagnosis(start, batches[: i + 1], first)
            self.history.steps += 1
            total, count = total + value * len(ts), count + len(ts)
            if self.each_step:
                self.advance(self.is_last and i == len(batches) - 1)
            bar.update()
            interrupts.heed()
        if not all_finite(self.model):
            raise self.diagnosis(start, batches, first)
        row = {"loss": total / count, **self.scores()}
        seen = [x.statistics() for x in self.observed()] if self.statistics else None
        if not self.each_step:
            self.advance(self.is_last)
        for name, x in row.items():
            self.history.setdefault(name, []).append(x)
        if seen is not None:
            self.history.statistics.append(seen)

    def advance(self, last: bool = False) -> None:
        """Let the schedule set the next rate; after the last step a cycle may have none."""
        if self.schedule is not None and not (
            last
            and isinstance(self.schedule, OneCycleLR)
            and self.schedule.count + 1 >= self.schedule.total
        ):
            self.schedule.step()

    def scores(self) -> dict[str, float]:
        """What is measured at the end of an epoch."""
        found = {"lr": float(self.optimiser.lr)}
        if not self.metrics and self.test is None:
            return found
        with mode(self.model, training=False), no_grad():
            if self.metrics:
                outputs = self.model.over(self.train[0])
                for name, f in self.metrics.items():
                    found[name] = float(f(outputs, self.train[1]))
            if self.test is not None:
                outputs = self.model.over(self.test[0])
                found["val_loss"] = number(self.loss(outputs, self.test[1]))
                for name, f in self.metrics.items():
                    found[f"val_{name}"] = float(f(outputs, self.test[1]))
        return found

    def observed(self) -> Any:
        """The layers on the first samples."""
        xs, ts = self.train
        return observe(self.model, self.loss, xs[:OBSERVED], ts[:OBSERVED])

    def diagnosis(
        self, start: Snapshot, batches: list[tuple[Any, Any]], first: int
    ) -> NonFiniteLossError:
        """Take the epoch's steps again up to the first bad one, and that with open eyes."""
        start.restore()
        value, cause, done, before = 0.0, None, 0, start
        for xs, ts in batches:
            before = Snapshot(self.model, self.optimiser, self.schedule)
            value = self.quick(xs, ts)
            if not isfinite(value) or not all_finite(self.model):
                cause = self.anomaly(before, xs, ts)
                break
            done += 1
            if self.each_step:
                self.advance()
        before.restore()
        self.history.steps, epoch = first + done, self.history.epochs + 1
        what = "a parameter" if isfinite(value) else "the loss"
        where = self.layer_of(cause) if cause else ""
        message = (
            f"in step {first + done + 1} (epoch {epoch}, batch {done + 1}) {what} became "
            f"{'infinite or nan' if isfinite(value) else value}"
        )
        message += f"; it began in {where}" if where else ""
        message += f"\n{cause}" if cause else f", at the rate {float(self.optimiser.lr):g}"
        found = NonFiniteLossError(message, first + done + 1, epoch, where, self.history)
        found.__cause__ = cause
        return found

    def anomaly(self, before: Snapshot, inputs: Any, targets: Any) -> FloatingPointError | None:
        """Take a bad step again, as it is: the first number in it that is not finite."""
        before.restore()
        try:
            with detect_anomaly():
                self.step(inputs, targets)
        except FloatingPointError as error:
            return error
        return None

    def layer_of(self, error: FloatingPointError) -> str:
        """The layer that was computing, or else the first that the message names."""
        layers, found, trace = named_layers(self.model), "", error.__traceback__
        while trace is not None:
            own = trace.tb_frame.f_locals.get("self")
            found = next((name for layer, name in layers if layer is own), found)
            trace = trace.tb_next
        places = [(str(error).find(name), name) for _, name in layers if name in str(error)]
        return found or (min(places)[1] if places else "")


class Best:
    """The best epoch so far."""

    def __init__(self, settings: EarlyStopping | int, training: Training) -> None:
        if not isinstance(settings, EarlyStopping):
            settings = EarlyStopping(settings)
        if settings.patience < 0:
            raise ValueError(f"patience is at least 0 epochs, not {settings.patience!r}")
        if settings.mode not in (None, "min", "max"):
            raise ValueError(f"mode is 'min' or 'max', not {settings.mode!r}")
        self.monitor = settings.monitor or ("loss" if training.test is None else "val_loss")
        known = ["loss", *training.metrics]
        if training.test is not None:
            known += [f"val_{name}" for name in known]
        if self.monitor not in known:
            raise ValueError(f"monitor is one of {', '.join(known)}, not {self.monitor!r}")
        way = settings.mode or ("min" if self.monitor.endswith("loss") else "max")
        self.sign = -1.0 if way == "min" else 1.0
        self.settings, self.training = settings, training
        self.score = -inf
        self.waited = 0
        self.snapshot: Snapshot | None = None

    def is_over(self) -> bool:
        """Look at the epoch that has just ended: whether it is time to stop."""
        history = self.training.history
        score = self.sign * history[self.monitor][-1]
        if score > self.score + (self.settings.min_delta if self.snapshot else 0.0):
            self.score, self.waited = score, 0
            history.best_epoch = history.epochs - 1
            if self.settings.restore_best_weights or self.snapshot is None:
                self.snapshot = Snapshot(self.training.model)
            return False
        self.waited += 1
        return self.waited >= self.settings.patience

    def restore(self) -> None:
        """Put the best epoch's parameters back, if that is wanted."""
        if self.settings.restore_best_weights and self.snapshot is not None:
            self.snapshot.weights()


class Interrupts:
    """Ctrl-C waits for the end of a step; a second one does not."""

    def __init__(self) -> None:
        self.asked = self.installed = False

    def __enter__(self) -> Self:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self.note)
            self.installed = True
        return self

    def note(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-C was pressed."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def heed(self) -> None:
        """Raise if it was pressed."""
        if self.asked:
            raise KeyboardInterrupt

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self.installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if kind is None:
            self.heed()


def named_metrics(metrics: Any) -> dict[str, Metric]:
    """Metrics by their names."""
    if isinstance(metrics, str) or callable(metrics):
        metrics = [metrics]
    if isinstance(metrics, Mapping):
        return dict(metrics)
    return dict(map(named_metric, metrics))


def named_metric(metric: str | Metric) -> tuple[str, Metric]:
    """A metric with its name."""
    if metric == "accuracy":
        return "accuracy", known_metrics.accuracy
    if not callable(metric):
        raise ValueError(f"a metric is 'accuracy' or a function of outputs, not {metric!r}")
    return getattr(metric, "__name__", type(metric).__name__), metric


def all_finite(model: Module) -> bool:
    """Whether all parameters are."""
    return all(finite(p.data) for p in joined(list(model.parameters())))


def finite(x: Any) -> bool:
    """Whether a number, or every one of an array, is."""
    return bool(np.isfinite(x).all()) if hasattr(x, "ndim") else isfinite(x)
