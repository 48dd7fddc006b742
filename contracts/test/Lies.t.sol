// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOracle, Issuance, Terms} from "../Issuance.sol";
import {Registration} from "../Meter.sol";
import {MeterStatement, Statement} from "../Statement.sol";
import {Community} from "./Community.sol";
import {Tree} from "./Tree.sol";
import {vm} from "./Vm.sol";

/// @title An oracle that says whatever it likes.
contract Liar is IOracle {
    Terms private _terms;

    function say(Terms memory terms) external {
        _terms = terms;
    }

    function settleable(uint32, uint64) external view returns (Terms memory) {
        return _terms;
    }
}

/// @dev What the issuance alone holds, whatever its oracle says.
contract LiesTest is Community {
    Liar private liar;

    function setUp() public override {
        super.setUp();
        liar = new Liar();
        issuance.announceSuccessor(liar);
        vm.warp(block.timestamp + issuance.EXIT_WINDOW());
        issuance.succeed();
        issuance.setCommons(COMMONS);
    }

    function test_whatever_an_oracle_says_a_meter_is_never_paid_above_twice_its_power_nor_twice_nor_elsewhere(
        Terms memory terms,
        uint64 wh,
        uint64 time,
        uint32 ratedTo
    ) public {
        time = uint64(within(time, START - 2, block.timestamp + 2));
        wh = uint64(within(wh, ratedTo % 3 == 0 ? 0 : START_WH, START_WH + 8_000_000));
        if (ratedTo % 5 != 0) {
            terms.headroom %= 10_002;
            terms.meterFactor %= 10_002;
            terms.gatewayHeadroom %= 10_002;
            terms.gatewayFactor %= 10_002;
            terms.commonsShare %= 5002;
            terms.time = within(terms.time, time, block.timestamp + 1);
        }
        MeterStatement memory s = statement(meterId, wh, time);
        terms.root = Tree.leaf(s);
        liar.say(terms);
        uint256 before = token.totalSupply();
        for (uint256 again = 0; again < 2; ++again) {
            try this.settleOne(s) {
                holds(terms.time <= block.timestamp && time <= terms.time);
            } catch {}
        }
        uint256 minted = token.totalSupply() - before;
        uint256 elapsed = time > START ? time - START : 0;
        holds(minted <= uint256(RATED_W) * elapsed * 2 / 3600 + 1);
        holds(minted <= (wh > START_WH ? wh - START_WH : 0));
        // The household and the commons, by at most half and the one that rounding gives.
        equal(token.balanceOf(household) + token.balanceOf(COMMONS), minted);
        holds(token.balanceOf(COMMONS) <= token.balanceOf(household) + 1);
        holds(paidWh(meterId) >= START_WH && paidTime(meterId) >= START);
    }

    function test_terms_beyond_their_limits_are_always_refused(uint8 field, uint256 by) public {
        Terms memory terms = _honest();
        by = within(by, 1, type(uint128).max);
        field = uint8(within(field, 0, 4));
        if (field == 0) terms.headroom = 10_000 + by;
        else if (field == 1) terms.gatewayHeadroom = 10_000 + by;
        else if (field == 2) terms.meterFactor = 10_000 + by;
        else if (field == 3) terms.gatewayFactor = 10_000 + by;
        else terms.commonsShare = 5000 + by;
        liar.say(terms);
        vm.expectRevert(Issuance.InvalidTerms.selector);
        this.settleOne(_said());
    }

    function test_terms_at_their_limits_are_taken() public {
        Terms memory terms = _honest();
        (terms.headroom, terms.gatewayHeadroom, terms.gatewayFactor) = (10_000, 10_000, 10_000);
        (terms.meterFactor, terms.commonsShare) = (10_000, 5000);
        liar.say(terms);
        this.settleOne(_said());
        equal(token.totalSupply(), 100);
    }

    function test_a_proposal_from_the_future_never_pays(uint64 ahead) public {
        Terms memory terms = _honest();
        // The very next second, or any after.
        terms.time = block.timestamp + (ahead % 2 == 0 ? 1 : within(ahead, 1, type(uint64).max));
        liar.say(terms);
        vm.expectRevert(
            abi.encodeWithSelector(Issuance.ProposalInFuture.selector, terms.time, block.timestamp)
        );
        this.settleOne(_said());
    }

    function test_a_word_of_a_statement_that_has_too_many_bits_is_always_refused(uint8 bit, bool inTime)
        public
    {
        // The tree has what the words say; the contract must not cut them.
        bit = uint8(within(bit, 64, 255));
        uint256 wh = START_WH + 100;
        uint256 time = block.timestamp;
        if (inTime) time |= 1 << bit;
        else wh |= 1 << bit;
        bytes memory words = abi.encode(meterId, wh, time, bytes32(0));
        Terms memory terms = _honest();
        terms.root = keccak256(bytes.concat(keccak256(bytes.concat(bytes32(uint256(1)), words))));
        liar.say(terms);
        bytes memory call_ = bytes.concat(
            issuance.settle.selector,
            abi.encode(uint256(site), uint256(1), uint256(0xa0), uint256(0x140), uint256(0x160)),
            abi.encode(uint256(1)),
            words,
            abi.encode(uint256(0), uint256(0))
        );
        (bool done, bytes memory answer) = address(issuance).call(call_);
        holds(!done);
        equal(answer, abi.encodeWithSelector(Issuance.OutOfRange.selector, wh, time));
    }

    function test_settling_nothing_is_refused_whatever_the_oracle_says() public {
        liar.say(_honest());
        vm.expectRevert(Issuance.NoStatements.selector);
        issuance.settle(site, 1, new MeterStatement[](0), new bytes32[](1), new bool[](0));
    }

    // ---------------------------------------------------------------- fractions

    /// Whatever was settled in between, under one set of rules.
    function test_settling_often_or_once_gives_the_same(
        uint16 factor,
        uint16 share,
        uint16[6] memory steps,
        bool byGateway
    ) public {
        Terms memory terms = _honest();
        factor = uint16(within(factor, 0, 10_000));
        terms.meterFactor = byGateway ? 0 : factor;
        terms.gatewayFactor = byGateway ? factor : 0;
        terms.commonsShare = within(share, 0, 5000);
        bytes32 often = _meter(2, address(0xA), byGateway);
        bytes32 once = _meter(3, address(0xB), byGateway);
        uint64 wh = START_WH;
        for (uint256 i = 0; i < steps.length; ++i) {
            vm.warp(block.timestamp + 1 hours);
            wh += uint64(within(steps[i], 0, 5000));
            _settle(terms, statement(often, wh, uint64(block.timestamp)));
        }
        uint256 common = token.balanceOf(COMMONS);
        _settle(terms, statement(once, wh, uint64(block.timestamp)));
        equal(token.balanceOf(address(0xA)), token.balanceOf(address(0xB)));
        equal(token.balanceOf(COMMONS), 2 * common);
        // What the factor leaves of the register, less what it left of the first; and the share of each likewise.
        uint256 counted = _part(wh, factor) - _part(START_WH, factor);
        equal(token.balanceOf(address(0xA)) + common, counted);
        share = uint16(terms.commonsShare);
        equal(common, _part(_part(wh, factor), share) - _part(_part(START_WH, factor), share));
    }

    function test_without_a_commons_nothing_is_taken() public {
        issuance.setCommons(address(0));
        Terms memory terms = _honest();
        terms.commonsShare = 5000;
        _settle(terms, _said());
        equal(token.balanceOf(household), 100);
        equal(token.totalSupply(), 100);
    }

    /// A meter that a gateway signs for has its own headroom, and no other.
    function test_each_assurance_has_its_own_headroom(bool byGateway) public {
        Terms memory terms = _honest();
        terms.headroom = byGateway ? 10_000 : 0;
        terms.gatewayHeadroom = 10_000 - terms.headroom;
        bytes32 id = _meter(2, household, byGateway);
        vm.warp(block.timestamp + 1 hours);
        MeterStatement memory s = statement(id, START_WH + 5002, uint64(block.timestamp));
        terms.root = Tree.leaf(s);
        terms.time = block.timestamp;
        liar.say(terms);
        vm.expectRevert(abi.encodeWithSelector(Issuance.AboveCeiling.selector, id, 5002, 5001));
        this.settleOne(s);
    }

    // ----------------------------------------------------------------

    function settleOne(MeterStatement memory s) external {
        issuance.settle(site, 1, only(s), new bytes32[](0), new bool[](0));
    }

    function _part(uint256 wh, uint256 fraction) private pure returns (uint256) {
        return wh * fraction / 10_000;
    }

    function _said() private view returns (MeterStatement memory) {
        return statement(meterId, START_WH + 100, uint64(block.timestamp));
    }

    function _honest() private view returns (Terms memory) {
        return Terms(Tree.leaf(_said()), block.timestamp, 1000, 1000, 10_000, 10_000, 0);
    }

    function _settle(Terms memory terms, MeterStatement memory s) private {
        terms.root = Tree.leaf(s);
        terms.time = block.timestamp;
        liar.say(terms);
        this.settleOne(s);
    }

    function _meter(uint256 key, address owner, bool byGateway) private returns (bytes32) {
        Registration[] memory one = new Registration[](1);
        one[0] = registration(owner, key);
        if (byGateway) one[0].assurance = 2;
        prove(one[0], key);
        registry.register(one);
        return idOf(one[0]);
    }
}
