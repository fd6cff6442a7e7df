/** `npm run test:attacks`: every mutation of real evidence, with the code that it was refused with. */
import {
  ON_DOCUMENTS,
  prepareDocuments,
  untouchedInvoice,
  verdictOnDocument,
} from "../../../client/dist/verify/money/attacks-money.support.test.js";
import { ATTACKS, prepareAttacks, untouched, verdictOn } from "../../../client/dist/verify/attacks.support.test.js";

async function main(): Promise<number> {
  await prepareAttacks();
  for (const [name, exhibit] of await untouched()) {
    const verdict = await verdictOn(exhibit);
    if (verdict !== "ok") throw new Error(`what is attacked does not verify untouched: ${name}: ${verdict}`);
  }
  let refused = 0;
  for (const { name, on, expected, exhibit } of ATTACKS) {
    const verdict = await verdictOn(await exhibit());
    if (verdict === expected) refused++;
    const told = verdict === expected ? verdict : `${verdict}, NOT ${expected}`;
    console.log(`${on.padEnd(8)} ${name.padEnd(66)} ${told}`);
  }
  refused += await onDocuments();
  const attacks = ATTACKS.length + ON_DOCUMENTS.length;
  console.log(JSON.stringify({ attacks, refused }));
  return refused === attacks ? 0 : 1;
}

async function onDocuments(): Promise<number> {
  await prepareDocuments();
  const begun = await verdictOnDocument(await untouchedInvoice());
  if (begun !== "ok") throw new Error(`what is attacked does not verify untouched: the invoice: ${begun}`);
  let refused = 0;
  for (const { name, expected, file } of ON_DOCUMENTS) {
    const verdict = await verdictOnDocument(await file());
    if (verdict === expected) refused++;
    const told = verdict === expected ? verdict : `${verdict}, NOT ${expected}`;
    console.log(`${"document".padEnd(8)} ${name.padEnd(66)} ${told}`);
  }
  return refused;
}

// The chaincode's library logs what nobody catches, and ends the process as if all were well.
process.exitCode = await main().catch((error: unknown) => {
  console.error(error);
  return 1;
});
