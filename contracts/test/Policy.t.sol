// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Proposal} from "../Proposal.sol";
import {Policy, PolicyRegistry, Rules} from "../PolicyRegistry.sol";
import {Fault, Proposals, ProposalStatus} from "../Proposals.sol";
import {Registration, Status} from "../Meter.sol";
import {ValidatorSet} from "../ValidatorSet.sol";
import {Issuance} from "../Issuance.sol";
import {Community} from "./Community.sol";
import {vm} from "./Vm.sol";

contract PolicyTest is Community {
    // ---------------------------------------------------------------- who governs

    function test_only_the_authority_governs(address stranger) public {
        vm.assume(
            stranger != address(this) && stranger != address(authority) && stranger != address(oracle)
                && stranger != address(vm)
        );
        bytes memory refusal =
            abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, stranger);
        bytes[10] memory calls = [
            abi.encodeCall(oracle.setValidators, (new address[](1), 1)),
            abi.encodeCall(oracle.cancel, (site, 1)),
            abi.encodeCall(registry.openSite, (stranger)),
            abi.encodeCall(registry.setStatus, (meterId, Status.Revoked)),
            abi.encodeCall(registry.suspend, (meterId)),
            abi.encodeCall(issuance.announceSuccessor, (oracle)),
            abi.encodeCall(issuance.withdrawSuccessor, ()),
            abi.encodeCall(issuance.setCommons, (stranger)),
            abi.encodeCall(policy.announce, (policyOf(rulesOf(WINDOW, 0)), uint64(START + 8 days))),
            abi.encodeCall(policy.withdraw, (1))
        ];
        address[10] memory targets = [
            address(oracle),
            address(oracle),
            address(registry),
            address(registry),
            address(registry),
            address(issuance),
            address(issuance),
            address(issuance),
            address(policy),
            address(policy)
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(stranger);
            (bool done, bytes memory answer) = targets[i].call(calls[i]);
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
        issuance.setCommons(guardian);
    }

    function test_an_issuance_is_never_deployed_beside_a_token_that_another_mints() public {
        bytes memory refusal =
            abi.encodeWithSelector(Issuance.TokenMintedElsewhere.selector, address(token), address(issuance));
        vm.expectRevert(refusal);
        new Issuance(address(authority), registry, token, certificates, oracle);
    }

    // ---------------------------------------------------------------- validators

    function test_each_new_validator_set_has_the_next_version() public {
        address[] memory set = newValidators(7);
        vm.expectEmit(address(oracle));
        emit Proposals.ValidatorsChanged(2, set, 4);
        oracle.setValidators(set, 4);
        (uint32 version, address[] memory addresses, uint8 threshold) = oracle.validators();
        equal(version, 2);
        equal(abi.encode(addresses), abi.encode(set));
        equal(threshold, 4);
    }

    function test_a_set_of_any_size_reads_back_as_it_was_stored(uint256 n) public {
        n = within(n, 1, 256);
        _withoutStakes();
        address[] memory set = new address[](n);
        for (uint256 i = 0; i < n; ++i) {
            set[i] = address(uint160((i + 1) << 140 | uint256(keccak256(abi.encode(i))) >> 120));
        }
        oracle.setValidators(set, 1);
        (, address[] memory addresses,) = oracle.validators();
        equal(abi.encode(addresses), abi.encode(set));
    }

    function test_a_set_never_has_more_than_256_validators() public {
        _withoutStakes();
        address[] memory set = new address[](257);
        vm.expectRevert(abi.encodeWithSelector(ValidatorSet.InvalidSetSize.selector, 257));
        oracle.setValidators(set, 1);
    }

    function test_a_set_never_has_zero_a_duplicate_or_a_disorder(uint8 place, uint8 with) public {
        address[] memory set = newValidators(5);
        _withoutStakes();
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
        vm.expectRevert(abi.encodeWithSelector(Proposals.InvalidThreshold.selector, threshold, 5));
        oracle.setValidators(set, threshold);
    }

    function test_the_stored_set_can_never_be_executed() public {
        // The pointer is in the oracle's policy slot; whatever it is called with, it stops at its first byte.
        address pointer = vm.computeCreateAddress(address(oracle), 2);
        equal(uint256(pointer.code.length), 1 + 5 * 20);
        equal(uint8(pointer.code[0]), 0);
        (bool done, bytes memory answer) = pointer.call("anything");
        holds(done);
        equal(answer.length, 0);
    }

    function test_without_validators_nothing_can_be_proposed() public {
        oracle = newOracle(Proposals(address(0)));
        stakes = oracle.stakes();
        vm.deal(address(this), SITE_STAKE);
        stakes.bondSite{value: SITE_STAKE}(site);
        Proposal memory p = next("root");
        equal(p.validatorSet, 0);
        vm.expectRevert(Proposals.NoValidators.selector);
        oracle.propose(p, 0, "");
    }

    function test_signatures_of_a_former_set_are_refused() public {
        Proposal memory p = next("root");
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        oracle.setValidators(newValidators(5), 3);
        vm.expectRevert(abi.encodeWithSelector(Proposals.WrongValidatorSet.selector, 1, 2));
        oracle.propose(p, THREE_OF_FIVE, signatures);
    }

    // ---------------------------------------------------------------- rules

    function test_new_rules_never_come_without_notice(uint64 from) public {
        Policy memory p = policyOf(rulesOf(WINDOW, 0));
        uint256 earliest = START + policy.NOTICE();
        if (from % 2 == 0) from = uint64(upTo(from / 2, earliest - 1));
        if (from < earliest) {
            vm.expectRevert(abi.encodeWithSelector(PolicyRegistry.NoticeTooShort.selector, from, earliest));
        }
        policy.announce(p, from);
    }

    function test_announced_rules_are_in_force_from_their_time_on_and_never_before(uint256 wait) public {
        policy.announce(policyOf(rulesOf(WINDOW, 7)), uint64(START + 8 days));
        vm.warp(START + within(wait, 0, 16 days));
        (uint16 version, Rules memory r) = policy.inForce();
        bool due = block.timestamp >= START + 8 days;
        equal(version, due ? 2 : 1);
        equal(r.headroom, due ? 7 : HEADROOM);
        if (!due) vm.expectRevert(abi.encodeWithSelector(Proposals.RulesUnchanged.selector, 1));
        vm.prank(address(0xBEEF)); // anyone
        oracle.updateRules();
        (, r) = oracle.rules();
        equal(r.headroom, due ? 7 : HEADROOM);
    }

    function test_withdrawn_rules_are_never_in_force() public {
        policy.announce(policyOf(rulesOf(WINDOW, 7)), uint64(START + 8 days));
        policy.withdraw(2);
        vm.warp(START + 365 days);
        (uint16 version,) = policy.inForce();
        equal(version, 1);
        vm.expectRevert(abi.encodeWithSelector(PolicyRegistry.NotPending.selector, 2));
        policy.withdraw(2);
        vm.expectRevert(abi.encodeWithSelector(PolicyRegistry.NotPending.selector, 1));
        policy.withdraw(1);
    }

    function test_a_higher_version_wins_once_its_time_has_come() public {
        policy.announce(policyOf(rulesOf(WINDOW, 2)), uint64(START + 20 days));
        policy.announce(policyOf(rulesOf(WINDOW, 3)), uint64(START + 10 days));
        vm.warp(START + 10 days);
        (uint16 version,) = policy.inForce();
        equal(version, 3);
        vm.warp(START + 20 days);
        (version,) = policy.inForce();
        equal(version, 3);
    }

    function test_a_policy_says_its_sharing_key_and_methodology() public view {
        Policy memory p = policy.policy(1);
        equal(p.sharingKey, keccak256("proportional"));
        equal(p.methodology, keccak256("methodology"));
    }

    function test_the_windows_are_never_zero_nor_longer_than_a_stake_can_be_lost(uint24 window, uint24 answer)
        public
    {
        Rules memory r = rulesOf(window, 0);
        r.answerTime = answer;
        if (window == 0 || window > 14 days) {
            vm.expectRevert(
                abi.encodeWithSelector(PolicyRegistry.InvalidChallengeWindow.selector, window, 14 days)
            );
        } else if (answer < 1 minutes || answer > 7 days) {
            vm.expectRevert(
                abi.encodeWithSelector(PolicyRegistry.InvalidAnswerTime.selector, answer, 1 minutes, 7 days)
            );
        }
        policy.announce(policyOf(r), uint64(START + 8 days));
        uint256 longest = uint256(policy.MAX_CHALLENGE_WINDOW()) + policy.MAX_ANSWER_TIME();
        holds(longest < stakes.UNBONDING() && longest < issuance.EXIT_WINDOW());
    }

    function test_fractions_are_never_above_their_limits(uint8 field, uint16 value) public {
        Rules memory r = rulesOf(WINDOW, 0);
        field = uint8(within(field, 0, 4));
        if (field == 0) r.headroom = value;
        else if (field == 1) r.gatewayHeadroom = value;
        else if (field == 2) r.meterFactor = value;
        else if (field == 3) r.gatewayFactor = value;
        else r.commonsShare = value;
        uint16 maximum = field == 4 ? 5000 : 10_000;
        if (value > maximum) {
            vm.expectRevert(abi.encodeWithSelector(PolicyRegistry.InvalidFraction.selector, value, maximum));
        }
        policy.announce(policyOf(r), uint64(START + 8 days));
    }

    function test_new_rules_never_change_a_proposal_already_made() public {
        propose(next("root"));
        changeRules(rulesOf(14 days, 0));
        (, ProposalStatus status,, uint64 validAt, uint16 version) = oracle.proposal(site, 1);
        equal(uint256(status), uint256(ProposalStatus.Valid));
        equal(validAt, START + WINDOW);
        equal(version, 1);
        equal(oracle.settleable(site, 1).headroom, HEADROOM);
    }

    /// From rules on that want no stake of a validator.
    function _withoutStakes() private {
        Rules memory r = rulesOf(WINDOW, HEADROOM);
        r.validatorStake = 0;
        changeRules(r);
    }

    // ---------------------------------------------------------------- cancel

    function test_a_pending_proposal_can_be_cancelled_and_the_next_follows_at_once() public {
        propose(next("root"));
        vm.expectEmit(address(oracle));
        emit Proposals.Cancelled(site, 1, Fault.Stopped);
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
        vm.expectRevert(abi.encodeWithSelector(Proposals.ProposalNotPending.selector, site, 1));
        oracle.cancel(site, 1);
        propose(next("next"));
        vm.expectRevert(abi.encodeWithSelector(Proposals.UnknownProposal.selector, site, 1, 2));
        oracle.cancel(site, 1);
    }

    function test_nothing_is_cancelled_twice() public {
        propose(next("root"));
        oracle.cancel(site, 1);
        vm.expectRevert(abi.encodeWithSelector(Proposals.ProposalCancelled.selector, site, 1));
        oracle.cancel(site, 1);
    }

    function test_a_proposal_that_was_not_made_cannot_be_cancelled(uint64 number) public {
        vm.expectRevert(abi.encodeWithSelector(Proposals.UnknownProposal.selector, site, number, 0));
        oracle.cancel(site, number);
    }
}
