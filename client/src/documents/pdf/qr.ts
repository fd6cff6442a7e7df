/** QR codes as modules: true is dark. @see ISO/IEC 18004:2015 */
import qrcode from "qrcode-generator";

/** Error correction M: a fold or a stamp may cover a seventh of it. The smallest version that holds the text. */
export function qrModules(text: string): readonly (readonly boolean[])[] {
  const code = qrcode(0, "M");
  code.addData(text, "Byte");
  code.make();
  const size = code.getModuleCount();
  return Array.from({ length: size }, (_, row) =>
    Array.from({ length: size }, (__, column) => code.isDark(row, column)),
  );
}
