import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from harness.errors import ConfigurationError
from harness.evaluation.stopping import EarlyStopping, Stopping

NAN = float("nan")


def alone(config: Stopping, values: list[float]) -> list[tuple[bool, bool, int]]:
    """The criterion for one run, step by step: (improved, stop, best epoch) after each epoch."""
    history = []
    best, best_epoch, since = None, -1, 0
    for epoch, value in enumerate(values):
        gain = -value if not config.maximize else value
        usable = not np.isnan(value) and gain > -np.inf
        better = usable and (best is None or gain > best + config.min_change)
        if better:
            best, best_epoch, since = gain, epoch, 0
        else:
            since += 1
        stop = config.patience is not None and since >= config.patience
        history.append((better, stop, best_epoch))
    return history


def test_a_worked_example_of_a_loss():
    watch = EarlyStopping.start([Stopping(patience=2)])
    losses = [1.0, 0.5, 0.6, 0.4, 0.4, 0.7]

    seen = [
        tuple(bool(x[0]) for x in watch.observe(e, np.array([v]))) for e, v in enumerate(losses)
    ]

    improved, stop = zip(*seen, strict=True)
    assert improved == (True, True, False, True, False, False)
    assert stop == (False, False, False, False, False, True)
    assert (watch.best[0], watch.best_epoch[0], watch.waited[0]) == (0.4, 3, 2)


def test_a_change_must_be_larger_than_the_minimum():
    watch = EarlyStopping.start([Stopping(metric="accuracy", min_change=0.25)])
    accuracies = [0.25, 0.5, 0.625, 0.75]  # exact in binary: the second gains exactly 0.25

    improved = [bool(watch.observe(e, np.array([v]))[0][0]) for e, v in enumerate(accuracies)]

    assert improved == [True, False, True, False]
    assert watch.best[0] == 0.625


def test_runs_of_a_stack_have_their_own_patience_and_minimum():
    watch = EarlyStopping.start(
        [
            Stopping(patience=1),
            Stopping(patience=3),
            Stopping(patience=None),
            Stopping(min_change=1),
        ]
    )
    watch.observe(0, np.array([1.0, 1.0, 1.0, 1.0]))

    stops = [watch.observe(epoch, np.array([1.0, 1.0, 1.0, 0.5]))[1] for epoch in range(1, 40)]

    first = [int(np.argmax(column)) + 1 if column.any() else None for column in np.array(stops).T]
    assert first == [1, 3, None, 20]


@pytest.mark.parametrize(("mode", "worst"), [("min", np.inf), ("max", -np.inf)])
def test_nan_and_the_worst_infinity_improve_on_nothing(mode, worst):
    watch = EarlyStopping.start([Stopping(mode=mode)])

    seen = [watch.observe(e, np.array([v]))[0][0] for e, v in enumerate([NAN, worst, 2.0, NAN])]

    assert seen == [False, False, True, False]
    assert (watch.best[0], watch.best_epoch[0], watch.waited[0]) == (2.0, 2, 1)


def test_a_run_without_any_finite_value_has_no_best_epoch():
    watch = EarlyStopping.start([Stopping(patience=2)])

    stops = [bool(watch.observe(epoch, np.array([NAN]))[1][0]) for epoch in range(2)]

    assert stops == [False, True]
    assert watch.best_epoch[0] == -1


CONFIGS = st.builds(
    Stopping,
    patience=st.none() | st.integers(1, 4),
    min_change=st.sampled_from([0.0, 0.25, 1.0]),
)
VALUES = st.sampled_from([-1.5, -0.5, 0.0, 0.25, 0.5, 1.0, 2.0, NAN, np.inf, -np.inf])


@given(
    configs=st.lists(CONFIGS, min_size=1, max_size=5),
    mode=st.sampled_from(["min", "max"]),
    data=st.data(),
)
@settings(deadline=None, max_examples=100)
def test_a_stack_stops_as_its_runs_do_alone(configs, mode, data):
    configs = [Stopping(mode=mode, patience=c.patience, min_change=c.min_change) for c in configs]
    epochs = data.draw(st.integers(1, 12))
    table = data.draw(
        st.lists(
            st.lists(VALUES, min_size=len(configs), max_size=len(configs)),
            min_size=epochs,
            max_size=epochs,
        )
    )
    expected = [alone(c, [row[r] for row in table]) for r, c in enumerate(configs)]

    watch = EarlyStopping.start(configs)
    numbers = np.arange(len(configs))  # of the runs that are still in the stack
    for epoch, row in enumerate(table):
        improved, stop = watch.observe(epoch, np.array(row)[numbers])
        assert [expected[r][epoch] for r in numbers] == list(
            zip(improved.tolist(), stop.tolist(), watch.best_epoch.tolist(), strict=True)
        )
        watch, numbers = watch.select(np.flatnonzero(~stop)), numbers[~stop]


@pytest.mark.parametrize(
    ("metric", "mode", "maximize"),
    [
        ("loss", "auto", False),
        ("accuracy", "auto", True),
        ("macro_f1", "auto", True),
        ("r2", "auto", True),
        ("accuracy", "min", False),
        ("loss", "max", True),
    ],
)
def test_the_mode_follows_the_metric_unless_it_is_given(metric, mode, maximize):
    assert Stopping(metric=metric, mode=mode).maximize is maximize


@pytest.mark.parametrize(
    "wrong", [{"mode": "best"}, {"patience": 0}, {"min_change": -0.1}, {"min_change": NAN}]
)
def test_wrong_settings_are_refused_by_name(wrong):
    with pytest.raises(ConfigurationError, match=f"'{next(iter(wrong))}' of Stopping must be"):
        Stopping(**wrong)


def test_the_settings_are_a_hydra_node():
    node = OmegaConf.structured(Stopping)
    OmegaConf.set_readonly(node, False)  # as frozen dataclasses come
    node.patience = None
    node.metric = "macro_f1"

    assert OmegaConf.to_object(node) == Stopping(metric="macro_f1", patience=None)
