// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {Ed25519} from "./Ed25519.sol";
import {IReadingVerifier, Reading} from "./IReadingVerifier.sol";
import {ED25519, ES256} from "./PublicKey.sol";
import {ReadingFormat, SignedReading} from "./SignedReading.sol";

/// @title Reads signed readings and verifies meters' signatures (protocol/SPEC.md, 3).
/// @notice Has no state, no owner and no way to change: the same bytes get the same verdict for ever.
contract ReadingVerifier is IReadingVerifier {
    uint256 private constant SIGNATURE_LENGTH = 64;

    /// The reading carries another kid than the meter's.
    error AnotherMeter(bytes8 kid, bytes32 meterId);
    /// The reading is signed by another scheme than the key's.
    error AnotherScheme(uint8 signed, uint8 key);
    error NotSigned(bytes32 meterId);

    /// @inheritdoc IReadingVerifier
    function verify(bytes calldata reading, bytes32 meterId, uint8 scheme, bytes32[2] calldata key)
        external
        view
        returns (Reading memory)
    {
        SignedReading memory r = ReadingFormat.parse(reading);
        // forge-lint: disable-next-line(unsafe-typecast) a kid is the first eight bytes (SPEC.md, 2)
        if (r.kid != bytes8(meterId)) revert AnotherMeter(r.kid, meterId);
        if (r.scheme != scheme) revert AnotherScheme(r.scheme, scheme);
        (bytes32 first, bytes32 second) = ReadingFormat.signature(reading);
        if (!_isSigned(scheme, key, ReadingFormat.message(reading), first, second)) {
            revert NotSigned(meterId);
        }
        return Reading({
            sequence: r.sequence,
            time: r.time,
            clock: r.clock,
            hasGenerated: r.present >> 6 & 1 == 1,
            generatedWh: r.generatedWh
        });
    }

    /// @notice All that a reading says. Its signature is not looked at. Reverts with `MalformedReading` unless it is in
    /// its one form.
    function parse(bytes calldata reading) external pure returns (SignedReading memory) {
        return ReadingFormat.parse(reading);
    }

    /// @notice Whether `signature`, 64 bytes, is this key's under `message`: R ‖ S (Ed25519), or r ‖ s over SHA-256 with s
    /// in the lower half (ES256). False for a scheme that is neither, and for a key that no meter may have.
    /// @dev A message that is not a reading must say what it is: who signs it may be asked to sign others.
    /// @param key An Ed25519 key is in the first word alone; ES256 is x and y.
    function verifySignature(
        uint8 scheme,
        bytes32[2] calldata key,
        bytes calldata message,
        bytes calldata signature
    ) external view returns (bool) {
        if (signature.length != SIGNATURE_LENGTH) return false;
        return _isSigned(scheme, key, message, bytes32(signature[:32]), bytes32(signature[32:]));
    }

    function _isSigned(
        uint8 scheme,
        bytes32[2] calldata key,
        bytes memory message,
        bytes32 first,
        bytes32 second
    ) private view returns (bool) {
        if (scheme == ED25519) {
            return key[1] == 0 && Ed25519.verify(key[0], message, first, second);
        }
        // By the precompile of EIP-7951 (RIP-7212) where the chain has it. Refuses r or s of zero or too large, a high
        // s, and a key that is not on the curve.
        if (scheme == ES256) return P256.verify(sha256(message), first, second, key[0], key[1]);
        return false;
    }
}
