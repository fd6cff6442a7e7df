declare module "subset-font" {
  export interface SubsetOptions {
    readonly targetFormat: "sfnt" | "woff" | "woff2";
    /** Axes of a variable font, each set to one value. */
    readonly variationAxes?: Readonly<Record<string, number>>;
  }
  /** The font with no other characters than those of `text`. */
  export default function subsetFont(font: Buffer, text: string, options: SubsetOptions): Promise<Buffer>;
}
