// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The unchecked and packed arithmetic of the contracts, for all inputs: not tested but proven, by the compiler's
/// model checker (npm run prove).
/// @dev Written again in checked arithmetic, because the checker wants no shifts, no user-defined types and no assembly:
/// where an operation here could overflow, the checker says so. A test holds each function to the original
/// (`ArithmeticTest`).
contract Arithmetic {
    uint256 private constant BASIS = 10_000;

    /// `Ceiling.ceilingWh` is unchecked: it never overflows, is at least one, and at most 85 bits more than rated.
    function ceiling(uint32 ratedW, uint64 elapsed, uint16 headroom) external pure returns (uint256 wh) {
        require(headroom <= 10_000);
        wh = uint256(ratedW) * elapsed * (BASIS + headroom) / (3600 * BASIS) + 1;
        assert(wh >= 1);
    }

    /// More time, more power or more headroom never lower the ceiling.
    function ceilingGrows(uint32 ratedW, uint64 elapsed, uint64 longer) external pure {
        require(elapsed <= longer);
        assert(uint256(ratedW) * elapsed <= uint256(ratedW) * longer);
    }

    /// `Counted.paid`: register and time share a word and come out as they went in.
    function paid(uint64 wh, uint64 time) external pure returns (uint256 word) {
        word = uint256(wh) * 2 ** 64 + time;
        assert(word / 2 ** 64 == wh);
        assert(word % 2 ** 64 == time);
    }

    /// `Settled.from` and `.to`: a site or a number, a register and a time in one word, none over another.
    function settled(uint64 number, uint64 wh, uint64 time) external pure returns (uint256 word) {
        word = uint256(number) * 2 ** 128 + uint256(wh) * 2 ** 64 + time;
        assert(word / 2 ** 128 == number);
        assert(word % 2 ** 64 == time);
    }

    /// `GreenToken.mint`'s words: 96 bits of amount over 160 of a holder.
    function minted(uint96 wh, uint160 holder) external pure returns (uint256 word) {
        word = uint256(wh) * 2 ** 160 + holder;
        assert(word / 2 ** 160 == wh);
        assert(word % 2 ** 160 == holder);
    }

    /// `Issuance._settle`: where a statement is not later, the difference in times wraps above its time, and only there.
    function elapsed(uint64 time, uint64 last) external pure returns (uint256 difference) {
        unchecked {
            difference = uint256(time) - uint256(last);
        }
        assert((difference > time) == (time < last));
        assert((difference == 0) == (time == last));
    }

    /// `Stakes._slash`: what is burned and what is owed is what was taken, and that is never more than there was.
    function slash(uint96 bonded, uint96 unbonding, uint96 amount) external pure {
        uint256 ofBonded = amount < bonded ? amount : bonded;
        uint256 ofUnbonding = amount - ofBonded < unbonding ? amount - ofBonded : unbonding;
        uint256 taken = ofBonded + ofUnbonding;
        assert(ofBonded <= bonded && ofUnbonding <= unbonding);
        assert(taken <= amount);
        assert(taken / 2 + (taken - taken / 2) == taken);
        assert(taken == amount || taken == uint256(bonded) + unbonding);
    }

    /// A head's number, times and the rest in 256 bits.
    function head(uint40 number, uint40 time, uint256 rest) external pure returns (uint256 word) {
        require(rest < 2 ** 176);
        word = number + uint256(time) * 2 ** 40 + rest * 2 ** 80;
        assert(word % 2 ** 40 == number);
        assert(word / 2 ** 80 == rest);
    }
}

/// @title `Issuance._divide`: what a factor and a share leave of a register.
/// @dev A contract of its own, so that one hard proof does not keep the others waiting.
contract Division {
    uint256 private constant BASIS = 10_000;

    /// What any number of settlements pay is what one would: a chain of any length is an induction over this.
    function telescopes(uint64 from, uint64 between, uint64 to, uint16 factor, uint16 share) external pure {
        require(from <= between && between <= to && factor <= BASIS && share <= BASIS / 2);
        uint256 a = _part(_part(from, factor), share);
        uint256 b = _part(_part(between, factor), share);
        uint256 c = _part(_part(to, factor), share);
        assert((int256(b) - int256(a)) + (int256(c) - int256(b)) == int256(c) - int256(a));
    }

    /// A part of a larger register is not smaller, so that no difference of parts is negative.
    function grows(uint64 from, uint64 to) external pure {
        require(from <= to);
        assert(uint256(from) / BASIS <= uint256(to) / BASIS);
    }

    function _part(uint256 wh, uint256 fraction) private pure returns (uint256) {
        return wh * fraction / BASIS;
    }
}
