"""Wrong usage of every command, kind by kind: one line that says what to do, and nothing written.

The commands and their options come from the registry. A new command needs a row in `USES`; where
a kind cannot happen to it, a row in `CANNOT` says why.
"""

import argparse
import json
import re
import shlex
import shutil
from collections import Counter
from importlib import import_module
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipelines import cli, key_store, ledger
from pipelines.commands import COMMANDS
from pipelines.options import Number, WholeNumber, make_parser
from reports import signing, tables
from reports.disclosure_control import thin_clusters
from reports.referral import FACTS_FILE
from schemas.entity import without_epoch
from schemas.joint import CONTRIBUTORS
from schemas.tables import COMPLAINTS, MEMBERS, MENTIONS
from tests.support.examples import LONG, some
from tests.support.run_pipeline import (
    confirm_all,
    json_of,
    refusal_of,
    table_rows,
    use_keys,
    write_decisions,
)

READ_FILE = {"FILE", "TRUTH"}

FILES = READ_FILE | {"GLOB"}

READ_FOLDER = {"RUN", "OFFER", "PACKAGE", "REQUEST", "ANSWER", "RESULT", "DIR", "LIST", "HUB"}

TIME = "2026-06-02T00:00:00Z"

USES = {
    "batch": "--complaints {complaints} --calls {calls} --output {new}",
    "stream": "--watch {world} --stop-after-idle 1 --tick-interval 1 --output {new}",
    "map": "{complaints} --output {new}",
    "simulate": "{new} --complaints 20 --operations 2",
    "demo": "{new}",
    "report": "{run} --output {new}",
    "serve": '{run} --decisions {decisions} --author "Ada Cole" --port 0',
    "export": "{run} --all --format csv --output {new}",
    "explain": "{run} {entity} {other}",
    "evaluate": "{run} {truth}",
    "referral": (
        "{run} --cluster {cluster} --recipient in-cbi --decisions {decisions} --complaints "
        '{complaints} --calls {calls} --override-by "Ada Cole" --override-reason '
        '"checked by hand" --output {new}'
    ),
    "decide": (
        '{run} confirm {entity} --decisions {decisions} --author "Ada Cole" --reason '
        '"checked by hand" --now {time}'
    ),
    "verify": "{package}",
    "resolve": "{evidence_number} {package}",
    "correct": "{run} --decisions {withdrawn} --output {new}",
    "exchange offer": "{run} --to microsoft --output {new}",
    "exchange show": "{offer}",
    "exchange join": "{run} {offer} --now {time} --decisions {decisions} --output {new}",
    "exchange schedule": "{package} {own_offer}",
    "exchange revoke": "{own_offer} --output {new}",
    "exchange consent": (
        "{ids} --to microsoft --from amazon --recipient in-cbi --expires "
        "2026-07-01T00:00:00Z --now {time} --output {new}"
    ),
    "exchange overlap request": "{victims} --to microsoft --from amazon --by phone --output {new}",
    "exchange overlap respond": (
        "{request} {victims} --run {run} --offer {own_offer} --from amazon --now "
        "{time} --ignore-cooldown --output {new}"
    ),
    "exchange overlap compute": "{answer} --from amazon --now {time} --output {new}",
    "exchange overlap show": "{result} --from amazon --now {time}",
    "exchange hub init": "{new} --name acx --from amazon",
    "exchange hub members": "{hub} --add acme --pem {pem}",
    "exchange hub publish": "{run} {hub}",
    "exchange hub collect": "{hub}",
    "exchange hub pull": "{hub} --output {new}",
    "exchange hub withdraw": "{hub} --all",
    "exchange hub dispute": "{hub} 00000000000000000000000000000000",
    "exchange hub sync": "{hub} https://127.0.0.1:9/root/collections/x/",
    "exchange hub log": "{hub}",
    "keys make": "",
    "keys show": "",
    "keys export": "--output {new}",
    "keys trust": "acme {pem} --fingerprint {fingerprint}",
    "keys distrust": "microsoft {fingerprint}",
    "keys protect": "",
    "keys rotate": "--from amazon --output {new}",
    "keys revoke": "{fingerprint} --since {time} --from amazon --output {new}",
    "keys import": "microsoft {key_list}",
    "health": "{run}",
    "erase": '--record {record} --run {run} --author "Ada Cole" --reason asked',
    "rejects": "{run} --output {new}",
}
"""A right use of each command: what stands behind its name on the command line."""

