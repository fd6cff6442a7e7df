import { type Command } from "commander";
import { FIELD_TYPES, GRADES, type Payload, ResourceVersionId, Uuid } from "@quanji/chaincode/domain";
import type { ResourceInput } from "../../sdk/index.js";
import type { Context } from "../context.js";
import { type Options, toInstant, toJson, toOneOf, UsageError } from "../options.js";
import { declare, group, type Runtime } from "../program.js";
import { sentResult } from "./send.js";

type Register = Payload<"resource.register">;

export function resourceCommands(program: Command, runtime: Runtime): void {
  const resource = group(program, runtime, "resource", "Register resources, suspend and resume their use.");
  declare(resource, runtime, [
    {
      usage: "register <id>",
      summary:
        "Register a resource: you are its steward and hold the three rights in it, unless --file says otherwise.",
      options: [
        ["--title <title>", "what it is called (default: its id)"],
        ["--fields <fields>", "name:type[:grade],… ; types: " + FIELD_TYPES.join(", ")],
        ["--law <title>", "legal basis, e.g. the law's title"],
        ["--duty <text>", "duty under it (default: the title)"],
        ["--head <name>", "who answers for the data; committed to, never public"],
        ["--head-title <title>", "that person's office (default: responsible head)"],
        ["--kind <kind>", "dataset, service, product or output (default: dataset; product, where it has parents)"],
        ["--class <code>", "class of the data (default: the id without its prefix)"],
        ["--source-of <codes>", "element classes for which this is the authoritative source"],
        ["--grade <grade>", `one of ${GRADES.join(", ")} (default: the highest of its fields)`],
        ["--sharing <type>", "open, conditional or none (default: conditional)"],
        ["--subjects <kind>", "whom the data is about: none, person or organisation (default: none)"],
        [
          "--range-field <name>",
          "field that a range of dates applies to (default: the first of type date or datetime)",
        ],
        [
          "--route <route>",
          "who approves: parties of one stage joined by +, stages by commas (default: the grantor alone)",
        ],
        [
          "--parent <version=grant>...",
          "what a product was made from, under which grant: res/weather.daily@1=5f0f2c52-…",
        ],
        ["--origin <text>", "where a product without parents comes from"],
        ["--valid-until <time>", "when the registration ends"],
        ["--file <file>", "JSON with any of the command's members; flags win over it"],
      ],
      examples: [
        'resource register res/weather.daily --fields date:date,location:string,temp_max:number --law "Meteorology Law" --head "Han Mei"',
        "resource register res/weather.daily --file weather.json",
        'resource register prd/rain.index --parent res/weather.daily@1=5f0f2c52-… --fields date:date,index:integer --law "Contract law" --head "Li Lei"',
      ],
      run: register,
    },
    {
      usage: "suspend <id>",
      summary: "Suspend all use of a resource.",
      options: [["--ground <text>", "why; committed to, never public"]],
      examples: ['resource suspend res/weather.daily --ground "wrong values since 2 March"'],
      run: async (context, [id = ""], options) => {
        const client = await context.client();
        return sentResult(await client.resources.suspend(id, options.text("ground")), {
          resource: id,
          state: "suspended",
        });
      },
    },
    {
      usage: "resume <id>",
      summary: "End a resource's suspension.",
      examples: ["resource resume res/weather.daily"],
      run: async (context, [id = ""]) => {
        const client = await context.client();
        return sentResult(await client.resources.resume(id), { resource: id, state: "registered" });
      },
    },
  ]);
}

async function register(context: Context, [id = ""]: readonly string[], options: Options) {
  const file = options.text("file");
  const given = file === undefined ? {} : toPartial(toJson(await context.readText(file), file), file);
  const input = resourceInput(id, given, options);
  const client = await context.client();
  const sent = await client.resources.register(input);
  const { steward = client.party } = input;
  const next = `next: bind its data on the gateway's machine: quanji source add ${id} --steward ${steward} --file DATA.csv`;
  return sentResult(sent, { resource: id, state: "registered" }, [next]);
}

function toPartial(json: unknown, file: string): Partial<ResourceInput> {
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return json;
  throw new UsageError(`${file} holds a JSON object of the command's members`);
}

