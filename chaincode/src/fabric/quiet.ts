/**
 * Imported before the shim: its loggers take their level when they are made. Below that level they still format every message,
 * tens of them for each read and write, so the ones on the way of a transaction are silenced altogether.
 */
process.env["CORE_CHAINCODE_LOGGING_LEVEL"] ??= "WARNING";

/** The shim's loggers on the way of a transaction. */
const CHATTY = ["lib/handler.js", "lib/stub.js", "lib/chaincode.js", "lib/iterators.js"] as const;

/** How the shim tells of a refusal: an answer to the caller, which needs no line in the endorser's log. */
const REFUSAL = "returned error response";

interface Chatty {
  debug: unknown;
  info: unknown;
  error: unknown;
}

/** @param loggerOf the shim's own: the same name gives the same logger. */
export function hush(loggerOf: (name: string) => Chatty): void {
  for (const name of CHATTY) {
    const logger = loggerOf(name);
    const silent = (): Chatty => logger;
    const complain = (logger.error as (message: unknown, ...rest: unknown[]) => unknown).bind(logger);
    logger.debug = silent;
    logger.info = silent;
    logger.error = (message: unknown, ...rest: unknown[]): unknown =>
      typeof message === "string" && message.includes(REFUSAL) ? logger : complain(message, ...rest);
  }
}
