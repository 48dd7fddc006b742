// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {GreenToken} from "../GreenToken.sol";
import {ImpactOracle, Proposal, ProposalStatus} from "../ImpactOracle.sol";
import {Registration, Status} from "../MeterRegistry.sol";
import {ValidatorSet} from "../ValidatorSet.sol";
import {Community} from "./Community.sol";
import {vm} from "./Vm.sol";

contract PolicyTest is Community {
    // ---------------------------------------------------------------- who governs

    function test_only_the_authority_governs(address stranger) public {
        vm.assume(stranger != address(this) && stranger != address(authority) && stranger != address(vm));
        bytes memory refusal =
            abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, stranger);
        bytes[5] memory calls = [
            abi.encodeCall(oracle.setValidators, (new address[](1), 1)),
            abi.encodeCall(oracle.setRules, (1 hours, 0)),
            abi.encodeCall(oracle.cancel, (site, 1)),
            abi.encodeCall(registry.openSite, (stranger)),
            abi.encodeCall(registry.setStatus, (meterId, Status.Revoked))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(stranger);
            (bool done, bytes memory answer) = (i < 3 ? address(oracle) : address(registry)).call(calls[i]);
            holds(!done);
            equal(answer, refusal);
        }
        vm.prank(stranger);
        vm.expectRevert(refusal);
        registry.register(new Registration[](0));
    }

    function test_a_guardian_can_be_given_the_brake_and_nothing_else() public {
        address guardian = address(0x6A4D);
        bytes4[] memory brake = new bytes4[](1);
        brake[0] = oracle.cancel.selector;
        authority.setTargetFunctionRole(address(oracle), brake, 7);
        authority.grantRole(7, guardian, 0);
        propose(next("root"));
        vm.prank(guardian);
        oracle.cancel(site, 1);
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, guardian));
        oracle.setRules(1 hours, 0);
    }

    function test_an_oracle_is_never_deployed_beside_a_token_that_another_mints() public {
        GreenToken other = new GreenToken(address(oracle), address(0xB0B));
        vm.expectRevert(abi.encodeWithSelector(ImpactOracle.TokenMintedElsewhere.selector, address(oracle)));
        new ImpactOracle(authority, registry, other);
    }

    // ---------------------------------------------------------------- validators

    function test_each_new_validator_set_has_the_next_version() public {
        address[] memory set = newValidators(7);
        vm.expectEmit(address(oracle));
        emit ImpactOracle.ValidatorsChanged(2, set, 4);
        oracle.setValidators(set, 4);
        (uint32 version, address[] memory addresses, uint8 threshold) = oracle.validators();
        equal(version, 2);
        equal(abi.encode(addresses), abi.encode(set));
        equal(threshold, 4);
    }

    function test_a_set_of_any_size_reads_back_as_it_was_stored(uint256 n) public {
        n = within(n, 1, 256);
        address[] memory set = new address[](n);
        for (uint256 i = 0; i < n; ++i) {
            set[i] = address(uint160((i + 1) << 140 | uint256(keccak256(abi.encode(i))) >> 120));
        }
        oracle.setValidators(set, 1);
        (, address[] memory addresses,) = oracle.validators();
        equal(abi.encode(addresses), abi.encode(set));
    }

    function test_a_set_never_has_more_than_256_validators() public {
        address[] memory set = new address[](257);
        vm.expectRevert(abi.encodeWithSelector(ValidatorSet.InvalidSetSize.selector, 257));
        oracle.setValidators(set, 1);
    }

    function test_a_set_never_has_zero_a_duplicate_or_a_disorder(uint8 place, uint8 with) public {
        address[] memory set = newValidators(5);
        place = uint8(within(place, 0, 4));
        if (place == 0) {
            set[0] = address(0);
        } else {
            set[place] = set[within(with, 0, place - 1)];
        }
        vm.expectRevert(abi.encodeWithSelector(ValidatorSet.NotAscending.selector, place, set[place]));
        oracle.setValidators(set, 3);
    }

    function test_the_threshold_is_at_least_one_and_at_most_all(uint8 threshold) public {
        address[] memory set = newValidators(5);
        vm.assume(threshold == 0 || threshold > 5);
        vm.expectRevert(abi.encodeWithSelector(ImpactOracle.InvalidThreshold.selector, threshold, 5));
        oracle.setValidators(set, threshold);
    }

    function test_the_stored_set_can_never_be_executed() public {
        // The pointer is in the oracle's policy slot; whatever it is called with, it stops at its first byte.
        address pointer = vm.computeCreateAddress(address(oracle), 1);
        equal(uint256(pointer.code.length), 1 + 5 * 20);
        equal(uint8(pointer.code[0]), 0);
        (bool done, bytes memory answer) = pointer.call("anything");
        holds(done);
        equal(answer.length, 0);
    }

    function test_without_validators_nothing_can_be_proposed() public {
        token = new GreenToken(
            vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1), address(0xB0B)
        );
        oracle = new ImpactOracle(authority, registry, token);
        Proposal memory p = next("root");
        equal(p.validatorSet, 0);
        vm.expectRevert(ImpactOracle.NoValidators.selector);
        oracle.propose(p, 0, "");
    }

    function test_signatures_of_a_former_set_are_refused() public {
        Proposal memory p = next("root");
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        oracle.setValidators(newValidators(5), 3);
        vm.expectRevert(abi.encodeWithSelector(ImpactOracle.WrongValidatorSet.selector, 1, 2));
        oracle.propose(p, THREE_OF_FIVE, signatures);
    }

    // ---------------------------------------------------------------- rules

    function test_the_rules_are_never_unset() public {
        token = new GreenToken(
            vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1), address(0xB0B)
        );
        vm.expectEmit(vm.computeCreateAddress(address(this), vm.getNonce(address(this))));
        emit ImpactOracle.RulesChanged(1 days, 1000);
        oracle = new ImpactOracle(authority, registry, token);
        (uint32 window, uint16 headroom) = oracle.rules();
        equal(window, 1 days);
        equal(headroom, 1000);
    }

    function test_the_window_is_never_zero_nor_above_thirty_days(uint32 window) public {
        bool bad = window == 0 || window > 30 days;
        if (bad) {
            vm.expectRevert(
                abi.encodeWithSelector(ImpactOracle.InvalidChallengeWindow.selector, window, 30 days)
            );
        }
        oracle.setRules(window, 0);
    }

    function test_the_headroom_is_at_most_once_more_the_rated_power(uint16 headroom) public {
        if (headroom > 10_000) {
            vm.expectRevert(abi.encodeWithSelector(ImpactOracle.InvalidHeadroom.selector, headroom, 10_000));
        }
        oracle.setRules(1 hours, headroom);
    }

    function test_new_rules_never_change_a_proposal_already_made() public {
        propose(next("root"));
        oracle.setRules(10 hours, 0);
        vm.warp(START + WINDOW);
        (, ProposalStatus status,, uint64 validAt, uint16 headroom) = oracle.proposal(site, 1);
        equal(uint256(status), uint256(ProposalStatus.Valid));
        equal(validAt, START + WINDOW);
        equal(headroom, HEADROOM);
    }

    // ---------------------------------------------------------------- cancel

    function test_a_pending_proposal_can_be_cancelled_and_the_next_follows_at_once() public {
        propose(next("root"));
        vm.expectEmit(address(oracle));
        emit ImpactOracle.Cancelled(site, 1);
        oracle.cancel(site, 1);
        (,,, bool cancelled) = oracle.head(site);
        holds(cancelled);
        vm.warp(START + 1);
        propose(next("again"));
        (, ProposalStatus status,,,) = oracle.proposal(site, 1);
        equal(uint256(status), uint256(ProposalStatus.Cancelled));
        (, status,,,) = oracle.proposal(site, 2);
        equal(uint256(status), uint256(ProposalStatus.Pending));
    }

    function test_a_valid_proposal_can_never_be_cancelled(uint256 later) public {
        propose(next("root"));
        vm.warp(START + WINDOW + within(later, 0, 365 days));
        vm.expectRevert(abi.encodeWithSelector(ImpactOracle.ProposalNotPending.selector, site, 1));
        oracle.cancel(site, 1);
        propose(next("next"));
        vm.expectRevert(abi.encodeWithSelector(ImpactOracle.UnknownProposal.selector, site, 1, 2));
        oracle.cancel(site, 1);
    }

    function test_nothing_is_cancelled_twice() public {
        propose(next("root"));
        oracle.cancel(site, 1);
        vm.expectRevert(abi.encodeWithSelector(ImpactOracle.ProposalCancelled.selector, site, 1));
        oracle.cancel(site, 1);
    }

    function test_a_proposal_that_was_not_made_cannot_be_cancelled(uint64 number) public {
        vm.expectRevert(abi.encodeWithSelector(ImpactOracle.UnknownProposal.selector, site, number, 0));
        oracle.cancel(site, number);
    }
}
