// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MeterStatement} from "../Statement.sol";

/// @title Merkle trees as OpenZeppelin's merkle-tree package builds them, written a second time for the tests.
/// @dev The tree is an array: the root at 0, the children of i at 2i + 1 and 2i + 2, leaf k of n at 2n - 2 - k. The
/// package sorts its leaves first; the contract cannot tell, and unsorted leaves keep the tests readable.
library Tree {
    function leaf(MeterStatement memory s) internal pure returns (bytes32) {
        return keccak256(
            bytes.concat(keccak256(abi.encode(uint256(1), s.meterId, s.generatedWh, s.time, s.reading)))
        );
    }

    function root(MeterStatement[] memory statements) internal pure returns (bytes32) {
        return build(statements)[0];
    }

    function build(MeterStatement[] memory statements) internal pure returns (bytes32[] memory nodes) {
        uint256 n = statements.length;
        nodes = new bytes32[](2 * n - 1);
        for (uint256 k = 0; k < n; ++k) {
            nodes[2 * n - 2 - k] = leaf(statements[k]);
        }
        for (uint256 i = n - 1; i > 0; --i) {
            nodes[i - 1] = _hash(nodes[2 * i - 1], nodes[2 * i]);
        }
    }

    /// @dev The multiproof for the statements whose bit is set in `chosen`, in the order in which it wants them.
    function prove(MeterStatement[] memory all, uint256 chosen)
        internal
        pure
        returns (MeterStatement[] memory statements, bytes32[] memory proof, bool[] memory flags)
    {
        Walk memory w;
        w.nodes = build(all);
        w.queue = new uint256[](2 * w.nodes.length);
        statements = new MeterStatement[](all.length);
        for (uint256 k = 0; k < all.length; ++k) {
            if (chosen >> k & 1 == 0) continue;
            statements[w.tail] = all[k];
            w.queue[w.tail++] = w.nodes.length - 1 - k;
        }
        _cut(statements, w.tail);
        w.proof = new bytes32[](w.nodes.length);
        w.flags = new bool[](w.nodes.length);
        while (w.queue[w.first] > 0) _step(w);
        (proof, flags) = (w.proof, w.flags);
        (uint256 proofs, uint256 steps) = (w.proofs, w.steps);
        assembly ("memory-safe") {
            mstore(proof, proofs)
            mstore(flags, steps)
        }
    }

    struct Walk {
        bytes32[] nodes;
        uint256[] queue;
        uint256 first;
        uint256 tail;
        bytes32[] proof;
        bool[] flags;
        uint256 proofs;
        uint256 steps;
    }

    function _step(Walk memory w) private pure {
        uint256 node = w.queue[w.first++];
        uint256 sibling = node % 2 == 1 ? node + 1 : node - 1;
        if (w.first < w.tail && w.queue[w.first] == sibling) {
            w.flags[w.steps++] = true;
            ++w.first;
        } else {
            ++w.steps;
            w.proof[w.proofs++] = w.nodes[sibling];
        }
        w.queue[w.tail++] = (node - 1) / 2;
    }

    function _cut(MeterStatement[] memory statements, uint256 length) private pure {
        assembly ("memory-safe") {
            mstore(statements, length)
        }
    }

    function _hash(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }
}
