/** Test support: the embedded ledger's blocks, which have Fabric's form, as a peer would deliver them to a member of all. */
import path from "node:path";
import { common, ledger as ledgerProtos, peer } from "@hyperledger/fabric-protos";
import { encodePrivateWrites } from "../../embedded/rwset.js";
import { Store } from "../../embedded/store.js";

const { rwset } = ledgerProtos;

/** @param folder of a ledger that is closed. */
export async function rawBlocks(folder: string): Promise<peer.BlockAndPrivateData[]> {
  const store = await Store.open(path.join(folder, "ledger"), { sync: false });
  const messages: peer.BlockAndPrivateData[] = [];
  for (let number = 0; ; number++) {
    const bytes = store.getBlock(number);
    if (bytes === undefined) break;
    const message = new peer.BlockAndPrivateData();
    message.setBlock(common.Block.deserializeBinary(bytes));
    const values = await store.privateValues(number);
    for (const tx of new Set(values.map((value) => value.tx))) {
      const namespace = new rwset.NsPvtReadWriteSet();
      namespace.setNamespace("quanji");
      const own = values.filter((value) => value.tx === tx);
      for (const name of new Set(own.map(({ collection }) => collection))) {
        const collection = new rwset.CollectionPvtReadWriteSet();
        collection.setCollectionName(name);
        const writes = own.filter((value) => value.collection === name).map(({ key, value }) => ({ key, value }));
        collection.setRwset(encodePrivateWrites(writes));
        namespace.addCollectionPvtRwset(collection);
      }
      const set = new rwset.TxPvtReadWriteSet();
      set.addNsPvtRwset(namespace);
      message.getPrivateDataMapMap().set(tx, set);
    }
    messages.push(message);
  }
  await store.close();
  return messages;
}
