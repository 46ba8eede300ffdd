// The chat page: the transcript, its margin, the composer.

import { html, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../ui.js";
import { call, cardOf, get, post } from "../api.js";
import { Talk } from "../talk.js";
import { Composer, ModelPicker } from "../parts/composer.js";
import { ErrorCard } from "../parts/errorcard.js";
import { TurnView } from "../parts/turn.js";
import { newChat } from "../parts/rail.js";
import { chosenModel, collections, defaultModel, dialog, go, hasWriter, history, model, models, place, readHistory, READING_ROOM, scope, sheet,
  spoken, swap, tell, tellTrouble } from "../state.js";
import { Icon } from "../parts/icons.js";
import { dropFiles } from "../parts/uploads.js";

const NEAR = 6; // turns drawn in full at once; the others stand as plain text until one comes near

/** Chats begun on this page, so that the address may change under them without a reload. */
const begun = { id: "", talk: /** @type {Talk|null} */ (null) };

/** The house gives a chat its title from the first question. @param {Talk} talk */
function rename(talk) {
  const now = talk.chat.value;
  const found = now && history.value?.chats.find((c) => c.id === now.id);
  if (found && found.title !== now.title) talk.chat.value = { ...now, title: found.title };
}

/** Stop listening; a temporary chat is taken out of the house's memory too. @param {Talk} talk */
function leave(talk) {
  talk.close();
  if (talk.temporary && talk.chat.value) call("DELETE", `/chats/${talk.chat.value.id}`).catch(() => {});
}

/** @param {string} id @param {boolean} temporary @param {string} round */
function useTalk(id, temporary, round) {
  const [held, setHeld] = useState(/** @type {{id: string, talk: Talk|null, trouble: any}} */ ({ id: "?", talk: null, trouble: null }));
  useEffect(() => {
    if (id && begun.id === id && begun.talk && !begun.talk.closed) {
      const kept = begun.talk;
      setHeld({ id, talk: kept, trouble: null });
      return () => { begun.talk = null; leave(kept); };
    }
    let gone = false;
    /** @type {Talk|null} */
    let mine = null;
    const take = (/** @type {Talk} */ talk) => {
      if (gone) { talk.close(); return; }
      mine = talk;
      talk.temporary ||= temporary;
      talk.say = (text) => { spoken.value = text; };
      talk.changed = () => { if (!talk.temporary) readHistory().then(() => rename(talk), () => {}); };
      setHeld({ id, talk, trouble: null });
    };
    if (!id) take(new Talk());
    else Talk.open(id).then(take, (error) => !gone && setHeld({ id, talk: null, trouble: cardOf(error) }));
    return () => { gone = true; if (mine && begun.talk !== mine) leave(mine); };
  }, [id, id ? "" : round]);
  return held;
}

/** Draw a turn in full when it is within two screens. */
function useNearness(/** @type {any} */ scroller) {
  const acts = useMemo(() => new Map(), []);
  const eye = useRef(/** @type {IntersectionObserver|null} */ (null));
  useEffect(() => () => eye.current?.disconnect(), []);
  return useCallback((/** @type {Element|null} */ el, /** @type {() => void} */ act) => {
    if (!el) return;
    eye.current ||= new IntersectionObserver((seen) => {
      for (const one of seen) {
        if (!one.isIntersecting) continue;
        eye.current?.unobserve(one.target);
        acts.get(one.target)?.();
        acts.delete(one.target);
      }
    }, { root: scroller.current, rootMargin: "1600px 0px" });
    acts.set(el, act);
    eye.current.observe(el);
  }, []);
}

/** Stay at the end while it grows, unless the reader went up. */
function useEnd(/** @type {any} */ scroller) {
  const held = useRef({ stuck: true, top: 0, height: 0 });
  const [away, setAway] = useState(false);
  const grew = useCallback(() => {
    const box = scroller.current;
    if (box && held.current.stuck) box.scrollTop = box.scrollHeight;
  }, []);
  const up = useCallback((/** @type {any} */ e) => {
    if (e.type === "touchmove" || e.deltaY < 0 || (e.target.tagName !== "TEXTAREA" && ["PageUp", "Home", "ArrowUp"].includes(e.key))) held.current.stuck = false;
  }, []);
  const scrolled = useCallback(() => {
    const { scrollTop: top, scrollHeight: height, clientHeight } = scroller.current;
    const now = held.current;
    const gap = height - top - clientHeight;
    // A place also moves when guessed heights become known: only a way up in the same text is the reader's.
    if (gap < 60) now.stuck = true;
    else if (top < now.top && height >= now.height) now.stuck = false;
    now.top = top;
    now.height = height;
    setAway(gap > 400 && !now.stuck);
  }, []);
  const toEnd = useCallback(() => { held.current.stuck = true; grew(); }, []);
  return { grew, scrolled, up, toEnd, away };
}

/** @param {MouseEvent} event a click on a number in the answer goes to its note, not to an address */
function toNote(event) {
  const link = /** @type {Element} */ (event.target).closest?.("a.cite");
  if (!link) return;
  event.preventDefault();
  const note = document.getElementById(String(link.getAttribute("href")).slice(1));
  if (!note) return;
  for (const old of document.querySelectorAll(".note.lit")) old.classList.remove("lit");
  note.classList.add("lit");
  note.focus({ preventScroll: true });
  note.scrollIntoView({ block: "nearest" });
}

/** @param {{onAsk: (text: string) => void, temporary: boolean}} props */
function Empty({ onAsk, temporary }) {
  const held = collections.value;
  const ready = held.some((c) => c.passages > 0);
  const [prompts, setPrompts] = useState(/** @type {string[]} */ ([]));
  useEffect(() => {
    if (ready) get("/suggestions").then(({ questions }) => setPrompts(questions.slice(0, 3)), () => {});
  }, [ready]);
  return html`<div class="empty">
    <h2>${temporary ? "A chat that leaves no trace" : "What would you like to know?"}</h2>
    ${temporary && html`<p>It is kept in memory only, stays out of the history, and is gone when you leave it.</p>`}
    ${!hasWriter.value && models.value.length > 0 && html`<p>No language model is loaded. The reading room will quote the passages that come
      nearest, word for word, and say so when your documents do not answer. <a href="#/models">Add a model</a></p>`}
    ${!ready && html`<p>Answers are better with something to stand on. <a href="#/documents">Add documents</a> and every
      sentence comes with its place, checked word for word.</p>`}
    ${prompts.length > 0 && html`<ul class="prompts">${prompts.map((p) => html`<li key=${p}>
      <button class="prompt" onClick=${() => onAsk(p)}>${p}</button></li>`)}</ul>`}
    ${!temporary && html`<p><button class="btn q flush" onClick=${() => newChat(true)}>Make this chat temporary</button></p>`}
  </div>`;
}

/** @param {{talk: Talk|null, temporary: boolean}} props */
function Bar({ talk, temporary }) {
  const chat = talk?.chat.value;
  return html`<header class="bar">
    <button class="btn q icon-btn only-s" aria-label="Chats" onClick=${() => { sheet.value = true; }}><${Icon} name="list" /></button>
    <h1 tabindex="-1">${chat?.title || (talk?.temporary || temporary ? "Temporary chat" : "New chat")}</h1>
    ${(talk?.temporary || temporary) && html`<span class="tag s">Temporary</span>`}
    <span class="sp"></span>
    <span class="hide-s"><${ModelPicker} /></span>
    <button class="btn only-s" onClick=${() => newChat()}>New chat</button>
    <button class="btn q hide-s" onClick=${() => { dialog.value = { name: "palette" }; }}>
      Go to <kbd>${/Mac|iP/.test(navigator.platform) ? "⌘K" : "Ctrl K"}</kbd></button>
  </header>`;
}

/** @param {{talk: Talk, path: string[], children?: any, scroller: any, end: any, edit: (turn: any, text: string) => void}} props */
function Transcript({ talk, path, scroller, end, edit }) {
  const watch = useNearness(scroller);
  const room = models.value.length > 0
    ? path.find((id) => { const t = talk.turns.get(id)?.value; return t?.model === READING_ROOM && t.citations.length > 0; }) : undefined;
  const body = useRef(/** @type {any} */ (null));
  useLayoutEffect(() => end.toEnd(), [path.length, talk]);
  useEffect(() => {
    // Heights that were guessed become known when a turn comes near; the end stays the end.
    const size = new ResizeObserver(end.grew);
    size.observe(body.current);
    size.observe(scroller.current);
    return () => size.disconnect();
  }, [talk]);
  return html`<div class="talk" ref=${body} onClick=${toNote}>
    ${path.map((id, i) => {
      const turn = /** @type {any} */ (talk.turns.get(id)?.peek());
      return html`<${TurnView} key=${turn?.key || id} id=${id} talk=${talk} near=${i >= path.length - NEAR} grew=${end.grew}
        noModel=${id === room} watch=${watch} edit=${edit} />`;
    })}
  </div>`;
}

export function ChatPage() {
  const { parts, asked } = place.value;
  const id = parts[1] || "";
  const temporary = asked.has("temporary");
  const held = useTalk(id, temporary, `${asked.get("n")}${temporary}`);
  const talk = held.talk && (held.id === id || held.talk.chat.value?.id === id) ? held.talk : null;
  const scroller = useRef(/** @type {any} */ (null));
  const end = useEnd(scroller);
  const path = talk ? talk.path.value : [];
  const title = talk?.chat.value?.title;

  useEffect(() => { document.title = `${title || "New chat"} · Freehold`; }, [title]);
  useEffect(() => {
    const fresh = (/** @type {any} */ e) => {
      if (document.visibilityState === "visible" && (!e.detail || e.detail === id)) talk?.refresh().catch(() => {});
    };
    document.addEventListener("visibilitychange", fresh);
    addEventListener("chat-changed", fresh);
    return () => {
      document.removeEventListener("visibilitychange", fresh);
      removeEventListener("chat-changed", fresh);
    };
  }, [talk, id]);

  // Another window may have asked something here: the history tells.
  const known = history.value?.chats.find((c) => c.id === id)?.turns || 0;
  useEffect(() => {
    if (talk && known > talk.turns.size && !talk.answering.value) talk.refresh().catch(() => {});
  }, [known, talk]);

  const begin = async () => {
    const mine = /** @type {Talk} */ (talk);
    mine.chat.value = await post("/chats", mine.temporary ? { temporary: true } : {});
    begun.id = /** @type {any} */ (mine.chat.value).id;
    begun.talk = mine;
    swap(`/chat/${begun.id}`);
  };
  const how = () => ({ model: chosenModel.value || model.value?.name || defaultModel.value, collections: scope.value, begin });
  const send = (/** @type {string} */ text) => {
    if (!talk) return;
    if (talk.answering.value) talk.queue.value = [...talk.queue.value, { text, ...how() }];
    else talk.ask(text, how());
  };
  const edit = (/** @type {any} */ turn, /** @type {string} */ text) => talk?.ask(text, { ...how(), parent: turn.parent_id });
  const stop = () => talk?.answering.value && talk.stop(talk.answering.value).catch(tellTrouble);
  const files = (/** @type {DataTransfer} */ transfer) => {
    dropFiles(transfer, "").then((n) => n && tell(`${n} files on their way to Documents`), tellTrouble);
    go("/documents");
  };
  const drop = (/** @type {DragEvent} */ e) => {
    if (e.dataTransfer?.types.includes("Files")) { e.preventDefault(); files(e.dataTransfer); }
  };
  return html`<main id="main" class="chat" tabindex="-1" onDragOver=${(/** @type {DragEvent} */ e) => e.preventDefault()} onDrop=${drop}>
    <${Bar} talk=${talk} temporary=${temporary} />
    <div class="scroll" ref=${scroller} onScroll=${end.scrolled} onWheel=${end.up} onTouchMove=${end.up} onKeyDown=${end.up}>
      ${held.id === id && held.trouble && html`<div class="talk"><${ErrorCard} card=${held.trouble}>
        <button class="btn" onClick=${() => newChat()}>New chat</button><//></div>`}
      ${talk && (path.length
        ? html`<${Transcript} talk=${talk} path=${path} scroller=${scroller} end=${end} edit=${edit} />`
        : html`<${Empty} onAsk=${send} temporary=${temporary} />`)}
      <div class="dock">
        ${talk && html`<${Composer} key=${talk.uid} talk=${talk}
          name=${talk.chat.value?.id || "new"} onSend=${send} onStop=${stop} onFiles=${files}
          toEnd=${end.away ? end.toEnd : null} />`}
      </div>
    </div>
  </main>`;
}
