// The parts of the page that need no browser. test_page_script.py runs this file, with the page's words in WORDS.

import assert from "node:assert/strict";
import test from "node:test";

globalThis.document = {
  documentElement: { dataset: {} },
  querySelector: () => ({ content: process.env.WORDS })
};
globalThis.history = { state: null, replaceState() {} };
globalThis.addEventListener = () => {};

const page = (name) => import(`../../../../reports/assets/workbench/${name}.js`);
const { bare, cents, counted, day, moment, period, plain, pretty, valueOf } = await page("format");
const { lists, rowsOf } = await page("rows");
const { cutSide, partsOf, strongestPath } = await page("structure");
const { changes } = await page("changes");
const { fitting, identifiersIn, memberBy, sought } = await page("query");
const { labelPlaces, sized } = await page("layout");
const { address, place } = await page("address");
const { csv } = await page("csv");
const { fact, say, words } = await page("words");

/** The same numbers at each run. */
function random(seed) {
  return () => (seed = (seed * 48271) % 2147483647) / 2147483647;
}

test("days are of UTC, and a time that is none is a dash", () => {
  assert.equal(day(0), "1 Jan 1970");
  assert.equal(day(Date.UTC(2026, 1, 28, 23, 59, 59) / 1000), "28 Feb 2026");
  assert.equal(moment(Date.UTC(2024, 1, 29, 7, 5) / 1000), "29 Feb 2024, 07:05 UTC");
  assert.equal(moment(NaN), "–");
  assert.equal(period({ first: 0, last: 86399 }), "1 Jan 1970 to 1 Jan 1970");
});

test("numbers have their noun, and amounts their cents", () => {
  assert.equal(counted(1, "person", "people"), "1 person");
  assert.equal(counted(0, "link"), "0 links");
  assert.equal(counted(1234567, "link"), "1,234,567 links");
  assert.deepEqual(["5.00", "5.5", "1234567.891"].map(cents), ["5", "5.50", "1,234,567.891"]);
});

test("an identifier is written as it is read", () => {
  assert.equal(pretty("phone:+18885550123#2"), "(888) 555-0123");
  assert.equal(pretty("phone:+448885550123"), "");
  assert.equal(valueOf("url:http://a.b:80"), "http://a.b:80");
  for (const [id, first] of [
    ["phone:+1888#2", "phone:+1888"],
    ["phone:+1888#12", "phone:+1888"],
    ["phone:+1888#1", "phone:+1888#1"],
    ["url:http://a.b/#2", "url:http://a.b/#2"],
    ["account:x#3\n#2", "account:x#3\n"]
  ])
    assert.equal(bare(id), first);
});

test("what reorders or hides is spelled out, and long text is cut", () => {
  assert.equal(plain("a\u202eb\u0000\u2028\u00a0c d"), "a[U+202E]b[U+0000][U+2028][U+00A0]c d");
  assert.equal(plain("x".repeat(200), 10), `${"x".repeat(10)}…`);
  assert.equal(plain(null), "");
});

test("columns of a piece are rows again", () => {
  const column = {
    counts: { v: [2, 0, 1] },
    of: {
      name: { t: ["b", "a"], v: [2, 0, 1] },
      size: { n: 0, scale: 10, null: -1 },
      first: { days: { v: [0, 1, 2] }, seconds: { v: [5, 0, 7] } }
    }
  };
  const read = lists(column, [[15, -1, 20]]);
  assert.deepEqual(read(0), [
    { name: "a", size: 1.5, first: 5 },
    { name: null, size: null, first: 86400 }
  ]);
  assert.deepEqual(read(1), []);
  assert.deepEqual(read(2), [{ name: "b", size: 2, first: 2 * 86400 + 7 }]);
  assert.deepEqual(
    rowsOf({ columns: ["id", "first", "at"], rows: [["x", "1970-01-01T00:01:00Z", null]] }),
    [{ id: "x", first: 60, at: null }]
  );
});

/** A random cluster, of which all links are accepted. */
function cluster(seed, size) {
  const next = random(seed),
    links = [];
  for (let a = 0; a < size; a++)
    for (let b = a + 1; b < size; b++)
      if (next() < 0.5)
        links.push({
          a,
          b,
          weight: 1 + Math.floor(next() * 9),
          confidence: 0.1 + 0.9 * next(),
          accepted: true
        });
  const members = Array.from({ length: size }, () => ({ links: [] }));
  for (const link of links) {
    link.ends = [members[link.a], members[link.b]];
    for (const end of link.ends) end.links.push(link);
  }
  return { members, links, ties: [], tied: links };
}
const subsets = (size) =>
  Array.from({ length: 2 ** size }, (_, bits) => (member) => Boolean(bits & (1 << member)));

