/** Words of the page (reports/assets/words.toml), sentences of facts and looks of kinds, which come with the page. */
import { count, counted } from "./format.js";

/** What the page was made with. @param {string} name */
export const meta = (name) => /** @type {any} */ (document.querySelector(`meta[name=${name}]`)).content;
/** Sentences of facts, looks of kinds, and words (reports/assets/words.toml), which come with the page. */
export const {
  names: WORDS,
  short: SHORT,
  terms: TERMS,
  flags: FLAGS,
  why: WHY,
  keys: KEYS,
  told: TOLD,
  effects: EFFECTS,
  choices: CHOICES,
  any: ANY,
  tables: TABLES,
  facts: FACTS,
  kinds: LOOKS,
  decision: DECISION,
  graph: GRAPH_STYLE
} = JSON.parse(meta("words"));

/**
 * A text of words.toml with its values: `{0}` is the first, `{0:noun/nouns}` a number with its noun, which takes an s
 * where `nouns` is left out.
 * @param {string} text @param {any[]} values @returns {string}
 */
const spoken = (text, values) =>
  text.replace(/\{(\d)(?::([^}/]+)(?:\/([^}]+))?)?\}/g, (_, n, noun, nouns) => {
    const value = values[n];
    return noun ? counted(value, noun, nouns) : typeof value === "number" ? count(value) : value;
  });
/** @param {Record<string, any>} texts @returns {Record<string, (...values: any[]) => any>} what says each, by its name */
const speaking = (texts) =>
  Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [
      name,
      (...values) => (Array.isArray(text) ? text.map((part) => spoken(part, values)) : spoken(text, values))
    ])
  );
export const say = speaking(TOLD);
/** What a decision would change. */
export const tell = speaking(EFFECTS);

const SMALL = "of and the in".split(" ");
/** @param {any} slug @returns {string} a slug as people write it; free text as it is */
export function words(slug) {
  const text = String(slug ?? "");
  if (Object.hasOwn(WORDS, text)) return WORDS[text];
  if (!/^[a-z0-9_-]{1,60}$/.test(text)) return text;
  return text.replace(/(^|_)([^_]*)/g, (_, gap, word) =>
    gap && SMALL.includes(word) ? ` ${word}` : (gap && " ") + word.slice(0, 1).toUpperCase() + word.slice(1)
  );
}

/**
 * @param {string} code @param {Record<string, string>} [values] arguments by name @returns {string} a fact in words
 */
export const fact = (code, values = {}) => FACTS[code].replace(/\{(\w+)\}/g, (_, name) => values[name]);
const UNKNOWN = ["identifier", "identifiers", "#4f5762", "ellipse"];
/** @param {string} kind @returns {any[]} */
export const looksOf = (kind) => LOOKS[kind] ?? UNKNOWN;
const KINDS = Object.keys(LOOKS);
/** The place of a kind in the registry. @param {string} kind */
export const rankOf = (kind) => KINDS.indexOf(kind);
/** @param {string} kind @returns {[string, string]} */
export const nounOf = (kind) => /** @type {any} */ (looksOf(kind).slice(0, 2));
/** The class that has the colour of a kind. @param {string} kind */
export const tint = (kind) => `k-${/^\w+$/.test(kind) ? kind : "x"}`;
/** The kinds of some rows, in the order of the registry. @param {any[]} rows @returns {string[]} */
export const kindsOf = (rows) => [...new Set(rows.map(({ kind }) => kind))].sort((a, b) => rankOf(a) - rankOf(b));
