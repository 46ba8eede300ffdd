// What every page knows: who is here, what the house has, where we are. Signals, and the few acts
// that fill them.

import { batch, computed, signal } from "./ui.js";
import { cardOf, carry, get, onSignedOut, post, query } from "./api.js";

/** @type {import("./ui.js").Signal<import("./api.js").Session|null>} */
export const session = signal(null);
export const status = signal(/** @type {any} */ (null));
/** False while the house does not answer. */
export const reachable = signal(true);
export const models = signal(/** @type {any[]} */ ([]));
export const defaultModel = signal("");
export const collections = signal(/** @type {any[]} */ ([]));
export const meaning = signal({ state: "on", done: 0, total: 0, reason: "" });
/** What the search field asked for, its answer, and null before the first answer. */
export const history = signal(/** @type {{query: string, chats: import("./api.js").Chat[], next: string|null}|null} */ (null));
/** One line for the status region; read out politely, never token by token. */
export const spoken = signal("");
/** A short message at the foot of the page, with an act to take back, perhaps. */
export const notice = signal(/** @type {{text: string, bad?: boolean}|null} */ (null));
/** The dialog that is open, by name, with what it needs. */
export const dialog = signal(/** @type {any} */ (null));
/** The sheet with the history, on a phone. */
export const sheet = signal(false);

/** Where we are: the parts of `#/chat/abc`, and what follows a question mark. */
export const place = signal(readPlace());
export const page = computed(() => place.value.parts[0] || "chat");

function readPlace() {
  const [path, asked] = location.hash.replace(/^#\/?/, "").split("?");
  return { parts: path.split("/").filter(Boolean).map(decodeURIComponent), asked: new URLSearchParams(asked || "") };
}
addEventListener("hashchange", () => {
  batch(() => { place.value = readPlace(); sheet.value = false; });
});

/** @param {string} path such as `/documents` */
export const go = (path) => { location.hash = path; };
/** Change the address without a step in the browser's history. @param {string} path */
export function swap(path) {
  window.history.replaceState(null, "", `#${path}`);
  place.value = readPlace();
}

let noticeTimer = 0;
/** @param {string} text @param {boolean} [bad] */
export function tell(text, bad = false) {
  notice.value = { text, bad };
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { notice.value = null; }, bad ? 9000 : 4000);
}
/** @param {unknown} error */
export function tellTrouble(error) {
  const card = cardOf(error);
  tell(card.fix ? `${sentence(card.title)} ${sentence(card.fix)}` : sentence(card.title), true);
}
/** The house words its errors without capital and stop; a page shows sentences. @param {string} text */
export const sentence = (text) => text && text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

/** @param {import("./api.js").Session} found */
export function enter(found) {
  carry(found.csrf || "");
  session.value = found;
}
export async function readSession() { enter(await get("/session")); }
onSignedOut(() => { readSession().catch(() => {}); });

export async function signOut() {
  await post("/sign-out");
  batch(() => { history.value = null; models.value = []; collections.value = []; status.value = null; });
  await readSession();
}

export async function readModels() {
  const found = await get("/models");
  batch(() => { models.value = found.models; defaultModel.value = found.default; });
}
export async function readCollections() {
  const found = await get("/collections");
  batch(() => { collections.value = found.collections; meaning.value = found.meaning; });
}
let asked = 0;
/** @param {string} [text] words to search in all chats */
export async function readHistory(text = history.value?.query || "") {
  const mine = (asked += 1);
  const found = await get(`/chats${query({ query: text, limit: 200 })}`);
  if (mine === asked) history.value = { query: text, chats: found.chats, next: found.next };
}
/** Chats that are older than those shown. */
export async function readOlder() {
  const now = history.value;
  if (!now?.next) return;
  const found = await get(`/chats${query({ query: now.query, before: now.next, limit: 200 })}`);
  if (history.value === now) history.value = { ...now, chats: [...now.chats, ...found.chats], next: found.next };
}
export async function readStatus() {
  try {
    status.value = await get("/status");
    reachable.value = true;
  } catch (error) {
    const card = cardOf(error);
    if (card.status === 0 || card.status >= 500) reachable.value = false;
  }
}

/** The model a new question goes to: what was chosen on this page, or the house's own choice. */
export const chosenModel = signal("");
export const model = computed(() => {
  const name = chosenModel.value || defaultModel.value;
  return models.value.find((m) => m.name === name) || null;
});
export const READING_ROOM = "freehold/reading-room";
/** @param {string} name @returns {string} what a person calls the model */
export const called = (name) => (name === READING_ROOM ? "Reading room" : name);
/** True when there is a model that writes. */
export const hasWriter = computed(() => models.value.some((m) => m.kind !== "embed" && m.name !== READING_ROOM));

/** Which documents a new question may use: null all of them, [] none, or names of collections. */
export const scope = signal(/** @type {string[]|null} */ (null));

const keep = (/** @type {string} */ name, /** @type {string} */ value) => {
  try { localStorage.setItem(name, value); } catch { /* storage is off: the choice lasts for this page */ }
};
const kept = (/** @type {string} */ name) => {
  try { return localStorage.getItem(name); } catch { return null; }
};
export const theme = signal(kept("freehold.theme") || "system");
export const shortcuts = signal(kept("freehold.shortcuts") !== "off");
const dark = matchMedia("(prefers-color-scheme: dark)");
/** @param {string} wish system, light or dark */
export function setTheme(wish) {
  theme.value = wish;
  keep("freehold.theme", wish);
  paint();
}
function paint() {
  const wish = theme.value;
  document.documentElement.dataset.theme = wish === "dark" || (wish === "system" && dark.matches) ? "dark" : "light";
}
dark.addEventListener("change", paint);
/** @param {boolean} on */
export function setShortcuts(on) {
  shortcuts.value = on;
  keep("freehold.shortcuts", on ? "on" : "off");
}
