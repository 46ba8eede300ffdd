// The door: sign in.

import { html, useEffect, useRef, useState } from "../ui.js";
import { cardOf, post } from "../api.js";
import { enter, session } from "../state.js";
import { ErrorCard } from "../parts/errorcard.js";
import { Mark } from "../parts/icons.js";

export function SignInPage() {
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const name = useRef(/** @type {any} */ (null));
  const pass = useRef(/** @type {any} */ (null));
  useEffect(() => { document.title = "Sign in · Freehold"; name.current.focus(); }, []);
  const submit = async (/** @type {Event} */ e) => {
    e.preventDefault();
    setBusy(true);
    setTrouble(null);
    try {
      enter(await post("/sign-in", { name: name.current.value.trim(), passphrase: pass.current.value }));
    } catch (error) {
      setTrouble(cardOf(error));
      setBusy(false);
      pass.current.select();
    }
  };
  return html`<main id="main" class="door" tabindex="-1">
    <div class="brand big"><${Mark} />Freehold</div>
    <form class="stack card" onSubmit=${submit} aria-label="Sign in">
      <h1>Sign in to ${session.value?.house?.name || "this house"}</h1>
      <label for="name">Name</label>
      <input id="name" ref=${name} autocomplete="username" required autocapitalize="none" spellcheck="false" />
      <label for="pass">Passphrase</label>
      <input id="pass" ref=${pass} type="password" autocomplete="current-password" required />
      ${trouble && html`<${ErrorCard} card=${trouble} />`}
      <button class="btn pri wide" disabled=${busy}>Sign in</button>
    </form>
  </main>`;
}
