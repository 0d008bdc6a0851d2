"""`ringtrace serve RUN`: the workbench of a run on this machine, where decisions are recorded.

Only this machine reaches it, and only who has the address: it holds a random token, and without it
every answer is 403. A request that names another host, comes from another site, or lacks the page's
own secret changes nothing. Files are served from memory: those of the workbench, and no others.
"""

from __future__ import annotations

import argparse
import hmac
import os
import secrets
import socket
import sys
import tempfile
import webbrowser
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import RLock, Timer
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import key_store
from pipelines.commands.decide import RecordedDecision, record_decision, recorded_lines
from pipelines.ledger import values_withheld
from pipelines.options import UsageError, WholeNumber, add_register_options
from pipelines.progress import printable
from pipelines.user_files import contested_values, open_run, previous_run, read_decisions
from reports import tables
from reports.export import NODES_FILE
from reports.run import Run, RunError, narrative_reader
from reports.tables import TableError
from reports.workbench import static_files, write_workbench
from schemas.decision import DecisionKind
from schemas.entity import is_withheld
from schemas.tables import MEMBERS
from transforms.manifest import current_time
from transforms.private_files import PrivateFileError
from transforms.write import JobError, available_cpus, forking, local_job_pool

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from transforms.decisions import Decision

PORT = 8765

HOST = "127.0.0.1"

UNDO_SECONDS = 15.0
"""Seconds for which a decision can be undone before it is recorded."""

MOST_BODY = 20_000
"""Bytes of a request, at most: a decision is a few lines."""

MOST_TEXT = 500
"""Characters of an identifier or a reason, as a decisions file allows."""

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

SECRET_HEADER = "x-ringtrace-token"

TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the flags of `ringtrace serve`."""
    parser.add_argument("run", metavar="RUN", help="folder of a finished run")
    parser.add_argument(
        "--decisions",
        metavar="FILE",
        help="CSV or JSON Lines that decisions are added to; made where it is absent (default: "
        "the browser keeps them, to be downloaded)",
    )
    parser.add_argument("--author", metavar="NAME", help="who decides; needed with --decisions")
    parser.add_argument(
        "--previous",
        metavar="RUN",
        help="the run before, for what changed (default: the one beside RUN that it followed)",
    )
    parser.add_argument(
        "--port",
        type=WholeNumber(0, 65_535),
        default=PORT,
        metavar="N",
        help="port on this machine, 0 for any that is free (default: %(default)s)",
    )
    parser.add_argument("--open", action="store_true", help="open it in the web browser")
    add_register_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serves the workbench until it is interrupted; returns the exit status 0.

    Raises:
        RunError: if RUN is no finished run.
        UsageError: without an author for decisions, the packages of the extra, or a free port.
    """
    try:
        import uvicorn
    except ModuleNotFoundError:
        raise UsageError("serving needs starlette and uvicorn: pip install '.[serve]'") from None
    finished = open_run(arguments.run, built_on=True)
    if "://" in finished.folder:
        raise UsageError(f"{finished.folder}: local runs are served; copy it here first")
    if (arguments.decisions is None) != (arguments.author is None):
        raise UsageError("--decisions and --author go together: give both, or neither")
    _check_decisions(arguments.decisions)
    files = workbench_files(finished, previous_run(arguments.previous, finished), arguments)
    with _bound(arguments.port) as listening:
        port = listening.getsockname()[1]
        server = Server(finished, arguments.decisions, arguments.author, port, files)
        sys.stdout.write(f"{server.address}\nend it with Ctrl+C\n")
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
    if server.problem:
        raise UsageError(server.problem)
    return 0


def _open_browser(address: str) -> None:
    """Opens a browser by a file of the user's own: others see what a program is started with."""
    page = Path(tempfile.mkdtemp(prefix="ringtrace-"), "open.html")
    page.write_text(f'<meta http-equiv="refresh" content="0; url={address}">', encoding="utf-8")
    webbrowser.open(page.as_uri())


def _check_decisions(given: str | None) -> None:
    """Raises UsageError for a file that no decision could be added to."""
    if given is None:
        return
    path = Path(os.path.realpath(given))
    if path.exists():
        read_decisions(given)
    elif not path.parent.is_dir():
        raise UsageError(f"{given}: its folder is not there; give a file that can be made")


def workbench_files(
    finished: Run, previous: Run | None, arguments: argparse.Namespace
) -> dict[str, bytes]:
    """Makes the files of the workbench, but for such as name what the run withheld."""
    from transforms.exit_scan import count_withheld

    nodes = Path(finished, NODES_FILE)
    register = arguments.register_key
    values = values_withheld(finished, register, no_register=arguments.no_register)
    with (
        tempfile.TemporaryDirectory(prefix="ringtrace-") as folder,
        forking(available_cpus()),
        local_job_pool(folder) as pool,
    ):
        before = str(nodes) if nodes.is_file() else None
        try:
            write_workbench(finished, pool, previous=previous, before=before, graph=False)
        except JobError as error:
            raise UsageError(f"{finished.folder}: {error}") from None
        names = [one["name"] for one in pool.written]
        files = {name.removeprefix("report/"): Path(folder, name).read_bytes() for name in names}
    data = ((name, one) for name, one in files.items() if name.startswith("data/"))
    for name, number in count_withheld(data, values).items():
        sys.stderr.write(f"held back: {name} names {number} of what the run withheld\n")
        del files[name]
    return files


