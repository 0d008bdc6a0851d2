/** The address has the view, what it shows and the state of its tables; each step of the history has a place on the page. */

/** @param {string} view @param {Record<string, any>} [state] */
export function address(view, state = {}) {
  const query = Object.entries(state)
    .filter(([, value]) => value)
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
    .join("&");
  return `#/${view}${query && `?${query}`}`;
}
/** @param {string} id @param {Record<string, any>} [state] */
export const toCluster = (id, state) => address(`c/${encodeURIComponent(id)}`, state);

/** @param {string} [hash] @returns {{view: string, id: string, state: Record<string, string>}} */
export function place(hash = location.hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?"),
    [view, id = ""] = path.split("/");
  // A plus stays a plus: numbers begin with it.
  const state = Object.fromEntries(new URLSearchParams(query.replaceAll("+", "%2B")));
  return { view: view || "queue", id: safeDecoded(id), state };
}
/** @param {string} text */
export function safeDecoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of this place with some of its state changed. @param {Record<string, any>} changes */
export function addressWith(changes) {
  const { view, id, state } = place();
  return address(id ? `${view}/${encodeURIComponent(id)}` : view, { ...state, ...changes });
}
/** Changes the state of the view without a step in the history. @param {Record<string, any>} changes */
export const remember = (changes) => history.replaceState(history.state, "", addressWith(changes));

/** Draws the view again: the router listens. */
export const redraw = () => dispatchEvent(new Event("redraw"));

// Back finds the place on the page: each step of the history has a number, and where it was scrolled to.
history.scrollRestoration = "manual";
export let entry = "",
  entries = 0;
/** @type {Map<string, number>} */ export const scrolled = new Map();
/** @type {Map<string, number>} */ export const rowsShown = new Map();
addEventListener("scroll", () => scrolled.set(entry, scrollY), { passive: true });
/**
 * Notes which step of the history is shown.
 * @returns {number | undefined} where it was scrolled to, if it was shown before
 */
export function arrive() {
  entry = history.state?.entry;
  if (!scrolled.has(entry)) {
    entry = `${performance.timeOrigin} ${++entries}`;
    history.replaceState({ entry }, "");
  }
  return scrolled.get(entry);
}
