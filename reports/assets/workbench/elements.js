/** Elements of the page, and texts of complaints, which are hostile: set as text, never as markup, and isolated. */
import { codePoint, count, ODD, plain, pretty } from "./format.js";
import { say, tint, TOLD, words } from "./words.js";

/**
 * Puts nodes and texts into an element, in place of what it has.
 * @param {any} element @param {...any} children of which empty ones are left out @returns {any}
 */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(9).filter(Boolean));
  return element;
}
/**
 * Makes an element. A text that is read out or pops up is made harmless.
 * @param {string} namespace @param {string} tag with classes behind dots
 * @param {any[]} children nodes, or text; an object in front has attributes, of which `onX` are listeners
 * @returns {any}
 */
export function create(namespace, tag, children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElementNS(namespace, name);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  const attributes = children[0]?.constructor === Object ? children.shift() : {};
  for (const [key, value] of Object.entries(attributes)) {
    if ((value ?? false) === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "label") element.setAttribute("aria-label", plain(value, 400));
    else if (key === "title") element.setAttribute(key, plain(value, 400));
    else element.setAttribute(key, value === true ? "" : value);
  }
  return fill(element, children);
}
/** @param {string} tag @param {...any} children @returns {any} */
export const h = (tag, ...children) => create("http://www.w3.org/1999/xhtml", tag, children);
/** @param {string} tag @param {...any} children @returns {any} */
export const svg = (tag, ...children) => create("http://www.w3.org/2000/svg", tag, children);
/** @param {any} text @param {(event: any) => any} onclick @param {any} [more] attributes */
export const button = (text, onclick, more) => h("button", { type: "button", onclick, ...more }, text);
export const [p, li, h2, h3, div, span, tr, dt, code, quiet, remark, labelled] =
  "p li h2 h3 div span tr dt code span.quiet p.quiet label.check".split(" ").map(
    (tag) =>
      (/** @type {any[]} */ ...children) =>
        h(tag, ...children)
  );
export const anchor = (/** @type {string | null} */ href, /** @type {any[]} */ ...children) =>
  h("a", { href }, ...children);
/** A link that looks like a button. @param {string} href @param {string} text */
export const linkButton = (href, text) => h("a.button", { href }, text);
/** A part of the page that scrolls by itself. @param {string} label @param {any} child */
export const scroller = (label, child) => h("div.scroll", { tabindex: 0, role: "region", label }, child);
/** @param {any} summary @param {...any} children that it opens */
export const details = (summary, ...children) => h("details", h("summary", summary), ...children);
/** @param {string} label @param {...any} children buttons */
export const actions = (label, ...children) => h("div.actions", { role: "group", label }, ...children);
/** @param {any} attributes */
export const input = (attributes) => h("input", { autocomplete: "off", ...attributes });
/** @param {string} tag @param {() => any} submit @param {...any} children */
export const form = (tag, submit, ...children) =>
  h(
    tag,
    {
      onsubmit: (event) => {
        event.preventDefault();
        submit();
      }
    },
    ...children
  );
/** The text for a missing value. @param {string} [text] */
export const none = (text = "–") => h("span.none", text);
export const zero = (/** @type {number} */ number) => (number ? count(number) : none("0"));
/** @param {any} title @param {...any} more */
export const headline = (title, ...more) => h("div.headline", h("h1", title), ...more);
/** Characters of a name, an identifier or a value of a complaint that are shown at once. */
const SHORT_CUT = 64;

/** @param {string} text @returns {any} what reorders or hides is spelled out, the rest isolated */
export const isolated = (text) =>
  h(
    "bdi",
    text.split(ODD).map((part, n) => (n % 2 ? h("span.ctl", codePoint(part)) : part))
  );

