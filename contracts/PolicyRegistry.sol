// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// What the oracle and the issuance go by. One storage slot. Fractions are in 1/10,000, amounts in gwei of the chain's
/// coin.
struct Rules {
    /// Seconds from proposing to valid, if nobody challenges.
    uint24 challengeWindow;
    /// Seconds in which a challenge must be answered.
    uint24 answerTime;
    /// How far above rated power a meter may generate: one that signs itself, and one that a gateway signs for.
    uint16 headroom;
    uint16 gatewayHeadroom;
    /// How much of a meter's energy is minted, likewise.
    uint16 meterFactor;
    uint16 gatewayFactor;
    /// How much of what is minted goes to the commons.
    uint16 commonsShare;
    /// What a challenger puts up; it pays for the answer.
    uint40 bond;
    /// What a site must have at stake to propose, and loses when it is caught.
    uint40 siteStake;
    /// What a validator must have at stake to be named, and loses when it is caught.
    uint40 validatorStake;
}

/// A version of the community's policy.
struct Policy {
    Rules rules;
    /// Which sharing key the batches use: keccak256 of its name.
    bytes32 sharingKey;
    /// keccak256 of the document that says how the community measures and counts.
    bytes32 methodology;
}

/// @title The community's rules: everyone sees them coming, and they never change the past.
/// @notice A version is in force from the time that was announced, at least seven days before, and until a higher
/// version's time has come. Versions are kept for good. The oracle takes over what is in force when anyone tells it to,
/// and a proposal keeps the rules under which it was made.
contract PolicyRegistry is AccessManaged {
    /// @notice How long before its time a version must be announced.
    uint32 public constant NOTICE = 7 days;
    /// @notice The longest challenge window and the longest time for an answer. Together they are shorter than the
    /// oracle's unbonding and the issuance's exit window.
    uint24 public constant MAX_CHALLENGE_WINDOW = 14 days;
    uint24 public constant MAX_ANSWER_TIME = 7 days;
    /// @notice The shortest time for an answer. A community whose gateways go offline at night sets hours.
    uint24 public constant MIN_ANSWER_TIME = 1 minutes;
    uint16 public constant MAX_HEADROOM = 10_000;
    uint16 public constant MAX_FACTOR = 10_000;
    uint16 public constant MAX_COMMONS_SHARE = 5000;

    /// @notice The last version announced; the first is 1.
    uint16 public latest;
    mapping(uint16 version => Policy) private _policies;
    /// @notice From when on a version is in force, Unix seconds; 2^64 - 1 for one that was withdrawn.
    mapping(uint16 version => uint64) public activeFrom;

    /// @notice A version will be in force from `activeFrom` on.
    event PolicyAnnounced(uint16 indexed version, uint64 activeFrom, Policy policy);
    /// @notice A version that was announced will never be in force.
    event PolicyWithdrawn(uint16 indexed version);

    error InvalidChallengeWindow(uint24 challengeWindow, uint24 maximum);
    error InvalidAnswerTime(uint24 answerTime, uint24 minimum, uint24 maximum);
    error InvalidFraction(uint16 basisPoints, uint16 maximum);
    error NoticeTooShort(uint64 activeFrom, uint256 earliest);
    error NotPending(uint16 version);

    /// @param first Version 1, in force at once: there is nobody yet who could have relied on another.
    constructor(address authority, Policy memory first) AccessManaged(authority) {
        // forge-lint: disable-next-line(unsafe-typecast)
        _add(first, uint64(block.timestamp));
    }

    // ---------------------------------------------------------------- announced → in force, or withdrawn

    /// @notice Announces the next version.
    /// @return version Its number: the last plus one.
    function announce(Policy calldata policy_, uint64 from) external restricted returns (uint16 version) {
        if (from < block.timestamp + NOTICE) revert NoticeTooShort(from, block.timestamp + NOTICE);
        return _add(policy_, from);
    }

    /// @notice Takes back a version that is not in force yet.
    function withdraw(uint16 version) external restricted {
        if (activeFrom[version] <= block.timestamp || activeFrom[version] == type(uint64).max) {
            revert NotPending(version);
        }
        activeFrom[version] = type(uint64).max;
        emit PolicyWithdrawn(version);
    }

    function _add(Policy memory policy_, uint64 from) private returns (uint16 version) {
        _check(policy_.rules);
        version = ++latest;
        _policies[version] = policy_;
        activeFrom[version] = from;
        emit PolicyAnnounced(version, from, policy_);
    }

    function _check(Rules memory r) private pure {
        // No window would leave no moment in which to object.
        if (r.challengeWindow == 0 || r.challengeWindow > MAX_CHALLENGE_WINDOW) {
            revert InvalidChallengeWindow(r.challengeWindow, MAX_CHALLENGE_WINDOW);
        }
        if (r.answerTime < MIN_ANSWER_TIME || r.answerTime > MAX_ANSWER_TIME) {
            revert InvalidAnswerTime(r.answerTime, MIN_ANSWER_TIME, MAX_ANSWER_TIME);
        }
        _atMost(r.headroom, MAX_HEADROOM);
        _atMost(r.gatewayHeadroom, MAX_HEADROOM);
        _atMost(r.meterFactor, MAX_FACTOR);
        _atMost(r.gatewayFactor, MAX_FACTOR);
        _atMost(r.commonsShare, MAX_COMMONS_SHARE);
    }

    function _atMost(uint16 basisPoints, uint16 maximum) private pure {
        if (basisPoints > maximum) revert InvalidFraction(basisPoints, maximum);
    }

    // ---------------------------------------------------------------- what is known

    /// @notice The rules in force now, with their version.
    function inForce() external view returns (uint16 version, Rules memory rules) {
        version = latest;
        // Version 1 was in force from its block on.
        while (activeFrom[version] > block.timestamp) --version;
        return (version, _policies[version].rules);
    }

    /// @notice A version as it was announced.
    function policy(uint16 version) external view returns (Policy memory) {
        return _policies[version];
    }
}
