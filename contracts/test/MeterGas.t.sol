// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Registration} from "../Meter.sol";
import {ED25519, ES256} from "../PublicKey.sol";
import {Generated} from "./Generated.sol";
import {Meters} from "./Meters.sol";
import {vm} from "./Vm.sol";

/// @dev Isolated: each call is a transaction of its own, with its 21,000 gas, its calldata and cold storage. The figures
/// are kept in contracts/snapshots. What is measured is what is shipped: the bytecode of contracts/generated.
contract MeterRegistryGasTest is Meters {
    function made(string memory name, bytes memory, bytes memory given) internal override returns (address) {
        return create(bytes.concat(Generated.bytecode(name), given));
    }

    /// forge-config: default.isolate = true
    function test_registering_an_ed25519_meter() public {
        _register(ED25519, "register, 1 Ed25519 meter");
    }

    /// forge-config: default.isolate = true
    function test_registering_a_p256_meter() public {
        _register(ES256, "register, 1 P-256 meter");
    }

    /// forge-config: default.isolate = true
    function test_registering_a_meter_with_a_format_of_its_maker() public {
        Registration[] memory list = one(registration(ES256, 2));
        (list[0].scheme, list[0].proof) = (3, "");
        registry.register(list);
        vm.snapshotGasLastCall("MeterRegistry", "register, 1 BSM meter");
    }

    /// forge-config: default.isolate = true
    function test_registering_ten_ed25519_meters() public {
        _registerTen(ED25519, "register, 10 Ed25519 meters");
    }

    /// forge-config: default.isolate = true
    function test_registering_ten_p256_meters() public {
        _registerTen(ES256, "register, 10 P-256 meters");
    }

    /// forge-config: default.isolate = true
    function test_rotating_ed25519_keys() public {
        bytes32 id = register(registration(ED25519, 2));
        rotate(id, ED25519, 2, ED25519, 3, inSeconds(1));
        vm.snapshotGasLastCall("MeterRegistry", "rotate, Ed25519");
    }

    /// forge-config: default.isolate = true
    function test_rotating_p256_keys() public {
        rotate(meterId, ES256, 1, ES256, 2, inSeconds(1));
        vm.snapshotGasLastCall("MeterRegistry", "rotate, P-256");
    }

    /// forge-config: default.isolate = true
    function test_restarting_a_register() public {
        for (uint64 i = 1; i <= 2; ++i) {
            vm.warp(START + i);
            registry.restart(meterId, START_WH, 0, uint64(START) + i);
            vm.snapshotGasLastCall("MeterRegistry", i == 1 ? "restart, first" : "restart, again");
        }
    }

    function _register(uint8 scheme, string memory name) private {
        Registration[] memory list = one(registration(scheme, 2));
        registry.register(list);
        vm.snapshotGasLastCall("MeterRegistry", name);
    }

    function _registerTen(uint8 scheme, string memory name) private {
        Registration[] memory list = new Registration[](10);
        for (uint256 i = 0; i < 10; ++i) {
            list[i] = registration(scheme, i + 2);
        }
        registry.register(list);
        vm.snapshotGasLastCall("MeterRegistry", name);
    }
}
