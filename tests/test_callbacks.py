"""Callbacks: the order of calls, gensim's own base class, and early stopping."""

from types import SimpleNamespace

import pytest

from fastsgns import CallbackAny2Vec, EarlyStopping, Word2Vec

SENTENCES = [["a", "b", "c", "d"], ["b", "c", "a"], ["a", "d"]] * 20
OPTIONS = {"vector_size": 8, "workers": 1, "min_count": 1, "sample": 0}
EVENTS = ("on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end")


def recorder(base):
    """A subclass of `base` that notes what is called, with which model, and how many losses it had then."""

    def note(event):
        return lambda self, model: self.seen.append((event, model, len(model.loss_history)))

    made = type("Recorder", (base,), {event: note(event) for event in EVENTS})()
    made.seen = []
    return made


def gensims():
    return pytest.importorskip("gensim.models.callbacks").CallbackAny2Vec


@pytest.mark.parametrize("base", [lambda: CallbackAny2Vec, gensims, lambda: object], ids=["ours", "gensim's", "none"])
def test_order_of_calls(base):
    listener = recorder(base())
    model = Word2Vec(SENTENCES, **OPTIONS, epochs=2, callbacks=[base()(), listener])
    epochs = [("on_epoch_begin", 0), ("on_epoch_end", 1), ("on_epoch_begin", 1), ("on_epoch_end", 2)]
    wanted = [("on_train_begin", 0), *epochs, ("on_train_end", 2)]
    assert [(event, losses) for event, _, losses in listener.seen] == wanted
    assert all(seen is model for _, seen, _ in listener.seen)
    listener.seen.clear()
    model.train(SENTENCES, epochs=1, callbacks=[listener])
    assert [event for event, *_ in listener.seen] == list(EVENTS)
    listener.seen.clear()
    model.train(SENTENCES, epochs=1, callbacks=[])
    assert not listener.seen


def test_the_base_class_has_gensims_methods():
    methods = {name for name in vars(gensims()) if name.startswith("on_")}
    assert {name for name in vars(CallbackAny2Vec) if name.startswith("on_")} == methods == set(EVENTS)


def stops_after(losses, stopping):
    """The number of epochs before `stopping` asks for the end, as a model that honours it would count them."""
    model = SimpleNamespace(loss_history=[9.0], stop_training=False)  # of an earlier training
    stopping.on_train_begin(model)
    for epoch, loss in enumerate(losses, 1):
        stopping.on_epoch_begin(model)
        model.loss_history.append(loss)
        stopping.on_epoch_end(model)
        if model.stop_training:
            return epoch
    stopping.on_train_end(model)
    return None


@pytest.mark.parametrize(
    ("losses", "options", "epoch"),
    [
        ([3, 2, 1, 0.5], {}, None),
        ([3, 2, 2, 1], {}, 3),
        ([3, 4], {}, 2),
        ([10, 9.5, 9.2], {}, None),  # the first epoch is a gain, whatever came before
        ([3, 2, 2.5, 1.9, 2.5, 1.8], {"patience": 2}, None),
        ([3, 2, 2.5, 2.0, 1], {"patience": 2}, 4),
        ([3, 2.9, 2.8, 2.7], {"min_delta": 0.15}, 2),
        ([3, 2.9, 2.8, 2.75], {"min_delta": 0.15, "patience": 2}, None),  # measured from the lowest that counted
        ([3, 2.75, 2.5], {"min_delta": 0.25}, 2),  # by more than min_delta
        ([0, 0], {}, 2),
    ],
)
def test_early_stopping(losses, options, epoch):
    stopping = EarlyStopping(**options)
    assert stops_after(losses, stopping) == epoch
    assert stops_after(losses, stopping) == epoch  # it begins anew


def test_a_training_that_still_gains_is_not_stopped():
    model = Word2Vec(SENTENCES, **OPTIONS, epochs=3, callbacks=[EarlyStopping(patience=3)])
    assert len(model.loss_history) == 3


def test_a_training_stops_early():
    stopping = EarlyStopping(min_delta=100.0)
    listener = recorder(CallbackAny2Vec)
    model = Word2Vec(SENTENCES, **OPTIONS, epochs=7, callbacks=[stopping, listener])
    assert len(model.loss_history) == model.epochs_trained == 2
    assert listener.seen[-1][0] == "on_train_end"
    trained, raw = model.train(SENTENCES, epochs=1)
    assert trained == raw == 180
    assert model.epochs_trained == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patience": 0}, "patience=0"),
        ({"patience": 1.5}, r"patience=1\.5"),
        ({"min_delta": -0.1}, r"min_delta=-0\.1"),
        ({"min_delta": float("nan")}, "min_delta=nan"),
    ],
)
def test_bad_parameters(options, message):
    with pytest.raises(ValueError, match=message):
        EarlyStopping(**options)
