import { type Command } from "commander";
import { ALGORITHMS, algorithmOf, thumbprint } from "@quanji/chaincode/log";
import { encryptedKeyId, generateKey, kidOf, publicOf, writeKeyFile } from "../../sdk/index.js";
import { openKeyFile } from "../files.js";
import { toPartyId } from "../options.js";
import { pairs } from "../output.js";
import { declare, group, type Runtime } from "../program.js";

export function keysCommands(program: Command, runtime: Runtime): void {
  const keys = group(program, runtime, "keys", "Make and look at keys.");
  declare(keys, runtime, [
    {
      usage: "new",
      summary: "Make a key. The file is readable by its owner alone; it is encrypted if a passphrase is given.",
      options: [
        ["--out <file>", "where to write the key, e.g. bank.jwk"],
        ["--alg <alg>", "EdDSA, ES256 or EIP712, an Ethereum key (default: EdDSA)"],
        ["--party <id>", "party that the key is for; party register can say it later"],
      ],
      examples: ["keys new --out bank.jwk", "keys new --out bank.jwk --alg ES256 --passphrase-env BANK_PASSPHRASE"],
      run: async (context, _args, options) => {
        const out = options.required("out", "--out");
        const alg = options.oneOf("alg", "--alg", ALGORITHMS) ?? "EdDSA";
        const jwk = await generateKey(alg);
        const typed = options.text("party");
        const party = typed === undefined ? undefined : toPartyId(typed, "--party");
        const passphrase = context.passphrase();
        const pair = party === undefined ? { jwk } : { jwk, party };
        await writeKeyFile(context.path(out), pair, passphrase === undefined ? {} : { passphrase });
        const shown = {
          file: out,
          alg,
          thumbprint: thumbprint(publicOf(jwk)),
          party,
          encrypted: passphrase !== undefined,
        };
        return { json: shown, text: pairs(shown), notes: [`keep ${out} safe: who has it signs in your name`] };
      },
    },
    {
      usage: "show <file>",
      summary: "Show the public half of a key file.",
      examples: ["keys show bank.jwk"],
      run: async (context, [file = ""]) => {
        const path = context.path(file);
        const passphrase = context.passphrase();
        const encrypted = await encryptedKeyId(path);
        if (encrypted !== undefined && passphrase === undefined) {
          const shown = { file, encrypted: true, kid: encrypted.kid };
          return { json: shown, text: pairs(shown), notes: ["encrypted: give --passphrase-env to see the public key"] };
        }
        const { jwk, party } = await openKeyFile(path, passphrase);
        const publicJwk = publicOf(jwk);
        const shown = {
          file,
          alg: algorithmOf(publicJwk),
          thumbprint: thumbprint(publicJwk),
          party,
          kid: party === undefined ? undefined : kidOf(party, publicJwk),
          encrypted: encrypted !== undefined,
          jwk: publicJwk,
        };
        return { json: shown, text: pairs(shown) };
      },
    },
  ]);
}
