"""A run on disk: its manifest, tables and graph, and its private files for its owner.

    run = Run.open("runs/demo")
    run.run_id
    run.notes                      # what to know before relying on it, such as that it is unsigned
    run.clusters                   # Arrow, by priority
    run.table("entities")          # Arrow
    run.frame("entities")          # pandas, with the extra `notebook`
    run.graph                      # networkx: members and suppliers
    run.cluster("c-0123456789ab")  # the members of one cluster
    run.explain("(888) 555-0123")  # text, as `ringtrace explain`

Every function of `reports` that reads the tables of a run takes a `Run`, or the path of its folder.
A table of an opened run is compared with the manifest once, before it is first read.
Only functions of this module read private files. Static pages, exports and downloads do not: they
quote complaints/, which has narratives only in a run of --keep-narratives.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from reports import tables
from reports.tables import NarrativeReader, kept_narratives
from schemas.extras import install_command
from schemas.joint import CONTRIBUTORS, OFFERED_CLUSTERS, UNION_LINKS
from schemas.manifest import MANIFEST_NAME, PRIVATE_MANIFEST, SIGNATURE_NAME, Manifest
from schemas.tables import (
    ALL_TABLES,
    CLUSTERS,
    COMPONENTS,
    MEMBERS,
    NARRATIVES,
    PRIVATE_TABLES,
    TABLES_BY_NAME,
    Table,
)
from transforms.custody import (
    REMEDY,
    AlteredRunError,
    PrivateFileError,
    PrivateKey,
    RunError,
    check_private,
    check_table,
    check_tables,
    files_of,
    open_private,
    parse_manifest,
    private_files,
    private_root,
    read_private_manifest,
)
from transforms.gates import MOST_BYTES, RefusedFileError, open_bytes, read_bytes
from transforms.read.parquet_limits import OverLimitError, open_parquet
from transforms.values import SourceRules, rules_in_force

if TYPE_CHECKING:
    import networkx as nx
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


Keys = Callable[[], Mapping[str, Sequence["Ed25519PublicKey"]]]
"""Returns the public keys by their organisation; an empty text stands for one's own."""

BUILT_ON = (*ALL_TABLES, CONTRIBUTORS, UNION_LINKS, OFFERED_CLUSTERS)
"""The tables of a run, and the further tables of a joint run."""

LONGEST_SIGNATURE = 4_097
"""Bytes that are read of a signature file: one more than any has."""

MANY_CLUSTERS = 10_000
"""From this many clusters on, an unknown id brings no suggestion: the search takes a second."""


NO_NARRATIVES = (
    "the run keeps no narratives, or this is a copy without its private/, or that is not yours to "
    "read"
)
"""Reason for which no narrative can be quoted."""


