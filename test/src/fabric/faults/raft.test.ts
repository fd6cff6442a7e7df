import { faultsOn } from "./suite.js";

faultsOn("raft", { crowded: "peer0.holder", second: true });
