// @ts-check
"use strict";
/** The table of clusters: sort, filter and page; its rows are those of `ClusterTable.data`. */
(() => {
  const PAGE = 50;
  const [HREF, ID, NAME, PRIORITY, SIZE, COMPLAINTS, CALLS, VICTIMS, LOSSES, FIRST, LAST] =
    Array(11).keys();
  const [CONFIDENCE, ORGS, BRANDS, COUNTRIES, STATUS, EVENT] = [11, 12, 13, 14, 15, 16];
  const DAY = 86400000;
  const PLAIN = new Set(["", "candidate", "unchanged"]);

  /** @type {any} */ let data;
  /** @type {any[][]} */ let shown = [];
  let page = 0;
  let sort = { column: PRIORITY, down: true };
  const form = byId("filters");
  const body = byId("cluster-rows");

  /** @param {any[]} row */
  function wanted(row) {
    const f = form.elements;
    if (f.both.checked && row[ORGS].length < 2) return false;
    if (f.brand.value && !row[BRANDS].includes(Number(f.brand.value))) return false;
    if (f.country.value && !row[COUNTRIES].includes(Number(f.country.value))) return false;
    if (f.size.value && row[SIZE] < Number(f.size.value)) return false;
    if (f.active.value && age(row[LAST]) >= Number(f.active.value)) return false;
    if (f.event.value && data.events[row[EVENT]] !== f.event.value) return false;
    const name = f.named.value.trim().toLowerCase();
    return !name || row[NAME].toLowerCase().includes(name) || row[ID].toLowerCase().includes(name);
  }

  /** @param {string} day @returns {number} days before the newest record of the run */
  function age(day) {
    return (Date.parse(data.newest) - Date.parse(day)) / DAY;
  }

  /** @param {any[]} a @param {any[]} b */
  function compare(a, b) {
    const x = a[sort.column];
    const y = b[sort.column];
    const order = Array.isArray(x) ? x.length - y.length : x < y ? -1 : x > y ? 1 : 0;
    return (sort.down ? -order : order) || b[PRIORITY] - a[PRIORITY];
  }

  /** @param {any[]} row @returns {HTMLElement} */
  function line(row) {
    const made = element("tr");
    made.dataset.cite = `${row[ID]} “${row[NAME]}”`;
    made.append(element("td", "num", row[PRIORITY].toFixed(1)));
    const head = element("th");
    head.setAttribute("scope", "row");
    const name = element(row[HREF] ? "a" : "span", "name");
    name.append(element("bdi", "", row[NAME]));
    if (row[HREF]) name.setAttribute("href", `clusters/${row[HREF]}`);
    head.append(name);
    for (const tag of [data.events[row[EVENT]], data.statuses[row[STATUS]]]) {
      if (PLAIN.has(tag) || (tag === "born" && !data.compared)) continue;
      head.append(" ", element("span", "tag", tag === "born" ? "new" : tag));
    }
    made.append(head);
    for (const column of [SIZE, COMPLAINTS, CALLS, VICTIMS]) {
      made.append(element("td", "num", grouped(row[column])));
    }
    made.append(words(row[ORGS], data.orgs), words(row[BRANDS], data.brands, 2));
    made.append(words(row[COUNTRIES], data.countries));
    made.append(element("td", "num", row[LOSSES] || "–"));
    made.append(element("td", "time", row[FIRST]), element("td", "time", row[LAST]));
    made.append(element("td", "num", row[CONFIDENCE].toFixed(2)), citeCell(row[NAME]));
    return made;
  }

  /** @param {number[]} places @param {string[]} names @param {number} [most] @returns {HTMLElement} */
  function words(places, names, most = 3) {
    const cell = element("td");
    const first = places.slice(0, most).map((place) => names[place]);
    cell.append(element("bdi", "", first.join(", ") || "–"));
    if (places.length > most) cell.append(element("span", "cut", ` +${places.length - most}`));
    return cell;
  }

  function draw() {
    const last = Math.max(Math.ceil(shown.length / PAGE) - 1, 0);
    page = Math.min(Math.max(page, 0), last);
    const from = page * PAGE;
    body.replaceChildren(...shown.slice(from, from + PAGE).map(line));
    const to = Math.min(from + PAGE, shown.length);
    byId("shown").textContent = shown.length
      ? `${grouped(from + 1)} to ${grouped(to)} of ${grouped(shown.length)} clusters`
      : "No cluster fits these filters";
    byId("previous").setAttribute("aria-disabled", String(page === 0));
    byId("next").setAttribute("aria-disabled", String(page === last));
    for (const head of byId("cluster-head").querySelectorAll("[data-column]")) {
      const mine = Number(head.dataset.column) === sort.column;
      if (mine) head.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
  }

  function refresh() {
    shown = data.rows.filter(wanted).sort(compare);
    page = 0;
    draw();
  }

  /** @param {string} id @param {string[]} names */
  function choices(id, names) {
    const order = names.map((name, place) => /** @type {const} */ ([name, place]));
    order.sort((a, b) => (a[0] < b[0] ? -1 : 1));
    for (const [name, place] of order.slice(0, 500)) {
      const option = element("option", "", name);
      option.setAttribute("value", String(place));
      byId(id).append(option);
    }
  }

  async function start() {
    data = await unpacked("clusters-data");
    data.compared = data.events.some((/** @type {string} */ one) => one !== "born" && one !== "");
    data.newest = data.rows.reduce((/** @type {string} */ a, /** @type {any[]} */ row) => (row[LAST] > a ? row[LAST] : a), "");
    choices("brand", data.brands);
    choices("country", data.countries);
    for (const head of byId("cluster-head").querySelectorAll("[data-column]")) {
      if (Number(head.dataset.column) === LOSSES) continue;
      const button = element("button", "sort", head.textContent || "");
      button.setAttribute("type", "button");
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const column = Number(head.dataset.column);
        sort = { column, down: sort.column === column ? !sort.down : column !== NAME };
        refresh();
      });
    }
    form.addEventListener("input", refresh);
    form.addEventListener("reset", () => setTimeout(refresh));
    form.addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
    for (const [id, step] of /** @type {const} */ ([["previous", -1], ["next", 1]])) {
      byId(id).addEventListener("click", () => {
        if (byId(id).getAttribute("aria-disabled") === "true") return;
        page += step;
        draw();
      });
    }
    form.hidden = byId("pager").hidden = false;
    refresh();
    document.documentElement.dataset.ready = "table";
  }
  start();
})();
