"""Writes the reference from what is installed, each time the site is built: it cannot drift.

A hook of MkDocs. Docstrings are Markdown: an indented block, such as a formula, is shown as it stands.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import harness
from harness import hookspecs
from harness.cli import COMMANDS, USAGE
from harness.configuration.settings import Config
from harness.registry.catalogue import fields_of
from harness.registry.registry import KINDS, load_registry
from harness.search_space import space_of
from harness.testing.suite import REQUIREMENTS, statement_of


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages."""
    for path, content in pages():
        files.append(File.generated(config, f"reference/{path}", content=content))
    return files


def pages() -> Iterator[tuple[str, str]]:
    """Each generated page: its file below reference/, and its Markdown."""
    for kind in KINDS:
        yield _page(kind), "\n".join(_components(kind))
    yield "hooks.md", "\n".join(_hooks())
    yield "facade.md", "\n".join(_facade())
    yield "requirements.md", "\n".join(_requirements())
    yield "commands.md", "\n".join(_commands())
    yield "configuration.md", "\n".join(_configuration())


def plural(kind: str) -> str:
    """Of a kind of component.

    >>> plural("optimizer"), plural("auxiliary_loss")
    ('optimizers', 'auxiliary_losses')
    """
    return f"{kind}es" if kind.endswith("s") else f"{kind}s"


def _page(kind: str) -> str:
    return f"{plural(kind).replace('_', '-')}.md"


def markdown(docstring: str | None) -> str:
    """A docstring for a page: examples become blocks of code, and no underscore starts italics.

    >>> markdown("Adds a_b and `c_d`.")
    'Adds a\\\\_b and `c_d`.'
    """
    shown = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(docstring or "")):
        if paragraph.startswith(">>> "):
            shown.append(f"```pycon\n{paragraph}\n```")
        elif paragraph.startswith("    "):
            shown.append(paragraph)
        else:
            shown.append(_text(paragraph))
    return "\n\n".join(shown)


def _text(paragraph: str) -> str:
    """With an indented part set off as Markdown wants it, and no accidental emphasis."""
    paragraph = re.sub(r"(?<!\n)\n(?=    )", "\n\n", paragraph, count=1)
    pieces = re.split(r"(`[^`]*`)", paragraph)
    return "".join(p if p.startswith("`") else re.sub(r"([_*<])", r"\\\1", p) for p in pieces)


def _components(kind: str) -> Iterator[str]:
    yield f"# {plural(kind).replace('_', ' ').capitalize()}\n"
    yield markdown(getattr(hookspecs, KINDS[kind]).__doc__) + "\n"
    for plugin in load_registry().plugins:
        if not plugin.own:  # the site is the same wherever it is built
            continue
        for name, component in sorted(plugin.components.get(kind, {}).items()):
            yield f"## `{name}`\n"
            yield markdown(component.__doc__) + "\n"
            yield from _fields(component)


def _fields(component: type) -> Iterator[str]:
    defaults, space = fields_of(component), space_of(component)
    if not defaults:
        return
    types = {field.name: field.type for field in dataclasses.fields(component)}
    yield "| field | type | default | worth tuning in |"
    yield "|---|---|---|---|"
    for name, default in defaults.items():
        kind = str(types[name]).replace("|", "\\|")
        found = space.get(name)
        tuned = f"{found.low:g} to {found.high:g}, {found.scale}" if found else ""
        meaning = f"; {found.meaning}" if found and found.meaning else ""
        yield f"| `{name}` | `{kind}` | `{default}` | {tuned}{meaning} |"
    yield ""


def _hooks() -> Iterator[str]:
    yield "# Hooks\n"
    yield markdown(hookspecs.__doc__) + "\n"
    for kind, name in KINDS.items():
        yield f"## `{name}`\n"
        yield markdown(getattr(hookspecs, name).__doc__)
        yield f"\nWhat it hands out: [{plural(kind).replace('_', ' ')}]({_page(kind)}).\n"


def _requirements() -> Iterator[str]:
    yield "# What a component must do\n"
    yield "`harness check NAME` holds a component against these requirements, in this order.\n"
    for kind in KINDS:
        yield f"## {plural(kind).replace('_', ' ').capitalize()}\n"
        yield "| requirement | in words |"
        yield "|---|---|"
        for requirement in REQUIREMENTS[kind]:
            yield f"| `{requirement.__name__}` | {_text(statement_of(requirement))} |"
        yield ""


def _facade() -> Iterator[str]:
    yield "# What a plugin imports: `harness`\n"
    yield markdown(harness.__doc__) + "\n"
    for name in harness.__all__:
        member = getattr(harness, name)
        yield f"## `{name}`\n"
        if inspect.isfunction(member):
            yield f"```python\n{name}{inspect.signature(member)}\n```\n"
        if inspect.isclass(member) or inspect.isfunction(member):
            yield markdown(member.__doc__) + "\n"
        if inspect.isclass(member):
            yield from _methods(member)


def _methods(cls: type) -> Iterator[str]:
    for name, member in vars(cls).items():
        if name.startswith("_") or not (inspect.isfunction(member) or isinstance(member, property)):
            continue
        call = name if isinstance(member, property) else f"{name}{inspect.signature(member)}"
        yield f"```python\n{call}\n```\n"
        yield markdown(member.__doc__) + "\n"


def _commands() -> Iterator[str]:
    yield "# Commands\n"
    yield f"```text\n{USAGE}```\n"
    for command in COMMANDS:
        yield f"## `harness {command}`\n"
        yield f"```text\n{_help(command)}```\n"


def _help(command: str) -> str:
    words = [sys.executable, "-m", "harness", command, "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return done.stdout.replace(str(Path.cwd()), ".")


def _configuration() -> Iterator[str]:
    yield "# Configuration\n"
    yield markdown(Config.__doc__) + "\n"
    yield "Each key below stands on the command line as `key=value`.\n"
    for field in dataclasses.fields(Config):
        default = _default(field)
        if dataclasses.is_dataclass(default):
            yield f"## `{field.name}`\n"
            yield markdown(type(default).__doc__) + "\n"
            yield from _keys(field.name, default)
    yield "## Component groups\n"
    yield "`backend`, `dataset`, `network`, `optimizer`, `schedule`, `initializer`, `bias_initializer`"
    yield "and `loss` choose a component by name; its fields follow, as in `optimizer.lr=0.01`."
    yield "`wrapper` takes one name, a list as in `[ema,clip_norm]`, or `none`; the fields of each"
    yield "follow its name, as in `wrapper.ema.decay=0.99`.\n"


def _keys(prefix: str, settings: Any) -> Iterator[str]:
    yield "| key | default |"
    yield "|---|---|"
    nested = []
    for field in dataclasses.fields(settings):
        value = _default(field)
        if dataclasses.is_dataclass(value):
            nested.append((f"{prefix}.{field.name}", value))
        else:
            yield f"| `{prefix}.{field.name}` | `{'null' if value is None else value}` |"
    yield ""
    for name, value in nested:
        yield f"### `{name}`\n"
        yield markdown(type(value).__doc__) + "\n"
        yield from _keys(name, value)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
