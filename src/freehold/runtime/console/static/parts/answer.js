// An answer as blocks. A finished block is drawn once and left alone.

import { Component, createRef, html, useLayoutEffect, useMemo, useState } from "../ui.js";
import { blocksOf, draw } from "../markdown.js";
import { copy } from "./modal.js";

/** @typedef {import("../markdown.js").Block} Block */

class Piece extends Component {
  constructor(/** @type {any} */ props) {
    super(props);
    this.box = createRef();
  }

  shouldComponentUpdate(/** @type {any} */ next) {
    return next.block.raw !== this.props.block.raw || next.stamp !== this.props.stamp;
  }

  componentDidMount() { this.fill(); }

  componentDidUpdate() { this.fill(); }

  fill() { this.box.current.replaceChildren(draw(this.props.block, this.props.cited)); }

  render() { return html`<div ref=${this.box}></div>`; }
}

class Code extends Component {
  shouldComponentUpdate(/** @type {any} */ next) { return next.block.raw !== this.props.block.raw; }

  render() {
    const { lang, text } = this.props.block;
    return html`<div class="code" role="group" aria-label=${lang ? `Code, ${lang}` : "Code"}>
      <div class="code-bar"><span>${lang}</span><${CopyButton} text=${text} /></div>
      <pre tabindex="0"><code>${text}</code></pre>
    </div>`;
  }
}

const CHUNK = 16;

/** Some blocks together: one that is off the screen is neither compared, laid out nor painted. */
class Chunk extends Component {
  shouldComponentUpdate(/** @type {any} */ next) {
    const now = this.props;
    return next.stamp !== now.stamp || next.blocks.length !== now.blocks.length
      || next.blocks.some((/** @type {Block} */ b, /** @type {number} */ i) => b.raw !== now.blocks[i].raw);
  }

  render() {
    const { blocks, cited, stamp } = this.props;
    return html`<div class="chunk">${blocks.map((/** @type {Block} */ block) => block.type === "code"
      ? html`<${Code} key=${block.key} block=${block} />`
      : html`<${Piece} key=${block.key} block=${block} cited=${cited} stamp=${block.raw.includes("[") ? stamp : ""} />`)}</div>`;
  }
}

/** @param {Block[]} blocks */
function chunks(blocks) {
  const out = [];
  for (let at = 0; at < blocks.length; at += CHUNK) out.push(blocks.slice(at, at + CHUNK));
  return out;
}

/** @param {{text: string}} props */
function CopyButton({ text }) {
  const [done, setDone] = useState(false);
  const act = async () => {
    await copy(text, "Code copied");
    setDone(true);
    setTimeout(() => setDone(false), 1600);
  };
  return html`<button class="btn q small" onClick=${act}>${done ? "Copied" : "Copy"}</button>`;
}

/**
 * @param {{turn: import("../api.js").Turn, live: import("../talk.js").Live|undefined, anchor: string,
 *   grew: () => void}} props
 */
export function Answer({ turn, live, anchor, grew }) {
  const began = performance.now();
  const beat = live ? live.beat.value : -1;
  const still = useMemo(() => (live ? null : blocksOf(turn.answer)), [turn.answer, Boolean(live)]);
  const blocks = live ? live.blocks.cut() : /** @type {Block[]} */ (still);
  // While it is written every source may be pointed at; in the end only those with a checked place.
  const known = live || !turn.citations.length ? turn.sources : turn.citations;
  const numbers = new Set(known.map((k) => k.number));
  const settled = !live && turn.sources.length > 0;
  const stamp = `${[...numbers].join()}${settled}`;
  const cited = (/** @type {number} */ n) => {
    if (!turn.sources.length) return "text";
    if (settled && !turn.citations.length) return null;
    return numbers.has(n) ? { href: `#${anchor}-${n}`, label: `Source ${n}` } : null;
  };
  useLayoutEffect(() => {
    if (live) live.drawn(performance.now() - began);
    grew();
  }, [beat, live, turn.answer]);
  return html`<article class="ans" aria-label="Answer" aria-busy=${live ? "true" : "false"}>
    ${chunks(blocks).map((some, i) => html`<${Chunk} key=${i} blocks=${some} cited=${cited} stamp=${stamp} />`)}
  </article>`;
}
