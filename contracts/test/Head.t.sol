// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Head} from "../Head.sol";
import {Say} from "./Say.sol";

contract HeadTest is Say {
    /// A head written out.
    struct Plain {
        uint40 number;
        uint40 time;
        uint40 timeBefore;
        uint40 validAt;
        uint16 rules;
        uint16 rulesBefore;
        uint24 open;
        bool cancelled;
        bool cancelledBefore;
        bool staked;
    }

    function test_a_head_says_what_its_word_holds(Plain memory f) public pure {
        _is(_packed(f), f);
    }

    function test_the_next_proposal_moves_time_rules_and_cancelled_and_nothing_else(
        Plain memory last,
        uint40 number,
        uint40 time,
        uint40 validAt,
        uint16 rules
    ) public pure {
        Plain memory expected = Plain(
            number, time, last.time, validAt, rules, last.rules, 0, false, last.cancelled, true
        );
        _is(_packed(last).next(number, time, validAt, rules), expected);
    }

    function test_what_a_predecessor_proposed_is_cancelled_and_so_is_the_one_before(
        bool staked,
        uint40 number,
        uint40 time
    ) public pure {
        Plain memory own = Plain(0, 0, 0, 0, 0, 0, 0, false, false, staked);
        Plain memory expected = Plain(number, time, 0, 0, 0, 0, 0, true, true, staked);
        _is(_packed(own).inherited(number, time), expected);
    }

    function test_each_change_changes_nothing_else(Plain memory f, uint24 open, bool staked) public pure {
        Head head = _packed(f);
        f.open = open;
        head = head.withOpen(open);
        _is(head, f);
        f.staked = staked;
        head = head.withStaked(staked);
        _is(head, f);
        f.cancelled = true;
        _is(head.cancel(), f);
    }

    /// By multiplication, so that no shift is written twice in the same way.
    function _packed(Plain memory f) private pure returns (Head) {
        uint256 word = f.staked ? 1 : 0;
        word = word * 2 ** 8 + (f.cancelledBefore ? 1 : 0);
        word = word * 2 ** 8 + (f.cancelled ? 1 : 0);
        word = word * 2 ** 24 + f.open;
        word = word * 2 ** 16 + f.rulesBefore;
        word = word * 2 ** 16 + f.rules;
        word = word * 2 ** 40 + f.validAt;
        word = word * 2 ** 40 + f.timeBefore;
        word = word * 2 ** 40 + f.time;
        return Head.wrap(word * 2 ** 40 + f.number);
    }

    function _is(Head head, Plain memory f) private pure {
        equal(Head.unwrap(head), Head.unwrap(_packed(f)));
        equal(head.number(), f.number);
        equal(head.time(), f.time);
        equal(head.timeBefore(), f.timeBefore);
        equal(head.validAt(), f.validAt);
        equal(head.rules(), f.rules);
        equal(head.rulesBefore(), f.rulesBefore);
        equal(head.open(), f.open);
        holds(head.cancelled() == f.cancelled);
        holds(head.cancelledBefore() == f.cancelledBefore);
        holds(head.staked() == f.staked);
    }
}
