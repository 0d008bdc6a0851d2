/** What the server answers, where one shows the page. */
import { meta, TOLD } from "./words.js";

const token = meta("token");
export const online = token !== "" && location.protocol.startsWith("http");
/** Whether decisions go to a file of the server. */
export let served = false;
/** @type {any} */ export let about = null;

/** Whether the roles of who looks allow a call of the server. @param {string} call */
export const allows = (call) => !about?.refused.includes(`api/${call}`);
/** @param {string} id @returns {string} the name of a person */
export const nameOf = (id) => (about && new Map(Object.entries(about.names)).get(id)) ?? id;

/** @param {string} path @param {any} [body] */
export async function ask(path, body) {
  const answer = await fetch(`api/${path}`, {
    method: body ? "POST" : "GET",
    body: body && JSON.stringify(body),
    headers: { "X-Ringtrace-Token": token, "Content-Type": "application/json" }
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error || TOLD.server_refused);
  return told;
}

/** Asks the server which runs it shows and what it records. @returns {Promise<any>} */
export async function greet() {
  about = await ask("about");
  served = about.records;
  return about;
}