/** @param {any} text @param {number} [limit] @returns {any} text of a complaint, made harmless */
export function shown(text, limit = SHORT_CUT) {
  const whole = String(text ?? "");
  if (!whole) return none();
  if (whole.length <= limit) return isolated(whole);
  const showAll = (event) => {
    event.stopPropagation();
    fill(cut, isolated(whole));
  };
  const cut = span(
    isolated(whole.slice(0, limit)),
    "… ",
    button(say.show_all_characters(whole.length), showAll, { class: "more" })
  );
  return cut;
}
/** A slug in words. @param {any} slug @param {number} [limit] */
export const worded = (slug, limit) => shown(words(slug), limit);

/**
 * As `shown`, for the text of a link or a button, which can hold no other.
 * @param {any} text @param {number} limit
 */
export const brief = (text, limit) => {
  const whole = String(text ?? "");
  return whole.length > limit ? span({ title: whole }, isolated(whole.slice(0, limit)), "…") : shown(whole, limit);
};
/** @param {string} id @param {number} limit */
export const briefly = (id, limit) => h("span.id", brief(id, limit));
/** @param {string} id @param {number} [limit] */
export const identifier = (id, limit) => h("span.id", shown(id, limit));
/** @param {string[]} list @param {number} [most] @returns {any} */
export const names = (list, most = 3) => (list.length ? span(firstFew(list, most, worded)) : none());
export const prettily = (/** @type {string} */ value) => (pretty(value) ? quiet(` ${pretty(value)}`) : null);
/** @param {[string, string, number][]} list */
export function losses(list) {
  if (!list.length) return none();
  const [[currency, amount]] = list;
  const title = list.map((loss) => `${loss[0]} ${loss[1]}`).join("; ");
  return span(
    shown(currency),
    ` ${count(Math.round(Number(amount)))}`,
    list.length > 1 && h("span.quiet", { title }, ` +${list.length - 1}`)
  );
}
/** A text of words.toml; what stands there between two ` is code. @param {string} text */
export const sentences = (text) => text.split("`").map((part, n) => (n % 2 ? code(part) : part));
/** @param {string} kind @param {any} [attributes] */
export const dot = (kind, attributes = {}) => h(`span.dot.${tint(kind)}`, attributes);

/** @param {string} term @param {string} [text] */
export const term = (term, text = term) => h("span.term", { tabindex: 0, "data-term": term }, text);

/** What the page has got to: the view, the search and the graph that are drawn. */
export const marks = document.documentElement.dataset;
/** @param {any[]} list @param {(value: any) => any} cell @returns {any[]} cells with commas between them */
export const joined = (list, cell) => list.map((value, n) => [n && ", ", cell(value)]);
/**
 * The first of a list with commas between them, and how many more there are.
 * @param {any[]} list @param {number} most @param {(value: any) => any} cell
 */
export const firstFew = (list, most, cell) => [
  joined(list.slice(0, most), cell),
  list.length > most && ` +${count(list.length - most)}`
];
/** @param {any} number @param {any} label @param {boolean} [warn] */
export const tile = (number, label, warn = false) =>
  h(`div.fact${warn ? ".alarm" : ""}`, h("b", typeof number === "number" ? count(number) : number), span(label));

/**
 * @param {string} label @param {string[][]} values with their texts @param {string} chosen
 * @param {(value: string) => any} onchange
 */
export function select(label, values, chosen, onchange) {
  const place = values.findIndex(([value]) => value === chosen);
  return h(
    "select",
    { label, onchange: (event) => onchange(event.target.value) },
    values.map(([value, text], n) => h("option", { value, selected: n === place }, text))
  );
}

/** @param {string} name of a term */
export const termTag = (name, klass = "") =>
  h(`span.tag${klass}`, { "data-term": name, tabindex: 0 }, name.toLowerCase());
/** @param {string} head @param {...any} value */
export const dd = (head, ...value) => [dt(head), h("dd", value)];
/** @param {string} id @param {string[]} values */
export const datalist = (id, values) =>
  h(
    "datalist",
    { id },
    values.slice(0, 299).map((value) => h("option", { value: plain(value, 200) }))
  );
/** @param {number | null} number that is null where it is too small to show */
export const small = (number) => (number === null ? none(TOLD.withheld_small_counts) : count(number));
