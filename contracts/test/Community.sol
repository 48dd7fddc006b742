// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {GreenToken} from "../GreenToken.sol";
import {ImpactOracle} from "../ImpactOracle.sol";
import {Issuance} from "../Issuance.sol";
import {ASSURANCE_METER, Registration, SOURCE_SOLAR} from "../Meter.sol";
import {IKeyVerifier} from "../MeterKeys.sol";
import {IPaid, MeterRegistry} from "../MeterRegistry.sol";
import {Policy, PolicyRegistry, Rules} from "../PolicyRegistry.sol";
import {Proposal} from "../Proposal.sol";
import {Proposals} from "../Proposals.sol";
import {ES256} from "../PublicKey.sol";
import {ReadingVerifier} from "../ReadingVerifier.sol";
import {Say} from "./Say.sol";
import {Stakes} from "../Stakes.sol";
import {MeterStatement} from "../Statement.sol";
import {CountingCertificates} from "./CountingCertificates.sol";
import {PlainVerifier} from "./PlainVerifier.sol";
import {Signing} from "./Signing.sol";
import {Tree} from "./Tree.sol";
import {vm} from "./Vm.sol";

/// @title A community on chain, as every test finds it: governed by the test, five validators of whom three must sign,
/// one site with one 5 kW meter, a challenge window of an hour, 10 % of headroom.
abstract contract Community is Say {
    uint256 internal constant START = 1_800_000_000;
    uint24 internal constant WINDOW = 1 hours;
    uint16 internal constant HEADROOM = 1000;
    uint32 internal constant RATED_W = 5000;
    uint64 internal constant START_WH = 48_213_407;
    uint256 internal constant THREE_OF_FIVE = 0x15;
    uint24 internal constant ANSWER_TIME = 2 hours;
    uint256 internal constant BOND = 0.01 ether;
    uint256 internal constant SITE_STAKE = 1 ether;
    uint256 internal constant VALIDATOR_STAKE = 0.5 ether;
    address internal constant OPERATOR = address(0x517E);
    address internal constant COMMONS = address(0xC0);
    /// The role of an oracle towards the registry.
    uint64 internal constant ORACLE_ROLE = 1;

    AccessManager internal authority;
    MeterRegistry internal registry;
    GreenToken internal token;
    CountingCertificates internal certificates;
    Issuance internal issuance;
    PolicyRegistry internal policy;
    PlainVerifier internal verifier;
    ImpactOracle internal oracle;
    Stakes internal stakes;

    /// The validators' keys, in the order of their addresses.
    uint256[] internal keys;
    uint32 internal site;
    bytes32 internal meterId;
    address internal household = address(0xA11CE);

    function setUp() public virtual {
        vm.warp(START);
        authority = new AccessManager(address(this));
        IKeyVerifier keyVerifier = IKeyVerifier(address(new ReadingVerifier()));
        // Behind the registry come the token, the certificates, the issuance.
        address its = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 3);
        registry = MeterRegistry(
            made(
                "meterRegistry",
                type(MeterRegistry).creationCode,
                abi.encode(address(authority), keyVerifier, IPaid(its))
            )
        );
        (token, certificates, issuance) = newIssuance(3);
        policy = PolicyRegistry(
            made(
                "policyRegistry",
                type(PolicyRegistry).creationCode,
                abi.encode(address(authority), policyOf(rulesOf(WINDOW, HEADROOM)))
            )
        );
        verifier = new PlainVerifier();
        oracle = newOracle(Proposals(address(0)));
        stakes = oracle.stakes();
        oracle.setValidators(newValidators(5), 3);
        site = openSite(OPERATOR);
        meterId = register(household, 1);
    }

    // ---------------------------------------------------------------- deploying

    /// With the oracle that is deployed `later` contracts after the issuance.
    function newIssuance(uint256 later) internal returns (GreenToken, CountingCertificates, Issuance) {
        uint64 nonce = vm.getNonce(address(this));
        address its = vm.computeCreateAddress(address(this), nonce + 2);
        address oracle_ = vm.computeCreateAddress(address(this), nonce + 2 + later);
        address token_ = made("greenToken", type(GreenToken).creationCode, abi.encode(its, address(0xB0B)));
        CountingCertificates certificates_ = new CountingCertificates(its);
        bytes memory given = abi.encode(address(authority), registry, token_, certificates_, oracle_);
        return
            (
                GreenToken(token_),
                certificates_,
                Issuance(made("issuance", type(Issuance).creationCode, given))
            );
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
        holds(created != address(0));
    }

    /// It may suspend meters.
    function newOracle(Proposals predecessor) internal returns (ImpactOracle created) {
        bytes memory given = abi.encode(authority, issuance, policy, verifier, predecessor);
        created = ImpactOracle(made("impactOracle", type(ImpactOracle).creationCode, given));
        bytes4[] memory suspend = new bytes4[](1);
        suspend[0] = registry.suspend.selector;
        authority.setTargetFunctionRole(address(registry), suspend, ORACLE_ROLE);
        authority.grantRole(ORACLE_ROLE, address(created), 0);
    }

    function rulesOf(uint24 window, uint16 headroom) internal pure returns (Rules memory) {
        return Rules({
            challengeWindow: window,
            answerTime: ANSWER_TIME,
            headroom: headroom,
            gatewayHeadroom: headroom,
            meterFactor: 10_000,
            gatewayFactor: 10_000,
            commonsShare: 0,
            bond: uint40(BOND / 1 gwei),
            siteStake: uint40(SITE_STAKE / 1 gwei),
            validatorStake: uint40(VALIDATOR_STAKE / 1 gwei)
        });
    }

    function policyOf(Rules memory rules) internal pure returns (Policy memory) {
        return
            Policy({
                rules: rules, sharingKey: keccak256("proportional"), methodology: keccak256("methodology")
            });
    }

    /// Announces rules, waits until they are in force, and lets the oracle take them over.
    function changeRules(Rules memory rules) internal {
        policy.announce(policyOf(rules), uint64(block.timestamp + policy.NOTICE()));
        vm.warp(block.timestamp + policy.NOTICE());
        oracle.updateRules();
    }

    /// With the stake to propose.
    function openSite(address operator) internal returns (uint32 opened) {
        opened = registry.openSite(operator);
        vm.deal(address(this), SITE_STAKE);
        stakes.bondSite{value: SITE_STAKE}(opened);
    }

    // ---------------------------------------------------------------- making

    function newValidators(uint256 n) internal returns (address[] memory addresses) {
        delete keys;
        addresses = new address[](n);
        for (uint256 i = 0; i < n; ++i) {
            keys.push(i + 1);
            uint256 place = i;
            for (; place > 0 && addresses[place - 1] > vm.addr(i + 1); --place) {
                addresses[place] = addresses[place - 1];
                keys[place] = keys[place - 1];
            }
            addresses[place] = vm.addr(i + 1);
            keys[place] = i + 1;
        }
        for (uint256 i = 0; i < n; ++i) {
            if (stakes.ofValidator(addresses[i]).bonded >= VALIDATOR_STAKE) continue;
            vm.deal(address(this), VALIDATOR_STAKE);
            stakes.bondValidator{value: VALIDATOR_STAKE}(addresses[i]);
        }
    }

    function register(address owner, uint256 key) internal returns (bytes32) {
        Registration[] memory registrations = new Registration[](1);
        registrations[0] = registration(owner, key);
        registry.register(registrations);
        return idOf(registrations[0]);
    }

    function registration(address owner, uint256 key) internal view returns (Registration memory r) {
        r = Registration({
            household: owner,
            site: site,
            scheme: ES256,
            assurance: ASSURANCE_METER,
            source: SOURCE_SOLAR,
            ratedW: RATED_W,
            startTime: uint64(block.timestamp),
            startWh: START_WH,
            publicKey: Signing.keyOf(ES256, key),
            proof: ""
        });
        prove(r, key);
    }

    /// Anew, after a change.
    function prove(Registration memory r, uint256 key) internal view {
        r.proof = Signing.signed(ES256, key, registry.registrationDigest(r));
    }

    function idOf(Registration memory r) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(r.scheme, r.publicKey));
    }

    function statement(bytes32 id, uint64 wh, uint64 time) internal pure returns (MeterStatement memory) {
        return
            MeterStatement({meterId: id, generatedWh: wh, time: time, reading: keccak256(abi.encode(id, wh))});
    }

    function only(MeterStatement memory s) internal pure returns (MeterStatement[] memory statements) {
        statements = new MeterStatement[](1);
        statements[0] = s;
    }

    // ---------------------------------------------------------------- proposing

    /// The site's next proposal, as of now.
    function next(bytes32 root) internal view returns (Proposal memory) {
        (uint64 number,,,) = oracle.head(site);
        (uint32 version,,) = oracle.validators();
        return Proposal({
            site: site,
            number: number + 1,
            root: root,
            evidence: keccak256(abi.encode(root)),
            time: uint64(block.timestamp),
            leafCount: 1,
            validatorSet: version
        });
    }

    function sign(Proposal memory p, uint256 signers) internal view returns (bytes memory signatures) {
        bytes32 digest = oracle.digest(p);
        for (uint256 i = 0; i < keys.length; ++i) {
            if (signers >> i & 1 == 0) continue;
            (bytes32 r, bytes32 vs) = vm.signCompact(keys[i], digest);
            signatures = bytes.concat(signatures, r, vs);
        }
    }

    function propose(Proposal memory p) internal {
        oracle.propose(p, THREE_OF_FIVE, sign(p, THREE_OF_FIVE));
    }

    /// Proposes these statements as the site's next batch and returns its number.
    function proposed(MeterStatement[] memory statements) internal returns (uint64) {
        Proposal memory p = next(Tree.root(statements));
        propose(p);
        return p.number;
    }

    /// The same, and waits until it is valid.
    function valid(MeterStatement[] memory statements) internal returns (uint64 number) {
        number = proposed(statements);
        vm.warp(block.timestamp + WINDOW);
    }

    // ---------------------------------------------------------------- settling

    function settle(uint64 number, MeterStatement[] memory all) internal {
        settle(number, all, type(uint256).max);
    }

    function settle(uint64 number, MeterStatement[] memory all, uint256 chosen) internal {
        (MeterStatement[] memory statements, bytes32[] memory proof, bool[] memory flags) =
            Tree.prove(all, chosen);
        issuance.settle(site, number, statements, proof, flags);
    }

    function paidWh(bytes32 id) internal view returns (uint64 wh) {
        (wh,) = issuance.paid(id);
    }

    function paidTime(bytes32 id) internal view returns (uint64 time) {
        (, time) = issuance.paid(id);
    }
}
