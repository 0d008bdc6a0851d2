"""`ringtrace keys`: manages the key that signs what leaves, and the partners' trusted keys."""

from __future__ import annotations

import base64
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec.structs import replace

from pipelines import key_store, ledger
from pipelines.key_store import KeyNote
from pipelines.ledger import LEDGER_FLAG, Entry, EntryKind, LedgerError, outstanding
from pipelines.letters import accepted_offers, signed_files
from pipelines.letters.signed_files import time_of, utc_text
from pipelines.options import (
    NEW_FOLDER,
    OWN_SLUG,
    TIME_NOW,
    Row,
    UsageError,
    WholeNumber,
    flag,
    run_subcommand,
    say,
    several,
    subcommand,
    subcommands,
    switch,
    system_errors,
)
from pipelines.private_keys import AgentKey, agent_keys, keyring_passphrase, new_passphrase
from pipelines.safe_files import write_whole
from pipelines.user_files import free_folder, read_decisions
from reports import signing
from reports.letters import CLOCK_TOLERANCE, listed_key
from reports.text import plain
from schemas.decision import ACCUSING_DECISIONS
from schemas.offer import KeyList, ListedKey
from schemas.signed_fields import parse_moment
from transforms.custody import current_time
from transforms.gates import read_bytes

if TYPE_CHECKING:
    from transforms.decisions import Decision

KEY_LIST_FILE = "keys.json"

NEW_KEY = (
    flag("--agent", "NAME", "use the Ed25519 key of ssh-agent with this comment"),
    flag(
        "--valid-days", "N", "days that it may sign (default: no end)", type=WholeNumber(1, 3_660)
    ),
)

LIST = (OWN_SLUG, NEW_FOLDER, flag("--now", "TIME", "when it is issued (default: now)"))
"""Flags of a new key, and of a new list of keys."""

TIMES = ("not_before", "not_after", "revoked_since")
"""Fields of a listed key and of a key's note that are times."""


@subcommand(
    "make",
    "make a key pair, once",
    switch(
        "--private",
        "make the key that private/ of later runs is sealed with, instead of a key pair",
    ),
    *NEW_KEY,
)
def make_key(arguments: Namespace) -> int:
    """Makes the own key pair, or the key that encrypts private files; returns the exit status 0."""
    if arguments.private:
        if arguments.agent is not None or arguments.valid_days is not None:
            raise UsageError("--private: leave --agent and --valid-days out, which are of a pair")
        key = key_store.make_private_key()
        return say(
            f"private  {key.key_id}  {key_store.private_path()}\n"
            "private/ of runs is sealed with it from now on; keep a copy of it elsewhere: without "
            "it nobody can read them"
        )
    path = key_store.own_path()
    if own := key_store.own_public_key():
        if not key_store.own_key_ended(own):
            signer = signing.key_id(own)
            raise UsageError(f"{path}: exists already ({signer}); run ringtrace keys rotate")
        _end_key(own, KeyNote())
        path.rename(key_store.home() / key_store.OWN / f"{signing.key_id(own)}.ended")
    if arguments.agent is not None:
        public = _agent_key(arguments.agent)
        write_whole(path, signing.public_pem(public))
        say(f"own      {signing.key_id(public)}  {path}, in the agent")
    else:
        public = key_store.own_key().public_key()
    if arguments.valid_days is not None:
        now = current_time()
        note = KeyNote(not_before=now, not_after=now + timedelta(days=arguments.valid_days))
        key_store.write_note(None, signing.key_id(public), note)
    return 0


def _agent_key(name: str) -> Ed25519PublicKey:
    """Returns the agent's Ed25519 key with comment or fingerprint `name`.

    Raises:
        UsageError: if there is none, or more than one.
    """
    held = agent_keys()
    keys = [key for key, comment in held if name in (comment, signing.key_id(key))]
    if len(keys) != 1:
        there = ", ".join(plain(comment, 60) for _, comment in held) or "none"
        raise UsageError(
            f"--agent: the agent has {len(keys)} Ed25519 keys {name[:80]!r}; give one of {there}"
        )
    return keys[0]


@subcommand("show", "show the fingerprints of your own key and of the trusted ones")
def show_keys(_arguments: Namespace) -> int:
    """Prints the fingerprints of the own and of the trusted keys; returns the exit status 0."""
    path = key_store.own_path()
    own = key_store.own_public_key()
    if own is not None:
        say(f"own      {_described(None, own)}  {path}")
    else:
        say(f"own      none yet; it will be made in {path} when something is first signed")
    for key in key_store.own_public_keys()[1 if own else 0 :]:
        say(f"before   {_described(None, key)}")
    if sealing := key_store.private_key():
        say(f"private  {sealing.key_id}  {key_store.private_path()}")
    else:
        say("private  none: private/ of runs is not sealed; see ringtrace keys make --private")
    for org in key_store.trusted_orgs():
        for key in key_store.trusted(org):
            say(f"trusted  {_described(org, key)}")
    return 0


