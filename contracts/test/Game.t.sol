// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Reading} from "../IReadingVerifier.sol";
import {Proposal} from "../Proposal.sol";
import {ProposalStatus} from "../Proposals.sol";
import {IBurnableCertificates, IBurnableToken, Retirements} from "../Retirements.sol";
import {MeterStatement} from "../Statement.sol";
import {Stake} from "../Stakes.sol";
import {Community} from "./Community.sol";
import {Tree} from "./Tree.sol";
import {vm} from "./Vm.sol";

/// @title A community in which the whole game is played in any order: batches with leaves that nobody can answer for,
/// challenges, answers, time-outs, refunds, proofs, stakes bonded and unbonded, energy settled as currency or as
/// certificates, retired and moved.
/// @dev Each step that the contracts allowed and should not have fails the run.
contract Game is Community {
    uint256 public constant METERS = 3;

    Retirements public retirements;
    bytes32[] public ids;
    address[] public players;
    uint64[] public registers;
    /// What the meters were paid, Wh, since their commissioning.
    uint256 public settlements;
    uint256 public answers;
    uint256 public timeOuts;
    uint256 public bondsPaid;

    mapping(uint64 number => MeterStatement[]) private _statements;
    mapping(uint64 number => mapping(uint256 leaf => bytes)) private _readings;

    struct Asked {
        uint64 number;
        uint256 leaf;
        uint256 deadline;
    }
    Asked[] private _asked;

    constructor() {
        setUp();
        retirements = Retirements(_retirements);
        for (uint256 i = 0; i < METERS; ++i) {
            players.push(address(uint160(0x1000 + i)));
            vm.deal(players[i], 100 ether);
            ids.push(register(players[i], i + 2));
            registers.push(START_WH);
        }
        players.push(OPERATOR);
        players.push(address(this));
        vm.deal(OPERATOR, 100 ether);
    }

    address private _retirements;

    /// With the retirements as the one who burns.
    function made(string memory name, bytes memory compiled, bytes memory given)
        internal
        override
        returns (address)
    {
        if (keccak256(bytes(name)) == keccak256("greenToken")) {
            (address its,) = abi.decode(given, (address, address));
            // The token, then the counting certificates, the issuance, the policy, the verifier, the oracle.
            _retirements = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 6);
            given = abi.encode(its, _retirements);
        }
        address created = create(bytes.concat(compiled, given));
        if (keccak256(bytes(name)) == keccak256("impactOracle")) {
            Retirements r =
                new Retirements(IBurnableToken(address(token)), IBurnableCertificates(address(0xCE)));
            holds(address(r) == _retirements);
        }
        return created;
    }

    // ---------------------------------------------------------------- steps

    function timePasses(uint256 elapsed) external {
        vm.warp(block.timestamp + within(elapsed, 1, 3 hours));
    }

    function aMeterCounts(uint256 i, uint256 wh) external {
        registers[i % METERS] += uint64(within(wh, 0, RATED_W / 4));
    }

    /// Every other batch has a leaf behind which there is no reading.
    function aBatchIsProposed(uint256 lie) external {
        (uint64 head,,,) = oracle.head(site);
        MeterStatement[] memory all = new MeterStatement[](METERS);
        for (uint256 i = 0; i < METERS; ++i) {
            all[i] = statement(ids[i], registers[i], uint64(block.timestamp));
            bytes memory reading = bytes.concat(
                abi.encode(Reading(head + 1, uint64(block.timestamp), 2, true, registers[i])),
                ids[i],
                bytes32(0)
            );
            if (lie % 2 == 0 || i != lie % METERS) {
                all[i].reading = keccak256(reading);
                _readings[head + 1][i] = reading;
            }
        }
        Proposal memory p = next(Tree.root(all));
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        try oracle.propose(p, THREE_OF_FIVE, signatures) {
            (, bool staked) = oracle.standing(site);
            holds(staked && stakes.ofSite(site).bonded >= SITE_STAKE);
            for (uint256 i = 0; i < METERS; ++i) {
                _statements[p.number].push(all[i]);
            }
        } catch {
            if (lie % 2 == 0) {
                for (uint256 i = 0; i < METERS; ++i) {
                    delete _readings[head + 1][i];
                }
            } else {
                for (uint256 i = 0; i < METERS; ++i) {
                    if (_statements[head + 1].length == 0) delete _readings[head + 1][i];
                }
            }
        }
    }

    function aLeafIsChallenged(uint256 who, uint256 i) external {
        (uint64 number,,,) = oracle.head(site);
        if (number == 0) return;
        i %= METERS;
        (, bytes32[] memory proof,) = Tree.prove(_statements[number], 1 << i);
        bool open = _status(number) == ProposalStatus.Pending;
        vm.prank(players[who % METERS]);
        try oracle.challenge{value: BOND}(site, number, _statements[number][i], proof) {
            holds(open);
            bondsPaid += BOND;
            _asked.push(Asked(number, i, block.timestamp + ANSWER_TIME));
        } catch {}
    }

    function aChallengeIsAnswered(uint256 who, uint256 k) external {
        if (_asked.length == 0) return;
        Asked memory a = _asked[k % _asked.length];
        bytes memory reading = _readings[a.number][a.leaf];
        MeterStatement memory s = _statements[a.number][a.leaf];
        ProposalStatus status = _status(a.number);
        vm.prank(players[who % METERS]);
        try oracle.answer(site, a.number, s, reading) {
            holds(reading.length != 0 && status == ProposalStatus.Pending && block.timestamp < a.deadline);
            ++answers;
            _forget(k % _asked.length);
        } catch {
            holds(reading.length == 0 || status != ProposalStatus.Pending || block.timestamp >= a.deadline);
        }
    }

    function aChallengeIsTimedOut(uint256 k) external {
        if (_asked.length == 0) return;
        Asked memory a = _asked[k % _asked.length];
        ProposalStatus status = _status(a.number);
        try oracle.cancelUnanswered(site, a.number, Tree.leaf(_statements[a.number][a.leaf])) {
            holds(status == ProposalStatus.Pending && block.timestamp >= a.deadline);
            holds(_status(a.number) == ProposalStatus.Cancelled);
            ++timeOuts;
            _forget(k % _asked.length);
        } catch {
            holds(status != ProposalStatus.Pending || block.timestamp < a.deadline);
        }
    }

    function aBondIsRefunded(uint256 k) external {
        if (_asked.length == 0) return;
        Asked memory a = _asked[k % _asked.length];
        ProposalStatus status = _status(a.number);
        try oracle.refund(site, a.number, Tree.leaf(_statements[a.number][a.leaf])) {
            holds(status == ProposalStatus.Cancelled || status == ProposalStatus.None);
            _forget(k % _asked.length);
        } catch {
            holds(status == ProposalStatus.Pending);
        }
    }

    function aBatchIsStopped(uint8 seldom) external {
        (uint64 number,,,) = oracle.head(site);
        if (seldom % 4 != 0 || number == 0 || _status(number) != ProposalStatus.Pending) return;
        oracle.cancel(site, number);
    }

    function aBatchIsSettled(uint256 chosen, bool before) external {
        (uint64 number,,,) = oracle.head(site);
        if (before && number > 1) --number;
        if (number == 0) return;
        ProposalStatus status = _status(number);
        (uint24 open,) = oracle.standing(site);
        try this.settleChosen(number, within(chosen, 1, (1 << METERS) - 1)) {
            holds(status == ProposalStatus.Valid);
            (uint64 head,,,) = oracle.head(site);
            holds(number != head || open == 0);
            ++settlements;
        } catch {}
    }

    function settleChosen(uint64 number, uint256 chosen) external {
        settle(number, _statements[number], chosen);
    }

    function aHouseholdWantsCertificates(uint256 i, bool wanted) external {
        vm.prank(players[i % METERS]);
        registry.wantCertificates(ids[i % METERS], wanted);
    }

    function currencyIsRetired(uint256 i, uint256 wh) external {
        address holder = players[i % METERS];
        uint256 most = token.balanceOf(holder);
        if (most == 0) return;
        vm.prank(holder);
        retirements.retire(within(wh, 1, most), holder, "statement");
    }

    function currencyMoves(uint256 i, uint256 j, uint256 wh) external {
        address holder = players[i % METERS];
        wh = within(wh, 0, token.balanceOf(holder));
        vm.prank(holder);
        token.transfer(players[j % METERS], wh);
    }

    function aStakeIsBonded(uint256 amount) external {
        amount = within(amount, 0, 2 ether);
        vm.deal(address(this), amount);
        stakes.bondSite{value: amount}(site);
    }

    function aStakeIsUnbonded(uint96 amount) external {
        amount = uint96(within(amount, 0, stakes.ofSite(site).bonded));
        vm.prank(OPERATOR);
        stakes.unbondSite(site, amount);
    }

    function aStakeIsReleased(uint8 seldom) external {
        if (seldom % 8 == 0) vm.warp(block.timestamp + stakes.UNBONDING());
        Stake memory s = stakes.ofSite(site);
        try stakes.releaseSite(site) {
            holds(block.timestamp >= s.releaseAt);
        } catch {
            holds(block.timestamp < s.releaseAt);
        }
    }

    function whatIsOwedIsTaken(uint256 who) external {
        address player = players[who % (METERS + 1)];
        uint256 due = stakes.owed(player);
        uint256 before = player.balance;
        vm.prank(player);
        try stakes.withdraw() {
            holds(due != 0 && player.balance == before + due);
        } catch {
            holds(due == 0);
        }
    }

    function _forget(uint256 k) private {
        _asked[k] = _asked[_asked.length - 1];
        _asked.pop();
    }

    function _status(uint64 number) private view returns (ProposalStatus status) {
        (, status,,,) = oracle.proposal(site, number);
    }

    // ---------------------------------------------------------------- what the invariants read

    function paidSum() external view returns (uint256 sum) {
        for (uint256 i = 0; i < METERS; ++i) {
            sum += paidWh(ids[i]) - START_WH;
        }
    }

    function outstanding() external view returns (uint256) {
        return token.totalSupply() + retirements.retiredWh() + certificates.total();
    }

    function purse() external view returns (uint256 balance, uint256 sum) {
        Stake memory s = stakes.ofSite(site);
        sum = uint256(s.bonded) + s.unbonding + stakes.held() + stakes.burned();
        for (uint256 i = 0; i < keys.length; ++i) {
            s = stakes.ofValidator(vm.addr(keys[i]));
            sum += uint256(s.bonded) + s.unbonding;
        }
        for (uint256 i = 0; i < players.length; ++i) {
            sum += stakes.owed(players[i]);
        }
        return (address(stakes).balance, sum);
    }

    function heldForOpen() external view returns (uint256 held, uint256 asked) {
        return (stakes.held(), _asked.length * BOND);
    }

    function openOnHead() external view returns (uint256 open, uint256 asked) {
        (uint64 number,,, bool cancelled) = oracle.head(site);
        (open,) = oracle.standing(site);
        if (cancelled) return (0, 0);
        for (uint256 i = 0; i < _asked.length; ++i) {
            if (_asked[i].number == number) ++asked;
        }
    }
}

