// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {Ed25519} from "../Ed25519.sol";
import {NativeScheme} from "../NativeScheme.sol";
import {ED25519, ES256, PublicKey} from "../PublicKey.sol";
import {ReadingVerifier} from "../ReadingVerifier.sol";
import {Vectors} from "./Vectors.sol";
import {vm} from "./Vm.sol";

/// @dev forge's own Ed25519 signer (ed25519-dalek), which signs `namespace ‖ message`.
interface VmEd25519 {
    function publicKeyEd25519(bytes32 secret) external pure returns (bytes32);
    function signEd25519(bytes calldata namespace, bytes calldata message, bytes32 secret)
        external
        pure
        returns (bytes memory);
}

/// @dev forge's P-256 signer, whose s may be high.
interface VmP256 {
    function publicKeyP256(uint256 secret) external pure returns (uint256 x, uint256 y);
    function signP256(uint256 secret, bytes32 digest) external pure returns (bytes32 r, bytes32 s);
}

contract SignaturesTest {
    uint256 private constant L = 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed;
    VmEd25519 private constant ED = VmEd25519(address(vm));
    VmP256 private constant EC = VmP256(address(vm));

    ReadingVerifier private verifier = new ReadingVerifier();

    // ---------------------------------------------------------------- the public corpus

    function test_every_signature_of_the_corpus_gets_the_verdict_that_stands_there() public view {
        string memory json = Vectors.file("signatures");
        uint256 n = Vectors.count(json, "cases");
        require(n >= 50);
        for (uint256 i = 0; i < n; ++i) {
            uint256 scheme = Vectors.number(json, Vectors.path("cases", i, "scheme"));
            bytes32[2] memory key = Vectors.key(json, Vectors.path("cases", i, "publicKey"));
            bytes memory message = Vectors.data(json, Vectors.path("cases", i, "message"));
            bytes memory signature = Vectors.data(json, Vectors.path("cases", i, "signature"));
            bool valid = Vectors.boolean(json, Vectors.path("cases", i, "valid"))
                && !Vectors.has(json, Vectors.path("cases", i, "keyRefused"));
            require(
                verifier.verifySignature(uint8(scheme), key, message, signature) == valid,
                Vectors.text(json, Vectors.path("cases", i, "name"))
            );
            if (scheme == ES256 && signature.length == 64) {
                bytes32[2] memory rs = Vectors.halves(signature);
                require(
                    P256.verifySolidity(sha256(message), rs[0], rs[1], key[0], key[1]) == valid,
                    "without the precompile"
                );
            }
        }
    }

    function test_every_key_of_the_corpus_gets_the_verdict_that_stands_there() public view {
        string memory json = Vectors.file("keys");
        uint256 taken = Vectors.count(json, "valid");
        uint256 refused = Vectors.count(json, "refused");
        require(taken >= 10 && refused >= 38);
        for (uint256 i = 0; i < taken + refused; ++i) {
            (string memory list, uint256 k) = i < taken ? ("valid", i) : ("refused", i - taken);
            uint256 scheme = Vectors.number(json, Vectors.path(list, k, "scheme"));
            // What a maker's own format is signed with never verifies anything here.
            if (scheme > ES256) continue;
            bytes memory encoded = Vectors.data(json, Vectors.path(list, k, "publicKey"));
            string memory name = Vectors.text(json, Vectors.path(list, k, "name"));
            uint256 nativeLength = NativeScheme.length(uint8(scheme));
            // Of a maker's format no contract knows the curve, and whoever registers the meter vouches for its key.
            if (nativeLength != 0) require(i >= taken || encoded.length == nativeLength, name);
            else require(_isValid(uint8(scheme), encoded) == (i < taken), name);
        }
    }

    function _isValid(uint8 scheme, bytes memory encoded) private view returns (bool) {
        if (encoded.length != PublicKey.length(scheme)) return false;
        bytes32[2] memory key = Vectors.halves(encoded);
        return scheme == ED25519 ? PublicKey.isValidEd25519(key[0]) : PublicKey.isValidP256(key[0], key[1]);
    }

    // ---------------------------------------------------------------- Ed25519

    function test_what_an_ed25519_key_signs_verifies(bytes32 secret, bytes calldata message) public view {
        bytes32 key = ED.publicKeyEd25519(secret);
        require(PublicKey.isValidEd25519(key));
        require(_ed25519(key, message, ED.signEd25519("", message, secret)));
    }

    function test_an_ed25519_signature_is_refused_when_one_bit_of_it_the_message_or_the_key_is_flipped(
        bytes32 secret,
        bytes32 message,
        uint256 bit
    ) public view {
        bytes32 key = ED.publicKeyEd25519(secret);
        bytes memory all = bytes.concat(key, message, ED.signEd25519("", bytes.concat(message), secret));
        bit %= all.length * 8;
        all[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        (bytes32[2] memory front, bytes memory signature) = (Vectors.halves(all), new bytes(64));
        for (uint256 i = 0; i < 64; ++i) {
            signature[i] = all[64 + i];
        }
        require(!_ed25519(front[0], bytes.concat(front[1]), signature));
    }

    function test_a_scalar_that_is_not_below_the_order_is_refused(bytes32 secret, uint256 times) public view {
        bytes memory signature = ED.signEd25519("", "reading", secret);
        bytes32[2] memory rs = Vectors.halves(signature);
        uint256 scalar = _reversed(rs[1]) + (1 + times % 14) * L;
        bytes32 key = ED.publicKeyEd25519(secret);
        require(_ed25519(key, "reading", signature));
        require(!_ed25519(key, "reading", bytes.concat(rs[0], bytes32(_reversed(bytes32(scalar))))));
    }

    /// forge-config: default.fuzz.runs = 8
    function test_no_key_of_small_order_verifies_anything(uint256 scalar, bytes calldata message)
        public
        view
    {
        // With A of small order some multiple of it is zero, so that R = S·B fits every eighth message or each. S = 0 and
        // R = 1 is the signature that libraries are caught by.
        bytes memory zero = bytes.concat(bytes32(uint256(1) << 248), bytes32(0));
        string memory json = Vectors.file("keys");
        for (uint256 i = 0; Vectors.has(json, Vectors.path("refused", i, "name")); ++i) {
            if (Vectors.number(json, Vectors.path("refused", i, "scheme")) != ED25519) continue;
            bytes32[2] memory key = Vectors.key(json, Vectors.path("refused", i, "publicKey"));
            if (_isValid(ED25519, bytes.concat(key[0]))) continue;
            require(!_ed25519(key[0], message, zero));
            require(!_ed25519(key[0], message, bytes.concat(key[0], bytes32(_reversed(bytes32(scalar % L))))));
        }
    }

    function test_a_second_word_beside_an_ed25519_key_is_refused(bytes32 second) public view {
        vm.assume(second != 0);
        bytes32 secret = "secret";
        bytes32[2] memory key = [ED.publicKeyEd25519(secret), second];
        bytes memory signature = ED.signEd25519("", "reading", secret);
        require(!verifier.verifySignature(ED25519, key, "reading", signature));
    }

    // ---------------------------------------------------------------- ES256

    /// forge-config: default.fuzz.runs = 64
    function test_what_an_es256_key_signs_verifies_with_the_precompile_and_without(
        uint256 secret,
        bytes calldata message
    ) public view {
        (bytes32[2] memory key, bytes32 r, bytes32 s) = _signed(secret, message);
        require(verifier.verifySignature(ES256, key, message, bytes.concat(r, s)));
        require(P256.verifySolidity(sha256(message), r, s, key[0], key[1]));
    }

    /// forge-config: default.fuzz.runs = 64
    function test_an_es256_signature_is_refused_when_one_bit_of_it_the_message_or_the_key_is_flipped(
        uint256 secret,
        bytes32 message,
        uint256 bit
    ) public view {
        (bytes32[2] memory key, bytes32 r, bytes32 s) = _signed(secret, bytes.concat(message));
        bit %= 5 * 256;
        bytes32 flip = bytes32(uint256(1) << (bit % 256));
        if (bit / 256 == 0) r ^= flip;
        else if (bit / 256 == 1) s ^= flip;
        else if (bit / 256 == 2) message ^= flip;
        else key[bit / 256 - 3] ^= flip;
        require(!verifier.verifySignature(ES256, key, bytes.concat(message), bytes.concat(r, s)));
        require(!P256.verifySolidity(sha256(bytes.concat(message)), r, s, key[0], key[1]));
    }

    function test_a_high_s_is_refused(uint256 secret, bytes calldata message) public view {
        (bytes32[2] memory key, bytes32 r, bytes32 s) = _signed(secret, message);
        bytes32 high = bytes32(P256.N - uint256(s));
        require(!verifier.verifySignature(ES256, key, message, bytes.concat(r, high)));
    }

    // ---------------------------------------------------------------- both

    function test_a_signature_of_another_length_is_refused(uint256 length) public view {
        length %= 200;
        bytes32 secret = "secret";
        bytes memory right = ED.signEd25519("", "reading", secret);
        bytes memory signature = new bytes(length);
        for (uint256 i = 0; i < length && i < 64; ++i) {
            signature[i] = right[i];
        }
        require(_ed25519(ED.publicKeyEd25519(secret), "reading", signature) == (length == 64));
    }

    function test_no_signature_of_an_unknown_scheme_verifies(uint8 scheme) public view {
        vm.assume(scheme != ED25519 && scheme != ES256);
        bytes32 secret = "secret";
        bytes32[2] memory key = [ED.publicKeyEd25519(secret), bytes32(0)];
        require(!verifier.verifySignature(scheme, key, "reading", ED.signEd25519("", "reading", secret)));
    }

    function _ed25519(bytes32 key, bytes memory message, bytes memory signature) private view returns (bool) {
        return verifier.verifySignature(ED25519, [key, bytes32(0)], message, signature);
    }

    function _signed(uint256 secret, bytes memory message)
        private
        pure
        returns (bytes32[2] memory key, bytes32 r, bytes32 s)
    {
        secret = 1 + secret % (P256.N - 1);
        (uint256 x, uint256 y) = EC.publicKeyP256(secret);
        key = [bytes32(x), bytes32(y)];
        (r, s) = EC.signP256(secret, sha256(message));
        if (uint256(s) > P256.N / 2) s = bytes32(P256.N - uint256(s));
    }

    function _reversed(bytes32 word) private pure returns (uint256 value) {
        for (uint256 i = 0; i < 32; ++i) {
            value |= uint256(uint8(word[i])) << (8 * i);
        }
    }
}
