"""Every number of the frames has its place on the page."""

from math import isnan

import comparisons
from harness.compare.report.further_tables import (
    benchmark_table,
    further_tables,
    interaction_table,
    ranks_table,
    summary_table,
)
from harness.compare.report.html import page


def keys(table, column):
    place = table.columns.index(column)
    return [row[place].key for row in table.rows]


def test_every_statistic_of_the_judged_part():
    comparison = comparisons.three_on_two()
    table = summary_table(comparison)
    of = comparison.summary[comparison.summary["part"] == "test"]
    assert len(table.rows) == len(of)
    for name, column in (("mean", "mean"), ("median", "median"), ("iqm", "interquartile mean")):
        assert keys(table, column) == [None if isnan(v) else v for v in of[name]]


def test_ranks_and_benchmark_scores_of_several():
    comparison = comparisons.three_on_two()
    assert keys(ranks_table(comparison), "mean rank") == comparison.ranks["rank"].tolist()
    assert keys(benchmark_table(comparison), "B") == comparison.benchmark["score"].tolist()


def test_the_interaction_of_two_factors():
    comparison = comparisons.factors()
    table = interaction_table(comparison)
    assert keys(table, "mean") == [None if isnan(v) else v for v in comparison.interaction["mean"]]
    assert table.columns[:2] == tuple(key.split(".")[-1] for key in comparison.question.by)


def test_the_page_has_those_that_there_are():
    for comparison in (
        comparisons.two_optimizers(),
        comparisons.three_on_two(),
        comparisons.factors(),
    ):
        text = page(comparison)
        for table in further_tables(comparison):
            assert table.title in text
    assert not ranks_table(comparisons.two_optimizers()).rows
