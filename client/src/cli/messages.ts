/** What errors and verdicts mean and what to do next, in two languages: one table, a row for every code. */
import { type Code, CODES } from "@quanji/chaincode/domain";
import { AUDIT_FINDINGS, isAuditFinding } from "../audit/findings.js";
import { UNCHECKED, type Unchecked } from "../audit/unchecked.js";
import { MISSING, type Missing } from "../reconcile/findings.js";
import { ADVICE, type Advice, FINDINGS, isFinding } from "../verify/index.js";

export const LANGUAGES = ["zh", "en"] as const;
export type Lang = (typeof LANGUAGES)[number];

/** `zh`: the meaning (English is in the table of codes). `next`: what the user can do, English and Chinese. */
interface Row {
  readonly zh: string;
  readonly next: readonly [en: string, zh: string];
}

const row = (zh: string, en: string, nextZh: string): Row => ({ zh, next: [en, nextZh] });

const CHECK_COMMAND = [
  "check the named field; quanji help COMMAND shows its form",
  "检查所指字段；quanji help 命令 可查看格式",
] as const;
const ASK_GRANTOR = ["ask for what you need: quanji grant request", "申请所需授权：quanji grant request"] as const;
const LOOK_AT_GRANT = ["look at the grant: quanji show grant ID", "查看授权：quanji show grant 编号"] as const;
const DO_NOT_TRUST = [
  "do not rely on this file; get it again from whoever should have it",
  "不要采信该文件；请向应持有者重新获取",
] as const;
const WAIT = ["wait a little and try again", "稍候重试"] as const;

