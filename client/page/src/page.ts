/**
 * The offline verifier as one page. It works from `file://`, its content security policy lets it reach nothing, and what
 * verifies is a worker made of the page's own script, so that the page answers while a long trail is read.
 */
import type { Fault, GivenTrust, TrustFacts } from "./job.js";
import { newRow, type Row } from "./rows.js";
import { type Outcome, Runner } from "./runner.js";
import { faultLines, viewOfDocument, viewOfFault, viewOfList, viewOfVerdict } from "./view.js";
import { isWord, type Lang, say } from "./words.js";
import { textOf } from "./files.js";
import { MAX_SMALL_BYTES } from "./worker.js";

function element<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`the page has no ${id}`);
  return found;
}

/** A file that was given, with what is known of it. */
interface Item {
  readonly file: File;
  readonly row: Row;
  readonly cancel: () => void;
  /** A verdict on it would be another one with another status list. */
  isCertificate: boolean;
}

/** `script`: the page's own script, which is the worker's as well. */
export function startPage(script: Blob): void {
  new Page(new Runner(script)).start();
}

class Page {
  readonly #runner: Runner;
  readonly #trustInput = element("trust", HTMLInputElement);
  readonly #digestInput = element("digest", HTMLInputElement);
  readonly #filesInput = element("files", HTMLInputElement);
  readonly #state = element("trust-state", HTMLDivElement);
  readonly #verdicts = element("verdicts", HTMLElement);
  readonly #none = element("none", HTMLParagraphElement);
  readonly #announce = element("announce", HTMLParagraphElement);
  readonly #language = element("language", HTMLButtonElement);
  #lang: Lang = navigator.language.startsWith("zh") ? "zh" : "en";
  #trust: GivenTrust | undefined;
  /** Counts the trust files that were given: an answer about an older one is not shown. */
  #given = 0;
  #renderState = (): void => undefined;
  #items: Item[] = [];

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  start(): void {
    const refreshTrust = (): void => void this.#readTrust();
    this.#trustInput.addEventListener("change", refreshTrust);
    this.#digestInput.addEventListener("change", refreshTrust);
    this.#filesInput.addEventListener("change", () => {
      const files = [...(this.#filesInput.files ?? [])];
      this.#filesInput.value = ""; // the same file may be chosen again
      this.#verify(files);
    });
    this.#language.addEventListener("click", () => {
      this.#lang = this.#lang === "en" ? "zh" : "en";
      this.#translate();
    });
    element("print", HTMLButtonElement).addEventListener("click", () => print());
    element("clear", HTMLButtonElement).addEventListener("click", () => this.#clear());
    this.#takeDrops();
    this.#translate();
  }

  /** A file that is dropped beside its place would otherwise be opened in place of the page. */
  #takeDrops(): void {
    const over = (on: boolean): void => void document.body.classList.toggle("over", on);
    for (const name of ["dragenter", "dragover"]) {
      addEventListener(name, (event) => {
        event.preventDefault();
        over(true);
      });
    }
    addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) over(false); // out of the window, not from one element to another
    });
    addEventListener("drop", (event) => {
      event.preventDefault();
      over(false);
      const files = event.dataTransfer?.files;
      if (files === undefined || files.length === 0) return;
      const onTrust = event.target instanceof Element && event.target.closest("#trust-drop") !== null;
      if (!onTrust) {
        this.#verify([...files]);
        return;
      }
      this.#trustInput.files = files;
      void this.#readTrust();
    });
  }

  #translate(): void {
    document.documentElement.lang = this.#lang === "zh" ? "zh-CN" : "en";
    for (const place of document.querySelectorAll<HTMLElement>("[data-word]")) {
      const name = place.dataset["word"] ?? "";
      if (isWord(name)) place.textContent = say(name, this.#lang);
    }
    this.#language.textContent = say("other", this.#lang);
    this.#announce.textContent = ""; // said already, in the other language
    this.#renderState();
    for (const { row } of this.#items) row.translate(this.#lang);
  }

  #tell(bad: boolean, render: () => readonly string[]): void {
    this.#renderState = () => {
      const lines = render().map((text, i) => {
        const line = document.createElement(i === 1 && !bad ? "code" : "p");
        line.textContent = text;
        return line;
      });
      this.#state.replaceChildren(...lines);
      this.#state.classList.toggle("bad", bad);
    };
    this.#renderState();
  }

  /** What was verified under another trust file is not left standing. */
  async #readTrust(): Promise<void> {
    const given = ++this.#given;
    this.#trust = undefined;
    this.#clear();
    const [file] = this.#trustInput.files ?? [];
    if (file === undefined) return;
    this.#tell(false, () => [say("opening", this.#lang)]);
    const digest = this.#digestInput.value.trim();
    const trust = await textOf(file, MAX_SMALL_BYTES).then(
      (text): GivenTrust => ({ text, digest: digest === "" ? undefined : digest }),
      (error: unknown): Fault => ({ message: error instanceof Error ? error.message : String(error) }),
    );
    const outcome: Outcome =
      "message" in trust ? { type: "fault", fault: trust } : await this.#runner.run(trust).outcome;
    if (given !== this.#given) return;
    if (outcome.type === "trust" && "text" in trust) {
      this.#trust = trust;
      this.#showTrust(outcome.facts, trust.digest !== undefined);
    } else if (outcome.type === "fault") {
      this.#tell(true, () => [say("trustBad", this.#lang), ...faultLines(outcome.fault, this.#lang)]);
    }
  }

  #showTrust({ digest, net, version, expires }: TrustFacts, pinned: boolean): void {
    this.#tell(false, () => [
      say(pinned ? "digestPinned" : "digestSeen", this.#lang),
      digest,
      `${say("network", this.#lang)} ${net} · ${say("version", this.#lang)} ${version} · ${say("expires", this.#lang)} ${expires}`,
    ]);
  }

  #clear(): void {
    for (const { cancel } of this.#items) cancel();
    this.#items = [];
    this.#runner.forget();
    this.#verdicts.replaceChildren();
    this.#none.hidden = false;
    this.#announce.textContent = "";
  }

  #verify(files: readonly File[]): void {
    const trust = this.#trust;
    if (trust === undefined) {
      this.#tell(true, () => [say("trustFirst", this.#lang)]);
      this.#trustInput.focus();
      return;
    }
    this.#none.hidden = true;
    for (const file of files) this.#verifyOne(file, trust);
  }

  #verifyOne(file: File, trust: GivenTrust): void {
    const progress = (records: number, bytes: number): void => row.progress(records, bytes);
    const { outcome, cancel } = this.#runner.run(trust, file, progress);
    const row = newRow(this.#verdicts, file, this.#lang, cancel);
    const item: Item = { file, row, cancel, isCertificate: false };
    this.#items.push(item);
    void outcome.then((ended) => {
      if (!this.#items.includes(item)) return; // cleared away meanwhile
      this.#end(item, ended, trust);
      this.#announce.textContent = row.title() ?? "";
    });
  }

  #end(item: Item, outcome: Outcome, trust: GivenTrust): void {
    const { row, file } = item;
    const at = new Date();
    switch (outcome.type) {
      case "verdict": {
        const { verdict } = outcome;
        row.end(verdict.ok, (lang) => viewOfVerdict(file.name, verdict, at, lang));
        return;
      }
      case "document": {
        const { verdict } = outcome;
        item.isCertificate = verdict.kind === "certificate";
        row.end(verdict.ok, (lang) => viewOfDocument(file.name, verdict, at, lang));
        return;
      }
      case "list": {
        const { facts } = outcome;
        row.end(true, (lang) => viewOfList(file.name, facts, at, lang));
        this.#again(trust);
        return;
      }
      case "fault": {
        const { fault } = outcome;
        row.end(undefined, (lang) => viewOfFault(file.name, fault, lang));
        return;
      }
      case "cancelled":
      case "trust":
        row.cancelled();
    }
  }

  /** A status list came: certificates that were verified without it are verified again. */
  #again(trust: GivenTrust): void {
    const again = this.#items.filter(({ isCertificate }) => isCertificate);
    this.#items = this.#items.filter((item) => !again.includes(item));
    for (const { file, row } of again) {
      row.remove();
      this.#verifyOne(file, trust);
    }
  }
}
