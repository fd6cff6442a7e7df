/** How the story is told: numbered scenes, plain lines. */
const dim = (text: string): string => (process.stdout.isTTY ? `\u001b[2m${text}\u001b[0m` : text);
const bold = (text: string): string => (process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text);

let scenes = 0;

export function scene(title: string): void {
  console.log(`\n${bold(`${++scenes}. ${title}`)}`);
}

export const say = (text: string): void => console.log(`   ${text}`);
export const note = (text: string): void => console.log(`   ${dim(text)}`);

/** Runs a step and says how long it took. */
export async function timed<T>(what: string, step: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await step();
  note(`${what}: ${(performance.now() - start).toFixed(0)} ms`);
  return result;
}

/** The story is a check too: what does not happen as told ends it. */
export function expectThat(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`the story went wrong: ${what}`);
}
