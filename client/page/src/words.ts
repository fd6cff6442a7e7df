/** What the page says, in both languages. Verdicts have their own words (cli/messages.ts). */
export type Lang = "en" | "zh";

const WORDS = {
  subtitle: ["verify evidence offline", "离线核验证据"],
  about: [
    "Checks receipts and trails against a trust file, on this machine alone: this page cannot reach a network.",
    "用信任文件在本机核验回执与轨迹：本页面无法访问网络。",
  ],
  trust: ["Trust file (trust.json)", "信任文件（trust.json）"],
  digest: ["Its digest, as you were told it another way", "其摘要（从其他渠道得知）"],
  digestSeen: [
    "Digest of this trust file. Compare it with the one that you were told, or nothing below means anything:",
    "该信任文件的摘要。请与从其他渠道得知的摘要核对，否则以下结论均无意义：",
  ],
  digestPinned: ["The trust file has the digest that you gave:", "信任文件与所给摘要一致："],
  trustFirst: ["Choose a trust file first.", "请先选择信任文件。"],
  trustBad: ["The trust file is refused", "信任文件被拒绝"],
  files: [
    "Receipts and trails (*.receipt.json, *.trail.ndjson, .gz too) — or drop them here",
    "回执与轨迹（*.receipt.json、*.trail.ndjson，含 .gz），可拖放到此",
  ],
  working: ["checking", "核验中"],
  records: ["records", "条记录"],
  unreadable: ["cannot be read", "无法读取"],
  offline: ["No network, no cookies, nothing stored.", "不联网、无 Cookie、不存储。"],
  other: ["中文", "English"],
} as const;

export type Word = keyof typeof WORDS;

export const isWord = (name: string): name is Word => Object.hasOwn(WORDS, name);
export const say = (name: Word, lang: Lang): string => WORDS[name][lang === "en" ? 0 : 1];
