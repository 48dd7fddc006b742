// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What tests claim.
abstract contract Say {
    error Differs(bytes32 actual, bytes32 expected);
    error DiffersBytes(bytes actual, bytes expected);
    error DoesNotHold();

    function equal(uint256 actual, uint256 expected) internal pure {
        require(actual == expected, Differs(bytes32(actual), bytes32(expected)));
    }

    function equal(int256 actual, int256 expected) internal pure {
        require(actual == expected, Differs(bytes32(uint256(actual)), bytes32(uint256(expected))));
    }

    function equal(bytes32 actual, bytes32 expected) internal pure {
        require(actual == expected, Differs(actual, expected));
    }

    function equal(address actual, address expected) internal pure {
        equal(uint256(uint160(actual)), uint256(uint160(expected)));
    }

    function equal(bytes memory actual, bytes memory expected) internal pure {
        require(keccak256(actual) == keccak256(expected), DiffersBytes(actual, expected));
    }

    function holds(bool claim) internal pure {
        require(claim, DoesNotHold());
    }

    function within(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + value % (high - low + 1);
    }

    /// The last number itself every other time, or one from 0 to it: promises break at their edge first.
    function upTo(uint256 value, uint256 last) internal pure returns (uint256) {
        return value % 2 == 0 ? last : within(value / 2, 0, last);
    }
}
