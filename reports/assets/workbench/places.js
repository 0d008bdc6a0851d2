/** Places and flows. */
import { countryName, regionMap, worldMap } from "./map.js";
import {
  address,
  anchor,
  are,
  clusters,
  count,
  counted,
  countriesOf,
  details,
  filled,
  h,
  h2,
  headline,
  load,
  p,
  plain,
  quiet,
  rowsOf,
  run,
  shown,
  simple,
  span,
  sum,
  TOLD,
  trendChart
} from "./parts.js";

/** @param {Record<string, string>} state */
export async function placesView(state) {
  const [where, world] = await Promise.all([load("places"), load("world")]);
  const { countries, views, unknown } = where,
    regionsKnown = rowsOf({ columns: "country code name x y number whole".split(" "), rows: where.circles });
  const choices = countries.map(([code]) => code).filter((code) => Object.hasOwn(views, code));
  const chosen = choices.includes(state.map) ? state.map : "";
  const inView = regionsKnown.filter(({ country }) => !chosen || country === chosen);
  const named = (code, name = countryName(code)) =>
    code ? [shown(name), quiet(` ${plain(code, 12)}`)] : quiet("Not known");
  const inClusters = new Set(clusters.flatMap(countriesOf));
  const countryRow = ([code, number]) => [
    inClusters.has(code) ? anchor(address("clusters", { country: code }), named(code)) : named(code),
    number
  ];
  /**
   * The first rows of a list, and all of it on demand: an element can stand in one of them alone.
   * @param {string} caption @param {string} heads @param {any[]} rows @param {(row: any) => any[]} cells
   * @param {number[]} [texts]
   */
  const first = (caption, heads, rows, cells, texts) =>
    h(
      "section",
      simple(caption, heads, rows.slice(0, 12).map(cells), texts),
      rows.length > 12 && details(`All ${count(rows.length)}`, simple(`${caption}: all`, heads, rows.map(cells), texts))
    );
  const hidden = countries.filter(([, number]) => number === null).length,
    hiddenRegions = inView.filter(({ number }) => number === null).length;
  const absent = countries
    .filter(([code]) => !world.paths[code])
    .map(([code, number]) => `${plain(countryName(code), 40)}${number === null ? "" : ` ${count(number)}`}`);
  const ofRegions = [
    inView.length && TOLD.circles,
    hiddenRegions && filled(TOLD.regions_hidden, { regions: are(hiddenRegions, "region") }),
    notOnMap(where.unmapped.filter(([country]) => !chosen || country === chosen)),
    inView.length ? " Outlines and middles: Natural Earth." : " Outlines: Natural Earth."
  ];
  const map = chosen
    ? [
        h(
          "figure",
          regionMap(chosen, views[chosen], world, inView, inClusters.has(chosen)),
          h("figcaption.quiet", ofRegions)
        ),
        first(`${countryName(chosen)}: regions, by complaints`, "Region | Complaints", inView, (region) => [
          named(region.code, region.name),
          amount(region)
        ])
      ]
    : [
        h(
          "figure",
          worldMap(countries, world, inClusters, inView),
          h(
            "figcaption.quiet",
            TOLD.world_map,
            absent.length && `Too small to draw: ${absent.slice(0, 12).join(", ")}. `,
            hidden && filled(TOLD.countries_hidden, { countries: are(hidden, "country", "countries") }),
            ofRegions
          )
        ),
        simple("Victims’ countries, by complaints", "Country | Complaints", [
          ...countries.slice(0, 12).map(countryRow),
          unknown && ["Not stated", unknown]
        ])
      ];
  return [
    headline("Places and flows", p(TOLD[choices.length ? "places_regions" : "places"])),
    choices.length &&
      h(
        "div.bar",
        { role: "group", label: "Part of the map" },
        ["", ...choices].map((code) =>
          h(
            "a.chip.choice",
            { href: address("places", { map: code }), "aria-current": code === chosen && "true" },
            code ? countryName(code) : "World"
          )
        )
      ),
    h("div.map-area", map),
    countries.length > 12 &&
      details(
        `All ${counted(countries.length, "country", "countries")}`,
        simple("All countries", "Country | Complaints", countries.map(countryRow))
      ),
    h2("Records over time"),
    run.trends.map(trendChart),
    h(
      "div.columns",
      where.regions.length &&
        first(
          "Regions as written, by complaints",
          "Region | Country | Complaints",
          where.regions,
          ([country, name, number]) => [shown(name), shown(country, 12), number],
          [1]
        ),
      first(
        "Callback numbers, by their country",
        "Country | Numbers | Complaints",
        where.callbacks,
        ([code, ...numbers]) => [named(code), ...numbers]
      ),
      first(
        "Money: accounts by institution",
        "Institution, by code | Country | Accounts | Complaints",
        where.institutions,
        ([name, code, ...numbers]) => [
          shown(name),
          code ? span({ title: plain(countryName(code), 60) }, plain(code, 12)) : "",
          ...numbers
        ],
        [1]
      ),
      first(
        "Losses that complaints state",
        "Currency | Amount | Complaints",
        where.losses,
        ([currency, stated, number]) => [
          currency ? shown(currency, 12) : "No currency stated",
          stated === null ? null : currency ? Math.round(Number(stated)) : "–",
          number
        ]
      ),
      ...[
        ["Carriers that handed calls over", "Carrier", where.carriers],
        ["Trunks that calls came in on", "Trunk", where.trunks]
      ].map(([caption, head, rows]) =>
        first(caption, `${head} | Calls`, rows, ([name, number]) => [shown(name), number])
      )
    )
  ];
}
/** @param {any} region a sum of what may be shown @returns {any} */
const amount = ({ number, whole }) => (number === null || whole ? number : [quiet("at least "), count(number)]);
/** @param {[string, number | null, boolean][]} sums of complaints by country, and whether each is whole */
function notOnMap(sums) {
  const number = sum(sums, ([, complaints]) => complaints ?? 0),
    whole = sums.every((row) => row[2]);
  if (!number && whole) return "";
  const told = number
    ? `${whole ? "" : "At least "}${counted(number, "complaint states", "complaints state")}`
    : "Some complaints, a number withheld (small counts), state";
  return filled(TOLD.not_on_map, { told });
}
