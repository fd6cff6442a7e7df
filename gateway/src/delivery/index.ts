export * from "./bindings.js";
export * from "./deliver.js";
export { assertObligation, type Masking, maskValue, parseObligation, planMasking, roundValue } from "./mask.js";
export { assertNoProbe } from "./probe.js";
export {
  type AccessTerms,
  type Condition,
  type Constant,
  matcher,
  parseQuery,
  planRequest,
  type Query,
  QuerySchema,
  type Range,
} from "./query.js";
export { type Field, type FieldType, type Row, type Value } from "./row.js";
export { type Source, type SourceRequest } from "./source.js";
export { SubjectCheck, type TagsOf } from "./subjects.js";
export { tagsAt } from "./tag-keys.js";
export { assertTicket, readStop, type Ticket, TICKET_HEADER } from "./ticket.js";
