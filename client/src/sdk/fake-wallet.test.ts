/** An Ethereum wallet for tests. */
import { recoverKey, signTyped, thumbprint, type TypedData, typedBytes, ethereumKeyOf } from "@quanji/chaincode/log";

/** As a wallet answers: r ‖ s ‖ v. */
export function walletOf(secret: Uint8Array): (data: TypedData) => string {
  const own = thumbprint(ethereumKeyOf(secret));
  return (data) => {
    const bytes = typedBytes(data);
    const signature = signTyped(bytes, secret);
    const bit = [0, 1].find((one) => {
      const key = recoverKey(bytes, signature, one);
      return key !== undefined && thumbprint(key) === own;
    });
    if (bit === undefined) throw new Error("the key is not recovered");
    return `0x${Buffer.from(signature).toString("hex")}${(27 + bit).toString(16)}`;
  };
}
