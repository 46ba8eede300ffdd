// Files on their way in: folders walked to the bottom, four files at a time, each with its own end.

import { signal } from "../ui.js";
import { call, cardOf, escapePath, get, query } from "../api.js";
import { readCollections, sentence } from "../state.js";

const AT_ONCE = 4;
const MOST_FILES = 5000;
const MOST_BYTES = 1024 ** 3;
/** Folders nobody means when they drop a project. */
const LEFT_OUT = new Set(["node_modules", "__pycache__", "venv", "target"]);

/**
 * @typedef {{file: File, path: string, collection: string}} Parcel
 * @typedef {{path: string, reason: string}} Loss
 * @typedef {{total: number, done: number, stored: number, unchanged: number, skipped: Loss[], failed: Loss[],
 *   now: string[], over: boolean, collection: string, read: number, reading: number}} Way
 */

/** The uploads of this page; null before the first. */
export const way = signal(/** @type {Way|null} */ (null));
/** @type {Parcel[]} */
let waiting = [];
let running = 0;
let stopped = false;
let counted = 0; // when the collections were last asked for

/** @param {Partial<Way>} change */
const set = (change) => { way.value = { .../** @type {Way} */ (way.value), ...change }; };

/** @param {string} path @returns {string} why a file is left out, or nothing */
function leftOut(path) {
  const parts = path.split("/");
  if (parts.some((p) => p.startsWith("."))) return "hidden";
  const folder = parts.slice(0, -1).find((p) => LEFT_OUT.has(p));
  return folder ? `inside ${folder}` : "";
}

/** @param {any} entry @param {string} above @param {{file: File, path: string}[]} out @param {Loss[]} skipped */
async function walk(entry, above, out, skipped) {
  const path = above + entry.name;
  const why = leftOut(path);
  if (why) { skipped.push({ path, reason: why }); return; }
  if (entry.isFile) {
    const file = await new Promise((yes) => entry.file(yes, () => yes(null)));
    if (file) out.push({ file, path });
    else skipped.push({ path, reason: "the browser could not open it" });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // readEntries gives at most a hundred at a time, and an empty list at the end.
    const some = await new Promise((yes) => reader.readEntries(yes, () => yes([])));
    if (!some.length) return;
    for (const one of some) await walk(one, `${path}/`, out, skipped);
  }
}

/**
 * Take what was dropped. @param {DataTransfer} transfer
 * @param {string} collection empty: the folder's own name, or "Documents" for loose files
 * @returns {Promise<number>} files taken
 */
export async function dropFiles(transfer, collection) {
  // The list is only there during the event: the entries are taken out before the first wait.
  const entries = [...transfer.items].map((i) => i.webkitGetAsEntry?.()).filter(Boolean);
  const loose = entries.length ? [] : [...transfer.files];
  /** @type {{file: File, path: string}[]} */
  const out = loose.map((file) => ({ file, path: file.name }));
  /** @type {Loss[]} */
  const skipped = [];
  for (const entry of entries) await walk(entry, "", out, skipped);
  return begin(out, skipped, collection);
}

/** Take what was chosen in a file field. @param {FileList} files @param {string} collection */
export function chooseFiles(files, collection) {
  /** @type {Loss[]} */
  const skipped = [];
  const out = [...files].map((file) => ({ file, path: /** @type {any} */ (file).webkitRelativePath || file.name }))
    .filter(({ path }) => {
      const why = leftOut(path);
      if (why) skipped.push({ path, reason: why });
      return !why;
    });
  return begin(out, skipped, collection);
}

/** @param {{file: File, path: string}[]} found @param {Loss[]} skipped @param {string} collection */
function begin(found, skipped, collection) {
  const kept = [];
  for (const { file, path } of found) {
    if (kept.length >= MOST_FILES) skipped.push({ path, reason: `more than ${MOST_FILES.toLocaleString("en-GB")} files at once` });
    else if (file.size > MOST_BYTES) skipped.push({ path, reason: "larger than 1.1 GB" });
    else {
      // A dropped folder becomes a collection of its name; its files keep their paths inside it.
      const cut = path.indexOf("/");
      const folder = cut > 0 ? path.slice(0, cut) : "";
      kept.push({ file, collection: collection || folder || "Documents", path: folder ? path.slice(cut + 1) : path });
    }
  }
  stopped = false;
  if (!way.value || way.value.over) {
    way.value = { total: 0, done: 0, stored: 0, unchanged: 0, skipped: [], failed: [], now: [], over: false, read: 0, reading: 0,
      collection: kept[0]?.collection || collection };
  }
  set({ total: way.value.total + kept.length, skipped: [...way.value.skipped, ...skipped], over: kept.length === 0 && running === 0 });
  waiting.push(...kept);
  while (running < AT_ONCE && waiting.length) work();
  return kept.length;
}

