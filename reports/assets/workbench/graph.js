/** The graph of a cluster. */
import { colour, graphml, graphPng, graphSvg, inLines, labels } from "./graph_drawing.js";
import { linkLine } from "./links.js";
import {
  address,
  anchor,
  briefly,
  button,
  counted,
  datalist,
  DAY,
  day,
  dayOf,
  details,
  div,
  dot,
  download,
  fill,
  form,
  GRAPH_STYLE,
  h,
  identifier,
  input,
  isoDay,
  kindsOf,
  labelled,
  li,
  load,
  looksOf,
  marks,
  may,
  memberOf,
  onSelected,
  p,
  pairButtons,
  people,
  place,
  plain,
  plainName,
  quiet,
  recordsOf,
  remark,
  remember,
  say,
  span,
  term,
  titleOfId,
  toast,
  toCluster,
  TOLD,
  toNamed,
  valueOf,
  words
} from "./parts.js";
import { memberBy } from "./query.js";
import { strongestPath } from "./structure.js";

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

/** The graph that is drawn. @type {any} */ let graph = null;
export function leaveGraph() {
  graph?.destroy();
  graph = null;
}

/** @param {Cluster} cluster @param {(member: Member) => void} open */
export function graphTab(cluster, open) {
  const { id, members, suppliers, handovers: pairs } = cluster,
    { state } = place();
  const canvas = h("div.canvas", {
    tabindex: 0,
    role: "application",
    label: say.graph_identifier(cluster.size, TOLD.graph_keys)
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
    // An address cannot change as often as a slider.
    clearTimeout(keeping);
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
        !taken.length && TOLD.no_handover_week,
        taken
          .slice(-4)
          .map(({ before, after }) =>
            span(identifier(before.id), TOLD.gave_way, identifier(after.id), ` on ${day(after.first)}. `)
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
  const zoom = (by) => cy?.zoom({ level: cy.zoom() * by, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
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
      text === "PNG" ? TOLD.download_png : text,
      () => cy && download(`${plainName(id)}.${text.toLowerCase()}`, content(), type)
    );
  const tools = h(
    "div.bar.graph-tools",
    button("Zoom in", () => zoom(1.3)),
    button(TOLD.zoom_out, () => zoom(1 / 1.3)),
    button("Fit", fit),
    kinds.map((kind) => check(words(kind), !hidden.has(kind), (on) => hidden[on ? "delete" : "add"](kind), dot(kind))),
    box(TOLD.core_only, "gcore"),
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
    const title = link ? (link.accepted ? "Link" : TOLD.link_rejected) : say.path_link(path.length);
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
        : p(TOLD.no_accepted_links),
      may("decide") && h("div.bar", pairButtons(cluster, a.id, b.id))
    );
    for (const each of path) cy?.getElementById(`e${each.a}-${each.b}`).addClass("path");
  }
  /** Asks for the other end of a path. @param {Member} member */
  function pathForm(member) {
    const to = input({ list: "path-ends", label: "Path to", placeholder: TOLD.path_any_form, size: 26 });
    const submit = () => {
      const other = memberBy(cluster, to.value);
      if (!other) return toast(TOLD.no_member_cluster);
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
      h("button", TOLD.show_path)
    );
  }
  /** @param {Supplier} supplier */
  const supplied = ({ id: name, kind, records, clusters: served, others }) =>
    fill(
      list,
      h(
        "div.bar",
        close(),
        h("b", words(kind)),
        identifier(name),
        quiet(say.supplier_here(records, served), others.length && TOLD.among_them)
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
  /** Selects only these nodes, without a message. @param {any[]} nodes */
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
      cy = /** @type {any} */ (window).cytoscape({
        container: canvas,
        elements: [...nodes, ...edges],
        layout: { name: "preset" },
        minZoom: 0.2,
        maxZoom: 8,
        style: GRAPH_STYLE.replace(/\{(\w+)\}/g, (_, name) => colour(name))
      });
      if (edges.length > 800) cy.edges().addClass("faint");
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
          titleOfId(other, TOLD.single_identifier),
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
    TOLD.faint_nodes,
    term("Verify", "verify"),
    TOLD.graph_faint,
    term("Bridge", "bridge"),
    TOLD.red_rim,
    term("Contested", "contested"),
    "."
  );
  const lines = cluster.links.length + cluster.ties.length - DRAWN_LINKS,
    more = members.length - DRAWN;
  return [
    tools,
    h("div.stage", canvas, lately, list),
    legend,
    lines > 0 && remark(say.links_not_drawn(lines)),
    more > 0 && remark(say.identifiers_not_drawn(more))
  ];
}
