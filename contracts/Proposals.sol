// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Head} from "./Head.sol";
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
        Current storage current = _current;
        Head last = _head(p.site);
        _checkNext(p, last);
        if (p.validatorSet != current.validatorSet) {
            revert WrongValidatorSet(p.validatorSet, current.validatorSet);
        }
        _checkSignatures(current.validators, current.threshold, digest(p), signers, signatures);

        // The number is the last plus one in 40 bits, block time fits, and the time is not later.
        // forge-lint: disable-start(unsafe-typecast)
        uint40 validAt = uint40(block.timestamp + current.challengeWindow);
        _heads[p.site] = last.next(uint40(p.number), uint40(p.time), validAt, current.rules);
        // forge-lint: disable-end(unsafe-typecast)
        _roots[p.site][p.number & 1] = p.root;
        emit Proposed(
            p.site, p.number, p.root, p.evidence, p.time, p.leafCount, p.validatorSet, signers, validAt
        );
    }

    function _checkNext(Proposal calldata p, Head last) private view {
        (uint32 site, uint64 number, uint64 time) = (p.site, p.number, p.time);
        // Asked once: a site is never closed.
        if (last.validAt() == 0 && registry.siteOperator(site) == address(0)) revert UnknownSite(site);
        if (!last.staked()) revert NoStake(site);
        if (number != last.number() + 1) revert WrongNumber(site, number, last.number() + 1);
        if (time <= last.time()) revert TimeNotLater(site, time, last.time());
        if (time > block.timestamp) revert TimeInFuture(time, block.timestamp);
        if (p.leafCount == 0) revert NoLeaves();
        if (_isPending(last)) revert ProposalPending(site, last.number(), last.validAt());
    }

    function _checkSignatures(
        address set,
        uint256 threshold,
        bytes32 digest_,
        uint256 signers,
        bytes calldata signatures
    ) private view {
        bytes memory packed = ValidatorSet.load(set);
        uint256 n = ValidatorSet.count(packed);
        if (n == 0) revert NoValidators();
        if (n < 256 && signers >> n != 0) revert SignerOutsideSet(signers, n);
        // A set has 256 validators at most: nothing that is counted here can overflow.
        unchecked {
            uint256 given = 0;
            for (uint256 rest = signers; rest != 0; rest &= rest - 1) {
                ++given;
            }
            if (given < threshold) revert TooFewSigners(given, threshold);
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
    }

    // ---------------------------------------------------------------- cancel

    /// @notice The guardian's brake: a pending proposal is cancelled, and the next may follow at once. What a cancelled
    /// batch said is lost with it; the next snapshot carries every register anew. Nobody loses a stake.
    function cancel(uint32 site, uint64 number) external restricted {
        _pending(site, number);
        _cancel(site, number, Fault.Stopped);
    }

    function _cancel(uint32 site, uint64 number, Fault fault) internal {
        _heads[site] = _heads[site].cancel();
        emit Cancelled(site, number, fault);
    }

    // ---------------------------------------------------------------- status

    /// @dev Where nothing was proposed here yet, what the predecessor proposed last.
    function _head(uint32 site) internal view returns (Head last) {
        last = _heads[site];
        if (last.number() == 0 && address(predecessor) != address(0)) {
            (uint64 number, uint64 time,,) = predecessor.head(site);
            // Both were 40 bits where they come from.
            // forge-lint: disable-next-line(unsafe-typecast)
            if (number != 0) last = last.inherited(uint40(number), uint40(time));
        }
    }

    function _isPending(Head last) private view returns (bool) {
        return !last.cancelled() && (block.timestamp < last.validAt() || last.open() != 0);
    }

    /// @dev The head, if it is this number and can still be cancelled.
    function _pending(uint32 site, uint64 number) internal view returns (Head last) {
        last = _head(site);
        if (number == 0 || number != last.number()) revert UnknownProposal(site, number, last.number());
        if (last.cancelled()) revert ProposalCancelled(site, number);
        if (!_isPending(last)) revert ProposalNotPending(site, number);
    }

    function _status(Head last, uint64 number) private view returns (ProposalStatus) {
        if (number == 0 || number > last.number() || last.number() - number > 1) return ProposalStatus.None;
        bool isHead = number == last.number();
        if (isHead ? last.cancelled() : last.cancelledBefore()) return ProposalStatus.Cancelled;
        if (isHead && _isPending(last)) return ProposalStatus.Pending;
        return ProposalStatus.Valid;
    }

    /// @inheritdoc IOracle
    /// @dev Two proposals of a site can be settled: the last one, and the one before it.
    function settleable(uint32 site, uint64 number) external view returns (Terms memory) {
        Head last = _validHead(site, number);
        (uint64 time, uint16 version) =
            number == last.number() ? (last.time(), last.rules()) : (last.timeBefore(), last.rulesBefore());
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

    function _validHead(uint32 site, uint64 number) private view returns (Head last) {
        last = _head(site);
        ProposalStatus status = _status(last, number);
        if (status == ProposalStatus.None) revert UnknownProposal(site, number, last.number());
        if (status == ProposalStatus.Pending) revert ProposalPending(site, number, last.validAt());
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
        bool staked = bonded >= uint256(_rules[_current.rules].siteStake) * 1 gwei;
        _heads[site] = _heads[site].withStaked(staked);
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
        Head last = _head(site);
        return (last.number(), last.time(), last.validAt(), last.cancelled());
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
        Head last = _head(site);
        status = _status(last, number);
        if (status == ProposalStatus.None) return (root, status, time, validAt, rulesVersion);
        root = _roots[site][number & 1];
        (time, validAt, rulesVersion) = number == last.number()
            ? (last.time(), last.validAt(), last.rules())
            : (last.timeBefore(), 0, last.rulesBefore());
    }

    /// @notice How many challenges to a site's last proposal are neither answered nor refunded, and whether the site has
    /// the stake to propose.
    function standing(uint32 site) external view returns (uint24 openChallenges, bool staked) {
        return (_heads[site].open(), _heads[site].staked());
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
        bytes32 structHash;
        bytes32 typehash = PROPOSAL_TYPEHASH;
        // abi.encode of the type and the seven words as they came: one that is out of its range hashes to what nobody
        // signed.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typehash)
            calldatacopy(add(free, 0x20), p, 0xe0)
            structHash := keccak256(free, 0x100)
        }
        return _hashTypedDataV4(structHash);
    }
}
