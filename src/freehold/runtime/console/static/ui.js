// Written by scripts/vendor-console: the one place that knows the hashed name of the bundle.
export * from "./vendor/ui.187da293c6.js";
