/**
 * Whether enough of the right organisations endorsed: a key's own policy replaces its chaincode's, a collection has its own,
 * and the chaincode's is asked where no other was. @see fabric core/common/validation/statebased/v20.go
 */
import type { ChannelConfig } from "./config.js";
import { definitionOf } from "./definitions.js";
import { isSatisfied, keyRule } from "./policy.js";
import type { KeySet, NamespaceSet } from "./rwset.js";
import { type State, stateKey } from "./state.js";
import type { Code, Transaction } from "./transaction.js";

/** @param moved keys whose policy an earlier transaction of the block sets: which one is in force cannot be known. */
export function endorsementFault(
  transaction: Transaction,
  moved: ReadonlySet<string>,
  state: State,
  config: ChannelConfig,
): Code | undefined {
  for (const namespace of transaction.written) {
    const definition = definitionOf(namespace, state, config);
    if (definition === undefined) return "INVALID_CHAINCODE";
    const set = transaction.sets.find((one) => one.namespace === namespace);
    const satisfies = (rule: Parameters<typeof isSatisfied>[0]): boolean =>
      isSatisfied(rule, transaction.endorsers, config);
    let anyAsked = false;
    for (const { collection, key } of set === undefined ? [] : keysOf(set)) {
      const at = stateKey(namespace, collection, key);
      if (moved.has(at)) return "ENDORSEMENT_POLICY_FAILURE";
      const own = state.get(at)?.policy;
      const shared = collection === "" ? "chaincode" : definition.collection(collection);
      const rule = own !== undefined ? keyRule(own) : shared === "chaincode" ? definition.rule : shared?.own;
      if (!satisfies(rule)) return "ENDORSEMENT_POLICY_FAILURE";
      anyAsked = true;
    }
    if (!anyAsked && !satisfies(definition.rule)) return "ENDORSEMENT_POLICY_FAILURE";
  }
  return undefined;
}

/** Every key that a transaction changes in a namespace, its policies included. */
export function* keysOf({
  collections,
  ...own
}: NamespaceSet): Generator<{ readonly collection: string; readonly key: string; readonly isPolicy: boolean }> {
  const sets: readonly (readonly [string, KeySet])[] = [
    ["", own],
    ...collections.map((one) => [one.name, one] as const),
  ];
  for (const [collection, { writes, policies }] of sets) {
    for (const { key } of writes) yield { collection, key, isPolicy: false };
    for (const { key } of policies) yield { collection, key, isPolicy: true };
  }
}
