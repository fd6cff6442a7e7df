/** Independent implementation of bit strings, for tests. */
declare module "@digitalbazaar/bitstring" {
  export class Bitstring {
    constructor(options: { readonly length?: number; readonly buffer?: Uint8Array });
    set(index: number, on: boolean): void;
    get(index: number): boolean;
    encodeBits(): Promise<string>;
    static decodeBits(options: { readonly encoded: string }): Promise<Uint8Array>;
  }
}
