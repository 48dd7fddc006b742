// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Schemes of meters that sign in a format of their maker (protocol/SPEC.md, 2 and 3.7).
/// @notice No contract reads these formats. The highest bit says that the meter stands at a generator.
library NativeScheme {
    uint8 private constant GENERATION = 0x80;
    uint8 private constant BSM = 3;
    uint8 private constant OCMF_SECP384R1 = 5;
    uint8 private constant OCMF_SECP192R1 = 7;
    uint8 private constant OCMF_SECP192K1 = 8;
    uint8 private constant OCMF_BRAINPOOL_P384R1 = 10;

    /// @notice Length in bytes of a key of this scheme, x ‖ y; 0 if there is no such native scheme.
    function length(uint8 scheme) internal pure returns (uint256) {
        uint8 kind = scheme & ~GENERATION;
        if (kind < BSM || kind > OCMF_BRAINPOOL_P384R1) return 0;
        if (kind == OCMF_SECP192R1 || kind == OCMF_SECP192K1) return 48;
        if (kind == OCMF_SECP384R1 || kind == OCMF_BRAINPOOL_P384R1) return 96;
        return 64;
    }
}
