/** A browser of this machine, driven without a network. */
import { access, constants } from "node:fs/promises";
import path from "node:path";
import { type Browser, chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Path of `CHROMIUM`, or of the first that is installed; undefined if none is. */
export async function findBrowser(): Promise<string | undefined> {
  const named = process.env["CHROMIUM"];
  const folders = (process.env["PATH"] ?? "").split(path.delimiter);
  const places =
    named === undefined ? folders.flatMap((folder) => NAMES.map((name) => path.join(folder, name))) : [named];
  for (const place of places) {
    try {
      await access(place, constants.X_OK);
      return place;
    } catch {
      // not there: the next one
    }
  }
  return undefined;
}

/** Without the sandbox for root, who cannot have one: pages here are our own files. */
export const openBrowser = (executablePath: string): Promise<Browser> =>
  chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
