// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Sha512} from "../Sha512.sol";

contract Sha512Test {
    // FIPS 180-4's own examples, published with it (NIST, SHA512.pdf), and the hash of nothing.
    function test_the_examples_of_the_standard() public pure {
        _hashes(
            "",
            0xcf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce,
            0x47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e
        );
        _hashes(
            "abc",
            0xddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a,
            0x2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f
        );
        _hashes(
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            0x8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018,
            0x501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909
        );
    }

    /// Of every length from 0 to 300 bytes, so with every padding: the hash of all these hashes, by Python's hashlib:
    /// sha512(b"".join(sha512(bytes((7*j+n) % 256 for j in range(n))).digest() for n in range(301))). Its message, of
    /// 19,264 bytes, is a long one.
    function test_every_length_from_0_to_300_bytes() public pure {
        bytes memory all = new bytes(301 * 64);
        for (uint256 n = 0; n <= 300; ++n) {
            bytes memory message = new bytes(n);
            for (uint256 j = 0; j < n; ++j) {
                message[j] = bytes1(uint8(7 * j + n));
            }
            (bytes32 high, bytes32 low) = Sha512.hash(message);
            assembly ("memory-safe") {
                let place := add(add(all, 0x20), mul(n, 0x40))
                mstore(place, high)
                mstore(add(place, 0x20), low)
            }
        }
        _hashes(
            all,
            0xe1f2f7d5d8fc48db06ec2a0eed639593f549caffa40245747258761214a3ec07,
            0x134903fde52ace6cfae161a82097ba01f33a97d48dd6a80d4521d96d7401357e
        );
    }

    function test_what_lies_in_memory_changes_nothing(bytes memory message, bytes32 dirt) public pure {
        (bytes32 high, bytes32 low) = Sha512.hash(message);
        assembly ("memory-safe") {
            let free := mload(0x40)
            for { let i := 0 } lt(i, 0x1000) { i := add(i, 0x20) } { mstore(add(free, i), dirt) }
        }
        _hashes(message, high, low);
    }

    function _hashes(bytes memory message, bytes32 high, bytes32 low) private pure {
        (bytes32 actualHigh, bytes32 actualLow) = Sha512.hash(message);
        require(actualHigh == high && actualLow == low);
    }
}
