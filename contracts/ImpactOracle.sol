// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {Ceiling} from "./Ceiling.sol";
import {Head} from "./Head.sol";
import {IReadingVerifier, Reading} from "./IReadingVerifier.sol";
import {Issuance} from "./Issuance.sol";
import {Meter, Start, Status} from "./MeterRegistry.sol";
import {PolicyRegistry, Rules} from "./PolicyRegistry.sol";
import {Fault, Proposals} from "./Proposals.sol";
import {ED25519, ES256} from "./PublicKey.sol";
import {MeterStatement, Statement} from "./Statement.sol";

/// @title The oracle: proposals that anyone may doubt, down to a meter's signature.
/// @notice
///
///     propose ──(window, and no open challenge)──▶ valid ──▶ Issuance.settle, by anyone
///        │                     ▲
///        ├── challenge ──▶ open┴─ answer: the bond pays the answerer
///        │                   └─── too late ──▶ cancelUnanswered: the site is slashed, half burned, half to the challenger
///        ├── prove… : cancelled at once
///        └── cancel : the guardian's brake
///
/// A proposal becomes valid by time alone; nobody has to finalise it. At most one proposal of a site is pending. A
/// challenge must begin within the window, and holds its proposal back until it is answered, at most one answer time
/// longer than the window. Other sites never wait for it.
/// @dev Replaceable: the Issuance listens to one oracle and can be given a successor after its exit window. No proxy.
contract ImpactOracle is Proposals {
    /// @dev One slot; there while it is open.
    struct Challenge {
        address challenger;
        /// Until when it must be answered, Unix seconds.
        uint40 deadline;
        /// In gwei.
        uint40 bond;
    }

    /// @dev The clock quality of a reading whose time counts (protocol/SPEC.md, 3.2).
    uint8 private constant SYNCHRONISED = 2;
    /// @dev The rules off chain let a register run ahead by what its meter makes in a quarter of an hour
    /// (protocol/SPEC.md, 9.1).
    uint64 private constant LEAD = 15 minutes;
    /// @dev The length of a signature at a reading's end.
    uint256 private constant SIGNATURE = 64;

    /// @notice Reads and verifies readings.
    IReadingVerifier public immutable verifier;

    mapping(bytes32 id => Challenge) private _challenges;

    /// @notice Someone asks for the reading behind a leaf, until `deadline`.
    event Challenged(
        uint32 indexed site,
        uint64 indexed number,
        bytes32 indexed leaf,
        MeterStatement statement,
        address challenger,
        uint64 deadline
    );
    /// @notice The reading was shown; the challenger's bond is the answerer's.
    event Answered(uint32 indexed site, uint64 indexed number, bytes32 indexed leaf, address answerer);
    /// @notice The proposal was cancelled for another reason; the bond is the challenger's again.
    event Refunded(uint32 indexed site, uint64 indexed number, bytes32 indexed leaf, address challenger);
    /// @notice A meter signed two different readings with one sequence number, and was suspended.
    event TwinReadings(bytes32 indexed meterId, uint64 sequence, bytes32 a, bytes32 b);

    error NotInProposal(uint32 site, uint64 number, bytes32 leaf);
    error WindowOver(uint32 site, uint64 number, uint64 validAt);
    error WrongBond(uint256 given, uint256 wanted);
    error AlreadyChallenged(uint32 site, uint64 number, bytes32 leaf);
    error NoChallenge(uint32 site, uint64 number, bytes32 leaf);
    error NotAnswerable(bytes32 meterId, uint8 scheme);
    error TooLate(uint64 deadline);
    error StillTime(uint64 deadline);
    error WrongReading(bytes32 digest, bytes32 stated);
    error ReadingDiffers(uint64 time, uint64 generatedWh, uint8 clock);
    error StillStanding(uint32 site, uint64 number);

    error NotProven();
    error MeterNotActive(bytes32 meterId, Status status);
    error NotTwins();

    /// @param authority Governs validators and the guardian's brake.
    /// @param issuance_ Who listens to this oracle, or will when it succeeds another.
    /// @param policy_ Where the rules come from.
    /// @param verifier_ Reads and verifies readings.
    /// @param predecessor_ The oracle that this one succeeds; zero for the first.
    constructor(
        AccessManager authority,
        Issuance issuance_,
        PolicyRegistry policy_,
        IReadingVerifier verifier_,
        Proposals predecessor_
    ) Proposals(address(authority), issuance_, policy_, predecessor_) {
        verifier = verifier_;
    }

    // ---------------------------------------------------------------- challenge → answered, or cancelled

    /// @notice "Show me the reading behind this leaf." Anyone may ask while the window is open, with the bond that the
    /// rules of the proposal want. There is no limit to how many leaves are asked for at once: a limit would let a site
    /// fill the places itself.
    /// @param s A statement of the proposal.
    /// @param proof Its branch.
    function challenge(uint32 site, uint64 number, MeterStatement calldata s, bytes32[] calldata proof)
        external
        payable
    {
        Head last = _pending(site, number);
        if (block.timestamp >= last.validAt()) revert WindowOver(site, number, last.validAt());
        bytes32 leaf = _leaf(site, number, s, proof);
        // What a meter's maker signs in a format of its own cannot be read on chain. Unknown meters (scheme zero) may
        // be asked for; nobody will answer.
        (uint8 scheme,) = registry.keyAt(s.meterId, s.time);
        if (scheme > ES256) revert NotAnswerable(s.meterId, scheme);
        Rules memory r = _rules[last.rules()];
        if (msg.value != uint256(r.bond) * 1 gwei) revert WrongBond(msg.value, uint256(r.bond) * 1 gwei);
        bytes32 id = _id(site, number, leaf);
        if (_challenges[id].challenger != address(0)) revert AlreadyChallenged(site, number, leaf);

        // forge-lint: disable-next-line(unsafe-typecast)
        uint40 deadline = uint40(block.timestamp + r.answerTime);
        _challenges[id] = Challenge({challenger: msg.sender, deadline: deadline, bond: r.bond});
        _heads[site] = last.withOpen(last.open() + 1);
        stakes.hold{value: msg.value}();
        emit Challenged(site, number, leaf, s, msg.sender, deadline);
    }

    /// @notice Shows the reading. Anyone who has it may; the bond is theirs.
    /// @param s The statement that was asked for.
    /// @param reading The reading's bytes as the meter signed them.
    function answer(uint32 site, uint64 number, MeterStatement calldata s, bytes calldata reading) external {
        bytes32 leaf = Statement.leaf(s);
        Challenge memory asked = _openChallenge(site, number, leaf);
        Head last = _pending(site, number);
        if (block.timestamp >= asked.deadline) revert TooLate(asked.deadline);
        bytes32 digest_ = keccak256(reading);
        if (digest_ != s.reading) revert WrongReading(digest_, s.reading);
        Reading memory shown = _verified(s.meterId, s.time, reading);
        if (
            !shown.hasGenerated || shown.clock != SYNCHRONISED
                || !_counts(s.meterId, shown, last.time(), s.generatedWh)
        ) revert ReadingDiffers(shown.time, shown.generatedWh, shown.clock);

        delete _challenges[_id(site, number, leaf)];
        _heads[site] = last.withOpen(last.open() - 1);
        stakes.owe(msg.sender, uint256(asked.bond) * 1 gwei);
        emit Answered(site, number, leaf, msg.sender);
    }

    /// @notice Cancels a proposal of which a leaf was asked for and not shown in time: the site is slashed, and the
    /// challenger has the bond back and half of that. Anyone may say so.
    function cancelUnanswered(uint32 site, uint64 number, bytes32 leaf) external {
        Challenge memory asked = _openChallenge(site, number, leaf);
        Head last = _pending(site, number);
        if (block.timestamp < asked.deadline) revert StillTime(asked.deadline);
        delete _challenges[_id(site, number, leaf)];
        _heads[site] = last.withOpen(last.open() - 1);
        stakes.owe(asked.challenger, uint256(asked.bond) * 1 gwei);
        _punish(site, number, last, Fault.Unanswered, asked.challenger);
    }

    /// @notice Gives a challenger the bond back whose proposal was cancelled for another reason. Anyone may say so.
    function refund(uint32 site, uint64 number, bytes32 leaf) external {
        Challenge memory asked = _openChallenge(site, number, leaf);
        Head last = _heads[site];
        // No site proposes while a challenge is open, unless the proposal was cancelled.
        if (number == last.number() && !last.cancelled()) revert StillStanding(site, number);
        delete _challenges[_id(site, number, leaf)];
        stakes.owe(asked.challenger, uint256(asked.bond) * 1 gwei);
        emit Refunded(site, number, leaf, asked.challenger);
    }

    // ---------------------------------------------------------------- proofs that need no waiting

    /// @notice Proves that a leaf's meter was not registered then, or not for this site, or that the leaf is later than
    /// its own proposal. The site is slashed.
    function proveNotRegistered(
        uint32 site,
        uint64 number,
        MeterStatement calldata s,
        bytes32[] calldata proof
    ) external {
        Head last = _pending(site, number);
        _leaf(site, number, s, proof);
        // Before a meter's start, and for one that is not registered, there is no site.
        if (s.time <= last.time() && registry.siteAt(s.meterId, s.time) == site) revert NotProven();
        _punish(site, number, last, Fault.NotRegistered, msg.sender);
    }

    /// @notice Proves that a leaf says more than its meter can have generated since it was commissioned, at the highest
    /// rated power that it ever had. The site is slashed.
    /// @dev Not since it was last paid: a register that stood still and then shows what was measured meanwhile is
    /// honest, although the issuance pays for it only as time goes by.
    function proveAboveCeiling(
        uint32 site,
        uint64 number,
        MeterStatement calldata s,
        bytes32[] calldata proof
    ) external {
        Head last = _pending(site, number);
        _leaf(site, number, s, proof);
        Start memory start = registry.start(s.meterId);
        Rules memory r = _rules[last.rules()];
        uint16 headroom = r.headroom > r.gatewayHeadroom ? r.headroom : r.gatewayHeadroom;
        // What is earlier than its start is not this proof's.
        if (start.time == 0 || s.time < start.time) revert NotProven();
        uint256 most = start.wh + Ceiling.ceilingWh(start.mostRatedW, s.time - start.time + LEAD, headroom);
        if (s.generatedWh <= most) revert NotProven();
        _punish(site, number, last, Fault.AboveCeiling, msg.sender);
    }

    /// @notice Shows a reading by a leaf's meter that is later than the leaf, and lower. The proposal is cancelled and
    /// the meter suspended, so that the next proposal cannot be cancelled by it again. Nobody is slashed: it is the
    /// meter that contradicts itself, and registers do fall (a reset, a replaced counter) without anybody's lie.
    function proveRegisterFell(
        uint32 site,
        uint64 number,
        MeterStatement calldata s,
        bytes32[] calldata proof,
        uint64 readAt,
        bytes calldata reading
    ) external {
        Head last = _pending(site, number);
        _leaf(site, number, s, proof);
        Meter memory meter = registry.meter(s.meterId);
        if (meter.status != Status.Active && meter.status != Status.Ended) {
            revert MeterNotActive(s.meterId, meter.status);
        }
        Reading memory shown = _verified(s.meterId, readAt, reading);
        if (
            shown.time <= s.time || shown.time > block.timestamp || shown.clock != SYNCHRONISED
                || !shown.hasGenerated || !_countsBelow(s.meterId, shown, last.time(), s.generatedWh)
        ) revert NotProven();
        _cancel(site, number, Fault.RegisterFell);
        registry.suspend(s.meterId);
    }

    /// @notice Shows two different readings by one meter with one sequence number: the meter is suspended. Different is
    /// what was signed, not the signature: some meters sign anew when they send again. Only the present key counts: who
    /// stole one that was replaced since could write such readings for ever.
    /// @param timeA The time of the first reading, which says which key it was signed with.
    function proveTwins(bytes32 meterId, uint64 timeA, bytes calldata a, uint64 timeB, bytes calldata b)
        external
    {
        Reading memory first = _verified(meterId, timeA, a);
        Reading memory second = _verified(meterId, timeB, b);
        if (
            first.sequence != second.sequence || !_isPresent(meterId, timeA) || !_isPresent(meterId, timeB)
                || keccak256(a[:a.length - SIGNATURE]) == keccak256(b[:b.length - SIGNATURE])
        ) revert NotTwins();
        emit TwinReadings(meterId, first.sequence, keccak256(a), keccak256(b));
        registry.suspend(meterId);
    }

    // ---------------------------------------------------------------- shared

    /// @dev The stake that the rules of the proposal wanted is lost. Once this oracle was succeeded its proposals can
    /// mint nothing, and nobody loses a stake for them.
    function _punish(uint32 site, uint64 number, Head last, Fault fault, address to) private {
        _cancel(site, number, fault);
        if (address(issuance.oracle()) == address(this)) {
            stakes.slashSite(site, number, uint256(_rules[last.rules()].siteStake) * 1 gwei, to);
        }
    }

    function _leaf(uint32 site, uint64 number, MeterStatement calldata s, bytes32[] calldata proof)
        private
        view
        returns (bytes32 leaf)
    {
        leaf = Statement.leaf(s);
        if (!_isIn(site, number, leaf, proof)) revert NotInProposal(site, number, leaf);
    }

    /// @dev A reading that the meter signed with the key that it had at `time`.
    function _verified(bytes32 meterId, uint64 time, bytes calldata reading)
        private
        view
        returns (Reading memory shown)
    {
        (uint8 scheme, bytes32[2] memory key) = registry.keyAt(meterId, time);
        if (scheme != ED25519 && scheme != ES256) revert NotAnswerable(meterId, scheme);
        shown = verifier.verify(reading, bytes32(registry.kidAt(meterId, time)), scheme, key);
        if (shown.time != time) revert ReadingDiffers(shown.time, shown.generatedWh, shown.clock);
    }

    /// @dev Whether a reading says this counted register, by what the registry knew at any moment since the snapshot: an
    /// operator who takes in a restart of the past must not make false, and cost a site its stake, what was true.
    function _counts(bytes32 meterId, Reading memory shown, uint64 snapshot, uint64 wh)
        private
        view
        returns (bool)
    {
        int256[] memory offsets = registry.offsetsAt(meterId, shown.time, snapshot);
        for (uint256 i = 0; i < offsets.length; ++i) {
            if (int256(uint256(shown.generatedWh)) + offsets[i] == int256(uint256(wh))) return true;
        }
        return false;
    }

    /// @dev Whether it says less, by all that the registry knew since then.
    function _countsBelow(bytes32 meterId, Reading memory shown, uint64 snapshot, uint64 wh)
        private
        view
        returns (bool)
    {
        int256[] memory offsets = registry.offsetsAt(meterId, shown.time, snapshot);
        for (uint256 i = 0; i < offsets.length; ++i) {
            if (int256(uint256(shown.generatedWh)) + offsets[i] >= int256(uint256(wh))) return false;
        }
        return true;
    }

    /// @dev Whether the key of that time is the one that the meter signs with now.
    function _isPresent(bytes32 meterId, uint64 time) private view returns (bool) {
        return registry.kidAt(meterId, time) == registry.kidAt(meterId, uint64(block.timestamp));
    }

    function _id(uint32 site, uint64 number, bytes32 leaf) private pure returns (bytes32) {
        return keccak256(abi.encode(site, number, leaf));
    }

    function _openChallenge(uint32 site, uint64 number, bytes32 leaf)
        private
        view
        returns (Challenge memory asked)
    {
        asked = _challenges[_id(site, number, leaf)];
        if (asked.challenger == address(0)) revert NoChallenge(site, number, leaf);
    }

    // ---------------------------------------------------------------- what is known

    /// @notice An open challenge: who asks, until when it must be answered, and its bond in wei. All zero for none.
    function challengeTo(uint32 site, uint64 number, bytes32 leaf)
        external
        view
        returns (address challenger, uint64 deadline, uint256 bond)
    {
        Challenge memory asked = _challenges[_id(site, number, leaf)];
        return (asked.challenger, asked.deadline, uint256(asked.bond) * 1 gwei);
    }
}
