/** Sub-grants only narrow. Invariant: a child never permits what its parent denies (property-tested against `decide`). */
import { QuanjiError } from "./errors.js";
import { type Grant, obligationText, type Terms } from "./grant.js";
import { msOf, msOfDayOrInstant } from "./time.js";

const subset = (inner: readonly string[], outer: readonly string[]): boolean =>
  inner.every((item) => outer.includes(item));

/** What a sub-grant states about itself. */
export interface Child {
  readonly resource: string;
  readonly depth: number;
  readonly logs: readonly string[];
  readonly terms: Terms;
}

/** Each row: name of the limit, and whether the child keeps it. The first that is crossed is named. */
function limits(parent: Grant, child: Child, timeZone: string): readonly (readonly [string, boolean])[] {
  const [outer, inner] = [parent.terms, child.terms];
  return [
    [
      "resource",
      parent.resource.slice(0, parent.resource.lastIndexOf("@")) ===
        child.resource.slice(0, child.resource.lastIndexOf("@")),
    ],
    ["depth", child.depth < parent.depth],
    ["logs", subset(child.logs, parent.logs)],
    ["actions", subset(inner.actions, outer.actions)],
    ["purposes", subset(inner.purposes, outer.purposes)],
    ["fields", subset(inner.fields, outer.fields)],
    [
      "window",
      msOf(inner.window.from) >= msOf(outer.window.from) && msOf(inner.window.until) <= msOf(outer.window.until),
    ],
    ["dataRange", rangeWithin(inner.dataRange, outer.dataRange, timeZone)],
    ["environments", subset(inner.environments, outer.environments)],
    ["jurisdictions", subset(inner.jurisdictions, outer.jurisdictions)],
    ["obligations", obligationsKept(inner, outer)],
    ["derivative", derivativeKept(inner, outer)],
    ["onStop", outer.onStop === "complete" || inner.onStop === "stop"],
    ["quota", quotaWithin(inner.quota, outer.quota)],
    ["rate", rateWithin(inner.rate, outer.rate)],
  ];
}

/** Errors: EXCEEDS_PARENT naming the first limit crossed. */
export function assertNarrower(parent: Grant, child: Child, timeZone: string): void {
  const crossed = limits(parent, child, timeZone).find(([, kept]) => !kept);
  if (crossed === undefined) return;
  throw new QuanjiError("EXCEEDS_PARENT", `a sub-grant may only narrow its parent: ${crossed[0]}`, {
    detail: crossed[0],
    field:
      crossed[0] === "resource" || crossed[0] === "depth" || crossed[0] === "logs" ? crossed[0] : `terms.${crossed[0]}`,
  });
}

function rangeWithin(inner: Terms["dataRange"], outer: Terms["dataRange"], timeZone: string): boolean {
  if (outer === undefined) return true;
  if (inner === undefined) return false;
  if ("months" in outer) return "months" in inner && inner.months <= outer.months;
  if ("months" in inner) return false; // a moving range is not comparable with a fixed one
  return (
    msOfDayOrInstant(inner.from, timeZone) >= msOfDayOrInstant(outer.from, timeZone) &&
    msOfDayOrInstant(inner.to, timeZone) <= msOfDayOrInstant(outer.to, timeZone)
  );
}

/** Every obligation of the parent on a field that the child also gets stands in the child, word for word. */
function obligationsKept(inner: Terms, outer: Terms): boolean {
  const kept = new Set((inner.obligations ?? []).map(obligationText));
  return (outer.obligations ?? [])
    .filter((obligation) => inner.fields.includes(obligation.field))
    .every((obligation) => kept.has(obligationText(obligation)));
}

/** Whoever may derive does so under the same clause; where the parent has none, a child may bring one. */
const derivativeKept = (inner: Terms, outer: Terms): boolean =>
  outer.derivative === undefined ||
  !inner.actions.includes("derive") ||
  inner.derivative?.operating === outer.derivative.operating;

/** A child without a quota of its own is still counted against every ancestor's. */
const quotaWithin = (inner: Terms["quota"], outer: Terms["quota"]): boolean =>
  inner === undefined ||
  outer === undefined ||
  inner.unit !== outer.unit ||
  inner.per !== outer.per ||
  inner.n <= outer.n;

const rateWithin = (inner: Terms["rate"], outer: Terms["rate"]): boolean =>
  inner === undefined || outer === undefined || inner.seconds !== outer.seconds || inner.n <= outer.n;
