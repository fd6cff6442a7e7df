// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

interface Token {
    function balanceOf(address account) external view returns (uint256);
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

error TokenMissing(address token);
error TokenFailed(address token);
error NothingArrived(address token);
error TokenTookMore(address token, uint256 taken, uint256 amount);

/**
 * Moves tokens as they are in the world: some answer nothing (USDT), some `false` in place of failing, some take a fee on
 * the way. What a token says counts for nothing but failure; what moved is measured.
 */
library Erc20 {
    /// Takes `amount` from somebody who has approved it. Returns what arrived, at most `amount`.
    function take(address token, address from, uint256 amount) internal returns (uint256 arrived) {
        uint256 before = Token(token).balanceOf(address(this));
        send(token, abi.encodeCall(Token.transferFrom, (from, address(this), amount)));
        uint256 afterwards = Token(token).balanceOf(address(this));
        if (afterwards <= before) revert NothingArrived(token);
        arrived = afterwards - before;
        if (arrived > amount) arrived = amount;
    }

    /// Gives `amount`; a token that takes more for it would take it from others.
    function give(address token, address to, uint256 amount) internal {
        uint256 before = Token(token).balanceOf(address(this));
        send(token, abi.encodeCall(Token.transfer, (to, amount)));
        uint256 afterwards = Token(token).balanceOf(address(this));
        if (afterwards < before && before - afterwards > amount) {
            revert TokenTookMore(token, before - afterwards, amount);
        }
    }

    function send(address token, bytes memory data) private {
        if (token.code.length == 0) revert TokenMissing(token);
        (bool taken, bytes memory answer) = token.call(data);
        if (!taken) revert TokenFailed(token);
        if (answer.length != 0 && (answer.length < 32 || uint256(bytes32(answer)) != 1)) revert TokenFailed(token);
    }
}
