// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Reading} from "../IReadingVerifier.sol";
import {ED25519, ES256} from "../PublicKey.sol";
import {ReadingVerifier} from "../ReadingVerifier.sol";
import {ReadingFormat, SignedReading} from "../SignedReading.sol";
import {VmEd25519} from "./Signatures.t.sol";
import {Vectors} from "./Vectors.sol";
import {vm} from "./Vm.sol";

contract MessageOf {
    function message(bytes calldata reading) external pure returns (bytes memory) {
        return ReadingFormat.message(reading);
    }
}

contract ReadingTest {
    VmEd25519 private constant ED = VmEd25519(address(vm));

    string[11] private names = [
        "sequence",
        "time",
        "clock",
        "clockSets",
        "boots",
        "generatedWh",
        "importedWh",
        "exportedWh",
        "powerW",
        "status",
        "resolutionWh"
    ];

    ReadingVerifier private verifier = new ReadingVerifier();
    MessageOf private messageOf = new MessageOf();

    // ---------------------------------------------------------------- the public corpus

    function test_every_valid_reading_of_the_corpus_is_taken_with_its_values() public view {
        string memory json = Vectors.file("readings");
        uint256 n = Vectors.count(json, "valid");
        require(n >= 25);
        for (uint256 i = 0; i < n; ++i) {
            bytes memory reading = Vectors.data(json, Vectors.path("valid", i, "bytes"));
            SignedReading memory r = verifier.parse(reading);
            uint256 scheme = Vectors.number(json, Vectors.path("valid", i, "scheme"));
            require(r.scheme == scheme);
            for (uint256 key = 1; key <= 11; ++key) {
                string memory place = Vectors.path("valid", i, string.concat("fields.", names[key - 1]));
                bool present = r.present >> key & 1 == 1;
                require(present == Vectors.has(json, place), place);
                require(_field(r, key) == (present ? Vectors.integer(json, place) : int256(0)), place);
            }
            require(
                keccak256(messageOf.message(reading))
                    == keccak256(Vectors.data(json, Vectors.path("valid", i, "message")))
            );

            (bytes32 meterId, bytes32[2] memory key2) = _meter(json, "valid", i);
            Reading memory said = verifier.verify(reading, meterId, uint8(scheme), key2);
            require(said.sequence == r.sequence && said.time == r.time && said.clock == r.clock);
            require(said.hasGenerated == (r.present >> 6 & 1 == 1) && said.generatedWh == r.generatedWh);
        }
    }

    function test_every_malformed_reading_of_the_corpus_is_refused() public view {
        string memory json = Vectors.file("readings");
        uint256 n = Vectors.count(json, "malformed");
        require(n >= 116);
        for (uint256 i = 0; i < n; ++i) {
            bytes memory reading = Vectors.data(json, Vectors.path("malformed", i, "bytes"));
            require(!_isRead(reading), Vectors.text(json, Vectors.path("malformed", i, "name")));
        }
    }

    function test_every_reading_of_the_corpus_that_its_meter_did_not_sign_is_refused() public view {
        string memory json = Vectors.file("readings");
        uint256 n = Vectors.count(json, "unverified");
        require(n >= 17);
        for (uint256 i = 0; i < n; ++i) {
            bytes memory reading = Vectors.data(json, Vectors.path("unverified", i, "bytes"));
            verifier.parse(reading);
            (bytes32 meterId, bytes32[2] memory key) = _meter(json, "unverified", i);
            uint256 scheme = Vectors.number(json, Vectors.path("unverified", i, "scheme"));
            try verifier.verify(reading, meterId, uint8(scheme), key) {
                revert(Vectors.text(json, Vectors.path("unverified", i, "name")));
            } catch (bytes memory reason) {
                bytes4 selector = bytes4(reason);
                require(
                    selector == ReadingVerifier.NotSigned.selector
                        || selector == ReadingVerifier.AnotherMeter.selector
                        || selector == ReadingVerifier.AnotherScheme.selector
                );
            }
        }
    }

    function _meter(string memory json, string memory list, uint256 i)
        private
        pure
        returns (bytes32 meterId, bytes32[2] memory key)
    {
        bytes memory encoded = Vectors.data(json, Vectors.path(list, i, "publicKey"));
        uint256 scheme = Vectors.number(json, Vectors.path(list, i, "scheme"));
        return (keccak256(abi.encodePacked(uint8(scheme), encoded)), Vectors.halves(encoded));
    }

    // ---------------------------------------------------------------- one value, one byte string

    function test_whatever_is_written_in_its_one_form_is_read(SignedReading memory r) public view {
        _tame(r);
        bytes memory reading = _encode(r, bytes32("R"), bytes32("S"));
        require(keccak256(abi.encode(verifier.parse(reading))) == keccak256(abi.encode(r)));
    }

    /// forge-config: default.fuzz.runs = 2000
    function test_whatever_is_read_was_in_its_one_form(
        SignedReading memory r,
        uint256 place,
        uint256 change,
        uint8 kind
    ) public view {
        _tame(r);
        bytes memory reading = _encode(r, bytes32("R"), bytes32("S"));
        // A byte changed, one put in, one taken out, a head made longer; in front of the signature, where the form is.
        place %= reading.length - 64;
        bytes1 byte_ = bytes1(uint8(change % 256));
        if (kind % 5 == 0) reading = _spliced(reading, place, place, bytes.concat(byte_));
        else if (kind % 5 == 1) reading = _spliced(reading, place, place + 1, "");
        // Near values are those that are hard to tell.
        else if (kind % 5 == 2) reading[place] = bytes1(uint8(reading[place]) ^ uint8(1 << (change % 8)));
        else if (kind % 5 == 3) reading[place] = byte_;
        else reading = _spliced(reading, place, place + 1, _longer(reading[place]));
        if (!_isRead(reading)) return;
        SignedReading memory read = verifier.parse(reading);
        (bytes32 first, bytes32 second) = _tail(reading);
        require(keccak256(_encode(read, first, second)) == keccak256(reading));
    }

    function test_a_head_in_more_bytes_than_it_takes_is_refused(SignedReading memory r) public view {
        _tame(r);
        bytes memory reading = _encode(r, bytes32("R"), bytes32("S"));
        // The array, the protected header, its map, its two keys and values, the empty map, the payload, its map, the
        // first key and the signature.
        uint8[10] memory heads = [1, 2, 3, 4, 5, 6, 7, 16, 17, 18];
        for (uint256 i = 0; i < heads.length; ++i) {
            bytes memory head = _longer(reading[heads[i]]);
            require(!_isRead(_spliced(reading, heads[i], uint256(heads[i]) + 1, head)));
        }
        require(!_isRead(_spliced(reading, reading.length - 66, reading.length - 64, hex"590040")));
    }

    function test_a_reading_is_refused_whatever_bytes_stand_before_or_behind_it(
        SignedReading memory r,
        bytes memory more
    ) public view {
        vm.assume(more.length > 0);
        _tame(r);
        bytes memory reading = _encode(r, bytes32("R"), bytes32("S"));
        require(!_isRead(bytes.concat(reading, more)));
        require(!_isRead(bytes.concat(more, reading)));
    }

    function test_a_reading_that_was_cut_is_refused(SignedReading memory r, uint256 length) public view {
        _tame(r);
        bytes memory reading = _encode(r, bytes32("R"), bytes32("S"));
        require(!_isRead(_spliced(reading, length % reading.length, reading.length, "")));
    }

    function test_noise_is_refused(bytes memory noise) public view {
        require(!_isRead(noise));
    }

    // ---------------------------------------------------------------- signed by the meter

    function test_a_signed_reading_verifies_until_one_bit_of_it_is_flipped(
        SignedReading memory r,
        bytes32 secret,
        uint256 bit
    ) public view {
        bytes32 key = ED.publicKeyEd25519(secret);
        bytes32 meterId = keccak256(bytes.concat(bytes1(ED25519), key));
        _tame(r);
        r.scheme = ED25519;
        r.kid = bytes8(meterId);
        bytes memory unsigned = _encode(r, 0, 0);
        bytes32[2] memory signature = Vectors.halves(ED.signEd25519("", messageOf.message(unsigned), secret));
        bytes memory reading = _encode(r, signature[0], signature[1]);
        Reading memory said = verifier.verify(reading, meterId, ED25519, [key, bytes32(0)]);
        require(said.sequence == r.sequence && said.generatedWh == r.generatedWh);

        bit %= reading.length * 8;
        reading[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        try verifier.verify(reading, meterId, ED25519, [key, bytes32(0)]) {
            revert("verified");
        } catch {}
    }

    // ---------------------------------------------------------------- a second encoder

    function _isRead(bytes memory reading) private view returns (bool read) {
        (bool done, bytes memory result) =
            address(verifier).staticcall(abi.encodeCall(verifier.parse, (reading)));
        require(done || bytes4(result) == ReadingFormat.MalformedReading.selector);
        return done;
    }

    /// @dev Any reading from whatever the fuzzer says: values into their ranges, keys that must be there.
    function _tame(SignedReading memory r) private pure {
        r.scheme = r.scheme % 2 == 0 ? ED25519 : ES256;
        r.present = r.present & 0xffe | 0x3e;
        if (r.present & 0x1c0 == 0) r.present |= 0x40;
        uint64 count = 2 ** 53;
        (r.sequence, r.time, r.clock) = (r.sequence % count, r.time % count, r.clock % 4);
        (r.clockSets, r.boots, r.status) = (r.clockSets % count, r.boots % count, r.status % count);
        r.generatedWh = r.present & 0x40 == 0 ? 0 : r.generatedWh % 2 ** 63;
        r.importedWh = r.present & 0x80 == 0 ? 0 : r.importedWh % 2 ** 63;
        r.exportedWh = r.present & 0x100 == 0 ? 0 : r.exportedWh % 2 ** 63;
        r.powerW = r.present & 0x200 == 0 ? int64(0) : r.powerW % 2 ** 31;
        if (r.present & 0x400 == 0) r.status = 0;
        r.resolutionWh = r.present & 0x800 == 0 ? 0 : 2 + r.resolutionWh % 999_999;
    }

    function _field(SignedReading memory r, uint256 key) private pure returns (int256 value) {
        if (key == 1) return int256(uint256(r.sequence));
        if (key == 2) return int256(uint256(r.time));
        if (key == 3) return int256(uint256(r.clock));
        if (key == 4) return int256(uint256(r.clockSets));
        if (key == 5) return int256(uint256(r.boots));
        if (key == 6) return int256(uint256(r.generatedWh));
        if (key == 7) return int256(uint256(r.importedWh));
        if (key == 8) return int256(uint256(r.exportedWh));
        if (key == 9) return int256(r.powerW);
        if (key == 10) return int256(uint256(r.status));
        return int256(uint256(r.resolutionWh));
    }

    function _encode(SignedReading memory r, bytes32 first, bytes32 second)
        private
        pure
        returns (bytes memory)
    {
        uint256 n = 0;
        bytes memory entries = "";
        for (uint256 key = 1; key <= 11; ++key) {
            if (r.present >> key & 1 == 0) continue;
            ++n;
            int256 value = _field(r, key);
            entries = bytes.concat(
                entries,
                bytes1(uint8(key)),
                value < 0 ? _head(0x20, uint256(-1 - value)) : _head(0, uint256(value))
            );
        }
        bytes memory payload = bytes.concat(_head(0xa0, n), entries);
        bytes memory header =
            bytes.concat(hex"a201", bytes1(r.scheme == ED25519 ? 0x27 : 0x26), hex"0448", r.kid);
        return bytes.concat(
            hex"d284",
            _head(0x40, header.length),
            header,
            hex"a0",
            _head(0x40, payload.length),
            payload,
            hex"5840",
            first,
            second
        );
    }

    function _head(uint8 major, uint256 value) private pure returns (bytes memory) {
        if (value < 24) return abi.encodePacked(major + uint8(value));
        if (value <= type(uint8).max) return abi.encodePacked(major + 24, uint8(value));
        if (value <= type(uint16).max) return abi.encodePacked(major + 25, uint16(value));
        if (value <= type(uint32).max) return abi.encodePacked(major + 26, uint32(value));
        return abi.encodePacked(major + 27, uint64(value));
    }

    function _spliced(bytes memory whole, uint256 from, uint256 to, bytes memory between)
        private
        pure
        returns (bytes memory spliced)
    {
        spliced = new bytes(whole.length - (to - from) + between.length);
        for (uint256 i = 0; i < spliced.length; ++i) {
            if (i < from) spliced[i] = whole[i];
            else if (i < from + between.length) spliced[i] = between[i - from];
            else spliced[i] = whole[i - between.length + to - from];
        }
    }

    /// @dev A head's argument written in one byte more: 57 becomes 58 17, and of 18 20 the 18 becomes 19 00.
    function _longer(bytes1 head) private pure returns (bytes memory) {
        uint8 first = uint8(head);
        uint8 argument = first & 0x1f;
        if (argument > 23) {
            return first == 0xff ? bytes(hex"ff") : bytes.concat(bytes1(first + 1), bytes1(0));
        }
        return bytes.concat(bytes1(first - argument + 24), bytes1(argument));
    }

    function _tail(bytes memory reading) private pure returns (bytes32 first, bytes32 second) {
        assembly ("memory-safe") {
            let end := add(add(reading, 0x20), mload(reading))
            first := mload(sub(end, 0x40))
            second := mload(sub(end, 0x20))
        }
    }
}
