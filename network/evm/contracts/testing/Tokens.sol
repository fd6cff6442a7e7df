// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Tokens to test with, each with one of the ways that tokens in the world have. Anybody may mint.
abstract contract Base {
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external virtual returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function spend(address from, uint256 amount) internal {
        require(allowance[from][msg.sender] >= amount, "allowance");
        allowance[from][msg.sender] -= amount;
    }

    function move(address from, address to, uint256 amount) internal {
        require(balanceOf[from] >= amount, "balance");
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// As the standard has it.
contract GoodToken is Base {
    function transfer(address to, uint256 amount) external returns (bool) {
        move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        spend(from, amount);
        move(from, to, amount);
        return true;
    }
}

/// Answers nothing, and wants an allowance to be taken back before it is changed (USDT).
contract SilentToken is Base {
    function approve(address spender, uint256 amount) external override returns (bool) {
        require(amount == 0 || allowance[msg.sender][spender] == 0, "allowance not zero");
        allowance[msg.sender][spender] = amount;
        assembly {
            return(0, 0)
        }
    }

    function transfer(address to, uint256 amount) external {
        move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        spend(from, amount);
        move(from, to, amount);
    }
}

/// Says what it is told to say, and moves only what it can.
contract FalseToken is Base {
    bytes public answer = abi.encode(true);

    function say(bytes calldata next) external {
        answer = next;
    }

    function transfer(address to, uint256 amount) external {
        told(balanceOf[msg.sender] >= amount, msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        told(balanceOf[from] >= amount && allowance[from][msg.sender] >= amount, from, to, amount);
    }

    function told(bool can, address from, address to, uint256 amount) private {
        if (can) move(from, to, amount);
        bytes memory words = can ? answer : abi.encode(false);
        assembly {
            return(add(words, 32), mload(words))
        }
    }
}

/// Keeps a tenth of whatever moves. `onTop`: takes it from the sender besides, instead of from what arrives.
contract FeeToken is Base {
    bool public onTop;

    function setOnTop(bool next) external {
        onTop = next;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        pay(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        spend(from, amount);
        pay(from, to, amount);
        return true;
    }

    function pay(address from, address to, uint256 amount) private {
        uint256 fee = amount / 10;
        if (onTop) {
            move(from, to, amount);
            move(from, address(this), fee);
        } else {
            move(from, to, amount - fee);
            move(from, address(this), fee);
        }
    }
}

/// Calls back whom it is told to while it moves: it is an account of its own, and may be payer and payee itself.
contract HookToken is Base {
    address public target;
    bytes public data;
    /// After the move instead of before it.
    bool public late;
    /// Calls that were made from within a move, how many of them went through, and what the last was refused with.
    uint256 public tried;
    uint256 public through;
    bytes public refusal;

    function arm(address target_, bytes calldata data_, bool late_) external {
        (target, data, late) = (target_, data_, late_);
    }

    function rest() external {
        (target, tried, through) = (address(0), 0, 0);
    }

    /// Acts as this account.
    function act(address to, bytes calldata call) external {
        (bool taken, bytes memory answer) = to.call(call);
        if (!taken) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        if (!late) hook();
        move(msg.sender, to, amount);
        if (late) hook();
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        spend(from, amount);
        if (!late) hook();
        move(from, to, amount);
        if (late) hook();
        return true;
    }

    function hook() private {
        address once = target;
        if (once == address(0)) return;
        target = address(0);
        tried++;
        (bool taken, bytes memory answer) = once.call(data);
        if (taken) through++;
        else refusal = answer;
    }
}
