// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {ASSURANCE_METER, Registration, SOURCE_SOLAR} from "../Meter.sol";
import {IKeyVerifier} from "../MeterKeys.sol";
import {IPaid, MeterRegistry} from "../MeterRegistry.sol";
import {ES256} from "../PublicKey.sol";
import {ReadingVerifier} from "../ReadingVerifier.sol";
import {Say} from "./Say.sol";
import {Signing} from "./Signing.sol";
import {vm} from "./Vm.sol";

/// @title An issuance that says what a test wants: until when meters were paid.
contract Payments is IPaid {
    MeterRegistry public registry;
    mapping(bytes32 meterId => uint64) private _until;

    function listenTo(MeterRegistry registry_) external {
        registry = registry_;
    }

    function pay(bytes32 meterId, uint64 until) external {
        _until[meterId] = until;
    }

    function paid(bytes32 meterId) external view returns (uint64, uint64) {
        uint64 until = _until[meterId];
        return until == 0 ? (registry.start(meterId).wh, registry.start(meterId).time) : (0, until);
    }
}

/// @title A registry with two sites and one 5 kW meter that signs with P-256 key 1; governed by the test.
abstract contract Meters is Say {
    uint256 internal constant START = 1_800_000_000;
    uint32 internal constant RATED_W = 5000;
    uint64 internal constant START_WH = 48_213_407;

    AccessManager internal authority;
    ReadingVerifier internal verifier;
    Payments internal payments;
    MeterRegistry internal registry;
    address internal household = address(0xA11CE);
    bytes32 internal meterId;

    function setUp() public virtual {
        vm.warp(START);
        authority = new AccessManager(address(this));
        verifier = ReadingVerifier(made("readingVerifier", type(ReadingVerifier).creationCode, ""));
        payments = new Payments();
        bytes memory given = abi.encode(authority, verifier, payments);
        registry = MeterRegistry(made("meterRegistry", type(MeterRegistry).creationCode, given));
        payments.listenTo(registry);
        registry.openSite(address(0x517E));
        registry.openSite(address(0x517F));
        meterId = register(registration(ES256, 1));
    }

    /// The contract of this name: as it was compiled with the tests.
    function made(string memory, bytes memory compiled, bytes memory given)
        internal
        virtual
        returns (address)
    {
        return create(bytes.concat(compiled, given));
    }

    function create(bytes memory initCode) internal returns (address created) {
        assembly ("memory-safe") {
            created := create(0, add(initCode, 0x20), mload(initCode))
        }
        require(created != address(0));
    }

    // ---------------------------------------------------------------- keys

    function keyOf(uint8 scheme, uint256 secret) internal pure returns (bytes memory) {
        return Signing.keyOf(scheme, secret);
    }

    function idOf(uint8 scheme, bytes memory key) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(scheme, key));
    }

    function signed(uint8 scheme, uint256 secret, bytes32 digest) internal pure returns (bytes memory) {
        return Signing.signed(scheme, secret, digest);
    }

    // ---------------------------------------------------------------- meters

    /// Of the household, at site 1, with the proof of its key.
    function registration(uint8 scheme, uint256 secret) internal view returns (Registration memory r) {
        r = Registration({
            household: household,
            site: 1,
            scheme: scheme,
            assurance: ASSURANCE_METER,
            source: SOURCE_SOLAR,
            ratedW: RATED_W,
            startTime: uint64(block.timestamp),
            startWh: START_WH,
            publicKey: keyOf(scheme, secret),
            proof: ""
        });
        prove(r, secret);
    }

    function prove(Registration memory r, uint256 secret) internal view {
        r.proof = signed(r.scheme, secret, registry.registrationDigest(r));
    }

    function register(Registration memory r) internal returns (bytes32) {
        registry.register(one(r));
        return idOf(r.scheme, r.publicKey);
    }

    function refused(Registration memory r, bytes memory refusal) internal {
        vm.expectRevert(refusal);
        registry.register(one(r));
    }

    function one(Registration memory r) internal pure returns (Registration[] memory list) {
        list = new Registration[](1);
        list[0] = r;
    }

    /// A key for which its meter vouches by the old key `secret` and the next one.
    function rotate(bytes32 id, uint8 scheme, uint256 secret, uint8 nextScheme, uint256 next, uint64 from)
        internal
    {
        bytes memory key = keyOf(nextScheme, next);
        bytes32 digest = registry.rotationDigest(id, idOf(nextScheme, key), from);
        registry.rotate(
            id, nextScheme, key, from, signed(scheme, secret, digest), signed(nextScheme, next, digest)
        );
    }

    /// The time, so many seconds from here.
    function inSeconds(uint256 seconds_) internal view returns (uint64) {
        return uint64(block.timestamp + seconds_);
    }
}