async function work() {
  running += 1;
  while (waiting.length && !stopped) {
    const parcel = /** @type {Parcel} */ (waiting.shift());
    set({ now: [.../** @type {Way} */ (way.value).now, parcel.path] });
    await send(parcel);
    const now = /** @type {Way} */ (way.value);
    set({ done: now.done + 1, now: now.now.filter((p) => p !== parcel.path) });
    if (Date.now() - counted > 1500) {
      counted = Date.now();
      readCollections().catch(() => {});
    }
  }
  running -= 1;
  if (running === 0) {
    set({ over: true });
    readCollections().catch(() => {});
  }
}

/** @param {Parcel} parcel */
async function send({ file, path, collection }) {
  for (let tries = 0; ; tries += 1) {
    try {
      const { document, unchanged } = await call("PUT", `/collections/${encodeURIComponent(collection)}/files/${escapePath(path)}`, file);
      const now = /** @type {Way} */ (way.value);
      if (document.state === "failed") set({ failed: [...now.failed, { path, reason: sentence(document.note || document.reason) }] });
      else if (unchanged) set({ unchanged: now.unchanged + 1 });
      else {
        set({ stored: now.stored + 1 });
        unread.set(document.id, { path, collection });
        followReading();
      }
      return;
    } catch (error) {
      const card = cardOf(error);
      if ((card.status === 0 || card.status === 429 || card.status === 503) && tries < 4 && !stopped) {
        await new Promise((done) => setTimeout(done, 400 * 2 ** tries));
        continue;
      }
      const reason = card.status === 0 ? "the file changed or the house went away while it was sent" : card.title;
      set({ failed: [.../** @type {Way} */ (way.value).failed, { path, reason: sentence(reason) }] });
      return;
    }
  }
}

/** Stored, but not read to the end yet. @type {Map<string, {path: string, collection: string}>} */
const unread = new Map();
let following = false;

/** The house reads at its own pace: watch until each file is indexed, or failed with its reason. */
async function followReading() {
  if (following) return;
  following = true;
  for (let wait = 400; unread.size; wait = Math.min(wait * 1.5, 3000)) {
    set({ reading: unread.size });
    await new Promise((done) => setTimeout(done, wait));
    try {
      for (const name of new Set([...unread.values()].map((u) => u.collection))) await settle(name);
    } catch { /* the house is away: ask again */ }
    readCollections().catch(() => {});
  }
  set({ reading: 0 });
  following = false;
}

/** @param {string} collection */
async function settle(collection) {
  const wanted = [...unread].filter(([, u]) => u.collection === collection).map(([id]) => id);
  const seen = new Set();
  let after = "";
  do {
    const found = await get(`/documents${query({ collection, after, limit: 1000 })}`);
    for (const doc of found.documents) {
      seen.add(doc.id);
      const mine = unread.get(doc.id);
      if (!mine || doc.state === "waiting" || doc.state === "reading") continue;
      unread.delete(doc.id);
      const now = /** @type {Way} */ (way.value);
      if (doc.state === "failed") set({ failed: [...now.failed, { path: mine.path, reason: sentence(doc.note || doc.reason) }] });
      else set({ read: now.read + 1 });
    }
    after = found.next;
  } while (after);
  for (const id of wanted) if (!seen.has(id)) unread.delete(id); // removed while it was read
}

/** Leave out what has not begun. */
export function stopUploads() {
  stopped = true;
  set({ skipped: [.../** @type {Way} */ (way.value).skipped, ...waiting.map(({ path }) => ({ path, reason: "stopped by you" }))] });
  waiting = [];
}