KAFKA = {"--watch": None, "--kafka-servers": ["127.0.0.1:9"], "--kafka-complaints": ["complaints"]}

AVRO = {"--encoding": ["avro"], "--stop-after-idle": None, "--runner": ["FlinkRunner"]}

CLUSTER = {"--run": ["{run}"], "--cluster": ["{cluster}"], "--offer": ["{offer}"]}

BESIDE = {
    ("stream", "--kafka-config"): KAFKA,
    ("stream", "--avro-schema"): KAFKA | AVRO,
    ("referral", "--second-key"): {"--second": ["Tom Lee"]},
    ("exchange join", "--key"): {"--overlap": ["{result}"]},
    ("exchange hub log", "--key"): {"--open-token": ["0" * 32], "--reason": ["asked"]},
    ("exchange overlap request", "--run"): CLUSTER,
    ("exchange overlap request", "--offer"): CLUSTER,
}
"""The options without which another is refused before its value is looked at."""


def leaves():
    """Each command without subcommands, and each subcommand that has none, with its parser."""

    def below(name, parser):
        choices = [
            action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
        ]
        if not choices:
            yield name, parser
        for word, below_it in choices[0].choices.items() if choices else ():
            yield from below(f"{name} {word}", below_it)

    for command in COMMANDS:
        module = import_module(command.module)
        beam = command.takes_beam_options
        parser = make_parser(command.name, command.summary, module, takes_beam_options=beam)
        yield from below(command.name, parser)


LEAVES = dict(leaves())

BEAM = {command.name for command in COMMANDS if command.takes_beam_options}


def actions(leaf):
    return [action for action in LEAVES[leaf]._actions if action.dest != "help"]


def key(action):
    return action.option_strings[0] if action.option_strings else action.dest


def right_use(leaf):
    """The values of each argument and option of a right use of a command."""
    arguments = iter([action.dest for action in actions(leaf) if not action.option_strings])
    right, option = {}, None
    for word in shlex.split(USES[leaf]):
        if word.startswith("--"):
            right[option := word] = []
        else:
            right.setdefault(option or next(arguments), []).append(word)
    return right


RIGHT = {leaf: right_use(leaf) for leaf in LEAVES if leaf in USES}


def words_of(leaf, right, *more):
    """The command line of a row of `RIGHT`: arguments in their order, then options."""
    words = leaf.split()
    for action in actions(leaf):
        if not action.option_strings:
            words += right.get(action.dest, [])
    words += more
    for name, values in right.items():
        if name.startswith("-") and values is not None:
            words += [name, *values]
    return words


def changed(leaf, action, *values):
    """The right command line with other values of one option or argument."""
    right = RIGHT[leaf] | BESIDE.get((leaf, key(action)), {})
    return words_of(leaf, right | {key(action): list(values)})


def takes_value(action):
    return action.nargs != 0


def writes(leaf, action):
    """Says if the value is where the command writes to."""
    made = {("demo", "folder"), ("exchange hub init", "hub")}
    return action.dest in {"output", "out", "private_output"} or (leaf, action.dest) in made


def reads(leaf, metavars):
    """The options and arguments whose value is one that the command reads."""
    return [
        action
        for action in actions(leaf)
        if action.metavar in metavars and not writes(leaf, action)
    ]


# Each kind yields cases of a command: the words, and what the line must name.


def unknown_option(leaf):
    yield words_of(leaf, RIGHT[leaf], "--frobnicate"), "--frobnicate"


def mistyped_option(leaf):
    options = [action for action in actions(leaf) if action.option_strings]
    for action in some(options):
        if len(name := action.option_strings[0]) > 4:
            typo = name[:-2] + name[-1]
            right = {k: v for k, v in RIGHT[leaf].items() if k != name}
            value = ["x"] if takes_value(action) else []
            yield (
                words_of(leaf, right, typo, *value),
                f"unknown option {typo}; did you mean {name}?",
            )


