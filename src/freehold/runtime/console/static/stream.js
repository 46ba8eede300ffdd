// Following an answer: server-sent events over fetch, joined again after every break.
//
// Each event has a number, gapless from 1. The reader remembers the last one it took, asks for what
// comes after it, drops what it has seen and breaks off when one is missing: so a text is never
// doubled and never has a hole, however often the connection falls.

import { address, get, troubleOf } from "./api.js";

/** @typedef {{n: number, type: string, data: any}} Happening */

const PATIENCE_MS = [250, 500, 1000, 2000, 4000, 8000];
const SILENCE_MS = 40_000; // the house says something every 15 s

/** Cuts a byte stream into events. Lines may break anywhere, ends may be LF, CRLF or CR. */
export class Cutter {
  constructor() {
    this.rest = "";
    this.id = "";
    this.type = "";
    /** @type {string[]} */
    this.lines = [];
  }

  /** @param {string} text @returns {Happening[]} */
  take(text) {
    /** @type {Happening[]} */
    const out = [];
    let all = this.rest + text;
    // A lone CR at the end may be half of CRLF: it waits for what follows.
    const hold = all.endsWith("\r") ? 1 : 0;
    const lines = all.slice(0, all.length - hold).split(/\r\n|\n|\r/);
    this.rest = lines.pop() + (hold ? "\r" : "");
    for (const line of lines) {
      if (line === "") {
        if (this.lines.length) {
          out.push({ n: Number(this.id), type: this.type || "message", data: JSON.parse(this.lines.join("\n")) });
        }
        this.type = "";
        this.lines = [];
      } else if (line[0] !== ":") {
        const colon = line.indexOf(":");
        const field = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
        if (field === "data") this.lines.push(value);
        else if (field === "event") this.type = value;
        else if (field === "id") this.id = value;
      }
    }
    return out;
  }
}

/** @param {number} ms @param {AbortSignal} signal */
const rest = (ms, signal) => new Promise((resolve) => {
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => { clearTimeout(timer); resolve(undefined); }, { once: true });
});

/**
 * One connection: hand over events until it ends.
 * @param {string} path @param {AbortSignal} signal @param {(e: Happening) => void} take
 */
async function once(path, signal, take) {
  const line = new AbortController();
  const hangUp = () => line.abort();
  signal.addEventListener("abort", hangUp, { once: true });
  let watch = setTimeout(hangUp, SILENCE_MS);
  let ended = false;
  try {
    const answer = await fetch(address(path), {
      signal: line.signal, credentials: "same-origin", cache: "no-store",
      headers: { Accept: "text/event-stream" },
    });
    if (!answer.ok || !answer.body) throw await troubleOf(answer);
    const reader = answer.body.getReader();
    const letters = new TextDecoder();
    const cutter = new Cutter();
    for (;;) {
      const { done, value } = await reader.read();
      ended = done;
      if (done) return;
      clearTimeout(watch);
      watch = setTimeout(hangUp, SILENCE_MS);
      for (const event of cutter.take(letters.decode(value, { stream: true }))) take(event);
    }
  } finally {
    clearTimeout(watch);
    signal.removeEventListener("abort", hangUp);
    if (!ended) line.abort();
  }
}

/**
 * Follow a turn to its end, through any number of breaks.
 * @param {string} turnId @param {number} after the last event already known
 * @param {{signal: AbortSignal, take: (e: Happening) => void, line: (up: boolean) => void}} door
 *   `take` gets each event once and in order; `line` hears when the connection falls and rises
 * @returns {Promise<void>} when the turn is final, gone, or the signal is given
 */
export async function follow(turnId, after, { signal, take, line }) {
  let last = after;
  let tries = 0;
  let over = false;
  while (!signal.aborted && !over) {
    try {
      await once(`/turns/${turnId}/events?after=${last}`, signal, (event) => {
        const closing = event.type === "done" || event.type === "stopped" || event.type === "failed";
        if (over || (event.n <= last && !closing)) return;
        // A closing event carries the whole turn, so a hole before it does not matter.
        if (event.n !== last + 1 && !closing) throw new Error("an event is missing");
        if (tries) line(true);
        tries = 0;
        last = event.n;
        over = closing;
        take(event);
      });
    } catch (error) {
      if (/** @type {any} */ (error)?.card?.status === 404) return take({ n: last, type: "gone", data: {} });
    }
    if (over || signal.aborted) return;
    // The stream ended without an end. Perhaps the house stopped and came back: ask how it stands.
    try {
      const turn = await get(`/turns/${turnId}`, { signal });
      if (turn.state !== "queued" && turn.state !== "writing") {
        return take({ n: turn.last_event, type: turn.state, data: { turn } });
      }
    } catch (error) {
      if (/** @type {any} */ (error)?.card?.status === 404) return take({ n: last, type: "gone", data: {} });
    }
    if (tries) line(false);
    await rest(PATIENCE_MS[Math.min(tries, PATIENCE_MS.length - 1)] * (0.8 + Math.random() * 0.4), signal);
    tries += 1;
  }
}

/**
 * Follow a job (adding a folder, pulling a model) until it is over.
 * @param {string} jobId @param {(job: import("./api.js").Job) => void} take @param {AbortSignal} signal
 * @returns {Promise<import("./api.js").Job|null>} the job at its end
 */
export async function watchJob(jobId, take, signal) {
  let tries = 0;
  while (!signal.aborted) {
    try {
      await once(`/jobs/${jobId}/events`, signal, (event) => { tries = 0; take(event.data); });
    } catch { /* the question below tells what is left */ }
    if (signal.aborted) return null;
    try {
      const job = await get(`/jobs/${jobId}`, { signal });
      take(job);
      if (job.state !== "running") return job;
    } catch (error) {
      if (/** @type {any} */ (error)?.card?.status === 404) return null;
    }
    await rest(PATIENCE_MS[Math.min(tries, PATIENCE_MS.length - 1)], signal);
    tries += 1;
  }
  return null;
}
