// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../Escrow.sol";
import {Base} from "./Tokens.sol";

/// Reads all that an escrow says of some tokens, accounts, deals and claims at once.
contract Auditor {
    struct Key {
        bytes32 deal;
        bytes32 root;
    }

    /// Per token: the escrow's own balance, and its books. Per token and account: balance. Per deal: free, arrived,
    /// cancelled. Per claim: state, total, end.
    function look(
        Escrow escrow,
        address[] calldata tokens,
        address[] calldata accounts,
        bytes32[] calldata deals,
        Key[] calldata claims
    ) external view returns (uint256[] memory words) {
        words = new uint256[](tokens.length * (2 + accounts.length) + 3 * (deals.length + claims.length));
        uint256 next = 0;
        for (uint256 i = 0; i < tokens.length; i++) {
            words[next++] = Base(tokens[i]).balanceOf(address(escrow));
            words[next++] = escrow.held(tokens[i]);
            for (uint256 j = 0; j < accounts.length; j++) words[next++] = escrow.balances(tokens[i], accounts[j]);
        }
        for (uint256 i = 0; i < deals.length; i++) {
            Escrow.Deal memory deal = escrow.dealOf(deals[i]);
            (words[next++], words[next++]) = (deal.free, deal.arrived);
            words[next++] = deal.cancelled ? 1 : 0;
        }
        for (uint256 i = 0; i < claims.length; i++) {
            Escrow.Claim memory claim = escrow.claimOf(claims[i].deal, claims[i].root);
            words[next++] = uint256(claim.state);
            (words[next++], words[next++]) = (claim.total, claim.end);
        }
    }
}
