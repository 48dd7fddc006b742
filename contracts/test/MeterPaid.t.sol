// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Issuance} from "../Issuance.sol";
import {MeterRegistry} from "../MeterRegistry.sol";
import {Status} from "../Meter.sol";
import {MeterStatement} from "../Statement.sol";
import {Community} from "./Community.sol";
import {vm} from "./Vm.sol";

/// @title Changes in a meter's life beside the issuance that pays for it. 5 kW with 10 % of headroom are 5,500 Wh an hour.
contract MeterRegistryPaidTest is Community {
    address private constant NEXT = address(0xB0B);

    function test_a_household_is_paid_all_that_its_meter_counted_before_it_was_handed_over() public {
        uint64 sold = _hours(1);
        vm.expectRevert(
            abi.encodeWithSelector(MeterRegistry.NotPaidUntil.selector, meterId, uint64(START), sold)
        );
        registry.handOver(meterId, NEXT, sold);
        _settled(START_WH + 1000, sold);
        registry.handOver(meterId, NEXT, sold);
        _settled(START_WH + 1700, _hours(2));
        equal(token.balanceOf(household), 1000);
        equal(token.balanceOf(NEXT), 700);
    }

    function test_nothing_before_its_date_is_paid_by_a_higher_rated_power() public {
        uint64 raised = _hours(10);
        vm.expectRevert(
            abi.encodeWithSelector(MeterRegistry.NotPaidUntil.selector, meterId, uint64(START), raised)
        );
        registry.setRatedPower(meterId, 2 * RATED_W, raised);
        _settled(START_WH, raised);
        registry.setRatedPower(meterId, 2 * RATED_W, raised);
        uint64 hourLater = raised + 1 hours;
        vm.warp(hourLater);
        MeterStatement[] memory all = only(statement(meterId, START_WH + 11_002, hourLater));
        uint64 number = valid(all);
        vm.expectRevert(abi.encodeWithSelector(Issuance.AboveCeiling.selector, meterId, 11_002, 11_001));
        this.settleNow(number, all);
        _settled(START_WH + 11_001, hourLater);
        equal(token.totalSupply(), 11_001);
    }

    function test_a_lower_rated_power_holds_for_all_that_is_not_yet_paid() public {
        uint64 later = _hours(10);
        registry.setRatedPower(meterId, RATED_W / 5, later);
        MeterStatement[] memory all = only(statement(meterId, START_WH + 20_000, later));
        uint64 number = valid(all);
        vm.expectRevert(abi.encodeWithSelector(Issuance.AboveCeiling.selector, meterId, 20_000, 11_001));
        this.settleNow(number, all);
    }

    function test_a_meter_that_was_moved_is_paid_at_its_new_site_alone() public {
        uint32 other = openSite(address(0x51));
        uint64 time = _hours(1);
        MeterStatement[] memory all = only(statement(meterId, START_WH + 1000, time));
        uint64 number = valid(all);
        registry.move(meterId, other);
        vm.expectRevert(abi.encodeWithSelector(Issuance.WrongSite.selector, meterId, site, other));
        this.settleNow(number, all);
        site = other;
        _settled(START_WH + 1500, _hours(3));
        equal(token.balanceOf(household), 1500);
    }

    function test_a_meter_that_has_ended_is_paid_up_to_its_final_register_and_nothing_beyond() public {
        uint64 last = _hours(2);
        registry.end(meterId, START_WH + 2000, last);
        _refused(START_WH + 2001, last, last);
        _refused(START_WH + 2000, last + 1, last);
        _settled(START_WH + 1500, uint64(START) + 1 hours);
        _settled(START_WH + 2000, last);
        equal(token.balanceOf(household), 2000);
        registry.setStatus(meterId, Status.Revoked);
        MeterStatement[] memory all = only(statement(meterId, START_WH + 2000, last));
        uint64 number = valid(all);
        vm.expectRevert(abi.encodeWithSelector(Issuance.MeterNotActive.selector, meterId, Status.Revoked));
        this.settleNow(number, all);
    }

    function _refused(uint64 wh, uint64 time, uint64 last) private {
        vm.warp(block.timestamp + 1 hours);
        MeterStatement[] memory all = only(statement(meterId, wh, time));
        uint64 number = valid(all);
        vm.expectRevert(abi.encodeWithSelector(Issuance.AfterEnd.selector, meterId, START_WH + 2000, last));
        this.settleNow(number, all);
    }

    function test_a_restart_never_reaches_behind_what_was_paid() public {
        uint64 time = _hours(1);
        _settled(START_WH + 1000, time);
        vm.expectRevert(abi.encodeWithSelector(MeterRegistry.PaidAlready.selector, meterId, time, time));
        registry.restart(meterId, START_WH + 1000, 0, time);
        registry.restart(meterId, START_WH + 1000, 0, time + 1);
        // The meter shows 500.
        uint64 later = _hours(2);
        int256 countedWh = 500 + registry.offsetAt(meterId, later);
        _settled(uint64(uint256(countedWh)), later);
        equal(token.balanceOf(household), 1500);
    }

    function test_nothing_is_paid_to_a_revoked_meter() public {
        uint64 time = _hours(1);
        MeterStatement[] memory all = only(statement(meterId, START_WH + 1000, time));
        uint64 number = valid(all);
        registry.setStatus(meterId, Status.Revoked);
        vm.expectRevert(abi.encodeWithSelector(Issuance.MeterNotActive.selector, meterId, Status.Revoked));
        this.settleNow(number, all);
    }

    /// So many hours after the start, and it is then.
    function _hours(uint64 n) private returns (uint64 time) {
        time = uint64(START) + n * 1 hours;
        if (time > block.timestamp) vm.warp(time);
    }

    function _settled(uint64 wh, uint64 time) private {
        MeterStatement[] memory all = only(statement(meterId, wh, time));
        settle(valid(all), all);
    }

    function settleNow(uint64 number, MeterStatement[] calldata all) external {
        settle(number, all);
    }
}
