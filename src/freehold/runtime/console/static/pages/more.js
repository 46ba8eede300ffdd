// More: on a phone, the way to what the rail shows elsewhere.

import { html, useEffect } from "../ui.js";
import { dialog, session, setTheme, signOut, tellTrouble, theme } from "../state.js";
import { Foot, newChat } from "../parts/rail.js";

const THEMES = [["system", "System"], ["light", "Light"], ["dark", "Dark"]];

export const ThemeChoice = () => html`<fieldset class="theme"><legend>Theme</legend>
  ${THEMES.map(([value, text]) => html`<label key=${value} class="chip"><input type="radio" name="theme" value=${value} checked=${theme.value === value}
    onChange=${() => setTheme(value)} />${text}</label>`)}</fieldset>`;

export function MorePage() {
  useEffect(() => { document.title = "More · Freehold"; }, []);
  const { user, only_me: onlyMe, house } = /** @type {any} */ (session.value);
  return html`<main id="main" class="plainpage" tabindex="-1">
    <header class="bar"><h1 tabindex="-1">More</h1></header>
    <div class="page">
      <nav class="links" aria-label="Pages"><a href="#/models">Models</a><a href="#/keys">Keys</a>
        <button onClick=${() => newChat(true)}>New temporary chat</button>
        <button class="hide-s" onClick=${() => { dialog.value = { name: "shortcuts" }; }}>Keyboard shortcuts</button></nav>
      <${ThemeChoice} />
      <p class="quiet">${onlyMe ? "Only you, on this machine." : `Signed in as ${user?.name}.`} ${house.name}, Freehold ${house.version}.</p>
      ${!onlyMe && html`<p><button class="btn" onClick=${() => signOut().catch(tellTrouble)}>Sign out</button></p>`}
      <${Foot} />
    </div></main>`;
}
