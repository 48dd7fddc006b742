// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ERC1155Supply} from "@openzeppelin/contracts/token/ERC1155/extensions/ERC1155Supply.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {CertificateId, ICertificates} from "./ICertificates.sol";

/// @title Certificates of verified energy, for households that want those instead of the currency.
/// @notice One unit is 1 Wh. Units of one id are alike: the same site, month, source and assurance. The issuance mints
/// either these or GREEN for a meter's watt-hour, out of the one register that it keeps for the meter: never both.
/// @dev Immutable, like the token: one minter, one who burns, no owner.
contract Certificates is ERC1155, ERC1155Supply, ICertificates {
    using Strings for uint256;

    /// @inheritdoc ICertificates
    address public immutable issuance;
    /// @notice The only one who burns, and records for whom.
    address public immutable retirements;

    error OnlyIssuance(address caller);
    error OnlyRetirements(address caller);
    error InvalidIssuance(address issuance);
    error InvalidRetirements(address retirements);

    constructor(address issuance_, address retirements_) ERC1155("") {
        if (issuance_ == address(0)) revert InvalidIssuance(issuance_);
        if (retirements_ == address(0)) revert InvalidRetirements(retirements_);
        issuance = issuance_;
        retirements = retirements_;
    }

    /// @inheritdoc ICertificates
    function mint(address to, uint256 id, uint256 wh) external {
        if (msg.sender != issuance) revert OnlyIssuance(msg.sender);
        // Not _mint, which calls a receiver that is a contract.
        _move(address(0), to, id, wh);
    }

    /// @notice Burns for good. By Retirements alone, which checks that the holder wants it.
    function burn(address from, uint256 id, uint256 wh) external {
        if (msg.sender != retirements) revert OnlyRetirements(msg.sender);
        _move(from, address(0), id, wh);
    }

    function _move(address from, address to, uint256 id, uint256 wh) private {
        uint256[] memory ids = new uint256[](1);
        uint256[] memory amounts = new uint256[](1);
        (ids[0], amounts[0]) = (id, wh);
        _update(from, to, ids, amounts);
    }

    /// @notice What an id says, as JSON in a data URI.
    function uri(uint256 id) public pure override returns (string memory) {
        (uint32 site, uint24 vintage, uint8 source, uint8 assurance) = CertificateId.read(id);
        bytes memory json = abi.encodePacked(
            '{"name":"Verified energy, site ',
            uint256(site).toString(),
            ", ",
            _month(vintage),
            '","decimals":3,"unitName":"kWh","properties":{"site":',
            uint256(site).toString(),
            ',"vintage":"',
            _month(vintage),
            '","source":',
            uint256(source).toString(),
            ',"assurance":',
            uint256(assurance).toString(),
            "}}"
        );
        return string.concat("data:application/json;base64,", Base64.encode(json));
    }

    /// @dev 202607 as 2026-07.
    function _month(uint24 vintage) private pure returns (string memory) {
        uint256 month = vintage % 100;
        return string.concat(uint256(vintage / 100).toString(), month < 10 ? "-0" : "-", month.toString());
    }

    function _update(address from, address to, uint256[] memory ids, uint256[] memory amounts)
        internal
        override(ERC1155, ERC1155Supply)
    {
        super._update(from, to, ids, amounts);
    }
}
