// Numbers and times in words, always with their unit.

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** @param {number} count bytes @returns {string} `214 kB`, in steps of 1,000 */
export function bytes(count) {
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) { value /= 1000; unit += 1; }
  return `${unit && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

/** @param {number} count @returns {string} `1,204` */
export const number = (count) => count.toLocaleString("en-GB");

/** @param {number} count @param {string} one @param {string} [many] */
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** @param {number} ms @returns {string} `240 ms`, `0.9 s`, `12 s`, `2 min 5 s` */
export function took(ms) {
  if (ms < 1000) return ms < 100 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const s = Math.round(ms / 1000);
  return s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${s % 60} s`;
}

/** @param {number} rate tokens a second */
export const speed = (rate) => `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} tok/s`;

/** @param {number} seconds since 1970 @returns {string} `14:02`, `Tue 14:02`, `3 Mar`, `3 Mar 2025` */
export function when(seconds) {
  const then = new Date(seconds * 1000);
  const now = new Date();
  const days = (startOfDay(now) - startOfDay(then)) / 86_400_000;
  const clock = then.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (days < 1) return clock;
  if (days < 7) return `${then.toLocaleDateString("en-GB", { weekday: "short" })} ${clock}`;
  const year = then.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return then.toLocaleDateString("en-GB", { day: "numeric", month: "short", year });
}

/** @param {Date} day */
const startOfDay = (day) => new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();

/** @param {number} seconds since 1970 @returns {string} the heading a chat stands under */
export function era(seconds) {
  const days = (startOfDay(new Date()) - startOfDay(new Date(seconds * 1000))) / 86_400_000;
  if (days < 1) return "Today";
  if (days < 2) return "Yesterday";
  return days < 8 ? "Last seven days" : "Earlier";
}

/** Where in a file: `p. 7`, `line 32`, or its heading. @param {any} spot */
export const spot = ({ page, line, heading }) =>
  page ? `p. ${page}` : line ? `line ${line}` : heading || "";

/** @param {any} spot @returns {string} words for a link that opens the place */
export const openAt = ({ page, line }) =>
  page ? `Open at page ${page}` : line ? `Open at line ${line}` : "Open the document";

/** The last part of a path. @param {string} path */
export const leaf = (path) => path.slice(path.lastIndexOf("/") + 1);
