// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ED25519, PublicKey} from "./PublicKey.sol";

// The meter signs its readings with a key of its own.
uint8 constant ASSURANCE_METER = 1;
// A plain meter on a trusted wire; the gateway signs for it with a key kept for that meter.
uint8 constant ASSURANCE_GATEWAY = 2;

/// None: not registered. Active: its energy can be settled. Suspended: not now. Revoked: never again.
enum Status {
    None,
    Active,
    Suspended,
    Revoked
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
}

/// @title The meters whose word counts, and the sites they belong to.
/// @notice Each meter is a credential that cannot be moved (ERC-721 with ERC-5192): token id = meterId, owner = the
/// household. The meterId is keccak256(scheme byte ‖ public key), computed here, so nobody can claim another's.
/// @dev A meter's key never changes and a registered meterId can never be registered again: a replaced meter is
/// revoked, and the new one starts from its own register. All state can be rebuilt from events.
contract MeterRegistry is ERC721, AccessManaged {
    /// @notice How many sites have been opened. They are numbered 1, 2, 3…
    uint32 public siteCount;
    /// @notice Who operates a site; zero if there is no such site.
    mapping(uint32 site => address) public siteOperator;

    mapping(bytes32 meterId => Meter) private _meters;
    mapping(bytes32 meterId => Start) private _starts;
    mapping(bytes32 meterId => bytes32[2]) private _keys;

    /// @notice A site was opened.
    event SiteOpened(uint32 indexed site, address indexed operator);
    /// @notice A meter was registered. `startWh` is its register at `startTime`, from where it is paid.
    event MeterRegistered(
        bytes32 indexed meterId,
        uint32 indexed site,
        address indexed household,
        uint8 scheme,
        bytes publicKey,
        uint8 assurance,
        uint8 source,
        uint32 ratedW,
        uint64 startWh,
        uint64 startTime
    );
    /// @notice A meter's status changed.
    event MeterStatusChanged(bytes32 indexed meterId, Status from, Status to);
    /// @notice A household chose certificates for its meter's energy, or the currency.
    event CertificatesWanted(bytes32 indexed meterId, bool wanted);
    /// @notice The token is bound to its owner for ever (ERC-5192).
    event Locked(uint256 tokenId);

    error InvalidOperator(address operator);
    error UnknownSite(uint32 site);
    error UnknownMeter(bytes32 meterId);
    error MeterAlreadyRegistered(bytes32 meterId);
    error InvalidPublicKey(uint8 scheme, bytes publicKey);
    error InvalidAssurance(uint8 assurance);
    error InvalidSource(uint8 source);
    error InvalidRatedPower(uint32 ratedW);
    error InvalidStartTime(uint64 startTime, uint256 blockTime);
    error InvalidStatusChange(bytes32 meterId, Status from, Status to);
    error NotTheHousehold(bytes32 meterId, address caller);
    error Soulbound();

    /// @param authority The AccessManager that governs who may open sites and register meters.
    constructor(address authority) ERC721("Commonwatt Meter", "METER") AccessManaged(authority) {}

    // ---------------------------------------------------------------- sites

    /// @notice Opens a site, a gateway's identity on chain. A site is never closed.
    /// @param operator Who answers for it.
    /// @return site Its number: the last plus one.
    function openSite(address operator) external restricted returns (uint32 site) {
        if (operator == address(0)) revert InvalidOperator(operator);
        site = ++siteCount;
        siteOperator[site] = operator;
        emit SiteOpened(site, operator);
    }

    // ---------------------------------------------------------------- meters: registered → active ⇄ suspended → revoked

    /// @notice Registers meters, all or none of them. Each becomes active at once.
    function register(Registration[] calldata registrations) external restricted {
        for (uint256 i = 0; i < registrations.length; ++i) {
            _register(registrations[i]);
        }
    }

    /// @notice Suspends, reactivates or revokes a meter. Revoked is final.
    /// @dev Energy counted while suspended is not lost: the next settlement after reactivation pays for it.
    function setStatus(bytes32 meterId, Status status) external restricted {
        _setStatus(meterId, status);
    }

    /// @notice Suspends a meter, and can do nothing else: a power that can be given to the oracle, which uses it on
    /// proof that a meter contradicts itself.
    function suspend(bytes32 meterId) external restricted {
        _setStatus(meterId, Status.Suspended);
    }

    /// @notice By a meter's household alone: from the next settlement on, its energy is certificates (or the currency
    /// again). One counter feeds both, so no energy is ever both.
    function wantCertificates(bytes32 meterId, bool wanted) external {
        Meter storage known = _meters[meterId];
        if (known.household != msg.sender) revert NotTheHousehold(meterId, msg.sender);
        known.flags = wanted ? known.flags | WANTS_CERTIFICATES : known.flags & ~WANTS_CERTIFICATES;
        emit CertificatesWanted(meterId, wanted);
    }

    function _setStatus(bytes32 meterId, Status status) private {
        Status from = _meters[meterId].status;
        if (from == Status.None) revert UnknownMeter(meterId);
        if (status == Status.None || status == from || from == Status.Revoked) {
            revert InvalidStatusChange(meterId, from, status);
        }
        _meters[meterId].status = status;
        emit MeterStatusChanged(meterId, from, status);
    }

    function _register(Registration calldata r) private {
        if (siteOperator[r.site] == address(0)) revert UnknownSite(r.site);
        if (r.assurance != ASSURANCE_METER && r.assurance != ASSURANCE_GATEWAY) {
            revert InvalidAssurance(r.assurance);
        }
        if (r.source == 0 || r.source > SOURCE_MASK) revert InvalidSource(r.source);
        if (r.ratedW == 0) revert InvalidRatedPower(r.ratedW);
        // Zero would mean 1970, and with it a ceiling of decades.
        if (r.startTime == 0 || r.startTime > block.timestamp) {
            revert InvalidStartTime(r.startTime, block.timestamp);
        }

        bytes32 meterId = keccak256(abi.encodePacked(r.scheme, r.publicKey));
        if (_meters[meterId].status != Status.None) revert MeterAlreadyRegistered(meterId);
        _keys[meterId] = _checkedKey(r.scheme, r.publicKey);
        _starts[meterId] = Start({
            wh: r.startWh, time: r.startTime, registeredAt: uint64(block.timestamp), mostRatedW: r.ratedW
        });
        // Not _safeMint: a household that is a contract gets nothing that it could lose, and no call is made to it.
        _mint(r.household, uint256(meterId));
        _meters[meterId] = Meter({
            household: r.household,
            site: r.site,
            ratedW: r.ratedW,
            status: Status.Active,
            assurance: r.assurance,
            scheme: r.scheme,
            flags: r.source
        });
        emit Locked(uint256(meterId));
        emit MeterRegistered(
            meterId,
            r.site,
            r.household,
            r.scheme,
            r.publicKey,
            r.assurance,
            r.source,
            r.ratedW,
            r.startWh,
            r.startTime
        );
    }

    function _checkedKey(uint8 scheme, bytes calldata key) private view returns (bytes32[2] memory words) {
        uint256 length = PublicKey.length(scheme);
        if (length == 0 || key.length != length) revert InvalidPublicKey(scheme, key);
        words[0] = bytes32(key[:32]);
        if (length == 64) words[1] = bytes32(key[32:]);
        bool valid = scheme == ED25519
            ? PublicKey.isValidEd25519(words[0])
            : PublicKey.isValidP256(words[0], words[1]);
        if (!valid) revert InvalidPublicKey(scheme, key);
    }

    // ---------------------------------------------------------------- what is known

    /// @notice What settling asks of a meter; all zero (status None) for an unknown one.
    function meter(bytes32 meterId) external view returns (Meter memory) {
        return _meters[meterId];
    }

    /// @notice The same for many meters in one call, in their order, as their slots hold it.
    /// @dev Returned as it is made, which saves encoding it: an array's offset, its length, its places.
    function meters(bytes32[] calldata meterIds) external view returns (PackedMeter[] memory) {
        assembly ("memory-safe") {
            // The slot of _meters[id] is keccak256(id ‖ slot of _meters).
            mstore(0x20, _meters.slot)
            let answer := mload(0x40)
            mstore(answer, 0x20)
            mstore(add(answer, 0x20), meterIds.length)
            let place := add(answer, 0x40)
            let id := meterIds.offset
            for { let end := add(id, shl(5, meterIds.length)) } lt(id, end) { id := add(id, 0x20) } {
                mstore(0, calldataload(id))
                mstore(place, sload(keccak256(0, 0x40)))
                place := add(place, 0x20)
            }
            return(answer, sub(place, answer))
        }
    }

    /// @notice From where a meter counts; all zero for an unknown one.
    function start(bytes32 meterId) external view returns (Start memory) {
        return _starts[meterId];
    }

    /// @notice The site that a meter belonged to at a time; zero before it was commissioned.
    function siteAt(bytes32 meterId, uint64 time) external view returns (uint32) {
        return time < _starts[meterId].time ? 0 : _meters[meterId].site;
    }

    /// @notice What is added to the register that a meter showed at a time to get its counted one, Wh.
    /// @dev A meter has one register, from its start to its end.
    function offsetAt(bytes32, uint64) external pure returns (int256) {
        return 0;
    }

    /// @notice The scheme and key that a meter signed with at a time; scheme zero for an unknown one. An Ed25519 key is
    /// in the first word alone, an ES256 key is x and y.
    /// @dev A meter has one key, for good.
    function keyAt(bytes32 meterId, uint64) external view returns (uint8 scheme, bytes32[2] memory key) {
        return (_meters[meterId].scheme, _keys[meterId]);
    }

    /// @notice A meter's public key as it was registered: 32 bytes (Ed25519) or 64 bytes x ‖ y (ES256). Reverts for an
    /// unknown meter.
    function publicKey(bytes32 meterId) external view returns (bytes memory) {
        Meter storage known = _meters[meterId];
        if (known.status == Status.None) revert UnknownMeter(meterId);
        bytes32[2] storage words = _keys[meterId];
        return known.scheme == ED25519 ? abi.encodePacked(words[0]) : abi.encodePacked(words[0], words[1]);
    }

    // ---------------------------------------------------------------- soulbound

    /// @notice Always true: a credential cannot be moved (ERC-5192). Reverts for an unknown meter.
    function locked(uint256 tokenId) external view returns (bool) {
        _requireOwned(tokenId);
        return true;
    }

    /// @inheritdoc ERC721
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        // 0xb45a3c0e is ERC-5192's own identifier: the selector of locked(uint256).
        return interfaceId == this.locked.selector || super.supportsInterface(interfaceId);
    }

    /// @notice Always reverts: what cannot be moved needs no approval.
    function approve(address, uint256) public pure override {
        revert Soulbound();
    }

    /// @notice Always reverts: what cannot be moved needs no approval.
    function setApprovalForAll(address, bool) public pure override {
        revert Soulbound();
    }

    /// @dev Every transfer and burn ends here; only a mint comes from nobody. The owner is kept with what settling asks
    /// of a meter, so that one slot answers it.
    function _update(address to, uint256 tokenId, address auth) internal override returns (address) {
        if (_ownerOf(tokenId) != address(0)) revert Soulbound();
        // Only a mint is nobody's act: what does not exist cannot be transferred from nobody.
        if (auth != address(0)) revert ERC721NonexistentToken(tokenId);
        _increaseBalance(to, 1);
        emit Transfer(address(0), to, tokenId);
        return address(0);
    }

    function _ownerOf(uint256 tokenId) internal view override returns (address) {
        return _meters[bytes32(tokenId)].household;
    }
}