contract GameTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Game private game;

    function setUp() public {
        game = new Game();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(game);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        // What moves the game on is listed more than once.
        bytes4[22] memory steps = [
            Game.timePasses.selector,
            Game.timePasses.selector,
            Game.timePasses.selector,
            Game.aMeterCounts.selector,
            Game.aBatchIsProposed.selector,
            Game.aBatchIsProposed.selector,
            Game.aBatchIsProposed.selector,
            Game.aLeafIsChallenged.selector,
            Game.aLeafIsChallenged.selector,
            Game.aChallengeIsAnswered.selector,
            Game.aChallengeIsAnswered.selector,
            Game.aChallengeIsTimedOut.selector,
            Game.aBondIsRefunded.selector,
            Game.aBatchIsStopped.selector,
            Game.aBatchIsSettled.selector,
            Game.aBatchIsSettled.selector,
            Game.aHouseholdWantsCertificates.selector,
            Game.currencyIsRetired.selector,
            Game.currencyMoves.selector,
            Game.aStakeIsBonded.selector,
            Game.aStakeIsReleased.selector,
            Game.whatIsOwedIsTaken.selector
        ];
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(game), new bytes4[](steps.length + 1));
        for (uint256 i = 0; i < steps.length; ++i) {
            targets[0].selectors[i] = steps[i];
        }
        targets[0].selectors[steps.length] = Game.aStakeIsUnbonded.selector;
    }

    function invariant_all_energy_paid_is_currency_or_certificates_or_retired() public view {
        require(game.paidSum() == game.outstanding());
    }

    function invariant_the_stakes_balance_is_what_is_staked_held_owed_and_burned() public view {
        (uint256 balance, uint256 sum) = game.purse();
        require(balance == sum);
    }

    function invariant_what_is_held_is_the_bonds_of_open_challenges() public view {
        (uint256 held, uint256 asked) = game.heldForOpen();
        require(held == asked);
    }

    function invariant_a_head_counts_its_open_challenges() public view {
        (uint256 open, uint256 asked) = game.openOnHead();
        require(open == asked);
    }

    /// Not an invariant of the contracts but of this test: a game in which nothing happens would prove nothing.
    function test_a_game_is_played_to_its_ends() public {
        for (uint256 i = 0; i < 6; ++i) {
            game.timePasses(1 hours - 1);
            game.aMeterCounts(i, 500);
            game.aBatchIsProposed(i % 3 == 2 ? 1 : 2);
            game.aLeafIsChallenged(i, i % 3 == 2 ? 1 : i);
            game.aChallengeIsAnswered(i, 0);
            game.timePasses(3 hours - 1);
            game.aChallengeIsTimedOut(0);
            game.aStakeIsBonded(1 ether);
            game.aBatchIsSettled(7 - 1, false);
        }
        require(game.answers() == 4 && game.timeOuts() == 2 && game.settlements() == 4);
        game.currencyIsRetired(0, 100);
        (uint256 balance, uint256 sum) = game.purse();
        require(balance == sum && game.paidSum() == game.outstanding());
    }
}
