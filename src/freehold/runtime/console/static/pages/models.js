// Models: what can answer, where it comes from, and how to get another.

import { html, useEffect, useRef, useState } from "../ui.js";
import { call, cardOf, post } from "../api.js";
import { defaultModel, hasWriter, models, readModels, READING_ROOM, tell, tellTrouble } from "../state.js";
import { watchJob } from "../stream.js";
import { ErrorCard } from "../parts/errorcard.js";
import { Icon } from "../parts/icons.js";
import { Confirm } from "../parts/modal.js";
import { bytes, number } from "../words.js";

/** @param {{model: any}} props */
function Row({ model }) {
  const [asks, setAsks] = useState(false);
  const own = model.name !== READING_ROOM && !model.demo;
  const remove = async () => {
    try { await call("DELETE", `/models/${encodeURIComponent(model.name)}`); await readModels(); tell(`${model.name} removed`); }
    catch (error) { tellTrouble(error); }
  };
  return html`<tr><td class="name"><b>${model.name}</b>${model.name === defaultModel.value && html` <span class="tag s">Answers first</span>`}
      ${model.demo && html` <span class="tag o">Demo</span><small>A tiny model to try the house with. It knows a few sentences.</small>`}
      ${model.name === READING_ROOM && html`<small>No language model: it quotes your documents word for word.</small>`}</td>
    <td>${model.name === READING_ROOM ? html`<span class="quiet">Always there</span>`
      : model.resident ? html`<span class="tag l">In memory</span>` : html`<span class="quiet">${model.kind === "embed" ? "For search" : "On demand"}</span>`}</td>
    <td class="hide-s">${model.source || model.engine}</td>
    <td class="n">${model.bytes ? bytes(model.bytes) : "–"}</td>
    <td class="n hide-s">${model.context_tokens ? number(model.context_tokens) : "–"}</td>
    <td class="act">${own && html`<button class="btn q icon-btn" aria-label=${`Remove ${model.name}`} onClick=${() => setAsks(true)}><${Icon} name="close" /></button>`}
      ${asks && html`<${Confirm} label="Remove this model?" act="Remove" onClose=${() => setAsks(false)} onAct=${remove}
        text=${`${model.name} leaves the list. A file that another program keeps is not touched.`} />`}</td></tr>`;
}

/** @param {{id: string, label: string, act: string, hint: string, placeholder: string, send: (text: string, show: (job: any) => void) => Promise<any>}} props */
function Adder({ id, label, act, hint, placeholder, send }) {
  const [job, setJob] = useState(/** @type {any} */ (null));
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const field = useRef(/** @type {any} */ (null));
  const submit = async (/** @type {Event} */ e) => {
    e.preventDefault();
    const text = field.current.value.trim();
    if (!text) return;
    setBusy(true);
    setTrouble(null);
    try {
      const error = await send(text, setJob);
      if (error) setTrouble(error);
      else { field.current.value = ""; tell("The model is on the shelf"); }
      await readModels();
    } catch (error) { setTrouble(cardOf(error)); }
    setBusy(false);
    setJob(null);
  };
  return html`<form class="stack" onSubmit=${submit}><label for=${id}>${label}</label>
    <div class="line-form"><input id=${id} ref=${field} class="mono" placeholder=${placeholder} autocomplete="off" spellcheck="false" aria-describedby=${`${id}-help`} />
      <button class="btn" disabled=${busy}>${act}</button></div>
    <p class="help" id=${`${id}-help`}>${hint}</p>
    ${job?.state === "running" && html`<progress max=${job.total || 1} value=${job.done} aria-label="Bytes fetched"></progress>
      <p class="mono now">${bytes(job.done)} of ${bytes(job.total)} ${job.current}</p>`}
    ${trouble && html`<${ErrorCard} card=${trouble} />`}</form>`;
}

export function ModelsPage() {
  const stop = useRef(new AbortController());
  useEffect(() => {
    document.title = "Models · Freehold";
    readModels().catch(tellTrouble);
    return () => stop.current.abort();
  }, []);
  const pull = async (/** @type {string} */ ref, /** @type {(job: any) => void} */ show) => {
    const { job } = await post("/models/pull", { ref });
    return (await watchJob(job, show, stop.current.signal))?.error;
  };
  return html`<main id="main" class="plainpage" tabindex="-1">
    <header class="bar"><h1 tabindex="-1">Models</h1></header>
    <div class="page">
      <section aria-labelledby="shelf-h"><h2 class="sec" id="shelf-h">On the shelf</h2>
        <p class="lede">${hasWriter.value ? "Models of this house, and those that other programs on this machine keep. Nothing is copied."
          : "No language model is on this machine yet. The reading room answers with passages until one is."}</p>
        <div class="tbl" tabindex="0" role="region" aria-label="Models"><table>
          <thead><tr><th>Model</th><th>State</th><th class="hide-s">From</th><th class="n">Size</th><th class="n hide-s">Context, tokens</th><th><span class="sr">Acts</span></th></tr></thead>
          <tbody>${models.value.map((m) => html`<${Row} key=${m.name} model=${m} />`)}</tbody></table></div></section>
      <section aria-labelledby="more-h"><h2 class="sec" id="more-h">Add a model</h2>
        <div class="two"><${Adder} id="add-path" label="A file on this machine" act="Add" placeholder="/models/qwen3-8b-q4.gguf"
            hint="A GGUF file. It is used where it lies." send=${(/** @type {string} */ path) => post("/models", { path }).then(() => null)} />
          <${Adder} id="add-name" label="From the hub, by name" act="Fetch" placeholder="owner/name:file.gguf"
            hint="Fetched over the network, checked, kept here. A fetch that breaks goes on where it stopped." send=${pull} /></div></section>
    </div></main>`;
}