@dataclass(frozen=True)
class Custody:
    """The signatures of an opened run.

    Attributes:
        key_id: of the key that signed the manifest; None if it is unsigned.
        org: the organisation of that key, an empty text for one's own; None for an unknown key.
        private_key_id: of the key that signed the manifest of the private files.
        private_org: the organisation of that key, as `org`.
    """

    key_id: str | None = None
    org: str | None = None
    private_key_id: str | None = None
    private_org: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Run(os.PathLike[str]):
    """The folder of a run, or its object-store URL, and its manifest; tables are read when asked.

    `Run.open` reads a finished run. The constructor is for a run that is still being written, whose
    tables are not compared with the manifest. Two runs are equal if folder and run id are the same.
    A pickle has the manifest and no tables.
    """

    folder: str
    manifest: Manifest
    custody: Custody | None = None

    @classmethod
    def open(cls, folder: str | os.PathLike[str], keys: Keys | None = None) -> Run:
        """Opens a finished run.

        Args:
            folder: Of the run, or its object-store URL.
            keys: Returns the keys that may have signed it. Without, its signature is not checked.

        Raises:
            RunError: if it is no folder, or its manifest is missing, not JSON, not a run's, of
                another version of the contract, or incomplete.
            AlteredRunError: if a signature does not fit.
            TypeError: if `folder` is no path.
        """
        path = _path(folder)
        try:
            if "://" in path:
                fs.FileSystem.from_uri(path)  # tables are Arrow's to read
            content = read_bytes(f"{path.rstrip('/')}/{MANIFEST_NAME}")
        except RefusedFileError as error:
            why = f"its {MANIFEST_NAME} {error.strerror}"
            raise RunError(f"{path}: is not a finished run: {why}") from None
        except (OSError, ValueError, pa.ArrowException):  # ValueError: a path with a NUL in it
            raise RunError(f"{path}: is not a finished run: it has no {MANIFEST_NAME}") from None
        manifest = parse_manifest(content, path)
        custody = _custody(path, manifest, content, keys) if keys is not None else Custody()
        return cls(path, manifest, custody)

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self.manifest["run_id"]

    @property
    def offers(self) -> list[dict[str, Any]]:
        """The offers in a joint run, as its manifest has them; empty for any other run."""
        offers: Any = self.manifest["options"].get("offers")
        return offers or []

    @cached_property
    def moment(self) -> datetime:
        """The run's --as-of, or else the time of its newest record: when an export was made."""
        as_of = self.manifest["options"].get("as_of")
        if isinstance(as_of, str):
            return datetime.fromisoformat(as_of)
        newest = pc.max(self.table(CLUSTERS, ["last_seen"])["last_seen"]).as_py()
        return newest or datetime.min.replace(tzinfo=UTC)

    @property
    def is_signed(self) -> bool:
        """True if the manifest is signed by a key that is one's own or trusted."""
        return self.custody is not None and self.custody.org is not None

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what it lacks beside a signed run of this version, or on who signed it."""
        return tuple(_notes(self))

    def check(self, table: Table) -> None:
        """Compares the files of a table with the manifest, unless the run is still being written.

        Raises:
            AlteredRunError: naming the first file that is not what the run wrote.
        """
        if self.custody is not None and table.name not in self._checked:
            check_table(self.folder, self.manifest, table)
            self._check_sizes([table])
            self._checked.add(table.name)

    def check_all(self) -> None:
        """Compares the files of all tables and the private ones; errors as `check`."""
        check_tables(self.folder, self.manifest, BUILT_ON)
        self._check_sizes([*BUILT_ON, *PRIVATE_TABLES])
        self._checked.update(table.name for table in BUILT_ON)

    def _check_sizes(self, of_tables: Iterable[Table]) -> None:
        """Refuses files that decode to more than their size allows, unless known keys signed."""
        for table in of_tables if not self.is_signed else ():
            if table is not COMPONENTS:  # a memo, which may be gone
                for file in files_of(self.manifest, table):
                    tables.check_size(f"{self.folder.rstrip('/')}/{file['name']}", file["sha256"])
            if table in PRIVATE_TABLES and has_private(self, table):
                for path in private_files(self.folder, self.manifest, table):
                    tables.check_size(path, self.run_id)

    @cached_property
    def _checked(self) -> set[str]:
        return set()

    @property
    def source_rules(self) -> SourceRules:
        """The rules by which rows without a pseudonym counted as reporters, by organisation."""
        return rules_in_force(self.manifest["options"])

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables of a run, in the order of the data contract."""
        return tuple(TABLES_BY_NAME)

    @property
    def clusters(self) -> pa.Table:
        """The table clusters/, the highest priority first.

        A cluster of `size` 1 is a single identifier that no link ties to another yet.
        """
        order = [("priority", "descending"), ("cluster_id", "ascending")]
        return self.table(CLUSTERS).sort_by(order)

    def table(
        self,
        table: str | Table,
        columns: Sequence[str] | None = None,
        where: pc.Expression | None = None,
    ) -> pa.Table:
        """Reads a table of the data contract (docs/data-contract.md), sorted by its key.

        Args:
            table: Its name, such as `entities`.
            columns: The names of the columns to read; all without it.
            where: An Arrow expression that chooses rows, such as `pc.field("size") > 1`.

        Raises:
            KeyError: if the contract has no table or column of that name; it lists those it has.
            ValueError: if `where` is not about the columns of the table.
            FileNotFoundError: if the run is a snapshot of a stream, and keeps no such table.
        """
        contract = _contract(table)
        names = _checked_columns(contract, columns)
        return tables.read_table(self, contract, names, _checked_filter(contract, where))

    def batches(
        self, table: str | Table, columns: Sequence[str], where: pc.Expression | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Reads a table that may not fit in memory, in batches; arguments and errors as `table`."""
        contract = _contract(table)
        names = _checked_columns(contract, columns)
        names = contract.schema.names if names is None else names
        return tables.table_batches(self, contract, names, _checked_filter(contract, where))

    def frame(self, table: str | Table) -> Any:
        """Reads a table as a pandas DataFrame; errors as `table`.

        Raises:
            ModuleNotFoundError: without pandas; the message says how to get it.
        """
        if find_spec("pandas") is None:
            raise ModuleNotFoundError(f"a DataFrame needs pandas: {install_command('notebook')}")
        return self.table(table).to_pandas()

    @cached_property
    def graph(self) -> nx.Graph:
        """Members and suppliers as nodes, links as edges, with the attributes of graph/."""
        import networkx as nx

        from reports.export.graph_tables import GraphExport

        graph, export = nx.Graph(), GraphExport(self)
        for part in export.nodes():
            graph.add_nodes_from((row.pop("id"), row) for row in part.to_pylist())
        for part in export.edges():
            rows = part.to_pylist()
            graph.add_edges_from((row.pop("source"), row.pop("target"), row) for row in rows)
        return graph

    def cluster(self, cluster_id: str) -> nx.Graph:
        """Returns the graph of one cluster's members.

        Raises:
            KeyError: if the run has no such cluster.
        """
        if not isinstance(cluster_id, str):
            raise TypeError(f"give the id of a cluster as text, not {type(cluster_id).__name__}")
        members = [
            entity_id
            for entity_id, cluster in self.graph.nodes(data="cluster")
            if cluster == cluster_id
        ]
        if not members:
            raise KeyError(
                f"{self.folder} has no cluster {_quoted(cluster_id)}{self._hint(cluster_id)}"
            )
        return self.graph.subgraph(members).copy()

    def explain(self, entity: str, other: str | None = None) -> str:
        """Returns the text of `ringtrace explain`: why an identifier is in its cluster.

        Args:
            entity: An identifier in any form, such as `(888) 555-0123` or its id.
            other: Another identifier, to explain what ties the two.

        Raises:
            ValueError: if the run has no such identifier, or both are the same one.
        """
        from reports.explain import QUERY_LIMIT, explanation_lines, find_entity

        for text in (entity,) if other is None else (entity, other):
            if not isinstance(text, str):
                raise TypeError(f"give an identifier as text, not {type(text).__name__}")
            if not text.strip() or len(text) > QUERY_LIMIT:
                raise ValueError(f"give an identifier, not a text of {len(text):,} characters")
        a = find_entity(self, entity)
        b = find_entity(self, other) if other is not None else None
        if a == b:
            raise ValueError(f"{entity!r} and {other!r} are the same: {a}; name another")
        return "\n".join(explanation_lines(explain_to_owner(self, a, b, None)))

    def __fspath__(self) -> str:
        return self.folder

    def __repr__(self) -> str:
        return f"<Run {self.run_id} in {self.folder}{'' if self.is_signed else ', unsigned'}>"

    def __eq__(self, value: object) -> bool:
        if not isinstance(value, Run):
            return NotImplemented
        return self._identity() == value._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __reduce__(self) -> tuple[type[Run], tuple[str, Manifest, Custody | None]]:
        return Run, (self.folder, self.manifest, self.custody)

    def _identity(self) -> tuple[str, str]:
        return self.folder.rstrip("/"), self.run_id

    def _hint(self, cluster_id: str) -> str:
        """Returns the cluster that an unknown id may have meant, as the end of an error message."""
        known = set(self.table(CLUSTERS, ["cluster_id"])["cluster_id"].to_pylist())
        if cluster_id in self.graph:
            cluster = self.graph.nodes[cluster_id].get("cluster")
            return (
                f": it is an identifier, of cluster {cluster!r}"
                if cluster
                else ": it is an identifier"
            )
        near = get_close_matches(cluster_id, known, n=1) if len(known) < MANY_CLUSTERS else []
        if near:
            return f"; did you mean {near[0]!r}?"
        return "; its clusters are in Run.clusters" if known else ": it has no clusters"


def has_private(run: Run, table: Table) -> bool:
    """Returns whether a run keeps a private table whose files are all here and readable by us."""
    paths = private_files(run.folder, run.manifest, table)
    return bool(paths) and all(map(_is_readable, paths))


def private_batches(
    run: Run,
    table: Table,
    columns: Sequence[str],
    key: PrivateKey | None,
    where: pc.Expression | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yields the chosen columns of the rows that match `where` of a private table.

    Raises:
        AlteredRunError: if a file differs from the private manifest.
        FileNotFoundError: if a file that the manifest names is not there.
        PrivateFileError: if a file is sealed with another key than `key`, or was changed.
        TableError: for a file that is no Parquet of this contract.
    """
    for reader in private_readers(run, table, columns, key, where):
        yield from reader


def private_readers(
    run: Run,
    table: Table,
    columns: Sequence[str],
    key: PrivateKey | None,
    where: pc.Expression | None = None,
) -> list[Iterator[pa.RecordBatch]]:
    """Returns a reader of rows for each file of a private table; see `private_batches`."""
    if run.custody is not None and has_private(run, table):
        check_private(run.folder, run.manifest, table)
        run._check_sizes([table])

    def batches(path: str) -> Iterator[pa.RecordBatch]:
        with open_bytes(path) as file, tables.readable(run, table):
            parts = pq.ParquetFile(open_private(file, path, table, key))
            names = [name for name in table.schema.names if name in parts.schema_arrow.names]
            for batch in parts.iter_batches(columns=names):
                rows = pa.Table.from_batches([batch]).cast(_of(table, names))
                rows = rows if where is None else rows.filter(where)
                yield from rows.select(columns).combine_chunks().to_batches()

    return list(map(batches, private_files(run.folder, run.manifest, table)))


def private_table(
    run: Run,
    table: Table,
    columns: Sequence[str],
    key: PrivateKey | None,
    where: pc.Expression | None = None,
) -> pa.Table:
    """Reads rows as `private_batches`; none if this copy of the run has no such files."""
    batches = private_batches(run, table, columns, key, where) if has_private(run, table) else ()
    return pa.Table.from_batches(batches, _of(table, columns))


def keeps_narratives(run: Run) -> bool:
    """Returns whether complaints/ has the narratives: by --keep-narratives, or of an older run."""
    return bool(run.manifest["options"].get("keep_narratives", True))


def narrative_reader(run: Run, key: PrivateKey | None) -> NarrativeReader | None:
    """Returns the reader of a run's narratives for its owner; None if the run has none."""
    if has_private(run, NARRATIVES):
        return partial(_private_narratives, run, key)
    return partial(kept_narratives, run) if keeps_narratives(run) else None


def _private_narratives(run: Run, key: PrivateKey | None, ids: pa.Array) -> Iterator[Any]:
    where = pc.field("complaint_id").isin(ids)
    return private_batches(run, NARRATIVES, NARRATIVES.schema.names, key, where)


def explain_to_owner(
    run: Run, entity_id: str, other_id: str | None, key: PrivateKey | None
) -> dict[str, Any]:
    """Explains as `reports.explain`, with words of narratives, or why there are none."""
    from reports.explain import explain

    reader = narrative_reader(run, key)
    try:
        explanation = explain(run, entity_id, other_id, reader)
    except PrivateFileError as error:
        return explain(run, entity_id, other_id) | {"no_excerpts": str(error)}
    return explanation if reader else explanation | {"no_excerpts": NO_NARRATIVES}


def _custody(path: str, manifest: Mapping[str, Any], content: bytes, keys: Keys) -> Custody:
    """Returns who signed a run and its private files; `content` is the manifest in bytes.

    Raises:
        AlteredRunError: if a signature does not fit what is there.
    """
    key_id, org = _signed_by(f"{path.rstrip('/')}/{MANIFEST_NAME}", content, keys)
    name = f"{private_root(path, manifest)}/{PRIVATE_MANIFEST}"
    private = _read_if_there(name) if manifest.get("private") else None
    if private is None:
        return Custody(key_id, org)
    return Custody(key_id, org, *_signed_by(name, private, keys))


def _signed_by(path: str, content: bytes, keys: Keys) -> tuple[str | None, str | None]:
    """Returns the id of the key that signed a file, and its organisation; None for unknown ones."""
    from reports import signing

    beside = path.removesuffix(MANIFEST_NAME) + SIGNATURE_NAME
    signature = _read_if_there(beside, LONGEST_SIGNATURE)
    if signature is None:
        return None, None
    known = {
        org: {signing.key_id(key): key for key in org_keys} for org, org_keys in keys().items()
    }
    trusted = [key for org_keys in known.values() for key in org_keys.values()]
    try:
        key_id = signing.verify_detached(content, signature, trusted)
    except signing.UnknownKeyError as error:
        return error.key_id, None
    except signing.SignatureError as error:
        raise AlteredRunError(f"{path}: {error}; {REMEDY}") from None
    return key_id, next(org for org, org_keys in known.items() if key_id in org_keys)


def _notes(run: Run) -> Iterator[str]:
    custody, private = run.custody or Custody(), run.manifest.get("private")
    if custody.key_id is None:
        yield "has no signature: make it again with a key of yours (ringtrace keys make, batch)"
    elif custody.org is None:
        yield f"is signed by the key {custody.key_id}, which is neither yours nor trusted"
    elif custody.org:
        yield f"is signed by {custody.org}, with the key {custody.key_id}"
    if private and read_private_manifest(private_root(run.folder, run.manifest)) is not None:
        if custody.key_id is not None and custody.private_key_id is None:
            yield f"has an unsigned {PRIVATE_MANIFEST}: nobody can tell who wrote its private files"
    elif private and any(has_private(run, table) for table in PRIVATE_TABLES):
        yield "has no digests of its private files: it was made before there were any"
    if not _has_tiers(run):
        yield "has no tiers and no reviews: it was made before there were any, and none is core"


def _has_tiers(run: Run) -> bool:
    """Returns whether members/ has tiers, as far as its first file says."""
    first = next((file["name"] for file in files_of(run.manifest, MEMBERS)), None)
    if first is None:
        return True
    try:
        with open_bytes(f"{run.folder.rstrip('/')}/{first}") as file:
            return "tier" in open_parquet(file).schema_arrow.names
    except (OSError, OverLimitError, pa.ArrowException):  # which whatever reads it says
        return True


def _path(folder: object) -> str:
    path = os.fspath(folder) if isinstance(folder, str | os.PathLike) else None
    if not isinstance(path, str):
        raise TypeError(f"give the folder of a run as text or a Path, not {type(folder).__name__}")
    if not path:
        raise RunError("give the folder of a run, not an empty text")
    return path


def _read_if_there(path: str, most: int = MOST_BYTES) -> bytes | None:
    if "://" not in path and os.path.lexists(path) and not Path(path).is_file():
        raise AlteredRunError(f"{path}: is no file; {REMEDY}")
    try:
        return read_bytes(path, most)
    except (OSError, ValueError, pa.ArrowException):
        return None


def _contract(table: object) -> Table:
    if isinstance(table, Table):
        return table
    if not isinstance(table, str):
        raise TypeError(f"give the name of a table, not {type(table).__name__}")
    if table not in TABLES_BY_NAME:
        raise KeyError(f"there is no table {_quoted(table)}{_nearest(table, TABLES_BY_NAME)}")
    return TABLES_BY_NAME[table]


def _checked_columns(table: Table, columns: object) -> list[str] | None:
    if columns is None:
        return None
    if isinstance(columns, str | bytes) or not isinstance(columns, Iterable):
        raise TypeError(f"give a list of columns of {table.name}/, not {type(columns).__name__}")
    names = list(columns)
    for name in names:
        if name not in table.schema.names:
            nearest = _nearest(name, table.schema.names)
            raise KeyError(f"{table.name}/ has no column {_quoted(name)}{nearest}")
    return names


def _checked_filter(table: Table, where: object) -> pc.Expression | None:
    if where is None:
        return None
    if not isinstance(where, pc.Expression):
        kind = type(where).__name__
        raise TypeError(f"where: give an expression such as pc.field('size') > 1, not {kind}")
    try:
        table.schema.empty_table().filter(where)
    except pa.ArrowException as error:
        why = str(error).partition("\n")[0]
        columns = ", ".join(table.schema.names)
        raise ValueError(f"where: {why:.200}; {table.name}/ has {columns}") from None
    return where


def _nearest(name: object, known: Iterable[str]) -> str:
    near = get_close_matches(str(name), known, n=1)
    meant = f"; did you mean {near[0]!r}? There are" if near else "; there are"
    return f"{meant} {', '.join(known)}"


def _quoted(value: object) -> str:
    return f"{value!r:.80}"


def _of(table: Table, names: Sequence[str]) -> pa.Schema:
    return pa.schema([table.schema.field(name) for name in names])


def _is_readable(path: str) -> bool:
    if "://" not in path:
        return os.access(path, os.R_OK)
    store, inside = fs.FileSystem.from_uri(path)
    return bool(store.get_file_info(inside).is_file)
