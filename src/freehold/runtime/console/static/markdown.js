// Markdown of a model, made safe and made in blocks.
//
// A text that grows is cut into blocks (paragraph, list, code, table). A block that can no longer
// change is finished: it keeps its key and is never parsed or drawn again. Only the last, open one
// is, at most once a frame, so the cost of an answer grows with its length and not with its square.

import { DOMPurify, Marked } from "./ui.js";

/** @typedef {{key: number, raw: string, type: string, lang: string, text: string, token: any}} Block */

const TAGS = [
  "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "strong", "em", "del", "code", "pre", "blockquote",
  "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "a", "sup", "sub", "span", "kbd",
];
const ATTRIBUTES = ["href", "title", "start", "align", "rel", "target", "data-cite", "data-picture"];
const LINK = /^(?:https?:|mailto:)/i;

const escape = (/** @type {string} */ text) =>
  text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const marked = new Marked({
  gfm: true,
  extensions: [{
    name: "cite",
    level: "inline",
    start: (src) => src.match(/\[\d/)?.index,
    tokenizer(src) {
      const found = /^\[(\d{1,3}(?:, ?\d{1,3})*)\](?!\()/.exec(src);
      return found ? { type: "cite", raw: found[0], numbers: found[1].split(/, ?/) } : undefined;
    },
    renderer: (token) => token.numbers.map((/** @type {string} */ n) => `<a data-cite="${n}">${n}</a>`).join(""),
  }],
  renderer: {
    // A picture is somebody else's server learning that you read this. Its address is shown instead.
    image: ({ href, text }) => `<a href="${escape(href)}" data-picture="1">${escape(text || "picture")}</a>`,
    html: ({ text }) => (/^<br\s*\/?>$/i.test(text) ? "<br>" : escape(text)),
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.nodeName !== "A") return;
  const link = /** @type {HTMLAnchorElement} */ (node);
  const href = link.getAttribute("href") || "";
  if (link.dataset.cite) return;
  if (!LINK.test(href)) {
    link.removeAttribute("href");
    return;
  }
  link.setAttribute("rel", "noopener noreferrer");
  link.setAttribute("target", "_blank");
  if (link.dataset.picture) {
    link.removeAttribute("data-picture");
    link.append(` (${href})`);
  }
});

/** @param {any} token @returns {DocumentFragment} */
function safe(token) {
  return DOMPurify.sanitize(marked.parser([token]), {
    ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ATTRIBUTES, ALLOW_DATA_ATTR: false, ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}

/**
 * One block as DOM. `cited` says what a number in brackets is: a source to point at, "text" where the
 * answer has no sources and [1] is only writing, or null where it claims a proof that is not there.
 * @param {Block} block @param {(number: number) => {href: string, label: string}|"text"|null} cited
 */
export function draw(block, cited) {
  const piece = safe(block.token);
  for (const link of piece.querySelectorAll("a[data-cite]")) {
    const found = cited(Number(link.getAttribute("data-cite")));
    if (!found) { link.remove(); continue; }
    if (found === "text") { link.replaceWith(`[${link.textContent}]`); continue; }
    link.className = "cite";
    // A mark stands close to the word it proves, whatever space the writer left before it.
    const before = link.previousSibling;
    if (before?.nodeType === Node.TEXT_NODE) before.nodeValue = before.nodeValue.replace(/\s+$/, "");
    link.setAttribute("href", found.href);
    link.setAttribute("aria-label", found.label);
  }
  for (const table of piece.querySelectorAll("table")) {
    const box = document.createElement("div");
    box.className = "tbl";
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", "Table");
    table.replaceWith(box);
    box.append(table);
  }
  return piece;
}

/** @param {any} token @param {number} key @returns {Block} */
const blockOf = (token, key) => ({
  key, raw: token.raw, type: token.type, token,
  lang: token.type === "code" ? (token.lang || "").split(/\s/)[0] : "",
  text: token.type === "code" ? token.text : "",
});

/** Cuts a growing text into blocks. */
export class Blocks {
  constructor() {
    /** @type {Block[]} */
    this.finished = [];
    /** @type {Block[]} */
    this.open = [];
    this.text = "";
    this.from = 0; // where in `text` the open part begins
  }

  /** @param {string} text what was added at the end */
  add(text) { this.text += text.replaceAll("\r", ""); }

  /** Cut what came since the last call. @returns {Block[]} finished blocks first, then open ones */
  cut() {
    const tail = this.text.slice(this.from);
    // Only whole lines can finish a block: "2" alone may yet become "2. " and join the list above.
    const whole = tail.lastIndexOf("\n") + 1;
    if (whole) {
      const tokens = marked.lexer(tail.slice(0, whole));
      let last = tokens.length - 1;
      while (last >= 0 && tokens[last].type === "space") last -= 1;
      for (let i = 0; i < last && this.text.startsWith(tokens[i].raw, this.from); i += 1) {
        this.from += tokens[i].raw.length;
        if (tokens[i].type !== "space" && tokens[i].type !== "def") {
          this.finished.push(blockOf(tokens[i], this.finished.length));
        }
      }
    }
    let key = this.finished.length;
    const open = marked.lexer(this.text.slice(this.from));
    this.open = open.filter((t) => t.type !== "space" && t.type !== "def").map((t) => blockOf(t, key++));
    return this.finished.concat(this.open);
  }
}

/**
 * A whole text in blocks.
 * @param {string} text @returns {Block[]}
 */
export function blocksOf(text) {
  let key = 0;
  return marked.lexer(text).filter((t) => t.type !== "space" && t.type !== "def").map((t) => blockOf(t, key++));
}
