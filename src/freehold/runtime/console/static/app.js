// The start: who is here decides which page stands.

import { html, render, useEffect } from "./ui.js";
import { cardOf } from "./api.js";
import { dialog, go, history, page, readCollections, readHistory, readModels, readSession, readStatus, reachable, session, setTheme, sheet, shortcuts,
  theme } from "./state.js";
import { ChatPage } from "./pages/chat.js";
import { DocumentsPage } from "./pages/documents.js";
import { KeysPage } from "./pages/keys.js";
import { ModelsPage } from "./pages/models.js";
import { MorePage } from "./pages/more.js";
import { SetupPage, settingUp } from "./pages/setup.js";
import { SignInPage } from "./pages/signin.js";
import { Drawer, Why } from "./parts/drawer.js";
import { Modal, useKeys, Voice } from "./parts/modal.js";
import { Palette, Shortcuts } from "./parts/palette.js";
import { Egress, Foot, History, newChat, PAGES, Rail } from "./parts/rail.js";

const BODIES = { chat: ChatPage, documents: DocumentsPage, models: ModelsPage, keys: KeysPage, more: MorePage };
const STATUS_EVERY_MS = 10_000;

function Tabs() {
  const now = page.value;
  const tabs = [["/", "Chat", now === "chat"], ["/documents", "Documents", now === "documents"],
    ["/more", "More", !["chat", "documents"].includes(now)]];
  return html`<nav class="tabs" aria-label="Sections">${tabs.map(([path, text, here]) => html`
    <a key=${path} href=${`#${path}`} aria-current=${here ? "page" : undefined}>${text}</a>`)}</nav>`;
}

function Dialogs() {
  const open = dialog.value;
  const close = () => { dialog.value = null; };
  if (!open) return null;
  const Body = { document: Drawer, why: Why, palette: Palette, shortcuts: Shortcuts, egress: Egress }[/** @type {string} */ (open.name)];
  return Body ? html`<${Body} ...${open} onClose=${close} />` : null;
}

let went = 0; // when g was pressed, for "g d"
/** @param {KeyboardEvent} e */
function keys(e) {
  if ((e.metaKey || e.ctrlKey) && !e.altKey && e.key.toLowerCase() === "k") {
    e.preventDefault();
    dialog.value = dialog.value?.name === "palette" ? null : { name: "palette" };
    return;
  }
  const at = /** @type {HTMLElement} */ (e.target);
  const typing = at.closest?.("input, textarea, select, [contenteditable], dialog, [popover]");
  if (typing || e.metaKey || e.ctrlKey || e.altKey || dialog.value || !shortcuts.value) return;
  const afterG = Date.now() - went < 1200;
  went = 0;
  const target = afterG && PAGES.find((p) => p.key === e.key);
  const act = target ? () => go(target.path) : {
    "?": () => { dialog.value = { name: "shortcuts" }; },
    "/": () => document.getElementById("question")?.focus(),
    n: () => newChat(),
    t: () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"),
    j: () => step(1), k: () => step(-1),
    g: () => { went = Date.now(); },
  }[e.key];
  if (act) { e.preventDefault(); act(); }
}

/** Go to the question before or after. @param {number} by */
function step(by) {
  const all = [...document.querySelectorAll(".turn")];
  const now = all.findIndex((t) => t.getBoundingClientRect().bottom > 80);
  const to = all[Math.max(0, Math.min(all.length - 1, now + by))];
  to?.scrollIntoView({ block: "start" });
}

function House() {
  useKeys(keys);
  useEffect(() => {
    readHistory().catch(() => {});
    readModels().catch(() => {});
    readCollections().catch(() => {});
    readStatus();
    const timer = setInterval(() => {
      if (document.visibilityState !== "visible") return;
      readStatus();
      if (!history.value?.query && !history.value?.next) readHistory().catch(() => {});
    }, STATUS_EVERY_MS);
    // A file dropped beside a field must not replace the page.
    const spill = (/** @type {DragEvent} */ e) => e.preventDefault();
    addEventListener("dragover", spill);
    addEventListener("drop", spill);
    return () => {
      clearInterval(timer);
      removeEventListener("dragover", spill);
      removeEventListener("drop", spill);
    };
  }, []);
  const Page = BODIES[/** @type {keyof typeof BODIES} */ (page.value)] || ChatPage;
  const skip = (/** @type {Event} */ e) => { e.preventDefault(); document.getElementById("main")?.focus(); };
  return html`<a class="skip" href="#main" onClick=${skip}>Skip to content</a>
    <div class="app"><${Rail} />
      <div class="side">
        ${!reachable.value && html`<p class="banner" role="alert">The house does not answer. This page joins again by itself; nothing is lost.</p>`}
        <${Page} /></div>
    </div><${Tabs} />
    ${sheet.value && html`<${Modal} label="Chats" kind="sheet" onClose=${() => { sheet.value = false; }}><${History} /><${Foot} /><//>`}
    <${Dialogs} />`;
}

function Root() {
  const now = session.value;
  void theme.value;
  if (!now) return null;
  const body = now.state === "setup" || settingUp.value ? html`<${SetupPage} />`
    : now.state === "signed-out" ? html`<${SignInPage} />` : html`<${House} />`;
  return html`${body}<${Voice} />`;
}

async function start() {
  for (let wait = 300; ; wait = Math.min(wait * 2, 5000)) {
    try { await readSession(); break; } catch (error) {
      document.getElementById("house")?.replaceChildren(Object.assign(document.createElement("p"), {
        className: "plain", textContent: `${cardOf(error).title} Trying again.` }));
    }
    await new Promise((done) => setTimeout(done, wait));
  }
  const root = /** @type {HTMLElement} */ (document.getElementById("house"));
  root.replaceChildren();
  render(html`<${Root} />`, root);
}
start();
