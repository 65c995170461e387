"""Each preset of a known result says where the result is from and where it is tested, and composes."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

ROOT = Path(__file__).parents[2]
STARTING_POINTS = {
    "demo",
    "initializers",
    "optimizers",
    "tuned_optimizers",
    "rate_range",
}  # they claim nothing
PRESETS = sorted(
    path
    for path in (ROOT / "conf" / "experiment").glob("*.yaml")
    if path.stem not in STARTING_POINTS
)


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_has_its_source_its_test_and_its_place_on_the_page(path):
    text = path.read_text(encoding="utf-8")
    head = text.partition("defaults:")[0].partition("hydra:")[0]
    assert "# Source: " in head
    test = ROOT / head.partition("# Test: ")[2].split()[0].rstrip(".,")
    assert f'train_preset("{path.stem}")' in test.read_text(encoding="utf-8")
    page = ROOT / "docs" / "explanation" / "known-results.md"
    assert f"experiment={path.stem}\n" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [path.stem for path in PRESETS])
def test_every_job_of_a_preset_can_be_composed(name, run_of):
    """`make test` trains one preset of each file here, `make test-full` trains all."""
    text = (ROOT / "conf" / "experiment" / f"{name}.yaml").read_text(encoding="utf-8")
    params = yaml.safe_load(text)["hydra"]["sweeper"]["params"]
    lists = [
        list(OverridesParser.create().parse_override(f"{key}={values}").sweep_string_iterator())
        for key, values in params.items()
    ]
    for values in product(*lists):
        overrides = [f"{key}={value}" for key, value in zip(params, values, strict=True)]
        assert run_of(f"experiment={name}", *overrides)
