// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {GreenToken} from "./GreenToken.sol";
import {Meter, MeterRegistry, Status} from "./MeterRegistry.sol";
import {ValidatorSet} from "./ValidatorSet.sol";

/// A batch put before the oracle: what the validators sign.
struct Proposal {
    /// The gateway's site.
    uint32 site;
    /// The site's last number plus one; the first is 1.
    uint64 number;
    /// The Merkle root over the batch's statements.
    bytes32 root;
    /// The digest of the evidence's root block.
    bytes32 evidence;
    /// The time of the snapshot, Unix seconds.
    uint64 time;
    /// How many statements the tree has.
    uint32 leafCount;
    /// The version of the validator set that signs.
    uint32 validatorSet;
}

/// A leaf of kind 1: a meter's register at a time.
struct MeterStatement {
    bytes32 meterId;
    /// The register of generated energy, Wh.
    uint64 generatedWh;
    /// When the register was read, Unix seconds.
    uint64 time;
    /// The digest of the reading quoted.
    bytes32 reading;
}

/// None: not proposed, or no longer the head or the one before it. Pending: its challenge window is open. Valid: it
/// can be settled. Cancelled: it never can.
enum ProposalStatus {
    None,
    Pending,
    Valid,
    Cancelled
}

/// @title From a batch that validators signed to GREEN, each watt-hour once.
/// @notice A meter's register counts up. The oracle remembers, for each meter, the register and the time that it last
/// paid for, and pays only the difference: replays, races, lost batches and gaps of any length change nothing.
///
///     propose ──(challenge window)──▶ valid ──▶ settle, by anyone, as often as they like
///        └────────cancel───────────▶ cancelled, for good
///
/// A proposal becomes valid by time alone; nobody has to finalise it. At most one proposal of a site is pending.
/// @dev State does not grow with time: a site has one head slot and two root slots used in turn, a meter one slot. The
/// history is in the events and in the evidence. Everything is written before the token is called, and the token calls
/// nobody.
contract ImpactOracle is AccessManaged, EIP712 {
    // ---------------------------------------------------------------- state

    /// @dev One slot. A site's last proposal and what is still needed of the one before it, whose window is over by
    /// construction. Times are 40 bits here, which lasts for 34,000 years. The rules in force are those at proposing,
    /// hence validAt and the headrooms are snapshots.
    struct Head {
        uint64 number;
        uint40 time;
        uint40 timeBefore;
        uint40 validAt;
        uint16 headroom;
        uint16 headroomBefore;
        bool cancelled;
        bool cancelledBefore;
    }

    /// @dev One slot. What was last paid for; time zero means nothing yet.
    struct Paid {
        uint64 wh;
        uint64 time;
    }

    /// @dev One slot, because a proposal reads all of it.
    struct Policy {
        address validators;
        uint32 validatorSet;
        uint8 threshold;
        uint32 challengeWindow;
        uint16 headroom;
    }

    uint32 private constant MAX_CHALLENGE_WINDOW = 30 days;
    uint16 private constant MAX_HEADROOM = 10_000;

    /// @dev Watt-seconds in a watt-hour times basis points in one.
    uint256 private constant WS_BASIS_POINTS_PER_WH = 3600 * 10_000;

    /// @dev Statements of different kinds share a tree; this byte keeps one from being read as another.
    uint8 private constant KIND_METER = 1;

    bytes32 private constant PROPOSAL_TYPEHASH = keccak256(
        "Proposal(uint32 site,uint64 number,bytes32 root,bytes32 evidence,uint64 time,uint32 leafCount,uint32 validatorSet)"
    );

    /// @notice The meters, their sites and households.
    MeterRegistry public immutable registry;
    /// @notice The currency that is minted.
    GreenToken public immutable token;

    Policy private _policy;
    mapping(uint32 site => Head) private _heads;
    /// @dev The root of proposal n is at n & 1.
    mapping(uint32 site => bytes32[2]) private _roots;
    mapping(bytes32 meterId => Paid) private _paid;

    // ---------------------------------------------------------------- events and errors

    /// @notice The validator set was replaced; index i of `validators` is bit i of a proposal's signers.
    event ValidatorsChanged(uint32 version, address[] validators, uint8 threshold);
    /// @notice New rules for proposals from now on: the window in seconds, the headroom in 1/10,000.
    event RulesChanged(uint32 challengeWindow, uint16 headroomBasisPoints);
    /// @notice A batch was proposed. It is valid from `validAt` on, unless cancelled before.
    event Proposed(
        uint32 indexed site,
        uint64 indexed number,
        bytes32 root,
        bytes32 evidence,
        uint64 time,
        uint32 leafCount,
        uint32 validatorSet,
        uint256 signers,
        uint64 validAt
    );
    /// @notice A pending proposal was cancelled, for good.
    event Cancelled(uint32 indexed site, uint64 indexed number);
    /// @notice A meter's energy from one register to the next, `toWh - fromWh`, was minted to its household.
    event Settled(
        uint32 indexed site,
        uint64 indexed number,
        bytes32 indexed meterId,
        address household,
        uint64 fromWh,
        uint64 toWh,
        uint64 fromTime,
        uint64 toTime
    );

    error TokenMintedElsewhere(address oracle);

    error InvalidThreshold(uint8 threshold, uint256 validators);
    error InvalidChallengeWindow(uint32 challengeWindow, uint32 maximum);
    error InvalidHeadroom(uint16 headroomBasisPoints, uint16 maximum);

    error NoValidators();
    error WrongValidatorSet(uint32 validatorSet, uint32 current);
    error WrongNumber(uint32 site, uint64 number, uint64 expected);
    error TimeNotLater(uint32 site, uint64 time, uint64 last);
    error TimeInFuture(uint64 time, uint256 blockTime);
    error NoLeaves();
    error UnknownSite(uint32 site);
    error TooFewSigners(uint256 given, uint256 threshold);
    error SignerOutsideSet(uint256 signers, uint256 validators);
    error WrongSignaturesLength(uint256 length, uint256 expected);
    error BadSignature(uint256 index, address validator);

    error UnknownProposal(uint32 site, uint64 number, uint64 head);
    error ProposalPending(uint32 site, uint64 number, uint64 validAt);
    error ProposalCancelled(uint32 site, uint64 number);
    error ProposalNotPending(uint32 site, uint64 number);

    error NoStatements();
    error InvalidProof(uint32 site, uint64 number);
    /// @dev The status is None for a meter that is not registered.
    error MeterNotActive(bytes32 meterId, Status status);
    error WrongSite(bytes32 meterId, uint32 site, uint32 registered);
    error StatementAfterProposal(bytes32 meterId, uint64 time, uint64 proposalTime);
    error RegisterFell(bytes32 meterId, uint64 generatedWh, uint64 paidWh);
    error AboveCeiling(bytes32 meterId, uint256 wh, uint256 ceilingWh);

    /// @notice Starts with a window of one day and a headroom of 10 %; without validators nothing can be proposed.
    /// @param authority Governs validators, rules and cancelling.
    /// @param registry_ The meters.
    /// @param token_ The currency, deployed with this oracle's address as its only minter.
    constructor(AccessManager authority, MeterRegistry registry_, GreenToken token_)
        AccessManaged(address(authority))
        EIP712("Commonwatt ImpactOracle", "1")
    {
        if (token_.oracle() != address(this)) revert TokenMintedElsewhere(token_.oracle());
        registry = registry_;
        token = token_;
        _setRules(1 days, 1000);
    }

    // ---------------------------------------------------------------- policy

    /// @notice Replaces the validators. Proposals already made stand.
    /// @param validators_ 1 to 256 addresses, strictly ascending.
    /// @param threshold How many of them must sign a proposal, at least 1.
    function setValidators(address[] calldata validators_, uint8 threshold) external restricted {
        if (threshold == 0 || threshold > validators_.length) {
            revert InvalidThreshold(threshold, validators_.length);
        }
        uint32 version = _policy.validatorSet + 1;
        _policy.validators = ValidatorSet.store(validators_);
        _policy.validatorSet = version;
        _policy.threshold = threshold;
        emit ValidatorsChanged(version, validators_, threshold);
    }

    /// @notice Changes the rules for proposals made from now on; those already made keep theirs.
    /// @param challengeWindow Seconds from proposing to valid, at least 1 and at most 30 days. Zero would leave no moment
    /// in which to object.
    /// @param headroomBasisPoints How far above rated power a meter may generate, in 1/10,000; at most 10,000.
    function setRules(uint32 challengeWindow, uint16 headroomBasisPoints) external restricted {
        _setRules(challengeWindow, headroomBasisPoints);
    }

    function _setRules(uint32 challengeWindow, uint16 headroomBasisPoints) private {
        if (challengeWindow == 0 || challengeWindow > MAX_CHALLENGE_WINDOW) {
            revert InvalidChallengeWindow(challengeWindow, MAX_CHALLENGE_WINDOW);
        }
        if (headroomBasisPoints > MAX_HEADROOM) revert InvalidHeadroom(headroomBasisPoints, MAX_HEADROOM);
        _policy.challengeWindow = challengeWindow;
        _policy.headroom = headroomBasisPoints;
        emit RulesChanged(challengeWindow, headroomBasisPoints);
    }

    // ---------------------------------------------------------------- propose

    /// @notice Puts a batch before the oracle. Anyone may carry it here; the signatures are what counts.
    /// @param p The proposal.
    /// @param signers Bit i is set if validator i signed. At least as many as the threshold.
    /// @param signatures For each set bit, lowest first, 64 bytes: r and vs (ERC-2098) over `digest(p)`.
    function propose(Proposal calldata p, uint256 signers, bytes calldata signatures) external {
        Policy memory policy = _policy;
        Head memory head_ = _heads[p.site];

        if (p.number != head_.number + 1) revert WrongNumber(p.site, p.number, head_.number + 1);
        if (p.time <= head_.time) revert TimeNotLater(p.site, p.time, head_.time);
        if (p.time > block.timestamp) revert TimeInFuture(p.time, block.timestamp);
        if (p.leafCount == 0) revert NoLeaves();
        if (p.validatorSet != policy.validatorSet) {
            revert WrongValidatorSet(p.validatorSet, policy.validatorSet);
        }
        // Asked once: a site is never closed.
        if (head_.number == 0 && registry.siteOperator(p.site) == address(0)) revert UnknownSite(p.site);
        if (block.timestamp < head_.validAt && !head_.cancelled) {
            revert ProposalPending(p.site, head_.number, head_.validAt);
        }
        _checkSignatures(policy, digest(p), signers, signatures);

        // Both fit 40 bits: block time does, and p.time is not later.
        // forge-lint: disable-start(unsafe-typecast)
        uint40 time = uint40(p.time);
        uint40 validAt = uint40(block.timestamp + policy.challengeWindow);
        // forge-lint: disable-end(unsafe-typecast)
        _heads[p.site] = Head({
            number: p.number,
            time: time,
            timeBefore: head_.time,
            validAt: validAt,
            headroom: policy.headroom,
            headroomBefore: head_.headroom,
            cancelled: false,
            cancelledBefore: head_.cancelled
        });
        _roots[p.site][p.number & 1] = p.root;
        emit Proposed(
            p.site, p.number, p.root, p.evidence, p.time, p.leafCount, p.validatorSet, signers, validAt
        );
    }

    function _checkSignatures(
        Policy memory policy,
        bytes32 digest_,
        uint256 signers,
        bytes calldata signatures
    ) private view {
        bytes memory packed = ValidatorSet.load(policy.validators);
        uint256 n = ValidatorSet.count(packed);
        if (n == 0) revert NoValidators();
        if (n < 256 && signers >> n != 0) revert SignerOutsideSet(signers, n);
        uint256 given = 0;
        for (uint256 rest = signers; rest != 0; rest &= rest - 1) {
            ++given;
        }
        if (given < policy.threshold) revert TooFewSigners(given, policy.threshold);
        if (signatures.length != 64 * given) revert WrongSignaturesLength(signatures.length, 64 * given);

        uint256 offset = 0;
        for (uint256 i = 0; i < n; ++i) {
            if (signers >> i & 1 == 0) continue;
            bytes32 r;
            bytes32 vs;
            // Not slices: the length was checked above as a whole, and checking each bound costs 590 gas a signature.
            assembly ("memory-safe") {
                r := calldataload(add(signatures.offset, offset))
                vs := calldataload(add(add(signatures.offset, offset), 0x20))
            }
            (address signer,,) = ECDSA.tryRecover(digest_, r, vs);
            address validator = ValidatorSet.validatorAt(packed, i);
            // A failed recovery gives zero, which no set contains.
            if (signer != validator) revert BadSignature(i, validator);
            offset += 64;
        }
    }

    // ---------------------------------------------------------------- cancel

    /// @notice The guardian's brake: a pending proposal is cancelled, and the next may follow at once. What a cancelled
    /// batch said is lost with it; the next snapshot carries every register anew.
    function cancel(uint32 site, uint64 number) external restricted {
        Head storage head_ = _heads[site];
        if (number == 0 || number != head_.number) revert UnknownProposal(site, number, head_.number);
        if (head_.cancelled) revert ProposalCancelled(site, number);
        if (block.timestamp >= head_.validAt) revert ProposalNotPending(site, number);
        head_.cancelled = true;
        emit Cancelled(site, number);
    }

    // ---------------------------------------------------------------- settle

    /// @notice Mints what meters generated since they were last paid, to their households. Anyone may call it.
    /// A statement that is not later than what was last paid for has no effect.
    /// @param site The site.
    /// @param number A valid proposal of it: the head or the one before.
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
        (uint64 time, uint16 headroom) = _settleable(site, number);

        // The double hash makes a leaf unlike any inner node (which hashes 64 bytes), so none can be passed off as one.
        bytes32[] memory leaves = new bytes32[](statements.length);
        for (uint256 i = 0; i < statements.length; ++i) {
            leaves[i] = _leaf(statements[i]);
        }
        if (MerkleProof.processMultiProofCalldata(proof, proofFlags, leaves) != _roots[site][number & 1]) {
            revert InvalidProof(site, number);
        }
        for (uint256 i = 0; i < statements.length; ++i) {
            _settle(site, number, time, headroom, statements[i]);
        }
    }

    function _settleable(uint32 site, uint64 number) private view returns (uint64 time, uint16 headroom) {
        Head memory head_ = _heads[site];
        ProposalStatus status = _status(head_, number);
        if (status == ProposalStatus.None) revert UnknownProposal(site, number, head_.number);
        if (status == ProposalStatus.Pending) revert ProposalPending(site, number, head_.validAt);
        if (status == ProposalStatus.Cancelled) revert ProposalCancelled(site, number);
        return
            number == head_.number ? (head_.time, head_.headroom) : (head_.timeBefore, head_.headroomBefore);
    }

    function _settle(
        uint32 site,
        uint64 number,
        uint64 proposalTime,
        uint16 headroom,
        MeterStatement calldata s
    ) private {
        Meter memory meter = registry.meter(s.meterId);
        if (meter.status != Status.Active) revert MeterNotActive(s.meterId, meter.status);
        if (meter.site != site) revert WrongSite(s.meterId, site, meter.site);
        if (s.time > proposalTime) revert StatementAfterProposal(s.meterId, s.time, proposalTime);

        Paid memory last = _paid[s.meterId];
        if (last.time == 0) last = Paid({wh: meter.startWh, time: meter.startTime});
        if (s.time <= last.time) return;
        if (s.generatedWh < last.wh) revert RegisterFell(s.meterId, s.generatedWh, last.wh);

        uint256 wh = s.generatedWh - last.wh;
        uint256 ceiling = _ceilingWh(meter.ratedW, s.time - last.time, headroom);
        if (wh > ceiling) revert AboveCeiling(s.meterId, wh, ceiling);

        address household = registry.ownerOf(uint256(s.meterId));
        _paid[s.meterId] = Paid({wh: s.generatedWh, time: s.time});
        emit Settled(site, number, s.meterId, household, last.wh, s.generatedWh, last.time, s.time);
        if (wh != 0) token.mint(household, wh);
    }

    /// @dev Rated power with headroom for that long, and one Wh more: a register shows whole Wh, so a true increment
    /// may appear up to one larger.
    function _ceilingWh(uint256 ratedW, uint256 elapsed, uint256 headroom) private pure returns (uint256) {
        return ratedW * elapsed * (10_000 + headroom) / WS_BASIS_POINTS_PER_WH + 1;
    }

    function _leaf(MeterStatement calldata s) private pure returns (bytes32) {
        return keccak256(
            bytes.concat(keccak256(abi.encode(KIND_METER, s.meterId, s.generatedWh, s.time, s.reading)))
        );
    }

    function _status(Head memory head_, uint64 number) private view returns (ProposalStatus) {
        if (number == 0 || number > head_.number || head_.number - number > 1) return ProposalStatus.None;
        bool isHead = number == head_.number;
        if (isHead ? head_.cancelled : head_.cancelledBefore) return ProposalStatus.Cancelled;
        if (isHead && block.timestamp < head_.validAt) return ProposalStatus.Pending;
        return ProposalStatus.Valid;
    }

    // ---------------------------------------------------------------- what is known

    /// @notice A site's last proposal: its number, time, when it is (or was) valid, and whether it was cancelled. All
    /// zero before the first. The next may be proposed from `validAt` on, or at once after a cancellation.
    function head(uint32 site)
        external
        view
        returns (uint64 number, uint64 time, uint64 validAt, bool cancelled)
    {
        Head memory head_ = _heads[site];
        return (head_.number, head_.time, head_.validAt, head_.cancelled);
    }

    /// @notice One of a site's last two proposals. All zero (status None) for any other.
    /// @return root The Merkle root.
    /// @return status Where it stands now.
    /// @return time The time of its snapshot.
    /// @return validAt When it is valid, Unix seconds; 0 for the one before the head, whose window is over.
    /// @return headroomBasisPoints The headroom in force when it was proposed.
    function proposal(uint32 site, uint64 number)
        external
        view
        returns (bytes32 root, ProposalStatus status, uint64 time, uint64 validAt, uint16 headroomBasisPoints)
    {
        Head memory head_ = _heads[site];
        status = _status(head_, number);
        if (status == ProposalStatus.None) return (root, status, time, validAt, headroomBasisPoints);
        root = _roots[site][number & 1];
        (time, validAt, headroomBasisPoints) = number == head_.number
            ? (head_.time, head_.validAt, head_.headroom)
            : (head_.timeBefore, 0, head_.headroomBefore);
    }

    /// @notice The register (Wh) and the time that a meter was last paid for; at first those of its commissioning.
    /// All zero for an unknown meter.
    function paid(bytes32 meterId) external view returns (uint64 wh, uint64 time) {
        Paid memory last = _paid[meterId];
        if (last.time != 0) return (last.wh, last.time);
        Meter memory meter = registry.meter(meterId);
        return (meter.startWh, meter.startTime);
    }

    /// @notice The validators in force; version 0 and none before they are first set.
    function validators()
        external
        view
        returns (uint32 version, address[] memory addresses, uint8 threshold)
    {
        bytes memory packed = ValidatorSet.load(_policy.validators);
        addresses = new address[](ValidatorSet.count(packed));
        for (uint256 i = 0; i < addresses.length; ++i) {
            addresses[i] = ValidatorSet.validatorAt(packed, i);
        }
        return (_policy.validatorSet, addresses, _policy.threshold);
    }

    /// @notice The rules for the next proposal: the window in seconds, the headroom in 1/10,000.
    function rules() external view returns (uint32 challengeWindow, uint16 headroomBasisPoints) {
        return (_policy.challengeWindow, _policy.headroom);
    }

    /// @notice What the validators sign: the EIP-712 digest of a proposal.
    function digest(Proposal calldata p) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    PROPOSAL_TYPEHASH,
                    p.site,
                    p.number,
                    p.root,
                    p.evidence,
                    p.time,
                    p.leafCount,
                    p.validatorSet
                )
            )
        );
    }
}
