// @ts-check
"use strict";
/**
 * The workbench: draws a run from its pieces of data (reports/workbench.py), and takes decisions.
 * Every text of a complaint is hostile: it is set as text, never as markup, and isolated (`shown`).
 */
(() => {
  // ---------------------------------------------------------------- data

  /** Promises of pieces by name, and what fulfils each. @type {Map<string, any>} */
  const pieces = new Map();
  /** @type {any} */ (window).rt = {
    /** @param {string} name @param {string} lines of JSON: texts, and lists of numbers */
    piece(name, lines) {
      const [piece, numbers] = lines.split("\n").map((line) => JSON.parse(line));
      if (piece.tables)
        piece.read = Object.fromEntries(
          Object.entries(piece.tables).map(([table, rows]) => [table, lists(rows, numbers)])
        );
      pieces.get(name).done(piece);
    },
    /** @param {any} outlines of countries */
    world(outlines) {
      pieces.get("world").done(outlines);
    }
  };

  const BESIDE = ["world", "cytoscape.min"];
  /** Loads a piece of data, or a script that stands beside the page. @param {string} name @returns {Promise<any>} */
  function load(name) {
    if (!pieces.has(name)) {
      const script = document.createElement("script");
      script.src = BESIDE.includes(name) ? `${name}.js` : `data/${name}.js`;
      /** @type {any} */ const waited = {};
      waited.promise = new Promise((resolve, reject) => {
        waited.done = resolve;
        script.onerror = () =>
          reject(new Error(`${script.getAttribute("src")} is missing: copy the whole folder report/`));
      });
      script.onload = waited.done; // what a piece hands over comes before
      pieces.set(name, waited);
      document.head.append(script);
    }
    return pieces.get(name).promise;
  }

  const TIMES = "first last at decided_at".split(" ");
  /** @param {any} list with its columns @returns {any[]} its rows as objects, times as seconds since 1970 */
  const rowsOf = ({ columns, rows }) =>
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
  function lists(column, numbers) {
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

  /** @type {any} */ let run;
  /** @type {any[]} */ let clusters = [];
  /** @type {Set<string>} clusters that no organisation links as a whole */ let unionOnly = new Set();
  /** @type {Map<string, any>} */ const clusterOf = new Map();

  /** @param {string} name of a list of clusters */
  async function clusterList(name) {
    const list = await load(name);
    if (!list.objects) {
      list.objects = rowsOf(list);
      for (const row of list.objects) {
        row.changes = changes(row);
        clusterOf.set(row.id, row);
      }
    }
    return list.objects;
  }

  /** @param {string} id @returns {Promise<any>} the row of a cluster, and its facts as objects that know each other */
  async function wholeCluster(id) {
    if (!clusterOf.has(id)) await clusterList("singles");
    const row = clusterOf.get(id);
    if (!row) return null;
    const part = await load(`part-${row.part}`);
    const cluster = (row.opened ??= opened(part, part.clusters.indexOf(id), row));
    // Asked for where it is drawn: what was changed by then is not signed.
    if (served) cluster.digest ??= ask("evidence", { entity: cluster.members[0].id }).catch((error) => ({ error }));
    return cluster;
  }

  /** @param {any} part @param {number} place @param {any} row @returns {any} */
  function opened(part, place, row) {
    const { cut = {}, ...facts } = part.facts[place];
    const cluster = Object.assign(Object.create(row), { left_out: 0, lineage: [], rests_on: [], scripts: [] }, facts);
    for (const [name, rows] of Object.entries(part.read)) cluster[name] = rows(place);
    const { members, links, ties, readings, suppliers } = cluster;
    cluster.tied = [...links, ...ties];
    cluster.sides = { thin: cut.thin_side ?? [], weakest: cut.weakest_side ?? [] };
    cluster.scripts = cluster.scripts.map((script) => ({
      ...script,
      template: part.words[script.template][0][0],
      variants: script.variants.map(([wording, records]) => [part.words[wording], records])
    }));
    for (const supplier of suppliers) supplier.others = supplier.serves.filter((id) => id !== row.id).slice(0, 6);
    members.forEach((member, n) => {
      let day = 0;
      const days = member.days.map((each) => [(day += each.day), each.count]);
      Object.assign(member, { place: n, days, links: [], readings: [], neighbours: new Set(), accepted: [] });
    });
    for (const link of cluster.tied) {
      link.ends = [members[link.a], members[link.b]];
      for (const [here, there] of [link.ends, link.ends.toReversed()]) {
        here.neighbours.add(there);
        if (link.accepted) here.accepted.push(there);
      }
    }
    for (const link of links) {
      link.ids = (link.ids ?? []).map(({ id }) => id);
      for (const end of link.ends) end.links.push(link);
    }
    for (const row of [...readings, ...cluster.near]) row.member = members[row.a];
    readings.sort((a, b) => b.at - a.at);
    for (const reading of readings) reading.member.readings.push(reading);
    for (const member of members) member.doubts = doubts(member);
    cluster.handovers = handovers(members);
    return cluster;
  }

  /** @param {string} id @returns {string} without the mark of a later holder */
  const bare = (id) => id.replace(/^((?:phone|domain|email|handle|account):[^]*)#(?:[2-9]|[1-9]\d+)$/, "$1");

  /**
   * @param {any} member @returns {string[]} what would have to be wrong for it to be none (reports/link_evidence.py)
   */
  function doubts({ id, kind, roles, complaints, calls, accepted, bridge }) {
    /** @param {string} name */ const isRead = (name) => roles.some(({ role }) => role === name);
    return [
      bare(id) !== id && fact("earlier_holder", { identifier: bare(id) }),
      kind === "phone" && isRead("caller_id") && fact("caller_id_too"),
      isRead("mentioned") && fact("mentioned_too"),
      complaints + calls === 1 && fact("one_record"),
      accepted.length === 1 && fact("one_link", { other: accepted[0].id }),
      bridge && fact("bridge")
    ].filter(Boolean);
  }

  const DAY = 86400;
  /** @param {number} seconds since 1970 @returns {number} days since then */
  const dayOf = (seconds) => Math.floor(seconds / DAY);
  /** @param {any} a @param {any} b */
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  /** The row that begins with a name. @param {any[]} rows @param {any} wanted */
  const byName = (rows, wanted) => rows.find(([name]) => name === wanted);
  /** @param {any[]} list @param {(row: any) => number} value */
  const sum = (list, value) => list.reduce((total, row) => total + value(row), 0);

  const TIMELINE_ROWS = 80,
    HANDOVER_DAYS = 21,
    OVERLAP_DAYS = 7;
  /**
   * @param {any[]} members
   * @returns {any[]} members that give way to one of their kind that is linked with them, as
   * reports/figures.py pairs them
   */
  function handovers(members) {
    const byTime = (a, b) => a.first - b.first || compare(a.id, b.id);
    const rows = members.slice(0, TIMELINE_ROWS).sort(byTime);
    /** @type {any[]} */ const pairs = [];
    rows.forEach((after, n) => {
      for (const before of rows.slice(0, n)) {
        const gap = after.first - before.last,
          days = dayOf(gap),
          far = after.neighbours.has(before) ? 0 : 1;
        if (
          before.kind !== after.kind ||
          before.first >= after.first ||
          before.last >= after.last ||
          days < -OVERLAP_DAYS ||
          days > HANDOVER_DAYS
        )
          continue;
        if (!far || [...after.neighbours].some((member) => before.neighbours.has(member)))
          pairs.push({ before, after, far, gap: Math.abs(gap) });
      }
    });
    pairs.sort(
      (a, b) => a.far - b.far || a.gap - b.gap || compare(a.before.id, b.before.id) || compare(a.after.id, b.after.id)
    );
    const gave = new Set(),
      took = new Set();
    const first = pairs.filter(
      ({ before, after }) => !gave.has(before) && !took.has(after) && gave.add(before) && took.add(after)
    );
    return first.sort((a, b) => byTime(a.after, b.after));
  }

  /** What the page was made with. @param {string} name */
  const meta = (name) => /** @type {any} */ (document.querySelector(`meta[name=${name}]`)).content;
  /** Sentences of facts, looks of kinds, and words (reports/assets/words.toml), which come with the page. */
  const {
    names: WORDS,
    short: SHORT,
    terms: TERMS,
    flags: FLAGS,
    why: WHY,
    keys: KEYS,
    told: TOLD,
    effects: EFFECTS,
    choices: CHOICES,
    facts: FACTS,
    kinds: LOOKS,
    decision: DECISION
  } = JSON.parse(meta("words"));

  // ---------------------------------------------------------------- elements and text

  /**
   * Puts nodes and texts into an element, in place of what it has.
   * @param {any} element @param {...any} children of which empty ones are left out @returns {any}
   */
  function fill(element, ...children) {
    element.replaceChildren(...children.flat(9).filter(Boolean));
    return element;
  }
  /**
   * Makes an element. A text that is read out or pops up is made harmless.
   * @param {string} namespace @param {string} tag with classes behind dots
   * @param {any[]} children nodes, or text; an object in front has attributes, of which `onX` are listeners
   * @returns {any}
   */
  function create(namespace, tag, children) {
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
  const h = (tag, ...children) => create("http://www.w3.org/1999/xhtml", tag, children);
  /** @param {string} tag @param {...any} children @returns {any} */
  const svg = (tag, ...children) => create("http://www.w3.org/2000/svg", tag, children);
  /** @param {any} text @param {(event: any) => any} onclick @param {any} [more] attributes */
  const button = (text, onclick, more) => h("button", { type: "button", onclick, ...more }, text);
  const [p, li, h2, h3, div, span, tr, dt, code, quiet, remark, labelled] =
    "p li h2 h3 div span tr dt code span.quiet p.quiet label.check".split(" ").map(
      (tag) =>
        (/** @type {any[]} */ ...children) =>
          h(tag, ...children)
    );
  const anchor = (/** @type {string | null} */ href, /** @type {any[]} */ ...children) => h("a", { href }, ...children);
  /** A link that looks like a button. @param {string} href @param {string} text */
  const linkButton = (href, text) => h("a.button", { href }, text);
  /** A part of the page that scrolls by itself. @param {string} label @param {any} child */
  const scroller = (label, child) => h("div.scroll", { tabindex: 0, role: "region", label }, child);
  /** @param {any} summary @param {...any} children that it opens */
  const details = (summary, ...children) => h("details", h("summary", summary), ...children);
  /** @param {string} label @param {...any} children buttons */
  const actions = (label, ...children) => h("div.actions", { role: "group", label }, ...children);
  /** @param {any} attributes */
  const input = (attributes) => h("input", { autocomplete: "off", ...attributes });
  /** @param {string} tag @param {() => any} submit @param {...any} children */
  const form = (tag, submit, ...children) =>
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
  /** What stands for no value. @param {string} [text] */
  const none = (text = "–") => h("span.none", text);
  const zero = (/** @type {number} */ number) => (number ? count(number) : none("0"));
  /** @param {any} title @param {...any} more */
  const headline = (title, ...more) => h("div.headline", h("h1", title), ...more);

  /** How many days or bars are between two dates of a time axis. @param {number} length of the axis */
  const tickStep = (length) => Math.ceil(length / 8);
  /** A text at the left of a drawing. @param {number} left @param {number} y @param {string} text */
  const beside = (left, y, text) => svg("text", { x: left - 6, y, "text-anchor": "end" }, text);

  const ODD = /([\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs})/gu;
  const CUT = 160;
  /** Characters of a name, an identifier or a value of a complaint that are shown at once. */
  const SHORT_CUT = 64;

  /** @param {string} character */
  const codePoint = (character) =>
    `U+${/** @type {any} */ (character.codePointAt(0)).toString(16).toUpperCase().padStart(4, "0")}`;

  /** @param {any} text @param {number} [limit] @returns {string} for attributes and drawings */
  function plain(text, limit = CUT) {
    const whole = String(text ?? "");
    const cut = whole.slice(0, limit).replace(ODD, (sign) => `[${codePoint(sign)}]`);
    return whole.length > limit ? `${cut}…` : cut;
  }

  /** @param {string} text @returns {any} what reorders or hides is spelled out, the rest isolated */
  const isolated = (text) =>
    h(
      "bdi",
      text.split(ODD).map((part, n) => (n % 2 ? h("span.ctl", codePoint(part)) : part))
    );

  /** @param {any} text @param {number} [limit] @returns {any} text of a complaint, made harmless */
  function shown(text, limit = SHORT_CUT) {
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
      button(`show all ${count(whole.length)} characters`, showAll, { class: "more" })
    );
    return cut;
  }
  /** A slug in words. @param {any} slug @param {number} [limit] */
  const worded = (slug, limit) => shown(words(slug), limit);

  /**
   * As `shown`, for the text of a link or a button, which can hold no other.
   * @param {any} text @param {number} limit
   */
  const brief = (text, limit) => {
    const whole = String(text ?? "");
    return whole.length > limit ? span({ title: whole }, isolated(whole.slice(0, limit)), "…") : shown(whole, limit);
  };
  /** @param {string} id @param {number} limit */
  const briefly = (id, limit) => h("span.id", brief(id, limit));
  /** @param {string} id @param {number} [limit] */
  const identifier = (id, limit) => h("span.id", shown(id, limit));

  /** @param {number} number */
  const count = (number) => number.toLocaleString("en-US");
  /** @param {number} number @param {string} noun @param {string} [nouns] */
  const counted = (number, noun, nouns = `${noun}s`) => `${count(number)} ${number === 1 ? noun : nouns}`;
  /** @param {number} number @param {string} noun @param {string} [nouns] */
  const are = (number, noun, nouns) => `${counted(number, noun, nouns)} ${number === 1 ? "is" : "are"}`;
  const people = (/** @type {number} */ number) => counted(number, "person", "people");
  const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
  /** @param {number} seconds */
  function day(seconds) {
    const date = new Date(seconds * 1000);
    return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
  }
  /** @param {string} written as ISO 8601 @returns {number} seconds since 1970 */
  const seconds = (written) => Date.parse(written) / 1000;
  /** @param {number} seconds */
  function moment(seconds) {
    if (Number.isNaN(seconds)) return "–"; // a file that was edited by hand
    const time = new Date(seconds * 1000).toISOString().slice(11, 16);
    return `${day(seconds)}, ${time} UTC`;
  }

  /** From when to when something was seen. @param {any} row */
  const period = ({ first, last }) => `${day(first)} to ${day(last)}`;

  const SMALL = "of and the in".split(" ");
  /** @param {any} slug @returns {string} a slug as people write it; free text as it is */
  function words(slug) {
    const text = String(slug ?? "");
    if (Object.hasOwn(WORDS, text)) return WORDS[text];
    if (!/^[a-z0-9_-]{1,60}$/.test(text)) return text;
    return text.replace(/(^|_)([^_]*)/g, (_, gap, word) =>
      gap && SMALL.includes(word) ? ` ${word}` : (gap && " ") + word.slice(0, 1).toUpperCase() + word.slice(1)
    );
  }
  /** @param {string[]} list @param {number} [most] @returns {any} */
  const names = (list, most = 3) =>
    list.length ? span(firstFew(list, most, worded)) : none();

  /** @param {string} value of an identifier @returns {string} a prettier form, or nothing */
  function pretty(value) {
    const parts = /^(?:phone:)?\+1(\d{3})(\d{3})(\d{4})(#\d+)?$/.exec(value);
    return parts ? `(${parts[1]}) ${parts[2]}-${parts[3]}` : "";
  }
  const prettily = (/** @type {string} */ value) => (pretty(value) ? quiet(` ${pretty(value)}`) : null);
  /** @param {string} id */
  const valueOf = (id) => id.slice(id.indexOf(":") + 1);

  /** An exact amount: two decimals where it has some. @param {any} amount */
  const cents = (amount) =>
    Number(amount).toLocaleString("en-US", { minimumFractionDigits: amount % 1 ? 2 : 0, maximumFractionDigits: 20 });
  /** @param {[string, string, number][]} list */
  function losses(list) {
    if (!list.length) return none();
    const [[currency, amount]] = list;
    const title = list.map((loss) => `${loss[0]} ${loss[1]}`).join("; ");
    return span(
      shown(currency),
      ` ${count(Math.round(Number(amount)))}`,
      list.length > 1 && h("span.quiet", { title }, ` +${list.length - 1}`)
    );
  }

  // ---------------------------------------------------------------- terms

  /**
   * @param {string} code @param {Record<string, string>} [values] arguments by name @returns {string} a fact in words
   */
  const fact = (code, values) => filled(FACTS[code], values);
  /** @param {string} sentence with names in braces @param {Record<string, string>} [values] @returns {string} */
  const filled = (sentence, values = {}) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  /**
   * A text of words.toml; what stands there between two ` is code.
   * @param {string} name @param {Record<string, string>} [values]
   */
  const sentences = (name, values) =>
    filled(TOLD[name], values)
      .split("`")
      .map((part, n) => (n % 2 ? code(part) : part));
  const UNKNOWN = ["identifier", "identifiers", "#4f5762", "ellipse"];
  /** @param {string} kind @returns {any[]} */
  const looksOf = (kind) => LOOKS[kind] ?? UNKNOWN;
  const KINDS = Object.keys(LOOKS);
  /** The place of a kind in the registry. @param {string} kind */
  const rankOf = (kind) => KINDS.indexOf(kind);
  /** @param {string} kind @returns {[string, string]} */
  const nounOf = (kind) => /** @type {any} */ (looksOf(kind).slice(0, 2));
  /** The class that has the colour of a kind. @param {string} kind */
  const tint = (kind) => `k-${/^\w+$/.test(kind) ? kind : "x"}`;
  /** @param {string} kind @param {any} [attributes] */
  const dot = (kind, attributes = {}) => h(`span.dot.${tint(kind)}`, attributes);

  /** @param {string} term @param {string} [text] */
  const term = (term, text = term) => h("span.term", { tabindex: 0, "data-term": term }, text);

  /** What the page has got to: the view, the search and the graph that are drawn. */
  const marks = document.documentElement.dataset;
  const tip = /** @type {HTMLElement} */ (document.getElementById("tip"));
  /** @param {any} event */
  function explain({ target }) {
    const term = target.closest?.("[data-term]");
    tip.hidden = !term;
    if (!term) return;
    tip.textContent = TERMS[term.dataset.term];
    term.setAttribute("aria-describedby", "tip");
    const box = term.getBoundingClientRect(),
      below = box.bottom + 6;
    tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${below + tip.offsetHeight < innerHeight ? below : box.top - tip.offsetHeight - 6}px`;
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") tip.hidden = true;
  });
  document.addEventListener("mouseover", explain);
  document.addEventListener("focusin", explain);

  // ---------------------------------------------------------------- addresses

  /** @param {string} view @param {Record<string, any>} [state] */
  function address(view, state = {}) {
    const query = Object.entries(state)
      .filter(([, value]) => value)
      .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
      .join("&");
    return `#/${view}${query && `?${query}`}`;
  }
  /** @param {string} id @param {Record<string, any>} [state] */
  const toCluster = (id, state) => address(`c/${encodeURIComponent(id)}`, state);

  /** @returns {{view: string, id: string, state: Record<string, string>}} */
  function place() {
    const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?"),
      [view, id = ""] = path.split("/");
    // A plus is one: numbers begin with it.
    const state = Object.fromEntries(new URLSearchParams(query.replaceAll("+", "%2B")));
    return { view: view || "queue", id: safeDecoded(id), state };
  }
  /** @param {string} text */
  function safeDecoded(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  /** The address of this place with some of its state changed. @param {Record<string, any>} changes */
  function addressWith(changes) {
    const { view, id, state } = place();
    return address(id ? `${view}/${encodeURIComponent(id)}` : view, { ...state, ...changes });
  }
  /** Changes the state of the view without a step in the history. @param {Record<string, any>} changes */
  const remember = (changes) => history.replaceState(history.state, "", addressWith(changes));

  // Back finds the place on the page: each step of the history has a number, and where it was scrolled to.
  history.scrollRestoration = "manual";
  let entry = "",
    entries = 0;
  /** @type {Map<string, number>} */ const scrolled = new Map();
  /** @type {Map<string, number>} */ const rowsShown = new Map();
  addEventListener("scroll", () => scrolled.set(entry, scrollY), { passive: true });
  /**
   * Notes which step of the history is shown.
   * @returns {number | undefined} where it was scrolled to, if it was shown before
   */
  function arrive() {
    entry = history.state?.entry;
    if (!scrolled.has(entry)) {
      entry = `${performance.timeOrigin} ${++entries}`;
      history.replaceState({ entry }, "");
    }
    return scrolled.get(entry);
  }

  // ---------------------------------------------------------------- tables

  const ROWS = 200,
    PRINTED = 100,
    PRINTED_LONG = 40;
  /** Characters of a row that its filter searches. */
  const SEARCHED = 4000;

  /**
   * A table that sorts by its heads and filters by a text, and by a select for each of its choices; its state stands
   * in the address.
   * @param {{columns: any[], rows: any[], caption: string, text: (row: any) => any[], sort: string,
   *   prefix?: string, before?: any, extra?: any[], choices?: Record<string, [string,
   * (row: any) => string[]]>,
   *   filter?: (row: any) => boolean, hint?: string, none?: string, open?: (row: any) => void, drawn?: (rows: any[])
   * => void}} options
   */
  function table(options) {
    const { rows, caption, prefix = "", choices = {}, open } = options,
      { state } = place();
    const columns = options.columns.filter(Boolean);
    let sort = state[`${prefix}sort`] || options.sort,
      query = state[`${prefix}q`] || "";
    const opened = `${entry} ${caption}`;
    let most = rowsShown.get(opened) ?? ROWS;
    const body = h("tbody"),
      told = h("span.quiet", { role: "status" }),
      printed = h("p.only-print");
    const more = button(
      "",
      () => {
        most += 1000;
        rowsShown.set(opened, most);
        draw();
      },
      { class: "wide-button" }
    );
    const long = columns.some(({ name, klass }) => klass === "words" || ["ends", "link"].includes(name));
    const limit = long ? PRINTED_LONG : PRINTED;
    const sortBy = ({ name, klass }) => {
      sort = sort === name || (klass.startsWith("num") && sort !== `-${name}`) ? `-${name}` : name;
      remember({ [`${prefix}sort`]: sort === options.sort ? "" : sort });
      draw();
    };
    const heads = columns.map((column) =>
      h(
        "th",
        { scope: "col", class: column.klass },
        column.value ? button(column.head, () => sortBy(column), { class: "sort" }) : column.head
      )
    );
    const filter = h("input.filter", {
      type: "search",
      value: query,
      placeholder: options.hint ?? "Filter",
      label: `Filter: ${caption}`,
      oninput: () => {
        query = filter.value;
        remember({ [`${prefix}q`]: query });
        most = ROWS;
        draw();
      }
    });

    function draw() {
      const wanted = query.normalize("NFKC").toLowerCase(),
        digits = /^[\s+\d().-]+$/.test(wanted) ? wanted.replace(/\D/g, "") : "",
        by = sort.replace("-", "");
      const chosen = rows.filter((row) => {
        if (Object.entries(choices).some(([name, [, values]]) => state[name] && !values(row).includes(state[name])))
          return false;
        if (options.filter && !options.filter(row)) return false;
        if (!wanted) return true;
        const text = options.text(row).flat(2).join(" ").slice(0, SEARCHED).toLowerCase();
        return text.includes(wanted) || (digits.length > 2 && text.replace(/\D/g, "").includes(digits));
      });
      const value = columns.find(({ name }) => name === by)?.value;
      if (value) chosen.sort((a, b) => compare(value(a), value(b)) * (sort === by ? 1 : -1));
      options.drawn?.(chosen);
      heads.forEach((head, n) => {
        if (columns[n].name !== by) head.removeAttribute("aria-sort");
        else head.setAttribute("aria-sort", sort === by ? "ascending" : "descending");
      });
      fill(
        body,
        chosen.slice(0, most).map((row) =>
          tr(
            {
              "data-key": plain(row.id, 200),
              onclick: open && ((event) => event.target.closest("a, button, input, label") || open(row))
            },
            cellsOf(
              columns.map((column) => column.cell(row)),
              (n) => columns[n].klass
            )
          )
        ),
        !chosen.length && tr(h("td.none", { colspan: columns.length }, options.none ?? "Nothing fits."))
      );
      const { length } = chosen,
        every = count(length);
      more.hidden = length <= most;
      printed.textContent = length > limit ? `The first ${count(limit)} of ${every} rows are printed.` : "";
      more.textContent = `Show more: ${count(Math.min(most, length))} of ${every} are shown`;
      told.textContent = length === rows.length ? every : `${every} of ${count(rows.length)}`;
    }
    draw();
    const selects = Object.entries(choices).map(([name, [any, values]]) => choice(any, name, rows.flatMap(values)));
    return h(
      `div.tabled${long ? ".long" : ""}`,
      h("div.bar", filter, told, options.before, selects, options.extra),
      scroller(caption, h("table", h("caption.unseen", caption), h("thead", tr(heads)), body)),
      printed,
      more
    );
  }
  /**
   * The cells of a row; a number that is null is too small to show.
   * @param {any[]} contents @param {(column: number) => string | null} classOf
   */
  const cellsOf = (contents, classOf) =>
    contents.map((content, n) =>
      h(
        n ? "td" : "th",
        { scope: n ? null : "row", class: classOf(n) || null },
        typeof content === "number" || content === null ? small(content) : content
      )
    );

  /**
   * A column of a table.
   * @param {string} name key in the rows, and in the address @param {any} head @param {(row: any) => any} cell
   * @param {string} [klass]
   * @param {((row: any) => any) | null} [value] what it sorts by: what a row has under the name; null does not sort
   */
  const column = (name, head, cell, klass = "", value = (row) => row[name]) => ({ name, head, cell, klass, value });

  /**
   * A column that does not sort.
   * @param {string} name @param {any} head @param {(row: any) => any} cell @param {string} [klass]
   */
  const unsorted = (name, head, cell, klass) => column(name, head, cell, klass, null);
  /**
   * A column of counts.
   * @param {string} name @param {any} [head] @param {(row: any) => any} [cell] @param {(row: any) => number} [value]
   */
  const counts = (name, head = words(name), cell = (row) => row[name], value) => column(name, head, cell, "num", value);
  /** A column of identifiers. @param {any} head */
  const identifiers = (head) => column("id", head, ({ id }) => [identifier(id), prettily(id)], "who");
  const kinds = () => column("kind", "Kind", ({ kind }) => words(kind));
  /** A column of days. @param {string} name */
  const dates = (name) => column(name, words(`${name}_seen`), (row) => day(row[name]), "num date");
  /** A column of numbers with some digits. @param {string} name @param {number} [digits] */
  const decimals = (name, digits = 2) => counts(name, term(words(name)), (row) => row[name].toFixed(digits));
  const reporters = () => counts("reporters", term("Reporters"));
  /** The organisations of rows. @param {number} most */
  const reportedTo = (most) =>
    column(
      "orgs",
      "Reported to",
      (row) => names(row.orgs, most),
      "orgs",
      (row) => -row.orgs.length
    );
  /** A column of reasons. @param {string} head @param {number} limit */
  const reasons = (head, limit) => unsorted("reason", head, ({ reason }) => shown(reason, limit), "words");
  /** The buttons that decide on rows. @param {(row: any) => any} cell */
  const deciding = (cell) => !run.redacted && unsorted("decide", h("span.unseen", "Decide"), cell, "quick");
  /** @param {any[]} list @param {(value: any) => any} cell @returns {any[]} cells with commas between them */
  const joined = (list, cell) => list.map((value, n) => [n && ", ", cell(value)]);
  /**
   * The first of a list with commas between them, and how many more there are.
   * @param {any[]} list @param {number} most @param {(value: any) => any} cell
   */
  const firstFew = (list, most, cell) => [
    joined(list.slice(0, most), cell),
    list.length > most && ` +${count(list.length - most)}`
  ];

  // ---------------------------------------------------------------- decisions

  const token = meta("token");
  const online = token !== "" && location.protocol.startsWith("http");
  /** Whether decisions go to a file of the server. */
  let served = false;
  /** @type {any} */ let about = null;
  /** @type {any[]} */ let made = [];
  let author = "";
  /** Whether this browser keeps what is decided, and the page shows it; another tab may then have added to it. */
  let keeps = true;
  const AUTHOR_KEY = "ringtrace author";
  const storeKey = () => `ringtrace ${run.run}`;

  /** @param {string} path @param {any} [body] */
  async function ask(path, body) {
    const answer = await fetch(`api/${path}`, {
      method: body ? "POST" : "GET",
      body: body && JSON.stringify(body),
      headers: { "X-Ringtrace-Token": token, "Content-Type": "application/json" }
    });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error || "The server refused.");
    return told;
  }

  /**
   * What this browser keeps; nothing where it keeps nothing, or something else.
   * @param {string} key @param {(text: string) => any} [read] @returns {any}
   */
  function stored(key, read = JSON.parse) {
    try {
      const text = localStorage.getItem(key);
      return text ? read(text) : null;
    } catch {
      return null;
    }
  }
  /** Takes the decisions and notes that this browser keeps, those of other tabs among them. */
  function readKept() {
    if (served || !keeps) return;
    const kept = stored(storeKey())?.made;
    if (Array.isArray(kept)) made = kept;
    author ||= stored(AUTHOR_KEY, String) ?? "";
    takeWork(stored(WORK_KEY));
  }
  function keepDecisions() {
    keep(storeKey(), JSON.stringify({ made }), "decisions.csv");
    if (author) keep(AUTHOR_KEY, author, "decisions.csv");
  }
  /** @param {string} key @param {string} text @param {string} file that has it, too */
  function keep(key, text, file) {
    try {
      localStorage.setItem(key, text);
    } catch {
      keeps = false;
      toast(filled(TOLD.keeps_nothing, { file }));
    }
  }

  /** @param {string} id @returns {any[]} decisions made here that name it */
  const madeOn = (id) =>
    made.filter((decision) => [decision.entity_a, decision.entity_b].includes(id) && pending(decision));
  /** Whether this run was made without a decision. @param {any} decision */
  const pending = (decision) => !run.decisions?.some((applied) => applied.decision_id === decision.decision_id);

  /**
   * The parts into which members fall, as places, the largest first.
   * @param {any} cluster @param {(link: any) => boolean} kept @param {number} [without] a member that is left out
   */
  function partsOf({ members, tied }, kept, without = -1) {
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
      const part = new Set([start]); // which grows while it is walked
      for (const here of part) for (const there of near[here]) if (there !== without) part.add(there);
      for (const member of part) seen.add(member);
      parts.push([...part]);
    }
    return parts.sort((a, b) => b.length - a.length);
  }

  /**
   * The accepted links: one of which the ends alone are here weighs no more than the lightest of the others.
   * @param {any} cluster
   */
  function weighed({ links, ties, tied }) {
    const least = ties.length && Math.min(...links.map(({ weight }) => weight));
    return tied.filter(({ accepted }) => accepted).map(({ a, b, weight = least }) => ({ a, b, weight }));
  }
  /**
   * The side of `from` of a minimum cut between two members (Edmonds and Karp).
   * @param {any} cluster @param {number} from @param {number} to
   */
  function cutSide(cluster, from, to) {
    const room = cluster.members.map(() => new Map());
    const widen = (a, b, weight) => room[a].set(b, (room[a].get(b) ?? 0) + weight);
    for (const { a, b, weight } of weighed(cluster)) {
      widen(a, b, weight);
      widen(b, a, weight);
    }
    for (;;) {
      /** @type {Map<number, any>} */ const came = new Map([[from, from]]); // which grows while it is walked
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
   * What a decision would change, in sentences.
   * @param {string} kind @param {any} cluster @param {string} a @param {any} [b]
   * @param {any} [clusterB] cluster of b
   */
  function effects(kind, cluster, a, b, clusterB) {
    const { size, members } = cluster,
      member = memberOf(cluster, a),
      core = members.filter(leaves);
    const fresh = core.filter(({ review }) => review !== "reviewed").length,
      others = size - core.length;
    const thin = new Set(cluster.flags.includes("thin") ? cluster.sides.thin : []);
    const say = (name, values) => filled(EFFECTS[name], values);
    const vouches = say("vouches", { side: counted(thin.size, "member"), others: count(size - thin.size) });
    switch (kind) {
      case "confirm":
        return [
          thin.size && vouches,
          core.length
            ? [
                say("reviews", { core: counted(core.length, "core member"), fresh: count(fresh) }),
                others &&
                  say("unreviewed", { others: counted(others, "member"), stay: others === 1 ? "stays" : "stay" }),
                say("may_leave", { core: core.length === 1 ? "it" : `these ${count(core.length)}` })
              ]
            : say("none_core"),
          cluster.status === "disputed" && say("outweighed")
        ];
      case "review":
        return [say("reviews_one"), member?.tier === "core" ? say("may_leave", { core: "it" }) : say("to_verify")];
      case "legitimate": {
        const parts = partsOf(cluster, () => true, member.place).map((part) => count(part.length));
        const sizes = parts.slice(0, 6).join(", ") + (parts.length > 6 ? " …" : "");
        return [
          say("legitimate"),
          parts.length > 1
            ? say("falls", { parts: count(parts.length), sizes })
            : say("hangs_together", { others: counted(size - 1, "member") })
        ];
      }
      case "cannot_link": {
        const end = memberOf(cluster, b);
        if (!end) return [say("stay_apart")];
        const side = cutSide(cluster, member.place, end.place);
        const cut = weighed(cluster).filter((link) => side.has(link.a) !== side.has(link.b));
        const weight = (cluster.ties.length ? "at most " : "") + sum(cut, (link) => link.weight).toFixed(1);
        return [
          cut.length ? say("cuts", { links: counted(cut.length, "link"), weight }) : say("not_tied"),
          say("falls_in_two", { side: count(side.size), others: count(size - side.size) })
        ];
      }
      case "must_link": {
        const second = clusterOf.get(clusterB),
          same = clusterB === cluster.id;
        return [
          same && thin.has(a) !== thin.has(b) && vouches,
          same
            ? say("binds")
            : second
              ? say("joins", { here: counted(size, "member"), there: counted(second.size, "member") })
              : say("joins_unknown"),
          say("worth")
        ];
      }
      default:
        return EFFECTS[kind].map((effect) => filled(effect, { members: counted(size, "member") }));
    }
  }

  /** @param {any} cluster @param {string | undefined} id @returns {any} */
  const memberOf = ({ members }, id) => members.find((member) => member.id === id);
  /** @param {any} cluster @returns {any} the member by which it is decided on */
  function spokesman({ members }) {
    const open = members.filter(({ id, status }) => status !== "contested" && !id.includes(":withheld-"));
    const core = open.filter(({ tier }) => tier === "core");
    return (core.length ? core : open).sort((a, b) => b.robustness - a.robustness || b.reporters - a.reporters)[0];
  }

  /** What was opened on the page of each cluster, by its id. @type {Record<string, Map<string, Set<string>>>} */
  const read = { narrative: new Map(), link: new Map() };
  /** @param {string} noun @param {string} cluster @param {string} name */
  const noteRead = (noun, cluster, name) =>
    read[noun].set(cluster, (read[noun].get(cluster) ?? new Set()).add(plain(name, 240)));
  /** @param {any} cluster @param {string} a @param {string} b ends of a link that is drawn */
  const noteLink = (cluster, a, b) => noteRead("link", cluster.id, `${a} ${b}`);
  /** What was open on the pages of clusters, in words. @param {any[]} both */
  const openedOn = (both) =>
    Object.entries(read)
      .map(([noun, names]) => [noun, [...new Set(both.flatMap(({ id }) => [...(names.get(id) ?? [])]))]])
      .filter(([, names]) => names.length)
      .map(([noun, names]) => `${counted(names.length, noun)}: ${plain(names.join(", "), 1500)}`)
      .join("; ") || "none: nothing was opened on the page";

  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("dialog"));

  /**
   * Asks in the dialog.
   * @param {string} title @param {any[]} fields @param {string} go text of the button
   * @param {() => any} answer does what is asked, or throws what is wrong
   */
  function askFor(title, fields, go, answer) {
    const problem = h("p.problem", { role: "alert" }),
      record = h("button.primary", go);
    const submit = async () => {
      record.disabled = true;
      try {
        await answer();
      } catch (error) {
        problem.textContent = plain(error.message, 600);
        record.disabled = false;
      }
    };
    fill(
      dialog,
      form(
        "form",
        submit,
        h2({ id: "dialog-title" }, title),
        fields,
        problem,
        h(
          "p.buttons",
          record,
          button("Cancel", () => dialog.close())
        )
      )
    );
    if (!dialog.open) dialog.showModal();
  }
  /**
   * Asks for the reason, showing what would change, and records.
   * @param {string} kind @param {any} cluster @param {string} a @param {string} [b]
   * @param {string} [clusterB] cluster of b
   */
  function decide(kind, cluster, a, b, clusterB = cluster.id) {
    const reason = input({ id: "reason", maxlength: 400, required: true });
    const who = input({ id: "author", value: author, maxlength: 80, required: true });
    askFor(
      WORDS[kind],
      [
        p(identifier(a), b && [" and ", identifier(b)]),
        h(
          "ul.effects",
          { label: "What it would change" },
          effects(kind, cluster, a, b, clusterB)
            .flat()
            .filter(Boolean)
            .map((effect) => li(effect))
        ),
        h("label", { for: "reason" }, "Reason, shown beside what it changes"),
        reason,
        served ? remark("Author: ", shown(author)) : [h("label", { for: "author" }, "Author"), who]
      ],
      "Record",
      async () => {
        author = who.value.trim() || author;
        const draft = { kind, entity_a: a, entity_b: b ?? null, reason: reason.value.trim() };
        if (!draft.reason) throw new Error(TOLD.no_reason);
        await recordDecision(draft, cluster, clusterB);
        dialog.close();
      }
    );
    const first = author || served ? reason : who;
    first.focus();
    first.select();
  }

  /** @param {any} draft @param {any} cluster @param {string} clusterB of its second identifier */
  async function recordDecision(draft, cluster, clusterB) {
    const { kind, entity_a: a, entity_b: b } = draft;
    const both = [cluster, clusterB !== cluster.id && (await wholeCluster(clusterB))].filter(Boolean);
    draft.opened = openedOn(both);
    let told;
    if (served) {
      const shown = await Promise.all(both.map(({ digest }) => digest));
      for (const { error } of shown) if (error) throw error;
      draft.evidence_digest = shown.map(({ digest }) => digest).join(" ");
      const answer = await ask("decide", draft);
      made = answer.decisions;
      draft.decision_id = answer.added;
      setTimeout(refresh, answer.seconds * 1000 + 500);
      told =
        `${words(kind)} covers ${counted(answer.covers, "identifier")} of ${run.run}; ` +
        `recorded once ${count(answer.seconds)} s have passed.`;
    } else {
      if (!author) throw new Error("Give an author: who decides.");
      readKept();
      const decided = now(),
        stem = `${kind}-${decided.slice(0, 10).replace(/-/g, "")}-w`;
      let number = 1;
      while (made.some(({ decision_id: id }) => id === stem + number)) number++;
      draft.decision_id = stem + number;
      const covers = ({ tier, first }) =>
        (kind === "dispute" || (kind === "confirm" && tier === "core")) && first * 1000 <= Date.now();
      const ids = new Set([a, b, ...cluster.members.filter(covers).map(({ id }) => id)].filter(Boolean));
      const members = [...ids].sort((x, y) => compare(pointsOf(x), pointsOf(y)));
      made.push({ ...draft, author, decided_at: decided, members, run_id: run.run, cluster: cluster.id });
      keepDecisions();
      told = TOLD.kept;
    }
    const next = nextInQueue();
    toast(shown(`${draft.decision_id}: ${told}`, 300), [
      button("Undo", () => undo(draft.decision_id)),
      next && linkButton(toCluster(next.id), "Next in queue")
    ]);
    render();
  }
  /** The time, as ISO 8601 to the second. */
  const now = () => new Date().toISOString().replace(/\.\d+Z$/, "Z");
  /** Sorts by code points, as Python does. @param {string} text */
  const pointsOf = (text) => Array.from(text, (sign) => codePoint(sign).padStart(9)).join("");
  /** Reads the decisions of the file again, once one that waited is recorded. */
  async function refresh() {
    const { decisions, problem } = await ask("decisions");
    made = decisions;
    if (problem) toast(plain(problem, 400));
    else if (place().view === "decisions") render();
  }

  /** @param {string} id */
  async function undo(id) {
    try {
      if (served) made = (await ask("undo", { decision_id: id })).decisions;
      else {
        readKept();
        made = made.filter((decision) => decision.decision_id !== id);
        keepDecisions();
      }
      toast(`${id} is undone.`);
    } catch (error) {
      failed(error);
    }
    render();
  }

  async function decisionsCsv() {
    const lines = [DECISION];
    for (const decision of made) {
      const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(decision.members.join("\n")));
      const members_digest = Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
      const row = { ...decision, members: JSON.stringify(decision.members), members_digest };
      lines.push(DECISION.map((name) => row[name] ?? ""));
    }
    download("decisions.csv", csv(lines, harmless), "text/csv");
  }
  /** @param {any[][]} lines @param {(text: any) => string} written a cell */
  const csv = (lines, written) => lines.map((line) => `${line.map(written).join(",")}\n`).join("");
  /** @param {any} text a cell as CSV has it, unchanged */
  const cell = (text) => (/[",\n\r]/.test(String(text)) ? `"${String(text).replace(/"/g, '""')}"` : String(text));
  /** @param {any} text a cell that no spreadsheet takes for a formula */
  const harmless = (text) => cell(/^\s*[=+\-@|%＝＋－＠]|^[\t\r\n]/.test(String(text)) ? `'${text}` : text);

  const toaster = /** @type {HTMLElement} */ (document.getElementById("toast"));
  let fading = 0;
  /** @param {any} message @param {any[]} [more] */
  function toast(message, more) {
    clearTimeout(fading);
    fill(
      toaster,
      span(message),
      more,
      button("×", () => fill(toaster), { label: "Close", class: "close" })
    );
    fading = setTimeout(() => fill(toaster), 15_000);
  }
  const failed = (error) => toast(plain(error.message, 400));

  // ---------------------------------------------------------------- notes on clusters, which bind no run

  const WORK_KEY = "ringtrace workbench";
  /** @type {any} */ let work = { version: 1, clusters: Object.create(null), acknowledged: {} };

  /** Takes what a file or this browser has as notes, where it is some. @param {any} file @returns {boolean} */
  function takeWork(file) {
    const isObject = (value) => value?.constructor === Object;
    const { version, clusters: rows, acknowledged } = file ?? {};
    if (version !== 1 || !isObject(rows) || !Object.values(rows).every(isObject)) return false;
    const text = (value, most) => (typeof value === "string" ? value.slice(0, most) : "");
    const signed = ({ at, by }) => ({ at: text(at, 40), by: text(by, 80) });
    /** @type {any} */ const kept = Object.create(null);
    for (const [id, noted] of Object.entries(/** @type {Record<string, any>} */ (rows))) {
      const notes = (Array.isArray(noted.notes) ? noted.notes : []).filter(isObject);
      kept[id] = {
        ...signed(noted),
        status: byName(CHOICES.work, noted.status) ? noted.status : "",
        owner: text(noted.owner, 80),
        snoozed_until: /^\d{4}-\d\d-\d\d$/.test(noted.snoozed_until) ? noted.snoozed_until : "",
        notes: notes.map((note) => ({ ...signed(note), text: text(note.text, 2000) }))
      };
    }
    work = { version: 1, clusters: kept, acknowledged: isObject(acknowledged) ? acknowledged : {} };
    return true;
  }
  const keepWork = () => keep(WORK_KEY, JSON.stringify(work), "workbench.json");
  /**
   * Changes the notes: by the server, or in this browser.
   * @param {string} call @param {any} body @param {(signed: {at: string, by: string}) => void} change in this browser
   */
  async function changeWork(call, body, change) {
    try {
      if (served) takeWork(await ask(call, body));
      else {
        readKept();
        change({ at: now(), by: author });
        keepWork();
      }
      render();
    } catch (error) {
      failed(error);
    }
  }
  /** @param {string} id of a cluster @param {any} changes */
  const changeCluster = (id, changes) =>
    changeWork("note", { cluster: id, ...changes }, (signed) => {
      const { text, ...others } = changes,
        known = work.clusters[id] ?? UNNOTED;
      const notes = text ? [...known.notes, { ...signed, text: text.slice(0, 2000) }].slice(-200) : known.notes;
      work.clusters[id] = { ...known, ...others, ...signed, notes };
    });
  /** What is noted of a cluster, or of those that it came from. @param {any} row @returns {any} */
  function workOf(row) {
    const every = [...new Set([row.id, ...row.from])].map((id) => work.clusters[id]).filter(Boolean);
    return { ...UNNOTED, ...every[0], notes: every.flatMap(({ notes }) => notes).sort((a, b) => compare(a.at, b.at)) };
  }
  const UNNOTED = Object.freeze({ status: "", owner: "", snoozed_until: "", at: "", by: "", notes: [] });
  const today = () => now().slice(0, 10);
  /**
   * Whether a cluster is out of the queue for now: snoozed, or done before it changed.
   * @param {any} row @returns {string}
   */
  function setAside(row) {
    const mine = workOf(row);
    if (mine.snoozed_until > today()) return "snoozed";
    return mine.status === "done" && (!run.clock || Date.parse(run.clock) <= Date.parse(mine.at)) ? "done" : "";
  }
  /** @param {any} row */
  function workTags(row) {
    const { status, owner, snoozed_until: until, notes } = workOf(row);
    const state = byName(CHOICES.work, status);
    return [
      state && h(`span.tag.work-${status}`, state[1]),
      owner && h("span.tag.owner", { title: "Owner" }, shown(owner, 24)),
      until > today() && h("span.tag", `until ${day(seconds(until))}`),
      notes.length && h("span.tag", { title: plain(notes.at(-1).text, 200) }, counted(notes.length, "note"))
    ];
  }
  /** The strip of a cluster in which its state, owner, snooze and notes are set. @param {any} row */
  function workBar(row) {
    const { status, owner, snoozed_until: until, notes } = workOf(row),
      ended = woken(row),
      shownUntil = ended || (until > today() && until);
    const after = (days) => isoDay(Date.now() / 1000 / DAY + days);
    const change = (changes) => changeCluster(row.id, changes);
    const who = input({
      value: owner,
      maxlength: 80,
      placeholder: "Nobody",
      label: "Owner",
      size: 14,
      onchange: () => change({ owner: who.value.trim() })
    });
    const note = input({ maxlength: 2000, placeholder: "Add a note; no victim’s data", label: "Note" });
    const add = () => note.value.trim() && change({ text: note.value.trim() });
    const snooze = [
      ["", until ? "Wake it" : "No"],
      [after(1), "A day"],
      [after(7), "A week"],
      [after(30), "30 days"]
    ];
    if (shownUntil) snooze.splice(1, 0, [shownUntil, `${ended ? "Ended" : "Until"} ${day(seconds(shownUntil))}`]);
    return h(
      "div.work",
      { role: "group", label: "Work on the cluster" },
      labelled(
        "Work",
        select("State of work", [["", "Not begun"], ...CHOICES.work], status, (chosen) => change({ status: chosen }))
      ),
      labelled("Owner", who),
      author && owner !== author && button("Take it", () => change({ owner: author, status: status || "open" })),
      labelled(
        "Snooze",
        select("Snooze", snooze, shownUntil, (snoozed_until) => change({ snoozed_until }))
      ),
      h(
        "details.notes",
        { open: place().state.notes === "1", ontoggle: (event) => remember({ notes: event.target.open ? "1" : "" }) },
        h("summary", notes.length ? counted(notes.length, "note") : "Notes"),
        h(
          "div.note-list",
          form("form.bar", add, note, h("button", "Add note")),
          h(
            "ol.records",
            notes
              .reverse()
              .map(({ at, by, text }) => li(quiet(moment(seconds(at)), " ", shown(by), " "), shown(text, 400)))
          )
        )
      )
    );
  }
  /** The part of the page of decisions that keeps and loads notes. */
  function workPart() {
    const number = Object.keys(work.clusters).length;
    const file = h("input", {
      type: "file",
      accept: ".json,application/json",
      label: "Load workbench.json",
      onchange: async () => {
        const good = takeWork(
          await file.files[0]
            .text()
            .then(JSON.parse)
            .catch(() => null)
        );
        if (good) keepWork();
        toast(
          good
            ? `Notes on ${counted(Object.keys(work.clusters).length, "cluster")} ` +
                "are loaded, in place of those that were here."
            : "This file is no workbench.json."
        );
        render();
      }
    });
    return [
      h2("Notes on clusters"),
      p(
        `State, owner, snooze and notes of ${counted(number, "cluster")}. `,
        served ? TOLD.notes_served : TOLD.notes_kept
      ),
      h(
        "div.bar",
        button(
          "Download workbench.json",
          () => download("workbench.json", `${JSON.stringify(work, null, 1)}\n`, "application/json"),
          { disabled: !number }
        ),
        !served && labelled("Load", file)
      )
    ];
  }

  // ---------------------------------------------------------------- downloads and citations

  /** @param {string} name @param {BlobPart} content @param {string} type */
  function download(name, content, type) {
    const href = URL.createObjectURL(new Blob([content], { type }));
    h("a", { download: name, href }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10_000);
  }
  /** @param {string} text */
  async function cite(text) {
    let told = "Copied: ";
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      told = "Copy this: ";
    }
    toast([told, shown(text, 300)]);
  }
  /** @param {any} cluster @param {any[]} members */
  function citation(cluster, members) {
    const told = members.map(
      (member) =>
        `${plain(member.id, 400)} (${words(member.role)}, ${member.tier}, ${counted(member.reporters, "reporter")}, ` +
        `${counted(member.complaints, "complaint")}, ${period(member)})`
    );
    return `ringtrace ${run.run}, cluster ${plain(cluster.id)}: ${told.join("; ")}; members/, entities/`;
  }
  /** @param {any} cluster @param {any[]} members core ones go by value, the others as a count */
  function membersCsv({ id }, members) {
    const columns = "id kind role tier review reporters robustness complaints calls first last".split(" ");
    const rows = members
      .filter(leaves)
      .map((member) => [
        id,
        ...columns.map((name) => (TIMES.includes(name) ? new Date(member[name] * 1000).toISOString() : member[name]))
      ]);
    const rest = members.length - rows.length;
    if (rest) rows.push([id, `${counted(rest, "member")} to verify before use left out`]);
    download(`${plainName(id)}.csv`, csv([["cluster_id", ...columns], ...rows], harmless), "text/csv");
  }
  /** @param {string} id */
  const plainName = (id) => (/^[\w-]{1,64}$/.test(id) ? id : "cluster");

  // ---------------------------------------------------------------- search

  const field = /** @type {HTMLInputElement} */ (document.getElementById("query"));
  const hits = /** @type {HTMLElement} */ (document.getElementById("hits"));
  /** @type {any} */ let index;
  let marked = 0;

  /** @param {string} text @returns {string} as it is compared: forms folded, defanging undone, separators left out */
  function folded(text) {
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
  const bareValue = (id) => folded(valueOf(bare(id)));
  /** @param {string} query @returns {string} the digits that must end the number; nothing for what is no number */
  function digitsOf(query) {
    const text = query.normalize("NFKC").replace(/^\s*(?:tel|phone):/i, "");
    if (!/^[\s+\d().\-/\u2010-\u2015\u00a0]+$/.test(text)) return "";
    const digits = text.replace(/\(0\)/, "").replace(/\D/g, "").replace(/^0+/, "");
    return digits.length >= 5 ? digits : "";
  }

  async function loadIndex() {
    const [whole, suppressed] = await Promise.all([
      load("found"),
      load("suppressed"),
      clusterList("clusters"),
      clusterList("singles")
    ]);
    const all = (name) => Promise.all(Array.from({ length: whole[name] }, (_, n) => load(`${name}-${n}`)));
    const pieces = (await Promise.all([all("search"), all("records")])).flat();
    index = { ...whole, suppressed: rowsOf(suppressed) };
    for (const name of "ids clusters records record_orgs record_clusters".split(" "))
      index[name] = pieces.flatMap((piece) => piece[name] ?? []);
    index.values = index.ids.map(bareValue);
    index.lower = index.records.map((record) => record.toLowerCase());
  }

  /**
   * What a query asks for, and which identifiers fit it, by their ids and `bareValue`.
   * @param {string} query
   */
  function sought(query) {
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

  /**
   * The rows of the search: text, what is said of it, where it leads, and how well it fits.
   * @param {string} query @returns {{text: string, note: string, href: string, weight: number}[]}
   */
  function find(query) {
    const [bareQuery, holder = ""] = query.trim().split(/(#\d+)$/);
    const { key, number, fits } = sought(bareQuery);
    if (key.length < 2) return [];
    const weightOf = (id, text) => {
      const exact = text === key || (number && text.endsWith(number) && text.length - number.length <= 4);
      return exact ? (holder && id.endsWith(holder) ? 4 : 3) : 1;
    };
    const titled = (id) => plain(titleOfId(id), 60);
    /** @type {any[]} */ const hitRows = [];
    const add = (text, note, href, weight) => hitRows.push({ text, note, href, weight });
    index.ids.forEach((id, n) => {
      const row = clusterOf.get(index.of[index.clusters[n]]),
        value = index.values[n];
      if (row && fits(id, value))
        add(
          id,
          row.size > 1 ? `in ${titled(row.id)}` : "single identifier",
          toCluster(row.id, { id }),
          weightOf(id, value)
        );
    });
    for (const { id, reason } of index.suppressed) {
      const value = bareValue(id);
      if (fits(id, value))
        add(id, `suppressed: ${plain(reason, 120)}`, address("suppressed", { q: id }), weightOf(id, value) - 0.5);
    }
    const start = query.trim().toLowerCase();
    const named = index.orgs.findIndex(
      (org) => start.startsWith(`${org.toLowerCase()}|`) || start.startsWith(`${org.toLowerCase()}/`)
    );
    const own = named < 0 ? start : start.slice(index.orgs[named].length + 1);
    for (let n = 0, left = 60; n < index.lower.length && left; n++) {
      const record = index.lower[n],
        inOrg = index.record_orgs[n] === named && record.startsWith(own);
      if (!inOrg && !record.startsWith(start)) continue;
      left--;
      const text = index.records[n],
        id = index.of[index.record_clusters[n]] ?? "";
      add(
        text,
        `record of ${words(index.orgs[index.record_orgs[n]])}` +
          (id ? ` in ${titled(id)}` : ", which names no member of a cluster"),
        id && toCluster(id, { tab: "records", rq: text }),
        record === start || (inOrg && record === own) ? 3.2 : 2
      );
    }
    for (const row of clusters) {
      if (![`${row.name} ${row.brand}`, row.id].some((text) => folded(text).includes(key))) continue;
      add(titleOf(row), `cluster of ${counted(row.size, "member")}`, toCluster(row.id), 1.5);
    }
    return hitRows.sort((a, b) => b.weight - a.weight || a.text.length - b.text.length).slice(0, 60);
  }

  /** @param {string} query */
  async function lookUp(query) {
    if (!index) await loadIndex();
    return find(query);
  }
  /** @param {string} query @returns {string[]} the numbers and other identifiers among the words of a note */
  function identifiersIn(query) {
    const text = query.normalize("NFKC"),
      numbers = text.match(/[+(]*\d[\d\s()./\u2010-\u2015-]{5,}\d/g) ?? [];
    const parts = text.split(/[\s,;<>"']+/).map((part) => part.replace(/^[([]+|[)\].:!?]+$/g, ""));
    return [...new Set([...numbers, ...parts.filter((part) => part.length > 5 && /[\d.@]/.test(part))])].slice(0, 12);
  }

  async function search() {
    const query = asked();
    if (!query.trim()) return closeHits();
    const whole = await lookUp(query);
    if (query !== asked()) return;
    const parts = whole.length
      ? whole
      : [
          ...new Map(
            identifiersIn(query)
              .flatMap(find)
              .map((hit) => [hit.text + hit.href, hit])
          ).values()
        ].slice(0, 60);
    marked = 0;
    const said = (...text) => h("p.quiet", { role: "option", "aria-selected": "false" }, text);
    fill(
      hits,
      !whole.length && parts.length && said(TOLD.found_parts),
      parts.map(({ text, note, href }, n) =>
        h(
          href ? "a" : "div",
          {
            href: href || null,
            role: "option",
            id: `hit-${n}`,
            tabindex: href ? -1 : null,
            "aria-selected": String(n === 0),
            onclick: closeHits
          },
          briefly(text, 70),
          prettily(text),
          h("span.note", isolated(note))
        )
      ),
      !parts.length &&
        said(sentences("not_found"), /^\s*RT-/i.test(query) && sentences("evidence_number"), ".")
    );
    hits.hidden = false;
    field.setAttribute("aria-expanded", "true");
    field.setAttribute("aria-activedescendant", parts.length ? "hit-0" : "");
    marks.searched = query;
  }
  const asked = () => field.value.slice(0, 300);
  function closeHits() {
    hits.hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  }
  /** @param {number} step */
  function walk(step) {
    const every = hits.querySelectorAll("a, div");
    if (!every.length) return;
    every[marked]?.setAttribute("aria-selected", "false");
    marked = (marked + step + every.length) % every.length;
    every[marked].setAttribute("aria-selected", "true");
    every[marked].scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", every[marked].id);
  }
  let waiting = 0;
  field.addEventListener("focus", () => index || loadIndex(), { once: true });
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, 60);
  });
  async function openHit() {
    clearTimeout(waiting);
    if (marks.searched !== asked() || hits.hidden) await search();
    /** @type {any} */ const hit = hits.querySelectorAll("a, div")[marked];
    if (!hit?.href) return;
    closeHits();
    field.blur();
    location.hash = hit.hash;
  }
  field.addEventListener("keydown", (event) => {
    const act = { ArrowDown: () => walk(1), ArrowUp: () => walk(-1), Enter: openHit, Escape: closeHits }[event.key];
    if (!act) return;
    if (event.key !== "Escape") event.preventDefault();
    act();
  });
  document.addEventListener("click", (event) => {
    if (!(/** @type {any} */ (event.target).closest(".searcher"))) closeHits();
  });

  // ---------------------------------------------------------------- queue and lists of clusters

  /** What changed since the run before. @param {any} row @returns {{kind: string, text: string}[]} */
  function changes(row) {
    /** @type {{kind: string, text: string}[]} */ const told = [];
    const add = (kind, text) => text && told.push({ kind, text });
    const { before, from, event, gained, lost, contested } = row,
      [earlier] = before,
      events = event.split(" "),
      split = events.includes("split");
    const sizes =
      earlier &&
      ` of ${before.map(({ size }) => count(size)).join(" + ")} ` +
        (before.length === 1 && earlier.size === 1 ? "member" : "members");
    add("merged", events.includes("merged") && `Merged from ${counted(from.length, "cluster")}${sizes ?? ""}`);
    if (split && events.length > 1) add("split", "Parts of these are in other clusters");
    else if (split && from.includes(row.id))
      add("split", `Split${earlier ? `; had ${counted(earlier.size, "member")}` : ""}`);
    else if (split) add("split", `Split off${earlier ? ` a cluster of ${count(earlier.size)}` : ""}`);
    add("new", event === "born" && run.compared && "New cluster");
    add("identifiers", gained && event !== "born" && `+${counted(gained, "identifier")}`);
    add("gone", lost && `−${counted(lost, "identifier")}`);
    if (earlier && !split) {
      const was = sum(before, ({ reporters }) => reporters),
        more = row.reporters - was;
      add("reporters", more > 0 && `+${counted(more, "reporter")} (was ${count(was)})`);
      for (const [currency, amount] of row.losses) {
        const same = before.flatMap(({ losses: stated }) => stated).filter(([name]) => name === currency);
        const extra = Math.round(Number(amount) - sum(same, (loss) => Number(loss[1])));
        add("losses", extra > 0 && `+${plain(currency, 12)} ${count(extra)}`);
      }
    }
    add(
      "decided",
      earlier &&
        earlier.status !== row.status &&
        `Now ${words(row.status).toLowerCase()} (was ${words(earlier.status).toLowerCase()})`
    );
    add("lone", row.lone && run.compared && "On one reporter");
    add("contested", contested && `${count(contested)} contested`);
    return told;
  }

  /** @returns {any[]} clusters that ask for attention, by priority */
  function queueRows() {
    return clusters.filter((row) => row.changes.length || (!run.compared && row.unreviewed) || woken(row));
  }
  /** The day on which a snooze ended, until somebody takes it away. @param {any} row @returns {string} */
  function woken(row) {
    const mine = workOf(row);
    return mine.snoozed_until && mine.status !== "done" && mine.snoozed_until <= today() ? mine.snoozed_until : "";
  }
  /** What is chosen among all clusters, not among those alone that changed. */
  const EVERYWHERE = "unreviewed thin burst same_text mine snoozed done".split(" ");
  /** Ids of the queue as it was last shown, chosen, filtered and sorted; and whether these were set aside. */
  let inQueue = /** @type {string[]} */ ([]),
    walkAside = false;
  /** @returns {any} the cluster after the open one in the queue as it was last shown, or the first */
  function nextInQueue() {
    const rows = inQueue.length ? inQueue.map((id) => clusterOf.get(id)) : queueRows();
    return rows.slice(rows.findIndex(({ id }) => id === place().id) + 1).find((row) => walkAside || !setAside(row));
  }

  /** The best known member of a cluster, and the brand that it poses as. @param {any} row @returns {string[]} */
  const named = (row) => [row.name, words(row.brand)];
  /** @param {any} row */
  function clusterName(row, state = {}) {
    const [value, brand] = named(row);
    return h(
      "a.cluster",
      { href: toCluster(row.id, state) },
      briefly(value, 48),
      prettily(value),
      brand && h("span.brand", " ", brief(brand, 30))
    );
  }
  /** The name of a cluster as text. @param {any} row @returns {string} */
  const titleOf = (row) => named(row).filter(Boolean).join(" ");
  /** The same by its id. @param {string} id @param {string} [absent] what stands for one that is not listed */
  const titleOfId = (id, absent = id) => (clusterOf.has(id) ? titleOf(clusterOf.get(id)) : absent);
  /** @param {any} row */
  const statusTag = ({ status }) =>
    status !== "candidate" && h(`span.tag.${/^[a-z]+$/.test(status) ? status : "other"}`, worded(status, 20));
  /** @param {any} row */
  function pendingTag(row) {
    const mine = made.filter((decision) => decision.cluster === row.id && pending(decision));
    return (
      mine.length &&
      h(
        "span.tag.mine",
        { title: mine.map((decision) => decision.decision_id).join(", ") },
        `${words(mine.at(-1).kind)} recorded`
      )
    );
  }

  /** @param {any} row */
  const flagTags = (row) =>
    row.flags
      .filter((flag) => FLAGS[flag])
      .map((flag) => {
        const { name, meaning } = FLAGS[flag];
        return h(
          `span.tag${flag.startsWith("one_") ? "" : ".caution"}`,
          { title: meaning },
          flag === "thin" ? "Thin" : name
        );
      });
  /**
   * Into which parts a cluster falls for each organisation, by the links that its own records bear; nothing where
   * one sees it whole.
   * @param {any} cluster
   */
  function aloneLine({ alone, orgs, size }) {
    if (!alone) return null;
    const parts = (org) => {
      const sizes = Object.hasOwn(alone, org) ? alone[org] : [];
      if (!sizes.length) return "none of its members";
      const first = sizes.slice(0, 4).map(count).join(" + ");
      return `${first}${sizes.length > 4 ? " + …" : ""} of its ${counted(size, "member")}`;
    };
    const lines = orgs.slice(0, 4).map((org, n) => [n && "; ", worded(org), `’s own records tie ${parts(org)}`]);
    return li(h("strong", "Whole only in the union"), ": ", lines, ". A run of one alone can tie fewer still.");
  }
  /** @param {any} cluster */
  function flagLines(cluster) {
    const { thin, weakest } = cluster.sides,
      { cut, size, flags } = cluster;
    const same = weakest.join() === thin.join();
    const falls =
      weakest.length &&
      cut !== null &&
      !run.redacted &&
      `If ${flags.includes("cut_at_least") ? "at least " : ""}${are(cut, "reporter")} wrong, ` +
        `it falls into ${count(weakest.length)} and ${count(size - weakest.length)} members. `;
    const smaller = (side) =>
      cluster.sides[side].length && [
        anchor(
          toCluster(cluster.id, { side }),
          `Show the smaller side, ${counted(cluster.sides[side].length, "member")}`
        ),
        "."
      ];
    const lines = [
      aloneLine(cluster),
      ...flags
        .filter((flag) => FLAGS[flag])
        .map((flag) =>
          li(
            h("strong", FLAGS[flag].name),
            `: ${FLAGS[flag].meaning} `,
            flag === "thin" && [same && falls, smaller("thin")]
          )
        ),
      falls && !(same && thin.length) && li(h("strong", "Weakest cut"), `: ${falls}`, smaller("weakest"))
    ].filter(Boolean);
    return lines.length && h("ul.flags", { label: "What to know before it is used" }, lines);
  }

  /** @param {string} wanted names of columns, with spaces between them */
  function clusterColumns(wanted) {
    const columns = [
      column("name", "Cluster", (row) => [clusterName(row), " ", ...clusterTags(row)], "name"),
      decimals("priority", 1),
      counts("core", term("Core"), (row) => [count(row.core), quiet(` of ${count(row.size)}`)]),
      counts("unreviewed", term("Unreviewed"), (row) => zero(row.unreviewed)),
      counts("contested", term("Contested"), ({ contested }) =>
        contested ? h("strong.warn", count(contested)) : none("0")
      ),
      reporters(),
      counts("complaints"),
      counts("calls"),
      unsorted("losses", "Losses", (row) => losses(row.losses), "num money"),
      reportedTo(2),
      dates("first"),
      dates("last"),
      decimals("confidence"),
      unsorted("countries", "Victims in", (row) => names(countriesOf(row))),
      unsorted("brands", "Brands", (row) => names(row.brands)),
      unsorted(
        "changed",
        "What changed",
        (row) => {
          const since = woken(row);
          return row.changes.length || since
            ? [changeChips(row), since && h("span.chip.lone", `Snoozed until ${day(seconds(since))}`)]
            : none("No change");
        },
        "changed"
      )
    ];
    return wanted.split(" ").map((name) => columns.find((each) => each.name === name));
  }
  const changeChips = (row) => row.changes.map(({ kind, text }) => h(`span.chip.${kind}`, text));
  const clusterTags = (row) => [statusTag(row), pendingTag(row), flagTags(row), workTags(row)];
  const countriesOf = (row) => row.countries.map(([country]) => country);
  const clusterText = (row) => [row.name, pretty(named(row)[0]), row.id, row.orgs, row.brands, countriesOf(row)];
  /** A table of clusters, the first to look at first. @param {any} more */
  const clusterTable = (more) =>
    table({ text: clusterText, sort: "-priority", open: (row) => (location.hash = toCluster(row.id)), ...more });

  /** @param {Record<string, string>} state */
  function queueView(state) {
    const rows = queueRows(),
      changedRows = new Set(rows),
      { why = "" } = state;
    const setBy = new Map(clusters.map((row) => [row, setAside(row)]));
    const has = (kind, row) => {
      if (!EVERYWHERE.includes(kind) && !changedRows.has(row)) return false;
      const aside = setBy.get(row);
      if (kind === "snoozed" || kind === "done") return aside === kind;
      if (aside) return false;
      if (kind === "mine" || kind === "free")
        return author !== "" && workOf(row).owner === (kind === "mine" ? author : "");
      if (FLAGS[kind]) return row.flags.includes(kind);
      return !kind || (kind === "unreviewed" ? row.unreviewed > 0 : row.changes.some((change) => change.kind === kind));
    };
    const chips = Object.entries(WHY).map(([kind, name]) => ({
      kind,
      name,
      number: clusters.filter((row) => has(kind, row)).length
    }));
    const list = clusterTable({
      columns: clusterColumns(
        `priority name ${run.compared ? "changed" : "countries"} core unreviewed reporters losses orgs last`
      ),
      rows: clusters,
      caption: "Clusters that ask for attention",
      filter: (row) => has(why, row),
      hint: "Filter by number, brand, organisation",
      none: state.q ? "Nothing fits." : "Nothing asks for attention.",
      drawn: (shownRows) => {
        inQueue = shownRows.map(({ id }) => id);
        walkAside = why === "snoozed" || why === "done";
      }
    });
    const having = (test) => clusters.filter(test).length;
    const several = having((row) => row.orgs.length > 1),
      { joint, contested } = run;
    const before = run.previous_clock ? `the run of ${moment(seconds(run.previous_clock))}` : run.previous;
    const compared = run.previous
      ? `changed since ${before}`
      : TOLD.changed_since;
    const changed =
      run.previous || run.compared
        ? `${counted(rows.length, "cluster")} ${compared}`
        : "First run: no earlier one to compare with";
    return [
      headline(
        "Queue",
        p(
          span({ title: run.previous }, changed),
          "; by priority. ",
          anchor(address("clusters"), `All ${counted(clusters.length, "cluster")}`),
          ", ",
          anchor(address("singles"), counted(run.singles, "single identifier")),
          "."
        ),
        alarms(5, 300)
      ),
      h(
        "div.facts",
        leads(run.shared, joint ? "identifier* that both sides see" : "identifier* seen by several", address("shared")),
        joint
          ? leads(joint.links, "link* only the union reveals", address("shared"))
          : leads(several, "cluster* seen by several", address("clusters", { both: 1 })),
        joint && leads(joint.merged, "pair* of clusters that are one", address("shared")),
        !joint &&
          !run.redacted &&
          several &&
          leads(
            having((row) => unionOnly.has(row.id)),
            "whole only in the union",
            address("clusters", { both: "union" })
          ),
        leads(
          sum(clusters, (row) => row.unreviewed),
          "unreviewed core member*",
          address("clusters", { sort: "-unreviewed" })
        ),
        contested && leads(contested.total, "contested identifier*", address("contested"), contested.total > 0),
        leads(
          having((row) => row.status === "disputed"),
          "disputed cluster*",
          address("clusters", { status: "disputed" })
        ),
        !run.redacted &&
          leads(made.length, served ? "decision* in the file" : "decision* kept here", address("decisions"))
      ),
      h(
        "div.chips",
        { role: "group", label: "Why" },
        chips
          .filter(({ kind, number }) => number || !kind)
          .map(({ kind, name, number }) =>
            h(
              "a.chip.choice",
              { href: addressWith({ why: kind }), "aria-current": kind === why && "true" },
              kind || !run.compared ? name : "Changed",
              " ",
              h("b", count(number))
            )
          )
      ),
      list,
      run.moved.length &&
        details(
          `${counted(run.moved.length, "cluster")} no longer seen`,
          simple(
            "No longer seen",
            "Cluster of the run before | Its members went to",
            run.moved.map((moved) => [
              identifier(moved.cluster_id),
              moved.to_ids.length ? links(moved.to_ids) : "none here"
            ])
          )
        )
    ];
  }
  /** @param {string[]} ids of clusters */
  const links = (ids) => firstFew(ids, 12, (id) => toNamed(id, identifier(id)));
  /**
   * A cluster by name; of a single identifier, or of another run, the text.
   * @param {string} id @param {any} [text] @param {Record<string, any>} [state]
   */
  const toNamed = (id, text = "single identifier", state = {}) =>
    clusterOf.has(id) ? clusterName(clusterOf.get(id), state) : anchor(toCluster(id, state), text);
  /** @param {any} number @param {any} label @param {boolean} [warn] */
  const tile = (number, label, warn = false) => h(`div.fact${warn ? ".alarm" : ""}`, h("b", typeof number === "number" ? count(number) : number), span(label));
  /**
   * A number that leads to what it counts.
   * @param {number} number @param {string} noun with a * where a plural has its s @param {string} href
   * @param {boolean} [warn]
   */
  const leads = (number, noun, href, warn) =>
    tile(number, anchor(href, noun.replace("*", number === 1 ? "" : "s")), warn);
  /** @param {number} most @param {number} letters */
  const alarms = (most, letters) =>
    run.alarms.length &&
    h(
      "ul.alarms",
      { label: "Alarms" },
      run.alarms.slice(0, most).map(({ code, message }) => li(worded(code), ": ", shown(message, letters)))
    );

  /**
   * @param {string} label @param {string[][]} values with their texts @param {string} chosen
   * @param {(value: string) => any} onchange
   */
  function select(label, values, chosen, onchange) {
    const place = values.findIndex(([value]) => value === chosen);
    return h(
      "select",
      { label, onchange: (event) => onchange(event.target.value) },
      values.map(([value, text], n) => h("option", { value, selected: n === place }, text))
    );
  }
  /**
   * A select whose choice stands in the address.
   * @param {string} any what stands for no choice @param {string} name @param {[string, string][]} values
   */
  const options = (any, name, values) =>
    select(any, [["", any], ...values], place().state[name], (value) =>
      location.replace(addressWith({ [name]: value }))
    );
  /** @param {string} any @param {string} name @param {string[]} values */
  const choice = (any, name, values) => {
    const sorted = [...new Set(values)].sort((a, b) => rankOf(a) - rankOf(b) || compare(a, b));
    return options(
      any,
      name,
      sorted.slice(0, 300).map((value) => [value, plain(words(value), 60)])
    );
  };
  /** @param {Record<string, string>} state */
  function clustersView(state) {
    const newest = Math.max(...clusters.map((row) => row.last));
    const list = clusterTable({
      columns: clusterColumns(
        "priority name core unreviewed contested reporters complaints calls losses countries orgs confidence first last"
      ),
      rows: clusters,
      caption: "All clusters",
      choices: {
        org: ["Any organisation", (row) => row.orgs],
        brand: ["Any brand", (row) => row.brands],
        country: ["Any country", countriesOf],
        status: ["Any status", (row) => [row.status]],
        event: ["Any change", (row) => row.event.split(" ")]
      },
      extra: [
        options("Any size", "size", CHOICES.size),
        options("Active any time", "active", CHOICES.active),
        options("One organisation or more", "both", [
          ["1", "Several organisations"],
          ...(unionOnly.size ? [/** @type {[string, string]} */ (["union", "Whole only in the union"])] : [])
        ])
      ],
      filter: (row) =>
        row.size >= Number(state.size || 0) &&
        (!state.active || row.last >= newest - Number(state.active) * DAY) &&
        (!state.both || (state.both === "union" ? unionOnly.has(row.id) : row.orgs.length > 1))
    });
    return [
      headline(
        "Clusters",
        p(
          `${counted(clusters.length, "cluster")} of two or more identifiers.`,
          clusters.length && ` Activity counts back from ${day(newest)}, the newest record.`
        )
      ),
      list
    ];
  }
  async function singlesView() {
    const list = clusterTable({
      columns: clusterColumns("priority name core contested reporters complaints calls losses countries orgs last"),
      rows: await clusterList("singles"),
      caption: "Single identifiers"
    });
    return [headline("Single identifiers", p("Not yet linked to any other.")), list];
  }

  // ---------------------------------------------------------------- a cluster

  /**
   * Of a cluster: name, text, what draws it, and what the tab counts.
   * @type {[string, string, (cluster: any, open: (member: any) => void) => any,
   *   ((cluster: any) => number)?][]}
   */
  const TABS = [
    ["members", "Members", membersTab, (cluster) => cluster.size],
    ["links", "Links", linksTab, ({ links, ties }) => links.length + ties.length],
    ["records", "Records", recordsTab],
    ["timeline", "Timeline", timelineTab],
    ["graph", "Graph", graphTab],
    ["rejected", "Weak and rejected links", rejectedTab, ({ counts: [{ near }], bridges }) => near + bridges.length],
    ["suppliers", "Suppliers and scripts", suppliersTab, ({ suppliers, scripts }) => suppliers.length + scripts.length],
    ["about", "About", aboutTab]
  ];
  /** @type {any} */ let graph = null;

  /** @param {string} id @param {Record<string, string>} state */
  async function clusterView(id, state) {
    const cluster = await wholeCluster(id);
    if (!cluster) {
      const went = [
        ...run.moved.filter((moved) => moved.cluster_id === id).flatMap((moved) => moved.to_ids),
        ...clusters.filter(({ from }) => from.includes(id)).map((row) => row.id)
      ];
      return [
        headline(
          went.length ? "No longer a cluster of its own" : "No such cluster",
          p(
            identifier(id),
            " is no cluster of this run. ",
            went.length && ["Its members went to ", links([...new Set(went)]), ". "],
            anchor(address("queue"), "Back to the queue")
          )
        )
      ];
    }
    const { members, brands } = cluster;
    const [tab, text, draw] = byName(TABS, state.tab) ?? TABS[0];
    const best = !run.redacted && spokesman(cluster),
      next = nextInQueue();
    const panel = h("aside.panel", { label: "Identifier" });
    const chosen = memberOf(cluster, state.id) ?? members[0];
    const rowOf = (member) => document.querySelector(`tr[data-key="${CSS.escape(plain(member.id, 200))}"]`);
    const open = (member) => {
      remember({ id: member.id });
      memberPanel(panel, cluster, member);
      document.querySelector("tr.open")?.classList.remove("open");
      rowOf(member)?.classList.add("open");
    };
    const head = h(
      "div.headline.cluster-head",
      h("h1", clusterTitle(cluster), " ", statusTag(cluster), pendingTag(cluster)),
      actions(
        "Decide on the cluster",
        best && [
          button("Confirm", () => decide("confirm", cluster, best.id), { class: "primary" }),
          button("Dispute", () => decide("dispute", cluster, best.id)),
          button("Same operation…", () => pair("must_link", cluster, best.id))
        ],
        linkButton(address("compare", { a: id }), "Compare…"),
        next && h("a.button.quiet-button", { href: toCluster(next.id), title: "Key: n" }, "Next in queue")
      ),
      h(
        "p.summary",
        kindsOf(members)
          .map((kind) => counted(members.filter((member) => member.kind === kind).length, ...nounOf(kind)))
          .join(", "),
        brands.length && [" used by callers posing as ", names(brands)],
        `; linked by ${recordCounts(cluster, " and ")} reported to `,
        names(cluster.orgs, 4),
        ` from ${period(cluster)}.`,
        cluster.left_out && ` ${counted(cluster.left_out, "identifier")} to verify before use left out of this copy.`,
        quiet("  A lead, not proof.")
      ),
      cluster.changes.length && h("p.changes", changeChips(cluster)),
      flagLines(cluster),
      !run.redacted && workBar(cluster)
    );
    const numbers = h(
      "div.facts",
      clusterColumns(`priority reporters losses core unreviewed ${cluster.contested ? "contested " : ""}confidence`).map(
        ({ name, head, cell }) => tile(cell(cluster), head, name === "contested")
      ),
      tile(
        span(
          joined(cluster.countries.slice(0, 3), ([country, complaints]) => [
            shown(country),
            ` ${complaints === null ? "–" : count(complaints)}`
          ])
        ),
        "complaints by country"
      )
    );
    const tabs = TABS.map(([name, label, , number]) =>
      h(
        "a",
        {
          role: "tab",
          href: toCluster(id, { tab: name === "members" ? "" : name, id: state.id }),
          "aria-selected": String(name === tab)
        },
        label,
        number && h("span.count", ` ${count(number(cluster))}`)
      )
    );
    const body = h("div.tab", { role: "tabpanel", label: text }, draw(cluster, open));
    if (chosen) memberPanel(panel, cluster, chosen);
    requestAnimationFrame(() => {
      const opened = chosen && rowOf(chosen);
      opened?.classList.add("open");
      if (state.id && tab === "members") opened?.scrollIntoView({ block: "nearest" });
      if (state.id && innerWidth < 900) panel.scrollIntoView();
    });
    return [head, numbers, h("div.area", div(h("div.tabs", { role: "tablist" }, tabs), body), panel)];
  }
  /** @param {any} row @param {string} [between] */
  const recordCounts = ({ complaints, calls }, between = ", ") =>
    `${counted(complaints, "complaint")}${between}${counted(calls, "call")}`;
  /** The kinds of some rows, in the order of the registry. @param {any[]} rows @returns {string[]} */
  const kindsOf = (rows) => [...new Set(rows.map(({ kind }) => kind))].sort((a, b) => rankOf(a) - rankOf(b));
  /** @param {any} row */
  function clusterTitle(row) {
    const [value, brand] = named(row);
    return [identifier(value), prettily(value), brand && [" ", shown(brand)]];
  }

  /** @param {string} name of a term */
  const termTag = (name, klass = "") => h(`span.tag${klass}`, { "data-term": name, tabindex: 0 }, name.toLowerCase());
  /** @param {any} member */
  const memberTags = (member) => [
    member.status === "contested" && termTag("Contested", ".contested"),
    member.near && termTag("Near miss", ".near"),
    member.bridge && termTag("Bridge"),
    madeOn(member.id).map(({ kind }) => h("span.tag.mine", words(kind)))
  ];
  /** @param {any} member */
  const tierTag = ({ tier }) => (tier === "core" ? h("span.tier.core", "Core") : h("span.tier.verify", "Verify"));

  /** @param {any} cluster @param {(member: any) => void} open */
  function membersTab(cluster, open) {
    const picked = new Set();
    let listed = cluster.members;
    const bar = h("span.picked", { hidden: true });
    const pick = (member, checked) => {
      picked[checked ? "add" : "delete"](member);
      const chosen = cluster.members.filter((each) => picked.has(each)),
        [a, b] = chosen;
      bar.hidden = !chosen.length;
      fill(bar, onSelected(cluster, chosen), chosen.length === 2 && pairButtons(cluster, a.id, b.id));
    };
    const { side: wanted = "" } = place().state,
      side = Object.hasOwn(cluster.sides, wanted) && new Set(cluster.sides[wanted]);
    return table({
      columns: [
        column(
          "id",
          "Identifier",
          (member) => [
            h(
              "span.pick",
              h("input", {
                type: "checkbox",
                label: `Select ${plain(member.id, 60)}`,
                checked: picked.has(member),
                onchange: (event) => pick(member, event.target.checked)
              }),
              button(
                [dot(member.kind, { title: nounOf(member.kind)[0] }), briefly(valueOf(member.id), 40)],
                () => open(member),
                { class: "link" }
              )
            ),
            " ",
            pretty(member.id) && h("span.quiet.nice", pretty(member.id), " "),
            memberTags(member)
          ],
          "who"
        ),
        column(
          "tier",
          term("Core", "Tier"),
          (member) => [
            tierTag(member),
            member.review === "reviewed" &&
              h("span.tier.core", { title: "Reviewed by an analyst" }, " ✓", h("span.unseen", " reviewed"))
          ],
          "orgs",
          (member) => `${member.tier} ${member.review}`
        ),
        counts("robustness", term("Robustness", "Robust")),
        reporters(),
        counts("records", span({ title: "Complaints and calls that name it" }, "Records"), recordsOf, recordsOf),
        column("role", "Role", ({ role }) => shown(SHORT[role] ?? words(role)), "orgs"),
        reportedTo(2),
        dates("last"),
        deciding(
          ({ id, status }) =>
            status !== "contested" && [
              button("✓", () => decide("review", cluster, id), {
                title: "Reviewed",
                label: `Reviewed: ${plain(id, 60)}`
              }),
              button("Dispute", () => decide("dispute", cluster, id), { label: `Dispute: ${plain(id, 60)}` })
            ]
        )
      ],
      rows: cluster.members,
      caption: "Members",
      sort: "-records",
      open,
      text: (member) => [member.id, pretty(member.id), member.role, member.orgs, member.carriers, member.region],
      choices: {
        kind: ["Any kind", (member) => [member.kind]],
        tier: ["Any tier", (member) => [member.tier]],
        review: ["Any review", (member) => [member.review]]
      },
      before: side && linkButton(addressWith({ side: "" }), "Both sides"),
      extra: [button("Download CSV", () => membersCsv(cluster, listed)), bar],
      drawn: (rows) => (listed = rows),
      filter: (member) => !side || side.has(member.id)
    });
  }
  const recordsOf = (member) => member.complaints + member.calls;
  /** What can be done with selected members. @param {any} cluster @param {any[]} members */
  const onSelected = (cluster, members) => [
    h("b", `${count(members.length)} selected`),
    button("Cite", () => cite(citation(cluster, members))),
    button("CSV", () => membersCsv(cluster, members))
  ];
  /**
   * The buttons that decide on two identifiers.
   * @param {any} cluster @param {string} a @param {string} b @param {string} [clusterB] cluster of b
   */
  const pairButtons = (cluster, a, b, clusterB) =>
    run.redacted
      ? []
      : ["must_link", "cannot_link"].map((kind) =>
          button(WORDS[kind], () => decide(kind, cluster, a, b, clusterB), {
            label: `${WORDS[kind]}: ${plain(a, 60)} and ${plain(b, 60)}`
          })
        );
  /** @param {any} panel @param {any} cluster @param {any} member */
  function memberPanel(panel, cluster, member) {
    const { id, readings, host } = member;
    const tied = member.links.filter(({ accepted }) => accepted),
      records = recordsOf(member);
    const act = (kind) => button(WORDS[kind], () => decide(kind, cluster, id), { "data-term": WORDS[kind] });
    const open = (neighbour) => (location.hash = addressWith({ id: neighbour.id }));
    const acts =
      member.status === "contested"
        ? ["suspect_held", "victim_owned"].map(act)
        : [
            ...["review", "dispute", "legitimate"].map(act),
            button("Keep apart…", () => pair("cannot_link", cluster, id)),
            button("Same operation…", () => pair("must_link", cluster, id))
          ];
    const missing = readings.length < records;
    fill(
      panel,
      h2(identifier(id, 200)),
      pretty(id) && remark(pretty(id)),
      p(
        tierTag(member),
        " ",
        span(member.review === "reviewed" ? "reviewed" : "not yet reviewed"),
        " ",
        memberTags(member)
      ),
      actions(
        "Decide on this identifier",
        !run.redacted && acts,
        button("Cite", () => cite(citation(cluster, [member])))
      ),
      h(
        "ul.plain",
        li(
          `${counted(member.reporters, "person reports", "people report")} that a scammer used it; `,
          `its place rests on ${people(member.robustness)}.`
        ),
        member.near &&
          h(
            "li.warn",
            "One digit off ",
            identifier(member.near),
            TOLD.near_miss
          ),
        member.doubts.map((doubt) => li(quiet("Doubt: "), shown(doubt, 300))),
        li(quiet("Why: "), shown(because(member), 400))
      ),
      h(
        "dl.pairs",
        dd(
          "Role",
          worded(member.role),
          member.roles
            .filter(({ role }) => role !== member.role)
            .map((each) => quiet(`, ${words(each.role).toLowerCase()} ${count(each.count)}`))
        ),
        dd("Seen", period(member)),
        dd("Records", recordCounts(member)),
        (member.region || member.line) &&
          dd("Region, line", shown(member.region), " ", member.line && worded(member.line)),
        member.carriers.length && dd("Carriers", names(member.carriers, 4)),
        host && dd("Hosted by", shown(host)),
        dd("Reported to", names(member.orgs, 5)),
        dd("Confidence", member.confidence.toFixed(2))
      ),
      h3(
        { id: "panel-records" },
        `Records `,
        h("span.count", missing && !run.redacted ? `${count(readings.length)} of ${count(records)}` : count(records))
      ),
      run.redacted
        ? remark(TOLD.left_out)
        : [
            h(
              "ol.records",
              readings.slice(0, 12).map((reading) => li(recordLine(reading)))
            ),
            (readings.length > 12 || missing) &&
              p(
                anchor(toCluster(cluster.id, { tab: "records", rq: id, id }), "All that are here"),
                missing && quiet("; the rest is in mentions/.")
              )
          ],
      h3("Links ", h("span.count", count(tied.length))),
      tied.length
        ? h(
            "ul.near",
            tied.slice(0, 12).map((link) => {
              const neighbour = link.ends[link.ends[0] === member ? 1 : 0];
              noteLink(cluster, link.ends[0].id, link.ends[1].id);
              return li(
                opener(neighbour, open, 40),
                " ",
                quiet(`${people(link.reporters)}, weight ${link.weight.toFixed(1)} `),
                !run.redacted &&
                  button("Keep apart", () => decide("cannot_link", cluster, id, neighbour.id), {
                    label: `Keep apart from ${plain(neighbour.id, 60)}`,
                    class: "mini"
                  })
              );
            })
          )
        : remark(cluster.size > 1 ? "No accepted link of its own." : "Not yet linked to any other."),
      tied.length > 12 &&
        p(anchor(toCluster(cluster.id, { tab: "links", lq: id, id }), `All ${counted(tied.length, "link")}`)),
      cluster.joint?.saw
        .filter(([seen]) => seen === id)
        .map(([, rows]) =>
          p(
            quiet("Seen by "),
            names(
              rows.map(([org]) => org),
              6
            )
          )
        )
    );
    panel.scrollTop = 0;
  }
  /** @param {any} member */
  function because(member) {
    const [[code, records] = [], ...more] = member.facts ?? [];
    return code === "used" && !more.length
      ? `${words(member.status)} in ${counted(Number(records), "record")}`
      : `${words(member.status)}; ${member.reason}`;
  }
  /** @param {string} head @param {...any} value */
  const dd = (head, ...value) => [dt(head), h("dd", value)];

  /** Where in a record something was read, such as `phone_numbers[1].raw`. @param {any} field */
  function fieldName(field) {
    const [, name, place] = /^([a-z_]{1,40})(?:\[(\d{1,4})\])?/.exec(field ?? "") ?? [];
    if (!name) return quiet(shown(field));
    const single = place === undefined || name === "narrative",
      nth = Number(place ?? 0) + 1;
    return h(
      "span.quiet",
      { title: plain(field, 80) },
      `in ${single ? "the " : ""}${name.replaceAll("_", " ")}${nth > 1 ? `, entry ${nth}` : ""}`
    );
  }
  /** What an offer counts has the middle of its week as its time. @param {any} reading @returns {string} */
  const inWeek = ({ field, at }) =>
    /^offer(?:\.called)?$/.test(field ?? "") ? `In the week of ${day(at - 3 * DAY)}` : "";
  /** What was read in a record. @param {any} reading */
  function readingLine(reading) {
    const { role, field, before, raw, after, confidence } = reading;
    return h(
      "div.read",
      quiet(`${words(role)}: `),
      inWeek(reading)
        ? ["counted by the offer", field !== "offer" && ", whose sender has a call record of it"]
        : before != null
          ? h("q", "…", shown(before, 200), h("mark", shown(raw, 200)), shown(after, 200), "…")
          : [h("mark", shown(raw, 200)), " ", fieldName(field)],
      confidence < 0.9 &&
        h(
          confidence < 0.7 ? "span.warn" : "span.quiet",
          { title: "How sure the reading of the number is" },
          `, confidence ${confidence.toFixed(2)}`
        )
    );
  }
  /** @param {any} reading */
  const recordLine = (reading) =>
    h(
      "div.record",
      div(
        h("span.date", inWeek(reading) || moment(reading.at)),
        " ",
        worded(reading.org),
        " ",
        identifier(reading.id),
        reading.kind === "call" && " call",
        reading.country && [" ", quiet(shown(reading.country))]
      ),
      readingLine(reading),
      narrative(reading)
    );
  /** The button that shows a narrative, which the server writes down. @param {any} reading */
  function narrative({ org, id, kind }) {
    if (!served || run.redacted || kind !== "complaint") return null;
    const cluster = place().id;
    const more = button(
      "Show masked narrative",
      () =>
        ask("narrative", { org, id }).then(
          (answer) => {
            noteRead("narrative", cluster, `${org}|${id}`);
            more.replaceWith(h("blockquote", shown(answer.narrative, 2000)));
          },
          (error) => more.replaceWith(quiet(plain(error.message, 300)))
        ),
      { class: "mini" }
    );
    return more;
  }

  /**
   * Asks for the second identifier of a decision about two.
   * @param {string} kind @param {any} cluster @param {string} a
   */
  function pair(kind, cluster, a) {
    const second = input({ id: "other", list: "others", placeholder: "In any form", required: true });
    askFor(
      WORDS[kind],
      [
        p(identifier(a), " and"),
        h("label", { for: "other" }, "The other identifier"),
        second,
        datalist(
          "others",
          cluster.members.filter(({ id }) => id !== a).map(({ id }) => id)
        )
      ],
      "Continue",
      async () => {
        const hit = (await lookUp(second.value)).find(({ href }) => href.includes("id="));
        if (!hit) throw new Error("No member of this run is written so.");
        if (hit.text === a) throw new Error(TOLD.same_identifier);
        decide(kind, cluster, a, hit.text, index.of[index.clusters[index.ids.indexOf(hit.text)]]);
      }
    );
    second.focus();
  }
  /** @param {string} id @param {string[]} values */
  const datalist = (id, values) =>
    h(
      "datalist",
      { id },
      values.slice(0, 299).map((value) => h("option", { value: plain(value, 200) }))
    );

  /** The tier and the robustness of a member that a row names. @param {any} member */
  const standing = (member) => {
    const robustness = count(member.robustness);
    return h(
      "span.standing",
      { title: `Robustness ${robustness}: the fewest reporters that its place rests on` },
      " ",
      tierTag(member),
      quiet(` ${robustness}`)
    );
  };
  /**
   * A column of the buttons that decide on a link.
   * @param {any} cluster @param {(row: any) => [string, string, string?]} ends, and the cluster of the second
   */
  const decidingOnLink = (cluster, ends) =>
    deciding((row) => pairButtons(cluster, ...ends(row)).map((each) => div(each)));

  /** @param {any} cluster @param {(member: any) => void} open */
  function linksTab(cluster, open) {
    const list = table({
      prefix: "l",
      rows: cluster.links,
      caption: "Links between members",
      sort: "-weight",
      text: ({ ends: [a, b], ids, orgs }) => [a.id, b.id, ids, orgs],
      columns: [
        column(
          "ends",
          "Identifiers",
          (link) => {
            noteLink(cluster, link.ends[0].id, link.ends[1].id);
            return link.ends.map((end) => div(opener(end, open), standing(end)));
          },
          "who",
          (link) => link.ends[0].id
        ),
        decimals("weight"),
        reporters(),
        column(
          "strength",
          term("Hard link", "Link"),
          ({ strength, accepted, reason }) =>
            span(
              { title: plain(reason, 300) },
              words(strength),
              !accepted && [h("span.warn", ", rejected"), h("div.why", shown(reason, 120))]
            ),
          "orgs",
          (link) => `${link.strength}${link.accepted}`
        ),
        unsorted("orgs", "Reported to", (link) => names(link.orgs, 2)),
        column("last", "Seen", (link) => [day(link.first), h("br"), day(link.last)], "num date"),
        column(
          "ids",
          "Records",
          (link) => [
            div(
              { title: link.ids.map((id) => plain(id, 80)).join("; ") },
              counted(link.complaints, "complaint"),
              link.calls && `, ${counted(link.calls, "call")}`
            ),
            recordLinks(cluster, link, 2)
          ],
          "ids",
          (link) => -link.records
        ),
        decidingOnLink(cluster, ({ ends: [a, b] }) => [a.id, b.id])
      ]
    });
    const { length } = cluster.ties;
    return [list, length && remark(`${are(length, "weaker link")} in links/.`)];
  }
  /** A button that opens a member. @param {any} member @param {(member: any) => void} open @param {number} [limit] */
  const opener = (member, open, limit = 46) => button(briefly(member.id, limit), () => open(member), { class: "link" });
  /** Links to the first records of a link. @param {any} cluster @param {any} link @param {number} most */
  const recordLinks = (cluster, link, most) =>
    link.ids
      .slice(0, most)
      .map((id) =>
        h(
          "a.id",
          { href: toCluster(cluster.id, { tab: "records", rq: id.slice(id.lastIndexOf("|") + 1) }) },
          brief(id.slice(id.lastIndexOf("|") + 1), 30)
        )
      );

  /** @param {any} cluster @param {(member: any) => void} open */
  function recordsTab(cluster, open) {
    if (run.redacted) return remark(TOLD.left_out);
    const list = table({
      prefix: "r",
      rows: cluster.readings,
      caption: "Records that name a member",
      sort: "-at",
      hint: "Filter by record, identifier, words",
      text: ({ member, org, id, role, raw, before, after }) => [
        member.id,
        pretty(member.id),
        org,
        id,
        role,
        raw,
        before,
        after
      ],
      columns: [
        column("at", "When", (reading) => [day(reading.at), h("div.quiet", moment(reading.at).split(", ")[1])], "date"),
        column(
          "record",
          "Record",
          ({ org, id, kind }) => [worded(org), div(identifier(id), kind === "call" && " call")],
          "orgs",
          (reading) => `${reading.org} ${reading.id}`
        ),
        column(
          "who",
          "Identifier",
          ({ member }) => [opener(member, open), standing(member)],
          "who",
          (reading) => reading.a
        ),
        column(
          "country",
          "Victim in",
          (reading) => shown(reading.country),
          "",
          (reading) => reading.country ?? ""
        ),
        unsorted("words", "Where it stands", (reading) => [readingLine(reading), narrative(reading)], "words")
      ]
    });
    return [
      list,
      remark(TOLD.records, !run.narratives && sentences("narratives_apart"))
    ];
  }

  /** The members that the removal of a weak link cuts off. @param {any} cluster @param {any} bridge */
  function freed(cluster, bridge) {
    const cut = cluster.links.find(
      ({ accepted, ends }) => accepted && ends.every(({ id }) => id === bridge.a || id === bridge.b)
    );
    if (!cut) return null;
    const parts = partsOf(cluster, (link) => link !== cut);
    /** @type {any[]} */ const [here, there] = [cut.a, cut.b].map((end) => parts.find((part) => part.includes(end)));
    const few = here.length <= there.length ? here : there;
    return (
      here !== there &&
      h(
        "div.quiet",
        firstFew(few, 8, (member) => identifier(cluster.members[member].id))
      )
    );
  }

  /** @param {any} cluster */
  function rejectedTab(cluster) {
    const { bridges, near } = cluster;
    const weak = table({
      prefix: "w",
      rows: bridges,
      caption: "Weak links",
      sort: "weight",
      text: ({ a, b }) => [a, b],
      columns: [
        unsorted(
          "link",
          "Weak link",
          ({ a, b }) =>
            [a, b].map((id) =>
              div(identifier(id), cluster.members.filter((member) => member.id === id).map(standing))
            ),
          "who"
        ),
        decimals("weight"),
        column(
          "drops",
          "Without it",
          (bridge) => [
            `Removing this link drops ${count(bridge.side)} of ${counted(cluster.size, "identifier")}`,
            freed(cluster, bridge)
          ],
          "",
          (bridge) => -bridge.side
        ),
        decidingOnLink(cluster, ({ a, b }) => [a, b])
      ]
    });
    const rejected = table({
      prefix: "n",
      rows: near,
      caption: "Links to other clusters that were rejected",
      sort: "-weight",
      text: (link) => [link.member.id, link.there, link.cluster],
      columns: [
        column(
          "here",
          "Here, and there",
          ({ member, there }) => {
            noteLink(cluster, member.id, there);
            return [div(identifier(member.id), standing(member)), div(identifier(there))];
          },
          "who",
          (link) => link.member.id
        ),
        unsorted("cluster", "Other cluster", (link) => toNamed(link.cluster, undefined, { id: link.there })),
        decimals("weight"),
        reporters(),
        reasons("Why not", 160),
        decidingOnLink(cluster, (link) => [link.member.id, link.there, link.cluster])
      ]
    });
    const more = cluster.counts[0].near - near.length;
    return [
      h2("Weak links"),
      bridges.length ? weak : remark("No single link holds it together."),
      h2("Links we rejected"),
      near.length ? rejected : remark("None leads to another cluster."),
      more && remark(`${are(more, "weaker one")} in links/.`)
    ];
  }

  /** @param {any} cluster */
  function suppliersTab({ suppliers, scripts }) {
    const list = table({
      prefix: "s",
      rows: suppliers,
      caption: "Suppliers",
      sort: "-records",
      text: ({ id }) => [id],
      columns: [
        identifiers(term("Supplier")),
        kinds(),
        counts("records", "Records here"),
        counts("clusters"),
        unsorted("others", "Serves also", (supplier) => servedBy(supplier.others, supplier.clusters - 1))
      ]
    });
    const more = sum(suppliers, (supplier) => supplier.more);
    return [
      h2("Suppliers"),
      suppliers.length ? list : remark("None is known."),
      more && remark(`${are(more, "more", "more")} in suppliers/.`),
      scripts.length && h2("Scripts that its callers read out"),
      scripts.map((script) =>
        h(
          "section.script",
          h3(
            identifier(script.entity_id),
            quiet(` ${counted(script.records, "record")}, ${counted(script.clusters, "cluster")}`)
          ),
          h("blockquote", shown(script.template, 1000)),
          h(
            "ul",
            script.variants.map(([pieces, records]) =>
              li(
                pieces.map(([text, differs]) => [h(differs ? "mark" : "span", shown(text, 400)), " "]),
                quiet(counted(records, "record"))
              )
            )
          ),
          script.more && remark(`${are(script.more, "rarer wording")} in mentions/.`)
        )
      )
    ];
  }
  /**
   * Clusters that a supplier serves, and how many more there are.
   * @param {string[]} ids @param {number} total @param {any} [state]
   */
  const servedBy = (ids, total, state) => [
    joined(ids, (id) => toNamed(id, undefined, state)),
    total > ids.length && quiet(` and ${count(total - ids.length)} more`)
  ];

  /** @param {any} cluster */
  function aboutTab(cluster) {
    const { id, members, joint } = cluster,
      ids = new Set(members.map((member) => member.id));
    const past = (run.decisions ?? []).filter((decision) => ids.has(decision.entity_a) || ids.has(decision.entity_b));
    const withheld =
      run.suppress_below > 1 && `; counts below ${run.suppress_below}, and such as would tell them, are withheld`;
    return [
      h(
        "div.columns",
        simple(
          "Priority",
          "Part | Points | Share",
          cluster.parts.map(({ part, points, value }) => [
            words(part),
            points.toFixed(1),
            h("meter", { min: 0, max: 1, value, label: words(part) })
          ])
        ),
        simple(
          "Losses that complaints state",
          "Currency | Amount | Complaints",
          cluster.losses.map(([currency, amount, number]) => [shown(currency), cents(amount), number])
        ),
        simple(
          `Victims’ countries, by complaints${withheld || ""}`,
          "Country | Complaints",
          cluster.countries.map(([name, number]) => [shown(name), number])
        )
      ),
      h2("Lineage"),
      cluster.lineage.map(([event, from, to, more, gone, alone]) =>
        p(
          words(event),
          from.length && [" from ", from.map((each) => [identifier(each), " "])],
          to?.some((each) => each !== id) && [" to ", links(to)],
          more && `; ${counted(more, "new member")}`,
          gone && `; ${counted(gone, "member")} gone`,
          alone && "; one reporter alone put a member there"
        )
      ),
      cluster.rests_on.length &&
        p(
          quiet("That reporter’s records: "),
          [...new Set(cluster.rests_on)].map((record) => [identifier(record), " "])
        ),
      h2("Decisions in this run"),
      p("Status: ", h("strong", worded(cluster.status)), "."),
      past.length
        ? decisionTable(past, false)
        : remark(run.redacted ? TOLD.left_out : "None names a member."),
      joint && jointPart(cluster, joint),
      h2("Files for others"),
      p(TOLD.files),
      h(
        "ul.plain",
        run.formats.map(({ code: format, name, description }) =>
          li(
            code(`ringtrace export RUN --cluster ${plainName(id)} --format ${format} --output FILE`),
            quiet(` ${name}, ${description}`)
          )
        )
      ),
      remark("Cluster ", identifier(id), " "),
      button("Cite the cluster", () =>
        cite(
          `ringtrace ${run.run}, cluster ${plain(id)}: ${counted(cluster.size, "member")}, ` +
            `${counted(cluster.complaints, "complaint")}, ${counted(cluster.reporters, "reporter")}; clusters/`
        )
      )
    ];
  }
  /** @param {number | null} number that is null where it is too small to show */
  const small = (number) => (number === null ? none("Withheld (small counts)") : count(number));
  /** @param {any} cluster @param {any} joint what offers brought to it */
  function jointPart({ reporters }, { several, saw, overlaps, both, links: tied, shared, offered }) {
    const side = (row, end) => shown(`${row[`part_${end}`]} of ${words(row[`contributor_${end}`])}`);
    const listed = (rows, cell) => (rows?.length ? rows.map((row) => `${cell(row)} `) : "Withheld (small counts)");
    return [
      h2("What only the union reveals"),
      p(`${count(several)} of ${counted(saw.length, "identifier")} were seen by several organisations. `, TOLD.joint),
      overlaps.length &&
        p(
          overlaps.map(({ shared: number, floor, organisation, by, counted_at }) => [
            number === null ? `Fewer than ${count(floor)} victims` : counted(number, "victim"),
            " on both sides, ",
            worded(organisation),
            "’s and this run’s, compared by ",
            shown(by, 20),
            " at ",
            shown(counted_at, 20),
            ". "
          ]),
          `So at most ${count(reporters - both)} distinct people, of ${count(reporters)} counted.`
        ),
      (tied.length || shared.length) &&
        simple("Links and clusters that no organisation has alone", "What | Between", [
          ...tied.slice(0, 200).map(([a, b]) => ["Link", span(identifier(a), " and ", identifier(b))]),
          ...shared
            .slice(0, 200)
            .map((row) => [
              "One cluster",
              span(side(row, "a"), " and ", side(row, "b"), `, ${counted(row.shared_in_all, "identifier")} shared`)
            ])
        ]),
      offered.length &&
        simple(
          "What offers say of their own victims, suppressed and rounded by their senders",
          "Cluster | Identifiers | Victims | By country | Losses, rounded | Handling | Expires",
          offered.map((offer) => [
            shown(`${offer.part} of ${words(offer.contributor)}`),
            offer.members,
            offer.victims_known,
            listed(offer.countries, ({ country, victims }) => `${plain(country, 12)} ${count(victims)}`),
            listed(offer.losses, ({ currency, amount }) => `${plain(currency, 12)} ${cents(amount)}`),
            shown(offer.tlp),
            offer.expires_at ? day(seconds(offer.expires_at)) : "–"
          ])
        ),
      details(
        `Each identifier with everybody who saw it${saw.length > 500 ? `, the first 500 of ${count(saw.length)}` : ""}`,
        simple(
          "Who saw what",
          "Identifier | Seen by",
          saw
            .slice(0, 500)
            .map(([id, rows]) => [
              identifier(id),
              joined(rows, ([org, part, sure]) => [
                worded(org),
                part !== null && [" ", shown(part)],
                sure != null && ` (${sure.toFixed(2)})`
              ])
            ])
        )
      )
    ];
  }

  // ---------------------------------------------------------------- timeline

  /** @param {any} cluster @param {(member: any) => void} open */
  function timelineTab({ members, handovers: pairs }, open) {
    const rows = members.toSorted((a, b) => a.first - b.first).slice(0, 200);
    if (!rows.length) return remark("No member is shown.");
    const start = dayOf(rows[0].first),
      end = dayOf(Math.max(...rows.map(({ last }) => last))) + 1;
    const textOf = (member) => plain(valueOf(member.id), 70);
    const widest = Math.max(...rows.map((member) => widthOf(textOf(member))), 100 / 0.92);
    const left = Math.min(widest * 0.92 + 14, 420),
      width = 1000,
      line = 18,
      top = 26;
    const scale = (width - left) / Math.max(end - start, 1),
      foot = top + rows.length * line;
    const x = (when) => left + (when - start) * scale;
    /** @type {Map<any, any>} */ const y = new Map(rows.map((member, n) => [member, top + n * line]));
    const drawing = svg("svg.timeline", {
      viewBox: `0 0 ${width} ${foot + 6}`,
      role: "group",
      label: `Days on which ${rows.length} identifiers were read`
    });
    const step = tickStep(end - start);
    for (let when = start; when < end; when += step)
      drawing.append(
        svg("line.tick", { x1: x(when), x2: x(when), y1: 16, y2: foot }),
        svg("text", { x: x(when) + 2, y: 12 }, day(when * DAY))
      );
    for (const member of rows) {
      const { first: from, last: until, days } = member,
        at = y.get(member);
      const about =
        `${plain(member.id, 160)}, ${member.tier}, robustness ${count(member.robustness)}, ` + period(member);
      const most = Math.max(...days.map(([, records]) => records), 1);
      const group = svg(
        `g.life.${tint(member.kind)}`,
        {
          tabindex: 0,
          role: "button",
          label: about,
          onclick: () => open(member),
          onkeydown: (event) => event.key === "Enter" && open(member)
        },
        svg("title", about),
        svg("rect.row", { x: 0, y: at - 2, width, height: line - 1 }),
        beside(left, at + 10, textOf(member)),
        svg("rect.span", {
          x: x(dayOf(from)),
          y: at + 4,
          width: Math.max((dayOf(until) - dayOf(from) + 1) * scale, 2),
          height: 5
        }),
        days.map(([when, records]) =>
          svg("rect.cell", {
            x: x(when),
            y: at + 1,
            width: Math.max(scale - 0.5, 1.5),
            height: 11,
            opacity: 0.45 + (0.55 * records) / most
          })
        )
      );
      drawing.append(group);
    }
    for (const { before, after } of pairs) {
      if (!y.has(before) || !y.has(after)) continue;
      const [y1, y2] = [before, after].map((member) => y.get(member) + 7),
        x1 = x(dayOf(before.last) + 1),
        x2 = x(dayOf(after.first));
      drawing.append(svg("path.handover", { d: `M${x1} ${y1} C${x1 + 14} ${y1} ${x2 - 14} ${y2} ${x2} ${y2}` }));
    }
    const left_out = members.length - rows.length;
    return [
      remark(
        "From first to last seen, darker on days with more records. Curves are ",
        term("Handover", "handovers"),
        left_out ? `; ${are(left_out, "later identifier")} not drawn.` : "."
      ),
      scroller("Timeline", drawing),
      pairs.length &&
        details(
          counted(pairs.length, "handover"),
          h(
            "ul.plain",
            pairs.map(({ before, after }) =>
              li(
                identifier(before.id),
                ` (last ${day(before.last)}) to `,
                identifier(after.id),
                ` (first ${day(after.first)})`
              )
            )
          )
        )
    ];
  }

  // ---------------------------------------------------------------- graph

  const ARROWS = /** @type {Record<string, [number, number]>} */ ({
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1]
  });
  const DRAWN = 1000,
    DRAWN_LINKS = 2500,
    DRAWN_SUPPLIERS = 12,
    PAST_DAYS = 7;
  const GRAPH_FILTERS = "gkinds gcore gsup gtook gweight gfrom guntil".split(" ");
  /**
   * How the graph of each cluster was left: its filters, zoom, what was dragged, and opened suppliers.
   * @type {Map<string, any>}
   */
  const graphViews = new Map();
  const ruler = document.createElement("canvas").getContext("2d");
  if (ruler) ruler.font = "11px system-ui, sans-serif";
  /** @param {string} text @returns {number} its width in a drawing */
  const widthOf = (text) => ruler?.measureText(text).width ?? text.length * 6.4;
  /** A text for a drawing, whole, in lines. @param {string} text */
  function inLines(text) {
    const name = plain(text, 160),
      signs = [...name];
    const each = Math.ceil(signs.length / Math.ceil(signs.length / 32)) || 1,
      lines = [];
    for (let start = 0; start < signs.length; start += each) lines.push(signs.slice(start, start + each).join(""));
    return { name, label: lines.join("\n"), half: Math.max(...lines.map(widthOf), 0) / 2 + 3, tall: 13 * lines.length };
  }
  /** A colour of the style sheet. @param {string} name */
  const colour = (name) => getComputedStyle(document.body).getPropertyValue(`--${name}`).trim();
  const isoDay = (/** @type {number} */ days) => new Date(days * DAY * 1000).toISOString().slice(0, 10);

  /** @param {any} cluster @param {(member: any) => void} open */
  function graphTab(cluster, open) {
    const { id, members, suppliers, handovers: pairs } = cluster,
      { state } = place();
    const canvas = h("div.canvas", {
      tabindex: 0,
      role: "application",
      label: `Graph of ${counted(cluster.size, "identifier")}: ${TOLD.graph_keys}`
    });
    const list = h("div.between", { role: "status" }),
      lately = h("p.quiet.lately");
    const kinds = kindsOf(members);
    const first = dayOf(Math.min(...members.map((member) => member.first))),
      last = dayOf(Math.max(...members.map((member) => member.last)));
    const view = graphViews.get(id) ?? {
      filters: {},
      places: new Map(),
      camera: null,
      expanded: new Set(),
      selected: []
    };
    graphViews.set(id, view);
    const { camera, selected } = view;
    const source = GRAPH_FILTERS.some((name) => state[name]) ? state : view.filters;
    const filters = (view.filters = Object.fromEntries(GRAPH_FILTERS.map((name) => [name, source[name] ?? ""])));
    const hidden = new Set(filters.gkinds.split(",").filter((kind) => kinds.includes(kind)));
    const dated = (name, absent) => {
      const when = dayOf(Date.parse(filters[name]) / 1000);
      return when >= first && when <= last ? when : absent;
    };
    let until = dated("guntil", last),
      from = dated("gfrom", first);
    if (from > until) from = first;
    /** @type {any} */ let cy = null;
    let label = () => {},
      labelling = 0,
      keeping = 0,
      playing = 0;

    function apply() {
      Object.assign(filters, {
        gkinds: [...hidden].join(","),
        gfrom: from > first ? isoDay(from) : "",
        guntil: until < last ? isoDay(until) : ""
      });
      clearTimeout(keeping); // an address cannot change as often as a slider
      keeping = setTimeout(() => canvas.isConnected && place().id === id && remember(filters), 250);
      fromSlider.shows(from);
      untilSlider.shows(until);
      const then = until < last,
        weekBefore = until - PAST_DAYS;
      const taken = pairs.filter(
        ({ before, after }) =>
          dayOf(before.last) >= from && dayOf(after.first) <= until && dayOf(after.first) > weekBefore
      );
      fill(
        lately,
        then && [
          !taken.length && "No handover in the week before.",
          taken
            .slice(-4)
            .map(({ before, after }) =>
              span(identifier(before.id), " gave way to ", identifier(after.id), ` on ${day(after.first)}. `)
            )
        ]
      );
      cy?.batch(() => {
        cy.nodes().forEach((node) => {
          const member = node.data("member");
          const on = member
            ? !hidden.has(member.kind) &&
              (!filters.gcore || member.tier === "core") &&
              dayOf(member.first) <= until &&
              dayOf(member.last) >= from
            : filters.gsup;
          node.toggleClass("off", !on);
          node.toggleClass("past", Boolean(member && then && dayOf(member.last) <= weekBefore));
        });
        cy.edges().forEach((edge) =>
          edge.toggleClass(
            "off",
            dayOf(edge.data("first")) > until ||
              (edge.hasClass("took") ? !filters.gtook && !then : edge.data("weight") < Number(filters.gweight))
          )
        );
      });
      label();
    }
    // A slider has whole days: between two of its steps, an arrow key would lead back to where it was.
    function slider(name, set) {
      const text = h("span.quiet");
      const input = h("input", {
        type: "range",
        min: first * DAY,
        max: last * DAY,
        step: DAY,
        label: name,
        oninput: () => set(dayOf(input.value))
      });
      const shows = (when) => {
        text.textContent = day(when * DAY);
        input.value = String(when * DAY);
        input.setAttribute("aria-valuetext", day(when * DAY));
      };
      return { shows, element: labelled(name, input, text) };
    }
    const fromSlider = slider("From", (when) => {
      from = when;
      until = Math.max(until, from);
      apply();
    });
    const untilSlider = slider("Until", setUntil);
    function setUntil(when) {
      until = when;
      from = Math.min(from, until);
      apply();
    }
    function stop() {
      clearInterval(playing);
      playing = 0;
      play.textContent = "Replay";
    }
    const play = button("Replay", () => {
      if (playing) return stop();
      play.textContent = "Stop";
      let when = until < last ? until : from;
      playing = setInterval(() => {
        if (when > last || !canvas.isConnected) stop();
        if (canvas.isConnected) setUntil(Math.min(Math.floor(when), last));
        when += Math.max((last - from) / 60, 1);
      }, 200);
    });
    const zoom = (by) =>
      cy?.zoom({ level: cy.zoom() * by, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
    const fit = () => cy?.fit(cy.nodes(":visible"), 40);
    /** Shows all where some of these nodes are out of the picture. @param {any} nodes */
    const fitAll = (nodes) => nodes?.some((node) => !inside(node, 0)) && fit();
    const check = (text, checked, change, before) =>
      labelled(
        h("input", {
          type: "checkbox",
          checked,
          onchange: (event) => {
            change(event.target.checked);
            apply();
          }
        }),
        before,
        text
      );
    const box = (text, name) =>
      check(text, filters[name] === "1", (on) => {
        filters[name] = on ? "1" : "";
        if (on && name === "gsup") requestAnimationFrame(() => fitAll(cy?.nodes(".supplier")));
      });
    const weight = h("input", {
      type: "number",
      min: 0,
      step: 0.5,
      value: Number(filters.gweight) || 0,
      onchange: () => {
        filters.gweight = Number(weight.value) ? weight.value : "";
        apply();
      }
    });
    const file = (text, type, content) =>
      button(
        text === "PNG" ? "Download PNG" : text,
        () => cy && download(`${plainName(id)}.${text.toLowerCase()}`, content(), type)
      );
    const tools = h(
      "div.bar.graph-tools",
      button("Zoom in", () => zoom(1.3)),
      button("Zoom out", () => zoom(1 / 1.3)),
      button("Fit", fit),
      kinds.map((kind) =>
        check(words(kind), !hidden.has(kind), (on) => hidden[on ? "delete" : "add"](kind), dot(kind))
      ),
      box("Core only", "gcore"),
      suppliers.length && box("Suppliers", "gsup"),
      pairs.length && box("Handovers", "gtook"),
      labelled("Weight from", weight),
      fromSlider.element,
      untilSlider.element,
      play,
      file("PNG", "image/png", () => graphPng(cy)),
      file("SVG", "image/svg+xml", () => graphSvg(cy)),
      file("GraphML", "application/xml", () => graphml(cluster))
    );

    const close = () =>
      button(
        "×",
        () => {
          kept.clear();
          select([]);
          canvas.focus();
        },
        { label: "Close", class: "close" }
      );
    /** What was selected, and what ties it. @param {any[]} chosen @param {any} [link] that was clicked */
    function between(chosen, link) {
      view.selected = chosen;
      cy?.edges().removeClass("path near");
      cy?.nodes(":selected")
        .connectedEdges()
        .filter((edge) => edge.data("link"))
        .addClass("near");
      if (!chosen.length) return fill(list);
      const openers = chosen
        .slice(0, 500)
        .map((member) => button(briefly(valueOf(member.id), 48), () => open(member), { class: "mini" }));
      const bar = h(
        "div.bar",
        close(),
        onSelected(cluster, chosen),
        openers.slice(0, 12),
        chosen.length > 12 && details(counted(chosen.length - 12, "other"), openers.slice(12))
      );
      if (chosen.length !== 2) return fill(list, bar, chosen.length === 1 && pathForm(chosen[0]));
      const [a, b] = chosen,
        path = link ? [link] : strongestPath(a, b);
      const title = link
        ? link.accepted
          ? "Link"
          : "Link that was rejected"
        : `Path of ${counted(path.length, "link")}`;
      fill(
        list,
        bar,
        path.length
          ? div(
              h("b", title),
              h(
                "ol",
                path.map((each) => linkLine(cluster, each))
              )
            )
          : p("No accepted links lead from one to the other."),
        !run.redacted && h("div.bar", pairButtons(cluster, a.id, b.id))
      );
      for (const each of path) cy?.getElementById(`e${each.a}-${each.b}`).addClass("path");
    }
    /** Asks for the other end of a path. @param {any} member */
    function pathForm(member) {
      const to = input({ list: "path-ends", label: "Path to", placeholder: "Path to: in any form", size: 26 });
      const submit = () => {
        const other = memberBy(cluster, to.value);
        if (!other) return toast("No member of this cluster is written so.");
        if (other === member) return toast(TOLD.same_identifier);
        select([member, other]);
        canvas.focus();
      };
      return form(
        "form.bar",
        submit,
        to,
        datalist(
          "path-ends",
          members.filter((each) => each !== member).map((each) => valueOf(each.id))
        ),
        h("button", "Show the path")
      );
    }
    /** @param {any} supplier */
    const supplied = ({ id: name, kind, records, clusters: served, others }) =>
      fill(
        list,
        h(
          "div.bar",
          close(),
          h("b", words(kind)),
          identifier(name),
          quiet(
            `${counted(records, "record")} here; serves ${counted(served, "cluster")}`,
            others.length && ", among them:"
          )
        ),
        h(
          "ul.plain",
          others.map((other) => li(toNamed(other), " ", anchor(address("compare", { a: id, b: other }), "Compare")))
        )
      );
    let quietly = false,
      asked = false;
    /** Says what is selected, once for all that changed together. */
    function chosen() {
      const nodes = cy.nodes(":selected"),
        supplier = nodes.length === 1 && nodes[0].data("supplier");
      if (supplier) supplied(supplier);
      else between(nodes.map((node) => node.data("member")).filter(Boolean));
    }
    /** Selects nodes alone, and says nothing of it. @param {any[]} nodes */
    function selectOnly(nodes) {
      quietly = true;
      cy?.batch(() => {
        cy.elements().unselect();
        for (const node of nodes) node.select();
      });
      quietly = false;
    }
    /** @param {any[]} chosenMembers @param {any} [link] */
    function select(chosenMembers, link) {
      selectOnly(cy ? chosenMembers.map((member) => cy.getElementById(`m${member.place}`)) : []);
      between(chosenMembers, link);
    }
    const node = (name, text, position, data, classes) => ({
      data: { id: name, ...inLines(text), ...data },
      classes,
      position: view.places.get(name) ?? position
    });
    const edge = (name, source, target, data, classes = "") => ({
      data: { id: name, source, target, ...data },
      classes
    });
    const soft = (name, source, target, width = 1) =>
      edge(name, source, target, { weight: 1e9, width, first: 0 }, "soft");
    const drawnSupplier = (name, text, position, data, classes) =>
      node(name, text, position, { colour: colour("panel"), shape: "round-rectangle", ...data }, `supplier ${classes}`);

    Promise.all([load("cytoscape.min"), new Promise(requestAnimationFrame)])
      .then(() => {
        // the page has the canvas only after this turn
        if (!canvas.isConnected) return;
        const drawn = members.slice(0, DRAWN),
          isDrawn = (member) => member.place < DRAWN;
        const nodes = drawn.map((member, n) => {
          const turn = (n * 6.283) / drawn.length,
            { x, y, kind, tier, status, bridge } = member;
          const position =
            x === null ? { x: 500 + 420 * Math.cos(turn), y: 310 + 260 * Math.sin(turn) } : { x: x * 1000, y: y * 620 };
          const [, , filled, shape] = looksOf(kind);
          return node(
            `m${member.place}`,
            valueOf(member.id),
            position,
            { member, colour: filled, shape, size: 9 + 3 * Math.log2(1 + recordsOf(member)) },
            [tier !== "core" && "verify", bridge && "bridge", status === "contested" && "contested"]
              .filter(Boolean)
              .join(" ")
          );
        });
        const edges = cluster.links
          .slice(0, DRAWN_LINKS)
          .filter(({ ends }) => ends.every(isDrawn))
          .map((link) =>
            edge(
              `e${link.a}-${link.b}`,
              `m${link.a}`,
              `m${link.b}`,
              { link, weight: link.weight, width: 1 + Math.min(link.weight, 12) / 2, first: link.first },
              link.accepted ? "" : "doubted"
            )
          );
        for (const {
          before: { place: a },
          after: { place: b, first: at }
        } of pairs) {
          if (a < DRAWN && b < DRAWN) edges.push(edge(`h${a}-${b}`, `m${a}`, `m${b}`, { width: 2, first: at }, "took"));
        }
        const above = Math.min(0, ...nodes.map(({ position }) => position.y)) - 70;
        suppliers.slice(0, DRAWN_SUPPLIERS).forEach((supplier, n) => {
          nodes.push(drawnSupplier(`s${n}`, supplier.id, { x: 100 * n - 50, y: above }, { supplier, size: 16 }, ""));
          for (const { a, records } of supplier.links)
            if (a < DRAWN) edges.push(soft(`s${n}-${a}`, `s${n}`, `m${a}`, 1 + Math.log2(records)));
        });
        const [line, text, panel, accent, warn] = "edge text panel accent warn".split(" ").map(colour);
        const style = `
          node {
            background-color: data(colour); shape: data(shape); width: data(size); height: data(size);
            color: ${text}; text-wrap: wrap; text-max-width: 9999; text-outline-color: ${panel};
            font-family: system-ui, sans-serif;
          }
          node.verify {
            background-opacity: 0.45; border-width: 1.5; border-style: dashed; border-color: data(colour);
          }
          node.bridge { border-width: 3; border-color: #b8460b; border-style: solid; }
          node.contested { border-width: 3; border-color: #c4122f; border-style: double; }
          node.supplier { border-width: 2; border-color: ${line}; }
          edge { width: data(width); line-color: ${line}; opacity: ${edges.length > 800 ? 0.25 : 0.7}; }
          edge.doubted { line-style: dotted; line-color: #b8460b; curve-style: straight; }
          edge.soft { line-style: dashed; opacity: 0.4; curve-style: straight; }
          edge.took {
            line-color: ${warn}; target-arrow-color: ${warn}; target-arrow-shape: triangle;
            curve-style: unbundled-bezier; control-point-distances: 30; control-point-weights: 0.5;
            opacity: 1; z-index: 8;
          }
          edge.near { line-color: ${accent}; opacity: 0.9; }
          edge.path { line-color: ${accent}; opacity: 1; width: 5; }
          .past { opacity: 0.25; }
          .off { display: none; }
          :selected { border-width: 4; border-color: ${accent}; border-style: solid; z-index: 9; }`;
        cy = /** @type {any} */ (window).cytoscape({
          container: canvas,
          elements: [...nodes, ...edges],
          layout: { name: "preset" },
          minZoom: 0.2,
          maxZoom: 8,
          style
        });
        graph = cy;
        label = () => labels(cy);
        cy.edges().unselectify();
        for (const name of view.expanded) expand(cy.getElementById(name), true);
        cy.on("viewport", () => (view.camera = { zoom: cy.zoom(), pan: { ...cy.pan() } }));
        cy.on("dragfree", "node", ({ target }) => view.places.set(target.id(), { ...target.position() }));
        cy.on("zoom pan dragfree select unselect", () => {
          clearTimeout(labelling);
          labelling = setTimeout(label, 100);
        });
        apply();
        if (camera) cy.viewport(camera);
        else fit();
        cy.on("tap", "node", ({ target, originalEvent }) => {
          cursor = target;
          if (!originalEvent?.shiftKey) kept.clear();
          enter(target);
        });
        cy.on("tap", "edge", ({ target }) => {
          const link = target.data("link");
          if (link) select(link.ends, link);
        });
        cy.on("select unselect", "node", () => {
          if (quietly || asked) return;
          asked = true;
          queueMicrotask(() => {
            asked = false;
            if (!cy.destroyed()) chosen();
          });
        });
        const start = memberOf(cluster, state.id);
        if (start) select(selected.includes(start) ? selected : [start]);
        marks.graph = id;
      })
      .catch((error) => fill(canvas, p(error.message)));

    /** Opens what a node stands for. @param {any} opened */
    function enter(opened) {
      const { member, supplier, other } = opened.data();
      if (member) open(member);
      else if (supplier) expand(opened);
      else if (other) location.hash = toCluster(other);
    }
    /** Shows the clusters that a supplier serves, or hides them again. @param {any} opened @param {boolean} [again] */
    function expand(opened, again = false) {
      const supplier = opened.data("supplier"),
        name = opened.id();
      if (!supplier) return;
      if (!again && view.expanded.delete(name)) return void cy.nodes(`.of-${name}`).remove();
      view.expanded.add(name);
      const { x, y } = opened.position(),
        { others } = supplier;
      others.forEach((other, n) =>
        cy.add([
          drawnSupplier(
            `${name}-c${n}`,
            titleOfId(other, "single identifier"),
            { x: x + (n - (others.length - 1) / 2) * 150, y: y - 60 - (n % 2) * 40 },
            { other, size: 14 },
            `of-${name}`
          ),
          soft(`${name}-e${n}`, name, `${name}-c${n}`)
        ])
      );
      if (again) return;
      fitAll(cy.nodes(`.of-${name}`));
      label();
    }
    /** @param {any} seen a node @param {number} margin @returns {boolean} */
    function inside(seen, margin) {
      const { x, y } = seen.renderedPosition();
      return x >= margin && y >= margin && x <= cy.width() - margin && y <= cy.height() - margin;
    }

    /** Where the keys are, and what Space keeps selected. @type {any} */ let cursor = null;
    /** @type {Set<any>} */ const kept = new Set();
    /**
     * The nearest node in a direction, sideways distance counting double; from an edge, the farthest on the other
     * side.
     * @param {number} dx @param {number} dy
     */
    function towards(dx, dy) {
      const visible = cy.nodes(":visible").toArray();
      if (!cursor || cursor.removed() || cursor.hasClass("off")) return cy.nodes(":selected")[0] ?? visible[0];
      const start = cursor.position();
      let best = null,
        least = Infinity,
        behind = null,
        most = 0;
      for (const each of visible) {
        const x = each.position().x - start.x,
          y = each.position().y - start.y;
        const along = x * dx + y * dy,
          far = along + 2 * Math.abs(x * dy + y * dx);
        if (along > 0.5 && far < least) [best, least] = [each, far];
        if (along < most) [behind, most] = [each, along];
      }
      return best ?? behind ?? cursor;
    }
    const acts = {
      " ": () => cursor && (kept.delete(cursor) || kept.add(cursor)),
      Enter: () => cursor && enter(cursor),
      Escape: () => {
        kept.clear();
        cy.elements().unselect();
      },
      "+": () => zoom(1.3),
      "=": () => zoom(1.3),
      "-": () => zoom(1 / 1.3),
      0: fit
    };
    canvas.addEventListener("keydown", (event) => {
      const arrow = ARROWS[event.key];
      if (!cy || (!arrow && !acts[event.key])) return;
      event.preventDefault();
      if (!arrow) return acts[event.key]();
      if (event.shiftKey) return cy.panBy({ x: -60 * arrow[0], y: -60 * arrow[1] });
      cursor = towards(...arrow);
      if (!cursor) return;
      const { member, name } = cursor.data(),
        { x, y } = cursor.renderedPosition();
      selectOnly([...kept, cursor]);
      if (!inside(cursor, 20)) cy.panBy({ x: cy.width() / 2 - x, y: cy.height() / 2 - y });
      canvas.setAttribute(
        "aria-description",
        member ? `${plain(member.id, 100)}, ${member.tier}, ${people(member.reporters)}` : plain(name, 100)
      );
      chosen();
    });
    fromSlider.shows(from);
    untilSlider.shows(until);
    const legend = remark(
      TOLD.graph,
      term("Handover", "handovers"),
      ". Faint nodes: ",
      term("Verify", "verify"),
      " before use, or, at an earlier day, not seen for a week; orange rim: ",
      term("Bridge", "bridge"),
      "; red rim: ",
      term("Contested", "contested"),
      "."
    );
    const lines = cluster.links.length + cluster.ties.length - DRAWN_LINKS,
      more = members.length - DRAWN;
    return [
      tools,
      h("div.stage", canvas, lately, list),
      legend,
      lines > 0 && remark(`${are(lines, "weaker link")} not drawn.`),
      more > 0 &&
        remark(`${are(more, "identifier that fewer records name", "identifiers that fewer records name")} not drawn.`)
    ];
  }
  /**
   * A member by a number, site or account in any form: the search of the run has the first hits alone.
   * @param {any} cluster @param {string} text @returns {any}
   */
  function memberBy({ members }, text) {
    const { key, fits } = sought(text.trim());
    const found = (test) => members.find(({ id }) => test(id, bareValue(id)));
    return key && (found((id) => folded(valueOf(id)) === key) ?? found(fits));
  }
  /** A link with its evidence. @param {any} cluster @param {any} link */
  function linkLine(cluster, link) {
    const {
      ends: [a, b],
      reporters,
      weight,
      strength,
      accepted,
      reason,
      ids
    } = link;
    noteLink(cluster, a.id, b.id);
    const told =
      ` ${recordCounts(link)}, ${people(reporters)}, weight ${weight.toFixed(1)}, ` +
      `${words(strength).toLowerCase()}, ${period(link)}`;
    return li(
      identifier(a.id),
      " and ",
      identifier(b.id),
      quiet(told, !accepted && ["; ", shown(reason, 160)], ids.length && ": "),
      recordLinks(cluster, link, 4).map((each) => [each, " "]),
      ids.length > 4 && quiet(`+${count(ids.length - 4)}`)
    );
  }
  /**
   * Writes the values of nodes, the most reported first, where they cover no other; whole, inside the picture, and
   * as large at any zoom. @param {any} cy
   */
  function labels(cy) {
    if (cy.destroyed()) return;
    const zoom = cy.zoom(),
      width = cy.width(),
      height = cy.height();
    const nodes = cy
      .nodes()
      .filter((node) => !node.hasClass("off"))
      .toArray()
      .map((node) => ({
        node,
        ...node.renderedPosition(),
        ...node.data(),
        r: (node.data("size") * zoom) / 2,
        selected: node.selected()
      }));
    nodes.sort((a, b) => Number(b.selected) - Number(a.selected) || b.size - a.size);
    const taken = nodes.map(({ x, y, r }) => [x - r * 0.7, y - r * 0.7, x + r * 0.7, y + r * 0.7]);
    cy.batch(() => {
      for (const { node, x, y, r, selected, half, tall, label } of nodes) {
        const seen = x > 0 && x < width && y > 0 && y < height;
        const aside = seen ? Math.max(half + 2 - x, 0) + Math.min(width - 2 - half - x, 0) : 0,
          above = seen && y + r + 4 + tall > height;
        const top = above ? y - r - 4 - tall : y + r + 2,
          box = [x - half + aside, top, x + half + aside, top + tall];
        if (selected || isFree(box, taken)) {
          taken.push(box);
          node.style({
            label,
            "font-size": 11 / zoom,
            "text-valign": above ? "top" : "bottom",
            "text-margin-x": aside / zoom,
            "text-margin-y": (above ? -3 : 3) / zoom,
            "text-outline-width": 2 / zoom
          });
        } else if (node.style("label")) node.removeStyle("label");
      }
    });
  }
  /**
   * Whether a box covers no other: left, top, right and bottom of each.
   * @param {number[]} box @param {number[][]} taken
   */
  const isFree = (box, taken) =>
    !taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1]);
  /** @param {any} member whether a file that is passed on may name it */
  const leaves = (member) => member?.tier === "core" && member.status === "infrastructure";
  /** The graph as it stands, as PNG: core members by value. @param {any} cy @returns {Blob} */
  function graphPng(cy) {
    cy.nodes()
      .filter((node) => !leaves(node.data("member")))
      .removeStyle("label");
    const picture = cy.png({ full: true, scale: 2, bg: colour("panel"), output: "blob" });
    labels(cy);
    return picture;
  }
  /** The graph as it stands, core members by value. @param {any} cy @returns {string} */
  function graphSvg(cy) {
    const isOn = (element) => !element.hasClass("off"),
      nodes = cy.nodes().filter(isOn),
      box = nodes.boundingBox({ includeLabels: false });
    const pad = Math.max(
      60,
      ...nodes.filter((node) => leaves(node.data("member"))).map((node) => node.data("name").length * 2.2 + 10)
    );
    const lines = cy
      .edges()
      .filter((edge) => isOn(edge) && edge.connectedNodes().every(isOn))
      .map((edge) => {
        const { x: x1, y: y1 } = edge.source().position(),
          { x: x2, y: y2 } = edge.target().position();
        return svg("line", {
          x1,
          y1,
          x2,
          y2,
          stroke: "#868e97",
          "stroke-width": edge.data("width"),
          "stroke-opacity": 0.6,
          "stroke-dasharray": (edge.hasClass("doubted") || edge.hasClass("soft")) && "4 3"
        });
      });
    const spots = nodes.map((node) => {
      const { x, y } = node.position(),
        { size, member, colour: fill, name } = node.data(),
        r = size / 2;
      return [
        svg("circle", { cx: x, cy: y, r, fill: member ? fill : "#ffffff", stroke: "#333333", "stroke-width": 0.5 }),
        leaves(member) &&
          svg(
            "text",
            { x, y: y + r + 9, "font-size": 7, "font-family": "sans-serif", "text-anchor": "middle", fill: "#111" },
            name
          )
      ];
    });
    const drawing = svg(
      "svg",
      { viewBox: `${box.x1 - pad} ${box.y1 - pad} ${box.w + 2 * pad} ${box.h + 2 * pad}` },
      lines,
      spots
    );
    return new XMLSerializer().serializeToString(drawing);
  }
  /**
   * The most likely path: the product of what its links are sure of.
   * @param {any} from a member @param {any} to @returns {any[]} links
   */
  function strongestPath(from, to) {
    /** @type {Map<any, any>} */ const doubt = new Map([[from, 0]]),
      by = new Map();
    const waiting = new Set([from]); // which grows while it is walked
    for (const here of waiting) {
      waiting.delete(here);
      for (const link of here.links) {
        const there = link.ends[link.ends[0] === here ? 1 : 0],
          value = doubt.get(here) - Math.log(link.confidence);
        if (!link.accepted || value >= doubt.get(there)) continue; // false of a member that was not reached yet
        doubt.set(there, value);
        by.set(there, { link, here });
        waiting.add(there);
      }
    }
    const path = [];
    for (let step = by.get(to); step; step = by.get(step.here)) path.unshift(step.link);
    return path;
  }
  /** @param {any} cluster @returns {string} core members by value, the others counted */
  function graphml({ members, links: every, left_out }) {
    const core = members.filter(leaves);
    const xml = (tag, ...children) => create("http://graphml.graphdrawing.org/xmlns", tag, children);
    const data = (key, value) => xml("data", { key }, String(value));
    const key = (id, target, name, type) => xml("key", { id, for: target, "attr.name": name, "attr.type": type });
    const keys = "label kind tier review reporters".split(" ");
    const document = xml(
      "graphml",
      keys.map((name) => key(name, "node", name, "string")),
      key("weight", "edge", "weight", "double"),
      key("left", "graph", "members_left_out", "int"),
      xml(
        "graph",
        { edgedefault: "undirected" },
        data("left", members.length - core.length + left_out),
        core.map((member) =>
          xml(
            "node",
            { id: `n${member.place}` },
            keys.map((name) => data(name, plain(member[name === "label" ? "id" : name], 2000)))
          )
        ),
        every
          .filter(({ ends }) => ends.every(leaves))
          .map(({ a, b, weight }) => xml("edge", { source: `n${a}`, target: `n${b}` }, data("weight", weight)))
      )
    );
    return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(document)}`;
  }

  // ---------------------------------------------------------------- lists of the run

  /**
   * A view of one table.
   * @param {string} title @param {any} told @param {any} options of the table
   * @param {string} [empty] what is said where it has no rows
   */
  const listView = (title, told, options, empty) => [
    headline(title, p(told)),
    options.rows.length || !empty ? table(options) : p(empty)
  ];
  /** @param {number} total @param {any[]} rows those that are here @param {string} where the others are */
  const moreThan = (total, rows, where) =>
    total > rows.length && ` ${are(total - rows.length, "more", "more")} in ${where}.`;
  /** A column of the cluster of a row. @param {(row: any) => any} absent what stands for one that is not listed */
  const ownCluster = (absent) =>
    unsorted(
      "cluster",
      "Cluster",
      ({ cluster, id }) => (clusterOf.has(cluster) ? clusterName(clusterOf.get(cluster), { id }) : absent(cluster)),
      "name"
    );
  /** The id of a row, as a link to its cluster. @param {any} row @param {number} limit */
  const inCluster = ({ cluster, id }, limit) => anchor(cluster && toCluster(cluster, { id }), briefly(id, limit));
  const BY_KIND = { kind: ["Any kind", ({ kind }) => [kind]] };

  async function sharedView() {
    const rows = rowsOf(await load("shared")),
      { shared, joint } = run;
    const left =
      shared > rows.length &&
      (run.redacted
        ? filled(TOLD.shared_left_out, { here: count(rows.length) })
        : moreThan(shared, rows, "entities/"));
    const only =
      joint && filled(TOLD.union_only, { links: counted(joint.links, "link"), pairs: counted(joint.merged, "pair") });
    const total = (row) => sum(row.orgs, ([, complaints, calls]) => complaints + calls);
    const who = ([org, complaints, calls, roles, from, until]) =>
      div(
        h("b", worded(org)),
        ` ${recordCounts({ complaints, calls })} as ${roles.map((role) => words(role).toLowerCase()).join(", ")}, `,
        `${day(seconds(from))} to ${day(seconds(until))}`
      );
    return [
      listView(
        "Seen by more than one organisation",
        [
          filled(TOLD.shared, { identifiers: counted(shared, "identifier") }),
          only,
          left
        ],
        {
          rows,
          caption: "Identifiers that several organisations see",
          sort: "-total",
          text: ({ id, orgs }) => [id, pretty(id), orgs.map(([org]) => org)],
          columns: [
            column(
              "id",
              "Identifier",
              (row) => [inCluster(row, 50), prettily(row.id), row.tier && standing(row)],
              "who"
            ),
            ownCluster(() => "single identifier"),
            counts("total", "Records", total, total),
            unsorted("orgs", "Who saw what", ({ orgs }) => orgs.map(who), "words")
          ],
          open: ({ cluster, id }) => cluster && (location.hash = toCluster(cluster, { id }))
        }
      ),
      joint &&
        simple(
          "Offers of other organisations",
          "Organisation | Issued | Handling | SHA-256 | Its evidence",
          joint.offers.map((offer) => [
            worded(offer.sender),
            shown(offer.issued_at, 24),
            shown(offer.tlp),
            h("span.id", { title: plain(offer.sha256, 80) }, plain(offer.sha256, 12)),
            offer.why ? ["left out: ", shown(offer.why, 120)] : "is in this run"
          ])
        )
    ];
  }
  function contestedView() {
    const rows = rowsOf(run.contested);
    const act = (kind, { cluster, id }) =>
      button(WORDS[kind], async () => decide(kind, await wholeCluster(cluster), id), {
        label: `${WORDS[kind]}: ${plain(id, 60)}`
      });
    return listView(
      "Contested",
      [
        TERMS.Contested,
        TOLD.contested,
        moreThan(run.contested.total, rows, "entities/")
      ],
      {
        rows,
        caption: "Contested identifiers",
        sort: "-complaints",
        text: ({ id, reason }) => [id, reason],
        columns: [
          column("id", "Withheld id", (row) => inCluster(row, 60), "who"),
          ownCluster(shown),
          reasons("Who says what", 200),
          counts("complaints"),
          counts("calls"),
          dates("last"),
          deciding((row) => (row.cluster ? ["suspect_held", "victim_owned"].map((kind) => act(kind, row)) : ""))
        ]
      },
      "No identifier is contested."
    );
  }
  function suppliersView() {
    const rows = rowsOf(run.suppliers);
    return listView("Suppliers", [TERMS.Supplier, moreThan(run.suppliers.total, rows, "suppliers/")], {
      rows,
      caption: "Suppliers",
      sort: "-clusters",
      text: ({ id, kind }) => [id, kind],
      choices: BY_KIND,
      columns: [
        identifiers(term("Supplier")),
        kinds(),
        counts("clusters"),
        counts("records"),
        unsorted("of", "Serves", (row) => servedBy(row.serves, row.clusters, { tab: "suppliers" }), "words")
      ]
    });
  }

  async function campaignsView() {
    const campaigns = await load("campaigns"),
      rows = rowsOf(campaigns);
    const member = ([id, ids, reporters]) => [
      toNamed(id, identifier(ids[0])),
      quiet(` ${counted(reporters, "reporter")}`)
    ];
    return listView(
      "Campaigns",
      [TOLD.campaigns, moreThan(campaigns.total, rows, "campaigns/")],
      {
        rows,
        caption: "Campaigns",
        sort: "rank",
        text: ({ members, shared }) => [members.flat(2), shared.flat()],
        columns: [
          counts("rank"),
          counts(
            "probability",
            "Probability",
            ({ probability }) =>
              probability === null ? "ranked only" : `${Math.round(probability * 100)} % in simulated worlds`,
            (row) => row.probability ?? -1
          ),
          column(
            "members",
            "Clusters",
            ({ members }) => [`${count(members.length)}: `, firstFew(members, 12, member)],
            "words",
            (row) => row.members.length
          ),
          unsorted(
            "shared",
            "Shared",
            ({ shared }) => joined(shared, ([id, number]) => [identifier(id), ` (${count(number)})`]),
            "words"
          ),
          counts("reporters"),
          dates("last")
        ]
      },
      "No clusters share enough."
    );
  }

  async function suppressedView() {
    const suppressed = await load("suppressed"),
      rows = rowsOf(suppressed);
    return listView(
      "Suppressed",
      [
        TOLD.suppressed,
        moreThan(suppressed.total, rows, `entities/${run.redacted ? ", or left out of this copy" : ""}`)
      ],
      {
        rows,
        caption: "Suppressed identifiers",
        sort: "-complaints",
        text: ({ id, reason }) => [id, pretty(id), reason],
        choices: BY_KIND,
        columns: [
          identifiers("Identifier"),
          counts("complaints"),
          counts("calls"),
          reportedTo(3),
          reasons("Why", 300)
        ]
      }
    );
  }

  /** @param {any[]} rows @param {boolean} mine */
  const decisionTable = (rows, mine) =>
    grid(
      "Decisions",
      "Decision | Kind | On | Author | Reason | When | State",
      rows.map((decision) => [
        shown(decision.decision_id),
        words(decision.kind),
        [identifier(decision.entity_a), decision.entity_b && [" and ", identifier(decision.entity_b)]],
        [shown(decision.author), "signed_by" in decision && !decision.signed_by && quiet(" (not signed)")],
        shown(decision.reason, 200),
        decision.decided_at ? moment(seconds(decision.decided_at)) : "–",
        mine && (!served || decision.undo)
          ? button("Undo", () => undo(decision.decision_id))
          : quiet({ true: "in force", false: "not in force" }[decision.in_force] ?? "recorded")
      ]),
      (n) => (n === 5 ? "date" : null)
    );

  // ---------------------------------------------------------------- runs, alerts and the next run of a server

  /** Asks the server which runs it shows and what it records. */
  async function meet() {
    about = await ask("about");
    served = about.records;
    author = about.author || author;
    const runs = about.runs.map(({ href, name, clock }) => [
      href,
      plain(`${name}${clock ? `, ${moment(seconds(clock))}` : ""}`, 80)
    ]);
    const current = about.runs.find((shownRun) => shownRun.current)?.href;
    document.getElementById("runs")?.remove();
    if (runs.length > 1) {
      const switcher = select(
        "Run",
        runs,
        current,
        (href) => (location.href = href + location.hash.replace(/\?.*$/, ""))
      );
      switcher.id = "runs";
      document.querySelector(".product")?.after(switcher);
    }
    if (about.alerts) feed = await ask("alerts");
  }
  /** @type {any} */ let feed = { alerts: [], held_back: 0 };
  /** @returns {number} alerts that nobody acknowledged */
  const fresh = () => feed.alerts.filter((alert) => !work.acknowledged[alert.alert_id]).length;
  let watching = 0;
  /** @param {Record<string, string>} state */
  async function alertsView(state) {
    feed = await ask("alerts");
    clearTimeout(watching);
    watching = setTimeout(
      () => place().view === "alerts" && !document.activeElement?.matches("input, select") && render(),
      20_000
    );
    const seen = ({ alert_id: id }) => work.acknowledged[id];
    const acknowledge = ({ alert_id: id }) =>
      changeWork("acknowledge", { alert: id }, (signed) => (work.acknowledged[id] = signed));
    const rows = feed.alerts.map((alert) => ({
      orgs: [],
      tied_to: [],
      reporters: 0,
      ...alert,
      id: alert.entity_id ?? alert.cluster_id ?? ""
    }));
    return listView(
      "Alerts",
      [
        filled(TOLD.alerts, { fresh: counted(fresh(), "alert"), newest: count(rows.length) }),
        feed.held_back &&
          ` ${are(feed.held_back, "names what the run withholds, and", "name what the run withholds, and")} not shown.`
      ],
      {
        rows,
        caption: "Alerts of the stream",
        sort: "-observed_at",
        text: ({ id, kind, reason, orgs }) => [id, pretty(id), kind, reason, orgs],
        before: options("Not acknowledged", "seen", [["all", "All alerts"]]),
        choices: BY_KIND,
        filter: (alert) => state.seen === "all" || !seen(alert),
        columns: [
          column("observed_at", "Observed", (alert) => moment(seconds(alert.observed_at)), "date"),
          column("kind", "Alert", ({ kind }) => worded(kind)),
          column(
            "id",
            "Identifier or cluster",
            ({ id, cluster_id, entity_id }) => [
              clusterOf.has(cluster_id)
                ? anchor(toCluster(cluster_id, { id: entity_id }), briefly(id, 50))
                : identifier(id),
              prettily(id)
            ],
            "who"
          ),
          unsorted(
            "reason",
            "Why",
            ({ reason, tied_to: tied }) => [
              shown(reason, 200),
              tied.length &&
                h(
                  "div.quiet",
                  "linked to ",
                  firstFew(tied, 3, (id) => briefly(id, 40))
                )
            ],
            "words"
          ),
          reporters(),
          unsorted("orgs", "Reported to", ({ orgs }) => names(orgs), "orgs"),
          unsorted(
            "ack",
            h("span.unseen", "Acknowledge"),
            (alert) =>
              seen(alert)
                ? quiet("seen by ", shown(seen(alert).by || "you"))
                : button("Acknowledge", () => acknowledge(alert), { label: `Acknowledge ${plain(alert.id, 60)}` }),
            "quick"
          )
        ]
      }
    );
  }
  /** The button for the next run, and how far it is. @returns {any} */
  function rerunPart() {
    if (!about?.rerun || !served) return null;
    const told = p({ role: "status" });
    const bar = h("progress", { max: 100, value: 0, label: "The next run", hidden: true });
    const start = button("Run again with these decisions", async () => {
      try {
        await ask("rerun", {});
        made = (await ask("decisions")).decisions;
        follow();
      } catch (error) {
        told.textContent = plain(error.message, 400);
      }
    });
    async function follow() {
      const before = about.rerun.state;
      about = await ask("about");
      const { state, percent, line, name } = about.rerun,
        running = state === "running";
      if (before === "running" && state === "done") await meet();
      start.disabled = running;
      bar.hidden = !running;
      bar.value = percent ?? 0;
      if (running) {
        told.textContent = `${count(percent)} %. ${plain(line, 200).replace(/^\d+ %: /, "")}`;
        setTimeout(() => told.isConnected && follow(), 1000);
      } else if (state === "failed") told.textContent = `The run failed: ${plain(line, 300)}`;
      else if (state === "done") {
        const next = about.runs.find((each) => each.name === name);
        fill(told, "The next run is done. ", next && linkButton(`${next.href}#/queue`, "Open it"));
      }
    }
    follow();
    return [
      h2("The next run"),
      p(sentences("rerun")),
      h("div.bar", start, bar),
      told
    ];
  }

  // ---------------------------------------------------------------- two clusters side by side

  /** @param {Record<string, string>} state */
  async function compareView(state) {
    const [left, right] = await Promise.all([state.a, state.b].map((id) => id && wholeCluster(id)));
    if (left && right) return comparison(left, right);
    const [name, text] = left ? ["b", "Compare with it"] : ["a", "Choose the first"];
    const query = h("input.filter", { type: "search", label: text, placeholder: "Number, site, account or cluster" });
    const submit = async () => {
      const hit = (await lookUp(query.value)).find(({ href }) => href.startsWith("#/c/"));
      if (!hit) return toast("No cluster of this run is found by that.");
      location.hash = addressWith({ [name]: safeDecoded(hit.href.slice(4).split("?")[0]) });
    };
    const near = new Map(left?.near.map(({ cluster }) => [cluster, "a rejected link"]));
    for (const { kind, others } of left?.suppliers ?? [])
      for (const id of others) if (!near.has(id)) near.set(id, `the same ${words(kind).toLowerCase()}`);
    return [
      headline("Compare two clusters", left && p(clusterName(left), " and")),
      form("form.bar", submit, query, h("button", text)),
      near.size && [
        h2("Close to it"),
        h(
          "ul.plain",
          [...near]
            .slice(0, 30)
            .map(([id, why]) =>
              li(
                anchor(addressWith({ b: id }), briefly(titleOfId(id, `single identifier ${id}`), 60)),
                quiet(` by ${why}`)
              )
            )
        )
      ]
    ];
  }
  /** Two clusters side by side. @param {any} left @param {any} right */
  function comparison(left, right) {
    const both = [left, right];
    const rows = clusterColumns(
      "name priority core reporters complaints calls losses countries orgs brands first last confidence"
    );
    const common = (name, values, cell) => {
      const there = new Set(values(right));
      return [...new Set(values(left))].filter((value) => there.has(value)).map((value) => [name, cell(value)]);
    };
    const templateOf = (id) => left.scripts.find((script) => script.entity_id === id).template;
    const shared = [
      ...common(
        "Held by both, one after the other",
        ({ members }) => members.map(({ id }) => bare(id)),
        identifier
      ),
      ...common(
        "Call script",
        ({ scripts }) => scripts.map((script) => script.entity_id),
        (id) => [identifier(id), h("div.quiet", shown(templateOf(id), 160))]
      ),
      ...common(
        "Supplier",
        ({ suppliers }) => suppliers.map(({ id }) => id),
        identifier
      ),
      ...common(
        "Carrier",
        ({ members }) => members.flatMap(({ carriers }) => carriers),
        shown
      )
    ];
    const near = left.near.filter(({ cluster }) => cluster === right.id);
    const [a, b] = both.map((cluster) => !run.redacted && spokesman(cluster));
    const choose = linkButton(address("compare", { a: left.id }), "Another…");
    const [same, apart] = a && b ? pairButtons(left, a.id, b.id, right.id) : [];
    same?.classList.add("primary");
    const list = ({ id, name, brand, members }) =>
      h(
        "section",
        h2(`Members of `, briefly(titleOf({ name, brand }), 60)),
        h(
          "ul.near",
          members
            .slice(0, 40)
            .map((member) =>
              li(
                dot(member.kind),
                anchor(toCluster(id, { id: member.id }), briefly(valueOf(member.id), 40)),
                standing(member),
                quiet(` ${words(member.role)}, ${people(member.reporters)}, ${period(member)}`)
              )
            )
        ),
        members.length > 40 && p(anchor(toCluster(id), `All ${counted(members.length, "member")}`))
      );
    return [
      headline("Compare two clusters", same && actions("Decide on both", same, apart, choose)),
      scroller(
        "Side by side",
        h(
          "table.pair",
          h(
            "tbody",
            rows.map(({ head, cell }) => tr(cellsOf([head, ...both.map(cell)], () => null)))
          )
        )
      ),
      h2("When they were active"),
      twoTimes(both),
      simple("What they share", "Kind | What", shared.length ? shared : [["Nothing that the run knows", ""]], [1]),
      near.length &&
        simple(
          "Links between them that were rejected",
          "Here | There | Weight | Why not",
          near.map(({ member, there, weight, reason }) => [
            identifier(member.id),
            identifier(there),
            weight.toFixed(2),
            shown(reason, 160)
          ]),
          [1, 3]
        ),
      h("div.columns.two", both.map(list))
    ];
  }
  /**
   * Bars by time, in panels one above the other.
   * @param {string} label @param {number} tall height of a panel
   * @param {number[][][]} panels of each the numbers of its series, which are stacked, by bar
   * @param {(bar: number) => string} dayOfBar @param {(bar: number) => string} aboutBar
   */
  function barChart(label, tall, panels, dayOfBar, aboutBar) {
    const left = 44,
      width = 1000,
      bars = panels[0][0].length,
      room = (width - left) / bars,
      bottom = panels.length * tall;
    const mosts = panels.map((series) =>
      Math.max(1, ...series[0].map((_, bar) => sum(series, (numbers) => numbers[bar])))
    );
    const chart = svg("svg.trend", {
      viewBox: `0 0 ${width} ${bottom + 22}`,
      role: "img",
      label: `${label}; the most in one is ${mosts.map(count).join(" and ")}`
    });
    panels.forEach((series, n) => {
      const foot = (n + 1) * tall,
        most = mosts[n];
      const high = (number) => (number / most) * (tall - 16);
      for (const number of [0, most / 2, most]) {
        const y = foot - high(number);
        chart.append(
          svg("line.tick", { x1: left, x2: width, y1: y, y2: y }),
          beside(left, y + 3, count(Math.round(number)))
        );
      }
      for (let bar = 0; bar < bars; bar++) {
        let y = foot;
        const rects = series.map((numbers, part) => {
          const height = high(numbers[bar]);
          y -= height;
          const box = { x: left + bar * room, y, width: Math.max(room - 0.6, 0.6), height };
          return height && svg(`rect.bar-${"ab"[n + part]}`, box);
        });
        if (y < foot) chart.append(svg("g", svg("title", aboutBar(bar)), rects));
      }
    });
    const step = tickStep(bars);
    for (let bar = 0; bar < bars; bar += step)
      chart.append(svg("text", { x: left + bar * room, y: bottom + 16 }, dayOfBar(bar)));
    return chart;
  }
  /** What the two series of a chart are. @param {any} a @param {any} b @param {any} more @param {any} chart */
  const keyed = (a, b, more, chart) =>
    h("figure", h("figcaption.quiet", h("span.key.key-a"), " ", a, " ", h("span.key.key-b"), " ", b, more), chart);
  /** Records by day of two clusters, one above the other on one axis. @param {any[]} both */
  function twoTimes(both) {
    const days = both.map(({ members }) => members.flatMap((member) => member.days));
    const every = days.flat().map(([when]) => when);
    if (!every.length) return remark("No day is known of either.");
    const start = Math.min(...every),
      end = Math.max(...every);
    const dayAt = (bar) => day((start + bar) * DAY);
    const numbers = days.map((rows) => {
      const sums = Array.from({ length: end - start + 1 }, () => 0);
      for (const [when, number] of rows) sums[when - start] += number;
      return sums;
    });
    const chart = barChart(
      `Records by day of both clusters, ${dayAt(0)} to ${dayAt(end - start)}`,
      86,
      numbers.map((sums) => [sums]),
      dayAt,
      (bar) => `${dayAt(bar)}: ${numbers.map((sums) => counted(sums[bar], "mention")).join(" and ")}`
    );
    const [first, second] = both,
      met = Math.min(first.last, second.last) - Math.max(first.first, second.first);
    const told =
      met >= 0
        ? `both active for ${counted(dayOf(met) + 1, "day")}`
        : `${counted(Math.max(Math.round(-met / DAY), 1), "day")} ` +
          "between the last record of one and the first of the other";
    return keyed(briefly(titleOf(first), 60), briefly(titleOf(second), 60), `; ${told}`, chart);
  }

  // ---------------------------------------------------------------- places and flows

  const regions = new Intl.DisplayNames(["en"], { type: "region", fallback: "code" });
  /** @param {string} code of a country @returns {string} */
  const countryName = (code) => (/^[A-Z]{2}$/.test(code) && regions.of(code)) || code;
  /** @param {Record<string, string>} state */
  async function placesView(state) {
    const [where, world] = await Promise.all([load("places"), load("world")]);
    const { countries, views, unknown } = where,
      regionsKnown = rowsOf({ columns: "country code name x y number whole".split(" "), rows: where.circles });
    const choices = countries.map(([code]) => code).filter((code) => Object.hasOwn(views, code));
    const chosen = choices.includes(state.map) ? state.map : "";
    const inView = regionsKnown.filter(({ country }) => !chosen || country === chosen);
    const named = (code, name = countryName(code)) =>
      code ? [shown(name), quiet(` ${plain(code, 12)}`)] : quiet("Not known");
    const inClusters = new Set(clusters.flatMap(countriesOf));
    const countryRow = ([code, number]) => [
      inClusters.has(code) ? anchor(address("clusters", { country: code }), named(code)) : named(code),
      number
    ];
    /**
     * The first rows of a list, and all of it on demand: an element can stand in one of them alone.
     * @param {string} caption @param {string} heads @param {any[]} rows @param {(row: any) => any[]} cells
     * @param {number[]} [texts]
     */
    const first = (caption, heads, rows, cells, texts) =>
      h(
        "section",
        simple(caption, heads, rows.slice(0, 12).map(cells), texts),
        rows.length > 12 &&
          details(`All ${count(rows.length)}`, simple(`${caption}: all`, heads, rows.map(cells), texts))
      );
    const hidden = countries.filter(([, number]) => number === null).length,
      hiddenRegions = inView.filter(({ number }) => number === null).length;
    const absent = countries
      .filter(([code]) => !world.paths[code])
      .map(([code, number]) => `${plain(countryName(code), 40)}${number === null ? "" : ` ${count(number)}`}`);
    const ofRegions = [
      inView.length && TOLD.circles,
      hiddenRegions && filled(TOLD.regions_hidden, { regions: are(hiddenRegions, "region") }),
      notOnMap(where.unmapped.filter(([country]) => !chosen || country === chosen)),
      inView.length ? " Outlines and middles: Natural Earth." : " Outlines: Natural Earth."
    ];
    const map = chosen
      ? [
          h(
            "figure",
            regionMap(chosen, views[chosen], world, inView, inClusters.has(chosen)),
            h("figcaption.quiet", ofRegions)
          ),
          first(`${countryName(chosen)}: regions, by complaints`, "Region | Complaints", inView, (region) => [
            named(region.code, region.name),
            amount(region)
          ])
        ]
      : [
          h(
            "figure",
            worldMap(countries, world, inClusters, inView),
            h(
              "figcaption.quiet",
              TOLD.world_map,
              absent.length && `Too small to draw: ${absent.slice(0, 12).join(", ")}. `,
              hidden && filled(TOLD.countries_hidden, { countries: are(hidden, "country", "countries") }),
              ofRegions
            )
          ),
          simple("Victims’ countries, by complaints", "Country | Complaints", [
            ...countries.slice(0, 12).map(countryRow),
            unknown && ["Not stated", unknown]
          ])
        ];
    return [
      headline(
        "Places and flows",
        p(TOLD[choices.length ? "places_regions" : "places"])
      ),
      choices.length &&
        h(
          "div.bar",
          { role: "group", label: "Part of the map" },
          ["", ...choices].map((code) =>
            h(
              "a.chip.choice",
              { href: address("places", { map: code }), "aria-current": code === chosen && "true" },
              code ? countryName(code) : "World"
            )
          )
        ),
      h("div.map-area", map),
      countries.length > 12 &&
        details(
          `All ${counted(countries.length, "country", "countries")}`,
          simple("All countries", "Country | Complaints", countries.map(countryRow))
        ),
      h2("Records over time"),
      run.trends.map(trendChart),
      h(
        "div.columns",
        where.regions.length &&
          first(
            "Regions as written, by complaints",
            "Region | Country | Complaints",
            where.regions,
            ([country, name, number]) => [shown(name), shown(country, 12), number],
            [1]
          ),
        first(
          "Callback numbers, by their country",
          "Country | Numbers | Complaints",
          where.callbacks,
          ([code, ...numbers]) => [named(code), ...numbers]
        ),
        first(
          "Money: accounts by institution",
          "Institution, by code | Country | Accounts | Complaints",
          where.institutions,
          ([name, code, ...numbers]) => [
            shown(name),
            code ? span({ title: plain(countryName(code), 60) }, plain(code, 12)) : "",
            ...numbers
          ],
          [1]
        ),
        first(
          "Losses that complaints state",
          "Currency | Amount | Complaints",
          where.losses,
          ([currency, stated, number]) => [
            currency ? shown(currency, 12) : "No currency stated",
            stated === null ? null : currency ? Math.round(Number(stated)) : "–",
            number
          ]
        ),
        ...[
          ["Carriers that handed calls over", "Carrier", where.carriers],
          ["Trunks that calls came in on", "Trunk", where.trunks]
        ].map(([caption, head, rows]) =>
          first(caption, `${head} | Calls`, rows, ([name, number]) => [shown(name), number])
        )
      )
    ];
  }
  /** @param {any} region a sum of what may be shown @returns {any} */
  const amount = ({ number, whole }) => (number === null || whole ? number : [quiet("at least "), count(number)]);
  /** @param {any} region @returns {string} */
  function regionText({ name, country, number, whole }) {
    const told = number === null ? "withheld, small count" : counted(number, "complaint");
    const some = `at least ${told}, some are withheld (small counts)`;
    return `${name}, ${countryName(country)}: ${number === null || whole ? told : some}`;
  }
  /** @param {[string, number | null, boolean][]} sums of complaints by country, and whether each is whole */
  function notOnMap(sums) {
    const number = sum(sums, ([, complaints]) => complaints ?? 0),
      whole = sums.every((row) => row[2]);
    if (!number && whole) return "";
    const told = number
      ? `${whole ? "" : "At least "}${counted(number, "complaint states", "complaints state")}`
      : "Some complaints, a number withheld (small counts), state";
    return filled(TOLD.not_on_map, { told });
  }
  const hatched = () =>
    svg(
      "defs",
      svg(
        "pattern",
        { id: "hatch", width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
        svg("rect.hatch", { width: 3, height: 8 })
      )
    );
  /**
   * @param {[string, number | null][]} numbers @param {any} world
   * @param {Set<string>} linked countries that open a list @param {any[]} regionsKnown
   */
  function worldMap(numbers, world, linked, regionsKnown) {
    const [width, height] = world.size,
      known = new Map(numbers),
      most = Math.max(...numbers.map(([, number]) => number ?? 0), 1);
    const drawing = svg(
      "svg.world",
      {
        viewBox: `0 0 ${width} ${height}`,
        role: "group",
        label: `World map of complaints from ${counted(numbers.length, "country", "countries")}`
      },
      hatched()
    );
    for (const [code, d] of Object.entries(world.paths)) if (!known.has(code)) drawing.append(svg("path.land", { d }));
    for (const [code, number] of numbers) {
      if (!Object.hasOwn(world.paths, code)) continue;
      const text = `${countryName(code)}: ${number === null ? "withheld, small count" : counted(number, "complaint")}`;
      const shape = svg(
        `path.${number === null ? "hidden" : "counted"}`,
        {
          d: world.paths[code],
          "fill-opacity": number !== null && 0.25 + (0.75 * Math.log1p(number)) / Math.log1p(most)
        },
        svg("title", text)
      );
      drawing.append(
        linked.has(code) ? svg("a", { href: address("clusters", { country: code }), label: text }, shape) : shape
      );
    }
    const links = new Map(
      regionsKnown.map(({ country }) => [
        country,
        svg("a", {
          href: address("places", { map: country }),
          tabindex: -1,
          label: `Regions of ${countryName(country)}`
        })
      ])
    );
    drawing.append(...links.values());
    asDrawn(drawing, (wide) => {
      const spots = sized(regionsKnown, Math.min(13, wide / 70), width / wide);
      for (const [country, link] of links)
        fill(link, spots.filter(({ region }) => region.country === country).map(circle));
    });
    return drawing;
  }
  /** Draws again whenever a drawing gets another width. @param {any} drawing @param {(width: number) => void} draw */
  function asDrawn(drawing, draw) {
    let before = 0;
    new ResizeObserver(() => {
      const { width } = drawing.getBoundingClientRect();
      if (width && width !== before) draw(width);
      before = width || before;
    }).observe(drawing);
  }
  /**
   * Circles of regions, area by complaints; all whose count is hidden are of one size.
   * @param {any[]} regionsKnown @param {number} largest radius in pixels
   * @param {number} unit of the drawing that is a pixel
   */
  function sized(regionsKnown, largest, unit) {
    const most = Math.max(...regionsKnown.map(({ number }) => number ?? 0), 1);
    return regionsKnown.map((region) => ({
      region,
      x: region.x,
      y: region.y,
      r: unit * (region.number === null ? 5 : Math.max(largest * Math.sqrt(region.number / most), 2.5))
    }));
  }
  /** @param {any} spot */
  function circle({ region, x, y, r }) {
    const text = regionText(region);
    return svg(
      "g",
      { role: "img", label: text },
      svg("title", text),
      svg(`circle.region${region.number === null ? ".withheld" : ""}`, {
        cx: x,
        cy: y,
        r
      })
    );
  }
  const NORTH = 84; // of world.js, in degrees
  /**
   * The map of one country, a degree of longitude as wide there as one of latitude is high; regions
   * outside of the picture, Hawaii and the like, are in a column of their own.
   * @param {string} country @param {number[]} box what is drawn: west, north, east, south @param {any} world
   * @param {any[]} regionsKnown @param {boolean} linked
   */
  function regionMap(country, [west, north, east, south], world, regionsKnown, linked) {
    const isAside = ({ x, y }) => x < west || x > east || y < north || y > south;
    const width = 1000,
      flat = Math.cos(((NORTH - ((north + south) / 2 / world.size[0]) * 360) * Math.PI) / 180);
    const own = svg("path.own", { d: world.paths[country] });
    const land = svg(
      "g",
      Object.entries(world.paths)
        .filter(([code]) => code !== country)
        .map(([, d]) => svg("path.land", { d })),
      linked
        ? svg(
            "a",
            { href: address("clusters", { country }), label: `Clusters with victims in ${countryName(country)}` },
            own
          )
        : own
    );
    const marks = svg("g");
    const drawing = svg(
      "svg.world.country",
      {
        viewBox: `0 0 ${width} ${width}`,
        role: "group",
        label: `Map of complaints from ${counted(regionsKnown.length, "region")} of ${countryName(country)}`
      },
      hatched(),
      land,
      marks
    );
    asDrawn(drawing, (wide) => {
      const narrow = wide < 600,
        below = narrow && regionsKnown.some(isAside),
        height = below ? 1250 : narrow ? 1000 : 520,
        unit = width / wide;
      const down = 0.95 * Math.min(width / ((east - west) * flat), height / (south - north)),
        across = down * flat;
      const left = width / 2 - (across * (west + east)) / 2,
        top = below ? 25 - down * north : height / 2 - (down * (north + south)) / 2;
      drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
      land.setAttribute("transform", `translate(${left} ${top}) scale(${across} ${down})`);
      const spots = sized(regionsKnown, Math.min(26, wide / 22), unit),
        aside = spots.filter(isAside);
      for (const spot of spots) Object.assign(spot, { x: left + spot.x * across, y: top + spot.y * down });
      fill(
        marks,
        aside.length && asideBox(aside, width, height, unit),
        spots.map(circle),
        regionLabels(spots, aside, width, height, unit)
      );
    });
    return drawing;
  }
  /**
   * Puts regions that are outside of the picture into its lower right corner.
   * @param {any[]} spots @param {number} width @param {number} height @param {number} unit
   */
  function asideBox(spots, width, height, unit) {
    const widest = Math.max(...spots.map(({ r }) => r)),
      gap = 5 * unit;
    const wide = 2 * widest + unit * Math.max(...spots.map(({ region }) => widthOf(region.name))) + 4 * gap;
    let y = height - gap;
    for (const spot of spots.toReversed()) {
      const tall = Math.max(2 * spot.r, 13 * unit) + gap;
      Object.assign(spot, { x: width - wide + gap + widest, y: y - tall / 2 });
      y -= tall;
    }
    return svg("rect.aside", {
      x: width - wide,
      y: y - gap,
      width: wide - gap / 2,
      height: height - y + gap / 2,
      rx: gap
    });
  }
  /**
   * Names of regions where there is room, the largest first; else their codes, else none.
   * @param {any[]} spots @param {any[]} aside in the column @param {number} width @param {number} height
   * @param {number} unit of the drawing that is a pixel
   */
  function regionLabels(spots, aside, width, height, unit) {
    const taken = spots.map(({ x, y, r }) => [x - r, y - r, x + r, y + r]),
      tall = 13 * unit,
      gap = 3 * unit;
    return spots.flatMap((spot, own) => {
      const {
        x,
        y,
        r,
        region: { name, code }
      } = spot;
      for (const text of [name, code]) {
        const wide = widthOf(text) * unit,
          level = y - tall / 2,
          middle = x - wide / 2;
        const around = [
          [x - r - gap - wide, level],
          [middle, y + r],
          [middle, y - r - tall],
          ...(wide < 1.8 * r ? [[middle, level]] : [])
        ];
        const boxes = [[x + r + gap, level], ...(aside.includes(spot) ? [] : around)].map(([left, top]) => [
          left,
          top,
          left + wide,
          top + tall
        ]);
        const others = taken.filter((_, n) => n !== own);
        const box = boxes.find(
          ([left, top, right, foot]) =>
            left >= 0 && top >= 0 && right <= width && foot <= height && isFree([left, top, right, foot], others)
        );
        if (!box) continue;
        taken.push(box);
        return [
          svg(
            "text",
            {
              x: box[0],
              y: box[3] - gap,
              "font-size": 11 * unit,
              "aria-hidden": "true"
            },
            text
          )
        ];
      }
      return [];
    });
  }

  function decisionsView() {
    const name = input({
      value: author,
      maxlength: 80,
      size: 14,
      label: "Your name",
      onchange: () => {
        author = name.value.trim();
        keep(AUTHOR_KEY, author, "decisions.csv");
      }
    });
    return [
      headline(
        "Decisions",
        p(sentences(served ? "decisions_served" : "decisions_kept"))
      ),
      h(
        "div.bar",
        !served && [
          labelled("Your name", name),
          button("Download decisions.csv", decisionsCsv, { disabled: !made.length, class: "primary" })
        ],
        quiet(counted(made.length, "decision"), !served && " made here")
      ),
      made.length
        ? decisionTable(made.toReversed(), true)
        : remark("None yet: open a cluster, and confirm or dispute it."),
      rerunPart(),
      workPart(),
      h2("In this run"),
      run.decisions?.length ? decisionTable(run.decisions, false) : remark("The run applied none.")
    ];
  }

  function healthView() {
    const check = ({ problems }) =>
      run.snapshot
        ? "a snapshot keeps no records"
        : problems.length
          ? h("strong.warn", "does not add up: ", problems.join("; "))
          : "adds up";
    const sorted = (values, cell) =>
      Object.entries(values)
        .sort()
        .map(([name, value]) => cell(name, value));
    const pairsOf = (caption, heads, values, limit) =>
      simple(
        caption,
        heads,
        sorted(values, (name, value) => [shown(name), shown(value, limit)])
      );
    const accounted = "read accepted duplicates rejected erased".split(" ");
    return [
      headline("Health", p(TOLD.health), alarms(Infinity, 1000) || p("No alarms.")),
      simple(
        TOLD.rows,
        "Kind | Read | Accepted | Duplicates | Rejected | Erased | Check",
        run.accounts.map((account) => [
          words(account.kind),
          ...accounted.map((name) => account.counts[name] ?? 0),
          check(account)
        ])
      ),
      h(
        "div.columns",
        simple("Rejects", "Code | Kind | Stage | Field | Rows", [
          ...run.rejects.map(({ code, record_kind, stage, field: name, rows }) => [
            shown(code),
            words(record_kind),
            worded(stage),
            shown(name),
            rows
          ]),
          run.more_rejects && [`${counted(run.more_rejects, "more reason")} in rejects/`, "", "", "", ""]
        ]),
        simple(
          "Identifiers by kind",
          [
            "Kind",
            ...run.statuses.map((status) => term(status, status === "uncorroborated" ? "Only named" : words(status))),
            "All"
          ],
          run.kinds.map(({ kind, by_status: numbers }) => [words(kind), ...numbers.map(zero), sum(numbers, Number)])
        ),
        simple(
          "Members by tier and review, single identifiers too",
          "Tier | Review | Members",
          run.tiers.map(({ tier, review, rows }) => [words(tier), words(review), rows])
        ),
        run.breakdowns.map(({ title, rows, notes, others, unknown }) =>
          simple(title, "Value | Complaints", [
            ...rows.map(([name, number]) => [
              [worded(name), notes[name] && quiet(` ${plain(notes[name], 200)}`)],
              number
            ]),
            others !== 0 && ["Others", others],
            unknown && ["Not stated", unknown]
          ])
        )
      ),
      h2("Records over time"),
      run.trends.map(trendChart),
      simple(
        "Inputs",
        "File | Records | Format | Rows | Bytes | SHA-256",
        run.inputs
          .slice(0, 200)
          .map((file) => [
            shown(file.name),
            words(file.kind),
            shown(file.format),
            file.rows ?? 0,
            file.bytes ?? 0,
            identifier(file.sha256)
          ])
      ),
      details(
        "Versions, options and all else that was counted",
        h(
          "div.columns",
          pairsOf(`Versions; contract version ${run.contract}`, "What | Version", run.versions, 60),
          pairsOf("Options", "Option | Value", run.options, 400),
          sorted(run.tallies, (group, numbers) =>
            simple(
              plain(words(group), 80),
              "What | Count",
              sorted(numbers, (name, number) => [worded(name), number])
            )
          )
        )
      ),
      remark(
        "Run ",
        identifier(run.run),
        run.clock && `, ${moment(seconds(run.clock))}`,
        `; ringtrace ${plain(run.versions.ringtrace, 40)}.`
      )
    ];
  }
  /** @param {any} trend bars of a day or a week */
  function trendChart({ step, start: first, complaints, calls, earlier }) {
    const unit = step === 1 ? "day" : "week",
      bars = complaints.length;
    if (!bars) return remark("No record.");
    const dayAt = (bar) => day(seconds(first) + bar * step * DAY);
    const chart = barChart(
      `Records by ${unit}, ${dayAt(0)} to ${day(seconds(first) + (bars * step - 1) * DAY)}`,
      150,
      [[complaints, calls]],
      dayAt,
      (bar) => `${dayAt(bar)}: ${recordCounts({ complaints: complaints[bar], calls: calls[bar] })}`
    );
    return keyed("complaints", "calls", [`, by ${unit}`, earlier && `; ${counted(earlier, "record")} earlier`], chart);
  }
  /**
   * @param {string} caption @param {any} heads with | between them @param {any[]} rows
   * @param {number[]} [texts] columns beside the first that are no numbers
   */
  function simple(caption, heads, rows, texts = []) {
    const drawn = grid(caption, heads, rows, (n) => (n && !texts.includes(n) ? "num" : null));
    return h(drawn.querySelectorAll("thead th").length > 5 ? "section.wide" : "section", h2(caption), drawn);
  }
  /**
   * @param {string} caption @param {any} heads @param {any[]} rows those that are false are left out
   * @param {(column: number) => string | null} classOf
   */
  function grid(caption, heads, rows, classOf) {
    const columns = [heads].flat().flatMap((head) => (typeof head === "string" ? head.split(" | ") : head));
    return scroller(
      caption,
      h(
        "table",
        h("thead", tr(columns.map((head, n) => h("th", { scope: "col", class: classOf(n) || null }, head)))),
        h(
          "tbody",
          rows.some(Boolean)
            ? rows.map((row) => row && tr(cellsOf(row, classOf)))
            : tr(h("td.none", { colspan: columns.length }, "None"))
        )
      )
    );
  }

  // ---------------------------------------------------------------- the page

  /** What draws each view. @type {Record<string, (state: Record<string, string>) => any>} */
  const VIEWS = {
    queue: queueView,
    clusters: clustersView,
    singles: singlesView,
    shared: sharedView,
    contested: contestedView,
    places: placesView,
    suppliers: suppliersView,
    campaigns: campaignsView,
    suppressed: suppressedView,
    alerts: alertsView,
    decisions: decisionsView,
    health: healthView
  };
  /** @param {string} view @param {string} id @param {Record<string, string>} state */
  async function contentOf(view, id, state) {
    if (view === "c") return clusterView(id, state);
    if (view === "compare") return compareView(state);
    if (!Object.hasOwn(VIEWS, view)) return [h("h1", "No such page"), p(anchor(address("queue"), "To the queue"))];
    if (lacks(view))
      return headline(
        words(view),
        p(view === "alerts" ? TOLD.no_alerts : TOLD.left_out)
      );
    return VIEWS[view](state);
  }
  /** @param {string} name of a view that this page does not have */
  const lacks = (name) =>
    name === "alerts" ? !about?.alerts : run.redacted && ["decisions", "contested", "campaigns"].includes(name);
  const main = /** @type {HTMLElement} */ (document.getElementById("main"));
  let drawn = "";
  let turn = 0;

  async function render() {
    const mine = ++turn;
    const { view, id, state } = place();
    const left = entry,
      back = arrive(),
      numbers = { decisions: made.length, alerts: fresh() };
    fill(
      document.getElementById("views"),
      Object.keys(VIEWS)
        .filter((name) => !lacks(name))
        .map((name) =>
          h(
            "a",
            { href: address(name), "aria-current": (name === view || (view === "c" && name === "clusters")) && "page" },
            words(name),
            numbers[name] && h(`span.count${name === "alerts" ? ".warn" : ""}`, ` ${count(numbers[name])}`)
          )
        )
    );
    /** @type {any} */ let content;
    try {
      content = await contentOf(view, id, state);
    } catch (error) {
      content = [h("h1", "This cannot be shown"), p(plain(error.message, 300))];
    }
    if (mine !== turn) return;
    graph?.destroy();
    graph = null;
    const where = `${view}/${id}`,
      same = where === drawn;
    const held =
      same && document.activeElement?.matches("main a.choice") && document.activeElement.getAttribute("href");
    const scroll = same && (left === entry || back === undefined) ? scrollY : (back ?? 0);
    fill(main, content);
    scrollTo(0, scroll);
    scrolled.set(entry, scrollY);
    const from = back !== undefined && left !== entry && drawn.startsWith("c/") && drawn.slice(2);
    const focus = (selector) => /** @type {any} */ (main.querySelector(selector))?.focus({ preventScroll: true });
    if (from) focus(`tr[data-key="${CSS.escape(plain(from, 200))}"] a.cluster`);
    if (held) focus(`a.choice[href="${CSS.escape(held)}"]`);
    // A reader of the screen is told of a new view; who types on keeps the field.
    if (drawn && !same && document.activeElement === document.body) main.focus({ preventScroll: true });
    drawn = where;
    tip.hidden = true;
    const title = view === "c" ? plain(titleOfId(id), 60) : Object.hasOwn(VIEWS, view) ? words(view) : "";
    document.title = `${title} – ringtrace ${run.run}`;
    marks.ready = location.hash || "#/queue";
  }

  function help() {
    const rows = (texts, headed) => Object.entries(texts).map(([name, text]) => dd(headed(name), text));
    const terms = Object.fromEntries(Object.entries(TERMS).filter(([name]) => !run.statuses.includes(name)));
    fill(
      dialog,
      div(
        h2({ id: "dialog-title" }, "Keys and terms"),
        h(
          "dl.keys",
          rows(KEYS, (key) => h("kbd", key))
        ),
        h3("Terms"),
        h("dl.terms", rows(terms, String)),
        h(
          "p.buttons",
          button("Close", () => dialog.close(), { class: "primary" })
        )
      )
    );
    dialog.showModal();
    dialog.scrollTop = 0;
  }
  document.getElementById("help-button")?.addEventListener("click", help);
  /** @param {string} tab of the open cluster */
  function openTab(tab) {
    const { view, id, state } = place();
    if (view === "c") location.hash = toCluster(id, { tab, id: state.id });
  }
  /**
   * Focuses the next row of a table, or the one before.
   * @param {number} step @param {Element} target @returns {boolean} whether there is a table
   */
  function walkRows(step, target) {
    /** @type {any[]} */ const links = [...main.querySelectorAll("tbody tr")]
      .map((row) => row.querySelector("th a, th button.link, td a.cluster"))
      .filter(Boolean);
    if (!links.length || target.closest(".canvas, summary, [role=button]")) return false;
    const here = links.findIndex((link) => link.closest("tr")?.contains(document.activeElement));
    const next = links[here < 0 ? 0 : Math.min(Math.max(here + step, 0), links.length - 1)];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
    return true;
  }
  /**
   * What keys do, beside typing; a key that returns false does what it does in any page.
   * @type {Record<string, (target: HTMLElement) => any>}
   */
  const ACTS = {
    "/": () => {
      field.focus();
      field.select();
    },
    "?": help,
    q: () => (location.hash = address("queue")),
    n: () => {
      const next = nextInQueue();
      if (next) location.hash = toCluster(next.id);
    },
    c: () => /** @type {any} */ (document.querySelector(".cluster-head .primary"))?.click(),
    g: () => openTab("graph"),
    m: () => openTab(""),
    t: () => openTab("timeline"),
    r: () => openTab("records"),
    ArrowDown: (target) => walkRows(1, target),
    ArrowUp: (target) => walkRows(-1, target)
  };
  document.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open || target.matches("input, select, textarea"))
      return;
    const act = ACTS[event.key];
    if (act && act(target) !== false) event.preventDefault(); // a field that opens would take the letter
  });
  addEventListener("hashchange", () => {
    closeHits();
    render();
  });
  addEventListener("storage", (event) => {
    // another tab decided, or noted something
    if (!run || served || !keeps || (event.key !== storeKey() && event.key !== WORK_KEY)) return;
    readKept();
    if (!dialog.open && !document.activeElement?.matches("input, select, textarea")) render();
  });

  async function start() {
    run = await load("run");
    clusters = await clusterList("clusters");
    unionOnly = new Set((await load("union")).clusters);
    keeps = !run.redacted;
    if (online && keeps) await meet();
    if (served) {
      ({ decisions: made, author } = await ask("decisions"));
      takeWork(await ask("notes"));
    } else readKept();
    await render();
  }
  start().catch((error) => main.replaceChildren(p({ role: "alert" }, plain(error.message, 400))));
})();
