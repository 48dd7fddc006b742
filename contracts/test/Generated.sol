// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {vm} from "./Vm.sol";

/// @dev The cheatcodes of forge that take text apart (https://getfoundry.sh/reference/cheatcodes).
interface VmText {
    function readFile(string calldata path) external view returns (string memory);
    function split(string calldata text, string calldata by) external pure returns (string[] memory);
    function parseBytes(string calldata text) external pure returns (bytes memory);
}

/// @title What is shipped: contracts/generated, which a pipeline of its own compiles (contracts/generate.ts).
library Generated {
    VmText private constant TEXT = VmText(address(vm));

    /// @dev The one string in the file that follows the constant's `=`.
    function bytecode(string memory name) internal view returns (bytes memory) {
        string memory file = TEXT.readFile(string.concat("contracts/generated/", name, ".ts"));
        string[] memory parts = TEXT.split(file, string.concat(name, "Bytecode =\n  \""));
        return TEXT.parseBytes(TEXT.split(parts[1], "\"")[0]);
    }
}
