"""Costs of an empty run: it loads no module without a use, and inspects each function once."""

import inspect
import subprocess
import sys

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import DirectOptions, TypeOptions
from apache_beam.transforms.userstate import CombiningValueStateSpec

from pipelines import runner
from pipelines.options import not_imported
from transforms.local.building import arguments_and_defaults, dofn_specs

UNUSED = [
    "Crypto.Hash.keccak",
    "IPython",
    "networkx",
    "pandas",
    "schwifty",
    "scipy.linalg",
    "scipy.spatial",
    "scipy.special",
    "stdnum",
    "svg",
]

UNCHANGED = """
import sys
import apache_beam, apache_beam.runners, apache_beam.transforms.userstate

def functions():
    for name, module in [*sys.modules.items()]:
        if name.startswith("apache_beam"):
            yield from (((name, key), value) for key, value in vars(module).items())
            for owner in [value for value in vars(module).values() if isinstance(value, type)]:
                for key, value in vars(owner).items():
                    yield (name, owner.__name__, key), value

def callables():
    return {key: value for key, value in functions() if callable(value)}

before = callables()
import ringtrace
ringtrace.run_batch(sys.argv[1], output=sys.argv[2], no_register=True, progress=False)
after = callables()
print(sorted(key for key, value in before.items() if after[key] is not value))
"""
"""Beam notes the options of its last pipeline itself: only what can be called is compared."""


@pytest.mark.slow
def test_a_run_leaves_beam_as_it_was_for_other_pipelines_of_the_process(tmp_path):
    (tmp_path / "none.jsonl").touch()
    words = [sys.executable, "-c", UNCHANGED, tmp_path / "none.jsonl", tmp_path / "run"]
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout == "[]\n"


EMPTY_RUN = """
import inspect, sys
asked = []
of = inspect.signature
inspect.signature = lambda one, **how: asked.append(one) or of(one, **how)
from pipelines.cli import main
status = main(["batch", "--complaints", sys.argv[1], "--output", sys.argv[2], "--no-register"])
print(status, len(asked), *(one for one in sys.argv[3:] if one in sys.modules))
"""


@pytest.mark.slow
def test_an_empty_run_loads_nothing_unused_and_inspects_each_function_once(tmp_path):
    (tmp_path / "none.jsonl").touch()
    words = [sys.executable, "-c", EMPTY_RUN, tmp_path / "none.jsonl", tmp_path / "run", *UNUSED]
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=120)
    status, asked, *loaded = done.stdout.split()
    assert (status, loaded) == ("0", [])
    assert done.stderr.count("\n") == done.stderr.count("ringtrace: ")  # no library says a thing
    assert int(asked) < 2_000  # Beam asks 35,000 times, of 600 functions


def test_what_is_not_imported_can_be_again(monkeypatch):
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with not_imported(["this", "sys"]):
        import sys as still  # noqa: F401  # it was there before

        with pytest.raises(ImportError, match="this"):
            __import__("this")
    assert "this" not in sys.modules
    assert __import__("this")


def of_function(first, two=2, *rest, key=None):
    return first, two, rest, key


class Methods:
    def method(self, first, two=2):
        return first, two

    @classmethod
    def of_class(cls, first=1):
        return first

    def __call__(self, first, two=3):
        return first, two


@pytest.mark.parametrize(
    "function",
    [of_function, Methods().method, Methods.method, Methods.of_class, Methods(), str.strip, len],
)
def test_a_signature_that_is_kept_is_as_beam_reads_it(function):
    parameters = inspect.signature(function).parameters.values()
    plain = [
        parameter for parameter in parameters if parameter.kind <= parameter.POSITIONAL_OR_KEYWORD
    ]
    for _ in range(2):
        names, defaults = arguments_and_defaults(function)
        assert names == [parameter.name for parameter in plain]
        assert defaults == [
            parameter.default for parameter in plain if parameter.default is not parameter.empty
        ]
        names.append("changed")


class Counts(beam.DoFn):
    COUNT = CombiningValueStateSpec("count", sum)

    def process(self, element, count=beam.DoFn.StateParam(COUNT)):  # noqa: B008 - Beam's way
        yield element


def test_states_of_a_step_are_those_of_its_class_or_of_the_method_that_it_was_given():
    plain, patched = beam.DoFn(), beam.DoFn()
    patched.process = Counts().process
    for _ in range(2):
        assert dofn_specs(plain) == (set(), set())
        for step in (Counts(), patched):
            states, timers = dofn_specs(step)
            assert (states, timers) == ({Counts.COUNT}, set())
            states.clear()


def test_views_of_options_are_kept_and_share_values():
    options = runner.make_pipeline(["--runner=FnApiRunner"]).options
    view = options.view_as(DirectOptions)
    view.direct_num_workers = 3
    assert options.view_as(DirectOptions) is view
    assert options.view_as(TypeOptions).view_as(DirectOptions).direct_num_workers == 3
    assert options.get_all_options()["direct_num_workers"] == 3
    assert "_views" not in options.__getstate__()
