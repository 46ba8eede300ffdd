// Documents: what there is to answer from, how it was read, and what a question would find.

import { html, useEffect, useRef, useState } from "../ui.js";
import { call, cardOf, get, post, query } from "../api.js";
import { collections, go, meaning, place, readCollections, sentence, swap, tell, tellTrouble } from "../state.js";
import { watchJob } from "../stream.js";
import { DropField, Progress } from "../parts/dropfield.js";
import { Hits } from "../parts/drawer.js";
import { ErrorCard } from "../parts/errorcard.js";
import { Icon } from "../parts/icons.js";
import { Confirm, Menu } from "../parts/modal.js";
import { openDocument } from "../parts/notes.js";
import { dropFiles, way } from "../parts/uploads.js";
import { bytes, number, plural } from "../words.js";

const PAGE = 200;
const STATES = { waiting: ["Waiting", "o"], reading: ["Reading", "s"], indexed: ["Indexed", "l"], failed: ["Not read", "r"] };

function Meaning() {
  const { state, done, total, reason } = meaning.value;
  if (state === "building") {
    return html`<div class="meaning"><span class="tag s">By meaning: building</span>
      <progress max=${total || 1} value=${done} aria-label="Passages understood"></progress>
      <span class="mono">${number(done)} of ${number(total)}</span></div>`;
  }
  if (state === "on") return html`<div class="meaning"><span class="tag l">By words and meaning</span></div>`;
  return html`<div class="meaning"><span class="tag o">Searching words only</span><span class="quiet">${reason && sentence(reason)}</span></div>`;
}

/** What would be found for a question, with scores. @param {{only: string}} props */
function Tester({ only }) {
  const [found, setFound] = useState(/** @type {any} */ (null));
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const field = useRef(/** @type {any} */ (null));
  const ask = async (/** @type {Event} */ e) => {
    e.preventDefault();
    const text = field.current.value.trim();
    if (!text) return;
    try {
      setFound({ ...(await post("/search", { query: text, collections: only ? [only] : null, limit: 8 })), text });
      setTrouble(null);
    } catch (error) { setTrouble(cardOf(error)); }
  };
  return html`<section aria-labelledby="test-h"><h2 class="sec" id="test-h">What would be found</h2>
    <p class="lede">Try a question and see which passages it finds${only ? ` in ${only}` : ""}, without asking a model.</p>
    <form class="line-form" onSubmit=${ask}><label class="sr" for="try">What would be found for</label>
      <input id="try" ref=${field} placeholder="What would be found for…" autocomplete="off" /><button class="btn">Find</button></form>
    <div aria-live="polite">${trouble && html`<${ErrorCard} card=${trouble} />`}
      ${found && (found.hits.length ? html`<${Hits} hits=${found.hits} />${!found.meaning && html`<p class="quiet">Found by words only.</p>`}`
        : html`<p class="quiet pad">Nothing in these documents comes near “${found.text}”.</p>`)}</div>
  </section>`;
}

/** @param {{doc: import("../api.js").Document, only: string, onGone: () => void}} props */
function Row({ doc, only, onGone }) {
  const [asks, setAsks] = useState("");
  const at = useRef(/** @type {any} */ (null));
  const [word, colour] = STATES[doc.state] || [doc.state, "o"];
  const open = () => openDocument({ document_id: doc.id, file: doc.file, page: doc.pages ? 1 : null, line: null });
  const remove = async () => {
    try { await call("DELETE", `/documents/${doc.id}`); tell(`${doc.file} removed`); onGone(); } catch (error) { tellTrouble(error); }
  };
  const items = () => [
    ...(doc.state === "indexed" ? [{ text: "Open", act: open }] : []),
    { text: "Remove", bad: true, act: () => setAsks("remove") },
  ];
  return html`<tr>
    <td class="name">${doc.state === "indexed" ? html`<button class="link file-link" onClick=${open}>${doc.file}</button>` : html`<span>${doc.file}</span>`}
      ${(doc.note || doc.reason) && html`<small class=${doc.state === "failed" ? "bad" : ""}>${sentence(doc.note || doc.reason)}</small>`}
      ${!only && html`<small class="in-c">${doc.collection}</small>`}</td>
    <td><span class=${`tag ${colour}`}>${word}</span></td>
    <td class="n">${doc.passages ? number(doc.passages) : "–"}</td>
    <td class="n hide-s">${doc.pages ? number(doc.pages) : "–"}</td>
    <td class="n hide-s">${bytes(doc.bytes)}</td>
    <td class="act"><button ref=${at} class="btn q icon-btn" aria-haspopup="menu" aria-expanded=${String(asks === "menu")} aria-label=${`Acts for ${doc.file}`}
        onClick=${() => setAsks("menu")}><${Icon} name="more" /></button>
      ${asks === "menu" && html`<${Menu} label=${doc.file} items=${items()} at=${at.current}
        onClose=${() => setAsks((now) => (now === "menu" ? "" : now))} />`}
      ${asks === "remove" && html`<${Confirm} label="Remove this document?" act="Remove" onClose=${() => setAsks("")} onAct=${remove}
        text=${`Answers will no longer use “${doc.file}”. Chats that quote it keep their quotes.`} />`}</td>
  </tr>`;
}