def missing_argument(leaf):
    needed = [action for action in actions(leaf) if action.required and action.nargs != "*"]
    for action in needed:
        right = {k: v for k, v in RIGHT[leaf].items() if k != key(action)}
        if action.option_strings:
            yield words_of(leaf, right), key(action)
        else:
            yield (
                words_of(leaf, {k: v for k, v in right.items() if k.startswith("-")}),
                action.metavar,
            )
    if leaf in BEAM:
        for lacks in (["--output"], ["--complaints", "--calls", "--watch"]):
            right = {k: v for k, v in RIGHT[leaf].items() if k not in lacks}
            yield words_of(leaf, right), next(option for option in lacks if option in RIGHT[leaf])


def missing_value(leaf):
    for action in some(
        [action for action in actions(leaf) if action.option_strings and takes_value(action)]
    ):
        right = {k: v for k, v in RIGHT[leaf].items() if k != key(action)}
        yield [*words_of(leaf, right), key(action)], key(action)


def wrong_type(leaf):
    for action in actions(leaf):
        if action.option_strings and takes_value(action) and action.type not in (None, str, Path):
            yield changed(leaf, action, "Non sense"), "Non sense"


def out_of_range(leaf):
    for action in actions(leaf):
        if isinstance(action.type, WholeNumber | Number):
            yield changed(leaf, action, str(action.type.most + 1)), str(action.type.most + 1)
            yield changed(leaf, action, str(action.type.least - 1)), str(action.type.least - 1)
        elif action.choices:
            yield changed(leaf, action, "sideways"), "sideways"


def absent_path(leaf):
    for action in reads(leaf, READ_FILE | READ_FOLDER | {"GLOB"}):
        if leaf in ("decide", "serve") and key(action) == "--decisions":
            continue  # which it makes
        yield changed(leaf, action, "{folder}/nowhere"), "nowhere"


def folder_for_file(leaf):
    for action in reads(leaf, READ_FILE):
        yield changed(leaf, action, "{empty_folder}"), "empty-folder"


def file_for_folder(leaf):
    for action in reads(leaf, READ_FOLDER):
        yield changed(leaf, action, "{note}"), "note.txt"


def broken_run(leaf):
    for action in reads(leaf, {"RUN"}):
        for broken in BROKEN_RUNS:
            yield changed(leaf, action, f"{{folder}}/{broken}"), broken


def malformed_names(leaf, action):
    """The malformed files that a command is given by an option.

    Commands share the reader of an option, so that they share these files, unless in a long test.
    """
    names = [name for name in MALFORMED if name not in FINE.get(key(action), ())]
    if LONG or not action.option_strings:
        return names
    sharing = [name for name in LEAVES if key(action) in map(key, reads(name, FILES))]
    return names[sharing.index(leaf) % len(names) :: len(sharing)]


def malformed_file(leaf):
    for action in reads(leaf, FILES):
        for name in malformed_names(leaf, action):
            yield changed(leaf, action, f"{{folder}}/{name}"), name


def output_taken(leaf):
    for action in actions(leaf):
        if writes(leaf, action):
            yield changed(leaf, action, "{taken}"), "taken"
            yield changed(leaf, action, "{note}/below"), "note.txt"


def contradiction(leaf):
    for right, named in CONTRADICTIONS.get(leaf, ()):
        yield words_of(leaf, RIGHT[leaf] | right), named


def unknown_id(leaf):
    for right, named in UNKNOWN.get(leaf, ()):
        yield words_of(leaf, RIGHT[leaf] | right), named


def surplus_argument(leaf):
    yield words_of(leaf, RIGHT[leaf], "surplus"), "surplus"


KINDS = {
    kind.__name__: kind
    for kind in (
        unknown_option,
        mistyped_option,
        missing_argument,
        missing_value,
        wrong_type,
        out_of_range,
        absent_path,
        folder_for_file,
        file_for_folder,
        broken_run,
        malformed_file,
        output_taken,
        contradiction,
        unknown_id,
        surplus_argument,
    )
}

