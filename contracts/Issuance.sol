// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Ceiling} from "./Ceiling.sol";
import {GreenToken} from "./GreenToken.sol";
import {CertificateId, ICertificates} from "./ICertificates.sol";
import {End} from "./Meter.sol";
import {ASSURANCE_METER, MeterRegistry, PackedMeter, Start, Status} from "./MeterRegistry.sol";
import {MeterStatement, Statement} from "./Statement.sol";

/// What a meter was last paid for: its register in Wh, shifted left by 64 bits, and the time. Zero means nothing yet.
type Paid is uint256;

using Counted for Paid global;

library Counted {
    function paid(uint256 wh_, uint256 time_) internal pure returns (Paid) {
        return Paid.wrap(wh_ << 64 | time_);
    }

    function wh(Paid p) internal pure returns (uint64) {
        return uint64(Paid.unwrap(p) >> 64);
    }

    function time(Paid p) internal pure returns (uint64) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint64(Paid.unwrap(p));
    }
}

/// What an oracle vouches for: a valid proposal and the rules that were in force when it was made. Fractions are in
/// 1/10,000. Whole words, because the issuance checks their ranges itself.
struct Terms {
    bytes32 root;
    /// The time of the snapshot, Unix seconds.
    uint256 time;
    /// How far above rated power a meter may generate, for meters that sign themselves and for those that a gateway
    /// signs for.
    uint256 headroom;
    uint256 gatewayHeadroom;
    /// How much of its energy is minted, likewise.
    uint256 meterFactor;
    uint256 gatewayFactor;
    /// How much of what is minted goes to the commons.
    uint256 commonsShare;
}

/// @title What the issuance asks of an oracle, and all that it ever asks.
interface IOracle {
    /// @notice The terms of a valid proposal. Reverts, saying why, when it is not valid.
    function settleable(uint32 site, uint64 number) external view returns (Terms memory);
}

