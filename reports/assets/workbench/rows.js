/** Rows of the pieces of data (reports/tables.py), and what is asked of lists. */
import { DAY, seconds } from "./format.js";

export const TIMES = "first last at decided_at".split(" ");
/** @param {any} list with its columns @returns {any[]} its rows as objects, times as seconds since 1970 */
export const rowsOf = ({ columns, rows }) =>
  rows.map((row) =>
    Object.fromEntries(
      columns.map((name, n) => [name, TIMES.includes(name) && typeof row[n] === "string" ? seconds(row[n]) : row[n]])
    )
  );

/**
 * A column of a piece (reports/tables.py): numbers, or the distinct values with the number of each row's.
 * @param {any} column @param {number[][]} numbers @returns {(row: number) => any}
 */
function reader(column, numbers) {
  if (column.days) {
    const [days, seconds] = [column.days, column.seconds].map((part) => reader(part, numbers));
    return (row) => days(row) * DAY + seconds(row);
  }
  if (column.counts) return lists(column, numbers);
  const list = column.v ?? numbers[column.n];
  if (column.t) return (row) => column.t[list[row] - 1] ?? null;
  const { scale = 1, null: nothing } = column;
  return (row) => (list[row] === nothing ? null : list[row] / scale);
}
/**
 * @param {any} column of lists @param {number[][]} numbers
 * @returns {(row: number) => any[]} the rows of a list as objects
 */
export function lists(column, numbers) {
  const counts = column.counts.v ?? numbers[column.counts.n],
    starts = [0];
  for (const number of counts) starts.push(starts.at(-1) + number);
  const columns = Object.entries(column.of).map(([name, part]) => ({ name, read: reader(part, numbers) }));
  return (row) =>
    Array.from({ length: counts[row] }, (_, n) => {
      /** @type {Record<string, any>} */ const made = {};
      for (const { name, read } of columns) made[name] = read(starts[row] + n);
      return made;
    });
}
/** @param {any} a @param {any} b */
export const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
/** The row that begins with a name. @param {any[]} rows @param {any} wanted */
export const byName = (rows, wanted) => rows.find(([name]) => name === wanted);
/** @param {any[]} list @param {(row: any) => number} value */
export const sum = (list, value) => list.reduce((total, row) => total + value(row), 0);
