/**
 * Loaded before a measured process, to say what signatures cost: in that process and its threads, and in no other, the engines
 * answer every check with yes. The verifier itself has no such mode, and what comes out is a time and no verdict.
 */
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

globalThis.crypto.subtle.verify = () => Promise.resolve(true);
crypto.verify = () => true;
syncBuiltinESMExports();
