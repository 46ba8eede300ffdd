// The first minute: whose house, what was found, what to read. Every step can be skipped.

import { html, signal, useEffect, useRef, useState } from "../ui.js";
import { cardOf, get, post } from "../api.js";
import { collections, enter, models as shelf, readCollections, readModels, session, swap } from "../state.js";
import { DropField, Progress } from "../parts/dropfield.js";
import { ErrorCard } from "../parts/errorcard.js";
import { Mark } from "../parts/icons.js";
import { way } from "../parts/uploads.js";
import { bytes, plural } from "../words.js";

/** True from the first page of the set-up to its last, though the person is signed in after the first. */
export const settingUp = signal(false);

/** The token that the terminal printed rides behind the #, which no server log ever sees. */
const ridden = new URLSearchParams(location.hash.slice(1)).get("token") || "";
if (ridden) swap("/");

const STEPS = ["Yours", "What is here", "Your documents"];

/** @param {{onDone: () => void}} props */
function Owner({ onDone }) {
  const [token, setToken] = useState(ridden);
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const name = useRef(/** @type {any} */ (null));
  const pass = useRef(/** @type {any} */ (null));
  const send = async (/** @type {any} */ body) => {
    setBusy(true);
    setTrouble(null);
    try {
      const found = await post("/setup", { token: token.trim(), ...body });
      settingUp.value = true;
      enter(found);
      onDone();
    } catch (error) {
      setTrouble(cardOf(error));
      setBusy(false);
    }
  };
  const submit = (/** @type {Event} */ e) => {
    e.preventDefault();
    send({ name: name.current.value.trim(), passphrase: pass.current.value });
  };
  return html`<form class="stack card" onSubmit=${submit} aria-label="Set up">
    <h1>This house is yours</h1>
    <p class="lede">Everything stays on this machine: models, documents, talks. Choose how you will come in.</p>
    ${!ridden && html`<label for="token">Set-up token</label>
      <input id="token" required value=${token} spellcheck="false" autocomplete="off" autocapitalize="none" class="mono"
        onInput=${(/** @type {any} */ e) => setToken(e.target.value)} aria-describedby="token-help" />
      <p id="token-help" class="help">The terminal that runs <code>freehold up</code> printed it, after the address.</p>`}
    <label for="name">Name</label>
    <input id="name" ref=${name} required autocomplete="username" autofocus maxlength="80" />
    <label for="pass">Passphrase</label>
    <input id="pass" ref=${pass} type="password" required minlength="8" autocomplete="new-password" aria-describedby="pass-help" />
    <p id="pass-help" class="help">At least 8 characters. Four words are better than one hard one.</p>
    ${trouble && html`<${ErrorCard} card=${trouble} />`}
    <button class="btn pri wide" disabled=${busy}>Make it mine</button>
    <button class="btn wide" type="button" disabled=${busy || !token.trim()} onClick=${() => send({ only_me: true })}>
      Only me, on this machine</button>
    <p class="help">Without a passphrase, only browsers on this machine can come in.</p>
  </form>`;
}

/** @param {{label: string, value: any, note?: string, tag?: string}} props */
const Fact = ({ label, value, note, tag }) => html`<div class="fact"><dt>${label}</dt><dd><b>${value}</b>
  ${tag && html` <span class="tag l">${tag}</span>`}${note && html`<small>${note}</small>`}</dd></div>`;

const DISKS = { ssd: "Solid state", hdd: "Spinning", network: "Over the network", unknown: "Kind not known" };

