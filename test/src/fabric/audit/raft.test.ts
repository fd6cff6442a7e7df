import { auditSuite } from "./suite.js";

auditSuite("raft");
