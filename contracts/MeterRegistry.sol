// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {History, Since} from "./History.sol";
import {
    ASSURANCE_GATEWAY,
    ASSURANCE_METER,
    End,
    Meter,
    PackedMeter,
    Registration,
    SOURCE_MASK,
    Start,
    Status,
    WANTS_CERTIFICATES
} from "./Meter.sol";
import {IKeyVerifier, MeterKeys} from "./MeterKeys.sol";
import {MeterPicture} from "./MeterPicture.sol";
import {NativeScheme} from "./NativeScheme.sol";

/// @title Until when meters were paid.
interface IPaid {
    function paid(bytes32 meterId) external view returns (uint64 wh, uint64 time);
}

/// @title The meters whose word counts, and the sites they belong to.
/// @notice Each meter is a credential that its owner cannot move (ERC-721 with ERC-5192): token id = meterId, owner = the
/// household. The meterId is keccak256(scheme byte ‖ first public key), computed here, so nobody can claim another's.
///
///     registered ──▶ active ⇄ suspended ──▶ revoked: nothing is paid any more
///                      │          ⇅            ▲
///                      └──end──▶ ended ────────┘   what was counted until the end is paid still
///
/// No change reaches behind what was paid by the rule before it: a household gets what its meter counted until it handed
/// it over, a higher rated power allows nothing before its date, and a register that started anew goes on where it was.
/// Changes that decide whether a reading can be shown to the chain (key, site) are never for the past.
/// @dev A registered meterId can never be registered again. All state can be rebuilt from events.
contract MeterRegistry is ERC721, MeterKeys {
    using History for Since[];

    bytes32 private constant REGISTRATION_TYPEHASH = keccak256(
        "Registration(bytes32 meterId,address household,uint32 site,uint8 assurance,uint8 source,uint32 ratedW,uint64 startWh,uint64 startTime)"
    );

    /// @notice Who pays for meters' energy and remembers until when.
    IPaid public immutable issuance;
    /// @notice Draws what a wallet shows.
    MeterPicture public immutable picture;

    /// @notice How many sites have been opened. They are numbered 1, 2, 3…
    uint32 public siteCount;
    /// @notice Who operates a site; zero if there is no such site.
    mapping(uint32 site => address) public siteOperator;

    mapping(bytes32 meterId => Meter) private _meters;
    mapping(bytes32 meterId => Start) private _starts;
    mapping(bytes32 meterId => End) private _ends;
    /// @dev What is added to its register, and its sites; none before the first change.
    mapping(bytes32 meterId => Since[]) private _offsets;
    mapping(bytes32 meterId => Since[]) private _sites;

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
    /// @notice A meter's rated power is another from `time` on.
    event RatedPowerChanged(bytes32 indexed meterId, uint32 fromW, uint32 toW, uint64 time);
    /// @notice From `time` on the register that ended at `finalWh` goes on from `firstWh`: `offsetWh` is added to what the
    /// meter shows.
    event Restarted(bytes32 indexed meterId, uint64 finalWh, uint64 firstWh, uint64 time, int256 offsetWh);
    /// @notice A meter belongs to another site from `time` on.
    event MeterMoved(bytes32 indexed meterId, uint32 indexed fromSite, uint32 indexed toSite, uint64 time);
    /// @notice A meter is another household's. What it counted until `time` was paid to the one before.
    event HouseholdChanged(bytes32 indexed meterId, address indexed from, address indexed to, uint64 time);
    /// @notice A meter ended at `time` with `finalWh` on its register: `countedWh` with its offset.
    event MeterEnded(bytes32 indexed meterId, uint64 finalWh, uint64 countedWh, uint64 time);
    /// @notice A meter stands in the place of one that ended.
    event MeterReplaced(bytes32 indexed meterId, bytes32 indexed by);
    /// @notice A household chose certificates for its meter's energy, or the currency.
    event CertificatesWanted(bytes32 indexed meterId, bool wanted);
    /// @notice Its owner cannot move the token (ERC-5192).
    event Locked(uint256 tokenId);

    error InvalidIssuance(IPaid issuance);
    error InvalidOperator(address operator);
    error UnknownSite(uint32 site);
    error UnknownMeter(bytes32 meterId);
    error MeterAlreadyRegistered(bytes32 meterId);
    error InvalidAssurance(uint8 assurance);
    error InvalidSource(uint8 source);
    error InvalidRatedPower(uint32 ratedW);
    error InvalidStartTime(uint64 startTime, uint256 blockTime);
    /// @dev Beside the chain's time and the meter's start.
    error InvalidTime(uint64 time, uint256 blockTime, uint64 notBefore);
    /// @dev It must be active, or suspended.
    error NotInService(bytes32 meterId, Status status);
    error SameRatedPower(bytes32 meterId, uint32 ratedW);
    error SameSite(bytes32 meterId, uint32 site);
    error SameHousehold(bytes32 meterId, address household);
    /// @dev What it counted until `time` must be paid first.
    error NotPaidUntil(bytes32 meterId, uint64 paidTime, uint64 time);
    /// @dev A restart would change what was paid.
    error PaidAlready(bytes32 meterId, uint64 paidTime, uint64 time);
    error CountedOutOfRange(bytes32 meterId, int256 countedWh);
    /// @dev A replacement has the same household and site, and starts when the other has ended.
    error AnotherPlace(bytes32 meterId, address household, uint32 site, uint64 startTime);
    error InvalidStatusChange(bytes32 meterId, Status from, Status to);
    error NotTheHousehold(bytes32 meterId, address caller);
    error Soulbound();

    /// @param authority The AccessManager that governs who may do what.
    /// @param verifier_ Verifies what meters' keys sign.
    /// @param issuance_ It may be deployed later, at an address known before.
    constructor(address authority, IKeyVerifier verifier_, IPaid issuance_)
        ERC721("Commonwatt Meter", "METER")
        AccessManaged(authority)
        MeterKeys(verifier_)
    {
        if (address(issuance_) == address(0)) revert InvalidIssuance(issuance_);
        issuance = issuance_;
        picture = new MeterPicture();
    }

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

    // ---------------------------------------------------------------- registering

    /// @notice Registers meters, all or none of them. Each becomes active at once.
    /// @dev A transaction may use 16,777,216 gas (EIP-7825): at 265,000 for each Ed25519 meter, some sixty.
    function register(Registration[] calldata registrations) external restricted {
        for (uint256 i = 0; i < registrations.length; ++i) {
            _register(registrations[i]);
        }
    }

    function _register(Registration calldata r) private returns (bytes32 meterId) {
        _check(r);
        meterId = keyIdOf(r.scheme, r.publicKey);
        if (_meters[meterId].status != Status.None) revert MeterAlreadyRegistered(meterId);
        _takeFirstKey(meterId, r.scheme, r.publicKey, registrationDigest(r), r.proof);
        _enter(meterId, r);
    }

    function _check(Registration calldata r) private view {
        if (siteOperator[r.site] == address(0)) revert UnknownSite(r.site);
        // Nobody signs for a meter that signs in a format of its maker.
        if (
            r.assurance != ASSURANCE_METER
                && (r.assurance != ASSURANCE_GATEWAY || NativeScheme.length(r.scheme) != 0)
        ) revert InvalidAssurance(r.assurance);
        if (r.source == 0 || r.source > SOURCE_MASK) revert InvalidSource(r.source);
        if (r.ratedW == 0) revert InvalidRatedPower(r.ratedW);
        // Zero would mean 1970, and with it a ceiling of decades.
        if (r.startTime == 0 || r.startTime > block.timestamp) {
            revert InvalidStartTime(r.startTime, block.timestamp);
        }
    }

    function _enter(bytes32 meterId, Registration calldata r) private {
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

    // ---------------------------------------------------------------- status

    /// @notice Suspends, reactivates or revokes a meter. Revoked is final: whatever was not paid is not paid any more.
    /// @dev Energy counted while suspended is not lost: the next settlement after reactivation pays for it.
    /// @param status Back from suspended it is Ended for a meter that has ended, Active for any other.
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
        // In service again, or ended again: as it was before it was suspended.
        bool hasEnded = _ends[meterId].time != 0;
        if (
            status == Status.None || status == from || from == Status.Revoked
                || status == (hasEnded ? Status.Active : Status.Ended)
        ) revert InvalidStatusChange(meterId, from, status);
        _meters[meterId].status = status;
        emit MeterStatusChanged(meterId, from, status);
    }

    // ---------------------------------------------------------------- changes in its life

    /// @notice Changes a meter's rated power from `time` on. More is allowed only once the meter was paid until then, so
    /// that nothing before is paid by it; less holds at once for all that is not yet paid.
    function setRatedPower(bytes32 meterId, uint32 ratedW, uint64 time) external restricted {
        _checkInService(meterId);
        if (ratedW == 0) revert InvalidRatedPower(ratedW);
        _checkTime(time, _starts[meterId].time);
        uint32 before = _meters[meterId].ratedW;
        if (ratedW == before) revert SameRatedPower(meterId, ratedW);
        if (ratedW > before) _checkPaidUntil(meterId, time);
        _meters[meterId].ratedW = ratedW;
        if (ratedW > _starts[meterId].mostRatedW) _starts[meterId].mostRatedW = ratedW;
        emit RatedPowerChanged(meterId, before, ratedW, time);
    }

    /// @notice Takes in that a register started anew (a reset, a rollover, a replaced counter).
    /// @param finalWh What the meter showed at last. @param firstWh What it goes on from.
    /// @param time From when on, Unix seconds: later than the restart before, and than what was paid.
    function restart(bytes32 meterId, uint64 finalWh, uint64 firstWh, uint64 time) external restricted {
        _checkInService(meterId);
        _checkTime(time, _starts[meterId].time);
        (, uint64 paidTime) = issuance.paid(meterId);
        if (time <= paidTime) revert PaidAlready(meterId, paidTime, time);
        uint64 countedWh = _countedWh(meterId, finalWh, type(uint64).max);
        int256 offsetWh = int256(uint256(countedWh)) - int256(uint256(firstWh));
        _offsets[meterId].add(time, offsetWh);
        emit Restarted(meterId, finalWh, firstWh, time, offsetWh);
    }

    /// @notice Moves a meter to another site, from the next second on. What is not yet paid is settled there.
    function move(bytes32 meterId, uint32 site) external restricted {
        _checkInService(meterId);
        if (siteOperator[site] == address(0)) revert UnknownSite(site);
        uint32 before = _meters[meterId].site;
        if (site == before) revert SameSite(meterId, site);
        Since[] storage sites = _sites[meterId];
        if (sites.length == 0) sites.add(_starts[meterId].time, int256(uint256(before)));
        // A proposal made up to this second names the site that the meter had.
        uint64 from = uint64(block.timestamp) + 1;
        sites.add(from, int256(uint256(site)));
        _meters[meterId].site = site;
        emit MeterMoved(meterId, before, site, from);
    }

    /// @notice Makes a meter another household's: a home was sold. The credential's owner cannot do it.
    /// @param time The day of it. What the meter counted until then must have been paid to the household before.
    function handOver(bytes32 meterId, address household, uint64 time) external restricted {
        _checkInService(meterId);
        if (household == address(0)) revert ERC721InvalidReceiver(household);
        _checkTime(time, _starts[meterId].time);
        Meter storage known = _meters[meterId];
        address before = known.household;
        if (household == before) revert SameHousehold(meterId, household);
        _checkPaidUntil(meterId, time);
        super._update(household, uint256(meterId), address(0));
        known.household = household;
        emit HouseholdChanged(meterId, before, household, time);
        // The next household chooses for itself.
        if (known.flags & WANTS_CERTIFICATES != 0) {
            known.flags &= ~WANTS_CERTIFICATES;
            emit CertificatesWanted(meterId, false);
        }
    }

    // ---------------------------------------------------------------- the end

    /// @notice Ends an active meter: what it reads after `time` does not count, nor what is beyond its final register.
    /// @param finalWh What the meter showed at last. @param time When, Unix seconds.
    function end(bytes32 meterId, uint64 finalWh, uint64 time) external restricted {
        _end(meterId, finalWh, time);
    }

    /// @notice Ends a meter and registers the one in its place: of the same household, at the same site, from no earlier
    /// than its end, so that no energy is counted by both.
    function replace(bytes32 meterId, uint64 finalWh, uint64 time, Registration calldata by)
        external
        restricted
    {
        _end(meterId, finalWh, time);
        Meter storage known = _meters[meterId];
        if (by.household != known.household || by.site != known.site || by.startTime < time) {
            revert AnotherPlace(meterId, by.household, by.site, by.startTime);
        }
        emit MeterReplaced(meterId, _register(by));
    }

    function _end(bytes32 meterId, uint64 finalWh, uint64 time) private {
        Status from = _meters[meterId].status;
        // A suspended meter is in doubt: whoever may lift that does so first.
        if (from != Status.Active) revert NotInService(meterId, from);
        _checkTime(time, _starts[meterId].time);
        uint64 countedWh = _countedWh(meterId, finalWh, time);
        _ends[meterId] = End({wh: countedWh, time: time});
        _meters[meterId].status = Status.Ended;
        emit MeterEnded(meterId, finalWh, countedWh, time);
        emit MeterStatusChanged(meterId, from, Status.Ended);
    }

    // ---------------------------------------------------------------- shared

    function _checkInService(bytes32 meterId) internal view override {
        Status status = _meters[meterId].status;
        if ((status != Status.Active && status != Status.Suspended) || _ends[meterId].time != 0) {
            revert NotInService(meterId, status);
        }
    }

    function _checkTime(uint64 time, uint64 notBefore) private view {
        if (time > block.timestamp || time < notBefore) revert InvalidTime(time, block.timestamp, notBefore);
    }

    function _checkPaidUntil(bytes32 meterId, uint64 time) private view {
        (, uint64 paidTime) = issuance.paid(meterId);
        if (paidTime < time) revert NotPaidUntil(meterId, paidTime, time);
    }

    /// @dev What a register shown at a time counts. A statement's register has 64 bits, and so has this.
    function _countedWh(bytes32 meterId, uint64 shownWh, uint64 time) private view returns (uint64) {
        int256 countedWh = int256(uint256(shownWh)) + offsetAt(meterId, time);
        if (countedWh < 0 || countedWh > int256(uint256(type(uint64).max))) {
            revert CountedOutOfRange(meterId, countedWh);
        }
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint64(uint256(countedWh));
    }

    function _householdOf(bytes32 meterId) internal view override returns (address) {
        return _meters[meterId].household;
    }

    function _firstSchemeOf(bytes32 meterId) internal view override returns (uint8) {
        return _meters[meterId].scheme;
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
        if (time < _starts[meterId].time) return 0;
        Since[] storage sites = _sites[meterId];
        uint256 n = sites.countAt(time);
        // forge-lint: disable-next-line(unsafe-typecast) it was a site
        return n == 0 ? _meters[meterId].site : uint32(uint128(sites[n - 1].value));
    }

    /// @notice What is added to the register that a meter showed at a time to get its counted one, Wh.
    function offsetAt(bytes32 meterId, uint64 time) public view returns (int256) {
        return _offset(_offsets[meterId], _offsets[meterId].countAt(time));
    }

    /// @notice All that was ever added to the register of that time by what was known here from a moment on: the latest
    /// first, and more than one only where a restart was taken in since. What was true when it was said stays true.
    function offsetsAt(bytes32 meterId, uint64 time, uint64 since)
        external
        view
        returns (int256[] memory all)
    {
        Since[] storage offsets = _offsets[meterId];
        uint256 n = offsets.countAt(time);
        uint256 known = offsets.knownBefore(n, since);
        all = new int256[](n - known + 1);
        for (uint256 i = 0; i < all.length; ++i) {
            all[i] = _offset(offsets, n - i);
        }
    }

    function _offset(Since[] storage offsets, uint256 n) private view returns (int256) {
        return n == 0 ? int256(0) : offsets[n - 1].value;
    }

    /// @notice Where a meter ended; all zero for one that has not.
    function endOf(bytes32 meterId) external view returns (End memory) {
        return _ends[meterId];
    }

    /// @notice What a meter's key signs when it is registered: its EIP-712 digest.
    function registrationDigest(Registration calldata r) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                bytes.concat(
                    abi.encode(REGISTRATION_TYPEHASH, keyIdOf(r.scheme, r.publicKey), r.household, r.site),
                    abi.encode(r.assurance, r.source, r.ratedW, r.startWh, r.startTime)
                )
            )
        );
    }

    /// @notice A meter as a wallet shows it: JSON with a picture, from no server.
    function tokenURI(uint256 tokenId) public view override returns (string memory) {
        _requireOwned(tokenId);
        bytes32 meterId = bytes32(tokenId);
        return picture.uri(_meters[meterId], _starts[meterId], _schemeAt(meterId, uint64(block.timestamp)));
    }

    // ---------------------------------------------------------------- soulbound

    /// @notice Always true: its owner cannot move a credential (ERC-5192). Reverts for an unknown meter.
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

    /// @dev Every transfer and burn by an owner ends here; only a mint comes from nobody. The owner is kept with what settling asks
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
