// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title SHA-512 (FIPS 180-4), which the chain has no precompile for.
/// @dev Three things make it cheap, at about 28,000 gas for each block of 128 bytes.
/// A word is rotated by writing it twice side by side, which one multiplication does, and shifting once.
/// The message schedule works on two words at a time: each has 16 bytes of memory, so that one load at any place gives
/// two words that follow each other, with room above each for what is shifted or carried out of it.
/// What stands above the 64 bits of a word is cleared only where it would be shifted down.
library Sha512 {
    // FIPS 180-4, 4.2.3: the first 64 bits of the fractional parts of the cube roots of the first 80 primes.
    bytes private constant K = hex"428a2f98d728ae227137449123ef65cdb5c0fbcfec4d3b2fe9b5dba58189dbbc"
        hex"3956c25bf348b53859f111f1b605d019923f82a4af194f9bab1c5ed5da6d8118"
        hex"d807aa98a303024212835b0145706fbe243185be4ee4b28c550c7dc3d5ffb4e2"
        hex"72be5d74f27b896f80deb1fe3b1696b19bdc06a725c71235c19bf174cf692694"
        hex"e49b69c19ef14ad2efbe4786384f25e30fc19dc68b8cd5b5240ca1cc77ac9c65"
        hex"2de92c6f592b02754a7484aa6ea6e4835cb0a9dcbd41fbd476f988da831153b5"
        hex"983e5152ee66dfaba831c66d2db43210b00327c898fb213fbf597fc7beef0ee4"
        hex"c6e00bf33da88fc2d5a79147930aa72506ca6351e003826f142929670a0e6e70"
        hex"27b70a8546d22ffc2e1b21385c26c9264d2c6dfc5ac42aed53380d139d95b3df"
        hex"650a73548baf63de766a0abb3c77b2a881c2c92e47edaee692722c851482353b"
        hex"a2bfe8a14cf10364a81a664bbc423001c24b8b70d0f89791c76c51a30654be30"
        hex"d192e819d6ef5218d69906245565a910f40e35855771202a106aa07032bbd1b8"
        hex"19a4c116b8d2d0c81e376c085141ab532748774cdf8eeb9934b0bcb5e19b48a8"
        hex"391c0cb3c5c95a634ed8aa4ae3418acb5b9cca4f7763e373682e6ff3d6b2b8a3"
        hex"748f82ee5defb2fc78a5636f43172f6084c87814a1f0ab728cc702081a6439ec"
        hex"90befffa23631e28a4506cebde82bde9bef9a3f7b2c67915c67178f2e372532b"
        hex"ca273eceea26619cd186b8c721c0c207eada7dd6cde0eb1ef57d4f7fee6ed178"
        hex"06f067aa72176fba0a637dc5a2c898a6113f9804bef90dae1b710b35131c471b"
        hex"28db77f523047d8432caab7b40c724933c9ebe0a15c9bebc431d67c49c100d4c"
        hex"4cc5d4becb3e42b6597f299cfc657e2a5fcb6fab3ad6faec6c44198c4a475817";

    // A word's 64 bits; those of the two words of a pair; what writes a word twice, or both words of a pair.
    uint256 private constant LOW = 0xffffffffffffffff;
    uint256 private constant PAIR = 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
    uint256 private constant TWICE = 0x10000000000000001;

    /// @notice The hash of a message of any length.
    /// @return high Its first 32 bytes.
    /// @return low Its last 32 bytes.
    function hash(bytes memory message) internal pure returns (bytes32 high, bytes32 low) {
        bytes memory constants = K;
        // 8 words of state, 80 words of schedule in 16 bytes each, and the padded message. Nothing is allocated: all of
        // it lies behind the free memory pointer.
        assembly ("memory-safe") {
            let state := mload(0x40)
            let block_ := add(state, 0x600)

            // FIPS 180-4, 5.1.2: one bit, zeros, and the length in bits as 16 bytes, to a multiple of 128 bytes.
            let length := mload(message)
            let end := add(block_, and(add(length, 144), not(127)))
            mcopy(block_, add(message, 0x20), length)
            calldatacopy(add(block_, length), calldatasize(), sub(end, add(block_, length)))
            mstore8(add(block_, length), 0x80)
            mstore(sub(end, 0x20), or(mload(sub(end, 0x20)), shl(3, length)))

            // FIPS 180-4, 5.3.5: the first 64 bits of the fractional parts of the square roots of the first 8 primes.
            mstore(state, 0x6a09e667f3bcc908)
            mstore(add(state, 0x20), 0xbb67ae8584caa73b)
            mstore(add(state, 0x40), 0x3c6ef372fe94f82b)
            mstore(add(state, 0x60), 0xa54ff53a5f1d36f1)
            mstore(add(state, 0x80), 0x510e527fade682d1)
            mstore(add(state, 0xa0), 0x9b05688c2b3e6c1f)
            mstore(add(state, 0xc0), 0x1f83d9abfb41bd6b)
            mstore(add(state, 0xe0), 0x5be0cd19137e2179)

            for {} lt(block_, end) { block_ := add(block_, 0x80) } {
                // The first 16 words of the schedule are the block itself.
                let w := add(state, 0x100)
                for { let i := 0 } lt(i, 0x80) { i := add(i, 0x20) } {
                    let x := mload(add(block_, i))
                    let y := shr(128, x)
                    mstore(w, and(or(shl(64, y), y), PAIR))
                    y := and(x, 0xffffffffffffffffffffffffffffffff)
                    mstore(add(w, 0x20), and(or(shl(64, y), y), PAIR))
                    w := add(w, 0x40)
                }
                // FIPS 180-4, 6.4.2, step 1, two words at a time.
                for { let last := add(w, 0x400) } lt(w, last) { w := add(w, 0x20) } {
                    let x := mload(sub(w, 240))
                    let twice := mul(x, TWICE)
                    let sum := and(xor(xor(shr(1, twice), shr(8, twice)), shr(7, x)), PAIR)
                    x := mload(sub(w, 32))
                    twice := mul(x, TWICE)
                    sum := add(sum, and(xor(xor(shr(19, twice), shr(61, twice)), shr(6, x)), PAIR))
                    mstore(w, and(add(sum, add(mload(sub(w, 256)), mload(sub(w, 112)))), PAIR))
                }

                // Steps 2 and 3: eight rounds at a time, after which each variable has its own name again. A load of a
                // word ends with it; what stands above is cleared with the sum.
                let a := mload(state)
                let b := mload(add(state, 0x20))
                let c := mload(add(state, 0x40))
                let d := mload(add(state, 0x60))
                let e := mload(add(state, 0x80))
                let f := mload(add(state, 0xa0))
                let g := mload(add(state, 0xc0))
                let h := mload(add(state, 0xe0))
                let k := add(constants, 8)
                w := add(state, 0xf0)
                for { let last := add(w, 0x500) } lt(w, last) { w := add(w, 0x80) } {
                    let x
                    x := mul(e, TWICE)
                    h := add(
                        add(add(h, xor(xor(shr(14, x), shr(18, x)), shr(41, x))), xor(g, and(e, xor(f, g)))),
                        add(mload(k), mload(w))
                    )
                    d := and(add(d, h), LOW)
                    x := mul(a, TWICE)
                    h := and(
                        add(
                            add(h, xor(xor(shr(28, x), shr(34, x)), shr(39, x))),
                            xor(and(a, b), and(c, xor(a, b)))
                        ),
                        LOW
                    )
                    x := mul(d, TWICE)
                    g := add(
                        add(add(g, xor(xor(shr(14, x), shr(18, x)), shr(41, x))), xor(f, and(d, xor(e, f)))),
                        add(mload(add(k, 0x8)), mload(add(w, 0x10)))
                    )
                    c := and(add(c, g), LOW)
                    x := mul(h, TWICE)
                    g := and(
                        add(
                            add(g, xor(xor(shr(28, x), shr(34, x)), shr(39, x))),
                            xor(and(h, a), and(b, xor(h, a)))
                        ),
                        LOW
                    )
                    x := mul(c, TWICE)
                    f := add(
                        add(add(f, xor(xor(shr(14, x), shr(18, x)), shr(41, x))), xor(e, and(c, xor(d, e)))),
                        add(mload(add(k, 0x10)), mload(add(w, 0x20)))
                    )
                    b := and(add(b, f), LOW)
                    x := mul(g, TWICE)
                    f := and(
                        add(
                            add(f, xor(xor(shr(28, x), shr(34, x)), shr(39, x))),
                            xor(and(g, h), and(a, xor(g, h)))
                        ),
                        LOW
                    )
                    x := mul(b, TWICE)
                    e := add(
                        add(add(e, xor(xor(shr(14, x), shr(18, x)), shr(41, x))), xor(d, and(b, xor(c, d)))),
                        add(mload(add(k, 0x18)), mload(add(w, 0x30)))
                    )
                    a := and(add(a, e), LOW)
                    x := mul(f, TWICE)
                    e := and(
                        add(
                            add(e, xor(xor(shr(28, x), shr(34, x)), shr(39, x))),
                            xor(and(f, g), and(h, xor(f, g)))
                        ),
                        LOW
                    )
                    x := mul(a, TWICE)
                    d := add(
                        add(add(d, xor(xor(shr(14, x), shr(18, x)), shr(41, x))), xor(c, and(a, xor(b, c)))),
                        add(mload(add(k, 0x20)), mload(add(w, 0x40)))
                    )
                    h := and(add(h, d), LOW)
                    x := mul(e, TWICE)
                    d := and(
                        add(
                            add(d, xor(xor(shr(28, x), shr(34, x)), shr(39, x))),
                            xor(and(e, f), and(g, xor(e, f)))
                        ),
                        LOW
                    )
                    x := mul(h, TWICE)
                    c := add(
                        add(add(c, xor(xor(shr(14, x), shr(18, x)), shr(41, x))), xor(b, and(h, xor(a, b)))),
                        add(mload(add(k, 0x28)), mload(add(w, 0x50)))
                    )
                    g := and(add(g, c), LOW)
                    x := mul(d, TWICE)
                    c := and(
                        add(
                            add(c, xor(xor(shr(28, x), shr(34, x)), shr(39, x))),
                            xor(and(d, e), and(f, xor(d, e)))
                        ),
                        LOW
                    )
                    x := mul(g, TWICE)
                    b := add(
                        add(add(b, xor(xor(shr(14, x), shr(18, x)), shr(41, x))), xor(a, and(g, xor(h, a)))),
                        add(mload(add(k, 0x30)), mload(add(w, 0x60)))
                    )
                    f := and(add(f, b), LOW)
                    x := mul(c, TWICE)
                    b := and(
                        add(
                            add(b, xor(xor(shr(28, x), shr(34, x)), shr(39, x))),
                            xor(and(c, d), and(e, xor(c, d)))
                        ),
                        LOW
                    )
                    x := mul(f, TWICE)
                    a := add(
                        add(add(a, xor(xor(shr(14, x), shr(18, x)), shr(41, x))), xor(h, and(f, xor(g, h)))),
                        add(mload(add(k, 0x38)), mload(add(w, 0x70)))
                    )
                    e := and(add(e, a), LOW)
                    x := mul(b, TWICE)
                    a := and(
                        add(
                            add(a, xor(xor(shr(28, x), shr(34, x)), shr(39, x))),
                            xor(and(b, c), and(d, xor(b, c)))
                        ),
                        LOW
                    )
                    k := add(k, 0x40)
                }
                // Step 4.
                mstore(state, and(add(mload(state), a), LOW))
                mstore(add(state, 0x20), and(add(mload(add(state, 0x20)), b), LOW))
                mstore(add(state, 0x40), and(add(mload(add(state, 0x40)), c), LOW))
                mstore(add(state, 0x60), and(add(mload(add(state, 0x60)), d), LOW))
                mstore(add(state, 0x80), and(add(mload(add(state, 0x80)), e), LOW))
                mstore(add(state, 0xa0), and(add(mload(add(state, 0xa0)), f), LOW))
                mstore(add(state, 0xc0), and(add(mload(add(state, 0xc0)), g), LOW))
                mstore(add(state, 0xe0), and(add(mload(add(state, 0xe0)), h), LOW))
            }
            high := or(
                or(shl(192, mload(state)), shl(128, mload(add(state, 0x20)))),
                or(shl(64, mload(add(state, 0x40))), mload(add(state, 0x60)))
            )
            low := or(
                or(shl(192, mload(add(state, 0x80))), shl(128, mload(add(state, 0xa0)))),
                or(shl(64, mload(add(state, 0xc0))), mload(add(state, 0xe0)))
            )
        }
    }
}
