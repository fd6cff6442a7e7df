/**
 * One script, two places: the page, and the worker that the page makes of the same text, so that one file holds both. The
 * worker verifies, the page stays free for its reader.
 */
import { startPage } from "./page.js";
import { serve } from "./worker.js";

if ("document" in globalThis) startPage(new Blob([scriptOf(document)], { type: "text/javascript" }));
else serve();

function scriptOf({ currentScript }: Document): string {
  if (!(currentScript instanceof HTMLScriptElement)) throw new TypeError("the page's script is not an element of it");
  return currentScript.text;
}