test("a cut between two members weighs no more than any other", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const whole = cluster(seed, 6);
    const weight = (inside) =>
      whole.links.reduce(
        (sum, { a, b, weight }) => sum + (inside(a) !== inside(b) ? weight : 0),
        0
      );
    const side = cutSide(whole, 0, 5);
    assert.ok(side.has(0) && !side.has(5));
    const least = Math.min(
      ...subsets(6)
        .filter((inside) => inside(0) && !inside(5))
        .map(weight)
    );
    assert.equal(
      weight((member) => side.has(member)),
      least
    );
  }
});

test("parts hang together, are apart and are all", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const whole = cluster(seed, 7),
      kept = ({ weight }) => weight > 6;
    const parts = partsOf(whole, kept, 3);
    assert.deepEqual(parts.flat().sort(), [0, 1, 2, 4, 5, 6]);
    assert.deepEqual(
      parts.map(({ length }) => length),
      parts.map(({ length }) => length).sort((a, b) => b - a)
    );
    const partOf = new Map(parts.flatMap((part) => part.map((member) => [member, part])));
    for (const link of whole.links.filter(kept))
      if (link.a !== 3 && link.b !== 3) assert.equal(partOf.get(link.a), partOf.get(link.b));
  }
});

test("the strongest path is at least as sure as any other", () => {
  const sure = (path) => path.reduce((product, { confidence }) => product * confidence, 1);
  function best(here, to, seen, product) {
    if (here === to) return product;
    return Math.max(
      0,
      ...here.links.map((link) => {
        const there = link.ends[link.ends[0] === here ? 1 : 0];
        return seen.has(there)
          ? 0
          : best(there, to, new Set([...seen, there]), product * link.confidence);
      })
    );
  }
  for (let seed = 1; seed <= 40; seed++) {
    const { members } = cluster(seed, 6),
      path = strongestPath(members[0], members[5]);
    const least = best(members[0], members[5], new Set([members[0]]), 1);
    assert.ok(Math.abs((path.length ? sure(path) : 0) - least) < 1e-12);
  }
});

test("what changed of a cluster is said, and nothing where there was no run before", () => {
  const row = {
    id: "c-1",
    before: [],
    from: [],
    event: "born",
    gained: 3,
    lost: 0,
    contested: 0,
    losses: [],
    lone: false
  };
  const kinds = (more, compared = true) =>
    changes({ ...row, ...more }, compared).map(({ kind, text }) => `${kind}: ${text}`);
  assert.deepEqual(kinds({}), ["new: New cluster"]);
  assert.deepEqual(kinds({}, false), []);
  const before = [{ size: 4, reporters: 2, losses: [["USD", "10.00", 1]], status: "candidate" }];
  assert.deepEqual(
    kinds({
      before,
      from: ["c-1"],
      event: "grew",
      lost: 1,
      reporters: 5,
      losses: [["USD", "25.40", 2]],
      status: "confirmed"
    }),
    [
      "identifiers: +3 identifiers",
      "gone: −1 identifier",
      "reporters: +3 reporters (was 2)",
      "losses: +USD 15",
      "decided: Now confirmed (was candidate)"
    ]
  );
  assert.deepEqual(
    kinds({
      before: [...before, { ...before[0], size: 1 }],
      from: ["c-1", "c-2"],
      event: "merged",
      gained: 0,
      reporters: 4,
      status: "candidate"
    }),
    ["merged: Merged from 2 clusters of 4 + 1 members"]
  );
  assert.deepEqual(
    kinds({ before, from: ["c-0"], event: "split", gained: 0, status: "candidate" }),
    ["split: Split off a cluster of 4"]
  );
});

