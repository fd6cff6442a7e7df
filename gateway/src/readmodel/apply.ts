/** From one block to one atomic change of the index. Only what the chaincode wrote goes in, and only if it fits together. */
import { instant } from "@quanji/chaincode/domain";
import { publicKeys, type StoredCommand } from "@quanji/chaincode/world";
import type { BlockTransaction, LedgerBlock } from "../ledger/ledger.js";
import { applyLeaves, type FiledRecord } from "./batches.js";
import { fileCommand, fileStop, orderCommand } from "./commands.js";
import { DECODE } from "./decode.js";
import { fileOpen, fileOwn } from "./filed.js";
import { FORMAT, KEYS, type Meta } from "./layout.js";
import { fileGrant, readPublic } from "./objects.js";
import { fileErasure, fileSaid } from "./said.js";
import { fileSeal } from "./sealed.js";
import { type Rooms, type Scene, storedHead, writesOf } from "./scene.js";
import { Changes } from "./store.js";
import { LogTips } from "./tips.js";

/** What a block changes, and the records that it brought. */
export interface Applied {
  readonly changes: Changes;
  readonly filed: readonly FiledRecord[];
}

/** Kept under keys of their own, or never asked for. */
const NOT_MIRRORED_OPEN = ["jti/", "command/", "chain/"];
const NOT_MIRRORED_OWN = ["head/", "command/", "batch/", "accepted/", "said/", "erasures/", "seal/"];

export class Applier {
  readonly #rooms: Rooms;
  readonly #tips: LogTips;

  constructor(rooms: Rooms) {
    this.#rooms = rooms;
    this.#tips = new LogTips(rooms.store);
  }

  /** Errors: PROOF_INVALID with a {@link "./faults.js".Mismatch}. After one, no further block may be applied. */
  plan(block: LedgerBlock): Applied {
    const changes = new Changes(this.#rooms.store);
    const filed: FiledRecord[] = [];
    for (const tx of block.transactions) {
      if (!tx.valid) continue;
      const position = { block: block.number, index: tx.index, txId: tx.txId };
      const scene = {
        ...this.#rooms,
        changes,
        tips: this.#tips,
        tx,
        position,
        ...writesOf(tx, this.#rooms.collection),
      };
      filed.push(...applyTransaction(scene));
    }
    const meta: Meta = { format: FORMAT, height: block.number + 1, tip: block.hash };
    changes.put(KEYS.meta, JSON.stringify(meta));
    return { changes, filed };
  }
}

function applyTransaction(scene: Scene): readonly FiledRecord[] {
  mirror(scene);
  const filed = applyLeaves(scene);
  fileSaid(scene);
  applyCommands(scene);
  return filed;
}

function mirror({ changes, open, own }: Scene): void {
  for (const [key, value] of open) {
    if (!NOT_MIRRORED_OPEN.some((prefix) => key.startsWith(prefix))) changes.put(KEYS.publicState(key), value);
    fileOpen(changes, key, value);
  }
  for (const [key, value] of own) {
    if (!NOT_MIRRORED_OWN.some((prefix) => key.startsWith(prefix))) changes.put(KEYS.privateState(key), value);
    if (key.startsWith("grant/")) fileGrant(changes, value);
    fileOwn(changes, key, value);
  }
}

function applyCommands(scene: Scene): void {
  const { changes, chains, position, open, own, tx } = scene;
  const file = (stored: StoredCommand): void => {
    fileCommand(changes, chains, position, stored, (key) => storedHead(scene, key));
    fileErasure(changes, stored);
    fileSeal(changes, stored);
  };
  for (const [key, value] of [...open, ...own]) {
    if (key.startsWith("command/")) file(JSON.parse(value) as StoredCommand);
    else if (key.startsWith("stop/")) fileStop(changes, position, ledgerTime(scene, tx), DECODE.stop(value));
    else if (key === publicKeys.orders) {
      const net = readPublic(changes, publicKeys.network, DECODE.network)?.net ?? "";
      const order = orderCommand(net, DECODE.orders(value));
      if (order !== undefined) file(order);
    }
  }
}

function ledgerTime({ changes }: Scene, { timestampMs }: BlockTransaction): string {
  const clock = readPublic(changes, publicKeys.clock, DECODE.clock);
  return instant(timestampMs + (clock?.offsetMs ?? 0));
}