/** @param {{onDone: () => void}} props */
function Found({ onDone }) {
  const [machine, setMachine] = useState(/** @type {any} */ (null));
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  useEffect(() => { readModels().catch(() => {}).then(() => get("/machine")).then(setMachine, (e) => setTrouble(cardOf(e))); }, []);
  // A model that only measures meaning does not answer: it is part of the house, not a find.
  const embeds = new Set(shelf.value.filter((m) => m.kind === "embed").map((m) => m.name));
  const models = (machine?.found_models || []).filter((/** @type {any} */ m) => !embeds.has(m.name));
  const servers = machine?.servers || [];
  return html`<section class="stack card" aria-labelledby="found">
    <h1 id="found" tabindex="-1">What is here</h1>
    ${trouble && html`<${ErrorCard} card=${trouble} />`}
    ${!machine && !trouble && html`<p class="quiet" aria-busy="true">Looking around</p>`}
    ${machine && html`<dl class="facts">
      <${Fact} label="Processor" value=${machine.cpu.model || "Unknown"} note=${plural(machine.cpu.cores, "core")} />
      <${Fact} label="Memory" value=${bytes(machine.memory_bytes)} note=${`${bytes(machine.memory_free_bytes)} free`} />
      ${machine.gpus.length ? machine.gpus.map((/** @type {any} */ g) => html`<${Fact} label="GPU" value=${g.name} note=${bytes(g.memory_bytes)} />`)
        : html`<${Fact} label="GPU" value="No GPU: fine" note="models run on the processor" />`}
      <${Fact} label="Disk" value=${DISKS[/** @type {keyof typeof DISKS} */ (machine.disk.kind)] || machine.disk.kind}
        note=${`${bytes(machine.disk.free_bytes)} free`} />
      ${servers.map((/** @type {any} */ s) => html`<${Fact} label="Model server" value=${s.engine} note=${`${s.url} · ${plural(s.models.length, "model")}`} tag="In use" />`)}
      ${models.slice(0, 6).map((/** @type {any} */ m) => html`<${Fact} label="Model" value=${m.name} note=${`${bytes(m.bytes)}, ${m.source}`} tag="Ready" />`)}
      ${models.length > 6 && html`<${Fact} label="And" value=${plural(models.length - 6, "more model")} />`}
    </dl>
    ${!models.length && !servers.length && html`<p>No language model is on this machine yet. You can begin without one: the reading room quotes
      your documents word for word. Models are added on their own page, whenever you like.</p>`}`}
    <button class="btn pri wide" onClick=${onDone}>Go on</button>
  </section>`;
}

/** @param {{onDone: (question: string) => void}} props */
function Drop({ onDone }) {
  const now = way.value;
  const held = collections.value.find((c) => c.passages > 0);
  useEffect(() => {
    const timer = setInterval(() => readCollections().catch(() => {}), 1000);
    return () => clearInterval(timer);
  }, []);
  const [first, setFirst] = useState("");
  useEffect(() => {
    if (held) get("/suggestions").then(({ questions }) => setFirst(questions[0] || `What is in ${held.name}?`), () => {});
  }, [held?.passages]);
  return html`<section class="stack card wide-card" aria-labelledby="drop-h">
    <h1 id="drop-h" tabindex="-1">Your documents</h1>
    <p class="lede">PDF, Word, Markdown, web pages, text, tables, source code. They are read here and stay here.</p>
    <${DropField} collection="" big=${!now} />
    <${Progress} />
    ${held && first && html`<div class="first"><p>Ready to answer from ${plural(held.passages, "passage")}.</p>
      <button class="btn pri" onClick=${() => onDone(first)}>Ask: “${first}”</button></div>`}
    <button class="btn wide" onClick=${() => onDone("")}>${now ? "Go to the chat" : "Skip this for now"}</button>
  </section>`;
}

export function SetupPage() {
  const [step, setStep] = useState(session.value?.state === "setup" ? 0 : 1);
  useEffect(() => { document.title = "Set up · Freehold"; }, []);
  useEffect(() => { if (step) document.querySelector("h1")?.focus(); }, [step]);
  const leave = (/** @type {string} */ question) => {
    if (question) { try { sessionStorage.setItem("draft.new", question); } catch { /* typed by hand then */ } }
    settingUp.value = false;
    swap("/");
  };
  return html`<main id="main" class="door" tabindex="-1">
    <div class="brand big"><${Mark} />Freehold</div>
    <ol class="steps" aria-label="Steps">${STEPS.map((name, i) => html`<li key=${name} class=${i < step ? "past-step" : ""}
      aria-current=${i === step ? "step" : undefined}>${name}</li>`)}</ol>
    ${step === 0 && html`<${Owner} onDone=${() => setStep(1)} />`}
    ${step === 1 && html`<${Found} onDone=${() => setStep(2)} />`}
    ${step === 2 && html`<${Drop} onDone=${leave} />`}
  </main>`;
}
