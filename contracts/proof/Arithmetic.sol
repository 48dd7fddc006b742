// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The packed and unchecked arithmetic of the contracts, for all inputs: proven by the compiler's model checker
/// (npm run prove).
/// @dev Not the contracts' own code: the checker reads neither assembly nor shifts, and gives no answer where there is
/// division. A quotient stands here as what defines it: the one number whose product is not above the dividend, and whose
/// next one's is.
contract Arithmetic {
    uint256 private constant BASIS = 10_000;

    /// `Ceiling.ceilingWh` is unchecked: rated power times seconds does not overflow, and does not fall with time.
    function energyGrows(uint32 ratedW, uint64 elapsed, uint64 longer) external pure {
        require(elapsed <= longer);
        assert(uint256(ratedW) * elapsed <= uint256(ratedW) * longer);
    }

    /// Nor does that times the headroom, which has 96 bits and 20,000 at most.
    function headroomFits(uint96 energy, uint16 headroom) external pure returns (uint256) {
        require(headroom <= BASIS);
        return energy * (BASIS + headroom) + 1;
    }

    /// `Counted.paid`: two pairs of register and time that are one word are one pair.
    function paid(uint64 wh, uint64 time, uint64 wh2, uint64 time2) external pure {
        require(uint256(wh) * 2 ** 64 + time == uint256(wh2) * 2 ** 64 + time2);
        assert(wh == wh2 && time == time2);
    }

    /// `GreenToken.mint`: nor are two amounts, or two holders.
    function minted(uint96 wh, uint160 holder, uint96 wh2, uint160 holder2) external pure {
        require(uint256(wh) * 2 ** 160 + holder == uint256(wh2) * 2 ** 160 + holder2);
        assert(wh == wh2 && holder == holder2);
    }

    /// `Issuance._settle`: the difference in times wraps above the time where a statement is earlier, and only there.
    function wrapsWhereEarlier(uint64 time, uint64 last) external pure {
        uint256 difference;
        unchecked {
            difference = uint256(time) - uint256(last);
        }
        assert((difference > time) == (time < last));
        assert((difference == 0) == (time == last));
    }

    /// `Issuance._divide`: a fraction of at most one, of a register or of a difference, is at most the whole.
    function fractionFits(uint64 wh, uint16 share) external pure {
        require(share <= BASIS);
        assert(uint256(wh) * share <= uint256(wh) * BASIS);
    }

    /// And so the quotients of `from` and `to`, which are `wh` apart, are apart by at most that: what the commons get is
    /// at most what there is, and never less than nothing. `a` is the product for `from`, `more` what `to` adds.
    function quotientsFit(uint96 a, uint96 more, uint64 wh, uint96 qFrom, uint96 qTo) external pure {
        require(more <= uint256(wh) * BASIS);
        _isQuotient(qFrom, a);
        _isQuotient(qTo, uint256(a) + more);
        assert(qFrom <= qTo);
        assert(uint256(qTo) - qFrom <= wh);
    }

    /// `Stakes._slash`: what is owed and what is burned is all that was taken, and what is burned is not the smaller part.
    function halves(uint128 taken, uint128 half) external pure {
        require(uint256(half) * 2 <= taken && taken < uint256(half) * 2 + 2);
        uint256 rest = uint256(taken) - half;
        assert(half + rest == taken);
        assert(half <= rest && rest <= uint256(half) + 1);
    }

    function _isQuotient(uint256 quotient, uint256 dividend) private pure {
        require(quotient <= type(uint96).max && dividend <= type(uint128).max);
        require(quotient * BASIS <= dividend && dividend < quotient * BASIS + BASIS);
    }
}
