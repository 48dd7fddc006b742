// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {ASSURANCE_GATEWAY, ASSURANCE_METER, Registration, Status} from "../Meter.sol";
import {IKeyVerifier, MeterKeys} from "../MeterKeys.sol";
import {MeterRegistry} from "../MeterRegistry.sol";
import {ED25519, ES256, PublicKey} from "../PublicKey.sol";
import {Meters} from "./Meters.sol";
import {Vectors} from "./Vectors.sol";
import {vm} from "./Vm.sol";

/// @title Keys of meters: shown to be held, changed, recovered.
contract MeterRegistryKeysTest is Meters {
    // ---------------------------------------------------------------- possession

    function test_a_meter_whose_key_signed_its_registration_is_registered(bool ed25519, uint256 secret)
        public
    {
        uint8 scheme = ed25519 ? ED25519 : ES256;
        bytes32 id = register(registration(scheme, within(secret, 2, type(uint128).max)));
        equal(uint256(registry.meter(id).status), uint256(Status.Active));
    }

    function test_a_proof_of_possession_covers_every_field_of_the_registration(uint8 field, bool ed25519)
        public
    {
        vm.warp(START + 1);
        Registration memory r = registration(ed25519 ? ED25519 : ES256, 2);
        field = uint8(within(field, 0, 7));
        if (field == 0) r.household = address(0xBAD);
        else if (field == 1) r.site = 2;
        else if (field == 2) r.assurance = ASSURANCE_GATEWAY;
        else if (field == 3) r.source = 2;
        else if (field == 4) r.ratedW += 1;
        else if (field == 5) r.startWh -= 1;
        else if (field == 6) r.startTime -= 1;
        else r.publicKey = keyOf(r.scheme, 3);
        _refusedProof(r);
    }

    function test_a_proof_of_possession_never_serves_another_chain_or_registry() public {
        Registration memory r = registration(ES256, 2);
        vm.chainId(block.chainid + 1);
        _refusedProof(r);
        vm.chainId(block.chainid - 1);
        MeterRegistry other = new MeterRegistry(address(authority), IKeyVerifier(address(verifier)), payments);
        other.openSite(address(1));
        vm.expectRevert(
            abi.encodeWithSelector(
                MeterKeys.NotSigned.selector, idOf(ES256, r.publicKey), other.registrationDigest(r)
            )
        );
        other.register(one(r));
        register(r);
    }

    function test_a_proof_of_possession_is_refused_when_one_bit_of_it_is_flipped_or_it_has_another_length(
        uint256 bit,
        uint256 length
    ) public {
        Registration memory r = registration(ES256, 2);
        bytes memory proof = r.proof;
        bit = within(bit, 0, 511);
        r.proof = bytes.concat(proof);
        r.proof[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        _refusedProof(r);
        length = within(length, 0, 100);
        if (length == 64) length = 65;
        r.proof = new bytes(length);
        for (uint256 i = 0; i < length && i < 64; ++i) {
            r.proof[i] = proof[i];
        }
        _refusedProof(r);
    }

    function test_the_digest_is_that_of_eip_712() public view {
        Registration memory r = registration(ES256, 2);
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Commonwatt MeterRegistry"),
                keccak256("1"),
                block.chainid,
                address(registry)
            )
        );
        bytes32 content = keccak256(
            abi.encode(
                keccak256(
                    "Registration(bytes32 meterId,address household,uint32 site,uint8 assurance,uint8 source,uint32 ratedW,uint64 startWh,uint64 startTime)"
                ),
                idOf(ES256, r.publicKey),
                r.household,
                r.site,
                r.assurance,
                r.source,
                r.ratedW,
                r.startWh,
                r.startTime
            )
        );
        equal(registry.registrationDigest(r), keccak256(abi.encodePacked(hex"1901", domain, content)));
        bytes32 id = meterId;
        content = keccak256(
            abi.encode(
                keccak256("Rotation(bytes32 meterId,bytes32 keyId,uint64 from)"),
                id,
                bytes32("key"),
                uint64(7)
            )
        );
        equal(registry.rotationDigest(id, "key", 7), keccak256(abi.encodePacked(hex"1901", domain, content)));
        content =
            keccak256(abi.encode(keccak256("Recovery(bytes32 meterId,bytes32 keyId)"), id, bytes32("key")));
        equal(registry.recoveryDigest(id, "key"), keccak256(abi.encodePacked(hex"1901", domain, content)));
    }

    function test_a_key_that_no_meter_may_have_is_never_accepted() public {
        // Small order, not canonical, not on the curve, beyond the field: the public corpus. With a small-order key R = 1
        // and S = 0 fit any message where a verifier is lax.
        string memory json = Vectors.file("keys");
        bytes memory zero = bytes.concat(bytes32(uint256(1) << 248), bytes32(0));
        uint256 tried = 0;
        for (uint256 i = 0; Vectors.has(json, Vectors.path("refused", i, "name")); ++i) {
            uint256 scheme = Vectors.number(json, Vectors.path("refused", i, "scheme"));
            if (scheme != ED25519 && scheme != ES256) continue;
            Registration memory r = registration(ES256, 2);
            r.scheme = uint8(scheme);
            r.publicKey = Vectors.data(json, Vectors.path("refused", i, "publicKey"));
            r.proof = zero;
            vm.expectRevert();
            registry.register(one(r));
            ++tried;
        }
        holds(tried >= 30);
    }

    function test_only_schemes_there_are_with_keys_of_their_length(uint8 scheme, uint256 length) public {
        if (scheme % 2 == 0) scheme = uint8(within(scheme, 0, 12)) | (scheme & 0x80);
        length = within(length, 0, 100);
        Registration memory r = registration(ES256, 2);
        r.scheme = scheme;
        r.proof = "";
        r.publicKey = new bytes(length);
        if (length != 0) r.publicKey[0] = 0x07;
        uint256 expected = _nativeLength(scheme);
        if (expected != 0 && length == expected) {
            register(r);
        } else if (expected == 0 && length == PublicKey.length(scheme) && length != 0) {
            _refusedProof(r);
        } else {
            refused(r, abi.encodeWithSelector(MeterKeys.InvalidPublicKey.selector, scheme, r.publicKey));
        }
    }

    /// protocol/SPEC.md, 2
    function _nativeLength(uint8 scheme) private pure returns (uint256) {
        uint8[8] memory lengths = [64, 64, 96, 64, 48, 48, 64, 96];
        uint8 kind = scheme >= 128 ? scheme - 128 : scheme;
        return kind >= 3 && kind <= 10 ? lengths[kind - 3] : 0;
    }

    function test_one_key_is_never_two_meters_whatever_the_schemes() public {
        Registration memory r = registration(ES256, 1);
        r.scheme = 3;
        r.proof = "";
        refused(r, abi.encodeWithSelector(MeterKeys.KeyInUse.selector, r.publicKey, meterId));
        r.publicKey = keyOf(ES256, 2);
        bytes32 native = register(r);
        Registration memory again = registration(ES256, 2);
        refused(again, abi.encodeWithSelector(MeterKeys.KeyInUse.selector, again.publicKey, native));
        r.scheme = 131;
        refused(r, abi.encodeWithSelector(MeterKeys.KeyInUse.selector, r.publicKey, native));
    }

    // ---------------------------------------------------------------- formats of meters' makers

    function test_a_meter_with_a_format_of_its_maker_is_attested_and_its_scheme_is_told() public {
        Registration memory r = registration(ES256, 2);
        (r.scheme, r.proof) = (138, "");
        r.publicKey = bytes.concat(new bytes(95), hex"01");
        bytes32 id = idOf(138, r.publicKey);
        vm.expectEmit(address(registry));
        emit MeterKeys.Attested(id, address(this));
        register(r);
        (uint8 scheme, bytes32[2] memory key) = registry.keyAt(id, uint64(START));
        equal(scheme, 138);
        equal(key[0], 0);
        equal(key[1], 0);
        equal(registry.meterOfKey(keccak256(r.publicKey)), id);
    }

    function test_nobody_signs_for_a_meter_with_a_format_of_its_maker() public {
        Registration memory r = registration(ES256, 2);
        r.scheme = 3;
        refused(r, abi.encodeWithSelector(MeterKeys.KeyIsFixed.selector, idOf(3, r.publicKey), uint8(3)));
        r.proof = "";
        r.assurance = ASSURANCE_GATEWAY;
        refused(r, abi.encodeWithSelector(MeterRegistry.InvalidAssurance.selector, ASSURANCE_GATEWAY));
        r.assurance = ASSURANCE_METER;
        bytes32 id = register(r);
        bytes memory refusal = abi.encodeWithSelector(MeterKeys.KeyIsFixed.selector, id, uint8(3));
        bytes memory key = keyOf(ES256, 3);
        vm.expectRevert(refusal);
        registry.rotate(id, ES256, key, inSeconds(1), "", "");
        vm.expectRevert(refusal);
        registry.announceRecovery(id, ES256, key, "");
    }

    // ---------------------------------------------------------------- rotation

    function test_readings_before_a_rotation_verify_with_the_old_key_and_those_after_it_with_the_new(
        bool ed25519,
        uint64 from,
        uint64 time
    ) public {
        from = uint64(within(from, START + 1, START + 7 days));
        uint8 scheme = ed25519 ? ED25519 : ES256;
        bytes memory key = keyOf(scheme, 2);
        bytes32 keyId = idOf(scheme, key);
        bytes32 digest = registry.rotationDigest(meterId, keyId, from);
        vm.expectEmit(address(registry));
        emit MeterKeys.KeyChanged(meterId, scheme, key, from);
        registry.rotate(meterId, scheme, key, from, signed(ES256, 1, digest), signed(scheme, 2, digest));

        (uint8 inForce, bytes32[2] memory words) = registry.keyAt(meterId, time);
        bytes memory expected = time < from ? keyOf(ES256, 1) : key;
        equal(inForce, time < from ? ES256 : scheme);
        equal(expected.length == 32 ? bytes.concat(words[0]) : abi.encodePacked(words), expected);
        equal(registry.kidAt(meterId, time), bytes8(time < from ? meterId : keyId));
        equal(registry.ownerOf(uint256(meterId)), household);
    }

    function test_a_meter_keeps_all_keys_that_it_ever_had_by_their_times() public {
        for (uint64 i = 1; i < 6; ++i) {
            rotate(
                meterId,
                i % 2 == 1 ? ES256 : ED25519,
                i,
                i % 2 == 0 ? ES256 : ED25519,
                i + 1,
                uint64(START) + 10 * i
            );
        }
        for (uint64 i = 0; i < 6; ++i) {
            bytes memory key = keyOf(i % 2 == 0 ? ES256 : ED25519, i + 1);
            equal(
                registry.kidAt(meterId, uint64(START) + 10 * i + 9),
                bytes8(idOf(i % 2 == 0 ? ES256 : ED25519, key))
            );
            equal(registry.meterOfKey(keccak256(key)), meterId);
        }
    }

    function test_only_the_latest_key_gives_a_meter_another_and_only_one_that_signs() public {
        uint64 from = inSeconds(1);
        bytes memory key = keyOf(ES256, 2);
        bytes32 digest = registry.rotationDigest(meterId, idOf(ES256, key), from);
        bytes memory byOld = signed(ES256, 1, digest);
        bytes memory byNew = signed(ES256, 2, digest);
        _refusedRotation(key, from, byNew, byNew, meterId, digest);
        _refusedRotation(key, from, byOld, byOld, idOf(ES256, key), digest);
        // What was signed for a recovery does not serve.
        bytes32 recovery = registry.recoveryDigest(meterId, idOf(ES256, key));
        _refusedRotation(key, from, signed(ES256, 1, recovery), signed(ES256, 2, recovery), meterId, digest);
        // Nor for another time.
        _refusedRotation(
            key, from + 1, byOld, byNew, meterId, registry.rotationDigest(meterId, idOf(ES256, key), from + 1)
        );
        registry.rotate(meterId, ES256, key, from, byOld, byNew);
        // The first key has given its place away, although it is still in force.
        bytes memory third = keyOf(ES256, 3);
        digest = registry.rotationDigest(meterId, idOf(ES256, third), from + 1);
        _refusedRotation(
            third, from + 1, signed(ES256, 1, digest), signed(ES256, 3, digest), idOf(ES256, key), digest
        );
    }

    function _refusedRotation(
        bytes memory key,
        uint64 from,
        bytes memory byOld,
        bytes memory byNew,
        bytes32 by,
        bytes32 digest
    ) private {
        vm.expectRevert(abi.encodeWithSelector(MeterKeys.NotSigned.selector, by, digest));
        registry.rotate(meterId, ES256, key, from, byOld, byNew);
    }

    function test_a_rotation_is_never_for_the_past_nor_further_ahead_than_a_recovery(uint64 from) public {
        if (from > START && from <= START + 7 days) from = uint64(START);
        bytes memory key = keyOf(ES256, 2);
        vm.expectRevert(abi.encodeWithSelector(MeterKeys.InvalidRotationTime.selector, from, START));
        registry.rotate(meterId, ES256, key, from, "", "");
    }

    function test_no_key_that_was_ever_a_meters_is_taken_again() public {
        rotate(meterId, ES256, 1, ES256, 2, inSeconds(1));
        bytes[2] memory keys = [keyOf(ES256, 1), keyOf(ES256, 2)];
        bytes32 other = register(registration(ES256, 4));
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory refusal = abi.encodeWithSelector(MeterKeys.KeyInUse.selector, keys[i], meterId);
            bytes32 keyId = idOf(ES256, keys[i]);
            bytes32 digest = registry.rotationDigest(other, keyId, inSeconds(2));
            bytes memory byOld = signed(ES256, 4, digest);
            bytes memory byNew = signed(ES256, i + 1, digest);
            vm.expectRevert(refusal);
            registry.rotate(other, ES256, keys[i], inSeconds(2), byOld, byNew);
            digest = registry.rotationDigest(meterId, keyId, inSeconds(2));
            byOld = signed(ES256, 2, digest);
            byNew = signed(ES256, i + 1, digest);
            vm.expectRevert(refusal);
            registry.rotate(meterId, ES256, keys[i], inSeconds(2), byOld, byNew);
            bytes memory proof = signed(ES256, i + 1, registry.recoveryDigest(other, keyId));
            vm.expectRevert(refusal);
            registry.announceRecovery(other, ES256, keys[i], proof);
        }
        refused(registration(ES256, 2), abi.encodeWithSelector(MeterKeys.KeyInUse.selector, keys[1], meterId));
    }

    // ---------------------------------------------------------------- recovery

    function test_a_lost_key_is_recovered_after_the_delay_and_never_before(uint64 waited) public {
        waited = uint64(waited % 2 == 0 ? upTo(waited / 2, 7 days - 1) : within(waited, 0, 30 days));
        bytes memory key = keyOf(ED25519, 2);
        vm.expectEmit(address(registry));
        emit MeterKeys.RecoveryAnnounced(meterId, ED25519, key, uint64(START + 7 days));
        _announce(ED25519, 2);
        vm.warp(START + waited);
        if (waited < 7 days) {
            vm.expectRevert(abi.encodeWithSelector(MeterKeys.RecoveryNotYet.selector, uint64(START + 7 days)));
            registry.recover(meterId, ED25519, key);
            return;
        }
        vm.prank(address(0xCA11));
        registry.recover(meterId, ED25519, key);
        (uint8 scheme,) = registry.keyAt(meterId, inSeconds(0));
        equal(scheme, ES256);
        bytes32[2] memory words;
        (scheme, words) = registry.keyAt(meterId, inSeconds(1));
        equal(scheme, ED25519);
        equal(bytes.concat(words[0]), key);
        // Once.
        vm.expectRevert(abi.encodeWithSelector(MeterKeys.NoRecovery.selector, meterId));
        registry.recover(meterId, ED25519, key);
    }

    function test_the_household_or_a_guardian_withdraws_a_recovery_and_nobody_else(address stranger) public {
        vm.assume(stranger != household && stranger != address(this) && stranger != address(authority));
        bytes32 keyId = _announce(ES256, 2);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, stranger));
        registry.withdrawRecovery(meterId);
        vm.prank(household);
        vm.expectEmit(address(registry));
        emit MeterKeys.RecoveryWithdrawn(meterId, keyId, household);
        registry.withdrawRecovery(meterId);
        vm.expectRevert(abi.encodeWithSelector(MeterKeys.NoRecovery.selector, meterId));
        registry.withdrawRecovery(meterId);
        _announce(ES256, 2);
        registry.withdrawRecovery(meterId);
        vm.warp(START + 8 days);
        bytes memory key = keyOf(ES256, 2);
        vm.expectRevert(abi.encodeWithSelector(MeterKeys.NoRecovery.selector, meterId));
        registry.recover(meterId, ES256, key);
    }

    function test_only_the_announced_key_is_recovered_to_and_announcing_another_starts_anew() public {
        bytes32 first = _announce(ES256, 2);
        vm.warp(START + 5 days);
        bytes memory key = keyOf(ES256, 3);
        vm.expectRevert(
            abi.encodeWithSelector(MeterKeys.AnotherKeyAnnounced.selector, idOf(ES256, key), first)
        );
        registry.recover(meterId, ES256, key);
        _announce(ES256, 3);
        vm.warp(START + 7 days);
        vm.expectRevert(abi.encodeWithSelector(MeterKeys.RecoveryNotYet.selector, uint64(START + 12 days)));
        registry.recover(meterId, ES256, key);
        vm.warp(START + 12 days);
        registry.recover(meterId, ES256, key);
    }

    function test_a_key_is_never_recovered_to_that_cannot_sign() public {
        bytes memory key = keyOf(ES256, 2);
        bytes32 digest = registry.recoveryDigest(meterId, idOf(ES256, key));
        bytes memory proof = signed(ES256, 1, digest);
        vm.expectRevert(abi.encodeWithSelector(MeterKeys.NotSigned.selector, idOf(ES256, key), digest));
        registry.announceRecovery(meterId, ES256, key, proof);
    }

    function test_a_stolen_key_never_outruns_a_recovery() public {
        // The last rotation before the announcement, as far ahead as can be.
        rotate(meterId, ES256, 1, ES256, 2, inSeconds(7 days));
        _announce(ES256, 3);
        bytes memory key = keyOf(ES256, 4);
        vm.expectRevert(abi.encodeWithSelector(MeterKeys.RecoveryPending.selector, meterId));
        registry.rotate(meterId, ES256, key, inSeconds(7 days), "", "");
        vm.warp(START + 7 days);
        registry.recover(meterId, ES256, keyOf(ES256, 3));
        equal(registry.kidAt(meterId, inSeconds(0)), bytes8(idOf(ES256, keyOf(ES256, 2))));
        equal(registry.kidAt(meterId, inSeconds(1)), bytes8(idOf(ES256, keyOf(ES256, 3))));
    }

    // ----------------------------------------------------------------

    function _announce(uint8 scheme, uint256 secret) private returns (bytes32 keyId) {
        bytes memory key = keyOf(scheme, secret);
        keyId = idOf(scheme, key);
        bytes memory proof = signed(scheme, secret, registry.recoveryDigest(meterId, keyId));
        registry.announceRecovery(meterId, scheme, key, proof);
        (bytes32 announced, uint64 from) = registry.recoveryOf(meterId);
        equal(announced, keyId);
        equal(from, block.timestamp + 7 days);
    }

    function _refusedProof(Registration memory r) private {
        refused(
            r,
            abi.encodeWithSelector(
                MeterKeys.NotSigned.selector, idOf(r.scheme, r.publicKey), registry.registrationDigest(r)
            )
        );
    }
}
