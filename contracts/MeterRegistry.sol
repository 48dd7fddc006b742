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

/// What is known of a meter beside its key and its household. One storage slot.
struct Meter {
    uint32 site;
    uint32 ratedW;
    uint8 scheme;
    uint8 assurance;
    Status status;
    uint64 startTime;
    uint64 startWh;
}

/// What the operator states when a meter is commissioned.
struct Registration {
    address household;
    uint32 site;
    uint8 scheme;
    uint8 assurance;
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
        uint32 ratedW,
        uint64 startWh,
        uint64 startTime
    );
    /// @notice A meter's status changed.
    event MeterStatusChanged(bytes32 indexed meterId, Status from, Status to);
    /// @notice The token is bound to its owner for ever (ERC-5192).
    event Locked(uint256 tokenId);

    error InvalidOperator(address operator);
    error UnknownSite(uint32 site);
    error UnknownMeter(bytes32 meterId);
    error MeterAlreadyRegistered(bytes32 meterId);
    error InvalidPublicKey(uint8 scheme, bytes publicKey);
    error InvalidAssurance(uint8 assurance);
    error InvalidRatedPower(uint32 ratedW);
    error InvalidStartTime(uint64 startTime, uint256 blockTime);
    error InvalidStatusChange(bytes32 meterId, Status from, Status to);
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
        if (r.ratedW == 0) revert InvalidRatedPower(r.ratedW);
        // Zero would mean 1970, and with it a ceiling of decades.
        if (r.startTime == 0 || r.startTime > block.timestamp) {
            revert InvalidStartTime(r.startTime, block.timestamp);
        }

        bytes32 meterId = keccak256(abi.encodePacked(r.scheme, r.publicKey));
        if (_meters[meterId].status != Status.None) revert MeterAlreadyRegistered(meterId);
        _keys[meterId] = _checkedKey(r.scheme, r.publicKey);
        _meters[meterId] = Meter({
            site: r.site,
            ratedW: r.ratedW,
            scheme: r.scheme,
            assurance: r.assurance,
            status: Status.Active,
            startTime: r.startTime,
            startWh: r.startWh
        });
        // Not _safeMint: a household that is a contract gets nothing that it could lose, and no call is made to it.
        _mint(r.household, uint256(meterId));
        emit Locked(uint256(meterId));
        emit MeterRegistered(
            meterId, r.site, r.household, r.scheme, r.publicKey, r.assurance, r.ratedW, r.startWh, r.startTime
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

    /// @notice What is known of a meter; all zero (status None) for an unknown one. Its household is
    /// `ownerOf(uint256(meterId))`.
    function meter(bytes32 meterId) external view returns (Meter memory) {
        return _meters[meterId];
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

    /// @dev Every transfer and burn ends here; only a mint comes from nobody.
    function _update(address to, uint256 tokenId, address auth) internal override returns (address) {
        if (_ownerOf(tokenId) != address(0)) revert Soulbound();
        return super._update(to, tokenId, auth);
    }
}
