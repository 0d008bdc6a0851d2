/** CSV that no spreadsheet takes for formulas. */

/** @param {any} text a cell as CSV has it */
const cell = (text) => (/[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
/** @param {any} text */
const harmless = (text) => cell(/^\s*[=+\-@|%＝＋－＠]|^[\t\r\n]/.test(text) ? `'${text}` : String(text));
/** @param {any[][]} lines of cells */
export const csv = (lines) => lines.map((line) => `${line.map(harmless).join(",")}\n`).join("");
