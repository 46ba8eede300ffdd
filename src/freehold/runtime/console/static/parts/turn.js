// One question and its answer.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../ui.js";
import { Answer } from "./answer.js";
import { ErrorCard } from "./errorcard.js";
import { Icon } from "./icons.js";
import { Notes } from "./notes.js";
import { copy } from "./modal.js";
import { dialog, READING_ROOM, tellTrouble } from "../state.js";
import { plural, speed, took } from "../words.js";

const STAGES = {
  sending: "Sending", queued: "Waiting for its turn", retrieving: "Looking through your documents",
  thinking: "Thinking", writing: "Writing",
};

/** @param {import("../talk.js").Live} live */
const stageWords = ({ stage: { value: { name, model } } }) =>
  name === "loading" ? `Loading ${model} into memory` : STAGES[/** @type {keyof typeof STAGES} */ (name)] || "Working";

/** @param {{live: import("../talk.js").Live}} props */
const Stage = ({ live }) => html`<div class="stage"><i class="pulse"></i>${stageWords(live)}${!live.up.value && html`
  <span class="lost">The line is down. Joining again, nothing is lost.</span>`}</div>`;

/** @param {import("../api.js").Turn} turn */
function proof(turn) {
  const sources = new Set(turn.citations.map((c) => c.number)).size;
  if (!sources) return turn.sources.length && !turn.refused && turn.state === "done" ? "no sentence could be tied to a source" : "";
  const loose = turn.citations.filter((c) => !c.verified).length;
  return `${plural(sources, "source")}, ${loose ? `${plural(loose, "quote")} not verified` : "quotes verified"}`;
}

/** @param {{turn: import("../api.js").Turn}} props */
function Provenance({ turn }) {
  const rate = turn.completion_tokens
    ? `${plural(turn.completion_tokens, "token")}${turn.tokens_per_s ? ` · ${speed(turn.tokens_per_s)}` : ""}` : "";
  const facts = [turn.model === READING_ROOM ? "reading room, no language model" : turn.model, proof(turn), rate,
    turn.first_token_ms ? `first word ${took(turn.first_token_ms)}` : "", turn.state === "stopped" ? "stopped by you" : ""];
  return html`<div class="prov"><span class="loc">● on this machine</span>
    ${facts.filter(Boolean).map((f) => html`<span key=${f}>${f}</span>`)}</div>`;
}

/** @param {{talk: import("../talk.js").Talk, turn: import("../api.js").Turn}} props */
function Switcher({ talk, turn }) {
  const all = talk.beside(turn);
  const now = all.indexOf(turn.id);
  if (all.length < 2) return null;
  return html`<span class="switch" role="group" aria-label="Versions">
    <button class="btn q icon-btn" aria-label="Version before" disabled=${now === 0}
      onClick=${() => talk.choose(all[now - 1])}><${Icon} name="left" /></button>
    <span>${now + 1}/${all.length}</span>
    <button class="btn q icon-btn" aria-label="Version after" disabled=${now === all.length - 1}
      onClick=${() => talk.choose(all[now + 1])}><${Icon} name="right" /></button>
  </span>`;
}

/** @param {{text: string, onSend: (text: string) => void, onClose: () => void}} props */
function Editor({ text, onSend, onClose }) {
  const box = useRef(/** @type {any} */ (null));
  useEffect(() => { box.current.focus(); box.current.setSelectionRange(text.length, text.length); }, []);
  const send = () => { const said = box.current.value.trim(); if (said) { onClose(); onSend(said); } };
  const keys = (/** @type {KeyboardEvent} */ e) => {
    if (e.key === "Escape") { e.preventDefault(); onClose(); }
    if (e.key === "Enter" && !e.shiftKey && !e.isComposing) { e.preventDefault(); send(); }
  };
  return html`<form class="edit" onSubmit=${(/** @type {Event} */ e) => { e.preventDefault(); send(); }}>
    <textarea ref=${box} aria-label="Edit the question" rows="3" onKeyDown=${keys}>${text}</textarea>
    <div class="acts-row"><button class="btn pri">Ask this instead</button>
      <button class="btn q" type="button" onClick=${onClose}>Cancel</button>
      <span class="hint">The first version stays, beside it.</span></div>
  </form>`;
}

/** What follows an answer that did not come to its end. @param {{turn: any, onAgain: () => void}} props */
function Ending({ turn, onAgain }) {
  if (turn.state === "cut") {
    return html`<div class="why cut" role="note"><p><b>The answer was cut here when Freehold stopped.</b></p>
      <div class="acts-row"><button class="btn" onClick=${onAgain}>Again</button></div></div>`;
  }
  if (turn.state === "failed" && turn.error) {
    return html`<${ErrorCard} card=${turn.error}><button class="btn" onClick=${onAgain}>Again</button><//>`;
  }
  if (turn.state === "unsent") {
    return html`<${ErrorCard} card=${turn.error}><button class="btn" onClick=${turn.resend}>Send again</button><//>`;
  }
  return null;
}

/**
 * @param {{talk: import("../talk.js").Talk, id: string, near: boolean, grew: () => void, noModel: boolean,
 *   watch: (el: Element|null, act: () => void) => void, edit: (turn: any, text: string) => void}} props
 */
export function TurnView({ talk, id, near, grew, noModel, watch, edit }) {
  const turn = /** @type {any} */ (talk.turns.get(id)?.value);
  const [close, setClose] = useState(near);
  const [editing, setEditing] = useState(false);
  const box = useRef(/** @type {any} */ (null));
  useLayoutEffect(() => {
    if (!close) watch(box.current, () => setClose(true));
    return () => watch(null, () => {});
  }, []);
  if (!turn) return null;
  const live = talk.lives.get(id);
  const anchor = `s-${turn.key || turn.id}`;
  const again = () => talk.again(turn.id).catch(tellTrouble);
  const over = !live && turn.state !== "sending";
  return html`<section class=${`turn ${over ? "over" : ""}`} ref=${box} aria-label="Question and answer">
    <div class="col">
      ${editing
        ? html`<${Editor} text=${turn.question} onSend=${(/** @type {string} */ t) => edit(turn, t)} onClose=${() => setEditing(false)} />`
        : html`<div class="ask">${turn.question}</div>`}
      ${noModel && !turn.answer.startsWith("No language model") && html`<p class="room">No language model is loaded. These are the passages themselves.</p>`}
      ${!close && html`<div class="ans raw">${turn.answer}</div>`}
      ${close && (live || turn.answer) && html`<${Answer} turn=${turn} live=${live} anchor=${anchor} grew=${grew} />`}
      ${live && html`<${Stage} live=${live} />`}
      ${turn.state === "sending" && html`<div class="stage"><i class="pulse"></i>Sending</div>`}
      ${close && over && html`<${Ending} turn=${turn} onAgain=${again} />
        ${turn.state !== "unsent" && html`<${Provenance} turn=${turn} />`}
        <div class="acts">
          <${Switcher} talk=${talk} turn=${turn} />
          ${turn.answer && html`<button class="btn q" onClick=${() => copy(turn.answer, "Answer copied")}>Copy</button>`}
          ${turn.state !== "unsent" && turn.state !== "cut" && turn.state !== "failed"
            && html`<button class="btn q" onClick=${again}>Again</button>`}
          <button class="btn q" onClick=${() => setEditing(true)}>Edit question</button>
          ${turn.sources.length > 0 && html`<button class="btn q" onClick=${() => { dialog.value = { name: "why", turn }; }}>Why this answer</button>`}
        </div>`}
    </div>
    ${close && html`<${Notes} turn=${turn} anchor=${anchor} />`}
  </section>`;
}

