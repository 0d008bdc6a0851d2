"""The people who work with runs: their file, the names that proxies give, and their keys."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from pipelines import key_store
from pipelines.options import Json, UsageError, usage_errors
from pipelines.user_files import file_digest, read_text
from reports import signing
from reports.run import Run
from schemas.records import Record, RecordError, read_toml_record
from transforms.decisions import (
    JUDGING_ROLES,
    MOST_NAME,
    NOBODY,
    ROLES,
    People,
    Person,
    compared_name,
    may_sign,
    person_name,
)

_NAME = (
    f"a name of a person must be 1 to {MOST_NAME} visible characters, with plain blanks, and begin "
    "with no sign of a formula, such as @ or -"
)


class _PeopleFile(Record):
    """A file of people, with a table `[[person]]` for each."""

    person: tuple[Person, ...]


def read_people(path: str | None) -> People:
    """Reads the people of a TOML file, by their names and keys; none without a file.

    Raises:
        UsageError: for a file that cannot be used, that others can write, or that gives a name or a
            key to two people.
    """
    if path is None:
        return NOBODY
    key_store.check_closed(Path(path))
    with usage_errors(RecordError):
        listed = read_toml_record(_PeopleFile, read_text(path), path).person
    people: dict[str, Person] = {}
    for person in listed:
        names = person.all_names()
        keys = [person.key] if person.key else []
        if not all(map(person_name, names)):
            raise UsageError(f"{path}: {person.id!a}: {_NAME}")
        for name in (*map(compared_name, names), *keys):
            if people.setdefault(name, person) is not person:
                raise UsageError(f"{path}: {person.id}: {name!r} is another person's, too")
    if not people:
        raise UsageError(f"{path}: lists nobody; give a table [[person]] for each")
    return people


def person_named(text: str, people: People) -> Person:
    """Returns the person of a name, in any of its UTF-8 forms; without a list, a new person.

    Raises:
        UsageError: for an ambiguous name, or a name that is not on the list.
    """
    name = person_name(text)
    if not name:
        raise UsageError(_NAME)
    if not people:
        return Person(id=name, roles=frozenset(ROLES))
    person = people.get(compared_name(name))
    if person is None or name not in map(person_name, person.all_names()):
        raise UsageError(f"{name}: is nobody of the file of --people; ask its owner for a place")
    return person


def check_may_sign(author: str, people: People, key: str | None) -> None:
    """Checks that an author's role may decide, and that the author's own key signs.

    Args:
        author: The author's id.
        people: The people, if they are known.
        key: The private key file that will sign, in place of the own key.

    Raises:
        UsageError: if not.
    """
    person = people.get(compared_name(author))
    if person and not person.may_judge:
        raise UsageError(f"{author}: only an {' or a '.join(sorted(JUDGING_ROLES))} decides")
    own = key_store.own_public_key() if key is None else key_store.own_key(key).public_key()
    if not may_sign(signing.key_id(own) if own else None, author, people):
        raise UsageError(
            f"{author}: is signed for by another key than the file of --people has; record this "
            "with ringtrace decide and that key, or leave the key out of the file"
        )


def is_two_person(run: Run) -> bool:
    """Tells whether a run counts a confirm or a review only once two people made it."""
    return run.manifest["options"].get("two_person") is True


def recorded_people(options: Namespace) -> Json:
    """Returns the manifest's entries for --two-person and --people; nothing without them."""
    two = {"two_person": True} if options.two_person else {}
    return two | ({"people": file_digest(options.people)} if options.people else {})
