// The few pictures of the interface: hairlines of one weight, drawn in the colour of the text.

import { html } from "../ui.js";

const PATHS = {
  plus: "M9 3v12M3 9h12",
  search: "M8 13A5 5 0 1 0 8 3a5 5 0 0 0 0 10zM12 12l4 4",
  more: "M4 9h.01M9 9h.01M14 9h.01",
  close: "M4 4l10 10M14 4L4 14",
  pin: "M6 3h6l-1 5 3 3H4l3-3zM9 11v5",
  down: "M5 7l4 4 4-4",
  left: "M11 4L6 9l5 5",
  right: "M7 4l5 5-5 5",
  list: "M3 5h12M3 9h12M3 13h8",
  copy: "M6 6V3h9v9h-3M3 6h9v9H3z",
  check: "M3 9.5l4 4 8-9",
};

/** @param {{name: keyof typeof PATHS}} props */
export const Icon = ({ name }) => html`
  <svg class="icon" viewBox="0 0 18 18" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;

/** The mark of the house: a parcel and its survey corner. */
export const Mark = () => html`
  <svg class="mark" viewBox="0 0 18 18" aria-hidden="true" focusable="false">
    <path d="M2 16V2h14v5H7v9z" fill="none" stroke="currentColor" stroke-width="2" />
    <path d="M11 11h5v5h-5z" fill="currentColor" />
  </svg>`;
