export * from "./browser.js";
export { encryptedKeyId, readKeyFile, type WriteOptions, writeKeyFile } from "./key-file.js";
export { fileSeqStore, replaceFile } from "./seq-file.js";
