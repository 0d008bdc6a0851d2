// @ts-check
"use strict";
/** Search by identifier in any written form, by record id, by the name of a cluster. */
(() => {
  const LIMIT = 40;
  /** @typedef {{text: string, note: string, clusters: number[]}} Hit */
  /** @type {any} */ let index;
  /** @type {any[][]} */ let rows;
  const form = byId("search");
  const field = byId("query");
  const list = byId("hits");

  /**
   * A name as it is compared: compatibility forms folded, defanging undone, spaces and
   * punctuation that people put into numbers left out.
   * @param {string} text
   */
  function folded(text) {
    return text.normalize("NFKC").toLowerCase()
      .replace(/^h(?:xx|tt)ps?:\/\//, "").replace(/[[({]\s?(?:\.|dot)\s?[\])}]/g, ".")
      .replace(/[[({]\s?at\s?[\])}]/g, "@")
      .replace(/[\s\u00ad\u200b-\u200f\u2010-\u2015\u202a-\u202e\u2060-\u2069()\-]/g, "");
  }

  /** @param {string} id @returns {string} what follows the kind, folded, whichever holder's it is */
  function value(id) {
    const bare = id.replace(/^((?:phone|domain|email|handle|account):.*)#\d+$/, "$1");
    return folded(bare.slice(bare.indexOf(":") + 1));
  }

  /**
   * The digits of a query that is written as a number, or "" where it is something else. A
   * trunk 0 in brackets, an international prefix and leading zeros are dropped: what remains
   * must end the number that is looked for.
   * @param {string} query
   */
  function digits(query) {
    const plain = query.normalize("NFKC").replace(/^\s*tel:/i, "");
    if (!/^[\s+\d().\-\/\u2010-\u2015\u00a0]+$/.test(plain)) return "";
    const found = plain.replace(/\(0\)/, "").replace(/\D/g, "").replace(/^0+/, "");
    return found.length >= 5 ? found : "";
  }

  /** @param {string} query @returns {Hit[]} */
  function find(query) {
    // A later holder of a number is another entity, `phone:+18885550123#2`.
    const [bare, holder = ""] = query.trim().split(/(#\d+)$/);
    const key = folded(bare.replace(/^(phone|domain|email|remote|account|wallet|handle|url):/i, ""));
    if (key.length < 2) return [];
    const number = digits(bare.replace(/^phone:/i, ""));
    const host = key.includes("@") ? "" : key.split(/[/?#:]/)[0];
    /** @param {string} id @param {string} text */
    const fits = (id, text) =>
      text.includes(key) ||
      (number !== "" && (id.startsWith("phone:") ? text.endsWith(number) : text.includes(number))) ||
      (host !== "" && id.startsWith("domain:") && (`.${host}`).endsWith(`.${text}`));
    /** @type {Hit[]} */ const hits = [];
    index.ids.forEach((/** @type {string} */ id, /** @type {number} */ n) => {
      if (fits(id, index.values[n])) hits.push({ text: id, note: "", clusters: [index.clusters[n]] });
    });
    index.suppressed.forEach((/** @type {string} */ id, /** @type {number} */ n) => {
      if (fits(id, value(id))) {
        hits.push({ text: id, note: `suppressed: ${index.reasons[n]}`, clusters: [] });
      }
    });
    /** @param {string} id */
    const whole = (id) =>
      value(id) === key ||
      // All but a country code and its plus sign.
      (number !== "" && value(id).endsWith(number) && value(id).length - number.length <= 4);
    const exact = hits.filter((hit) => whole(hit.text));
    if (holder) exact.sort((a, b) => Number(b.text.endsWith(holder)) - Number(a.text.endsWith(holder)));
    const others = hits.filter((hit) => !exact.includes(hit));
    return [...exact, ...records(query.trim()), ...named(key), ...others];
  }

  /** @param {string} query @returns {Hit[]} records whose id is, or starts with, the query */
  function records(query) {
    /** @type {Map<string, Hit>} */ const found = new Map();
    const key = query.toLowerCase();
    for (let n = 0; n < index.records.length && found.size <= LIMIT; n++) {
      const id = index.records[n];
      if (!index.folded[n].startsWith(key)) continue;
      const org = index.orgs[index.record_orgs[n]];
      /** @type {Hit} */
      const made = { text: id, note: `record of ${org}`, clusters: [] };
      const hit = found.get(`${org} ${id}`) || made;
      if (index.record_clusters[n] === null) hit.note += ", which names no member of a cluster";
      else hit.clusters.push(index.record_clusters[n]);
      found.set(`${org} ${id}`, hit);
    }
    return [...found.values()].sort((a, b) => a.text.length - b.text.length);
  }

  /** @param {string} key @returns {Hit[]} */
  function named(key) {
    /** @type {Hit[]} */ const found = [];
    rows.forEach((row, place) => {
      if (folded(row[2]).includes(key) || folded(row[1]).includes(key)) {
        found.push({ text: row[2], note: "cluster", clusters: [place] });
      }
    });
    return found;
  }

  /** @param {Hit} hit */
  function line(hit) {
    const item = element("li");
    item.append(element("bdi", "id", hit.text), " ", element("span", "quiet", hit.note));
    for (const place of hit.clusters) {
      const [href, id, name] = rows[place];
      const link = element(href ? "a" : "span", "in");
      if (href) {
        const [file, part = ""] = href.split("#");
        link.setAttribute("href", `clusters/${file}?find=${encodeURIComponent(hit.text)}#${part}`);
      }
      link.append(element("bdi", "", hit.note === "cluster" ? id : name));
      item.append(" in ", link);
    }
    return item;
  }

  async function show() {
    const query = field.value.slice(0, 300);
    if (!index) await load();
    if (query !== field.value.slice(0, 300)) return;
    const hits = query.trim() ? find(query) : [];
    list.replaceChildren(...hits.slice(0, LIMIT).map(line));
    const more = hits.length > LIMIT ? `, the first ${LIMIT} shown` : "";
    byId("found").textContent = !query.trim() ? "" : hits.length
      ? `${grouped(hits.length)} found${more}`
      : "Nothing found among the identifiers of clusters, the suppressed ones, record ids and cluster names. " +
        "Identifiers that only a forgeable caller id names are not on this page.";
    document.documentElement.dataset.searched = query;
  }

  async function load() {
    const [found, clusters] = await Promise.all([unpacked("search-data"), unpacked("clusters-data")]);
    found.values = found.ids.map(value);
    found.folded = found.records.map((/** @type {string} */ id) => id.toLowerCase());
    rows = clusters.rows;
    index = found;
  }

  form.hidden = false;
  let waiting = 0;
  field.addEventListener("focus", () => index || load(), { once: true });
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 80);
  });
  form.addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    show();
  });
  document.addEventListener("keydown", (event) => {
    const inField = event.target instanceof HTMLElement && event.target.matches("input, select, textarea");
    if (event.key !== "/" || inField || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.focus();
  });
})();
