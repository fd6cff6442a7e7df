import { writeFile } from "node:fs/promises";
import { type Command } from "commander";
import { defined, isVerb, QuanjiError } from "@quanji/chaincode/domain";
import {
  addressOf,
  type EthereumJwk,
  type JsonObject,
  parsePublicJwk,
  partyOf,
  thumbprint,
  thumbprintOf,
} from "@quanji/chaincode/log";
import type { Client } from "../../sdk/index.js";
import { completeDraft, KEY_REQUEST, kidOf, walletKey, walletSigner } from "../../sdk/index.js";
import type { Context } from "../context.js";
import { unwritable } from "../files.js";
import { type Options, toJson, toPartyId, UsageError } from "../options.js";
import { pairs } from "../output.js";
import { declare, group, type Runtime } from "../program.js";
import { OPENINGS, sentResult, toObject, valuesOf } from "./send.js";

const SIGNATURE: readonly [string, string] = ["--signature <hex>", "what the wallet answered: 0x and 65 bytes"];

export function walletCommands(program: Command, runtime: Runtime): void {
  const wallet = group(program, runtime, "wallet", "Sign with an Ethereum key that stays in its wallet (EIP-712).");
  declare(wallet, runtime, [
    {
      usage: "key",
      summary:
        "Write the public key of a wallet's account to a file. Without --signature: print what the wallet has to sign for it.",
      options: [
        SIGNATURE,
        ["--address <address>", "account that must have signed"],
        ["--out <file>", "where to write the public key, e.g. owner.jwk"],
        ["--party <id>", "party that the key is for"],
      ],
      examples: ["wallet key > key.json", "wallet key --signature 0x… --out owner.jwk --party 91440300MAQJ0001XF"],
      run: key,
    },
    {
      usage: "prepare <verb> <file>",
      summary:
        "Prepare a command: print the typed data that the wallet signs, and keep the rest in a draft. Sign within a minute.",
      options: [
        ["--draft <file>", "where to keep the command until it is signed, e.g. approve.draft.json"],
        ["--party <id>", "party that signs (default: as the key file says)"],
        OPENINGS,
      ],
      examples: [
        "wallet prepare grant.approve approve.json --key owner.jwk --draft approve.draft.json > approve.typed.json",
      ],
      run: prepare,
    },
    {
      usage: "send <draft>",
      summary: "Complete a draft with the wallet's signature, and send it.",
      options: [SIGNATURE],
      examples: ["wallet send approve.draft.json --signature 0x…"],
      run: async (context, [file = ""], options) => {
        const signature = options.required("signature", "--signature");
        const draft = toJson(await context.readText(file), "the draft");
        const { verb, signed, party, jwk } = await completeDraft(draft, signature);
        const client = await connect(context, { jwk, party });
        try {
          return sentResult(await client.sendSigned(verb, signed), { party });
        } finally {
          await client.close();
        }
      },
    },
  ]);
}

async function key(context: Context, _args: readonly string[], options: Options) {
  const signature = options.text("signature");
  if (signature === undefined) {
    const next = "have it signed by eth_signTypedData_v4, then: quanji wallet key --signature 0x… --out owner.jwk";
    return { json: { ...KEY_REQUEST }, text: JSON.stringify(KEY_REQUEST), notes: [next] };
  }
  const out = options.required("out", "--out");
  const jwk = walletKey(signature, options.text("address"));
  const typed = options.text("party");
  const party = typed === undefined ? undefined : toPartyId(typed, "--party");
  const kid = party === undefined ? undefined : kidOf(party, jwk);
  await writeNew(context, out, JSON.stringify(defined({ ...jwk, kid }), null, 2));
  const shown = { file: out, alg: "EIP712", address: addressOf(jwk), thumbprint: thumbprint(jwk), party };
  return { json: shown, text: pairs(shown), notes: ["it is the account if the address is: compare them"] };
}

async function prepare(context: Context, [verb = "", file = ""]: readonly string[], options: Options) {
  if (!isVerb(verb)) throw new UsageError(`there is no command ${verb}; quanji help send lists them`);
  const out = options.required("draft", "--draft");
  const { jwk, party: named } = walletKeyOf(toJson(await context.readText(await context.keyPath()), "the key file"));
  const typed = options.text("party");
  const party = typed === undefined ? named : toPartyId(typed, "--party");
  if (party === undefined) throw new UsageError("which party signs? give --party, or write it into the key file");
  const openings = options.text("openings");
  const values = openings === undefined ? {} : valuesOf(await context.readText(openings));
  const given = toObject(await context.readText(file), "the payload");
  const client = await connect(context, { jwk, party });
  try {
    const own = { party, key: { jwk: { ...jwk }, purpose: "act", custody: "self" } };
    const payload: JsonObject = verb === "party.register" ? { ...own, ...given } : given;
    const { draft, typedData } = client.prepare(verb, payload, values);
    await writeNew(context, out, JSON.stringify(draft));
    const next = `next: quanji wallet send ${out} --signature 0x…`;
    return { json: { ...typedData }, text: JSON.stringify(typedData), notes: [next] };
  } finally {
    await client.close();
  }
}

/** A key file of a wallet's account holds its public half alone. Errors: CONFIG_INVALID. */
function walletKeyOf(json: unknown): { readonly jwk: EthereumJwk; readonly party: string | undefined } {
  const { kid, ...rest } = (typeof json === "object" ? json : {}) as Record<string, unknown>;
  const wrong = (cause?: unknown): QuanjiError =>
    new QuanjiError(
      "CONFIG_INVALID",
      "the key file is not that of a wallet's account: make one with quanji wallet key",
      {
        field: "key",
        cause,
      },
    );
  let jwk;
  try {
    jwk = parsePublicJwk(rest);
  } catch (cause) {
    throw wrong(cause);
  }
  if (jwk.crv !== "secp256k1") throw wrong();
  if (kid === undefined) return { jwk, party: undefined };
  if (typeof kid !== "string" || thumbprintOf(kid) !== thumbprint(jwk)) throw wrong();
  return { jwk, party: partyOf(kid) };
}

/** For signatures that are made already: whatever would ask the wallet here is a mistake of ours. */
async function connect(
  context: Context,
  account: { readonly jwk: EthereumJwk; readonly party: string },
): Promise<Client> {
  const signer = walletSigner(account, () => {
    throw new QuanjiError("INTERNAL", "there is no wallet to ask");
  });
  return context.connectAs(signer);
}

/** Never over another; for the user alone, for drafts hold what commands commit to. Errors: usage. */
async function writeNew(context: Context, file: string, text: string): Promise<void> {
  const path = context.path(file);
  await writeFile(path, `${text}\n`, { flag: "wx", mode: 0o600 }).catch((cause: unknown) => {
    throw unwritable(path, cause);
  });
}
