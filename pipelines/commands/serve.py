"""`ringtrace serve RUN`: the workbench of a run on this machine, where decisions are recorded.

Only this machine reaches it, and only with the address. The address has a random token; without
it every answer is 403. A request changes nothing if it names another host, comes from another
site, or lacks the page's secret. Only the workbench's files are served, from memory.

From a folder of several runs, or of a stream, it serves each run on request. No part of a request
becomes a path. The file is long because it has all code that answers or refuses a request.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import socket
import sys
import tempfile
import time
import webbrowser
from argparse import Namespace
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import RLock, Timer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import key_store
from pipelines.commands.decide import record_decision, recorded_lines
from pipelines.journal import Accepted, Journal, is_same
from pipelines.ledger import values_withheld
from pipelines.options import (
    PEOPLE_FLAG,
    REGISTER_FLAGS,
    BusyError,
    Json,
    Row,
    UsageError,
    WholeNumber,
    all_of,
    flag,
    say,
    switch,
    usage_errors,
)
from pipelines.people import is_two_person, person_named, read_people
from pipelines.progress import printable
from pipelines.user_files import (
    check_unchanged,
    contested_values,
    open_run,
    previous_run,
    read_decisions,
)
from pipelines.workbench_state import (
    ALERTS_FOLDER,
    NextRun,
    alert_of,
    clock_of,
    find_runs,
    note_of,
    read_alerts,
    without_withheld,
    workbench_files,
)
from reports import tables
from reports.decided_evidence import evidence_digest
from reports.run import Run, narrative_reader
from reports.tables import TableError
from reports.workbench import static_files
from schemas.decision import DecisionKind
from schemas.entity import is_withheld
from schemas.extras import install_command
from schemas.field import TEXT
from schemas.tables import MEMBERS
from transforms.arrow import row_tuples
from transforms.custody import AlteredRunError, PrivateFileError, RunError, current_time
from transforms.decisions import JUDGING_ROLES, ROLES, Decision, People, Person, is_blind

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

PORT = 8765

HOST = "127.0.0.1"

UNDO_SECONDS = 15.0
"""Seconds before a decision is recorded; until then it can be undone."""

RETRY_SECONDS = 1.0
"""Seconds before recording is tried again, after another process prevented it."""

MOST_BODY = 20_000
"""Largest request, in bytes: a decision is a few lines."""

KEPT_RUNS = 4
"""Number of runs whose workbenches stay in memory: the last ones requested."""

MOST_TEXT = 500
"""Longest identifier, in characters, as in a decisions file."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

HIDDEN_JUDGEMENT = {
    "decision_id": "",
    "kind": "second_wanted",
    "author": "",
    "reason": "",
    "decided_at": "",
}
"""The row shown in place of a decision that a second person must not see."""

_REFUSED = "was not recorded; its server says why when it ends"

SECRET_HEADER = "x-ringtrace-token"

_JUDGED = "decide evidence undo narrative note notes acknowledge"

NEEDED_ROLES = {f"api/{name}": JUDGING_ROLES for name in _JUDGED.split()} | {
    "api/rerun": {"runner"},
    "api/views": {"owner"},
}
"""Roles for a call; the caller needs one of them. Anyone let in may make other calls."""

READ_ONLY_CALLS = ("api/about", "api/alerts")
"""Calls that a read-only workbench answers."""

TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


add_arguments = all_of(
    flag("run", "RUN", "folder of a finished run, of several, or of a stream"),
    flag(
        "--decisions",
        "FILE",
        "CSV or JSON Lines that decisions are added to; made where it is absent (default: "
        "the browser keeps them, to be downloaded)",
    ),
    flag("--author", "NAME", "who decides; needed with --decisions"),
    flag(
        "--rerun",
        "FILE",
        "TOML of options of ringtrace batch, by which a button makes the next run with the "
        "new decisions, beside the last one; needs --decisions",
    ),
    flag(
        "--previous",
        "RUN",
        "the run before, for what changed (default: the one beside RUN that it followed)",
    ),
    flag(
        "--port",
        "N",
        "port on this machine, 0 for any that is free (default: %(default)s)",
        type=WholeNumber(0, 65_535),
        default=PORT,
    ),
    flag(
        "--user-header",
        "NAME",
        "behind a proxy that signs people in: the header in which it gives their name, in "
        "place of --author; needs --public-url",
    ),
    PEOPLE_FLAG,
    flag(
        "--role-header",
        "NAME",
        "the header in which that proxy gives the roles of the user, in place of those in --people",
    ),
    flag("--public-url", "URL", "the address of that proxy, as browsers see it"),
    switch("--open", "open it in the web browser"),
    REGISTER_FLAGS,
)
"""The flags of `ringtrace serve`."""