export const MESSAGES: Readonly<Record<Code, Row>> = {
  MALFORMED: row("格式不符：字段未知、缺失或取值越界", ...CHECK_COMMAND),
  SIGNATURE_INVALID: row(
    "签名不能用已登记的密钥验证",
    "is this the party's registered key? quanji keys show FILE, quanji show party ID",
    "确认密钥已登记：quanji keys show 文件；quanji show party 编号",
  ),
  COMMAND_STALE: row("签名时间与网关时钟相差超过 60 秒", "set this machine's clock", "校准本机时钟"),
  COMMAND_MISDIRECTED: row(
    "命令所签网址并非该网关的登记网址",
    "check --gateway, and that it is the gateway you mean",
    "检查 --gateway 是否为所要的网关",
  ),
  COMMAND_REPLAYED: row("该编号已被使用", "run the command again: it is signed anew", "重新执行命令即可重新签名"),
  NOT_FOUND: row(
    "不存在，或您无权查看",
    "check the id; quanji ls shows what you may see",
    "检查编号；quanji ls 列出可见对象",
  ),
  ROLE_REQUIRED: row(
    "您没有执行此操作所需的角色或权属",
    "sign with the key of the party that may: --key",
    "用有权主体的密钥签名：--key",
  ),
  CONFLICT_OF_INTEREST: row(
    "不得审批与自己有关的事项",
    "another party of the route must decide",
    "须由流程中的其他主体决定",
  ),
  STATE_CONFLICT: row(
    "当前状态不允许此操作，或对象已存在",
    "look at the present state: quanji show KIND ID",
    "查看当前状态：quanji show 种类 编号",
  ),
  PARTY_ID_INVALID: row(
    "统一社会信用代码校验位或 URN 格式有误",
    "type the 18 characters again, or use a URN such as urn:uuid:…",
    "重新核对 18 位代码，或使用 urn:uuid:… 形式",
  ),
  PARTY_INACTIVE: row(
    "主体尚未准入或已被暂停",
    "ask the registrar: quanji party admit ID",
    "请登记机构准入：quanji party admit 编号",
  ),
  KEY_INVALID: row(
    "密钥不在有效期内、用途不符或已报失",
    "sign with a valid key, or quanji party rotate-key",
    "换用有效密钥，或 quanji party rotate-key",
  ),
  ORDER_FROZEN: row("冻结令覆盖该资源、主体或授权", "ask the regulator that gave the order", "联系发出冻结令的监管方"),
  RESOURCE_SUSPENDED: row("资源已暂停使用", "ask the steward", "联系数源单位"),
  BOUNDARY_FORBIDS: row("生效清单禁止该使用", "the lists in force must change first", "须先修订生效清单"),
  BOUNDARY_APPROVAL: row(
    "生效清单要求的审批不在授权流程中",
    "ask for a grant whose route has that approver",
    "申请含该审批方的授权",
  ),
  GRANT_MISSING: row("没有适用于该资源的授权", ...ASK_GRANTOR),
  NOT_GRANTEE: row(
    "您不是该授权的被授权方",
    "use a grant of your own: quanji ls grants",
    "使用自己的授权：quanji ls grants",
  ),
  GRANT_REVOKED: row("授权已撤销、被拒或撤回", ...ASK_GRANTOR),
  GRANT_SUSPENDED: row("授权已暂停", "ask who suspended it", "联系暂停方"),
  GRANT_PENDING: row("授权尚未全部批准或未接受", ...LOOK_AT_GRANT),
  GRANT_NOT_YET: row("尚未到授权生效时间", ...LOOK_AT_GRANT),
  GRANT_EXPIRED: row("授权已过期", ...ASK_GRANTOR),
  ANCESTOR_NOT_IN_FORCE: row("上级授权已失效", "ask the grantor of the parent", "联系上级授权方"),
  ACTION_OUTSIDE_GRANT: row("操作超出授权范围", ...LOOK_AT_GRANT),
  PURPOSE_OUTSIDE_GRANT: row("用途超出授权范围", ...LOOK_AT_GRANT),
  FIELDS_OUTSIDE_GRANT: row("字段超出授权范围", ...LOOK_AT_GRANT),
  RANGE_OUTSIDE_GRANT: row(
    "数据范围超出授权",
    "name a range within the grant's: --range FROM/TO",
    "指定授权内的范围：--range 起/止",
  ),
  ENVIRONMENT_OUTSIDE_GRANT: row("使用环境超出授权范围", ...LOOK_AT_GRANT),
  JURISDICTION_OUTSIDE_GRANT: row("使用地超出授权范围", ...LOOK_AT_GRANT),
  RATE_EXCEEDED: row("调用过于频繁", ...WAIT),
  QUOTA_EXCEEDED: row(
    "额度已用完",
    "wait for the next period, or ask for a larger quota",
    "等待下一周期，或申请更大额度",
  ),
  NOT_RECORDED: row(
    "存证未提交，数据未释放",
    "try again: nothing was released and nothing was counted",
    "请重试：未释放数据，未计次数",
  ),
  BEHIND: row("网关尚未同步到所要求的区块", ...WAIT),
  SOURCE_FAILED: row(
    "数据源未按约应答",
    "ask the steward; the gateway's log has the cause",
    "联系数源单位；原因见网关日志",
  ),
  SOURCE_CONFLICT: row(
    "一数一源：该数据项已有来源",
    "ask for a grant on the resource that is named",
    "向所指资源申请授权",
  ),
  BASIS_MISSING: row("缺少法律依据或负责人", "give --law and --head", "补充 --law 和 --head"),
  GRADE_TOO_LOW: row("分级低于上游或字段", "raise --grade", "提高 --grade"),
  LINEAGE_MISSING: row("产品缺少来源说明", "name its parents, or declare its origin", "填写上游，或声明来源"),
  LINEAGE_UNGRANTED: row("上游授权缺失或不允许加工", "ask the parent's holder for derive", "向上游申请 derive 授权"),
  RIGHT_MISSING: row(
    "授权方不持有该权利",
    "see who holds it: quanji show resource ID",
    "查看权利持有方：quanji show resource 编号",
  ),
  EXCEEDS_PARENT: row("下级授权超出上级", "narrow the named limit", "收窄所指条款"),
  BACKDATED: row("生效时间早于发布时间", "name a later time", "填写更晚的时间"),
  REFUSAL_UNFOUNDED: row("应共享数据拒绝须有法定理由", "state the legal ground: --ground", "说明法定理由：--ground"),
  OFF_EXCHANGE: row("公共数据必须进场交易", "name an exchange: --exchange", "指定数据交易所：--exchange"),
  CAP_EXCEEDED: row("价格高于上限收费标准", "lower the tier that is named", "降低所指阶梯的价格"),
  ATTESTATION_MISSING: row(
    "缺少有效证明，或证明属于其他版本",
    "get the attestation that is named for this version, and list it",
    "取得该版本的所需证明并列入挂牌",
  ),
  EVIDENCE_MISSING: row(
    "所依据的记录、清算单或数据不存在或有争议",
    "see which one the message names",
    "查看消息所指的依据",
  ),
  TOTAL_MISMATCH: row("重新计算的金额不符", ...DO_NOT_TRUST),
  PROOF_INVALID: row("哈希、签名或开示不符：证据无效", ...DO_NOT_TRUST),
  TRAIL_INCOMPLETE: row("轨迹不完整：有缺失、重复或添加", ...DO_NOT_TRUST),
  UNDERWITNESSED: row(
    "见证签名少于信任文件的要求",
    "ask for the receipt again once it is cosigned",
    "待见证后重新获取",
  ),
  LIMITED: row("请求过多", ...WAIT),
  TOO_LARGE: row("请求体过大", "ask for less at once", "减小单次请求"),
  MEDIA_TYPE: row("内容类型不被接受", "update this tool: it and the gateway differ", "更新本工具，使其与网关一致"),
  TIMEOUT: row("请求未及时送达", ...WAIT),
  INTERNAL: row("网关内部故障", "tell the gateway's operator the request hash", "将请求哈希告知网关运维"),
  STOP_PENDING: row("停用尚未并入授权", ...WAIT),
  HEAD_MOVED: row("账本节点滞后", ...WAIT),
  ANSWER_MISMATCH: row(
    "网关的应答不是对本请求的应答",
    "do not rely on what came; check --gateway and --trust, and tell the operator",
    "不要采信该应答；检查 --gateway 与 --trust，并告知运维",
  ),
  RECEIPT_NOT_COSIGNED: row(
    "一分钟内没有足够的见证方共同签名",
    "keep the receipt and tell the regulator: the gateway may show witnesses another log",
    "保留回执并告知监管方：网关可能向见证方展示另一本日志",
  ),
  UNREACHABLE: row(
    "无法连接网关",
    "is the gateway running? check --gateway; quanji status",
    "网关是否运行？检查 --gateway；quanji status",
  ),
  CONFIG_INVALID: row("配置缺失或有误", "set what the message names", "按提示修正配置"),
};

