// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {CertificateId} from "./ICertificates.sol";
import {ASSURANCE_METER, Meter, SOURCE_MASK, SOURCE_SOLAR, Start, Status} from "./Meter.sol";
import {ED25519, ES256} from "./PublicKey.sol";

/// @title A meter's credential as a wallet shows it.
/// @notice JSON in a data URI, with a picture drawn here: no server. It says what the meter is, and of its household
/// nothing.
/// @dev A contract of its own only because of its size. It has no state; the registry makes it.
contract MeterPicture {
    using Strings for uint256;

    /// @param scheme What it signs with today.
    function uri(Meter calldata m, Start calldata start, uint8 scheme) external pure returns (string memory) {
        string memory json = string.concat(
            '{"name":"Meter of site ',
            uint256(m.site).toString(),
            '","description":"An electricity meter whose signed readings count. Its credential cannot be moved.","image":"data:image/svg+xml;base64,',
            Base64.encode(bytes(_picture(m, start, scheme))),
            '","attributes":[',
            _attributes(m, start, scheme),
            "]}"
        );
        return string.concat("data:application/json;base64,", Base64.encode(bytes(json)));
    }

    function _attributes(Meter calldata m, Start calldata start, uint8 scheme)
        private
        pure
        returns (string memory)
    {
        string memory what = string.concat(
            _trait("status", _status(m.status)),
            _trait("site", uint256(m.site).toString()),
            _trait("rated power, kW", _kW(m.ratedW)),
            _trait("source", _source(m.flags & SOURCE_MASK))
        );
        return string.concat(
            what,
            _trait("assurance", _assurance(m.assurance)),
            _trait("signs with", _scheme(scheme)),
            '{"display_type":"date","trait_type":"since","value":',
            uint256(start.time).toString(),
            "}"
        );
    }

    function _trait(string memory name, string memory value) private pure returns (string memory) {
        return string.concat('{"trait_type":"', name, '","value":"', value, '"},');
    }

    /// @dev A round meter with a dial; its ring is green while its energy counts.
    function _picture(Meter calldata m, Start calldata start, uint8 scheme)
        private
        pure
        returns (string memory)
    {
        string memory place = string.concat(
            _source(m.flags & SOURCE_MASK), ", site ", uint256(m.site).toString(), ", ", _status(m.status)
        );
        string memory signer = string.concat("signed by the ", _assurance(m.assurance), ", ", _scheme(scheme));
        string memory lines = string.concat(
            _line("268", "36", string.concat(_kW(m.ratedW), " kW")),
            _line("300", "18", place),
            _line("332", "14", signer),
            _line("360", "14", string.concat("since ", _month(start.time)))
        );
        return string.concat(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" font-family="sans-serif" text-anchor="middle" fill="#10331f">'
            '<rect width="400" height="400" fill="#e7f5ec"/><circle cx="200" cy="128" r="92" fill="#fff" stroke="',
            m.status == Status.Active ? "#2f8f5b" : "#a8a29a",
            '" stroke-width="14"/><path d="M138 146a66 66 0 0 1 124 0" fill="none" stroke="#f2b705" stroke-width="10"/>'
            '<path d="M200 168l34-62" stroke="#10331f" stroke-width="6"/><circle cx="200" cy="168" r="9"/>',
            lines,
            "</svg>"
        );
    }

    function _line(string memory y, string memory size, string memory text)
        private
        pure
        returns (string memory)
    {
        return string.concat('<text x="200" y="', y, '" font-size="', size, '">', text, "</text>");
    }

    function _status(Status status) private pure returns (string memory) {
        if (status == Status.Active) return "active";
        if (status == Status.Suspended) return "suspended";
        if (status == Status.Ended) return "ended";
        return "revoked";
    }

    function _source(uint8 source) private pure returns (string memory) {
        return source == SOURCE_SOLAR ? "solar" : string.concat("source ", uint256(source).toString());
    }

    function _assurance(uint8 assurance) private pure returns (string memory) {
        return assurance == ASSURANCE_METER ? "meter" : "gateway";
    }

    function _scheme(uint8 scheme) private pure returns (string memory) {
        if (scheme == ED25519) return "Ed25519";
        if (scheme == ES256) return "ES256";
        // The format without the place where the meter stands (protocol/SPEC.md, 2).
        return scheme & 0x7f == 3 ? "BSM" : "OCMF";
    }

    /// @dev 5050 as 5.05.
    function _kW(uint256 watts) private pure returns (string memory) {
        string memory whole = (watts / 1000).toString();
        uint256 rest = watts % 1000;
        if (rest == 0) return whole;
        bytes memory digits = bytes((1000 + rest).toString());
        digits[0] = ".";
        uint256 length = 4;
        while (digits[length - 1] == "0") --length;
        assembly ("memory-safe") {
            mstore(digits, length)
        }
        return string.concat(whole, string(digits));
    }

    function _month(uint256 time) private pure returns (string memory) {
        uint256 vintage = CertificateId.vintageOf(time);
        uint256 month = vintage % 100;
        return string.concat((vintage / 100).toString(), month < 10 ? "-0" : "-", month.toString());
    }
}
