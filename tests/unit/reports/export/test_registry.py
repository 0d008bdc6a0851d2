"""A format of exports is one row of the registry."""

from reports.export import registry
from reports.export.registry import EXPORT_FORMATS, ExportFormat, leaving_formats
from reports.run import Run
from tests.support.report_tables import world, write_run


def members_as_text(export):
    return [f"{member['entity_id']}\n".encode() for member in export.facts.members]


TOY = ExportFormat(
    code="toy",
    name="Toy",
    description="for <nobody>",
    suffix="toy.txt",
    write_cluster=members_as_text,
    join_clusters=lambda files: [b"all\n", *files],
)


def test_a_row_adds_a_format_of_every_cluster_and_of_all(tmp_path, monkeypatch):
    rows, manifest = world(32)
    run = Run(str(write_run(tmp_path / "run", rows)), manifest)
    monkeypatch.setattr(registry, "EXPORT_FORMATS", (*EXPORT_FORMATS, TOY))
    form = leaving_formats()["toy"]
    export = registry.RunExport(run, run.run_id, run.moment)
    named = {cluster["cluster_id"]: set() for cluster in rows["clusters"]}
    for member in rows["members"]:
        named[member["cluster_id"]].add(member["entity_id"])
    for cluster_id, members in named.items():
        assert set(export.cluster(cluster_id, form).decode().split()) == members
    whole = b"".join(export.whole(form)).decode().split()
    assert set(whole) == {"all"}.union(*named.values())


def test_names_of_formats_and_files_are_distinct():
    for values in (
        [form.code for form in EXPORT_FORMATS],
        [form.name for form in EXPORT_FORMATS],
        [form.suffix for form in EXPORT_FORMATS],
    ):
        assert len(set(values)) == len(values)
    assert all(form.write_graph or form.join_clusters for form in EXPORT_FORMATS)
