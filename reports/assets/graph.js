// @ts-check
"use strict";
/**
 * The picture of a cluster: pointing at an identifier or moving to it with the keyboard shows its
 * evidence. The picture itself is in the page; this only listens.
 */
(() => {
  const svg = byId("picture");
  /** @type {{nodes: [string, string, string][], links: [number, number, string, string][]}} */
  const data = JSON.parse(byId("graph-data").textContent);
  /** @type {SVGGElement[]} */ const nodes = [...svg.querySelectorAll(".node")];
  /** @type {SVGTextElement[]} */ const labels = [...svg.querySelectorAll(".labels text")];
  const lines = /** @type {SVGGElement} */ (svg.querySelector(".lines"));
  const places = nodes.map((node) => {
    const at = /** @type {DOMMatrix} */ (node.transform.baseVal.consolidate()?.matrix);
    return { x: at.e, y: at.f };
  });
  let current = 0;
  let held = -1;

  /** @param {number} n @returns {number[]} */
  function linksOf(n) {
    return data.links.flatMap(([a, b], place) => (a === n || b === n ? [place] : []));
  }

  /** @param {number} place @returns {SVGElement} the line of a link, drawn over the others */
  function traced(place) {
    const [a, b, , verdict] = data.links[place];
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    const ends = { x1: places[a].x, y1: places[a].y, x2: places[b].x, y2: places[b].y };
    for (const [name, value] of Object.entries(ends)) line.setAttribute(name, String(value));
    const toSupplier = [a, b].some((end) => nodes[end].classList.contains("supplier"));
    line.classList.add("near", verdict.startsWith("soft") ? "soft" : verdict.includes("not accepted") ? "doubted" : "hard");
    line.classList.toggle("to-supplier", toSupplier);
    return line;
  }

  /** @param {number} n -1 for none */
  function show(n) {
    svg.classList.toggle("chosen", n >= 0);
    const links = n >= 0 ? linksOf(n) : [];
    const near = new Set(links.flatMap((place) => data.links[place].slice(0, 2)));
    nodes.forEach((node, place) => {
      node.classList.toggle("near", near.has(place) || place === n);
      node.classList.toggle("this", place === n);
    });
    labels.forEach((label) => {
      const place = Number(label.dataset.node);
      label.classList.toggle("near", near.has(place) || place === n);
    });
    for (const line of lines.querySelectorAll(".near")) line.remove();
    lines.append(...links.map(traced));
    byId("panel-title").textContent = n >= 0 ? data.nodes[n][0] : "Nothing selected";
    const panel = byId("panel");
    if (n < 0) {
      panel.replaceChildren(element("p", "quiet", "Select an identifier."));
      return;
    }
    const [, about, sighted] = data.nodes[n];
    const list = element("ul");
    for (const place of links) {
      const [a, b, evidence, verdict] = data.links[place];
      const item = element("li");
      item.append(element("span", "id", data.nodes[a === n ? b : a][0]));
      item.append(element("span", "sub", evidence), element("span", "sub", verdict));
      list.append(item);
    }
    const soft = links.filter((place) => data.links[place][3].startsWith("soft")).length;
    const count = `${links.length - soft} hard and ${soft} soft links`;
    panel.replaceChildren(element("p", "", about), element("p", "", sighted), element("p", "quiet", count), list);
    panel.scrollTop = 0;
  }

  /** @param {number} n */
  function focus(n) {
    nodes[current].setAttribute("tabindex", "-1");
    current = n;
    nodes[n].setAttribute("tabindex", "0");
    nodes[n].focus();
  }

  /**
   * The nearest node in the direction of an arrow key, sideways distance counting double.
   * @param {number} dx @param {number} dy
   */
  function towards(dx, dy) {
    let best = -1;
    let least = Infinity;
    places.forEach(({ x, y }, place) => {
      if (getComputedStyle(nodes[place]).display === "none") return;
      const along = (x - places[current].x) * dx + (y - places[current].y) * dy;
      const aside = Math.abs((x - places[current].x) * dy + (y - places[current].y) * dx);
      if (along > 0.5 && along + 2 * aside < least) [best, least] = [place, along + 2 * aside];
    });
    return best;
  }

  /** @type {Record<string, [number, number]>} */
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  nodes.forEach((node, place) => {
    node.setAttribute("role", "button");
    node.setAttribute("tabindex", place === 0 ? "0" : "-1");
    node.setAttribute("aria-pressed", "false");
    node.addEventListener("focus", () => {
      current = place;
      show(place);
    });
    node.addEventListener("blur", () => show(held));
    node.addEventListener("mouseenter", () => show(place));
    node.addEventListener("mouseleave", () => show(held));
    node.addEventListener("click", () => hold(held === place ? -1 : place));
  });

  /** @param {number} n */
  function hold(n) {
    nodes[held]?.setAttribute("aria-pressed", "false");
    held = n;
    nodes[n]?.setAttribute("aria-pressed", "true");
    show(n);
  }

  svg.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const arrow = ARROWS[event.key];
    if (arrow) {
      const next = towards(...arrow);
      if (next >= 0) focus(next);
    } else if (event.key === "Home" || event.key === "End") {
      const visible = nodes.flatMap((node, place) => (getComputedStyle(node).display === "none" ? [] : [place]));
      focus(event.key === "Home" ? visible[0] : visible[visible.length - 1]);
    } else if (event.key === "Enter" || event.key === " ") {
      hold(held === current ? -1 : current);
    } else if (event.key === "Escape") {
      hold(-1);
    } else {
      return;
    }
    event.preventDefault();
  });

  /** @param {number} factor @param {number} [x] @param {number} [y] centre, in units of the picture */
  function zoom(factor, x, y) {
    const box = svg.viewBox.baseVal;
    const width = Math.min(Math.max(box.width * factor, 100), 1000);
    const height = width * 0.62;
    const [cx, cy] = [x ?? box.x + box.width / 2, y ?? box.y + box.height / 2];
    const left = cx - ((cx - box.x) * width) / box.width;
    const top = cy - ((cy - box.y) * height) / box.height;
    box.x = Math.min(Math.max(left, 0), 1000 - width);
    box.y = Math.min(Math.max(top, 0), 620 - height);
    [box.width, box.height] = [width, height];
    svg.classList.toggle("zoomed", width < 1000);
  }

  const here = () => (held >= 0 ? [places[held].x, places[held].y] : []);
  byId("closer").addEventListener("click", () => zoom(1 / 1.5, ...here()));
  byId("farther").addEventListener("click", () => zoom(1.5));
  byId("fit").addEventListener("click", () => zoom(Infinity));
  svg.addEventListener("wheel", (/** @type {WheelEvent} */ event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const frame = svg.getBoundingClientRect();
    const box = svg.viewBox.baseVal;
    const x = box.x + ((event.clientX - frame.left) / frame.width) * box.width;
    const y = box.y + ((event.clientY - frame.top) / frame.height) * box.height;
    zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, x, y);
  }, { passive: false });
  /** @type {{x: number, y: number} | null} */ let drag = null;
  svg.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => (drag = { x: event.clientX, y: event.clientY }));
  addEventListener("pointerup", () => (drag = null));
  svg.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    const box = svg.viewBox.baseVal;
    if (!drag || box.width >= 1000) return;
    const scale = box.width / svg.getBoundingClientRect().width;
    box.x = Math.min(Math.max(box.x - (event.clientX - drag.x) * scale, 0), 1000 - box.width);
    box.y = Math.min(Math.max(box.y - (event.clientY - drag.y) * scale, 0), 620 - box.height);
    drag = { x: event.clientX, y: event.clientY };
  });

  const box = byId("show-suppliers");
  const suppliers = () => svg.classList.toggle("no-suppliers", !box.checked);
  box.addEventListener("change", suppliers);
  suppliers();
  for (const one of document.querySelectorAll("[data-script]")) /** @type {HTMLElement} */ (one).hidden = false;
  document.documentElement.dataset.ready = "graph";
})();
