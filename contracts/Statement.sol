// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// Statements of different kinds share a tree; this word keeps one from being read as another.
uint256 constant KIND_METER = 1;
uint256 constant KIND_ACCOUNT = 2;

/// A leaf of kind 1: a meter's register at a time.
struct MeterStatement {
    bytes32 meterId;
    /// The counted register of generated energy, Wh: what the meter showed plus its offset (`MeterRegistry.offsetAt`).
    uint64 generatedWh;
    /// When the register was read, Unix seconds.
    uint64 time;
    /// The digest of the reading quoted: keccak256 of its bytes.
    bytes32 reading;
}

/// A leaf of kind 2: a household's cumulative credit.
struct AccountStatement {
    address household;
    /// Whole token units since ever; negative is debt.
    int256 credit;
    /// The end of the last interval counted, Unix seconds.
    uint64 time;
}

/// @title Leaves of a batch's tree, as OpenZeppelin's StandardMerkleTree hashes them.
/// @notice The double hash makes a leaf unlike any inner node (which hashes 64 bytes), so none can be passed off as one.
library Statement {
    function leaf(MeterStatement calldata s) internal pure returns (bytes32 hash) {
        // abi.encode of the kind and the four words as they came: a word that is out of its range hashes to a leaf
        // that no honest tree has, and reverts wherever its value is read. By hand it costs 170 gas a leaf, with
        // abi.encode 700.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, KIND_METER)
            calldatacopy(add(free, 0x20), s, 0x80)
            mstore(0, keccak256(free, 0xa0))
            hash := keccak256(0, 0x20)
        }
    }

    function leaf(AccountStatement calldata s) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(KIND_ACCOUNT, s.household, s.credit, s.time))));
    }

    /// @notice The root that a multiproof leads to, exactly as OpenZeppelin's `processMultiProof` finds it from the
    /// statements' leaves; a proof that does not fit its flags is refused.
    /// @dev Settling a hundred meters walks a hundred leaves and ninety-nine inner nodes. By hand that costs 400 gas a
    /// meter, with OpenZeppelin's function and an array of leaves 2,500; a test holds both to the same roots.
    function rootOf(MeterStatement[] calldata statements, bytes32[] calldata proof, bool[] calldata flags)
        internal
        pure
        returns (bytes32 root)
    {
        if (statements.length == 0 || statements.length + proof.length != flags.length + 1) {
            revert InvalidMultiproof();
        }
        bool fits;
        assembly ("memory-safe") {
            // The queue, in free memory: the leaves, then the inner nodes as they come. Behind it a leaf's preimage.
            let first := mload(0x40)
            let last := add(first, shl(5, statements.length))
            let preimage := add(last, shl(5, flags.length))
            mstore(preimage, KIND_METER)
            let s := statements.offset
            for { let leafAt := first } lt(leafAt, last) { leafAt := add(leafAt, 0x20) } {
                calldatacopy(add(preimage, 0x20), s, 0x80)
                mstore(0, keccak256(preimage, 0xa0))
                mstore(leafAt, keccak256(0, 0x20))
                s := add(s, 0x80)
            }
            let sibling := proof.offset
            let flag := flags.offset
            for { let end := add(flag, shl(5, flags.length)) } lt(flag, end) { flag := add(flag, 0x20) } {
                let a := mload(first)
                first := add(first, 0x20)
                let b
                switch calldataload(flag)
                case 0 {
                    b := calldataload(sibling)
                    sibling := add(sibling, 0x20)
                }
                default {
                    b := mload(first)
                    first := add(first, 0x20)
                }
                switch lt(a, b)
                case 1 {
                    mstore(0, a)
                    mstore(0x20, b)
                }
                default {
                    mstore(0, b)
                    mstore(0x20, a)
                }
                mstore(last, keccak256(0, 0x40))
                last := add(last, 0x20)
            }
            root := mload(sub(last, 0x20))
            // All of the proof was used, and no more. Then there were leaves - 1 flags that are set, so that in no step
            // more was taken from the queue than had been put there, and the root alone is left.
            fits := eq(sibling, add(proof.offset, shl(5, proof.length)))
        }
        if (!fits) revert InvalidMultiproof();
    }

    error InvalidMultiproof();
}
