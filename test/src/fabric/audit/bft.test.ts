import { auditSuite } from "./suite.js";

auditSuite("bft");