def run(arguments: Namespace) -> int:
    """Serves the workbench until it is interrupted; returns the exit status 0.

    Raises:
        RunError: if RUN is no finished run.
        UsageError: if an author for decisions, the extra's packages or a free port is missing.
    """
    try:
        import uvicorn
    except ModuleNotFoundError:
        install = install_command("serve")
        raise UsageError(f"serving needs starlette and uvicorn: {install}") from None
    if "://" in str(arguments.run):
        raise UsageError(f"{arguments.run}: only a local run can be served; copy it here first")
    _check_flags(arguments)
    runs = find_runs(arguments.run)
    first = open_run(next(iter(runs.values())).folder, built_on=True)
    people = read_people(arguments.people)
    author = arguments.author and person_named(arguments.author, people).id
    _check_decisions(arguments.decisions)
    before = previous_run(arguments.previous, first)
    files = workbench_files(first, before, arguments, may_fork=True)
    with _bound(arguments.port) as listening:
        port = listening.getsockname()[1]
        server = Server(first, arguments.decisions, author, port, files)
        server.people, server.role_header = people, arguments.role_header
        server.people_file = arguments.people
        server.folder, server.arguments = Path(arguments.run), arguments
        server.user_header, server.public_url = arguments.user_header, arguments.public_url
        if arguments.rerun:
            register = ["--no-register"] if arguments.no_register else []
            if arguments.register_key:
                register = ["--register-key", arguments.register_key]
            if arguments.people:
                register += ["--people", arguments.people]
            server.next_run = NextRun(arguments.rerun, arguments.decisions, register)
        server.record_later(0)
        say(f"{server.address}\nend it with Ctrl+C")
        sys.stdout.flush()
        if arguments.open:
            _open_browser(server.address)
        settings = uvicorn.Config(
            make_app(server), log_level="critical", access_log=False, server_header=False
        )
        try:
            with suppress(KeyboardInterrupt):
                uvicorn.Server(settings).run(sockets=[listening])
        finally:
            server.flush()
            if server.next_run:
                server.next_run.end()
    if problem := server.problem():
        raise UsageError(problem)
    return 0


def _check_flags(arguments: Namespace) -> None:
    """Raises UsageError for flags that exclude or need each other."""
    if (arguments.user_header is None) != (arguments.public_url is None):
        raise UsageError("--user-header and --public-url go together: give both, or neither")
    named = arguments.author is not None or arguments.user_header is not None
    if (arguments.decisions is None) == named:
        raise UsageError("--decisions and --author go together: give both, or neither")
    if arguments.author is not None and arguments.user_header is not None:
        raise UsageError("--author and --user-header both say who decides: give one")
    if arguments.rerun is not None:
        if arguments.decisions is None:
            raise UsageError("--rerun makes a run with new decisions: give --decisions, too")
        from pipelines.batch.options import parse

        with usage_errors(UsageError, before=f"--rerun {arguments.rerun}: "):
            parse(["--config", arguments.rerun, "--output", "next"])
    url = urlsplit(arguments.public_url or "https://host")
    if url.scheme not in ("http", "https") or not url.netloc or url.path.strip("/") or url.query:
        raise UsageError(f"--public-url {arguments.public_url}: give one such as https://HOST")
    if arguments.role_header is not None and arguments.user_header is None:
        raise UsageError("--role-header is of the user whom a proxy names: give --user-header, too")
    if arguments.role_header and arguments.role_header.lower() == arguments.user_header.lower():
        raise UsageError("--role-header and --user-header name one header: give another for roles")
    for name in ("user", "role"):
        header = getattr(arguments, f"{name}_header") or "X-User"
        if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", header):
            raise UsageError(
                f"--{name}-header {header}: is no name of a header; give one such as X-User"
            )


