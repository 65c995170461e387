"""Plugins that cannot be imported, or not all of them: each is named, and hurts nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.strangers.conftest import Distribution, Site, rule

pytestmark = pytest.mark.slow

EXTRA = """
dependencies = ["numpy"]
[project.optional-dependencies]
fast = ["no-such-library>=2"]
"""

HOOK = """
import harness

@harness.hookimpl
def harness_optimizers():
    {body}
"""

MANY = (
    rule("good")
    + '''

@dataclass
class Loose:
    """Not frozen."""

@dataclass(frozen=True)
class Odd(Good):
    """A field that Hydra does not know."""
    shape: "complex" = 1j

@dataclass(frozen=True)
class Halved:
    """Half of a rule."""
    lr: float = 0.1
    scope: ClassVar[harness.Scope] = harness.Scope.ELEMENT

@dataclass(frozen=True)
class Scopeless(Good):
    """A scope that is none."""
    scope: ClassVar[str] = "element"

@dataclass(frozen=True)
class Spaced(Good):
    """A search space of something else."""
    search_space: ClassVar = {"momentum": harness.Range(0, 1)}

@harness.hookimpl
def harness_optimizers():
    return {
        "good": Good, "loose": Loose, "odd": Odd, "halved": Halved, "scopeless": Scopeless,
        "spaced": Spaced, 7: Good, "a b": Good, "null": Good, "function": lambda: None,
    }

@harness.hookimpl
def harness_schedules():
    raise RuntimeError("not today")

@harness.hookimpl
def harness_losses():
    return None

@harness.hookimpl
def harness_initialisers():
    return {}

@harness.hookimpl
def harness_datasets(argument):
    return {}

def harness_initializers():
    return {}
'''
)

BROKEN = {  # distribution -> its module, and the message about it
    "b-syntax": ("def broken(:", "SyntaxError: invalid syntax"),
    "b-exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "b-interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "b-base": ("raise BaseException('of no kind')", "BaseException: of no kind"),
    "b-raises": ("1 / 0", "ZeroDivisionError: division by zero"),
    "b-silent": (
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
        "E",
    ),
    "b-unknown-library": (
        "import nowhere_to_be_found.part",
        "it needs the library 'nowhere_to_be_found', which is not installed. The documentation of "
        "b-unknown-library should say which package provides it",
    ),
    "b-extra": (
        "import no_such_library.part",
        "which is not installed. Install it: pip install 'b-extra[fast]'",
    ),
    "b-newer": (
        "harness_contract = 2\nfrom harness import Invention",
        "it was written for version 2 of the plugin contract, and this harness has version 1. Install "
        "a newer harness (pip install --upgrade optimizer-harness), or an older release of b-newer",
    ),
    "b-older": (
        "harness_contract = 0\ndef harness_rules(): pass",
        "it was written for version 0 of the plugin contract, and this harness has version 1. Hooks of "
        "that version: harness_rules. Install a newer release of b-older (pip install --upgrade",
    ),
    "b-statement": (
        "harness_contract = '1.0'",
        "harness_contract must be a whole number. Got '1.0'",
    ),
}
POINTS = {  # distribution -> its entry point, and the message about it
    "p-module": (
        "p_nothing",
        "names the module 'p_nothing', and there is no 'p_nothing'. Reinstall it",
    ),
    "p-attribute": ("p_attribute:plugin", "the module p_attribute has no 'plugin'"),
    "p-function": (
        "p_function:run",
        "its entry point must name a module. 'p_function:run' is <func",
    ),
}


@pytest.fixture(scope="module")
def site(install) -> Path:
    """Everything that is broken, at once."""
    broken = [
        Distribution(name, {name.replace("-", "_"): source}, more=EXTRA * (name == "b-extra"))
        for name, (source, _) in BROKEN.items()
    ]
    misled = [
        Distribution(name, {name.replace("-", "_"): "def run(): pass"}, points={"main": point})
        for name, (point, _) in POINTS.items()
    ]
    many = Distribution("Many_Faults", {"many": MANY}, version="2.1")
    return install(many, *broken, *misled)


@pytest.fixture
def here(site, tmp_path) -> Site:
    return Site(site, tmp_path)


def test_each_is_listed_with_its_reason(here):
    plugins = here.plugins()
    expected = {
        f"{name}:{name.replace('-', '_')}": message for name, (_, message) in BROKEN.items()
    }
    expected |= {f"{name}:main": message for name, (_, message) in POINTS.items()}
    assert set(plugins) >= {*expected, "many-faults:many"}  # the examples may be installed
    for name, message in expected.items():
        assert message in plugins[name]["error"], name
        assert not plugins[name]["loaded"]
        assert "\n" not in plugins[name]["error"]


def test_a_faulty_component_or_hook_is_left_out_alone(here):
    many = here.plugins()["many-faults:many"]
    assert many["loaded"]
    assert many["contract"] == 1
    assert list(many["components"]["optimizer"]) == ["good"]
    left_out = {line.split(": ")[0]: line for line in many["left_out"]}
    for what, rule_ in {
        "the optimizer 'loose'": "it must be frozen: @dataclass(frozen=True)",
        "the optimizer 'odd'": "Hydra cannot hold its field 'shape'",
        "the optimizer 'halved'": "it lacks 'init', see Optimizer in the contract",
        "the optimizer 'scopeless'": "its 'scope' must be a harness.Scope. Got 'element'",
        "the optimizer 'spaced'": "must give a harness.Range for each of some of its fields",
        "the optimizer '7'": "its name must be text. Got 7",
        "the optimizer 'a b'": "its name must be one that a command line can hold",
        "the optimizer 'null'": "its name must be one that a command line can hold",
        "the optimizer 'function'": "it must be a frozen dataclass",
        "the hook 'harness_schedules'": "RuntimeError: not today",
        "the hook 'harness_losses'": "it must return a mapping from name to class. Got None",
        "the hook 'harness_initialisers'": "Did you mean 'harness_initializers'?",
        "the hook 'harness_datasets'": "PluginValidationError",
        "the hook 'harness_initializers'": "it lacks the decorator @harness.hookimpl",
    }.items():
        assert rule_ in left_out.pop(what), what
    assert not left_out


def test_a_run_goes_on_with_one_warning_for_each_and_logs_no_error(here):
    done = here.harness("train", "dataset=iris", "training.max_epochs=1", "optimizer=good")
    assert done.returncode == 0, done.stderr
    warned = [line for line in done.stderr.splitlines() if "warning: The" in line]
    # the field that Hydra does not know is found when the component is registered
    assert len(warned) == len(BROKEN) + len(POINTS) + 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "optimizer=halved",
            "The optimizer 'halved' of the plugin many-faults:many (many-faults 2.1) is left out: it "
            "lacks 'init'",
        ),
        ("optimizer=many-faults:odd", "is left out: Hydra cannot hold its field 'shape'"),
        ("optimizer=goood", "Did you mean 'good'? Allowed: adabelief"),
        ("optimizer=unheard", "Not loaded: b-base:b_base, b-exit:b_exit, "),
    ],
)
def test_who_uses_what_is_left_out_is_told_why(here, override, message):
    done = here.harness("train", override)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
