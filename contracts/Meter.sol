// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// The meter signs its readings with a key of its own.
uint8 constant ASSURANCE_METER = 1;
// A plain meter on a trusted wire; the gateway signs for it with a key kept for that meter.
uint8 constant ASSURANCE_GATEWAY = 2;

/// None: not registered. Active: its energy can be settled. Suspended: not now. Revoked: never again. Ended: what it
/// counted until its end can still be settled.
enum Status {
    None,
    Active,
    Suspended,
    Revoked,
    Ended
}

// The lower half of a meter's flags: where the energy comes from.
uint8 constant SOURCE_MASK = 0x0f;
uint8 constant SOURCE_SOLAR = 1;
// Set when the household wants certificates for its energy and not the currency.
uint8 constant WANTS_CERTIFICATES = 0x10;

/// What settling asks of a meter. One storage slot, its household included.
struct Meter {
    address household;
    uint32 site;
    uint32 ratedW;
    Status status;
    uint8 assurance;
    /// That of its first key, which made its id.
    uint8 scheme;
    uint8 flags;
}

/// A Meter as its slot holds it: what costs a call with a hundred structs 1,800 gas a meter costs 300 so.
type PackedMeter is uint256;

using Packed for PackedMeter global;

library Packed {
    // Solidity puts a struct's first member into the lowest bits of its slot.
    // forge-lint: disable-start(unsafe-typecast)
    function household(PackedMeter m) internal pure returns (address) {
        return address(uint160(PackedMeter.unwrap(m)));
    }

    function site(PackedMeter m) internal pure returns (uint32) {
        return uint32(PackedMeter.unwrap(m) >> 160);
    }

    function ratedW(PackedMeter m) internal pure returns (uint32) {
        return uint32(PackedMeter.unwrap(m) >> 192);
    }

    function status(PackedMeter m) internal pure returns (Status) {
        return Status(uint8(PackedMeter.unwrap(m) >> 224));
    }

    /// @dev Both in one comparison: 32 bits of site, 32 of rated power that do not matter, 8 of status.
    function isActiveAt(PackedMeter m, uint32 site_) internal pure returns (bool) {
        uint256 mask = 0xff00000000ffffffff;
        return PackedMeter.unwrap(m) >> 160 & mask == uint256(uint8(Status.Active)) << 64 | site_;
    }

    function assurance(PackedMeter m) internal pure returns (uint8) {
        return uint8(PackedMeter.unwrap(m) >> 232);
    }

    function source(PackedMeter m) internal pure returns (uint8) {
        return uint8(PackedMeter.unwrap(m) >> 248) & SOURCE_MASK;
    }

    function wantsCertificates(PackedMeter m) internal pure returns (bool) {
        return uint8(PackedMeter.unwrap(m) >> 248) & WANTS_CERTIFICATES != 0;
    }
    // forge-lint: disable-end(unsafe-typecast)
}

/// From where a meter counts. One storage slot.
struct Start {
    /// The register at `time`, Wh.
    uint64 wh;
    /// Unix seconds.
    uint64 time;
    /// When the registry took it in, Unix seconds of the chain.
    uint64 registeredAt;
    /// The highest rated power that it ever had.
    uint32 mostRatedW;
}

/// Where a meter ended. One storage slot.
struct End {
    /// Its counted register then, Wh.
    uint64 wh;
    /// Unix seconds; zero if it has not ended.
    uint64 time;
}

/// What the operator states when a meter is commissioned.
struct Registration {
    address household;
    uint32 site;
    uint8 scheme;
    uint8 assurance;
    /// 1 is solar; 2 to 15 as the community names them.
    uint8 source;
    uint32 ratedW;
    uint64 startTime;
    uint64 startWh;
    bytes publicKey;
    /// The key's signature, 64 bytes, under `MeterRegistry.registrationDigest`: it can sign, and for this household, this
    /// site and these figures. With assurance `gateway` it is the key that the gateway keeps for the meter. Empty for a
    /// meter that signs in a format of its maker.
    bytes proof;
}