def _open_browser(address: str) -> None:
    """Opens a browser by a private file: other users can read a program's arguments."""
    page = Path(tempfile.mkdtemp(prefix="ringtrace-"), "open.html")
    page.write_text(f'<meta http-equiv="refresh" content="0; url={address}">', encoding="utf-8")
    webbrowser.open(page.as_uri())


def _check_decisions(name: str | None) -> None:
    """Raises UsageError for a file that cannot take decisions."""
    if name is None:
        return
    path = Path(os.path.realpath(name))
    if path.exists():
        read_decisions(name, with_journal=False)
    elif not path.parent.is_dir():
        raise UsageError(f"{name}: its folder is not there; give a file that can be made")


def _bound(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError:
        raise UsageError(f"--port {port}: is in use; give another, or 0 for any") from None


@dataclass(frozen=True)
class Caller:
    """The run that the page of a call shows, and who makes the call."""

    run: Run
    author: str
    roles: frozenset[str] = frozenset(ROLES)

    def may(self, call: str) -> bool:
        """Tells whether one of the caller's roles allows a call."""
        return call not in NEEDED_ROLES or not self.roles.isdisjoint(NEEDED_ROLES[call])


@dataclass(eq=False, repr=False)
class Server:
    """A run, its workbench, and its decisions file; None for read-only.

    Attributes:
        token: a part of the address; requests without it are refused.
        secret: a part of the page; its calls must send it.
        folder: the folder of the other runs and a stream's alerts; None for one run.
        arguments: the flags for making the workbenches of the other runs.
        user_header: the proxy's header with the user's name; without it, `author` decides.
        public_url: the proxy's address.
        role_header: the proxy's header with the user's roles; None takes them from `people`.
        people: the people let in; if empty, everybody.
        people_file: their file, read again for each request.
        next_run: the run that the button for a rerun starts; None without a button.
    """

    run: Run
    decisions: str | None
    author: str | None
    port: int
    files: dict[str, bytes]
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    folder: Path | None = None
    arguments: Namespace | None = None
    user_header: str | None = None
    public_url: str | None = None
    role_header: str | None = None
    people: People = field(default_factory=dict)
    people_file: str | None = None
    next_run: NextRun | None = None
    _name: str = field(default_factory=lambda: secrets.token_hex(8))
    _shown: dict[str, Run] = field(default_factory=dict)
    _opened: dict[str, tuple[Run, dict[str, bytes]]] = field(default_factory=dict)
    _opening: RLock = field(default_factory=RLock)

    def __post_init__(self) -> None:
        self.files = self._with_page(self.files)
        # A read-only server refuses the calls that need it.
        self.journal: Any = Journal(self.decisions) if self.decisions else None

    def _with_page(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        # Only a header can say who may frame a page.
        policy = POLICY.partition("; frame-ancestors")[0]
        page = static_files(policy, self.secret)
        return {**files, **page, "": page["index.html"]}

    @property
    def address(self) -> str:
        """The address of the workbench."""
        own = self.public_url or f"http://{HOST}:{self.port}"
        return f"{own.rstrip('/')}/{self.token}/"

    def runs(self) -> dict[str, Run]:
        """Returns the runs that are in the folder now, by name."""
        runs = find_runs(self.folder) if self.folder else {"run": self.run}
        made = self.next_run.output if self.next_run else None
        if made is not None and made.name not in runs:
            runs = {made.name: Run.open(made), **runs}
        return runs

    def is_two_person(self) -> bool:
        """Tells whether two people judge on any of the runs; all share the decisions file."""
        return any(map(is_two_person, self.runs().values()))

    def shown(self, name: str | None) -> tuple[Run, Mapping[str, bytes]] | None:
        """Returns the run of a name and the files of its workbench; None for no such run.

        Raises:
            UsageError: for a run that cannot be shown; also RunError and TableError.
        """
        if name is None:
            return self.run, self.files
        run = self.runs().get(name)
        if run is None:
            return None
        if run == self.run:
            return self.run, self.files
        with self._opening:
            if name not in self._opened and self.arguments is not None:
                opened = open_run(run.folder, built_on=True)
                before = previous_run(None, opened)
                files = workbench_files(opened, before, self.arguments, may_fork=False)
                self._opened[name] = opened, self._with_page(files)
                while len(self._opened) > KEPT_RUNS:
                    del self._opened[next(iter(self._opened))]
            return self._opened.get(name)

    def about(self, caller: Caller) -> Json:
        """Returns the runs that can be shown, and the calls that the page can make."""
        rows = [
            {
                "name": name,
                "run": run.run_id,
                "clock": clock_of(run),
                "snapshot": "snapshot" in run.manifest["options"],
                "href": f"/{self.token}/r/{name}/",
                "current": run == caller.run,
            }
            for name, run in self.runs().items()
        ]
        return {
            "runs": rows,
            "author": caller.author,
            "names": {person.id: person.name or person.id for person in self.people.values()},
            "refused": [call for call in NEEDED_ROLES if not caller.may(call)],
            "records": self.decisions is not None,
            "alerts": self.folder is not None and (self.folder / ALERTS_FOLDER).is_dir(),
            "rerun": self.next_run.status() if self.next_run and caller.may("api/rerun") else None,
        }

    def alerts(self, caller: Caller) -> Json:
        """Returns the stream's newest alerts, except those that name withheld values."""
        alerts = read_alerts(self.folder) if self.folder else []
        flags = self.arguments
        if flags is None:
            return {"alerts": alerts, "held_back": 0}
        values = values_withheld(caller.run, flags.register_key, no_register=flags.no_register)
        shown, bad = without_withheld(alerts, values)
        return {"alerts": shown, "held_back": bad}

    def views(self, caller: Caller) -> Json:  # noqa: ARG002
        """Returns who looked at which narrative, and when, the latest first."""
        return {"views": [asdict(view) for view in reversed(self.journal.views())]}

    def rerun(self, body: Row, caller: Caller) -> Json:  # noqa: ARG002
        """Starts a run that follows the run shown; errors as `NextRun.start`."""
        if self.next_run is None:
            raise UsageError("serve with --rerun FILE to make runs from here")
        self.flush(caller.author)
        if problem := self.problem(caller):
            raise UsageError(problem)
        if "snapshot" in caller.run.manifest["options"]:
            raise UsageError("a snapshot of a stream is not run again: the stream reads decisions")
        two = ["--two-person"] if self.is_two_person() else []
        self.next_run.start(caller.run.folder, two)
        return self.next_run.status()

    def listed(self, caller: Caller | None = None) -> Json:
        """Returns the decisions of the file, with victims' identifiers under withheld ids.

        A verdict is hidden from all but its author while a second person has still to judge.
        """
        caller = caller or Caller(self.run, self.author or "")
        two_person = self.is_two_person()
        recorded = self._recorded(two_person=two_person)
        is_hidden = is_blind(recorded, self.people)

        def shown(decisions: Sequence[Decision]) -> list[Json]:
            rows = self._rows(decisions, caller.run)
            return [
                {name: row[name] for name in ("entity_a", "entity_b")} | HIDDEN_JUDGEMENT
                if two_person and decision.author != caller.author and is_hidden(decision)
                else row
                for decision, row in zip(decisions, rows, strict=True)
            ]

        rows = shown(recorded)
        waiting = [each.decision for each in self.journal.waiting()]
        for decision, row in zip(waiting, shown(waiting), strict=True):
            rows.append(row | {"undo": decision.author == caller.author})
        # The reason may name verdicts that the caller must not see.
        refused = [
            self._rows([decision], caller.run)[0]
            | {"undo": True, "why": _REFUSED if two_person else printable(why)}
            for decision, why in self.journal.refused(caller.author)
        ]
        ids = pa.array(sorted({row["entity_a"] for row in rows}), TEXT)
        where = pc.field("entity_id").isin(ids)
        members = tables.read_table(caller.run, MEMBERS, ["entity_id", "cluster_id"], where)
        clusters = dict(row_tuples(members))
        rows.sort(key=lambda row: (row["decided_at"], row["decision_id"]))
        return {
            "author": caller.author,
            "problem": self.problem(caller),
            "decisions": [row | {"cluster": clusters.get(row["entity_a"])} for row in rows],
            "refused": refused,
        }

    def _rows(self, decisions: Iterable[Decision], run: Run) -> list[Json]:
        names = {own: stands for stands, own in contested_values(run).items()}
        rows = []
        for decision in decisions:
            owned = decision.kind is DecisionKind.VICTIM_OWNED
            shown = [
                each if is_withheld(each) else names.get(each, "withheld" if owned else each)
                for each in decision.entities
            ]
            row = {
                "decision_id": decision.decision_id,
                "kind": str(decision.kind),
                "entity_a": shown[0],
                "entity_b": shown[1] if len(shown) > 1 else None,
                "author": decision.author,
                "reason": decision.reason,
                "decided_at": decision.decided_at.isoformat(),
                "signed_by": decision.signed_by,
            }
            rows.append(row)
        return rows

    def decide(self, body: Row, caller: Caller) -> Json:
        """Checks a decision as `ringtrace decide` does, and records it `UNDO_SECONDS` later.

        The decision is on the disk when this returns. Once recorded, it is signed and cannot be
        undone. When the server ends, it records waiting decisions.

        Returns:
            The command's output, the number of identifiers that it covers, and all decisions.

        Raises:
            UsageError: as the command.
        """
        two_person = self.is_two_person()
        if two_person and not is_two_person(caller.run):
            raise UsageError("this run was made without --two-person; decide on the latest one")
        a, b = body["entity_a"], body.get("entity_b") or None
        if not all(isinstance(entity, str) and len(entity) <= MOST_TEXT for entity in (a, b or "")):
            raise UsageError("name an identifier of the run")
        try:
            kind = DecisionKind(str(body["kind"]))
        except ValueError:
            raise UsageError(f"choose a decision of {', '.join(DecisionKind)}") from None
        reason, digest, opened = (
            str(body.get(name) or "").strip() for name in ("reason", "evidence_digest", "opened")
        )
        if not digest or not opened:
            raise UsageError("the page did not say what it shows; reload it")
        name = self.decisions or ""
        asked = Decision(
            "",
            kind,
            a,
            b,
            caller.author,
            reason,
            current_time(),
            expires_at=None,
            evidence_digest=digest,
            opened=opened,
        )
        waiting = [each.decision for each in self.journal.waiting()]
        recorded = record_decision(
            caller.run,
            name,
            asked,
            waiting=waiting,
            taken=self.journal.ids(),
            dry_run=True,
            people=self.people,
        )
        self._shown[caller.run.folder] = caller.run
        self.journal.accept(
            recorded.decision, caller.run.folder, self._name, time.time() + UNDO_SECONDS
        )
        self.record_later(UNDO_SECONDS)
        more = {
            "added": recorded.decision.decision_id,
            "covers": len(recorded.decision.members or ()),
            "said": "\n".join(recorded_lines(recorded, name)),
            "seconds": UNDO_SECONDS,
        }
        return self.listed(caller) | more

    def evidence(self, body: Row, caller: Caller) -> Json:
        """Returns the digest of the run's evidence on an identifier; errors as `check_unchanged`.

        The page shows data of the same tables, unchanged since the run was opened.
        """
        check_unchanged(caller.run)
        return {"digest": evidence_digest(caller.run, str(body["entity"]))}

    def record_later(self, seconds: float) -> None:
        """Records, after some seconds, the decisions that are due then."""
        timer = Timer(seconds, self._settle, [lambda each: each.due <= time.time()])
        timer.daemon = True
        timer.start()

    def flush(self, author: str | None = None) -> None:
        """Records at once the decisions that this server accepted, of one author or of all."""

        def is_due(each: Accepted) -> bool:
            own = each.server == self._name and author in (None, each.decision.author)
            return own or each.due <= time.time()

        self._settle(is_due)

    def problem(self, caller: Caller | None = None) -> str | None:
        """Returns why the last accepted decision was not recorded.

        The reason is left out if it may name verdicts that the caller must not see.
        """
        problem = self.journal.problem if self.journal else None
        if problem and caller and self.is_two_person():
            return f"a decision {_REFUSED}"
        return problem and printable(problem)

    def _settle(self, is_due: Callable[[Accepted], bool]) -> None:
        if self.journal is None:
            return
        try:
            self.journal.settle(is_due, self._record)
        except (BusyError, OSError):  # also a full disk
            self.record_later(RETRY_SECONDS)
        except UsageError as error:  # an error of the journal; it loses nothing
            self.journal.problem = str(error)

    def _record(self, accepted: Accepted) -> None:
        """Records a decision, unless a server that died had recorded it."""
        if not any(is_same(accepted.decision, each) for each in self._recorded()):
            run = self._shown.get(accepted.run) or open_run(accepted.run, built_on=True)
            own = accepted.decision.decision_id
            record_decision(
                run,
                self.decisions or "",
                accepted.decision,
                taken=self.journal.ids() - {own},
                wanted_id=own,
                people=self.people,
            )

    def _recorded(self, *, two_person: bool = False) -> tuple[Decision, ...]:
        name = self.decisions if Path(self.decisions or "").exists() else None
        return read_decisions(name, self.people, two_person=two_person, with_journal=False)

    def undo(self, body: Row, caller: Caller) -> Json:
        """Drops a decision; errors as `Journal.undo`, without another's verdict."""
        try:
            self.journal.undo(str(body["decision_id"]), caller.author)
        except UsageError:
            if not self.is_two_person():
                raise
            raise UsageError("only its author undoes a decision, before it is recorded") from None
        return self.listed(caller)

    def narrative(self, body: Row, caller: Caller) -> Json:
        """Returns a masked narrative to the run's owner, and writes down who looked at it.

        Raises:
            UsageError: if the run keeps no narratives, or none of that record.
        """
        org, record = str(body["org"]), str(body["id"])
        reader = narrative_reader(caller.run, key_store.private_key())
        if reader is None:
            raise UsageError("This run keeps no narratives here.")
        for batch in reader(pa.array([record], TEXT)):
            for row in batch.to_pylist():
                if (row["source_org"], row["complaint_id"]) == (org, record) and row["narrative"]:
                    self.journal.keep_view(caller.author, org, record, caller.run.run_id)
                    return {"narrative": row["narrative"]}
        raise UsageError("This record has no narrative.")


def make_app(server: Server) -> Starlette:
    """Returns the ASGI application of a server."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    journal = server.journal
    calls: dict[str, Callable[[Row, Caller], Json]] = {
        "api/decide": server.decide,
        "api/evidence": server.evidence,
        "api/undo": server.undo,
        "api/narrative": server.narrative,
        "api/note": lambda body, caller: journal.note(*note_of(body), caller.author),
        "api/acknowledge": lambda body, caller: journal.note(
            alert_of(body), {"acknowledged": ""}, caller.author
        ),
        "api/rerun": server.rerun,
    }
    lists: dict[str, Callable[[Caller], Json]] = {
        "api/decisions": server.listed,
        "api/about": server.about,
        "api/notes": lambda _: journal.notes(),
        "api/views": server.views,
        "api/alerts": server.alerts,
    }

    def refused(status: int, why: str) -> Response:
        return JSONResponse({"error": why}, status, HEADERS)

    async def answer(request: Request) -> Response:
        if why := refusal(server, request):
            return refused(403, why)
        try:
            user = user_of(server, request)
        except UsageError as error:
            return refused(403, printable(str(error)))
        chosen, name = asked_for(server, request)
        is_call = name in calls and request.method == "POST"
        is_list = name in lists and request.method != "POST"
        answers = (is_call or is_list) and (server.decisions or name in READ_ONLY_CALLS)
        if name.startswith("api/") and not answers:
            return refused(404, "there is no such call")
        if not Caller(server.run, user.id, user.roles).may(name):
            needed = " or ".join(sorted(NEEDED_ROLES[name]))
            return refused(403, f"your role does not allow this: it needs {needed}")
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MOST_BODY:
                return refused(413, "too long")

        def respond() -> Response:
            opened = server.shown(chosen)
            if opened is None:
                return refused(404, "there is no such run")
            run, files = opened
            caller = Caller(run, user.id, user.roles)
            if is_call:
                call = msgspec.json.decode(bytes(body), type=Json)
                return JSONResponse(calls[name](call, caller), 200, HEADERS)
            if is_list:
                return JSONResponse(lists[name](caller), 200, HEADERS)
            if request.method == "POST" or (content := files.get(name)) is None:
                return refused(404, "there is no such file")
            kind = TYPES.get(Path(name or "index.html").suffix, "application/octet-stream")
            return Response(content, 200, HEADERS, f"{kind}; charset=utf-8")

        try:
            return await run_in_threadpool(respond)
        except (UsageError, RunError, TableError, AlteredRunError, PrivateFileError) as error:
            return refused(400, printable(str(error)))
        except OSError as error:
            return refused(400, printable(f"{error.strerror}; nothing was recorded"))
        except (ValueError, KeyError, TypeError, RecursionError):
            return refused(400, "this is no call of the workbench")

    async def failed(request: Request, error: Exception) -> Response:  # noqa: ARG001
        return refused(500, "the server failed; see its run")

    handlers: Mapping[Any, Callable[[Any, Exception], Awaitable[Response]]] = {Exception: failed}
    return Starlette(
        routes=[Route("/{path:path}", answer, methods=["GET", "HEAD", "POST"])],
        exception_handlers=handlers,
    )


def asked_for(server: Server, request: Request) -> tuple[str | None, str]:
    """Returns the name of a request's run, None for the first run, and the name of its file."""
    rest = request.url.path.removeprefix(f"/{server.token}/")
    if rest.startswith("r/"):
        _, name, rest = f"{rest}//".split("/", 2)
        return name, rest.removesuffix("//").removesuffix("/")
    return None, rest


def user_of(server: Server, request: Request) -> Person:
    """Returns the caller: the author, or with --user-header the user whom the proxy names.

    Without a proxy, the caller started the server and has every role. Behind a proxy without roles
    and without a list of people, everybody has every role except the owner's.

    Raises:
        UsageError: for a missing user, or a user who is not let in.
    """
    if server.user_header is None:
        return Person(id=server.author or "", roles=frozenset(ROLES))
    if server.people_file is not None:
        server.people = read_people(server.people_file)
    person = person_named(_header(request, server.user_header), server.people)
    roles = person.roles if server.people else frozenset(ROLES) - {"owner"}
    if server.role_header is not None:
        words = re.split(r"[\s,;]+", _header(request, server.role_header))
        roles = frozenset(ROLES).intersection(words)
    return Person(id=person.id, roles=roles)


def _header(request: Request, name: str) -> str:
    """Returns a header in UTF-8 that must occur once; servers decode its bytes as Latin-1."""
    values = request.headers.getlist(name)
    if len(values) != 1:
        raise UsageError(f"the proxy must give the header {name} once")
    try:
        return str(values[0]).encode("latin-1").decode()
    except UnicodeError:
        raise UsageError(f"the proxy's header {name} is not in UTF-8") from None


def refusal(server: Server, request: Request) -> str | None:
    """Returns why a request is refused; None for a request of the workbench itself.

    The check of the host stops a site whose name resolves to this machine (DNS rebinding). The
    checks of origin and secret stop a form or script of another site (CSRF).
    """
    own = {f"http://{host}:{server.port}" for host in (HOST, "localhost")}
    if server.public_url:
        own.add(server.public_url.rstrip("/"))
    if request.headers.get("host", "") not in {urlsplit(address).netloc for address in own}:
        return "another host"
    _, token, *rest = f"{request.url.path}/".split("/", 2)
    if not hmac.compare_digest(token.encode(), server.token.encode()) or not rest:
        return "the address lacks the token that `ringtrace serve` printed"
    _, path = asked_for(server, request)
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return "another site"
    if request.method != "POST" and not path.startswith("api/"):
        return None
    origin = request.headers.get("origin")
    if (request.method == "POST" and origin is None) or origin not in (None, *own):
        return "another site"
    secret = request.headers.get(SECRET_HEADER, "")
    if not hmac.compare_digest(secret.encode(), server.secret.encode()):
        return "the call lacks the page's secret"
    if request.method == "POST" and request.headers.get("content-type") != "application/json":
        return "the call is no JSON"
    return None
