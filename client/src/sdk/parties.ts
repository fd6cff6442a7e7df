/** Parties: registering oneself, admitting others, keys. */
import { defined, type Party, type Role } from "@quanji/chaincode/domain";
import type { JsonObject } from "@quanji/chaincode/log";
import { possession, type Signer } from "./keys.js";
import { Reader } from "./objects.js";
import type { Sent, Session } from "./session.js";

export interface Registration {
  readonly kind: Party["kind"];
  /** Required of organisations; absent for persons. */
  readonly name?: string;
  readonly roles: readonly Role[];
  /** `CN`, or a region such as 440300. */
  readonly jurisdiction: string;
  /** Organisation that hosts the party. Default: that of the gateway. */
  readonly home?: string;
  readonly custody?: "self" | "hosted";
  /** Who answers for what the party does; committed to, never public. Required of organisations. */
  readonly responsibleHead?: { readonly name: string; readonly title: string };
}

export class Parties extends Reader<"parties"> {
  constructor(session: Session) {
    super(session, "parties");
  }

  /** Registers the party of the session's key. It stays pending until a registrar admits it. */
  register(input: Registration): Promise<Sent> {
    const { signer, gateway } = this.session.parts;
    const { custody = "self", home = gateway.msp, responsibleHead, roles, ...rest } = input;
    const payload = {
      ...rest,
      party: signer.party,
      roles: [...roles],
      home,
      key: { jwk: { ...signer.jwk }, purpose: "act", custody },
    };
    const values = responsibleHead === undefined ? {} : { responsibleHead: { value: { ...responsibleHead } } };
    return this.session.send("party.register", payload, values);
  }

  /** For registrars. Default: with the roles that it asked for. */
  async admit(party: string, roles?: readonly Role[]): Promise<Sent> {
    const granted = roles ?? (await this.get(party)).roles;
    return this.session.send("party.admit", { party, roles: [...granted] });
  }

  /** Adds a key, which proves that it is held; `retire` ends an old one, by thumbprint. */
  async rotateKey(next: Signer, options: RotateOptions = {}): Promise<Sent> {
    const { retire, from, until, purpose = "act", custody = "self" } = options;
    const { party } = this.session.parts.signer;
    const key = defined({ jwk: { ...next.jwk }, purpose, custody, from, until });
    const proof = await possession(this.session.net, next);
    const payload = defined({ party, key, possession: proof, retire }) as unknown as JsonObject;
    return this.session.send("party.rotateKey", payload);
  }

  /** Ends a key at once, because others may have it. */
  compromiseKey(thumbprint: string, since: string): Promise<Sent> {
    return this.session.send("party.compromiseKey", { party: this.session.parts.signer.party, thumbprint, since });
  }
}

export interface RotateOptions {
  readonly retire?: string;
  readonly from?: string;
  readonly until?: string;
  readonly purpose?: "act" | "recovery" | "tally" | "escrow";
  readonly custody?: "self" | "hosted";
}
