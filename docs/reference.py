"""Writes the reference from what is installed, each time the site is built: it cannot drift.

A hook of MkDocs. Docstrings are Markdown: an indented block, such as a formula, is shown as it stands.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import griffe
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

Kind = griffe.DocstringSectionKind


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
    r"""A docstring for a page: text, examples as blocks of code, and a list for each of its sections.

    >>> markdown("Adds a_b.")
    'Adds a\\_b.'
    >>> markdown(inspect.getdoc(_text)).splitlines()[-1]
    '- `paragraph`: Text, in which an indented part may follow the first line.'
    """
    return "\n\n".join(filter(None, map(_section, _sections(docstring))))


def prose(docstring: str | None) -> str:
    """A docstring without its list of fields, for a page that shows them in a table."""
    sections = [s for s in _sections(docstring) if s.kind is not Kind.attributes]
    return "\n\n".join(filter(None, map(_section, sections)))


def meanings(docstring: str | None) -> dict[str, str]:
    r"""What a docstring says of each field, in a line for a cell of a table.

    >>> meanings("A rule.\n\nAttributes:\n    lr: Base learning\n        rate.")
    {'lr': 'Base learning rate.'}
    """
    fields = [s.value for s in _sections(docstring) if s.kind is Kind.attributes]
    return {
        field.name: _text(" ".join(field.description.split())).replace("|", "\\|")
        for section in fields
        for field in section
    }


def _sections(docstring: str | None) -> list[griffe.DocstringSection]:
    return griffe.Docstring(inspect.cleandoc(docstring or "")).parse("google", warnings=False)


def _section(section: griffe.DocstringSection) -> str:
    if section.kind is Kind.text:
        return "\n\n".join(map(_paragraph, re.split(r"\n\s*\n", section.value)))
    if section.kind in (Kind.parameters, Kind.attributes):
        return "\n".join(f"- `{item.name}`: {_item(item)}" for item in section.value)
    if section.kind is Kind.raises:
        return "\n".join(f"- Raises `{item.annotation}`: {_item(item)}" for item in section.value)
    if section.kind in (Kind.returns, Kind.yields):
        return "\n".join(f"- {section.kind.value.title()}: {_item(item)}" for item in section.value)
    raise ValueError(f"A section that no page shows: {section.kind.value}.")


def _item(item: griffe.DocstringNamedElement) -> str:
    return _text(" ".join(item.description.split()))


def _paragraph(paragraph: str) -> str:
    if paragraph.startswith(">>> "):
        return f"```pycon\n{paragraph}\n```"
    return paragraph if paragraph.startswith("    ") else _text(paragraph)


def _text(paragraph: str) -> str:
    """With an indented part set off as Markdown wants it, and no accidental emphasis.

    Args:
        paragraph: Text, in which an indented part may follow the first line.
    """
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
            yield prose(component.__doc__) + "\n"
            yield from _fields(component)


def _fields(component: type) -> Iterator[str]:
    defaults, space = fields_of(component), space_of(component)
    if not defaults:
        return
    meaning = meanings(component.__doc__)
    types = {field.name: field.type for field in dataclasses.fields(component)}
    yield "| field | meaning | type | default | worth tuning in |"
    yield "|---|---|---|---|---|"
    for name, default in defaults.items():
        kind = str(types[name]).replace("|", "\\|")
        searched = space.get(name)
        tuned = f"{searched.low:g} to {searched.high:g}, {searched.scale}" if searched else ""
        remark = f"; {searched.meaning}" if searched and searched.meaning else ""
        yield f"| `{name}` | {meaning.get(name, '')} | `{kind}` | `{default}` | {tuned}{remark} |"
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
    tree = griffe.load("harness", resolve_aliases=True)
    for name in harness.__all__:
        member, source = getattr(harness, name), tree[name]
        yield f"## `{name}`\n"
        if source.is_attribute:  # at run time a constant, or an alias of a type, has no docstring
            yield f"`{name} = {source.value}`\n"
            yield markdown(source.docstring and source.docstring.value) + "\n"
        elif inspect.isfunction(member):
            yield _call(name, member)
            yield markdown(member.__doc__) + "\n"
        elif inspect.isclass(member):
            yield from _class(member)
        else:
            yield from _module(member)


def _class(cls: type) -> Iterator[str]:
    yield prose(cls.__doc__) + "\n"
    meaning = meanings(cls.__doc__)
    if issubclass(cls, enum.Enum):
        yield "| member | value | meaning |"
        yield "|---|---|---|"
        for member in cls:
            yield f"| `{member.name}` | `{member.value}` | {meaning.get(member.name, '')} |"
        yield ""
    elif dataclasses.is_dataclass(cls):
        yield "| field | meaning | type | default |"
        yield "|---|---|---|---|"
        for field in dataclasses.fields(cls):
            kind, default = str(field.type).replace("|", "\\|"), _default(field)
            shown = "" if default is dataclasses.MISSING else f"`{default!r}`"
            yield f"| `{field.name}` | {meaning.get(field.name, '')} | `{kind}` | {shown} |"
        yield ""
    elif meaning:
        yield "| attribute | meaning |"
        yield "|---|---|"
        yield from (f"| `{name}` | {text} |" for name, text in meaning.items())
        yield ""
    for name, member in vars(cls).items():
        if name.startswith("_") and name != "__call__":
            continue
        if inspect.isfunction(member) or isinstance(member, property | cached_property):
            yield _call(name, member)
            yield markdown(member.__doc__) + "\n"


def _module(module: ModuleType) -> Iterator[str]:
    yield markdown(module.__doc__) + "\n"
    for name in module.__all__:
        member = getattr(module, name)
        yield _call(f"{module.__name__}.{name}", member)
        yield markdown(member.__doc__) + "\n"


def _call(name: str, member: Any) -> str:
    """How a function is called; of a property, its name."""
    signature = str(inspect.signature(member)) if inspect.isfunction(member) else ""
    signature = re.sub(r"'([^']*)'(?=[,)]|$| = )", r"\1", signature)  # annotations are texts
    return f"```python\n{name}{signature}\n```\n"


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
    yield prose(Config.__doc__) + "\n"
    yield "Each key below stands on the command line as `key=value`.\n"
    plain = [field for field in dataclasses.fields(Config) if field.type in ("int", "bool")]
    yield from _keys("", plain, Config)
    for field in dataclasses.fields(Config):
        default = _default(field)
        if dataclasses.is_dataclass(default):
            yield f"## `{field.name}`\n"
            yield prose(type(default).__doc__) + "\n"
            yield from _keys(f"{field.name}.", dataclasses.fields(default), type(default))
    yield "## Component groups\n"
    yield "`backend`, `dataset`, `network`, `optimizer`, `schedule`, `initializer`, `bias_initializer`"
    yield "and `loss` choose a component by name; its fields follow, as in `optimizer.lr=0.01`."
    yield "`wrapper` takes one name, a list as in `[ema,clip_norm]`, or `none`; the fields of each"
    yield "follow its name, as in `wrapper.ema.decay=0.99`.\n"


def _keys(prefix: str, fields: Sequence[dataclasses.Field[Any]], cls: type) -> Iterator[str]:
    """The keys below a prefix, as a table; those of nested settings after it."""
    meaning = meanings(cls.__doc__)
    yield "| key | meaning | default |"
    yield "|---|---|---|"
    nested = []
    for field in fields:
        default = _default(field)
        if dataclasses.is_dataclass(default):
            nested.append((f"{prefix}{field.name}", type(default)))
        else:
            shown = "null" if default is None else default
            yield f"| `{prefix}{field.name}` | {meaning.get(field.name, '')} | `{shown}` |"
    yield ""
    for name, settings in nested:
        yield f"### `{name}`\n"
        yield prose(settings.__doc__) + "\n"
        yield from _keys(f"{name}.", dataclasses.fields(settings), settings)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
