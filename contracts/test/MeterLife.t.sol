// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {End, Registration, Status, WANTS_CERTIFICATES} from "../Meter.sol";
import {History} from "../History.sol";
import {MeterRegistry} from "../MeterRegistry.sol";
import {ES256} from "../PublicKey.sol";
import {Meters} from "./Meters.sol";
import {vm} from "./Vm.sol";

/// @title What happens to a meter between its registration and its end.
contract MeterRegistryLifeTest is Meters {
    uint64 private constant DAY = uint64(START + 1 days);

    function setUp() public override {
        super.setUp();
        vm.warp(DAY);
    }

    // ---------------------------------------------------------------- rated power

    function test_more_rated_power_is_allowed_only_once_the_meter_was_paid_until_then(
        uint64 time,
        uint64 paid
    ) public {
        time = uint64(within(time, START, DAY));
        paid = uint64(within(paid, START, DAY));
        payments.pay(meterId, paid);
        if (paid < time) {
            vm.expectRevert(abi.encodeWithSelector(MeterRegistry.NotPaidUntil.selector, meterId, paid, time));
            registry.setRatedPower(meterId, 9000, time);
            equal(registry.meter(meterId).ratedW, RATED_W);
            return;
        }
        vm.expectEmit(address(registry));
        emit MeterRegistry.RatedPowerChanged(meterId, RATED_W, 9000, time);
        registry.setRatedPower(meterId, 9000, time);
        equal(registry.meter(meterId).ratedW, 9000);
        equal(registry.start(meterId).mostRatedW, 9000);
    }

    function test_less_rated_power_holds_at_once_and_the_most_that_it_had_is_remembered(uint32 ratedW)
        public
    {
        ratedW = uint32(within(ratedW, 1, RATED_W - 1));
        registry.setRatedPower(meterId, ratedW, DAY);
        equal(registry.meter(meterId).ratedW, ratedW);
        equal(registry.start(meterId).mostRatedW, RATED_W);
        payments.pay(meterId, DAY);
        registry.setRatedPower(meterId, RATED_W, DAY);
        equal(registry.start(meterId).mostRatedW, RATED_W);
    }

    function test_rated_power_is_never_none_nor_the_same_nor_of_the_future_nor_before_the_start() public {
        vm.expectRevert(abi.encodeWithSelector(MeterRegistry.InvalidRatedPower.selector, 0));
        registry.setRatedPower(meterId, 0, DAY);
        vm.expectRevert(abi.encodeWithSelector(MeterRegistry.SameRatedPower.selector, meterId, RATED_W));
        registry.setRatedPower(meterId, RATED_W, DAY);
        _refusedTime(DAY + 1, abi.encodeCall(MeterRegistry.setRatedPower, (meterId, 1, DAY + 1)));
        uint64 before = uint64(START) - 1;
        _refusedTime(before, abi.encodeCall(MeterRegistry.setRatedPower, (meterId, 1, before)));
    }

    // ---------------------------------------------------------------- restart

    function test_a_register_that_started_anew_goes_on_where_it_was(
        uint64[5] memory finalWh,
        uint64[5] memory firstWh
    ) public {
        int256 offset = 0;
        for (uint64 i = 0; i < 5; ++i) {
            uint64 time = uint64(START) + 100 * (i + 1);
            // What is counted has 64 bits, and so has what is shown.
            uint256 most = type(uint64).max;
            uint256 lowest = offset < 0 ? uint256(-offset) : 0;
            uint256 highest = offset > 0 ? most - uint256(offset) : most;
            finalWh[i] = uint64(within(finalWh[i], lowest, highest));
            int256 expected = offset + int256(uint256(finalWh[i])) - int256(uint256(firstWh[i]));
            vm.expectEmit(address(registry));
            emit MeterRegistry.Restarted(meterId, finalWh[i], firstWh[i], time, expected);
            registry.restart(meterId, finalWh[i], firstWh[i], time);
            equal(registry.offsetAt(meterId, time - 1), offset);
            equal(registry.offsetAt(meterId, time), expected);
            equal(registry.offsetAt(meterId, type(uint64).max), expected);
            equal(
                int256(uint256(finalWh[i])) + registry.offsetAt(meterId, time - 1),
                int256(uint256(firstWh[i])) + registry.offsetAt(meterId, time)
            );
            offset = expected;
        }
        equal(registry.offsetAt(meterId, uint64(START) + 99), int256(0));
    }

    function test_a_restart_never_changes_what_was_paid(uint64 time, uint64 paid) public {
        time = uint64(within(time, START, DAY));
        paid = paid % 2 == 0 ? time : uint64(within(paid, START, DAY));
        payments.pay(meterId, paid);
        if (time <= paid) {
            vm.expectRevert(abi.encodeWithSelector(MeterRegistry.PaidAlready.selector, meterId, paid, time));
        }
        registry.restart(meterId, 10, 0, time);
        equal(registry.offsetAt(meterId, paid), int256(0));
    }

    function test_restarts_only_go_forward_and_are_never_of_the_future() public {
        registry.restart(meterId, 10, 0, DAY - 1);
        vm.expectRevert(abi.encodeWithSelector(History.NotLater.selector, DAY - 1, DAY - 1));
        registry.restart(meterId, 10, 0, DAY - 1);
        vm.expectRevert(abi.encodeWithSelector(History.NotLater.selector, DAY - 2, DAY - 1));
        registry.restart(meterId, 10, 0, DAY - 2);
        _refusedTime(DAY + 1, abi.encodeCall(MeterRegistry.restart, (meterId, 10, 0, DAY + 1)));
    }

    function test_what_is_counted_never_leaves_the_range_of_a_statement(uint64 firstWh, uint64 finalWh)
        public
    {
        registry.restart(meterId, 0, firstWh, DAY - 1);
        int256 counted = int256(uint256(finalWh)) - int256(uint256(firstWh));
        if (counted < 0) {
            vm.expectRevert(
                abi.encodeWithSelector(MeterRegistry.CountedOutOfRange.selector, meterId, counted)
            );
        }
        registry.restart(meterId, finalWh, 0, DAY);
    }

    function test_a_counted_register_above_64_bits_is_refused() public {
        registry.restart(meterId, 1, 0, DAY - 1);
        vm.expectRevert(
            abi.encodeWithSelector(MeterRegistry.CountedOutOfRange.selector, meterId, int256(1 << 64))
        );
        registry.restart(meterId, type(uint64).max, 0, DAY);
    }

    // ---------------------------------------------------------------- sites

    function test_a_meter_belongs_to_its_old_site_until_it_is_moved_and_to_the_new_one_after(uint64 time)
        public
    {
        vm.expectEmit(address(registry));
        emit MeterRegistry.MeterMoved(meterId, 1, 2, DAY + 1);
        registry.move(meterId, 2);
        equal(registry.meter(meterId).site, 2);
        vm.warp(DAY + 10);
        registry.move(meterId, 1);
        uint32 expected = time < START ? 0 : time <= DAY ? 1 : time <= DAY + 10 ? 2 : 1;
        equal(registry.siteAt(meterId, time), expected);
        for (uint64 t = uint64(START) - 1; t <= START + 1; ++t) {
            equal(registry.siteAt(meterId, t), t < START ? 0 : 1);
        }
        for (uint64 t = DAY - 1; t <= DAY + 12; ++t) {
            equal(registry.siteAt(meterId, t), t <= DAY || t > DAY + 10 ? 1 : 2);
        }
    }

    function test_a_meter_is_moved_only_to_another_site_that_was_opened(uint32 site) public {
        if (site == 2) site = 3;
        vm.expectRevert(
            site == 1
                ? abi.encodeWithSelector(MeterRegistry.SameSite.selector, meterId, 1)
                : abi.encodeWithSelector(MeterRegistry.UnknownSite.selector, site)
        );
        registry.move(meterId, site);
    }

    // ---------------------------------------------------------------- households

    function test_a_meter_is_handed_over_only_once_it_was_paid_until_then(uint64 time, uint64 paid) public {
        time = uint64(within(time, START, DAY));
        paid = uint64(within(paid, START, DAY));
        payments.pay(meterId, paid);
        if (paid < time) {
            vm.expectRevert(abi.encodeWithSelector(MeterRegistry.NotPaidUntil.selector, meterId, paid, time));
            registry.handOver(meterId, address(0xB0B), time);
            equal(registry.ownerOf(uint256(meterId)), household);
            return;
        }
        vm.expectEmit(address(registry));
        emit IERC721.Transfer(household, address(0xB0B), uint256(meterId));
        vm.expectEmit(address(registry));
        emit MeterRegistry.HouseholdChanged(meterId, household, address(0xB0B), time);
        registry.handOver(meterId, address(0xB0B), time);
        equal(registry.ownerOf(uint256(meterId)), address(0xB0B));
        equal(registry.meter(meterId).household, address(0xB0B));
        equal(registry.balanceOf(household), 0);
        equal(registry.balanceOf(address(0xB0B)), 1);
        holds(registry.locked(uint256(meterId)));
    }

    function test_the_next_household_chooses_for_itself() public {
        vm.prank(household);
        registry.wantCertificates(meterId, true);
        registry.handOver(meterId, address(0xB0B), uint64(START));
        equal(registry.meter(meterId).flags & WANTS_CERTIFICATES, 0);
        vm.prank(household);
        vm.expectRevert(abi.encodeWithSelector(MeterRegistry.NotTheHousehold.selector, meterId, household));
        registry.wantCertificates(meterId, true);
        vm.prank(address(0xB0B));
        registry.wantCertificates(meterId, true);
    }

    function test_a_meter_is_never_handed_over_to_nobody_nor_to_its_own_household() public {
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0)));
        registry.handOver(meterId, address(0), uint64(START));
        vm.expectRevert(abi.encodeWithSelector(MeterRegistry.SameHousehold.selector, meterId, household));
        registry.handOver(meterId, household, uint64(START));
        _refusedTime(DAY + 1, abi.encodeCall(MeterRegistry.handOver, (meterId, address(1), DAY + 1)));
    }

    // ---------------------------------------------------------------- the end

    function test_an_ended_meter_has_its_last_counted_register_and_its_time(uint64 time, uint32 finalWh)
        public
    {
        time = uint64(within(time, START + 100, DAY));
        registry.restart(meterId, 1000, 0, uint64(START) + 100);
        vm.expectEmit(address(registry));
        emit MeterRegistry.MeterEnded(meterId, finalWh, uint64(finalWh) + 1000, time);
        vm.expectEmit(address(registry));
        emit MeterRegistry.MeterStatusChanged(meterId, Status.Active, Status.Ended);
        registry.end(meterId, finalWh, time);
        End memory end = registry.endOf(meterId);
        equal(end.wh, uint256(finalWh) + 1000);
        equal(end.time, time);
        equal(uint256(registry.meter(meterId).status), uint256(Status.Ended));
    }

    function test_an_ended_meter_is_never_active_again() public {
        registry.end(meterId, START_WH, DAY);
        _refusedStatus(Status.Ended, Status.Active);
        registry.suspend(meterId);
        _refusedStatus(Status.Suspended, Status.Active);
        registry.setStatus(meterId, Status.Ended);
        registry.setStatus(meterId, Status.Revoked);
        _refusedStatus(Status.Revoked, Status.Ended);
    }

    function _refusedStatus(Status from, Status to) private {
        vm.expectRevert(abi.encodeWithSelector(MeterRegistry.InvalidStatusChange.selector, meterId, from, to));
        registry.setStatus(meterId, to);
    }

    function test_nothing_changes_for_a_meter_that_has_ended_or_was_revoked(bool revoked) public {
        Registration memory by = registration(ES256, 2);
        if (revoked) registry.setStatus(meterId, Status.Revoked);
        else registry.end(meterId, START_WH, DAY);
        Status status = revoked ? Status.Revoked : Status.Ended;
        _refusedInAnyWay(by, status);
        if (revoked) return;
        registry.suspend(meterId);
        _refusedInAnyWay(by, Status.Suspended);
    }

    function _refusedInAnyWay(Registration memory by, Status status) private {
        bytes[6] memory calls = [
            abi.encodeCall(MeterRegistry.setRatedPower, (meterId, 1, DAY)),
            abi.encodeCall(MeterRegistry.restart, (meterId, 1, 0, DAY)),
            abi.encodeCall(MeterRegistry.move, (meterId, 2)),
            abi.encodeCall(MeterRegistry.handOver, (meterId, address(1), uint64(START))),
            abi.encodeCall(MeterRegistry.end, (meterId, START_WH, DAY)),
            abi.encodeCall(MeterRegistry.replace, (meterId, START_WH, DAY, by))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool done, bytes memory answer) = address(registry).call(calls[i]);
            holds(!done);
            equal(answer, abi.encodeWithSelector(MeterRegistry.NotInService.selector, meterId, status));
        }
        bytes memory refusal = abi.encodeWithSelector(MeterRegistry.NotInService.selector, meterId, status);
        vm.expectRevert(refusal);
        registry.rotate(meterId, ES256, by.publicKey, DAY + 1, "", "");
        vm.expectRevert(refusal);
        registry.announceRecovery(meterId, ES256, by.publicKey, "");
        vm.expectRevert(refusal);
        registry.recover(meterId, ES256, by.publicKey);
    }

    function test_a_suspended_meter_never_ends_before_its_suspension_is_lifted() public {
        registry.suspend(meterId);
        vm.expectRevert(
            abi.encodeWithSelector(MeterRegistry.NotInService.selector, meterId, Status.Suspended)
        );
        registry.end(meterId, START_WH, DAY);
    }

    function test_an_end_is_never_of_the_future_nor_before_the_start() public {
        _refusedTime(DAY + 1, abi.encodeCall(MeterRegistry.end, (meterId, START_WH, DAY + 1)));
        uint64 before = uint64(START) - 1;
        _refusedTime(before, abi.encodeCall(MeterRegistry.end, (meterId, START_WH, before)));
    }

    // ---------------------------------------------------------------- replacement

    function test_a_replacement_is_linked_to_the_meter_that_it_replaces() public {
        Registration memory by = registration(ES256, 2);
        bytes32 next = idOf(ES256, by.publicKey);
        vm.expectEmit(address(registry));
        emit MeterRegistry.MeterEnded(meterId, START_WH + 5, START_WH + 5, DAY - 60);
        vm.expectEmit(address(registry));
        emit MeterRegistry.MeterReplaced(meterId, next);
        registry.replace(meterId, START_WH + 5, DAY - 60, by);
        equal(registry.endOf(meterId).time, DAY - 60);
        equal(uint256(registry.meter(next).status), uint256(Status.Active));
        equal(registry.balanceOf(household), 2);
    }

    function test_no_energy_is_ever_counted_by_both_a_meter_and_its_replacement(uint64 end, uint64 start)
        public
    {
        end = uint64(within(end, START, DAY));
        start = uint64(within(start, START, DAY));
        Registration memory by = registration(ES256, 2);
        by.startTime = start;
        prove(by, 2);
        if (start < end) _refusedPlace(by, end);
        else registry.replace(meterId, START_WH, end, by);
    }

    function test_a_replacement_is_always_at_the_same_site_and_of_the_same_household() public {
        Registration memory by = registration(ES256, 2);
        by.site = 2;
        prove(by, 2);
        _refusedPlace(by, DAY);
        by.site = 1;
        by.household = address(0xB0B);
        prove(by, 2);
        _refusedPlace(by, DAY);
        equal(uint256(registry.meter(meterId).status), uint256(Status.Active));
    }

    function _refusedPlace(Registration memory by, uint64 end) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                MeterRegistry.AnotherPlace.selector, meterId, by.household, by.site, by.startTime
            )
        );
        registry.replace(meterId, START_WH, end, by);
    }

    // ----------------------------------------------------------------

    function _refusedTime(uint64 time, bytes memory call_) private {
        (bool done, bytes memory answer) = address(registry).call(call_);
        holds(!done);
        equal(answer, abi.encodeWithSelector(MeterRegistry.InvalidTime.selector, time, DAY, uint64(START)));
    }
}
