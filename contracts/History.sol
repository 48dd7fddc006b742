// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A number that holds from a time on. One slot.
struct Since {
    /// Unix seconds.
    uint64 from;
    /// When it was taken in, Unix seconds of the chain.
    uint64 since;
    int128 value;
}

/// @title What was in force at a time.
/// @notice Grows by one slot with each change that someone governed makes, never with time. Nothing is forgotten: a
/// reading, however old, is judged by what was in force when it was made.
library History {
    error NotLater(uint64 from, uint64 last);

    /// @notice Adds what holds from `from` on, which must be later than all before.
    function add(Since[] storage history, uint64 from, int256 value) internal {
        uint256 n = history.length;
        if (n != 0 && from <= history[n - 1].from) revert NotLater(from, history[n - 1].from);
        // Offsets are below 2^64, sites have 32 bits, schemes 8.
        // forge-lint: disable-next-line(unsafe-typecast)
        history.push(Since({from: from, since: uint64(block.timestamp), value: int128(value)}));
    }

    /// @notice How many changes had come by then: the last of them is in force, with zero what was there at first.
    /// @dev From the latest back: what is asked for is almost always recent.
    function countAt(Since[] storage history, uint64 time) internal view returns (uint256 n) {
        n = history.length;
        while (n != 0 && history[n - 1].from > time) --n;
    }

    /// @notice How many of the first `n` changes were known before a moment.
    function knownBefore(Since[] storage history, uint256 n, uint64 moment) internal view returns (uint256) {
        while (n != 0 && history[n - 1].since >= moment) --n;
        return n;
    }
}
