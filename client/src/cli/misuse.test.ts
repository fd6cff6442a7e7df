/** Every command used wrongly on purpose: the right exit code, nothing on standard output, and a sentence that says what to do. */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import { FakeGateway, GRANT, RESOURCE, trustFile } from "../sdk/fake-gateway.test.js";
import { Desk } from "./io.test.js";

const BANK = "91440300MAQJ0001XF";
const DOWN = ["--gateway", "http://127.0.0.1:1"];
const KEY = ["--key", "bank.jwk"];
const TRUST = ["--trust", "trust.json"];

type Row = readonly [argv: readonly string[], exitCode: number, says: RegExp];
const row = (command: string, exitCode: number, says: RegExp, more: readonly string[] = []): Row => [
  [...command.split(" "), ...more],
  exitCode,
  says,
];

const NO_FILE = /none\.json cannot be read: there is no such file/;
const NO_FOLDER = /nowhere\/x cannot be written: there is no folder/;
const NO_KEY = /which key signs\? give --key FILE/;
const TAG_KEYS = /holds no tag keys/;
const ABSENT = /^NOT_FOUND: .*\nnext: check the id/s;

/** No gateway is asked: what is wrong shows before. */
const AT_ONCE: readonly Row[] = [
  // Commands and flags.
  row("nonsense", 2, /unknown command 'nonsense'\n\(add --help/),
  row("keys nonsense", 2, /unknown command/),
  row("keys", 2, /^Usage: quanji keys/),
  row("status --nonsense", 2, /unknown option '--nonsense'\n\(add --help/),
  row("fsck extra", 2, /too many arguments/),
  row("blocks extra", 2, /too many arguments/),
  row("audit extra", 2, /too many arguments/),
  row("status --lang fr", 2, /--lang is one of zh, en/),
  row("status --profile none", 2, /config\.json has no profile none/),
  ...["keys show", "trust show", "trust fetch", "party admit", "resource register", "resource suspend"].map((command) =>
    row(command, 2, /missing required argument/),
  ),
  ...["grant request", "boundary publish", "order freeze", "order lift", "ls", "show", "show party", "access"].map(
    (command) => row(command, 2, /missing required argument/),
  ),
  ...["receipt get", "receipt upgrade", "trail get", "export", "verify", "evidence", "send"].map((command) =>
    row(command, 2, /missing required argument/),
  ),
  // Money.
  ...["statement reckon", "statement close", "statement show", "statement dispute", "statement adjust"].map((command) =>
    row(command, 2, /missing required argument/),
  ),
  ...["indicator sign", "books show", "books close"].map((command) => row(command, 2, /missing required argument/)),
  row("statement reckon this 2026-03", 2, /a contract's id is a UUID, not this/),
  row(`statement close ${GRANT} March`, 2, /a month looks like 2026-03, not March/),
  row(`statement show ${GRANT} 2026-13`, 2, /a month looks like 2026-03/),
  row(`statement dispute ${GRANT} 2026-03`, 2, /--delivery is needed: which deliveries/),
  row(`statement dispute ${GRANT} 2026-03 --delivery 17`, 2, /a delivery is its log and index, such as/),
  row(`statement dispute ${GRANT} 2026-03 --delivery l#17`, 2, /--evidence is needed: what shows it/),
  row(`statement dispute ${GRANT} 2026-03 --delivery l#17 --evidence none.json`, 2, NO_FILE),
  row(`statement reckon ${GRANT} 2026-03 --trail none.json`, 2, NO_FILE),
  row(`statement close ${GRANT} 2026-03 --trail none.json`, 2, NO_FILE),
  row(`statement adjust ${GRANT} 2026-03`, 2, /--dispute or --delivery is needed/),
  row(`statement adjust ${GRANT} 2026-03 --dismiss`, 2, /--dismiss needs --dispute/),
  row(
    `statement adjust ${GRANT} 2026-03 --dispute d --dismiss --release`,
    2,
    /one of --dismiss, --release and --assign/,
  ),
  row(`statement adjust ${GRANT} 2026-03 --release --assign`, 2, /one of --dismiss, --release and --assign/),
  row(`statement adjust ${GRANT} 2026-03 --dispute d --assign`, 2, /--assign is without --dispute/),
  row(`statement adjust ${GRANT} 2026-03 --assign --delivery ${GRANT}#1`, 2, /--assign is without --delivery/),
  row(`statement adjust ${GRANT} 2026-03 --dispute d --release`, 2, /--release is without --dispute/),
  row(`statement adjust ${GRANT} 2026-03 --dispute d --credit-note c`, 2, /--credit-note and --digest go together/),
  row(`indicator sign ${GRANT} 2026-03 uptime`, 2, /a figure looks like uptime=9950, not uptime/),
  row(`indicator sign ${GRANT} 2026-03 uptime=9.5`, 2, /a figure looks like uptime=9950/),
  row("books show 2026-03 yuan", 2, /a currency looks like CNY, not yuan/),
  row("books close 03 CNY", 2, /a month looks like 2026-03/),
  row(`statement reckon ${GRANT} 2026-03`, 2, NO_KEY),
  row("books show 2026-03 CNY", 2, NO_KEY),
  // Keys and passphrases.
  row("inbox", 2, NO_KEY),
  row("proxy", 2, NO_KEY),
  row("seq", 2, NO_KEY),
  row("inbox --key none.jwk", 2, /none\.jwk cannot be read: make one with quanji keys new/),
  row("inbox --key folder", 2, /is not a key file: name another, or make one/),
  row("inbox --key text.jwk", 2, /is not JSON, so no key file/),
  row("inbox --key object.jwk", 2, /holds no key \(.+\): make one with quanji keys new/),
  row("sign grant.approve", 2, /missing required argument/),
  row("keys show object.jwk", 2, /holds no key/),
  row("inbox --key open.jwk", 2, /others may read .+: run chmod 600/),
  row("inbox --key locked.jwk", 2, /is encrypted: put its passphrase into an environment variable/),
  row("inbox --key locked.jwk --passphrase-env WRONG", 2, /does not open with this passphrase/),
  row("inbox --key locked.jwk --passphrase-env UNSET", 2, /the environment variable UNSET is not set/),
  row("inbox --key loose.jwk", 2, /belongs to no party yet: register it with quanji party register/),
  row("keys new", 2, /--out is needed/),
  row("keys new --out bank.jwk", 2, /exists already: choose another name/),
  row("keys new --out nowhere/x.jwk", 2, /cannot be written: is there such a folder\?/),
  row("keys new --out y.jwk --alg RS256", 2, /--alg is one of/),
  row("keys new --out y.jwk --party nonsense", 2, /--party is an 18-character/),
  // Gateway, trust file.
  row("status --gateway nonsense", 2, /a gateway's address looks like https:/),
  row("status --gateway https://x.example/path", 2, /a gateway's address looks like https:/),
  row("status --trust none.json", 2, NO_FILE),
  row("status --trust folder", 2, /cannot be read: it is a folder/),
  row("status --trust object.jwk", 2, /is no trust file \(.+\): get one with quanji trust fetch URL/),
  row("status --key none.jwk", 2, /none\.jwk cannot be read/),
  row("trust fetch nonsense", 2, /the URL of a gateway looks like https:/),
  row("trust show text.jwk", 2, /is no trust file/),
  row("trust show none.json", 2, NO_FILE),
  // Payloads.
  row("send nonsense x.json", 2, /there is no command nonsense; quanji help send lists them/),
  row("send access object.jwk", 2, /quanji access sends accesses/, KEY),
  row("send grant.approve none.json", 2, NO_FILE, KEY),
  row("send grant.approve text.jwk", 2, /the payload is not JSON: /, KEY),
  row("send grant.approve list.json", 2, /the payload is a JSON object/, KEY),
  row("send grant.refuse object.jwk --openings none.json", 2, NO_FILE, KEY),
  row("send grant.refuse object.jwk --openings list.json", 2, /the file of openings is a JSON object/, KEY),
  row("sign grant.approve none.json", 2, NO_FILE, KEY),
  row("boundary publish none.json", 2, NO_FILE, KEY),
  row("boundary publish text.jwk", 2, /text\.jwk is not JSON/, KEY),
  // Objects.
  row("party register --party nonsense --key loose.jwk", 2, /--party is an 18-character/),
  row("party register --key loose.jwk", 2, /which party\? give --party/),
  row("party rotate-key", 2, /--new is needed/, KEY),
  row("party rotate-key --new none.jwk", 2, /none\.jwk cannot be read/, KEY),
  row("resource register res/x", 2, /which fields does it have\? give --fields/, KEY),
  row("resource register res/x --fields a:b:c:d", 2, /--fields looks like/, KEY),
  row("resource register res/x --file none.json", 2, NO_FILE, KEY),
  row(
    "resource register prd/x --fields a:string --parent res/y",
    2,
    /--parent looks like res\/weather\.daily@1=GRANT/,
    KEY,
  ),
  row("grant request res/x --quota many", 2, /--quota is a whole number/, KEY),
  row("grant request res/x --until soon", 2, /--until looks like/, KEY),
  row("grant request res/x --operating nobody", 2, /--operating is an 18-character/, KEY),
  row("grant request res/x --right owning", 2, /--right is one of/, KEY),
  row("grant offer res/x", 2, /--to is needed/, KEY),
  row("grant derive x", 2, /--to is needed/, KEY),
  row("grant derive x --to urn:y --depth deep", 2, /--depth is a whole number/, KEY),
  row("order freeze party x", 2, /--ground is needed/, KEY),
  row("order lift x", 2, /--ground is needed/, KEY),
  row(
    "ls everything",
    2,
    /what is listed is one of parties, resources, grants, attestations, offers, contracts, logs, derived/,
    KEY,
  ),
  row("ls derived", 2, /a resource is named with derived/, KEY),
  row("ls grants res/x", 2, /a resource is named with derived, and only there/, KEY),
  // The market.
  row("attest", 2, /missing required argument/),
  row("attest res/x", 2, /what is attested: a resource@version/, KEY),
  row("attest res/x@1", 2, /--kind is needed/, KEY),
  row("attest res/x@1 --kind beauty", 2, /--kind is one of deidentification/, KEY),
  row("attest res/x@1 --kind quality --result maybe", 2, /--result is one of pass, fail/, KEY),
  row("attest res/x@1 --kind quality --level general-1", 2, /--level belongs to a passed de-identification/, KEY),
  row("attest res/x@1 --kind deidentification", 2, /--level belongs to a passed de-identification/, KEY),
  row("attest res/x@1 --kind quality", 2, /--report is needed/, KEY),
  row("attest res/x@1 --kind quality --report none.json", 2, NO_FILE, KEY),
  row("attest res/x@1 --kind quality --report list.json --until soon", 2, /--until looks like/, KEY),
  row("price cap res/x", 2, /--amount is needed/, KEY),
  row("price cap res/x --amount 1.5", 2, /--amount: a price in minor units/, KEY),
  row("price cap res/x --amount 1 --unit hour", 2, /--unit is one of call/, KEY),
  row("price cap res/x --amount 1 --currency yuan", 2, /--currency: a currency of ISO 4217/, KEY),
  row("offer list prd/x", 2, /for which purposes\? give --purpose/, KEY),
  row("offer list prd/x --purpose navigation", 2, /--tariff is needed/, KEY),
  row("offer list prd/x --purpose navigation --tariff none.json", 2, NO_FILE, KEY),
  row("offer list prd/x --purpose navigation --tariff list.json", 2, /holds no JSON object/, KEY),
  row("offer list prd/x --purpose navigation --tariff object.jwk", 2, /object\.jwk/, KEY),
  row("tariff publish x", 2, /missing required argument/, KEY),
  row("tariff publish x list.json --from April", 2, /--from: a month such as 2026-03/, KEY),
  row("contract sign", 2, /sign what\? give --terms/, KEY),
  row("contract sign --terms none.json", 2, NO_FILE, KEY),
  row("contract sign --terms object.jwk", 2, /object\.jwk/, KEY),
  row("contract sign x --terms object.jwk --contract-version 1", 2, /goes with an id alone/, KEY),
  row("contract sign x --contract-version one", 2, /--contract-version is a whole number/, KEY),
  row("ls grants --filter state", 2, /--filter looks like state=active/, KEY),
  row("show thing x", 2, /what is shown is one of/, KEY),
  // Sources.
  row("source add res/x", 2, NO_KEY),
  row("source add res/x --steward urn:y", 2, /where is the data\? give --file or --url, one of them/),
  row("source add res/x --steward urn:y --file none.json", 2, NO_FILE),
  row("source add res/x --steward urn:y --file folder", 2, /folder cannot be read/),
  row("source add res/x --steward urn:y --file text.jwk", 2, /format/),
  row("source add res/x --steward urn:y --url nonsense", 2, /url: .*http/),
  row("source add res/x --steward urn:y --file list.json --column x", 2, /--column looks like name=value/),
  row("source add res/x --steward urn:y --file list.json --subject-field id", 2, /--tag-keys go together/),
  row("source add res/x --steward urn:y --file list.json --subject-field id --tag-keys none.json", 2, NO_FILE),
  // Tag keys.
  row("tag-key", 2, /^Usage: quanji tag-key/),
  row("tag-key make", 2, /--keys is needed/, KEY),
  row("tag-key make --keys t.json", 2, /--quarter is needed/, KEY),
  row("tag-key make --keys t.json --quarter 2026Q5", 2, /--quarter looks like 2026Q4/, KEY),
  row("tag-key make --keys t.json --quarter 2026Q4", 2, NO_KEY),
  row("tag-key register --quarter 2026Q4", 2, /--keys is needed/, KEY),
  row(
    "tag-key register --keys none.json --quarter 2026Q4",
    2,
    /none\.json cannot be read: make one with quanji tag-key make/,
    KEY,
  ),
  row("tag-key register --keys object.jwk --quarter 2026Q4", 2, TAG_KEYS, KEY),
  row("tag-key tag --keys tags.json --quarter 2026Q4", 2, /missing required argument/),
  row("tag-key tag x --quarter 2026Q4", 2, /--keys is needed/),
  row("tag-key tag x --keys object.jwk --quarter 2026Q4", 2, TAG_KEYS),
  row("tag-key tag x --keys open.json --quarter 2026Q4", 2, /others may read .+: run chmod 600/),
  row("tag-key tag x --keys tags.json --quarter 2026Q3", 1, /^NOT_FOUND.*there is no tag key of 2026Q3 here/s),
  row("tag-key open nonsense --keys t.json --quarter 2026Q4", 2, /the steward is an 18-character/, KEY),
  row(`tag-key open ${BANK} --keys t.json --quarter 2026Q4`, 2, /--ground is needed/, KEY),
  row(`tag-key open ${BANK} --keys t.json --quarter 2026Q4 --ground x`, 2, /--escrow-key is needed/, KEY),
  row(`tag-key open ${BANK} --keys t.json --quarter 2026Q4 --ground x --escrow-key none.jwk`, 2, /none\.jwk/, KEY),
  // Trails of data subjects.
  row("trail subject", 2, /missing required argument/),
  row("trail subject nonsense --out x", 2, /the steward is an 18-character/, KEY),
  row(`trail subject ${BANK}`, 2, /--out is needed/, KEY),
  row(`trail subject ${BANK} --out nowhere/x`, 2, NO_FOLDER, KEY),
  row(`trail subject ${BANK} --out x`, 2, /whose trail\? give --tags, or --keys with --identifier and --quarters/, KEY),
  row(`trail subject ${BANK} --out x --identifier y`, 2, /whose trail\?/, KEY),
  row(`trail subject ${BANK} --out x --identifier y --quarters 2026Q4`, 2, /--keys is needed/, KEY),
  row(`trail subject ${BANK} --out x --identifier y --quarters 2026Q3 --keys tags.json`, 1, /^NOT_FOUND/, KEY),
  row(`trail subject ${BANK} --out x --tags 2026Q4`, 2, /tags look like 2026Q3\./, KEY),
  row(`trail subject ${BANK} --out x --tags 2026Q4.short`, 2, /tags look like 2026Q3\./, KEY),
  row(`trail subject ${BANK} --out x --tags 2026Q4.${"A".repeat(43)} --from soon`, 2, /--from looks like/, KEY),
  // Uses: refused before anything is recorded and paid for.
  row("access res/x --quantity many", 2, /--quantity is a whole number/, KEY),
  row("access res/x --range 2026", 2, /--range looks like 2026-01-01\/2026-02-01/, KEY),
  row("access res/x --query {", 2, /--query is not JSON/, KEY),
  row("access res/x --query []", 2, /--query is a JSON object/, KEY),
  row("access res/x --action steal", 2, /--action is one of/, KEY),
  row("access res/x --environment moon", 2, /--environment is one of/, KEY),
  row("access res/x --evidence anchored", 2, /--evidence is one of committed, cosigned/, KEY),
  row("access res/x --wait 1", 2, /--wait is for --evidence cosigned/, KEY),
  row("access res/x --evidence cosigned --wait soon", 2, /--wait is a whole number/, KEY),
  row("access res/x --evidence cosigned", 2, /whose cosignatures count\? give --trust FILE/, KEY),
  row("access res/x --out nowhere/x", 2, NO_FOLDER, KEY),
  row("access res/x --receipt nowhere/x", 2, NO_FOLDER, KEY),
  row("access res/x --receipt folder", 2, /folder cannot be written: it is a folder/, KEY),
  row("receipt get x --out nowhere/x", 2, NO_FOLDER, KEY),
  row("trail get thing x", 2, /the kind of trail is one of/, KEY),
  row(`trail get grant ${GRANT}`, 2, /--out is needed/, KEY),
  row(`trail get grant ${GRANT} --out nowhere/x`, 2, NO_FOLDER, KEY),
  row(`trail get grant ${GRANT} --out x --from soon`, 2, /--from looks like/, KEY),
  row("seq --void x", 2, /--void is a whole number/, KEY),
  row("proxy --listen x", 2, /--listen looks like 127\.0\.0\.1:8479/, KEY),
  row("proxy --listen 0.0.0.0:0", 2, /is not loopback: .+ give --tls-cert/, KEY),
  // Evidence.
  row("verify none.json", 2, /against which trust file\? give --trust FILE/),
  row("verify none.json", 2, NO_FILE, TRUST),
  row("verify folder", 2, /it is a folder/, TRUST),
  row("verify fake.trail.ndjson.gz", 2, /it is no gzip file/, TRUST),
  row("export cut.trail.ndjson.gz", 2, /its end is missing/),
  row("verify list.json --level x", 2, /--level is one of/, TRUST),
  row("verify list.json --replay some", 2, /--replay is one of all/, TRUST),
  // Static files.
  row("tiles extra", 2, /too many arguments/),
  row("tiles", 2, /--out is needed/),
  row("tiles --out x", 2, /which logs, under which keys\? give --trust FILE/),
  row("tiles --out nowhere/x", 2, NO_FOLDER, TRUST),
  row("tiles --out x --level high", 2, /--level is one of/, TRUST),
  row("tiles --out x --log quanji.test/y/gw/0", 2, /has no log quanji\.test\/y\/gw\/0: quanji trust show/, TRUST),
  row("tiles --out x --from folder", 2, /none of the trust file's logs is served there/, TRUST),
  row("tiles --out object.jwk --from folder", 2, /object\.jwk cannot be written/, TRUST),
  row("receipt upgrade none.json", 2, /against which trust file\? give --trust FILE/),
  row("receipt upgrade none.json", 2, NO_FILE, TRUST),
  row("receipt upgrade list.json --out nowhere/x", 2, NO_FOLDER, TRUST),
  row("receipt upgrade list.json --tiles folder", 1, /PROOF_INVALID|MALFORMED/, TRUST),
  // Monitors.
  row("monitor extra", 2, /too many arguments/),
  row("monitor --once", 2, /which logs, under which keys\? give --trust FILE/),
  row("monitor --once --every soon", 2, /--every is a whole number/, TRUST),
  row("monitor --once --every 0", 2, /--every is from 1 to 86400 seconds/, TRUST),
  row("monitor --once --unreachable 100000", 2, /--unreachable is from 1 to 86400 seconds/, TRUST),
  row("monitor --once --key none.jwk", 2, /none\.jwk cannot be read/, TRUST),
  row("monitor --once --key loose.jwk", 2, /the key belongs to no party yet/, TRUST),
  row("monitor --once --gateway nonsense", 2, /a gateway's address looks like https:/, TRUST),
  row("monitor --once --notify nowhere/x", 2, NO_FOLDER, TRUST),
  row("monitor --once --notify folder", 2, /it is a folder/, TRUST),
  row("monitor --once --notify https://hooks.example/", 2, /notices are signed: give --key FILE/, TRUST),
  row(
    "monitor --once --notify http://hooks.example/ --key bank.jwk",
    2,
    /is not https; within a private network/,
    TRUST,
  ),
  row("monitor --once --notify https://127.0.0.1/ --key bank.jwk", 2, /an address that may not be called/, TRUST),
  row(
    "monitor --once --notify https://169.254.169.254/ --notify-private --key bank.jwk",
    2,
    /may not be called/,
    TRUST,
  ),
  row("monitor --once --notify ftp://x/ --key bank.jwk", 2, /is not http or https/, TRUST),
  row("monitor --once --state text.jwk", 2, /text\.jwk cannot be written/, TRUST),
  // Audits.
  row("blocks", 2, /--out is needed/),
  row("blocks --out nowhere/x", 2, NO_FOLDER),
  row("audit", 2, /--blocks is needed/),
  row("audit --blocks folder", 2, /against which trust file\? give --trust FILE/),
  row("audit --blocks none.json", 2, NO_FILE, TRUST),
  row("audit --blocks text.jwk", 2, /text\.jwk cannot be read: there is no such file/, TRUST),
  row("audit --blocks folder", 2, /folder holds no block: .+ quanji blocks writes them/, TRUST),
  row("audit --blocks doubled", 2, /0\.block and quanji_0\.block are of one number; take one away/, TRUST),
  row("audit --blocks junk --evidence none.json", 2, NO_FILE, TRUST),
  row("audit --blocks junk --evidence text.jwk", 1, /NOTE_MALFORMED/, TRUST),
  row("audit --blocks junk --evidence list.json", 1, /NOTE_MALFORMED/, TRUST),
  row("audit --blocks junk --evidence object.jwk", 1, /object\.jwk: /, TRUST),
  row("export trail.json", 1, /^MALFORMED · v: a field does not fit/),
  row("export none.json", 2, NO_FILE),
  row("export list.json --as pdf", 2, /--as is one of csv, html/),
  row("export list.json --out nowhere/x", 2, NO_FOLDER),
  row("export text.jwk", 2, /ends in the middle of a line: get the trail again/),
];

/** What talks to a gateway, when there is none. */
const UNREACHABLE: readonly (readonly string[])[] = [
  ["status"],
  ...["inbox", "seq", "ls grants", "ls logs", `show grant ${GRANT}`, "grant approve x", "party admit urn:x"].map(
    (command) => [...command.split(" "), ...KEY],
  ),
  ["access", RESOURCE, ...KEY],
  ["proxy", "--listen", "127.0.0.1:0", ...KEY],
  ["receipt", "get", "x", ...KEY],
  ["tiles", "--out", "copy", ...TRUST],
  ["trail", "get", "grant", GRANT, "--out", "t.ndjson", ...KEY],
  ["send", "party.admit", "object.jwk", ...KEY],
  ["party", "register", "--name", "n", "--head", "h", ...KEY],
  ["resource", "suspend", RESOURCE, ...KEY],
  ["order", "lift", GRANT, "--ground", "g", ...KEY],
];

describe("quanji, used wrongly", () => {
  let desk: Desk;
  let gateway: FakeGateway;
  before(async () => {
    desk = await Desk.open();
    gateway = await FakeGateway.start();
    desk.env = { ...desk.env, SECRET: "correct horse", WRONG: "battery staple" };
    await desk.run(["keys", "new", "--out", "bank.jwk", "--party", BANK]);
    await desk.run(["keys", "new", "--out", "loose.jwk"]);
    await desk.run(["keys", "new", "--out", "locked.jwk", "--party", BANK, "--passphrase-env", "SECRET"]);
    for (const folder of ["folder", "doubled", "junk"]) await mkdir(desk.path(folder));
    for (const file of ["doubled/0.block", "doubled/quanji_0.block", "junk/0.block"]) {
      await writeFile(desk.path(file), "no block");
    }
    const mode = 0o600;
    await writeFile(desk.path("text.jwk"), "hello", { mode });
    await writeFile(desk.path("object.jwk"), "{}", { mode });
    await writeFile(desk.path("open.jwk"), "{}");
    await chmod(desk.path("open.jwk"), 0o644);
    await writeFile(desk.path("list.json"), "[1]");
    const tags = { v: "quanji.tag-keys.v1", net: "quanji.test/x", party: BANK, keys: { "2026Q4": "A".repeat(43) } };
    await writeFile(desk.path("tags.json"), JSON.stringify(tags), { mode: 0o600 });
    await writeFile(desk.path("open.json"), JSON.stringify(tags), { mode: 0o644 });
    await writeFile(desk.path("trail.json"), '{"t":"trail"}\n');
    await writeFile(desk.path("fake.trail.ndjson.gz"), "no gzip");
    await writeFile(desk.path("cut.trail.ndjson.gz"), gzipSync(randomBytes(9_000).toString("hex")).subarray(0, 5_000));
    await writeFile(desk.path("trust.json"), await trustFile(gateway.key));
  });
  after(async () => {
    await gateway.close();
    await desk.close();
  });

  for (const [argv, exitCode, says] of AT_ONCE) {
    it(`quanji ${argv.join(" ")}: exit code ${exitCode}, and no gateway is asked`, async () => {
      const fetch = () => expect.fail("a gateway was asked");
      const ran = await desk.run([...argv], { fetch });
      expect([ran.exitCode, ran.out], ran.err).to.deep.equal([exitCode, ""]);
      expect(ran.err).to.match(says);
      const { json } = await desk.run([...argv, "--json"], { fetch });
      expect(json).to.include({ ok: false }).and.to.have.property("message").that.is.a("string");
    });
  }

  for (const argv of UNREACHABLE) {
    it(`quanji ${argv.join(" ")}, and no gateway is there: exit code 3`, async () => {
      const { exitCode, out, err } = await desk.run([...argv, ...DOWN]);
      expect([exitCode, out], err).to.deep.equal([3, ""]);
      expect(err).to.match(
        /^UNREACHABLE · CONNECTION: http:\/\/127\.0\.0\.1:1 cannot be reached\nnext: is the gateway running/,
      );
    });
  }

  it("what is not there, or not to be seen: exit code 1 and what to do next", async () => {
    const at = ["--gateway", gateway.address, ...KEY];
    for (const command of [
      "show party a/b/c",
      `show grant ${GRANT}`,
      "receipt get x",
      "access res/x",
      "grant request res/x",
    ]) {
      const { exitCode, out, err } = await desk.run([...command.split(" "), ...at]);
      expect([exitCode, out], command).to.deep.equal([1, ""]);
      expect(err, command).to.match(ABSENT);
    }
  });

  it("a payload that no schema takes: exit code 1, naming the field", async () => {
    const { exitCode, err } = await desk.run([
      "send",
      "grant.approve",
      "object.jwk",
      ...KEY,
      "--gateway",
      gateway.address,
    ]);
    expect(exitCode).to.equal(1);
    expect(err).to.match(/^MALFORMED · grant: /);
  });

  it("a trail that cannot be written to the end leaves nothing behind, and the process alive", async () => {
    await mkdir(desk.path("t.ndjson.part"));
    const argv = ["trail", "get", "grant", GRANT, "--out", "t.ndjson", ...KEY, "--gateway", gateway.address];
    const { exitCode, err } = await desk.run(argv);
    expect(exitCode).to.be.oneOf([1, 2]);
    expect(err).to.match(/cannot be written: it is a folder|NOT_FOUND/);
  });
});

describe("quanji status", () => {
  let desk: Desk;
  let gateway: FakeGateway;
  before(async () => {
    desk = await Desk.open();
    gateway = await FakeGateway.start();
    desk.env["QUANJI_GATEWAY"] = gateway.address;
    await desk.run(["keys", "new", "--out", "bank.jwk", "--party", BANK]);
    await desk.run(["keys", "new", "--out", "loose.jwk"]);
    await writeFile(desk.path("trust.json"), await trustFile(gateway.key));
    gateway.answer(`/v1/parties/${BANK}`, { id: BANK, jurisdiction: "CN", roles: ["user"], state: "active" });
  });
  after(async () => {
    await gateway.close();
    await desk.close();
  });

  it("without a key tells what is public, and signs nothing", async () => {
    const { exitCode, json } = await desk.run(["status", "--json"]);
    expect(exitCode).to.equal(0);
    expect(json).to.include({ gateway: gateway.address, name: "gw", ready: true });
    expect(json["party"]).to.equal("no key given: only what is public was asked");
    expect(gateway.calls).to.have.length(0);
    const pinned = await desk.run(["status", ...TRUST, "--json"]);
    expect(pinned.json["trust"]).to.be.a("string").that.has.length(43);
  });

  it("with a key tells who its party is there; a key without a party is told what to do", async () => {
    expect((await desk.run(["status", "--key", "bank.jwk", "--json"])).json).to.include({
      party: BANK,
      state: "active",
    });
    const loose = await desk.run(["status", "--key", "loose.jwk", "--json"]);
    expect([loose.exitCode, loose.json["party"]]).to.deep.equal([
      0,
      "the key belongs to no party yet: quanji party register",
    ]);
  });

  it("a gateway that is not the one that the trust file pins: exit code 1", async () => {
    const other = await FakeGateway.start();
    const { exitCode, err } = await desk.run(["status", ...TRUST, "--gateway", other.address]);
    await other.close();
    expect(exitCode).to.equal(1);
    expect(err).to.match(/^ANSWER_MISMATCH · KEY_UNKNOWN/);
  });

  it("a gateway that is not ready: said, and exit code 3", async () => {
    gateway.ready = false;
    const { exitCode, json } = await desk.run(["status", "--json"]);
    gateway.ready = true;
    expect([exitCode, json["ready"]]).to.deep.equal([3, false]);
  });
});