def _described(org: str | None, key: Ed25519PublicKey) -> str:
    """Returns a key's fingerprint, its organisation, and its times if it has any."""
    signer = signing.key_id(key)
    valid = key_store.validity(org, signer)
    times = [
        f"{word} {utc_text(when)}"
        for word, when in (
            ("from", valid.not_before),
            ("until", valid.not_after),
            ("void from", valid.revoked_since),
        )
        if when is not None
    ]
    return "  ".join([signer, *([org] if org else []), *([", ".join(times)] if times else [])])


@subcommand(
    "export",
    "write your own public key in PEM, for partners",
    flag("--output", "FILE", "a file to write (default: print it)"),
)
def export_key(arguments: Namespace) -> int:
    """Writes or prints the own public key; returns the exit status 0."""
    public = key_store.own_public_key() or key_store.own_key().public_key()
    pem = signing.public_pem(public)
    if arguments.output is None:
        sys.stdout.write(pem.decode())
        return 0
    path = Path(arguments.output)
    with system_errors(path, "give a new file"), path.open("xb") as file:
        file.write(pem)
    return 0


@subcommand(
    "trust",
    "trust a partner's public key",
    flag("org", "ORG", "the partner's slug, as their offers name them"),
    flag("file", "FILE", "their public key in PEM"),
    flag(
        "--fingerprint",
        "HEX",
        "what they read out to you on a line that you know is theirs",
        required=True,
    ),
    flag("--not-before", "TIME", "it may sign from then on"),
    flag("--not-after", "TIME", "it may sign until then"),
)
def trust_key(arguments: Namespace) -> int:
    """Trusts a partner's key if its fingerprint is as given; returns the exit status 0."""
    org, file = arguments.org, arguments.file
    if accepted_offers.hub_file(f"{key_store.org_slug(org)}.pem").is_file():
        raise UsageError(
            f"{org}: is the name of a hub, whose feeds you sign yourself; a partner of that name "
            "would be taken for it"
        )
    key = key_store.public_key(file)
    signer = signing.key_id(key)
    if arguments.fingerprint.replace(":", "").replace(" ", "").lower() != signer:
        raise UsageError(f"{file}: its fingerprint is {signer}, not the one given; do not trust it")
    first, last = arguments.not_before, arguments.not_after
    if first and last and first >= last:
        raise UsageError("--not-after: is not after --not-before; give a later time")
    new = key_store.trust(org, key)
    if first or last:
        note = key_store.read_note(org, signer)
        key_store.write_note(org, signer, replace(note, not_before=first, not_after=last))
    return say(f"{'trusted' if new else 'was trusted already'}: {signer} as {org}'s")


@subcommand(
    "distrust",
    "trust a partner's key no longer",
    flag("org", "ORG", "the partner's slug"),
    flag("fingerprint", "HEX", "that key alone", nargs="?"),
    flag(
        "--since",
        "TIME",
        "void what was built on it from then on; what is older stays (default: all is void)",
    ),
    several("--decisions", "FILE", "decisions, to list those that are void with it"),
    LEDGER_FLAG,
)
def distrust_keys(arguments: Namespace) -> int:
    """Stops trusting one or all keys of a partner; returns the exit status 0.

    Lists the joins that become void, and what to do about each.

    Raises:
        UsageError: for a key that is not trusted, or a file that cannot be read.
        LedgerError: if the ledger was changed; the key is no longer trusted all the same.
    """
    since = arguments.since
    with suppress(LedgerError):  # a changed ledger must not keep a key trusted
        ledger.read_ledger(arguments.ledger)
    decisions = [(path, read_decisions(path)) for path in arguments.decisions]
    for key_id in key_store.distrust(arguments.org, arguments.fingerprint, since):
        when = f" from {utc_text(since)} on" if since else ""
        say(f"the key {key_id} of {arguments.org} is trusted no longer{when}")
    return say(*_void_with(arguments.org, ledger.read_ledger(arguments.ledger), decisions))


