import { faultsOn } from "./suite.js";

faultsOn("raft", "peer0.holder");
