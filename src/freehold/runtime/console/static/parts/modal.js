// Everything that lies over the page: dialogs, the drawer, sheets, menus, the notice.

import { html, useEffect, useLayoutEffect, useRef } from "../ui.js";
import { Icon } from "./icons.js";
import { notice, spoken } from "../state.js";

/**
 * A dialog of the browser: it keeps the focus inside, gives it back when it closes, and closes on Escape.
 * @param {{label: string, kind?: string, onClose: () => void, children?: any, bare?: boolean}} props
 */
export function Modal({ label, kind = "card", onClose, children, bare = false }) {
  const box = useRef(/** @type {any} */ (null));
  useLayoutEffect(() => {
    const dialog = box.current;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  const cancel = (/** @type {Event} */ event) => { event.preventDefault(); onClose(); };
  return html`<dialog class=${`modal ${kind}`} ref=${box} aria-label=${label} onCancel=${cancel}
      onClick=${(/** @type {any} */ e) => e.target === box.current && onClose()}>
    <div class="modal-in">
      ${!bare && html`<header class="modal-head"><h2>${label}</h2>
        <button class="btn q icon-btn" onClick=${onClose} aria-label="Close"><${Icon} name="close" /></button>
      </header>`}
      ${children}
    </div>
  </dialog>`;
}

/**
 * A question with one dangerous answer.
 * @param {{label: string, text: string, act: string, onAct: () => void, onClose: () => void}} props
 */
export const Confirm = ({ label, text, act, onAct, onClose }) => html`
  <${Modal} label=${label} onClose=${onClose}>
    <p>${text}</p>
    <div class="acts-row">
      <button class="btn danger" onClick=${() => { onClose(); onAct(); }}>${act}</button>
      <button class="btn" autofocus onClick=${onClose}>Keep</button>
    </div>
  <//>`;

/**
 * A menu that hangs on its button. Arrow keys move, Escape closes, the focus returns.
 * @param {{label: string, items: {text: string, note?: string, tag?: string, checked?: boolean, bad?: boolean,
 *   kind?: "radio"|"check", act: () => void}[], onClose: () => void, at: Element}} props
 */
export function Menu({ label, items, onClose, at }) {
  const box = useRef(/** @type {any} */ (null));
  useLayoutEffect(() => {
    const menu = box.current;
    menu.showPopover();
    const spot = at.getBoundingClientRect();
    const size = menu.getBoundingClientRect();
    const left = Math.max(8, Math.min(spot.left, innerWidth - size.width - 8));
    const below = spot.bottom + 4 + size.height < innerHeight - 8;
    menu.style.setProperty("left", `${left}px`);
    menu.style.setProperty("top", `${Math.max(8, below ? spot.bottom + 4 : spot.top - 4 - size.height)}px`);
    (menu.querySelector('[aria-checked="true"]') || menu.querySelector("button"))?.focus();
    const toggle = (/** @type {any} */ e) => { if (e.newState === "closed") onClose(); };
    menu.addEventListener("toggle", toggle);
    return () => {
      menu.removeEventListener("toggle", toggle);
      if (menu.contains(document.activeElement) || document.activeElement === document.body) {
        /** @type {any} */ (at).focus();
      }
    };
  }, []);
  const keys = (/** @type {KeyboardEvent} */ e) => {
    const all = [...box.current.querySelectorAll("button")];
    const now = all.indexOf(document.activeElement);
    const next = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: all.length - 1 }[e.key];
    if (e.key === "Tab") { onClose(); return; }
    if (next === undefined) return;
    e.preventDefault();
    all[(next + all.length) % all.length].focus();
  };
  return html`<div class="menu" popover="auto" role="menu" aria-label=${label} ref=${box} onKeyDown=${keys}>
    ${items.map((item) => html`<button key=${item.text} type="button" class=${item.bad ? "bad" : ""}
        role=${item.kind === "radio" ? "menuitemradio" : item.kind === "check" ? "menuitemcheckbox" : "menuitem"}
        aria-checked=${item.kind ? String(Boolean(item.checked)) : undefined} tabindex="-1"
        onClick=${() => { if (item.kind !== "check") onClose(); item.act(); }}>
      <span class="tick">${item.checked && html`<${Icon} name="check" />`}</span>
      <span class="what">${item.text}${item.note && html`<small>${item.note}</small>`}</span>
      ${item.tag && html`<span class="tag l">${item.tag}</span>`}
    </button>`)}
  </div>`;
}

/** The polite region, and the notice at the foot. */
export function Voice() {
  const said = notice.value;
  return html`<div class="sr" role="status" aria-live="polite">${spoken.value}</div>
    <div class=${`notice ${said?.bad ? "bad" : ""}`} role="status" aria-live="polite" hidden=${!said}>${said?.text}</div>`;
}

/** Hear a key anywhere on the page. @param {(e: KeyboardEvent) => void} act */
export function useKeys(act) {
  const now = useRef(act);
  now.current = act;
  useEffect(() => {
    const hear = (/** @type {KeyboardEvent} */ e) => now.current(e);
    addEventListener("keydown", hear);
    return () => removeEventListener("keydown", hear);
  }, []);
}

/** @param {string} text @param {string} [what] */
export async function copy(text, what = "Copied") {
  const { tell } = await import("../state.js");
  try {
    await navigator.clipboard.writeText(text);
    tell(what);
  } catch {
    tell("The browser did not allow copying. Select the text and copy it by hand.", true);
  }
}
