// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ImpactOracle} from "../ImpactOracle.sol";
import {IOracle, Issuance} from "../Issuance.sol";
import {Proposal} from "../Proposal.sol";
import {Proposals, ProposalStatus} from "../Proposals.sol";
import {MeterStatement} from "../Statement.sol";
import {Community} from "./Community.sol";
import {vm} from "./Vm.sol";

contract SuccessionTest is Community {
    // ---------------------------------------------------------------- announced → succeeded

    function test_a_successor_never_succeeds_before_the_exit_window_is_over(uint256 wait) public {
        ImpactOracle heir = newOracle(oracle);
        issuance.announceSuccessor(heir);
        uint64 from = issuance.successionAt();
        equal(from, block.timestamp + issuance.EXIT_WINDOW());
        vm.warp(block.timestamp + upTo(wait, issuance.EXIT_WINDOW() - 1));
        vm.expectRevert(abi.encodeWithSelector(Issuance.SuccessionNotYet.selector, from));
        issuance.succeed();
        equal(address(issuance.oracle()), address(oracle));
        vm.warp(from);
        vm.prank(address(0xBEEF));
        issuance.succeed();
        equal(address(issuance.oracle()), address(heir));
        equal(address(issuance.successor()), address(0));
        equal(issuance.successionAt(), 0);
    }

    function test_the_exit_window_is_longer_than_the_longest_challenge_and_so_is_unbonding() public view {
        uint256 longest = uint256(policy.MAX_CHALLENGE_WINDOW()) + policy.MAX_ANSWER_TIME();
        holds(issuance.EXIT_WINDOW() > longest);
        holds(stakes.UNBONDING() > longest);
    }

    function test_announcing_another_starts_the_window_anew() public {
        ImpactOracle first = newOracle(oracle);
        ImpactOracle second = newOracle(oracle);
        issuance.announceSuccessor(first);
        vm.warp(block.timestamp + issuance.EXIT_WINDOW());
        issuance.announceSuccessor(second);
        uint64 from = issuance.successionAt();
        equal(from, block.timestamp + issuance.EXIT_WINDOW());
        vm.expectRevert(abi.encodeWithSelector(Issuance.SuccessionNotYet.selector, from));
        issuance.succeed();
    }

    function test_a_withdrawn_successor_never_succeeds() public {
        issuance.announceSuccessor(newOracle(oracle));
        issuance.withdrawSuccessor();
        vm.warp(block.timestamp + issuance.EXIT_WINDOW());
        vm.expectRevert(Issuance.NoSuccessor.selector);
        issuance.succeed();
        vm.expectRevert(Issuance.NoSuccessor.selector);
        issuance.withdrawSuccessor();
    }

    function test_who_succeeded_never_succeeds_again() public {
        _succeed(newOracle(oracle));
        vm.expectRevert(Issuance.NoSuccessor.selector);
        issuance.succeed();
    }

    function test_a_successor_always_has_code() public {
        vm.expectRevert(abi.encodeWithSelector(Issuance.InvalidOracle.selector, address(0xE0A)));
        issuance.announceSuccessor(IOracle(address(0xE0A)));
    }

    // ---------------------------------------------------------------- what goes on

    function test_what_was_paid_for_survives_succession() public {
        vm.warp(START + 1 hours);
        MeterStatement[] memory all = only(statement(meterId, START_WH + 100, uint64(block.timestamp)));
        settle(valid(all), all);
        _inOffice(newOracle(oracle));
        vm.warp(block.timestamp + 1 hours);
        all = only(statement(meterId, START_WH + 150, uint64(block.timestamp)));
        settle(valid(all), all);
        equal(token.totalSupply(), 150);
    }

    function test_a_former_oracles_proposals_never_pay() public {
        vm.warp(START + 1 hours);
        MeterStatement[] memory all = only(statement(meterId, START_WH + 100, uint64(block.timestamp)));
        uint64 number = valid(all);
        ImpactOracle former = oracle;
        _inOffice(newOracle(oracle));
        vm.expectRevert(abi.encodeWithSelector(Proposals.ProposalCancelled.selector, site, number));
        this.settleOne(number, all[0]);
        (, ProposalStatus status,,,) = former.proposal(site, number);
        equal(uint256(status), uint256(ProposalStatus.Valid));
    }

    function test_numbers_and_times_go_on_where_the_predecessor_stopped() public {
        vm.warp(START + 1 hours);
        for (uint256 i = 0; i < 3; ++i) {
            valid(only(statement(meterId, START_WH, uint64(block.timestamp))));
        }
        (uint64 number, uint64 time,,) = oracle.head(site);
        _inOffice(newOracle(oracle));
        (uint64 here, uint64 timeHere, uint64 validAt, bool cancelled) = oracle.head(site);
        equal(number, 3);
        equal(here, number);
        equal(timeHere, time);
        equal(validAt, 0);
        holds(cancelled);

        Proposal memory p = next("root");
        p.number = 1;
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        vm.expectRevert(abi.encodeWithSelector(Proposals.WrongNumber.selector, site, 1, 4));
        oracle.propose(p, THREE_OF_FIVE, signatures);
        p = next("root");
        p.time = time;
        signatures = sign(p, THREE_OF_FIVE);
        vm.expectRevert(abi.encodeWithSelector(Proposals.TimeNotLater.selector, site, time, time));
        oracle.propose(p, THREE_OF_FIVE, signatures);

        propose(next("root"));
        vm.warp(block.timestamp + WINDOW);
        (, ProposalStatus status,,,) = oracle.proposal(site, 4);
        equal(uint256(status), uint256(ProposalStatus.Valid));
        // The predecessor's last is the one before it, and is not settled here, nor challenged.
        (, status,,,) = oracle.proposal(site, 3);
        equal(uint256(status), uint256(ProposalStatus.Cancelled));
        vm.expectRevert(abi.encodeWithSelector(Proposals.ProposalCancelled.selector, site, 3));
        oracle.settleable(site, 3);
    }

    function test_a_successor_never_takes_what_was_proposed_before_it_for_valid() public {
        for (uint256 i = 0; i < 3; ++i) {
            vm.warp(START + (i + 1) * 1 hours);
            valid(only(statement(meterId, START_WH, uint64(block.timestamp))));
        }
        _inOffice(newOracle(oracle));
        for (uint64 number = 1; number <= 4; ++number) {
            (, ProposalStatus status,,,) = oracle.proposal(site, number);
            bool known = number == 2 || number == 3;
            equal(uint256(status), uint256(known ? ProposalStatus.Cancelled : ProposalStatus.None));
            vm.expectRevert();
            oracle.settleable(site, number);
            vm.expectRevert();
            oracle.verifyLeaf(site, number, 0, new bytes32[](0));
        }
    }

    function test_where_nothing_was_proposed_before_a_successor_begins_with_one() public {
        _inOffice(newOracle(oracle));
        (uint64 number,,, bool cancelled) = oracle.head(site);
        equal(number, 0);
        holds(!cancelled);
        equal(proposed(only(statement(meterId, START_WH, uint64(block.timestamp)))), 1);
    }

    // ---------------------------------------------------------------- who was succeeded

    function test_nobody_loses_a_stake_for_a_former_oracles_proposal() public {
        uint32 home = site;
        ImpactOracle former = oracle;
        ImpactOracle heir = newOracle(oracle);
        issuance.announceSuccessor(heir);
        vm.warp(block.timestamp + issuance.EXIT_WINDOW());
        MeterStatement memory s = statement("unknown", 100, uint64(block.timestamp));
        proposed(only(s));
        issuance.succeed();
        former.proveNotRegistered(home, 1, s, new bytes32[](0));
        (, ProposalStatus status,,,) = former.proposal(home, 1);
        equal(uint256(status), uint256(ProposalStatus.Cancelled));
        equal(former.stakes().ofSite(home).bonded, SITE_STAKE);
        equal(former.stakes().burned(), 0);
    }

    // ----------------------------------------------------------------

    function settleOne(uint64 number, MeterStatement memory s) external {
        issuance.settle(site, number, only(s), new bytes32[](0), new bool[](0));
    }

    function _succeed(ImpactOracle heir) private {
        issuance.announceSuccessor(heir);
        vm.warp(block.timestamp + issuance.EXIT_WINDOW());
        issuance.succeed();
    }

    /// With validators, and the site's stake.
    function _inOffice(ImpactOracle heir) private {
        _succeed(heir);
        oracle = heir;
        stakes = heir.stakes();
        oracle.setValidators(newValidators(5), 3);
        vm.deal(address(this), SITE_STAKE);
        stakes.bondSite{value: SITE_STAKE}(site);
    }
}
