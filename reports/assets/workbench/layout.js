/** Room in a drawing: circles by size, and places of texts that cover nothing. */

/**
 * Whether a box covers no other: left, top, right and bottom of each.
 * @param {number[]} box @param {number[][]} taken
 */
export const isFree = (box, taken) =>
  !taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1]);

/**
 * Circles of regions, area by complaints; regions with a hidden count have one size.
 * @param {any[]} regionsKnown @param {number} largest radius in pixels
 * @param {number} unit of the drawing that is a pixel
 */
export function sized(regionsKnown, largest, unit) {
  const most = Math.max(...regionsKnown.map(({ number }) => number ?? 0), 1);
  return regionsKnown.map((region) => ({
    region,
    x: region.x,
    y: region.y,
    r: unit * (region.number === null ? 5 : Math.max(largest * Math.sqrt(region.number / most), 2.5))
  }));
}
/**
 * Where names of regions have room, the largest first; else their codes, else none.
 * @param {any[]} spots @param {any[]} aside in the column @param {number} width @param {number} height
 * @param {number} unit of the drawing that is a pixel @param {(text: string) => number} widthOf in pixels
 * @returns {{text: string, x: number, y: number}[]}
 */
export function labelPlaces(spots, aside, width, height, unit, widthOf) {
  const taken = spots.map(({ x, y, r }) => [x - r, y - r, x + r, y + r]),
    tall = 13 * unit,
    gap = 3 * unit;
  return spots.flatMap((spot, own) => {
    const { x, y, r, region } = spot;
    const others = taken.filter((_, n) => n !== own);
    for (const text of [region.name, region.code]) {
      const wide = widthOf(text) * unit,
        level = y - tall / 2,
        middle = x - wide / 2;
      const around = [
        [x - r - gap - wide, level],
        [middle, y + r],
        [middle, y - r - tall],
        ...(wide < 1.8 * r ? [[middle, level]] : [])
      ];
      const box = [[x + r + gap, level], ...(aside.includes(spot) ? [] : around)]
        .map(([left, top]) => [left, top, left + wide, top + tall])
        .find((box) => box[0] >= 0 && box[1] >= 0 && box[2] <= width && box[3] <= height && isFree(box, others));
      if (!box) continue;
      taken.push(box);
      return [{ text, x: box[0], y: box[3] - gap }];
    }
    return [];
  });
}
