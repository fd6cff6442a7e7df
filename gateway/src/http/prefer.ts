/** `Prefer: evidence=cosigned, wait=N` (RFC 7240): how good the receipt should be, and how many seconds that may take. */

/** Data must leave within 30 s of its permit, and the receipt goes first. */
const MAX_WAIT_SECONDS = 10;

/** Ms to wait for cosignatures; undefined if none are preferred. What is not understood is ignored, as the RFC has it. */
export function cosignedWaitMs(header: string | readonly string[] | undefined): number | undefined {
  const preferences = new Map<string, string>();
  for (const part of (typeof header === "string" ? header : (header ?? []).join(",")).split(",")) {
    const [name = "", value = ""] = part.split(";", 1)[0]?.split("=") ?? [];
    const key = name.trim().toLowerCase();
    // The first one counts.
    if (!preferences.has(key)) preferences.set(key, value.trim().replace(/^"(.*)"$/, "$1"));
  }
  if (preferences.get("evidence") !== "cosigned") return undefined;
  const wait = preferences.get("wait") ?? "";
  return /^\d{1,6}$/.test(wait) ? Math.min(Number(wait), MAX_WAIT_SECONDS) * 1000 : 0;
}
