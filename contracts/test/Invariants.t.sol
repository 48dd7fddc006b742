// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Proposal} from "../Proposal.sol";
import {ProposalStatus} from "../Proposals.sol";
import {MeterStatement} from "../Statement.sol";
import {Rules} from "../PolicyRegistry.sol";
import {Meter, Status} from "../Meter.sol";
import {Issuance} from "../Issuance.sol";
import {Community} from "./Community.sol";
import {Tree} from "./Tree.sol";
import {vm} from "./Vm.sol";

/// @title A community in which anything may happen in any order: honest and lying batches, replays, gaps, cancellations,
/// suspended meters, new rules, new validators.
/// @dev It keeps its own account of what was proposed and cancelled, and judges each step as it happens: a step that
/// the contract allowed and should not have fails the run, and so does one that it should have allowed.
contract Life is Community {
    uint256 public constant METERS = 4;

    bytes32[] public ids;
    address[] public households;
    /// What the meters truly show.
    uint64[] public registers;
    uint64 public proposals;
    uint256 public settlements;

    struct Batch {
        uint256 validAt;
        uint256 time;
        uint256 headroom;
        bool cancelled;
    }

    mapping(uint64 number => Batch) public batches;
    mapping(uint64 number => MeterStatement[]) private _statements;

    constructor() {
        setUp();
        for (uint256 i = 0; i < METERS; ++i) {
            households.push(address(uint160(0x1000 + i % 3))); // the first household has two meters
            ids.push(register(households[i], i + 2));
            registers.push(START_WH);
        }
    }

    // ---------------------------------------------------------------- steps

    function timePasses(uint256 elapsed) external {
        vm.warp(block.timestamp + within(elapsed, 1, 3 hours));
    }

    function aMeterCounts(uint256 i, uint256 wh) external {
        registers[i % METERS] += uint64(within(wh, 0, RATED_W));
    }

    /// Every third batch or so lies about one meter: its register or its time.
    function aBatchIsProposed(uint256 liar, uint256 lie) external paysForward {
        MeterStatement[] memory all = new MeterStatement[](METERS);
        for (uint256 i = 0; i < METERS; ++i) {
            all[i] = statement(ids[i], registers[i], uint64(block.timestamp));
        }
        if (lie % 6 == 0) all[liar % METERS].generatedWh = uint64(within(lie, 0, 2 * START_WH));
        if (lie % 6 == 1) all[liar % METERS].time = uint64(within(lie, START - 1, block.timestamp + 1));
        Proposal memory p = next(Tree.root(all));
        bytes memory signatures = sign(p, THREE_OF_FIVE);

        Batch memory last = batches[proposals];
        bool allowed = (last.cancelled || block.timestamp >= last.validAt) && block.timestamp > last.time;
        try oracle.propose(p, THREE_OF_FIVE, signatures) {
            holds(allowed);
            equal(p.number, ++proposals);
            (, Rules memory r) = oracle.rules();
            batches[proposals] =
                Batch(block.timestamp + r.challengeWindow, block.timestamp, r.headroom, false);
            for (uint256 i = 0; i < METERS; ++i) {
                _statements[proposals].push(all[i]);
            }
        } catch {
            holds(!allowed);
        }
    }

    function aBatchIsProposedOutOfTurn(uint64 number) external paysForward {
        Proposal memory p = next("out of turn");
        if (p.number == number) return;
        p.number = number;
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        try oracle.propose(p, THREE_OF_FIVE, signatures) {
            holds(false);
        } catch {}
    }

    function aBatchIsCancelled(uint64 back) external paysForward {
        uint64 number = _near(back);
        Batch storage batch = batches[number];
        bool allowed =
            number != 0 && number == proposals && !batch.cancelled && block.timestamp < batch.validAt;
        try oracle.cancel(site, number) {
            holds(allowed);
            batch.cancelled = true;
        } catch {
            holds(!allowed);
        }
    }

    function aBatchIsSettled(uint64 back, uint256 chosen) external paysForward {
        uint64 number = _near(back);
        if (number == 0 || number > proposals) return;
        Batch memory batch = batches[number];
        chosen = within(chosen, 1, (1 << METERS) - 1);
        MeterStatement[] memory all = _statements[number];
        bool payable_ = !batch.cancelled && block.timestamp >= batch.validAt && proposals - number <= 1;

        uint256[METERS] memory due;
        for (uint256 i = 0; i < METERS; ++i) {
            if (chosen >> i & 1 == 0) continue;
            (bool sound, uint256 wh) = _judge(all[i], batch);
            payable_ = payable_ && sound;
            due[i] = wh;
        }
        uint256[METERS] memory before = _balances();
        try this.settleChosen(number, chosen) {
            holds(payable_);
            ++settlements;
        } catch {
            holds(!payable_);
            delete due;
        }
        uint256[METERS] memory afterwards = _balances();
        for (uint256 i = 0; i < METERS; ++i) {
            uint256 own = 0;
            for (uint256 j = 0; j < METERS; ++j) {
                if (households[j] == households[i]) own += due[j];
            }
            equal(afterwards[i] - before[i], own);
        }
    }

    function aMeterChangesStatus(uint256 i, uint8 to) external paysForward {
        bytes32 id = ids[i % METERS];
        Status from = registry.meter(id).status;
        // Revoked only seldom, or nothing would be left to pay.
        Status status = to == 7 ? Status.Revoked : Status(1 + to % 2);
        if (from != status && from != Status.Revoked) registry.setStatus(id, status);
    }

    function theRulesChange(uint24 window, uint16 headroom) external paysForward {
        changeRules(rulesOf(uint24(within(window, 1, 3 hours)), uint16(within(headroom, 0, 10_000))));
    }

    function theValidatorsChange(uint256 n) external paysForward {
        oracle.setValidators(newValidators(within(n, 5, 9)), 3);
    }

    function settleChosen(uint64 number, uint256 chosen) external {
        settle(number, _statements[number], chosen);
    }

    // ---------------------------------------------------------------- judging

    /// What was paid never falls, neither register nor time, whatever the step was.
    modifier paysForward() {
        (uint64[METERS] memory wh, uint64[METERS] memory time) = _paid();
        _;
        (uint64[METERS] memory whAfter, uint64[METERS] memory timeAfter) = _paid();
        for (uint256 i = 0; i < METERS; ++i) {
            holds(whAfter[i] >= wh[i]);
            holds(timeAfter[i] >= time[i]);
        }
    }

    /// Whether a statement may be settled under the rules of its batch, and what is due for it.
    function _judge(MeterStatement memory s, Batch memory batch)
        private
        view
        returns (bool sound, uint256 wh)
    {
        Meter memory m = registry.meter(s.meterId);
        if (m.status != Status.Active || s.time > batch.time) return (false, 0);
        (uint64 lastWh, uint64 lastTime) = issuance.paid(s.meterId);
        if (s.time <= lastTime) return (true, 0);
        if (s.generatedWh < lastWh) return (false, 0);
        wh = s.generatedWh - lastWh;
        uint256 ceiling = uint256(m.ratedW) * (s.time - lastTime) * (10_000 + batch.headroom) + 3600 * 10_000;
        return (wh * 3600 * 10_000 <= ceiling, wh);
    }

    function _near(uint64 back) private view returns (uint64) {
        back %= 4;
        return back > proposals + 1 ? 0 : proposals + 1 - back;
    }

    function _paid() private view returns (uint64[METERS] memory wh, uint64[METERS] memory time) {
        for (uint256 i = 0; i < METERS; ++i) {
            (wh[i], time[i]) = issuance.paid(ids[i]);
        }
    }

    function _balances() private view returns (uint256[METERS] memory balances) {
        for (uint256 i = 0; i < METERS; ++i) {
            balances[i] = token.balanceOf(households[i]);
        }
    }

    // ---------------------------------------------------------------- what the invariants read

    function supply() external view returns (uint256) {
        return token.totalSupply();
    }

    function balance(address owner) external view returns (uint256) {
        return token.balanceOf(owner);
    }

    function generated(uint256 i) external view returns (uint256) {
        return paidWh(ids[i]) - registry.start(ids[i]).wh;
    }

    function headNumber() external view returns (uint64 number) {
        (number,,,) = oracle.head(site);
    }

    function pending() external view returns (uint256 count) {
        for (uint64 number = 0; number <= proposals + 1; ++number) {
            (, ProposalStatus status,,,) = oracle.proposal(site, number);
            if (status == ProposalStatus.Pending) ++count;
        }
    }
}

