// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {ImpactOracle} from "../ImpactOracle.sol";
import {Proposal} from "../Proposal.sol";
import {AccountStatement, MeterStatement, Statement} from "../Statement.sol";
import {Community} from "./Community.sol";
import {Vectors} from "./Vectors.sol";
import {vm} from "./Vm.sol";

interface VmEtch {
    function etch(address target, bytes calldata code) external;
}

/// @title The public corpus of statements, trees and proposals (protocol/vectors), as the contracts read it.
contract CorpusTest is Community {
    function test_every_statement_of_the_corpus_has_its_leaf() public view {
        string memory json = Vectors.file("statements");
        uint256 n = Vectors.count(json, "cases");
        holds(n >= 11);
        for (uint256 i = 0; i < n; ++i) {
            uint256 kind = Vectors.number(json, Vectors.path("cases", i, "statement.kind"));
            bytes32 leaf = bytes32(Vectors.data(json, Vectors.path("cases", i, "leaf")));
            uint64 time = uint64(Vectors.number(json, Vectors.path("cases", i, "statement.time")));
            if (kind == 1) {
                equal(
                    this.leafOf(
                        MeterStatement({
                            meterId: bytes32(
                                Vectors.data(json, Vectors.path("cases", i, "statement.meterId"))
                            ),
                            generatedWh: uint64(
                                Vectors.number(json, Vectors.path("cases", i, "statement.generatedWh"))
                            ),
                            time: time,
                            reading: bytes32(
                                Vectors.data(json, Vectors.path("cases", i, "statement.reading"))
                            )
                        })
                    ),
                    leaf
                );
            } else {
                equal(
                    this.leafOf(
                        AccountStatement({
                            household: address(
                                bytes20(Vectors.data(json, Vectors.path("cases", i, "statement.household")))
                            ),
                            credit: Vectors.integer(json, Vectors.path("cases", i, "statement.credit")),
                            time: time
                        })
                    ),
                    leaf
                );
            }
        }
    }

    function leafOf(MeterStatement calldata s) external pure returns (bytes32) {
        return Statement.leaf(s);
    }

    function leafOf(AccountStatement calldata s) external pure returns (bytes32) {
        return Statement.leaf(s);
    }

    function test_every_proof_of_the_corpus_leads_to_its_root() public view {
        string memory json = Vectors.file("trees");
        uint256 proofs = 0;
        for (uint256 i = 0; Vectors.has(json, Vectors.path("trees", i, "name")); ++i) {
            bytes32 root = bytes32(Vectors.data(json, Vectors.path("trees", i, "root")));
            for (uint256 k = 0; Vectors.has(json, _proof(i, k, "leaf")); ++k) {
                uint256 place = Vectors.number(json, _proof(i, k, "leaf"));
                bytes32 leaf = bytes32(Vectors.data(json, _element("leaves", i, place)));
                uint256 length = 0;
                while (Vectors.has(json, _step(i, k, length))) ++length;
                bytes32[] memory proof = new bytes32[](length);
                for (uint256 s = 0; s < length; ++s) {
                    proof[s] = bytes32(Vectors.data(json, _step(i, k, s)));
                }
                equal(MerkleProof.processProof(proof, leaf), root);
                ++proofs;
            }
        }
        holds(proofs >= 20);
    }

    function test_every_proposal_of_the_corpus_has_its_digest() public {
        string memory json = Vectors.file("proposals");
        uint256 n = Vectors.count(json, "cases");
        holds(n >= 12);
        bytes memory code = address(oracle).code;
        for (uint256 i = 0; i < n; ++i) {
            address at_ = address(bytes20(Vectors.data(json, Vectors.path("cases", i, "oracle"))));
            VmEtch(address(vm)).etch(at_, code);
            vm.chainId(Vectors.number(json, Vectors.path("cases", i, "chainId")));
            Proposal memory p = Proposal({
                site: uint32(_number(json, i, "site")),
                number: uint64(_number(json, i, "number")),
                root: bytes32(Vectors.data(json, Vectors.path("cases", i, "proposal.root"))),
                evidence: bytes32(Vectors.data(json, Vectors.path("cases", i, "proposal.evidence"))),
                time: uint64(_number(json, i, "time")),
                leafCount: uint32(_number(json, i, "leafCount")),
                validatorSet: uint32(_number(json, i, "validatorSet"))
            });
            equal(
                ImpactOracle(at_).digest(p), bytes32(Vectors.data(json, Vectors.path("cases", i, "digest")))
            );
        }
    }

    function _number(string memory json, uint256 i, string memory field) private pure returns (uint256) {
        return Vectors.number(json, Vectors.path("cases", i, string.concat("proposal.", field)));
    }

    function _proof(uint256 tree, uint256 k, string memory field) private pure returns (string memory) {
        return string.concat(Vectors.path("trees", tree, "proofs"), _index(k), ".", field);
    }

    function _step(uint256 tree, uint256 k, uint256 s) private pure returns (string memory) {
        return string.concat(_proof(tree, k, "proof"), _index(s));
    }

    function _element(string memory list, uint256 tree, uint256 k) private pure returns (string memory) {
        return string.concat(Vectors.path("trees", tree, list), _index(k));
    }

    function _index(uint256 i) private pure returns (string memory) {
        return string.concat("[", Strings.toString(i), "]");
    }
}