BROKEN_RUNS = {
    "other-version": {"run_id": "x", "contract_version": 999},
    "other-thing": {"name": "x"},
    "not-json": None,
}

MALFORMED = {
    "binary.dat": b"\x00\xff\xfe\x01" * 50,
    "empty.dat": b"",
    "latin.dat": "entity_id,reason\nphone:+18885550123,caf\xe9\n".encode("latin-1"),
    "columns.dat": b"colour,shape\nred,round\n",
}

FINE = {
    option: {"empty.dat"} for option in ("--config", "--kafka-config", "--complaints", "--calls")
}
"""Files that are right although they look wrong: no settings, and a day without records."""

CONTRADICTIONS = {
    "batch": [
        ({"--no-register": [], "--register-key": ["{register_key}"]}, "--register-key"),
        ({"--map": ["{map}", "{map}"]}, "second map"),
        ({"--private-output": ["{new}"]}, "--private-output"),
        ({"--private-output": ["{new}/private"]}, "--private-output"),
        ({"--offer": ["{offer}"], "--no-wait": []}, "--no-wait"),
    ],
    "stream": [
        ({"--no-register": [], "--register-key": ["{register_key}"]}, "--register-key"),
        ({"--kafka-complaints": ["topic"]}, "one source"),
        ({"--runner": ["X"]}, "--runner"),
        ({"--private-output": ["{new}/snapshots"]}, "--private-output"),
        (KAFKA | {"--offer": ["{offer}"], "--runner": ["X"], "--stop-after-idle": None}, "--offer"),
    ],
    "explain": [({"b": ["{entity}"]}, "{entity}")],
    "erase": [
        ({"--output": ["{new}"]}, "--despite-hold"),
        ({"--despite-hold": ["package-0"]}, "package-0"),
        ({"--run": None}, "--run"),
        ({"--reason": ["about {record_id}"]}, "--reason"),
    ],
    "decide": [({"b": ["{other}"]}, "one entity"), ({"kind": ["must_link"]}, "two entities")],
    "export": [
        ({"--cluster": ["{cluster}"]}, "--cluster"),
        ({"--all": None}, "--cluster"),
        ({"--format": ["stix"], "--include-verify": []}, "--include-verify"),
        ({"--no-register": [], "--register-key": ["{register_key}"]}, "--register-key"),
    ],
    "serve": [
        ({"--author": None}, "--author"),
        ({"--user-header": ["X-User"], "--public-url": ["https://host"]}, "--author"),
        ({"--author": None, "--user-header": ["X-User"]}, "--public-url"),
        ({"--no-register": [], "--register-key": ["{register_key}"]}, "--register-key"),
    ],
    "report": [
        ({"--output": None, "--suppress-below": ["3"]}, "--suppress-below"),
        ({"--output": None, "--previous": ["{run}"]}, "--previous"),
    ],
    "referral": [
        ({"--override-reason": None}, "--override-reason"),
        ({"--second": ["Tom Lee"]}, "--second-key"),
        (
            {"--override-by": None, "--override-reason": None, "--include": ["{entity}=x"]},
            "--include",
        ),
    ],
    "exchange offer": [
        ({"--from": ["microsoft"]}, "--from"),
        ({"--no-register": [], "--register": ["{register}"]}, "--register"),
        ({"--to": ["../up"]}, "slug"),
    ],
    "exchange join": [
        ({"offers": ["{offer}", "{copy}"]}, "{copy}"),
        ({"--private-output": ["{new}"]}, "--private-output"),
        ({"--no-register": [], "--register-key": ["{register_key}"]}, "--register-key"),
    ],
    "keys make": [({"--private": [], "--agent": ["x"]}, "--private")],
    "keys trust": [
        ({"--not-before": [TIME], "--not-after": ["2026-06-01T00:00:00Z"]}, "--not-after")
    ],
    "keys protect": [({"--keyring": [], "--remove": []}, "--remove")],
    "exchange consent": [
        ({"--from": ["microsoft"]}, "--from"),
        ({"--expires": ["2026-01-01T00:00:00Z"]}, "--expires"),
    ],
    "exchange hub members": [({"--pem": None}, "--pem"), ({"--expel": ["acme"]}, "--expel")],
    "exchange hub publish": [
        ({"--no-register": [], "--register-key": ["{register_key}"]}, "--register-key")
    ],
    "exchange hub withdraw": [({"ids": ["phone:+18885550123"]}, "--all")],
    "exchange hub dispute": [({"--answer": [], "--appeal": ["case-1"]}, "--answer")],
    "exchange hub log": [({"--reason": ["asked"]}, "--open-token")],
    "exchange overlap request": [({"--cluster": ["{cluster}"]}, "--cluster")],
    "exchange overlap respond": [({"letter": ["{request_of_all}"]}, "--run")],
}