def _void_with(
    org: str, entries: Sequence[Entry], decisions: Sequence[tuple[str, Sequence[Decision]]]
) -> Iterator[str]:
    """Yields a line for each void join with an organisation's offers, and what rests on it.

    `decisions` are by the path of their file.
    """
    void = ledger.void_joins(org)
    for entry in ledger.read_ledger(None):
        if entry.kind == EntryKind.JOIN and entry.recipient == org and entry.run_id in void:
            yield (
                f"void: the join {entry.run_id} of {entry.at} in {plain(entry.reference, 200)}: "
                "make it again without the offer"
            )
    for issue in outstanding(entries, (), void):
        entry = issue.entry
        named = f", reference {entry.reference}" if entry.reference else ""
        yield (
            f"void: {entry.issue_id} of {entry.at} to {entry.recipient}{named}, which rests on one "
            "of them: run ringtrace correct RUN --decisions FILE, which takes all of it back"
        )
    for path, rows in decisions:
        for made in rows:
            if made.run_id in void and made.kind in ACCUSING_DECISIONS:
                yield (
                    f"void: {made.decision_id} ({made.kind}, {made.author}) in {path}, made on "
                    f"{made.run_id}: decide again on a run without the offer"
                )
    if void and not decisions:
        yield (
            "void: decisions made on these joins that accuse somebody; whatever reads them says so "
            "(--decisions FILE lists them)"
        )


@subcommand(
    "protect",
    "encrypt your own private key",
    switch("--keyring", "make a passphrase, and keep it in the keyring"),
    switch("--remove", "take the passphrase off"),
)
def protect_key(arguments: Namespace) -> int:
    """Encrypts the own private key, or removes its passphrase; returns the exit status 0."""
    if arguments.remove and arguments.keyring:
        raise UsageError("--remove: leave --keyring out; the key has no passphrase then")
    path = key_store.own_path()
    key = key_store.own_key(make=False)
    if isinstance(key, AgentKey):
        raise UsageError(f"{path}: is in an agent; give it a passphrase there")
    signer = signing.key_id(key.public_key())
    if arguments.remove:
        write_whole(path, signing.private_pem(key))
        return say(f"{path}: has no passphrase any more; only its file's mode guards it")
    secret = keyring_passphrase(signer) if arguments.keyring else new_passphrase()
    write_whole(path, signing.private_pem(key, secret))
    where = "in the system's keyring" if arguments.keyring else "with you alone"
    return say(f"{path}: is encrypted; its passphrase is {where}, and nobody can restore it")


@subcommand(
    "rotate",
    "make the next key, announced by this one",
    *NEW_KEY,
    flag(
        "--keep-days",
        "N",
        "days that the present key stays valid (default: %(default)s)",
        type=WholeNumber(0, 366),
        default=30,
    ),
    *LIST,
)
def rotate_key(arguments: Namespace) -> int:
    """Makes the next key pair, announced by the present key; returns the exit status 0.

    The present key stays valid for some days, for letters that are under way.
    """
    folder = free_folder(arguments.output)
    sender = key_store.org_slug(arguments.sender)
    old, path = key_store.own_key(make=False), key_store.own_path()
    before = signing.key_id(old.public_key())
    if key_store.validity(None, before).revoked_since is not None:
        raise UsageError(f"{before} is revoked, and announces no other; make another key by hand")
    now = time_of(arguments)
    if arguments.agent is not None:
        public = _agent_key(arguments.agent)
        content = signing.public_pem(public)
    else:
        made = signing.make_signing_key()
        locked = signing.is_locked(read_bytes(path))
        content = signing.private_pem(made, new_passphrase() if locked else None)
        public = made.public_key()
    signer = signing.key_id(public)
    if signer == before:
        raise UsageError("--agent: is the present key; give another one")
    days = arguments.valid_days
    ends = now + timedelta(days=days) if days is not None else None
    _end_key(old.public_key(), KeyNote(not_after=now + timedelta(days=arguments.keep_days)))
    key_store.write_note(None, signer, KeyNote(not_before=now, not_after=ends))
    written = _write_list(folder, sender, now, old, [old.public_key(), public])
    write_whole(path, content)
    return say(
        f"own      {signer}  {path}\nbefore   {_described(None, old.public_key())}\n"
        f"{written}: mail it and its .sig to every partner, who gives it to ringtrace keys import"
    )


def _end_key(key: Ed25519PublicKey, ending: KeyNote) -> None:
    """Keeps an own public key that no longer signs, with its end, which is never postponed."""
    signer = signing.key_id(key)
    note = key_store.read_note(None, signer)
    key_store.write_note(None, signer, _tightened(note, ending))
    path = key_store.home() / key_store.OWN / f"{signer}.pem"
    write_whole(path, signing.public_pem(key))


def _tightened(note: KeyNote, ending: KeyNote) -> KeyNote:
    """Returns a note with the times in which both notes allow a key to sign."""
    times = {
        name: choose(filter(None, (getattr(note, name), getattr(ending, name))), default=None)
        for name, choose in (("not_before", max), ("not_after", min), ("revoked_since", min))
    }
    return replace(note, **times)


