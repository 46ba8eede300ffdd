// An error as a person meets it: what happened, why or where, and the next step.

import { html } from "../ui.js";
import { sentence } from "../state.js";

/** @param {{card: any, children?: any}} props */
export const ErrorCard = ({ card, children }) => html`
  <div class="why bad" role="alert">
    <p><b>${sentence(card.title)}</b></p>
    ${card.where && html`<p class="where">${card.where}</p>`}
    ${card.fix && html`<p>${sentence(card.fix)}</p>`}
    ${(card.code || children) && html`<div class="acts-row">${children}
      ${card.code && html`<code class="code-no">${card.code}</code>`}</div>`}
  </div>`;
