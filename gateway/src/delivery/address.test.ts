import type { LookupAddress } from "node:dns";
import { expect } from "chai";
import { addressKind, guardedLookup, isAllowed, type Resolver } from "./address.js";

/** What a socket is told, as a promise. */
const look = (resolver: Resolver, allowPrivate = false, all = true) =>
  new Promise<string | LookupAddress[]>((resolve, reject) => {
    guardedLookup(resolver, allowPrivate)("source.test", { all }, (error, found) => {
      if (error === null) resolve(found);
      else reject(error);
    });
  });
const detail = (promise: Promise<unknown>) =>
  promise.then(
    () => "allowed",
    (error: unknown) => (error as { detail?: string }).detail,
  );

describe("address", () => {
  const table: [string, string[]][] = [
    [
      "public",
      ["1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.0", "223.255.255.255", "2606:4700::1111", "2a00:1450::1"],
    ],
    [
      "private",
      [
        "10.0.0.1",
        "127.0.0.1",
        "127.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "::1",
        "fc00::1",
        "fdff::1",
      ],
    ],
    [
      "never",
      [
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1111%eth0",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "2001:db8::1",
        "localhost",
        "",
        "127.1",
        "2130706433",
      ],
    ],
  ];
  for (const [kind, addresses] of table) {
    for (const address of addresses) {
      it(`${address || "an empty text"} is ${kind}`, () => {
        expect(addressKind(address)).to.equal(kind);
      });
    }
  }

  it("allowPrivate opens private networks, never the link-local address where clouds keep credentials", () => {
    expect(isAllowed("127.0.0.1", true)).to.equal(true);
    expect(isAllowed("127.0.0.1", false)).to.equal(false);
    expect(isAllowed("169.254.169.254", true)).to.equal(false);
    expect(isAllowed("0.0.0.0", true)).to.equal(false);
  });
});

describe("address: names", () => {
  it("localhost by name is refused", async () => {
    expect(await detail(look(() => Promise.resolve(["127.0.0.1", "::1"])))).to.equal("ADDRESS_REFUSED");
  });

  it("one forbidden address among public ones refuses all", async () => {
    expect(await detail(look(() => Promise.resolve(["1.1.1.1", "10.0.0.1"])))).to.equal("ADDRESS_REFUSED");
    expect(await detail(look(() => Promise.resolve(["1.1.1.1", "2606:4700::1111"])))).to.equal("allowed");
  });

  it("DNS rebinding: the socket gets the addresses that were checked, and the name is asked once", async () => {
    const answers = [["1.1.1.1"], ["127.0.0.1"]];
    let asked = 0;
    const resolver = () => Promise.resolve(answers[asked++] ?? []);
    expect(await look(resolver)).to.deep.equal([{ address: "1.1.1.1", family: 4 }]);
    expect(asked).to.equal(1);
    expect(await detail(look(resolver))).to.equal("ADDRESS_REFUSED");
  });

  it("answers in the old form too", async () => {
    expect(await look(() => Promise.resolve(["1.1.1.1"]), false, false)).to.equal("1.1.1.1");
  });

  it("a name without address, or one that cannot be resolved, fails", async () => {
    expect(await detail(look(() => Promise.resolve([])))).to.equal("NAME_UNKNOWN");
    expect(await detail(look(() => Promise.reject(new Error("ENOTFOUND"))))).to.equal("NAME_UNKNOWN");
  });
});
