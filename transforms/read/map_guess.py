"""Guesses the map of a company's own export, by the names of its columns and what is in them.

A guess errs to the side that harms nobody: a number of which it is not certain whose it is counts
as the victim's, an address of the web or a payee as nothing, and a call names neither side. Long,
since what each field is known by stands beside that of the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from schemas.enums import Channel, RecordKind, Role
from schemas.mapping import ID_FIELDS, IGNORE, TIME_FIELD, UNKNOWN, ZONELESS, RecordMap, TimeForm
from transforms.read import evidence
from transforms.read.evidence import MOST, MOST_NUMBERS, SURE, Column, columns_of
from transforms.read.files import InputError
from transforms.read.samples import Sample
from transforms.values import casts, number_digits, plain_words, times, word_lists

_SIGNS_OF_CALLS = ("duration_seconds", "direction", "calling_number", "called_number", "trunk")

_PAYEE = "payment.payee"

_SUSPECTS_OWN = {
    "payee": _PAYEE,
    "anydesk": "remote_access.anydesk",
    "teamviewer": "remote_access.teamviewer",
}
"""Targets of what is read only where the name of its column says that it is the suspect's."""

_MAYBE_VICTIMS = "is not read, as it may be the victim's own; write {} if it is the suspect's"


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
    return _Guesser(sample, kind).guess(path, org, zone)


