// @ts-check
"use strict";
/**
 * The data of a block that `packed_island` wrote: JSON, gzip, base64.
 * @param {string} id
 * @returns {Promise<any>}
 */
async function unpacked(id) {
  const text = /** @type {HTMLElement} */ (document.getElementById(id)).textContent || "";
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(plain).text());
}

/**
 * @param {string} tag
 * @param {string} [className]
 * @param {string} [text] set as text, never as markup
 * @returns {HTMLElement}
 */
function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** @param {string} id @returns {any} */
function byId(id) {
  return document.getElementById(id);
}

/** @param {number} value @returns {string} digits in groups of three, by narrow spaces */
function grouped(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** @param {string} what names the row @returns {HTMLElement} the cell with a row's button, for `cite.js` */
function citeCell(what) {
  const button = element("button", "cite", "Cite");
  button.setAttribute("type", "button");
  button.setAttribute("aria-label", `Cite ${what.trim().replace(/\s+/g, " ").slice(0, 120)}`);
  const cell = element("td");
  cell.append(button);
  return cell;
}
