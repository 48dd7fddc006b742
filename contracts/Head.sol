// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A site's last proposal, and what is still needed of the one before it, whose window is over by construction: one word,
/// because a proposal reads and writes all of it. From the lowest bit on:
///
///     number 40 | time 40 | time before 40 | valid at 40 | rules 16 | rules before 16 | open challenges 24
///     | cancelled 8 | cancelled before 8 | staked 8
///
/// 40 bits of seconds last for 34,000 years, 40 bits of numbers for a proposal a second as long. The rules are the version
/// in force at proposing.
type Head is uint256;

using Heads for Head global;

/// @title What a head says, and how it changes.
/// @dev As a struct, each member read and written apart costs a proposal 1,900 gas more.
library Heads {
    uint256 private constant TIME = 0xffffffffff << 40;
    uint256 private constant RULES = 0xffff << 160;
    uint256 private constant OPEN = 0xffffff << 192;
    uint256 private constant CANCELLED = 1 << 216;
    uint256 private constant CANCELLED_BEFORE = 1 << 224;
    uint256 private constant STAKED = 1 << 232;

    // ---------------------------------------------------------------- what it says

    // forge-lint: disable-start(unsafe-typecast)
    function number(Head head) internal pure returns (uint40) {
        return uint40(Head.unwrap(head));
    }

    function time(Head head) internal pure returns (uint40) {
        return uint40(Head.unwrap(head) >> 40);
    }

    function timeBefore(Head head) internal pure returns (uint40) {
        return uint40(Head.unwrap(head) >> 80);
    }

    function validAt(Head head) internal pure returns (uint40) {
        return uint40(Head.unwrap(head) >> 120);
    }

    function rules(Head head) internal pure returns (uint16) {
        return uint16(Head.unwrap(head) >> 160);
    }

    function rulesBefore(Head head) internal pure returns (uint16) {
        return uint16(Head.unwrap(head) >> 176);
    }

    /// @notice Challenges that are neither answered nor refunded.
    function open(Head head) internal pure returns (uint24) {
        return uint24(Head.unwrap(head) >> 192);
    }

    // forge-lint: disable-end(unsafe-typecast)

    function cancelled(Head head) internal pure returns (bool) {
        return Head.unwrap(head) & CANCELLED != 0;
    }

    function cancelledBefore(Head head) internal pure returns (bool) {
        return Head.unwrap(head) & CANCELLED_BEFORE != 0;
    }

    /// @notice Whether the site has the stake to propose.
    function staked(Head head) internal pure returns (bool) {
        return Head.unwrap(head) & STAKED != 0;
    }

    // ---------------------------------------------------------------- how it changes

    /// @notice Another proposal, of a site that has the stake: time, rules and cancelled move to their places before.
    function next(Head last, uint40 number_, uint40 time_, uint40 validAt_, uint16 rules_)
        internal
        pure
        returns (Head)
    {
        uint256 word = Head.unwrap(last);
        uint256 moved = (word & TIME) << 40 | (word & RULES) << 16 | (word & CANCELLED) << 8;
        uint256 new_ =
            uint256(number_) | uint256(time_) << 40 | uint256(validAt_) << 120 | uint256(rules_) << 160;
        return Head.wrap(moved | new_ | STAKED);
    }

    /// @notice What a predecessor proposed last, as one that was cancelled, and so is the one before it: neither can be
    /// settled or challenged here, and the next may follow at once. The stake is not the predecessor's.
    function inherited(Head own, uint40 number_, uint40 time_) internal pure returns (Head) {
        uint256 kept = Head.unwrap(own) & STAKED;
        uint256 last = uint256(number_) | uint256(time_) << 40 | CANCELLED | CANCELLED_BEFORE;
        return Head.wrap(kept | last);
    }

    function withOpen(Head head, uint24 open_) internal pure returns (Head) {
        return Head.wrap(Head.unwrap(head) & ~OPEN | uint256(open_) << 192);
    }

    function withStaked(Head head, bool staked_) internal pure returns (Head) {
        uint256 word = Head.unwrap(head);
        return Head.wrap(staked_ ? word | STAKED : word & ~STAKED);
    }

    function cancel(Head head) internal pure returns (Head) {
        return Head.wrap(Head.unwrap(head) | CANCELLED);
    }
}
