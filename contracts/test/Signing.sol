// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {ED25519} from "../PublicKey.sol";
import {vm} from "./Vm.sol";

/// @dev forge's signers for the schemes of meters (https://getfoundry.sh/reference/cheatcodes). Ed25519's signs
/// `namespace ‖ message`, and P-256's s may be high.
interface VmSigning {
    function publicKeyEd25519(bytes32 secret) external pure returns (bytes32);
    function publicKeyP256(uint256 secret) external pure returns (uint256 x, uint256 y);
    function signEd25519(bytes calldata namespace, bytes calldata message, bytes32 secret)
        external
        pure
        returns (bytes memory);
    function signP256(uint256 secret, bytes32 digest) external pure returns (bytes32 r, bytes32 s);
}

/// @title What meters' keys do.
library Signing {
    VmSigning private constant SIGNER = VmSigning(address(vm));

    function keyOf(uint8 scheme, uint256 secret) internal pure returns (bytes memory) {
        if (scheme == ED25519) return bytes.concat(SIGNER.publicKeyEd25519(bytes32(secret)));
        (uint256 x, uint256 y) = SIGNER.publicKeyP256(secret);
        return abi.encodePacked(x, y);
    }

    function signed(uint8 scheme, uint256 secret, bytes32 digest) internal pure returns (bytes memory) {
        if (scheme == ED25519) return SIGNER.signEd25519("", bytes.concat(digest), bytes32(secret));
        (bytes32 r, bytes32 s) = SIGNER.signP256(secret, sha256(bytes.concat(digest)));
        return bytes.concat(r, uint256(s) > P256.N / 2 ? bytes32(P256.N - uint256(s)) : s);
    }
}
