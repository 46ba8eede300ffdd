// One chat as the page holds it: a tree of turns, the branch that is shown, and the answers that are
// being written. It knows nothing of the screen.

import { batch, signal } from "./ui.js";
import { AWAY, cardOf, get, post } from "./api.js";
import { Blocks } from "./markdown.js";
import { follow } from "./stream.js";

/** @typedef {import("./api.js").Turn} Turn */

const ROOT = "";
const OVER = new Set(["done", "stopped", "failed", "cut", "unsent"]);
const RETRY_MS = [500, 1500, 4000];

/** Known to the house, so that asking twice is asking once. */
const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

/** @param {Turn} turn */
export const isOver = (turn) => OVER.has(turn.state);

/** An answer that is being written: its text in blocks, its stage, and a beat at most once a frame. */
export class Live {
  /** @param {Turn} turn */
  constructor(turn) {
    this.blocks = new Blocks();
    this.blocks.add(turn.answer);
    this.stage = signal(/** @type {{name: string, model?: string}} */ ({ name: turn.answer ? "writing" : turn.state }));
    this.up = signal(true);
    this.thinking = signal(0);
    this.beat = signal(0);
    this.dirty = false;
    this.earliest = 0;
    this.hangUp = new AbortController();
  }

  /** @param {string} text */
  add(text) {
    this.blocks.add(text);
    if (this.dirty) return;
    this.dirty = true;
    requestAnimationFrame(this.draw);
  }

  draw = () => {
    if (performance.now() < this.earliest) { requestAnimationFrame(this.draw); return; }
    this.dirty = false;
    this.beat.value += 1;
  };

  /** What the last drawing cost: a block dear to draw (a very long table) is drawn less often. @param {number} ms */
  drawn(ms) { if (ms > 8) this.earliest = performance.now() + 3 * ms; }
}

let uids = 0;

export class Talk {
  /** @param {import("./api.js").Chat|null} chat null for one that is not yet begun */
  constructor(chat = null) {
    this.uid = (uids += 1);
    this.chat = signal(chat);
    this.temporary = Boolean(chat?.temporary);
    /** @type {Map<string, import("./ui.js").Signal<Turn>>} */
    this.turns = new Map();
    /** @type {Map<string, string[]>} children by parent, oldest first */
    this.children = new Map();
    /** @type {Map<string, string>} which child is shown */
    this.chosen = new Map();
    /** @type {Map<string, Live>} */
    this.lives = new Map();
    /** Ids of the branch shown, oldest first. */
    this.path = signal(/** @type {string[]} */ ([]));
    /** Texts waiting for the answer before them. */
    this.queue = signal(/** @type {any[]} */ ([]));
    this.answering = signal(/** @type {string|null} */ (null));
    /** Hears what a person who cannot see should hear. @type {(text: string) => void} */
    this.say = () => {};
    /** Called when the chat was begun or changed, so that the history is read again. */
    this.changed = () => {};
    this.closed = false;
  }

  /** @param {string} id @returns {Promise<Talk>} @throws {import("./api.js").Trouble} */
  static async open(id) {
    const found = await get(`/chats/${id}`);
    const talk = new Talk(found.chat);
    talk.take(found.turns);
    return talk;
  }

  /** Take turns as the house tells them. @param {Turn[]} turns */
  take(turns) {
    batch(() => {
      for (const turn of turns) this.put(turn);
      this.walk();
    });
    for (const turn of turns) if (!isOver(turn)) this.listen(turn);
  }

  /** @param {Turn} turn */
  put(turn) {
    const known = this.turns.get(turn.id);
    if (known) {
      if (!this.lives.has(turn.id)) known.value = { ...turn, key: known.value.key };
      return;
    }
    this.turns.set(turn.id, signal(turn));
    const parent = turn.parent_id || ROOT;
    const list = this.children.get(parent) || [];
    list.push(turn.id);
    this.children.set(parent, list);
  }

  /** Walk the tree along what is chosen, the newest child where nothing is. */
  walk() {
    const path = [];
    let at = ROOT;
    for (;;) {
      const list = this.children.get(at);
      if (!list?.length) break;
      const next = this.chosen.get(at) || list[list.length - 1];
      path.push(next);
      at = next;
    }
    if (path.join() !== this.path.value.join()) this.path.value = path;
    this.answering.value = path.find((id) => !isOver(/** @type {any} */ (this.turns.get(id)).value)) || null;
  }

  /** @param {string} id @returns {Turn} */
  turn(id) { return /** @type {any} */ (this.turns.get(id)).value; }

  /** @param {Turn} turn @returns {string[]} the turn and those beside it */
  beside(turn) { return this.children.get(turn.parent_id || ROOT) || [turn.id]; }

  /** Show another branch. @param {string} id */
  choose(id) {
    this.chosen.set(this.turn(id).parent_id || ROOT, id);
    this.walk();
  }

  /** @returns {string|null} the turn a new question follows */
  tip() { return this.path.value[this.path.value.length - 1] || null; }

  /** Follow a turn that is being written. @param {Turn} turn */
  listen(turn) {
    if (this.lives.has(turn.id) || this.closed) return;
    const live = new Live(turn);
    this.lives.set(turn.id, live);
    follow(turn.id, turn.last_event, {
      signal: live.hangUp.signal,
      line: (up) => { live.up.value = up; },
      take: (event) => this.happen(turn.id, live, event),
    });
  }

