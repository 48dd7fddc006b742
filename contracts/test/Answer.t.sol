// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ImpactOracle} from "../ImpactOracle.sol";
import {Registration} from "../Meter.sol";
import {Proposals, ProposalStatus} from "../Proposals.sol";
import {MeterStatement} from "../Statement.sol";
import {Community} from "./Community.sol";
import {Generated} from "./Generated.sol";
import {Signing} from "./Signing.sol";
import {Vectors} from "./Vectors.sol";
import {vm} from "./Vm.sol";

/// @dev The game with readings that meters signed, out of protocol/vectors, and with the bytecode that is shipped.
contract AnswerTest is Community {
    /// What both readings say.
    uint64 private constant TIME = 1_782_043_200;
    uint64 private constant SHOWN = 48_213_407;
    address private constant CHALLENGER = address(0xC4A1);

    function made(string memory name, bytes memory, bytes memory given) internal override returns (address) {
        return create(bytes.concat(Generated.bytecode(name), given));
    }

    function setUp() public override {
        super.setUp();
        address real = made("readingVerifier", "", "");
        bytes memory given = abi.encode(authority, issuance, policy, real, Proposals(address(0)));
        oracle = ImpactOracle(made("impactOracle", "", given));
        stakes = oracle.stakes();
        oracle.setValidators(newValidators(5), 3);
        site = openSite(OPERATOR);
        vm.deal(CHALLENGER, 1 ether);
    }

    /// forge-config: default.isolate = true
    function test_answering_with_an_ed25519_reading_costs_at_most_400000() public {
        holds(_answered("a roof's reading", "answer, Ed25519, 107 bytes") <= 400_000);
    }

    /// forge-config: default.isolate = true
    function test_answering_with_an_es256_reading_costs_at_most_400000() public {
        holds(_answered("ES256", "answer, ES256 by precompile") <= 400_000);
    }

    function test_a_reading_with_one_bit_flipped_never_answers(uint256 bit) public {
        (MeterStatement memory s, bytes memory reading) = _challenged("a roof's reading");
        bit = within(bit, 0, reading.length * 8 - 1);
        reading[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        vm.expectPartialRevert(ImpactOracle.WrongReading.selector);
        oracle.answer(site, 1, s, reading);
    }

    /// The leaf quotes what its meter never signed: the digest is right, and nothing else.
    function test_a_quoted_reading_with_one_bit_flipped_never_answers(uint256 bit) public {
        (MeterStatement memory s, bytes memory reading) = _of("a roof's reading");
        bit = within(bit, 0, reading.length * 8 - 1);
        reading[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        s.reading = keccak256(reading);
        _propose(s);
        vm.expectRevert();
        oracle.answer(site, 1, s, reading);
        (uint24 open,) = oracle.standing(site);
        equal(open, 1);
    }

    function _answered(string memory name, string memory snapshot) private returns (uint256 gas) {
        (MeterStatement memory s, bytes memory reading) = _challenged(name);
        vm.prank(address(0xA115));
        oracle.answer(site, 1, s, reading);
        gas = vm.snapshotGasLastCall("Answer", snapshot);
        equal(stakes.owed(address(0xA115)), BOND);
        vm.warp(START + WINDOW);
        (, ProposalStatus status,,,) = oracle.proposal(site, 1);
        equal(uint256(status), uint256(ProposalStatus.Valid));
    }

    function _challenged(string memory name) private returns (MeterStatement memory s, bytes memory reading) {
        (s, reading) = _of(name);
        _propose(s);
    }

    function _propose(MeterStatement memory s) private {
        proposed(only(s));
        vm.prank(CHALLENGER);
        oracle.challenge{value: BOND}(site, 1, s, new bytes32[](0));
    }

    function _of(string memory name) private returns (MeterStatement memory s, bytes memory reading) {
        string memory json = Vectors.file("readings");
        uint256 i = 0;
        while (
            keccak256(bytes(Vectors.text(json, Vectors.path("valid", i, "name")))) != keccak256(bytes(name))
        ) {
            ++i;
        }
        reading = Vectors.data(json, Vectors.path("valid", i, "bytes"));
        Registration[] memory one = new Registration[](1);
        one[0] = registration(household, 2);
        one[0].scheme = uint8(Vectors.number(json, Vectors.path("valid", i, "scheme")));
        one[0].publicKey = Vectors.data(json, Vectors.path("valid", i, "publicKey"));
        one[0].startTime = TIME - 1 hours;
        one[0].startWh = SHOWN - 100;
        uint256 secret = _secretOf(Vectors.text(json, Vectors.path("valid", i, "meter")));
        one[0].proof = Signing.signed(one[0].scheme, secret, registry.registrationDigest(one[0]));
        registry.register(one);
        s = MeterStatement(idOf(one[0]), SHOWN, TIME, keccak256(reading));
    }

    /// Anybody may know the secrets of the vectors' meters.
    function _secretOf(string memory meter) private view returns (uint256) {
        string memory json = Vectors.file("keys");
        uint256 i = 0;
        while (
            keccak256(bytes(Vectors.text(json, Vectors.path("valid", i, "name")))) != keccak256(bytes(meter))
        ) {
            ++i;
        }
        return uint256(bytes32(Vectors.data(json, Vectors.path("valid", i, "secret"))));
    }
}
