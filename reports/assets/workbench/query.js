/** What a search asks for, in any way of writing numbers, sites and accounts. */
import { bare, valueOf } from "./format.js";

/** @param {string} text @returns {string} as it is compared: forms folded, defanging undone, separators left out */
export function folded(text) {
  return text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/^h(?:xx|tt)ps?:\/\//, "")
    .replace(/[[({]\s?(?:\.|dot)\s?[\])}]/g, ".")
    .replace(/[[({]\s?(?:at|@)\s?[\])}]/g, "@")
    .replace(/[\s\u00ad\u200b-\u200f\u2010-\u2015\u202a-\u202e\u2060-\u2069()-]/g, "");
}
const SCHEME = /^(phone|domain|email|remote|account|wallet|handle|url):/i;
/** @param {string} id */
export const bareValue = (id) => folded(valueOf(bare(id)));
/** @param {string} query @returns {string} the digits that must end the number; nothing for what is no number */
function digitsOf(query) {
  const text = query.normalize("NFKC").replace(/^\s*(?:tel|phone):/i, "");
  if (!/^[\s+\d().\-/\u2010-\u2015\u00a0]+$/.test(text)) return "";
  const digits = text.replace(/\(0\)/, "").replace(/\D/g, "").replace(/^0+/, "");
  return digits.length >= 5 ? digits : "";
}

/**
 * What a query asks for, and which identifiers fit it, by their ids and `bareValue`.
 * @param {string} query
 */
export function sought(query) {
  const key = folded(query.replace(SCHEME, "")),
    number = digitsOf(query),
    host = !key.includes("@") && key.split(/[/?#:]/)[0];
  const fits = (id, text) =>
    text.includes(key) ||
    (id.startsWith("remote:") && text.replace(":", "").includes(key)) ||
    (number && (id.startsWith("phone:") ? text.endsWith(number) : text.includes(number))) ||
    (host && id.startsWith("domain:") && `.${host}`.endsWith(`.${text}`));
  return { key, number, fits };
}
/** @param {string} query @returns {string[]} the numbers and other identifiers among the words of a note */
export function identifiersIn(query) {
  const text = query.normalize("NFKC"),
    numbers = text.match(/[+(]*\d[\d\s()./\u2010-\u2015-]{5,}\d/g) ?? [];
  const parts = text.split(/[\s,;<>"']+/).map((part) => part.replace(/^[([]+|[)\].:!?]+$/g, ""));
  return [...new Set([...numbers, ...parts.filter((part) => part.length > 5 && /[\d.@]/.test(part))])].slice(0, 12);
}
/**
 * A member by a number, site or account in any form: the search of the run has the first hits alone.
 * @param {Cluster} cluster @param {string} text @returns {any}
 */
export function memberBy({ members }, text) {
  const { key, fits } = sought(text.trim());
  const found = (test) => members.find(({ id }) => test(id, bareValue(id)));
  return key && (found((id) => folded(valueOf(id)) === key) ?? found(fits));
}

/** Characters of a row that its filter searches. */
const SEARCHED = 4000;
/** What the filter of a table leaves: texts with the words of a query, or its digits. @param {string} query */
export function fitting(query) {
  const wanted = query.normalize("NFKC").toLowerCase(),
    digits = /^[\s+\d().-]+$/.test(wanted) ? wanted.replace(/\D/g, "") : "";
  return (/** @type {any[]} */ texts) => {
    const text = texts.flat(2).join(" ").slice(0, SEARCHED).toLowerCase();
    return text.includes(wanted) || (digits.length > 2 && text.replace(/\D/g, "").includes(digits));
  };
}
