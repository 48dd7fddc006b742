// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Proposal} from "../Proposal.sol";
import {Proposals, ProposalStatus} from "../Proposals.sol";
import {MeterStatement} from "../Statement.sol";
import {Community} from "./Community.sol";
import {Tree} from "./Tree.sol";
import {vm} from "./Vm.sol";

contract ProposeTest is Community {
    bytes32 private constant ROOT = keccak256("root");

    function test_anyone_may_carry_a_signed_proposal() public {
        Proposal memory p = next(ROOT);
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        vm.expectEmit(address(oracle));
        emit Proposals.Proposed(
            site, 1, ROOT, p.evidence, uint64(START), 1, 1, THREE_OF_FIVE, uint64(START + WINDOW)
        );
        vm.prank(address(0xBEEF));
        oracle.propose(p, THREE_OF_FIVE, signatures);

        (uint64 number, uint64 time, uint64 validAt, bool cancelled) = oracle.head(site);
        equal(number, 1);
        equal(time, START);
        equal(validAt, START + WINDOW);
        holds(!cancelled);
    }

    // ---------------------------------------------------------------- signatures

    function test_every_set_of_signers_is_accepted_that_has_the_threshold_and_no_stranger(uint256 signers)
        public
    {
        signers = within(signers, 0, 63);
        uint256 given = 0;
        for (uint256 i = 0; i < 5; ++i) {
            given += signers >> i & 1;
        }
        Proposal memory p = next(ROOT);
        bytes memory signatures = sign(p, signers);
        if (signers > 31) {
            vm.expectRevert(abi.encodeWithSelector(Proposals.SignerOutsideSet.selector, signers, 5));
        } else if (given < 3) {
            vm.expectRevert(abi.encodeWithSelector(Proposals.TooFewSigners.selector, given, 3));
        }
        oracle.propose(p, signers, signatures);
    }

    function test_a_signature_by_anyone_but_the_validator_at_its_place_is_refused_by_index(
        uint8 bad,
        uint256 by
    ) public {
        bad = uint8(within(bad, 0, 2));
        by = within(by, 1, 1000);
        uint256 index = 2 * uint256(bad);
        vm.assume(by != keys[index]);
        Proposal memory p = next(ROOT);
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        (bytes32 r, bytes32 vs) = vm.signCompact(by, oracle.digest(p));
        assembly ("memory-safe") {
            let place := add(add(signatures, 0x20), mul(bad, 64))
            mstore(place, r)
            mstore(add(place, 0x20), vs)
        }
        vm.expectRevert(abi.encodeWithSelector(Proposals.BadSignature.selector, index, vm.addr(keys[index])));
        oracle.propose(p, THREE_OF_FIVE, signatures);
    }

    function test_a_signature_is_refused_when_one_bit_of_it_is_flipped(uint256 bit) public {
        Proposal memory p = next(ROOT);
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        bit = within(bit, 0, 8 * signatures.length - 1);
        signatures[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        vm.expectRevert(
            abi.encodeWithSelector(
                Proposals.BadSignature.selector, 2 * (bit / 512), vm.addr(keys[2 * (bit / 512)])
            )
        );
        oracle.propose(p, THREE_OF_FIVE, signatures);
    }

    function test_a_malleable_signature_is_refused() public {
        Proposal memory p = next(ROOT);
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        bytes memory signatures;
        for (uint256 i = 0; i < 5; i += 2) {
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[i], oracle.digest(p));
            if (i == 2) (v, s) = (v ^ 7, bytes32(order - uint256(s)));
            // The upper half of s loses its top bit in the compact form; what is left is still no signature.
            signatures = bytes.concat(signatures, r, bytes32(uint256(s) | uint256(v - 27) << 255));
        }
        vm.expectRevert(abi.encodeWithSelector(Proposals.BadSignature.selector, 2, vm.addr(keys[2])));
        oracle.propose(p, THREE_OF_FIVE, signatures);
    }

    function test_signatures_of_another_length_than_the_signers_need_are_refused(uint256 length) public {
        length = within(length, 0, 400);
        vm.assume(length != 192);
        Proposal memory p = next(ROOT);
        vm.expectRevert(abi.encodeWithSelector(Proposals.WrongSignaturesLength.selector, length, 192));
        oracle.propose(p, THREE_OF_FIVE, new bytes(length));
    }

    function test_a_signature_covers_every_field(uint8 field) public {
        Proposal memory signed = next(ROOT);
        bytes memory signatures = sign(signed, THREE_OF_FIVE);
        Proposal memory p = next(ROOT);
        vm.warp(START + 1);
        field = uint8(within(field, 0, 3));
        if (field == 0) p.root = ~p.root;
        else if (field == 1) p.evidence = ~p.evidence;
        else if (field == 2) ++p.time;
        else ++p.leafCount;
        vm.expectRevert(abi.encodeWithSelector(Proposals.BadSignature.selector, 0, vm.addr(keys[0])));
        oracle.propose(p, THREE_OF_FIVE, signatures);
    }

    function test_a_signature_for_one_site_does_not_serve_another() public {
        Proposal memory p = next(ROOT);
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        p.site = openSite(address(this));
        vm.expectRevert(abi.encodeWithSelector(Proposals.BadSignature.selector, 0, vm.addr(keys[0])));
        oracle.propose(p, THREE_OF_FIVE, signatures);
    }

    function test_a_signature_for_one_chain_does_not_serve_another() public {
        Proposal memory p = next(ROOT);
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        vm.chainId(100);
        vm.expectRevert(abi.encodeWithSelector(Proposals.BadSignature.selector, 0, vm.addr(keys[0])));
        oracle.propose(p, THREE_OF_FIVE, signatures);
    }

    function test_the_digest_is_eip_712_of_the_stated_type_and_domain() public view {
        Proposal memory p = next(ROOT);
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Commonwatt ImpactOracle"),
                keccak256("1"),
                block.chainid,
                address(oracle)
            )
        );
        bytes32 content = keccak256(
            abi.encode(
                keccak256(
                    "Proposal(uint32 site,uint64 number,bytes32 root,bytes32 evidence,uint64 time,uint32 leafCount,uint32 validatorSet)"
                ),
                p
            )
        );
        equal(oracle.digest(p), keccak256(abi.encodePacked(hex"1901", domain, content)));
    }

    function test_all_of_256_validators_can_sign() public {
        oracle.setValidators(newValidators(256), 255);
        Proposal memory p = next(ROOT);
        oracle.propose(p, type(uint256).max, sign(p, type(uint256).max));
    }

    // ---------------------------------------------------------------- order

    function test_the_number_is_always_the_last_plus_one(uint64 number) public {
        propose(next(ROOT));
        vm.warp(START + WINDOW);
        Proposal memory p = next(ROOT);
        vm.assume(number != 2);
        p.number = number;
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        vm.expectRevert(abi.encodeWithSelector(Proposals.WrongNumber.selector, site, number, 2));
        oracle.propose(p, THREE_OF_FIVE, signatures);
    }

    function test_the_time_is_always_later_than_the_last(uint64 time) public {
        propose(next(ROOT));
        vm.warp(START + WINDOW);
        Proposal memory p = next(ROOT);
        p.time = uint64(upTo(time, START));
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        vm.expectRevert(abi.encodeWithSelector(Proposals.TimeNotLater.selector, site, p.time, START));
        oracle.propose(p, THREE_OF_FIVE, signatures);
    }

    function test_the_time_is_never_in_the_future(uint64 time) public {
        Proposal memory p = next(ROOT);
        p.time = time % 2 == 0 ? uint64(START + 1) : uint64(within(time, START + 1, type(uint64).max));
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        vm.expectRevert(abi.encodeWithSelector(Proposals.TimeInFuture.selector, p.time, START));
        oracle.propose(p, THREE_OF_FIVE, signatures);
    }

    function test_at_most_one_proposal_of_a_site_is_pending(uint256 wait) public {
        propose(next(ROOT));
        vm.warp(START + 1 + upTo(wait, WINDOW - 2));
        Proposal memory p = next(ROOT);
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        vm.expectRevert(
            abi.encodeWithSelector(Proposals.ProposalPending.selector, site, 1, uint64(START + WINDOW))
        );
        oracle.propose(p, THREE_OF_FIVE, signatures);
        vm.warp(START + WINDOW);
        oracle.propose(p, THREE_OF_FIVE, signatures);
    }

    function test_sites_do_not_wait_for_each_other() public {
        propose(next(ROOT));
        site = openSite(address(this));
        propose(next(ROOT));
        (uint64 number,,,) = oracle.head(site);
        equal(number, 1);
    }

    // ---------------------------------------------------------------- the rest

    function test_an_empty_batch_is_refused() public {
        Proposal memory p = next(ROOT);
        p.leafCount = 0;
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        vm.expectRevert(Proposals.NoLeaves.selector);
        oracle.propose(p, THREE_OF_FIVE, signatures);
    }

    function test_a_site_that_was_never_opened_is_refused(uint32 unknown) public {
        vm.assume(unknown != site);
        Proposal memory p = next(ROOT);
        p.site = unknown;
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        vm.expectRevert(abi.encodeWithSelector(Proposals.UnknownSite.selector, unknown));
        oracle.propose(p, THREE_OF_FIVE, signatures);
    }

    function test_a_proposal_signed_for_another_validator_set_is_refused(uint32 version) public {
        vm.assume(version != 1);
        Proposal memory p = next(ROOT);
        p.validatorSet = version;
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        vm.expectRevert(abi.encodeWithSelector(Proposals.WrongValidatorSet.selector, version, 1));
        oracle.propose(p, THREE_OF_FIVE, signatures);
    }

    function test_a_proposal_becomes_valid_by_time_alone() public {
        propose(next(ROOT));
        vm.warp(START + WINDOW - 1);
        (, ProposalStatus status,,,) = oracle.proposal(site, 1);
        equal(uint256(status), uint256(ProposalStatus.Pending));
        vm.warp(START + WINDOW);
        (, status,,,) = oracle.proposal(site, 1);
        equal(uint256(status), uint256(ProposalStatus.Valid));
    }

    function test_a_leaf_of_any_kind_is_verified_in_a_valid_proposal_and_in_no_other(uint256 chosen) public {
        MeterStatement[] memory all = new MeterStatement[](7);
        for (uint256 i = 0; i < 7; ++i) {
            all[i] = statement(bytes32(i), 0, uint64(START));
        }
        uint256 k = chosen % 7;
        bytes32 leaf = Tree.leaf(all[k]);
        (, bytes32[] memory proof,) = Tree.prove(all, 1 << k);
        uint64 number = proposed(all);
        vm.expectRevert(
            abi.encodeWithSelector(Proposals.ProposalPending.selector, site, number, uint64(START + WINDOW))
        );
        oracle.verifyLeaf(site, number, leaf, proof);
        vm.warp(START + WINDOW);
        holds(oracle.verifyLeaf(site, number, leaf, proof));
        holds(!oracle.verifyLeaf(site, number, Tree.leaf(all[(k + 1) % 7]), proof));
        holds(!oracle.verifyLeaf(site, number, leaf, new bytes32[](0)));
        vm.expectRevert(abi.encodeWithSelector(Proposals.UnknownProposal.selector, site, number + 1, number));
        oracle.verifyLeaf(site, number + 1, leaf, proof);
        valid(only(statement("other", 0, 0))); // the one before the head is still valid
        holds(oracle.verifyLeaf(site, number, leaf, proof));
        holds(!oracle.verifyLeaf(site, number + 1, leaf, proof));
    }

    function test_the_last_two_proposals_are_known_and_no_others() public {
        for (uint256 i = 1; i <= 5; ++i) {
            propose(next(bytes32(i)));
            vm.warp(block.timestamp + WINDOW);
        }
        for (uint64 number = 0; number < 9; ++number) {
            (bytes32 root, ProposalStatus status, uint64 time,,) = oracle.proposal(site, number);
            bool known = number == 4 || number == 5;
            equal(uint256(status), uint256(known ? ProposalStatus.Valid : ProposalStatus.None));
            equal(root, known ? bytes32(uint256(number)) : bytes32(0));
            equal(time, known ? START + (number - 1) * WINDOW : 0);
        }
    }

    function test_state_never_grows_after_the_second_proposal() public {
        bytes32[] memory first = _slotsWritten("a");
        bytes32[] memory second = _slotsWritten("b");
        for (uint256 i = 0; i < 3; ++i) {
            equal(abi.encode(_slotsWritten(bytes32(i + 1))), abi.encode(first));
            equal(abi.encode(_slotsWritten(bytes32(i + 1))), abi.encode(second));
        }
    }

    function _slotsWritten(bytes32 root) private returns (bytes32[] memory slots) {
        Proposal memory p = next(root);
        bytes memory signatures = sign(p, THREE_OF_FIVE);
        vm.record();
        oracle.propose(p, THREE_OF_FIVE, signatures);
        (, bytes32[] memory writes) = vm.accesses(address(oracle));
        slots = _each(writes);
        equal(slots.length, 2);
        vm.warp(block.timestamp + WINDOW);
    }

    /// @dev Each once: how often a slot is written is the optimizer's affair.
    function _each(bytes32[] memory writes) private pure returns (bytes32[] memory slots) {
        slots = new bytes32[](writes.length);
        uint256 count = 0;
        for (uint256 i = 0; i < writes.length; ++i) {
            uint256 known = 0;
            while (known < count && slots[known] != writes[i]) ++known;
            slots[known] = writes[i];
            if (known == count) ++count;
        }
        assembly ("memory-safe") {
            mstore(slots, count)
        }
    }
}