  /** @param {string} id @param {Live} live @param {import("./stream.js").Happening} event */
  happen(id, live, { type, data }) {
    const held = /** @type {import("./ui.js").Signal<Turn>} */ (this.turns.get(id));
    if (type === "text") {
      if (live.stage.value.name !== "writing") live.stage.value = { name: "writing" };
      live.add(data.t);
    } else if (type === "reasoning") {
      live.thinking.value += 1;
      if (live.stage.value.name !== "thinking") live.stage.value = { name: "thinking" };
    } else if (type === "queued" || type === "loading" || type === "retrieving") {
      live.stage.value = { name: type, model: data.model };
      if (type === "loading") this.say(`Loading ${data.model}`);
    } else if (type === "sources" || type === "citations") {
      held.value = { ...held.value, [type]: data[type] };
    } else if (data.turn) {
      this.finish(id, { ...data.turn, state: type === "cut" ? "cut" : data.turn.state });
    } else if (type === "gone") {
      this.finish(id, { ...held.value, answer: live.blocks.text, state: "failed", error: {
        code: "", status: 404, where: "", title: "this answer is no longer here", fix: "reload the page" } });
    }
  }

  /** @param {string} id @param {Turn} turn the final state of it */
  finish(id, turn) {
    const live = this.lives.get(id);
    // The house closes the line itself after the last event; this is for one that does not.
    if (live) setTimeout(() => live.hangUp.abort(), 2000);
    batch(() => {
      this.lives.delete(id);
      const held = /** @type {any} */ (this.turns.get(id));
      held.value = { ...turn, key: held.value.key };
      this.walk();
    });
    const words = turn.answer.split(/\s+/).filter(Boolean).length;
    this.say(turn.state === "done" ? `Done, ${words} words` : turn.state === "stopped" ? "Stopped" : "The answer failed");
    this.changed();
    this.next();
  }

  /** Send what waits, one at a time. */
  next() {
    if (this.answering.value || !this.queue.value.length || this.closed) return;
    const [first, ...others] = this.queue.value;
    this.queue.value = others;
    this.ask(first.text, first);
  }

  /**
   * Ask. The question stands on the page at once; the house has it when `ask` resolves.
   * @param {string} text
   * @param {{model: string, collections: string[]|null, parent?: string|null, begin?: () => Promise<any>}} how
   */
  async ask(text, { model, collections, parent = this.tip(), begin }) {
    const id = newId();
    const local = `local-${id}`;
    const now = Date.now() / 1000;
    batch(() => {
      this.put(/** @type {any} */ ({
        id: local, chat_id: "", parent_id: parent, question: text, answer: "", state: "sending", model,
        collections: collections || [], created_at: now, finished_at: null, refused: false, sources: [],
        citations: [], error: null, last_event: 0,
      }));
      this.chosen.set(parent || ROOT, local);
      this.walk();
    });
    this.say("Asked");
    const send = async () => {
      if (!this.chat.value && begin) await begin();
      const chat = /** @type {any} */ (this.chat.value);
      return post(`/chats/${chat.id}/turns`, { text, parent_id: parent, model: model || "", collections, client_id: id });
    };
    await this.deliver(local, send);
  }

  /** @param {string} local @param {() => Promise<Turn>} send safe to repeat: the house knows the client_id */
  async deliver(local, send) {
    for (let tries = 0; ; tries += 1) {
      try {
        this.settle(local, await send());
        this.changed();
        return;
      } catch (error) {
        const card = cardOf(error);
        const passing = card === AWAY || card.status === 503;
        if (!passing || tries >= RETRY_MS.length) {
          const held = /** @type {any} */ (this.turns.get(local));
          batch(() => {
            held.value = { ...held.value, state: "unsent", error: card, resend: () => {
              held.value = { ...held.value, state: "sending", error: null };
              this.walk();
              this.deliver(local, send);
            } };
            this.walk();
          });
          return;
        }
        await new Promise((done) => setTimeout(done, RETRY_MS[tries]));
      }
    }
  }

  /** The house has the turn: it takes the place of the one that stood in for it. @param {string} local @param {Turn} turn */
  settle(local, turn) {
    const parent = turn.parent_id || ROOT;
    batch(() => {
      const list = /** @type {string[]} */ (this.children.get(parent));
      const held = /** @type {any} */ (this.turns.get(local));
      this.turns.delete(local);
      const at = list.indexOf(local);
      if (this.turns.has(turn.id)) list.splice(at, 1);
      else { list[at] = turn.id; this.turns.set(turn.id, held); }
      /** @type {any} */ (this.turns.get(turn.id)).value = { ...turn, key: local };
      if (this.chosen.get(parent) === local) this.chosen.set(parent, turn.id);
      this.walk();
    });
    if (!isOver(turn)) this.listen(turn);
  }

  /** Ask the same again, beside the old answer. @param {string} id @param {string} [model] */
  async again(id, model) {
    const turn = await post(`/turns/${id}/again`, { model: model || "", client_id: newId() });
    batch(() => {
      this.put(turn);
      this.chosen.set(turn.parent_id || ROOT, turn.id);
      this.walk();
    });
    if (!isOver(turn)) this.listen(turn);
  }

  /** @param {string} id */
  async stop(id) {
    const turn = await post(`/turns/${id}/stop`);
    if (isOver(turn) && this.lives.has(id)) this.finish(id, turn);
  }

  /** Read the chat again, for what another tab or device did. */
  async refresh() {
    if (!this.chat.value || this.closed) return;
    const found = await get(`/chats/${this.chat.value.id}`);
    if (this.closed) return;
    this.chat.value = found.chat;
    this.take(found.turns);
  }

  /** Leave: stop listening. The answers go on being written in the house. */
  close() {
    this.closed = true;
    for (const live of this.lives.values()) live.hangUp.abort();
    this.lives.clear();
  }
}