/// @title From a valid statement to GREEN, each watt-hour once.
/// @notice A meter's register counts up. This contract remembers, for each meter, the register and the time that it
/// last paid for, and pays only the difference: replays, races, lost batches and gaps of any length change nothing.
/// @dev Immutable, and the only one who mints. The oracle that it listens to can be succeeded, after an exit window.
/// Whatever an oracle says, here is enforced: a meter's register and time only go forward; no more than its rated
/// power allows (with headroom of at most once more) since it was last paid; only active meters of the very site;
/// the household in the registry is paid and nobody else but the commons, by at most half. So a false oracle can
/// claim that a meter worked at its limit, until it is succeeded or the meter suspended, and nothing beyond.
///
/// State does not grow with time: a meter has one slot. Everything is written before a token is called.
contract Issuance is AccessManaged {
    /// @dev What becomes of a settlement in certificates.
    struct Certified {
        address to;
        uint256 id;
        uint256 own;
        uint256 shared;
    }

    /// @notice How long everyone can see a successor of the oracle coming, and leave. Longer than any challenge.
    uint32 public constant EXIT_WINDOW = 30 days;
    /// @notice Limits to what an oracle's terms may be, in 1/10,000.
    uint16 public constant MAX_HEADROOM = 10_000;
    uint16 public constant MAX_COMMONS_SHARE = 5000;

    uint256 private constant BASIS = 10_000;

    /// @notice The meters, their sites and households.
    MeterRegistry public immutable registry;
    /// @notice The currency.
    GreenToken public immutable token;
    /// @notice The certificates, for households that want those instead.
    ICertificates public immutable certificates;

    /// @notice The oracle whose valid proposals can be settled.
    IOracle public oracle;
    /// @notice Who succeeds it, and from when on; zero if nobody is announced.
    IOracle public successor;
    uint64 public successionAt;
    /// @notice Who gets the commons' share; while zero, nothing is taken.
    address public commons;

    mapping(bytes32 meterId => Paid) private _paid;

    /// @notice A meter's energy from one register to the next was settled, and minted to its household in this
    /// transaction. `from` is the site, shifted left by 128 bits, the register in Wh, shifted left by 64, and the time in
    /// Unix seconds; `to` has the proposal's number in the site's place. With words and topics of their own they would
    /// cost 1,270 gas more a meter.
    event Settled(bytes32 indexed meterId, uint256 from, uint256 to);
    /// @notice Another oracle will be listened to from `from` on, when someone says so.
    event SuccessionAnnounced(IOracle indexed successor, uint64 from);
    /// @notice An announced succession will not be.
    event SuccessionWithdrawn(IOracle indexed successor);
    /// @notice This oracle alone is listened to from now on.
    event OracleChanged(IOracle indexed oracle);
    /// @notice The commons' share goes here from now on.
    event CommonsChanged(address indexed commons);

    error TokenMintedElsewhere(address token, address issuance);
    error InvalidOracle(IOracle oracle);
    error NoSuccessor();
    error SuccessionNotYet(uint64 from);
    error InvalidTerms();
    error NoStatements();
    error RegistryFailed();
    error InvalidProof(uint32 site, uint64 number);
    error ProposalInFuture(uint256 time, uint256 blockTime);
    /// @dev The status is None for a meter that is not registered.
    error MeterNotActive(bytes32 meterId, Status status);
    error AfterEnd(bytes32 meterId, uint64 finalWh, uint64 finalTime);
    error RegistryAsksElsewhere(address issuance);
    error WrongSite(bytes32 meterId, uint32 site, uint32 registered);
    error StatementAfterProposal(bytes32 meterId, uint256 time, uint256 proposalTime);
    error RegisterFell(bytes32 meterId, uint256 generatedWh, uint256 paidWh);
    error OutOfRange(uint256 generatedWh, uint256 time);
    error AboveCeiling(bytes32 meterId, uint256 wh, uint256 ceilingWh);

    /// @param authority Governs succession and commons.
    /// @param token_ Deployed with this contract's address as its only minter, and so are the certificates.
    /// @param oracle_ The first oracle; it may be deployed after this contract, at an address known before.
    constructor(
        address authority,
        MeterRegistry registry_,
        GreenToken token_,
        ICertificates certificates_,
        IOracle oracle_
    ) AccessManaged(authority) {
        if (token_.issuance() != address(this)) {
            revert TokenMintedElsewhere(address(token_), token_.issuance());
        }
        if (certificates_.issuance() != address(this)) {
            revert TokenMintedElsewhere(address(certificates_), certificates_.issuance());
        }
        if (address(registry_.issuance()) != address(this)) {
            revert RegistryAsksElsewhere(address(registry_.issuance()));
        }
        if (address(oracle_) == address(0)) revert InvalidOracle(oracle_);
        registry = registry_;
        token = token_;
        certificates = certificates_;
        oracle = oracle_;
        emit OracleChanged(oracle_);
    }

    // ---------------------------------------------------------------- succession: announced → (exit window) → succeeded

    /// @notice Announces the oracle's successor. Announcing another starts the window anew.
    function announceSuccessor(IOracle successor_) external restricted {
        if (address(successor_).code.length == 0) revert InvalidOracle(successor_);
        successor = successor_;
        successionAt = uint64(block.timestamp) + EXIT_WINDOW;
        emit SuccessionAnnounced(successor_, successionAt);
    }

    /// @notice Takes the announcement back.
    function withdrawSuccessor() external restricted {
        if (address(successor) == address(0)) revert NoSuccessor();
        emit SuccessionWithdrawn(successor);
        delete successor;
        delete successionAt;
    }

    /// @notice Lets the successor succeed, once the exit window is over. Anyone may say so. What the oracle before had
    /// pending or unsettled is lost with it, and its successor's next proposal carries every register anew.
    function succeed() external {
        if (address(successor) == address(0)) revert NoSuccessor();
        if (block.timestamp < successionAt) revert SuccessionNotYet(successionAt);
        oracle = successor;
        emit OracleChanged(successor);
        delete successor;
        delete successionAt;
    }

    /// @notice Where the commons' share goes from now on; zero for nowhere, then nothing is taken.
    function setCommons(address commons_) external restricted {
        commons = commons_;
        emit CommonsChanged(commons_);
    }

    // ---------------------------------------------------------------- settle

    /// @notice Mints what meters generated since they were last paid, to their households. Anyone may call it.
    /// A statement that is not later than what was last paid for has no effect.
    /// @param site The site.
    /// @param number A valid proposal of it.
    /// @param statements Meter statements of that batch, in the multiproof's order.
    /// @param proof The multiproof (OpenZeppelin). For one statement: its branch, all flags false.
    function settle(
        uint32 site,
        uint64 number,
        MeterStatement[] calldata statements,
        bytes32[] calldata proof,
        bool[] calldata proofFlags
    ) external {
        if (statements.length == 0) revert NoStatements();
        Terms memory terms = _terms(site, number);
        if (Statement.rootOf(statements, proof, proofFlags) != terms.root) revert InvalidProof(site, number);
        _settleAll(site, number, terms, statements);
    }

    function _settleAll(uint32 site, uint64 number, Terms memory terms, MeterStatement[] calldata statements)
        private
    {
        uint256 n = statements.length;
        PackedMeter[] memory meters = _meters(statements);
        // Who is due what. The last place is the commons'.
        uint256[] memory mints = new uint256[](n + 1);
        uint256 commonsWh = 0;
        Certified[] memory certified;
        for (uint256 i = 0; i < n; ++i) {
            MeterStatement calldata s;
            PackedMeter meter;
            // Both arrays have n places, so that no bound needs checking.
            assembly ("memory-safe") {
                s := add(statements.offset, shl(7, i))
                meter := mload(add(add(meters, 0x20), shl(5, i)))
            }
            (uint256 own, uint256 shared) = _settle(site, number, terms, s, meter);
            if (!meter.wantsCertificates()) {
                uint256 mint = own << 160 | uint160(meter.household());
                // Neither is above 2^64, and a transaction has not gas for 2^32 meters.
                unchecked {
                    commonsWh += shared;
                }
                assembly ("memory-safe") {
                    mstore(add(add(mints, 0x20), shl(5, i)), mint)
                }
            } else {
                if (certified.length == 0) certified = new Certified[](n);
                certified[i] = _certified(site, s.time, meter, own, shared);
            }
        }
        mints[n] = commonsWh << 160 | uint160(commons);
        token.mint(mints);
        for (uint256 i = 0; i < certified.length; ++i) {
            Certified memory c = certified[i];
            if (c.own != 0) certificates.mint(c.to, c.id, c.own);
            if (c.shared != 0) certificates.mint(commons, c.id, c.shared);
        }
    }

    function _certified(uint32 site, uint64 time, PackedMeter meter, uint256 own, uint256 shared)
        private
        pure
        returns (Certified memory)
    {
        uint24 vintage = CertificateId.vintageOf(time);
        uint256 id = CertificateId.idOf(site, vintage, meter.source(), meter.assurance());
        return Certified({to: meter.household(), id: id, own: own, shared: shared});
    }

    /// @dev `registry.meters` of the statements' meters, encoded and decoded by hand: 200 gas a meter less.
    function _meters(MeterStatement[] calldata statements) private view returns (PackedMeter[] memory known) {
        address registry_ = address(registry);
        bytes4 selector = MeterRegistry.meters.selector;
        bool done;
        assembly ("memory-safe") {
            let n := statements.length
            let size := add(0x40, shl(5, n))
            let call_ := mload(0x40)
            mstore(call_, selector)
            mstore(add(call_, 0x04), 0x20)
            mstore(add(call_, 0x24), n)
            let id := add(call_, 0x44)
            let s := statements.offset
            for { let end := add(id, shl(5, n)) } lt(id, end) { id := add(id, 0x20) } {
                mstore(id, calldataload(s))
                s := add(s, 0x80)
            }
            // The answer, as long as the question but for the selector: offset, length, slots. The array begins at its
            // length. It lies over the question, which is no longer needed.
            done := staticcall(gas(), registry_, call_, add(size, 0x04), call_, size)
            done := and(done, eq(returndatasize(), size))
            known := add(call_, 0x20)
            mstore(0x40, add(call_, size))
        }
        if (!done) revert RegistryFailed();
    }

    /// @dev An oracle is not trusted to keep within the limits.
    function _terms(uint32 site, uint64 number) private view returns (Terms memory terms) {
        terms = oracle.settleable(site, number);
        if (terms.time > block.timestamp) revert ProposalInFuture(terms.time, block.timestamp);
        if (
            terms.headroom > MAX_HEADROOM || terms.gatewayHeadroom > MAX_HEADROOM || terms.meterFactor > BASIS
                || terms.gatewayFactor > BASIS || terms.commonsShare > MAX_COMMONS_SHARE
        ) revert InvalidTerms();
        if (commons == address(0)) terms.commonsShare = 0;
    }

    /// @return own What the household is due, Wh.
    /// @return shared What the commons are due, Wh.
    function _settle(
        uint32 site,
        uint64 number,
        Terms memory terms,
        MeterStatement calldata s,
        PackedMeter meter
    ) private returns (uint256 own, uint256 shared) {
        bytes32 meterId = s.meterId;
        if (!meter.isActiveAt(site)) _checkEnded(meterId, site, meter, s);
        Paid last = _paid[meterId];
        if (Paid.unwrap(last) == 0) last = _start(meterId);
        (uint256 to, uint256 time) = _registerAndTime(s);
        if (time > terms.time) revert StatementAfterProposal(meterId, time, terms.time);

        // No difference is taken before it is known not to be negative, and none has more than 64 bits.
        unchecked {
            uint256 elapsed = time - last.time();
            // Not later than what was paid for.
            if (elapsed > time || elapsed == 0) return (0, 0);
            uint256 from = last.wh();
            if (to < from) revert RegisterFell(meterId, to, from);
            _checkCeiling(meterId, to - from, elapsed, meter, terms);
            _record(site, number, meterId, last, Counted.paid(to, time));
            return _divide(from, to, _factor(meter, terms), terms.commonsShare);
        }
    }

    function _checkCeiling(
        bytes32 meterId,
        uint256 wh,
        uint256 elapsed,
        PackedMeter meter,
        Terms memory terms
    ) private pure {
        uint256 headroom = meter.assurance() == ASSURANCE_METER ? terms.headroom : terms.gatewayHeadroom;
        uint256 ceiling = Ceiling.ceilingWh(meter.ratedW(), elapsed, headroom);
        if (wh > ceiling) revert AboveCeiling(meterId, wh, ceiling);
    }

    function _factor(PackedMeter meter, Terms memory terms) private pure returns (uint256) {
        return meter.assurance() == ASSURANCE_METER ? terms.meterFactor : terms.gatewayFactor;
    }

    function _record(uint32 site, uint64 number, bytes32 meterId, Paid last, Paid next) private {
        _paid[meterId] = next;
        emit Settled(
            meterId, uint256(site) << 128 | Paid.unwrap(last), uint256(number) << 128 | Paid.unwrap(next)
        );
    }

    /// @dev A meter that is not active at this site is paid only where it has ended here: up to its final register, and
    /// nothing beyond.
    function _checkEnded(bytes32 meterId, uint32 site, PackedMeter meter, MeterStatement calldata s)
        private
        view
    {
        if (meter.status() != Status.Active && meter.status() != Status.Ended) {
            revert MeterNotActive(meterId, meter.status());
        }
        if (meter.site() != site) revert WrongSite(meterId, site, meter.site());
        End memory end = registry.endOf(meterId);
        (uint256 wh, uint256 time) = _registerAndTime(s);
        if (time > end.time || wh > end.wh) revert AfterEnd(meterId, end.wh, end.time);
    }

    /// @dev Both at once, and no bits that do not belong there, although the tree has them.
    function _registerAndTime(MeterStatement calldata s) private pure returns (uint256 wh, uint256 time) {
        assembly ("memory-safe") {
            wh := calldataload(add(s, 0x20))
            time := calldataload(add(s, 0x40))
        }
        if ((wh | time) >> 64 != 0) revert OutOfRange(wh, time);
    }

    /// @dev Fractions are taken of the register and not of the difference, each rounded down: what is left over of one
    /// settlement is in the next, so that under one set of rules it makes no difference how often a meter is settled.
    /// Unchecked: registers have 64 bits and fractions 14; `from` is at most `to` and the share at most the whole.
    function _divide(uint256 from, uint256 to, uint256 factor, uint256 share)
        private
        pure
        returns (uint256 own, uint256 shared)
    {
        unchecked {
            if (factor != BASIS) (from, to) = (from * factor / BASIS, to * factor / BASIS);
            if (share != 0) shared = to * share / BASIS - from * share / BASIS;
            own = to - from - shared;
        }
    }

    function _start(bytes32 meterId) private view returns (Paid) {
        Start memory start = registry.start(meterId);
        return Counted.paid(start.wh, start.time);
    }

    // ---------------------------------------------------------------- what is known

    /// @notice The register (Wh) and the time that a meter was last paid for; at first those of its commissioning.
    /// All zero for an unknown meter.
    function paid(bytes32 meterId) external view returns (uint64 wh, uint64 time) {
        Paid last = _paid[meterId];
        if (last.time() == 0) last = _start(meterId);
        return (last.wh(), last.time());
    }
}
