import { faultsOn } from "./suite.js";

faultsOn("bft", { crowded: "peer0.regulator", second: false });
