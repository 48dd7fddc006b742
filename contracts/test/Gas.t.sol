// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Proposal} from "../Proposal.sol";
import {MeterStatement} from "../Statement.sol";
import {Registration} from "../Meter.sol";
import {Community} from "./Community.sol";
import {Generated} from "./Generated.sol";
import {Tree} from "./Tree.sol";
import {vm} from "./Vm.sol";

/// @dev Isolated: each call is a transaction of its own, with its 21,000 gas, its calldata and cold storage. The
/// figures are kept in contracts/snapshots. What is measured is what is shipped: the bytecode of contracts/generated.
contract GasTest is Community {
    function made(string memory name, bytes memory, bytes memory given) internal override returns (address) {
        return create(bytes.concat(Generated.bytecode(name), given));
    }

    /// forge-config: default.isolate = true
    function test_a_repeated_proposal_with_three_of_five_signatures_costs_at_most_65000() public {
        _propose();
        vm.snapshotGasLastCall("ImpactOracle", "propose, 3 of 5, first of a site");
        _propose();
        _propose();
        holds(vm.snapshotGasLastCall("ImpactOracle", "propose, 3 of 5, repeat") <= 65_000);
    }

    /// forge-config: default.isolate = true
    function test_settling_one_meter() public {
        _settleTwice(1, "settle, 1 meter, first", "settle, 1 meter, repeat");
    }

    /// forge-config: default.isolate = true
    function test_settling_ten_meters() public {
        _settleTwice(10, "settle, 10 meters, first", "settle, 10 meters, repeat");
    }

    /// forge-config: default.isolate = true
    function test_settling_a_hundred_meters_again_costs_at_most_20000_each() public {
        holds(_settleTwice(100, "settle, 100 meters, first", "settle, 100 meters, repeat") <= 2_000_000);
    }

    /// forge-config: default.isolate = true
    function test_settling_one_of_a_hundred_meters() public {
        bytes32[] memory ids = _community(100);
        for (uint256 round = 1; round <= 2; ++round) {
            MeterStatement[] memory all = _batch(ids, round);
            settle(valid(all), all, 1);
        }
        vm.snapshotGasLastCall("ImpactOracle", "settle, 1 meter of a batch of 100, repeat");
    }

    /// forge-config: default.isolate = true
    function test_challenging_one_of_a_hundred_leaves() public {
        MeterStatement[] memory all = _batch(_community(100), 1);
        (, bytes32[] memory proof,) = Tree.prove(all, 1);
        uint64 number = proposed(all);
        vm.deal(address(this), BOND);
        oracle.challenge{value: BOND}(site, number, all[0], proof);
        vm.snapshotGasLastCall("ImpactOracle", "challenge, 1 of 100 leaves");
    }

    /// forge-config: default.isolate = true
    function test_counting_a_signature() public {
        for (uint256 round = 1; round <= 2; ++round) {
            Proposal memory p = next(bytes32(round));
            propose(p);
            (bytes32 r, bytes32 vs) = vm.signCompact(keys[4], oracle.digest(p));
            stakes.countSigned(p, r, vs);
            vm.snapshotGasLastCall(
                "Stakes", round == 1 ? "count a signature, first" : "count a signature, repeat"
            );
            vm.warp(block.timestamp + WINDOW);
        }
    }

    function _propose() private {
        Proposal memory p = next(keccak256(abi.encode(block.timestamp)));
        p.leafCount = 100;
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        oracle.propose(p, THREE_OF_FIVE, signatures);
        vm.warp(block.timestamp + WINDOW);
    }

    function _settleTwice(uint256 meters, string memory first, string memory repeat)
        private
        returns (uint256 gas)
    {
        bytes32[] memory ids = _community(meters);
        MeterStatement[] memory all = _batch(ids, 1);
        settle(valid(all), all);
        vm.snapshotGasLastCall("ImpactOracle", first);
        all = _batch(ids, 2);
        settle(valid(all), all);
        gas = vm.snapshotGasLastCall("ImpactOracle", repeat);
        equal(token.totalSupply(), 2 * 1000 * meters);
    }

    function _community(uint256 meters) private returns (bytes32[] memory ids) {
        Registration[] memory registrations = _registrations(meters);
        registry.register(registrations);
        ids = new bytes32[](meters);
        for (uint256 i = 0; i < meters; ++i) {
            ids[i] = idOf(registrations[i]);
        }
    }

    /// Each with a household of its own, which costs most.
    function _registrations(uint256 meters) private view returns (Registration[] memory registrations) {
        registrations = new Registration[](meters);
        for (uint256 i = 0; i < meters; ++i) {
            registrations[i] = registration(address(uint160(uint256(keccak256(abi.encode(i))))), 100 + i);
        }
    }

    function _batch(bytes32[] memory ids, uint256 round) private returns (MeterStatement[] memory all) {
        vm.warp(block.timestamp + 1 hours);
        all = new MeterStatement[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            all[i] = statement(ids[i], START_WH + 1000 * uint64(round), uint64(block.timestamp));
        }
    }
}
