// Keys: for programs that ask this house instead of somebody else's.

import { html, useEffect, useRef, useState } from "../ui.js";
import { call, cardOf, get, post } from "../api.js";
import { model, tellTrouble } from "../state.js";
import { ErrorCard } from "../parts/errorcard.js";
import { Confirm, copy } from "../parts/modal.js";
import { when } from "../words.js";

/** @param {{label: string, text: string}} props */
const Snippet = ({ label, text }) => html`<div class="code" role="group" aria-label=${label}>
  <div class="code-bar"><span>${label}</span><button class="btn q small" onClick=${() => copy(text, `${label} copied`)}>Copy</button></div>
  <pre tabindex="0"><code>${text}</code></pre></div>`;

/** A key just made. It is shown here and never again. @param {{made: any, onDone: () => void}} props */
function Made({ made, onDone }) {
  const name = model.value?.name || "freehold/reading-room";
  const curl = `curl ${location.origin}/v1/chat/completions \\
  -H "Authorization: Bearer ${made.key}" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "${name}", "messages": [{"role": "user", "content": "Hello"}]}'`;
  const python = `from openai import OpenAI

house = OpenAI(base_url="${location.origin}/v1", api_key="${made.key}")
answer = house.chat.completions.create(
    model="${name}",
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)`;
  return html`<div class="made" role="group" aria-label="The new key">
    <p><b>Copy the key of “${made.name}” now.</b> It is not shown again.</p>
    <div class="line-form"><input class="mono" readonly value=${made.key} aria-label="Key" onFocus=${(/** @type {any} */ e) => e.target.select()} />
      <button class="btn pri" onClick=${() => copy(made.key, "Key copied")}>Copy the key</button></div>
    <${Snippet} label="curl" text=${curl} /><${Snippet} label="Python" text=${python} />
    <button class="btn" onClick=${onDone}>I have it</button></div>`;
}

export function KeysPage() {
  const [keys, setKeys] = useState(/** @type {any[]|null} */ (null));
  const [made, setMade] = useState(/** @type {any} */ (null));
  const [asks, setAsks] = useState(/** @type {any} */ (null));
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const field = useRef(/** @type {any} */ (null));
  const read = () => get("/keys").then((d) => setKeys(d.keys), (e) => setTrouble(cardOf(e)));
  useEffect(() => { document.title = "Keys · Freehold"; read(); }, []);
  const make = async (/** @type {Event} */ e) => {
    e.preventDefault();
    const name = field.current.value.trim();
    if (!name) return;
    try {
      setMade(await post("/keys", { name }));
      field.current.value = "";
      setTrouble(null);
      await read();
    } catch (error) { setTrouble(cardOf(error)); }
  };
  const revoke = async () => {
    try { await call("DELETE", `/keys/${asks.id}`); await read(); } catch (error) { tellTrouble(error); }
  };
  return html`<main id="main" class="plainpage" tabindex="-1">
    <header class="bar"><h1 tabindex="-1">Keys</h1></header>
    <div class="page">
      <section aria-labelledby="make-h"><h2 class="sec" id="make-h">Make a key</h2>
        <p class="lede">Any program that speaks the OpenAI API can ask this house: <code>${location.origin}/v1</code></p>
        <form class="line-form" onSubmit=${make}><label class="sr" for="key-name">What the key is for</label>
          <input id="key-name" ref=${field} placeholder="What it is for, such as notebook" maxlength="80" autocomplete="off" />
          <button class="btn pri">Make a key</button></form>
        ${trouble && html`<${ErrorCard} card=${trouble} />`}
        ${made && html`<${Made} made=${made} onDone=${() => setMade(null)} />`}</section>
      <section aria-labelledby="keys-h"><h2 class="sec" id="keys-h">Keys in use</h2>
        ${keys && !keys.length && html`<p class="quiet">None yet.</p>`}
        ${keys && keys.length > 0 && html`<div class="tbl" tabindex="0" role="region" aria-label="Keys"><table>
          <thead><tr><th>For</th><th>Begins with</th><th class="hide-s">Made</th><th>Last used</th><th><span class="sr">Acts</span></th></tr></thead>
          <tbody>${keys.map((k) => html`<tr key=${k.id}><td><b>${k.name}</b></td><td class="mono">${k.prefix}…</td>
            <td class="hide-s">${when(k.created_at)}</td><td>${k.last_used_at ? when(k.last_used_at) : "never"}</td>
            <td class="act"><button class="btn q" onClick=${() => setAsks(k)}>Revoke</button></td></tr>`)}</tbody></table></div>`}
        ${asks && html`<${Confirm} label="Revoke this key?" act="Revoke" onClose=${() => setAsks(null)} onAct=${revoke}
          text=${`Programs that use “${asks.name}” are refused from now on.`} />`}</section>
    </div></main>`;
}
