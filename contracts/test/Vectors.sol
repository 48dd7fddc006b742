// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {vm} from "./Vm.sol";

/// @dev The cheatcodes of forge that read files and JSON (https://getfoundry.sh/reference/cheatcodes).
interface VmJson {
    function keyExistsJson(string calldata json, string calldata path) external view returns (bool);
    function parseJsonBool(string calldata json, string calldata path) external pure returns (bool);
    function parseJsonBytes(string calldata json, string calldata path) external pure returns (bytes memory);
    function parseJsonInt(string calldata json, string calldata path) external pure returns (int256);
    function parseJsonString(string calldata json, string calldata path) external pure returns (string memory);
    function parseJsonUint(string calldata json, string calldata path) external pure returns (uint256);
    function readFile(string calldata path) external view returns (string memory);
}

/// @title A file of the public corpus, protocol/vectors.
/// @dev Each question copies the whole file into memory, which is given back: gas grows with the square of memory.
library Vectors {
    VmJson private constant JSON = VmJson(address(vm));

    function file(string memory name) internal view returns (string memory) {
        return JSON.readFile(string.concat("protocol/vectors/", name, ".json"));
    }

    /// @dev `.list[i].field`
    function path(string memory list, uint256 i, string memory field) internal pure returns (string memory) {
        return string.concat(".", list, "[", Strings.toString(i), "].", field);
    }

    function count(string memory json, string memory list) internal view returns (uint256 n) {
        while (has(json, path(list, n, "name"))) ++n;
    }

    function has(string memory json, string memory place) internal view returns (bool found) {
        uint256 free = _mark();
        found = JSON.keyExistsJson(json, place);
        _release(free);
    }

    function boolean(string memory json, string memory place) internal pure returns (bool value) {
        uint256 free = _mark();
        value = JSON.parseJsonBool(json, place);
        _release(free);
    }

    function number(string memory json, string memory place) internal pure returns (uint256 value) {
        uint256 free = _mark();
        value = JSON.parseJsonUint(json, place);
        _release(free);
    }

    function integer(string memory json, string memory place) internal pure returns (int256 value) {
        uint256 free = _mark();
        value = JSON.parseJsonInt(json, place);
        _release(free);
    }

    function text(string memory json, string memory place) internal pure returns (string memory) {
        uint256 free = _mark();
        return string(_moved(bytes(JSON.parseJsonString(json, place)), free));
    }

    function data(string memory json, string memory place) internal pure returns (bytes memory) {
        uint256 free = _mark();
        return _moved(JSON.parseJsonBytes(json, place), free);
    }

    /// @dev A public key as the contracts hold it. Of one that is longer or shorter than its scheme's, no more than that.
    function key(string memory json, string memory place) internal pure returns (bytes32[2] memory) {
        return halves(data(json, place));
    }

    function halves(bytes memory encoded) internal pure returns (bytes32[2] memory words) {
        bytes memory padded = bytes.concat(encoded, new bytes(64));
        assembly ("memory-safe") {
            mstore(words, mload(add(padded, 0x20)))
            mstore(add(words, 0x20), mload(add(padded, 0x40)))
        }
    }

    function _mark() private pure returns (uint256 free) {
        assembly ("memory-safe") {
            free := mload(0x40)
        }
    }

    function _release(uint256 free) private pure {
        assembly ("memory-safe") {
            mstore(0x40, free)
        }
    }

    function _moved(bytes memory value, uint256 free) private pure returns (bytes memory moved) {
        assembly ("memory-safe") {
            let size := add(mload(value), 0x20)
            mcopy(free, value, size)
            mstore(0x40, and(add(add(free, size), 0x1f), not(0x1f)))
            moved := free
        }
    }
}
