/** The runs of a server, and the next one. */
import { readAlerts } from "./alerts.js";
import {
  about,
  ask,
  author,
  button,
  count,
  fill,
  greet,
  h,
  h2,
  linkButton,
  moment,
  p,
  plain,
  say,
  seconds,
  select,
  sentences,
  served,
  signAs,
  take,
  TOLD
} from "./parts.js";

/** Meets the server: which runs it shows, and what it records. */
export async function meet() {
  await greet();
  signAs(about.author || author);
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
  if (about.alerts) await readAlerts();
}
/** The button for the next run, and how far it is. @returns {any} */
export function rerunPart() {
  if (!about?.rerun || !served) return null;
  const told = p({ role: "status" });
  const bar = h("progress", { max: 100, value: 0, label: TOLD.next_run, hidden: true });
  const start = button(TOLD.run_again_with, async () => {
    try {
      await ask("rerun", {});
      take(await ask("decisions"));
      follow();
    } catch (error) {
      told.textContent = plain(error.message, 400);
    }
  });
  async function follow() {
    const before = about.rerun.state;
    const { state, percent, line, name } = (await greet()).rerun,
      running = state === "running";
    if (before === "running" && state === "done") await meet();
    start.disabled = running;
    bar.hidden = !running;
    bar.value = percent ?? 0;
    if (running) {
      told.textContent = `${count(percent)} %. ${plain(line, 200).replace(/^\d+ %: /, "")}`;
      setTimeout(() => told.isConnected && follow(), 1000);
    } else if (state === "failed") told.textContent = say.run_failed(plain(line, 300));
    else if (state === "done") {
      const next = about.runs.find((each) => each.name === name);
      fill(told, TOLD.next_run_done, next && linkButton(`${next.href}#/queue`, "Open it"));
    }
  }
  follow();
  return [h2(TOLD.next_run), p(sentences(TOLD.rerun)), h("div.bar", start, bar), told];
}
