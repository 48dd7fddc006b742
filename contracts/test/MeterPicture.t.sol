// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {ASSURANCE_GATEWAY, Registration, Status} from "../Meter.sol";
import {ED25519, ES256} from "../PublicKey.sol";
import {Meters} from "./Meters.sol";
import {vm} from "./Vm.sol";

/// @title What a wallet shows of a meter. START is in January 2027.
contract MeterRegistryPictureTest is Meters {
    bytes private constant JSON = "data:application/json;base64,";
    bytes private constant SVG = '"image":"data:image/svg+xml;base64,';

    function test_a_wallet_is_shown_json_with_a_picture_from_no_server() public view {
        bytes memory json = _json(meterId);
        holds(
            _has(
                json,
                '{"name":"Meter of site 1","description":"An electricity meter whose signed readings count. Its credential cannot be moved.","image":"data:image/svg+xml;base64,'
            )
        );
        holds(
            _has(
                json,
                '"attributes":[{"trait_type":"status","value":"active"},{"trait_type":"site","value":"1"},{"trait_type":"rated power, kW","value":"5"},{"trait_type":"source","value":"solar"},{"trait_type":"assurance","value":"meter"},{"trait_type":"signs with","value":"ES256"},{"display_type":"date","trait_type":"since","value":1800000000}]}'
            )
        );
        bytes memory svg = _svg(meterId);
        holds(_has(svg, ">5 kW</text>"));
        holds(_has(svg, ">solar, site 1, active</text>"));
        holds(_has(svg, ">signed by the meter, ES256</text>"));
        holds(_has(svg, ">since 2027-01</text></svg>"));
        // A name of XML, and nothing to fetch.
        holds(_has(svg, '<svg xmlns="http://www.w3.org/2000/svg" '));
        holds(!_has(svg, "href"));
        holds(!_has(svg, "url("));
    }

    function test_it_says_what_the_meter_is_today() public {
        Registration memory r = registration(ED25519, 2);
        (r.assurance, r.source, r.ratedW) = (ASSURANCE_GATEWAY, 3, 10_050);
        prove(r, 2);
        bytes32 id = register(r);
        _shows(id, ">10.05 kW</text>", "source 3, site 1, active", "signed by the gateway, Ed25519");
        rotate(id, ED25519, 2, ES256, 3, inSeconds(60));
        registry.move(id, 2);
        registry.setRatedPower(id, 600, uint64(START));
        registry.suspend(id);
        _shows(id, ">0.6 kW</text>", "source 3, site 2, suspended", "signed by the gateway, Ed25519");
        registry.setStatus(id, Status.Active);
        vm.warp(START + 60);
        registry.end(id, START_WH, uint64(START));
        _shows(id, ">0.6 kW</text>", "source 3, site 2, ended", "signed by the gateway, ES256");
        registry.setStatus(id, Status.Revoked);
        _shows(id, ">0.6 kW</text>", "source 3, site 2, revoked", "signed by the gateway, ES256");
    }

    function test_it_names_the_formats_of_meters_makers() public {
        uint8[4] memory schemes = [3, 131, 4, 137];
        for (uint256 i = 0; i < 4; ++i) {
            Registration memory r = registration(ES256, 2 + i);
            (r.scheme, r.proof) = (schemes[i], "");
            _shows(
                register(r), "5 kW", "active", i < 2 ? bytes("the meter, BSM<") : bytes("the meter, OCMF<")
            );
        }
    }

    function test_it_never_says_whose_it_is() public view {
        string memory address_ = Strings.toHexString(household);
        holds(!_has(_json(meterId), bytes(address_)));
        holds(!_has(_svg(meterId), bytes(address_)));
        string memory checksummed = Strings.toChecksumHexString(household);
        holds(!_has(_json(meterId), bytes(checksummed)));
        holds(!_has(_svg(meterId), bytes(checksummed)));
    }

    function test_of_an_unknown_meter_there_is_no_picture() public {
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 1));
        registry.tokenURI(1);
    }

    function _shows(bytes32 id, bytes memory power, bytes memory place, bytes memory signer) private view {
        bytes memory svg = _svg(id);
        holds(_has(svg, power));
        holds(_has(svg, place));
        holds(_has(svg, signer));
    }

    function _json(bytes32 id) private view returns (bytes memory) {
        bytes memory uri = bytes(registry.tokenURI(uint256(id)));
        equal(Bytes.slice(uri, 0, JSON.length), JSON);
        return Base64.decode(string(Bytes.slice(uri, JSON.length)));
    }

    function _svg(bytes32 id) private view returns (bytes memory) {
        bytes memory json = _json(id);
        uint256 start = _find(json, SVG) + SVG.length;
        return Base64.decode(string(Bytes.slice(json, start, Bytes.indexOf(json, '"', start))));
    }

    function _has(bytes memory text, bytes memory part) private pure returns (bool) {
        return _find(text, part) != type(uint256).max;
    }

    function _find(bytes memory text, bytes memory part) private pure returns (uint256) {
        bytes32 wanted = keccak256(part);
        for (uint256 i = 0; i + part.length <= text.length; ++i) {
            bytes32 found;
            assembly ("memory-safe") {
                found := keccak256(add(add(text, 0x20), i), mload(part))
            }
            if (found == wanted) return i;
        }
        return type(uint256).max;
    }
}
