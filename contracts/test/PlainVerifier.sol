// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IReadingVerifier, Reading} from "../IReadingVerifier.sol";

/// @title Readings without cryptography, for tests of the game alone: the content as Solidity encodes it, then 64 bytes
/// in the place of a signature, of which the first 32 are the id of the key that "signed".
contract PlainVerifier is IReadingVerifier {
    error NotSigned();

    function verify(bytes calldata reading, bytes32 keyId, uint8, bytes32[2] calldata)
        external
        pure
        returns (Reading memory)
    {
        bytes calldata signature = reading[reading.length - 64:];
        // A kid is the first eight bytes.
        if (bytes8(signature) != bytes8(keyId)) revert NotSigned();
        return abi.decode(reading[:reading.length - 64], (Reading));
    }
}
