export * from "./browser.js";
export {
  type AddressFault,
  type AddressKind,
  addressKind,
  guardedLookup,
  isAllowed,
  type Resolver,
  systemResolver,
} from "./address.js";
export { encryptedKeyId, readKeyFile, type WriteOptions, writeKeyFile } from "./key-file.js";
export { findTagKeys, readTagKeys, writeTagKeys } from "./tag-key-file.js";
export { fileSeqStore, replaceFile } from "./seq-file.js";
export { folderTiles, putFile, readIfThere, removePartials } from "./tile-folder.js";
export { type Mirrored, mirrorLog, type MirrorOptions } from "./mirror.js";
