// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {NoncesKeyed} from "@openzeppelin/contracts/utils/NoncesKeyed.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {CertificateId} from "./ICertificates.sol";

/// @title What Retirements burns.
interface IBurnableToken {
    function burn(address from, uint256 wh) external;
}

interface IBurnableCertificates {
    function burn(address from, uint256 id, uint256 wh) external;
}

/// What was retired, by whom. One slot.
struct Retirement {
    address holder;
    /// Energy retired, Wh.
    uint56 wh;
    /// Unix seconds.
    uint40 time;
}

/// @title Energy whose impact was claimed, once and for good.
/// @notice Retiring burns GREEN or certificates for a named beneficiary and with the hash of a statement (what the
/// energy is claimed for). What remains is a credential of the beneficiary that cannot be moved (ERC-721 with ERC-5192)
/// and draws itself. No string is kept: who has the statement can show that it is the one, by its hash.
/// @dev Immutable. The token and the certificates let this contract alone burn, and it burns only what the caller, or
/// the holder who signed, has.
contract Retirements is ERC721, EIP712, NoncesKeyed {
    using Strings for uint256;
    using SafeCast for uint256;

    bytes32 private constant RETIRE_TYPEHASH = keccak256(
        "Retire(address holder,uint256 wh,address beneficiary,bytes32 statement,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant RETIRE_CERTIFICATES_TYPEHASH = keccak256(
        "RetireCertificates(address holder,uint256 id,uint256 wh,address beneficiary,bytes32 statement,uint256 nonce,uint256 deadline)"
    );

    IBurnableToken public immutable token;
    IBurnableCertificates public immutable certificates;

    /// @notice How many retirements there are; they are numbered 1, 2, 3…
    uint64 public count;
    /// @notice All energy retired, Wh: GREEN and certificates together.
    uint96 public retiredWh;
    /// @notice Of it, out of certificates.
    uint96 public retiredCertificatesWh;
    /// @notice Energy retired for a beneficiary, Wh.
    mapping(address beneficiary => uint256) public retiredFor;
    mapping(uint256 number => Retirement) private _retirements;

    /// @notice Energy was retired. `certificate` is the id of the certificates burnt, zero for GREEN.
    event Retired(
        uint256 indexed number,
        address indexed holder,
        address indexed beneficiary,
        uint256 wh,
        uint256 certificate,
        bytes32 statement
    );
    /// @notice The credential is bound to its owner for ever (ERC-5192).
    event Locked(uint256 tokenId);

    error NothingToRetire();
    error Expired(uint256 deadline);
    error BadSignature(address holder);
    error Soulbound();

    constructor(IBurnableToken token_, IBurnableCertificates certificates_)
        ERC721("Retired green energy", "RETIRED")
        EIP712("Commonwatt Retirements", "1")
    {
        token = token_;
        certificates = certificates_;
    }

    // ---------------------------------------------------------------- retiring

    /// @notice Retires the caller's GREEN.
    /// @param wh Units, 1 Wh each. @param beneficiary Whose claim it is. @param statement keccak256 of what is claimed.
    /// @return number The retirement's.
    function retire(uint256 wh, address beneficiary, bytes32 statement) external returns (uint256 number) {
        return _retireGreen(msg.sender, wh, beneficiary, statement);
    }

    /// @notice The same by the holder's signature (EIP-712, `Retire`), so that it needs no gas.
    function retireWithAuthorization(
        address holder,
        uint256 wh,
        address beneficiary,
        bytes32 statement,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external returns (uint256 number) {
        bytes32 hash = keccak256(
            abi.encode(RETIRE_TYPEHASH, holder, wh, beneficiary, statement, nonce, deadline)
        );
        _authorize(holder, hash, nonce, deadline, signature);
        return _retireGreen(holder, wh, beneficiary, statement);
    }

    /// @notice Retires the caller's certificates of one id.
    function retireCertificates(uint256 id, uint256 wh, address beneficiary, bytes32 statement)
        external
        returns (uint256 number)
    {
        return _retireCertificates(msg.sender, id, wh, beneficiary, statement);
    }

    /// @notice The same by the holder's signature (EIP-712, `RetireCertificates`).
    function retireCertificatesWithAuthorization(
        address holder,
        uint256 id,
        uint256 wh,
        address beneficiary,
        bytes32 statement,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external returns (uint256 number) {
        bytes32 hash = keccak256(
            abi.encode(RETIRE_CERTIFICATES_TYPEHASH, holder, id, wh, beneficiary, statement, nonce, deadline)
        );
        _authorize(holder, hash, nonce, deadline, signature);
        return _retireCertificates(holder, id, wh, beneficiary, statement);
    }

    function _retireGreen(address holder, uint256 wh, address beneficiary, bytes32 statement)
        private
        returns (uint256 number)
    {
        number = _record(holder, wh, beneficiary, 0, statement);
        token.burn(holder, wh);
    }

    function _retireCertificates(
        address holder,
        uint256 id,
        uint256 wh,
        address beneficiary,
        bytes32 statement
    ) private returns (uint256 number) {
        number = _record(holder, wh, beneficiary, id, statement);
        retiredCertificatesWh += wh.toUint96();
        certificates.burn(holder, id, wh);
    }

    function _record(address holder, uint256 wh, address beneficiary, uint256 certificate, bytes32 statement)
        private
        returns (uint256 number)
    {
        if (wh == 0) revert NothingToRetire();
        number = ++count;
        retiredWh += wh.toUint96();
        retiredFor[beneficiary] += wh;
        _retirements[number] =
            Retirement({holder: holder, wh: wh.toUint56(), time: block.timestamp.toUint40()});
        // Not _safeMint: no call is made to a beneficiary.
        _mint(beneficiary, number);
        emit Locked(number);
        emit Retired(number, holder, beneficiary, wh, certificate, statement);
    }

    function _authorize(
        address holder,
        bytes32 structHash,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) private {
        if (block.timestamp > deadline) revert Expired(deadline);
        if (!SignatureChecker.isValidSignatureNowCalldata(holder, _hashTypedDataV4(structHash), signature)) {
            revert BadSignature(holder);
        }
        _useCheckedNonce(holder, nonce);
    }

    // ---------------------------------------------------------------- what is known

    /// @notice What was retired, by whom and when. Reverts for an unknown number.
    function retirement(uint256 number) external view returns (Retirement memory) {
        _requireOwned(number);
        return _retirements[number];
    }

    /// @notice A retirement as a wallet shows it: JSON with a picture, drawn here, from no server.
    function tokenURI(uint256 number) public view override returns (string memory) {
        address beneficiary = _requireOwned(number);
        Retirement memory r = _retirements[number];
        string memory kWh = _kWh(r.wh);
        bytes memory json = abi.encodePacked(
            '{"name":"',
            kWh,
            ' kWh retired","description":"Verified solar energy whose impact was claimed once, for good.","image":"data:image/svg+xml;base64,',
            Base64.encode(_picture(number, kWh, _month(r.time), beneficiary)),
            '","attributes":[{"trait_type":"kWh","value":"',
            kWh,
            '"},{"trait_type":"retired by","value":"',
            Strings.toHexString(r.holder),
            '"},{"display_type":"date","trait_type":"retired on","value":',
            uint256(r.time).toString(),
            "}]}"
        );
        return string.concat("data:application/json;base64,", Base64.encode(json));
    }

    function _picture(uint256 number, string memory kWh, string memory month, address beneficiary)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" font-family="sans-serif" text-anchor="middle" fill="#10331f">'
            '<rect width="400" height="400" fill="#e7f5ec"/><circle cx="200" cy="110" r="46" fill="#f2b705"/>'
            '<path d="M0 150q100 -40 200 0t200 0V215H0z" fill="#2f8f5b"/><text x="200" y="272" font-size="44" font-weight="700">',
            kWh,
            ' kWh</text><text x="200" y="308" font-size="18">retired for good, ',
            month,
            '</text><text x="200" y="342" font-size="12">for ',
            Strings.toChecksumHexString(beneficiary),
            '</text><text x="200" y="370" font-size="12">No. ',
            number.toString(),
            "</text></svg>"
        );
    }

    function _month(uint256 time) private pure returns (string memory) {
        uint256 vintage = CertificateId.vintageOf(time);
        uint256 month = vintage % 100;
        return string.concat((vintage / 100).toString(), month < 10 ? "-0" : "-", month.toString());
    }

    /// @dev 1234 as 1.234.
    function _kWh(uint256 wh) private pure returns (string memory) {
        bytes memory thousandths = bytes((1000 + wh % 1000).toString());
        thousandths[0] = ".";
        return string.concat((wh / 1000).toString(), string(thousandths));
    }

    // ---------------------------------------------------------------- soulbound

    /// @notice Always true: what was claimed stays claimed (ERC-5192). Reverts for an unknown number.
    function locked(uint256 number) external view returns (bool) {
        _requireOwned(number);
        return true;
    }

    /// @inheritdoc ERC721
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return interfaceId == this.locked.selector || super.supportsInterface(interfaceId);
    }

    /// @notice Always reverts: what cannot be moved needs no approval.
    function approve(address, uint256) public pure override {
        revert Soulbound();
    }

    /// @notice Always reverts: what cannot be moved needs no approval.
    function setApprovalForAll(address, bool) public pure override {
        revert Soulbound();
    }

    /// @dev Every transfer and burn ends here; only a mint comes from nobody.
    function _update(address to, uint256 number, address auth) internal override returns (address) {
        if (_ownerOf(number) != address(0)) revert Soulbound();
        return super._update(to, number, auth);
    }
}
