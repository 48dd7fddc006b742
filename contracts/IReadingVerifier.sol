// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What a reading says, as far as the chain asks for it (protocol/SPEC.md, 3.2).
struct Reading {
    uint64 sequence;
    /// Unix seconds.
    uint64 time;
    /// How far the meter trusts its clock: 2 is synchronised.
    uint8 clock;
    /// Whether the reading has a register of generated energy; where not, `generatedWh` is zero.
    bool hasGenerated;
    /// The register that the meter shows, Wh.
    uint64 generatedWh;
}

/// @title Reads a signed reading and verifies its signature.
interface IReadingVerifier {
    /// @notice Reverts unless `reading` is in its one form (COSE_Sign1, deterministic CBOR), carries the kid
    /// that `keyId` begins with, and is signed by this key.
    /// @param keyId A meter's id, or that of its key after a rotation: keccak256(scheme byte ‖ public key).
    /// @param key An Ed25519 key is in the first word alone; ES256 is x and y.
    function verify(bytes calldata reading, bytes32 keyId, uint8 scheme, bytes32[2] calldata key)
        external
        view
        returns (Reading memory);
}
