/** Starts the page. */
import { help, press } from "./keys.js";
import {
  ask,
  closeHits,
  dialog,
  keeps,
  may,
  online,
  openRun,
  p,
  plain,
  readKept,
  run,
  served,
  signAs,
  storeKey,
  take,
  takeWork,
  WORK_KEY
} from "./parts.js";
import { main, render } from "./router.js";
import { meet } from "./alerts.js";

document.getElementById("help-button")?.addEventListener("click", help);
document.addEventListener("keydown", press);
addEventListener("hashchange", () => {
  closeHits();
  render();
});
addEventListener("redraw", render);
addEventListener("storage", (event) => {
  // another tab decided, or noted something
  if (!run || run.redacted || served || !keeps || (event.key !== storeKey() && event.key !== WORK_KEY)) return;
  readKept();
  if (!dialog.open && !document.activeElement?.matches("input, select, textarea")) render();
});

async function start() {
  await openRun();
  if (online && !run.redacted) await meet();
  if (served) {
    signAs(take(await ask("decisions")).author);
    if (may("notes")) takeWork(await ask("notes"));
  } else readKept();
  await render();
}
start().catch((error) => main.replaceChildren(p({ role: "alert" }, plain(error.message, 400))));
