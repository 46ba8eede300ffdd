// The margin: what each number in the answer stands on, word for word, and the way to the place.

import { html } from "../ui.js";
import { dialog } from "../state.js";
import { leaf, openAt, plural, spot } from "../words.js";

/**
 * Find a quote in a text, whatever the white space.
 * @param {string} text @param {string} quote @returns {[number, number]|null} from and to
 */
export function findQuote(text, quote) {
  const words = quote.trim().split(/\s+/).filter(Boolean);
  if (!words.length) return null;
  const wanted = words.map((w) => w.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("\\s+");
  const found = new RegExp(wanted, "i").exec(text);
  return found ? [found.index, found.index + found[0].length] : null;
}

const LONGEST = 240; // letters of a quote in the margin; the drawer shows it whole

/** @param {string} text @param {number} from @param {number} to @param {number} around letters kept on each side */
function excerpt(text, from, to, around) {
  let start = Math.max(0, from - around);
  if (start) start = text.indexOf(" ", start) + 1 || start;
  let end = Math.min(text.length, to + around);
  if (end < text.length) end = Math.max(text.lastIndexOf(" ", end), to);
  const long = to - from > LONGEST;
  const quote = long ? text.slice(from, text.lastIndexOf(" ", from + LONGEST)) : text.slice(from, to);
  if (long) return { before: "", quote, after: " …" };
  return { before: (start ? "… " : "") + text.slice(Math.min(start, from), from), quote,
    after: text.slice(to, end) + (end < text.length ? " …" : "") };
}

/** @param {any} place @param {string} [quote] */
export const openDocument = (place, quote = "") => {
  dialog.value = { name: "document", id: place.document_id, file: place.file, page: place.page, line: place.line,
    heading: place.heading, quote };
};

/** @param {{citations: any[], source: any, anchor: string}} props */
function Note({ citations, source, anchor }) {
  const first = citations[0];
  const at = spot(first) || spot(source || {});
  const checked = citations.filter((c) => c.verified && c.quote);
  return html`<div class="note" id=${`${anchor}-${first.number}`} tabindex="-1">
    <b><span>${first.number}</span><span class="file" title=${first.file}>${leaf(first.file)}${at && html` · ${at}`}</span></b>
    ${checked.map((c) => {
      const span = source && findQuote(source.text, c.quote);
      const part = span ? excerpt(source.text, span[0], span[1], 46) : excerpt(c.quote, 0, c.quote.length, 0);
      return html`<blockquote key=${c.quote}>“${part.before}<mark>${part.quote}</mark>${part.after}”</blockquote>`;
    })}
    ${!checked.length && html`<p class="unsure">No quote could be checked here. Read the place yourself.</p>`}
    <button class="link" onClick=${() => openDocument({ ...source, ...first }, first.verified ? first.quote : "")}>
      ${openAt(first)}</button>
  </div>`;
}

/** @param {{turn: import("../api.js").Turn, anchor: string}} props */
export function Notes({ turn, anchor }) {
  /** @type {Map<number, any[]>} */
  const grouped = new Map();
  for (const c of turn.citations) grouped.set(c.number, [...(grouped.get(c.number) || []), c]);
  const numbers = [...grouped.keys()].sort((a, b) => a - b);
  const unused = turn.sources.filter((s) => !grouped.has(s.number));
  if (!numbers.length && !unused.length) return null;
  const show = () => { dialog.value = { name: "why", turn }; };
  return html`<div class="notes" role="group" aria-label="Sources for this answer">
    ${numbers.map((n) => html`<${Note} key=${n} citations=${grouped.get(n)} anchor=${anchor}
      source=${turn.sources.find((s) => s.number === n)} />`)}
    ${turn.state !== "writing" && turn.state !== "queued" && unused.length > 0 && html`<div class="note">
      <b>${numbers.length ? "Checked, not used" : "Looked at"}</b>
      ${plural(unused.length, "passage")} ${numbers.length ? "found, not quoted." : "came nearest."}${" "}
      <button class="link" onClick=${show}>Show</button>
    </div>`}
  </div>`;
}