UNKNOWN = {
    "batch": [({"--complaints-format": ["frob"]}, "frob"), ({"--runner": ["Frob"]}, "Frob")],
    "stream": [({"--complaints-format": ["frob"]}, "frob")],
    "explain": [({"a": ["phone:+19999999999"]}, "+19999999999")],
    "export": [({"--all": None, "--cluster": ["c-0"]}, "c-0")],
    "erase": [({"--record": ["amazon/nobody"]}, "nobody"), ({"--record": ["x"]}, "'x'")],
    "decide": [({"a": ["phone:+19999999999"]}, "+19999999999")],
    "referral": [
        ({"--cluster": ["c-0"]}, "c-0"),
        ({"--recipient": ["xx"]}, "xx"),
        ({"--include": ["email:no@one.example=x"]}, "no@one"),
    ],
    "exchange overlap request": [(CLUSTER | {"--cluster": ["c-0"]}, "c-0")],
    "exchange hub members": [
        ({"--add": None, "--pem": None, "--expel": ["nobody"]}, "nobody"),
        ({"--add": None, "--pem": None, "--sign": ["00"]}, "00"),
    ],
    "exchange hub withdraw": [({"--all": None, "ids": ["phone:+19999999999"]}, "+19999999999")],
    "exchange hub dispute": [({"id": ["0" * 32]}, "0" * 32)],
    "exchange hub log": [({"--open-token": ["0" * 32], "--reason": ["asked"]}, "acx.key")],
    "resolve": [({"number": ["RT-0000-0000-00"]}, "RT-0000-0000-00")],
    "keys distrust": [({"org": ["nobody"]}, "nobody"), ({"fingerprint": ["00"]}, "00")],
    "keys trust": [({"--fingerprint": ["00"]}, "{fingerprint}")],
    "keys rotate": [({"--agent": ["nobody"]}, "agent")],
    "keys revoke": [({"fingerprint": ["00"]}, "00")],
    "keys import": [({"org": ["nobody"]}, "not trusted")],
}

ALONE = "no two of its options exclude or need each other"

NO_IDS = "it takes no id of anything in a run"

CANNOT = {
    "contradiction": dict.fromkeys(
        [
            "correct", "exchange revoke", "exchange hub collect", "exchange hub init",
            "exchange hub pull", "exchange hub sync", "exchange overlap compute",
            "exchange overlap show", "exchange show", "demo", "evaluate", "health",
            "keys distrust", "keys export", "keys import", "keys revoke", "keys rotate",
            "keys show", "map", "rejects", "resolve", "exchange schedule", "simulate", "verify",
        ],
        ALONE,
    ),
    "unknown_id": dict.fromkeys(
        [
            "demo", "exchange join", "exchange hub collect", "exchange hub init",
            "exchange hub publish", "exchange hub sync", "exchange overlap compute",
            "exchange overlap respond", "exchange overlap show", "exchange revoke",
            "exchange schedule", "exchange show", "health", "map", "keys export", "keys make",
            "keys protect", "keys show", "rejects", "report", "serve", "simulate", "verify",
        ],
        NO_IDS,
    )
    | {
        "correct": "an organisation that is not known yet may correct what it issued",
        "evaluate": "an identifier of the truth that the run lacks is counted as missed",
        "exchange consent": "an authority may be one of the partner's own --reference",
        "exchange offer": "an organisation that is not known yet may be sent an offer",
        "exchange hub pull": "an entry that is not there is left out already",
    },
}  # fmt: skip
"""The kinds that do not follow from a command's options, and why they cannot happen to it."""


