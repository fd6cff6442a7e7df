// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What is paid to whom of a claim: in the token's smallest units.
struct Portion {
    address payee;
    uint128 amount;
}

/// What a claim is about: a closed statement of the deal's contract.
struct Statement {
    bytes32 deal;
    /// Digest of what bills the statement, as the ledger has it: its invoice, or an adjustment's credit note.
    bytes32 root;
    /// Month that it closes, as text: "2026-10", zeros after it.
    bytes32 period;
    /// 0 for a month's statement, then one more for each adjustment.
    uint32 revision;
}

error SignaturesMissing(uint256 given, uint256 threshold);
error SignatureInvalid(uint256 index);
error SignerOrder(uint256 index, address signer);
error NotSigner(uint256 index, address signer);
error PortionInvalid(uint256 index);
error PortionCount(uint256 count);

/**
 * What signers of a deal sign, by EIP-712, and how their signatures are counted.
 * A signature is good for one statement of one deal in one contract on one chain, and for a claim or for a resolution.
 */
library Signed {
    bytes32 private constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME = keccak256("Quanji Escrow");
    bytes32 private constant VERSION = keccak256("1");
    bytes32 private constant PORTION = keccak256("Portion(address payee,uint128 amount)");
    bytes32 private constant CLAIM = keccak256(
        "Claim(bytes32 deal,bytes32 statementRoot,bytes32 period,uint32 revision,uint256 total,Portion[] portions)Portion(address payee,uint128 amount)"
    );
    bytes32 private constant RESOLUTION = keccak256(
        "Resolution(bytes32 deal,bytes32 statementRoot,bytes32 reason,uint256 total,Portion[] portions)Portion(address payee,uint128 amount)"
    );
    /// Half the order of secp256k1: of the two forms of a signature only the one below it is taken (EIP-2).
    uint256 private constant HALF = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    /// More of them could make a claim that nobody can settle, for a block's gas ends.
    uint256 private constant MAX_PORTIONS = 64;

    /// Sum and hash of portions. Each is a whole number of units, more than none, and to somebody who can take it out.
    function sum(Portion[] calldata portions, uint256 unit) internal view returns (uint256 total, bytes32 hash) {
        uint256 count = portions.length;
        if (count > MAX_PORTIONS) revert PortionCount(count);
        bytes32[] memory hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; i++) {
            (address payee, uint256 amount) = (portions[i].payee, portions[i].amount);
            if (payee == address(0) || payee == address(this) || amount == 0 || amount % unit != 0) {
                revert PortionInvalid(i);
            }
            total += amount;
            hashes[i] = keccak256(abi.encode(PORTION, payee, amount));
        }
        hash = keccak256(abi.encodePacked(hashes));
    }

    function claim(Statement calldata s, uint256 total, bytes32 portions) internal view returns (bytes32) {
        return typed(keccak256(abi.encode(CLAIM, s.deal, s.root, s.period, s.revision, total, portions)));
    }

    /// `reason`: what the payer disputed the claim with, so that nobody can have signed before that.
    function resolution(bytes32 deal, bytes32 root, bytes32 reason, uint256 total, bytes32 portions)
        internal
        view
        returns (bytes32)
    {
        return typed(keccak256(abi.encode(RESOLUTION, deal, root, reason, total, portions)));
    }

    /**
     * Each signature (r, s, v: 65 bytes) must be of another signer of the list, and there must be `threshold` or more.
     * @dev Signers and signatures are both in ascending order of address: one walk, and none counts twice.
     */
    function check(bytes32 digest, address[] storage signers, uint256 threshold, bytes[] calldata signatures)
        internal
        view
    {
        if (signatures.length < threshold) revert SignaturesMissing(signatures.length, threshold);
        address last = address(0);
        uint256 next = 0;
        for (uint256 i = 0; i < signatures.length; i++) {
            address signer = recover(digest, signatures[i]);
            if (signer == address(0)) revert SignatureInvalid(i);
            if (signer <= last) revert SignerOrder(i, signer);
            while (next < signers.length && signers[next] < signer) next++;
            if (next == signers.length || signers[next] != signer) revert NotSigner(i, signer);
            last = signer;
        }
    }

    /// Zero for what is no signature.
    function recover(bytes32 digest, bytes calldata signature) private pure returns (address) {
        if (signature.length != 65) return address(0);
        bytes32 s = bytes32(signature[32:64]);
        if (uint256(s) > HALF) return address(0);
        return ecrecover(digest, uint8(signature[64]), bytes32(signature[0:32]), s);
    }

    /// The chain's id is asked for each time: where a chain splits in two, a signature stays good for one of them.
    function typed(bytes32 hash) private view returns (bytes32) {
        bytes32 domain = keccak256(abi.encode(DOMAIN, NAME, VERSION, block.chainid, address(this)));
        return keccak256(abi.encodePacked(bytes2(0x1901), domain, hash));
    }
}
