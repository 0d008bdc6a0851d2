/** What the links of a cluster hold together: parts, cuts and paths. */

/**
 * The parts into which members fall, as places, the largest first.
 * @param {Cluster} cluster @param {(link: any) => boolean} kept @param {number} [without] a member that is left out
 */
export function partsOf({ members, tied }, kept, without = -1) {
  /** @type {number[][]} */ const near = members.map(() => []);
  for (const link of tied) {
    if (!link.accepted || !kept(link)) continue;
    near[link.a].push(link.b);
    near[link.b].push(link.a);
  }
  const seen = new Set([without]),
    parts = [];
  for (const start of near.keys()) {
    if (seen.has(start)) continue;
    // It grows while it is walked.
    const part = new Set([start]);
    for (const here of part) for (const there of near[here]) if (there !== without) part.add(there);
    for (const member of part) seen.add(member);
    parts.push([...part]);
  }
  return parts.sort((a, b) => b.length - a.length);
}

/**
 * The accepted links: one of which the ends alone are here weighs no more than the lightest of the others.
 * @param {Cluster} cluster
 */
export function weighed({ links, ties, tied }) {
  const least = ties.length && Math.min(...links.map(({ weight }) => weight));
  return tied.filter(({ accepted }) => accepted).map(({ a, b, weight = least }) => ({ a, b, weight }));
}
/**
 * The side of `from` of a minimum cut between two members (Edmonds and Karp).
 * @param {Cluster} cluster @param {number} from @param {number} to
 */
export function cutSide(cluster, from, to) {
  const room = cluster.members.map(() => new Map());
  const widen = (a, b, weight) => room[a].set(b, (room[a].get(b) ?? 0) + weight);
  for (const { a, b, weight } of weighed(cluster)) {
    widen(a, b, weight);
    widen(b, a, weight);
  }
  for (;;) {
    /** @type {Map<number, any>} */ const came = new Map([[from, from]]);
    for (const here of came.keys())
      for (const [there, left] of room[here]) if (left > 1e-9 && !came.has(there)) came.set(there, here);
    if (!came.has(to)) return new Set(came.keys());
    const path = [];
    for (let here = to; here !== from; here = came.get(here)) path.push([came.get(here), here]);
    const least = Math.min(...path.map(([a, b]) => room[a].get(b)));
    for (const [a, b] of path) {
      widen(a, b, -least);
      widen(b, a, least);
    }
  }
}
/**
 * The most likely path: the product of what its links are sure of.
 * @param {any} from a member @param {any} to @returns {any[]} links
 */
export function strongestPath(from, to) {
  /** @type {Map<any, any>} */ const doubt = new Map([[from, 0]]),
    by = new Map();
  // It grows while it is walked.
  const waiting = new Set([from]);
  for (const here of waiting) {
    waiting.delete(here);
    for (const link of here.links) {
      const there = link.ends[link.ends[0] === here ? 1 : 0],
        value = doubt.get(here) - Math.log(link.confidence);
      // False of a member that was not reached yet.
      if (!link.accepted || value >= doubt.get(there)) continue;
      doubt.set(there, value);
      by.set(there, { link, here });
      waiting.add(there);
    }
  }
  const path = [];
  for (let step = by.get(to); step; step = by.get(step.here)) path.unshift(step.link);
  return path;
}
