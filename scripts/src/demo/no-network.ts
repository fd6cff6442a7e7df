/** Preloaded where network namespaces are not allowed: from here on, every attempt to connect throws. */
import { Socket } from "node:net";

Socket.prototype.connect = function connect(): never {
  throw new Error("this process has no network");
};
