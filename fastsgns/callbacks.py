"""Callbacks of a training: gensim's base class, and early stopping."""

from __future__ import annotations

import math
from typing import Any

from fastsgns.checks import check_integer, check_real

__all__ = ["CallbackAny2Vec", "EarlyStopping"]


class CallbackAny2Vec:
    """A base for callbacks that does nothing, under gensim's name: override what you need.

    `Word2Vec` calls the four methods with itself. It needs no base class: gensim's subclasses work too, and so does
    any object with one of them.

    Examples
    --------
    >>> from fastsgns import Word2Vec
    >>> class Losses(CallbackAny2Vec):
    ...     def on_epoch_end(self, model):
    ...         print(f"epoch {model.epochs_trained}: {model.loss_history[-1] > 0}")
    >>> _ = Word2Vec([["a", "b", "c"]] * 50, vector_size=8, sample=0, epochs=2, callbacks=[Losses()])
    epoch 1: True
    epoch 2: True
    """

    def on_train_begin(self, model: Any) -> None:
        """Called before the first epoch."""

    def on_epoch_begin(self, model: Any) -> None:
        """Called before each epoch."""

    def on_epoch_end(self, model: Any) -> None:
        """Called after each epoch; ``model.loss_history[-1]`` is its mean loss per pair."""

    def on_train_end(self, model: Any) -> None:
        """Called after the last epoch."""


class EarlyStopping(CallbackAny2Vec):
    """Stops a training whose loss falls no more.

    Parameters
    ----------
    patience : int, default 1
        Stop after so many epochs in a row without a gain.
    min_delta : float, default 0.0
        A gain is a mean loss per pair that is below the lowest one so far by more than this.

    Attributes
    ----------
    lowest_loss : float
        Of this training.
    epochs_without_gain : int
        Since then.

    Raises
    ------
    ValueError
        For parameters out of range.

    Notes
    -----
    After each epoch it looks at the last of ``model.loss_history`` and sets ``model.stop_training`` to True when it has
    seen enough. The loss is that of the text trained on, and falls for longer than vectors get better; see Prechelt,
    "Early Stopping - But When?" (1998), for what a loss of held-out text can tell. With ``compute_loss=True`` it is
    taken on every pair, and rises less often by chance. The learning rate falls by the number of epochs asked for, so
    that a training stopped early ends at a high one: ask for about as many epochs as you expect.

    Begins anew with each training; give trainings that run at the same time one each.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> stopping, model = EarlyStopping(patience=2), SimpleNamespace(stop_training=False)
    >>> stopping.on_train_begin(model)
    >>> for loss in [2.5, 2.1, 2.2, 2.1]:
    ...     model.loss_history = [loss]
    ...     stopping.on_epoch_end(model)
    ...     print(model.stop_training)
    False
    False
    False
    True
    """

    def __init__(self, patience: int = 1, min_delta: float = 0.0) -> None:
        check_integer("patience", patience, 1)
        check_real("min_delta", min_delta, 0.0)
        self.patience, self.min_delta = patience, min_delta
        self.lowest_loss, self.epochs_without_gain = math.inf, 0

    def on_train_begin(self, model: Any) -> None:
        self.lowest_loss, self.epochs_without_gain = math.inf, 0

    def on_epoch_end(self, model: Any) -> None:
        loss = model.loss_history[-1]
        if loss < self.lowest_loss - self.min_delta:
            self.lowest_loss, self.epochs_without_gain = loss, 0
        else:
            self.epochs_without_gain += 1
        if self.epochs_without_gain >= self.patience:
            model.stop_training = True
