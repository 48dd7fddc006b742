// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICertificates} from "../ICertificates.sol";

/// @title Certificates that only count.
contract CountingCertificates is ICertificates {
    address public immutable issuance;
    mapping(address owner => mapping(uint256 id => uint256)) public balanceOf;
    uint256 public total;

    constructor(address issuance_) {
        issuance = issuance_;
    }

    function mint(address to, uint256 id, uint256 wh) external {
        require(msg.sender == issuance);
        balanceOf[to][id] += wh;
        total += wh;
    }
}