def _bound(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError:
        listening.close()
        raise UsageError(f"--port {port}: is in use; give another, or 0 for any") from None
    return listening


@dataclass(frozen=True)
class _Pending:
    """A decision that was found good and is not yet written: as the page shows it, and the call."""

    shown: dict[str, Any]
    record: Callable[[], RecordedDecision]
    timer: Timer


@dataclass(eq=False)
class Server:
    """A run, its workbench, and the file that decisions are added to; None for read-only.

    Attributes:
        token: stands in the address; without it nothing is answered.
        secret: stands in the page, and in what it asks.
        problem: why the last decision could not be written, though it was found good.
    """

    run: Run
    decisions: str | None
    author: str | None
    port: int
    files: dict[str, bytes]
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    problem: str | None = None
    _pending: _Pending | None = field(default=None, repr=False)
    _lock: RLock = field(default_factory=RLock, repr=False)

    def __post_init__(self) -> None:
        # A page cannot say in itself who may frame it: the header does.
        policy = POLICY.partition("; frame-ancestors")[0]
        page = static_files(policy, self.secret if self.decisions else "")
        self.files = self.files | page | {"": page["index.html"]}

    @property
    def address(self) -> str:
        """The address of the workbench."""
        return f"http://{HOST}:{self.port}/{self.token}/"

    def listed(self) -> dict[str, Any]:
        """Returns the decisions of the file; what may be a victim's stands under a withheld id."""
        with self._lock:
            known = read_decisions(self.decisions) if Path(self.decisions or "").exists() else ()
            names = {own: stands for stands, own in contested_values(self.run).items()}
            rows = [self._row(one, names) for one in known]
            if self._pending is not None:
                rows.append(self._pending.shown)
            problem = self.problem
        ids = pa.array(sorted({row["entity_a"] for row in rows}), pa.string())
        where = pc.field("entity_id").isin(ids)
        of = tables.read_table(self.run, MEMBERS, ["entity_id", "cluster_id"], where)
        clusters = dict(zip(*(column.to_pylist() for column in of.columns), strict=True))
        rows.sort(key=lambda one: (one["decided_at"], one["decision_id"]))
        return {
            "author": self.author,
            "problem": problem,
            "decisions": [row | {"cluster": clusters.get(row["entity_a"])} for row in rows],
        }

    def _row(self, one: Decision, names: Mapping[str, str]) -> dict[str, Any]:
        owned = one.kind is DecisionKind.VICTIM_OWNED
        shown = [
            each if is_withheld(each) else names.get(each, "withheld" if owned else each)
            for each in one.entities
        ]
        return {
            "decision_id": one.decision_id,
            "kind": str(one.kind),
            "entity_a": shown[0],
            "entity_b": shown[1] if len(shown) > 1 else None,
            "author": one.author,
            "reason": one.reason,
            "decided_at": one.decided_at.isoformat(),
        }

    def decide(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Checks a decision as `ringtrace decide` does, which records it `UNDO_SECONDS` later.

        What is recorded is signed, and cannot be taken back. The next decision and the end of the
        server record it, too.

        Returns:
            What the command prints, and all decisions.

        Raises:
            UsageError: where the command does.
        """
        named = [body["entity_a"], *([body["entity_b"]] if body.get("entity_b") else [])]
        if not all(isinstance(one, str) and len(one) <= MOST_TEXT for one in named):
            raise UsageError("name an identifier of the run")
        try:
            kind = DecisionKind(str(body["kind"]))
        except ValueError:
            raise UsageError(f"choose a decision of {', '.join(DecisionKind)}") from None
        reason = str(body.get("reason") or "").strip()
        if not reason or len(reason) > MOST_TEXT:
            raise UsageError(f"give a reason of at most {MOST_TEXT} characters")
        name, author, now = self.decisions or "", self.author or "", current_time()
        record = partial(
            record_decision, self.run, name, kind, *named, author=author, reason=reason, now=now
        )
        with self._lock:
            self.flush()
            found = record(dry_run=True)
            said = "\n".join(recorded_lines(found, name))
            added = found.decision.decision_id
            timer = Timer(UNDO_SECONDS, self.flush)
            timer.daemon = True
            shown = {
                "decision_id": added,
                "kind": str(kind),
                "entity_a": named[0],
                "entity_b": named[1] if len(named) > 1 else None,
                "author": self.author,
                "reason": reason,
                "decided_at": now.isoformat(),
                "undo": True,
            }
            self._pending = _Pending(shown, record, timer)
            timer.start()
        seconds = {"seconds": UNDO_SECONDS}
        return self.listed() | {"added": added, "said": said} | seconds

    def flush(self) -> None:
        """Records the decision that waits, if there is one."""
        with self._lock:
            waiting, self._pending = self._pending, None
            if waiting is None:
                return
            waiting.timer.cancel()
            self.problem = None
            try:
                waiting.record()
            except (UsageError, RunError, TableError, PrivateFileError, OSError) as error:
                self.problem = printable(f"{waiting.shown['decision_id']}: not recorded: {error}")

    def undo(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Drops the decision that waits.

        Raises:
            UsageError: for another one.
        """
        with self._lock:
            waiting = self._pending
            if waiting is None or waiting.shown["decision_id"] != body["decision_id"]:
                raise UsageError(
                    f"{str(body['decision_id'])[:80]}: is recorded; record one that says otherwise"
                )
            waiting.timer.cancel()
            self._pending = None
        return self.listed()

    def narrative(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Returns a masked narrative to the run's owner; who looked at it is written down.

        Raises:
            UsageError: where the run keeps none, or none of that record.
        """
        org, record = str(body["org"]), str(body["id"])
        reader = narrative_reader(self.run, key_store.private_key())
        if reader is None:
            raise UsageError("This run keeps no narratives here.")
        for batch in reader(pa.array([record], pa.string())):
            for row in batch.to_pylist():
                if (row["source_org"], row["complaint_id"]) == (org, record) and row["narrative"]:
                    self._log_view(org, record)
                    return {"narrative": row["narrative"]}
        raise UsageError("This record has no narrative.")

    def _log_view(self, org: str, record: str) -> None:
        """Adds a line to the list of views beside the decisions file."""
        path = Path(f"{os.path.realpath(self.decisions or '')}.views")
        line = f"{current_time():%Y-%m-%dT%H:%M:%SZ} {self.author} {org}|{record}"
        with self._lock, path.open("a", encoding="utf-8") as file:
            file.write(f"{printable(line)}\n")


def make_app(server: Server) -> Starlette:
    """Returns the ASGI application of a server."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    calls: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
        "api/decide": server.decide,
        "api/undo": server.undo,
        "api/narrative": server.narrative,
    }

    def refused(status: int, why: str) -> Response:
        return JSONResponse({"error": why}, status, HEADERS)

    async def answer(request: Request) -> Response:
        if why := refusal(server, request):
            return refused(403, why)
        name = request.url.path.removeprefix(f"/{server.token}/")
        if request.method != "POST":
            if name == "api/decisions" and server.decisions:
                return JSONResponse(await run_in_threadpool(server.listed), 200, HEADERS)
            if (content := server.files.get(name)) is None:
                return refused(404, "there is no such file")
            kind = TYPES.get(Path(name or "index.html").suffix, "application/octet-stream")
            return Response(content, 200, HEADERS, f"{kind}; charset=utf-8")
        if name not in calls or not server.decisions:
            return refused(404, "there is no such call")
        if len(body := await request.body()) > MOST_BODY:
            return refused(413, "too long")
        return await _called(calls[name], body, refused)

    async def _called(
        call: Callable[[Mapping[str, Any]], dict[str, Any]],
        body: bytes,
        refused: Callable[[int, str], Response],
    ) -> Response:
        import orjson

        try:
            given = orjson.loads(body)
            return JSONResponse(await run_in_threadpool(call, given), 200, HEADERS)
        except (UsageError, RunError, TableError, PrivateFileError) as error:
            return refused(400, printable(str(error)))
        except (ValueError, KeyError, TypeError):
            return refused(400, "this is no call of the workbench")

    async def failed(request: Request, error: Exception) -> Response:  # noqa: ARG001
        return refused(500, "the server failed; see its run")

    handlers: Mapping[Any, Callable[[Any, Exception], Awaitable[Response]]] = {Exception: failed}
    return Starlette(
        routes=[Route("/{path:path}", answer, methods=["GET", "HEAD", "POST"])],
        exception_handlers=handlers,
    )


def refusal(server: Server, request: Request) -> str | None:
    """Returns why a request is refused; None for one of the workbench's own.

    The name of the host guards against a site that gives its own name this machine's address (DNS
    rebinding), the origin and the secret against a form or script of another site (CSRF).
    """
    if request.headers.get("host", "") not in (f"{HOST}:{server.port}", f"localhost:{server.port}"):
        return "another host"
    _, token, *rest = f"{request.url.path}/".split("/", 2)
    if not hmac.compare_digest(token.encode(), server.token.encode()) or not rest:
        return "the address lacks the token that `ringtrace serve` printed"
    path = request.url.path.removeprefix(f"/{server.token}/")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return "another site"
    if request.method != "POST" and not path.startswith("api/"):
        return None
    origin = request.headers.get("origin")
    own = {f"http://{host}:{server.port}" for host in (HOST, "localhost")}
    if (request.method == "POST" and origin is None) or origin not in (None, *own):
        return "another site"
    given = request.headers.get(SECRET_HEADER, "")
    if not hmac.compare_digest(given.encode(), server.secret.encode()):
        return "the call lacks the page's secret"
    if request.method == "POST" and request.headers.get("content-type") != "application/json":
        return "the call is no JSON"
    return None
