// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Status} from "../Meter.sol";
import {Proposal} from "../Proposal.sol";
import {Reputation, Stakes} from "../Stakes.sol";
import {MeterStatement} from "../Statement.sol";
import {Community} from "./Community.sol";
import {Tree} from "./Tree.sol";
import {vm} from "./Vm.sol";

contract ReputationTest is Community {
    address private constant ANYONE = address(0xA11);
    uint256 private constant STRANGER = 0x57A;

    // ---------------------------------------------------------------- signed

    function test_a_signature_counts_once_beyond_the_threshold_too() public {
        for (uint256 round = 1; round <= 3; ++round) {
            Proposal memory p = _proposed("root");
            for (uint256 i = 0; i < 5; ++i) {
                vm.expectEmit(address(stakes));
                emit Stakes.SignatureCounted(vm.addr(keys[i]), site, p.number);
                _countSigned(p, keys[i], "");
                _countSigned(p, keys[i], _already(keys[i], p));
                _has(keys[i], round, 0);
            }
            vm.warp(block.timestamp + WINDOW);
        }
    }

    function test_a_signature_never_counts_once_its_proposal_cannot_be_cancelled_any_more() public {
        Proposal memory p = _proposed("root");
        bytes memory refusal = abi.encodeWithSelector(Stakes.NotTheProposal.selector, site, p.number);
        vm.warp(block.timestamp + WINDOW);
        _countSigned(p, keys[0], refusal); // valid
        Proposal memory stopped = _proposed("another");
        _countSigned(p, keys[0], refusal); // the one before the head
        oracle.cancel(site, stopped.number);
        _countSigned(
            stopped, keys[0], abi.encodeWithSelector(Stakes.NotTheProposal.selector, site, stopped.number)
        );
        Proposal memory future = next("third");
        _countSigned(
            future, keys[0], abi.encodeWithSelector(Stakes.NotTheProposal.selector, site, future.number)
        );
        _has(keys[0], 0, 0);
    }

    function test_a_signature_never_counts_for_another_root_time_number_or_site_than_was_proposed(uint8 field)
        public
    {
        Proposal memory p = _proposed("root");
        field = uint8(within(field, 0, 3));
        if (field == 0) p.root = "another";
        else if (field == 1) --p.time;
        else if (field == 2) ++p.number;
        else ++p.site;
        _countSigned(p, keys[0], abi.encodeWithSelector(Stakes.NotTheProposal.selector, p.site, p.number));
    }

    function test_only_a_validator_of_the_set_in_force_gains_by_its_signature() public {
        Proposal memory p = _proposed("root");
        _countSigned(p, STRANGER, _notValidator(STRANGER, 1));
        address[] memory one = new address[](1);
        one[0] = vm.addr(keys[1]);
        oracle.setValidators(one, 1);
        // A former set, a proposal that names another than it was signed for, and one who was replaced.
        _countSigned(p, keys[1], _notValidator(keys[1], 1));
        p.validatorSet = 2;
        _countSigned(p, keys[0], _notValidator(keys[0], 2));
        _countSigned(p, keys[1], "");
        _has(keys[0], 0, 0);
    }

    function test_a_signature_with_one_bit_flipped_never_counts_for_its_validator(uint256 bit) public {
        Proposal memory p = _proposed("root");
        (bytes32 r, bytes32 vs) = vm.signCompact(keys[0], oracle.digest(p));
        bit = within(bit, 0, 511);
        if (bit < 256) r ^= bytes32(1 << bit);
        else vs ^= bytes32(1 << (bit - 256));
        vm.expectPartialRevert(Stakes.NotValidator.selector);
        stakes.countSigned(p, r, vs);
        _has(keys[0], 0, 0);
    }

    // ---------------------------------------------------------------- cancelled

    function test_a_cancellation_counts_once_against_each_signer_whenever_it_is_shown() public {
        Proposal memory first = _lie();
        Proposal memory second = _lie();
        // Whatever came after: other proposals, other validators, and the later one counted first.
        for (uint256 i = 0; i < 3; ++i) {
            _proposed(bytes32(i + 1));
            vm.warp(block.timestamp + WINDOW);
        }
        address[] memory one = new address[](1);
        one[0] = vm.addr(keys[1]);
        oracle.setValidators(one, 1);
        for (uint256 i = 0; i < 5; ++i) {
            _countCancelled(second, keys[i], "");
            vm.expectEmit(address(stakes));
            emit Stakes.CancellationCounted(vm.addr(keys[i]), site, first.number);
            _countCancelled(first, keys[i], "");
            _countCancelled(first, keys[i], _already(keys[i], first));
            _countCancelled(second, keys[i], _already(keys[i], second));
            _has(keys[i], 0, 2);
        }
        equal(stakes.ofSite(site).caught, 2);
    }

    function test_what_was_signed_stays_signed_when_it_is_cancelled() public {
        MeterStatement memory s = statement("unknown", 1, uint64(block.timestamp));
        Proposal memory p = _proposed(Tree.root(only(s)));
        _countSigned(p, keys[0], "");
        oracle.proveNotRegistered(site, p.number, s, new bytes32[](0));
        _countCancelled(p, keys[0], "");
        _has(keys[0], 1, 1);
    }

    function test_the_guardians_brake_and_a_register_that_fell_count_against_nobody() public {
        Proposal memory p = _proposed("root");
        oracle.cancel(site, p.number);
        _countCancelled(p, keys[0], abi.encodeWithSelector(Stakes.NotSlashed.selector, site, p.number));

        vm.warp(block.timestamp + 1);
        MeterStatement memory s = statement(meterId, START_WH + 10, uint64(block.timestamp));
        p = _proposed(Tree.root(only(s)));
        vm.warp(block.timestamp + 1);
        bytes memory lower = bytes.concat(
            abi.encode(uint64(1), uint64(block.timestamp), uint8(2), true, START_WH), meterId, bytes32(0)
        );
        oracle.proveRegisterFell(site, p.number, s, new bytes32[](0), uint64(block.timestamp), lower);
        equal(uint256(registry.meter(meterId).status), uint256(Status.Suspended));
        _countCancelled(p, keys[0], abi.encodeWithSelector(Stakes.NotSlashed.selector, site, p.number));
    }

    /// Who signed an honest batch is not caught by a dishonest one that others made of its root or for its time.
    function test_a_cancellation_never_counts_against_who_signed_another_batch(uint8 field) public {
        Proposal memory p = _lie();
        field = uint8(within(field, 0, 3));
        if (field == 0) p.root = "another";
        else if (field == 1) ++p.time;
        else if (field == 2) ++p.number;
        else ++p.site;
        _countCancelled(p, keys[0], abi.encodeWithSelector(Stakes.NotSlashed.selector, p.site, p.number));
    }

    function test_nobodys_signature_never_counts() public {
        Proposal memory p = _lie();
        vm.expectRevert(abi.encodeWithSelector(Stakes.NotValidator.selector, address(0), 1));
        stakes.countCancelled(p, 0, 0);
    }

    // ----------------------------------------------------------------

    function _proposed(bytes32 root) private returns (Proposal memory p) {
        vm.warp(block.timestamp + 1);
        p = next(root);
        propose(p);
    }

    /// Cancelled at the cost of the site's stake, which is put up anew.
    function _lie() private returns (Proposal memory p) {
        MeterStatement memory s = statement("unknown", 1, uint64(block.timestamp));
        p = _proposed(Tree.root(only(s)));
        oracle.proveNotRegistered(site, p.number, s, new bytes32[](0));
        vm.deal(address(this), SITE_STAKE);
        stakes.bondSite{value: SITE_STAKE}(site);
    }

    function _countSigned(Proposal memory p, uint256 key, bytes memory refusal) private {
        (bytes32 r, bytes32 vs) = vm.signCompact(key, oracle.digest(p));
        vm.prank(ANYONE);
        if (refusal.length != 0) vm.expectRevert(refusal);
        stakes.countSigned(p, r, vs);
    }

    function _countCancelled(Proposal memory p, uint256 key, bytes memory refusal) private {
        (bytes32 r, bytes32 vs) = vm.signCompact(key, oracle.digest(p));
        vm.prank(ANYONE);
        if (refusal.length != 0) vm.expectRevert(refusal);
        stakes.countCancelled(p, r, vs);
    }

    function _already(uint256 key, Proposal memory p) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Stakes.AlreadyCounted.selector, vm.addr(key), p.site, p.number);
    }

    function _notValidator(uint256 key, uint32 set) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Stakes.NotValidator.selector, vm.addr(key), set);
    }

    function _has(uint256 key, uint256 signed, uint256 cancelled) private view {
        Reputation memory its = stakes.reputationOf(vm.addr(key));
        equal(its.signed, signed);
        equal(its.cancelled, cancelled);
    }
}
