import struct

import numpy as np
import pytest

from harness.tracking.events import Curves
from harness.tracking.learning_curves import draw_learning_curves
from harness.tracking.metrics_csv import write_metrics


def write(folder, losses, **columns):
    folder.mkdir(parents=True)
    rest = {name.replace("_", "/"): value for name, value in columns.items()}
    write_metrics(folder, [(e, {"train/loss": loss} | rest) for e, loss in enumerate(losses, 1)])
    return str(folder / "metrics.csv")


def size(path):
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", content[16:24])


def figure_of(curves, path, monkeypatch):
    """The figure that was saved."""
    from matplotlib.figure import Figure

    saved = []
    monkeypatch.setattr(Figure, "savefig", lambda self, _: saved.append(self))
    draw_learning_curves(curves, path)
    return saved[0]


def test_one_run_shows_training_and_validation(tmp_path, monkeypatch):
    path = write(tmp_path / "a", [3.0, 2.0], validation_loss=2.5, validation_accuracy=0.75)
    left, right = figure_of(Curves([("a", path)]), tmp_path / "x.png", monkeypatch).axes
    train, validation = left.lines
    assert (train.get_label(), validation.get_label()) == ("train", "validation")
    assert train.get_xdata().tolist() == [1, 2]
    assert train.get_ydata().tolist() == [3, 2]
    assert validation.get_ydata().tolist() == [2.5, 2.5]
    assert [line.get_ydata().tolist() for line in right.lines] == [[0.75, 0.75]]
    assert (left.get_ylabel(), right.get_ylabel()) == ("loss", "accuracy on validation")


def test_many_runs_show_each_faintly_and_the_mean_of_their_group(tmp_path, monkeypatch):
    paths = [
        ("adam", write(tmp_path / "1", [9, 9], validation_loss=1.0, validation_r2=0.5)),
        ("sgd", write(tmp_path / "2", [9, 9, 9], validation_loss=4.0, validation_r2=0.25)),
        ("adam", write(tmp_path / "3", [9, 9, 9], validation_loss=3.0, validation_r2=0.0)),
    ]
    left, right = figure_of(Curves(paths), tmp_path / "x.png", monkeypatch).axes
    labels = [text.get_text() for text in left.get_legend().get_texts()]
    assert labels == ["adam (2)", "sgd"]
    first, second, mean, alone = left.lines
    assert first.get_color() == second.get_color() == mean.get_color() != alone.get_color()
    assert first.get_alpha() < 0.5
    assert mean.get_ydata().tolist() == [2, 2, 2]  # the first run keeps its 1 after it stopped
    assert alone.get_ydata().tolist() == [4, 4, 4]
    assert right.get_ylabel() == "R² on validation"


def test_without_validation_it_shows_training(tmp_path, monkeypatch):
    paths = [("a", write(tmp_path / "1", [1, 2])), ("b", write(tmp_path / "2", [3, 4]))]
    (only,) = figure_of(Curves(paths), tmp_path / "x.png", monkeypatch).axes
    assert [line.get_ydata().tolist() for line in only.lines] == [[1, 2], [3, 4]]
    assert only.get_ylabel() == "loss on train"


def test_a_diverging_run_does_not_press_the_others_flat(tmp_path, monkeypatch):
    paths = [("a", write(tmp_path / "1", [1, 0.5])), ("b", write(tmp_path / "2", [2, 1e9, np.inf]))]
    (only,) = figure_of(Curves(paths), tmp_path / "x.png", monkeypatch).axes
    assert only.get_yscale() == "log"


@pytest.mark.parametrize("losses", [[], [np.nan], [np.inf, np.nan], [0.5]])
def test_every_run_makes_a_picture(tmp_path, losses):
    path = write(tmp_path / "a", losses or [1.0])
    if not losses:
        (tmp_path / "a" / "metrics.csv").write_text("epoch,train/loss\n")
    draw_learning_curves(Curves([("a", path)], title="a run"), tmp_path / "x.png")
    assert size(tmp_path / "x.png") == (624, 442)


def test_of_many_groups_the_best_stay_apart_and_the_others_are_grey(tmp_path, monkeypatch):
    paths = [(f"{n}", write(tmp_path / f"{n}", [20.0 - n])) for n in range(20)]
    (only,) = figure_of(Curves(paths), tmp_path / "x.png", monkeypatch).axes
    coloured = [line for line in only.lines if line.get_color() != "0.75"]
    assert len({(line.get_color(), line.get_linestyle()) for line in coloured}) == 12
    # The lowest losses: those of the last groups
    assert {line.get_label() for line in coloured} == {str(n) for n in range(8, 20)}
    assert only.get_legend_handles_labels()[1][-1] == "8 others"


def test_a_loss_that_is_nearly_infinite_is_drawn(tmp_path):
    """A run of float64 that diverges slowly passes 1e300 before it is infinite."""
    huge = np.geomspace(1, 1e305, 50)
    folder = tmp_path / "huge"
    folder.mkdir()
    rows = [
        (epoch, {"train/loss": loss, "validation/loss": loss, "validation/r2": -loss})
        for epoch, loss in enumerate(huge.tolist(), 1)
    ]
    write_metrics(folder, rows)
    fine = write(tmp_path / "fine", [2.0, 1.0], validation_loss=1.0, validation_r2=0.5)
    curves = Curves([("fine", fine), ("huge", str(folder / "metrics.csv"))])
    draw_learning_curves(curves, tmp_path / "x.png")
    assert size(tmp_path / "x.png")
