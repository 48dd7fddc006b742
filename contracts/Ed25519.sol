// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Sha512} from "./Sha512.sol";

/// @title Ed25519 (RFC 8032, 5.1), verified strictly.
/// @notice A signature R ‖ S is valid when S is below the group's order and the canonical encoding of S·B - h·A is R,
/// byte by byte. That is the equation without the cofactor, as OpenSSL and Go's standard library verify: no second
/// encoding of a point or a scalar is taken anywhere.
/// @dev Points are (X : Y : Z : T) with x = X/Z, y = Y/Z, xy = T/Z, after Hisil, Wong, Carter and Dawson, "Twisted
/// Edwards Curves Revisited" (2008), formulas add-2008-hwcd-3 and dbl-2008-hwcd. They are complete on this curve (-1
/// is a square and d is none), so that no pair of points wants a case of its own.
/// Sums and differences of two numbers below p are left unreduced where mulmod takes them: 2p is below 2²⁵⁶.
library Ed25519 {
    // The field, and d of the curve -x² + y² = 1 + dx²y² (RFC 8032, 5.1).
    uint256 private constant P = 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed;
    uint256 private constant D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3;
    uint256 private constant TWO_D = 0x2406d9dc56dffce7198e80f2eef3d13000e0149a8283b156ebd69b9426b2f159;
    // A square root of -1: 2^((p - 1) / 4) (RFC 8032, 5.1.3).
    uint256 private constant I = 0x2b8324804fc1df0b2b4d00993dfbd7a72f431806ad2fe478c4ee1b274a0ea0b0;
    // The base point and its order (RFC 8032, 5.1), and what 2²⁵⁶ leaves when divided by the order.
    uint256 private constant BASE_X = 0x216936d3cd6e53fec0a4e231fdd6dc5c692cc7609525a7b2c9562d608f25d51a;
    uint256 private constant BASE_Y = 0x6666666666666666666666666666666666666666666666666666666666666658;
    uint256 private constant L = 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed;
    uint256 private constant TWO_256 = 0x0ffffffffffffffffffffffffffffffec6ef5bf4737dcf70d6ec31748d98951d;

    // The torsion points, whose order divides 8, have only five y coordinates: 1 (order 1), -1 (order 2),
    // 0 (order 4) and ±Y8 (order 8). dy⁴ + 2y² - 1 = 0 gives the last pair: doubling such a point reaches y = 0.
    // Under these keys one signature fits many messages. They are the list that libsodium refuses
    // (ge25519_has_small_order); its two further entries, p and p + 1, are not canonical and fall to that rule.
    uint256 private constant Y8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7;

    // 16 in each of 51 digits of 5 bits, and the size of a table of 33 points in 128 bytes each.
    uint256 private constant DIGITS = 0x4210842108421084210842108421084210842108421084210842108421084210;
    uint256 private constant TABLE = 0x1080;

    /// @notice Whether R ‖ S is the signature of the message by this key. False for a key that `decode` refuses.
    function verify(bytes32 key, bytes memory message, bytes32 r, bytes32 s) internal view returns (bool) {
        uint256 scalar = uint256(Bytes.reverseBytes32(s));
        if (scalar >= L) return false;
        (bool valid, uint256 x, uint256 y) = decode(key);
        if (!valid) return false;
        return _encodedSum(scalar, _challenge(r, key, message), P - x, y) == r;
    }

    /// @notice The point that the 32 bytes encode (RFC 8032, 5.1.3), if a meter may have it as its key: the encoding
    /// is canonical, the point is on the curve, and it is not a torsion point.
    function decode(bytes32 key) internal view returns (bool valid, uint256 x, uint256 y) {
        y = uint256(Bytes.reverseBytes32(key));
        uint256 sign = y >> 255;
        y &= type(uint256).max >> 1;
        if (y >= P) return (false, 0, 0);
        if (y <= 1 || y == P - 1 || y == Y8 || y == P - Y8) return (false, 0, 0);
        // x² = u / v. The candidate for x is u·v³·(u·v⁷)^((p - 5) / 8); -1/d is not a square, so v is never zero.
        uint256 y2 = mulmod(y, y, P);
        uint256 u = y2 - 1;
        uint256 v = mulmod(D, y2, P) + 1;
        uint256 uv3 = mulmod(u, mulmod(v, mulmod(v, v, P), P), P);
        uint256 v4 = mulmod(mulmod(v, v, P), mulmod(v, v, P), P);
        x = mulmod(uv3, Math.modExp(mulmod(uv3, v4, P), (P - 5) / 8, P), P);
        uint256 vx2 = mulmod(v, mulmod(x, x, P), P);
        if (vx2 == P - u) x = mulmod(x, I, P);
        else if (vx2 != u) return (false, 0, 0);
        // x is not zero: that is the case of y = ±1 alone.
        if (x & 1 != sign) x = P - x;
        return (true, x, y);
    }

    /// @dev SHA-512(R ‖ A ‖ message), read as a little-endian number, modulo L (RFC 8032, 5.1.7).
    function _challenge(bytes32 r, bytes32 key, bytes memory message) private pure returns (uint256) {
        (bytes32 first, bytes32 last) = Sha512.hash(abi.encodePacked(r, key, message));
        uint256 high = uint256(Bytes.reverseBytes32(last));
        return addmod(mulmod(high, TWO_256, L), uint256(Bytes.reverseBytes32(first)), L);
    }

    /// @dev The encoding of s·B + k·Q, where Q = (x, y); s and k are below L.
    function _encodedSum(uint256 s, uint256 k, uint256 x, uint256 y) private view returns (bytes32) {
        uint256 z;
        (x, y, z) = _sum(s, k, _tables(x, y));
        uint256 inverse = Math.modExp(z, P - 2, P);
        x = mulmod(x, inverse, P);
        y = mulmod(y, inverse, P);
        return Bytes.reverseBytes32(bytes32(x << 255 | y));
    }

    /// @dev Two tables in memory, one behind the other, of B and of Q = (x, y).
    function _tables(uint256 x, uint256 y) private pure returns (uint256 tables) {
        assembly ("memory-safe") {
            tables := mload(0x40)
            mstore(0x40, add(tables, mul(2, TABLE)))
        }
        _table(tables, BASE_X, BASE_Y);
        _table(tables + TABLE, x, y);
    }

    /// @dev The multiples of Q = (x, y) from -16 to 16, each as what an addition needs of its second point: Y - X, Y + X,
    /// 2d·T, 2Z.
    function _table(uint256 table, uint256 qx, uint256 qy) private pure {
        uint256 qt = mulmod(mulmod(qx, qy, P), TWO_D, P);
        (qx, qy) = (qy + P - qx, qy + qx);
        assembly ("memory-safe") {
            let x := 0
            let y := 1
            let z := 1
            let t := 0
            let p := P
            let down := add(table, 0x800)
            for { let up := down } 1 { up := add(up, 0x80) } {
                let a := add(y, sub(p, x))
                let b := add(y, x)
                let c := mulmod(t, TWO_D, p)
                let d := addmod(z, z, p)
                mstore(up, a)
                mstore(add(up, 0x20), b)
                mstore(add(up, 0x40), c)
                mstore(add(up, 0x60), d)
                // -Q is (-x, y).
                mstore(down, b)
                mstore(add(down, 0x20), a)
                mstore(add(down, 0x40), sub(p, c))
                mstore(add(down, 0x60), d)
                if eq(down, table) { break }
                down := sub(down, 0x80)

                a := mulmod(a, qx, p)
                b := mulmod(b, qy, p)
                c := mulmod(t, qt, p)
                let e := add(b, sub(p, a))
                let f := add(d, sub(p, c))
                let g := add(d, c)
                let h := add(b, a)
                x := mulmod(e, f, p)
                y := mulmod(g, h, p)
                z := mulmod(f, g, p)
                t := mulmod(e, h, p)
            }
        }
    }

    /// @dev s·B + k·Q as (X : Y : Z), both at once (Straus): five doublings, then a multiple of B and one of Q. The
    /// digits of a scalar are from -16 to 15: adding 16 to each digit makes them 0 to 31, the places in the table.
    /// Both scalars are below 2²⁵³, so that 51 digits hold them with what was added.
    function _sum(uint256 s, uint256 k, uint256 tables)
        private
        pure
        returns (uint256 x, uint256 y, uint256 z)
    {
        assembly ("memory-safe") {
            s := add(s, DIGITS)
            k := add(k, DIGITS)
            y := 1
            z := 1
            let t := 0
            let i := 250
            let p := P
            for {} 1 {} {
                // Q: T is needed by the addition that follows.
                {
                    let entry := add(add(tables, TABLE), shl(7, and(shr(i, k), 31)))
                    let a := mulmod(add(y, sub(p, x)), mload(entry), p)
                    let b := mulmod(add(y, x), mload(add(entry, 0x20)), p)
                    let c := mulmod(t, mload(add(entry, 0x40)), p)
                    let d := mulmod(z, mload(add(entry, 0x60)), p)
                    let e := add(b, sub(p, a))
                    let f := add(d, sub(p, c))
                    let g := add(d, c)
                    let h := add(b, a)
                    x := mulmod(e, f, p)
                    y := mulmod(g, h, p)
                    z := mulmod(f, g, p)
                    t := mulmod(e, h, p)
                }
                // B: T is not needed by a doubling.
                {
                    let entry := add(tables, shl(7, and(shr(i, s), 31)))
                    let a := mulmod(add(y, sub(p, x)), mload(entry), p)
                    let b := mulmod(add(y, x), mload(add(entry, 0x20)), p)
                    let c := mulmod(t, mload(add(entry, 0x40)), p)
                    let d := mulmod(z, mload(add(entry, 0x60)), p)
                    let e := add(b, sub(p, a))
                    let f := add(d, sub(p, c))
                    let g := add(d, c)
                    let h := add(b, a)
                    x := mulmod(e, f, p)
                    y := mulmod(g, h, p)
                    z := mulmod(f, g, p)
                }
                if iszero(i) { break }
                i := sub(i, 5)
                // Four doublings without T, and one with it. The paper's F and H with the sign turned, which turns the
                // sign of all four coordinates and leaves the point.
                {
                    let a := mulmod(x, x, p)
                    let b := mulmod(y, y, p)
                    let c := mulmod(z, add(z, z), p)
                    let e := mulmod(add(x, x), y, p)
                    let f := addmod(add(a, c), sub(p, b), p)
                    let g := add(b, sub(p, a))
                    x := mulmod(e, f, p)
                    y := mulmod(g, add(a, b), p)
                    z := mulmod(f, g, p)
                }
                {
                    let a := mulmod(x, x, p)
                    let b := mulmod(y, y, p)
                    let c := mulmod(z, add(z, z), p)
                    let e := mulmod(add(x, x), y, p)
                    let f := addmod(add(a, c), sub(p, b), p)
                    let g := add(b, sub(p, a))
                    x := mulmod(e, f, p)
                    y := mulmod(g, add(a, b), p)
                    z := mulmod(f, g, p)
                }
                {
                    let a := mulmod(x, x, p)
                    let b := mulmod(y, y, p)
                    let c := mulmod(z, add(z, z), p)
                    let e := mulmod(add(x, x), y, p)
                    let f := addmod(add(a, c), sub(p, b), p)
                    let g := add(b, sub(p, a))
                    x := mulmod(e, f, p)
                    y := mulmod(g, add(a, b), p)
                    z := mulmod(f, g, p)
                }
                {
                    let a := mulmod(x, x, p)
                    let b := mulmod(y, y, p)
                    let c := mulmod(z, add(z, z), p)
                    let e := mulmod(add(x, x), y, p)
                    let f := addmod(add(a, c), sub(p, b), p)
                    let g := add(b, sub(p, a))
                    x := mulmod(e, f, p)
                    y := mulmod(g, add(a, b), p)
                    z := mulmod(f, g, p)
                }
                {
                    let a := mulmod(x, x, p)
                    let b := mulmod(y, y, p)
                    let c := mulmod(z, add(z, z), p)
                    let e := mulmod(add(x, x), y, p)
                    let f := addmod(add(a, c), sub(p, b), p)
                    let g := add(b, sub(p, a))
                    let h := add(a, b)
                    x := mulmod(e, f, p)
                    y := mulmod(g, h, p)
                    z := mulmod(f, g, p)
                    t := mulmod(e, h, p)
                }
            }
        }
    }
}
