// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {MeterRegistry} from "./MeterRegistry.sol";
import {Proposal, ProposalStatus} from "./Proposal.sol";
import {Rules} from "./PolicyRegistry.sol";

/// One storage slot. Amounts in wei.
struct Stake {
    uint96 bonded;
    uint96 unbonding;
    /// When what is unbonding can be released, Unix seconds.
    uint40 releaseAt;
    /// How often this site or validator was caught. It only rises, and cannot be given away.
    uint24 caught;
}

/// How a validator's signatures fared, as far as anyone showed them. One storage slot. Both only rise, and can neither be
/// given away nor worked off.
struct Reputation {
    /// Proposals under which its signature was shown while they could still be cancelled.
    uint64 signed;
    /// Proposals that it had signed and that cost their site its stake.
    uint64 cancelled;
}

/// @title What the stakes ask of their oracle and tell it.
interface IStaked {
    function digest(Proposal calldata p) external view returns (bytes32);
    function rules() external view returns (uint16 version, Rules memory);
    function validators() external view returns (uint32 version, address[] memory addresses, uint8 threshold);
    function proposal(uint32 site, uint64 number)
        external
        view
        returns (bytes32 root, ProposalStatus status, uint64 time, uint64 validAt, uint16 rulesVersion);
    function stakeChanged(uint32 site, uint256 bonded) external;
}