class Place:
    """A folder with all that a right use of each command names, as amazon, who has a partner."""

    def __init__(self, folder, patch):
        self.folder, self.patch = folder, patch
        self.names = {"folder": folder, "new": folder / "new", "world": folder / "in", "time": TIME}
        self.make_runs()
        self.trust_keys()
        self.make_offers()
        self.find_record()
        self.make_letters()
        self.make_broken()
        self.make_hub()
        words = ["keys", "rotate", "--from", "microsoft"]
        self.at("microsoft", *words, "--output", self.name("key_list", "key-list"))
        self.at("amazon", "keys", "show")

    def at(self, org, *words):
        """Runs a command with the keys of an organisation."""
        use_keys(self.patch, self.folder / f"home-{org}")
        assert cli.main([str(word) for word in words]) == 0, words

    def name(self, word, file):
        self.names[word] = self.folder / file
        return self.folder / file

    def make_runs(self):
        made = "--complaints 150 --operations 3 --seed 7".split()
        self.at("amazon", "simulate", self.folder / "in", *made)
        truth = self.name("truth", "in/truth.csv").read_text().splitlines()[1:]
        ids = sorted({row.partition(",")[0] for row in truth if "#" not in row})
        decisions = self.name("decisions", "decisions.csv")
        confirm_all(decisions, ids, "2026-06-01T00:00:00Z")
        for org, word in (("microsoft", "theirs"), ("amazon", "run")):
            complaints = self.name("complaints", f"in/complaints/{org}.jsonl")
            calls = self.name("calls", f"in/calls/{org}.jsonl")
            files = ["--complaints", complaints, "--calls", calls]
            files += ["--decisions", decisions] if word == "run" else []
            self.at(org, "batch", *files, "--output", self.name(word, word))
        self.name("register", "run/private/victims")
        self.name("register_key", "home-amazon/register.key")
        columns = ["entity_id", "cluster_id"]
        where = (pc.field("tier") == "core") & (pc.field("review") == "reviewed")
        members = tables.read_table(self.folder / "run", MEMBERS, columns, where)
        # A typed confirm did not show the join, so members of thin clusters do not leave.
        thin = pc.is_in(members["cluster_id"], thin_clusters(self.folder / "run"))
        members = members.filter(pc.invert(thin))
        sizes = Counter(members["cluster_id"].to_pylist())
        cluster = max(sizes, key=lambda cluster_id: (sizes[cluster_id], cluster_id))
        where = pc.equal(members["cluster_id"], cluster)
        ids = members.filter(where)["entity_id"].to_pylist()
        self.names |= {"cluster": cluster, "entity": ids[0], "other": ids[1]}
        row = f"W-1,legitimate,{ids[0]},,Ada Cole,asked,2026-06-02T00:00:00Z,"
        write_decisions(self.name("withdrawn", "withdrawn.csv"), row)
        words = words_of("referral", RIGHT["referral"] | {"--output": ["{package}"]})
        self.name("package", "package")
        self.at("amazon", *self.words(words))
        facts = json_of(self.folder / "package" / FACTS_FILE)
        self.names["evidence_number"] = facts["evidence_numbers"]["cluster"]

    def trust_keys(self):
        for org, partner in (("amazon", "microsoft"), ("microsoft", "amazon")):
            pem = self.name("pem", f"{org}.pem")
            self.at(org, "keys", "export", "--output", pem)
            signer = signing.key_id(key_store.own_key().public_key())
            self.names["fingerprint"] = signer
            self.at(partner, "keys", "trust", org, pem, "--fingerprint", signer)

    def make_offers(self):
        offer, own = self.name("offer", "offer"), self.name("own_offer", "own-offer")
        for run, org, partner, out in (
            ("theirs", "microsoft", "amazon", offer),
            ("run", "amazon", "microsoft", own),
        ):
            words = ["exchange", "offer", self.names[run], "--to", partner, "--now", TIME]
            self.at(org, *words, "--output", out)
        shutil.copytree(offer, self.name("copy", "copy"))
        words = ["exchange", "join", self.names["theirs"], own, "--now", TIME]
        self.at("microsoft", *words, "--output", self.name("joint", "joint"))

    def find_record(self):
        """Names a record of amazon's that nothing issued cites."""
        self.at("amazon", "keys", "show")
        issued = {entity_id for entry in ledger.read_ledger(None) for entity_id in entry.bare}
        mentions = table_rows(self.folder / "run", MENTIONS)
        cited = {
            mention["record_id"]
            for mention in mentions
            if without_epoch(mention["entity_id"]) in issued
        }
        rows = tables.read_table(self.folder / "run", COMPLAINTS, ["complaint_id"])
        record = min(set(rows["complaint_id"].to_pylist()) - cited)
        self.names |= {"record": f"amazon/{record}", "record_id": record}

    def letter(self, org, move, *words, out):
        words = ["exchange", "overlap", move, *words, "--from", org, "--now", TIME]
        self.at(org, *words, "--output", self.folder / out)
        return self.folder / out

    def make_letters(self):
        victims = self.name("victims", "victims.csv")
        files = (self.folder / "in").glob("c*/*.jsonl")
        rows = [json.loads(row) for path in files for row in path.read_text().splitlines()]
        people = sorted({row.get("victim_id") for row in rows} - {None})
        lines = [
            f"{victim_id},(202) 555-{number:04d},US" for number, victim_id in enumerate(people)
        ]
        victims.write_text("\n".join(["victim_id,phone,country", *lines]) + "\n")
        ask = [victims, "--by", "phone", "--to"]
        joint, own = self.names["joint"], self.names["own_offer"]
        who = table_rows(joint, CONTRIBUTORS)
        both = next(row["cluster_id"] for row in who if row["contributor"] == "amazon")
        about = ["--run", joint, "--cluster", both, "--offer", own]
        request = self.letter("microsoft", "request", *ask, "amazon", *about, out="request")
        question = self.letter("amazon", "request", *ask, "microsoft", out="question")
        answer = self.letter("microsoft", "respond", question, victims, out="answer")
        of_all = self.letter("microsoft", "request", *ask, "amazon", out="request-of-all")
        ours = self.letter("amazon", "respond", of_all, victims, out="our-answer")
        result = self.letter("microsoft", "compute", ours, out="result")
        self.names |= {"request": request, "request_of_all": of_all}
        self.names |= {"answer": answer, "result": result}

    def make_broken(self):
        for broken, manifest in BROKEN_RUNS.items():
            (self.folder / broken).mkdir()
            text = "{" if manifest is None else json.dumps(manifest)
            (self.folder / broken / "manifest.json").write_text(text)
        for file, content in MALFORMED.items():
            (self.folder / file).write_bytes(content)
        self.name("note", "note.txt").write_text("a note\n")
        self.name("ids", "ids.txt").write_text("phone:+18885550123\n")
        columns = 'version = 1\nkind = "complaint"\n[file]\nformat = "csv"\n[columns]\n'
        self.name("map", "map.toml").write_text(columns + 'When = "received_at"\n')
        self.name("empty_folder", "empty-folder").mkdir()
        self.name("taken", "taken").mkdir()
        (self.folder / "taken" / "letter.txt").write_text("mine\n")

    def make_hub(self):
        """A hub that microsoft hosts, of which amazon is a member."""
        hub, pem = self.name("hub", "hub"), self.folder / "amazon.pem"
        init = ["init", hub, "--name", "acx", "--from", "microsoft"]
        add = ["members", hub, "--add", "amazon", "--pem", pem]
        for words in (init, add, ["collect", hub]):
            self.at("microsoft", "exchange", "hub", *words, "--now", TIME)

    def words(self, words):
        return [word.format_map(self.names) for word in words]

    def content(self):
        """All files and folders, and when each file was last written: locks come and go."""
        return {path: path.is_file() and path.stat().st_mtime_ns for path in self.folder.rglob("*")}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        yield Place(tmp_path_factory.mktemp("wrong"), patch)


