// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {
    ASSURANCE_GATEWAY,
    ASSURANCE_METER,
    Meter,
    PackedMeter,
    Registration,
    Start,
    Status,
    WANTS_CERTIFICATES
} from "../Meter.sol";
import {IKeyVerifier, MeterKeys} from "../MeterKeys.sol";
import {IPaid, MeterRegistry} from "../MeterRegistry.sol";
import {ED25519, ES256} from "../PublicKey.sol";
import {Meters} from "./Meters.sol";
import {vm} from "./Vm.sol";

contract MeterRegistryTest is Meters {
    // ---------------------------------------------------------------- sites

    function test_sites_are_numbered_from_one() public {
        vm.expectEmit(address(registry));
        emit MeterRegistry.SiteOpened(3, address(0x0B));
        equal(registry.openSite(address(0x0B)), 3);
        equal(registry.openSite(address(0x0C)), 4);
        equal(registry.siteCount(), 4);
        equal(registry.siteOperator(3), address(0x0B));
        equal(registry.siteOperator(4), address(0x0C));
        equal(registry.siteOperator(5), address(0));
        equal(registry.siteOperator(0), address(0));
    }

    function test_a_site_never_opens_without_an_operator() public {
        vm.expectRevert(abi.encodeWithSelector(MeterRegistry.InvalidOperator.selector, address(0)));
        registry.openSite(address(0));
    }

    // ---------------------------------------------------------------- registering

    function test_a_registered_meter_is_known_by_the_hash_of_its_scheme_and_key() public {
        Registration memory r = registration(ED25519, 2);
        r.household = address(0xB0B);
        r.assurance = ASSURANCE_GATEWAY;
        prove(r, 2);
        bytes32 id = keccak256(bytes.concat(hex"01", r.publicKey));
        vm.expectEmit(address(registry));
        emit MeterRegistry.Locked(uint256(id));
        vm.expectEmit(address(registry));
        emit MeterRegistry.MeterRegistered(
            id,
            1,
            address(0xB0B),
            ED25519,
            r.publicKey,
            ASSURANCE_GATEWAY,
            1,
            RATED_W,
            START_WH,
            uint64(START)
        );
        register(r);

        Meter memory m = registry.meter(id);
        equal(m.household, address(0xB0B));
        equal(m.site, 1);
        equal(m.ratedW, RATED_W);
        equal(m.scheme, ED25519);
        equal(m.assurance, ASSURANCE_GATEWAY);
        equal(m.flags, 1);
        equal(uint256(m.status), uint256(Status.Active));
        Start memory start = registry.start(id);
        equal(start.wh, START_WH);
        equal(start.time, START);
        equal(start.registeredAt, START);
        equal(start.mostRatedW, RATED_W);
        equal(registry.ownerOf(uint256(id)), address(0xB0B));
        (uint8 scheme, bytes32[2] memory key) = registry.keyAt(id, uint64(START));
        equal(scheme, ED25519);
        equal(bytes.concat(key[0]), r.publicKey);
        equal(key[1], 0);
    }

    function test_a_p256_key_is_known_as_x_and_y(uint256 secret) public {
        secret = within(secret, 2, type(uint128).max);
        bytes32 id = register(registration(ES256, secret));
        equal(id, idOf(ES256, keyOf(ES256, secret)));
        (, bytes32[2] memory key) = registry.keyAt(id, 0);
        equal(abi.encodePacked(key), keyOf(ES256, secret));
        equal(registry.kidAt(id, 0), bytes8(id));
        equal(registry.meterOfKey(keccak256(keyOf(ES256, secret))), id);
    }

    function test_many_meters_are_registered_together_or_none() public {
        Registration[] memory many = new Registration[](3);
        for (uint256 i = 0; i < 3; ++i) {
            many[i] = registration(ES256, i + 2);
        }
        bytes memory proof = many[2].proof;
        many[2].proof = many[1].proof;
        vm.expectRevert();
        registry.register(many);
        equal(registry.balanceOf(household), 1);
        many[2].proof = proof;
        registry.register(many);
        equal(registry.balanceOf(household), 4);
    }

    function test_a_known_meter_is_never_registered_again_not_even_when_revoked() public {
        bytes memory refusal = abi.encodeWithSelector(MeterRegistry.MeterAlreadyRegistered.selector, meterId);
        refused(registration(ES256, 1), refusal);
        registry.setStatus(meterId, Status.Revoked);
        refused(registration(ES256, 1), refusal);
    }

    function test_only_at_a_site_that_was_opened(uint32 unknown) public {
        vm.assume(unknown != 1 && unknown != 2);
        Registration memory r = registration(ES256, 2);
        r.site = unknown;
        refused(r, abi.encodeWithSelector(MeterRegistry.UnknownSite.selector, unknown));
    }

    function test_only_with_a_known_assurance(uint8 assurance) public {
        vm.assume(assurance != ASSURANCE_METER && assurance != ASSURANCE_GATEWAY);
        Registration memory r = registration(ES256, 2);
        r.assurance = assurance;
        refused(r, abi.encodeWithSelector(MeterRegistry.InvalidAssurance.selector, assurance));
    }

    function test_only_with_a_source_from_1_to_15(uint8 source) public {
        Registration memory r = registration(ES256, 2);
        r.source = source;
        prove(r, 2);
        if (source == 0 || source > 15) {
            refused(r, abi.encodeWithSelector(MeterRegistry.InvalidSource.selector, source));
        } else {
            equal(registry.meter(register(r)).flags, source);
        }
    }

    function test_never_without_a_rated_power() public {
        Registration memory r = registration(ES256, 2);
        r.ratedW = 0;
        refused(r, abi.encodeWithSelector(MeterRegistry.InvalidRatedPower.selector, 0));
    }

    function test_never_from_the_future_nor_from_1970(uint64 startTime) public {
        if (startTime <= START) startTime = 0;
        Registration memory r = registration(ES256, 2);
        r.startTime = startTime;
        refused(r, abi.encodeWithSelector(MeterRegistry.InvalidStartTime.selector, startTime, START));
    }

    function test_never_to_nobody() public {
        Registration memory r = registration(ES256, 2);
        r.household = address(0);
        prove(r, 2);
        refused(r, abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0)));
    }

    function test_it_is_never_deployed_without_a_verifier_or_an_issuance() public {
        vm.expectRevert(abi.encodeWithSelector(MeterKeys.InvalidVerifier.selector, address(1)));
        new MeterRegistry(address(authority), IKeyVerifier(address(1)), payments);
        vm.expectRevert(abi.encodeWithSelector(MeterRegistry.InvalidIssuance.selector, address(0)));
        new MeterRegistry(address(authority), IKeyVerifier(address(verifier)), IPaid(address(0)));
    }

    function test_many_meters_are_told_in_their_order_as_their_slots_hold_them() public {
        bytes32[] memory ids = new bytes32[](3);
        ids[0] = register(registration(ED25519, 2));
        ids[1] = keccak256("unknown");
        ids[2] = meterId;
        PackedMeter[] memory known = registry.meters(ids);
        for (uint256 i = 0; i < 3; ++i) {
            Meter memory m = registry.meter(ids[i]);
            equal(known[i].household(), m.household);
            equal(known[i].site(), m.site);
            equal(known[i].ratedW(), m.ratedW);
            equal(uint256(known[i].status()), uint256(m.status));
            equal(known[i].assurance(), m.assurance);
            equal(known[i].source(), m.flags);
            holds(!known[i].wantsCertificates());
            holds(known[i].isActiveAt(1) == (i != 1));
            holds(!known[i].isActiveAt(2));
        }
    }

    // ---------------------------------------------------------------- status

    function test_a_meter_is_suspended_and_reactivated() public {
        vm.expectEmit(address(registry));
        emit MeterRegistry.MeterStatusChanged(meterId, Status.Active, Status.Suspended);
        registry.suspend(meterId);
        equal(uint256(registry.meter(meterId).status), uint256(Status.Suspended));
        registry.setStatus(meterId, Status.Active);
        equal(uint256(registry.meter(meterId).status), uint256(Status.Active));
    }

    function test_revoked_is_final(uint8 to) public {
        registry.setStatus(meterId, Status.Revoked);
        _refusedStatus(Status.Revoked, Status(within(to, 0, 4)));
    }

    function test_a_status_never_changes_to_itself_or_to_none_nor_to_ended_without_an_end() public {
        _refusedStatus(Status.Active, Status.Active);
        _refusedStatus(Status.Active, Status.None);
        _refusedStatus(Status.Active, Status.Ended);
        registry.suspend(meterId);
        _refusedStatus(Status.Suspended, Status.Suspended);
        _refusedStatus(Status.Suspended, Status.Ended);
    }

    function _refusedStatus(Status from, Status to) private {
        vm.expectRevert(abi.encodeWithSelector(MeterRegistry.InvalidStatusChange.selector, meterId, from, to));
        registry.setStatus(meterId, to);
    }

    function test_of_an_unknown_meter_nothing_is_known_and_nothing_changes(bytes32 unknown) public {
        vm.assume(unknown != meterId);
        equal(uint256(registry.meter(unknown).status), uint256(Status.None));
        equal(registry.start(unknown).time, 0);
        equal(registry.siteAt(unknown, uint64(START)), 0);
        equal(registry.offsetAt(unknown, uint64(START)), int256(0));
        (uint8 scheme,) = registry.keyAt(unknown, uint64(START));
        equal(scheme, 0);
        vm.expectRevert(abi.encodeWithSelector(MeterRegistry.UnknownMeter.selector, unknown));
        registry.setStatus(unknown, Status.Suspended);
        bytes[7] memory calls = [
            abi.encodeCall(MeterRegistry.setRatedPower, (unknown, 1, uint64(START))),
            abi.encodeCall(MeterRegistry.restart, (unknown, 1, 0, uint64(START))),
            abi.encodeCall(MeterRegistry.move, (unknown, 2)),
            abi.encodeCall(MeterRegistry.handOver, (unknown, address(1), uint64(START))),
            abi.encodeCall(MeterRegistry.end, (unknown, 1, uint64(START))),
            abi.encodeCall(MeterKeys.announceRecovery, (unknown, ES256, keyOf(ES256, 2), "")),
            abi.encodeCall(MeterKeys.rotate, (unknown, ES256, keyOf(ES256, 2), uint64(START), "", ""))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool done, bytes memory answer) = address(registry).call(calls[i]);
            holds(!done);
            equal(answer, abi.encodeWithSelector(MeterRegistry.NotInService.selector, unknown, Status.None));
        }
    }

    // ---------------------------------------------------------------- who may

    function test_only_the_authority_governs(address stranger) public {
        vm.assume(stranger != address(this) && stranger != address(authority));
        Registration memory r = registration(ES256, 2);
        bytes[12] memory calls = [
            abi.encodeCall(MeterRegistry.openSite, (stranger)),
            abi.encodeCall(MeterRegistry.register, (one(r))),
            abi.encodeCall(MeterRegistry.setStatus, (meterId, Status.Revoked)),
            abi.encodeCall(MeterRegistry.suspend, (meterId)),
            abi.encodeCall(MeterRegistry.setRatedPower, (meterId, 1, uint64(START))),
            abi.encodeCall(MeterRegistry.restart, (meterId, 1, 0, uint64(START))),
            abi.encodeCall(MeterRegistry.move, (meterId, 2)),
            abi.encodeCall(MeterRegistry.handOver, (meterId, stranger, uint64(START))),
            abi.encodeCall(MeterRegistry.end, (meterId, START_WH, uint64(START))),
            abi.encodeCall(MeterRegistry.replace, (meterId, START_WH, uint64(START), r)),
            abi.encodeCall(MeterKeys.announceRecovery, (meterId, ES256, r.publicKey, r.proof)),
            abi.encodeCall(
                MeterKeys.rotate, (meterId, ES256, r.publicKey, uint64(START) + 1, r.proof, r.proof)
            )
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(stranger);
            (bool done, bytes memory answer) = address(registry).call(calls[i]);
            holds(!done);
            equal(answer, abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, stranger));
        }
    }

    function test_only_the_household_chooses_certificates(address stranger) public {
        vm.assume(stranger != household);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(MeterRegistry.NotTheHousehold.selector, meterId, stranger));
        registry.wantCertificates(meterId, true);
        vm.prank(household);
        vm.expectEmit(address(registry));
        emit MeterRegistry.CertificatesWanted(meterId, true);
        registry.wantCertificates(meterId, true);
        equal(registry.meter(meterId).flags, WANTS_CERTIFICATES | 1);
        vm.prank(household);
        registry.wantCertificates(meterId, false);
        equal(registry.meter(meterId).flags, 1);
    }

    // ---------------------------------------------------------------- soulbound

    function test_a_credential_is_never_moved_by_its_owner() public {
        bytes memory refusal = abi.encodeWithSelector(MeterRegistry.Soulbound.selector);
        uint256 id = uint256(meterId);
        bytes[5] memory calls = [
            abi.encodeWithSignature("transferFrom(address,address,uint256)", household, address(1), id),
            abi.encodeWithSignature("safeTransferFrom(address,address,uint256)", household, address(1), id),
            abi.encodeWithSignature(
                "safeTransferFrom(address,address,uint256,bytes)", household, address(1), id, ""
            ),
            abi.encodeCall(IERC721.approve, (address(1), id)),
            abi.encodeCall(IERC721.setApprovalForAll, (address(1), true))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(household);
            (bool done, bytes memory answer) = address(registry).call(calls[i]);
            holds(!done);
            equal(answer, refusal);
        }
        equal(registry.ownerOf(id), household);
    }

    function test_a_transfer_never_brings_an_unknown_meter_into_being(bytes32 unknown) public {
        vm.assume(unknown != meterId);
        vm.expectRevert(
            abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, uint256(unknown))
        );
        registry.transferFrom(address(this), address(1), uint256(unknown));
    }

    function test_a_credential_is_always_locked() public {
        holds(registry.locked(uint256(meterId)));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 1));
        registry.locked(1);
    }

    function test_it_says_which_interfaces_it_has() public view {
        holds(registry.supportsInterface(0x01ffc9a7)); // ERC-165
        holds(registry.supportsInterface(0x80ac58cd)); // ERC-721
        holds(registry.supportsInterface(0x5b5e139f)); // ERC-721 metadata
        holds(registry.supportsInterface(0xb45a3c0e)); // ERC-5192
        holds(!registry.supportsInterface(0xffffffff));
    }
}