/// @title An oracle's purse: stakes, bonds, and what is owed, in the chain's own coin.
/// @notice Bonded → unbonding → released → withdrawn. What is unbonding can still be lost, and unbonding takes longer
/// than any challenge. Nobody is ever sent anything: what is owed waits until its owner takes it.
/// @dev Made by its oracle, for that one alone. The balance is always at least the sum of all stakes, the bonds held,
/// what is owed, and what was burned. Burned is what stays here for ever: no function lets it out.
contract Stakes {
    /// @notice How long a stake can still be lost after its owner asked for it back.
    uint32 public constant UNBONDING = 30 days;

    /// @notice Who made this, and alone may take a stake or a bond.
    IStaked public immutable oracle;
    /// @notice Who operates a site.
    MeterRegistry public immutable registry;

    mapping(uint32 site => Stake) private _ofSite;
    mapping(address validator => Stake) private _ofValidator;

    /// @notice What is owed, wei.
    mapping(address => uint256) public owed;
    /// @notice Bonds of challenges that are open, wei.
    uint256 public held;
    /// @notice What nobody will ever have again, wei.
    uint256 public burned;
    /// @dev Whose double signature for one number was punished.
    mapping(bytes32 id => bool) private _punished;

    mapping(address validator => Reputation) private _reputations;
    /// @dev The last number of a site that a validator's signature was counted for.
    mapping(address validator => mapping(uint32 site => uint64)) private _signedUpTo;
    /// @dev Batches that cost their site its stake, and whose signature under them was counted.
    mapping(bytes32 batch => bool) private _slashed;
    mapping(bytes32 batch => mapping(address validator => bool)) private _cancelledCounted;

    event SiteStaked(uint32 indexed site, uint256 amount, address from);
    event SiteUnbonding(uint32 indexed site, uint256 amount, uint256 releaseAt);
    event SiteReleased(uint32 indexed site, uint256 amount, address indexed to);
    event SiteSlashed(uint32 indexed site, uint256 amount, address indexed to);
    event ValidatorStaked(address indexed validator, uint256 amount, address from);
    event ValidatorUnbonding(address indexed validator, uint256 amount, uint256 releaseAt);
    event ValidatorReleased(address indexed validator, uint256 amount);
    event ValidatorSlashed(address indexed validator, uint256 amount, address indexed to);
    /// @notice A validator signed two different batches with one number.
    event DoubleSignature(address indexed validator, uint32 indexed site, uint64 indexed number);
    /// @notice A validator's signature under a proposal was shown while that could still be cancelled.
    event SignatureCounted(address indexed validator, uint32 indexed site, uint64 indexed number);
    /// @notice A validator had signed a proposal that cost its site the stake.
    event CancellationCounted(address indexed validator, uint32 indexed site, uint64 indexed number);
    /// @notice What was owed was taken.
    event Withdrawn(address indexed account, uint256 amount);

    error OnlyOracle(address caller);
    error NotDouble();
    error AlreadyPunished(address validator, uint32 site, uint64 number);
    error NotTheProposal(uint32 site, uint64 number);
    error NotSlashed(uint32 site, uint64 number);
    error NotValidator(address signer, uint32 validatorSet);
    error AlreadyCounted(address validator, uint32 site, uint64 number);
    error StakeTooLow(uint256 stake, uint256 wanted);
    error NotOperator(uint32 site, address caller);
    error NotReleasedYet(uint256 releaseAt);
    error NothingOwed(address account);
    error NotPaid(address account, uint256 amount);

    modifier onlyOracle() {
        if (msg.sender != address(oracle)) revert OnlyOracle(msg.sender);
        _;
    }

    constructor(MeterRegistry registry_) {
        oracle = IStaked(msg.sender);
        registry = registry_;
    }

    // ---------------------------------------------------------------- bonded → unbonding → released

    function _bond(Stake storage stake, uint256 amount) private {
        stake.bonded += SafeCast.toUint96(amount);
    }

    /// @dev Asking again starts the time anew for all of it.
    function _unbond(Stake storage stake, uint96 amount) private returns (uint40 releaseAt) {
        if (amount > stake.bonded) revert StakeTooLow(stake.bonded, amount);
        // forge-lint: disable-next-line(unsafe-typecast)
        releaseAt = uint40(block.timestamp + UNBONDING);
        stake.bonded -= amount;
        stake.unbonding += amount;
        stake.releaseAt = releaseAt;
    }

    function _release(Stake storage stake, address to) private returns (uint256 amount) {
        if (block.timestamp < stake.releaseAt) revert NotReleasedYet(stake.releaseAt);
        amount = stake.unbonding;
        stake.unbonding = 0;
        owed[to] += amount;
    }

    /// @dev Takes what is bonded first, then what is unbonding. Half is burned, or a site would slash itself for free.
    function _slash(Stake storage stake, uint256 amount, address to) private returns (uint256 taken) {
        uint256 bonded = amount < stake.bonded ? amount : stake.bonded;
        uint256 unbonding = amount - bonded < stake.unbonding ? amount - bonded : stake.unbonding;
        // Each is at most what it is taken from.
        // forge-lint: disable-start(unsafe-typecast)
        stake.bonded -= uint96(bonded);
        stake.unbonding -= uint96(unbonding);
        // forge-lint: disable-end(unsafe-typecast)
        ++stake.caught;
        taken = bonded + unbonding;
        owed[to] += taken / 2;
        burned += taken - taken / 2;
    }

    // ---------------------------------------------------------------- sites

    /// @notice Adds to a site's stake. Anyone may; only its operator can have it back.
    function bondSite(uint32 site) external payable {
        _bond(_ofSite[site], msg.value);
        emit SiteStaked(site, msg.value, msg.sender);
        oracle.stakeChanged(site, _ofSite[site].bonded);
    }

    /// @notice By the site's operator: asks for a part of its stake back.
    function unbondSite(uint32 site, uint96 amount) external {
        if (msg.sender != registry.siteOperator(site)) revert NotOperator(site, msg.sender);
        emit SiteUnbonding(site, amount, _unbond(_ofSite[site], amount));
        oracle.stakeChanged(site, _ofSite[site].bonded);
    }

    /// @notice Once it is unbonded, the site's stake is owed to its operator. Anyone may say so.
    function releaseSite(uint32 site) external {
        address operator = registry.siteOperator(site);
        emit SiteReleased(site, _release(_ofSite[site], operator), operator);
    }

    /// @notice Looks anew whether a site's stake is enough, after the rules changed. Anyone may.
    function refreshSite(uint32 site) external {
        oracle.stakeChanged(site, _ofSite[site].bonded);
    }

    /// @notice By the oracle: a site lost its stake for this proposal; half is burned, half is owed to `to`.
    function slashSite(uint32 site, uint64 number, uint256 amount, address to) external onlyOracle {
        (bytes32 root,, uint64 time,,) = oracle.proposal(site, number);
        _slashed[_batch(site, number, root, time)] = true;
        emit SiteSlashed(site, _slash(_ofSite[site], amount, to), to);
        oracle.stakeChanged(site, _ofSite[site].bonded);
    }

    /// @notice A site's stake.
    function ofSite(uint32 site) external view returns (Stake memory) {
        return _ofSite[site];
    }

    // ---------------------------------------------------------------- validators

    /// @notice Adds to a validator's stake. Anyone may; only the validator can have it back.
    function bondValidator(address validator) external payable {
        _bond(_ofValidator[validator], msg.value);
        emit ValidatorStaked(validator, msg.value, msg.sender);
    }

    /// @notice By the validator: asks for a part of its stake back. It stays in the set until it is replaced.
    function unbondValidator(uint96 amount) external {
        emit ValidatorUnbonding(msg.sender, amount, _unbond(_ofValidator[msg.sender], amount));
    }

    /// @notice Once it is unbonded, a validator's stake is owed to it. Anyone may say so.
    function releaseValidator(address validator) external {
        emit ValidatorReleased(validator, _release(_ofValidator[validator], validator));
    }

    /// @notice Shows a validator's signatures under two different batches with one number: the validator is slashed,
    /// once for that number. One batch signed anew for another validator set is not different.
    function proveDoubleSignature(
        Proposal calldata a,
        bytes32 rA,
        bytes32 vsA,
        Proposal calldata b,
        bytes32 rB,
        bytes32 vsB
    ) external {
        bool same = a.root == b.root && a.evidence == b.evidence && a.time == b.time
            && a.leafCount == b.leafCount;
        if (a.site != b.site || a.number != b.number || same) revert NotDouble();
        address validator = _signer(a, rA, vsA);
        address other = _signer(b, rB, vsB);
        if (validator == address(0) || validator != other) revert NotDouble();
        bytes32 id = keccak256(abi.encode(validator, a.site, a.number));
        if (_punished[id]) revert AlreadyPunished(validator, a.site, a.number);
        _punished[id] = true;
        (, Rules memory rules) = oracle.rules();
        uint256 taken = _slash(_ofValidator[validator], uint256(rules.validatorStake) * 1 gwei, msg.sender);
        emit DoubleSignature(validator, a.site, a.number);
        emit ValidatorSlashed(validator, taken, msg.sender);
    }

    /// @notice A validator's stake.
    function ofValidator(address validator) external view returns (Stake memory) {
        return _ofValidator[validator];
    }

    /// @dev Zero for a signature that is nobody's.
    function _signer(Proposal calldata p, bytes32 r, bytes32 vs) private view returns (address signer) {
        (signer,,) = ECDSA.tryRecover(oracle.digest(p), r, vs);
    }

    // ---------------------------------------------------------------- reputation

    /// @notice Shows that a validator signed a site's last proposal, while that can still be cancelled: a name put to it
    /// later risks nothing. Anyone may; a signature beyond the threshold counts like the others.
    /// @dev A proposal is known by its root and time, which are what the oracle keeps of it.
    function countSigned(Proposal calldata p, bytes32 r, bytes32 vs) external {
        address validator = _signer(p, r, vs);
        (bytes32 root, ProposalStatus status, uint64 time,,) = oracle.proposal(p.site, p.number);
        if (status != ProposalStatus.Pending || root != p.root || time != p.time) {
            revert NotTheProposal(p.site, p.number);
        }
        _checkValidator(validator, p.validatorSet);
        if (p.number <= _signedUpTo[validator][p.site]) revert AlreadyCounted(validator, p.site, p.number);
        _signedUpTo[validator][p.site] = p.number;
        ++_reputations[validator].signed;
        emit SignatureCounted(validator, p.site, p.number);
    }

    /// @notice Shows that a validator signed a proposal that cost its site the stake. Anyone may, at any time after: no
    /// later proposal and no change of the set comes before it. The guardian's brake, and a register that fell, are
    /// nobody's fault and are not counted.
    function countCancelled(Proposal calldata p, bytes32 r, bytes32 vs) external {
        address validator = _signer(p, r, vs);
        if (validator == address(0)) revert NotValidator(validator, p.validatorSet);
        bytes32 batch = _batch(p.site, p.number, p.root, p.time);
        if (!_slashed[batch]) revert NotSlashed(p.site, p.number);
        if (_cancelledCounted[batch][validator]) revert AlreadyCounted(validator, p.site, p.number);
        _cancelledCounted[batch][validator] = true;
        ++_reputations[validator].cancelled;
        emit CancellationCounted(validator, p.site, p.number);
    }

    /// @notice How a validator's signatures fared, as far as anyone showed them. A site's own record is `caught`, beside
    /// its stake.
    function reputationOf(address validator) external view returns (Reputation memory) {
        return _reputations[validator];
    }

    /// @dev In the set that is in force: no other can have been asked, and none is remembered.
    function _checkValidator(address signer, uint32 validatorSet) private view {
        (uint32 version, address[] memory set,) = oracle.validators();
        if (validatorSet == version) {
            for (uint256 i = 0; i < set.length; ++i) {
                if (set[i] == signer) return;
            }
        }
        revert NotValidator(signer, validatorSet);
    }

    function _batch(uint32 site, uint64 number, bytes32 root, uint64 time) private pure returns (bytes32) {
        return keccak256(abi.encode(site, number, root, time));
    }

    // ---------------------------------------------------------------- bonds

    /// @notice By the oracle: a challenger's bond is held.
    function hold() external payable onlyOracle {
        held += msg.value;
    }

    /// @notice By the oracle: a bond that was held is owed to someone. Whatever an oracle says, stakes are not touched.
    function owe(address to, uint256 amount) external onlyOracle {
        held -= amount;
        owed[to] += amount;
    }

    // ---------------------------------------------------------------- withdrawn

    /// @notice Sends the caller what it is owed.
    function withdraw() external {
        uint256 amount = owed[msg.sender];
        if (amount == 0) revert NothingOwed(msg.sender);
        // Before the call: who calls again from within it is owed nothing.
        owed[msg.sender] = 0;
        emit Withdrawn(msg.sender, amount);
        (bool done,) = msg.sender.call{value: amount}("");
        if (!done) revert NotPaid(msg.sender, amount);
    }
}