/** @param {{only: string}} props */
function List({ only }) {
  const [docs, setDocs] = useState(/** @type {any[]|null} */ (null));
  const [next, setNext] = useState(/** @type {any} */ (null));
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const shown = useRef(0);
  const read = async (/** @type {any} */ after = null) => {
    try {
      const found = await get(`/documents${query({ collection: only, after, limit: after ? PAGE : Math.min(1000, Math.max(PAGE, shown.current)) })}`);
      setDocs((was) => {
        const all = after ? [...(was || []), ...found.documents] : found.documents;
        shown.current = all.length;
        return all;
      });
      setNext(found.next);
      setTrouble(null);
    } catch (error) { setTrouble(cardOf(error)); }
  };
  const stamp = collections.value.map((c) => `${c.name}${c.files}.${c.passages}`).join();
  const busy = docs?.some((d) => d.state === "waiting" || d.state === "reading") || meaning.value.state === "building" || (way.value && !way.value.over);
  const beat = useRef(false);
  beat.current = Boolean(busy);
  useEffect(() => { read(); }, [only]);
  useEffect(() => { if (!beat.current) read(); }, [stamp]);
  // A row that says the same is the same row: a thousand of them cost nothing to look at again.
  const rows = useRef(new Map());
  const row = (/** @type {any} */ d) => {
    const says = [only, d.state, d.passages, d.note, d.reason, d.bytes].join("|");
    const had = rows.current.get(d.id);
    if (had?.says === says) return had.row;
    const made = html`<${Row} key=${d.id} doc=${d} only=${only} onGone=${() => { readCollections(); read(); }} />`;
    rows.current.set(d.id, { says, row: made });
    return made;
  };
  useEffect(() => {
    if (!busy) return undefined;
    const timer = setInterval(() => {
      if (document.visibilityState !== "visible") return;
      readCollections().catch(() => {});
      read();
    }, 1500);
    return () => clearInterval(timer);
  }, [busy, only]);
  if (trouble) return html`<${ErrorCard} card=${trouble}><button class="btn" onClick=${() => read()}>Try again</button><//>`;
  if (!docs) return html`<p class="quiet" aria-busy="true">Looking</p>`;
  if (!docs.length) return html`<p class="quiet">Nothing here yet. Drop a folder above.</p>`;
  return html`<div class="tbl" tabindex="0" role="region" aria-label="Documents"><table>
      <thead><tr><th>File</th><th>State</th><th class="n">Passages</th><th class="n hide-s">Pages</th><th class="n hide-s">Size</th><th><span class="sr">Acts</span></th></tr></thead>
      <tbody>${docs.map(row)}</tbody></table></div>
    ${next && html`<button class="btn" onClick=${() => read(next)}>Show more</button>`}`;
}

