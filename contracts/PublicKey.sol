// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

// Ed25519 (RFC 8032): 32 bytes, y little-endian with the sign of x in the top bit.
uint8 constant ED25519 = 1;
// ES256, ECDSA over P-256 (FIPS 186-5): 64 bytes, x and y big-endian.
uint8 constant ES256 = 2;

/// @title Which public keys a meter may have.
/// @notice A key is judged once, when its meter is registered, so that no later check of a signature has to ask
/// whether the key itself was a trick.
library PublicKey {
    // Curve25519's field, and d of the twisted Edwards curve -x² + y² = 1 + dx²y² (RFC 8032, 5.1).
    uint256 private constant ED_P = 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed;
    uint256 private constant ED_D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3;

    // P-256's field and coefficients (NIST SP 800-186, 3.2.1.3).
    uint256 private constant P256_P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffff;
    uint256 private constant P256_A = 0xffffffff00000001000000000000000000000000fffffffffffffffffffffffc;
    uint256 private constant P256_B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b;

    // The torsion points, whose order divides 8, have only five y coordinates: 1 (order 1), -1 (order 2),
    // 0 (order 4) and ±ED_Y8 (order 8). dy⁴ + 2y² - 1 = 0 gives the last pair: doubling such a point reaches y = 0.
    // Under these keys one signature fits many messages. They are the list that libsodium refuses
    // (ge25519_has_small_order); its two further entries, p and p + 1, are not canonical and fall to that rule.
    // ±1 would fall to Euler's criterion too, and are named so that the list is whole.
    uint256 private constant ED_Y8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7;

    /// @notice Length in bytes of a key of this scheme; 0 if there is no such scheme.
    function length(uint8 scheme) internal pure returns (uint256) {
        if (scheme == ED25519) return 32;
        if (scheme == ES256) return 64;
        return 0;
    }

    /// @notice Whether the encoding is canonical, a point of the curve, and not a torsion point.
    function isValidEd25519(bytes32 key) internal view returns (bool) {
        // The sign of x does not matter: each y below is refused, or on the curve, with both signs.
        uint256 y = uint256(Bytes.reverseBytes32(key)) & (type(uint256).max >> 1);
        if (y >= ED_P) return false;
        if (y <= 1 || y == ED_P - 1 || y == ED_Y8 || y == ED_P - ED_Y8) return false;
        // x² = (y² - 1) / (dy² + 1) has a root when the product of both is a square (Euler's criterion);
        // -1/d is not a square, so the divisor is never zero.
        uint256 y2 = mulmod(y, y, ED_P);
        uint256 product = mulmod(addmod(y2, ED_P - 1, ED_P), addmod(mulmod(ED_D, y2, ED_P), 1, ED_P), ED_P);
        return Math.modExp(product, (ED_P - 1) / 2, ED_P) == 1;
    }

    /// @notice Whether (x, y) is a point of P-256 in canonical form. The point at infinity has no such form, and the
    /// curve's order is prime, so there is no small-order point; (0, 0) is not on the curve.
    function isValidP256(bytes32 keyX, bytes32 keyY) internal pure returns (bool) {
        uint256 x = uint256(keyX);
        uint256 y = uint256(keyY);
        if (x >= P256_P || y >= P256_P) return false;
        uint256 cubic = mulmod(addmod(mulmod(x, x, P256_P), P256_A, P256_P), x, P256_P);
        return mulmod(y, y, P256_P) == addmod(cubic, P256_B, P256_P);
    }
}
