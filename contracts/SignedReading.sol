// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ED25519, ES256} from "./PublicKey.sol";

/// All that a reading says (protocol/SPEC.md, 3.1 and 3.2). Energy in Wh, power in W, time in Unix seconds. The field
/// of payload key k is the k-th after `kid`; it is zero where the reading has no such key, and `present` says which it
/// has: bit k for key k.
struct SignedReading {
    uint8 scheme;
    bytes8 kid;
    uint64 sequence;
    uint64 time;
    uint8 clock;
    uint64 clockSets;
    uint64 boots;
    uint64 generatedWh;
    uint64 importedWh;
    uint64 exportedWh;
    int64 powerW;
    uint64 status;
    uint32 resolutionWh;
    uint16 present;
}

/// @title The one byte string that a reading is (protocol/SPEC.md, 3).
/// @notice A COSE_Sign1 (RFC 9052) in deterministic CBOR (RFC 8949, 4.2.1). Whatever is not exactly that is refused:
/// each value has one encoding, so one signed reading is one byte string and has one digest.
/// @dev Only the form is judged here, not the signature.
library ReadingFormat {
    // The longest message that is read at all, and the shortest reading there is (SPEC.md, 3.4).
    uint256 private constant MAX_LENGTH = 256;
    uint256 private constant MIN_LENGTH = 97;
    // The bytes behind the payload: 58 40 and the signature.
    uint256 private constant TAIL = 66;
    uint256 private constant SIGNATURE = 64;

    // Payload keys (SPEC.md, 3.2).
    uint256 private constant CLOCK = 3;
    uint256 private constant GENERATED = 6;
    uint256 private constant EXPORTED = 8;
    uint256 private constant POWER = 9;
    uint256 private constant RESOLUTION = 11;
    // Bits of `present`: keys 1 to 5 must be there, and one of 6, 7 and 8.
    uint256 private constant REQUIRED = 0x3e;
    uint256 private constant REGISTERS = 0x1c0;

    /// @param position The place of the byte at which it stopped being a reading; its length if that is out of range.
    error MalformedReading(uint256 position);

    /// @notice What the reading says. Reverts with `MalformedReading` on anything but a reading in its one form.
    function parse(bytes calldata reading) internal pure returns (SignedReading memory r) {
        uint256 length = reading.length;
        if (length < MIN_LENGTH || length > MAX_LENGTH) revert MalformedReading(length);
        uint256 head = _word(reading, 0);
        // d2 84, tag 18 and an array of 4; 4d a2, the protected header with two entries; 01 and 26 or 27, the
        // algorithm; 04 48 and the kid; a0, the empty unprotected header.
        if (head >> 216 != 0xd2844da201 || head >> 192 & 0xffff != 0x0448) revert MalformedReading(0);
        uint256 algorithm = head >> 208 & 0xff;
        if (algorithm == 0x27) r.scheme = ED25519;
        else if (algorithm == 0x26) r.scheme = ES256;
        else revert MalformedReading(5);
        // forge-lint: disable-next-line(unsafe-typecast) the eight bytes in front are meant
        r.kid = bytes8(bytes32(head << 64));
        if (head >> 120 & 0xff != 0xa0) revert MalformedReading(16);

        unchecked {
            // The payload's head, a byte string's: 40 + n for n < 24 bytes, else 58 n.
            uint256 start = 18;
            uint256 size = (head >> 112 & 0xff) ^ 0x40;
            if (size == 0x18) {
                start = 19;
                size = head >> 104 & 0xff;
                if (size < 24) revert MalformedReading(17);
            } else if (size > 23) {
                revert MalformedReading(17);
            }
            // Behind the payload the signature's: 58 40.
            uint256 end = length - TAIL;
            if (start + size != end) revert MalformedReading(17);
            if (_word(reading, end) >> 240 != 0x5840) revert MalformedReading(end);
            _parsePayload(reading, start, end, r);
        }
    }

    /// @notice What the signature of a reading covers: the Sig_structure of RFC 9052, 4.4, with `commonwatt/reading/1` as
    /// external data (SPEC.md, 3.3). Only for bytes that `parse` took.
    function message(bytes calldata reading) internal pure returns (bytes memory) {
        return bytes.concat(
            // An array of 4, the text "Signature1"; the protected header as it stands, 14 bytes;
            hex"846a5369676e617475726531",
            reading[2:16],
            // a byte string of 20;
            hex"54",
            "commonwatt/reading/1",
            // the payload with its head as it stands.
            reading[17:reading.length - TAIL]
        );
    }

    /// @notice The two halves of the signature. Only for bytes that `parse` took.
    function signature(bytes calldata reading) internal pure returns (bytes32, bytes32) {
        uint256 position = reading.length - SIGNATURE;
        return (bytes32(_word(reading, position)), bytes32(_word(reading, position + 32)));
    }

    /// @dev A map of integers by ascending keys. Reading beyond the payload is harmless: `position` only goes up, and must
    /// stop at its end.
    function _parsePayload(bytes calldata reading, uint256 start, uint256 end, SignedReading memory r)
        private
        pure
    {
        unchecked {
            // a0 + n: a map of n entries. There are eleven keys, so n is in the head itself.
            uint256 entries = (_word(reading, start) >> 248) ^ 0xa0;
            if (entries > RESOLUTION) revert MalformedReading(start);
            uint256 position = start + 1;
            uint256 previous = 0;
            uint256 present = 0;
            for (; entries > 0; --entries) {
                uint256 word = _word(reading, position);
                uint256 key = word >> 248;
                if (key <= previous || key > RESOLUTION) revert MalformedReading(position);
                previous = key;
                // forge-lint: disable-next-line(incorrect-shift)
                present |= 1 << key;
                ++position;

                // The value's head: 0 to 23 itself, or 18, 19, 1a, 1b with the value in 1, 2, 4, 8 bytes; with 20 added
                // for a negative one, which stands for -1 - value and which power alone may have.
                uint256 value = word >> 240 & 0xff;
                uint256 negative = value & 0x20;
                if (negative != 0 && key != POWER) revert MalformedReading(position);
                value ^= negative;
                uint256 bits = 0;
                if (value > 23) {
                    if (value > 27) revert MalformedReading(position);
                    // forge-lint: disable-next-line(incorrect-shift)
                    bits = 8 << (value - 24);
                    value = (word << 16) >> (256 - bits);
                    // In as few bytes as it takes: not in half of them, nor in the head.
                    // forge-lint: disable-next-line(incorrect-shift)
                    if (value < (bits == 8 ? 24 : 1 << (bits / 2))) revert MalformedReading(position);
                }
                if (!_isInRange(key, value, negative != 0)) revert MalformedReading(position);
                if (negative != 0) value = ~value;
                assembly ("memory-safe") {
                    // The field of key k: the struct's k + 1 counted from zero.
                    mstore(add(r, shl(5, add(key, 1))), value)
                }
                position += 1 + bits / 8;
            }
            if (position != end) revert MalformedReading(position);
            if (present & REQUIRED != REQUIRED || present & REGISTERS == 0) revert MalformedReading(start);
            // forge-lint: disable-next-line(unsafe-typecast) keys are at most 11
            r.present = uint16(present);
        }
    }

    function _isInRange(uint256 key, uint256 value, bool negative) private pure returns (bool) {
        unchecked {
            if (key == CLOCK) return value <= 3;
            if (key >= GENERATED && key <= EXPORTED) return value < 1 << 63;
            // From -(2³¹ - 1) to 2³¹ - 1.
            if (key == POWER) return value < (negative ? (1 << 31) - 1 : 1 << 31);
            if (key == RESOLUTION) return value - 2 <= 1_000_000 - 2;
            return value < 1 << 53;
        }
    }

    function _word(bytes calldata reading, uint256 position) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(reading.offset, position))
        }
    }
}