/** What the reader of a refused file should do; English is in the verifier's table. */
const ADVICE_ZH: Readonly<Record<Advice, string>> = {
  again: "文件在传递中受损或被改动：请重新获取；若仍相同，则不要采信，并告知监管方",
  distrust: "不要采信该文件；请向签发网关重新获取，若仍相同，请保留两份并告知监管方",
  breach: "保留该文件并提交监管方：有人签署或记录了规则禁止之事，此即证据",
  missing: "不要视为完整；请重新获取轨迹，再向监管方网关获取；仍有缺口即视为有访问未向您出示",
  wait: "所示内容或属实，但尚未证明至所要求的终点：稍后再取，或缩短期间",
  witness: "待更多见证方签名后重新获取，或用 --level 指明您认可的等级；切勿为一份文件放宽信任文件",
  anchor: "待日志再次锚定后升级文件（quanji receipt upgrade、quanji trail upgrade），或只要求 cosigned",
  block: "向您信任的该链节点核对此区块是否在链上且已终局，再用 --block-hash 指明；或取信任文件的下一版",
  trust: "将信任文件摘要与监管方经其他渠道给您的摘要核对，并获取其间各版本",
  update: "请使用生成该文件的 Quanji 版本或更新版本",
};

/** Falls back on the code's own where the finer code is not in the verifier's table. */
export function adviceFor(code: Code, detail: string | undefined, lang: Lang): string {
  if (detail === undefined || !isFinding(detail)) return nextOf(code, lang);
  return adviceText(FINDINGS[detail].advice, lang);
}

/** The audit's findings have a table of their own; a checkpoint in a proof is refused with the verifier's. */
export const auditAdviceFor = (detail: string | undefined, lang: Lang): string =>
  detail !== undefined && isAuditFinding(detail)
    ? adviceText(AUDIT_FINDINGS[detail].advice, lang)
    : adviceFor("PROOF_INVALID", detail, lang);

