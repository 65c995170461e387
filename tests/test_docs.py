"""The site builds without a warning, and everything a person can name is on it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

import harness
from harness.cli import COMMANDS
from harness.registry.registry import KINDS, load_registry
from harness.testing.suite import REQUIREMENTS

pytest.importorskip("mkdocs")
pytest.importorskip("material")

ROOT = Path(__file__).parents[1]


class Titles(HTMLParser):
    """The texts of the headings."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = False

    def handle_starttag(self, tag, attributes):
        if re.fullmatch("h[1-6]", tag):
            self._inside = True
            self.found.append("")

    def handle_endtag(self, tag):
        self._inside = self._inside and not re.fullmatch("h[1-6]", tag)

    def handle_data(self, data):
        if self._inside:
            self.found[-1] += data


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return folder


@cache
def titles(page: Path) -> set[str]:
    parser = Titles()
    parser.feed((page / "index.html").read_text(encoding="utf-8"))
    return {title.replace("¶", "").strip() for title in parser.found}


@pytest.mark.parametrize("kind", KINDS)
def test_every_component_has_its_place(site, kind):
    own = [plugin for plugin in load_registry().plugins if plugin.own]
    names = {name for plugin in own for name in plugin.components.get(kind, {})}
    assert names
    page = (
        site
        / "reference"
        / {"auxiliary_loss": "auxiliary-losses", "loss": "losses"}.get(kind, f"{kind}s")
    )
    assert names <= titles(page)


def test_every_hook_command_and_name_of_the_facade_has_its_place(site):
    assert set(KINDS.values()) <= titles(site / "reference" / "hooks")
    commands = {f"harness {command}" for command in COMMANDS}
    assert commands <= titles(site / "reference" / "commands")
    assert set(harness.__all__) <= titles(site / "reference" / "facade")


def test_every_requirement_of_the_conformance_suite_is_shown(site):
    text = (site / "reference" / "requirements" / "index.html").read_text(encoding="utf-8")
    names = {requirement.__name__ for asked in REQUIREMENTS.values() for requirement in asked}
    assert not {name for name in names if name not in text}


def test_every_field_and_key_and_member_has_a_meaning(site):
    rows = 0
    for page in (site / "reference").rglob("index.html"):
        for table in re.findall(
            r"<table>\s*<thead>\s*<tr>(.*?)</tr>.*?<tbody>(.*?)</tbody>",
            page.read_text(encoding="utf-8"),
            re.S,
        ):
            columns = re.findall(r"<th[^>]*>(.*?)</th>", table[0])
            if "meaning" not in columns:
                continue
            for row in re.findall(r"<tr>(.*?)</tr>", table[1], re.S):
                cells = re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)
                assert cells[columns.index("meaning")].strip(), f"{page}: {cells[0]}"
                rows += 1
    assert rows > 250


def test_no_heading_of_the_facade_is_empty(site):
    text = (site / "reference" / "facade" / "index.html").read_text(encoding="utf-8")
    sections = re.split(r"<h2[^>]*>", text)[1:]
    assert len(sections) == len(harness.__all__)
    for section in sections:
        heading, _, below = section.partition("</h2>")
        below = re.sub(r"<code>\w+ = .*?</code>", "", below)
        assert re.sub(r"<[^>]*>", "", below).strip(), heading


def test_formulas_fields_and_search_spaces_are_shown(site):
    text = (site / "reference" / "optimizers" / "index.html").read_text(encoding="utf-8")
    assert "θ ← θ − η m̂ / (√v̂ + ε)" in text
    assert "Kingma &amp; Ba" in text
    assert "1e-05 to 0.1, log" in text


def test_the_site_needs_no_network(site):
    """What a browser would fetch by itself; links that a person may follow are another thing."""
    fetched = re.compile(
        r"<(?:script|img|link rel=\"stylesheet\")[^>]*(?:src|href)=\"(?:https?:)?//"
    )
    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    assert not [page for page in pages if fetched.search(page.read_text(encoding="utf-8"))]


def test_the_example_for_contributors_is_the_rule_itself():
    rule = ROOT / "plugins" / "harness_optimizers" / "signsgd.py"
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert f"```python\n{rule.read_text(encoding='utf-8')}```" in page
