// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {
    ERC20TransferAuthorization
} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20TransferAuthorization.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {NoncesKeyed} from "@openzeppelin/contracts/utils/NoncesKeyed.sol";

/// @title GREEN, the green currency: 1 token = 1 verified kWh generated.
/// @notice With 3 decimals the smallest unit is exactly 1 Wh, and totalSupply() is the verified Wh outstanding.
/// A household needs no gas: allowances (ERC-2612) and transfers (EIP-3009) go by signature.
/// @dev Immutable: no owner, no upgrade, no hook, one minter for ever. There is no plain burn: the only burn with a
/// meaning is a retirement, which names whom it is for and leaves a record (`Retirements`).
///
/// An authorization's nonce is a 192-bit key ‖ a 64-bit sequence (see NoncesKeyed). A random key with sequence 0 works
/// as EIP-3009's random nonce does; counting up under one key costs less. Key 0 is shared with permit.
contract GreenToken is ERC20, ERC20Permit, ERC20TransferAuthorization {
    /// @notice The only one who mints.
    address public immutable issuance;
    /// @notice The only one who burns, for a holder who retires.
    address public immutable retirements;

    error OnlyIssuance(address caller);
    error OnlyRetirements(address caller);
    error InvalidIssuance(address issuance);
    error InvalidRetirements(address retirements);

    /// @param issuance_ The Issuance. It may be deployed after the token, at an address known before.
    /// @param retirements_ The Retirements; the same holds for it.
    constructor(address issuance_, address retirements_) ERC20("Green", "GREEN") ERC20Permit("Green") {
        if (issuance_ == address(0)) revert InvalidIssuance(issuance_);
        if (retirements_ == address(0)) revert InvalidRetirements(retirements_);
        issuance = issuance_;
        retirements = retirements_;
    }

    /// @notice Mints what each of `mints` says: an amount in Wh, shifted left by 160 bits, and who gets it; nothing where
    /// the amount is zero. By the issuance alone.
    /// @dev OpenZeppelin's ERC20 writes the supply with each mint, and checks again what was checked. Here its slots are
    /// written directly, which saves 1,000 gas a meter: `_balances` is slot 0 and `_totalSupply` slot 2 of ERC20, which
    /// is the first base (tests read them back through ERC20's own functions). A balance cannot overflow that is a part
    /// of a supply that does not.
    function mint(uint256[] calldata mints) external {
        if (msg.sender != issuance) revert OnlyIssuance(msg.sender);
        uint256 supply = totalSupply();
        bytes32 transfer = Transfer.selector;
        bool toNobody;
        assembly ("memory-safe") {
            let place := mints.offset
            for { let end := add(place, shl(5, mints.length)) } lt(place, end) { place := add(place, 0x20) } {
                let value := calldataload(place)
                let holder := and(value, 0xffffffffffffffffffffffffffffffffffffffff)
                value := shr(160, value)
                if iszero(value) { continue }
                toNobody := or(toNobody, iszero(holder))
                // Amounts of 96 bits: no calldata is long enough to run over 256.
                supply := add(supply, value)
                mstore(0, holder)
                mstore(0x20, 0)
                let balance_ := keccak256(0, 0x40)
                sstore(balance_, add(sload(balance_), value))
                mstore(0, value)
                log3(0, 0x20, transfer, 0, holder)
            }
            sstore(2, supply)
        }
        if (toNobody) revert ERC20InvalidReceiver(address(0));
    }

    /// @notice Burns for good. By Retirements alone, which checks that the holder wants it.
    function burn(address from, uint256 wh) external {
        if (msg.sender != retirements) revert OnlyRetirements(msg.sender);
        _burn(from, wh);
    }

    /// @notice 3: the unit is the watt-hour, the token the kilowatt-hour.
    function decimals() public pure override returns (uint8) {
        return 3;
    }

    /// @notice The next nonce for a permit by `owner`.
    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _useCheckedNonce(address owner, uint256 nonce) internal override(Nonces, NoncesKeyed) {
        super._useCheckedNonce(owner, nonce);
    }
}