contract InvariantsTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Life private life;

    function setUp() public {
        life = new Life();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(life);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        // What happens often in life is listed more than once.
        bytes4[16] memory steps = [
            Life.timePasses.selector,
            Life.timePasses.selector,
            Life.timePasses.selector,
            Life.aMeterCounts.selector,
            Life.aMeterCounts.selector,
            Life.aBatchIsProposed.selector,
            Life.aBatchIsProposed.selector,
            Life.aBatchIsProposed.selector,
            Life.aBatchIsSettled.selector,
            Life.aBatchIsSettled.selector,
            Life.aBatchIsSettled.selector,
            Life.aBatchIsCancelled.selector,
            Life.aBatchIsProposedOutOfTurn.selector,
            Life.aMeterChangesStatus.selector,
            Life.theRulesChange.selector,
            Life.theValidatorsChange.selector
        ];
        targets = new FuzzSelector[](1);
        targets[0].addr = address(life);
        targets[0].selectors = new bytes4[](steps.length);
        for (uint256 i = 0; i < steps.length; ++i) {
            targets[0].selectors[i] = steps[i];
        }
    }

    function invariant_the_supply_is_what_the_meters_were_paid_for_since_commissioning() public view {
        uint256 sum = 0;
        for (uint256 i = 0; i < life.METERS(); ++i) {
            sum += life.generated(i);
        }
        require(life.supply() == sum);
    }

    function invariant_each_household_has_what_its_meters_generated() public view {
        for (uint256 i = 0; i < life.METERS(); ++i) {
            uint256 sum = 0;
            for (uint256 j = 0; j < life.METERS(); ++j) {
                if (life.households(j) == life.households(i)) sum += life.generated(j);
            }
            require(life.balance(life.households(i)) == sum);
        }
    }

    function invariant_the_number_counts_the_proposals() public view {
        require(life.headNumber() == life.proposals());
    }

    function invariant_at_most_one_proposal_is_pending() public view {
        require(life.pending() <= 1);
    }

    /// Not an invariant of the contracts but of this test: a life in which nothing is ever paid would prove nothing.
    function test_an_honest_life_is_paid() public {
        for (uint256 i = 0; i < 5; ++i) {
            life.timePasses(1 hours - 1);
            life.aMeterCounts(i, 1000);
            life.aBatchIsProposed(0, 2);
            life.timePasses(1 hours - 1);
            life.aBatchIsSettled(1, 14);
        }
        require(life.settlements() == 5 && life.supply() == 5000);
    }
}
