/**
 * The offline verifier as one page: the same code as `quanji verify`, and like there no parameter turns a check off. It works
 * from `file://`, and its content security policy lets it reach nothing.
 */
import { isQuanjiError } from "@quanji/chaincode/domain";
import { type OpenedTrust, openTrust, type Verdict, verifyReceipt, verifyTrail } from "@quanji/client/verify";
import { verdictText } from "../../src/cli/verdict.js";
import { chunksOf, kindOf, textOf } from "./files.js";
import { isWord, type Lang, say } from "./words.js";

const MAX_SMALL_BYTES = 8 * 1024 * 1024;
/** Between two figures of a long trail, so that the browser can paint. */
const PAINT_MS = 100;

function element<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`the page has no ${id}`);
  return found;
}

const trustInput = element("trust", HTMLInputElement);
const digestInput = element("digest", HTMLInputElement);
const filesInput = element("files", HTMLInputElement);
const drop = element("drop", HTMLLabelElement);
const state = element("trust-state", HTMLParagraphElement);
const verdicts = element("verdicts", HTMLElement);
const language = element("language", HTMLButtonElement);

let lang: Lang = navigator.language.startsWith("zh") ? "zh" : "en";
let trust: OpenedTrust | undefined;
/** What is shown, to be said again in another language. */
let renderState = (): void => undefined;
let renderRows: (() => void)[] = [];

function describe(error: unknown): string {
  if (isQuanjiError(error))
    return `${error.code}${error.detail === undefined ? "" : ` · ${error.detail}`}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

function translate(): void {
  document.documentElement.lang = lang;
  for (const place of document.querySelectorAll<HTMLElement>("[data-word]")) {
    const name = place.dataset["word"] ?? "";
    if (isWord(name)) place.textContent = say(name, lang);
  }
  language.textContent = say("other", lang);
  renderState();
  for (const render of renderRows) render();
}

function tell(text: () => string, bad: boolean): void {
  renderState = () => {
    state.textContent = text();
    state.classList.toggle("bad", bad);
  };
  renderState();
}

/** What was verified under another trust file is not left standing. */
async function readTrust(): Promise<void> {
  trust = undefined;
  verdicts.replaceChildren();
  renderRows = [];
  const [file] = trustInput.files ?? [];
  if (file === undefined) return;
  const digest = digestInput.value.trim();
  try {
    const opened = await openTrust(await textOf(file, MAX_SMALL_BYTES), {
      now: Date.now(),
      ...(digest !== "" && { digest }),
    });
    trust = opened;
    tell(() => `${say(digest === "" ? "digestSeen" : "digestPinned", lang)} ${opened.digest}`, false);
  } catch (error) {
    tell(() => `${say("trustBad", lang)}: ${describe(error)}`, true);
  }
}

interface Row {
  readonly show: (text: string) => void;
  /** @param text made anew whenever the language changes; its first line is the title. */
  readonly end: (ok: boolean, text: () => string) => void;
}

/** A box of its own for each file, filled in as it is verified. */
function newRow(name: string): Row {
  const [article, title, body] = [
    document.createElement("article"),
    document.createElement("h2"),
    document.createElement("pre"),
  ];
  article.append(title, body);
  verdicts.append(article);
  title.textContent = name;
  return {
    show: (text) => {
      body.textContent = text;
    },
    end: (ok, text) => {
      const render = (): void => {
        const [head = "", ...rest] = text().split("\n");
        title.textContent = head;
        body.textContent = rest.map((line) => line.trimStart()).join("\n");
      };
      render();
      renderRows.push(render);
      article.dataset["ok"] = String(ok);
    },
  };
}

async function verdictOn(file: File, trusted: OpenedTrust, show: (text: string) => void): Promise<Verdict> {
  if ((await kindOf(file)) === "receipt") return verifyReceipt(await textOf(file, MAX_SMALL_BYTES), trusted);
  let painted = 0;
  const progress = (records: number): void => {
    if (performance.now() - painted < PAINT_MS) return;
    painted = performance.now();
    show(`${say("working", lang)}: ${records} ${say("records", lang)}`);
  };
  return verifyTrail(chunksOf(file), trusted, { progress });
}

async function verify(files: readonly File[]): Promise<void> {
  const trusted = trust;
  if (trusted === undefined) {
    tell(() => say("trustFirst", lang), true);
    return;
  }
  for (const file of files) {
    const { show, end } = newRow(file.name);
    show(say("working", lang));
    try {
      const verdict = await verdictOn(file, trusted, show);
      end(verdict.ok, () => verdictText(file.name, verdict, lang));
    } catch (error) {
      end(false, () => `${file.name} ${say("unreadable", lang)}\n${describe(error)}`);
    }
  }
}

const refreshTrust = (): void => void readTrust();
trustInput.addEventListener("change", refreshTrust);
digestInput.addEventListener("change", refreshTrust);
filesInput.addEventListener("change", () => {
  const files = [...(filesInput.files ?? [])];
  filesInput.value = ""; // the same file may be chosen again
  void verify(files);
});
language.addEventListener("click", () => {
  lang = lang === "en" ? "zh" : "en";
  translate();
});
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  void verify([...(event.dataTransfer?.files ?? [])]);
});
translate();
