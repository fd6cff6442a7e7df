/** Which addresses a source may have. A gateway stands inside an organisation's network: what it can reach, others cannot. */
import type { LookupFunction } from "node:net";
import { guardedLookup as guarded, type Resolver } from "@quanji/client";
import { sourceFailed } from "./row.js";

export { addressKind, isAllowed, type Resolver, systemResolver } from "@quanji/client";

/** For a socket's `lookup`. Errors: SOURCE_FAILED · ADDRESS_REFUSED, NAME_UNKNOWN. */
export const guardedLookup = (resolver: Resolver, allowPrivate: boolean): LookupFunction =>
  guarded(resolver, allowPrivate, (fault, cause) =>
    fault === "ADDRESS_REFUSED" ? addressRefused() : sourceFailed("the source's name has no address", fault, { cause }),
  );

export const addressRefused = () =>
  sourceFailed("the source's address is not one that the gateway may call", "ADDRESS_REFUSED");
