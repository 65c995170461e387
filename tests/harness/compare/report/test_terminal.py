import io

import comparisons
from harness.compare.report.terminal import print_comparison


def printed(comparison, *, tty=False):
    stream = io.StringIO()
    stream.isatty = lambda: tty
    print_comparison(comparison, stream)
    return stream.getvalue()


def test_elsewhere_than_on_a_terminal_fields_are_between_tabs():
    standings, pairs, rest = printed(comparisons.two_optimizers()).split("\n\n")
    header, adam, sgd = [line.split("\t") for line in standings.splitlines()]
    assert header[:5] == ["optimizer", "runs", "diverged", "validation accuracy", "test accuracy"]
    assert header[5:] == ["reached 0.95", "steps to it", "seconds to it"]
    assert adam[:3] == ["adam", "10", "0"]
    assert float(adam[4].split()[0]) > float(sgd[4].split()[0])
    assert [line.split("\t")[:3] for line in pairs.splitlines()] == [
        ["a", "b", "seeds"],
        ["adam", "sgd", "10"],
    ]
    sentence, warning = rest.splitlines()
    assert sentence.startswith("adam beats sgd on digits: better with probability ")
    assert warning.startswith("warning: The best learning rate of sgd, 1, is the largest")


def test_on_a_terminal_tables_are_framed_and_nothing_is_cut():
    text = printed(comparisons.hostile(), tty=True)
    for name in comparisons.HOSTILE:
        assert name.strip() in text
    assert "\t" not in text


def test_names_cannot_speak_to_the_terminal():
    comparison = comparisons.two_optimizers()
    from dataclasses import replace

    frames = {
        name: getattr(comparison, name).replace("adam", "\x1b[31mred\x07\nadam")
        for name in ("summary", "times", "pairs")
    }
    text = printed(replace(comparison, contenders=("\x1b[31mred\x07\nadam", "sgd"), **frames))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "?[31mred? adam\t10" in text


def test_times_in_seconds_are_left_out_where_runs_make_no_claim():
    assert "seconds" not in printed(comparisons.three_on_two())


def test_of_very_many_pairs_those_with_the_best_are_shown():
    text = printed(comparisons.many(7))
    assert "These are the pairs with adam; the report has all 21." in text
    assert text.count("paired t-test") == 6 * 4


def test_nothing_to_compare():
    assert printed(comparisons.empty()) == "There are no runs to compare.\n"