class _Guesser:
    """The guess of one map: its columns are given out one after another, the surest first."""

    def __init__(self, sample: Sample, kind: RecordKind | None) -> None:
        self._sample = sample
        self._columns = [*columns_of(sample.columns, sample.rows)]
        self._unsure = [*sample.unsure]
        self._times: dict[Column, TimeForm] = {}
        self._constants: dict[str, str] = {}
        self._words: dict[str, dict[str, str]] = {}
        self._decimal = "."
        self._fitting = self._national_regions()
        self._region = next(iter(self._fitting), None)
        self._numbers = [column for column in self._columns if self._has_numbers(column)]
        self._kind = kind or self._record_kind()

    def guess(self, path: str, org: str | None, zone: str | None) -> Guess:
        """Returns the guess."""
        self._guess_times(path)
        self._guess_id()
        if self._kind is RecordKind.CALL:
            self._guess_call()
        else:
            self._guess_complaint()
        self._guess_country()
        for column in self._free():
            column.targets = (IGNORE,)
            if column.share(evidence.is_rounded) > 1 - SURE:
                self._doubt(
                    f"{column.name!r}: a spreadsheet rounded its numbers (as 1.88856E+10), and "
                    "their digits are lost; export it again with this column as text"
                )
            if column.named("never", "person", "place"):
                column.note = column.note or "who or where somebody is: never read"
        if not org:
            org, known = evidence.organisation_of(path)
            self._doubt(
                f"source_org: {org!r} is {'from the file name' if known else 'made up'}; "
                "write your own, or give --source-org"
            )
        self._doubt_zones(zone)
        by = RecordMap(
            name=path,
            kind=self._kind,
            file=self._sample.form,
            columns={column.name: column.targets for column in self._columns},
            times={column.name: form for column, form in self._times.items()},
            source_org=org,
            timezone=zone,
            decimal=self._decimal,
            constants=self._constants,
            words=self._words,
        )
        notes = {column.name: column.note for column in self._columns if column.note}
        return Guess(by, notes, tuple(self._unsure))

    def _doubt(self, *doubts: str) -> None:
        self._unsure += doubts

    def _doubt_zones(self, stated: str | None) -> None:
        """Says which times name no zone, or one that is another elsewhere."""
        zone, country = times.parse_zone(stated or "UTC"), self._constants.get("victim_country")
        zoneless, unclear = [], []
        for column, form in self._times.items():
            texts = column.texts[:100]
            if form in ZONELESS and any(evidence.assumes_zone(text, form) for text in texts):
                zoneless.append(column.name)
            if any(evidence.has_unclear_zone(text, form, zone, country) for text in texts):
                unclear.append(
                    f"timezone: {column.name!r} names zones that are others elsewhere; their rows "
                    "are rejects until timezone says where, such as America/New_York"
                )
        if zoneless and not stated:
            self._doubt(
                f"timezone: times of {', '.join(map(repr, sorted(zoneless)[:3]))} name no zone and "
                "are read as UTC; write timezone, or give --timezone"
            )
        self._doubt(*unclear)

    def _free(self) -> Iterator[Column]:
        return (column for column in self._columns if not column.targets)

    def _targeted(self, target: str) -> list[Column]:
        return [column for column in self._columns if target in column.targets]

    def _take(self, field: str, fits: Callable[[Column], object], note: str = "") -> Column | None:
        """Takes the free column that a field's names fit best, of those whose texts fit."""
        scores: dict[Column, int] = {}
        for column in self._free():
            score = column.named(self._kind, field)
            is_known = column.texts and (column in self._numbers or not column.is_person)
            if score and is_known and fits(column):
                scores[column] = score
                if field == "received_at":  # not when it happened, nor when it was changed
                    late = 2 if column.named("marks", "changed") else 0
                    late = late or bool(column.named("marks", "happened"))
                    scores[column] = 3 * score - late
        best = max(scores, key=scores.__getitem__, default=None)
        if best is not None:
            best.targets, best.note = (field,), note
        return best

    def _national_regions(self) -> list[str]:
        """Returns the regions of which the numbers may be that name no country, best first.

        Digits of somebody, as in "Customer number", count where nothing is surely a number.
        """
        columns = [column for column in self._columns if not column.is_prose]
        phones = [
            column
            for column in columns
            if column.looks_dialed or column.named("numbers", "phone") or column.is_nameless
        ]
        sides = [column for column in columns if column.is_side and not column.is_calendar]
        return evidence.regions_of(phones) or evidence.regions_of([*phones, *sides])

    def _has_numbers(self, column: Column) -> bool:
        if column.is_prose or not column.texts or column.is_calendar:
            return False
        if column.named("numbers", "never"):
            return False
        phone = column.named("numbers", "phone")
        named = phone or column.is_side
        if column.time_forms and not named:  # ten digits may be seconds since 1970, too
            return False
        texts = column.texts[:MOST_NUMBERS]
        share = sum(casts.is_phone_number(text, self._region) for text in texts) / len(texts)
        if column.is_nameless:
            return share >= MOST
        fits = casts.is_phone_shaped if column.is_suspects else evidence.holds_phone
        if phone and column.share(fits) >= MOST:
            return True  # of no country that can be told, or among words, and yet somebody's
        if named:
            return share >= 0.4
        return share >= MOST and column.share(evidence.is_formatted) >= 0.5

    def _record_kind(self) -> RecordKind:
        def named(field: str) -> list[Column]:
            return [column for column in self._columns if column.named("call", field) > 10]

        signs = sum(map(bool, map(named, _SIGNS_OF_CALLS)))
        lost = any(column.named("complaint", "loss_amount") > 1 for column in self._columns)
        prose = any(column.is_prose for column in self._columns)
        if prose or (lost and signs < 3):  # calls may have a price
            return RecordKind.COMPLAINT
        lasts = any(map(_mostly(evidence.is_duration), named("duration_seconds")))
        if signs >= 2 or (lasts and self._numbers):
            return RecordKind.CALL
        if len(self._numbers) >= 2 and not any(column.sided() for column in self._numbers):
            self._doubt("kind: rows with two numbers and no words are read as calls")
            return RecordKind.CALL
        if signs:
            self._doubt("kind: these rows may be calls; --kind call makes a map of such records")
        return RecordKind.COMPLAINT

    def _guess_times(self, path: str) -> None:
        needed = TIME_FIELD[self._kind]
        for field in (needed, *(["occurred_at"] if needed == "received_at" else [])):
            column = self._take(field, attrgetter("time_forms"))
            if column is None and field == needed:
                free = [*self._free()]
                dated = [column for column in free if column.is_calendar] or [
                    column for column in free if column.is_long_epoch
                ]
                if dated:
                    column = dated[0]
                    column.targets = (field,)
                    self._doubt(f"{field}: {column.name!r} has times, and no better name")
            if column is not None:
                self._times[column] = self._time_form(column)
                self._join_time_of_day(column, field)
        if needed == "received_at" and not self._targeted(needed):
            # The time of the scam is the only one: the report was received then or later.
            for column in self._columns:
                if column.targets == ("occurred_at",):
                    column.targets = (needed, "occurred_at")
                    self._doubt(f"received_at: {column.name!r} is the only time there is")
        if not self._targeted(needed):
            problem = f"no column of times that every {self._kind} must have was found"
            remedy = "add one, such as when it was created"
            for column in self._columns:
                if column.texts and column.named(self._kind, needed):
                    problem += f": what {column.name[:60]!r} has is not read as times"
                    remedy = "write them as ISO 8601: 2026-03-01T09:30:00Z"
                    break
            raise InputError(path, problem, remedy)

    def _join_time_of_day(self, date: Column, field: str) -> None:
        """Takes the one column that has the times of day of a column of mere dates."""
        if not date.is_calendar or date.share(evidence.names_time_of_day) > 1 - SURE:
            return
        scores = {  # when a call began, not when it ended
            column: (
                not column.named("marks", "changed"),
                len({*column.words.split()} & {*date.words.split()}),
            )
            for column in self._free()
            if column.share(evidence.is_time_of_day) >= SURE
            and not column.named("call", "duration_seconds")
        }
        best = [column for column, score in scores.items() if score == max(scores.values())]
        if len(best) == 1:
            best[0].targets = (field,)
            self._times[best[0]] = TimeForm.TIME_OF_DAY
        elif best:
            names = ", ".join(repr(column.name) for column in best[:3])
            self._doubt(
                f"{field}: {date.name!r} has dates alone; of {names} write {field} for the one "
                "that has its times of day, too, and time-of-day in [times]"
            )

    def _time_form(self, column: Column) -> TimeForm:
        forms = column.time_forms
        if len(forms) > 1 and any(map(evidence.ends_with_zone_name, column.texts)):
            forms = tuple(form for form in forms if form is not TimeForm.RFC_5322)  # EST is any
        for zoned in (TimeForm.ISO, TimeForm.RFC_5322):
            if zoned in forms:
                return zoned
        if forms[0] is TimeForm.EXCEL_SERIAL:
            self._doubt(
                f"times: {column.name!r} has numbers of days since 1900, as spreadsheets keep dates"
            )
        if {TimeForm.MONTH_FIRST, TimeForm.DAY_FIRST}.isdisjoint(forms):
            return forms[0]
        month, day = (
            {text for text in column.texts if evidence.time_share([text], form)}
            for form in (TimeForm.MONTH_FIRST, TimeForm.DAY_FIRST)
        )
        asks = "whether it is month-first or day-first"
        if month > day or day > month:
            if not evidence.years_may_be_first(column.texts):
                return TimeForm.MONTH_FIRST if month > day else TimeForm.DAY_FIRST
            asks = "whether the year is first or last"
        self._doubt(
            f"times: {column.name!r} does not show {asks}; until you write month-first or "
            "day-first, rows that can be read both ways are rejects"
        )
        return TimeForm.UNDECIDED

    def _guess_id(self) -> None:
        field = ID_FIELDS[self._kind]

        def is_records(column: Column) -> bool:
            of_whom = column.named(self._kind, "victim_id")
            owned = column.is_side and not column.named("marks", "happened")
            owned = owned or bool(of_whom or column.named("suspect_only", "payee"))
            generic = column.named(self._kind, field) <= max(1, of_whom)  # "id", of "customer id"
            return column.is_id and column not in self._numbers and not (generic and owned)

        column = self._take(field, is_records)
        if column is None:
            self._doubt(
                f"{field}: no column of such a name has one of its own in each row; made of its "
                "content"
            )
        elif len(column.texts) >= 10 and evidence.counts_rows(column.texts):
            self._doubt(
                f"{field}: {column.name!r} counts the rows; if each file begins at 1 again, write "
                "ignore, or rows of two files with the same number are one record"
            )

    def _guess_complaint(self) -> None:
        self._guess_numbers()
        self._guess_suspects_own()
        amounts = self._take("loss_amount", _mostly(casts.is_amount, MOST))
        known = self._take("loss_currency", _mostly(evidence.is_currency))
        if amounts is not None:
            self._guess_decimal(amounts)
            self._guess_currency(amounts, known is not None)
        self._take("victim_id", _is_pseudonym, "shown in outputs: a pseudonym, never a name")
        states = word_lists()["marks"]["states"]

        def is_brief(text: str) -> bool:
            return len(text) <= 60 and not evidence.is_email(text)

        def is_short(column: Column) -> bool:
            is_state = column.share(lambda text: plain_words(text) in states) >= 0.5
            return not column.is_prose and not is_state and column.share(is_brief) >= SURE

        for field in ("victim_region", "claimed_brand"):
            self._take(field, is_short)
        self._take("language", _mostly(evidence.is_language))
        self._guess_words("channel")
        for column in self._free():
            named = column.named("complaint", "narrative")
            if column.is_prose or (
                named > 10 and column.share(lambda text: len(text.split()) >= 3) >= 0.5
            ):
                column.targets = ("narrative",)
                column.note = "" if named else "prose"
        self._name_unread()

    def _guess_numbers(self) -> None:
        """Gives each number column a role; whose it is must be certain for it to be a suspect's."""
        victims = [
            column
            for column in self._numbers
            if column.is_victims and not column.sided("suspect", "caller_id")
        ]
        for column in self._numbers:
            if not column.targets:
                column.targets = (f"phone.{self._role_of(column, victims)}",)

    def _role_of(self, column: Column, victims: Sequence[Column]) -> Role:
        suspect, victim = column.sided("suspect"), column.is_victims
        callback, caller = column.sided("callback"), column.sided("caller_id")
        if column.is_suspects and not self._meets(column, victims):
            if callback:
                return Role.CALLBACK
            if not caller:
                self._doubt(
                    f"numbers: {column.name!r} is the suspect's; write phone.callback if it is "
                    "what victims were told to call: a caller id can be forged"
                )
            return Role.CALLER_ID
        if caller > callback and caller > 1 and self._never_the_victims(column, victims):
            column.note = "never the number of the victim beside it"
            self._doubt(
                f"numbers: {column.name!r} is read as who called the victim; write phone.victim if "
                "it is who called you"
            )
            return Role.CALLER_ID
        if column.sided("mentioned") and not victim and not suspect:
            return Role.MENTIONED
        if not victim or suspect or callback or caller or column.sided("own"):
            self._doubt(
                f"numbers: whose {column.name!r} is cannot be told, so it is withheld as a "
                "victim's; write phone.callback, phone.caller_id or phone.mentioned if not"
            )
        return Role.VICTIM

    def _meets(self, column: Column, others: Sequence[Column]) -> bool:
        """Returns whether a row has the same number in a column and in any of others."""
        return any(
            number_digits(row.get(column.name, ()))
            & number_digits(text for rival in others for text in row.get(rival.name, ()))
            for row in self._sample.rows
        )

    def _never_the_victims(self, column: Column, victims: Sequence[Column]) -> bool:
        """Returns whether another column has the victim's number, and no other has this one."""
        desk = [each for each in self._columns if each.named("marks", "service_desk") > 10]
        if len(desk) >= 3 or any(each.name.startswith("caller_id.") for each in self._columns):
            return False  # of a service desk, to which customers call
        rivals = [rival for rival in self._numbers if rival is not column]
        if column.is_doubled or self._meets(column, rivals):
            return False
        both = [
            number_digits(row.get(column.name, ())) and any(row.get(own.name) for own in victims)
            for row in self._sample.rows
        ]
        return sum(map(bool, both)) >= 5

    def _guess_suspects_own(self) -> None:
        """Reads sites, addresses, payees and ids only where the name says whose they are."""
        sites = tuple(word_lists()["suspect_only"]["url"])  # but not "Scam site host"
        questions = tuple(f"{ask} {site}" for ask in ("what", "which") for site in sites)
        for column in self._free():
            if column.share(evidence.is_email) >= MOST:
                column.targets = ("email.sender" if column.is_suspects else "email.victim",)
                if not column.is_suspects and not column.is_victims:
                    self._doubt(
                        f"{column.name!r}: whose addresses these are cannot be told, so they are "
                        "withheld as victims'; write email.sender if they are the suspect's"
                    )
                continue
            is_url = column.share(evidence.is_url) >= 0.5
            named = column.words.endswith(sites) or column.words.startswith(questions)
            is_site = named and column.share(evidence.is_site) >= 0.5
            if is_url or (is_site and column.is_suspects and not column.is_prose):
                if column.is_suspects:
                    column.targets = ("url",)
                else:
                    where = "they may be your own; write url if victims were sent there"
                    self._ignore(column, f"links are not read, as {where}")
                continue
            for key, target in _SUSPECTS_OWN.items():
                if not column.named("suspect_only", key) or column.is_prose:
                    continue
                if column.sided("suspect") and not column.is_victims:
                    column.targets = (target,)
                else:
                    self._ignore(column, _MAYBE_VICTIMS.format(target))
                break

    def _ignore(self, column: Column, doubt: str) -> None:
        column.targets = (IGNORE,)
        self._doubt(f"{column.name!r}: {doubt}")

    def _name_unread(self) -> None:
        """Says which columns of accounts, remote-access ids, losses or a suspect are not read."""
        for column in self._free():
            if column.is_prose or not column.texts or column in self._numbers:
                continue
            doubt = _MAYBE_VICTIMS
            remote = column.named("suspect_only", "remote_id")
            if column.share(evidence.is_iban) >= 0.5 or column.named("suspect_only", "payee"):
                target = _PAYEE
            elif remote and column.share(casts.last_digits) >= 0.5:
                target = "remote_access.PRODUCT (anydesk, teamviewer)"
            elif column.is_suspects and not column.is_person:
                doubt = "is not read, as nothing in it is known; write {} if it is the suspect's"
                target = "phone.callback, url or what else it is,"
            elif column.named("complaint", "loss_amount") > 10:
                doubt = "is not read, as few of its amounts can be read; write {} if they can"
                target = "loss_amount"
            else:
                continue
            self._ignore(column, doubt.format(target))

    def _guess_decimal(self, column: Column) -> None:
        commas, points, thousands = evidence.count_decimal_signs(column.texts)
        if thousands:
            commas += thousands
            read = "1500" if commas > points else "1.500"
            if commas <= points or commas == thousands + points:
                self._doubt(
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
            self._doubt(
                f"loss_currency: no column has it, and amounts of {amounts.name!r} that name "
                "none are in no total until a constant loss_currency says which"
            )

    def _guess_words(self, field: str) -> None:
        known = word_lists()["words"][field]

        def fits(column: Column) -> bool:
            distinct = {plain_words(text) for text in column.texts}
            return len(distinct) <= 20 and not distinct.isdisjoint(known)

        if column := self._take(field, fits):
            cells = {cell for row in self._sample.rows for cell in row.get(column.name, ())}
            words = sorted({cell.strip().casefold() for cell in cells if len(cell) <= 60})
            otherwise = str(Channel.OTHER) if field == "channel" else UNKNOWN
            self._words[field] = {word: known.get(plain_words(word), otherwise) for word in words}

    def _guess_call(self) -> None:
        sides = ("calling_number", "called_number")
        for field, opposite in (sides, sides[::-1]):
            mine = [
                column
                for column in self._numbers
                if column.named("call", field) >= column.named("call", opposite)
            ]
            if self._take(field, mine.__contains__):
                continue
            for column in [column for column in self._free() if column in mine][:1]:
                column.targets = (field,)
                self._doubt(f"{field}: {column.name!r} is a number, by no better name")
        suspects = [column for column in self._numbers if column.is_suspects]
        self._take("duration_seconds", _mostly(evidence.is_duration))
        self._guess_words("direction")
        if len(suspects) == 1:
            self._take_suspect(suspects[0])
        else:
            where = "a constant direction, or --calls-direction, says so"
            if "direction" in self._words:
                self._words["direction"] = dict.fromkeys(self._words["direction"], UNKNOWN)
                where = "[words.direction] says so"
                self._ask_of_one_line()
            self._doubt(
                "direction: whether the caller or the called is the suspect cannot be told, so no "
                f"call names either until {where}"
            )
        self._take("victim_id", _is_pseudonym)
        for field in ("attestation", "orig_id", "carrier", "trunk", "complaint_id"):
            self._take(field, lambda column: not column.is_prose and column not in self._numbers)

    def _ask_of_one_line(self) -> None:
        """Asks about calls of one line, which some systems name first, whoever called."""
        for column in self._targeted("calling_number"):
            if len(column.texts) >= 10 and len(number_digits(column.texts)) == 1:
                self._doubt(
                    f"direction: {column.name!r} has one number, whoever called; give all words of "
                    "[words.direction] one meaning: inbound where it is the suspect's, outbound "
                    "where the other side is"
                )

    def _take_suspect(self, suspect: Column) -> None:
        """Sets who is the suspect by the one column that is named as the suspect's number."""
        for field in ("calling_number", "called_number", "direction"):
            for column in self._targeted(field):
                column.targets = ()
        self._words.pop("direction", None)
        for column in [column for column in self._numbers if column is not suspect][:1]:
            column.targets = (*column.targets, "called_number")
        suspect.targets = (*suspect.targets, "calling_number")
        self._constants["direction"] = "inbound"

    def _guess_country(self) -> None:
        column = self._take("victim_country", _mostly(casts.country_code, MOST))
        if column is not None:
            if column.share(casts.country_code) < 1:
                self._doubt(
                    f"victim_country: {column.name!r} has names that are no country's; their rows "
                    "are rejects until [words.victim_country] says what they mean"
                )
        elif len(self._fitting) > 1 and self._numbers:
            self._doubt(
                "victim_country: no column has it, and numbers that name no country may be of "
                f"{', '.join(self._fitting)}: they are not read until a constant victim_country "
                "says which"
            )
        elif self._region and self._numbers:
            self._constants["victim_country"] = self._region
            self._doubt(
                f"victim_country: no column has it; {self._region} reads most numbers that name no "
                "country"
            )
        elif any(evidence.lacks_country(text) for column in self._numbers for text in column.texts):
            self._doubt(
                "victim_country: no column has it, and numbers that name no country are not read "
                "until a constant victim_country says of which they are"
            )


_is_pseudonym = attrgetter("is_pseudonym")


def _mostly(fits: Callable[[str], object], least: float = SURE) -> Callable[[Column], bool]:
    """Returns a check of whether nearly all texts of a column fit."""
    return lambda column: column.share(fits) >= least
