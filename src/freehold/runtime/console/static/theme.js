// Runs before the first paint, so that a dark page never flashes white. The only thing the console
// keeps in localStorage is this choice and the shortcut switch: never a key, never a text.
(() => {
  let wish = "system";
  try { wish = localStorage.getItem("freehold.theme") || "system"; } catch { /* storage is off */ }
  const dark = wish === "dark" || (wish === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
