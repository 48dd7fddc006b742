// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What a meter can have generated at most.
library Ceiling {
    /// @dev Watt-seconds in a watt-hour times basis points in one.
    uint256 private constant WS_BASIS_POINTS_PER_WH = 3600 * 10_000;

    /// @notice Rated power with headroom (1/10,000) for so many seconds, and one Wh more: a register shows whole Wh, so
    /// a true increment may appear up to one larger.
    /// @dev Unchecked: with 32, 64 and 16 bits, as callers have them, the product has 113 at most.
    function ceilingWh(uint256 ratedW, uint256 elapsed, uint256 headroom) internal pure returns (uint256) {
        unchecked {
            return ratedW * elapsed * (10_000 + headroom) / WS_BASIS_POINTS_PER_WH + 1;
        }
    }
}
