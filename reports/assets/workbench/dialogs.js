/** What speaks over the page: the explanation of a term, a toast, and the dialog that asks. */
import { button, fill, form, h, h2, plain, span, TERMS } from "./basics.js";

export const tip = /** @type {HTMLElement} */ (document.getElementById("tip"));
/** @param {any} event */
function explain({ target }) {
  const term = target.closest?.("[data-term]");
  tip.hidden = !term;
  if (!term) return;
  tip.textContent = TERMS[term.dataset.term];
  term.setAttribute("aria-describedby", "tip");
  const box = term.getBoundingClientRect(),
    below = box.bottom + 6;
  tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${below + tip.offsetHeight < innerHeight ? below : box.top - tip.offsetHeight - 6}px`;
}
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") tip.hidden = true;
});
document.addEventListener("mouseover", explain);
document.addEventListener("focusin", explain);

export const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("dialog"));

/**
 * Asks in the dialog.
 * @param {string} title @param {any[]} fields @param {string} go text of the button
 * @param {() => any} answer does what is asked, or throws what is wrong
 */
export function askFor(title, fields, go, answer) {
  const problem = h("p.problem", { role: "alert" }),
    record = h("button.primary", go);
  const submit = async () => {
    record.disabled = true;
    try {
      await answer();
    } catch (error) {
      problem.textContent = plain(error.message, 600);
      record.disabled = false;
    }
  };
  fill(
    dialog,
    form(
      "form",
      submit,
      h2({ id: "dialog-title" }, title),
      fields,
      problem,
      h(
        "p.buttons",
        record,
        button("Cancel", () => dialog.close())
      )
    )
  );
  if (!dialog.open) dialog.showModal();
}

const toaster = /** @type {HTMLElement} */ (document.getElementById("toast"));
let fading = 0;
/** @param {any} message @param {any[]} [more] */
export function toast(message, more) {
  clearTimeout(fading);
  fill(
    toaster,
    span(message),
    more,
    button("×", () => fill(toaster), { label: "Close", class: "close" })
  );
  fading = setTimeout(() => fill(toaster), 15_000);
}
export const failed = (error) => toast(plain(error.message, 400));
