// The one door to the house: JSON requests with the session's mark, errors as cards.

/**
 * @typedef {{code: string, title: string, status: number, where: string, fix: string}} Card
 * @typedef {{id: string, name: string, role: string}} User
 * @typedef {{state: "setup"|"signed-out"|"signed-in", user: User|null, csrf: string, only_me: boolean,
 *   house: {name: string, version: string}}} Session
 * @typedef {{id: string, title: string, updated_at: number, turns: number, pinned: boolean,
 *   snippet: string, temporary?: boolean}} Chat
 * @typedef {{number: number, document_id: string, collection: string, file: string, page: number|null,
 *   line: number|null, heading: string, text: string, score: number}} Source
 * @typedef {{number: number, document_id: string, file: string, page: number|null, line: number|null,
 *   quote: string, verified: boolean}} Citation
 * @typedef {{id: string, chat_id: string, parent_id: string|null, question: string, answer: string,
 *   state: "sending"|"unsent"|"queued"|"writing"|"done"|"stopped"|"failed"|"cut", model: string,
 *   collections: string[], created_at: number, finished_at: number|null, refused: boolean,
 *   sources: Source[], citations: Citation[], prompt_tokens: number, completion_tokens: number,
 *   first_token_ms: number|null, duration_ms: number|null, tokens_per_s: number|null,
 *   error: Card|null, last_event: number, key?: string, resend?: () => void}} Turn
 * @typedef {{id: string, collection: string, file: string, kind: string, bytes: number,
 *   passages: number, state: "waiting"|"reading"|"indexed"|"failed", reason: string, note: string,
 *   pages: number|null, added_at: number, meaning_done: boolean}} Document
 * @typedef {{id: string, state: "running"|"done"|"failed", done: number, total: number,
 *   current: string, result: any, error: Card|null}} Job
 */

const V1 = "/freehold/v1";
const SAFE = new Set(["GET", "HEAD"]);

/** The session's mark against forged requests; `people.js` sets it, nothing stores it. */
let mark = "";
/** @type {() => void} */
let whenSignedOut = () => {};

/** @param {string} csrf */
export const carry = (csrf) => { mark = csrf; };
/** @param {() => void} act what to do when the house says the session is over */
export const onSignedOut = (act) => { whenSignedOut = act; };

/** An answer of the house that is not the one wished for, as the card a person reads. */
export class Trouble extends Error {
  /** @param {Card} card */
  constructor(card) {
    super(card.title);
    this.card = card;
  }
}

/** The card for a house that does not answer at all. */
export const AWAY = {
  code: "", status: 0, where: "", title: "The house does not answer.",
  fix: "It may be restarting. If it stays silent, look in the terminal that runs it: freehold status",
};

/** @param {unknown} error @returns {Card} */
export function cardOf(error) {
  if (error instanceof Trouble) return error.card;
  if (error instanceof TypeError) return AWAY; // fetch says "network" this way
  return { code: "", status: 0, where: "", title: String(error), fix: "" };
}

/** @param {Response} answer @returns {Promise<Trouble>} */
export async function troubleOf(answer) {
  /** @type {any} */
  let said = {};
  try { said = await answer.json(); } catch { /* not JSON: the status says enough */ }
  return new Trouble({
    code: said.code || "", status: answer.status, where: said.where || "", fix: said.fix || "",
    title: said.title || `The house answered ${answer.status}.`,
  });
}

/**
 * One request. `path` is below /freehold/v1.
 * @param {string} method @param {string} path @param {unknown} [body] JSON, or a Blob sent as it is
 * @param {{signal?: AbortSignal}} [more]
 * @returns {Promise<any>} the JSON answer, null for none
 * @throws {Trouble} with the house's own card
 */
export async function call(method, path, body, more = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (!SAFE.has(method)) headers["X-Freehold-CSRF"] = mark;
  const raw = body instanceof Blob;
  if (body !== undefined && !raw) headers["Content-Type"] = "application/json";
  if (raw) headers["Content-Type"] = "application/octet-stream";
  const answer = await fetch(V1 + path, {
    method, headers, signal: more.signal, credentials: "same-origin",
    body: body === undefined ? undefined : raw ? /** @type {Blob} */ (body) : JSON.stringify(body),
  });
  if (!answer.ok) {
    if (answer.status === 401 && !path.startsWith("/s")) whenSignedOut();
    throw await troubleOf(answer);
  }
  if (answer.status === 204) return null;
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
}

/** @param {string} path @param {{signal?: AbortSignal}} [more] */
export const get = (path, more) => call("GET", path, undefined, more);
/** @param {string} path @param {unknown} [body] */
export const post = (path, body = {}) => call("POST", path, body);

/** @param {Record<string, string|number|null|undefined>} parts only those that hold something */
export function query(parts) {
  const filled = Object.entries(parts).filter(([, v]) => v !== null && v !== undefined && v !== "");
  return filled.length ? "?" + new URLSearchParams(filled.map(([k, v]) => [k, String(v)])) : "";
}

/** A relative path with each part escaped and its slashes kept. @param {string} path */
export const escapePath = (path) => path.split("/").map(encodeURIComponent).join("/");

/** @param {string} path below /freehold/v1 */
export const address = (path) => V1 + path;
