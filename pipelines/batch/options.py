"""The options of `ringtrace batch`."""

from argparse import Namespace
from collections.abc import Sequence

from pipelines.options import (
    CLUSTERING_FLAGS,
    INPUT_FLAGS,
    LOCAL_RUNNER,
    PROCESS_FLAGS,
    READING_FLAGS,
    WRITING_FLAGS,
    StrictParser,
    WholeNumber,
    all_of,
    flag,
    group,
    parse_with_beam,
    several,
    switch,
    with_default_runner,
)

MOST_PARTITIONS = 65_536
"""The limit of transforms/engine/shuffle.py, which loads Beam; a test compares the two."""

PARTITIONS_FLAG = "--partitions"
"""The option that the steps read as a Beam option."""


add_arguments = all_of(
    group(
        "Records",
        INPUT_FLAGS,
        flag("--as-of", "TIME", "leave out what was received later than this"),
        READING_FLAGS,
    ),
    group(
        "Clusters",
        CLUSTERING_FLAGS,
        several(
            "--offer",
            "OFFER",
            "folder of a partner's offer, of a revocation, or of a hub's feed: joins the run with "
            "it as exchange join does, into a second folder, DIR-joint",
        ),
        flag(
            "--now",
            "TIME",
            "time at which the run is made: decisions expire and recency counts by it; an earlier "
            "run's replays that run (default: --as-of, or now)",
        ),
    ),
    group(
        "Output",
        flag("--output", "DIR", "folder of the run; must not exist yet"),
        switch("--overwrite", "replace an earlier run in the output folder"),
        switch(
            "--trial",
            "try a map or a list: keeps no register, and nothing leaves the run or is built on it",
        ),
        switch(
            "--keep-narratives",
            "keep narratives, as masked, in complaints/ and quote them in the report, for "
            "everybody who reads the run (default: in private/, for its owner alone)",
        ),
        switch(
            "--mask-names",
            "mask personal names and postal addresses in narratives, too, as far as a small model "
            "finds them (needs the extra names); changes nothing else",
        ),
        WRITING_FLAGS,
    ),
    group(
        "Process",
        flag(
            PARTITIONS_FLAG,
            "N",
            "pieces that each step is cut into, and so the most workers that can share it; "
            "changes no result (default: 5 to 16, one for every 10 MiB of input, or for every 32 "
            "MiB where those are more)",
            type=WholeNumber(1, MOST_PARTITIONS),
        ),
        PROCESS_FLAGS,
    ),
)
"""The flags of `ringtrace batch`."""


def batch_options(arguments: Namespace) -> Namespace:
    """Checks parsed flags, and adds PARTITIONS_FLAG to `beam` in the returned flags.

    Args:
        arguments: the result of `parse_with_beam`.

    Raises:
        UsageError: without --complaints and --calls, or without --output.
    """
    fields = dict(vars(arguments))
    usage_error = fields.pop("usage_error")
    if not fields["complaints"] and not fields["calls"]:
        usage_error("give --complaints or --calls")
    if not fields["output"]:
        usage_error("give --output")
    if fields["trial"]:
        if fields["offer"] or fields["register_key"]:
            usage_error("--trial: joins no offer and keeps no register; leave both flags out")
        fields["no_register"] = True
    if fields["offer"] and fields["no_wait"]:
        usage_error("--offer: joins the run when it has ended; leave --no-wait out")
    partitions = fields.pop("partitions")
    flags = () if partitions is None else (f"{PARTITIONS_FLAG}={partitions}",)
    beam = (*flags, *with_default_runner(fields["beam"], LOCAL_RUNNER))
    return Namespace(**fields | {"beam": beam})


def parse(arguments: Sequence[str]) -> Namespace:
    """Parses the arguments of `ringtrace batch`.

    Raises:
        UsageError: for an unknown flag, a bad value, or a missing --complaints or --output.
    """
    parser = StrictParser(prog="ringtrace batch")
    add_arguments(parser)
    return batch_options(parse_with_beam(parser, arguments))
