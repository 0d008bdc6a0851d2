// @ts-check
"use strict";
/**
 * The workbench: draws a run from its pieces of data (reports/workbench.py), and takes decisions.
 * Every text of a complaint is hostile: it is set as text, never as markup, and isolated (`shown`).
 */
(() => {
  // ---------------------------------------------------------------- data

  /** @type {Map<string, {promise: Promise<any>, done: (value: any) => void}>} */
  const pieces = new Map();
  /** @type {any} */ (window).rt = {
    /** @param {string} name @param {string} lines of JSON: texts, and lists of numbers */
    piece(name, lines) {
      const [texts, numbers] = lines.split("\n").map((line) => JSON.parse(line));
      const piece = Object.assign(texts, { numbers });
      if (texts.tables)
        piece.read = Object.fromEntries(Object.entries(texts.tables).map(([of, rows]) => [of, lists(rows, numbers)]));
      pieces.get(name)?.done(piece);
    },
    /** @param {any} outlines of countries */
    world(outlines) {
      pieces.get("world")?.done(outlines);
    }
  };

  /** @param {string} source @param {(error: Error) => void} failed */
  function addScript(source, failed) {
    const script = document.createElement("script");
    script.src = source;
    script.onerror = () => failed(new Error(`${source} is missing: copy the whole folder report/`));
    document.head.append(script);
    return script;
  }

  /** @param {string} name @returns {Promise<any>} */
  function load(name) {
    const known = pieces.get(name);
    if (known) return known.promise;
    let done = (_found) => {};
    const promise = new Promise((resolve, reject) => {
      done = resolve;
      addScript(name === "world" ? "world.js" : `data/${name}.js`, reject);
    });
    pieces.set(name, { promise, done });
    return promise;
  }

  const TIMES = new Set(["first", "last", "at", "decided_at"]);
  /** @param {string[]} columns @param {any[][]} rows @returns {any[]} times as seconds since 1970 */
  const objects = (columns, rows) =>
    rows.map((row) =>
      Object.fromEntries(
        columns.map((name, at) => [name, TIMES.has(name) && typeof row[at] === "string" ? seconds(row[at]) : row[at]])
      )
    );

  /**
   * A column of a piece (reports/tables.py): numbers, or the distinct values with the number of each row's.
   * @param {any} column @param {number[][]} numbers @returns {(row: number) => any}
   */
  function reader(column, numbers) {
    if (column.days) {
      const days = reader(column.days, numbers),
        seconds = reader(column.seconds, numbers);
      return (row) => days(row) * 86400 + seconds(row);
    }
    if (column.counts) {
      const rows = lists(column, numbers);
      return (row) => rows(row);
    }
    const list = column.v ?? numbers[column.n];
    if (column.t) return (row) => (list[row] ? column.t[list[row] - 1] : null);
    const { scale = 1, null: nothing } = column;
    return (row) => (list[row] === nothing ? null : list[row] / scale);
  }
  /** @param {any} column of lists @param {number[][]} numbers @returns {(row: number) => any[]} the rows of one list as objects */
  function lists(column, numbers) {
    const counts = column.counts.v ?? numbers[column.counts.n];
    const starts = [0];
    for (const one of counts) starts.push(starts[starts.length - 1] + one);
    const columns = Object.entries(column.of).map(
      ([name, one]) => /** @type {[string, (row: number) => any]} */ ([name, reader(one, numbers)])
    );
    return (row) =>
      Array.from({ length: counts[row] }, (_, at) => {
        /** @type {Record<string, any>} */ const made = {};
        for (const [name, read] of columns) made[name] = read(starts[row] + at);
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
    list.objects ??= objects(list.columns, list.rows);
    for (const one of list.objects) {
      one.changes ??= changes(one);
      clusterOf.set(one.id, one);
    }
    return list.objects;
  }

  /** @param {string} id @returns {Promise<any>} a cluster with its facts as objects */
  async function wholeCluster(id) {
    if (!clusterOf.has(id)) await clusterList("singles");
    const row = clusterOf.get(id);
    if (!row) return null;
    const part = await load(`part-${row.part}`);
    part.opened ??= new Map();
    if (!part.opened.has(id)) part.opened.set(id, opened(part, part.clusters.indexOf(id)));
    return { row, facts: part.opened.get(id) };
  }

  /** @param {any} part @param {number} at @returns {any} the facts of a cluster, as objects that know each other */
  function opened(part, at) {
    const facts = {
      left_out: 0,
      cut: null,
      lineage: [],
      rests_on: [],
      scripts: [],
      joint: null,
      alone: null,
      ...part.facts[at]
    };
    facts.scripts = facts.scripts.map((one) => ({
      ...one,
      template: part.words[one.template][0][0],
      variants: one.variants.map(([said, number]) => [part.words[said], number])
    }));
    for (const name of ["members", "links", "ties", "near", "suppliers", "readings", "parts", "bridges"])
      facts[name] = part.read[name](at);
    facts.lineage = facts.lineage.map(([event, from_ids, to_ids, members_new, members_gone, on_one_reporter]) => ({
      event,
      from_ids,
      to_ids,
      members_new,
      members_gone,
      on_one_reporter
    }));
    facts.bridges = facts.bridges.map((one) => [one.a, one.b, one.weight, one.side]);
    facts.more_links = facts.ties.length;
    facts.more_near = part.read.counts(at)[0].near - facts.near.length;
    facts.more_suppliers = facts.suppliers.reduce((/** @type {number} */ sum, one) => sum + one.more, 0);
    facts.suppliers.forEach((one) => {
      one.others = one.serves.filter((/** @type {string} */ other) => other !== part.clusters[at]).slice(0, 6);
      one.links = one.links.map((link) => [link.a, link.records]);
    });
    facts.members.forEach((one, /** @type {number} */ place) => {
      one.place = place;
      one.bridge = Boolean(one.bridge);
      one.at = one.x === null ? null : [one.x, one.y];
      one.roles = Object.fromEntries(one.roles.map((each) => [each.role, each.count]));
      one.days = one.days.flatMap((each, /** @type {number} */ n) =>
        n ? [each.day, each.count] : [each.day, 0, each.count]
      );
      one.links = [];
      one.readings = [];
      one.accepted = [];
    });
    for (const one of [...facts.links, ...facts.ties]) {
      one.accepted = Boolean(one.accepted);
      if (!one.accepted) continue;
      facts.members[one.a].accepted.push(one.b);
      facts.members[one.b].accepted.push(one.a);
    }
    for (const one of facts.links) {
      one.ids = (one.ids ?? []).map((each) => each.org + each.id);
      one.ends = [facts.members[one.a], facts.members[one.b]];
      one.ends.forEach((end) => end.links.push(one));
    }
    facts.readings.sort((a, b) => b.at - a.at);
    for (const one of facts.readings) {
      const member = facts.members[one.a];
      one.raw ??= dressed(member.id, one.signs, one.zeros);
      one.before ??= null;
      one.after ??= null;
      member.readings.push(one);
    }
    for (const one of facts.members) one.doubts = doubts(one, facts.members);
    facts.handovers = handovers(facts);
    return facts;
  }

  /** @param {string} id @returns {string} without the mark of a later holder */
  const bare = (id) => id.replace(/^((?:phone|domain|email|handle|account):[^]*)#(?:[2-9]|[1-9]\d+)$/, "$1");

  /** @param {string} id @param {string | null} signs @param {number} zeros @returns {string | null} what was read, of an identifier's own digits */
  function dressed(id, signs, zeros) {
    const value = valueOf(bare(id));
    if (signs === null || signs === "=") return signs && value;
    const count = signs.split("#").length - 1;
    const digits = "0".repeat(zeros) + value.replace(/[^0-9]/g, "").slice(zeros - count || undefined);
    let at = 0;
    return signs.replace(/#/g, () => digits[at++]);
  }

  /** @param {any} one @param {any[]} members @returns {string[]} what would have to be wrong for it to be no member (reports/link_evidence.py) */
  function doubts(one, members) {
    return [
      bare(one.id) !== one.id && fact("earlier_holder", { identifier: bare(one.id) }),
      one.kind === "phone" && "caller_id" in one.roles && fact("caller_id_too"),
      one.complaints + one.calls === 1 && fact("one_record"),
      one.accepted.length === 1 && fact("one_link", { other: members[one.accepted[0]].id }),
      one.bridge && fact("bridge")
    ].filter(Boolean);
  }

  const TIMELINE_ROWS = 80,
    HANDOVER_DAYS = 21,
    OVERLAP_DAYS = 7;
  /** @param {any} facts @returns {any[]} members that give way to one of their kind that is linked with them, as reports/figures.py pairs them */
  function handovers(facts) {
    const byTime = (a, b) => a.first - b.first || (a.id < b.id ? -1 : 1);
    const rows = facts.members.slice(0, TIMELINE_ROWS).sort(byTime);
    const near = facts.members.map(() => new Set());
    for (const one of [...facts.links, ...facts.ties]) {
      near[one.a].add(one.b);
      near[one.b].add(one.a);
    }
    /** @type {any[]} */ const pairs = [];
    rows.forEach((after, /** @type {number} */ n) => {
      for (const before of rows.slice(0, n)) {
        if (before.kind !== after.kind || before.first >= after.first || before.last >= after.last) continue;
        const gap = after.first - before.last,
          days = Math.floor(gap / 86400);
        if (days < -OVERLAP_DAYS || days > HANDOVER_DAYS) continue;
        const direct = near[after.place].has(before.place);
        if (direct || [...near[after.place]].some((one) => near[before.place].has(one)))
          pairs.push({ direct, gap: Math.abs(gap), before, after });
      }
    });
    const order = (/** @type {string} */ a, /** @type {string} */ b) => (a < b ? -1 : a > b ? 1 : 0);
    pairs.sort(
      (a, b) =>
        Number(b.direct) - Number(a.direct) ||
        a.gap - b.gap ||
        order(a.before.id, b.before.id) ||
        order(a.after.id, b.after.id)
    );
    const gave = new Set(),
      took = new Set();
    return pairs
      .filter(({ before, after }) => {
        if (gave.has(before) || took.has(after)) return false;
        gave.add(before);
        took.add(after);
        return true;
      })
      .sort((a, b) => byTime(a.after, b.after))
      .map(({ before, after }) => [before.place, after.place, before.last, after.first]);
  }

  // ---------------------------------------------------------------- elements and text

  const NAMES = /** @type {Record<string, string>} */ ({ label: "aria-label" });
  /**
   * @param {string} tag with classes behind dots
   * @param {...any} children nodes, or text; an object in front has attributes, of which `onX` are listeners @returns {any}
   */
  function h(tag, ...children) {
    const [name, ...classes] = tag.split(".");
    const made = document.createElement(name);
    if (classes.length) made.className = classes.join(" ");
    const attributes = children[0]?.constructor === Object ? children.shift() : {};
    for (const [key, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || (value === false && !key.startsWith("aria-"))) continue;
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else made.setAttribute(NAMES[key] ?? key, value === true && !key.startsWith("aria-") ? "" : String(value));
    }
    made.append(...children.flat(9).filter((one) => one !== null && one !== undefined && one !== false));
    return made;
  }
  /** @param {any} text @param {(event: any) => any} onclick @param {any} [more] attributes @param {string} [classes] */
  const button = (text, onclick, more = {}, classes = "") =>
    h(`button${classes}`, { type: "button", onclick, ...more }, text);
  const [p, li, h2, h3, div, span, tr, dt] = ["p", "li", "h2", "h3", "div", "span", "tr", "dt"].map(
    (tag) =>
      (/** @type {any[]} */ ...children) =>
        h(tag, ...children)
  );
  const quiet = (/** @type {any[]} */ ...children) => h("span.quiet", ...children);
  const remark = (/** @type {any[]} */ ...children) => h("p.quiet", ...children);
  const anchor = (/** @type {string | null} */ href, /** @type {any[]} */ ...children) => h("a", { href }, ...children);
  /** A part of the page that scrolls by itself. @param {string} label @param {any} child */
  const scroller = (label, child) => h("div.scroll", { tabindex: 0, role: "region", label }, child);
  /** What stands for no value. @param {string} [text] */
  const none = (text = "–") => h("span.none", text);
  const zero = (/** @type {number} */ number) => (number ? count(number) : none("0"));
  /** @param {any} title @param {...any} more */
  const headline = (title, ...more) => h("div.headline", h("h1", title), ...more);

  /** @param {string} tag @param {any} attributes @param {...any} children @returns {any} */
  function svg(tag, attributes, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(NAMES[key] ?? key, String(value));
    made.append(...children);
    return made;
  }

  const tick = (/** @type {number} */ x1, /** @type {number} */ x2, /** @type {number} */ y) =>
    svg("line", { x1, x2, y1: y, y2: y, class: "tick" });
  /** A text at the left of a drawing. @param {number} left @param {number} y @param {string} text */
  const beside = (left, y, text) => svg("text", { x: left - 6, y, "text-anchor": "end" }, text);

  const ODD = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;
  const ODDS = new RegExp(ODD, "gu");
  const CUT = 160;

  /** @param {string} character */
  const codePoint = (character) => `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;

  /** @param {any} text @param {number} [limit] @returns {string} for attributes and drawings */
  function plain(text, limit = CUT) {
    const whole = String(text ?? "");
    const cut = whole.slice(0, limit).replace(ODDS, (one) => `[${codePoint(one)}]`);
    return whole.length > limit ? `${cut}…` : cut;
  }

  /** @param {string} text @returns {any} what reorders or hides is spelled out, the rest isolated */
  function isolated(text) {
    const made = h("bdi");
    if (!ODD.test(text)) {
      made.textContent = text;
      return made;
    }
    let from = 0;
    for (const found of text.matchAll(ODDS)) {
      made.append(text.slice(from, found.index), h("span.ctl", codePoint(found[0])));
      from = found.index + found[0].length;
    }
    made.append(text.slice(from));
    return made;
  }

  /** @param {any} text @param {number} [limit] @returns {any} text of a complaint, made harmless */
  function shown(text, limit = CUT) {
    if (text === null || text === undefined || text === "") return none();
    const whole = String(text);
    if (whole.length <= limit) return isolated(whole);
    const made = span(isolated(whole.slice(0, limit)), "… ");
    made.append(
      button(
        `show all ${count(whole.length)} characters`,
        (/** @type {Event} */ event) => {
          event.stopPropagation();
          made.replaceChildren(isolated(whole));
        },
        {},
        ".more"
      )
    );
    return made;
  }

  /** As `shown`, for the text of a link or a button, which can hold no other. @param {any} text @param {number} limit */
  const brief = (text, limit) => {
    const whole = String(text ?? "");
    return whole.length > limit
      ? span({ title: plain(whole, 400) }, isolated(whole.slice(0, limit)), "…")
      : shown(whole, limit);
  };
  /** @param {string} id @param {number} limit */
  const briefly = (id, limit) => h("span.id", brief(id, limit));
  /** @param {string} id @param {number} [limit] */
  const identifier = (id, limit = 64) => h("span.id", shown(id, limit));

  /** @param {number} number */
  const count = (number) => number.toLocaleString("en-US");
  /** @param {number} number @param {string} noun @param {string} [nouns] */
  const counted = (number, noun, nouns = `${noun}s`) => `${count(number)} ${number === 1 ? noun : nouns}`;
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
    const time = new Date(seconds * 1000).toISOString().slice(11, 16);
    return `${day(seconds)}, ${time} UTC`;
  }

  const WORDS = /** @type {Record<string, string>} */ ({
    callback: "Callback number",
    caller_id: "Caller ID (can be spoofed)",
    payee: "Payee",
    operator: "Remote-access ID",
    lure_site: "Scam website",
    sender: "Sender",
    mentioned: "Mentioned",
    signalling: "Signalling",
    victim: "Victim’s own",
    phone_inbound: "Incoming call",
    phone_callback: "Callback",
    popup: "Pop-up",
    toll_free: "Toll-free",
    voip: "VoIP",
    sms: "SMS",
    fixed_line: "Fixed line",
    fixed_or_mobile: "Fixed or mobile",
    born: "New",
    grew: "Grew",
    merged: "Merged",
    split: "Split",
    unchanged: "Unchanged",
    ended: "No longer seen",
    irs: "IRS",
    ip: "IP address",
    orig_id: "Origination ID",
    url: "Web address",
    email: "E-mail",
    several_orgs: "Several organisations",
    threshold: "Many reports",
    joined_cluster: "Joined a cluster",
    clusters_merge: "Clusters would merge",
    referred_awake: "Active after a referral",
    cannot_link: "Keep apart",
    must_link: "Same operation",
    confirm: "Confirm",
    dispute: "Dispute",
    legitimate: "Legitimate",
    review: "Reviewed",
    suspect_held: "Held by the scammer",
    victim_owned: "A victim’s own",
    infrastructure: "Used by the scammer",
    uncorroborated: "Seen only as caller ID (can be spoofed)",
    suppressed: "Suppressed",
    victim_side: "Victim’s own",
    contested: "Contested",
    verify: "Verify",
    core: "Core",
    fcc: "FCC",
    ftc: "FTC",
    paypal: "PayPal",
    ebay: "eBay",
    mcafee: "McAfee",
    upi: "UPI",
    iban: "IBAN",
    rcs: "RCS",
    whatsapp: "WhatsApp",
    jsonl: "JSON Lines",
    remote: "Remote access",
    ssa: "SSA",
    fbi: "FBI",
    dea: "DEA",
    hmrc: "HMRC",
    ato: "ATO",
    cra: "CRA",
    ups: "UPS",
    usps: "USPS",
    dhl: "DHL",
    fedex: "FedEx",
    att: "AT&T",
    bbva: "BBVA",
    hsbc: "HSBC",
    sbi: "SBI",
    bt: "BT",
    "ftc-pone": "FTC Point of No Entry"
  });
  const SHORT = /** @type {Record<string, string>} */ ({
    callback: "Callback",
    operator: "Remote access",
    lure_site: "Website",
    caller_id: "Caller ID"
  });
  const SMALL = new Set(["of", "and", "the", "in"]);
  /** @param {any} slug @returns {string} a slug as people write it; free text as it is */
  function words(slug) {
    const text = String(slug ?? "");
    if (WORDS[text]) return WORDS[text];
    if (!/^[a-z0-9_-]{1,60}$/.test(text)) return text;
    return text
      .split("_")
      .map((one, at) => (at && SMALL.has(one) ? one : one.slice(0, 1).toUpperCase() + one.slice(1)))
      .join(" ");
  }
  /** @param {string[]} list @param {number} [most] @returns {any} */
  function names(list, most = 3) {
    const made = span();
    list.slice(0, most).forEach((one, at) => made.append(at ? ", " : "", shown(words(one), 40)));
    if (list.length > most) made.append(` +${count(list.length - most)}`);
    if (!list.length) made.append(none());
    return made;
  }

  /** @param {string} value of an identifier @returns {string} a prettier form, or nothing */
  function pretty(value) {
    const found = /^(?:phone:)?\+1(\d{3})(\d{3})(\d{4})(#\d+)?$/.exec(value);
    return found ? `(${found[1]}) ${found[2]}-${found[3]}` : "";
  }
  const prettily = (/** @type {string} */ value) => (pretty(value) ? quiet(` ${pretty(value)}`) : null);
  /** @param {string} id */
  const valueOf = (id) => id.slice(id.indexOf(":") + 1);

  /** An exact amount: two decimals where it has some. @param {any} amount */
  const cents = (amount) =>
    Number(amount).toLocaleString("en-US", {
      minimumFractionDigits: Number.isInteger(Number(amount)) ? 0 : 2,
      maximumFractionDigits: 20
    });
  /** @param {[string, string, number][]} list */
  function losses(list) {
    if (!list.length) return none();
    const [currency, amount] = list[0];
    const made = span(shown(currency, 40), ` ${count(Math.round(Number(amount)))}`);
    if (list.length > 1)
      made.append(
        h(
          "span.quiet",
          { title: list.map((one) => `${plain(one[0], 12)} ${one[1]}`).join("; ") },
          ` +${list.length - 1}`
        )
      );
    return made;
  }

  // ---------------------------------------------------------------- terms

  /** The sentences of facts by code, and nouns, colour and shape of each kind of identifier (reports/workbench.py). */
  const REGISTRY = JSON.parse(document.querySelector("meta[name=words]")?.getAttribute("content") ?? "");
  /** @param {string} code @param {Record<string, string>} [given] arguments by name @returns {string} a fact in words */
  const fact = (code, given = {}) =>
    REGISTRY.facts[code].replace(/\{(\w+)\}/g, (/** @type {string} */ _, /** @type {string} */ name) => given[name]);
  const UNKNOWN = ["identifier", "identifiers", "#4f5762", "ellipse"];
  /** @param {string} kind @returns {any[]} */
  const looksOf = (kind) => REGISTRY.kinds[kind] ?? UNKNOWN;
  /** @param {string} kind @returns {[string, string]} */
  const nounOf = (kind) => [looksOf(kind)[0], looksOf(kind)[1]];
  /** The class that has the colour of a kind. @param {string} kind */
  const tint = (kind) => `k-${/^\w+$/.test(kind) ? kind : "x"}`;
  /** @param {string} kind @param {any} [attributes] */
  const dot = (kind, attributes = {}) => h(`span.dot.${tint(kind)}`, attributes);

  const TERMS = /** @type {Record<string, string>} */ ({
    Core: "Two or more people reported it independently, and it is no slip of a better-attested identifier. Only core members leave in files.",
    Verify: "One person can have put it there, or it is one digit off a better-attested identifier. Check before use.",
    Robustness: "The fewest reporters without whom it would not be shown, or not be tied to its cluster.",
    Reporters: "Distinct people (by organisation and pseudonym) who show a suspect using it.",
    Priority:
      "Rank for an analyst’s day, 0 to 100: reporters, losses, companies, recency, growth, confidence, jurisdiction.",
    Confidence: "How sure it is that the members belong together, 0 to 1.",
    Contested:
      "At least one person calls it their own and others show a suspect using it. It stands under a withheld id and leaves in nothing.",
    Reviewed: "An analyst’s decision covers this member. A member that came later is not covered.",
    Unreviewed: "Core members that no decision covers yet. Referrals, STIX and MISP name reviewed ones alone.",
    "Near miss":
      "One digit off, or two swapped, of an identifier that three times as many people report: perhaps a slip of the pen.",
    Bridge: "The cluster falls apart without it: it may serve two call centers.",
    Weight: "Evidence in records’ worth; a record that names many identifiers adds less to each pair.",
    Supplier:
      "A trunk, carrier, origination ID, address or script that several clusters share. It describes clusters and joins none.",
    Handover: "An identifier that appears as a linked one of the same kind stops.",
    "Hard link": "Some record shows both in roles that the scammer must really hold. Only hard links form a cluster.",
    "Same operation": "Both are one operation’s: the next run puts them into one cluster.",
    "Keep apart": "They are not one operation’s: the next run cuts the weakest ties between them.",
    Dispute:
      "The cluster of this identifier is in doubt: it is disputed as a whole, and nothing of it leaves. A dispute outweighs a confirmation.",
    Confirm: "Reviews the core members that you see now. A member that comes later stays unreviewed.",
    infrastructure: "A suspect uses it: in exactly one cluster.",
    suppressed: "Known to be legitimate, or a hub that too many name: joins nothing.",
    uncorroborated:
      "Only a caller ID, which can be forged, or a mention names it, which is withheld where a private person may hold it; or a supplier’s.",
    victim_side: "A victim’s own: withheld from every output.",
    contested: "A victim’s own by one report, a scammer’s by others: withheld until an analyst decides.",
    Legitimate: "Belongs to an honest holder: it is suppressed in every later run."
  });
  /** @param {string} term @param {string} [text] */
  const term = (term, text = term) => h("span.term", { tabindex: 0, "data-term": term }, text);

  const tip = /** @type {HTMLElement} */ (document.getElementById("tip"));
  /** @param {Event} event */
  function explain(event) {
    const target = event.target instanceof Element ? event.target.closest("[data-term]") : null;
    if (!(target instanceof HTMLElement)) {
      tip.hidden = true;
      return;
    }
    tip.textContent = TERMS[target.dataset.term ?? ""] ?? "";
    tip.hidden = false;
    target.setAttribute("aria-describedby", "tip");
    const box = target.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - tip.offsetWidth - 8))}px`;
    const below = box.bottom + 6;
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
    const given = Object.entries(state).filter(
      ([, value]) => value !== "" && value !== null && value !== undefined && value !== false
    );
    const query = given.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&");
    return `#/${view}${query ? `?${query}` : ""}`;
  }
  /** @param {string} id @param {Record<string, any>} [state] */
  const toCluster = (id, state) => address(`c/${encodeURIComponent(id)}`, state);

  /** @returns {{view: string, id: string, state: Record<string, string>}} */
  function place() {
    const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
    const [view = "queue", id = ""] = path.split("/");
    const state = Object.fromEntries(
      query
        .split("&")
        .filter(Boolean)
        .map((one) => {
          const at = one.indexOf("=");
          return [one.slice(0, at), safeDecoded(one.slice(at + 1))];
        })
    );
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

  /** Changes the state of the view in the address, without a step in the history. @param {Record<string, any>} changed */
  function remember(changed) {
    const { view, id, state } = place();
    const path = id ? `${view}/${encodeURIComponent(id)}` : view;
    history.replaceState(history.state, "", address(path, { ...state, ...changed }));
  }

  // Back finds the place on the page: each step of the history has a number, and where it was scrolled to.
  history.scrollRestoration = "manual";
  let entry = "",
    entries = 0;
  /** @type {Map<string, number>} */ const scrolled = new Map();
  /** @type {Map<string, number>} */ const rowsShown = new Map();
  addEventListener("scroll", () => scrolled.set(entry, scrollY), { passive: true });
  /** Notes which step of the history is shown. @returns {number | null} where it was scrolled to, if it was shown before */
  function arrive() {
    entry = history.state?.entry ?? "";
    if (scrolled.has(entry)) return scrolled.get(entry) ?? 0;
    entry = `${performance.timeOrigin} ${++entries}`;
    history.replaceState({ entry }, "");
    return null;
  }

  // ---------------------------------------------------------------- tables

  const ROWS = 200,
    PRINTED = 100,
    PRINTED_LONG = 40;

  /**
   * A table that sorts by its heads and filters by a text; its state stands in the address.
   * @param {{columns: {name: string, head: any, title?: string, number?: boolean, sorts?: boolean, value?: (row: any) => any, cell: (row: any) => any, klass?: string}[],
   *   rows: any[], caption: string, key?: (row: any) => string, text: (row: any) => string, sort: string, state: Record<string, string>,
   *   prefix?: string, mark?: (row: any) => string, extra?: any[], filter?: (row: any) => boolean, hint?: string, none?: string, open?: (row: any) => void, drawn?: (rows: any[]) => void}} options
   */
  function table(options) {
    if (run.redacted) options.columns = options.columns.filter((one) => one.name !== "decide");
    for (const one of options.columns) if (one.sorts) one.value = (row) => row[one.name];
    const key = options.key ?? ((row) => row.id);
    const prefix = options.prefix ?? "";
    let sort = options.state[`${prefix}sort`] || options.sort;
    let query = options.state[`${prefix}q`] || "";
    const opened = `${entry} ${options.caption}`;
    let most = rowsShown.get(opened) ?? ROWS;
    const body = h("tbody");
    const more = h("button.wide-button", {
      type: "button",
      onclick: () => {
        most += 1000;
        rowsShown.set(opened, most);
        draw();
      }
    });
    const found = h("span.quiet", { role: "status" });
    const long = options.columns.some((column) => column.klass === "words" || ["ends", "link"].includes(column.name)),
      printed = h("p.only-print");
    const klass = (column) => `${column.number ? "num" : ""} ${column.klass ?? ""}`;
    const heads = options.columns.map((column) => {
      const head = h("th", { scope: "col", class: klass(column) });
      if (!column.value) head.append(column.head);
      else {
        head.append(
          button(
            column.head,
            () => {
              sort =
                sort === column.name
                  ? `-${column.name}`
                  : sort === `-${column.name}` || !column.number
                    ? column.name
                    : `-${column.name}`;
              remember({ [`${prefix}sort`]: sort === options.sort ? "" : sort });
              draw();
            },
            { title: column.title },
            ".sort"
          )
        );
      }
      return head;
    });
    const filter = h("input.filter", {
      type: "search",
      value: query,
      placeholder: options.hint ?? "Filter",
      label: `Filter: ${options.caption}`,
      oninput: (event) => {
        query = event.target.value;
        remember({ [`${prefix}q`]: query });
        most = ROWS;
        draw();
      }
    });

    /** @returns {any[]} */
    function chosen() {
      const wanted = query.normalize("NFKC").toLowerCase();
      const digits = /^[\s+\d().-]+$/.test(wanted) ? wanted.replace(/\D/g, "") : "";
      const rows = options.rows.filter((row) => {
        if (options.filter && !options.filter(row)) return false;
        if (!wanted) return true;
        const text = options.text(row).toLowerCase();
        return text.includes(wanted) || (digits.length > 2 && text.replace(/[^\d]/g, "").includes(digits));
      });
      const column = options.columns.find((one) => one.name === sort.replace("-", ""));
      if (!column?.value) return rows;
      const value = column.value,
        down = sort.startsWith("-") ? -1 : 1;
      return rows
        .map((row, at) => ({ row, at, key: value(row) }))
        .sort((a, b) => (a.key < b.key ? -down : a.key > b.key ? down : a.at - b.at))
        .map((one) => one.row);
    }

    function draw() {
      const rows = chosen();
      options.drawn?.(rows);
      heads.forEach((head, at) => {
        const mine = options.columns[at].name === sort.replace("-", "");
        if (mine) head.setAttribute("aria-sort", sort.startsWith("-") ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
      body.replaceChildren(
        ...rows.slice(0, most).map((row) => {
          const cells = options.columns.map((column, at) =>
            h(at ? "td" : "th", { scope: at ? null : "row", class: klass(column) }, column.cell(row))
          );
          return tr(
            {
              class: options.mark?.(row),
              "data-key": plain(key(row), 200),
              onclick:
                options.open &&
                ((event) => {
                  if (!event.target.closest("a, button, input, label")) options.open?.(row);
                })
            },
            cells
          );
        })
      );
      if (!rows.length)
        body.append(tr(h("td.none", { colspan: options.columns.length }, options.none ?? "Nothing fits.")));
      more.hidden = rows.length <= most;
      printed.textContent =
        rows.length > (long ? PRINTED_LONG : PRINTED)
          ? `The first ${count(long ? PRINTED_LONG : PRINTED)} of ${count(rows.length)} rows are printed.`
          : "";
      more.textContent = `Show more: ${count(Math.min(most, rows.length))} of ${count(rows.length)} are shown`;
      found.textContent =
        rows.length === options.rows.length
          ? count(rows.length)
          : `${count(rows.length)} of ${count(options.rows.length)}`;
    }
    draw();
    const element = h(
      `div.tabled${long ? ".long" : ""}`,
      h("div.bar", filter, found, ...(options.extra ?? [])),
      scroller(options.caption, h("table", h("caption.unseen", options.caption), h("thead", tr(...heads)), body)),
      printed,
      more
    );
    return { element, draw, chosen };
  }

  /** A column of counts that rows have under its name. @param {string} name @param {any} head @param {any} [more] @returns {any} */
  const counts = (name, head, more = {}) => ({
    name,
    head,
    number: true,
    value: (one) => one[name],
    cell: (one) => count(one[name]),
    ...more
  });
  /** A column of days. @param {string} name @param {string} head @returns {any} */
  const dates = (name, head) => counts(name, head, { klass: "date", cell: (one) => day(one[name]) });
  /** A column of numbers with some digits. @param {string} name @param {string} head @param {number} digits @returns {any} */
  const decimals = (name, head, digits) => counts(name, term(head), { cell: (one) => one[name].toFixed(digits) });
  /** The organisations of rows. @param {number} most @returns {any} */
  const reportedTo = (most) => ({
    name: "orgs",
    head: "Reported to",
    klass: "orgs",
    value: (one) => -one.orgs.length,
    cell: (one) => names(one.orgs, most)
  });
  /** The buttons that decide on rows. @param {(one: any) => any} cell @returns {any} */
  const deciding = (cell) => ({ name: "decide", head: h("span.unseen", "Decide"), klass: "quick", cell });
  /** @param {any[]} list @param {(one: any) => any} cell @returns {any[]} cells with commas between them */
  const joined = (list, cell) => list.map((one, at) => [at ? ", " : "", cell(one)]);

  // ---------------------------------------------------------------- decisions

  const token = document.querySelector("meta[name=token]")?.getAttribute("content") || "";
  const online = token !== "" && location.protocol.startsWith("http");
  /** Whether decisions go to a file of the server. */
  let served = false;
  /** @type {any} */ let about = null;
  /** @type {any[]} */ let made = [];
  let author = "";
  /** Whether this browser keeps what is decided; another tab may then have added to it. */
  let keeps = true;
  const AUTHOR_KEY = "ringtrace author";
  const storeKey = () => `ringtrace ${run.run}`;

  /** @param {string} path @param {any} [body] */
  async function ask(path, body) {
    const answer = await fetch(`api/${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { "X-Ringtrace-Token": token, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body)
    });
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error || "The server refused.");
    return found;
  }

  async function loadDecisions() {
    if (served) {
      const found = await ask("decisions");
      made = found.decisions;
      author = found.author;
      return;
    }
    readDecisions();
    author = stored(AUTHOR_KEY, (text) => text) || stored(storeKey())?.author || "";
  }
  /** What this browser keeps; nothing where it keeps nothing, or something else. @param {string} key @param {(text: string) => any} [read] @returns {any} */
  function stored(key, read = JSON.parse) {
    try {
      const text = localStorage.getItem(key);
      return text ? read(text) : null;
    } catch {
      return null;
    }
  }
  /** Takes the decisions that this browser keeps, those of other tabs among them. */
  function readDecisions() {
    const kept = served || !keeps ? null : stored(storeKey());
    if (Array.isArray(kept?.made)) made = kept.made;
  }
  function keepDecisions() {
    keep(storeKey(), JSON.stringify({ made, author }), "decisions.csv");
    if (author) keep(AUTHOR_KEY, author, "decisions.csv");
  }
  /** @param {string} key @param {string} text @param {string} file that has it, too */
  function keep(key, text, file) {
    try {
      localStorage.setItem(key, text);
    } catch {
      keeps = false;
      toast(`This browser keeps nothing for files: download ${file} before you close the page.`);
    }
  }

  /** @param {string} id @returns {any[]} decisions made here that name it */
  const madeOn = (id) => made.filter((one) => (one.entity_a === id || one.entity_b === id) && pending(one));
  /** Whether this run was made without a decision. @param {any} decision */
  const pending = (decision) => !(run.decisions ?? []).some((one) => one.decision_id === decision.decision_id);

  /** @param {any} facts @param {(link: any) => boolean} kept @param {Set<number>} [without] @returns {number[][]} parts */
  function partsOf(facts, kept, without = new Set()) {
    /** @type {number[][]} */ const near = facts.members.map(() => []);
    for (const one of [...facts.links, ...facts.ties]) {
      if (!one.accepted || !kept(one)) continue;
      near[one.a].push(one.b);
      near[one.b].push(one.a);
    }
    const seen = new Set(without);
    const parts = [];
    for (let start = 0; start < near.length; start++) {
      if (seen.has(start)) continue;
      const part = [start];
      seen.add(start);
      for (const one of part)
        for (const other of near[one])
          if (!seen.has(other)) {
            seen.add(other);
            part.push(other);
          }
      parts.push(part);
    }
    return parts.sort((a, b) => b.length - a.length);
  }

  /** All links with a weight: the lightest have no more than that of those that are here in full. @param {any} facts */
  const weighed = (facts) => {
    const least = facts.ties.length ? Math.min(...facts.links.map((one) => one.weight)) : 0;
    return [...facts.links, ...facts.ties.map((one) => ({ ...one, weight: least }))];
  };
  /** The side of `from` of a minimum cut between two members (Edmonds and Karp). @param {any} facts @param {number} from @param {number} to */
  function cutSide(facts, from, to) {
    /** @type {Map<number, number>[]} */ const room = facts.members.map(() => new Map());
    for (const one of weighed(facts)) {
      if (!one.accepted) continue;
      room[one.a].set(one.b, (room[one.a].get(one.b) ?? 0) + one.weight);
      room[one.b].set(one.a, (room[one.b].get(one.a) ?? 0) + one.weight);
    }
    for (;;) {
      /** @type {Map<number, number>} */ const came = new Map([[from, from]]);
      const queue = [from];
      for (const one of queue) {
        for (const [other, left] of room[one])
          if (left > 1e-9 && !came.has(other)) {
            came.set(other, one);
            queue.push(other);
          }
        if (came.has(to)) break;
      }
      if (!came.has(to)) return new Set(came.keys());
      let least = Infinity;
      for (let at = to; at !== from; at = came.get(at) ?? from)
        least = Math.min(least, room[came.get(at) ?? from].get(at) ?? 0);
      for (let at = to; at !== from; at = came.get(at) ?? from) {
        const before = came.get(at) ?? from;
        room[before].set(at, (room[before].get(at) ?? 0) - least);
        room[at].set(before, (room[at].get(before) ?? 0) + least);
      }
    }
  }

  /** What a decision would change, in sentences. @param {string} kind @param {any} whole @param {string} a @param {string} [b] */
  function effects(kind, whole, a, b) {
    const { row, facts } = whole;
    const core = facts.members.filter(leaves);
    const fresh = core.filter((one) => one.review !== "reviewed");
    const others = row.size - core.length;
    const member = memberOf(facts, a);
    const size = counted(row.size, "member");
    const thin = new Set(row.flags.includes("thin") ? (facts.cut?.thin_side ?? []) : []);
    const join = `the thin join of ${counted(thin.size, "member")} and ${count(row.size - thin.size)}, for which it did not leave: read the records that name both sides`;
    if (kind === "confirm")
      return [
        thin.size ? `Vouches for ${join}.` : "",
        core.length ? "" : "Reviews this one member, which is to verify: it leaves once a second person reports it.",
        !core.length
          ? ""
          : `Reviews ${counted(core.length, "core member")}, ${count(fresh.length)} of them for the first time.`,
        others && core.length
          ? `${counted(others, "member")} to verify or contested ${others === 1 ? "stays" : "stay"} unreviewed.`
          : "",
        core.length
          ? `After the next run ${core.length === 1 ? "it" : `these ${count(core.length)}`} may leave in a referral, in STIX and in MISP.`
          : "",
        row.status === "disputed" ? "The cluster is disputed: a dispute outweighs this." : ""
      ];
    if (kind === "review")
      return [
        "Reviews this one identifier.",
        member?.tier === "core"
          ? "After the next run it may leave in a referral, in STIX and in MISP."
          : "It is to verify: it leaves once a second person reports it."
      ];
    if (kind === "dispute")
      return [
        `The cluster of this identifier is disputed as a whole: ${size}.`,
        "After the next run nothing of it leaves, in any file. A dispute outweighs a confirmation."
      ];
    if (kind === "legitimate" && member) {
      const parts = partsOf(facts, () => true, new Set([member.place]));
      return [
        "Suppresses the identifier in every later run, whichever holder’s it is.",
        parts.length > 1
          ? `Without it the cluster falls into ${count(parts.length)} parts: ${parts
              .slice(0, 6)
              .map((one) => count(one.length))
              .join(", ")}${parts.length > 6 ? " …" : ""}.`
          : `The other ${counted(row.size - 1, "member")} still hang together.`
      ];
    }
    if (kind === "cannot_link" && member) {
      const other = memberOf(facts, b);
      if (!other) return ["They are in different clusters now, and stay apart."];
      const side = cutSide(facts, member.place, other.place);
      const cut = weighed(facts).filter((one) => one.accepted && side.has(one.a) !== side.has(one.b));
      const weight = cut.reduce((/** @type {number} */ sum, one) => sum + one.weight, 0);
      return [
        cut.length
          ? `Cuts ${counted(cut.length, "link")} of weight ${facts.ties.length ? "at most " : ""}${weight.toFixed(1)}, the weakest between the two.`
          : "No accepted link ties them.",
        `The cluster falls into about ${count(side.size)} and ${count(row.size - side.size)} members.`
      ];
    }
    if (kind === "must_link") {
      const other = clusterOf.get(whole.other ?? "");
      return [
        thin.size && b && thin.has(a) !== thin.has(b) && other?.id === row.id ? `Vouches for ${join}.` : "",
        other && other.id !== row.id
          ? `Joins ${counted(row.size, "member")} and ${counted(other.size, "member")} into one cluster.`
          : other
            ? "They are in one cluster already, which this binds."
            : "Joins the clusters of both, if the run has the other one.",
        "Counts five records’ worth of confidence; who reported what does not change."
      ];
    }
    if (kind === "suspect_held")
      return [
        "The identifier counts as the scammer’s from the next run on, by value, and can leave once it is core and reviewed."
      ];
    if (kind === "victim_owned")
      return ["The identifier is a victim’s from the next run on: it is withheld everywhere and leaves in nothing."];
    return [];
  }

  /** @param {any} facts @param {string | undefined} id @returns {any} */
  const memberOf = (facts, id) => facts.members.find((one) => one.id === id);
  /** @param {any} facts @returns {any} the member by which a cluster is decided on */
  function spokesman(facts) {
    const open = facts.members.filter((one) => one.status !== "contested" && !one.id.includes(":withheld-"));
    const core = open.filter((one) => one.tier === "core");
    return [...(core.length ? core : open)].sort((a, b) => b.robustness - a.robustness || b.reporters - a.reporters)[0];
  }

  const REASONS = /** @type {Record<string, string>} */ ({
    confirm: "Evidence read in the workbench: one operation",
    review: "Evidence read in the workbench",
    dispute: "Evidence does not hold together",
    legitimate: "Belongs to an honest holder",
    cannot_link: "Two operations",
    must_link: "One operation",
    suspect_held: "Checked who holds it",
    victim_owned: "Checked who holds it"
  });
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("dialog"));

  /** Asks for the reason, showing what would change, and records. @param {string} kind @param {any} whole @param {string} a @param {string} [b] */
  function decide(kind, whole, a, b) {
    const reason = h("input", {
      id: "reason",
      value: REASONS[kind],
      maxlength: 400,
      autocomplete: "off",
      required: true
    });
    const who = h("input", { id: "author", value: author, maxlength: 80, autocomplete: "off", required: true });
    const problem = h("p.problem", { role: "alert" });
    const record = h("button.primary", { type: "submit" }, "Record");
    const form = h(
      "form",
      {
        onsubmit: async (/** @type {Event} */ event) => {
          event.preventDefault();
          record.disabled = true;
          try {
            author = who.value.trim() || author;
            await recordDecision({ kind, entity_a: a, entity_b: b ?? null, reason: reason.value.trim() }, whole);
            dialog.close();
          } catch (error) {
            problem.textContent = plain(/** @type {Error} */ (error).message, 600);
            record.disabled = false;
          }
        }
      },
      h2({ id: "dialog-title" }, WORDS[kind] ?? kind),
      p(identifier(a), b ? [" and ", identifier(b)] : null),
      h(
        "ul.effects",
        { label: "What it would change" },
        effects(kind, whole, a, b)
          .filter(Boolean)
          .map((one) => li(one))
      ),
      h("label", { for: "reason" }, "Reason, shown beside what it changes"),
      reason,
      served ? remark("Author: ", shown(author)) : [h("label", { for: "author" }, "Author"), who],
      problem,
      h(
        "p.buttons",
        record,
        button("Cancel", () => dialog.close())
      )
    );
    dialog.replaceChildren(form);
    dialog.showModal();
    const first = author || served ? reason : who;
    first.focus();
    first.select();
  }

  /** @param {any} draft @param {any} whole */
  async function recordDecision(draft, whole) {
    if (served) {
      const found = await ask("decide", draft);
      made = found.decisions;
      draft.decision_id = found.added;
      setTimeout(refresh, found.seconds * 1000 + 500);
      const said = found.said.split("\n")[0].replace(`: ${draft.kind} covers `, `: ${words(draft.kind)} covers `);
      notice(`${said}; recorded once ${count(found.seconds)} s have passed.`, draft);
    } else {
      if (!author) throw new Error("Give an author: who decides.");
      readDecisions();
      const now = new Date().toISOString().replace(/\.\d+Z$/, "Z");
      const stem = `${draft.kind}-${now.slice(0, 10).replace(/-/g, "")}`;
      let number = 1;
      while (made.some((one) => one.decision_id === `${stem}-w${number}`)) number++;
      const { row, facts } = whole;
      const every = facts.members.filter((one) => one.first * 1000 <= Date.now());
      const covered =
        draft.kind === "dispute" ? every : draft.kind === "confirm" ? every.filter((one) => one.tier === "core") : [];
      const ids = new Set([
        draft.entity_a,
        ...(draft.entity_b ? [draft.entity_b] : []),
        ...covered.map((one) => one.id)
      ]);
      made.push({
        ...draft,
        decision_id: `${stem}-w${number}`,
        author,
        decided_at: now,
        members: [...ids].sort(byPoint),
        run_id: run.run,
        cluster: row.id
      });
      draft.decision_id = `${stem}-w${number}`;
      keepDecisions();
      notice(`${draft.decision_id}: kept in this browser; download decisions.csv when you are done.`, draft);
    }
    render();
  }
  /** Reads the decisions of the file again, once one that waited is recorded. */
  async function refresh() {
    const found = await ask("decisions");
    made = found.decisions;
    if (found.problem) toast(plain(found.problem, 400));
    else if (place().view === "decisions") render();
  }
  /** @param {string} a @param {string} b order of code points, as Python's */
  function byPoint(a, b) {
    const x = [...a],
      y = [...b];
    for (let at = 0; at < Math.min(x.length, y.length); at++) {
      const less = (x[at].codePointAt(0) ?? 0) - (y[at].codePointAt(0) ?? 0);
      if (less) return less;
    }
    return x.length - y.length;
  }

  /** @param {string} id */
  async function undo(id) {
    try {
      if (served) made = (await ask("undo", { decision_id: id })).decisions;
      else {
        readDecisions();
        made = made.filter((one) => one.decision_id !== id);
        keepDecisions();
      }
      toast(`${id} is undone.`);
    } catch (error) {
      failed(error);
    }
    render();
  }

  async function decisionsCsv() {
    const columns = [
      "decision_id",
      "kind",
      "entity_a",
      "entity_b",
      "author",
      "reason",
      "decided_at",
      "expires_at",
      "members",
      "members_digest",
      "used",
      "run_id",
      "bound_from",
      "bound_to"
    ];
    const lines = [columns];
    for (const one of made) {
      const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(one.members.join("\n")));
      const digest = [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      lines.push([
        one.decision_id,
        one.kind,
        one.entity_a,
        one.entity_b ?? "",
        one.author,
        one.reason,
        one.decided_at,
        "",
        JSON.stringify(one.members),
        digest,
        "",
        one.run_id,
        "",
        ""
      ]);
    }
    download("decisions.csv", lines.map((line) => line.map(cell).join(",")).join("\n") + "\n", "text/csv");
  }
  /** @param {any} text a cell as CSV has it, unchanged */
  const cell = (text) => (/[",\n\r]/.test(String(text)) ? `"${String(text).replace(/"/g, '""')}"` : String(text));
  /** @param {any} text a cell that no spreadsheet takes for a formula */
  const harmless = (text) => cell(/^[=+\-@\t\r\n|%＝＋－＠]/.test(String(text)) ? `'${text}` : text);

  const toaster = /** @type {HTMLElement} */ (document.getElementById("toast"));
  let fading = 0;
  /** @param {any} message @param {any[]} [more] */
  function toast(message, more = []) {
    clearTimeout(fading);
    toaster.replaceChildren(
      span(message),
      ...more,
      button("×", () => toaster.replaceChildren(), { label: "Close" }, ".close")
    );
    fading = setTimeout(() => toaster.replaceChildren(), 15_000);
  }
  const failed = (error) => toast(plain(error.message, 400));
  /** @param {string} text @param {any} draft */
  function notice(text, draft) {
    const next = nextInQueue();
    toast(shown(text.split("\n")[0], 300), [
      button("Undo", () => undo(draft.decision_id)),
      next ? h("a.button", { href: toCluster(next.id) }, "Next in queue") : null
    ]);
  }

  // ---------------------------------------------------------------- notes on clusters, which bind no run

  const WORK_KEY = "ringtrace workbench";
  const STATES = /** @type {[string, string][]} */ ([
    ["open", "In work"],
    ["waiting", "Waiting"],
    ["done", "Done"]
  ]);
  /** @type {any} */ let work = { version: 1, clusters: Object.create(null), acknowledged: {} };

  /** Takes what a file or this browser has as notes, where it is some. @param {any} found @returns {boolean} */
  function takeWork(found) {
    const plainObject = (one) => typeof one === "object" && one !== null && !Array.isArray(one);
    if (
      !plainObject(found) ||
      found.version !== 1 ||
      !plainObject(found.clusters) ||
      !Object.values(found.clusters).every(plainObject)
    )
      return false;
    const text = (one, /** @type {number} */ most) => (typeof one === "string" ? one.slice(0, most) : "");
    /** @type {any} */ const kept = Object.create(null);
    for (const [id, one] of Object.entries(found.clusters)) {
      const given = /** @type {any} */ (one);
      kept[id] = {
        status: STATES.some(([name]) => name === given.status) ? given.status : "",
        owner: text(given.owner, 80),
        at: text(given.at, 40),
        by: text(given.by, 80),
        snoozed_until: /^\d{4}-\d\d-\d\d$/.test(given.snoozed_until) ? given.snoozed_until : "",
        notes: (Array.isArray(given.notes) ? given.notes : [])
          .filter(plainObject)
          .map((note) => ({ at: text(note.at, 40), by: text(note.by, 80), text: text(note.text, 2000) }))
      };
    }
    work = { version: 1, clusters: kept, acknowledged: plainObject(found.acknowledged) ? found.acknowledged : {} };
    return true;
  }
  async function loadWork() {
    if (served) return void takeWork(await ask("notes"));
    readWork();
  }
  /** Takes the notes that this browser keeps, those of other tabs among them. */
  function readWork() {
    if (!served && keeps) takeWork(stored(WORK_KEY));
  }
  const keepWork = () => keep(WORK_KEY, JSON.stringify(work), "workbench.json");
  /** @param {string} id of a cluster @param {any} changes */
  async function changeWork(id, changes) {
    try {
      if (served) takeWork(await ask("note", { cluster: id, ...changes }));
      else {
        readWork();
        const { text, ...others } = changes,
          now = new Date().toISOString().replace(/\.\d+Z$/, "Z");
        const known = work.clusters[id] ?? { status: "", owner: "", snoozed_until: "", notes: [] };
        work.clusters[id] = {
          ...known,
          ...others,
          at: now,
          by: author,
          notes: text ? [...known.notes, { at: now, by: author, text: text.slice(0, 2000) }].slice(-200) : known.notes
        };
        keepWork();
      }
      return true;
    } catch (error) {
      failed(error);
      return false;
    }
  }
  /** What is noted of a cluster, or of those that it came from. @param {any} row @returns {any} */
  function workOf(row) {
    const ids = [row.id, ...row.from.filter((/** @type {string} */ one) => one !== row.id)];
    const every = ids.map((one) => work.clusters[one]).filter(Boolean);
    if (!every.length) return UNNOTED;
    const first = every[0] ?? {};
    return {
      status: first.status || "",
      owner: first.owner || "",
      snoozed_until: first.snoozed_until || "",
      at: first.at || "",
      by: first.by || "",
      notes: every.flatMap((one) => one.notes).sort((a, b) => (a.at < b.at ? -1 : 1))
    };
  }
  const UNNOTED = Object.freeze({ status: "", owner: "", snoozed_until: "", at: "", by: "", notes: [] });
  const today = () => new Date().toISOString().slice(0, 10);
  /** Whether a cluster is out of the queue for now: snoozed, or done before it changed. @param {any} row @returns {string} */
  function setAside(row) {
    const mine = workOf(row);
    if (mine.snoozed_until && mine.snoozed_until > today()) return "snoozed";
    return mine.status === "done" && (!run.clock || Date.parse(run.clock) <= Date.parse(mine.at)) ? "done" : "";
  }
  /** @param {any} row */
  function workTags(row) {
    const mine = workOf(row);
    const state = STATES.find(([name]) => name === mine.status)?.[1];
    return [
      state ? h(`span.tag.work-${mine.status}`, state) : null,
      mine.owner ? h("span.tag.owner", { title: "Owner" }, shown(mine.owner, 24)) : null,
      mine.snoozed_until > today() ? h("span.tag", `until ${day(seconds(mine.snoozed_until))}`) : null,
      mine.notes.length
        ? h(
            "span.tag",
            { title: plain(mine.notes[mine.notes.length - 1].text, 200) },
            counted(mine.notes.length, "note")
          )
        : null
    ];
  }
  /** The strip of a cluster in which its state, owner, snooze and notes are set. @param {any} row */
  function workBar(row) {
    const mine = workOf(row);
    const after = (/** @type {number} */ days) => new Date(Date.now() + days * 864e5).toISOString().slice(0, 10);
    const change = async (changes) => (await changeWork(row.id, changes)) && render();
    const owner = h("input", {
      type: "text",
      value: mine.owner,
      maxlength: 80,
      placeholder: "Nobody",
      label: "Owner",
      size: 14,
      autocomplete: "off",
      onchange: (event) => change({ owner: event.target.value.trim() })
    });
    const snoozed = mine.snoozed_until > today() ? mine.snoozed_until : "";
    const note = h("input", {
      type: "text",
      maxlength: 2000,
      placeholder: "Add a note; no victim’s data",
      label: "Note",
      autocomplete: "off"
    });
    const notes = h(
      "details.notes",
      { open: place().state.notes === "1", ontoggle: (event) => remember({ notes: event.target.open ? "1" : "" }) },
      h("summary", mine.notes.length ? counted(mine.notes.length, "note") : "Notes"),
      h(
        "div.note-list",
        h(
          "form.bar",
          {
            onsubmit: async (/** @type {Event} */ event) => {
              event.preventDefault();
              if (note.value.trim()) await change({ text: note.value.trim() });
            }
          },
          note,
          h("button", { type: "submit" }, "Add note")
        ),
        h(
          "ol.records",
          [...mine.notes]
            .reverse()
            .map((one) => li(quiet(moment(seconds(one.at)), " ", shown(one.by, 60), " "), shown(one.text, 400)))
        )
      )
    );
    return h(
      "div.work",
      { role: "group", label: "Work on the cluster" },
      h(
        "label.check",
        "Work",
        h(
          "select",
          { label: "State of work", onchange: (event) => change({ status: event.target.value }) },
          h("option", { value: "" }, "Not begun"),
          STATES.map(([name, text]) => h("option", { value: name, selected: name === mine.status }, text))
        )
      ),
      h("label.check", "Owner", owner),
      author && mine.owner !== author
        ? button("Take it", () => change({ owner: author, status: mine.status || "open" }))
        : null,
      h(
        "label.check",
        "Snooze",
        h(
          "select",
          { label: "Snooze", onchange: (event) => change({ snoozed_until: event.target.value }) },
          h("option", { value: "" }, mine.snoozed_until ? "Wake it" : "No"),
          woken(row)
            ? h("option", { value: mine.snoozed_until, selected: true }, `Ended ${day(seconds(mine.snoozed_until))}`)
            : snoozed
              ? h("option", { value: snoozed, selected: true }, `Until ${day(seconds(snoozed))}`)
              : null,
          [
            [1, "A day"],
            [7, "A week"],
            [30, "30 days"]
          ].map(([days, text]) => h("option", { value: after(Number(days)) }, text))
        )
      ),
      notes
    );
  }
  /** The part of the page of decisions that keeps and loads notes. */
  function workPart() {
    const number = Object.keys(work.clusters).length;
    const file = h("input", {
      type: "file",
      accept: ".json,application/json",
      label: "Load workbench.json",
      onchange: async (event) => {
        let good = false;
        try {
          good = takeWork(JSON.parse(await event.target.files[0].text()));
        } catch {
          /* no JSON */
        }
        if (good) keepWork();
        toast(
          good
            ? `Notes on ${counted(Object.keys(work.clusters).length, "cluster")} are loaded, in place of those that were here.`
            : "This file is no workbench.json."
        );
        render();
      }
    });
    return [
      h2("Notes on clusters"),
      p(
        `State, owner, snooze and notes of ${counted(number, "cluster")}. They bind no run and change nothing that leaves. `,
        served
          ? "They stand beside the decisions file, in its name with .workbench.json."
          : "They are kept in this browser, for every run: download them to keep or to pass on."
      ),
      h(
        "div.bar",
        button(
          "Download workbench.json",
          () => download("workbench.json", `${JSON.stringify(work, null, 1)}\n`, "application/json"),
          { disabled: !number }
        ),
        served ? null : h("label.check", "Load", file)
      )
    ];
  }

  // ---------------------------------------------------------------- downloads and citations

  /** @param {string} name @param {BlobPart} content @param {string} type */
  function download(name, content, type) {
    const link = h("a", { download: name, href: URL.createObjectURL(new Blob([content], { type })) });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }
  /** @param {string} text */
  async function cite(text) {
    try {
      await navigator.clipboard.writeText(text);
      toast(["Copied: ", shown(text, 300)]);
    } catch {
      const field = h("textarea.unseen", { "aria-hidden": "true" });
      field.value = text;
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      toast([done ? "Copied: " : "Copy this: ", shown(text, 300)]);
    }
  }
  /** @param {any} row @param {any[]} members */
  function citation(row, members) {
    const said = members.map(
      (one) =>
        `${plain(one.id, 400)} (${words(one.role)}, ${one.tier}, ${counted(one.reporters, "reporter")}, ${counted(one.complaints, "complaint")}, ${day(one.first)} to ${day(one.last)})`
    );
    return `ringtrace ${run.run}, cluster ${plain(row.id)}: ${said.join("; ")}; members/, entities/`;
  }
  /** @param {any} row @param {any[]} members core ones go by value, the others as a count */
  function membersCsv(row, members) {
    const columns = [
      "id",
      "kind",
      "role",
      "tier",
      "review",
      "reporters",
      "robustness",
      "complaints",
      "calls",
      "first",
      "last"
    ];
    const core = members.filter(leaves);
    const lines = core.map((one) =>
      columns.map((name) =>
        name === "first" || name === "last" ? new Date(one[name] * 1000).toISOString() : one[name]
      )
    );
    const rest = members.length - core.length;
    const text = [["cluster_id", ...columns], ...lines.map((line) => [row.id, ...line])]
      .map((line) => line.map(harmless).join(","))
      .join("\n");
    download(
      `${plainName(row.id)}.csv`,
      `${text}\n${rest ? `${harmless(row.id)},${counted(rest, "member")} to verify before use left out\n` : ""}`,
      "text/csv"
    );
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
  /** @param {string} id */
  const bareValue = (id) => folded(valueOf(id.replace(/^((?:phone|domain|email|handle|account):.*)#\d+$/, "$1")));
  /** @param {string} query @returns {string} the digits that must end the number; nothing for what is no number */
  function digitsOf(query) {
    const text = query.normalize("NFKC").replace(/^\s*(?:tel|phone):/i, "");
    if (!/^[\s+\d().\-/\u2010-\u2015\u00a0]+$/.test(text)) return "";
    const found = text.replace(/\(0\)/, "").replace(/\D/g, "").replace(/^0+/, "");
    return found.length >= 5 ? found : "";
  }

  async function loadIndex() {
    const [found, suppressed] = await Promise.all([
      load("found"),
      load("suppressed"),
      clusterList("clusters"),
      clusterList("singles")
    ]);
    /** @param {string} name */
    const all = (name) => Promise.all(Array.from({ length: found[name] }, (_, at) => load(`${name}-${at}`)));
    const [ids, records] = await Promise.all([all("search"), all("records")]);
    index = {
      ...found,
      suppressed: suppressed.rows,
      ids: ids.flatMap((one) => one.ids),
      clusters: ids.flatMap((one) => one.clusters),
      records: records.flatMap((one) => one.records),
      recordOrgs: records.flatMap((one) => one.record_orgs),
      recordClusters: records.flatMap((one) => one.record_clusters)
    };
    index.values = index.ids.map(bareValue);
    index.lower = index.records.map((/** @type {string} */ one) => one.toLowerCase());
  }

  /** @param {string} query @returns {{text: string, note: string, href: string, weight: number}[]} */
  function find(query) {
    const [bare, holder = ""] = query.trim().split(/(#\d+)$/);
    const key = folded(bare.replace(/^(phone|domain|email|remote|account|wallet|handle|url):/i, ""));
    if (key.length < 2) return [];
    const number = digitsOf(bare);
    const host = key.includes("@") ? "" : key.split(/[/?#:]/)[0];
    /** @param {string} id @param {string} text */
    const fits = (id, text) =>
      text.includes(key) ||
      (id.startsWith("remote:") && text.replace(":", "").includes(key)) ||
      (number !== "" && (id.startsWith("phone:") ? text.endsWith(number) : text.includes(number))) ||
      (host !== "" && id.startsWith("domain:") && `.${host}`.endsWith(`.${text}`));
    /** @param {string} id @param {string} text */
    const exact = (id, text) =>
      text === key || (number !== "" && text.endsWith(number) && text.length - number.length <= 4)
        ? holder && id.endsWith(holder)
          ? 4
          : 3
        : 1;
    /** @type {any[]} */ const found = [];
    index.ids.forEach((/** @type {string} */ id, /** @type {number} */ at) => {
      if (!fits(id, index.values[at])) return;
      const row = clusterOf.get(index.of[index.clusters[at]]);
      if (row)
        found.push({
          text: id,
          note: row.size > 1 ? `in ${plain(titleOf(row), 60)}` : "single identifier",
          href: toCluster(row.id, { id }),
          weight: exact(id, index.values[at])
        });
    });
    index.suppressed.forEach(([id, , , , , reason]) => {
      const text = bareValue(id);
      if (fits(id, text))
        found.push({
          text: id,
          note: `suppressed: ${plain(reason, 120)}`,
          href: address("suppressed", { q: id }),
          weight: exact(id, text) - 0.5
        });
    });
    const start = query.trim().toLowerCase();
    const named = index.orgs.findIndex(
      (/** @type {string} */ org) =>
        start.startsWith(`${org.toLowerCase()}|`) || start.startsWith(`${org.toLowerCase()}/`)
    );
    const own = named < 0 ? start : start.slice(index.orgs[named].length + 1);
    for (let at = 0, most = 60; at < index.lower.length && most; at++) {
      const inOrg = named >= 0 && index.recordOrgs[at] === named && index.lower[at].startsWith(own);
      if (!inOrg && !index.lower[at].startsWith(start)) continue;
      most--;
      const of = index.recordClusters[at];
      const id = of === null ? "" : index.of[of];
      found.push({
        text: index.records[at],
        weight: index.lower[at] === start || (inOrg && index.lower[at] === own) ? 3.2 : 2,
        note: `record of ${words(index.orgs[index.recordOrgs[at]])}${id ? ` in ${plain(clusterOf.has(id) ? titleOf(clusterOf.get(id)) : id, 60)}` : ", which names no member of a cluster"}`,
        href: id ? toCluster(id, { tab: "records", rq: index.records[at] }) : ""
      });
    }
    for (const row of clusters) {
      if (folded(row.name).includes(key) || folded(row.id).includes(key)) {
        found.push({
          text: titleOf(row),
          note: `cluster of ${counted(row.size, "member")}`,
          href: toCluster(row.id),
          weight: 1.5
        });
      }
    }
    return found.sort((a, b) => b.weight - a.weight || a.text.length - b.text.length).slice(0, 60);
  }

  /** @param {string} query @returns {string[]} the numbers and other identifiers among the words of a note */
  function identifiersIn(query) {
    const text = query.normalize("NFKC");
    const words = text.split(/[\s,;<>"']+/).map((one) => one.replace(/^[([]+|[)\].:!?]+$/g, ""));
    return [
      ...new Set([
        ...(text.match(/[+(]*\d[\d\s()./\u2010-\u2015-]{5,}\d/g) ?? []),
        ...words.filter((one) => one.length > 5 && /[\d.@]/.test(one))
      ])
    ].slice(0, 12);
  }

  async function search() {
    const query = field.value.slice(0, 300);
    if (!query.trim()) return closeHits();
    if (!index) await loadIndex();
    if (query !== field.value.slice(0, 300)) return;
    let found = find(query);
    const whole = found.length > 0;
    if (!whole)
      found = [
        ...new Map(
          identifiersIn(query)
            .flatMap(find)
            .map((hit) => [hit.text + hit.href, hit])
        ).values()
      ].slice(0, 60);
    marked = 0;
    hits.replaceChildren(
      ...found.map((hit, at) => {
        const inner = [briefly(hit.text, 70), prettily(hit.text), h("span.note", isolated(hit.note))];
        return hit.href
          ? h(
              "a",
              {
                href: hit.href,
                role: "option",
                id: `hit-${at}`,
                tabindex: -1,
                "aria-selected": at === 0,
                onclick: closeHits
              },
              inner
            )
          : div({ role: "option", id: `hit-${at}`, "aria-selected": at === 0 }, inner);
      })
    );
    if (found.length && !whole)
      hits.prepend(
        h(
          "p.quiet",
          { role: "option", "aria-selected": false },
          "Nothing has all of this. What is found for a part of it:"
        )
      );
    if (!found.length)
      hits.append(
        h(
          "p.quiet",
          { role: "option", "aria-selected": false },
          "Nothing found among members, suppressed identifiers, records and clusters. What only a caller ID names is not shown here: a forged number may be an innocent’s. Use ",
          h("code", "ringtrace explain"),
          /^\s*RT-/i.test(query) ? ["; for an evidence number, ", h("code", "ringtrace resolve")] : "",
          "."
        )
      );
    hits.hidden = false;
    field.setAttribute("aria-expanded", "true");
    field.setAttribute("aria-activedescendant", found.length ? "hit-0" : "");
    document.documentElement.dataset.searched = query;
  }
  function closeHits() {
    hits.hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  }
  /** @param {number} step */
  function walk(step) {
    const every = [...hits.querySelectorAll("a, div")];
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
  field.addEventListener("keydown", async (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      walk(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      event.preventDefault();
      clearTimeout(waiting);
      if (document.documentElement.dataset.searched !== field.value.slice(0, 300) || hits.hidden) await search();
      const hit = [...hits.querySelectorAll("a, div")][marked];
      if (hit instanceof HTMLAnchorElement) {
        closeHits();
        field.blur();
        location.hash = hit.hash;
      }
    } else if (event.key === "Escape") closeHits();
  });
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && !event.target.closest(".searcher")) closeHits();
  });

  // ---------------------------------------------------------------- queue and lists of clusters

  /** What changed since the run before. @param {any} row @returns {{kind: string, text: string}[]} */
  function changes(row) {
    /** @type {{kind: string, text: string}[]} */ const found = [];
    const before = row.before;
    const was = before.reduce((/** @type {number} */ sum, one) => sum + one.reporters, 0);
    const events = row.event.split(" ");
    if (events.includes("merged"))
      found.push({
        kind: "merged",
        text: `Merged from ${counted(row.from.length, "cluster")}${before.length ? ` of ${before.map((one) => count(one.size)).join(" + ")} ${before.length === 1 && before[0].size === 1 ? "member" : "members"}` : ""}`
      });
    if (events.includes("split"))
      found.push({
        kind: "split",
        text:
          events.length > 1
            ? "Parts of these are in other clusters"
            : row.from.includes(row.id)
              ? `Split${before.length ? `; had ${counted(before[0].size, "member")}` : ""}`
              : `Split off${before.length ? ` a cluster of ${count(before[0].size)}` : ""}`
      });
    if (row.event === "born" && run.compared) found.push({ kind: "new", text: "New cluster" });
    if (row.gained && row.event !== "born")
      found.push({ kind: "identifiers", text: `+${counted(row.gained, "identifier")}` });
    if (row.lost) found.push({ kind: "gone", text: `−${counted(row.lost, "identifier")}` });
    if (before.length && !events.includes("split")) {
      const more = row.reporters - was;
      if (more > 0) found.push({ kind: "reporters", text: `+${counted(more, "reporter")} (was ${count(was)})` });
      for (const [currency, amount] of row.losses) {
        const lost = before
          .flatMap((one) => one.losses)
          .filter((one) => one[0] === currency)
          .reduce((/** @type {number} */ sum, one) => sum + Number(one[1]), 0);
        const extra = Math.round(Number(amount) - lost);
        if (extra > 0) found.push({ kind: "losses", text: `+${plain(currency, 12)} ${count(extra)}` });
      }
    }
    if (before.length && before[0].status !== row.status)
      found.push({
        kind: "decided",
        text: `Now ${words(row.status).toLowerCase()} (was ${words(before[0].status).toLowerCase()})`
      });
    if (row.lone && run.compared) found.push({ kind: "lone", text: "On one reporter" });
    if (row.contested) found.push({ kind: "contested", text: `${count(row.contested)} contested` });
    return found;
  }
  const WHY = /** @type {[string, string][]} */ ([
    ["", "All"],
    ["merged", "Merged"],
    ["split", "Split"],
    ["new", "New"],
    ["reporters", "New reporters"],
    ["losses", "New losses"],
    ["identifiers", "New identifiers"],
    ["gone", "Identifiers lost"],
    ["decided", "Decided"],
    ["contested", "Contested"],
    ["lone", "One reporter"],
    ["unreviewed", "Unreviewed"],
    ["thin", "Thin joins"],
    ["burst", "Bursts"],
    ["same_text", "Same text"],
    ["mine", "Mine"],
    ["free", "Nobody’s"],
    ["snoozed", "Snoozed"],
    ["done", "Done"]
  ]);

  /** @returns {any[]} clusters that ask for attention, by priority */
  function queueRows() {
    return clusters.filter((row) => row.changes.length || (!run.compared && row.unreviewed) || woken(row));
  }
  /** The day on which a snooze ended, until somebody takes it away. @param {any} row @returns {string} */
  function woken(row) {
    if (run.redacted) return "";
    const mine = workOf(row);
    return mine.snoozed_until && mine.status !== "done" && mine.snoozed_until <= today() ? mine.snoozed_until : "";
  }
  /** What is chosen among all clusters, not among those alone that changed. */
  const EVERYWHERE = new Set(["unreviewed", "thin", "burst", "same_text", "mine", "snoozed", "done"]);
  /** Ids of the queue as it was last shown, chosen, filtered and sorted; and whether these were set aside. */
  let inQueue = /** @type {string[]} */ ([]),
    walkAside = false;
  /** @returns {any} the cluster after the open one in the queue as it was last shown, or the first */
  function nextInQueue() {
    const rows = inQueue.length ? inQueue.map((id) => clusterOf.get(id)) : queueRows();
    const here = rows.findIndex((row) => row.id === place().id);
    return rows.slice(here + 1).find((row) => walkAside || !setAside(row)) ?? null;
  }

  /** The best known member of a cluster, and the brand that it poses as. @param {any} row @returns {string[]} */
  function named(row) {
    const [, value = row.name, brand = ""] = /^(\S+) \((.*)\)$/s.exec(row.name) ?? [];
    return [value, words(brand)];
  }
  /** @param {any} row */
  function clusterName(row, state = {}) {
    const [value, brand] = named(row);
    return h(
      "a.cluster",
      { href: toCluster(row.id, state) },
      briefly(value, 48),
      prettily(value),
      brand ? h("span.brand", " ", brief(brand, 30)) : null
    );
  }
  /** The name of a cluster as text. @param {any} row @returns {string} */
  const titleOf = (row) => named(row).filter(Boolean).join(" ");
  /** @param {any} row */
  function statusTag(row) {
    return row.status === "candidate"
      ? null
      : h(`span.tag.${/^[a-z]+$/.test(row.status) ? row.status : "other"}`, shown(words(row.status), 20));
  }
  /** @param {any} row */
  const pendingTag = (row) => {
    const mine = made.filter((one) => one.cluster === row.id && pending(one));
    return mine.length
      ? h(
          "span.tag.mine",
          { title: mine.map((one) => one.decision_id).join(", ") },
          `${words(mine[mine.length - 1].kind)} recorded`
        )
      : null;
  };

  /** What a flag of a cluster means, and what to do. */
  const FLAGS = /** @type {Record<string, [string, string]>} */ ({
    thin: [
      "Thin join",
      "Few people bear what ties two sides of it, and one with several pseudonyms can have made that up. Nothing of it leaves in a referral, in STIX or in MISP until you confirm it, or say that members of both sides are the same operation: read the records that name both first."
    ],
    burst: [
      "Burst",
      "Most of its reporters are of one organisation within hours, with one record each, or came within a day; together they count as few, and a member leaves once it is reviewed. Read some of them: are the words their own, is a loss stated?"
    ],
    same_text: [
      "Same text",
      "Several one-off reports have the same words in the same place, and count as one. Read two: the words of a form are harmless, a story told twice is not."
    ],
    one_source: ["One source", "All of its records are of one organisation. Ask another before you rely on it alone."],
    one_reporter: [
      "One reporter",
      "All of its records are of one person. Nothing of it is core until a second one reports it."
    ]
  });
  /** @param {any} row */
  const flagTags = (row) =>
    row.flags
      .filter((/** @type {string} */ one) => FLAGS[one])
      .map((/** @type {string} */ one) =>
        h(
          `span.tag${one.startsWith("one_") ? "" : ".caution"}`,
          { title: FLAGS[one][1] },
          one === "thin" ? "Thin" : FLAGS[one][0]
        )
      );
  /** Into which parts a cluster falls for each organisation, by the links that its own records bear; nothing where one sees it whole. @param {any} row @param {any} facts */
  function aloneLine(row, facts) {
    if (!facts.alone) return null;
    return [
      ...row.orgs.slice(0, 4).map((/** @type {string} */ org, /** @type {number} */ at) => {
        const parts = Object.hasOwn(facts.alone, org) ? facts.alone[org] : [];
        return [
          at ? "; " : "",
          shown(words(org), 40),
          parts.length
            ? `’s own records tie ${parts
                .slice(0, 4)
                .map((/** @type {number} */ one) => count(one))
                .join(" + ")}${parts.length > 4 ? " + …" : ""} of its ${counted(row.size, "member")}`
            : "’s own records tie none of its members"
        ];
      }),
      ". A run of one alone can tie fewer still."
    ];
  }
  /** @param {any} row @param {any} facts */
  function flagLines(row, facts) {
    const cut = facts.cut ?? {},
      weakest = cut.weakest_side ?? [],
      thin = cut.thin_side ?? [];
    const same = weakest.join() === thin.join();
    const falls =
      weakest.length && row.cut !== null && !run.redacted
        ? `If ${row.flags.includes("cut_at_least") ? "at least " : ""}${counted(row.cut, "reporter is", "reporters are")} wrong, it falls into ${count(weakest.length)} and ${count(row.size - weakest.length)} members. `
        : "";
    const smaller = (/** @type {string} */ name, members) =>
      members.length
        ? [
            anchor(toCluster(row.id, { side: name }), `Show the smaller side, ${counted(members.length, "member")}`),
            "."
          ]
        : null;
    const lines = row.flags
      .filter((/** @type {string} */ one) => FLAGS[one])
      .map((/** @type {string} */ one) =>
        li(
          h("strong", FLAGS[one][0]),
          `: ${FLAGS[one][1]} `,
          one === "thin" ? [same ? falls : "", smaller("thin", thin)] : null
        )
      );
    if (falls && !(same && thin.length))
      lines.push(li(h("strong", "Weakest cut"), `: ${falls}`, smaller("weakest", weakest)));
    const alone = aloneLine(row, facts);
    if (alone) lines.unshift(li(h("strong", "Whole only in the union"), ": ", alone));
    return lines.length ? h("ul.flags", { label: "What to know before it is used" }, lines) : null;
  }

  const clusterColumns = () => ({
    name: {
      name: "name",
      head: "Cluster",
      value: (row) => row.name,
      klass: "name",
      cell: (row) => [
        clusterName(row),
        " ",
        statusTag(row),
        pendingTag(row),
        flagTags(row),
        run.redacted ? null : workTags(row)
      ]
    },
    priority: decimals("priority", "Priority", 1),
    size: counts("size", "Members"),
    core: counts("core", [term("Core"), " of"], { cell: (row) => [count(row.core), quiet(` of ${count(row.size)}`)] }),
    unreviewed: counts("unreviewed", term("Unreviewed"), { cell: (row) => zero(row.unreviewed) }),
    contested: counts("contested", term("Contested"), {
      cell: (row) => (row.contested ? h("strong.warn", count(row.contested)) : none("0"))
    }),
    reporters: counts("reporters", term("Reporters")),
    complaints: counts("complaints", "Complaints"),
    calls: counts("calls", "Calls"),
    losses: { name: "losses", head: "Losses", number: true, klass: "money", cell: (row) => losses(row.losses) },
    orgs: reportedTo(2),
    first: dates("first", "First seen"),
    last: dates("last", "Last seen"),
    confidence: decimals("confidence", "Confidence", 2),
    countries: {
      name: "countries",
      head: "Victims in",
      cell: (row) =>
        names(
          row.countries.map((one) => one[0]),
          3
        )
    },
    changed: {
      name: "changed",
      head: "What changed",
      klass: "changed",
      cell: (row) => {
        const since = woken(row);
        return row.changes.length || since
          ? [
              row.changes.map((one) => h(`span.chip.${one.kind}`, one.text)),
              since ? h("span.chip.lone", `Snoozed until ${day(seconds(since))}`) : null
            ]
          : none("No change");
      }
    }
  });
  /** @param {any} row */
  const clusterText = (row) =>
    `${row.name} ${pretty(valueOf(`x:${row.name.split(" ")[0]}`))} ${row.id} ${row.orgs.join(" ")} ${row.brands.join(" ")} ${row.countries.map((one) => one[0]).join(" ")}`.slice(
      0,
      4000
    );

  /** @param {Record<string, string>} state */
  function queueView(state) {
    const rows = queueRows(),
      changedRows = new Set(rows);
    const setBy = new Map(clusters.map((row) => [row, run.redacted ? "" : setAside(row)]));
    const why = state.why ?? "";
    /** @param {string} kind @param {any} row */
    const has = (kind, row) => {
      if (!EVERYWHERE.has(kind) && !changedRows.has(row)) return false;
      const aside = setBy.get(row);
      if (kind === "snoozed" || kind === "done") return aside === kind;
      if (aside) return false;
      if (kind === "mine" || kind === "free")
        return !run.redacted && author !== "" && workOf(row).owner === (kind === "mine" ? author : "");
      if (FLAGS[kind]) return row.flags.includes(kind);
      return !kind || (kind === "unreviewed" ? row.unreviewed > 0 : row.changes.some((one) => one.kind === kind));
    };
    const chips = WHY.map(([kind, name]) => ({
      kind,
      name,
      number: clusters.filter((row) => has(kind, row)).length
    })).filter((one) => one.number || !one.kind);
    const c = clusterColumns();
    const list = table({
      columns: [
        c.priority,
        c.name,
        run.compared ? c.changed : c.countries,
        c.core,
        c.unreviewed,
        c.reporters,
        c.losses,
        c.orgs,
        c.last
      ],
      rows: clusters,
      caption: "Clusters that ask for attention",
      text: clusterText,
      sort: "-priority",
      state,
      filter: (row) => has(why, row),
      hint: "Filter by number, brand, organisation",
      none: state.q ? "Nothing fits." : "Nothing asks for attention.",
      open: (row) => (location.hash = toCluster(row.id)),
      drawn: (rows) => {
        inQueue = rows.map((row) => row.id);
        walkAside = why === "snoozed" || why === "done";
      }
    });
    const unreviewed = clusters.reduce((sum, row) => sum + row.unreviewed, 0);
    const disputed = clusters.filter((row) => row.status === "disputed").length;
    const several = clusters.filter((row) => row.orgs.length > 1).length;
    const changed = run.previous
      ? `${counted(rows.length, "cluster")} changed since ${run.previous_clock ? `the run of ${moment(seconds(run.previous_clock))}` : run.previous}`
      : run.compared
        ? `${counted(rows.length, "cluster")} changed since the run before; its numbers are not here`
        : `First run: no earlier one to compare with`;
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
        leads(
          run.shared,
          run.joint ? "identifier that both sides see" : "identifier seen by several",
          run.joint ? "identifiers that both sides see" : "identifiers seen by several",
          address("shared")
        ),
        run.joint
          ? leads(run.joint.links, "link only the union reveals", "links only the union reveals", address("shared"))
          : leads(several, "cluster seen by several", "clusters seen by several", address("clusters", { both: 1 })),
        run.joint
          ? leads(
              run.joint.merged,
              "pair of clusters that are one",
              "pairs of clusters that are one",
              address("shared")
            )
          : null,
        !run.joint && !run.redacted && several
          ? leads(
              clusters.filter((row) => unionOnly.has(row.id)).length,
              "whole only in the union",
              "whole only in the union",
              address("clusters", { both: "union" })
            )
          : null,
        leads(
          unreviewed,
          "unreviewed core member",
          "unreviewed core members",
          address("clusters", { sort: "-unreviewed" })
        ),
        run.contested
          ? leads(
              run.contested.total,
              "contested identifier",
              "contested identifiers",
              address("contested"),
              run.contested.total > 0
            )
          : null,
        leads(disputed, "disputed cluster", "disputed clusters", address("clusters", { status: "disputed" })),
        run.redacted
          ? null
          : leads(
              made.length,
              served ? "decision in the file" : "decision kept here",
              served ? "decisions in the file" : "decisions kept here",
              address("decisions")
            )
      ),
      h(
        "div.chips",
        { role: "group", label: "Why" },
        chips.map((one) =>
          h(
            "a.chip.choice",
            { href: address("queue", { ...state, why: one.kind }), "aria-current": one.kind === why ? "true" : null },
            one.kind || !run.compared ? one.name : "Changed",
            " ",
            h("b", count(one.number))
          )
        )
      ),
      list.element,
      ...gone()
    ];
  }
  /** Clusters of the run before that are no longer there. @returns {any[]} */
  function gone() {
    if (!run.moved.length) return [];
    return [
      h(
        "details",
        h("summary", `${counted(run.moved.length, "cluster")} no longer seen`),
        simple(
          "No longer seen",
          ["Cluster of the run before", "Its members went to"],
          run.moved.map((one) => [identifier(one.cluster_id, 40), one.to_ids.length ? links(one.to_ids) : "none here"])
        )
      )
    ];
  }
  /** @param {string[]} ids of clusters */
  const links = (ids) => joined(ids.slice(0, 12), (id) => toNamed(id, identifier(id, 40)));
  /** A cluster by name; of a single identifier, or of another run, the text. @param {string} id @param {any} [text] @param {Record<string, any>} [state] */
  const toNamed = (id, text = "single identifier", state = {}) =>
    clusterOf.has(id) ? clusterName(clusterOf.get(id), state) : anchor(toCluster(id, state), text);
  /** @param {any} number @param {any} what @param {boolean} [warn] */
  const tile = (number, what, warn = false) => h(`div.fact${warn ? ".alarm" : ""}`, h("b", number), span(what));
  /** A number that leads to what it counts. @param {number} number @param {string} noun @param {string} nouns @param {string} href @param {boolean} [warn] */
  const leads = (number, noun, nouns, href, warn) =>
    tile(count(number), h("a", { href }, number === 1 ? noun : nouns), warn);
  /** @param {number} most @param {number} letters */
  const alarms = (most, letters) =>
    run.alarms.length
      ? h(
          "ul.alarms",
          { label: "Alarms" },
          run.alarms.slice(0, most).map((one) => li(shown(words(one.code), 60), ": ", shown(one.message, letters)))
        )
      : null;

  /** @param {string} any what stands for no choice @param {string} name @param {[string, string][]} values @param {Record<string, string>} state */
  const options = (any, name, values, state) =>
    h(
      "select",
      {
        label: any,
        onchange: (event) => {
          const { view, id, state: now } = place(),
            next = { ...now, [name]: event.target.value };
          location.replace(id ? toCluster(id, next) : address(view, next));
        }
      },
      h("option", { value: "" }, any),
      values.map(([value, text]) => h("option", { value, selected: state[name] === value }, text))
    );
  /** @param {string} any @param {string} name @param {Set<string>} values @param {Record<string, string>} state */
  const choice = (any, name, values, state) =>
    options(
      any,
      name,
      [...values]
        .sort()
        .slice(0, 300)
        .map((one) => [one, plain(words(one), 60)]),
      state
    );
  /** @param {Record<string, string>} state */
  function clustersView(state) {
    const c = clusterColumns();
    /** @param {(row: any) => string[]} of */
    const values = (of) => new Set(clusters.flatMap(of));
    const extra = [
      choice(
        "Any organisation",
        "org",
        values((row) => row.orgs),
        state
      ),
      choice(
        "Any brand",
        "brand",
        values((row) => row.brands),
        state
      ),
      choice(
        "Any country",
        "country",
        values((row) => row.countries.map((one) => one[0])),
        state
      ),
      choice(
        "Any status",
        "status",
        values((row) => [row.status]),
        state
      ),
      choice(
        "Any change",
        "event",
        values((row) => row.event.split(" ")),
        state
      ),
      options(
        "Any size",
        "size",
        [
          ["5", "5 members or more"],
          ["10", "10 or more"],
          ["50", "50 or more"]
        ],
        state
      ),
      options(
        "Active any time",
        "active",
        [
          ["1", "Active in the last day"],
          ["7", "In the last 7 days"],
          ["30", "In the last 30 days"],
          ["90", "In the last 90 days"]
        ],
        state
      ),
      options(
        "One organisation or more",
        "both",
        [
          ["1", "Several organisations"],
          ...(unionOnly.size ? [/** @type {[string, string]} */ (["union", "Whole only in the union"])] : [])
        ],
        state
      )
    ];
    const newest = Math.max(...clusters.map((row) => row.last));
    const list = table({
      columns: [
        c.priority,
        c.name,
        c.core,
        c.unreviewed,
        c.contested,
        c.reporters,
        c.complaints,
        c.calls,
        c.losses,
        c.countries,
        c.orgs,
        c.confidence,
        c.first,
        c.last
      ],
      rows: clusters,
      caption: "All clusters",
      text: clusterText,
      sort: "-priority",
      state,
      extra,
      filter: (row) =>
        (!state.org || row.orgs.includes(state.org)) &&
        (!state.brand || row.brands.includes(state.brand)) &&
        (!state.status || row.status === state.status) &&
        (!state.event || row.event.split(" ").includes(state.event)) &&
        (!state.country || row.countries.some((one) => one[0] === state.country)) &&
        row.size >= Number(state.size || 0) &&
        (!state.active || row.last >= newest - Number(state.active) * 86400) &&
        (!state.both || (state.both === "union" ? unionOnly.has(row.id) : row.orgs.length > 1)),
      open: (row) => (location.hash = toCluster(row.id))
    });
    return [
      headline(
        "Clusters",
        p(
          `${counted(clusters.length, "cluster")} of two or more identifiers.`,
          clusters.length ? ` Activity counts back from ${day(newest)}, the newest record.` : ""
        )
      ),
      list.element
    ];
  }
  /** @param {Record<string, string>} state */
  async function singlesView(state) {
    const rows = await clusterList("singles");
    const c = clusterColumns();
    const list = table({
      columns: [
        c.priority,
        c.name,
        c.core,
        c.contested,
        c.reporters,
        c.complaints,
        c.calls,
        c.losses,
        c.countries,
        c.orgs,
        c.last
      ],
      rows,
      caption: "Single identifiers",
      text: clusterText,
      sort: "-priority",
      state,
      open: (row) => (location.hash = toCluster(row.id))
    });
    return [headline("Single identifiers", p("Not yet linked to any other.")), list.element];
  }

  // ---------------------------------------------------------------- a cluster

  const TABS = /** @type {[string, string][]} */ ([
    ["members", "Members"],
    ["links", "Links"],
    ["records", "Records"],
    ["timeline", "Timeline"],
    ["graph", "Graph"],
    ["rejected", "Weak and rejected links"],
    ["suppliers", "Suppliers and scripts"],
    ["about", "About"]
  ]);
  /** @type {any} */ let graph = null;

  /** @param {string} id @param {Record<string, string>} state */
  async function clusterView(id, state) {
    const whole = await wholeCluster(id);
    if (!whole) {
      const went = run.moved.filter((one) => one.cluster_id === id).flatMap((one) => one.to_ids);
      for (const one of clusters) if (one.from.includes(id)) went.push(one.id);
      return [
        headline(
          went.length ? "No longer a cluster of its own" : "No such cluster",
          p(
            identifier(id),
            " is no cluster of this run. ",
            went.length ? ["Its members went to ", links([...new Set(went)]), ". "] : "",
            anchor(address("queue"), "Back to the queue")
          )
        )
      ];
    }
    const { row, facts } = whole;
    const tab = TABS.some(([name]) => name === state.tab) ? state.tab : "members";
    const best = run.redacted ? null : spokesman(facts);
    const next = nextInQueue();
    const kinds = new Map();
    for (const one of facts.members) kinds.set(one.kind, (kinds.get(one.kind) ?? 0) + 1);
    const panel = h("aside.panel", { label: "Identifier" });
    const chosen = memberOf(facts, state.id) ?? facts.members[0];
    /** @param {any} member */
    const open = (member, keep = true) => {
      if (keep) remember({ id: member.id });
      memberPanel(panel, whole, member);
      for (const one of document.querySelectorAll("tr.open")) one.classList.remove("open");
      document.querySelector(`tr[data-key="${CSS.escape(plain(member.id, 200))}"]`)?.classList.add("open");
    };
    const head = h(
      "div.headline.cluster-head",
      h("h1", clusterTitle(row), " ", statusTag(row), pendingTag(row)),
      h(
        "div.actions",
        { role: "group", label: "Decide on the cluster" },
        best
          ? [
              button("Confirm", () => decide("confirm", whole, best.id), {}, ".primary"),
              button("Dispute", () => decide("dispute", whole, best.id)),
              button("Same operation…", () => pair("must_link", whole, best.id))
            ]
          : null,
        h("a.button", { href: address("compare", { a: id }) }, "Compare…"),
        next ? h("a.button.quiet-button", { href: toCluster(next.id), title: "Key: n" }, "Next in queue") : null
      ),
      h(
        "p.summary",
        [...kinds].map(([kind, number]) => counted(number, ...nounOf(kind))).join(", "),
        row.brands.length ? [" used by callers posing as ", names(row.brands, 3)] : null,
        `; linked by ${counted(row.complaints, "complaint")} and ${counted(row.calls, "call")} reported to `,
        names(row.orgs, 4),
        ` from ${day(row.first)} to ${day(row.last)}.`,
        facts.left_out ? ` ${counted(facts.left_out, "identifier")} to verify before use left out of this copy.` : null,
        quiet("  A lead, not proof.")
      ),
      row.changes.length
        ? h(
            "p.changes",
            row.changes.map((one) => h(`span.chip.${one.kind}`, one.text))
          )
        : null,
      flagLines(row, facts),
      run.redacted ? null : workBar(row)
    );
    const numbers = h(
      "div.facts",
      tile(row.priority.toFixed(1), term("Priority", "priority")),
      tile(count(row.reporters), term("Reporters", row.reporters === 1 ? "reporter" : "reporters")),
      tile(losses(row.losses), "losses stated"),
      tile(`${count(row.core)} of ${count(row.size)}`, [term("Core", "core"), row.size === 1 ? " member" : " members"]),
      tile(count(row.unreviewed), term("Unreviewed", "unreviewed")),
      row.contested ? tile(count(row.contested), term("Contested", "contested"), true) : null,
      tile(row.confidence.toFixed(2), term("Confidence", "confidence")),
      tile(
        span(
          joined(row.countries.slice(0, 3), (one) => [shown(one[0], 40), ` ${one[1] === null ? "–" : count(one[1])}`])
        ),
        "complaints by country"
      )
    );
    const tabs = h(
      "div.tabs",
      { role: "tablist" },
      TABS.map(([name, text]) =>
        h(
          "a",
          {
            role: "tab",
            href: toCluster(id, { tab: name === "members" ? "" : name, id: state.id }),
            "aria-selected": name === tab
          },
          text,
          tabCount(name, row, facts)
        )
      )
    );
    const body = h("div.tab", { role: "tabpanel", label: TABS.find(([name]) => name === tab)?.[1] });
    const draw = {
      members: membersTab,
      links: linksTab,
      records: recordsTab,
      timeline: timelineTab,
      graph: graphTab,
      rejected: rejectedTab,
      suppliers: suppliersTab,
      about: aboutTab
    }[tab];
    body.append(...[draw?.(whole, state, open)].flat().filter(Boolean));
    if (chosen) memberPanel(panel, whole, chosen);
    const area = h("div.area", div(tabs, body), panel);
    requestAnimationFrame(() => {
      const opened = chosen && document.querySelector(`tr[data-key="${CSS.escape(plain(chosen.id, 200))}"]`);
      opened?.classList.add("open");
      if (state.id && tab === "members") opened?.scrollIntoView({ block: "nearest" });
      if (state.id && innerWidth < 900) panel.scrollIntoView();
    });
    return [head, numbers, area];
  }
  /** @param {any} row */
  function clusterTitle(row) {
    const [value, brand] = named(row);
    return [h("span.id", shown(value, 80)), prettily(value), brand ? [" ", shown(brand, 40)] : null];
  }
  /** @param {string} name @param {any} row @param {any} facts */
  function tabCount(name, row, facts) {
    const number = {
      members: row.size,
      links: facts.links.length + facts.more_links,
      records: null,
      rejected: facts.near.length + facts.more_near + facts.bridges.length,
      suppliers: facts.suppliers.length + facts.scripts.length
    }[name];
    return number === null || number === undefined ? null : h("span.count", ` ${count(number)}`);
  }

  /** @param {any} one */
  function flags(one) {
    return [
      one.status === "contested"
        ? h("span.tag.contested", { "data-term": "Contested", tabindex: 0 }, "contested")
        : null,
      one.near ? h("span.tag.near", { "data-term": "Near miss", tabindex: 0 }, "near miss") : null,
      one.bridge ? h("span.tag", { "data-term": "Bridge", tabindex: 0 }, "bridge") : null,
      madeOn(one.id).map((each) => h("span.tag.mine", words(each.kind)))
    ];
  }
  /** @param {any} one */
  const tierTag = (one) =>
    h(`span.tier.${one.tier === "core" ? "core" : "verify"}`, one.tier === "core" ? "Core" : "Verify");

  /** @param {any} whole @param {Record<string, string>} state @param {(member: any) => void} open */
  function membersTab(whole, state, open) {
    const { row, facts } = whole;
    const picked = new Set();
    const bar = h("span.picked", { hidden: true });
    const drawBar = () => {
      const chosen = facts.members.filter((one) => picked.has(one.id));
      bar.hidden = !chosen.length;
      bar.replaceChildren(
        h("b", `${count(chosen.length)} selected`),
        button("Cite", () => cite(citation(row, chosen))),
        button("CSV", () => membersCsv(row, chosen)),
        chosen.length === 2 && !run.redacted
          ? button("Keep apart", () => decide("cannot_link", whole, chosen[0].id, chosen[1].id))
          : "",
        chosen.length === 2 && !run.redacted
          ? button("Same operation", () => decide("must_link", { ...whole, other: row.id }, chosen[0].id, chosen[1].id))
          : ""
      );
    };
    const kinds = new Set(facts.members.map((one) => one.kind));
    const side = ["thin", "weakest"].includes(state.side) ? new Set(facts.cut?.[`${state.side}_side`] ?? []) : null;
    const extra = [
      side ? h("a.button", { href: toCluster(row.id, { ...state, side: "" }) }, "Both sides") : null,
      choice("Any kind", "kind", kinds, state),
      choice("Any tier", "tier", new Set(["core", "verify"]), state),
      choice("Any review", "review", new Set(["reviewed", "unreviewed"]), state),
      button("Download CSV", () => membersCsv(row, list.chosen())),
      bar
    ];
    const list = table({
      columns: [
        {
          name: "id",
          head: "Identifier",
          sorts: true,
          klass: "who",
          cell: (one) => [
            h(
              "span.pick",
              h("input", {
                type: "checkbox",
                label: `Select ${plain(one.id, 60)}`,
                checked: picked.has(one.id),
                onchange: (event) => {
                  if (event.target.checked) picked.add(one.id);
                  else picked.delete(one.id);
                  drawBar();
                }
              }),
              h(
                "button.link",
                { type: "button", onclick: () => open(one) },
                dot(one.kind, { title: nounOf(one.kind)[0] }),
                briefly(valueOf(one.id), 40)
              )
            ),
            " ",
            pretty(one.id) ? h("span.quiet.nice", pretty(one.id), " ") : null,
            ...flags(one)
          ]
        },
        {
          name: "tier",
          head: term("Core", "Tier"),
          value: (one) => `${one.tier} ${one.review}`,
          klass: "orgs",
          cell: (one) => [
            tierTag(one),
            one.review === "reviewed"
              ? h("span.tier.core", { title: "Reviewed by an analyst" }, " ✓", h("span.unseen", " reviewed"))
              : null
          ]
        },
        counts("robustness", term("Robustness", "Robust")),
        counts("reporters", term("Reporters")),
        {
          name: "records",
          head: "Records",
          title: "Complaints and calls that name it",
          number: true,
          value: (one) => one.complaints + one.calls,
          cell: (one) => count(one.complaints + one.calls)
        },
        {
          name: "role",
          head: "Role",
          klass: "orgs",
          sorts: true,
          cell: (one) => shown(SHORT[one.role] ?? words(one.role), 30)
        },
        reportedTo(2),
        dates("last", "Last seen"),
        deciding((one) =>
          one.status === "contested"
            ? null
            : [
                button("✓", () => decide("review", whole, one.id), {
                  title: "Reviewed",
                  label: `Reviewed: ${plain(one.id, 60)}`
                }),
                button("Dispute", () => decide("dispute", whole, one.id), { label: `Dispute: ${plain(one.id, 60)}` })
              ]
        )
      ],
      rows: facts.members,
      caption: "Members",
      text: (one) =>
        `${one.id} ${pretty(one.id)} ${one.role} ${one.orgs.join(" ")} ${one.carriers.join(" ")} ${one.region ?? ""}`.slice(
          0,
          2000
        ),
      sort: "-records",
      state,
      extra,
      open,
      filter: (one) =>
        ["kind", "tier", "review"].every((name) => !state[name] || one[name] === state[name]) &&
        (!side || side.has(one.id))
    });
    return list.element;
  }
  /** @param {any} panel @param {any} whole @param {any} member */
  function memberPanel(panel, whole, member) {
    const { row, facts } = whole;
    const links = member.links.filter((one) => one.accepted);
    const open = (other) => (location.hash = toCluster(row.id, { ...place().state, id: other.id }));
    const contested = member.status === "contested";
    const act = (/** @type {string} */ kind) =>
      button(WORDS[kind], () => decide(kind, whole, member.id), { "data-term": WORDS[kind] });
    const records = member.complaints + member.calls;
    panel.replaceChildren(
      h2(identifier(member.id, 200)),
      pretty(member.id) ? remark(pretty(member.id)) : "",
      p(
        tierTag(member),
        " ",
        span(member.review === "reviewed" ? "reviewed" : "not yet reviewed"),
        " ",
        ...flags(member).flat().filter(Boolean)
      ),
      h(
        "div.actions",
        { role: "group", label: "Decide on this identifier" },
        run.redacted
          ? null
          : contested
            ? [act("suspect_held"), act("victim_owned")]
            : [
                act("review"),
                act("dispute"),
                act("legitimate"),
                button("Keep apart…", () => pair("cannot_link", whole, member.id)),
                button("Same operation…", () => pair("must_link", whole, member.id))
              ],
        button("Cite", () => cite(citation(row, [member])))
      ),
      h(
        "ul.plain",
        li(
          `${counted(member.reporters, "person reports", "people report")} that a scammer used it; its place rests on ${counted(member.robustness, "person", "people")}.`
        ),
        member.near
          ? h(
              "li.warn",
              "One digit off ",
              identifier(member.near),
              ", which three times as many people report: perhaps a slip of the pen."
            )
          : null,
        ...member.doubts.map((/** @type {string} */ one) => li(quiet("Doubt: "), shown(one, 300))),
        li(quiet("Why: "), shown(because(member), 400))
      ),
      h(
        "dl.pairs",
        dd("Role", [
          shown(words(member.role), 30),
          Object.entries(member.roles)
            .filter(([name]) => name !== member.role)
            .map(([name, number]) => quiet(`, ${words(name).toLowerCase()} ${count(number)}`))
        ]),
        dd("Seen", `${day(member.first)} to ${day(member.last)}`),
        dd("Records", `${counted(member.complaints, "complaint")}, ${counted(member.calls, "call")}`),
        member.region || member.line
          ? dd("Region, line", [shown(member.region, 40), " ", member.line ? shown(words(member.line), 30) : ""])
          : null,
        member.carriers.length ? dd("Carriers", names(member.carriers, 4)) : null,
        member.host ? dd("Hosted by", shown(member.host, 80)) : null,
        dd("Reported to", names(member.orgs, 5)),
        dd("Confidence", member.confidence.toFixed(2))
      ),
      h3(
        { id: "panel-records" },
        `Records `,
        h(
          "span.count",
          member.readings.length < records && !run.redacted
            ? `${count(member.readings.length)} of ${count(records)}`
            : count(records)
        )
      ),
      run.redacted
        ? remark("Left out of this copy.")
        : h(
            "ol.records",
            member.readings.slice(0, 12).map((one) => li(recordLine(one)))
          ),
      !run.redacted && (member.readings.length > 12 || member.readings.length < records)
        ? p(
            anchor(toCluster(row.id, { tab: "records", rq: member.id, id: member.id }), "All that are here"),
            quiet(member.readings.length < records ? "; the rest is in mentions/." : "")
          )
        : "",
      h3("Links ", h("span.count", count(links.length))),
      links.length
        ? h(
            "ul.near",
            links.slice(0, 12).map((one) => {
              const other = one.ends[0] === member ? one.ends[1] : one.ends[0];
              return li(
                button(briefly(other.id, 40), () => open(other), {}, ".link"),
                " ",
                quiet(`${counted(one.reporters, "person", "people")}, weight ${one.weight.toFixed(1)} `),
                run.redacted
                  ? null
                  : button(
                      "Keep apart",
                      () => decide("cannot_link", whole, member.id, other.id),
                      { label: `Keep apart from ${plain(other.id, 60)}` },
                      ".mini"
                    )
              );
            })
          )
        : remark(row.size > 1 ? "No accepted link of its own." : "Not yet linked to any other."),
      links.length > 12
        ? p(
            anchor(
              toCluster(row.id, { tab: "links", lq: member.id, id: member.id }),
              `All ${counted(links.length, "link")}`
            )
          )
        : ""
    );
    panel.scrollTop = 0;
    if (facts.joint) {
      const saw = facts.joint.saw.find((one) => one[0] === member.id);
      if (saw)
        panel.append(
          p(
            quiet("Seen by "),
            names(
              saw[1].map((one) => one[0]),
              6
            )
          )
        );
    }
  }
  /** @param {any} member */
  function because(member) {
    const [[code, records] = [], ...more] = member.facts ?? [];
    return code === "used" && !more.length
      ? `${words(member.status)} in ${counted(Number(records), "record")}`
      : `${words(member.status)}; ${member.reason}`;
  }
  /** @param {string} head @param {any} value */
  const dd = (head, value) => [dt(head), h("dd", value)];

  /** Where in a record something was read, such as `phone_numbers[1].raw`. @param {any} field */
  function fieldName(field) {
    const found = /^([a-z_]{1,40})(?:\[(\d{1,4})\])?/.exec(field ?? "");
    if (!found) return quiet(shown(field, 40));
    const name = found[1].replaceAll("_", " "),
      number = Number(found[2] ?? 0) + 1;
    return h(
      "span.quiet",
      { title: plain(field, 80) },
      `in ${name === "narrative" || found[2] === undefined ? "the " : ""}${name}${found[2] === undefined || number === 1 ? "" : `, entry ${number}`}`
    );
  }
  /** What an offer counts has the middle of its week as its time. @param {any} one a reading @returns {string} */
  const inWeek = (one) =>
    /^offer(?:\.called)?$/.test(one.field ?? "") ? `In the week of ${day(one.at - 3 * 86400)}` : "";
  /** @param {any} one a reading */
  function recordLine(one) {
    const made = h(
      "div.record",
      div(
        h("span.date", inWeek(one) || moment(one.at)),
        " ",
        shown(words(one.org), 30),
        " ",
        h("span.id", shown(one.id, 60)),
        one.kind === "call" ? " call" : "",
        one.country ? [" ", quiet(shown(one.country, 40))] : null
      ),
      h(
        "div.read",
        quiet(`${words(one.role)}: `),
        inWeek(one)
          ? ["counted by the offer", one.field === "offer" ? "" : ", whose sender has a call record of it"]
          : one.before !== null && one.before !== undefined
            ? h("q", "…", shown(one.before, 200), h("mark", shown(one.raw, 200)), shown(one.after, 200), "…")
            : [h("mark", shown(one.raw, 200)), " ", fieldName(one.field)],
        one.confidence < 0.9
          ? h(
              one.confidence < 0.7 ? "span.warn" : "span.quiet",
              { title: "How sure the reading of the number is" },
              `, confidence ${one.confidence.toFixed(2)}`
            )
          : null
      )
    );
    made.append(...[narrative(one)].filter(Boolean));
    return made;
  }
  /** The button that shows a narrative, which the server writes down. @param {any} one a reading */
  function narrative(one) {
    if (!served || run.redacted || one.kind !== "complaint") return null;
    const more = button(
      "Show masked narrative",
      async () => {
        try {
          const found = await ask("narrative", { org: one.org, id: one.id });
          more.replaceWith(h("blockquote", shown(found.narrative, 2000)));
        } catch (error) {
          more.replaceWith(quiet(plain(/** @type {Error} */ (error).message, 300)));
        }
      },
      {},
      ".mini"
    );
    return more;
  }

  /** Asks for the other identifier of a decision about two. @param {string} kind @param {any} whole @param {string} a */
  function pair(kind, whole, a) {
    const other = h("input", {
      id: "other",
      list: "others",
      autocomplete: "off",
      placeholder: "In any form",
      required: true
    });
    const problem = h("p.problem", { role: "alert" });
    dialog.replaceChildren(
      h(
        "form",
        {
          onsubmit: async (/** @type {Event} */ event) => {
            event.preventDefault();
            if (!index) await loadIndex();
            const hit = find(other.value).find((one) => one.href.includes("id="));
            if (!hit || hit.text === a) {
              problem.textContent = hit
                ? "That is the same identifier: name another."
                : "No member of this run is written so.";
              return;
            }
            const at = index.ids.indexOf(hit.text);
            decide(kind, { ...whole, other: index.of[index.clusters[at]] }, a, hit.text);
          }
        },
        h2({ id: "dialog-title" }, WORDS[kind]),
        p(identifier(a), " and"),
        h("label", { for: "other" }, "The other identifier"),
        other,
        h(
          "datalist",
          { id: "others" },
          whole.facts.members
            .slice(0, 300)
            .filter((one) => one.id !== a)
            .map((one) => h("option", { value: plain(one.id, 200) }))
        ),
        problem,
        h(
          "p.buttons",
          h("button.primary", { type: "submit" }, "Continue"),
          button("Cancel", () => dialog.close())
        )
      )
    );
    if (!dialog.open) dialog.showModal();
    other.focus();
  }

  /** The tier and the robustness of a member that a row names. @param {any} one */
  const standing = (one) =>
    h(
      "span.standing",
      { title: `Robustness ${count(one.robustness)}: the fewest reporters that its place rests on` },
      " ",
      tierTag(one),
      quiet(` ${count(one.robustness)}`)
    );
  /** The buttons that decide on a link. @param {any} whole @param {string} a @param {string} b @param {string} [other] cluster of b */
  const onLink = (whole, a, b, other = whole.row.id) => [
    div(
      button("Same operation", () => decide("must_link", { ...whole, other }, a, b), {
        label: `Same operation: ${plain(a, 60)} and ${plain(b, 60)}`
      })
    ),
    div(
      button("Keep apart", () => decide("cannot_link", whole, a, b), {
        label: `Keep apart: ${plain(a, 60)} and ${plain(b, 60)}`
      })
    )
  ];

  /** @param {number} left clusters of a supplier that are counted and not listed */
  const unnamed = (left) => (left > 0 ? [quiet(` and ${counted(left, "more", "more")}`)] : []);

  /** @param {any} whole @param {Record<string, string>} state @param {(member: any) => void} open */
  function linksTab(whole, state, open) {
    const { facts } = whole;
    const list = table({
      prefix: "l",
      state,
      rows: facts.links,
      caption: "Links between members",
      sort: "-weight",
      key: (one) => `${one.a} ${one.b}`,
      text: (one) => `${one.ends[0].id} ${one.ends[1].id} ${one.ids.join(" ")} ${one.orgs.join(" ")}`.slice(0, 3000),
      columns: [
        {
          name: "ends",
          head: "Identifiers",
          value: (one) => one.ends[0].id,
          klass: "who",
          cell: (one) =>
            one.ends.map((end) =>
              div(
                button(briefly(end.id, 46), () => open(end), {}, ".link"),
                standing(end)
              )
            )
        },
        decimals("weight", "Weight", 2),
        counts("reporters", term("Reporters")),
        {
          name: "strength",
          head: term("Hard link", "Link"),
          klass: "orgs",
          value: (one) => `${one.strength}${one.accepted}`,
          cell: (one) =>
            span(
              { title: plain(one.reason, 300) },
              words(one.strength),
              one.accepted ? "" : [h("span.warn", ", rejected"), h("div.why", shown(one.reason, 120))]
            )
        },
        { name: "orgs", head: "Reported to", cell: (one) => names(one.orgs, 2) },
        {
          name: "last",
          head: "Seen",
          number: true,
          klass: "date",
          sorts: true,
          cell: (one) => [day(one.first), h("br"), day(one.last)]
        },
        {
          name: "ids",
          head: "Records",
          klass: "ids",
          value: (one) => -one.records,
          cell: (one) => [
            div(
              { title: one.ids.map((/** @type {string} */ id) => plain(id, 80)).join("\n") },
              counted(one.complaints, "complaint"),
              one.calls ? `, ${counted(one.calls, "call")}` : ""
            ),
            one.ids
              .slice(0, 2)
              .map((/** @type {string} */ id) =>
                h(
                  "a.id",
                  { href: toCluster(whole.row.id, { tab: "records", rq: id.slice(id.indexOf("|") + 1) }) },
                  brief(id.slice(id.lastIndexOf("|") + 1), 30)
                )
              )
          ]
        },
        deciding((one) => onLink(whole, one.ends[0].id, one.ends[1].id))
      ]
    });
    return [
      list.element,
      facts.more_links ? remark(`${counted(facts.more_links, "weaker link is", "weaker links are")} in links/.`) : ""
    ];
  }

  /** @param {any} whole @param {Record<string, string>} state @param {(member: any) => void} open */
  function recordsTab(whole, state, open) {
    const { facts } = whole;
    if (run.redacted) return remark("Records are left out of this copy.");
    const list = table({
      prefix: "r",
      state,
      rows: facts.readings,
      caption: "Records that name a member",
      sort: "-at",
      key: (one) => `${one.org} ${one.id} ${one.a}`,
      hint: "Filter by record, identifier, words",
      text: (one) =>
        `${facts.members[one.a].id} ${pretty(facts.members[one.a].id)} ${one.org} ${one.id} ${one.role} ${one.raw ?? ""} ${one.before ?? ""} ${one.after ?? ""}`.slice(
          0,
          4000
        ),
      columns: [
        {
          name: "at",
          head: "When",
          klass: "date",
          sorts: true,
          cell: (one) => [day(one.at), h("div.quiet", moment(one.at).split(", ")[1])]
        },
        {
          name: "record",
          head: "Record",
          klass: "orgs",
          value: (one) => `${one.org} ${one.id}`,
          cell: (one) => [
            shown(words(one.org), 30),
            div(h("span.id", shown(one.id, 40)), one.kind === "call" ? " call" : "")
          ]
        },
        {
          name: "who",
          head: "Identifier",
          value: (one) => one.a,
          klass: "who",
          cell: (one) => [
            button(briefly(facts.members[one.a].id, 46), () => open(facts.members[one.a]), {}, ".link"),
            standing(facts.members[one.a])
          ]
        },
        {
          name: "country",
          head: "Victim in",
          value: (one) => one.country ?? "",
          cell: (one) => shown(one.country, 40)
        },
        {
          name: "words",
          head: "Where it stands",
          klass: "words",
          cell: (one) => [recordLine(one).querySelector(".read"), narrative(one)]
        }
      ]
    });
    return [
      list.element,
      remark(
        "The newest records of each identifier and organisation; all are in mentions/. ",
        run.narratives ? "" : "This run keeps its narratives apart, for its owner: `ringtrace explain` quotes them."
      )
    ];
  }

  /** The members that the removal of a weak link cuts off. @param {any} facts @param {any} bridge */
  function freed(facts, bridge) {
    const cut = facts.links.find(
      (one) => one.accepted && one.ends.every((end) => end.id === bridge[0] || end.id === bridge[1])
    );
    if (!cut) return null;
    const parts = partsOf(facts, (one) => one !== cut);
    const [one, other] = [cut.a, cut.b].map((end) => parts.find((part) => part.includes(end)) ?? []);
    if (one === other) return null;
    const few = one.length <= other.length ? one : other;
    return h(
      "div.quiet",
      joined(few.slice(0, 8), (at) => identifier(facts.members[at].id, 40)),
      few.length > 8 ? ` +${count(few.length - 8)}` : ""
    );
  }

  /** @param {any} whole @param {Record<string, string>} state */
  function rejectedTab(whole, state) {
    const { row, facts } = whole;
    const weak = table({
      prefix: "w",
      state,
      rows: facts.bridges,
      caption: "Weak links",
      sort: "weight",
      key: (one) => `${one[0]} ${one[1]}`,
      text: (one) => `${one[0]} ${one[1]}`,
      columns: [
        {
          name: "link",
          head: "Weak link",
          klass: "who",
          cell: (one) =>
            [one[0], one[1]].map((/** @type {string} */ id) =>
              div(identifier(id, 60), ...facts.members.filter((each) => each.id === id).map(standing))
            )
        },
        {
          name: "weight",
          head: term("Weight"),
          number: true,
          value: (one) => one[2],
          cell: (one) => one[2].toFixed(2)
        },
        {
          name: "drops",
          head: "Without it",
          value: (one) => -one[3],
          cell: (one) => [
            `Removing this link drops ${count(one[3])} of ${counted(row.size, "identifier")}`,
            freed(facts, one)
          ]
        },
        deciding((one) => onLink(whole, one[0], one[1]))
      ]
    });
    const near = table({
      prefix: "n",
      state,
      rows: facts.near,
      caption: "Links to other clusters that were rejected",
      sort: "-weight",
      key: (one) => `${one.a} ${one.there}`,
      text: (one) => `${facts.members[one.a].id} ${one.there} ${one.cluster}`,
      columns: [
        {
          name: "here",
          head: "Here, and there",
          value: (one) => facts.members[one.a].id,
          klass: "who",
          cell: (one) => [
            div(identifier(facts.members[one.a].id, 50), standing(facts.members[one.a])),
            div(identifier(one.there, 50))
          ]
        },
        { name: "cluster", head: "Other cluster", cell: (one) => toNamed(one.cluster, undefined, { id: one.there }) },
        decimals("weight", "Weight", 2),
        counts("reporters", term("Reporters")),
        { name: "why", head: "Why not", klass: "words", cell: (one) => shown(one.reason, 160) },
        deciding((one) => onLink(whole, facts.members[one.a].id, one.there, one.cluster))
      ]
    });
    return [
      h2("Weak links"),
      facts.bridges.length ? weak.element : remark("No single link holds it together."),
      h2("Links we rejected"),
      facts.near.length ? near.element : remark("None leads to another cluster."),
      facts.more_near ? remark(`${counted(facts.more_near, "weaker one is", "weaker ones are")} in links/.`) : ""
    ];
  }

  /** @param {any} whole @param {Record<string, string>} state */
  function suppliersTab(whole, state) {
    const { facts } = whole;
    const list = table({
      prefix: "s",
      state,
      rows: facts.suppliers,
      caption: "Suppliers",
      sort: "-records",
      text: (one) => one.id,
      columns: [
        { name: "id", head: term("Supplier"), sorts: true, klass: "who", cell: (one) => identifier(one.id, 60) },
        { name: "kind", head: "Kind", sorts: true, cell: (one) => words(one.kind) },
        counts("records", "Records here"),
        counts("clusters", "Clusters"),
        {
          name: "others",
          head: "Serves also",
          cell: (one) => joined(one.others, (id) => toNamed(id)).concat(unnamed(one.clusters - 1 - one.others.length))
        }
      ]
    });
    return [
      h2("Suppliers"),
      facts.suppliers.length ? list.element : remark("None is known."),
      facts.more_suppliers ? remark(`${counted(facts.more_suppliers, "more is", "more are")} in suppliers/.`) : "",
      facts.scripts.length ? h2("Scripts that its callers read out") : "",
      ...facts.scripts.map((one) =>
        h(
          "section.script",
          h3(
            identifier(one.entity_id),
            quiet(` ${counted(one.records, "record")}, ${counted(one.clusters, "cluster")}`)
          ),
          h("blockquote", shown(one.template, 1000)),
          h(
            "ul",
            one.variants.map(([pieces, number]) =>
              li(
                pieces.map(([text, differs]) => [h(differs ? "mark" : "span", null, shown(text, 400)), " "]),
                quiet(counted(number, "record"))
              )
            )
          ),
          one.more ? remark(`${counted(one.more, "rarer wording is", "rarer wordings are")} in mentions/.`) : ""
        )
      )
    ];
  }

  /** @param {any} whole */
  function aboutTab(whole) {
    const { row, facts } = whole;
    const names = new Set(facts.members.map((one) => one.id));
    const past = (run.decisions ?? []).filter((one) => names.has(one.entity_a) || names.has(one.entity_b));
    const where = `ringtrace export RUN --cluster ${plainName(row.id)} --format`;
    return [
      h(
        "div.columns",
        simple(
          "Priority",
          ["Part", "Points", "Share"],
          (facts.parts ?? []).map((one) => [
            words(one.part),
            one.points.toFixed(1),
            h("meter", { min: 0, max: 1, value: one.value, label: words(one.part) })
          ])
        ),
        simple(
          "Losses that complaints state",
          ["Currency", "Amount", "Complaints"],
          row.losses.map(([currency, amount, number]) => [shown(currency, 40), cents(amount), count(number)])
        ),
        simple(
          run.suppress_below > 1
            ? `Victims’ countries, by complaints; counts below ${run.suppress_below}, and such as would tell them, are withheld`
            : "Victims’ countries, by complaints",
          ["Country", "Complaints"],
          row.countries.map(([name, number]) => [shown(name, 40), small(number)])
        )
      ),
      h2("Lineage"),
      ...facts.lineage.map((one) =>
        p(
          words(one.event),
          one.from_ids.length
            ? [" from ", one.from_ids.map((/** @type {string} */ id) => [identifier(id, 40), " "])]
            : "",
          (one.to_ids ?? []).some((/** @type {string} */ id) => id !== row.id) ? [" to ", links(one.to_ids)] : "",
          one.members_new ? `; ${counted(one.members_new, "new member")}` : "",
          one.members_gone ? `; ${counted(one.members_gone, "member")} gone` : "",
          one.on_one_reporter ? "; one reporter alone put a member there" : ""
        )
      ),
      facts.rests_on.length
        ? p(
            quiet("That reporter’s records: "),
            [...new Set(facts.rests_on)].map((id) => [identifier(/** @type {string} */ (id), 60), " "])
          )
        : "",
      h2("Decisions in this run"),
      p("Status: ", h("strong", shown(words(row.status), 30)), "."),
      past.length
        ? decisionTable(past, false)
        : remark(run.redacted ? "Left out of this copy." : "None names a member."),
      ...(facts.joint ? jointPart(row, facts.joint) : []),
      h2("Files for others"),
      p(
        "Core members by value, the others as a count; STIX and MISP have those alone that an analyst reviewed. CSV, GraphML, PNG and SVG are also on this page."
      ),
      h(
        "ul.plain",
        run.formats.map((one) =>
          li(h("code", `${where} ${one.code} --output FILE`), quiet(` ${one.name}, ${one.description}`))
        )
      ),
      remark("Cluster ", identifier(row.id), " "),
      button("Cite the cluster", () =>
        cite(
          `ringtrace ${run.run}, cluster ${plain(row.id)}: ${counted(row.size, "member")}, ${counted(row.complaints, "complaint")}, ${counted(row.reporters, "reporter")}; clusters/`
        )
      )
    ];
  }
  /** @param {number | null} number that is null where it is too small to show */
  const small = (number) => (number === null ? none("Withheld (small counts)") : count(number));
  /** @param {any} row @param {any} joint what offers brought to the cluster */
  function jointPart(row, joint) {
    const side = (one, /** @type {string} */ end) =>
      shown(`${one[`part_${end}`]} of ${words(one[`contributor_${end}`])}`, 90);
    return [
      h2("What only the union reveals"),
      p(
        `${count(joint.several)} of ${counted(joint.saw.length, "identifier")} were seen by several organisations. Countries and losses are of this run’s own records alone. Complaints, calls and reporters count what offers count too: who reported to both is counted twice.`
      ),
      joint.overlaps.length
        ? p(
            joint.overlaps.map((one) => [
              one.shared === null ? `Fewer than ${count(one.floor)} victims` : counted(one.shared, "victim"),
              " on both sides, ",
              shown(words(one.organisation), 64),
              "’s and this run’s, compared by ",
              shown(one.by, 20),
              " at ",
              shown(one.counted_at, 20),
              ". "
            ]),
            `So at most ${count(row.reporters - joint.both)} distinct people, of ${count(row.reporters)} counted.`
          )
        : "",
      joint.links.length + joint.shared.length
        ? simple(
            "Links and clusters that no organisation has alone",
            ["What", "Between"],
            [
              ...joint.links
                .slice(0, 200)
                .map((one) => ["Link", span(identifier(one[0], 60), " and ", identifier(one[1], 60))]),
              ...joint.shared
                .slice(0, 200)
                .map((one) => [
                  "One cluster",
                  span(side(one, "a"), " and ", side(one, "b"), `, ${counted(one.shared_in_all, "identifier")} shared`)
                ])
            ]
          )
        : "",
      joint.offered.length
        ? simple(
            "What offers say of their own victims, suppressed and rounded by their senders",
            ["Cluster", "Identifiers", "Victims", "By country", "Losses, rounded", "Handling", "Expires"],
            joint.offered.map((one) => [
              shown(`${one.part} of ${words(one.contributor)}`, 90),
              count(one.members),
              small(one.victims_known),
              (one.countries ?? []).length
                ? one.countries.map((each) => `${plain(each.country, 12)} ${count(each.victims)} `)
                : "Withheld (small counts)",
              (one.losses ?? []).length
                ? one.losses.map((each) => `${plain(each.currency, 12)} ${cents(each.amount)} `)
                : "Withheld (small counts)",
              shown(one.tlp, 30),
              one.expires_at ? day(seconds(one.expires_at)) : "–"
            ])
          )
        : "",
      h(
        "details",
        h(
          "summary",
          `Each identifier with everybody who saw it${joint.saw.length > 500 ? `, the first 500 of ${count(joint.saw.length)}` : ""}`
        ),
        simple(
          "Who saw what",
          ["Identifier", "Seen by"],
          joint.saw
            .slice(0, 500)
            .map(([id, rows]) => [
              identifier(id, 60),
              joined(rows, ([org, part, sure]) => [
                shown(words(org), 60),
                part === null ? "" : [" ", shown(part, 60)],
                sure === null || sure === undefined ? "" : ` (${sure.toFixed(2)})`
              ])
            ])
        )
      )
    ];
  }

  // ---------------------------------------------------------------- timeline

  /** @param {any} whole @param {Record<string, string>} state @param {(member: any) => void} open */
  function timelineTab(whole, state, open) {
    const { facts } = whole;
    const rows = [...facts.members].sort((a, b) => a.first - b.first).slice(0, 200);
    if (!rows.length) return remark("No member is shown.");
    const start = Math.floor(Math.min(...rows.map((one) => one.first)) / 86400),
      end = Math.floor(Math.max(...rows.map((one) => one.last)) / 86400) + 1;
    const left = Math.min(
        Math.max(...rows.map((one) => (ruler?.measureText(plain(valueOf(one.id), 70)).width ?? 200) * 0.92), 100) + 14,
        420
      ),
      width = 1000,
      line = 18,
      top = 26,
      scale = (width - left) / Math.max(end - start, 1);
    const x = (/** @type {number} */ at) => left + (at - start) * scale;
    const at = new Map(rows.map((one, n) => [one.place, top + n * line]));
    const drawing = svg("svg", {
      viewBox: `0 0 ${width} ${top + rows.length * line + 6}`,
      class: "timeline",
      role: "group",
      label: `Days on which ${rows.length} identifiers were read`
    });
    const months = [];
    for (
      let month = new Date(start * 864e5);
      month.getTime() < end * 864e5;
      month = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 1))
    )
      months.push(month);
    const step = Math.ceil(months.length / 12);
    months
      .filter((_, n) => n % step === 0)
      .forEach((month, n, every) => {
        const where = Math.max(x(month.getTime() / 864e5), left);
        if (every[n + 1] && x(every[n + 1].getTime() / 864e5) - where < 66) return;
        drawing.append(
          svg("line", { x1: where, x2: where, y1: 16, y2: top + rows.length * line, class: "tick" }),
          svg(
            "text",
            { x: where + 2, y: 12 },
            `${month.getUTCDate()} ${MONTHS[month.getUTCMonth()]}${month.getUTCMonth() === 0 || n === 0 ? ` ${month.getUTCFullYear()}` : ""}`
          )
        );
      });
    for (const one of rows) {
      const y = at.get(one.place) ?? 0;
      const about = `${plain(one.id, 160)}, ${one.tier}, robustness ${count(one.robustness)}, ${day(one.first)} to ${day(one.last)}`;
      const group = svg("g", { class: `life ${tint(one.kind)}`, tabindex: 0, role: "button", label: about });
      group.append(
        svg("title", {}, about),
        svg("rect", { class: "row", x: 0, y: y - 2, width, height: line - 1 }),
        beside(left, y + 10, plain(valueOf(one.id), 70)),
        svg("rect", {
          class: "span",
          x: x(Math.floor(one.first / 86400)),
          y: y + 4,
          width: Math.max((Math.floor(one.last / 86400) - Math.floor(one.first / 86400) + 1) * scale, 2),
          height: 5
        })
      );
      let when = one.days[0] ?? 0;
      const most = Math.max(
        ...one.days.filter((/** @type {number} */ _, /** @type {number} */ n) => n > 0 && n % 2 === 0),
        1
      );
      for (let n = 1; n < one.days.length; n += 2) {
        when += one.days[n];
        group.append(
          svg("rect", {
            class: "cell",
            x: x(when),
            y: y + 1,
            width: Math.max(scale - 0.5, 1.5),
            height: 11,
            opacity: 0.45 + (0.55 * one.days[n + 1]) / most
          })
        );
      }
      group.addEventListener("click", () => open(one));
      group.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => event.key === "Enter" && open(one));
      drawing.append(group);
    }
    for (const [before, after, last, first] of facts.handovers) {
      const y1 = at.get(before),
        y2 = at.get(after);
      if (y1 === undefined || y2 === undefined) continue;
      const x1 = x(Math.floor(last / 86400) + 1),
        x2 = x(Math.floor(first / 86400));
      drawing.append(
        svg("path", {
          class: "handover",
          d: `M${x1} ${y1 + 7} C${x1 + 14} ${y1 + 7} ${x2 - 14} ${y2 + 7} ${x2} ${y2 + 7}`
        })
      );
    }
    return [
      remark(
        "From first to last seen, darker on days with more records. Curves are ",
        term("Handover", "handovers"),
        facts.members.length > rows.length
          ? `; ${counted(facts.members.length - rows.length, "later identifier is", "later identifiers are")} not drawn.`
          : "."
      ),
      scroller("Timeline", drawing),
      facts.handovers.length
        ? h(
            "details",
            h("summary", counted(facts.handovers.length, "handover")),
            h(
              "ul.plain",
              facts.handovers.map(([before, after, last, first]) =>
                li(
                  identifier(facts.members[before].id, 50),
                  ` (last ${day(last)}) to `,
                  identifier(facts.members[after].id, 50),
                  ` (first ${day(first)})`
                )
              )
            )
          )
        : ""
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
  const GRAPH_FILTERS = ["gkinds", "gcore", "gsup", "gtook", "gweight", "gfrom", "guntil"];
  /** How the graph of each cluster was left: its filters, zoom, what was dragged, and opened suppliers. @type {Map<string, any>} */
  const graphViews = new Map();
  const ruler = document.createElement("canvas").getContext("2d");
  if (ruler) ruler.font = "11px system-ui, sans-serif";
  /** A text for a drawing, whole, in lines. @param {string} text */
  function inLines(text) {
    const name = plain(text, 160),
      every = [...name],
      number = Math.ceil(every.length / 32),
      each = Math.ceil(every.length / number);
    const lines = Array.from({ length: number }, (_, at) => every.slice(at * each, (at + 1) * each).join(""));
    return {
      name,
      label: lines.join("\n"),
      half: Math.max(...lines.map((one) => ruler?.measureText(one).width ?? one.length * 6.4), 0) / 2 + 3,
      tall: 13 * lines.length
    };
  }

  /** @param {any} whole @param {Record<string, string>} state @param {(member: any) => void} open */
  function graphTab(whole, state, open) {
    const { row, facts } = whole;
    const canvas = h("div.canvas", {
      tabindex: 0,
      role: "application",
      label: `Graph of ${counted(row.size, "identifier")}: arrows walk, Space keeps what is selected, Enter opens, Shift and arrows move the picture, plus and minus zoom, 0 fits`
    });
    const list = h("div.between", { role: "status" });
    const kinds = /** @type {string[]} */ ([...new Set(facts.members.map((one) => one.kind))]);
    const first = Math.min(...facts.members.map((one) => one.first)),
      last = Math.max(...facts.members.map((one) => one.last));
    const view = graphViews.get(row.id) ?? {
      filters: {},
      places: new Map(),
      camera: null,
      expanded: new Set(),
      selected: []
    };
    graphViews.set(row.id, view);
    const { camera, selected } = view;
    const given = GRAPH_FILTERS.some((name) => state[name]) ? state : view.filters;
    const hidden = new Set((given.gkinds ?? "").split(",").filter((/** @type {string} */ one) => kinds.includes(one)));
    const endOfDay = (/** @type {number} */ when) => (Math.floor(when / 86400) + 1) * 86400 - 1;
    const startOfDay = (/** @type {number} */ when) => Math.floor(when / 86400) * 86400;
    const dated = Date.parse(given.guntil ?? "") / 1000,
      since = Date.parse(given.gfrom ?? "") / 1000;
    let coreOnly = given.gcore === "1",
      suppliers = given.gsup === "1",
      took = given.gtook === "1",
      weight = Number(given.gweight) || 0;
    let until = dated >= first - 86400 && endOfDay(dated) < last ? endOfDay(dated) : last;
    let from = since > first && since <= until ? startOfDay(since) : first;
    const fromText = h("span.quiet"),
      untilText = h("span.quiet");
    const lately = h("p.quiet.lately");
    /** @type {any} */ let cy = null;
    let label = () => {};
    let labelling = 0,
      keeping = 0;
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;

    function apply() {
      clearTimeout(keeping);
      keeping = setTimeout(() => {
        // an address cannot change as often as a slider
        view.filters = {
          gkinds: [...hidden].join(","),
          gcore: coreOnly ? "1" : "",
          gsup: suppliers ? "1" : "",
          gtook: took ? "1" : "",
          gweight: weight ? String(weight) : "",
          gfrom: from > first ? new Date(from * 1000).toISOString().slice(0, 10) : "",
          guntil: until < last ? new Date(until * 1000).toISOString().slice(0, 10) : ""
        };
        if (canvas.isConnected && place().id === row.id) remember(view.filters);
      }, 250);
      showDays();
      const then = until < last,
        taken = then
          ? facts.handovers.filter((one) => one[2] >= from && one[3] <= until && one[3] > until - PAST_DAYS * 86400)
          : [];
      lately.replaceChildren(
        ...(then
          ? [
              taken.length ? "" : "No handover in the week before.",
              ...taken
                .slice(-4)
                .map(([before, after, , at]) =>
                  span(
                    identifier(facts.members[before].id, 40),
                    " gave way to ",
                    identifier(facts.members[after].id, 40),
                    ` on ${day(at)}. `
                  )
                )
            ]
          : [])
      );
      if (!cy) return;
      cy.batch(() => {
        cy.nodes().forEach((node) => {
          const one = node.data("member");
          node.toggleClass(
            "off",
            !(one
              ? !hidden.has(one.kind) && (!coreOnly || one.tier === "core") && one.first <= until && one.last >= from
              : suppliers)
          );
          node.toggleClass("past", Boolean(one) && then && one.last < until - PAST_DAYS * 86400);
        });
        cy.edges().forEach((edge) =>
          edge.toggleClass(
            "off",
            (edge.data("first") ?? 0) > until || (edge.hasClass("took") ? !took && !then : edge.data("weight") < weight)
          )
        );
      });
      label();
    }
    let playing = 0;
    // A slider has whole days: between two of its steps, an arrow key would lead back to where it was.
    const slides = (/** @type {string} */ name, /** @type {(when: number) => void} */ set) =>
      h("input", {
        type: "range",
        min: startOfDay(first),
        max: startOfDay(last),
        step: 86400,
        label: name,
        oninput: (event) => set(Number(event.target.value))
      });
    const fromSlider = slides("From", (when) => {
      from = Math.max(startOfDay(when), first);
      until = Math.max(until, Math.min(endOfDay(from), last));
      apply();
    });
    const untilSlider = slides("Until", setUntil);
    function setUntil(/** @type {number} */ when) {
      until = Math.min(endOfDay(when), last);
      from = Math.min(from, Math.max(startOfDay(until), first));
      apply();
    }
    function showDays() {
      for (const [slider, text, when] of [
        [fromSlider, fromText, from],
        [untilSlider, untilText, until]
      ]) {
        text.textContent = day(when);
        slider.value = String(startOfDay(when));
        slider.setAttribute("aria-valuetext", day(when));
      }
    }
    showDays();
    const play = button("Replay", () => {
      if (playing) {
        clearInterval(playing);
        playing = 0;
        play.textContent = "Replay";
        return;
      }
      play.textContent = "Stop";
      let when = until < last ? until : from;
      playing = setInterval(() => {
        if (!canvas.isConnected || when > last) {
          clearInterval(playing);
          playing = 0;
          play.textContent = "Replay";
          if (canvas.isConnected) setUntil(last);
          return;
        }
        setUntil(when);
        when += Math.max((last - from) / 60, 86400);
      }, 200);
    });
    const zoom = (/** @type {number} */ by) =>
      cy?.zoom({ level: cy.zoom() * by, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
    const fit = () => cy?.fit(cy.nodes(":visible"), 40);
    /** @param {string} text @param {boolean} checked @param {(on: boolean) => void} change @param {any} [before] */
    const box = (text, checked, change, before) =>
      h(
        "label.check",
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
    const tools = h(
      "div.bar.graph-tools",
      button("Zoom in", () => zoom(1.3)),
      button("Zoom out", () => zoom(1 / 1.3)),
      button("Fit", fit),
      kinds.map((kind) =>
        box(
          words(kind),
          !hidden.has(kind),
          (on) => {
            if (on) hidden.delete(kind);
            else hidden.add(kind);
          },
          dot(kind)
        )
      ),
      box("Core only", coreOnly, (on) => {
        coreOnly = on;
      }),
      facts.suppliers.length
        ? box("Suppliers", suppliers, (on) => {
            suppliers = on;
            if (on) requestAnimationFrame(() => cy?.nodes(".supplier").some((one) => !inside(one, 0)) && fit());
          })
        : null,
      facts.handovers.length
        ? box("Handovers", took, (on) => {
            took = on;
          })
        : null,
      h(
        "label.check",
        "Weight from",
        h("input", {
          type: "number",
          min: 0,
          step: 0.5,
          value: weight,
          onchange: (event) => {
            weight = Number(event.target.value) || 0;
            apply();
          }
        })
      ),
      h("label.check", "From", fromSlider, fromText),
      h("label.check", "Until", untilSlider, untilText),
      play,
      button("Download PNG", () => cy && graphPng(cy, dark, `${plainName(row.id)}.png`)),
      button("SVG", () => cy && download(`${plainName(row.id)}.svg`, graphSvg(cy), "image/svg+xml")),
      button("GraphML", () => download(`${plainName(row.id)}.graphml`, graphml(facts), "application/xml"))
    );

    const close = () =>
      button(
        "×",
        () => {
          kept.clear();
          select([]);
          canvas.focus();
        },
        { label: "Close" },
        ".close"
      );
    /** What was selected, and what ties it. @param {any[]} members @param {any} [link] that was clicked */
    function between(members, link) {
      view.selected = members.map((one) => one.place);
      cy?.edges().removeClass("path near");
      cy?.nodes(":selected")
        .connectedEdges()
        .filter((one) => one.data("link"))
        .addClass("near");
      if (!members.length) return list.replaceChildren();
      const opener = (one) => button(briefly(valueOf(one.id), 48), () => open(one), {}, ".mini");
      const chosen = h(
        "div.bar",
        close(),
        h("b", `${count(members.length)} selected`),
        button("Cite", () => cite(citation(row, members))),
        button("CSV", () => membersCsv(row, members)),
        members.slice(0, 12).map(opener),
        members.length > 12
          ? h("details", h("summary", `${counted(members.length - 12, "other")}`), members.slice(12, 500).map(opener))
          : null
      );
      if (members.length === 1) return list.replaceChildren(chosen, pathForm(members[0]));
      if (members.length !== 2) return list.replaceChildren(chosen);
      const [a, b] = members,
        found = link ? [link] : strongestPath(facts, a.place, b.place);
      list.replaceChildren(
        chosen,
        found.length
          ? div(
              h(
                "b",
                link ? (link.accepted ? "Link" : "Link that was rejected") : `Path of ${counted(found.length, "link")}`
              ),
              h(
                "ol",
                found.map((one) =>
                  li(
                    identifier(one.ends[0].id, 60),
                    " and ",
                    identifier(one.ends[1].id, 60),
                    quiet(
                      ` ${counted(one.complaints, "complaint")}, ${counted(one.calls, "call")}, ${counted(one.reporters, "person", "people")}, weight ${one.weight.toFixed(1)}, ${words(one.strength).toLowerCase()}, ${day(one.first)} to ${day(one.last)}`,
                      one.accepted ? "" : ["; ", shown(one.reason, 160)],
                      one.ids.length ? ": " : ""
                    ),
                    recordLinks(row, one, 4)
                  )
                )
              )
            )
          : p("No accepted links lead from one to the other."),
        run.redacted
          ? ""
          : h(
              "div.bar",
              button("Same operation", () => decide("must_link", { ...whole, other: row.id }, a.id, b.id)),
              button("Keep apart", () => decide("cannot_link", whole, a.id, b.id))
            )
      );
      if (cy) for (const one of found) cy.getElementById(`e${one.a}-${one.b}`).addClass("path");
    }
    /** Asks for the other end of a path. @param {any} member */
    function pathForm(member) {
      const to = h("input", {
        list: "path-ends",
        autocomplete: "off",
        label: "Path to",
        placeholder: "Path to: in any form",
        size: 26
      });
      return h(
        "form.bar",
        {
          onsubmit: (/** @type {Event} */ event) => {
            event.preventDefault();
            const other = memberBy(facts, to.value);
            if (!other || other === member)
              return toast(
                other ? "That is the same identifier: name another." : "No member of this cluster is written so."
              );
            select([member, other]);
            canvas.focus();
          }
        },
        to,
        h(
          "datalist",
          { id: "path-ends" },
          facts.members
            .slice(0, 300)
            .filter((one) => one !== member)
            .map((one) => h("option", { value: plain(valueOf(one.id), 200) }))
        ),
        h("button", { type: "submit" }, "Show the path")
      );
    }
    /** @param {any} one a supplier */
    function supplied(one) {
      list.replaceChildren(
        h(
          "div.bar",
          close(),
          h("b", words(one.kind)),
          identifier(one.id, 60),
          quiet(
            `${counted(one.records, "record")} here; serves ${counted(one.clusters, "cluster")}${one.others.length ? ", among them:" : ""}`
          )
        ),
        h(
          "ul.plain",
          one.others.map((/** @type {string} */ id) =>
            li(toNamed(id), " ", anchor(address("compare", { a: row.id, b: id }), "Compare"))
          )
        )
      );
    }
    let quietly = false,
      asked = false;
    /** Says what is selected, once for all that changed together. @param {any} [link] */
    function chosen(link) {
      const nodes = cy.nodes(":selected"),
        supplier = nodes.length === 1 && nodes[0].data("supplier");
      if (supplier) supplied(supplier);
      else between(nodes.map((node) => node.data("member")).filter(Boolean), link);
    }
    /** @param {any[]} members @param {any} [link] */
    function select(members, link) {
      quietly = true;
      cy?.batch(() => {
        cy.elements().unselect();
        for (const one of members) cy.getElementById(`m${one.place}`).select();
      });
      quietly = false;
      between(members, link);
    }

    Promise.all([withCytoscape(), new Promise(requestAnimationFrame)])
      .then(([cytoscape]) => {
        // the page has the canvas only after this turn
        if (!canvas.isConnected) return;
        const edge = dark ? "#6d7681" : "#868e97",
          text = dark ? "#e7e9ec" : "#1b1e23",
          panel = dark ? "#1b1f24" : "#ffffff",
          accent = dark ? "#8fbcf5" : "#0b4f9e",
          warn = dark ? "#ffc878" : "#8a3a00";
        const drawn = facts.members.slice(0, DRAWN);
        const nodes = drawn.map((one, /** @type {number} */ n) => ({
          data: {
            id: `m${one.place}`,
            member: one,
            ...inLines(valueOf(one.id)),
            colour: looksOf(one.kind)[2],
            shape: looksOf(one.kind)[3],
            size: 9 + 3 * Math.log2(1 + one.complaints + one.calls)
          },
          classes: [
            one.tier === "core" ? "" : "verify",
            one.bridge ? "bridge" : "",
            one.status === "contested" ? "contested" : ""
          ].join(" "),
          position: one.at
            ? { x: one.at[0] * 1000, y: one.at[1] * 620 }
            : {
                x: 500 + 420 * Math.cos((n * 6.283) / drawn.length),
                y: 310 + 260 * Math.sin((n * 6.283) / drawn.length)
              }
        }));
        const edges = facts.links
          .slice(0, DRAWN_LINKS)
          .filter((one) => one.a < DRAWN && one.b < DRAWN)
          .map((one) => ({
            data: {
              id: `e${one.a}-${one.b}`,
              source: `m${one.a}`,
              target: `m${one.b}`,
              link: one,
              weight: one.weight,
              width: 1 + Math.min(one.weight, 12) / 2,
              first: one.first
            },
            classes: one.accepted ? "" : "doubted"
          }));
        facts.handovers.forEach(
          ([before, after, , at]) =>
            before < DRAWN &&
            after < DRAWN &&
            edges.push({
              data: { id: `h${before}-${after}`, source: `m${before}`, target: `m${after}`, width: 2, first: at },
              classes: "took"
            })
        );
        const above = Math.min(0, ...nodes.map((one) => one.position.y)) - 70;
        facts.suppliers.slice(0, DRAWN_SUPPLIERS).forEach((one, /** @type {number} */ n) => {
          nodes.push({
            data: {
              id: `s${n}`,
              member: null,
              supplier: one,
              ...inLines(one.id),
              colour: panel,
              shape: "round-rectangle",
              size: 16
            },
            classes: "supplier",
            position: { x: 100 * n - 50, y: above }
          });
          one.links.forEach(
            ([member, records]) =>
              member < DRAWN &&
              edges.push({
                data: {
                  id: `s${n}-${member}`,
                  source: `s${n}`,
                  target: `m${member}`,
                  weight: 1e9,
                  width: 1 + Math.log2(records),
                  first: 0
                },
                classes: "soft"
              })
          );
        });
        for (const one of nodes) one.position = view.places.get(one.data.id) ?? one.position;
        cy = cytoscape({
          container: canvas,
          elements: [...nodes, ...edges],
          layout: { name: "preset", fit: true, padding: 40 },
          minZoom: 0.2,
          maxZoom: 8,
          boxSelectionEnabled: true,
          pixelRatio: "auto",
          style: [
            {
              selector: "node",
              style: {
                "background-color": "data(colour)",
                shape: "data(shape)",
                width: "data(size)",
                height: "data(size)",
                label: "",
                color: text,
                "font-size": 10,
                "text-valign": "bottom",
                "text-margin-y": 3,
                "text-wrap": "wrap",
                "text-max-width": 9999,
                "text-outline-color": panel,
                "text-outline-width": 2,
                "font-family": "system-ui, sans-serif"
              }
            },
            {
              selector: "node.verify",
              style: {
                "background-opacity": 0.45,
                "border-width": 1.5,
                "border-style": "dashed",
                "border-color": "data(colour)"
              }
            },
            {
              selector: "node.bridge",
              style: { "border-width": 3, "border-color": "#b8460b", "border-style": "solid" }
            },
            {
              selector: "node.contested",
              style: { "border-width": 3, "border-color": "#c4122f", "border-style": "double" }
            },
            {
              selector: "node.supplier",
              style: { "border-width": 2, "border-color": edge, "background-color": panel }
            },
            {
              selector: "edge",
              style: {
                width: "data(width)",
                "line-color": edge,
                opacity: edges.length > 800 ? 0.25 : 0.7,
                "curve-style": "haystack"
              }
            },
            {
              selector: "edge.doubted",
              style: { "line-style": "dotted", "line-color": "#b8460b", "curve-style": "straight" }
            },
            { selector: "edge.soft", style: { "line-style": "dashed", opacity: 0.4, "curve-style": "straight" } },
            {
              selector: "edge.took",
              style: {
                "line-color": warn,
                "target-arrow-color": warn,
                "target-arrow-shape": "triangle",
                "curve-style": "unbundled-bezier",
                "control-point-distances": 30,
                "control-point-weights": 0.5,
                opacity: 1,
                "z-index": 8
              }
            },
            { selector: "edge.near", style: { "line-color": accent, opacity: 0.9 } },
            { selector: "edge.path", style: { "line-color": accent, opacity: 1, width: 5 } },
            { selector: ".past", style: { opacity: 0.25 } },
            { selector: ".off", style: { display: "none" } },
            {
              selector: ":selected",
              style: { "border-width": 4, "border-color": accent, "border-style": "solid", "z-index": 9 }
            }
          ]
        });
        graph = cy;
        label = () => labels(cy);
        cy.edges().unselectify();
        for (const id of view.expanded) expand(cy.getElementById(id), true);
        cy.on("viewport", () => {
          view.camera = { zoom: cy.zoom(), pan: { ...cy.pan() } };
        });
        cy.on("dragfree", "node", (event) => view.places.set(event.target.id(), { ...event.target.position() }));
        cy.on("zoom pan dragfree select unselect", () => {
          clearTimeout(labelling);
          labelling = setTimeout(label, 100);
        });
        apply();
        if (camera) cy.viewport(camera);
        else fit();
        cy.on("tap", "node", (event) => {
          const node = event.target;
          cursor = node;
          if (!event.originalEvent?.shiftKey) kept.clear();
          enter(node);
        });
        cy.on("tap", "edge", (event) => {
          const link = event.target.data("link");
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
        const start = memberOf(facts, state.id);
        if (start && selected.includes(start.place))
          select(selected.map((/** @type {number} */ one) => facts.members[one]));
        else if (start) select([start]);
        document.documentElement.dataset.graph = row.id;
      })
      .catch((/** @type {Error} */ error) => canvas.replaceChildren(p(error.message)));

    /** Opens what a node stands for. @param {any} node */
    function enter(node) {
      if (node.data("member")) open(node.data("member"));
      else if (node.data("supplier")) expand(node);
      else if (node.data("other")) location.hash = toCluster(node.data("other"));
    }
    /** Shows the clusters that a supplier serves, or hides them again. @param {any} node @param {boolean} [again] */
    function expand(node, again = false) {
      const one = node.data("supplier"),
        id = node.id();
      if (!one) return;
      if (!again && view.expanded.delete(id)) return void cy.nodes(`.of-${id}`).remove();
      view.expanded.add(id);
      const { x, y } = node.position(),
        panel = dark ? "#1b1f24" : "#ffffff";
      one.others.forEach((/** @type {string} */ other, /** @type {number} */ n) =>
        cy.add([
          {
            group: "nodes",
            data: {
              id: `${id}-c${n}`,
              member: null,
              other,
              ...inLines(clusterOf.has(other) ? titleOf(clusterOf.get(other)) : "single identifier"),
              colour: panel,
              shape: "round-rectangle",
              size: 14
            },
            classes: `supplier of-${id}`,
            position: view.places.get(`${id}-c${n}`) ?? {
              x: x + (n - (one.others.length - 1) / 2) * 150,
              y: y - 60 - (n % 2) * 40
            }
          },
          {
            group: "edges",
            data: { id: `${id}-e${n}`, source: id, target: `${id}-c${n}`, weight: 1e9, width: 1, first: 0 },
            classes: "soft"
          }
        ])
      );
      if (again) return;
      if (cy.nodes(`.of-${id}`).some((each) => !inside(each, 0))) fit();
      label();
    }
    /** @param {any} node @param {number} margin @returns {boolean} */
    const inside = (node, margin) => {
      const at = node.renderedPosition();
      return at.x >= margin && at.y >= margin && at.x <= cy.width() - margin && at.y <= cy.height() - margin;
    };

    /** Where the keys are, and what Space keeps selected. @type {any} */ let cursor = null;
    /** @type {Set<any>} */ const kept = new Set();
    /** The nearest node in a direction, sideways distance counting double; from an edge, the farthest on the other side. @param {number} dx @param {number} dy */
    function towards(dx, dy) {
      const seen = cy.nodes(":visible").toArray();
      if (!cursor || cursor.removed() || cursor.hasClass("off")) return cy.nodes(":selected")[0] ?? seen[0];
      const from = cursor.position();
      let best = null,
        least = Infinity,
        behind = null,
        most = 0;
      for (const node of seen) {
        const at = node.position(),
          along = (at.x - from.x) * dx + (at.y - from.y) * dy,
          aside = Math.abs((at.x - from.x) * dy + (at.y - from.y) * dx);
        if (along > 0.5 && along + 2 * aside < least) {
          best = node;
          least = along + 2 * aside;
        }
        if (along < most) {
          behind = node;
          most = along;
        }
      }
      return best ?? behind ?? cursor;
    }
    canvas.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (!cy) return;
      const arrow = ARROWS[event.key];
      if (arrow && event.shiftKey) cy.panBy({ x: -60 * arrow[0], y: -60 * arrow[1] });
      else if (arrow) {
        cursor = towards(...arrow);
        if (!cursor) return;
        const one = cursor.data("member"),
          at = cursor.renderedPosition();
        quietly = true;
        cy.batch(() => {
          cy.elements().unselect();
          for (const each of kept) each.select();
          cursor.select();
        });
        quietly = false;
        if (!inside(cursor, 20)) cy.panBy({ x: cy.width() / 2 - at.x, y: cy.height() / 2 - at.y });
        canvas.setAttribute(
          "aria-description",
          one
            ? `${plain(one.id, 100)}, ${one.tier}, ${counted(one.reporters, "person", "people")}`
            : plain(cursor.data("name"), 100)
        );
        chosen();
      } else if (event.key === " " && cursor) {
        if (!kept.delete(cursor)) kept.add(cursor);
      } else if (event.key === "Enter" && cursor) enter(cursor);
      else if (event.key === "Escape") {
        kept.clear();
        cy.elements().unselect();
      } else if (event.key === "+" || event.key === "=") zoom(1.3);
      else if (event.key === "-") zoom(1 / 1.3);
      else if (event.key === "0") fit();
      else return;
      event.preventDefault();
    });
    between([]);
    const legend = remark(
      "Click an identifier or a line; shift and click, or shift and drag, selects several; two show the path between them; a supplier opens the clusters that it serves. Thicker lines have more evidence; dotted: rejected; dashed: a supplier’s; arrows: ",
      term("Handover", "handovers"),
      ". Faint nodes: ",
      term("Verify", "verify"),
      " before use, or, at an earlier day, not seen for a week; orange rim: ",
      term("Bridge", "bridge"),
      "; red rim: ",
      term("Contested", "contested"),
      "."
    );
    return [
      tools,
      h("div.stage", canvas, lately, list),
      legend,
      facts.links.length + facts.more_links > DRAWN_LINKS
        ? remark(
            `${counted(facts.links.length + facts.more_links - DRAWN_LINKS, "weaker link is", "weaker links are")} not drawn.`
          )
        : "",
      facts.members.length > DRAWN
        ? remark(
            `${counted(facts.members.length - DRAWN, "identifier that fewer records name is", "identifiers that fewer records name are")} not drawn.`
          )
        : ""
    ];
  }
  /** A member by a number, site or account in any form. @param {any} facts @param {string} text @returns {any} */
  function memberBy(facts, text) {
    const key = folded(text.trim().replace(/^(phone|domain|email|remote|account|wallet|handle|url):/i, "")),
      number = digitsOf(text);
    if (!key) return null;
    return (
      facts.members.find((one) => folded(valueOf(one.id)) === key) ??
      facts.members.find((one) =>
        number && one.kind === "phone" ? bareValue(one.id).endsWith(number) : bareValue(one.id).includes(key)
      )
    );
  }
  /** Links to the records of a link. @param {any} row @param {any} one @param {number} most */
  const recordLinks = (row, one, most) => [
    one.ids
      .slice(0, most)
      .map((/** @type {string} */ id) => [
        h(
          "a.id",
          { href: toCluster(row.id, { tab: "records", rq: id.slice(id.lastIndexOf("|") + 1) }) },
          brief(id.slice(id.lastIndexOf("|") + 1), 30)
        ),
        " "
      ]),
    one.ids.length > most ? quiet(`+${count(one.ids.length - most)}`) : null
  ];
  /** Writes the values of nodes, the most reported first, where they cover no other; whole, inside the picture, and as large at any zoom. @param {any} cy */
  function labels(cy) {
    if (cy.destroyed()) return;
    const zoom = cy.zoom(),
      pan = cy.pan(),
      width = cy.width(),
      height = cy.height();
    const nodes = cy
      .nodes()
      .filter((node) => !node.hasClass("off"))
      .toArray()
      .map((node) => {
        const at = node.position(),
          r = (node.data("size") * zoom) / 2;
        return {
          node,
          x: at.x * zoom + pan.x,
          y: at.y * zoom + pan.y,
          r,
          selected: node.selected(),
          size: node.data("size")
        };
      });
    nodes.sort((a, b) => Number(b.selected) - Number(a.selected) || b.size - a.size);
    /** @type {Map<number, number[][]>} */ const taken = new Map();
    const rows = (/** @type {number[]} */ box) => {
      const found = [];
      for (let row = Math.floor(box[1] / 20); row <= Math.floor(box[3] / 20); row++) found.push(row);
      return found;
    };
    const take = (/** @type {number[]} */ box) =>
      rows(box).forEach((row) => {
        if (!taken.has(row)) taken.set(row, []);
        taken.get(row)?.push(box);
      });
    const covers = (/** @type {number[]} */ box) =>
      rows(box).some((row) =>
        taken.get(row)?.some((one) => box[0] < one[2] && box[2] > one[0] && box[1] < one[3] && box[3] > one[1])
      );
    for (const { x, y, r } of nodes) take([x - r * 0.7, y - r * 0.7, x + r * 0.7, y + r * 0.7]);
    cy.batch(() => {
      for (const { node, x, y, r, selected } of nodes) {
        const half = node.data("half"),
          tall = node.data("tall"),
          seen = x > 0 && x < width && y > 0 && y < height;
        const aside = seen ? Math.max(half + 2 - x, 0) + Math.min(width - 2 - half - x, 0) : 0,
          above = seen && y + r + 4 + tall > height;
        const top = above ? y - r - 4 - tall : y + r + 2,
          box = [x - half + aside, top, x + half + aside, top + tall];
        const free = selected || !covers(box);
        if (free) take(box);
        if (free)
          node.style({
            label: node.data("label"),
            "font-size": 11 / zoom,
            "text-valign": above ? "top" : "bottom",
            "text-margin-x": aside / zoom,
            "text-margin-y": (above ? -3 : 3) / zoom,
            "text-outline-width": 2 / zoom
          });
        else if (node.style("label")) node.removeStyle("label");
      }
    });
  }
  /** @param {string} base64 @param {string} name */
  function fetchless(base64, name) {
    download(
      name,
      Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)),
      "image/png"
    );
  }
  /** @param {any} member whether a file that is passed on may name it */
  const leaves = (member) => member?.tier === "core" && member.status === "infrastructure";
  /** The graph as it stands, as PNG: core members by value. @param {any} cy @param {boolean} dark @param {string} name */
  function graphPng(cy, dark, name) {
    cy.nodes()
      .filter((one) => !leaves(one.data("member")))
      .forEach((one) => one.removeStyle("label"));
    fetchless(cy.png({ full: true, scale: 2, bg: dark ? "#1b1f24" : "#ffffff", output: "base64" }), name);
    labels(cy);
  }
  /** The graph as it stands, core members by value. @param {any} cy @returns {string} */
  function graphSvg(cy) {
    const seen = (one) => !one.hasClass("off");
    const nodes = cy.nodes().filter(seen),
      box = nodes.boundingBox({ includeLabels: false });
    const pad = Math.max(
      60,
      ...nodes.filter((one) => leaves(one.data("member"))).map((one) => one.data("name").length * 2.2 + 10)
    );
    const drawing = svg("svg", { viewBox: `${box.x1 - pad} ${box.y1 - pad} ${box.w + 2 * pad} ${box.h + 2 * pad}` });
    cy.edges()
      .filter((one) => seen(one) && seen(one.source()) && seen(one.target()))
      .forEach((one) => {
        const a = one.source().position(),
          b = one.target().position();
        drawing.append(
          svg("line", {
            x1: a.x,
            y1: a.y,
            x2: b.x,
            y2: b.y,
            stroke: "#868e97",
            "stroke-width": one.data("width"),
            "stroke-opacity": 0.6,
            ...(one.hasClass("doubted") || one.hasClass("soft") ? { "stroke-dasharray": "4 3" } : {})
          })
        );
      });
    nodes.forEach((one) => {
      const { x, y } = one.position(),
        r = one.data("size") / 2,
        member = one.data("member");
      drawing.append(
        svg("circle", {
          cx: x,
          cy: y,
          r,
          fill: member ? one.data("colour") : "#ffffff",
          stroke: "#333333",
          "stroke-width": 0.5
        })
      );
      if (leaves(member))
        drawing.append(
          svg(
            "text",
            { x, y: y + r + 9, "font-size": 7, "font-family": "sans-serif", "text-anchor": "middle", fill: "#111" },
            one.data("name")
          )
        );
    });
    return new XMLSerializer().serializeToString(drawing);
  }
  /** @type {Promise<any> | null} */ let cytoscapeLoad = null;
  function withCytoscape() {
    cytoscapeLoad ??= new Promise((resolve, reject) => {
      addScript("cytoscape.min.js", reject).onload = () => resolve(/** @type {any} */ (window).cytoscape);
    });
    return cytoscapeLoad;
  }
  /** The most likely path: each link of weight w is right with 1 - 2^-w. @param {any} facts @param {number} from @param {number} to @returns {any[]} */
  function strongestPath(facts, from, to) {
    const doubt = new Map([[from, 0]]),
      by = new Map(),
      done = new Set();
    for (;;) {
      let here = -1;
      for (const [one, value] of doubt) if (!done.has(one) && (here < 0 || value < (doubt.get(here) ?? 0))) here = one;
      if (here < 0) return [];
      if (here === to) break;
      done.add(here);
      for (const one of facts.members[here].links) {
        if (!one.accepted) continue;
        const other = one.a === here ? one.b : one.a;
        const value = (doubt.get(here) ?? 0) - Math.log(1 - 2 ** -Math.max(one.weight, 1e-6));
        if (value < (doubt.get(other) ?? Infinity)) {
          doubt.set(other, value);
          by.set(other, one);
        }
      }
    }
    const path = [];
    for (let at = to; at !== from;) {
      const one = by.get(at);
      path.unshift(one);
      at = one.a === at ? one.b : one.a;
    }
    return path;
  }
  /** @param {any} facts @returns {string} core members by value, the others counted */
  function graphml(facts) {
    const core = facts.members.filter(leaves);
    const kept = new Set(core.map((one) => one.place));
    const safe = (text) => plain(text, 2000).replace(/[<>&"']/g, (one) => `&#${one.charCodeAt(0)};`);
    const keys = ["label", "kind", "tier", "review", "reporters"];
    return (
      `<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n${keys.map((one) => `<key id="${one}" for="node" attr.name="${one}" attr.type="string"/>`).join("")}<key id="weight" for="edge" attr.name="weight" attr.type="double"/><key id="left" for="graph" attr.name="members_left_out" attr.type="int"/>\n<graph edgedefault="undirected"><data key="left">${facts.members.length - core.length + facts.left_out}</data>\n` +
      core
        .map(
          (one) =>
            `<node id="n${one.place}"><data key="label">${safe(one.id)}</data>${keys
              .slice(1)
              .map((key) => `<data key="${key}">${safe(one[key])}</data>`)
              .join("")}</node>`
        )
        .join("\n") +
      "\n" +
      facts.links
        .filter((one) => kept.has(one.a) && kept.has(one.b))
        .map((one) => `<edge source="n${one.a}" target="n${one.b}"><data key="weight">${one.weight}</data></edge>`)
        .join("\n") +
      "\n</graph>\n</graphml>\n"
    );
  }

  // ---------------------------------------------------------------- lists of the run

  /** @param {Record<string, string>} state */
  async function sharedView(state) {
    const found = await load("shared");
    const rows = objects(found.columns, found.rows);
    const list = table({
      state,
      rows,
      caption: "Identifiers that several organisations see",
      sort: "-total",
      text: (one) => `${one.id} ${pretty(one.id)} ${one.orgs.map((org) => org[0]).join(" ")}`,
      columns: [
        {
          name: "id",
          head: "Identifier",
          sorts: true,
          klass: "who",
          cell: (one) => [
            anchor(one.cluster ? toCluster(one.cluster, { id: one.id }) : null, briefly(one.id, 50)),
            prettily(one.id),
            one.tier ? standing(one) : ""
          ]
        },
        {
          name: "cluster",
          head: "Cluster",
          klass: "name",
          cell: (one) =>
            clusterOf.has(one.cluster) ? clusterName(clusterOf.get(one.cluster), { id: one.id }) : "single identifier"
        },
        {
          name: "total",
          head: "Records",
          number: true,
          value: (one) => one.orgs.reduce((/** @type {number} */ sum, org) => sum + org[1] + org[2], 0),
          cell: (one) => count(one.orgs.reduce((/** @type {number} */ sum, org) => sum + org[1] + org[2], 0))
        },
        {
          name: "orgs",
          head: "Who saw what",
          klass: "words",
          cell: (one) =>
            one.orgs.map((org) =>
              div(
                h("b", shown(words(org[0]), 40)),
                ` ${counted(org[1], "complaint")}, ${counted(org[2], "call")} as ${org[3].map((/** @type {string} */ role) => words(role).toLowerCase()).join(", ")}, ${day(seconds(org[4]))} to ${day(seconds(org[5]))}`
              )
            )
        }
      ],
      open: (one) => one.cluster && (location.hash = toCluster(one.cluster, { id: one.id }))
    });
    return [
      headline(
        "Seen by more than one organisation",
        p(
          `${counted(run.shared, "identifier")} that records of several organisations name, which none of them can see alone.`,
          run.joint
            ? ` Only the union reveals ${counted(run.joint.links, "link")} and that ${counted(run.joint.merged, "pair")} of clusters are one; the page of each cluster lists its own.`
            : "",
          run.shared > rows.length
            ? run.redacted
              ? ` ${count(rows.length)} of them are here; the others are left out of this copy.`
              : ` The first ${count(rows.length)} are here, the others in entities/.`
            : ""
        )
      ),
      list.element,
      run.joint
        ? simple(
            "Offers of other organisations",
            ["Organisation", "Issued", "Handling", "SHA-256", "Its evidence"],
            run.joint.offers.map((one) => [
              shown(words(one.sender), 64),
              shown(one.issued_at, 24),
              shown(one.tlp, 30),
              h("span.id", { title: plain(one.sha256, 80) }, plain(one.sha256, 12)),
              one.why ? ["left out: ", shown(one.why, 120)] : "is in this run"
            ])
          )
        : ""
    ];
  }
  /** @param {Record<string, string>} state */
  function contestedView(state) {
    const rows = objects(["cluster", "id", "reason", "complaints", "calls", "first", "last"], run.contested.rows);
    const list = table({
      state,
      rows,
      caption: "Contested identifiers",
      sort: "-complaints",
      text: (one) => `${one.id} ${one.reason}`,
      columns: [
        {
          name: "id",
          head: "Withheld id",
          sorts: true,
          klass: "who",
          cell: (one) => anchor(one.cluster ? toCluster(one.cluster, { id: one.id }) : null, briefly(one.id, 60))
        },
        {
          name: "cluster",
          head: "Cluster",
          klass: "name",
          cell: (one) =>
            clusterOf.has(one.cluster)
              ? clusterName(clusterOf.get(one.cluster), { id: one.id })
              : shown(one.cluster, 40)
        },
        { name: "reason", head: "Who says what", klass: "words", cell: (one) => shown(one.reason, 200) },
        counts("complaints", "Complaints"),
        counts("calls", "Calls"),
        dates("last", "Last seen"),
        deciding((one) =>
          one.cluster
            ? ["suspect_held", "victim_owned"].map((kind) =>
                button(
                  WORDS[kind],
                  async () => {
                    const whole = await wholeCluster(one.cluster);
                    if (whole) decide(kind, whole, one.id);
                  },
                  { label: `${WORDS[kind]}: ${plain(one.id, 60)}` }
                )
              )
            : ""
        )
      ]
    });
    return [
      headline(
        "Contested",
        p(
          TERMS.Contested,
          " Find out who holds it, then decide that the scammer holds it, or that it is a victim’s own.",
          run.contested.total > rows.length ? ` The first ${count(rows.length)} are here, the others in entities/.` : ""
        )
      ),
      rows.length ? list.element : p("No identifier is contested.")
    ];
  }
  /** @param {Record<string, string>} state */
  function suppliersView(state) {
    const rows = objects(["id", "kind", "clusters", "records", "of"], run.suppliers.rows);
    const list = table({
      state,
      rows,
      caption: "Suppliers",
      sort: "-clusters",
      text: (one) => `${one.id} ${one.kind}`,
      extra: [choice("Any kind", "kind", new Set(rows.map((one) => one.kind)), state)],
      filter: (one) => !state.kind || one.kind === state.kind,
      columns: [
        { name: "id", head: term("Supplier"), sorts: true, klass: "who", cell: (one) => identifier(one.id, 70) },
        { name: "kind", head: "Kind", sorts: true, cell: (one) => words(one.kind) },
        counts("clusters", "Clusters"),
        counts("records", "Records"),
        {
          name: "of",
          head: "Serves",
          klass: "words",
          cell: (one) =>
            joined(one.of, (id) => toNamed(id, undefined, { tab: "suppliers" })).concat(
              unnamed(one.clusters - one.of.length)
            )
        }
      ]
    });
    return [
      headline(
        "Suppliers",
        p(
          TERMS.Supplier,
          run.suppliers.total > rows.length
            ? ` The first ${count(rows.length)} are here, the others in suppliers/.`
            : ""
        )
      ),
      list.element
    ];
  }

  /** @param {Record<string, string>} state */
  async function campaignsView(state) {
    const { rows: first, total } = await load("campaigns");
    const rows = objects(
      ["id", "rank", "basis", "probability", "reporters", "others", "first", "last", "members", "shared"],
      first
    );
    const member = ([id, ids, reporters]) => [
      toNamed(id, identifier(ids[0], 60)),
      quiet(` ${counted(reporters, "reporter")}`)
    ];
    const list = table({
      state,
      rows,
      caption: "Campaigns",
      sort: "rank",
      text: (one) => `${one.members.flat(2).join(" ")} ${one.shared.flat().join(" ")}`,
      columns: [
        counts("rank", "Rank"),
        {
          name: "probability",
          head: "Probability",
          number: true,
          value: (one) => one.probability ?? -1,
          cell: (one) =>
            one.probability === null ? "ranked only" : `${Math.round(one.probability * 100)} % in simulated worlds`
        },
        {
          name: "members",
          head: "Clusters",
          klass: "words",
          value: (one) => one.members.length,
          cell: (one) => [
            `${count(one.members.length)}: `,
            joined(one.members.slice(0, 12), member),
            one.members.length > 12 ? ", …" : ""
          ]
        },
        {
          name: "shared",
          head: "Shared",
          klass: "words",
          cell: (one) => joined(one.shared, ([id, number]) => [identifier(id, 50), ` (${count(number)})`])
        },
        counts("reporters", "Reporters"),
        dates("last", "Last seen")
      ]
    });
    const more = total - rows.length;
    return [
      headline(
        "Campaigns",
        p(
          "Leads, the first to look at first: clusters that share a script, a block of numbers, a trunk or an origination id. Ranked by how alike they are, and how many reporters a lead adds to those of its largest cluster. They are not one cluster, and nothing of this leaves.",
          more > 0 ? ` ${counted(more, "more is", "more are")} in campaigns/.` : ""
        )
      ),
      rows.length ? list.element : p("No clusters share enough.")
    ];
  }

  /** @param {Record<string, string>} state */
  async function suppressedView(state) {
    const { rows: first, total } = await load("suppressed");
    const rows = objects(["id", "kind", "complaints", "calls", "orgs", "reason"], first);
    const list = table({
      state,
      rows,
      caption: "Suppressed identifiers",
      sort: "-complaints",
      text: (one) => `${one.id} ${pretty(one.id)} ${one.reason}`,
      extra: [choice("Any kind", "kind", new Set(rows.map((one) => one.kind)), state)],
      filter: (one) => !state.kind || one.kind === state.kind,
      columns: [
        {
          name: "id",
          head: "Identifier",
          sorts: true,
          klass: "who",
          cell: (one) => [identifier(one.id, 60), prettily(one.id)]
        },
        counts("complaints", "Complaints"),
        counts("calls", "Calls"),
        reportedTo(3),
        { name: "reason", head: "Why", klass: "words", cell: (one) => shown(one.reason, 300) }
      ]
    });
    const more = total - rows.length;
    return [
      headline(
        "Suppressed",
        p(
          "Identifiers that join nothing and are in no cluster, each with the reason.",
          more > 0
            ? ` ${counted(more, "more is", "more are")} in entities/${run.redacted ? ", or left out of this copy" : ""}.`
            : ""
        )
      ),
      list.element
    ];
  }

  /** @param {any[]} rows @param {boolean} mine */
  const decisionTable = (rows, mine) =>
    grid(
      "Decisions",
      ["Decision", "Kind", "On", "Author", "Reason", "When", "State"],
      rows.map((one) => [
        shown(one.decision_id, 60),
        words(one.kind),
        [identifier(one.entity_a, 60), one.entity_b ? [" and ", identifier(one.entity_b, 60)] : null],
        [shown(one.author, 60), "signed_by" in one && !one.signed_by ? quiet(" (not signed)") : null],
        shown(one.reason, 200),
        one.decided_at ? moment(seconds(one.decided_at)) : "–",
        mine && (!served || one.undo)
          ? button("Undo", () => undo(one.decision_id))
          : quiet((one.in_force ?? null) === null ? "recorded" : one.in_force ? "in force" : "not in force")
      ]),
      (at) => (at === 5 ? "date" : null)
    );

  // ---------------------------------------------------------------- runs, alerts and the next run of a server

  /** Asks the server which runs it shows and what it records. */
  async function meet() {
    about = await ask("about");
    served = about.records;
    author = about.author || author;
    const others = about.runs.length > 1;
    const select = h(
      "select",
      {
        id: "runs",
        label: "Run",
        onchange: (event) => {
          location.href = event.target.value + location.hash.replace(/\?.*$/, "");
        }
      },
      about.runs.map((one) =>
        h(
          "option",
          { value: one.href, selected: one.current },
          plain(`${one.name}${one.clock ? `, ${moment(seconds(one.clock))}` : ""}`, 80)
        )
      )
    );
    document.getElementById("runs")?.remove();
    if (others) document.querySelector(".product")?.after(select);
    if (about.alerts) await readAlerts();
  }
  /** @type {any} */ let feed = { alerts: [], held_back: 0 };
  async function readAlerts() {
    feed = await ask("alerts");
  }
  /** @returns {number} alerts that nobody acknowledged */
  const fresh = () => feed.alerts.filter((one) => !work.acknowledged[one.alert_id]).length;
  let watching = 0;
  /** @param {Record<string, string>} state */
  async function alertsView(state) {
    await readAlerts();
    clearTimeout(watching);
    watching = setTimeout(
      () => place().view === "alerts" && !document.activeElement?.matches("input, select") && render(),
      20_000
    );
    const done = (one) => work.acknowledged[one.alert_id];
    const acknowledge = async (one) => {
      try {
        if (served) takeWork(await ask("acknowledge", { alert: one.alert_id }));
        else {
          work.acknowledged[one.alert_id] = { at: new Date().toISOString(), by: author };
          keepWork();
        }
      } catch (error) {
        failed(error);
      }
      render();
    };
    const list = table({
      state,
      rows: feed.alerts,
      caption: "Alerts of the stream",
      sort: "-observed_at",
      key: (one) => one.alert_id,
      text: (one) =>
        `${one.entity_id ?? ""} ${pretty(one.entity_id ?? "")} ${one.kind} ${one.reason} ${(one.orgs ?? []).join(" ")}`,
      extra: [
        options("Not acknowledged", "seen", [["all", "All alerts"]], state),
        choice("Any kind", "kind", new Set(feed.alerts.map((one) => one.kind)), state)
      ],
      filter: (one) => (state.seen === "all" || !done(one)) && (!state.kind || one.kind === state.kind),
      columns: [
        {
          name: "observed_at",
          head: "Observed",
          klass: "date",
          sorts: true,
          cell: (one) => moment(seconds(one.observed_at))
        },
        { name: "kind", head: "Alert", sorts: true, cell: (one) => shown(words(one.kind), 40) },
        {
          name: "id",
          head: "Identifier or cluster",
          klass: "who",
          value: (one) => one.entity_id ?? one.cluster_id ?? "",
          cell: (one) => {
            const text = one.entity_id ?? one.cluster_id ?? "";
            return [
              clusterOf.has(one.cluster_id)
                ? anchor(toCluster(one.cluster_id, { id: one.entity_id }), briefly(text, 50))
                : identifier(text, 50),
              prettily(text)
            ];
          }
        },
        {
          name: "reason",
          head: "Why",
          klass: "words",
          cell: (one) => [
            shown(one.reason, 200),
            (one.tied_to ?? []).length
              ? h(
                  "div.quiet",
                  "linked to ",
                  joined(one.tied_to.slice(0, 3), (id) => briefly(id, 40))
                )
              : null
          ]
        },
        {
          name: "reporters",
          head: term("Reporters"),
          number: true,
          value: (one) => one.reporters ?? 0,
          cell: (one) => count(one.reporters ?? 0)
        },
        { name: "orgs", head: "Reported to", klass: "orgs", cell: (one) => names(one.orgs ?? [], 3) },
        {
          name: "ack",
          head: h("span.unseen", "Acknowledge"),
          klass: "quick",
          cell: (one) =>
            done(one)
              ? quiet("seen by ", shown(done(one).by || "you", 30))
              : button("Acknowledge", () => acknowledge(one), {
                  label: `Acknowledge ${plain(one.entity_id ?? one.cluster_id, 60)}`
                })
        }
      ]
    });
    return [
      headline(
        "Alerts",
        p(
          `${counted(fresh(), "alert")} not acknowledged, of the newest ${count(feed.alerts.length)}. This page looks for new ones every 20 s.`,
          feed.held_back
            ? ` ${counted(feed.held_back, "names what the run withholds, and is", "name what the run withholds, and are")} not shown.`
            : ""
        )
      ),
      list.element
    ];
  }
  /** The button for the next run, and how far it is. @returns {any[]} */
  function rerunPart() {
    if (!about?.rerun || !served) return [];
    const told = p({ role: "status" });
    const bar = h("progress", { max: 100, value: 0, label: "The next run", hidden: true });
    const start = button("Run again with these decisions", async () => {
      try {
        await ask("rerun", {});
        made = (await ask("decisions")).decisions;
        follow();
      } catch (error) {
        told.textContent = plain(/** @type {Error} */ (error).message, 400);
      }
    });
    async function follow() {
      const now = await meetRerun();
      start.disabled = now.state === "running";
      bar.hidden = now.state !== "running";
      bar.value = now.percent ?? 0;
      if (now.state === "running") {
        told.textContent = `${count(now.percent)} %. ${plain(now.line, 200).replace(/^\d+ %: /, "")}`;
        setTimeout(() => told.isConnected && follow(), 1000);
      } else if (now.state === "failed") told.textContent = `The run failed: ${plain(now.line, 300)}`;
      else if (now.state === "done") {
        const made = about.runs.find((one) => one.name === now.name);
        told.replaceChildren(
          "The next run is done. ",
          made ? h("a.button", { href: `${made.href}#/queue` }, "Open it") : ""
        );
      }
    }
    follow();
    return [
      h2("The next run"),
      p(
        "Makes a run with all decisions of the file, beside this one, as the file given to ",
        h("code", "--rerun"),
        " says. This run stays as it is."
      ),
      h("div.bar", start, bar),
      told
    ];
  }
  async function meetRerun() {
    const before = about.rerun.state;
    about = await ask("about");
    if (before === "running" && about.rerun.state === "done") await meet();
    return about.rerun;
  }

  // ---------------------------------------------------------------- two clusters side by side

  /** @param {Record<string, string>} state */
  async function compareView(state) {
    const [one, other] = [state.a ? await wholeCluster(state.a) : null, state.b ? await wholeCluster(state.b) : null];
    const pick = (/** @type {string} */ name, /** @type {string} */ text) =>
      h(
        "form.bar",
        {
          onsubmit: async (event) => {
            event.preventDefault();
            if (!index) await loadIndex();
            const hit = find(event.target.elements[0].value).find((found) => found.href.startsWith("#/c/"));
            if (!hit) return toast("No cluster of this run is found by that.");
            location.hash = address("compare", {
              ...place().state,
              [name]: safeDecoded(hit.href.slice(4).split("?")[0])
            });
          }
        },
        h("input.filter", { type: "search", label: text, placeholder: "Number, site, account or cluster" }),
        h("button", { type: "submit" }, text)
      );
    if (!one || !other) {
      const near = one ? new Map() : null;
      if (one && near) {
        for (const link of one.facts.near) near.set(link.cluster, "a rejected link");
        for (const supplier of one.facts.suppliers)
          for (const id of supplier.others)
            if (!near.has(id)) near.set(id, `the same ${words(supplier.kind).toLowerCase()}`);
      }
      return [
        headline("Compare two clusters", one ? p(clusterName(one.row), " and") : null),
        pick(one ? "b" : "a", one ? "Compare with it" : "Choose the first"),
        near?.size
          ? [
              h2("Close to it"),
              h(
                "ul.plain",
                [...near]
                  .slice(0, 30)
                  .map(([id, why]) =>
                    li(
                      anchor(
                        address("compare", { ...state, b: id }),
                        briefly(clusterOf.has(id) ? titleOf(clusterOf.get(id)) : `single identifier ${id}`, 60)
                      ),
                      quiet(` by ${why}`)
                    )
                  )
              )
            ]
          : null
      ];
    }
    const both = [one, other];
    const rows = /** @type {[any, (whole: any) => any][]} */ ([
      [
        "Cluster",
        (it) => [clusterName(it.row), " ", statusTag(it.row), flagTags(it.row), run.redacted ? null : workTags(it.row)]
      ],
      [term("Priority"), (it) => it.row.priority.toFixed(1)],
      [[term("Core"), " of members"], (it) => `${count(it.row.core)} of ${count(it.row.size)}`],
      [term("Reporters"), (it) => count(it.row.reporters)],
      ["Records", (it) => `${counted(it.row.complaints, "complaint")}, ${counted(it.row.calls, "call")}`],
      ["Losses stated", (it) => losses(it.row.losses)],
      [
        "Victims in",
        (it) =>
          names(
            it.row.countries.map((each) => each[0]),
            6
          )
      ],
      ["Reported to", (it) => names(it.row.orgs, 6)],
      ["Brands", (it) => names(it.row.brands, 6)],
      ["Seen", (it) => `${day(it.row.first)} to ${day(it.row.last)}`],
      [term("Confidence"), (it) => it.row.confidence.toFixed(2)]
    ]);
    const number = (/** @type {string} */ id) => id.replace(/#\d+$/, "");
    /** @param {(whole: any) => string[]} of */
    const common = (of) => {
      const there = new Set(of(other));
      return [...new Set(of(one))].filter((each) => there.has(each));
    };
    const held = common((it) => it.facts.members.map((each) => number(each.id)));
    const suppliers = common((it) => it.facts.suppliers.map((each) => each.id)),
      scripts = common((it) => it.facts.scripts.map((each) => each.entity_id));
    const carriers = common((it) => it.facts.members.flatMap((each) => each.carriers));
    const near = one.facts.near.filter((each) => each.cluster === other.row.id);
    const shared = [
      ...held.map((id) => ["Held by both, one after the other", identifier(id, 60)]),
      ...scripts.map((id) => [
        "Call script",
        [
          identifier(id, 40),
          h("div.quiet", shown(one.facts.scripts.find((each) => each.entity_id === id).template, 160))
        ]
      ]),
      ...suppliers.map((id) => ["Supplier", identifier(id, 60)]),
      ...carriers.map((each) => ["Carrier", shown(each, 60)])
    ];
    const [a, b] = both.map((it) => (run.redacted ? null : spokesman(it.facts)));
    const list = (it) =>
      h(
        "section",
        h2(`Members of `, briefly(titleOf(it.row), 60)),
        h(
          "ul.near",
          it.facts.members
            .slice(0, 40)
            .map((each) =>
              li(
                dot(each.kind),
                anchor(toCluster(it.row.id, { id: each.id }), briefly(valueOf(each.id), 40)),
                standing(each),
                quiet(
                  ` ${words(each.role)}, ${counted(each.reporters, "person", "people")}, ${day(each.first)} to ${day(each.last)}`
                )
              )
            )
        ),
        it.facts.members.length > 40
          ? p(anchor(toCluster(it.row.id), `All ${counted(it.facts.members.length, "member")}`))
          : null
      );
    return [
      headline(
        "Compare two clusters",
        a && b
          ? h(
              "div.actions",
              { role: "group", label: "Decide on both" },
              button(
                "Same operation",
                () => decide("must_link", { ...one, other: other.row.id }, a.id, b.id),
                {},
                ".primary"
              ),
              button("Keep apart", () => decide("cannot_link", one, a.id, b.id)),
              h("a.button", { href: address("compare", { a: state.a }) }, "Another…")
            )
          : null
      ),
      scroller(
        "Side by side",
        h(
          "table.pair",
          h(
            "tbody",
            rows.map(([head, cell]) =>
              tr(
                h("th", { scope: "row" }, head),
                both.map((it) => h("td", cell(it)))
              )
            )
          )
        )
      ),
      h2("When they were active"),
      twoTimes(one, other),
      simple("What they share", ["Kind", "What"], shared.length ? shared : [["Nothing that the run knows", ""]], [1]),
      near.length
        ? simple(
            "Links between them that were rejected",
            ["Here", "There", "Weight", "Why not"],
            near.map((each) => [
              identifier(one.facts.members[each.a].id, 50),
              identifier(each.there, 50),
              each.weight.toFixed(2),
              shown(each.reason, 160)
            ]),
            [1, 3]
          )
        : null,
      h("div.columns.two", both.map(list))
    ];
  }
  /** Records by day of two clusters, one above the other on one axis. @param {any} one @param {any} other */
  function twoTimes(one, other) {
    const counts = [one, other].map((it) => {
      /** @type {Map<number, number>} */ const found = new Map();
      for (const member of it.facts.members) {
        let when = member.days[0] ?? 0;
        for (let n = 1; n < member.days.length; n += 2) {
          when += member.days[n];
          found.set(when, (found.get(when) ?? 0) + member.days[n + 1]);
        }
      }
      return found;
    });
    const days = counts.flatMap((found) => [...found.keys()]);
    if (!days.length) return remark("No day is known of either.");
    const start = Math.min(...days),
      long = Math.max(...days) - start + 1,
      left = 44,
      width = 1000,
      tall = 70,
      w = (width - left) / long;
    const chart = svg("svg", {
      viewBox: `0 0 ${width} ${2 * tall + 40}`,
      class: "trend",
      role: "img",
      label: `Records by day of both clusters, ${day(start * 86400)} to ${day((start + long - 1) * 86400)}`
    });
    counts.forEach((found, n) => {
      const most = Math.max(...found.values(), 1),
        foot = (n + 1) * tall + n * 10;
      chart.append(tick(left, width, foot), beside(left, foot - tall + 20, count(most)), beside(left, foot, "0"));
      for (const [when, number] of found) {
        const high = (number / most) * (tall - 14);
        chart.append(
          svg(
            "rect",
            {
              class: n ? "bar-b" : "bar-a",
              x: left + (when - start) * w,
              y: foot - high,
              width: Math.max(w - 0.5, 1),
              height: high
            },
            svg("title", {}, `${day(when * 86400)}: ${counted(number, "mention")}`)
          )
        );
      }
    });
    for (let n = 0; n < 8; n++)
      chart.append(
        svg(
          "text",
          { x: left + (n * (width - left)) / 8, y: 2 * tall + 32 },
          day((start + Math.floor((n * long) / 8)) * 86400)
        )
      );
    const met = Math.min(one.row.last, other.row.last) - Math.max(one.row.first, other.row.first);
    return h(
      "figure",
      h(
        "figcaption.quiet",
        h("span.key.key-a"),
        " ",
        briefly(titleOf(one.row), 60),
        " ",
        h("span.key.key-b"),
        " ",
        briefly(titleOf(other.row), 60),
        met >= 0
          ? `; both active for ${counted(Math.floor(met / 86400) + 1, "day")}`
          : `; ${counted(Math.max(Math.round(-met / 86400), 1), "day")} between the last record of one and the first of the other`
      ),
      chart
    );
  }

  // ---------------------------------------------------------------- places and flows

  const regions =
    typeof Intl.DisplayNames === "function"
      ? new Intl.DisplayNames(["en"], { type: "region", fallback: "code" })
      : null;
  /** @param {string} code of a country @returns {string} */
  function countryName(code) {
    try {
      return /^[A-Z]{2}$/.test(code) && regions ? (regions.of(code) ?? code) : code;
    } catch {
      return code;
    }
  }
  /** @param {Record<string, string>} state */
  async function placesView(state) {
    const [found, world] = await Promise.all([load("places"), load("world")]);
    const regionsKnown = objects(["country", "code", "name", "x", "y", "number", "whole"], found.circles);
    const choices = /** @type {string[]} */ (
        found.countries.map((one) => one[0]).filter((/** @type {string} */ one) => Object.hasOwn(found.views, one))
      ),
      chosen = choices.includes(state.map) ? state.map : "";
    const inView = regionsKnown.filter((one) => !chosen || one.country === chosen);
    const named = (/** @type {string} */ code) =>
      code ? [shown(countryName(code), 60), quiet(` ${plain(code, 12)}`)] : quiet("Not known");
    const inClusters = new Set(clusters.flatMap((row) => row.countries.map((one) => one[0])));
    const toClusters = (/** @type {string} */ code) =>
      inClusters.has(code) ? anchor(address("clusters", { country: code }), named(code)) : named(code);
    /** The first rows of a list, and all of it on demand: an element can stand in one of them alone. @param {string} caption @param {any[]} heads @param {any[]} rows @param {(one: any) => any[]} cells @param {number[]} [texts] */
    const first = (caption, heads, rows, cells, texts) =>
      h(
        "section",
        simple(caption, heads, rows.slice(0, 12).map(cells), texts),
        rows.length > 12
          ? h(
              "details",
              h("summary", `All ${count(rows.length)}`),
              simple(`${caption}: all`, heads, rows.map(cells), texts)
            )
          : null
      );
    const most = found.countries.slice(0, 12),
      absent = found.countries.filter((one) => !world.paths[one[0]]);
    const hidden = found.countries.filter((one) => one[1] === null).length,
      hiddenRegions = inView.filter((one) => one.number === null).length;
    const ofRegions = [
      inView.length ? "Circles: regions that complaints state, area by complaints. " : "",
      hiddenRegions
        ? `${counted(hiddenRegions, "region is", "regions are")} hatched, all of one size: the count is too small to show. `
        : "",
      notOnMap(found.unmapped.filter((one) => !chosen || one[0] === chosen)),
      inView.length ? " Outlines and middles: Natural Earth." : " Outlines: Natural Earth."
    ];
    return [
      headline(
        "Places and flows",
        p(
          `Complaints by the victim’s country${choices.length ? " and region" : ""}, and where callback numbers, calls and money lead. A country opens the clusters with victims there`,
          choices.length ? ", a circle the map of its country." : "."
        )
      ),
      choices.length
        ? h(
            "div.bar",
            { role: "group", label: "Part of the map" },
            ["", ...choices].map((one) =>
              h(
                "a.chip.choice",
                { href: address("places", { map: one }), "aria-current": one === chosen ? "true" : null },
                one ? countryName(one) : "World"
              )
            )
          )
        : null,
      chosen
        ? h(
            "div.map-area",
            h(
              "figure",
              regionMap(chosen, found.views[chosen], world, inView, inClusters.has(chosen)),
              h("figcaption.quiet", ofRegions)
            ),
            first(`${countryName(chosen)}: regions, by complaints`, ["Region", "Complaints"], inView, (one) => [
              [shown(one.name, 60), quiet(` ${plain(one.code, 12)}`)],
              amount(one)
            ])
          )
        : h(
            "div.map-area",
            h(
              "figure",
              worldMap(found.countries, world, inClusters, inView),
              h(
                "figcaption.quiet",
                "Complaints by the victim’s country; more in a stronger colour, on a logarithmic scale. ",
                absent.length
                  ? `Too small to draw: ${absent
                      .map((one) => `${plain(countryName(one[0]), 40)}${one[1] === null ? "" : ` ${count(one[1])}`}`)
                      .slice(0, 12)
                      .join(", ")}. `
                  : "",
                hidden
                  ? `${counted(hidden, "country is", "countries are")} hatched: the count is too small to show. `
                  : "",
                ofRegions
              )
            ),
            simple(
              "Victims’ countries, by complaints",
              ["Country", "Complaints"],
              [
                ...most.map((one) => [toClusters(one[0]), small(one[1])]),
                ...(found.unknown ? [["Not stated", count(found.unknown)]] : [])
              ]
            )
          ),
      found.countries.length > 12
        ? h(
            "details",
            h("summary", `All ${counted(found.countries.length, "country", "countries")}`),
            simple(
              "All countries",
              ["Country", "Complaints"],
              found.countries.map((one) => [toClusters(one[0]), small(one[1])])
            )
          )
        : null,
      h2("Records over time"),
      ...run.trends.map(trendChart),
      h(
        "div.columns",
        found.regions.length
          ? first(
              "Regions as written, by complaints",
              ["Region", "Country", "Complaints"],
              found.regions,
              (one) => [shown(one[1], 60), shown(one[0], 12), small(one[2])],
              [1]
            )
          : null,
        first("Callback numbers, by their country", ["Country", "Numbers", "Complaints"], found.callbacks, (one) => [
          named(one[0]),
          count(one[1]),
          count(one[2])
        ]),
        first(
          "Money: accounts by institution",
          ["Institution, by code", "Country", "Accounts", "Complaints"],
          found.institutions,
          (one) => [
            shown(one[0], 60),
            one[1] ? span({ title: plain(countryName(one[1]), 60) }, plain(one[1], 12)) : "",
            count(one[2]),
            count(one[3])
          ],
          [1]
        ),
        first("Losses that complaints state", ["Currency", "Amount", "Complaints"], found.losses, (one) => [
          one[0] ? shown(one[0], 12) : "No currency stated",
          one[1] === null ? small(null) : one[0] ? count(Math.round(Number(one[1]))) : "–",
          small(one[2])
        ]),
        first("Carriers that handed calls over", ["Carrier", "Calls"], found.carriers, (one) => [
          shown(one[0], 60),
          count(one[1])
        ]),
        first("Trunks that calls came in on", ["Trunk", "Calls"], found.trunks, (one) => [
          shown(one[0], 60),
          count(one[1])
        ])
      )
    ];
  }
  /** @param {any} one a sum of what may be shown @returns {any} */
  const amount = (one) =>
    one.number === null || one.whole ? small(one.number) : [quiet("at least "), count(one.number)];
  /** @param {any} one a region @returns {string} */
  const regionText = (one) =>
    `${one.name}, ${countryName(one.country)}: ${one.number === null ? "withheld, small count" : one.whole ? counted(one.number, "complaint") : `at least ${counted(one.number, "complaint")}, some are withheld (small counts)`}`;
  /** @param {[string, number | null, boolean][]} sums of complaints by country, and whether each is whole */
  function notOnMap(sums) {
    const number = sums.reduce((all, one) => all + (one[1] ?? 0), 0),
      whole = sums.every((one) => one[2]);
    if (!number)
      return whole
        ? ""
        : "Some complaints, a number withheld (small counts), state a region that the map does not know; “Regions as written” has those that five or more give.";
    return `${whole ? "" : "At least "}${counted(number, "complaint states", "complaints state")} a region that the map does not know; “Regions as written” has those that five or more give.`;
  }
  const hatched = () =>
    svg(
      "defs",
      {},
      svg(
        "pattern",
        { id: "hatch", width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
        svg("rect", { width: 3, height: 8, class: "hatch" })
      )
    );
  /** @param {[string, number | null][]} counts @param {any} world @param {Set<string>} linked countries that open a list @param {any[]} regionsKnown */
  function worldMap(counts, world, linked, regionsKnown) {
    const [width, height] = world.size;
    const drawing = svg(
      "svg",
      {
        viewBox: `0 0 ${width} ${height}`,
        class: "world",
        role: "group",
        label: `World map of complaints from ${counted(counts.length, "country", "countries")}`
      },
      hatched()
    );
    const known = new Map(counts),
      most = Math.max(...counts.map((one) => one[1] ?? 0), 1);
    for (const [code, path] of Object.entries(world.paths))
      if (!known.has(code)) drawing.append(svg("path", { d: path, class: "land" }));
    for (const [code, number] of counts) {
      if (!Object.hasOwn(world.paths, code)) continue;
      const text = `${countryName(code)}: ${number === null ? "withheld, small count" : counted(number, "complaint")}`;
      const shape = svg(
        "path",
        {
          d: world.paths[code],
          class: number === null ? "hidden" : "counted",
          ...(number === null ? {} : { "fill-opacity": 0.25 + (0.75 * Math.log1p(number)) / Math.log1p(most) })
        },
        svg("title", {}, text)
      );
      drawing.append(
        linked.has(code) ? svg("a", { href: address("clusters", { country: code }), label: text }, shape) : shape
      );
    }
    const links = new Map();
    for (const { country } of regionsKnown)
      if (!links.has(country))
        links.set(
          country,
          svg("a", {
            href: address("places", { map: country }),
            tabindex: -1,
            label: `Regions of ${countryName(country)}`
          })
        );
    drawing.append(...links.values());
    asDrawn(drawing, (wide) => {
      const spots = sized(regionsKnown, Math.min(13, wide / 70), width / wide);
      for (const link of links.values()) link.replaceChildren();
      for (const spot of spots) links.get(spot.one.country).append(circle(spot));
    });
    return drawing;
  }
  /** Draws again whenever a drawing gets another width. @param {any} drawing @param {(width: number) => void} draw */
  function asDrawn(drawing, draw) {
    let before = 0;
    new ResizeObserver(() => {
      const { width } = drawing.getBoundingClientRect();
      if (!width || width === before) return;
      before = width;
      draw(width);
    }).observe(drawing);
  }
  /**
   * Circles of regions, area by complaints; all whose count is hidden are of one size.
   * @param {any[]} regionsKnown @param {number} largest radius in pixels @param {number} unit of the drawing that is a pixel
   */
  function sized(regionsKnown, largest, unit) {
    const most = Math.max(...regionsKnown.map((one) => one.number ?? 0), 1);
    return regionsKnown.map((one) => ({
      one,
      x: one.x,
      y: one.y,
      r: unit * (one.number === null ? 5 : Math.max(largest * Math.sqrt(one.number / most), 2.5))
    }));
  }
  /** @param {any} spot */
  function circle(spot) {
    const text = regionText(spot.one);
    return svg(
      "g",
      { role: "img", label: text },
      svg("title", {}, text),
      svg("circle", {
        cx: spot.x.toFixed(1),
        cy: spot.y.toFixed(1),
        r: spot.r.toFixed(1),
        class: spot.one.number === null ? "region withheld" : "region"
      })
    );
  }
  const NORTH = 84; // of world.js, in degrees
  /**
   * The map of one country, a degree of longitude as wide there as one of latitude is high; regions
   * outside of the picture, Hawaii and the like, are in a column of their own.
   * @param {string} country @param {number[]} box what is drawn: west, north, east, south @param {any} world @param {any[]} regionsKnown @param {boolean} linked
   */
  function regionMap(country, [west, north, east, south], world, regionsKnown, linked) {
    const isAside = (one) => one.x < west || one.x > east || one.y < north || one.y > south;
    const width = 1000,
      flat = Math.cos(((NORTH - ((north + south) / 2 / world.size[0]) * 360) * Math.PI) / 180);
    const land = svg("g", {}),
      marks = svg("g", {});
    for (const [code, path] of Object.entries(world.paths))
      if (code !== country) land.append(svg("path", { d: path, class: "land" }));
    const own = svg("path", { d: world.paths[country], class: "own" });
    land.append(
      linked
        ? svg(
            "a",
            { href: address("clusters", { country }), label: `Clusters with victims in ${countryName(country)}` },
            own
          )
        : own
    );
    const drawing = svg(
      "svg",
      {
        viewBox: `0 0 ${width} ${width}`,
        class: "world country",
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
      const down = Math.min((width * 0.95) / ((east - west) * flat), (height * 0.95) / (south - north)),
        across = down * flat;
      const left = width / 2 - (across * (west + east)) / 2,
        top = below ? 25 - down * north : height / 2 - (down * (north + south)) / 2;
      drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
      land.setAttribute("transform", `translate(${left} ${top}) scale(${across} ${down})`);
      const spots = sized(regionsKnown, Math.min(26, wide / 22), unit),
        aside = spots.filter(isAside);
      for (const spot of spots) Object.assign(spot, { x: left + spot.x * across, y: top + spot.y * down });
      marks.replaceChildren(
        ...(aside.length ? [column(aside, width, height, unit)] : []),
        ...spots.map(circle),
        ...regionLabels(spots, aside, width, height, unit)
      );
    });
    return drawing;
  }
  /** @param {string} text @param {number} unit @returns {number} */
  const labelWidth = (text, unit) => (ruler?.measureText(text).width ?? text.length * 6.4) * unit;
  /** Puts regions that are outside of the picture into its lower right corner. @param {any[]} spots @param {number} width @param {number} height @param {number} unit */
  function column(spots, width, height, unit) {
    const widest = Math.max(...spots.map((one) => one.r)),
      gap = 5 * unit;
    const wide = 2 * widest + Math.max(...spots.map((one) => labelWidth(one.one.name, unit))) + 4 * gap;
    let y = height - gap;
    for (const spot of [...spots].reverse()) {
      const tall = Math.max(2 * spot.r, 13 * unit) + gap;
      Object.assign(spot, { x: width - wide + gap + widest, y: y - tall / 2 });
      y -= tall;
    }
    return svg("rect", {
      x: width - wide,
      y: y - gap,
      width: wide - gap / 2,
      height: height - y + gap / 2,
      rx: gap,
      class: "aside"
    });
  }
  /**
   * Names of regions where there is room, the largest first; else their codes, else none.
   * @param {any[]} spots @param {any[]} aside in the column @param {number} width @param {number} height @param {number} unit
   */
  function regionLabels(spots, aside, width, height, unit) {
    const taken = spots.map((one) => [one.x - one.r, one.y - one.r, one.x + one.r, one.y + one.r]),
      tall = 13 * unit,
      gap = 3 * unit;
    const isFree = (/** @type {number[]} */ [a, b, c, d], /** @type {number} */ own) =>
      a >= 0 &&
      b >= 0 &&
      c <= width &&
      d <= height &&
      !taken.some((one, at) => at !== own && a < one[2] && one[0] < c && b < one[3] && one[1] < d);
    return spots.flatMap((spot, own) => {
      for (const text of [spot.one.name, spot.one.code]) {
        const wide = labelWidth(text, unit),
          beside = spot.y - tall / 2,
          middle = spot.x - wide / 2;
        const places = [
          [spot.x + spot.r + gap, beside],
          ...(aside.includes(spot)
            ? []
            : [
                [spot.x - spot.r - gap - wide, beside],
                [middle, spot.y + spot.r],
                [middle, spot.y - spot.r - tall],
                ...(wide < 1.8 * spot.r ? [[middle, beside]] : [])
              ])
        ];
        const at = places.map(([x, y]) => [x, y, x + wide, y + tall]).find((one) => isFree(one, own));
        if (!at) continue;
        taken.push(at);
        return [
          svg(
            "text",
            {
              x: at[0].toFixed(1),
              y: (at[3] - 3 * unit).toFixed(1),
              "font-size": (11 * unit).toFixed(2),
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
    return [
      headline(
        "Decisions",
        p(
          served
            ? [
                "In the file that this server was given; the next run with ",
                h("code", "--decisions"),
                " applies them. The last one can be undone for some seconds, before it is recorded."
              ]
            : [
                "Kept in this browser until you download them. ",
                h("code", "ringtrace decide RUN --decisions FILE --from decisions.csv --author NAME"),
                " shows and signs them: FILE is what the next run is given, and ",
                h("code", "--dry-run"),
                " shows them alone."
              ]
        )
      ),
      h(
        "div.bar",
        served
          ? null
          : [
              h(
                "label.check",
                "Your name",
                h("input", {
                  type: "text",
                  value: author,
                  maxlength: 80,
                  size: 14,
                  autocomplete: "off",
                  label: "Your name",
                  onchange: (event) => {
                    author = event.target.value.trim();
                    keep(AUTHOR_KEY, author, "decisions.csv");
                  }
                })
              ),
              button("Download decisions.csv", decisionsCsv, { disabled: !made.length }, ".primary")
            ],
        quiet(served ? counted(made.length, "decision") : `${counted(made.length, "decision")} made here`)
      ),
      made.length
        ? decisionTable([...made].reverse(), true)
        : remark("None yet: open a cluster, and confirm or dispute it."),
      ...rerunPart(),
      ...workPart(),
      h2("In this run"),
      run.decisions?.length ? decisionTable(run.decisions, false) : remark("The run applied none.")
    ];
  }

  function healthView() {
    const adds = (one) =>
      run.snapshot
        ? "a snapshot keeps no records"
        : one.problems.length
          ? h("strong.warn", "does not add up: ", one.problems.join("; "))
          : "adds up";
    const sum = (/** @type {number[]} */ numbers) => numbers.reduce((all, one) => all + one, 0);
    return [
      headline(
        "Health",
        p(
          "What became of every row, and what to know before trusting this run. Clusters are leads, not proof: numbers are forged and change hands. What only a caller ID or a mention names is counted here and named nowhere."
        ),
        alarms(Infinity, 1000) ?? p("No alarms.")
      ),
      simple(
        "Rows: every one that was read is accepted, a duplicate, rejected or erased",
        ["Kind", "Read", "Accepted", "Duplicates", "Rejected", "Erased", "Check"],
        run.accounts.map((one) => [
          words(one.kind),
          ...["read", "accepted", "duplicates", "rejected", "erased"].map((name) => count(one.counts[name] ?? 0)),
          adds(one)
        ])
      ),
      h(
        "div.columns",
        simple(
          "Rejects",
          ["Code", "Kind", "Stage", "Field", "Rows"],
          [
            ...run.rejects.map((one) => [
              shown(one.code, 60),
              words(one.record_kind),
              shown(words(one.stage), 30),
              shown(one.field, 60),
              count(one.rows)
            ]),
            ...(run.more_rejects ? [[`${counted(run.more_rejects, "more reason")} in rejects/`, "", "", "", ""]] : [])
          ]
        ),
        simple(
          "Identifiers by kind",
          [
            "Kind",
            ...run.statuses.map((/** @type {string} */ one) =>
              term(one, one === "uncorroborated" ? "Only named" : words(one))
            ),
            "All"
          ],
          run.kinds.map((one) => [
            words(one.kind),
            ...one.by_status.map((/** @type {number} */ each) => zero(each)),
            count(sum(one.by_status))
          ])
        ),
        simple(
          "Members by tier and review, single identifiers too",
          ["Tier", "Review", "Members"],
          run.tiers.map((one) => [words(one.tier), words(one.review), count(one.rows)])
        ),
        ...run.breakdowns.map((one) =>
          simple(
            one.title,
            ["Value", "Complaints"],
            [
              ...one.rows.map(([name, number]) => [
                [shown(words(name), 60), one.notes[name] ? quiet(` ${plain(one.notes[name], 200)}`) : ""],
                small(number)
              ]),
              ...(one.others === 0 ? [] : [["Others", small(one.others)]]),
              ...(one.unknown ? [["Not stated", count(one.unknown)]] : [])
            ]
          )
        )
      ),
      h2("Records over time"),
      ...run.trends.map(trendChart),
      simple(
        "Inputs",
        ["File", "Records", "Format", "Rows", "Bytes", "SHA-256"],
        run.inputs
          .slice(0, 200)
          .map((one) => [
            shown(one.name, 80),
            words(one.kind),
            shown(one.format, 40),
            count(one.rows ?? 0),
            count(one.bytes ?? 0),
            h("span.id", shown(one.sha256, 64))
          ])
      ),
      h(
        "details",
        h("summary", "Versions, options and all else that was counted"),
        h(
          "div.columns",
          simple(
            `Versions; contract version ${run.contract}`,
            ["What", "Version"],
            Object.entries(run.versions)
              .sort()
              .map(([name, one]) => [shown(name, 60), shown(one, 60)])
          ),
          simple(
            "Options",
            ["Option", "Value"],
            Object.entries(run.options)
              .sort()
              .map(([name, one]) => [shown(name, 60), shown(one, 400)])
          ),
          ...Object.entries(run.tallies)
            .sort()
            .map(([group, counts]) =>
              simple(
                plain(words(group), 80),
                ["What", "Count"],
                Object.entries(counts)
                  .sort()
                  .map(([name, number]) => [shown(words(name), 80), count(number)])
              )
            )
        )
      ),
      remark(
        "Run ",
        identifier(run.run),
        run.clock ? `, ${moment(seconds(run.clock))}` : "",
        `; ringtrace ${plain(run.versions.ringtrace, 40)}.`
      )
    ];
  }
  /** @param {any} trend bars of a day or a week */
  function trendChart(trend) {
    const unit = trend.step === 1 ? "day" : "week";
    const most = Math.max(
      ...trend.complaints.map((/** @type {number} */ one, /** @type {number} */ at) => one + trend.calls[at]),
      1
    );
    const bars = trend.complaints.length,
      width = 1000,
      tall = 150,
      left = 44;
    if (!bars) return remark("No record.");
    const start = seconds(trend.start),
      w = (width - left) / bars;
    const chart = svg("svg", {
      viewBox: `0 0 ${width} ${tall + 22}`,
      class: "trend",
      role: "img",
      label: `Records by ${unit}, ${day(start)} to ${day(start + (bars * trend.step - 1) * 86400)}; the most in one is ${count(most)}`
    });
    for (const share of [0, 0.5, 1]) {
      const y = tall - share * (tall - 16);
      chart.append(tick(left, width, y), beside(left, y + 3, count(Math.round(share * most))));
    }
    trend.complaints.forEach((/** @type {number} */ one, /** @type {number} */ at) => {
      const a = (one / most) * (tall - 16),
        b = (trend.calls[at] / most) * (tall - 16);
      chart.append(
        svg(
          "g",
          {},
          svg(
            "title",
            {},
            `${day(start + at * trend.step * 86400)}: ${counted(one, "complaint")}, ${counted(trend.calls[at], "call")}`
          ),
          svg("rect", { class: "bar-a", x: left + at * w, y: tall - a, width: Math.max(w - 0.6, 0.6), height: a }),
          svg("rect", { class: "bar-b", x: left + at * w, y: tall - a - b, width: Math.max(w - 0.6, 0.6), height: b })
        )
      );
    });
    for (let at = 0; at < bars; at += Math.max(Math.ceil(bars / 8), 1))
      chart.append(svg("text", { x: left + at * w, y: tall + 16 }, day(start + at * trend.step * 86400)));
    return h(
      "figure",
      h(
        "figcaption.quiet",
        h("span.key.key-a"),
        " complaints ",
        h("span.key.key-b"),
        ` calls, by ${unit}`,
        trend.earlier ? `; ${counted(trend.earlier, "record")} earlier` : ""
      ),
      chart
    );
  }
  /** @param {string} caption @param {any[]} heads @param {any[][]} rows @param {number[]} [texts] columns beside the first that are no numbers */
  const simple = (caption, heads, rows, texts = []) =>
    h(
      heads.length > 5 ? "section.wide" : "section",
      h2(caption),
      grid(caption, heads, rows, (at) => (at && !texts.includes(at) ? "num" : ""))
    );
  /** @param {string} caption @param {any[]} heads @param {any[][]} rows @param {(column: number) => string | null} kind the class of a column */
  const grid = (caption, heads, rows, kind) =>
    scroller(
      caption,
      h(
        "table",
        h("thead", tr(heads.map((one, at) => h("th", { scope: "col", class: kind(at) }, one)))),
        h(
          "tbody",
          rows.length
            ? rows.map((row) =>
                tr(row.map((one, at) => h(at ? "td" : "th", { scope: at ? null : "row", class: kind(at) }, one)))
              )
            : tr(h("td.none", { colspan: heads.length }, "None"))
        )
      )
    );

  // ---------------------------------------------------------------- the page

  const VIEWS = /** @type {[string, string][]} */ ([
    ["queue", "Queue"],
    ["clusters", "Clusters"],
    ["singles", "Singles"],
    ["shared", "Shared"],
    ["contested", "Contested"],
    ["places", "Places"],
    ["suppliers", "Suppliers"],
    ["campaigns", "Campaigns"],
    ["suppressed", "Suppressed"],
    ["alerts", "Alerts"],
    ["decisions", "Decisions"],
    ["health", "Health"]
  ]);
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
      back = arrive();
    const nav = /** @type {HTMLElement} */ (document.getElementById("views"));
    nav.replaceChildren(
      ...VIEWS.filter(([name]) => !lacks(name)).map(([name, text]) =>
        h(
          "a",
          {
            href: address(name),
            "aria-current": name === view || (view === "c" && name === "clusters") ? "page" : null
          },
          text,
          name === "decisions" && made.length
            ? h("span.count", ` ${count(made.length)}`)
            : name === "alerts" && fresh()
              ? h("span.count.warn", ` ${count(fresh())}`)
              : null
        )
      )
    );
    /** @type {any} */ let content;
    try {
      const absent = VIEWS.find(([name]) => name === view && lacks(name));
      content = absent
        ? [
            headline(
              absent[1],
              p(
                view === "alerts"
                  ? "A stream raises them: ringtrace serve with its --output."
                  : "Left out of this copy."
              )
            )
          ]
        : await (
            {
              queue: () => queueView(state),
              clusters: () => clustersView(state),
              singles: () => singlesView(state),
              shared: () => sharedView(state),
              contested: () => contestedView(state),
              places: () => placesView(state),
              alerts: () => alertsView(state),
              compare: () => compareView(state),
              suppliers: () => suppliersView(state),
              campaigns: () => campaignsView(state),
              suppressed: () => suppressedView(state),
              decisions: decisionsView,
              health: healthView,
              c: () => clusterView(id, state)
            }[view] ?? (() => [h("h1", "No such page"), p(anchor(address("queue"), "To the queue"))])
          )();
    } catch (error) {
      content = [h("h1", "This cannot be shown"), p(plain(/** @type {Error} */ (error).message, 300))];
    }
    if (mine !== turn) return;
    if (graph) {
      graph.destroy();
      graph = null;
    }
    const where = `${view}/${id}`;
    const held =
      where === drawn && document.activeElement?.matches("main a.choice")
        ? (document.activeElement.getAttribute("href") ?? "")
        : "";
    const scroll = where === drawn && (left === entry || back === null) ? scrollY : (back ?? 0);
    main.replaceChildren(...[content].flat(2).filter(Boolean));
    scrollTo(0, scroll);
    scrolled.set(entry, scrollY);
    const from = back !== null && left !== entry && drawn.startsWith("c/") ? drawn.slice(2) : "";
    if (from)
      /** @type {any} */ (main.querySelector(`tr[data-key="${CSS.escape(plain(from, 200))}"] a.cluster`))?.focus({
        preventScroll: true
      });
    if (held)
      /** @type {any} */ (main.querySelector(`a.choice[href="${CSS.escape(held)}"]`))?.focus({ preventScroll: true });
    // A reader of the screen is told of a new view; who types on keeps the field.
    if (drawn && where !== drawn && document.activeElement === document.body) main.focus({ preventScroll: true });
    drawn = where;
    tip.hidden = true;
    const title =
      view === "c"
        ? plain(clusterOf.has(id) ? titleOf(clusterOf.get(id)) : id, 60)
        : (VIEWS.find(([name]) => name === view)?.[1] ?? "");
    document.title = `${title} – ringtrace ${run.run}`;
    document.documentElement.dataset.ready = location.hash || "#/queue";
  }

  const KEYS = [
    ["/", "Search: a number in any form, a site, an account, a record"],
    ["Enter", "Open the first hit"],
    ["↑ ↓", "Walk the hits, or the rows of a table"],
    ["n", "Next cluster in the queue"],
    ["q", "The queue"],
    ["c", "Confirm the open cluster"],
    ["g, m, t, r", "Graph, members, timeline, records of the open cluster"],
    ["Esc", "Close what is open"],
    ["?", "These keys"],
    [
      "In a graph",
      "Arrows walk, Space keeps what is selected, Enter opens; Shift and arrows move the picture, + − zoom, 0 fits"
    ]
  ];
  function help() {
    dialog.replaceChildren(
      div(
        h2({ id: "dialog-title" }, "Keys and terms"),
        h(
          "dl.keys",
          KEYS.map(([key, text]) => [dt(h("kbd", key)), h("dd", text)])
        ),
        h3("Terms"),
        h(
          "dl.terms",
          Object.entries(TERMS)
            .filter(([name]) => !run.statuses.includes(name))
            .map(([name, text]) => [dt(name), h("dd", text)])
        ),
        h(
          "p.buttons",
          button("Close", () => dialog.close(), {}, ".primary")
        )
      )
    );
    dialog.showModal();
    dialog.scrollTop = 0;
  }
  document.getElementById("help-button")?.addEventListener("click", help);
  document.addEventListener("keydown", (event) => {
    const target = event.target instanceof HTMLElement ? event.target : document.body;
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open || target.matches("input, select, textarea"))
      return;
    const { view, id, state } = place();
    const tab = { g: "graph", m: "", t: "timeline", r: "records" }[event.key];
    if (event.key === "/") {
      event.preventDefault();
      field.focus();
      field.select();
    } else if (event.key === "?") help();
    else if (event.key === "q") location.hash = address("queue");
    else if (event.key === "n") {
      const next = nextInQueue();
      if (next) location.hash = toCluster(next.id);
    } else if (view === "c" && tab !== undefined) location.hash = toCluster(id, { tab, id: state.id });
    else if (view === "c" && event.key === "c") {
      event.preventDefault(); // the field that opens would take the letter
      /** @type {any} */ (document.querySelector(".cluster-head .primary"))?.click();
    } else if (
      (event.key === "ArrowDown" || event.key === "ArrowUp") &&
      !target.closest(".canvas, summary, [role=button]")
    ) {
      const links = [...main.querySelectorAll("tbody tr")]
        .map((row) => /** @type {HTMLElement} */ (row.querySelector("th a, th button.link, td a.cluster")))
        .filter(Boolean);
      if (!links.length) return;
      const here = links.findIndex((one) => one.closest("tr")?.contains(document.activeElement));
      const next =
        links[here < 0 ? 0 : Math.min(Math.max(here + (event.key === "ArrowDown" ? 1 : -1), 0), links.length - 1)];
      event.preventDefault();
      next.focus();
      next.scrollIntoView({ block: "nearest" });
    }
  });
  addEventListener("hashchange", () => {
    closeHits();
    render();
  });
  addEventListener("storage", (event) => {
    // another tab decided, or noted something
    if (!run || served || ![storeKey(), WORK_KEY].includes(event.key ?? "")) return;
    readDecisions();
    readWork();
    if (!dialog.open && !document.activeElement?.matches("input, select, textarea")) render();
  });

  async function start() {
    run = await load("run");
    clusters = await clusterList("clusters");
    unionOnly = new Set((await load("union")).clusters);
    if (online && !run.redacted) await meet();
    await loadDecisions();
    await loadWork();
    await render();
  }
  start().catch((error) => main.replaceChildren(p({ role: "alert" }, plain(error.message, 400))));
})();
