/**
 * Witness policy: who cosigns, in which groups, and how many are a quorum. Text after C2SP tlog-policy; stricter on purpose:
 * one key under two names, and a quorum that two disjoint halves could both reach, are refused.
 * @see C2SP tlog-policy
 */
import { formatVkey, NOTE_TYPES, type NoteKey, parseVkey } from "@quanji/chaincode/log";
import { refuse } from "./verdict.js";

interface Group {
  readonly threshold: number;
  readonly members: readonly string[];
}

export interface Policy {
  readonly logs: readonly NoteKey[];
  /** Cosigning keys by the names that the policy gives them. */
  readonly witnesses: ReadonlyMap<string, NoteKey>;
  readonly groups: ReadonlyMap<string, Group>;
  /** Name of a witness or group; undefined: `quorum none`. */
  readonly quorum: string | undefined;
  /** 2m − n − 1 over the quorum's members; 0 without a quorum, where nobody but the operator vouches. */
  readonly withstands: number;
  /** Names of the quorum's members: one organisation each. */
  readonly organisations: readonly string[];
}

const NAME = /^[A-Za-z0-9._-]{1,64}$/;

interface Draft {
  readonly logs: NoteKey[];
  readonly witnesses: Map<string, NoteKey>;
  readonly groups: Map<string, Group>;
  /** Members that are in some group already: a witness counted through two groups would count twice. */
  readonly used: Set<string>;
  quorum: string | undefined;
}

/** Errors: POLICY_SYNTAX, POLICY_DUPLICATE_KEY, POLICY_UNSAFE, and those of a vkey (KEY_PURPOSE, KEY_WEAK …). */
export function parsePolicy(text: string): Policy {
  const draft: Draft = { logs: [], witnesses: new Map(), groups: new Map(), used: new Set(), quorum: undefined };
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [keyword, ...words] = line.split(" ");
    if (draft.quorum !== undefined) syntax("nothing follows the quorum line");
    if (words.some((word) => word === "")) syntax("words are parted by one space");
    readLine(draft, keyword ?? "", words);
  }
  if (draft.quorum === undefined) return syntax("the policy has no quorum line");
  assertDistinctKeys([...draft.logs, ...draft.witnesses.values()]);
  const { logs, witnesses, groups } = draft;
  if (draft.quorum === "none") {
    return { logs, witnesses, groups, quorum: undefined, withstands: 0, organisations: [] };
  }
  const quorum = groups.get(draft.quorum) ?? { threshold: 1, members: [draft.quorum] };
  const margin = 2 * quorum.threshold - quorum.members.length;
  if (margin <= 0) refuse("POLICY_UNSAFE", "two disjoint groups of witnesses could each reach the quorum");
  return { logs, witnesses, groups, quorum: draft.quorum, withstands: margin - 1, organisations: quorum.members };
}

function readLine(draft: Draft, keyword: string, words: readonly string[]): void {
  switch (keyword) {
    case "log":
      if (words.length !== 1 && words.length !== 2) syntax("a log line has a vkey and perhaps a URL");
      draft.logs.push(parseVkey(words[0], NOTE_TYPES.ed25519));
      return;
    case "witness":
      if (words.length !== 2 && words.length !== 3) syntax("a witness line has a name, a vkey and perhaps a URL");
      draft.witnesses.set(freshName(draft, words[0]), parseVkey(words[1], NOTE_TYPES.cosignature));
      return;
    case "group":
      draft.groups.set(freshName(draft, words[0]), readGroup(draft, words.slice(1)));
      return;
    case "quorum":
      draft.quorum = readQuorum(draft, words);
      return;
    default:
      syntax("a line begins with log, witness, group or quorum");
  }
}

function freshName(draft: Draft, name = ""): string {
  if (!NAME.test(name) || name === "none") syntax("a name has letters, digits, dot, dash, underscore, and is not none");
  if (draft.witnesses.has(name) || draft.groups.has(name)) syntax("a name is defined once");
  return name;
}

function readGroup(draft: Draft, words: readonly string[]): Group {
  const [rule = "", ...members] = words;
  if (members.length === 0) syntax("a group has members");
  for (const member of members) {
    if (!draft.witnesses.has(member) && !draft.groups.has(member)) syntax("a group's members are defined before it");
    if (draft.used.has(member)) syntax("a member stands in one group, once");
    draft.used.add(member);
  }
  const threshold =
    rule === "any" ? 1 : rule === "all" ? members.length : /^[1-9]\d{0,2}$/.test(rule) ? Number(rule) : 0;
  if (threshold < 1 || threshold > members.length) syntax("a group needs any, all, or a number of its members");
  return { threshold, members };
}

function readQuorum(draft: Draft, words: readonly string[]): string {
  const [name] = words;
  const known = name === "none" || draft.witnesses.has(name ?? "") || draft.groups.has(name ?? "");
  if (name === undefined || words.length !== 1 || !known) return syntax("the quorum is none, a witness or a group");
  return name;
}

const syntax = (message: string): never => refuse("POLICY_SYNTAX", `the witness policy: ${message}`);

/** One key under two names would count twice. Errors: POLICY_DUPLICATE_KEY. */
export function assertDistinctKeys(keys: Iterable<NoteKey>): void {
  const seen = new Set<string>();
  for (const key of keys) {
    if (seen.has(key.jwk.x)) refuse("POLICY_DUPLICATE_KEY", `the key of ${formatVkey(key)} stands there twice`);
    seen.add(key.jwk.x);
  }
}

/** Whether those present (names of witnesses, or of groups as a whole) are a quorum. Always false without one. */
export function isQuorum(policy: Policy, present: ReadonlySet<string>): boolean {
  const met = (name: string): boolean => {
    if (present.has(name)) return true;
    const group = policy.groups.get(name);
    return group !== undefined && group.members.filter(met).length >= group.threshold;
  };
  return policy.quorum !== undefined && met(policy.quorum);
}
