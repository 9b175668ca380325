// In: nothing. Out: the entries that the plugin calls in every turn (engine.rs).
// May touch: the global object, before any script exists.
// Security boundary: no.

import { install } from "./globals.ts";
import { install as installViews } from "./views.ts";

export { start } from "./run.ts";
export { deliver, waiting } from "./pending.ts";
export { asyncFrame } from "./async-frames.ts";
export { describe } from "./errors.ts";
export { unhandled as uncaught } from "./uncaught.ts";

install();
installViews();
