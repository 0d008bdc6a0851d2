/** Maps of the world, and of one country. */
import { address, counted, fill, say, svg, TOLD, widthOf } from "./parts.js";
import { labelPlaces, sized } from "./layout.js";

const regions = new Intl.DisplayNames(["en"], { type: "region", fallback: "code" });
/** @param {string} code of a country @returns {string} */
export const countryName = (code) => (/^[A-Z]{2}$/.test(code) && regions.of(code)) || code;
/** @param {any} region @returns {string} */
function regionText({ name, country, number, whole }) {
  const told = number === null ? TOLD.withheld_small_count : counted(number, "complaint");
  const some = `at least ${told}, some are withheld (small counts)`;
  return `${name}, ${countryName(country)}: ${number === null || whole ? told : some}`;
}
const hatched = () =>
  svg(
    "defs",
    svg(
      "pattern",
      { id: "hatch", width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      svg("rect.hatch", { width: 3, height: 8 })
    )
  );
/**
 * @param {[string, number | null][]} numbers @param {any} world
 * @param {Set<string>} linked countries that open a list @param {any[]} regionsKnown
 */
export function worldMap(numbers, world, linked, regionsKnown) {
  const [width, height] = world.size,
    known = new Map(numbers),
    most = Math.max(...numbers.map(([, number]) => number ?? 0), 1);
  const drawing = svg(
    "svg.world",
    {
      viewBox: `0 0 ${width} ${height}`,
      role: "group",
      label: say.world_map_complaints(numbers.length)
    },
    hatched()
  );
  for (const [code, d] of Object.entries(world.paths)) if (!known.has(code)) drawing.append(svg("path.land", { d }));
  for (const [code, number] of numbers) {
    if (!Object.hasOwn(world.paths, code)) continue;
    const text = `${countryName(code)}: ${number === null ? TOLD.withheld_small_count : counted(number, "complaint")}`;
    const shape = svg(
      `path.${number === null ? "hidden" : "counted"}`,
      {
        d: world.paths[code],
        "fill-opacity": number !== null && 0.25 + (0.75 * Math.log1p(number)) / Math.log1p(most)
      },
      svg("title", text)
    );
    drawing.append(
      linked.has(code) ? svg("a", { href: address("clusters", { country: code }), label: text }, shape) : shape
    );
  }
  const links = new Map(
    regionsKnown.map(({ country }) => [
      country,
      svg("a", {
        href: address("places", { map: country }),
        tabindex: -1,
        label: `Regions of ${countryName(country)}`
      })
    ])
  );
  drawing.append(...links.values());
  asDrawn(drawing, (wide) => {
    const spots = sized(regionsKnown, Math.min(13, wide / 70), width / wide);
    for (const [country, link] of links)
      fill(link, spots.filter(({ region }) => region.country === country).map(circle));
  });
  return drawing;
}
/** Draws again whenever a drawing gets another width. @param {any} drawing @param {(width: number) => void} draw */
function asDrawn(drawing, draw) {
  let before = 0;
  new ResizeObserver(() => {
    const { width } = drawing.getBoundingClientRect();
    if (width && width !== before) draw(width);
    before = width || before;
  }).observe(drawing);
}
/** @param {any} spot */
function circle({ region, x, y, r }) {
  const text = regionText(region);
  return svg(
    "g",
    { role: "img", label: text },
    svg("title", text),
    svg(`circle.region${region.number === null ? ".withheld" : ""}`, {
      cx: x,
      cy: y,
      r
    })
  );
}
/** Where world.js begins, in degrees. */
const NORTH = 84;
/**
 * The map of one country, a degree of longitude as wide there as one of latitude is high; regions
 * outside of the picture, Hawaii and the like, are in a column of their own.
 * @param {string} country @param {number[]} box what is drawn: west, north, east, south @param {any} world
 * @param {any[]} regionsKnown @param {boolean} linked
 */
export function regionMap(country, [west, north, east, south], world, regionsKnown, linked) {
  const isAside = ({ x, y }) => x < west || x > east || y < north || y > south;
  const width = 1000,
    flat = Math.cos(((NORTH - ((north + south) / 2 / world.size[0]) * 360) * Math.PI) / 180);
  const own = svg("path.own", { d: world.paths[country] });
  const land = svg(
    "g",
    Object.entries(world.paths)
      .filter(([code]) => code !== country)
      .map(([, d]) => svg("path.land", { d })),
    linked
      ? svg(
          "a",
          { href: address("clusters", { country }), label: say.clusters_with_victims(countryName(country)) },
          own
        )
      : own
  );
  const marks = svg("g");
  const drawing = svg(
    "svg.world.country",
    {
      viewBox: `0 0 ${width} ${width}`,
      role: "group",
      label: say.map_complaints_from(regionsKnown.length, countryName(country))
    },
    hatched(),
    land,
    marks
  );
  asDrawn(drawing, (wide) => {
    const narrow = wide < 600,
      below = narrow && regionsKnown.some(isAside),
      height = below ? 1250 : narrow ? 1000 : 520,
      unit = width / wide;
    const down = 0.95 * Math.min(width / ((east - west) * flat), height / (south - north)),
      across = down * flat;
    const left = width / 2 - (across * (west + east)) / 2,
      top = below ? 25 - down * north : height / 2 - (down * (north + south)) / 2;
    drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    land.setAttribute("transform", `translate(${left} ${top}) scale(${across} ${down})`);
    const spots = sized(regionsKnown, Math.min(26, wide / 22), unit),
      aside = spots.filter(isAside);
    for (const spot of spots) Object.assign(spot, { x: left + spot.x * across, y: top + spot.y * down });
    fill(
      marks,
      aside.length && asideBox(aside, width, height, unit),
      spots.map(circle),
      labelPlaces(spots, aside, width, height, unit, widthOf).map(({ text, ...spot }) =>
        svg("text", { ...spot, "font-size": 11 * unit, "aria-hidden": "true" }, text)
      )
    );
  });
  return drawing;
}
/**
 * Puts regions that are outside of the picture into its lower right corner.
 * @param {any[]} spots @param {number} width @param {number} height @param {number} unit
 */
function asideBox(spots, width, height, unit) {
  const widest = Math.max(...spots.map(({ r }) => r)),
    gap = 5 * unit;
  const wide = 2 * widest + unit * Math.max(...spots.map(({ region }) => widthOf(region.name))) + 4 * gap;
  let y = height - gap;
  for (const spot of spots.toReversed()) {
    const tall = Math.max(2 * spot.r, 13 * unit) + gap;
    Object.assign(spot, { x: width - wide + gap + widest, y: y - tall / 2 });
    y -= tall;
  }
  return svg("rect.aside", {
    x: width - wide,
    y: y - gap,
    width: wide - gap / 2,
    height: height - y + gap / 2,
    rx: gap
  });
}
