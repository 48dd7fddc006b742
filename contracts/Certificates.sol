// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ICertificates} from "./ICertificates.sol";

/// @title Certificates of verified energy: 1 unit = 1 Wh of one site, month, source and assurance.
/// @dev Immutable: no owner, no upgrade, one minter for ever. What an id says is in `CertificateId`.
contract Certificates is ERC1155, ICertificates {
    /// @inheritdoc ICertificates
    address public immutable issuance;

    error OnlyIssuance(address caller);
    error InvalidIssuance(address issuance);

    /// @param issuance_ The Issuance. It may be deployed after this contract, at an address known before.
    constructor(address issuance_) ERC1155("") {
        if (issuance_ == address(0)) revert InvalidIssuance(issuance_);
        issuance = issuance_;
    }

    /// @inheritdoc ICertificates
    /// @dev Not _mint, which asks a receiver that is a contract.
    function mint(address to, uint256 id, uint256 wh) external {
        if (msg.sender != issuance) revert OnlyIssuance(msg.sender);
        if (to == address(0)) revert ERC1155InvalidReceiver(to);
        uint256[] memory ids = new uint256[](1);
        uint256[] memory values = new uint256[](1);
        (ids[0], values[0]) = (id, wh);
        _update(address(0), to, ids, values);
    }
}
