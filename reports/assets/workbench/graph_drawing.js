/** Labels of the graph of a cluster, and the graph as a file, core members by value. */
import { create, leaves, plain, svg, widthOf } from "./parts.js";
import { isFree } from "./layout.js";

/** A text for a drawing, whole, in lines. @param {string} text */
export function inLines(text) {
  const name = plain(text, 160),
    signs = [...name];
  const each = Math.ceil(signs.length / Math.ceil(signs.length / 32)) || 1,
    lines = [];
  for (let start = 0; start < signs.length; start += each) lines.push(signs.slice(start, start + each).join(""));
  return { name, label: lines.join("\n"), half: Math.max(...lines.map(widthOf), 0) / 2 + 3, tall: 13 * lines.length };
}
/** A colour of the style sheet. @param {string} name */
export const colour = (name) => getComputedStyle(document.body).getPropertyValue(`--${name}`).trim();
/**
 * Writes the values of nodes, the most reported first, where they cover no other; whole, inside the picture, and
 * as large at any zoom. @param {any} cy
 */
export function labels(cy) {
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
/** The graph as it stands, as PNG: core members by value. @param {any} cy @returns {Blob} */
export function graphPng(cy) {
  cy.nodes()
    .filter((node) => !leaves(node.data("member")))
    .removeStyle("label");
  const picture = cy.png({ full: true, scale: 2, bg: colour("panel"), output: "blob" });
  labels(cy);
  return picture;
}
/** The graph as it stands, core members by value. @param {any} cy @returns {string} */
export function graphSvg(cy) {
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
/** @param {Cluster} cluster @returns {string} core members by value, the others counted */
export function graphml({ members, links: every, left_out }) {
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
