/** Charts by time, and room for texts in drawings. */
import { count, day, DAY, h, recordCounts, remark, say, seconds, sum, svg } from "./basics.js";

/** How many days or bars are between two dates of a time axis. @param {number} length of the axis */
export const tickStep = (length) => Math.ceil(length / 8);
/** A text at the left of a drawing. @param {number} left @param {number} y @param {string} text */
export const beside = (left, y, text) => svg("text", { x: left - 6, y, "text-anchor": "end" }, text);
const ruler = document.createElement("canvas").getContext("2d");
if (ruler) ruler.font = "11px system-ui, sans-serif";
/** @param {string} text @returns {number} its width in a drawing */
export const widthOf = (text) => ruler?.measureText(text).width ?? text.length * 6.4;
/**
 * Bars by time, in panels one above the other.
 * @param {string} label @param {number} tall height of a panel
 * @param {number[][][]} panels of each the numbers of its series, which are stacked, by bar
 * @param {(bar: number) => string} dayOfBar @param {(bar: number) => string} aboutBar
 */
export function barChart(label, tall, panels, dayOfBar, aboutBar) {
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
    label: say.most_in_one(label, mosts.map(count).join(" and "))
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
export const keyed = (a, b, more, chart) =>
  h("figure", h("figcaption.quiet", h("span.key.key-a"), " ", a, " ", h("span.key.key-b"), " ", b, more), chart);
/** @param {any} trend bars of a day or a week */
export function trendChart({ step, start: first, complaints, calls, earlier }) {
  const unit = step === 1 ? "day" : "week",
    bars = complaints.length;
  if (!bars) return remark("No record.");
  const dayAt = (bar) => day(seconds(first) + bar * step * DAY);
  const chart = barChart(
    say.records_by(unit, dayAt(0), day(seconds(first) + (bars * step - 1) * DAY)),
    150,
    [[complaints, calls]],
    dayAt,
    (bar) => `${dayAt(bar)}: ${recordCounts({ complaints: complaints[bar], calls: calls[bar] })}`
  );
  return keyed("complaints", "calls", [`, by ${unit}`, earlier && say.record_earlier(earlier)], chart);
}
