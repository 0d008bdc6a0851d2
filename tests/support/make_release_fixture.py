"""Makes releases/VERSION.tar.xz: what a release writes, for every later version to read.

    python -m tests.support.make_release_fixture

Amazon's run of a ring with decisions bound, microsoft's offer of the same ring, both joined, a
referral, and a stream that was stopped between two records. With the keys of both, made up.
`release.json` says how to go on from it. A published archive is never made again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import ringtrace as rt
from pipelines import cli, key_store
from reports import signing
from schemas.tables import MEMBERS
from tests.support.run_pipeline import call, complaint, jsonl, keys_in, read, use_keys
from tests.support.script_texts import SCRIPT

RELEASES = Path(__file__).with_name("releases")

RING = "phone:+18882223344"

RUN, OFFERED, JOINED, SEALED = (["--now", f"2024-04-0{day}T00:00:00Z"] for day in range(1, 5))

ALERTS = ["--alert-records", "2", "--alert-hours", "96"]
"""Options that raise alerts in the fixture's stream, and none after it."""

OWN_WORDS = (
    "They froze the screen of my laptop and a siren played until I rang the line shown",
    "My refund was too large they claimed and I must wire the difference before noon today",
    "An invoice for antivirus software came by post although I own no computer at all here",
    "A man in a hurry said that my parcel was held at customs and a fee was due at once",
    "Someone wrote that my streaming plan had lapsed and asked for the digits of a gift card",
    "The lady knew my street and wanted to see the balance of the savings book on her monitor",
    "While I baked bread the tablet shouted about a virus and would not let me switch it off",
    "He offered me a job as a tester and had me forward two transfers to a friend of his boss",
)


def ringtrace(*words: object) -> None:
    if cli.main([str(word) for word in words]):
        raise SystemExit(f"failed: ringtrace {' '.join(map(str, words))}")


def own_keys(folder: Path, org: str) -> Ed25519PrivateKey:
    """A company's key store: what signs, what the victim register is keyed by, what seals."""
    seeds = {
        name: hashlib.sha256(f"ringtrace test key {org} {name}".encode()).digest()
        for name in ("own.pem", "register.key", "private.key")
    }
    key = Ed25519PrivateKey.from_private_bytes(seeds["own.pem"])
    folder.mkdir(mode=0o700)
    for name, content in (seeds | {"own.pem": signing.private_pem(key)}).items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    return key


def reports_of(org: str) -> list[dict]:
    """Complaints that name the ring, of as many people on as many days; later ones, a script."""
    shown = [{"raw": raw, "role": "callback"} for raw in (RING[6:], "+18773334455")]
    return [
        complaint(
            number,
            source_org=org,
            victim_id=f"v{number}",
            received_at=f"2024-03-0{number}T09:30:00Z",
            narrative=f"{words} {SCRIPT if number > 3 else ''}",
            phone_numbers=[*shown, {"raw": f"+1202456143{number}", "role": "victim"}],
            remote_access=[{"tool": "anydesk", "id": "123456789"}],
            urls=[f"https://{org}-refund-{number % 2}.support/"],
            loss_amount="120.50",
            loss_currency="USD",
        )
        for number, words in enumerate(OWN_WORDS, 1)
    ]


def make_run(folder: Path, org: str) -> Path:
    """A company's run, in which an analyst confirmed the ring's cluster on the run before."""
    complaints = jsonl(folder / "complaints.jsonl", reports_of(org))
    rows = [call(1, source_org=org, direction="outbound", victim_id="w1", called_number=RING[6:])]
    inputs = ["--complaints", complaints, "--calls", jsonl(folder / "calls.jsonl", rows)]
    ringtrace("batch", *inputs, *RUN, "--output", folder / "first")
    decisions = ["--decisions", folder / "decisions.csv"]
    who = ["--author", "Priya Rao", "--reason", "rang them", *RUN]
    ringtrace("decide", folder / "first", "confirm", RING, *decisions, *who)
    seen = ["--previous", folder / "first", *decisions]
    ringtrace("batch", *inputs, *seen, *RUN, "--output", folder / "run")
    shutil.rmtree(folder / "first")
    return folder / "run"


def make_stream(folder: Path) -> None:
    """A stream's output after ticks, its folder, and what had yet to come.

    Five of eight were in a file that is gone, the sixth in one that grows, and the fifth teller of
    the script is yet to come.
    """
    rows = reports_of("amazon")
    for kind in ("complaints", "calls"):
        (folder / "in" / kind).mkdir(parents=True)
    arriving = folder / "in" / "complaints"
    for name, part in (("gone.jsonl", rows[:5]), ("grows.jsonl", rows[5:6])):
        jsonl(arriving / name, part)
        words = ["--watch", folder / "in", "--output", folder / "out", *ALERTS]
        ringtrace("stream", *words, "--stop-after-idle", 1)
    (arriving / "gone.jsonl").unlink()
    shutil.rmtree(folder / "out" / "snapshots")
    jsonl(folder / "all.jsonl", rows)
    jsonl(folder / "rest.jsonl", [rows[1], *rows[6:]])


def make_fixture(folder: Path) -> None:
    """Everything, below an empty folder."""
    orgs = {org: folder / org for org in ("amazon", "microsoft")}
    for path in orgs.values():
        path.mkdir()
    keys = {org: own_keys(path / "home", org) for org, path in orgs.items()}
    own, partner = orgs["amazon"], orgs["microsoft"]
    with keys_in(partner / "home") as patch:
        to = ["--to", "amazon", "--output", own / "offer", *OFFERED]
        ringtrace("exchange", "offer", make_run(partner, "microsoft"), *to)
        use_keys(patch, own / "home")
        key_store.trust("microsoft", keys["microsoft"].public_key())
        run = make_run(own, "amazon")
        decisions = ["--decisions", own / "decisions.csv"]
        words = [own / "offer", *decisions, *JOINED, "--output", own / "joint"]
        ringtrace("exchange", "join", run, *words)
        ring = next(
            row["cluster_id"] for row in read(run, MEMBERS).to_pylist() if row["entity_id"] == RING
        )
        inputs = ["--complaints", own / "complaints.jsonl", "--calls", own / "calls.jsonl"]
        words = ["--cluster", ring, "--recipient", "in-cbi", *inputs, *decisions, *SEALED]
        ringtrace("referral", run, *words, "--output", own / "package")
        make_stream(folder / "stream")
    shutil.rmtree(partner)
    facts = {"now": JOINED[1], "cluster": ring, "identifier": RING}
    (folder / "release.json").write_text(json.dumps(facts, indent=1) + "\n")


def pack(folder: Path, archive: Path) -> None:
    """Packs a folder by order of names, with no trace of who made it and when."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = entry.mtime = 0
        entry.uname = entry.gname = ""
        return entry

    with tarfile.open(archive, "x:xz", preset=9) as file:
        for path in sorted(folder.iterdir()):
            file.add(path, path.name, filter=plain)


def main() -> None:
    """Makes the archive of this version; refuses to replace one."""
    archive = RELEASES / f"{rt.__version__}.tar.xz"
    if archive.exists():
        sys.exit(f"{archive}: exists; a release's archive is made once")
    with tempfile.TemporaryDirectory() as folder:
        make_fixture(Path(folder))
        pack(Path(folder), archive)
    sys.stdout.write(f"{archive}: {archive.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
