// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Ceiling} from "./Ceiling.sol";
import {GreenToken} from "./GreenToken.sol";
import {CertificateId, ICertificates} from "./ICertificates.sol";
import {ASSURANCE_METER, MeterRegistry, PackedMeter, Start, Status} from "./MeterRegistry.sol";
import {MeterStatement, Statement} from "./Statement.sol";

/// What a meter was last paid for: its register in Wh, shifted left by 64 bits, and the time. Zero means nothing yet.
type Paid is uint256;

using Counted for Paid global;

library Counted {
    function paid(uint64 wh_, uint64 time_) internal pure returns (Paid) {
        return Paid.wrap(uint256(wh_) << 64 | time_);
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
/// 1/10,000.
struct Terms {
    bytes32 root;
    /// The time of the snapshot, Unix seconds.
    uint64 time;
    /// How far above rated power a meter may generate, for meters that sign themselves and for those that a gateway
    /// signs for.
    uint16 headroom;
    uint16 gatewayHeadroom;
    /// How much of its energy is minted, likewise.
    uint16 meterFactor;
    uint16 gatewayFactor;
    /// How much of what is minted goes to the commons.
    uint16 commonsShare;
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

    /// @notice A meter's energy from one register to the next was settled. Both are a register in Wh, shifted left by
    /// 64 bits, and a time in Unix seconds; four words of their own would cost 512 gas more a meter.
    event Settled(uint32 indexed site, uint64 indexed number, bytes32 indexed meterId, Paid from, Paid to);
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
    error InvalidProof(uint32 site, uint64 number);
    error ProposalInFuture(uint64 time, uint256 blockTime);
    /// @dev The status is None for a meter that is not registered.
    error MeterNotActive(bytes32 meterId, Status status);
    error WrongSite(bytes32 meterId, uint32 site, uint32 registered);
    error StatementAfterProposal(bytes32 meterId, uint64 time, uint64 proposalTime);
    error RegisterFell(bytes32 meterId, uint64 generatedWh, uint64 paidWh);
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
        bytes32[] memory ids = new bytes32[](n);
        for (uint256 i = 0; i < n; ++i) {
            ids[i] = statements[i].meterId;
        }
        PackedMeter[] memory meters = registry.meters(ids);
        // Who is due what. The last place is the commons'.
        address[] memory to = new address[](n + 1);
        uint256[] memory wh = new uint256[](n + 1);
        uint256 commonsWh = 0;
        Certified[] memory certified;
        for (uint256 i = 0; i < n; ++i) {
            PackedMeter meter = meters[i];
            (uint256 own, uint256 shared) = _settle(site, number, terms, statements[i], meter);
            if (!meter.wantsCertificates()) {
                to[i] = meter.household();
                wh[i] = own;
                commonsWh += shared;
            } else {
                if (certified.length == 0) certified = new Certified[](n);
                certified[i] = Certified({
                    to: meter.household(),
                    id: CertificateId.idOf(
                        site, CertificateId.vintageOf(statements[i].time), meter.source(), meter.assurance()
                    ),
                    own: own,
                    shared: shared
                });
            }
        }
        (to[n], wh[n]) = (commons, commonsWh);
        token.mint(to, wh);
        for (uint256 i = 0; i < certified.length; ++i) {
            Certified memory c = certified[i];
            if (c.own != 0) certificates.mint(c.to, c.id, c.own);
            if (c.shared != 0) certificates.mint(to[n], c.id, c.shared);
        }
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
        if (meter.status() != Status.Active) revert MeterNotActive(meterId, meter.status());
        if (meter.site() != site) revert WrongSite(meterId, site, meter.site());
        Paid last = _paid[meterId];
        if (last.time() == 0) last = _start(meterId);
        Paid next = Counted.paid(s.generatedWh, s.time);
        if (next.time() > terms.time) revert StatementAfterProposal(meterId, next.time(), terms.time);
        if (next.time() <= last.time()) return (0, 0);
        if (next.wh() < last.wh()) revert RegisterFell(meterId, next.wh(), last.wh());

        bool signsItself = meter.assurance() == ASSURANCE_METER;
        // Both differences were just found not to be negative.
        unchecked {
            uint256 wh = next.wh() - last.wh();
            uint256 ceiling = Ceiling.ceilingWh(
                meter.ratedW(),
                next.time() - last.time(),
                signsItself ? terms.headroom : terms.gatewayHeadroom
            );
            if (wh > ceiling) revert AboveCeiling(meterId, wh, ceiling);
        }

        _paid[meterId] = next;
        emit Settled(site, number, meterId, last, next);
        return _divide(
            last.wh(), next.wh(), signsItself ? terms.meterFactor : terms.gatewayFactor, terms.commonsShare
        );
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
