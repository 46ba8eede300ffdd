// The palette: every page, chat, document and act, by name. And the list of keys.

import { html, useEffect, useMemo, useRef, useState } from "../ui.js";
import { get, query } from "../api.js";
import { dialog, go, history, session, setShortcuts, setTheme, shortcuts, signOut, tellTrouble } from "../state.js";
import { openDocument } from "./notes.js";
import { Modal } from "./modal.js";
import { newChat, PAGES } from "./rail.js";
import { leaf, when } from "../words.js";

const MAC = /Mac|iP/.test(navigator.platform);

const ACTS = () => [
  { kind: "Do", text: "New chat", keys: "n", act: () => newChat() },
  { kind: "Do", text: "New temporary chat", note: "kept in memory only", act: () => newChat(true) },
  ...PAGES.map((p) => ({ kind: "Go", text: p.text, keys: `g ${p.key}`, act: () => go(p.path) })),
  { kind: "Do", text: "Light theme", act: () => setTheme("light") },
  { kind: "Do", text: "Dark theme", act: () => setTheme("dark") },
  { kind: "Do", text: "Theme of the system", act: () => setTheme("system") },
  { kind: "Do", text: "Show what leaves this machine", act: () => { dialog.value = { name: "egress" }; } },
  { kind: "Do", text: "Show the shortcuts", keys: "?", act: () => { dialog.value = { name: "shortcuts" }; } },
  ...(session.value?.only_me ? [] : [{ kind: "Do", text: "Sign out", act: () => signOut().catch(tellTrouble) }]),
];

/** How well a name fits: every word must be in it, better at the start of one. -1 for no. @param {string} text @param {string} wanted */
function fit(text, wanted) {
  const low = ` ${text.toLowerCase()}`;
  let score = 0;
  for (const word of wanted.split(/\s+/)) {
    if (!low.includes(word)) return -1;
    score += low.includes(` ${word}`) ? 50 : 10;
  }
  return score - low.length / 100;
}

/** @param {{onClose: () => void}} props */
export function Palette({ onClose }) {
  const [text, setText] = useState("");
  const [found, setFound] = useState(/** @type {{wanted: string, chats: any[]}} */ ({ wanted: "?", chats: [] }));
  const [files, setFiles] = useState(/** @type {any[]} */ ([]));
  const [at, setAt] = useState(0);
  const list = useRef(/** @type {any} */ (null));
  const wanted = text.trim().toLowerCase();
  useEffect(() => { get(`/documents${query({ limit: 1000 })}`).then((d) => setFiles(d.documents), () => {}); }, []);
  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(() => get(`/chats${query({ query: wanted, limit: 20 })}`, { signal: stop.signal })
      .then((d) => setFound({ wanted, chats: d.chats }), () => {}), wanted ? 120 : 0);
    return () => { clearTimeout(timer); stop.abort(); };
  }, [wanted]);
  const rows = useMemo(() => {
    const acts = ACTS().map((a) => ({ ...a, score: wanted ? fit(a.text, wanted) : 0 })).filter((a) => a.score >= 0);
    if (wanted) acts.sort((a, b) => b.score - a.score);
    // Until the house has searched every word, the titles at hand: Enter must never open an old answer.
    const chats = found.wanted === wanted ? found.chats
      : (history.value?.chats || []).filter((c) => !wanted || fit(c.title, wanted) >= 0);
    const docs = wanted ? files.map((f) => ({ f, score: fit(leaf(f.file), wanted) })).filter((d) => d.score >= 0)
      .sort((a, b) => b.score - a.score).slice(0, 8) : [];
    /** @type {{kind: string, text: string, note?: string, keys?: string, act: () => void}[]} */
    const all = [
      ...acts.slice(0, wanted ? 6 : 14),
      ...chats.slice(0, wanted ? 8 : 5).map((c) => ({ kind: "Chat", text: c.title || "New chat", note: (wanted && c.snippet.replace(/[‹›]/g, "")) || when(c.updated_at),
        act: () => go(`/chat/${c.id}`) })),
      ...docs.map(({ f }) => ({ kind: "Document", text: leaf(f.file), note: f.collection,
        act: () => openDocument({ document_id: f.id, file: f.file, page: f.pages ? 1 : null, line: null }) })),
    ];
    return all;
  }, [wanted, found, files]);
  const now = Math.min(at, rows.length - 1);
  useEffect(() => { list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" }); }, [now, rows]);
  const run = (/** @type {any} */ row) => { if (row) { onClose(); row.act(); } };
  const keys = (/** @type {KeyboardEvent} */ e) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (by) { e.preventDefault(); setAt((now + by + rows.length) % rows.length); }
    if (e.key === "Enter" && !e.isComposing) { e.preventDefault(); run(rows[now]); }
  };
  return html`<${Modal} label="Go to, or do" kind="palette" bare=${true} onClose=${onClose}>
    <input class="palette-field" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-label="Go to a page, chat or document, or do something"
      aria-activedescendant=${rows.length ? `row-${now}` : undefined} placeholder="Page, chat, document, act" autocomplete="off" autofocus
      value=${text} onInput=${(/** @type {any} */ e) => { setText(e.target.value); setAt(0); }} onKeyDown=${keys} />
    <ul id="palette-list" role="listbox" aria-label="Found" ref=${list}>
      ${rows.map((row, i) => html`<li key=${row.kind + row.text + i} id=${`row-${i}`} role="option" aria-selected=${String(i === now)}
        onMouseMove=${() => i !== now && setAt(i)} onClick=${() => run(row)}>
        <span class="row-kind">${row.kind}</span><span class="row-text">${row.text}</span>
        ${row.note && html`<small>${row.note}</small>`}${row.keys && html`<kbd>${row.keys}</kbd>`}</li>`)}
    </ul>
    ${!rows.length && html`<p class="quiet pad">Nothing is called that.</p>`}
  <//>`;
}

const KEYS = [
  [MAC ? "⌘ K" : "Ctrl K", "Palette: go anywhere, do anything"], ["↵", "Send"], ["⇧ ↵", "A new line"], ["Esc", "Stop the answer, close what is open"],
  ["/", "Write a question"], ["n", "New chat"], ["j  k", "Next and last question"], ["g c", "Chat"], ["g d", "Documents"],
  ["g m", "Models"], ["g k", "Keys"], ["t", "Light or dark"], ["?", "This list"],
];

/** @param {{onClose: () => void}} props */
export const Shortcuts = ({ onClose }) => html`<${Modal} label="Shortcuts" onClose=${onClose}>
  <dl class="keys">${KEYS.map(([key, what]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${what}</dd></div>`)}</dl>
  <label class="check"><input type="checkbox" checked=${shortcuts.value}
    onChange=${(/** @type {any} */ e) => setShortcuts(e.target.checked)} /> Single letters do something</label>
<//>`;
