import { faultsOn } from "./suite.js";

faultsOn("bft", "peer0.regulator");
