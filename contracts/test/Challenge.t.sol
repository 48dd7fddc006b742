// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Reading} from "../IReadingVerifier.sol";
import {ImpactOracle} from "../ImpactOracle.sol";
import {Status} from "../Meter.sol";
import {Proposals, ProposalStatus} from "../Proposals.sol";
import {ES256} from "../PublicKey.sol";
import {Signing} from "./Signing.sol";
import {MeterStatement} from "../Statement.sol";
import {Stakes} from "../Stakes.sol";
import {Community} from "./Community.sol";
import {PlainVerifier} from "./PlainVerifier.sol";
import {Tree} from "./Tree.sol";
import {vm} from "./Vm.sol";

/// @title A challenger who calls back from within what it is paid.
contract Greedy {
    Stakes private immutable stakes;
    uint256 public received;

    constructor(Stakes stakes_) {
        stakes = stakes_;
    }

    function take() external {
        stakes.withdraw();
    }

    receive() external payable {
        received += msg.value;
        (bool again,) = address(stakes).call(abi.encodeCall(stakes.withdraw, ()));
        require(!again);
    }
}

contract ChallengeTest is Community {
    address private constant CHALLENGER = address(0xC4A1);
    address private constant ANSWERER = address(0xA115);
    uint64 private constant TIME = uint64(START + 1 hours);

    MeterStatement[] private _batch;

    function setUp() public override {
        super.setUp();
        vm.deal(CHALLENGER, 10 ether);
        vm.warp(TIME);
    }

    // ---------------------------------------------------------------- answered

    function test_an_answered_challenge_pays_the_answerer_and_the_proposal_becomes_valid() public {
        MeterStatement memory s = _proposedHonestly();
        _challenge(s);
        vm.prank(ANSWERER);
        oracle.answer(site, 1, s, _reading(meterId, 7, TIME, START_WH + 100));
        equal(stakes.owed(ANSWERER), BOND);
        equal(stakes.held(), 0);
        vm.prank(ANSWERER);
        stakes.withdraw();
        equal(ANSWERER.balance, BOND);
        vm.warp(TIME + WINDOW);
        settle(1, _batch);
        equal(token.totalSupply(), 100);
    }

    function test_a_challenged_proposal_never_pays_until_it_is_answered() public {
        MeterStatement memory s = _proposedHonestly();
        vm.warp(TIME + WINDOW - 1);
        _challenge(s);
        vm.warp(TIME + WINDOW);
        equal(uint256(_status()), uint256(ProposalStatus.Pending));
        vm.expectRevert(
            abi.encodeWithSelector(Proposals.ProposalPending.selector, site, 1, uint64(TIME + WINDOW))
        );
        this.settleAll(1);
        oracle.answer(site, 1, s, _reading(meterId, 7, TIME, START_WH + 100));
        settle(1, _batch); // at once
        equal(token.totalSupply(), 100);
    }

    function test_an_answer_is_never_another_reading_than_the_one_quoted() public {
        MeterStatement memory s = _proposedHonestly();
        _challenge(s);
        bytes memory other = _reading(meterId, 8, TIME, START_WH + 100);
        vm.expectRevert(
            abi.encodeWithSelector(ImpactOracle.WrongReading.selector, keccak256(other), s.reading)
        );
        oracle.answer(site, 1, s, other);
    }

    function test_a_leaf_is_never_answered_by_a_reading_that_says_something_else(uint8 how) public {
        how = uint8(within(how, 0, 3));
        Reading memory r = Reading(7, TIME, 2, true, START_WH + 100);
        if (how == 0) r.generatedWh -= 1;
        else if (how == 1) r.clock = 1;
        else if (how == 2) r.time -= 1;
        else (r.hasGenerated, r.generatedWh) = (false, 0);
        bytes memory reading = _readingOf(meterId, r);
        MeterStatement memory s = statement(meterId, how == 3 ? 0 : START_WH + 100, TIME);
        s.reading = keccak256(reading);
        _propose(s, 1);
        _challenge(s);
        vm.expectPartialRevert(ImpactOracle.ReadingDiffers.selector);
        oracle.answer(site, 1, s, reading);
    }

    function test_a_leaf_is_never_answered_by_what_its_meter_did_not_sign() public {
        bytes memory reading = _reading("another", 7, TIME, START_WH + 100);
        MeterStatement memory s = statement(meterId, START_WH + 100, TIME);
        s.reading = keccak256(reading);
        _propose(s, 1);
        _challenge(s);
        vm.expectRevert(PlainVerifier.NotSigned.selector);
        oracle.answer(site, 1, s, reading);
    }

    function test_a_restarted_register_is_answered_with_its_offset() public {
        MeterStatement memory s = statement(meterId, START_WH + 100, TIME);
        bytes memory reading = _reading(meterId, 7, TIME, 60);
        s.reading = keccak256(reading);
        _propose(s, 1);
        _challenge(s);
        registry.restart(meterId, START_WH + 40, 0, TIME - 1);
        oracle.answer(site, 1, s, reading);
    }

    /// An operator of another site, who would have half of the stake.
    function test_a_restart_of_the_past_never_makes_an_honest_leaf_false(uint64 finalWh, uint64 firstWh)
        public
    {
        finalWh = uint64(within(finalWh, 0, 2 * START_WH));
        firstWh = uint64(within(firstWh, 0, 2 * START_WH));
        MeterStatement memory s = _proposedHonestly();
        _challenge(s);
        registry.restart(meterId, finalWh, firstWh, TIME);
        vm.warp(TIME + 1);
        bytes memory later = _reading(meterId, 8, TIME + 1, START_WH + 100);
        vm.expectRevert(ImpactOracle.NotProven.selector);
        oracle.proveRegisterFell(site, 1, s, new bytes32[](0), TIME + 1, later);
        oracle.answer(site, 1, s, _reading(meterId, 7, TIME, START_WH + 100));
    }

    function test_a_restart_that_was_known_at_the_snapshot_always_counts() public {
        vm.warp(TIME - 1);
        registry.restart(meterId, START_WH + 40, 0, TIME - 1);
        vm.warp(TIME);
        MeterStatement memory s = statement(meterId, START_WH + 100, TIME);
        bytes memory reading = _reading(meterId, 7, TIME, START_WH + 100);
        s.reading = keccak256(reading);
        _propose(s, 1);
        _challenge(s);
        vm.expectPartialRevert(ImpactOracle.ReadingDiffers.selector);
        oracle.answer(site, 1, s, reading);
    }

    function test_a_bond_is_paid_once_while_another_is_held() public {
        (MeterStatement memory s,) = _proposedTwo();
        bytes memory reading = _reading(meterId, 7, TIME, START_WH + 100);
        s.reading = keccak256(reading);
        MeterStatement memory other = _batch[1];
        delete _batch;
        _batch.push(s);
        _batch.push(other);
        oracle.cancel(site, 1);
        vm.warp(TIME + 1);
        propose(next(Tree.root(_batch)));
        bytes32 leaf = _challengeOf(2, s, 1);
        bytes32 another = _challengeOf(2, other, 2);
        bytes memory answered = abi.encodeWithSelector(ImpactOracle.NoChallenge.selector, site, 2, leaf);
        oracle.answer(site, 2, s, reading);
        vm.expectRevert(answered);
        oracle.answer(site, 2, s, reading);
        equal(stakes.held(), BOND);
        vm.warp(block.timestamp + ANSWER_TIME);
        vm.expectRevert(answered);
        oracle.cancelUnanswered(site, 2, leaf);
        oracle.cancelUnanswered(site, 2, another);
        vm.expectRevert(abi.encodeWithSelector(ImpactOracle.NoChallenge.selector, site, 2, another));
        oracle.refund(site, 2, another);
        equal(stakes.held(), 0);
        equal(stakes.owed(CHALLENGER), BOND + SITE_STAKE / 2);
    }

    // ---------------------------------------------------------------- unanswered

    function test_an_unanswered_challenge_cancels_burns_half_the_stake_and_pays_half_of_it() public {
        MeterStatement memory s = _proposedHonestly();
        bytes32 leaf = _challenge(s);
        vm.warp(TIME + ANSWER_TIME);
        oracle.cancelUnanswered(site, 1, leaf);
        equal(uint256(_status()), uint256(ProposalStatus.Cancelled));
        equal(stakes.owed(CHALLENGER), BOND + SITE_STAKE / 2);
        equal(stakes.burned(), SITE_STAKE / 2);
        equal(stakes.ofSite(site).caught, 1);
        equal(stakes.ofSite(site).bonded, 0);
    }

    function test_the_answer_time_ends_for_the_answer_when_it_begins_for_the_cancelling(uint256 wait) public {
        MeterStatement memory s = _proposedHonestly();
        bytes32 leaf = _challenge(s);
        vm.warp(TIME + (wait % 2 == 0 ? ANSWER_TIME : within(wait, 0, 2 * ANSWER_TIME)));
        bool late = block.timestamp >= TIME + ANSWER_TIME;
        if (late) {
            vm.expectRevert(abi.encodeWithSelector(ImpactOracle.TooLate.selector, uint64(TIME + ANSWER_TIME)));
            oracle.answer(site, 1, s, _reading(meterId, 7, TIME, START_WH + 100));
            oracle.cancelUnanswered(site, 1, leaf);
        } else {
            vm.expectRevert(
                abi.encodeWithSelector(ImpactOracle.StillTime.selector, uint64(TIME + ANSWER_TIME))
            );
            oracle.cancelUnanswered(site, 1, leaf);
            oracle.answer(site, 1, s, _reading(meterId, 7, TIME, START_WH + 100));
        }
    }

    function test_a_site_without_its_stake_never_proposes() public {
        MeterStatement memory s = _proposedHonestly();
        bytes32 leaf = _challenge(s);
        vm.warp(TIME + ANSWER_TIME);
        oracle.cancelUnanswered(site, 1, leaf);
        vm.expectRevert(abi.encodeWithSelector(Proposals.NoStake.selector, site));
        this.proposeAll(s);
        vm.deal(address(this), SITE_STAKE);
        stakes.bondSite{value: SITE_STAKE}(site);
        _propose(s, 2); // and the next carries everything
        vm.warp(block.timestamp + WINDOW);
        settle(2, _batch);
        equal(token.totalSupply(), 100);
    }

    // ---------------------------------------------------------------- griefing

    function test_a_challenge_never_begins_after_the_window_not_even_while_another_holds_it_open() public {
        (MeterStatement memory s, MeterStatement memory other) = _proposedTwo();
        vm.warp(TIME + WINDOW - 1);
        _challengeOf(s, 1);
        vm.warp(TIME + WINDOW);
        (, bytes32[] memory proof,) = Tree.prove(_batch, 2);
        vm.prank(CHALLENGER);
        vm.expectRevert(
            abi.encodeWithSelector(ImpactOracle.WindowOver.selector, site, 1, uint64(TIME + WINDOW))
        );
        oracle.challenge{value: BOND}(site, 1, other, proof);
    }

    function test_a_challenger_whose_proposal_was_cancelled_by_another_always_has_the_bond_back() public {
        (MeterStatement memory s, MeterStatement memory other) = _proposedTwo();
        bytes32 first = _challengeOf(s, 1);
        bytes32 second = _challengeOf(other, 2);
        vm.expectRevert(abi.encodeWithSelector(ImpactOracle.StillStanding.selector, site, 1));
        oracle.refund(site, 1, second);
        vm.warp(TIME + ANSWER_TIME);
        oracle.cancelUnanswered(site, 1, first);
        oracle.refund(site, 1, second);
        equal(stakes.owed(CHALLENGER), 2 * BOND + SITE_STAKE / 2);
        equal(stakes.held(), 0);
        vm.expectRevert(abi.encodeWithSelector(ImpactOracle.NoChallenge.selector, site, 1, second));
        oracle.refund(site, 1, second);
    }

    function test_one_sites_challenge_never_delays_another_site() public {
        uint32 home = site;
        _challenge(_proposedHonestly());
        site = openSite(OPERATOR);
        bytes32 second = register(address(0xB0B), 2);
        delete _batch;
        _propose(statement(second, START_WH, TIME), 1);
        vm.warp(TIME + WINDOW);
        settle(1, _batch);
        equal(paidTime(second), TIME);
        site = home;
    }

    function test_a_leaf_is_challenged_once_at_a_time_with_exactly_the_bond(uint256 bond) public {
        MeterStatement memory s = _proposedHonestly();
        bond = within(bond, 0, 1 ether);
        if (bond != BOND) {
            vm.prank(CHALLENGER);
            vm.expectRevert(abi.encodeWithSelector(ImpactOracle.WrongBond.selector, bond, BOND));
            oracle.challenge{value: bond}(site, 1, s, new bytes32[](0));
        }
        bytes32 leaf = _challenge(s);
        vm.prank(CHALLENGER);
        vm.expectRevert(abi.encodeWithSelector(ImpactOracle.AlreadyChallenged.selector, site, 1, leaf));
        oracle.challenge{value: BOND}(site, 1, s, new bytes32[](0));
    }

    function test_a_leaf_that_is_not_in_the_proposal_is_never_challenged() public {
        _proposedHonestly();
        MeterStatement memory s = statement(meterId, START_WH + 101, TIME);
        vm.prank(CHALLENGER);
        vm.expectRevert(abi.encodeWithSelector(ImpactOracle.NotInProposal.selector, site, 1, Tree.leaf(s)));
        oracle.challenge{value: BOND}(site, 1, s, new bytes32[](0));
    }

    function test_a_meter_whose_format_the_chain_cannot_read_is_never_challenged() public {
        MeterStatement memory s = _proposedHonestly();
        bytes32[2] memory key;
        vm.mockCall(
            address(registry), abi.encodeCall(registry.keyAt, (meterId, TIME)), abi.encode(uint8(3), key)
        );
        vm.prank(CHALLENGER);
        vm.expectRevert(abi.encodeWithSelector(ImpactOracle.NotAnswerable.selector, meterId, 3));
        oracle.challenge{value: BOND}(site, 1, s, new bytes32[](0));
    }

    function test_who_calls_back_while_being_paid_is_paid_once() public {
        Greedy greedy = new Greedy(stakes);
        MeterStatement memory s = _proposedHonestly();
        vm.deal(address(greedy), BOND);
        vm.prank(address(greedy));
        oracle.challenge{value: BOND}(site, 1, s, new bytes32[](0));
        vm.warp(TIME + ANSWER_TIME);
        oracle.cancelUnanswered(site, 1, Tree.leaf(s));
        greedy.take();
        equal(greedy.received(), BOND + SITE_STAKE / 2);
        equal(stakes.owed(address(greedy)), 0);
    }

    // ---------------------------------------------------------------- proofs

    function test_a_leaf_of_a_meter_that_is_not_registered_is_proven_in_one_transaction() public {
        MeterStatement memory s = statement("unknown", 100, TIME);
        _propose(s, 1);
        vm.prank(CHALLENGER);
        oracle.proveNotRegistered(site, 1, s, new bytes32[](0));
        _slashedFor();
    }

    function test_a_leaf_from_before_its_meters_start_or_after_its_proposal_is_proven(bool after_) public {
        MeterStatement memory s = statement(meterId, START_WH, after_ ? TIME + 1 : uint64(START - 1));
        _propose(s, 1);
        vm.prank(CHALLENGER);
        oracle.proveNotRegistered(site, 1, s, new bytes32[](0));
        _slashedFor();
    }

    function test_an_honest_leaf_is_never_proven_false(uint64 wh) public {
        // What an hour and the quarter of an hour of lead allow at 5 kW with 10 %, and one Wh.
        wh = uint64(upTo(wh, 6876));
        MeterStatement memory s = statement(meterId, START_WH + wh, TIME);
        _propose(s, 1);
        vm.expectRevert(ImpactOracle.NotProven.selector);
        oracle.proveNotRegistered(site, 1, s, new bytes32[](0));
        vm.expectRevert(ImpactOracle.NotProven.selector);
        oracle.proveAboveCeiling(site, 1, s, new bytes32[](0));
        bytes memory higher = _reading(meterId, 8, TIME + 1, START_WH + wh);
        vm.warp(TIME + 1);
        vm.expectRevert(ImpactOracle.NotProven.selector);
        oracle.proveRegisterFell(site, 1, s, new bytes32[](0), TIME + 1, higher);
    }

    function test_a_leaf_above_what_its_meter_can_have_made_is_proven_in_one_transaction(uint64 above)
        public
    {
        // An hour and the quarter of an hour of lead at 5 kW with 10 %, and one Wh.
        uint64 most = START_WH + 6876;
        MeterStatement memory s =
            statement(meterId, most + (above % 2 == 0 ? 1 : uint64(within(above, 1, 1e9))), TIME);
        _propose(s, 1);
        vm.prank(CHALLENGER);
        oracle.proveAboveCeiling(site, 1, s, new bytes32[](0));
        _slashedFor();
    }

    function test_a_lower_reading_that_is_not_later_never_proves_anything(uint64 earlier) public {
        MeterStatement memory s = _proposedHonestly();
        uint64 time = uint64(TIME - within(earlier, 0, 1) * within(earlier, 0, 1 hours));
        vm.expectRevert(ImpactOracle.NotProven.selector);
        oracle.proveRegisterFell(
            site, 1, s, new bytes32[](0), time, _reading(meterId, 6, time, START_WH + 99)
        );
    }

    function test_a_later_and_lower_reading_cancels_and_suspends_and_slashes_nobody() public {
        MeterStatement memory s = _proposedHonestly();
        vm.warp(TIME + 10);
        vm.prank(CHALLENGER);
        oracle.proveRegisterFell(
            site, 1, s, new bytes32[](0), TIME + 5, _reading(meterId, 8, TIME + 5, START_WH + 99)
        );
        equal(uint256(_status()), uint256(ProposalStatus.Cancelled));
        equal(uint256(registry.meter(meterId).status), uint256(Status.Suspended));
        equal(stakes.ofSite(site).bonded, SITE_STAKE);

        // Not again by the same meter.
        _propose(s, 2);
        vm.expectRevert(
            abi.encodeWithSelector(ImpactOracle.MeterNotActive.selector, meterId, Status.Suspended)
        );
        oracle.proveRegisterFell(
            site, 2, s, new bytes32[](0), TIME + 5, _reading(meterId, 8, TIME + 5, START_WH + 99)
        );
    }

    function test_two_readings_with_one_sequence_number_suspend_their_meter() public {
        bytes memory a = _reading(meterId, 7, TIME, START_WH + 100);
        bytes memory b = _reading(meterId, 7, TIME + 1, START_WH + 100);
        oracle.proveTwins(meterId, TIME, a, TIME + 1, b);
        equal(uint256(registry.meter(meterId).status), uint256(Status.Suspended));
    }

    /// Who stole it can sign what he likes for the time when it held.
    function test_a_key_that_was_replaced_never_suspends_its_meter() public {
        uint64 from = TIME + 2;
        bytes memory key = Signing.keyOf(ES256, 2);
        bytes32 keyId = registry.keyIdOf(ES256, key);
        bytes32 digest = registry.rotationDigest(meterId, keyId, from);
        registry.rotate(
            meterId, ES256, key, from, Signing.signed(ES256, 1, digest), Signing.signed(ES256, 2, digest)
        );
        vm.warp(from);
        bytes memory a = _reading(meterId, 7, TIME, START_WH + 100);
        bytes memory b = _reading(meterId, 7, TIME + 1, START_WH + 100);
        bytes memory c = _reading(keyId, 7, from, START_WH + 100);
        vm.expectRevert(ImpactOracle.NotTwins.selector);
        oracle.proveTwins(meterId, TIME, a, TIME + 1, b);
        vm.expectRevert(ImpactOracle.NotTwins.selector);
        oracle.proveTwins(meterId, TIME, a, from, c);
        vm.expectRevert(ImpactOracle.NotTwins.selector);
        oracle.proveTwins(meterId, from, c, TIME, a);
        oracle.proveTwins(meterId, from, c, from, _reading(keyId, 7, from, START_WH + 101));
        equal(uint256(registry.meter(meterId).status), uint256(Status.Suspended));
    }

    function test_a_reading_signed_anew_is_no_twin_and_neither_is_the_next_one() public {
        bytes memory a = _reading(meterId, 7, TIME, START_WH + 100);
        bytes memory again = bytes.concat(a);
        again[again.length - 1] = 0x01;
        vm.expectRevert(ImpactOracle.NotTwins.selector);
        oracle.proveTwins(meterId, TIME, a, TIME, again);
        vm.expectRevert(ImpactOracle.NotTwins.selector);
        oracle.proveTwins(meterId, TIME, a, TIME, _reading(meterId, 8, TIME, START_WH + 100));
    }

    function test_a_valid_proposal_is_never_challenged_nor_proven_false() public {
        MeterStatement memory s = statement("unknown", 100, TIME);
        _propose(s, 1);
        vm.warp(TIME + WINDOW);
        bytes memory refusal = abi.encodeWithSelector(Proposals.ProposalNotPending.selector, site, 1);
        vm.expectRevert(refusal);
        oracle.proveNotRegistered(site, 1, s, new bytes32[](0));
        vm.prank(CHALLENGER);
        vm.expectRevert(refusal);
        oracle.challenge{value: BOND}(site, 1, s, new bytes32[](0));
    }

    // ----------------------------------------------------------------

    function settleAll(uint64 number) external {
        settle(number, _batch);
    }

    function proposeAll(MeterStatement memory s) external {
        _propose(s, 2);
    }

    function _proposedHonestly() private returns (MeterStatement memory s) {
        s = statement(meterId, START_WH + 100, TIME);
        s.reading = keccak256(_reading(meterId, 7, TIME, START_WH + 100));
        _propose(s, 1);
    }

    function _proposedTwo() private returns (MeterStatement memory s, MeterStatement memory other) {
        s = statement(meterId, START_WH + 100, TIME);
        other = statement(register(address(0xB0B), 2), START_WH, TIME);
        delete _batch;
        _batch.push(s);
        _batch.push(other);
        propose(next(Tree.root(_batch)));
    }

    function _propose(MeterStatement memory s, uint64 number) private {
        delete _batch;
        _batch.push(s);
        equal(proposed(only(s)), number);
    }

    function _challenge(MeterStatement memory s) private returns (bytes32) {
        return _challengeAt(1, s);
    }

    function _challengeAt(uint64 number, MeterStatement memory s) private returns (bytes32) {
        vm.prank(CHALLENGER);
        oracle.challenge{value: BOND}(site, number, s, new bytes32[](0));
        return Tree.leaf(s);
    }

    function _challengeOf(MeterStatement memory s, uint256 chosen) private returns (bytes32) {
        return _challengeOf(1, s, chosen);
    }

    function _challengeOf(uint64 number, MeterStatement memory s, uint256 chosen) private returns (bytes32) {
        (, bytes32[] memory proof,) = Tree.prove(_batch, chosen);
        vm.prank(CHALLENGER);
        oracle.challenge{value: BOND}(site, number, s, proof);
        return Tree.leaf(s);
    }

    function _status() private view returns (ProposalStatus status) {
        (, status,,,) = oracle.proposal(site, 1);
    }

    function _slashedFor() private view {
        equal(uint256(_status()), uint256(ProposalStatus.Cancelled));
        equal(stakes.owed(CHALLENGER), SITE_STAKE / 2);
        equal(stakes.burned(), SITE_STAKE / 2);
    }

    function _reading(bytes32 id, uint64 sequence, uint64 time, uint64 wh)
        private
        pure
        returns (bytes memory)
    {
        return _readingOf(id, Reading(sequence, time, 2, true, wh));
    }

    function _readingOf(bytes32 id, Reading memory r) private pure returns (bytes memory) {
        return bytes.concat(abi.encode(r), id, bytes32(0));
    }
}