VERBS = (
    "add ask check choose convert copy give leave make move name put quote read run save say see "
    "set use write"
)

ADVICE = re.compile(
    rf"(?:[;:,] |\()(?:or )?(?:{'|'.join(VERBS.split())}|do not trust|did you mean)\b"
    r"|[;:] (?:known formats of|the first line must be)\b|Valid values are\b"
)
"""The words that tell what to do, at the start of a clause."""


def run(words):
    """The exit status of a command line."""
    try:
        return cli.main(words)
    except SystemExit as error:
        return error.code


def refused(place, capsys, words, named):
    """Runs the words; asserts that they are refused in one line that names the mistake."""
    words = place.words(words)
    capsys.readouterr()
    status, error = run(words), capsys.readouterr().err
    shown = f"{' '.join(words)}\n{status} {error}"
    assert status == 2, shown
    assert error.count("\n") == 1, shown
    assert place.words([named])[0] in error, shown
    assert ADVICE.search(error), shown


CASES = [
    (leaf, kind, words, named)
    for leaf in LEAVES
    if leaf in RIGHT
    for kind, make in KINDS.items()
    for words, named in make(leaf)
]

HAPPENS = {(leaf, kind) for leaf, kind, _, _ in CASES}


def test_every_command_has_a_right_use_to_change():
    assert USES.keys() == LEAVES.keys()


