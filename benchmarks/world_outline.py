"""Writes reports/assets/world.js, the outlines of countries, from two packages of npm.

`python -m benchmarks.world_outline COUNTRIES CODES`: countries-110m.json of world-atlas, which is
Natural Earth's at 1:110 million as TopoJSON, and codes.json of i18n-iso-countries, which has the
two letters for its three digits. `make world` fetches both by reports/assets/world.NOTICE.txt.
"""

from __future__ import annotations

import json
import sys
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

OUTPUT = Path("reports/assets/world.js")

WIDTH, NORTH, SOUTH = 1800, 84.0, -56.0
"""Width of the drawing in steps of a fifth of a degree, and the latitudes that it ends at."""

UNNUMBERED = {"Kosovo": "XK"}
"""Codes in use of what has no number in ISO 3166-1."""

ANTARCTICA = "AQ"

Point = tuple[int, int]


def outlines(atlas: dict[str, Any], codes: dict[str, str]) -> dict[str, str]:
    """Returns the outline of each country as the path of an SVG, by its two letters."""
    (x_scale, y_scale), (left, low) = (atlas["transform"][one] for one in ("scale", "translate"))
    step = WIDTH / 360

    def placed(arc: list[list[int]]) -> list[Point]:
        xs, ys = (list(accumulate(one[at] for one in arc)) for at in (0, 1))
        return [
            (
                round((x * x_scale + left + 180) * step),
                round((NORTH - max(y * y_scale + low, SOUTH)) * step),
            )
            for x, y in zip(xs, ys, strict=True)
        ]

    arcs = [placed(one) for one in atlas["arcs"]]

    def ring(places: list[int]) -> list[Point]:
        found: list[Point] = []
        for place in places:
            found += (arcs[place] if place >= 0 else arcs[~place][::-1])[bool(found) :]
        return found

    drawn: dict[str, str] = {}
    for one in atlas["objects"]["countries"]["geometries"]:
        code = codes.get(one.get("id", ""), UNNUMBERED.get(one["properties"]["name"], ""))
        if code == ANTARCTICA:
            continue
        polygons = one["arcs"] if one["type"] == "MultiPolygon" else [one["arcs"]]
        path = "".join(_path(ring(places)) for polygon in polygons for places in polygon)
        drawn[code] = drawn.get(code, "") + path
    return drawn


def _path(points: list[Point]) -> str:
    """Returns a closed ring as relative moves; nothing for one that is a point at this scale."""
    kept = [points[0], *(b for a, b in pairwise(points) if a != b)]
    if len(set(kept)) < 3:
        return ""
    # A ring that crosses the 180th meridian goes on past the edge, and is drawn at both.
    steps = [
        ((bx - ax + WIDTH // 2) % WIDTH - WIDTH // 2, by - ay)
        for (ax, ay), (bx, by) in pairwise(kept)
    ]
    moves = " ".join(f"{x},{y}" for x, y in steps)
    reach = [kept[0][0] + x for x in accumulate(x for x, _ in steps)]
    shifts = [0, *([WIDTH] if min(reach) < 0 else []), *([-WIDTH] if max(reach) > WIDTH else [])]
    return "".join(f"M{kept[0][0] + shift},{kept[0][1]}l{moves}z" for shift in shifts)


def main(atlas: str, codes: str) -> None:
    """Write the file."""
    by_number = {row[2]: row[0] for row in json.loads(Path(codes).read_text())}
    found = outlines(json.loads(Path(atlas).read_text()), by_number)
    size = [WIDTH, round((NORTH - SOUTH) * WIDTH / 360)]
    text = json.dumps({"size": size, "paths": found}, sort_keys=True, separators=(",", ":"))
    OUTPUT.write_text(f"rt.world({text});\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
