/**
 * Random transactions of the probe contract. Left out is what no contract can tell apart: a regulator's request that names
 * nobody (Fabric asks its discovery, which also knows keys' policies); and reading at peers that are no members is tried by
 * hand, since it is waited for. Nor does a contract refuse after it wrote what it may not: peers that take writes in one
 * message are told of them when the contract has ended, and then its own refusal comes first.
 */
import type { TransactionRequest } from "@quanji/gateway/testing";
import { call, quietly, type Step } from "@quanji/gateway/testing/probe";
import type { Dice } from "./dice.js";
import { type Msp, MSPS } from "./pair.js";

const KEYS = ["a", "log/x/gw/0", "stop/1", "键", "z"] as const;
const VALUES = ["1", "two", "叁", '{"v":"quanji.x.v1"}', "x".repeat(5_000)] as const;
const collectionOf = (msp: string): string => `org-${msp}`;

export interface Asked {
  readonly msp: Msp;
  readonly request: TransactionRequest;
}

function stepsOf(dice: Dice, msp: Msp): Step[] {
  const key = (): string => dice.one(KEYS);
  // Mostly a collection that the client may touch.
  const collection = (): string =>
    dice.once(8) ? dice.one([...MSPS.map(collectionOf), "org-Nobody"]) : collectionOf(msp);
  const step = (): Step => {
    switch (dice.below(11)) {
      case 0:
      case 1:
        return ["get", key()];
      case 2:
      case 3:
        return ["put", key(), dice.one(VALUES)];
      case 4:
        return ["getPrivate", collection(), key()];
      case 5:
      case 6:
        return ["putPrivate", collection(), key(), dice.one(VALUES)];
      case 7:
        return ["policy", key(), policy(dice)];
      case 8:
        return ["purgePrivate", collection(), key()];
      case 9:
        return ["emit", dice.one(["leaves", "wrote"]), dice.one(VALUES)];
      default:
        return odd(dice, key());
    }
  };
  return Array.from({ length: 1 + dice.below(6) }, step);
}

function policy(dice: Dice): string[] {
  const chosen = MSPS.filter(() => dice.once(2));
  return chosen.length > 0 || dice.once(6) ? chosen : ["RegulatorMSP"];
}

const odd = (dice: Dice, key: string): Step =>
  dice.one<Step>([
    ["refuse", "the contract says no"],
    ["crash", "secret words"],
    ["swallow", ["put", key, ""]],
    ["swallow", ["get", ""]],
    ["put", key, ""],
    ["get", "\0composite"],
    ["emit", "", "x"],
    ["policy", key, []],
    ["transient", "nothing"],
  ]);

/** @param members of the collections that the steps name. */
function endorsersOf(dice: Dice, msp: Msp, steps: readonly Step[]): readonly string[] | undefined {
  const isPrivate = JSON.stringify(steps).includes('"org-');
  if (isPrivate) {
    const isRead = steps.some(([verb]) => verb === "getPrivate");
    if (!isRead && dice.once(4)) return MSPS.filter((one) => one === "ExchangeMSP" || dice.once(2));
    const members = msp === "RegulatorMSP" ? ["RegulatorMSP"] : [msp, "RegulatorMSP"];
    return dice.once(3) ? [dice.one(members)] : members;
  }
  if (msp !== "RegulatorMSP" && dice.once(2)) return undefined;
  const chosen = MSPS.filter(() => !dice.once(3));
  return chosen.length > 0 ? chosen : [msp];
}

/** Without the contract's own refusals if a write among the steps is one that a peer forbids. */
const orderly = (msp: Msp, steps: Step[]): Step[] => {
  const isForbidden = steps.some(
    (step) => (step[0] === "putPrivate" || step[0] === "purgePrivate") && step[1] !== collectionOf(msp),
  );
  return isForbidden ? steps.filter(([verb]) => verb !== "refuse") : steps;
};

export function askedAtRandom(dice: Dice): Asked {
  const msp = dice.one(MSPS);
  const steps = orderly(msp, stepsOf(dice, msp));
  const endorsers = endorsersOf(dice, msp, steps);
  const asked = dice.once(2) ? call(steps) : quietly(steps);
  const request = { ...asked, ...(endorsers !== undefined && { endorsers }) };
  return { msp, request: dice.once(40) ? { ...request, name: "probe:unknown" } : request };
}
