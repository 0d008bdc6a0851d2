"""The fonts of the PDF, embedded from packages: no machine's own fonts can change its bytes.

Mukta (SIL Open Font License) covers Latin and Devanagari; IBM Plex Mono (the same licence) keeps 0
and O apart in identifiers.
"""

from __future__ import annotations

from importlib.resources import files

PROSE, BOLD, MONO = "Mukta", "Mukta-SemiBold", "IBMPlexMono"

_FILES = {
    PROSE: ("fontpkg_mukta", "Mukta-Regular.ttf"),
    BOLD: ("fontpkg_mukta", "Mukta-SemiBold.ttf"),
    MONO: ("fontpkg_ibm_plex_mono", "IBMPlexMono-Regular.ttf"),
}


def register() -> None:
    """Make them known to reportlab, once; raises ImportError where a package is missing."""
    from reportlab.pdfbase import pdfmetrics  # noqa: PLC0415
    from reportlab.pdfbase.ttfonts import TTFont  # noqa: PLC0415

    known = pdfmetrics.getRegisteredFontNames()
    for name, (package, file) in _FILES.items():
        if name not in known:
            path = files(package).joinpath("files", file)
            pdfmetrics.registerFont(TTFont(name, str(path), shapable=name == PROSE))
