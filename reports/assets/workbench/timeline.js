/** When the members of a cluster were seen. */
import {
  beside,
  counted,
  day,
  DAY,
  dayOf,
  details,
  h,
  identifier,
  li,
  period,
  plain,
  remark,
  say,
  scroller,
  svg,
  term,
  tickStep,
  tint,
  TOLD,
  valueOf,
  widthOf
} from "./parts.js";

/** @param {Cluster} cluster @param {(member: Member) => void} open */
export function timelineTab({ members, handovers: pairs }, open) {
  const rows = members.toSorted((a, b) => a.first - b.first).slice(0, 200);
  if (!rows.length) return remark(TOLD.no_member_shown);
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
    label: say.days_read(rows.length)
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
    const about = say.life(plain(member.id, 160), member.tier, member.robustness) + period(member);
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
    remark(TOLD.timeline, term("Handover", "handovers"), left_out ? say.later_not_drawn(left_out) : "."),
    scroller("Timeline", drawing),
    pairs.length &&
      details(
        counted(pairs.length, "handover"),
        h(
          "ul.plain",
          pairs.map(({ before, after }) =>
            li(
              identifier(before.id),
              say.last_to(day(before.last)),
              identifier(after.id),
              say.first_of(day(after.first))
            )
          )
        )
      )
  ];
}