def _write_list(
    folder: Path,
    sender: str,
    now: datetime,
    key: Ed25519PrivateKey,
    keys: Sequence[Ed25519PublicKey],
) -> Path:
    """Writes the signed list of some own keys."""
    listed = []
    for public in sorted(keys, key=signing.key_id):
        valid = key_store.validity(None, signing.key_id(public))
        times = {name: (when := getattr(valid, name)) and utc_text(when) for name in TIMES}
        raw = base64.b64encode(public.public_bytes_raw()).decode()
        listed.append(ListedKey(key_id=signing.key_id(public), public_key=raw, **times))
    letter = signing.letter_bytes(KeyList(sender, utc_text(now), tuple(listed)), key)
    return signed_files.write_signed(folder, KEY_LIST_FILE, letter, key)


@subcommand(
    "revoke",
    "tell partners that a key is void",
    flag("fingerprint", "HEX", "the key, as keys show has it"),
    flag("--since", "TIME", "from when others may have it", required=True),
    *LIST,
)
def revoke_key(arguments: Namespace) -> int:
    """Revokes an own key, and writes a signed list for partners; returns the exit status 0."""
    folder = free_folder(arguments.output)
    sender = key_store.org_slug(arguments.sender)
    named = arguments.fingerprint
    own = key_store.own_public_keys()
    public = next((key for key in own if signing.key_id(key) == named), None)
    if public is None:
        raise UsageError(f"{named[:64]}: is no key of yours; see ringtrace keys show")
    key, path = key_store.own_key(make=False), key_store.own_path()
    now = time_of(arguments)
    _end_key(public, KeyNote(revoked_since=arguments.since))
    written = _write_list(folder, sender, now, key, [public])
    say(f"revoked  {_described(None, public)}")
    if signing.key_id(key.public_key()) == named:
        # This list is the last thing that the revoked key signs.
        path.rename(key_store.home() / key_store.OWN / f"{named}.revoked")
        say(
            "it was your present key: run ringtrace keys make, and let partners trust the new one "
            "by its fingerprint"
        )
    return say(f"{written}: mail it and its .sig to every partner, who gives it to keys import")


@subcommand(
    "import",
    "take a partner's list of keys",
    flag("org", "ORG", "the partner's slug"),
    flag("list", "LIST", "folder of their list of keys"),
    TIME_NOW,
)
def import_keys(arguments: Namespace) -> int:
    """Takes a partner's signed list of keys; returns the exit status 0.

    A list can restrict keys and add new ones. It cannot extend what a known key may do.

    Raises:
        UsageError: for a list that no valid key of the partner signed, or that is damaged.
    """
    org = key_store.org_slug(arguments.org)
    keys = {org: key_store.trusted(org)}
    read = signed_files.read_letter_file(arguments.list, (KEY_LIST_FILE,), (KeyList,), keys)
    path, letter, signer = read.path, read.content, read.key_id
    now = time_of(arguments)
    issued = parse_moment(letter.issued_at)
    if issued > now + CLOCK_TOLERANCE:
        raise UsageError(f"{path}: was issued in the future, at {letter.issued_at}; set the clock")
    signed_files.check_key(path, org, signer, letter.issued_at, now)
    known = set(map(signing.key_id, key_store.trusted(org)))
    revoked = {listed.key_id for listed in letter.keys if listed.revoked_since is not None}
    for listed in letter.keys:
        written = {name: getattr(listed, name) for name in TIMES}
        times: Row = {name: parse_moment(text) for name, text in written.items() if text}
        note = key_store.read_note(org, listed.key_id)
        if listed.key_id not in known:
            if note.revoked_since is not None or listed.key_id in revoked or signer in revoked:
                say(f"not taken: {listed.key_id}, which is void or announced by a void key")
                continue
            key_store.trust(org, listed_key(listed))
            note = KeyNote(vouched_by=signer, vouched_at=now)
        key_store.write_note(org, listed.key_id, _tightened(note, KeyNote(**times)))
        say(f"trusted  {_described(org, listed_key(listed))}")
    if revoked:
        say(*_void_with(org, ledger.read_ledger(None), ()))
    return 0


_add_words = subcommands(
    make_key,
    show_keys,
    export_key,
    trust_key,
    distrust_keys,
    protect_key,
    rotate_key,
    revoke_key,
    import_keys,
    required=False,
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the subcommands of `ringtrace keys`."""
    parser.description = (
        "Keys are kept in $RINGTRACE_HOME, or else in the user's configuration folder. "
        "Without a word it does the same as show."
    )
    parser.set_defaults(subcommand=show_keys)
    _add_words(parser)


run = run_subcommand
