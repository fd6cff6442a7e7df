/** A box for each file: waiting, at work with its progress, and then its verdict. */
import { type Lang, say } from "./words.js";
import type { View } from "./view.js";

export interface Row {
  readonly progress: (records: number, bytes: number) => void;
  readonly cancelled: () => void;
  /** `ok` undefined: there is no verdict. `view` is made anew whenever the language changes. */
  readonly end: (ok: boolean | undefined, view: (lang: Lang) => View) => void;
  /** Says everything again, in another language. */
  readonly translate: (lang: Lang) => void;
  /** The verdict in a sentence; undefined while there is none. */
  readonly title: () => string | undefined;
  readonly remove: () => void;
}

const PERCENT = 100;

export function newRow(parent: HTMLElement, file: File, lang: Lang, cancel: () => void): Row {
  const article = parent.appendChild(document.createElement("article"));
  const title = article.appendChild(document.createElement("h3"));
  const body = article.appendChild(document.createElement("div"));
  title.textContent = file.name;
  let language = lang;
  let render = (): void => undefined;
  let ended = false;
  const show = (next: () => void): void => {
    render = next;
    render();
  };
  const work = workBox(file, cancel);
  body.append(work.element);
  show(() => work.say(language));
  const end = (ok: boolean | undefined, view: (lang: Lang) => View): void => {
    ended = true;
    article.dataset["ok"] = ok === undefined ? "none" : String(ok);
    show(() => {
      const { title: head, lead, figure, warning, facts } = view(language);
      title.textContent = head;
      body.replaceChildren(
        ...(lead === undefined ? [] : [paragraph(lead)]),
        ...(figure === undefined ? [] : [figureOf(figure)]),
        ...(warning === undefined ? [] : [paragraph(warning, "warning")]),
        ...factList(facts),
      );
    });
  };
  return {
    progress: work.progress,
    cancelled: () => end(undefined, (said) => ({ title: file.name, lead: say("cancelled", said), facts: [] })),
    end,
    translate: (next) => {
      language = next;
      render();
    },
    title: () => (ended ? title.textContent : undefined),
    remove: () => article.remove(),
  };
}

function workBox(
  file: File,
  cancel: () => void,
): { readonly element: HTMLElement; readonly say: (lang: Lang) => void; readonly progress: Row["progress"] } {
  const element = document.createElement("p");
  element.className = "work";
  const bar = element.appendChild(document.createElement("progress"));
  const text = element.appendChild(document.createElement("span"));
  const button = element.appendChild(document.createElement("button"));
  bar.max = Math.max(1, file.size);
  bar.value = 0;
  button.type = "button";
  button.className = "cancel";
  button.addEventListener("click", cancel);
  let state: { readonly records: number; readonly bytes: number } | undefined;
  let lang: Lang = "en";
  const render = (): void => {
    bar.setAttribute("aria-label", `${file.name}: ${say("progress", lang)}`);
    button.textContent = say("cancel", lang);
    button.setAttribute("aria-label", `${say("cancelFile", lang)} ${file.name}`);
    if (state === undefined) {
      text.textContent = say("waiting", lang);
      return;
    }
    const percent = Math.min(PERCENT, Math.floor((state.bytes * PERCENT) / bar.max));
    const records = state.records.toLocaleString(lang === "zh" ? "zh-CN" : "en");
    const counted = state.records === 0 ? "" : `${records} ${say("records", lang)}, `; // a year's file holds none
    text.textContent = `${say("working", lang)}: ${counted}${percent} %`;
    bar.value = state.bytes;
  };
  return {
    element,
    say: (next) => {
      lang = next;
      render();
    },
    progress: (records, bytes) => {
      state = { records, bytes };
      render();
    },
  };
}

function paragraph(text: string, name = ""): HTMLElement {
  const element = document.createElement("p");
  element.className = name;
  element.textContent = text;
  return element;
}

function figureOf([label, amount]: NonNullable<View["figure"]>): HTMLElement {
  const element = paragraph(`${label} `, "figure");
  element.appendChild(document.createElement("strong")).textContent = amount;
  return element;
}

function factList(facts: View["facts"]): readonly HTMLElement[] {
  if (facts.length === 0) return [];
  const element = document.createElement("dl");
  for (const [name, ...values] of facts) {
    element.appendChild(document.createElement("dt")).textContent = name;
    element.appendChild(document.createElement("dd")).textContent = values.join("\n");
  }
  return [element];
}
