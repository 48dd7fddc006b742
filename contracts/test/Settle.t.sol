// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Proposal} from "../Proposal.sol";
import {Proposals, ProposalStatus} from "../Proposals.sol";
import {MeterStatement, Statement} from "../Statement.sol";
import {Registration, Status} from "../Meter.sol";
import {Issuance} from "../Issuance.sol";
import {Community} from "./Community.sol";
import {Tree} from "./Tree.sol";
import {vm} from "./Vm.sol";

contract SettleTest is Community {
    /// An hour at rated power, without headroom.
    uint64 private constant HOUR_WH = 5000;

    // ---------------------------------------------------------------- what is paid

    function test_anyone_may_settle_and_the_household_is_paid() public {
        vm.warp(START + 1 hours);
        MeterStatement[] memory all = only(statement(meterId, START_WH + 3200, uint64(START + 1 hours)));
        uint64 number = valid(all);

        vm.expectEmit(address(issuance));
        emit Issuance.Settled(
            meterId,
            uint256(site) << 128 | uint256(START_WH) << 64 | START,
            uint256(number) << 128 | uint256(START_WH + 3200) << 64 | (START + 1 hours)
        );
        vm.prank(address(0xBEEF));
        issuance.settle(site, number, all, new bytes32[](0), new bool[](0));

        equal(token.balanceOf(household), 3200);
        equal(token.totalSupply(), 3200);
        equal(paidWh(meterId), START_WH + 3200);
        equal(paidTime(meterId), START + 1 hours);
    }

    function test_before_the_first_settlement_the_register_at_commissioning_counts_as_paid() public view {
        equal(paidWh(meterId), START_WH);
        equal(paidTime(meterId), START);
    }

    function test_of_an_unknown_meter_nothing_is_paid() public view {
        equal(paidWh("unknown"), 0);
        equal(paidTime("unknown"), 0);
    }

    function test_only_the_difference_to_the_last_register_is_paid(uint64 first, uint64 second) public {
        first = uint64(within(first, 0, HOUR_WH));
        second = uint64(within(second, first, first + HOUR_WH));
        _settleAfterAnHour(START_WH + first);
        equal(token.totalSupply(), first);
        _settleAfterAnHour(START_WH + second);
        equal(token.totalSupply(), second);
    }

    function test_a_gap_of_any_length_heals_with_one_settlement(uint256 hours_) public {
        hours_ = within(hours_, 1, 10_000);
        vm.warp(START + hours_ * 1 hours);
        uint64 wh = START_WH + uint64(hours_) * HOUR_WH;
        MeterStatement[] memory all = only(statement(meterId, wh, uint64(block.timestamp)));
        settle(valid(all), all);
        equal(token.totalSupply(), hours_ * HOUR_WH);
    }

    function test_a_batch_never_settled_is_made_good_by_a_later_one() public {
        vm.warp(START + 1 hours);
        valid(only(statement(meterId, START_WH + 1000, uint64(block.timestamp))));
        valid(only(statement(meterId, START_WH + 2000, uint64(block.timestamp))));
        _settleAfterAnHour(START_WH + 3000);
        equal(token.totalSupply(), 3000);
    }

    function test_the_same_register_later_mints_nothing_and_moves_the_time() public {
        _settleAfterAnHour(START_WH + 10);
        vm.warp(block.timestamp + 1 hours);
        MeterStatement[] memory all = only(statement(meterId, START_WH + 10, uint64(block.timestamp)));
        uint64 number = valid(all);
        vm.recordLogs();
        settle(number, all);
        equal(vm.getRecordedLogs().length, 1); // Settled, and no transfer of nothing
        equal(token.totalSupply(), 10);
        equal(paidTime(meterId), block.timestamp - WINDOW);
    }

    function test_idle_time_is_paid_for_once_even_by_a_register_at_zero() public {
        Registration[] memory registrations = new Registration[](1);
        registrations[0] = registration(household, 2);
        registrations[0].startWh = 0;
        prove(registrations[0], 2);
        registry.register(registrations);
        bytes32 id = idOf(registrations[0]);
        vm.warp(START + 10 hours);
        MeterStatement[] memory all = only(statement(id, 0, uint64(block.timestamp)));
        settle(valid(all), all);

        // An hour later the ceiling is that of one hour, not of eleven.
        vm.warp(START + 11 hours);
        all = only(statement(id, 5502, uint64(block.timestamp)));
        uint64 number = valid(all);
        vm.expectRevert(abi.encodeWithSelector(Issuance.AboveCeiling.selector, id, 5502, 5501));
        this.settleOne(number, all[0]);
    }

    // ---------------------------------------------------------------- what is paid only once

    function test_a_replay_never_pays() public {
        vm.warp(START + 1 hours);
        MeterStatement[] memory all = only(statement(meterId, START_WH + 100, uint64(block.timestamp)));
        uint64 number = valid(all);
        settle(number, all);
        vm.recordLogs();
        settle(number, all);
        equal(vm.getRecordedLogs().length, 0);
        equal(token.totalSupply(), 100);
    }

    function test_two_identical_leaves_never_pay_twice() public {
        vm.warp(START + 1 hours);
        MeterStatement[] memory all = new MeterStatement[](2);
        all[0] = all[1] = statement(meterId, START_WH + 100, uint64(block.timestamp));
        settle(valid(all), all);
        equal(token.totalSupply(), 100);
    }

    function test_two_registers_at_one_time_never_both_pay(uint64 a, uint64 b) public {
        vm.warp(START + 1 hours);
        MeterStatement[] memory all = new MeterStatement[](2);
        a = uint64(within(a, 0, HOUR_WH));
        all[0] = statement(meterId, START_WH + a, uint64(block.timestamp));
        all[1] = statement(meterId, START_WH + uint64(within(b, 0, HOUR_WH)), uint64(block.timestamp));
        settle(valid(all), all);
        equal(token.totalSupply(), a);
    }

    function test_an_older_batch_settled_after_a_newer_one_has_no_effect() public {
        vm.warp(START + 1 hours);
        MeterStatement[] memory older = only(statement(meterId, START_WH + 100, uint64(block.timestamp)));
        uint64 first = valid(older);
        MeterStatement[] memory newer = only(statement(meterId, START_WH + 200, uint64(block.timestamp)));
        uint64 second = valid(newer);
        settle(second, newer);
        settle(first, older);
        equal(token.totalSupply(), 200);
        equal(paidWh(meterId), START_WH + 200);
    }

    function test_the_one_before_the_head_is_settled_by_its_own_rules_while_the_head_is_pending() public {
        vm.warp(START + 1 hours);
        MeterStatement[] memory older = only(statement(meterId, START_WH + 5501, uint64(block.timestamp)));
        uint64 first = valid(older);
        changeRules(rulesOf(WINDOW, 0));
        proposed(only(statement(meterId, START_WH + 6000, uint64(block.timestamp))));
        settle(first, older);
        equal(token.totalSupply(), 5501);
    }

    // ---------------------------------------------------------------- what is never paid

    function test_a_register_that_fell_is_refused(uint64 fall) public {
        _settleAfterAnHour(START_WH + 1000);
        uint64 wh = START_WH + 1000 - uint64(within(fall, 1, START_WH + 1000));
        vm.warp(block.timestamp + 1 hours);
        MeterStatement[] memory all = only(statement(meterId, wh, uint64(block.timestamp)));
        uint64 number = valid(all);
        vm.expectRevert(abi.encodeWithSelector(Issuance.RegisterFell.selector, meterId, wh, START_WH + 1000));
        issuance.settle(site, number, all, new bytes32[](0), new bool[](0));
    }

    function test_never_more_than_rated_power_with_headroom_and_one_watt_hour(
        uint32 elapsed,
        uint32 ratedW,
        uint16 headroom,
        uint64 wh
    ) public {
        elapsed = uint32(within(elapsed, 1, 400 days));
        ratedW = uint32(within(ratedW, 1, type(uint32).max));
        headroom = uint16(within(headroom, 0, 10_000));
        changeRules(rulesOf(WINDOW, headroom));
        Registration[] memory registrations = new Registration[](1);
        registrations[0] = registration(household, 2);
        registrations[0].ratedW = ratedW;
        prove(registrations[0], 2);
        registry.register(registrations);
        bytes32 id = idOf(registrations[0]);
        vm.warp(block.timestamp + elapsed);

        // The rule as it is written in the design, multiplied out; near the edge, where mistakes are.
        uint256 allowed = uint256(ratedW) * elapsed * (10_000 + headroom);
        wh = uint64(within(wh, 0, 3) + allowed / 36e6);
        bool above = uint256(wh) * 3600 * 10_000 > allowed + 3600 * 10_000;

        MeterStatement[] memory all = only(statement(id, START_WH + wh, uint64(block.timestamp)));
        uint64 number = valid(all);
        if (above) {
            vm.expectRevert(
                abi.encodeWithSelector(Issuance.AboveCeiling.selector, id, wh, allowed / 36e6 + 1)
            );
        }
        issuance.settle(site, number, all, new bytes32[](0), new bool[](0));
        equal(token.totalSupply(), above ? 0 : wh);
    }

    function test_the_largest_register_and_the_largest_meter_do_not_overflow() public {
        Registration[] memory registrations = new Registration[](1);
        registrations[0] = registration(household, 2);
        registrations[0].ratedW = type(uint32).max;
        registrations[0].startTime = 1;
        registrations[0].startWh = 0;
        prove(registrations[0], 2);
        registry.register(registrations);
        bytes32 id = idOf(registrations[0]);
        changeRules(rulesOf(WINDOW, 10_000));
        vm.warp(type(uint40).max - WINDOW);
        MeterStatement[] memory all = only(statement(id, type(uint64).max, uint64(block.timestamp)));
        uint64 number = valid(all);
        uint256 ceiling = uint256(type(uint32).max) * (block.timestamp - WINDOW - 1) * 20_000 / 36e6 + 1;
        vm.expectRevert(abi.encodeWithSelector(Issuance.AboveCeiling.selector, id, type(uint64).max, ceiling));
        this.settleOne(number, all[0]);
    }

    function test_a_suspended_meter_is_not_paid_until_it_is_active_again() public {
        vm.warp(START + 1 hours);
        MeterStatement[] memory all = only(statement(meterId, START_WH + 100, uint64(block.timestamp)));
        uint64 number = valid(all);
        registry.setStatus(meterId, Status.Suspended);
        vm.expectRevert(abi.encodeWithSelector(Issuance.MeterNotActive.selector, meterId, Status.Suspended));
        this.settleOne(number, all[0]);
        registry.setStatus(meterId, Status.Active);
        settle(number, all);
        equal(token.totalSupply(), 100);
    }

    function test_a_revoked_meter_is_never_paid() public {
        vm.warp(START + 1 hours);
        MeterStatement[] memory all = only(statement(meterId, START_WH + 100, uint64(block.timestamp)));
        uint64 number = valid(all);
        registry.setStatus(meterId, Status.Revoked);
        vm.expectRevert(abi.encodeWithSelector(Issuance.MeterNotActive.selector, meterId, Status.Revoked));
        this.settleOne(number, all[0]);
    }

    function test_a_meter_that_is_not_registered_is_never_paid(bytes32 unknown) public {
        vm.assume(unknown != meterId);
        vm.warp(START + 1 hours);
        MeterStatement[] memory all = only(statement(unknown, 100, uint64(block.timestamp)));
        uint64 number = valid(all);
        vm.expectRevert(abi.encodeWithSelector(Issuance.MeterNotActive.selector, unknown, Status.None));
        this.settleOne(number, all[0]);
    }

    function test_a_site_never_settles_another_sites_meter() public {
        uint32 home = site;
        site = openSite(address(this));
        vm.warp(START + 1 hours);
        MeterStatement[] memory all = only(statement(meterId, START_WH + 100, uint64(block.timestamp)));
        uint64 number = valid(all);
        vm.expectRevert(abi.encodeWithSelector(Issuance.WrongSite.selector, meterId, site, home));
        this.settleOne(number, all[0]);
    }

    function test_a_statement_is_never_later_than_its_proposal() public {
        vm.warp(START + 1 hours);
        MeterStatement[] memory all = only(statement(meterId, START_WH + 100, uint64(block.timestamp + 1)));
        uint64 number = valid(all);
        vm.expectRevert(
            abi.encodeWithSelector(
                Issuance.StatementAfterProposal.selector, meterId, START + 1 hours + 1, START + 1 hours
            )
        );
        this.settleOne(number, all[0]);
        // Nor as the one before the head, although the head's own time is late enough.
        valid(only(statement("other", 0, 0)));
        vm.expectRevert(
            abi.encodeWithSelector(
                Issuance.StatementAfterProposal.selector, meterId, START + 1 hours + 1, START + 1 hours
            )
        );
        this.settleOne(number, all[0]);
    }

    function test_one_bad_statement_stops_its_whole_settlement() public {
        bytes32 second = register(address(0xB0B), 2);
        vm.warp(START + 1 hours);
        MeterStatement[] memory all = new MeterStatement[](2);
        all[0] = statement(meterId, START_WH + 100, uint64(block.timestamp));
        all[1] = statement(second, START_WH - 1, uint64(block.timestamp));
        uint64 number = valid(all);
        vm.expectRevert(
            abi.encodeWithSelector(Issuance.RegisterFell.selector, second, START_WH - 1, START_WH)
        );
        this.settleSome(number, all, 3);
        equal(token.totalSupply(), 0);
        settle(number, all, 1);
        equal(token.totalSupply(), 100);
    }

    // ---------------------------------------------------------------- which proposals

    function test_a_pending_proposal_never_pays(uint256 wait) public {
        vm.warp(START + 1 hours);
        MeterStatement[] memory all = only(statement(meterId, START_WH + 100, uint64(block.timestamp)));
        uint64 number = proposed(all);
        uint64 validAt = uint64(block.timestamp + WINDOW);
        vm.warp(block.timestamp + upTo(wait, WINDOW - 1));
        vm.expectRevert(abi.encodeWithSelector(Proposals.ProposalPending.selector, site, number, validAt));
        this.settleOne(number, all[0]);
    }

    function test_a_cancelled_proposal_never_pays() public {
        vm.warp(START + 1 hours);
        MeterStatement[] memory bad = only(statement(meterId, START_WH + 100, uint64(block.timestamp)));
        uint64 number = proposed(bad);
        oracle.cancel(site, number);
        vm.warp(block.timestamp + 1);
        MeterStatement[] memory good = only(statement(meterId, START_WH + 50, uint64(block.timestamp)));
        bytes memory refusal = abi.encodeWithSelector(Proposals.ProposalCancelled.selector, site, number);
        vm.expectRevert(refusal);
        this.settleOne(number, bad[0]);

        valid(good); // at once, without waiting for the cancelled one's window
        vm.expectRevert(refusal);
        this.settleOne(number, bad[0]);
        settle(number + 1, good);
        equal(token.totalSupply(), 50);

        valid(only(statement("other", 0, 0)));
        vm.expectRevert(abi.encodeWithSelector(Proposals.UnknownProposal.selector, site, number, number + 2));
        this.settleOne(number, bad[0]);
    }

    function test_no_other_proposal_than_the_last_two_pays(uint64 number) public {
        vm.warp(START + 1 hours);
        MeterStatement[] memory all = only(statement(meterId, START_WH + 100, uint64(START)));
        for (uint256 i = 0; i < 4; ++i) {
            valid(all);
        }
        vm.assume(number != 3 && number != 4);
        vm.expectRevert(abi.encodeWithSelector(Proposals.UnknownProposal.selector, site, number, 4));
        this.settleOne(number, all[0]);
    }

    function test_before_the_first_proposal_nothing_pays() public {
        vm.expectRevert(abi.encodeWithSelector(Proposals.UnknownProposal.selector, site, 0, 0));
        this.settleOne(0, statement(meterId, START_WH, uint64(START)));
    }

    // ---------------------------------------------------------------- proofs

    /// forge-config: default.fuzz.runs = 32
    function test_any_choice_of_any_tree_can_be_settled(uint256 size, uint256 chosen) public {
        size = within(size, 1, 24);
        chosen = within(chosen, 1, (1 << size) - 1);
        bytes32[] memory ids = new bytes32[](size);
        for (uint256 i = 0; i < size; ++i) {
            ids[i] = register(address(uint160(i + 1)), i + 2);
        }
        vm.warp(START + 1 hours);
        MeterStatement[] memory all = new MeterStatement[](size);
        for (uint256 i = 0; i < size; ++i) {
            all[i] = statement(ids[i], START_WH + 100 + uint64(i), uint64(block.timestamp));
        }
        settle(valid(all), all, chosen);
        for (uint256 i = 0; i < size; ++i) {
            equal(token.balanceOf(address(uint160(i + 1))), chosen >> i & 1 == 1 ? 100 + i : 0);
        }
    }

    function test_a_statement_that_was_changed_in_any_field_is_refused(uint8 field, uint64 by) public {
        vm.warp(START + 1 hours);
        uint64 time = uint64(block.timestamp);
        bytes32 second = register(household, 2);
        MeterStatement[] memory all = new MeterStatement[](2);
        all[0] = statement(meterId, START_WH + 100, time);
        all[1] = statement("other", 0, time);
        uint64 number = valid(all);
        (MeterStatement[] memory s, bytes32[] memory proof, bool[] memory flags) = Tree.prove(all, 1);
        field = uint8(within(field, 0, 3));
        by = uint64(within(by, 1, 1000));
        if (field == 0) s[0].meterId = second;
        else if (field == 1) s[0].generatedWh += by;
        else if (field == 2) s[0].time -= by;
        else s[0].reading = bytes32(uint256(s[0].reading) ^ by);
        vm.expectRevert(abi.encodeWithSelector(Issuance.InvalidProof.selector, site, number));
        issuance.settle(site, number, s, proof, flags);
    }

    function test_a_leaf_of_another_kind_is_never_read_as_a_meter_statement() public {
        vm.warp(START + 1 hours);
        MeterStatement memory s = statement(meterId, START_WH + 100, uint64(block.timestamp));
        bytes32 leaf = keccak256(
            bytes.concat(keccak256(abi.encode(uint256(2), s.meterId, s.generatedWh, s.time, s.reading)))
        );
        propose(next(leaf));
        vm.warp(block.timestamp + WINDOW);
        vm.expectRevert(abi.encodeWithSelector(Issuance.InvalidProof.selector, site, 1));
        this.settleOne(1, s);
    }

    function test_a_leaf_is_what_the_specification_says_to_the_byte() public {
        vm.warp(START + 1 hours);
        MeterStatement memory s = statement(meterId, START_WH + 100, uint64(block.timestamp));
        bytes memory words = bytes.concat(
            bytes32(uint256(1)),
            s.meterId,
            bytes32(uint256(s.generatedWh)),
            bytes32(uint256(s.time)),
            s.reading
        );
        propose(next(keccak256(bytes.concat(keccak256(words)))));
        vm.warp(block.timestamp + WINDOW);
        this.settleOne(1, s);
        equal(token.totalSupply(), 100);
    }

    function test_settling_nothing_is_refused_even_with_the_root_as_proof() public {
        MeterStatement[] memory none = new MeterStatement[](0);
        Proposal memory p = next("root");
        propose(p);
        vm.warp(START + WINDOW);
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = "root";
        vm.expectRevert(Issuance.NoStatements.selector);
        issuance.settle(site, 1, none, proof, new bool[](0));
    }

    function test_a_proof_of_the_wrong_shape_is_refused(uint8 proofs, uint8 flags) public {
        vm.warp(START + 1 hours);
        MeterStatement[] memory all = only(statement(meterId, START_WH + 100, uint64(block.timestamp)));
        uint64 number = valid(all);
        vm.assume(proofs != flags);
        vm.expectRevert(Statement.InvalidMultiproof.selector);
        issuance.settle(site, number, all, new bytes32[](proofs), new bool[](flags));
    }

    // ---------------------------------------------------------------- what an auditor sees

    function test_proposal_shows_the_rules_in_force_when_it_was_made() public {
        MeterStatement[] memory all = only(statement(meterId, START_WH, uint64(START)));
        proposed(all);
        (bytes32 root, ProposalStatus status, uint64 time, uint64 validAt, uint16 version) =
            oracle.proposal(site, 1);
        equal(root, Tree.root(all));
        equal(uint256(status), uint256(ProposalStatus.Pending));
        equal(time, START);
        equal(validAt, START + WINDOW);
        equal(version, 1);

        changeRules(rulesOf(2 hours, 5));
        proposed(all);
        (, status, time, validAt, version) = oracle.proposal(site, 1);
        equal(uint256(status), uint256(ProposalStatus.Valid));
        equal(time, START);
        equal(validAt, 0);
        equal(version, 1);
        (,,, validAt, version) = oracle.proposal(site, 2);
        equal(validAt, block.timestamp + 2 hours);
        equal(version, 2);
    }

    // ----------------------------------------------------------------

    /// External, so that a revert inside is this call's.
    function settleOne(uint64 number, MeterStatement memory s) external {
        issuance.settle(site, number, only(s), new bytes32[](0), new bool[](0));
    }

    function settleSome(uint64 number, MeterStatement[] memory all, uint256 chosen) external {
        settle(number, all, chosen);
    }

    function _settleAfterAnHour(uint64 wh) private {
        vm.warp(block.timestamp + 1 hours);
        MeterStatement[] memory all = only(statement(meterId, wh, uint64(block.timestamp)));
        settle(valid(all), all);
    }
}
