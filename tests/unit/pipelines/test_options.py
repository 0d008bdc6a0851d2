"""The flags of `ringtrace batch`: strict, also where Beam's own are not."""

import os
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.batch.options import parse
from pipelines.batch.plan import flags_for_size
from pipelines.options import UsageError, files_of_owner
from pipelines.streaming.options import parse as parse_stream
from schemas.enums import RecordKind
from transforms.engine import MAX_PARTITIONS, ShuffleOptions
from transforms.read.files import InputFile

LEAST = ["--complaints", "a.csv", "--output", "out"]


def refused(arguments, *words):
    with pytest.raises(UsageError) as error:
        parse(arguments)
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    return message


def test_the_least_and_its_defaults():
    options = parse(LEAST)
    assert (options.complaints, options.calls, options.output) == (("a.csv",), (), "out")
    assert (options.shards, options.overwrite, options.debug) == (1, False, False)
    assert options.beam == ("--runner=FnApiRunner",)


def test_lists_may_be_given_together_and_again():
    options = parse([*LEAST, "--complaints", "b", "c", "--calls", "k", "--known-legitimate", "l"])
    assert options.complaints == ("a.csv", "b", "c")
    assert (options.calls, options.known_legitimate) == (("k",), ("l",))


@pytest.mark.parametrize(
    "word", ["--runer=FlinkRunner", "--nonsense", "-x", "unexpected", "--over", "--direct_num=2"]
)
def test_a_word_that_nobody_knows_and_an_abbreviation_are_refused(word):
    refused([*LEAST, word], word.partition("=")[0])


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "--complaints or --calls"),
        (["--complaints", "a"], "--output"),
        (["--complaints"], "--complaints"),
        ([*LEAST, "--shards", "0"], "1 to 10000"),
        ([*LEAST, "--as-of", "tomorrow"], "ISO 8601"),
        ([*LEAST, "--as-of", "2024-03-01"], "no zone"),
        ([*LEAST, "--as-of", "9999-12-31T23:59:59-14:00"], "ISO 8601"),
        ([*LEAST, "--calls-direction", "sideways"], "inbound"),
        ([*LEAST, "--victim-country", "USA"], "two letters"),
        ([*LEAST, "--direct_num_workers=two"], "direct_num_workers"),
    ],
)
def test_a_bad_value_is_one_clear_line(arguments, word):
    refused(arguments, word, "--help")


def test_as_of_is_taken_to_utc():
    options = parse([*LEAST, "--as-of", "2024-03-01T01:30:00+01:00"])
    assert options.as_of == datetime(2024, 3, 1, 0, 30, tzinfo=UTC)
    assert options.as_of.tzinfo is UTC


def test_the_users_runner_wins():
    assert parse([*LEAST, "--runner", "FlinkRunner"]).beam == ("--runner", "FlinkRunner")


def test_beams_own_options_pass_through():
    flags = ["--direct_num_workers=2", "--project", "p", "--streaming"]
    assert parse([*LEAST, *flags]).beam == (*flags, "--runner=FnApiRunner")


def config(tmp_path, text):
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return ["--config", str(path)]


def test_a_toml_file_gives_any_option(tmp_path):
    text = """
    complaints = ["a", "b"]
    calls = "k"
    output = "out"
    known-legitimate = "list.csv"
    as_of = 2024-03-01T00:00:00Z
    calls-direction = "inbound"
    shards = 4
    overwrite = true
    """
    options = parse(config(tmp_path, text))
    assert (options.complaints, options.calls) == (("a", "b"), ("k",))
    assert (options.output, options.shards, options.overwrite) == ("out", 4, True)
    assert options.as_of == datetime(2024, 3, 1, tzinfo=UTC)
    assert (options.calls_direction, options.known_legitimate) == ("inbound", ("list.csv",))


def test_the_command_line_wins_over_the_file(tmp_path):
    flags = config(tmp_path, 'complaints = "a"\noutput = "out"\nshards = 4')
    options = parse([*flags, "--output", "other", "--shards", "2", "--complaints", "b"])
    assert (options.output, options.shards, options.complaints) == ("other", 2, ("a", "b"))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("colour = 1", "unknown option 'colour' (see"),
        ("weights = 'x'", "unknown option 'weights'; did you mean priority-weights? (see"),
        ("overwrite = 'yes'", "overwrite"),
        ("complaints = ['a', 3]", "complaints"),
        ("output = 3", "output"),
        ("shards = 0", "1 to 10000"),
        ("shards = true", "shards: takes a value"),
        ("as_of = 2024-03-01T00:00:00", "no zone"),
        ("output = ", "not TOML"),
        ("output = " + "1" * 10_000, "a number that is too long"),
        ("[batch]\noutput = 'x'", "batch"),
    ],
)
def test_a_bad_toml_file_is_one_clear_line(tmp_path, text, word):
    refused([*LEAST, *config(tmp_path, text)], "run.toml", word)


def test_a_toml_file_that_is_not_there_or_not_text(tmp_path):
    refused([*LEAST, "--config", str(tmp_path / "none.toml")], "No such file")
    (tmp_path / "latin.toml").write_bytes(b"output = '\xe9'")
    refused([*LEAST, "--config", str(tmp_path / "latin.toml")], "not TOML")


def test_a_count_of_partitions_is_handed_to_the_steps_as_an_option_of_beam(tmp_path):
    for words in (["--partitions", "64"], config(tmp_path, "partitions = 64")):
        flags = parse([*LEAST, *words]).beam
        assert PipelineOptions(list(flags)).view_as(ShuffleOptions).partitions == 64
    refused([*LEAST, f"--partitions={MAX_PARTITIONS + 1}"], "--partitions", "1 to 65536", "--help")
    refused([*LEAST, *config(tmp_path, "partitions = 0")], "run.toml", "1 to 65536")


def test_what_one_worker_does_in_a_stream_has_no_such_option():
    with pytest.raises(UsageError, match="unknown option --partitions"):
        parse_stream(["--watch", "in", "--output", "out", "--partitions=4"])


def flags(size, compression="none", given_flags=()):
    file = InputFile("f", "f", RecordKind.CALL, "jsonl", compression, size)
    return dict(flag.split("=") for flag in flags_for_size([file], given_flags))


def test_partitions_are_as_many_as_bound_what_one_holds_unless_given():
    assert flags(0)["--partitions"] == flags(2**19)["--partitions"] == "1"
    assert flags(2**20)["--partitions"] == flags(10**7)["--partitions"] == "5"
    assert flags(10**8 * 2)["--partitions"] == flags(10**8 * 5)["--partitions"] == "17"
    assert flags(32 * 2**20 * 100)["--partitions"] == "101"
    assert flags(32 * 2**20 * 100, "zstd")["--partitions"] == "801"
    assert flags(10**30)["--partitions"] == "65536"
    assert "--partitions" not in flags(10**12, given_flags=["--partitions=2"])
    assert "--partitions" not in flags(10**12, given_flags=["--partitions", "2"])


def test_threads_that_need_the_mask_at_once_leave_the_first():
    before = os.umask(0o022)
    try:
        first, second = ExitStack(), ExitStack()
        first.enter_context(files_of_owner())
        second.enter_context(files_of_owner())
        first.close()
        assert os.umask(0o077) == 0o077
        second.close()
        assert os.umask(before) == 0o022
    finally:
        os.umask(before)
