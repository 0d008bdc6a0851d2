/** Tables that sort, filter and keep their state in the address; and plain ones. */
import {
  addressWith,
  ANY,
  button,
  compare,
  count,
  day,
  entry,
  fill,
  h,
  h2,
  headline,
  identifier,
  names,
  p,
  place,
  plain,
  prettily,
  rankOf,
  remember,
  rowsShown,
  say,
  scroller,
  select,
  shown,
  small,
  term,
  TOLD,
  tr,
  words
} from "./basics.js";
import { fitting } from "./query.js";
import { may } from "./store.js";

const ROWS = 200,
  PRINTED = 100,
  PRINTED_LONG = 40;

/**
 * A table that sorts by its heads and filters by a text, and by a select for each of its choices; its state stands
 * in the address.
 * @param {{columns: any[], rows: any[], caption: string, text: (row: any) => any[], sort: string,
 *   prefix?: string, before?: any, extra?: any[], choices?: Record<string, (row: any) => string[]>,
 *   filter?: (row: any) => boolean, hint?: string, none?: string, open?: (row: any) => void, drawn?: (rows: any[])
 * => void}} options
 */
export function table(options) {
  const { rows, caption, prefix = "", choices = {}, open } = options,
    { state } = place();
  const columns = options.columns.filter(Boolean);
  let sort = state[`${prefix}sort`] || options.sort,
    query = state[`${prefix}q`] || "";
  const opened = `${entry} ${caption}`;
  let most = rowsShown.get(opened) ?? ROWS;
  const body = h("tbody"),
    told = h("span.quiet", { role: "status" }),
    printed = h("p.only-print");
  const more = button(
    "",
    () => {
      most += 1000;
      rowsShown.set(opened, most);
      draw();
    },
    { class: "wide-button" }
  );
  const long = columns.some(({ name, klass }) => klass === "words" || ["ends", "link"].includes(name));
  const limit = long ? PRINTED_LONG : PRINTED;
  const sortBy = ({ name, klass }) => {
    sort = sort === name || (klass.startsWith("num") && sort !== `-${name}`) ? `-${name}` : name;
    remember({ [`${prefix}sort`]: sort === options.sort ? "" : sort });
    draw();
  };
  const heads = columns.map((column) =>
    h(
      "th",
      { scope: "col", class: column.klass },
      column.value ? button(column.head, () => sortBy(column), { class: "sort" }) : column.head
    )
  );
  const filter = h("input.filter", {
    type: "search",
    value: query,
    placeholder: options.hint ?? "Filter",
    label: `Filter: ${caption}`,
    oninput: () => {
      query = filter.value;
      remember({ [`${prefix}q`]: query });
      most = ROWS;
      draw();
    }
  });

  function draw() {
    const fits = fitting(query),
      by = sort.replace("-", "");
    const chosen = rows.filter((row) => {
      if (Object.entries(choices).some(([name, values]) => state[name] && !values(row).includes(state[name])))
        return false;
      return (!options.filter || options.filter(row)) && (!query || fits(options.text(row)));
    });
    const value = columns.find(({ name }) => name === by)?.value;
    if (value) chosen.sort((a, b) => compare(value(a), value(b)) * (sort === by ? 1 : -1));
    options.drawn?.(chosen);
    heads.forEach((head, n) => {
      if (columns[n].name !== by) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", sort === by ? "ascending" : "descending");
    });
    fill(
      body,
      chosen.slice(0, most).map((row) =>
        tr(
          {
            "data-key": plain(row.id, 200),
            onclick: open && ((event) => event.target.closest("a, button, input, label") || open(row))
          },
          cellsOf(
            columns.map((column) => column.cell(row)),
            (n) => columns[n].klass
          )
        )
      ),
      !chosen.length && tr(h("td.none", { colspan: columns.length }, options.none ?? TOLD.nothing_fits))
    );
    const { length } = chosen,
      every = count(length);
    more.hidden = length <= most;
    printed.textContent = length > limit ? say.first_rows_printed(limit, every) : "";
    more.textContent = say.show_more(Math.min(most, length), every);
    told.textContent = length === rows.length ? every : `${every} of ${count(rows.length)}`;
  }
  draw();
  const selects = Object.entries(choices).map(([name, values]) => choice(name, rows.flatMap(values)));
  return h(
    `div.tabled${long ? ".long" : ""}`,
    h("div.bar", filter, told, options.before, selects, options.extra),
    scroller(caption, h("table", h("caption.unseen", caption), h("thead", tr(heads)), body)),
    printed,
    more
  );
}
/**
 * The cells of a row; a number that is null is too small to show.
 * @param {any[]} contents @param {(column: number) => string | null} classOf
 */
