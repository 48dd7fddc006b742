// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {MeterStatement, Statement} from "../Statement.sol";
import {Say} from "./Say.sol";
import {Tree} from "./Tree.sol";
import {vm} from "./Vm.sol";

/// @title Ours and OpenZeppelin's, behind one interface.
contract Roots {
    function ours(MeterStatement[] calldata statements, bytes32[] calldata proof, bool[] calldata flags)
        external
        pure
        returns (bytes32)
    {
        return Statement.rootOf(statements, proof, flags);
    }

    function theirs(MeterStatement[] calldata statements, bytes32[] calldata proof, bool[] calldata flags)
        external
        pure
        returns (bytes32)
    {
        bytes32[] memory leaves = new bytes32[](statements.length);
        for (uint256 i = 0; i < statements.length; ++i) {
            leaves[i] = Tree.leaf(statements[i]);
        }
        return MerkleProof.processMultiProofCalldata(proof, flags, leaves);
    }

    /// Whatever lies in memory where it works.
    function oursInDirtyMemory(
        MeterStatement[] calldata statements,
        bytes32[] calldata proof,
        bool[] calldata flags
    ) external pure returns (bytes32) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            for { let i := 0 } lt(i, 0x4000) { i := add(i, 0x20) } {
                mstore(add(free, i), not(0))
            }
        }
        return Statement.rootOf(statements, proof, flags);
    }
}

contract MultiproofTest is Say {
    Roots private roots = new Roots();

    function test_the_root_is_openzeppelins_for_every_choice_of_every_tree(uint256 size, uint256 chosen)
        public
        view
    {
        size = within(size, 1, 40);
        chosen = within(chosen, 1, (1 << size) - 1);
        MeterStatement[] memory all = _statements(size);
        (MeterStatement[] memory s, bytes32[] memory proof, bool[] memory flags) = Tree.prove(all, chosen);
        equal(roots.ours(s, proof, flags), Tree.root(all));
        equal(roots.theirs(s, proof, flags), Tree.root(all));
        equal(roots.oursInDirtyMemory(s, proof, flags), Tree.root(all));
    }

    /// Lengths that fit and lengths that do not, flags in any order.
    function test_a_proof_of_any_shape_gives_openzeppelins_root_or_is_refused_by_both(
        uint256 leaves,
        uint256 proofs,
        int8 more,
        uint256 bits
    ) public view {
        leaves = within(leaves, 1, 12);
        proofs = within(proofs, 0, 12);
        int256 length = int256(leaves + proofs) - 1;
        if (bits % 4 == 0) length += int256(more) % 3;
        if (length < 0) length = 0;
        bool[] memory flags = new bool[](uint256(length));
        for (uint256 i = 0; i < flags.length; ++i) {
            flags[i] = bits >> i & 4 != 0;
        }
        // Every other time as many flags are set as a proof that fits has.
        if (bits % 2 == 0) _set(flags, leaves - 1, bits);
        bytes32[] memory proof = new bytes32[](proofs);
        for (uint256 i = 0; i < proofs; ++i) {
            proof[i] = keccak256(abi.encode(bits, i));
        }
        _alike(_statements(leaves), proof, flags);
    }

    /// Or what lies behind the ones that the flags use would pass unproven.
    function test_a_statement_that_no_flag_uses_is_always_refused(uint256 used, uint256 more) public {
        used = within(used, 1, 10);
        bool[] memory flags = new bool[](used - 1);
        for (uint256 i = 0; i < flags.length; ++i) {
            flags[i] = true;
        }
        MeterStatement[] memory s = _statements(used + within(more, 1, 5));
        vm.expectRevert(Statement.InvalidMultiproof.selector);
        roots.ours(s, new bytes32[](0), flags);
    }

    function test_no_statements_are_always_refused(bool withProof) public {
        vm.expectRevert(Statement.InvalidMultiproof.selector);
        roots.ours(new MeterStatement[](0), new bytes32[](withProof ? 1 : 0), new bool[](0));
    }

    function _alike(MeterStatement[] memory s, bytes32[] memory proof, bool[] memory flags) private view {
        (bool done, bytes memory answer) =
            address(roots).staticcall(abi.encodeCall(roots.ours, (s, proof, flags)));
        (bool doneThere, bytes memory answerThere) =
            address(roots).staticcall(abi.encodeCall(roots.theirs, (s, proof, flags)));
        holds(done == doneThere);
        if (done) equal(answer, answerThere);
        else equal(answer, abi.encodeWithSelector(Statement.InvalidMultiproof.selector));
    }

    function _set(bool[] memory flags, uint256 wanted, uint256 seed) private pure {
        uint256 set = 0;
        for (uint256 i = 0; i < flags.length; ++i) {
            uint256 left = flags.length - i;
            bool must = wanted - set >= left;
            flags[i] = must || (set < wanted && uint256(keccak256(abi.encode(seed, i))) % 2 == 0);
            if (flags[i]) ++set;
        }
    }

    function _statements(uint256 n) private pure returns (MeterStatement[] memory all) {
        all = new MeterStatement[](n);
        for (uint256 i = 0; i < n; ++i) {
            all[i] = MeterStatement(keccak256(abi.encode(i)), uint64(i), uint64(2 * i), bytes32(i));
        }
    }
}
