"""Names what ringtrace runs on, from the lock: `python -m tools.third_party`.

Writes an SBOM (CycloneDX 1.5) and the licences, with their texts, of every distribution that the
core or an extra needs, on any system. Refuses a GPL or AGPL distribution; LGPL is allowed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from tools.release import ROOT, commit_time

UV = os.environ.get("UV", "uv")

OUTPUT = ROOT / "build" / "third-party"

NOT_FOR_USERS = {"bench", "dev"}
"""Extras that only a checkout needs."""

COPYLEFT = re.compile(r"\bA?GPL|\bAffero|GNU General Public", re.IGNORECASE)
"""Names of the GPL and the AGPL, and not of the LGPL."""

LICENCE_FILE = re.compile(r"\.dist-info/.*(licen[cs]e|copying|notice|authors)", re.IGNORECASE)


@dataclass(frozen=True)
class Licensed:
    """A distribution with its licence, as its metadata has them, and the texts in its wheel."""

    name: str
    version: str
    licence: str
    texts: tuple[str, ...]


def is_copyleft(licence: str) -> bool:
    """Returns whether a licence is GPL or AGPL with no other to choose.

    In parentheses a choice may be of a part alone, so it counts as none.
    """
    choices = [licence] if "(" in licence else licence.split(" OR ")
    return all(COPYLEFT.search(choice) for choice in choices)


def normalized(name: str) -> str:
    """Returns the name of a distribution as a lock has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licence_of(fields: metadata.PackageMetadata) -> str:
    """Returns an SPDX expression, else the classifiers and the first line of a licence field."""
    if expression := fields.json.get("license_expression"):
        return str(expression)
    classifiers = [
        classifier.rpartition(" :: ")[2]
        for classifier in fields.get_all("Classifier", [])
        if classifier.startswith("License :: ")
    ]
    lines = str(fields.json.get("license", "")).strip().splitlines()
    return "; ".join([*classifiers, *lines[:1]])


def read_licences(site: Path) -> list[Licensed]:
    """Returns the distributions that are installed in a folder."""
    return [
        Licensed(
            normalized(distribution.name),
            distribution.version,
            licence_of(distribution.metadata),
            tuple(
                Path(file.locate()).read_text("utf-8", errors="replace").strip()
                for file in sorted(distribution.files or [])
                if LICENCE_FILE.search(str(file))
            ),
        )
        for distribution in metadata.distributions(path=[str(site)])
    ]


def problems(locked: Iterable[str], licensed: Iterable[Licensed]) -> list[str]:
    """Returns a line for each distribution that is refused, has no licence or was not looked at.

    Args:
        locked: NAME==VERSION of all that the lock has.
        licensed: the distributions that were looked at.
    """
    lines = []
    for package in licensed:
        if not package.licence:
            lines.append(f"{package.name} {package.version}: its metadata names no licence")
        elif is_copyleft(package.licence):
            lines.append(f"{package.name} {package.version}: {package.licence} is not allowed")
    seen = {f"{package.name}=={package.version}" for package in licensed}
    return [*lines, *(f"{pin}: could not be looked at" for pin in sorted(set(locked) - seen))]


def export(options: str) -> str:
    """Returns what the lock has for the core and every extra of users, as uv exports it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = sorted(set(project["optional-dependencies"]) - NOT_FOR_USERS)
    chosen = " ".join(f"--extra={extra}" for extra in extras)
    command = f"export --quiet --frozen --no-default-groups {chosen} {options}"
    uv = [UV, *command.split()]
    return subprocess.run(uv, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def install(site: Path, pins: Iterable[str], *words: str) -> None:
    """Installs some distributions into a folder, and nothing that they need."""
    uv = [UV, "pip", "install", "--quiet", "--no-deps", f"--target={site}", *words, *pins]
    subprocess.run(uv, cwd=ROOT, check=True)


def look_at_all(requirements: list[str]) -> tuple[list[str], list[Licensed]]:
    """Returns NAME==VERSION of requirements, and the distributions that these install.

    What is not for this system is installed as for Windows, with a newer Python.
    """
    pins = [line.partition(" ")[0] for line in requirements]
    with tempfile.TemporaryDirectory() as folder:
        here, elsewhere = Path(folder) / "here", Path(folder) / "elsewhere"
        install(here, requirements)
        licensed = read_licences(here)
        seen = {f"{package.name}=={package.version}" for package in licensed}
        if rest := sorted(set(pins) - seen):
            install(elsewhere, rest, "--python-platform=windows", "--python-version=3.13")
            licensed += read_licences(elsewhere)
    return pins, sorted(licensed, key=lambda package: (package.name, package.version))


def licences_text(licensed: Iterable[Licensed]) -> str:
    """Returns the page of licences: a heading for each distribution, then its texts."""
    rule = "=" * 80
    return "\n\n".join(
        "\n\n".join(
            [
                f"{rule}\n{package.name} {package.version}\n{package.licence}\n{rule}",
                *(package.texts or ["The wheel has no licence text."]),
            ]
        )
        for package in licensed
    )


def make_sbom(exported: str, licensed: Iterable[Licensed], epoch: int) -> str:
    """Returns uv's SBOM with licences and the time of the commit, the same in each run.

    Args:
        exported: the SBOM that uv exports.
        licensed: the distributions with their licences.
        epoch: the time, in seconds since 1970.
    """
    sbom = json.loads(exported)
    del sbom["serialNumber"]
    sbom["metadata"]["timestamp"] = datetime.fromtimestamp(epoch, UTC).isoformat()
    licences = {(package.name, package.version): package.licence for package in licensed}
    for component in sbom["components"]:
        licence = licences[component["name"], component["version"]]
        component["licenses"] = [{"license": {"name": licence}}]
    return json.dumps(sbom, indent=2) + "\n"


def check_schema(sbom: str) -> None:
    """Compares an SBOM with the schema of CycloneDX 1.5.

    Raises:
        SystemExit: if it is not as the schema says.
    """
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    if error := JsonStrictValidator(SchemaVersion.V1_5).validate_str(sbom):
        sys.exit(f"the SBOM is not valid CycloneDX 1.5: {error}")


def main() -> None:
    """Writes both files, or refuses with a line for each problem."""
    listed = export("--no-emit-project --no-hashes --no-annotate --no-header")
    pins, licensed = look_at_all(listed.splitlines())
    if lines := problems(pins, licensed):
        sys.exit("\n".join(lines))
    sbom = make_sbom(export("--format=cyclonedx1.5"), licensed, commit_time())
    check_schema(sbom)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "ringtrace.cdx.json").write_text(sbom, "utf-8")
    (OUTPUT / "THIRD_PARTY_LICENCES.txt").write_text(licences_text(licensed), "utf-8")
    for path in sorted(OUTPUT.iterdir()):
        print(f"{path.relative_to(ROOT)}: {len(licensed)} distributions")


if __name__ == "__main__":
    main()
