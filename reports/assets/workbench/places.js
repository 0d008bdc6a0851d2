/** Places and flows. */
import { countryName, regionMap, worldMap } from "./map.js";
import {
  address,
  anchor,
  clusters,
  count,
  counted,
  countriesOf,
  details,
  h,
  h2,
  headline,
  load,
  p,
  plain,
  quiet,
  rowsOf,
  run,
  say,
  shown,
  simple,
  span,
  sum,
  TABLES,
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
   * @param {[string, string]} titles @param {any[]} rows @param {(row: any) => any[]} cells
   * @param {number[]} [texts]
   */
  const first = ([caption, heads], rows, cells, texts) =>
    h(
      "section",
      simple([caption, heads], rows.slice(0, 12).map(cells), texts),
      rows.length > 12 &&
        details(`All ${count(rows.length)}`, simple([`${caption}: all`, heads], rows.map(cells), texts))
    );
  const hidden = countries.filter(([, number]) => number === null).length,
    hiddenRegions = inView.filter(({ number }) => number === null).length;
  const absent = countries
    .filter(([code]) => !world.paths[code])
    .map(([code, number]) => `${plain(countryName(code), 40)}${number === null ? "" : ` ${count(number)}`}`);
  const ofRegions = [
    inView.length && TOLD.circles,
    hiddenRegions && say.regions_hidden(hiddenRegions),
    notOnMap(where.unmapped.filter(([country]) => !chosen || country === chosen)),
    inView.length ? TOLD.outlines_middles_natural : TOLD.outlines_natural_earth
  ];
  const map = chosen
    ? [
        h(
          "figure",
          regionMap(chosen, views[chosen], world, inView, inClusters.has(chosen)),
          h("figcaption.quiet", ofRegions)
        ),
        first([say.regions_complaints(countryName(chosen)), TOLD.region_complaints], inView, (region) => [
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
            absent.length && say.too_small_draw(absent.slice(0, 12).join(", ")),
            hidden && say.countries_hidden(hidden),
            ofRegions
          )
        ),
        simple(TABLES.countries, [...countries.slice(0, 12).map(countryRow), unknown && ["Not stated", unknown]])
      ];
  return [
    headline(TOLD.places_flows, p(choices.length ? TOLD.places_regions : TOLD.places)),
    choices.length &&
      h(
        "div.bar",
        { role: "group", label: TOLD.part_map },
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
        simple(TABLES.all_countries, countries.map(countryRow))
      ),
    h2(TOLD.records_over_time),
    run.trends.map(trendChart),
    h(
      "div.columns",
      where.regions.length &&
        first(
          TABLES.regions,
          where.regions,
          ([country, name, number]) => [shown(name), shown(country, 12), number],
          [1]
        ),
      first(TABLES.callbacks, where.callbacks, ([code, ...numbers]) => [named(code), ...numbers]),
      first(
        TABLES.institutions,
        where.institutions,
        ([name, code, ...numbers]) => [
          shown(name),
          code ? span({ title: plain(countryName(code), 60) }, plain(code, 12)) : "",
          ...numbers
        ],
        [1]
      ),
      first(TABLES.losses, where.losses, ([currency, stated, number]) => [
        currency ? shown(currency, 12) : TOLD.no_currency_stated,
        stated === null ? null : currency ? Math.round(Number(stated)) : "–",
        number
      ]),
      ["carriers", "trunks"].map((rows) => first(TABLES[rows], where[rows], ([name, number]) => [shown(name), number]))
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
    : TOLD.some_complaints;
  return say.not_on_map(told);
}