/** The chaincode's schema judges the whole before it is sent; here only what was typed is understood. */
export function resourceInput(id: string, given: Partial<ResourceInput>, options: Options): ResourceInput {
  const spec = options.text("fields");
  const fields = spec === undefined ? given.fields : parseFields(spec);
  if (fields === undefined) throw new UsageError("which fields does it have? give --fields name:type,… or --file");
  const title = options.text("title") ?? given.title ?? id;
  const head = options.text("head");
  const rangeField =
    options.text("rangeField") ?? given.rangeField ?? fields.find(({ type }) => type.startsWith("date"))?.name;
  const lineage = options.many("parent").map(parseParent);
  return {
    ...given,
    ...optional(given, options),
    ...(lineage.length > 0 && { lineage }),
    resource: id,
    title,
    fields,
    ...choices(options, { ...(lineage.length > 0 && { kind: "product" }), ...given }),
    class: options.text("class") ?? given.class ?? id.slice(id.indexOf("/") + 1).replaceAll("@", "."),
    grade: { standard: "GB/T 43697-2024", level: gradeOf(options, given, fields) },
    ...basisOf(options, given, title),
    ...(rangeField !== undefined && { rangeField }),
    ...(head !== undefined && {
      responsibleHead: { name: head, title: options.text("headTitle") ?? "responsible head" },
    }),
  };
}

function choices(
  options: Options,
  given: Partial<ResourceInput>,
): Pick<ResourceInput, "kind" | "sharing" | "subjectKind"> {
  const kind = options.oneOf("kind", "--kind", ["dataset", "service", "product", "output"] as const);
  const sharing = options.oneOf("sharing", "--sharing", ["open", "conditional", "none"] as const);
  const subjects = options.oneOf("subjects", "--subjects", ["none", "person", "organisation"] as const);
  return {
    kind: kind ?? given.kind ?? "dataset",
    sharing: sharing ?? given.sharing ?? "conditional",
    subjectKind: subjects ?? given.subjectKind ?? "none",
  };
}

function optional(given: Partial<ResourceInput>, options: Options): Partial<ResourceInput> {
  const route = options.text("route");
  const sourceOf = options.list("sourceOf");
  const origin = options.text("origin") ?? given.originDeclaration;
  const validUntil = options.text("validUntil");
  return {
    ...(route !== undefined && { route: parseRoute(route) }),
    ...(sourceOf !== undefined && { sourceOf: [...sourceOf] }),
    ...(origin !== undefined && { originDeclaration: origin }),
    ...(validUntil !== undefined && { validUntil: toInstant(validUntil, "--valid-until") }),
  };
}

function basisOf(options: Options, given: Partial<ResourceInput>, title: string): Pick<ResourceInput, "basis"> {
  const law = options.text("law") ?? given.basis?.law;
  if (law === undefined) return {};
  return { basis: { ...given.basis, law, duty: options.text("duty") ?? given.basis?.duty ?? title } };
}

function gradeOf(options: Options, given: Partial<ResourceInput>, fields: Register["fields"]): (typeof GRADES)[number] {
  const typed = options.oneOf("grade", "--grade", GRADES) ?? given.grade?.level;
  if (typed !== undefined) return typed;
  const highest = Math.max(...fields.map(({ grade }) => GRADES.indexOf(grade)));
  return GRADES[highest] ?? "general-1";
}

/** `a+b,c`: first a and b, in any order, then c. */
export const parseRoute = (text: string): string[][] =>
  text.split(",").map((stage) => stage.split("+").map((party) => party.trim()));

/** `res/weather.daily@1=GRANT`. */
function parseParent(text: string): NonNullable<Register["lineage"]>[number] {
  const [resource = "", grant = ""] = text.split("=");
  if (!ResourceVersionId.safeParse(resource).success || !Uuid.safeParse(grant).success) {
    throw new UsageError(`--parent looks like res/weather.daily@1=GRANT, and ${JSON.stringify(text)} does not`);
  }
  return { resource, grant };
}

/** `name:type[:grade],…`; the type defaults to string, the grade to general-1. */
export function parseFields(text: string): Register["fields"] {
  return text.split(",").map((item) => {
    const [name = "", type = "", grade = "general-1", ...rest] = item.trim().split(":");
    if (name === "" || rest.length > 0) throw new UsageError("--fields looks like date:date,name:string:general-3");
    return {
      name,
      type: type === "" ? "string" : toOneOf(type, `the type of ${name}`, FIELD_TYPES),
      grade: toOneOf(grade, `the grade of ${name}`, GRADES),
    };
  });
}
