/** SHA-256 where there is no Node: synchronous, because `subtle.digest` costs four times as much a call. */
export { sha256 } from "@noble/hashes/sha2.js";