test("a search finds numbers, sites and accounts in any way of writing them", () => {
  const ids = [
    "phone:+18885550123",
    "domain:example.com",
    "email:a.b@example.com",
    "wallet:btc:bc1pq7z3",
    "remote:anydesk:123456789"
  ];
  const hits = (query) => ids.filter((id) => memberBy({ members: [{ id }] }, query));
  for (const query of [
    "(888) 555-0123",
    "+1 888.555.0123",
    "001-888-555-0123",
    "phone:+18885550123",
    "tel:8885550123",
    "８８８5550123",
    "888\u2011555\u20110123"
  ])
    assert.deepEqual(hits(query), [ids[0]], query);
  assert.deepEqual(hits("hxxps://login[.]example[dot]com/pay?x=1"), [ids[1]]);
  assert.deepEqual(hits("a.b [at] example.com"), [ids[2]]);
  assert.deepEqual(hits("BC1PQ7Z3"), [ids[3]]);
  for (const query of ["123 456 789", "AnyDesk 123 456 789"])
    assert.deepEqual(hits(query), [ids[4]], query);
  assert.equal(sought("0044 20 (0)7946 0000").number, "442079460000");
  const [number, , site] = identifiersIn("Called (888) 555-0123, then paid at evil.example.");
  assert.deepEqual([number, site], ["(888) 555-0123", "evil.example"]);
});

test("a filter finds words, and numbers by their digits", () => {
  const row = ["phone:+18885550123", ["Amazon", ["Support"]], null];
  for (const query of ["AMAZON", "(888) 555-01", "888 555", "support"])
    assert.ok(fitting(query)(row), query);
  for (const query of ["amazon support x", "999", "55 5 9"]) assert.ok(!fitting(query)(row), query);
});

test("an address leads where it was made for, whatever stands in it", () => {
  for (const text of ["phone:+1888#2", "a/b?c&d=e f%20", "<img src=x>", "‮ü"]) {
    const went = place(
      address(`c/${encodeURIComponent(text)}`, { tab: "links", lq: text, none: "" })
    );
    assert.deepEqual(went, { view: "c", id: text, state: { tab: "links", lq: text } });
  }
  assert.deepEqual(place(""), { view: "queue", id: "", state: {} });
  assert.deepEqual(place("#/c/%E0?q=+1"), { view: "c", id: "%E0", state: { q: "+1" } });
});

test("no cell of a CSV begins a formula, and each is one cell", () => {
  for (const text of ["=1+1", "+1", "-1", "@x", "|x", "%x", " =1", "＝1", "\tx", "\n=x"])
    assert.match(csv([[text]]), /^"?'/, text);
  assert.equal(csv([["a=1", 'a"b', "c,d", "e\nf", 1, null]]), 'a=1,"a""b","c,d","e\nf",1,null\n');
});

test("names of regions cover no circle and no other name, and stay in the picture", () => {
  const next = random(7);
  const regions = Array.from({ length: 60 }, (_, n) => ({
    name: `Region number ${n}`,
    code: `R${n}`,
    x: 1000 * next(),
    y: 500 * next(),
    number: n % 9 ? 1 + Math.floor(900 * next()) : null
  }));
  const spots = sized(regions, 26, 1),
    labels = labelPlaces(spots, [], 1000, 500, 1, (text) => 6 * text.length);
  assert.ok(labels.length > 20 && labels.length <= 60);
  assert.equal(
    new Set(spots.filter(({ region }) => region.number === null).map(({ r }) => r)).size,
    1
  );
  const boxes = labels.map(({ text, x, y }) => [x, y + 3 - 13, x + 6 * text.length, y + 3]);
  const circles = new Map(
    spots.map(({ region, x, y, r }) => [region, [x - r, y - r, x + r, y + r]])
  );
  const apart = (a, b) => a[0] >= b[2] || a[2] <= b[0] || a[1] >= b[3] || a[3] <= b[1];
  boxes.forEach((box, n) => {
    assert.ok(box[0] >= 0 && box[1] >= 0 && box[2] <= 1000 && box[3] <= 500);
    assert.ok(boxes.every((other, m) => m === n || apart(box, other)));
    const strange = regions.filter(({ name, code }) => ![name, code].includes(labels[n].text));
    assert.ok(strange.every((region) => apart(box, circles.get(region))));
  });
});

test("texts take their values, and numbers their nouns", () => {
  assert.equal(say.show_smaller_side(1), "Show the smaller side, 1 member");
  assert.equal(say.links_not_drawn(1), "1 weaker link is not drawn.");
  assert.equal(say.links_not_drawn(2000), "2,000 weaker links are not drawn.");
  assert.equal(say.keep_apart_from("{0} $1 $&"), "Keep apart from {0} $1 $&");
  assert.match(fact("earlier_holder", { identifier: "phone:$&" }), /phone:\$&/);
  assert.deepEqual(["first_seen", "bank_of_america", "Free text", "x".repeat(61)].map(words), [
    "First seen",
    "Bank of America",
    "Free text",
    "x".repeat(61)
  ]);
});