/** A folder of this machine, read where it lies. @param {{collection: string}} props */
function InPlace({ collection }) {
  const [job, setJob] = useState(/** @type {any} */ (null));
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const field = useRef(/** @type {any} */ (null));
  const stop = useRef(new AbortController());
  useEffect(() => () => stop.current.abort(), []);
  const add = async (/** @type {Event} */ e) => {
    e.preventDefault();
    const path = field.current.value.trim();
    if (!path) return;
    setTrouble(null);
    try {
      const into = collection || path.replace(/\/+$/, "").split("/").pop() || "Documents";
      const { job: id } = await post(`/collections/${encodeURIComponent(into)}/add`, { paths: [path] });
      const end = await watchJob(id, setJob, stop.current.signal);
      if (end?.error) setTrouble(end.error);
      await readCollections();
    } catch (error) { setTrouble(cardOf(error)); }
  };
  const result = job?.result;
  return html`<details class="in-place"><summary>Add a folder of this machine by its path</summary>
    <form class="line-form" onSubmit=${add}><label class="sr" for="path">Path of a folder or file</label>
      <input id="path" ref=${field} class="mono" placeholder="/home/ada/papers" autocomplete="off" spellcheck="false" />
      <button class="btn" disabled=${job?.state === "running"}>Read it</button></form>
    <p class="help">It is read where it lies. Adding it again later takes in what changed and drops what is gone.</p>
    ${job?.state === "running" && html`<progress max=${job.total || 1} value=${job.done} aria-label="Files read"></progress>
      <p class="mono now">${number(job.done)} of ${number(job.total)} ${job.current}</p>`}
    ${result && html`<p role="status">${plural(result.files, "file")} read, ${number(result.unchanged)} unchanged, ${number(result.removed)} removed.</p>
      ${result.failed.length > 0 && html`<ul class="losses-list">${result.failed.map((/** @type {any} */ f) => html`<li key=${f.file}><b>${f.file}</b> ${f.reason}</li>`)}</ul>`}`}
    ${trouble && html`<${ErrorCard} card=${trouble} />`}
  </details>`;
}

export function DocumentsPage() {
  const only = place.value.asked.get("in") || "";
  const [fresh, setFresh] = useState("");
  const all = collections.value;
  useEffect(() => { document.title = "Documents · Freehold"; readCollections().catch(tellTrouble); }, []);
  const into = fresh || only;
  const pick = (/** @type {string} */ name) => { setFresh(""); swap(name ? `/documents?in=${encodeURIComponent(name)}` : "/documents"); };
  const drop = (/** @type {DragEvent} */ e) => {
    e.preventDefault();
    if (e.dataTransfer) dropFiles(e.dataTransfer, into).catch(tellTrouble);
  };
  return html`<main id="main" class="plainpage" tabindex="-1" onDrop=${drop}>
    <header class="bar"><h1 tabindex="-1">Documents</h1><span class="sp"></span><${Meaning} /></header>
    <div class="page">
      <section aria-labelledby="add-h"><h2 class="sec" id="add-h">${into ? `Add to ${into}` : "Add"}</h2>
        <p class="lede">PDF, Word, Markdown, web pages, text, tables, source code. Files stay on this machine.</p>
        <${DropField} collection=${into} big=${!all.length} />
        <div class="into"><label for="into">Into</label>
          <select id="into" value=${into} onChange=${(/** @type {any} */ e) => pick(e.target.value)}>
            <option value="">a collection named after the folder</option>
            ${all.map((c) => html`<option key=${c.name} value=${c.name}>${c.name}</option>`)}
            ${fresh && html`<option value=${fresh}>${fresh}</option>`}</select>
          <${NewCollection} onName=${setFresh} /></div>
        <${Progress} /><${InPlace} collection=${into} /></section>
      <section aria-labelledby="list-h"><h2 class="sec" id="list-h">${only || "All documents"}</h2>
        <div class="chips" role="group" aria-label="Collections">
          <button class="chip" aria-pressed=${String(!only)} onClick=${() => pick("")}>All</button>
          ${all.map((c) => html`<button key=${c.name} class="chip" aria-pressed=${String(only === c.name)} onClick=${() => pick(c.name)}>
            ${c.name} <small>${number(c.files)}</small></button>`)}</div>
        <${List} only=${only} /></section>
      ${all.some((c) => c.passages > 0) && html`<${Tester} only=${only} />
        <p><button class="btn" onClick=${() => go("/")}>Ask a question</button></p>`}
    </div></main>`;
}

/** @param {{onName: (name: string) => void}} props */
function NewCollection({ onName }) {
  const [open, setOpen] = useState(false);
  const field = useRef(/** @type {any} */ (null));
  useEffect(() => { if (open) field.current.focus(); }, [open]);
  const save = (/** @type {Event} */ e) => {
    e.preventDefault();
    const name = field.current.value.trim().replaceAll("/", "-"); // a name, not a path
    setOpen(false);
    if (name) onName(name);
  };
  if (!open) return html`<button class="btn q" onClick=${() => setOpen(true)}>New collection</button>`;
  return html`<form class="line-form" onSubmit=${save}><label class="sr" for="new-c">Name of the collection</label>
    <input id="new-c" ref=${field} placeholder="Name" maxlength="80" /><button class="btn">Use it</button></form>`;
}
