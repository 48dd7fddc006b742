// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {Ed25519} from "./Ed25519.sol";

// Ed25519 (RFC 8032): 32 bytes, y little-endian with the sign of x in the top bit.
uint8 constant ED25519 = 1;
// ES256, ECDSA over P-256 (FIPS 186-5): 64 bytes, x and y big-endian.
uint8 constant ES256 = 2;

/// @title Which public keys a meter may have.
/// @notice A key is judged once, when its meter is registered, so that no later check of a signature has to ask
/// whether the key itself was a trick.
library PublicKey {
    /// @notice Length in bytes of a key of this scheme; 0 if there is no such scheme.
    function length(uint8 scheme) internal pure returns (uint256) {
        if (scheme == ED25519) return 32;
        if (scheme == ES256) return 64;
        return 0;
    }

    /// @notice Whether the encoding is canonical, a point of the curve, and not a torsion point.
    function isValidEd25519(bytes32 key) internal view returns (bool valid) {
        (valid,,) = Ed25519.decode(key);
    }

    /// @notice Whether (x, y) is a point of P-256 in canonical form. The point at infinity has no such form, and the
    /// curve's order is prime, so there is no small-order point; (0, 0) is not on the curve.
    function isValidP256(bytes32 keyX, bytes32 keyY) internal pure returns (bool) {
        return P256.isValidPublicKey(keyX, keyY);
    }
}
