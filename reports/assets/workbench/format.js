/** Numbers, times and identifiers as people read them, and text of complaints made harmless for attributes. */

/** @param {string} id @returns {string} without the mark of a later holder */
export const bare = (id) => id.replace(/^((?:phone|domain|email|handle|account):[^]*)#(?:[2-9]|[1-9]\d+)$/, "$1");

export const DAY = 86400;
/** @param {number} seconds since 1970 @returns {number} days since then */
export const dayOf = (seconds) => Math.floor(seconds / DAY);

export const ODD = /([\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs})/gu;
const CUT = 160;

/** @param {string} character */
export const codePoint = (character) =>
  `U+${/** @type {any} */ (character.codePointAt(0)).toString(16).toUpperCase().padStart(4, "0")}`;

/** @param {any} text @param {number} [limit] @returns {string} for attributes and drawings */
export function plain(text, limit = CUT) {
  const whole = String(text ?? "");
  const cut = whole.slice(0, limit).replace(ODD, (sign) => `[${codePoint(sign)}]`);
  return whole.length > limit ? `${cut}…` : cut;
}

/** @param {number} number */
export const count = (number) => number.toLocaleString("en-US");
/** @param {number} number @param {string} noun @param {string} [nouns] */
export const counted = (number, noun, nouns = `${noun}s`) => `${count(number)} ${number === 1 ? noun : nouns}`;
export const people = (/** @type {number} */ number) => counted(number, "person", "people");
/** @param {number} seconds */
const utc = (seconds) => new Date(seconds * 1000).toUTCString();
/** @param {number} seconds */
export const day = (seconds) => utc(seconds).slice(5, 16).replace(/^0/, "");
/** @param {string} written as ISO 8601 @returns {number} seconds since 1970 */
export const seconds = (written) => Date.parse(written) / 1000;
/** @param {number} seconds, which a file that was edited by hand may not have */
export const moment = (seconds) => (Number.isNaN(seconds) ? "–" : `${day(seconds)}, ${utc(seconds).slice(17, 22)} UTC`);

/** From when to when something was seen. @param {any} row */
export const period = ({ first, last }) => `${day(first)} to ${day(last)}`;

/** @param {string} value of an identifier @returns {string} a prettier form, or nothing */
export function pretty(value) {
  const parts = /^(?:phone:)?\+1(\d{3})(\d{3})(\d{4})(#\d+)?$/.exec(value);
  return parts ? `(${parts[1]}) ${parts[2]}-${parts[3]}` : "";
}
/** @param {string} id */
export const valueOf = (id) => id.slice(id.indexOf(":") + 1);

/** An exact amount: two decimals where it has some. @param {any} amount */
export const cents = (amount) =>
  Number(amount).toLocaleString("en-US", { minimumFractionDigits: amount % 1 ? 2 : 0, maximumFractionDigits: 20 });
/** The time, as ISO 8601 to the second. */
export const now = () => new Date().toISOString().replace(/\.\d+Z$/, "Z");
/** Sorts by code points, as Python does. @param {string} text */
export const pointsOf = (text) => Array.from(text, (sign) => codePoint(sign).padStart(9)).join("");
export const today = () => now().slice(0, 10);
/** @param {any} row @param {string} [between] */
export const recordCounts = ({ complaints, calls }, between = ", ") =>
  `${counted(complaints, "complaint")}${between}${counted(calls, "call")}`;
export const isoDay = (/** @type {number} */ days) => new Date(days * DAY * 1000).toISOString().slice(0, 10);
