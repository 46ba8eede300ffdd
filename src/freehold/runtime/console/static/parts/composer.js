// Where a question is written: the text, which documents, which model, and what waits behind an answer.

import { html, useEffect, useRef, useState } from "../ui.js";
import { Icon } from "./icons.js";
import { Menu } from "./modal.js";
import { called, chosenModel, collections, go, model, models, readCollections, readModels, scope, READING_ROOM } from "../state.js";
import { bytes, plural } from "../words.js";

/** Unsent words outlive a reload, but never those of a temporary chat. */
const drafts = {
  /** @param {string} name */
  read: (name) => { try { return sessionStorage.getItem(`draft.${name}`) || ""; } catch { return ""; } },
  /** @param {string} name @param {string} text */
  write: (name, text) => {
    try {
      if (text) sessionStorage.setItem(`draft.${name}`, text);
      else sessionStorage.removeItem(`draft.${name}`);
    } catch { /* storage is off: the words live as long as the page */ }
  },
};

/** @param {{label: string, children?: any, items: () => any[], cls?: string, pressed?: boolean, describe: string}} props */
function MenuButton({ label, children, items, cls = "chip", pressed, describe }) {
  const [open, setOpen] = useState(false);
  const at = useRef(/** @type {any} */ (null));
  return html`<button ref=${at} type="button" class=${cls} aria-haspopup="menu" aria-expanded=${String(open)}
      aria-label=${describe} data-on=${pressed ? "" : undefined} onClick=${() => setOpen(!open)}>
      ${children}<${Icon} name="down" /></button>
    ${open && html`<${Menu} label=${label} items=${items()} at=${at.current} onClose=${() => setOpen(false)} />`}`;
}

/** @param {any} m */
const modelNote = (m) => [m.name === READING_ROOM ? "quotes passages, writes nothing" : m.source,
  m.bytes ? bytes(m.bytes) : "", m.resident && m.name !== READING_ROOM ? "in memory" : ""].filter(Boolean).join(" · ");

/** @param {{cls?: string}} props */
export function ModelPicker({ cls = "btn" }) {
  const now = model.value;
  const items = () => models.value.filter((m) => m.kind !== "embed").map((m) => ({
    text: called(m.name), note: modelNote(m), tag: m.demo ? "Demo" : "", kind: "radio", checked: m === now,
    act: () => { chosenModel.value = m.name; },
  }));
  if (!models.value.length) return null;
  const name = now ? called(now.name) : "Choose a model";
  return html`<${MenuButton} label="Models" items=${items} cls=${cls} describe=${`Model: ${name}`}>
    <span class="cut-text">${name}</span>${now?.demo && html`<span class="tag o">Demo</span>`}
    ${now?.resident && now.name !== READING_ROOM && html`<span class="dot-in" title="In memory"></span>`}<//>`;
}

function ScopeChip() {
  const all = collections.value;
  const now = scope.value;
  if (!all.length) {
    return html`<button type="button" class="chip" onClick=${() => go("/documents")}>Add documents</button>`;
  }
  const text = now === null ? "Documents: all" : now.length === 0 ? "No documents"
    : now.length === 1 ? `Documents: ${now[0]}` : `Documents: ${now.length} collections`;
  const set = (/** @type {string[]|null} */ value) => { scope.value = value; };
  const items = () => [
    { text: "All documents", kind: "radio", checked: now === null, act: () => set(null) },
    { text: "No documents", note: "only the model's own words", kind: "radio", checked: now?.length === 0, act: () => set([]) },
    ...all.map((c) => ({
      text: c.name, note: plural(c.files, "file"), kind: "check", checked: Boolean(now?.includes(c.name)),
      act: () => {
        const was = scope.value || [];
        const next = was.includes(c.name) ? was.filter((n) => n !== c.name) : [...was, c.name];
        set(next.length ? next : null);
      },
    })),
  ];
  return html`<${MenuButton} label="Documents to answer from" items=${items} pressed=${now === null || now.length > 0}
    describe=${`Answer from. ${text}`}><span class="cut-text">${text}</span><//>`;
}

/** @param {{talk: import("../talk.js").Talk}} props */
const Queue = ({ talk }) => talk.queue.value.length > 0 && html`<ul class="queue" aria-label="Waiting to be asked">
  ${talk.queue.value.map((q, i) => html`<li key=${q.text + i}><span>${q.text}</span>
    <button class="btn q icon-btn" aria-label=${`Remove: ${q.text}`}
      onClick=${() => { talk.queue.value = talk.queue.value.filter((_, at) => at !== i); }}><${Icon} name="close" /></button></li>`)}
</ul>`;

/**
 * @param {{talk: import("../talk.js").Talk, name: string, onSend: (text: string) => void, onStop: () => void,
 *   onFiles: (transfer: DataTransfer) => void,
 *   toEnd: (() => void)|null}} props `name` is what the draft is kept under
 */
export function Composer({ talk, name, onSend, onStop, onFiles, toEnd }) {
  const box = useRef(/** @type {any} */ (null));
  const [text, setText] = useState(() => drafts.read(name));
  const busy = Boolean(talk.answering.value);
  const fine = matchMedia("(pointer: fine)").matches;
  const write = (/** @type {string} */ value) => {
    setText(value);
    if (!talk.temporary) drafts.write(name, value);
  };
  const grow = () => {
    if (CSS.supports("field-sizing", "content")) return;
    box.current.style.setProperty("height", "auto");
    box.current.style.setProperty("height", `${Math.min(box.current.scrollHeight, innerHeight * 0.4)}px`);
  };
  useEffect(() => { if (fine) box.current.focus({ preventScroll: true }); }, []);
  useEffect(grow, [text]);
  useEffect(() => { readModels().catch(() => {}); readCollections().catch(() => {}); }, []);
  const send = () => {
    const said = text.trim();
    if (!said) return;
    write("");
    onSend(said);
  };
  const keys = (/** @type {KeyboardEvent} */ e) => {
    const plain = e.key === "Enter" && !e.isComposing;
    // On glass Enter makes a line; there the button sends.
    if (plain && (e.metaKey || e.ctrlKey || (fine && !e.shiftKey))) { e.preventDefault(); send(); }
    if (e.key === "Escape" && busy) { e.preventDefault(); onStop(); }
  };
  const paste = (/** @type {ClipboardEvent} */ e) => {
    if (e.clipboardData?.files.length) { e.preventDefault(); onFiles(e.clipboardData); }
  };
  return html`<div class="comp">${toEnd && html`<button class="btn to-end" onClick=${toEnd}>To the end</button>`}<${Queue} talk=${talk} />
    <form class="comp-box" onSubmit=${(/** @type {Event} */ e) => { e.preventDefault(); send(); }}>
      <label class="sr" for="question">Message</label>
      <textarea id="question" ref=${box} rows="1" placeholder="Ask, or drop files here" value=${text} autocomplete="off"
        onInput=${(/** @type {any} */ e) => write(e.target.value)} onKeyDown=${keys} onPaste=${paste}></textarea>
      <div class="tools">
        <${ScopeChip} />
        <span class="only-s"><${ModelPicker} cls="chip" /></span>
        <span class="sp"></span>
        ${busy && html`<button type="button" class="btn stop" onClick=${onStop}>Stop<kbd>esc</kbd></button>`}
        ${(!busy || text.trim()) && html`<kbd class="hide-s">↵</kbd>
          <button class="btn pri" disabled=${!text.trim()}>${busy ? "Ask next" : "Send"}</button>`}
      </div>
    </form></div>`;
}