const adviceText = (advice: Advice, lang: Lang): string => (lang === "zh" ? ADVICE_ZH[advice] : ADVICE[advice]);

const MISSING_ZH: Readonly<Record<Missing, string>> = {
  DELIVERY_MISSING: "已允许且时限已过，而无交付存证",
  DELIVERY_UNKNOWN: "网关中断，无人记录是否有数据流出",
  ACCEPTANCE_MISSING: "已交付而使用方未确认",
  TALLY_MISSING: "数据源有计数，而该交付未计入",
};

export const missingText = (code: Missing, lang: Lang): string =>
  lang === "zh" ? MISSING_ZH[code] : MISSING[code].meaning;

const UNCHECKED_ZH: Readonly<Record<Unchecked, string>> = {
  later: "其后是否还有区块",
  uniqueness: "这是否是唯一历史：Raft 下一个排序节点签名即可；请与见证方核对末块哈希",
  organisations: "各组织是否真实存在：嵌入式账本由单一进程持有全部密钥",
  private: "私有集合的值及据其作出的决定：区块只含其哈希",
  administrators: "配置变更是否由管理员签署：以信任文件所列区块为准",
  commitHash: "提交哈希：各节点自行写入，无人签名",
  filter: "所存有效性：区块来自排序节点，无此项；已推导而无可比对",
  checkpoints: "网关是否签署了这些日志的根：部分日志未给出检查点",
};

export const uncheckedText = (name: Unchecked, lang: Lang): string =>
  lang === "zh" ? UNCHECKED_ZH[name] : UNCHECKED[name];

export const meaningOf = (code: Code, lang: Lang): string => (lang === "zh" ? MESSAGES[code].zh : CODES[code].meaning);
export const nextOf = (code: Code, lang: Lang): string => MESSAGES[code].next[lang === "zh" ? 1 : 0];

