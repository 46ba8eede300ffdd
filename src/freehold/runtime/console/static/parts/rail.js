// The rail: where one can go, what was talked about, and whether anything leaves this machine.

import { html, useEffect, useRef, useState } from "../ui.js";
import { call } from "../api.js";
import { Icon, Mark } from "./icons.js";
import { Confirm, Menu, Modal } from "./modal.js";
import { collections, dialog, go, history, page, place, reachable, readHistory, readOlder, sentence, session, status, swap, tell,
  tellTrouble } from "../state.js";
import { bytes, era, number, plural, when } from "../words.js";

/** Every page there is. `key` follows g. */
export const PAGES = [
  { path: "/", page: "chat", text: "Chat", key: "c" },
  { path: "/documents", page: "documents", text: "Documents", key: "d" },
  { path: "/models", page: "models", text: "Models", key: "m" },
  { path: "/keys", page: "keys", text: "Keys", key: "k" },
];

export const newChat = (temporary = false) => {
  swap(temporary ? `/?temporary=1&n=${Date.now()}` : `/?n=${Date.now()}`);
  document.getElementById("question")?.focus();
};

/** @param {string} text @param {string} words each found word is marked; the house marks its own with ‹ and › */
function marked(text, words) {
  if (text.includes("‹")) return text.split(/‹([^›]*)›/).map((part, i) => (i % 2 ? html`<mark>${part}</mark>` : part));
  const wanted = words.trim().split(/\s+/).filter(Boolean).map((w) => w.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  if (!wanted.length) return text;
  return text.split(new RegExp(`(${wanted.join("|")})`, "ig")).map((part, i) => (i % 2 ? html`<mark>${part}</mark>` : part));
}

/** @param {{chat: import("../api.js").Chat, onClose: () => void}} props */
function Rename({ chat, onClose }) {
  const field = useRef(/** @type {any} */ (null));
  useEffect(() => field.current.select(), []);
  const save = async (/** @type {Event} */ e) => {
    e.preventDefault();
    const title = field.current.value.trim();
    onClose();
    if (title && title !== chat.title) await change(chat, "PATCH", { title });
  };
  return html`<${Modal} label="Rename chat" onClose=${onClose}><form onSubmit=${save} class="stack">
    <label for="chat-title">Name</label><input id="chat-title" ref=${field} defaultValue=${chat.title} maxlength="200" />
    <div class="acts-row"><button class="btn pri">Rename</button></div></form><//>`;
}

/** @param {import("../api.js").Chat} chat @param {string} method @param {unknown} [body] */
async function change(chat, method, body) {
  try {
    await call(method, `/chats/${chat.id}`, body);
    if (method === "DELETE" && place.value.parts[1] === chat.id) go("/");
    await readHistory();
    if (method === "DELETE") tell("Chat deleted");
    dispatchEvent(new CustomEvent("chat-changed", { detail: chat.id }));
  } catch (error) { tellTrouble(error); }
}

/** @param {{chat: import("../api.js").Chat, words: string}} props */
function Row({ chat, words }) {
  const [asks, setAsks] = useState("");
  const at = useRef(/** @type {any} */ (null));
  const here = page.value === "chat" && place.value.parts[1] === chat.id;
  const items = () => [
    { text: chat.pinned ? "Unpin" : "Pin", act: () => change(chat, "PATCH", { pinned: !chat.pinned }) },
    { text: "Rename", act: () => setAsks("rename") },
    { text: "Delete", bad: true, act: () => setAsks("delete") },
  ];
  return html`<li class="past">
    <a href=${`#/chat/${chat.id}`} aria-current=${here ? "page" : undefined} title=${when(chat.updated_at)}>
      <span class="past-title">${marked(chat.title || "New chat", words)}</span>
      ${words && chat.snippet && html`<small>${marked(chat.snippet, words)}</small>`}</a>
    <button ref=${at} class="btn q icon-btn" aria-haspopup="menu" aria-expanded=${String(asks === "menu")}
      aria-label=${`Acts for ${chat.title || "New chat"}`} onClick=${() => setAsks("menu")}><${Icon} name="more" /></button>
    ${asks === "menu" && html`<${Menu} label=${chat.title} items=${items()} at=${at.current}
      onClose=${() => setAsks((now) => (now === "menu" ? "" : now))} />`}
    ${asks === "rename" && html`<${Rename} chat=${chat} onClose=${() => setAsks("")} />`}
    ${asks === "delete" && html`<${Confirm} label="Delete this chat?" act="Delete" onClose=${() => setAsks("")}
      text=${`“${chat.title}” and its ${plural(chat.turns, "question")} will be gone for good.`}
      onAct=${() => change(chat, "DELETE")} />`}
  </li>`;
}

/** The history: search over every word of every chat, pins first, then by day. */
export function History() {
  const found = history.value;
  const [text, setText] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => readHistory(text.trim()).catch(() => {}), text ? 160 : 0);
    return () => clearTimeout(timer);
  }, [text]);
  const chats = found?.chats || [];
  const words = found?.query || "";
  /** @type {Map<string, import("../api.js").Chat[]>} */
  const groups = new Map();
  for (const chat of chats) {
    const name = words ? "Found" : chat.pinned ? "Pinned" : era(chat.updated_at);
    groups.set(name, [...(groups.get(name) || []), chat]);
  }
  return html`<div class="history" role="search" aria-label="Chats">
    <div class="find"><${Icon} name="search" /><label class="sr" for="find-chat">Search chats</label>
      <input id="find-chat" type="search" placeholder="Search chats" value=${text} autocomplete="off"
        onInput=${(/** @type {any} */ e) => setText(e.target.value)} /></div>
    <div class="past-list" tabindex="-1">
      ${[...groups].map(([name, list]) => html`<div key=${name} class="grp"><h2>${name}</h2>
        <ul>${list.map((chat) => html`<${Row} key=${chat.id} chat=${chat} words=${words} />`)}</ul></div>`)}
      ${found?.next && html`<button class="btn q" onClick=${() => readOlder().catch(tellTrouble)}>Show older chats</button>`}
      ${found && !chats.length && html`<p class="quiet">${words ? `No chat holds “${words}”.` : "Your chats will stand here."}</p>`}
    </div></div>`;
}

/** Whether anything leaves, and how the house is. */
export function Foot() {
  const now = status.value;
  const out = now?.egress?.bytes || 0;
  const first = now?.egress?.by?.[0];
  const ill = now && now.state !== "ok";
  const why = ill ? (now.children || []).filter((/** @type {any} */ c) => c.state !== "ready").map((/** @type {any} */ c) =>
    `${c.name} ${c.state}`).join(", ") : "";
  return html`<div class="foot">
    <button class=${`row egress ${out ? "out" : ""}`} onClick=${() => { dialog.value = { name: "egress" }; }}>
      <span class="ok">${out ? `To ${first?.host || "elsewhere"}` : "Nothing leaves"}</span><span>${bytes(out)} out</span></button>
    <div class="row"><a href="#/more" aria-label=${`${session.value?.house?.name}: theme and sign out`}>${session.value?.house?.name}</a>
      <span class=${ill || !reachable.value ? "ill" : ""} title=${why}>
        ${!reachable.value ? "not answering" : ill ? "degraded" : now ? "all well" : ""}</span></div>
  </div>`;
}

export function Rail() {
  const docs = collections.value.reduce((sum, c) => sum + c.files, 0);
  return html`<nav class="rail" aria-label="Main">
    <a class="brand" href="#/"><${Mark} />Freehold</a>
    <button class="btn new" onClick=${() => newChat()}><${Icon} name="plus" />New chat</button>
    <div class="grp">${PAGES.map((p) => html`<a key=${p.page} class="nav" href=${`#${p.path}`}
      aria-current=${page.value === p.page ? "page" : undefined}><span>${p.text}</span>
      ${p.page === "documents" && docs > 0 && html`<small>${number(docs)}</small>`}</a>`)}</div>
    <${History} />
    <${Foot} />
  </nav>`;
}

/** The egress ledger: how many bytes went where, and why. @param {{onClose: () => void}} props */
export function Egress({ onClose }) {
  const rows = status.value?.egress?.by || [];
  return html`<${Modal} label="What leaves this machine" onClose=${onClose}>
    ${rows.length ? html`<div class="tbl" tabindex="0" role="region" aria-label="Bytes sent"><table>
        <thead><tr><th>To</th><th>Why</th><th class="n">Sent</th></tr></thead>
        <tbody>${rows.map((/** @type {any} */ r) => html`<tr key=${r.host + r.reason}><td>${r.host}</td><td>${sentence(r.reason)}</td>
          <td class="n">${bytes(r.bytes)}</td></tr>`)}</tbody></table></div>`
      : html`<p>Nothing. Since the house started it has sent 0 bytes to any other machine. Whatever it sends
        one day will stand here, with its destination and its reason.</p>`}
  <//>`;
}
