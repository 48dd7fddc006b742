// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Proposal} from "../Proposal.sol";
import {Proposals} from "../Proposals.sol";
import {Rules} from "../PolicyRegistry.sol";
import {Stake, Stakes} from "../Stakes.sol";
import {Community} from "./Community.sol";
import {vm} from "./Vm.sol";

/// @title An operator who calls back from within what it is paid.
contract GreedyOperator {
    Stakes private immutable stakes;
    uint32 public site;
    uint256 public received;

    constructor(Stakes stakes_) {
        stakes = stakes_;
    }

    function operate(uint32 site_) external {
        site = site_;
    }

    function unbond(uint96 amount) external {
        stakes.unbondSite(site, amount);
    }

    function take() external {
        stakes.withdraw();
    }

    receive() external payable {
        received += msg.value;
        stakes.releaseSite(site);
        (bool again,) = address(stakes).call(abi.encodeCall(stakes.withdraw, ()));
        require(!again);
    }
}

/// @title An account that takes no money.
contract Closed {
    function take(Stakes stakes) external {
        stakes.withdraw();
    }
}

contract StakesTest is Community {
    address private constant ANYONE = address(0xA11);

    // ---------------------------------------------------------------- bonded → unbonding → released → withdrawn

    function test_a_stake_goes_back_to_its_operator_alone_and_only_after_unbonding(
        uint96 amount,
        uint256 wait
    ) public {
        amount = uint96(within(amount, 1, SITE_STAKE));
        vm.prank(OPERATOR);
        stakes.unbondSite(site, amount);
        Stake memory s = stakes.ofSite(site);
        equal(s.bonded, SITE_STAKE - amount);
        equal(s.unbonding, amount);
        equal(s.releaseAt, START + 30 days);
        vm.warp(START + upTo(wait, 30 days - 1));
        vm.expectRevert(abi.encodeWithSelector(Stakes.NotReleasedYet.selector, START + 30 days));
        stakes.releaseSite(site);

        vm.warp(START + 30 days);
        vm.expectEmit(address(stakes));
        emit Stakes.SiteReleased(site, amount, OPERATOR);
        vm.prank(ANYONE);
        stakes.releaseSite(site);
        equal(stakes.owed(OPERATOR), amount);
        equal(stakes.ofSite(site).unbonding, 0);
        stakes.releaseSite(site); // again, and nothing comes of it
        equal(stakes.owed(OPERATOR), amount);
        vm.prank(OPERATOR);
        stakes.withdraw();
        equal(OPERATOR.balance, amount);
        _balances();
    }

    function test_only_the_operator_unbonds_a_sites_stake(address stranger) public {
        vm.assume(stranger != OPERATOR);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Stakes.NotOperator.selector, site, stranger));
        stakes.unbondSite(site, 1);
    }

    function test_nobody_unbonds_more_than_is_bonded() public {
        vm.prank(OPERATOR);
        vm.expectRevert(abi.encodeWithSelector(Stakes.StakeTooLow.selector, SITE_STAKE, SITE_STAKE + 1));
        stakes.unbondSite(site, uint96(SITE_STAKE + 1));
    }

    function test_asking_again_starts_the_time_anew_for_all_of_it() public {
        vm.prank(OPERATOR);
        stakes.unbondSite(site, 1);
        vm.warp(START + 29 days);
        vm.prank(OPERATOR);
        stakes.unbondSite(site, 2);
        vm.warp(START + 30 days);
        vm.expectRevert(abi.encodeWithSelector(Stakes.NotReleasedYet.selector, START + 59 days));
        stakes.releaseSite(site);
    }

    function test_a_site_that_unbonds_never_proposes_below_its_stake() public {
        vm.prank(OPERATOR);
        stakes.unbondSite(site, 1);
        Proposal memory p = next("root");
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        vm.expectRevert(abi.encodeWithSelector(Proposals.NoStake.selector, site));
        oracle.propose(p, THREE_OF_FIVE, signatures);
        vm.deal(ANYONE, 1);
        vm.prank(ANYONE); // anyone may add
        stakes.bondSite{value: 1}(site);
        oracle.propose(p, THREE_OF_FIVE, signatures);
    }

    function test_a_stake_that_new_rules_want_is_wanted_once_anyone_says_so() public {
        Rules memory r = rulesOf(WINDOW, HEADROOM);
        r.siteStake *= 2;
        changeRules(r);
        vm.prank(ANYONE);
        stakes.refreshSite(site);
        (, bool staked) = oracle.standing(site);
        holds(!staked);
        vm.deal(ANYONE, SITE_STAKE);
        vm.prank(ANYONE);
        stakes.bondSite{value: SITE_STAKE}(site);
        (, staked) = oracle.standing(site);
        holds(staked);
    }

    function test_what_is_unbonding_can_still_be_lost(uint96 part) public {
        part = uint96(within(part, 0, SITE_STAKE));
        Proposal memory p = _lie();
        vm.prank(OPERATOR);
        stakes.unbondSite(site, part);
        _prove(p);
        equal(stakes.ofSite(site).bonded, 0);
        equal(stakes.ofSite(site).unbonding, 0);
        equal(stakes.owed(ANYONE), SITE_STAKE / 2);
        equal(stakes.burned(), SITE_STAKE / 2);
        vm.warp(block.timestamp + 30 days);
        stakes.releaseSite(site);
        equal(stakes.owed(OPERATOR), 0);
        _balances();
    }

    function test_never_more_than_the_rules_say_is_lost_and_half_of_it_rounded_up_is_burned(uint64 more)
        public
    {
        vm.deal(address(this), more);
        stakes.bondSite{value: more}(site);
        _prove(_lie());
        equal(stakes.ofSite(site).bonded, more);
        equal(stakes.ofSite(site).caught, 1);
        equal(stakes.owed(ANYONE) + stakes.burned(), SITE_STAKE);
        _balances();
    }

    function test_the_odd_wei_is_burned() public {
        vm.prank(address(oracle));
        stakes.slashSite(site, 1, 3, ANYONE);
        equal(stakes.owed(ANYONE), 1);
        equal(stakes.burned(), 2);
    }

    // ---------------------------------------------------------------- withdrawn

    function test_an_operator_who_calls_back_while_being_paid_is_paid_once() public {
        GreedyOperator greedy = new GreedyOperator(stakes);
        uint32 its = openSite(address(greedy));
        greedy.operate(its);
        greedy.unbond(uint96(SITE_STAKE));
        vm.warp(START + 30 days);
        stakes.releaseSite(its);
        greedy.take();
        equal(greedy.received(), SITE_STAKE);
        equal(stakes.owed(address(greedy)), 0);
        _balances();
    }

    function test_who_is_owed_nothing_takes_nothing(address anyone) public {
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(Stakes.NothingOwed.selector, anyone));
        stakes.withdraw();
    }

    function test_what_cannot_be_paid_stays_owed() public {
        Closed closed = new Closed();
        uint32 its = openSite(address(closed));
        vm.prank(address(closed));
        stakes.unbondSite(its, uint96(SITE_STAKE));
        vm.warp(START + 30 days);
        stakes.releaseSite(its);
        vm.expectRevert(abi.encodeWithSelector(Stakes.NotPaid.selector, address(closed), SITE_STAKE));
        closed.take(stakes);
        equal(stakes.owed(address(closed)), SITE_STAKE);
    }

    function test_only_the_oracle_slashes_holds_and_owes(address stranger) public {
        vm.assume(stranger != address(oracle));
        bytes memory refusal = abi.encodeWithSelector(Stakes.OnlyOracle.selector, stranger);
        vm.prank(stranger);
        vm.expectRevert(refusal);
        stakes.slashSite(site, 1, 1, stranger);
        vm.prank(stranger);
        vm.expectRevert(refusal);
        stakes.hold();
        vm.prank(stranger);
        vm.expectRevert(refusal);
        stakes.owe(stranger, 1);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Proposals.OnlyStakes.selector, stranger));
        oracle.stakeChanged(site, type(uint256).max);
    }

    function test_whatever_an_oracle_says_it_owes_no_more_than_the_bonds_that_it_holds(uint128 amount)
        public
    {
        amount = uint128(within(amount, 1, type(uint128).max));
        vm.prank(address(oracle));
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        stakes.owe(ANYONE, amount);
    }

    // ---------------------------------------------------------------- validators

    function test_a_validators_stake_goes_back_to_it_alone_after_unbonding() public {
        address validator = vm.addr(keys[0]);
        vm.prank(validator);
        stakes.unbondValidator(uint96(VALIDATOR_STAKE));
        vm.warp(START + 30 days - 1);
        vm.expectRevert(abi.encodeWithSelector(Stakes.NotReleasedYet.selector, START + 30 days));
        stakes.releaseValidator(validator);
        vm.warp(START + 30 days);
        vm.expectEmit(address(stakes));
        emit Stakes.ValidatorReleased(validator, VALIDATOR_STAKE);
        stakes.releaseValidator(validator);
        equal(stakes.owed(validator), VALIDATOR_STAKE);
        _balances();
    }

    function test_a_validator_without_its_stake_is_never_named() public {
        address[] memory named = new address[](1);
        named[0] = address(0xBAD);
        vm.deal(address(this), VALIDATOR_STAKE);
        stakes.bondValidator{value: VALIDATOR_STAKE - 1}(named[0]);
        vm.expectRevert(
            abi.encodeWithSelector(
                Proposals.ValidatorStakeTooLow.selector, named[0], VALIDATOR_STAKE - 1, VALIDATOR_STAKE
            )
        );
        oracle.setValidators(named, 1);
        stakes.bondValidator{value: 1}(named[0]);
        oracle.setValidators(named, 1);
    }

    // ---------------------------------------------------------------- double signatures

    function test_two_batches_with_one_number_cost_their_validator_its_stake(uint8 field) public {
        Proposal memory a = next("root");
        Proposal memory b = _changed(a, uint8(within(field, 0, 3)));
        address validator = vm.addr(keys[0]);
        _show(_signed(a, 0), _signed(b, 0), "");
        equal(stakes.ofValidator(validator).bonded, 0);
        equal(stakes.ofValidator(validator).caught, 1);
        equal(stakes.owed(ANYONE), VALIDATOR_STAKE / 2);
        equal(stakes.burned(), VALIDATOR_STAKE / 2);
        _balances();

        // Once for one number, in whichever order.
        bytes memory refusal =
            abi.encodeWithSelector(Stakes.AlreadyPunished.selector, validator, site, a.number);
        _show(_signed(a, 0), _signed(b, 0), refusal);
        _show(_signed(b, 0), _signed(a, 0), refusal);
    }

    function test_one_batch_signed_for_another_set_another_number_or_another_site_is_no_double_signature()
        public
    {
        Proposal memory a = next("root");
        bytes memory refusal = abi.encodeWithSelector(Stakes.NotDouble.selector);
        Proposal memory b = _changed(a, 4);
        ++b.validatorSet;
        _show(_signed(a, 0), _signed(b, 0), refusal);
        b = _changed(a, 0);
        ++b.number;
        _show(_signed(a, 0), _signed(b, 0), refusal);
        b = _changed(a, 0);
        ++b.site;
        _show(_signed(a, 0), _signed(b, 0), refusal);
        _show(_signed(a, 0), _signed(a, 0), refusal);
    }

    function test_two_validators_signatures_are_no_double_signature() public {
        bytes memory refusal = abi.encodeWithSelector(Stakes.NotDouble.selector);
        Signed memory a = _signed(next("root"), 0);
        Signed memory b = _signed(_changed(a.p, 0), 1);
        _show(a, b, refusal);
        // Nor are two that are nobody's.
        (a.r, a.vs, b.r, b.vs) = (0, 0, 0, 0);
        _show(a, b, refusal);
    }

    // ----------------------------------------------------------------

    struct Signed {
        Proposal p;
        bytes32 r;
        bytes32 vs;
    }

    function _signed(Proposal memory p, uint256 validator) private view returns (Signed memory signed) {
        signed.p = p;
        (signed.r, signed.vs) = vm.signCompact(keys[validator], oracle.digest(p));
    }

    function _show(Signed memory a, Signed memory b, bytes memory refusal) private {
        vm.prank(ANYONE);
        if (refusal.length != 0) vm.expectRevert(refusal);
        stakes.proveDoubleSignature(a.p, a.r, a.vs, b.p, b.r, b.vs);
    }

    function _changed(Proposal memory p, uint8 field) private pure returns (Proposal memory c) {
        c = Proposal(p.site, p.number, p.root, p.evidence, p.time, p.leafCount, p.validatorSet);
        if (field == 0) c.root = "another";
        else if (field == 1) c.evidence = "another";
        else if (field == 2) ++c.time;
        else if (field == 3) ++c.leafCount;
    }

    /// A proposal with a meter that nobody registered.
    function _lie() private returns (Proposal memory p) {
        p = next(keccak256("unused"));
        proposed(only(statement("unknown", 1, uint64(START))));
    }

    function _prove(Proposal memory p) private {
        vm.prank(ANYONE);
        oracle.proveNotRegistered(site, p.number, statement("unknown", 1, uint64(START)), new bytes32[](0));
    }

    /// The balance is what is at stake, held, owed and burned.
    function _balances() private view {
        uint256 sum = stakes.held() + stakes.burned() + stakes.owed(OPERATOR) + stakes.owed(ANYONE);
        for (uint32 i = 1; i <= registry.siteCount(); ++i) {
            sum += uint256(stakes.ofSite(i).bonded) + stakes.ofSite(i).unbonding;
        }
        for (uint256 i = 0; i < keys.length; ++i) {
            Stake memory s = stakes.ofValidator(vm.addr(keys[i]));
            sum += uint256(s.bonded) + s.unbonding + stakes.owed(vm.addr(keys[i]));
        }
        equal(address(stakes).balance, sum);
    }
}