/** Fixed words of help and verdicts. */
export const WORDS = {
  usage: ["Usage:", "用法："],
  options: ["Options:", "选项："],
  commands: ["Commands:", "命令："],
  arguments: ["Arguments:", "参数："],
  globals: [
    "Global options (--gateway, --key, --trust, --profile, --json, --lang): quanji --help",
    "全局选项（--gateway、--key、--trust、--profile、--json、--lang）：quanji --help",
  ],
  recorded: ["denied, and the denial is recorded", "已拒绝，且拒绝已存证"],
  examples: ["Examples:", "示例："],
  next: ["next:", "下一步："],
  valid: ["VALID", "有效"],
  invalid: ["INVALID", "无效"],
  forkShown: ["FORK SHOWN", "已证明分叉"],
  chainForkShown: ["CHAIN FORK SHOWN", "已证明链分叉"],
  headLieShown: ["FALSE HEAD SHOWN", "已证明链头不实"],
  blockForkShown: ["TWO ACCOUNTS OF ONE BLOCK SHOWN", "已证明对同一区块有两种说法"],
  twoBlocks: ["two blocks under one number", "同一编号有两个区块"],
  twoStates: ["one block, after which two peers came to different states", "同一区块之后两个节点得出不同状态"],
  accusedBlocks: ["both are signed by the witness key", "两者均由该见证密钥签署:"],
  accusedEither: ["one of them, or the peer behind it, is wrong: signed by", "其中一方或其背后的节点有误，签署者:"],
  logVsLedgerShown: ["LOG AGAINST LEDGER SHOWN", "已证明日志与账本不符"],
  signedOtherRoot: ["signed by the log", "该日志签署:"],
  committedRoot: ["committed, as read by peers of", "账本所载，由以下组织的节点读取:"],
  ledgerForkShown: ["LEDGER FORK SHOWN", "已证明账本分叉"],
  block: ["block", "区块"],
  signedBoth: ["both are signed by the orderer", "两者均由该排序节点签署:"],
  signedOne: ["one of the two is signed by the orderer", "其中之一由该排序节点签署:"],
  sameBlocks: ["the other blocks are the same, as far as both go", "另一份区块在共有范围内相同"],
  refusalShown: ["REFUSAL SHOWN", "已证明拒绝"],
  ignoredStopShown: ["IGNORED STOP SHOWN", "已证明停止令被无视"],
  stopStood: ["in force:", "当时有效："],
  permittedAt: ["permitted nevertheless at", "仍于此时获准："],
  accusedPermit: ["the permit is in the log", "准许记录载于该日志:"],
  accusedLog: ["both are signed by the log", "两者均由该日志签署:"],
  accusedHeads: ["the head is signed by", "链头由以下密钥签署:"],
  accusedGateway: ["the refusal is signed by the gateway", "拒绝由该网关签署:"],
  nothingContradicts: ["nothing contradicts in", "未发现矛盾，共比对"],
  accusedWitness: ["both histories are cosigned by the witness", "两份历史均由该见证方联署:"],
  receipt: ["receipt", "回执"],
  trail: ["trail", "轨迹"],
  completeThrough: ["complete through", "完整至"],
  of: ["of", "对象："],
  bulkIn: ["uses that name nobody are included", "含未指明主体的批量使用"],
  bulkOut: ["uses that name nobody are not included", "不含未指明主体的批量使用"],
  from: ["from", "起"],
  to: ["to", "止"],
  request: ["request", "请求"],
  records: ["records", "条存证"],
  permitted: ["permitted", "允许"],
  denied: ["denied", "拒绝"],
  level: ["level", "证据等级"],
  withstands: ["withstands dishonest witnesses:", "可承受不诚实见证方："],
  replayed: ["rules replayed:", "已重放规则："],
  attested: ["believed, not replayed:", "采信而未重放："],
  singleOperator: [
    "single operator: nobody else witnessed this; the operator alone could have shown another history",
    "单一运营方：无其他见证，运营方可能出示另一份历史",
  ],
  testClock: ["the network's time was set by a test", "该网络的时间由测试设定"],
  erased: [
    "fields: {n}, erased by command {command} of {by}, {time}",
    "字段 {n} 个，由 {by} 于 {time} 以命令 {command} 删除",
  ],
  anchored: [
    "{log} stands in chain {chain} at size {size}, by {time}: block {number} ({block}), contract {contract}",
    "{log} 已锚定于链 {chain}，大小 {size}，时间 {time}：区块 {number}（{block}），合约 {contract}",
  ],
  anchoredUnpinned: [
    "not counted: {log} is said to stand in chain {chain} at size {size}; whether block {number} ({block}) is final, nobody has said (--block-hash)",
    "未计入：{log} 据称锚定于链 {chain}，大小 {size}；区块 {number}（{block}）是否终局尚无人确认（--block-hash）",
  ],
  sealed: [
    "entries: {n}, sealed until {until} by {authority} (order {order})",
    "条目 {n} 个，由 {authority} 密封至 {until}（令 {order}）",
  ],
  withheld: [
    "commands said to be on other months of the contract: {n}, counted and not shown",
    "据称属于合同其他月份的命令 {n} 条，计入而未出示",
  ],
  erasedMore: ["and by {n} more commands", "另有 {n} 条删除命令"],
  hosted: ["keys held by a host, which could have signed:", "托管密钥（托管方可代签）："],
  trustFile: ["trust file", "信任文件"],
  ledger: ["ledger", "账本"],
  blocks: ["blocks", "个区块"],
  transactions: ["transactions", "笔交易"],
  ofThemValid: ["valid", "有效"],
  lastHash: ["hash of the last one", "末块哈希"],
  log: ["log", "日志"],
  checkpoints: ["checkpoints compared", "个检查点已比对"],
  unchecked: ["not checked:", "未检查："],
  agreed: ["AGREED", "两端一致"],
  disagreed: ["MISSING", "有缺失"],
  bothEnds: ["both ends of every access", "调用两端"],
  deliveries: ["deliveries", "次交付"],
  accepted: ["accepted", "已确认"],
  tallies: ["tallies", "份计数"],
  pending: ["still within their time", "尚在时限内"],
  sideGateway: ["gateway", "网关"],
  sideUser: ["user", "使用方"],
  sideSource: ["source", "数据源"],
  more: ["more: --json lists all", "条未列出：--json 列出全部"],
} as const satisfies Record<string, readonly [string, string]>;

export const word = (name: keyof typeof WORDS, lang: Lang): string => WORDS[name][lang === "zh" ? 1 : 0];
