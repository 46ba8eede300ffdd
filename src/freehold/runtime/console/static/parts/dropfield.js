// The field that takes a folder, and the account of what became of each file.

import { html, useRef, useState } from "../ui.js";
import { chooseFiles, dropFiles, stopUploads, way } from "./uploads.js";
import { tellTrouble } from "../state.js";
import { number, plural } from "../words.js";

const SHOWN = 100;

/** @param {{collection: string, big?: boolean}} props */
export function DropField({ collection, big = false }) {
  const [over, setOver] = useState(false);
  const folder = useRef(/** @type {any} */ (null));
  const files = useRef(/** @type {any} */ (null));
  const drop = (/** @type {DragEvent} */ e) => {
    e.preventDefault();
    e.stopPropagation();
    setOver(false);
    if (e.dataTransfer) dropFiles(e.dataTransfer, collection).catch(tellTrouble);
  };
  const chosen = (/** @type {any} */ e) => {
    if (e.target.files.length) chooseFiles(e.target.files, collection);
    e.target.value = "";
  };
  return html`<div class=${`drop ${big ? "big" : ""} ${over ? "over" : ""}`} role="group" aria-label="Add documents"
      onDragOver=${(/** @type {DragEvent} */ e) => { e.preventDefault(); setOver(true); }}
      onDragLeave=${() => setOver(false)} onDrop=${drop}>
    <p class="drop-word">Drop a folder</p>
    <p class="help">or single files, anywhere on this field</p>
    <div class="acts-row">
      <button type="button" class="btn" onClick=${() => folder.current.click()}>Choose a folder</button>
      <button type="button" class="btn q" onClick=${() => files.current.click()}>Choose files</button></div>
    <input ref=${folder} type="file" webkitdirectory multiple hidden onChange=${chosen} aria-label="Folder" />
    <input ref=${files} type="file" multiple hidden onChange=${chosen} aria-label="Files" />
  </div>`;
}

/** @param {{label: string, rows: {path: string, reason: string}[], open?: boolean}} props */
const Losses = ({ label, rows, open = false }) => rows.length > 0 && html`<details class="losses" open=${open}>
  <summary>${label}</summary>
  <ul>${rows.slice(0, SHOWN).map((r) => html`<li key=${r.path}><b>${r.path}</b> ${r.reason}</li>`)}
    ${rows.length > SHOWN && html`<li>and ${number(rows.length - SHOWN)} more</li>`}</ul></details>`;

/** What the uploads of this page came to. */
export function Progress() {
  const now = way.value;
  if (!now) return null;
  const ended = [now.stored && `${plural(now.stored, "file")} taken in`, now.unchanged && `${number(now.unchanged)} unchanged`];
  // "Taken in" is said of files that can be asked about, not of those that merely arrived.
  const words = !now.over ? `${number(now.done)} of ${number(now.total)} sent`
    : now.reading ? `${number(now.stored - now.reading)} of ${number(now.stored)} read`
      : ended.filter(Boolean).join(", ") || "Nothing new";
  return html`<div class="progress" role="group" aria-label="Progress">
    <div class="row"><b>${words}</b>${!now.over && html`<button class="btn q small" onClick=${stopUploads}>Stop</button>`}</div>
    ${now.over && now.reading > 0 && html`<progress max=${now.stored} value=${now.stored - now.reading} aria-label="Files read"></progress>`}
    ${!now.over && html`<progress max=${now.total || 1} value=${now.done} aria-label="Files sent"></progress>
      <p class="now mono">${now.now.slice(0, 4).map((p) => html`<span key=${p}>${p}</span>`)}</p>`}
    <${Losses} label=${`${plural(now.failed.length, "file")} could not be read`} rows=${now.failed} open=${true} />
    <${Losses} label=${`${plural(now.skipped.length, "entry", "entries")} left out`} rows=${now.skipped} />
  </div>`;
}
