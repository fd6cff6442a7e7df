/** `--name N` pairs. Throws with a sentence on anything else. */
export function parseOptions(args: readonly string[]): ReadonlyMap<string, number> {
  const options = new Map<string, number>();
  for (let i = 0; i < args.length; i += 2) {
    const [name = "", value = ""] = args.slice(i, i + 2);
    if (!/^--[a-z]+$/.test(name) || !/^\d{1,8}$/.test(value)) {
      throw new Error(`options are --name N, with N a whole number: not ${name} ${value}`);
    }
    options.set(name.slice(2), Number(value));
  }
  return options;
}
