// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Erc20, TokenMissing} from "./Erc20.sol";
import {Portion, Signed, Statement, PortionCount} from "./Signed.sol";

/**
 * Money that waits for statements of data contracts. A payer opens a deal, which says who must agree on a statement, and
 * locks an ERC-20 token. With the digest of a statement and the signatures of m of the n signers part of it is claimed for
 * those whom the statement names; the payer may dispute that within a window; then each takes out what is its own.
 *
 * Nobody owns this contract: nothing in it can be changed, stopped, or taken out by anybody but whose balance it is.
 */
contract Escrow {
    struct Terms {
        /// SHA-256 of the id of the ledger's contract.
        bytes32 contractId;
        address payer;
        address token;
        /// Most that may ever be locked, in the token's smallest units, as every amount here.
        uint128 limit;
        /// Smallest units of the token in one minor unit of the statement's currency: 10^k. Portions are whole numbers of it.
        uint128 unit;
        /// Ascending.
        address[] signers;
        uint8 threshold;
        /// How long the payer may dispute a claim.
        uint32 disputeSeconds;
        /// Seconds since 1970. From here on nothing is locked or claimed any more, and what is free goes back.
        uint64 expires;
    }

    struct Deal {
        address payer;
        uint64 expires;
        uint32 disputeSeconds;
        address token;
        uint8 threshold;
        bool cancelled;
        uint128 limit;
        /// All that was ever locked.
        uint128 arrived;
        /// Locked, and neither claimed nor gone back.
        uint128 free;
        uint128 unit;
        address[] signers;
    }

    enum State {
        None,
        Pending,
        Disputed,
        Settled,
        Resolved,
        Lapsed
    }

    struct Claim {
        State state;
        uint128 total;
        /// Pending: end of the payer's window. Disputed: end of the signers'.
        uint64 end;
        /// Block of the claim, where its portions stand in the event.
        uint48 number;
        /// Hash of the portions.
        bytes32 portions;
        /// What it was disputed with.
        bytes32 reason;
    }

    uint256 public constant MAX_SIGNERS = 16;
    uint256 public constant MAX_SECONDS = 3660 days;
    /// Not 0 and 1: a slot that never becomes zero is cheaper to write.
    uint256 private constant OUT = 1;
    uint256 private constant IN = 2;

    mapping(bytes32 deal => Deal) private deals;
    mapping(bytes32 deal => mapping(bytes32 root => Claim)) private claims;
    /// Lowest revision of a period that may still be claimed.
    mapping(bytes32 deal => mapping(bytes32 period => uint64)) public nextRevision;
    /// What an account may take out.
    mapping(address token => mapping(address account => uint256)) public balances;
    /// All that is in here of a token by these books: free, claimed and in balances. The token's own may be more, not less.
    mapping(address token => uint256) public held;
    uint256 private entered = OUT;

    event Opened(bytes32 indexed deal, bytes32 indexed contractId, address indexed payer, Terms terms);
    event Locked(bytes32 indexed deal, uint256 amount, uint256 arrived);
    event Claimed(
        bytes32 indexed deal,
        bytes32 indexed root,
        bytes32 indexed period,
        uint32 revision,
        uint64 end,
        uint256 total,
        Portion[] portions
    );
    event Disputed(bytes32 indexed deal, bytes32 indexed root, bytes32 reason, uint64 end);
    event Settled(bytes32 indexed deal, bytes32 indexed root);
    event Resolved(bytes32 indexed deal, bytes32 indexed root, uint256 paid, uint256 returned);
    event Lapsed(bytes32 indexed deal, bytes32 indexed root, uint256 returned);
    event Cancelled(bytes32 indexed deal, uint256 returned);
    event Credited(bytes32 indexed deal, address indexed token, address indexed account, uint256 amount);
    event Withdrawn(address indexed token, address indexed account, address to, uint256 amount);

    error Reentered();
    error NotPayer(address payer, address sender);
    error AmountMissing();
    error ThresholdInvalid(uint256 threshold, uint256 signers);
    error SignersUnordered(uint256 index);
    error TimeInvalid(uint256 seconds_);
    error DealKnown(bytes32 deal);
    error DealUnknown(bytes32 deal);
    error DealCancelled(bytes32 deal);
    error Expired(uint64 expires);
    error NotExpired(uint64 expires);
    error OverLimit(uint256 left, uint256 amount);
    error OverFree(uint256 free, uint256 total);
    error StatementKnown(bytes32 deal, bytes32 root);
    error RevisionKnown(bytes32 period, uint64 next);
    error StateInvalid(State state);
    error WindowOver(uint64 end);
    error WindowOpen(uint64 end);
    error ReasonMissing();
    error PortionsUnknown();
    error OverClaim(uint256 claimed, uint256 total);
    error PayeeInvalid(address to);
    error OverBalance(uint256 balance, uint256 amount);

    /// Of what calls a token: whatever the token calls meanwhile, it finds this contract shut.
    modifier alone() {
        if (entered == IN) revert Reentered();
        entered = IN;
        _;
        entered = OUT;
    }

    /// Of what calls nobody.
    modifier outside() {
        if (entered == IN) revert Reentered();
        _;
    }

    /// Authorises: fixes who must sign, how much may be locked at most, and until when. By the payer, once for these terms.
    function open(Terms calldata terms) external outside returns (bytes32 deal) {
        uint256 count = terms.signers.length;
        if (msg.sender != terms.payer) revert NotPayer(terms.payer, msg.sender);
        if (terms.token.code.length == 0) revert TokenMissing(terms.token);
        if (terms.limit == 0 || terms.unit == 0) revert AmountMissing();
        if (terms.threshold == 0 || terms.threshold > count || count > MAX_SIGNERS) {
            revert ThresholdInvalid(terms.threshold, count);
        }
        address last = address(0);
        for (uint256 i = 0; i < count; i++) {
            if (terms.signers[i] <= last) revert SignersUnordered(i);
            last = terms.signers[i];
        }
        if (terms.expires <= block.timestamp || terms.expires - block.timestamp > MAX_SECONDS) {
            revert TimeInvalid(terms.expires);
        }
        if (terms.disputeSeconds > MAX_SECONDS) revert TimeInvalid(terms.disputeSeconds);
        deal = keccak256(abi.encode(terms));
        Deal storage d = deals[deal];
        if (d.payer != address(0)) revert DealKnown(deal);
        d.payer = terms.payer;
        d.expires = terms.expires;
        d.disputeSeconds = terms.disputeSeconds;
        d.token = terms.token;
        d.threshold = terms.threshold;
        d.limit = terms.limit;
        d.unit = terms.unit;
        d.signers = terms.signers;
        emit Opened(deal, terms.contractId, terms.payer, terms);
    }

    /// Takes `amount` from the payer, who has approved it to this contract. What arrived is locked.
    function lock(bytes32 deal, uint128 amount) external alone returns (uint128 arrived) {
        Deal storage d = live(deal);
        if (msg.sender != d.payer) revert NotPayer(d.payer, msg.sender);
        if (amount > d.limit - d.arrived) revert OverLimit(d.limit - d.arrived, amount);
        arrived = uint128(Erc20.take(d.token, msg.sender, amount));
        d.arrived += arrived;
        d.free += arrived;
        held[d.token] += arrived;
        emit Locked(deal, amount, arrived);
    }

    /// By anybody who brings the signatures. Each statement once, and of each period every revision higher than the last.
    function claim(Statement calldata s, Portion[] calldata portions, bytes[] calldata signatures) external outside {
        Deal storage d = live(s.deal);
        Claim storage c = claims[s.deal][s.root];
        if (c.state != State.None) revert StatementKnown(s.deal, s.root);
        uint64 next = nextRevision[s.deal][s.period];
        if (s.revision < next) revert RevisionKnown(s.period, next);
        if (portions.length == 0) revert PortionCount(0);
        (uint256 total, bytes32 hash) = Signed.sum(portions, d.unit);
        if (total > d.free) revert OverFree(d.free, total);
        Signed.check(Signed.claim(s, total, hash), d.signers, d.threshold, signatures);
        nextRevision[s.deal][s.period] = uint64(s.revision) + 1;
        d.free -= uint128(total);
        c.state = State.Pending;
        c.total = uint128(total);
        c.end = uint64(block.timestamp) + d.disputeSeconds;
        c.number = uint48(block.number);
        c.portions = hash;
        emit Claimed(s.deal, s.root, s.period, s.revision, c.end, total, portions);
    }

    /**
     * By the payer, while the window is open. `reason`: SHA-256 of what it says on the ledger; signers have until the deal
     * expires, or as long as the payer had if that is later, to answer.
     */
    function dispute(bytes32 deal, bytes32 root, bytes32 reason) external outside {
        Deal storage d = known(deal);
        Claim storage c = inState(deal, root, State.Pending);
        if (msg.sender != d.payer) revert NotPayer(d.payer, msg.sender);
        if (block.timestamp >= c.end) revert WindowOver(c.end);
        if (reason == 0) revert ReasonMissing();
        uint64 from = uint64(block.timestamp);
        c.state = State.Disputed;
        c.end = (d.expires > from ? d.expires : from) + d.disputeSeconds;
        c.reason = reason;
        emit Disputed(deal, root, reason, c.end);
    }

    /// Ends a dispute: who gets what, signed anew. What is left of the claim goes back to the payer.
    function resolve(bytes32 deal, bytes32 root, Portion[] calldata portions, bytes[] calldata signatures)
        external
        outside
    {
        Deal storage d = known(deal);
        Claim storage c = inState(deal, root, State.Disputed);
        if (block.timestamp >= c.end) revert WindowOver(c.end);
        (uint256 paid, bytes32 hash) = Signed.sum(portions, d.unit);
        if (paid > c.total) revert OverClaim(c.total, paid);
        Signed.check(Signed.resolution(deal, root, c.reason, paid, hash), d.signers, d.threshold, signatures);
        c.state = State.Resolved;
        creditEach(deal, d.token, portions);
        credit(deal, d.token, d.payer, c.total - paid);
        emit Resolved(deal, root, paid, c.total - paid);
    }

    /// Nobody answered a dispute in time: all of the claim goes back to the payer. By anybody.
    function lapse(bytes32 deal, bytes32 root) external outside {
        Deal storage d = known(deal);
        Claim storage c = inState(deal, root, State.Disputed);
        if (block.timestamp < c.end) revert WindowOpen(c.end);
        c.state = State.Lapsed;
        credit(deal, d.token, d.payer, c.total);
        emit Lapsed(deal, root, c.total);
    }

    /// The window is over and the payer did not dispute: the portions of the claim are their payees'. By anybody.
    function settle(bytes32 deal, bytes32 root, Portion[] calldata portions) external outside {
        Deal storage d = known(deal);
        Claim storage c = inState(deal, root, State.Pending);
        if (block.timestamp < c.end) revert WindowOpen(c.end);
        (, bytes32 hash) = Signed.sum(portions, d.unit);
        if (hash != c.portions) revert PortionsUnknown();
        c.state = State.Settled;
        creditEach(deal, d.token, portions);
        emit Settled(deal, root);
    }

    /// The deal has expired: what is free goes back to the payer. By anybody. Claims that were made in time go on.
    function cancel(bytes32 deal) external outside {
        Deal storage d = known(deal);
        if (d.cancelled) revert DealCancelled(deal);
        if (block.timestamp < d.expires) revert NotExpired(d.expires);
        uint128 free = d.free;
        d.cancelled = true;
        d.free = 0;
        credit(deal, d.token, d.payer, free);
        emit Cancelled(deal, free);
    }

    /// Takes out of one's own balance. `to`: any account, for a token may refuse to pay some.
    function withdraw(address token, address to, uint256 amount) external alone {
        uint256 balance = balances[token][msg.sender];
        if (to == address(0) || to == address(this)) revert PayeeInvalid(to);
        if (amount == 0) revert AmountMissing();
        if (amount > balance) revert OverBalance(balance, amount);
        balances[token][msg.sender] = balance - amount;
        held[token] -= amount;
        Erc20.give(token, to, amount);
        emit Withdrawn(token, msg.sender, to, amount);
    }

    function dealOf(bytes32 deal) external view returns (Deal memory) {
        return known(deal);
    }

    /// State 0 where there is none.
    function claimOf(bytes32 deal, bytes32 root) external view returns (Claim memory) {
        return claims[deal][root];
    }

    function known(bytes32 deal) private view returns (Deal storage d) {
        d = deals[deal];
        if (d.payer == address(0)) revert DealUnknown(deal);
    }

    /// Neither cancelled nor expired: that nothing is claimed after a cancellation does not rest on the clock alone.
    function live(bytes32 deal) private view returns (Deal storage d) {
        d = known(deal);
        if (d.cancelled) revert DealCancelled(deal);
        if (block.timestamp >= d.expires) revert Expired(d.expires);
    }

    function inState(bytes32 deal, bytes32 root, State state) private view returns (Claim storage c) {
        c = claims[deal][root];
        if (c.state != state) revert StateInvalid(c.state);
    }

    function creditEach(bytes32 deal, address token, Portion[] calldata portions) private {
        for (uint256 i = 0; i < portions.length; i++) credit(deal, token, portions[i].payee, portions[i].amount);
    }

    function credit(bytes32 deal, address token, address account, uint256 amount) private {
        if (amount == 0) return;
        balances[token][account] += amount;
        emit Credited(deal, token, account, amount);
    }
}
