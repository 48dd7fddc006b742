// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {IOracle, Issuance, Terms} from "./Issuance.sol";
import {MeterRegistry} from "./MeterRegistry.sol";
import {PolicyRegistry, Rules} from "./PolicyRegistry.sol";
import {Proposal, ProposalStatus} from "./Proposal.sol";
import {IStaked, Stakes} from "./Stakes.sol";
import {ValidatorSet} from "./ValidatorSet.sol";

/// Why a proposal was cancelled.
enum Fault {
    /// The guardian pulled the brake.
    Stopped,
    /// Nobody showed the reading behind a leaf in time.
    Unanswered,
    /// A leaf's meter was not registered then, or not for this site, or the leaf is later than its proposal.
    NotRegistered,
    /// A leaf says more than its meter can have generated since it was commissioned.
    AboveCeiling,
    /// A leaf's meter signed a lower register at a later time.
    RegisterFell
}

/// @title Proposals: what validators signed, and whether it is valid.
/// @dev State does not grow with time: a site has one head slot and two root slots used in turn. The history is in the
/// events and in the evidence.
abstract contract Proposals is AccessManaged, EIP712, IOracle, IStaked {
    /// @dev One slot, because a proposal reads and writes all of it: a site's last proposal, and what is still needed of
    /// the one before it, whose window is over by construction. 40 bits of seconds last for 34,000 years, 40 bits of
    /// numbers for a proposal a second as long. The rules in force are those at proposing.
    struct Head {
        uint40 number;
        uint40 time;
        uint40 timeBefore;
        uint40 validAt;
        uint16 rules;
        uint16 rulesBefore;
        /// Challenges that are neither answered nor refunded.
        uint24 open;
        bool cancelled;
        bool cancelledBefore;
        /// Whether the site has the stake to propose.
        bool staked;
    }

    /// @dev One slot, because a proposal reads all of it.
    struct Current {
        address validators;
        uint32 validatorSet;
        uint8 threshold;
        uint16 rules;
        uint24 challengeWindow;
    }

    bytes32 private constant PROPOSAL_TYPEHASH = keccak256(
        "Proposal(uint32 site,uint64 number,bytes32 root,bytes32 evidence,uint64 time,uint32 leafCount,uint32 validatorSet)"
    );

    /// @notice Who mints by the proposals that are valid here.
    Issuance public immutable issuance;
    /// @notice The meters, their sites and households.
    MeterRegistry public immutable registry;
    /// @notice Where the rules come from.
    PolicyRegistry public immutable policy;
    /// @notice Stakes, bonds and what is owed.
    Stakes public immutable stakes;
    /// @notice The oracle that this one succeeds, whose numbers go on here; zero for the first.
    Proposals public immutable predecessor;

    Current private _current;
    mapping(uint16 version => Rules) internal _rules;
    mapping(uint32 site => Head) internal _heads;
    /// @dev The root of proposal n is at n & 1.
    mapping(uint32 site => bytes32[2]) internal _roots;

    /// @notice The validator set was replaced; index i of `validators` is bit i of a proposal's signers.
    event ValidatorsChanged(uint32 version, address[] validators, uint8 threshold);
    /// @notice New rules for proposals from now on.
    event RulesChanged(uint16 version, Rules rules);
    /// @notice A batch was proposed. It is valid from `validAt` on, or when the last challenge to it is answered,
    /// unless it is cancelled before.
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
    event Cancelled(uint32 indexed site, uint64 indexed number, Fault fault);

    error InvalidThreshold(uint8 threshold, uint256 validators);
    error ValidatorStakeTooLow(address validator, uint256 stake, uint256 wanted);
    error OnlyStakes(address caller);
    error RulesUnchanged(uint16 version);

    error NoValidators();
    error WrongValidatorSet(uint32 validatorSet, uint32 current);
    error WrongNumber(uint32 site, uint64 number, uint64 expected);
    error TimeNotLater(uint32 site, uint64 time, uint64 last);
    error TimeInFuture(uint64 time, uint256 blockTime);
    error NoLeaves();
    error UnknownSite(uint32 site);
    error NoStake(uint32 site);
    error TooFewSigners(uint256 given, uint256 threshold);
    error SignerOutsideSet(uint256 signers, uint256 validators);
    error WrongSignaturesLength(uint256 length, uint256 expected);
    error BadSignature(uint256 index, address validator);

    error UnknownProposal(uint32 site, uint64 number, uint64 head);
    error ProposalPending(uint32 site, uint64 number, uint64 validAt);
    error ProposalCancelled(uint32 site, uint64 number);
    error ProposalNotPending(uint32 site, uint64 number);

    constructor(address authority, Issuance issuance_, PolicyRegistry policy_, Proposals predecessor_)
        AccessManaged(authority)
        EIP712("Commonwatt ImpactOracle", "1")
    {
        issuance = issuance_;
        registry = issuance_.registry();
        policy = policy_;
        predecessor = predecessor_;
        stakes = new Stakes(registry);
        updateRules();
    }

    // ---------------------------------------------------------------- policy

    /// @notice Replaces the validators. Proposals already made stand.
    /// @param validators_ 1 to 256 addresses, strictly ascending, each with its stake.
    /// @param threshold How many of them must sign a proposal, at least 1.
    function setValidators(address[] calldata validators_, uint8 threshold) external restricted {
        if (threshold == 0 || threshold > validators_.length) {
            revert InvalidThreshold(threshold, validators_.length);
        }
        uint256 wanted = uint256(_rules[_current.rules].validatorStake) * 1 gwei;
        for (uint256 i = 0; i < validators_.length; ++i) {
            uint256 stake = stakes.ofValidator(validators_[i]).bonded;
            if (stake < wanted) revert ValidatorStakeTooLow(validators_[i], stake, wanted);
        }
        uint32 version = _current.validatorSet + 1;
        _current.validators = ValidatorSet.store(validators_);
        _current.validatorSet = version;
        _current.threshold = threshold;
        emit ValidatorsChanged(version, validators_, threshold);
    }

    /// @notice Takes over the rules that are in force, for proposals made from now on; those already made keep theirs.
    /// Anyone may call it.
    function updateRules() public {
        (uint16 version, Rules memory rules_) = policy.inForce();
        if (version == _current.rules) revert RulesUnchanged(version);
        _rules[version] = rules_;
        _current.rules = version;
        _current.challengeWindow = rules_.challengeWindow;
        emit RulesChanged(version, rules_);
    }

    // ---------------------------------------------------------------- propose

    /// @notice Puts a batch before the oracle. Anyone may carry it here; the signatures are what counts.
    /// @param p The proposal.
    /// @param signers Bit i is set if validator i signed. At least as many as the threshold.
    /// @param signatures For each set bit, lowest first, 64 bytes: r and vs (ERC-2098) over `digest(p)`.
    function propose(Proposal calldata p, uint256 signers, bytes calldata signatures) external {
        Current memory current = _current;
        Head memory last = _head(p.site);

        // Asked once: a site is never closed.
        if (last.validAt == 0 && registry.siteOperator(p.site) == address(0)) revert UnknownSite(p.site);
        if (!last.staked) revert NoStake(p.site);
        if (p.number != last.number + 1) revert WrongNumber(p.site, p.number, last.number + 1);
        if (p.time <= last.time) revert TimeNotLater(p.site, p.time, last.time);
        if (p.time > block.timestamp) revert TimeInFuture(p.time, block.timestamp);
        if (p.leafCount == 0) revert NoLeaves();
        if (p.validatorSet != current.validatorSet) {
            revert WrongValidatorSet(p.validatorSet, current.validatorSet);
        }
        if (_isPending(last)) revert ProposalPending(p.site, last.number, last.validAt);
        _checkSignatures(current, digest(p), signers, signatures);

        // The number is the last plus one in 40 bits, block time fits, and p.time is not later.
        // forge-lint: disable-start(unsafe-typecast)
        uint40 time = uint40(p.time);
        uint40 validAt = uint40(block.timestamp + current.challengeWindow);
        _heads[p.site] = Head({
            number: uint40(p.number),
            time: time,
            timeBefore: last.time,
            validAt: validAt,
            rules: current.rules,
            rulesBefore: last.rules,
            open: 0,
            cancelled: false,
            cancelledBefore: last.cancelled,
            staked: true
        });
        // forge-lint: disable-end(unsafe-typecast)
        _roots[p.site][p.number & 1] = p.root;
        emit Proposed(
            p.site, p.number, p.root, p.evidence, p.time, p.leafCount, p.validatorSet, signers, validAt
        );
    }

    function _checkSignatures(
        Current memory current,
        bytes32 digest_,
        uint256 signers,
        bytes calldata signatures
    ) private view {
        bytes memory packed = ValidatorSet.load(current.validators);
        uint256 n = ValidatorSet.count(packed);
        if (n == 0) revert NoValidators();
        if (n < 256 && signers >> n != 0) revert SignerOutsideSet(signers, n);
        uint256 given = 0;
        for (uint256 rest = signers; rest != 0; rest &= rest - 1) {
            ++given;
        }
        if (given < current.threshold) revert TooFewSigners(given, current.threshold);
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
    /// batch said is lost with it; the next snapshot carries every register anew. Nobody loses a stake.
    function cancel(uint32 site, uint64 number) external restricted {
        _pending(site, number);
        _cancel(site, number, Fault.Stopped);
    }

    function _cancel(uint32 site, uint64 number, Fault fault) internal {
        _heads[site].cancelled = true;
        emit Cancelled(site, number, fault);
    }

    // ---------------------------------------------------------------- status

    /// @dev Where nothing was proposed here yet, the predecessor's last number and time, as one that was cancelled, and so
    /// is the one before it: neither can be settled or challenged here, and the next may follow at once.
    function _head(uint32 site) internal view returns (Head memory last) {
        last = _heads[site];
        if (last.number == 0 && address(predecessor) != address(0)) {
            (uint64 number, uint64 time,,) = predecessor.head(site);
            // Both were 40 bits where they come from.
            // forge-lint: disable-next-line(unsafe-typecast)
            (last.number, last.time, last.cancelled) = (uint40(number), uint40(time), number != 0);
            last.cancelledBefore = last.cancelled;
        }
    }

    function _isPending(Head memory last) private view returns (bool) {
        return !last.cancelled && (block.timestamp < last.validAt || last.open != 0);
    }

    /// @dev The head, if it is this number and can still be cancelled.
    function _pending(uint32 site, uint64 number) internal view returns (Head memory last) {
        last = _head(site);
        if (number == 0 || number != last.number) revert UnknownProposal(site, number, last.number);
        if (last.cancelled) revert ProposalCancelled(site, number);
        if (!_isPending(last)) revert ProposalNotPending(site, number);
    }

    function _status(Head memory last, uint64 number) private view returns (ProposalStatus) {
        if (number == 0 || number > last.number || last.number - number > 1) return ProposalStatus.None;
        bool isHead = number == last.number;
        if (isHead ? last.cancelled : last.cancelledBefore) return ProposalStatus.Cancelled;
        if (isHead && _isPending(last)) return ProposalStatus.Pending;
        return ProposalStatus.Valid;
    }

    /// @inheritdoc IOracle
    /// @dev Two proposals of a site can be settled: the last one, and the one before it.
    function settleable(uint32 site, uint64 number) external view returns (Terms memory) {
        Head memory last = _validHead(site, number);
        (uint64 time, uint16 version) =
            number == last.number ? (last.time, last.rules) : (last.timeBefore, last.rulesBefore);
        Rules memory r = _rules[version];
        return Terms({
            root: _roots[site][number & 1],
            time: time,
            headroom: r.headroom,
            gatewayHeadroom: r.gatewayHeadroom,
            meterFactor: r.meterFactor,
            gatewayFactor: r.gatewayFactor,
            commonsShare: r.commonsShare
        });
    }

    function _validHead(uint32 site, uint64 number) private view returns (Head memory last) {
        last = _head(site);
        ProposalStatus status = _status(last, number);
        if (status == ProposalStatus.None) revert UnknownProposal(site, number, last.number);
        if (status == ProposalStatus.Pending) revert ProposalPending(site, number, last.validAt);
        if (status == ProposalStatus.Cancelled) revert ProposalCancelled(site, number);
    }

    /// @notice Whether a leaf, of any kind, is in a valid proposal. Reverts, saying why, when the proposal is not valid.
    function verifyLeaf(uint32 site, uint64 number, bytes32 leaf, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        _validHead(site, number);
        return _isIn(site, number, leaf, proof);
    }

    function _isIn(uint32 site, uint64 number, bytes32 leaf, bytes32[] calldata proof)
        internal
        view
        returns (bool)
    {
        return MerkleProof.processProofCalldata(proof, leaf) == _roots[site][number & 1];
    }

    // ---------------------------------------------------------------- stakes

    /// @notice By the stakes: whether a site may propose is kept in its head, where a proposal looks anyway.
    function stakeChanged(uint32 site, uint256 bonded) external {
        if (msg.sender != address(stakes)) revert OnlyStakes(msg.sender);
        _heads[site].staked = bonded >= uint256(_rules[_current.rules].siteStake) * 1 gwei;
    }

    // ---------------------------------------------------------------- what is known

    /// @notice A site's last proposal: its number, time, when it is valid (or was, or will be if its challenges are
    /// answered), and whether it was cancelled. All zero before the first. The next may be proposed when this one is
    /// valid, or at once after a cancellation.
    function head(uint32 site)
        external
        view
        returns (uint64 number, uint64 time, uint64 validAt, bool cancelled)
    {
        Head memory last = _head(site);
        return (last.number, last.time, last.validAt, last.cancelled);
    }

    /// @notice One of a site's last two proposals. All zero (status None) for any other.
    /// @return root The Merkle root.
    /// @return status Where it stands now.
    /// @return time The time of its snapshot.
    /// @return validAt When it is valid at the earliest, Unix seconds; 0 for the one before the head.
    /// @return rulesVersion The version of the rules in force when it was proposed.
    function proposal(uint32 site, uint64 number)
        external
        view
        returns (bytes32 root, ProposalStatus status, uint64 time, uint64 validAt, uint16 rulesVersion)
    {
        Head memory last = _head(site);
        status = _status(last, number);
        if (status == ProposalStatus.None) return (root, status, time, validAt, rulesVersion);
        root = _roots[site][number & 1];
        (time, validAt, rulesVersion) = number == last.number
            ? (last.time, last.validAt, last.rules)
            : (last.timeBefore, 0, last.rulesBefore);
    }

    /// @notice How many challenges to a site's last proposal are neither answered nor refunded, and whether the site has
    /// the stake to propose.
    function standing(uint32 site) external view returns (uint24 openChallenges, bool staked) {
        return (_heads[site].open, _heads[site].staked);
    }

    /// @notice The validators in force; version 0 and none before they are first set.
    function validators()
        external
        view
        returns (uint32 version, address[] memory addresses, uint8 threshold)
    {
        bytes memory packed = ValidatorSet.load(_current.validators);
        addresses = new address[](ValidatorSet.count(packed));
        for (uint256 i = 0; i < addresses.length; ++i) {
            addresses[i] = ValidatorSet.validatorAt(packed, i);
        }
        return (_current.validatorSet, addresses, _current.threshold);
    }

    /// @notice The rules for the next proposal, with their version.
    function rules() external view returns (uint16 version, Rules memory) {
        return (_current.rules, _rules[_current.rules]);
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
