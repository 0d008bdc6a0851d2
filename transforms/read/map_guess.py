"""Guesses the map of a company's own export, by the names of its columns and what is in them.

A guess errs to the side that harms nobody: a number of which it is not certain whose it is counts
as the victim's, an address of the web or a payee as nothing, and a call names neither side. Long,
since what each field is known by stands beside that of the others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from schemas.enums import Channel, RecordKind, Role
from schemas.mapping import ID_FIELDS, IGNORE, TIME_FIELD, UNKNOWN, ZONELESS, RecordMap, TimeForm
from transforms import casts, times
from transforms.casts import last_digits, number_digits, plain_words, word_lists
from transforms.read.detect import Sample
from transforms.read.dialects import (
    EMAIL,
    FORMATTED,
    MOST,
    MOST_NUMBERS,
    SURE,
    Column,
    column_of,
    counts_rows,
)
from transforms.read.files import InputError

_IBAN = re.compile(r"(?:[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){10,30}) ?")

_SHORT = re.compile(rf"(?!{EMAIL.pattern}$).{{0,60}}", re.DOTALL)

_URL = re.compile(r"(?:h..ps?://|www\.)\S{4,2000}", re.IGNORECASE)

_ROUNDED = re.compile(r"\d[.,]?\d*E\+\d{1,2}", re.IGNORECASE)
"""A long number as a spreadsheet shows it: 1.88856E+10."""

_SIGNS_OF_CALLS = ("duration_seconds", "direction", "calling_number", "called_number", "trunk")

_SIDES = ("suspect", "victim", "line", "callback", "caller_id", "mentioned")
"""Words by which a column has numbers of somebody in the matter."""


@dataclass(frozen=True)
class Guess:
    """A guessed map, with what to say beside its columns, and what it is unsure of, a line each."""

    by: RecordMap
    notes: Mapping[str, str]
    unsure: tuple[str, ...]


def guess_map(
    sample: Sample, path: str, org: str | None, zone: str | None, kind: RecordKind | None = None
) -> Guess:
    """Guesses the map of a sample; what is given outweighs the guess."""
    return _Guesser(sample, path, org, zone, kind).guess()


class _Guesser:
    """The guess of one map: its columns are given out one after another, the surest first."""

    def __init__(
        self, sample: Sample, path: str, org: str | None, zone: str | None, kind: RecordKind | None
    ) -> None:
        self._sample = sample
        self._path = path
        self._org = org
        self._zone = zone
        self._lists = word_lists()
        rows = [*{repr(sorted(row.items())): row for row in sample.rows}.values()]  # each once
        self._columns = {name: column_of(name, rows) for name in sample.columns}
        self._targets: dict[str, tuple[str, ...]] = {}
        self._notes: dict[str, str] = {}
        self._unsure = [*sample.unsure]
        self._times: dict[str, TimeForm] = {}
        self._constants: dict[str, str] = {}
        self._words: dict[str, dict[str, str]] = {}
        self._decimal = "."
        self._fitting = self._national_regions()
        self._region = next(iter(self._fitting), None)
        self._numbers = [column for column in self._columns.values() if self._has_numbers(column)]
        desk = [
            column
            for column in self._columns.values()
            if column.named("marks", "service_desk") > 10
        ]
        self._is_desk = len(desk) >= 3 or any(
            column.name.startswith("caller_id.") for column in self._columns.values()
        )
        self._kind = kind or self._record_kind()

    def guess(self) -> Guess:
        """Returns the guess."""
        self._guess_times()
        self._guess_id()
        if self._kind is RecordKind.CALL:
            self._guess_call()
        else:
            self._guess_complaint()
        self._guess_country()
        for column in self._columns.values():
            if column.name not in self._targets:
                self._targets[column.name] = (IGNORE,)
                if column.share(_ROUNDED.fullmatch) > 1 - SURE:
                    self._unsure.append(
                        f"{column.name!r}: a spreadsheet rounded its numbers (as 1.88856E+10), and "
                        "their digits are lost; export it again with this column as text"
                    )
                if column.named("never", "person") or column.named("never", "place"):
                    self._notes.setdefault(column.name, "who or where somebody is: never read")
        if not self._org:
            self._org, known = casts.organisation_of(self._path)
            self._unsure.append(
                f"source_org: {self._org!r} is {'from the file name' if known else 'made up'}; "
                "write your own, or give --source-org"
            )
        texts = {name: self._columns[name].texts[:100] for name in self._times}
        zoneless = sorted(
            name
            for name, form in self._times.items()
            if form in ZONELESS and any(times.assumes_zone(text, form) for text in texts[name])
        )
        if zoneless and not self._zone:
            self._unsure.append(
                f"timezone: times of {', '.join(map(repr, zoneless[:3]))} name no zone and are "
                "read as UTC; write timezone, or give --timezone"
            )
        zone, country = times.parse_zone(self._zone or "UTC"), self._constants.get("victim_country")
        for name, form in self._times.items():
            if any(times.has_unclear_zone(text, form, zone, country) for text in texts[name]):
                self._unsure.append(
                    f"timezone: {name!r} names zones that are others elsewhere; their rows are "
                    "rejects until timezone says where, such as America/New_York"
                )
        if TIME_FIELD[self._kind] not in {
            target for targets in self._targets.values() for target in targets
        }:
            raise self._no_time()
        by = RecordMap(
            name=self._path,
            kind=self._kind,
            file=self._sample.form,
            columns={name: self._targets[name] for name in self._columns},
            times=self._times,
            source_org=self._org,
            timezone=self._zone,
            decimal=self._decimal,
            constants=self._constants,
            words=self._words,
        )
        return Guess(by, self._notes, tuple(self._unsure))

    def _no_time(self) -> InputError:
        field = TIME_FIELD[self._kind]
        named = [column.name[:60] for column in self._columns.values()
                 if column.texts and column.named(str(self._kind), field)]  # fmt: skip
        problem = f"no column of times that every {self._kind} must have was found"
        if not named:
            return InputError(self._path, problem, "add one, such as when it was created")
        problem += f": what {named[0]!r} has is not read as times"
        return InputError(self._path, problem, "write them as ISO 8601: 2026-03-01T09:30:00Z")

    def _free(self) -> Iterator[Column]:
        return (column for column in self._columns.values() if column.name not in self._targets)

    def _take(self, column: Column | None, target: str, note: str = "") -> bool:
        if column is None:
            return False
        self._targets[column.name] = (*self._targets.get(column.name, ()), target)
        if note:
            self._notes[column.name] = note
        return True

    def _best(self, table: str, field: str, fits: Callable[[Column], object]) -> Column | None:
        """Returns the free column that a field's names fit best, of those whose texts fit."""
        scored = [
            (column.named(table, field), column)
            for column in self._free()
            if column.texts and (column in self._numbers or not self._is_person(column))
        ]
        fitting = [(score, column) for score, column in scored if score and fits(column)]
        if field == "received_at":
            fitting = [(score * 3 - self._lateness(column), column) for score, column in fitting]
        return max(fitting, key=lambda pair: pair[0])[1] if fitting else None

    def _lateness(self, column: Column) -> int:
        """Returns 1 for a name of when the scam happened, 2 of when its report was changed."""
        return 2 if column.named("marks", "changed") else bool(column.named("marks", "happened"))

    def _is_person(self, column: Column) -> bool:
        """Returns whether a name says who or where somebody is, and nothing says it better."""
        never = max(column.named("never", key) for key in ("person", "place"))
        words = column.words.split()
        return never > 10 or bool(never and words and words[-1] in ("name", "address", "nombre"))

    def _national_regions(self) -> list[str]:
        """Returns the regions of which the numbers may be that name no country, best first.

        Digits of somebody, as in "Customer number", count where nothing is surely a number.
        """
        columns = [column for column in self._columns.values() if not column.is_prose]
        phones = [
            column
            for column in columns
            if column.looks_dialed or column.named("numbers", "phone") or column.is_nameless
        ]
        sides = [column for column in columns if self._is_side(column) and not column.is_calendar]
        return self._regions_of(phones) or self._regions_of([*phones, *sides])

    def _regions_of(self, columns: Sequence[Column]) -> list[str]:
        texts = [text for column in columns for text in column.texts[:200]]
        shaped = [text for text in texts if casts.is_phone_shaped(text)]
        return casts.number_regions(shaped[:: 1 + len(shaped) // MOST_NUMBERS])

    def _is_side(self, column: Column) -> bool:
        """Returns whether a name says that a column has something of somebody in the matter."""
        return any(column.named("sides", side) for side in _SIDES) or any(
            column.named("call", f"{side}_number") > 10 for side in ("calling", "called")
        )

    def _has_numbers(self, column: Column) -> bool:
        if column.is_prose or not column.texts or column.is_calendar:
            return False
        if column.named("numbers", "never"):
            return False
        phone = column.named("numbers", "phone")
        named = phone or self._is_side(column)
        if column.time_forms and not named:  # ten digits may be seconds since 1970, too
            return False
        share = column.numbers(self._region)
        if column.is_nameless:
            return share >= MOST
        formatted = column.share(FORMATTED.search) >= 0.5
        fits = casts.is_phone_shaped if self._is_suspects(column) else casts.holds_phone
        if phone and column.share(fits) >= MOST:
            return True  # of no country that can be told, or among words, and yet somebody's
        return share >= 0.4 if named else share >= MOST and formatted

    def _record_kind(self) -> RecordKind:
        columns = list(self._columns.values())
        prose = any(column.is_prose for column in columns)
        signs = sum(
            any(column.named("call", field) > 10 for column in columns) for field in _SIGNS_OF_CALLS
        )
        lost = any(column.named("complaint", "loss_amount") > 1 for column in columns)
        if prose or (lost and signs < 3):  # calls may have a price
            return RecordKind.COMPLAINT
        lasts = any(
            column.named("call", "duration_seconds") > 10
            and column.share(casts.is_duration) >= SURE
            for column in columns
        )
        if signs >= 2 or (lasts and self._numbers):
            return RecordKind.CALL
        if len(self._numbers) >= 2 and not any(
            column.named("sides", side) for column in self._numbers for side in _SIDES
        ):
            self._unsure.append("kind: rows with two numbers and no words are read as calls")
            return RecordKind.CALL
        if signs:
            self._unsure.append(
                "kind: these rows may be calls; --kind call makes a map of such records"
            )
        return RecordKind.COMPLAINT

    def _guess_times(self) -> None:
        table = str(self._kind)
        needed = TIME_FIELD[self._kind]
        for field in (needed, *(["occurred_at"] if needed == "received_at" else [])):
            column = self._best(table, field, attrgetter("time_forms"))
            if column is None and field == needed:
                free = list(self._free())
                dated = [column for column in free if column.is_calendar] or [
                    column for column in free if _EPOCHS.intersection(column.time_forms)
                ]
                column = dated[0] if dated else None
                if column is not None:
                    self._unsure.append(f"{field}: {column.name!r} has times, and no better name")
            if column is not None:
                self._take(column, field)
                self._times[column.name] = self._time_form(column)
                self._join_time_of_day(column, field)
        if needed == "received_at" and not any(
            needed in targets for targets in self._targets.values()
        ):
            # The time of the scam is the only one: the report was received then or later.
            for name, targets in list(self._targets.items()):
                if targets == ("occurred_at",):
                    self._targets[name] = (needed, "occurred_at")
                    self._unsure.append(f"received_at: {name!r} is the only time there is")

    def _join_time_of_day(self, date: Column, field: str) -> None:
        """Takes the one column that has the times of day of a column of mere dates."""
        if not date.is_calendar or date.share(times.names_time_of_day) > 1 - SURE:
            return
        clocks = [
            column
            for column in self._free()
            if column.texts
            and column.share(times.is_time_of_day) >= SURE
            and not column.named("call", "duration_seconds")
        ]
        began = [clock for clock in clocks if not clock.named("marks", "changed")]
        clocks = began or clocks  # when a call began, not when it ended
        shared = [len({*clock.words.split()} & {*date.words.split()}) for clock in clocks]
        best = [column for column, n in zip(clocks, shared, strict=True) if n == max(shared)]
        if len(best) == 1:
            self._take(best[0], field)
            self._times[best[0].name] = TimeForm.TIME_OF_DAY
        elif best:
            names = ", ".join(repr(column.name) for column in best[:3])
            self._unsure.append(
                f"{field}: {date.name!r} has dates alone; of {names} write {field} for the one "
                "that has its times of day, too, and time-of-day in [times]"
            )

    def _time_form(self, column: Column) -> TimeForm:
        forms = column.time_forms
        if len(forms) > 1 and any(map(times.ends_with_zone_name, column.texts)):
            forms = tuple(form for form in forms if form is not TimeForm.RFC_5322)  # EST is any
        for zoned in (TimeForm.ISO, TimeForm.RFC_5322):
            if zoned in forms:
                return zoned
        if forms[0] is TimeForm.EXCEL_SERIAL:
            self._unsure.append(
                f"times: {column.name!r} has numbers of days since 1900, as spreadsheets keep dates"
            )
        if not {TimeForm.MONTH_FIRST, TimeForm.DAY_FIRST}.isdisjoint(forms):
            month, day = (
                {text for text in column.texts if times.time_share([text], form)}
                for form in (TimeForm.MONTH_FIRST, TimeForm.DAY_FIRST)
            )
            asks = "whether it is month-first or day-first"
            if month > day or day > month:
                if not times.years_may_be_first(column.texts):
                    return TimeForm.MONTH_FIRST if month > day else TimeForm.DAY_FIRST
                asks = "whether the year is first or last"
            self._unsure.append(
                f"times: {column.name!r} does not show {asks}; until you write month-first or "
                "day-first, rows that can be read both ways are rejects"
            )
            return TimeForm.UNDECIDED
        return forms[0]

    def _guess_id(self) -> None:
        field, table = ID_FIELDS[self._kind], str(self._kind)

        def is_records(column: Column) -> bool:
            of_whom = column.named(table, "victim_id")
            owned = self._is_side(column) and not column.named("marks", "happened")
            owned = owned or bool(of_whom or column.named("suspect_only", "payee"))
            generic = column.named(table, field) <= max(1, of_whom)  # "id", as of "customer id"
            return column.is_id and column not in self._numbers and not (generic and owned)

        if self._best_into(field, is_records):
            name = next(name for name, targets in self._targets.items() if field in targets)
            ids = self._columns[name].texts
            if len(ids) >= 10 and counts_rows(ids):
                self._unsure.append(
                    f"{field}: {name!r} counts the rows; if each file begins at 1 again, write "
                    "ignore, or rows of two files with the same number are one record"
                )
            return
        self._unsure.append(
            f"{field}: no column of such a name has one of its own in each row; made of its content"
        )

    def _best_into(self, field: str, fits: Callable[[Column], object], note: str = "") -> bool:
        return self._take(self._best(str(self._kind), field, fits), field, note)

    def _guess_complaint(self) -> None:
        self._guess_numbers()
        self._guess_suspects_own()
        self._best_into("loss_amount", _mostly(casts.is_amount, MOST))
        known = self._best_into("loss_currency", _mostly(casts.is_currency))
        for name, targets in self._targets.items():
            if targets == ("loss_amount",):
                self._guess_decimal(self._columns[name])
                self._guess_currency(self._columns[name], known)
        self._best_into("victim_id", _is_pseudonym, "shown in outputs: a pseudonym, never a name")
        states = self._lists["marks"]["states"]

        def is_short(column: Column) -> bool:
            is_state = column.share(lambda text: plain_words(text) in states) >= 0.5
            return not column.is_prose and not is_state and column.share(_SHORT.fullmatch) >= SURE

        for field in ("victim_region", "claimed_brand"):
            self._best_into(field, is_short)
        self._best_into("language", _mostly(casts.is_language))
        self._guess_words("channel")
        for column in list(self._free()):
            named = column.named("complaint", "narrative")
            if column.is_prose or (named > 10 and column.share(casts.has_words) >= 0.5):
                self._take(column, "narrative", "" if named else "prose")
        self._name_unread()

    def _guess_numbers(self) -> None:
        """Gives each number column a role; whose it is must be certain for it to be a suspect's."""
        victims = [
            column
            for column in self._numbers
            if self._names_victim(column)
            and not column.named("sides", "suspect")
            and not column.named("sides", "caller_id")
        ]
        for column in self._numbers:
            if column.name in self._targets:
                continue
            suspect, victim = column.named("sides", "suspect"), self._names_victim(column)
            callback, caller = column.named("sides", "callback"), column.named("sides", "caller_id")
            if self._is_suspects(column) and not self._meets(column, victims):
                if callback:
                    self._take(column, f"phone.{Role.CALLBACK}")
                else:
                    self._take(column, f"phone.{Role.CALLER_ID}")
                    if not caller:
                        self._unsure.append(
                            f"numbers: {column.name!r} is the suspect's; write phone.callback if "
                            "it is what victims were told to call: a caller id can be forged"
                        )
            elif caller > callback and caller > 1 and self._never_the_victims(column, victims):
                self._take(
                    column, f"phone.{Role.CALLER_ID}", "never the number of the victim beside it"
                )
                self._unsure.append(
                    f"numbers: {column.name!r} is read as who called the victim; write "
                    "phone.victim if it is who called you"
                )
            elif column.named("sides", "mentioned") and not victim and not suspect:
                self._take(column, f"phone.{Role.MENTIONED}")
            else:
                self._take(column, f"phone.{Role.VICTIM}")
                if not victim or suspect or callback or caller or column.named("sides", "own"):
                    self._unsure.append(
                        f"numbers: whose {column.name!r} is cannot be told, so it is withheld as "
                        "a victim's; write phone.callback, phone.caller_id or phone.mentioned if "
                        "not"
                    )

    def _is_suspects(self, column: Column) -> bool:
        """Returns whether a name says that the suspect's own is in a column.

        Not those whom the suspect reached, nor the desk that works on it.
        """
        if self._is_doubled(column):
            return False
        reached = column.named("sides", "reached") and not column.named("sides", "told")
        others = reached or self._names_victim(column) or column.named("sides", "own")
        return bool(column.named("sides", "suspect")) and not others

    def _names_victim(self, column: Column) -> bool:
        """Returns whether a name says that the victim's own is in a column."""
        of_person = column.named("sides", "suspect") and not column.named("sides", "event")
        of_line = column.named("sides", "line") and not of_person
        return bool(column.named("sides", "victim") or of_line)

    def _is_doubled(self, column: Column) -> bool:
        """Returns whether two columns have this name: one may be the victim's."""
        return self._sample.columns.count(column.name) > 1

    def _meets(self, column: Column, victims: Sequence[Column]) -> bool:
        """Returns whether a row has the same number in a column and as the victim's."""
        return any(
            number_digits(row.get(column.name, ()))
            & number_digits(text for own in victims for text in row.get(own.name, ()))
            for row in self._sample.rows
        )

    def _never_the_victims(self, column: Column, victims: Sequence[Column]) -> bool:
        """Returns whether another column has the victim's number, and no other has this one."""
        if self._is_desk or not victims or self._is_doubled(column):
            return False
        others = [candidate for candidate in self._numbers if candidate is not column]
        both = 0
        for row in self._sample.rows:
            mine = number_digits(row.get(column.name, ()))
            if mine & number_digits(text for rival in others for text in row.get(rival.name, ())):
                return False
            both += bool(mine) and any(row.get(own.name) for own in victims)
        return both >= 5

    def _guess_suspects_own(self) -> None:
        """Reads sites, addresses, payees and ids only where the name says whose they are."""
        for column in list(self._free()):
            suspect = self._is_suspects(column)
            if column.share(EMAIL.fullmatch) >= MOST:
                self._take(column, "email.sender" if suspect else "email.victim")
                if not suspect and not self._names_victim(column):
                    self._unsure.append(
                        f"{column.name!r}: whose addresses these are cannot be told, so they are "
                        "withheld as victims'; write email.sender if they are the suspect's"
                    )
                continue
            is_url = column.share(_URL.match) >= 0.5
            asked = re.sub("^wh(?:at|ich) ", "", column.words)  # "Which website did they send"
            sites = tuple(self._lists["suspect_only"]["url"])  # but not "Scam site host"
            ends = asked.endswith(sites) or (asked != column.words and asked.startswith(sites))
            named = column.named("suspect_only", "url") > 10 or (suspect and ends)
            if is_url or (named and not column.is_prose and column.share(casts.is_site) >= 0.5):
                if suspect:
                    self._take(column, "url")
                elif is_url:
                    self._unsure.append(
                        f"{column.name!r}: links are not read, as they may be your own; write url "
                        "if victims were sent there"
                    )
                    self._take(column, IGNORE)
                continue
            for key, target in (
                ("payee", "payment.payee"),
                ("anydesk", "remote_access.anydesk"),
                ("teamviewer", "remote_access.teamviewer"),
            ):
                if not column.named("suspect_only", key) or column.is_prose:
                    continue
                if column.named("sides", "suspect") and not self._names_victim(column):
                    self._take(column, target)
                else:
                    self._unsure.append(
                        f"{column.name!r}: is not read, as it may be the victim's own; write "
                        f"{target} if it is the suspect's"
                    )
                    self._take(column, IGNORE)
                break

    def _name_unread(self) -> None:
        """Says which columns of accounts, remote-access ids, losses or a suspect are not read."""
        for column in list(self._free()):
            if column.is_prose or not column.texts or column in self._numbers:
                continue
            why, ends = "it may be the victim's own", " if it is the suspect's"
            account = column.share(_IBAN.fullmatch) >= 0.5
            remote = column.named("suspect_only", "remote_id")
            if account or column.named("suspect_only", "payee"):
                target = "payment.payee"
            elif remote and column.share(last_digits) >= 0.5:
                target = "remote_access.PRODUCT (anydesk, teamviewer)"
            elif self._is_suspects(column) and not self._is_person(column):
                why, target = "nothing in it is known", "phone.callback, url or what else it is,"
            elif column.named("complaint", "loss_amount") > 10:
                why, target, ends = "few of its amounts can be read", "loss_amount", " if they can"
            else:
                continue
            self._unsure.append(f"{column.name!r}: is not read, as {why}; write {target}{ends}")
            self._take(column, IGNORE)

    def _guess_decimal(self, column: Column) -> None:
        commas, points, thousands = casts.count_decimal_signs(column.texts)
        if thousands:
            commas += thousands
            read = "1500" if commas > points else "1.500"
            if commas <= points or commas == thousands + points:
                self._unsure.append(
                    f"decimal: {column.name!r} has amounts as 1.500, read as {read}; write decimal "
                    'as "." or "," if that is wrong'
                )
        if commas > points:
            self._decimal = ","

    def _guess_currency(self, amounts: Column, known: bool) -> None:
        named = Counter(map(casts.amount_currency, amounts.texts))
        most, number = named.most_common()[0]
        if most and number >= len(amounts.texts) * SURE:
            self._constants["loss_currency"] = most
        elif None in named and not known:
            self._unsure.append(
                f"loss_currency: no column has it, and amounts of {amounts.name!r} that name "
                "none are in no total until a constant loss_currency says which"
            )

    def _guess_words(self, field: str) -> None:
        known = self._lists["words"][field]

        def fits(column: Column) -> bool:
            distinct = {plain_words(text) for text in column.texts}
            return len(distinct) <= 20 and any(word in known for word in distinct)

        column = self._best(str(self._kind), field, fits)
        if column is None:
            return
        self._take(column, field)
        cells = {cell for row in self._sample.rows for cell in row.get(column.name, ())}
        words = sorted({cell.strip().casefold() for cell in cells if len(cell) <= 60})
        otherwise = str(Channel.OTHER) if field == "channel" else UNKNOWN
        self._words[field] = {word: known.get(plain_words(word), otherwise) for word in words}

    def _guess_call(self) -> None:
        sides = ("calling_number", "called_number")
        for field, opposite in (sides, sides[::-1]):
            named = {column: column.named("call", field) for column in self._numbers}
            mine = [column for column, n in named.items() if n >= column.named("call", opposite)]
            if self._best_into(field, mine.__contains__):
                continue
            for column in [column for column in self._free() if column in mine][:1]:
                self._take(column, field)
                self._unsure.append(f"{field}: {column.name!r} is a number, by no better name")
        suspects = [column for column in self._numbers if self._is_suspects(column)]
        self._best_into("duration_seconds", _mostly(casts.is_duration))
        self._guess_words("direction")
        if len(suspects) == 1:
            self._take_suspect(suspects[0])
        else:
            where = "a constant direction, or --calls-direction, says so"
            if "direction" in self._words:
                self._words["direction"] = dict.fromkeys(self._words["direction"], UNKNOWN)
                where = "[words.direction] says so"
                self._ask_of_one_line()
            self._unsure.append(
                "direction: whether the caller or the called is the suspect cannot be told, so no "
                f"call names either until {where}"
            )
        self._best_into("victim_id", _is_pseudonym)
        for field in ("attestation", "orig_id", "carrier", "trunk", "complaint_id"):
            self._best_into(
                field, lambda column: not column.is_prose and column not in self._numbers
            )

    def _ask_of_one_line(self) -> None:
        """Asks about calls of one line, which some systems name first, whoever called."""
        for column in self._numbers:
            is_line = len(column.texts) >= 10 and len(number_digits(column.texts)) == 1
            if is_line and self._targets.get(column.name) == ("calling_number",):
                self._unsure.append(
                    f"direction: {column.name!r} has one number, whoever called; give all words of "
                    "[words.direction] one meaning: inbound where it is the suspect's, outbound "
                    "where the other side is"
                )

    def _take_suspect(self, suspect: Column) -> None:
        """Sets who is the suspect by the one column that is named as the suspect's number."""
        others = [column for column in self._numbers if column is not suspect]
        for name, targets in list(self._targets.items()):
            if targets in (("calling_number",), ("called_number",), ("direction",)):
                del self._targets[name]
        self._words.pop("direction", None)
        self._take(suspect, "calling_number")
        for column in others[:1]:
            self._take(column, "called_number")
        self._constants["direction"] = "inbound"

    def _guess_country(self) -> None:
        column = self._best(str(self._kind), "victim_country", _mostly(casts.country_code, MOST))
        if column is not None:
            self._take(column, "victim_country")
            if column.share(casts.country_code) < 1:
                self._unsure.append(
                    f"victim_country: {column.name!r} has names that are no country's; their rows "
                    "are rejects until [words.victim_country] says what they mean"
                )
        elif len(self._fitting) > 1 and self._numbers:
            self._unsure.append(
                "victim_country: no column has it, and numbers that name no country may be of "
                f"{', '.join(self._fitting)}: they are not read until a constant victim_country "
                "says which"
            )
        elif not self._region and any(
            casts.lacks_country(text) for column in self._numbers for text in column.texts
        ):
            self._unsure.append(
                "victim_country: no column has it, and numbers that name no country are not read "
                "until a constant victim_country says of which they are"
            )
        elif self._region and self._numbers:
            self._constants["victim_country"] = self._region
            self._unsure.append(
                f"victim_country: no column has it; {self._region} reads most numbers that name no "
                "country"
            )


_is_pseudonym = attrgetter("is_pseudonym")


def _mostly(fits: Callable[[str], object], least: float = SURE) -> Callable[[Column], bool]:
    """Returns a check of whether nearly all texts of a column fit."""
    return lambda column: column.share(fits) >= least


_EPOCHS = {TimeForm.EPOCH_MILLISECONDS, TimeForm.EPOCH_MICROSECONDS}
"""Forms of times that have too many digits for a telephone number."""