export const cellsOf = (contents, classOf) =>
  contents.map((content, n) =>
    h(
      n ? "td" : "th",
      { scope: n ? null : "row", class: classOf(n) || null },
      typeof content === "number" || content === null ? small(content) : content
    )
  );

/**
 * A column of a table.
 * @param {string} name key in the rows, and in the address @param {any} head @param {(row: any) => any} cell
 * @param {string} [klass]
 * @param {((row: any) => any) | null} [value] what it sorts by: what a row has under the name; null does not sort
 */
export const column = (name, head, cell, klass = "", value = (row) => row[name]) => ({
  name,
  head,
  cell,
  klass,
  value
});

/**
 * A column that does not sort.
 * @param {string} name @param {any} head @param {(row: any) => any} cell @param {string} [klass]
 */
export const unsorted = (name, head, cell, klass) => column(name, head, cell, klass, null);
/**
 * A column of counts.
 * @param {string} name @param {any} [head] @param {(row: any) => any} [cell] @param {(row: any) => number} [value]
 */
export const counts = (name, head = words(name), cell = (row) => row[name], value) =>
  column(name, head, cell, "num", value);
/** A column of identifiers. @param {any} head */
export const identifiers = (head) => column("id", head, ({ id }) => [identifier(id), prettily(id)], "who");
export const kinds = () => column("kind", "Kind", ({ kind }) => words(kind));
/** A column of days. @param {string} name */
export const dates = (name) => column(name, words(`${name}_seen`), (row) => day(row[name]), "num date");
/** A column of numbers with some digits. @param {string} name @param {number} [digits] */
export const decimals = (name, digits = 2) => counts(name, term(words(name)), (row) => row[name].toFixed(digits));
export const reporters = () => counts("reporters", term("Reporters"));
/** The organisations of rows. @param {number} most */
export const reportedTo = (most) =>
  column(
    "orgs",
    "Reported to",
    (row) => names(row.orgs, most),
    "orgs",
    (row) => -row.orgs.length
  );
/** A column of reasons. @param {string} head @param {number} limit */
export const reasons = (head, limit) => unsorted("reason", head, ({ reason }) => shown(reason, limit), "words");
/** The buttons that decide on rows. @param {(row: any) => any} cell */
export const deciding = (cell) => may("decide") && unsorted("decide", h("span.unseen", "Decide"), cell, "quick");
/**
 * A select whose choice stands in the address.
 * @param {string} name @param {[string, string][]} values
 */
export const options = (name, values) =>
  select(ANY[name], [["", ANY[name]], ...values], place().state[name], (value) =>
    location.replace(addressWith({ [name]: value }))
  );
/** @param {string} name @param {string[]} values */
const choice = (name, values) => {
  const sorted = [...new Set(values)].sort((a, b) => rankOf(a) - rankOf(b) || compare(a, b));
  return options(
    name,
    sorted.slice(0, 300).map((value) => [value, plain(words(value), 60)])
  );
};

/**
 * A view of one table.
 * @param {string} title @param {any} told @param {any} options of the table
 * @param {string} [empty] what is said where it has no rows
 */
export const listView = (title, told, options, empty) => [
  headline(title, p(told)),
  options.rows.length || !empty ? table(options) : p(empty)
];
/** @param {number} total @param {any[]} rows those that are here @param {string} where the others are */
export const moreThan = (total, rows, where) => total > rows.length && say.more_in(total - rows.length, where);
export const BY_KIND = { kind: ({ kind }) => [kind] };
/**
 * A table as it is.
 * @param {[string, any]} titles its caption, and its heads with | between them @param {any[]} rows
 * @param {number[]} [texts] columns beside the first that are no numbers
 */
export function simple(titles, rows, texts = []) {
  const drawn = grid(titles, rows, (n) => (n && !texts.includes(n) ? "num" : null));
  return h(drawn.querySelectorAll("thead th").length > 5 ? "section.wide" : "section", h2(titles[0]), drawn);
}
/**
 * @param {[string, any]} titles @param {any[]} rows those that are false are left out
 * @param {(column: number) => string | null} classOf
 */
export function grid([caption, heads], rows, classOf) {
  const columns = [heads].flat().flatMap((head) => (typeof head === "string" ? head.split(" | ") : head));
  return scroller(
    caption,
    h(
      "table",
      h("thead", tr(columns.map((head, n) => h("th", { scope: "col", class: classOf(n) || null }, head)))),
      h(
        "tbody",
        rows.some(Boolean)
          ? rows.map((row) => row && tr(cellsOf(row, classOf)))
          : tr(h("td.none", { colspan: columns.length }, "None"))
      )
    )
  );
}
