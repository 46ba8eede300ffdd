// A document, opened at the place an answer stands on, with the words marked.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../ui.js";
import { address, cardOf, get, query } from "../api.js";
import { ErrorCard } from "./errorcard.js";
import { Icon } from "./icons.js";
import { Modal } from "./modal.js";
import { findQuote, openDocument } from "./notes.js";
import { called } from "../state.js";
import { leaf, openAt, plural, spot, took } from "../words.js";

const AROUND = 30; // parts drawn on each side of the place; a table of 50,000 rows is not drawn whole

/** @param {{part: any, quote: string, here: boolean}} props */
function Part({ part, quote, here }) {
  const span = here && quote ? findQuote(part.text, quote) : null;
  return html`<div class=${`part ${here ? "here" : ""}`} data-here=${here ? "" : undefined}>
    <span class="part-at">${part.line ? part.line : ""}</span>
    <p>${span ? html`${part.text.slice(0, span[0])}<mark>${part.text.slice(...span)}</mark>${part.text.slice(span[1])}` : part.text}</p>
  </div>`;
}

/** Which part holds the place: the one with the quote, else the last that begins at or before the line. @param {any[]} parts @param {any} at */
function placeIn(parts, { quote, line, heading }) {
  const quoted = quote ? parts.findIndex((p) => findQuote(p.text, quote)) : -1;
  if (quoted >= 0) return quoted;
  if (line) {
    let best = -1;
    parts.forEach((p, i) => { if (p.line && p.line <= line) best = i; });
    if (best >= 0) return best;
  }
  return heading ? parts.findIndex((p) => p.heading === heading) : -1;
}

/** @param {any} props the place, and `onClose` */
export function Drawer(props) {
  const { id, file, quote, onClose } = props;
  const [page, setPage] = useState(/** @type {number|null} */ (props.page));
  const [found, setFound] = useState(/** @type {any} */ (null));
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const [reach, setReach] = useState(AROUND);
  const body = useRef(/** @type {any} */ (null));
  useEffect(() => {
    const stop = new AbortController();
    setTrouble(null);
    get(`/documents/${id}/text${query({ page })}`, { signal: stop.signal })
      .then(setFound, (e) => { if (!stop.signal.aborted) setTrouble(cardOf(e)); });
    return () => stop.abort();
  }, [id, page]);
  const at = found ? placeIn(found.parts, props) : -1;
  const from = Math.max(0, (at < 0 ? 0 : at) - reach);
  const to = Math.min(found?.parts.length || 0, (at < 0 ? 0 : at) + reach + 1);
  useLayoutEffect(() => {
    const box = body.current;
    (box?.querySelector("mark") || box?.querySelector("[data-here]"))?.scrollIntoView({ block: "center" });
  }, [found]);
  const pages = found?.pages || 0;
  let heading = "";
  return html`<${Modal} label=${leaf(file)} kind="drawer" onClose=${onClose}>
    <div class="drawer-bar">
      ${pages > 0 && page && html`<span class="switch" role="group" aria-label="Pages">
        <button class="btn q icon-btn" aria-label="Page before" disabled=${page <= 1} onClick=${() => setPage(page - 1)}><${Icon} name="left" /></button>
        <span>page ${page} of ${pages}</span>
        <button class="btn q icon-btn" aria-label="Page after" disabled=${page >= pages} onClick=${() => setPage(page + 1)}><${Icon} name="right" /></button>
      </span>`}
      ${!page && found && html`<span class="quiet">${props.line ? `line ${props.line}` : found.kind}</span>`}
      <span class="sp"></span>
      <a class="btn q" href=${address(`/documents/${id}/file`)} download=${leaf(file)}>Download the file</a>
    </div>
    <div class="drawer-body" ref=${body} tabindex="0" role="region" aria-label="Text of the document">
      ${trouble && html`<${ErrorCard} card=${trouble} />`}
      ${!found && !trouble && html`<p class="quiet">Opening</p>`}
      ${from > 0 && html`<button class="btn q" onClick=${() => setReach(reach + 200)}>Show what comes before</button>`}
      ${found?.parts.slice(from, to).map((/** @type {any} */ part, /** @type {number} */ i) => {
        const fresh = part.heading && part.heading !== heading;
        heading = part.heading;
        return html`${fresh && html`<h3>${part.heading}</h3>`}<${Part} key=${from + i} part=${part} quote=${quote} here=${from + i === at} />`;
      })}
      ${found && !found.parts.length && html`<p class="quiet">There is no text on this page.</p>`}
      ${found && to < found.parts.length && html`<button class="btn q" onClick=${() => setReach(reach + 200)}>Show what follows</button>`}
    </div>
  <//>`;
}

/** Why this answer: what it was written by, how long it took, and every passage looked at. @param {any} props */
export function Why({ turn, onClose }) {
  const used = new Set(turn.citations.map((/** @type {any} */ c) => c.number));
  const facts = [["Model", called(turn.model)], ["Documents", turn.collections ? turn.collections.join(", ") || "none" : "all"],
    ["Read", turn.prompt_tokens && plural(turn.prompt_tokens, "token")], ["Written", turn.completion_tokens && plural(turn.completion_tokens, "token")],
    ["First word", turn.first_token_ms && took(turn.first_token_ms)], ["Whole answer", turn.duration_ms && took(turn.duration_ms)]];
  return html`<${Modal} label="Why this answer" kind="wide-modal" onClose=${onClose}>
    <dl class="why-facts">${facts.filter(([, v]) => v).map(([k, v]) => html`<div key=${k}><dt>${k}</dt><dd>${v}</dd></div>`)}</dl>
    <${Hits} hits=${turn.sources} used=${used} /><//>`;
}

/** @param {{hits: any[], used?: Set<number>}} props */
export const Hits = ({ hits, used }) => html`<ol class="hits">${hits.map((h, i) => html`<li key=${i}>
  <div class="hit-head"><b class="mono">${h.number || i + 1}</b><span class="file">${leaf(h.file)}${spot(h) && ` · ${spot(h)}`}</span>
    ${used?.has(h.number) && html`<span class="tag l">Quoted</span>`}<span class="sp"></span>
    <span class="score" title="How near, by the house's own measure">${h.score.toFixed(2)}</span></div>
  <p class="hit-text">${h.text}</p>
  <button class="link" onClick=${() => openDocument(h, h.text)}>${openAt(h)}</button></li>`)}</ol>`;