def test_a_kind_that_has_no_case_says_why():
    for kind, reasons in CANNOT.items():
        assert reasons.keys() == {leaf for leaf in LEAVES if (leaf, kind) not in HAPPENS}, kind


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_wrong_usage_is_one_line_that_says_what_to_do(place, capsys, command):
    before = place.content()
    for leaf, _, words, named in CASES:
        if leaf.split()[0] == command:
            refused(place, capsys, words, named)
    assert place.content() == before


@pytest.mark.parametrize(
    "words",
    [
        ["batch", "--complaints", "{path}", "--output", "{path}"],
        ["batch", "--config", "{path}"],
        ["report", "{path}"],
        ["verify", "{path}"],
    ],
)
def test_a_hostile_name_moves_no_cursor(tmp_path, words):
    path = f"{tmp_path}/a\x1b[2J\n\u202eb"
    error = refusal_of(run, [word.format(path=path) for word in words])
    assert "a<U+001B>[2J<U+000A><U+202E>b" in error
    assert error.isascii() and "\x1b" not in error


def damage_bytes(path):
    path.write_bytes(b"PAR1 and no more")


def damage_text(path):
    """Writes a row whose first text is not UTF-8, which Parquet does not mind."""
    schema = pq.read_schema(path)
    place = next(n for n, field in enumerate(schema) if field.type == pa.string())
    columns = [pa.nulls(1, field.type) for field in schema]
    offsets = pa.py_buffer(np.array([0, 1], np.int32).tobytes())
    columns[place] = pa.StringArray.from_buffers(1, offsets, pa.py_buffer(b"\xe9"))
    pq.write_table(pa.table(columns, names=schema.names), path)


@pytest.mark.parametrize(
    ("leaf", "table", "damage"),
    [
        ("rejects", "rejects", damage_text),
        ("evaluate", "members", damage_bytes),
        ("explain", "entities", damage_bytes),
        ("report", "clusters", damage_bytes),
    ],
)
def test_a_damaged_table_is_one_line(place, capsys, tmp_path, leaf, table, damage):
    shutil.copytree(place.names["run"], tmp_path / "run")
    for part in (tmp_path / "run" / table).iterdir():
        damage(part)
    right = RIGHT[leaf] | {"run": [str(tmp_path / "run")]}
    if "--output" in right:
        right["--output"] = [str(tmp_path / "out")]
    refused(place, capsys, words_of(leaf, right), f"run/{table}")
    assert not (tmp_path / "out").exists()
