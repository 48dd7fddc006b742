// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {ED25519, ES256} from "../PublicKey.sol";
import {ReadingVerifier} from "../ReadingVerifier.sol";
import {Generated} from "./Generated.sol";
import {Vectors} from "./Vectors.sol";
import {Vm, vm} from "./Vm.sol";

/// @dev The P-256 check of a chain without the precompile, as ReadingVerifier makes it there; compiled with the tests,
/// which costs some hundredths more than what is shipped.
contract WithoutPrecompile {
    function verify(bytes32[2] calldata key, bytes calldata message, bytes32 r, bytes32 s)
        external
        view
        returns (bool)
    {
        return P256.verifySolidity(sha256(message), r, s, key[0], key[1]);
    }
}

/// @dev What a call costs its caller, without a transaction's 21,000 and calldata. Kept in contracts/snapshots.
contract VerifierGasTest {
    /// What is shipped: the bytecode of contracts/generated.
    ReadingVerifier private verifier = _shipped();
    WithoutPrecompile private withoutPrecompile = new WithoutPrecompile();

    function test_verifying_a_typical_reading_costs_at_most_200000() public {
        (bytes memory reading, bytes32 meterId, uint8 scheme, bytes32[2] memory key) = _valid(0);
        require(scheme == ED25519 && reading.length == 107);
        verifier.parse(reading);
        vm.snapshotGasLastCall("ReadingVerifier", "parse, 107 bytes");
        verifier.verify(reading, meterId, scheme, key);
        require(vm.snapshotGasLastCall("ReadingVerifier", "verify, Ed25519, 107 bytes") <= 200_000);
    }

    function test_verifying_the_longest_reading() public {
        string memory json = Vectors.file("readings");
        uint256 n = Vectors.count(json, "valid");
        for (uint256 i = 0; i < n; ++i) {
            (bytes memory reading, bytes32 meterId, uint8 scheme, bytes32[2] memory key) = _valid(i);
            if (reading.length != 180 || scheme != ED25519) continue;
            verifier.verify(reading, meterId, scheme, key);
            vm.snapshotGasLastCall("ReadingVerifier", "verify, Ed25519, 180 bytes");
            return;
        }
        revert("no reading of 180 bytes");
    }

    function test_verifying_an_es256_reading() public {
        string memory json = Vectors.file("readings");
        for (uint256 i = 0;; ++i) {
            (bytes memory reading, bytes32 meterId, uint8 scheme, bytes32[2] memory key) = _valid(i);
            if (scheme != ES256) continue;
            verifier.verify(reading, meterId, scheme, key);
            vm.snapshotGasLastCall("ReadingVerifier", "verify, ES256 by precompile");
            bytes memory message = Vectors.data(json, Vectors.path("valid", i, "message"));
            (bytes32 r, bytes32 s) = _tail(reading);
            require(withoutPrecompile.verify(key, message, r, s));
            vm.snapshotGasLastCall("ReadingVerifier", "P-256 without precompile, signature alone");
            return;
        }
    }

    function _shipped() private returns (ReadingVerifier created) {
        bytes memory code = Generated.bytecode("readingVerifier");
        assembly ("memory-safe") {
            created := create(0, add(code, 0x20), mload(code))
        }
    }

    function _valid(uint256 i)
        private
        view
        returns (bytes memory reading, bytes32 meterId, uint8 scheme, bytes32[2] memory key)
    {
        string memory json = Vectors.file("readings");
        reading = Vectors.data(json, Vectors.path("valid", i, "bytes"));
        scheme = uint8(Vectors.number(json, Vectors.path("valid", i, "scheme")));
        bytes memory encoded = Vectors.data(json, Vectors.path("valid", i, "publicKey"));
        meterId = keccak256(abi.encodePacked(scheme, encoded));
        key = Vectors.halves(encoded);
    }

    function _tail(bytes memory reading) private pure returns (bytes32 first, bytes32 second) {
        assembly ("memory-safe") {
            let end := add(add(reading, 0x20), mload(reading))
            first := mload(sub(end, 0x40))
            second := mload(sub(end, 0x20))
        }
    }
}
