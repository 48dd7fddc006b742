// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {
    ASSURANCE_GATEWAY,
    Meter,
    MeterRegistry,
    PackedMeter,
    Registration,
    SOURCE_SOLAR,
    Start,
    Status,
    WANTS_CERTIFICATES
} from "../MeterRegistry.sol";
import {ED25519, ES256} from "../PublicKey.sol";
import {Community} from "./Community.sol";
import {Vm, vm} from "./Vm.sol";

contract MeterRegistryTest is Community {
    // RFC 8032, 7.1, tests 1 to 3.
    bytes32 private constant RFC_1 = 0xd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a;
    bytes32 private constant RFC_2 = 0x3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c;
    bytes32 private constant RFC_3 = 0xfc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025;

    // ---------------------------------------------------------------- sites

    function test_sites_are_numbered_from_one() public {
        vm.expectEmit(address(registry));
        emit MeterRegistry.SiteOpened(2, address(0x0B));
        equal(registry.openSite(address(0x0B)), 2);
        equal(registry.openSite(address(0x0C)), 3);
        equal(registry.siteCount(), 3);
        equal(registry.siteOperator(2), address(0x0B));
        equal(registry.siteOperator(3), address(0x0C));
        equal(registry.siteOperator(4), address(0));
        equal(registry.siteOperator(0), address(0));
    }

    function test_a_site_never_opens_without_an_operator() public {
        vm.expectRevert(abi.encodeWithSelector(MeterRegistry.InvalidOperator.selector, address(0)));
        registry.openSite(address(0));
    }

    // ---------------------------------------------------------------- registering

    function test_a_registered_meter_is_known_by_the_hash_of_its_scheme_and_key() public {
        Registration memory r = registration(address(0xB0B), 1);
        r.scheme = ED25519;
        r.assurance = ASSURANCE_GATEWAY;
        r.publicKey = abi.encodePacked(RFC_1);
        bytes32 id = keccak256(bytes.concat(hex"01", RFC_1));
        vm.expectEmit(address(registry));
        emit MeterRegistry.Locked(uint256(id));
        vm.expectEmit(address(registry));
        emit MeterRegistry.MeterRegistered(
            id,
            site,
            address(0xB0B),
            ED25519,
            r.publicKey,
            ASSURANCE_GATEWAY,
            SOURCE_SOLAR,
            RATED_W,
            START_WH,
            uint64(START)
        );
        _register(r);

        Meter memory m = registry.meter(id);
        equal(m.site, site);
        equal(m.ratedW, RATED_W);
        equal(m.scheme, ED25519);
        equal(m.assurance, ASSURANCE_GATEWAY);
        equal(uint256(m.status), uint256(Status.Active));
        equal(m.household, address(0xB0B));
        equal(m.flags, SOURCE_SOLAR);
        equal(registry.start(id).time, START);
        equal(registry.start(id).wh, START_WH);
        equal(registry.start(id).registeredAt, START);
        equal(registry.start(id).mostRatedW, RATED_W);
        equal(registry.ownerOf(uint256(id)), address(0xB0B));
        equal(registry.publicKey(id), r.publicKey);
    }

    function test_a_p256_key_reads_back_as_x_and_y(uint256 key) public {
        key = within(key, 2, type(uint128).max);
        (uint256 x, uint256 y) = vm.publicKeyP256(key);
        bytes32 id = register(household, key);
        equal(id, keccak256(abi.encodePacked(uint8(2), x, y)));
        equal(registry.publicKey(id), abi.encodePacked(x, y));
    }

    function test_many_meters_are_registered_together_or_none() public {
        Registration[] memory many = new Registration[](3);
        for (uint256 i = 0; i < 3; ++i) {
            many[i] = registration(household, i + 2);
        }
        many[2].ratedW = 0;
        vm.expectRevert(abi.encodeWithSelector(MeterRegistry.InvalidRatedPower.selector, 0));
        registry.register(many);
        equal(registry.balanceOf(household), 1);
        many[2].ratedW = 1;
        registry.register(many);
        equal(registry.balanceOf(household), 4);
    }

    function test_a_known_meter_is_never_registered_again_not_even_when_revoked() public {
        _refused(
            registration(address(0xB0B), 1),
            abi.encodeWithSelector(MeterRegistry.MeterAlreadyRegistered.selector, meterId)
        );
        registry.setStatus(meterId, Status.Revoked);
        _refused(
            registration(address(0xB0B), 1),
            abi.encodeWithSelector(MeterRegistry.MeterAlreadyRegistered.selector, meterId)
        );
    }

    function test_only_at_a_site_that_was_opened(uint32 unknown) public {
        vm.assume(unknown != site);
        Registration memory r = registration(household, 2);
        r.site = unknown;
        _refused(r, abi.encodeWithSelector(MeterRegistry.UnknownSite.selector, unknown));
    }

    function test_only_with_a_known_assurance(uint8 assurance) public {
        vm.assume(assurance != 1 && assurance != 2);
        Registration memory r = registration(household, 2);
        r.assurance = assurance;
        _refused(r, abi.encodeWithSelector(MeterRegistry.InvalidAssurance.selector, assurance));
    }

    function test_never_from_the_future_nor_from_1970(uint64 startTime) public {
        if (startTime <= START) startTime = 0;
        Registration memory r = registration(household, 2);
        r.startTime = startTime;
        _refused(r, abi.encodeWithSelector(MeterRegistry.InvalidStartTime.selector, startTime, START));
    }

    function test_never_to_nobody() public {
        _refused(
            registration(address(0), 2),
            abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0))
        );
    }

    // ---------------------------------------------------------------- keys

    function test_the_keys_of_rfc_8032_are_accepted() public {
        _register(_ed25519(RFC_1));
        _register(_ed25519(RFC_2));
        _register(_ed25519(RFC_3));
    }

    function test_only_the_two_schemes_with_keys_of_their_length(uint8 scheme, uint256 length) public {
        length = within(length, 0, 100);
        Registration memory r = registration(household, 2);
        r.scheme = scheme;
        bytes memory key = bytes.concat(r.publicKey, r.publicKey);
        if (scheme == ED25519) key = bytes.concat(RFC_1, RFC_2, RFC_3, RFC_3);
        assembly ("memory-safe") {
            mstore(key, length)
        }
        r.publicKey = key;
        if ((scheme == ED25519 && length == 32) || (scheme == ES256 && length == 64)) {
            _register(r);
        } else {
            _refusedKey(r);
        }
    }

    function test_small_order_ed25519_keys_are_never_accepted_in_any_encoding() public {
        // The 8 torsion points, then their 6 non-canonical encodings: C. Cremers and D. Jackson, "Prime, Order
        // Please!", 2019; Chalkias et al., "Taming the many EdDSAs", 2020, table 1.
        bytes32[14] memory keys = [
            bytes32(0x0100000000000000000000000000000000000000000000000000000000000000),
            0xecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f,
            0x0000000000000000000000000000000000000000000000000000000000000080,
            0x0000000000000000000000000000000000000000000000000000000000000000,
            0xc7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a,
            0xc7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa,
            0x26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05,
            0x26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85,
            0x0100000000000000000000000000000000000000000000000000000000000080,
            0xecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff,
            0xeeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f,
            0xeeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff,
            0xedffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f,
            0xedffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
        ];
        for (uint256 i = 0; i < keys.length; ++i) {
            _refusedKey(_ed25519(keys[i]));
        }
    }

    function test_ed25519_keys_that_are_not_canonical_are_never_accepted(uint8 above, bool sign) public {
        // y = p + above; with above 3, 4, 5… many of them are points of the curve.
        uint256 lowest = 0xed + within(above, 0, 18);
        bytes32 key = bytes32(lowest << 248 | uint256(type(uint240).max) << 8 | (sign ? 0xff : 0x7f));
        _refusedKey(_ed25519(key));
    }

    function test_an_ed25519_key_that_is_not_on_the_curve_is_never_accepted() public {
        // For y up to 11 these have no x (RFC 8032, 5.1.3, step 2).
        _refusedKey(_ed25519(bytes32(uint256(2) << 248)));
        _refusedKey(_ed25519(bytes32(uint256(7) << 248)));
        _refusedKey(_ed25519(bytes32(uint256(8) << 248)));
        _refusedKey(_ed25519(bytes32(uint256(11) << 248)));
        _register(_ed25519(bytes32(uint256(3) << 248)));
        _register(_ed25519(bytes32(uint256(4) << 248)));
    }

    function test_a_p256_key_that_is_not_on_the_curve_is_never_accepted(uint256 bit) public {
        Registration memory r = registration(household, 2);
        bit = within(bit, 0, 511);
        r.publicKey[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        _refusedKey(r);
    }

    function test_a_p256_key_of_zeros_or_beyond_the_field_is_never_accepted() public {
        Registration memory r = registration(household, 2);
        r.publicKey = new bytes(64);
        _refusedKey(r);
        // x = 5 is on the curve, and so is 5 + p, in other words.
        uint256 y = 0x459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc;
        r.publicKey = abi.encodePacked(uint256(5), y);
        _register(r);
        uint256 p = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffff;
        r.publicKey = abi.encodePacked(p + 5, y);
        _refusedKey(r);
    }

    // ---------------------------------------------------------------- status

    function test_a_meter_is_suspended_and_reactivated() public {
        vm.expectEmit(address(registry));
        emit MeterRegistry.MeterStatusChanged(meterId, Status.Active, Status.Suspended);
        registry.setStatus(meterId, Status.Suspended);
        equal(uint256(registry.meter(meterId).status), uint256(Status.Suspended));
        registry.setStatus(meterId, Status.Active);
        equal(uint256(registry.meter(meterId).status), uint256(Status.Active));
    }

    function test_revoked_is_final(uint8 to) public {
        registry.setStatus(meterId, Status.Revoked);
        Status status = Status(within(to, 0, 3));
        vm.expectRevert(
            abi.encodeWithSelector(
                MeterRegistry.InvalidStatusChange.selector, meterId, Status.Revoked, status
            )
        );
        registry.setStatus(meterId, status);
    }

    function test_a_status_never_changes_to_itself_or_to_none() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                MeterRegistry.InvalidStatusChange.selector, meterId, Status.Active, Status.Active
            )
        );
        registry.setStatus(meterId, Status.Active);
        vm.expectRevert(
            abi.encodeWithSelector(
                MeterRegistry.InvalidStatusChange.selector, meterId, Status.Active, Status.None
            )
        );
        registry.setStatus(meterId, Status.None);
    }

    function test_an_unknown_meter_has_no_status_to_set_and_no_key(bytes32 unknown) public {
        vm.assume(unknown != meterId);
        equal(uint256(registry.meter(unknown).status), uint256(Status.None));
        vm.expectRevert(abi.encodeWithSelector(MeterRegistry.UnknownMeter.selector, unknown));
        registry.setStatus(unknown, Status.Suspended);
        vm.expectRevert(abi.encodeWithSelector(MeterRegistry.UnknownMeter.selector, unknown));
        registry.publicKey(unknown);
    }

    function test_a_meters_state_can_be_rebuilt_from_logs_alone() public {
        vm.recordLogs();
        Registration memory r = registration(address(0xB0B), 2);
        _register(r);
        registry.setStatus(idOf(r), Status.Suspended);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        equal(logs.length, 4); // Transfer, Locked, MeterRegistered, MeterStatusChanged

        equal(logs[2].topics[0], MeterRegistry.MeterRegistered.selector);
        Meter memory rebuilt;
        bytes memory key;
        rebuilt.site = uint32(uint256(logs[2].topics[2]));
        rebuilt.household = address(uint160(uint256(logs[2].topics[3])));
        Start memory start;
        (rebuilt.scheme, key, rebuilt.assurance, rebuilt.flags, rebuilt.ratedW, start.wh, start.time) =
            abi.decode(logs[2].data, (uint8, bytes, uint8, uint8, uint32, uint64, uint64));
        (start.registeredAt, start.mostRatedW) = (uint64(block.timestamp), rebuilt.ratedW);
        equal(logs[3].topics[0], MeterRegistry.MeterStatusChanged.selector);
        (, rebuilt.status) = abi.decode(logs[3].data, (Status, Status));

        bytes32 id = logs[2].topics[1];
        equal(abi.encode(rebuilt), abi.encode(registry.meter(id)));
        equal(abi.encode(start), abi.encode(registry.start(id)));
        equal(key, registry.publicKey(id));
        equal(address(uint160(uint256(logs[2].topics[3]))), registry.ownerOf(uint256(id)));
    }

    function test_many_meters_at_once_are_the_same_as_one_by_one(uint8 n) public {
        n = uint8(within(n, 0, 9));
        bytes32[] memory ids = new bytes32[](n);
        for (uint256 i = 0; i < n; ++i) {
            // Unknown ones among them.
            ids[i] = i % 3 == 2 ? bytes32(i) : register(address(uint160(0xB0B + i)), i + 2);
        }
        if (n > 1) {
            registry.setStatus(ids[1], Status.Suspended);
            vm.prank(address(0xB0B));
            registry.wantCertificates(ids[0], true);
        }
        PackedMeter[] memory packed = registry.meters(ids);
        equal(packed.length, n);
        for (uint256 i = 0; i < n; ++i) {
            Meter memory m = registry.meter(ids[i]);
            equal(packed[i].household(), m.household);
            equal(packed[i].site(), m.site);
            equal(packed[i].ratedW(), m.ratedW);
            equal(uint256(packed[i].status()), uint256(m.status));
            equal(packed[i].assurance(), m.assurance);
            equal(packed[i].source() | (packed[i].wantsCertificates() ? WANTS_CERTIFICATES : 0), m.flags);
            holds(packed[i].isActiveAt(site) == (m.status == Status.Active && m.site == site));
            holds(!packed[i].isActiveAt(site + 1));
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
        equal(registry.meter(meterId).flags, SOURCE_SOLAR | WANTS_CERTIFICATES);
        vm.prank(household);
        registry.wantCertificates(meterId, false);
        equal(registry.meter(meterId).flags, SOURCE_SOLAR);
    }

    function test_only_with_a_source_that_the_flags_can_hold(uint8 source) public {
        Registration memory r = registration(household, 2);
        r.source = source;
        if (source == 0 || source > 15) {
            _refused(r, abi.encodeWithSelector(MeterRegistry.InvalidSource.selector, source));
        } else {
            _register(r);
        }
    }

    function test_nothing_is_transferred_that_does_not_exist(uint256 unknown) public {
        vm.assume(unknown != uint256(meterId));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, unknown));
        registry.transferFrom(address(0), address(this), unknown);
    }

    // ---------------------------------------------------------------- soulbound

    function test_a_credential_never_moves() public {
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

    // ----------------------------------------------------------------

    function _ed25519(bytes32 key) private view returns (Registration memory r) {
        r = registration(household, 2);
        r.scheme = ED25519;
        r.publicKey = abi.encodePacked(key);
    }

    function _register(Registration memory r) private {
        Registration[] memory one = new Registration[](1);
        one[0] = r;
        registry.register(one);
    }

    function _refused(Registration memory r, bytes memory refusal) private {
        Registration[] memory one = new Registration[](1);
        one[0] = r;
        vm.expectRevert(refusal);
        registry.register(one);
    }

    function _refusedKey(Registration memory r) private {
        _refused(r, abi.encodeWithSelector(MeterRegistry.InvalidPublicKey.selector, r.scheme, r.publicKey));
    }
}
