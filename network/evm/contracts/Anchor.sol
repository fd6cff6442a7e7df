// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/**
 * Heads of append-only logs (RFC 9162), kept where no operator of such a log can take them back. A head is taken only if
 * it is larger than the last one and contains it, which its consistency proof shows right here: so whoever shows another
 * history of a log than the one that stands here is found out. Nobody owns this contract, and nothing in it is ever
 * overwritten but by a head that contains what stood there. Whether the log itself signed a head is for its readers
 * (Ed25519 costs too much here): a false head bears no record, for no checkpoint of the log leads to it.
 */
contract Anchor {
    struct Head {
        uint64 size;
        /// Block in which it was taken.
        uint64 number;
        bytes32 root;
    }

    /// May register logs, and nothing else: not touch one that is registered, nor its publishers.
    address public immutable registrar;

    /// Newest head by log, which is SHA-256 of the log's origin. Size 0: none yet.
    mapping(bytes32 log => Head) private heads;
    mapping(bytes32 log => bool) public isRegistered;
    mapping(bytes32 log => mapping(address => bool)) public isPublisher;

    event Registered(bytes32 indexed log, string origin, address[] publishers);
    event HandedOver(bytes32 indexed log, address from, address to);
    /// `chain`: this chain's id, so that the event says by itself where it happened.
    event Anchored(bytes32 indexed log, uint64 indexed size, bytes32 root, uint256 chain);

    error NotRegistrar();
    error OriginEmpty();
    error NoPublisher();
    error LogKnown(bytes32 log);
    error NotPublisher(bytes32 log, address sender);
    error PublisherKnown(bytes32 log, address publisher);
    error NotLarger(uint64 size, uint64 given);
    error Inconsistent(uint64 size, uint64 given);

    constructor(address registrar_) {
        registrar = registrar_;
    }

    /// Once a log. Who may publish its heads is settled here: the registrar cannot change it later.
    function register(string calldata origin, address[] calldata publishers) external returns (bytes32 log) {
        if (msg.sender != registrar) revert NotRegistrar();
        if (bytes(origin).length == 0) revert OriginEmpty();
        if (publishers.length == 0) revert NoPublisher();
        log = sha256(bytes(origin));
        if (isRegistered[log]) revert LogKnown(log);
        isRegistered[log] = true;
        for (uint256 i = 0; i < publishers.length; i++) {
            if (publishers[i] == address(0)) revert NoPublisher();
            isPublisher[log][publishers[i]] = true;
        }
        emit Registered(log, origin, publishers);
    }

    /// A publisher gives its own place to another key: for rotation. Nobody else can take it away.
    function handOver(bytes32 log, address to) external {
        if (!isPublisher[log][msg.sender]) revert NotPublisher(log, msg.sender);
        if (to == address(0)) revert NoPublisher();
        if (isPublisher[log][to]) revert PublisherKnown(log, to);
        isPublisher[log][msg.sender] = false;
        isPublisher[log][to] = true;
        emit HandedOver(log, msg.sender, to);
    }

    /// Takes a head that is larger than the last and contains it. The first needs no proof.
    function anchor(bytes32 log, uint64 size, bytes32 root, bytes32[] calldata proof) external {
        if (!isPublisher[log][msg.sender]) revert NotPublisher(log, msg.sender);
        Head storage last = heads[log];
        uint64 from = last.size;
        if (size <= from) revert NotLarger(from, size);
        if (!consistent(from, last.root, size, root, proof)) revert Inconsistent(from, size);
        heads[log] = Head(size, uint64(block.number), root);
        emit Anchored(log, size, root, block.chainid);
    }

    /// Newest head of a log; zeros before the first.
    function head(bytes32 log) external view returns (uint64 size, bytes32 root, uint64 number) {
        Head storage last = heads[log];
        return (last.size, last.root, last.number);
    }

    /**
     * Whether the tree of `to` leaves begins with that of `from` leaves.
     * @dev RFC 9162 §2.1.4.2. A proof from the empty tree is empty.
     */
    function consistent(uint64 from, bytes32 fromRoot, uint64 to, bytes32 toRoot, bytes32[] calldata proof)
        public
        pure
        returns (bool)
    {
        if (from >= to) return false;
        if (from == 0) return proof.length == 0;
        uint64 fn = from - 1;
        uint64 sn = to - 1;
        while (fn & 1 == 1) {
            fn >>= 1;
            sn >>= 1;
        }
        // A tree that is one full subtree is not repeated in the proof.
        bool whole = fn == 0;
        uint256 next = 0;
        bytes32 fr = fromRoot;
        if (!whole) {
            if (proof.length == 0) return false;
            fr = proof[0];
            next = 1;
        }
        bytes32 sr = fr;
        for (; next < proof.length; next++) {
            if (sn == 0) return false;
            bytes32 c = proof[next];
            if (fn & 1 == 1 || fn == sn) {
                fr = node(c, fr);
                sr = node(c, sr);
                while (fn & 1 == 0 && fn != 0) {
                    fn >>= 1;
                    sn >>= 1;
                }
            } else {
                sr = node(sr, c);
            }
            fn >>= 1;
            sn >>= 1;
        }
        return sn == 0 && fr == fromRoot && sr == toRoot;
    }

    /// Node of the tree: SHA-256(0x01 ‖ left ‖ right).
    function node(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x01), left, right));
    }
}
