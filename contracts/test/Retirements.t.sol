// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors, IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Certificates} from "../Certificates.sol";
import {GreenToken} from "../GreenToken.sol";
import {CertificateId} from "../ICertificates.sol";
import {IBurnableCertificates, IBurnableToken, Retirement, Retirements} from "../Retirements.sol";
import {Say} from "./Say.sol";
import {vm} from "./Vm.sol";

/// @title A currency, certificates and their retirements; the test is the issuance.
contract RetirementsTest is Say {
    uint256 private constant START = 1_782_043_200; // 21 June 2026
    bytes32 private constant STATEMENT = keccak256("the choir's concert in June");

    GreenToken private token;
    Certificates private certificates;
    Retirements private retirements;
    address private holder = vm.addr(1);
    address private beneficiary = address(0xBE7EF1C1A);
    uint256 private id = CertificateId.idOf(7, 202_606, 1, 1);

    function setUp() public {
        vm.warp(START);
        uint64 nonce = vm.getNonce(address(this));
        address later = vm.computeCreateAddress(address(this), nonce + 2);
        token = new GreenToken(address(this), later);
        certificates = new Certificates(address(this), later);
        retirements =
            new Retirements(IBurnableToken(address(token)), IBurnableCertificates(address(certificates)));
        equal(address(retirements), later);
        _mint(holder, 5000);
        certificates.mint(holder, id, 3000);
    }

    function _mint(address to, uint256 wh) private {
        address[] memory receivers = new address[](1);
        uint256[] memory amounts = new uint256[](1);
        (receivers[0], amounts[0]) = (to, wh);
        token.mint(receivers, amounts);
    }

    function test_retiring_burns_and_leaves_a_credential_for_the_beneficiary() public {
        vm.prank(holder);
        uint256 number = retirements.retire(1234, beneficiary, STATEMENT);
        equal(number, 1);
        equal(token.balanceOf(holder), 3766);
        equal(token.totalSupply(), 3766);
        equal(retirements.ownerOf(1), beneficiary);
        Retirement memory r = retirements.retirement(1);
        equal(r.holder, holder);
        equal(r.wh, 1234);
        equal(r.time, START);
    }

    function test_the_supply_of_retired_energy_is_the_sum_of_all_retirements(uint16 a, uint16 b, uint16 c)
        public
    {
        uint256 x = within(a, 1, 2000);
        uint256 y = within(b, 1, 2000);
        uint256 z = within(c, 1, 3000);
        vm.prank(holder);
        retirements.retire(x, beneficiary, STATEMENT);
        vm.prank(holder);
        retirements.retire(y, holder, STATEMENT);
        vm.prank(holder);
        retirements.retireCertificates(id, z, beneficiary, STATEMENT);
        equal(retirements.count(), 3);
        equal(retirements.retiredWh(), x + y + z);
        equal(retirements.retiredCertificatesWh(), z);
        equal(retirements.retiredFor(beneficiary), x + z);
        equal(retirements.retiredFor(holder), y);
        equal(token.totalSupply(), 5000 - x - y);
        equal(certificates.totalSupply(id), 3000 - z);
    }

    function test_nobody_retires_more_than_he_has() public {
        vm.prank(holder);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, holder, 5000, 5001)
        );
        retirements.retire(5001, beneficiary, STATEMENT);
        vm.prank(holder);
        vm.expectRevert(
            abi.encodeWithSelector(IERC1155Errors.ERC1155InsufficientBalance.selector, holder, 3000, 3001, id)
        );
        retirements.retireCertificates(id, 3001, beneficiary, STATEMENT);
        equal(retirements.count(), 0);
        equal(retirements.retiredWh(), 0);
    }

    function test_nothing_is_not_retired_and_nobody_is_no_beneficiary() public {
        vm.prank(holder);
        vm.expectRevert(Retirements.NothingToRetire.selector);
        retirements.retire(0, beneficiary, STATEMENT);
        vm.prank(holder);
        vm.expectRevert();
        retirements.retire(1, address(0), STATEMENT);
    }

    function test_only_retirements_burns_and_only_the_issuance_mints(address stranger) public {
        vm.assume(stranger != address(retirements) && stranger != address(this) && stranger != address(vm));
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(GreenToken.OnlyRetirements.selector, stranger));
        token.burn(holder, 1);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Certificates.OnlyRetirements.selector, stranger));
        certificates.burn(holder, id, 1);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Certificates.OnlyIssuance.selector, stranger));
        certificates.mint(stranger, id, 1);
    }

    function test_a_retirement_never_moves() public {
        vm.prank(holder);
        retirements.retire(1, beneficiary, STATEMENT);
        holds(retirements.locked(1));
        holds(retirements.supportsInterface(0xb45a3c0e));
        vm.prank(beneficiary);
        vm.expectRevert(Retirements.Soulbound.selector);
        retirements.transferFrom(beneficiary, holder, 1);
        vm.prank(beneficiary);
        vm.expectRevert(Retirements.Soulbound.selector);
        retirements.approve(holder, 1);
        vm.prank(beneficiary);
        vm.expectRevert(Retirements.Soulbound.selector);
        retirements.setApprovalForAll(holder, true);
    }

    function test_a_retirement_draws_itself_without_a_server() public {
        vm.prank(holder);
        retirements.retire(1007, beneficiary, STATEMENT);
        string memory json = retirements.tokenURI(1);
        equal(_head(bytes(json), 29), "data:application/json;base64,");
        bytes memory text = Base64.decode(_rest(json, 29));
        equal(_head(text, 27), '{"name":"1.007 kWh retired"');
    }

    function test_a_certificate_says_its_site_month_source_and_assurance() public view {
        bytes memory text = Base64.decode(_rest(certificates.uri(id), 29));
        equal(
            text,
            '{"name":"Verified energy, site 7, 2026-06","decimals":3,"unitName":"kWh","properties":{"site":7,"vintage":"2026-06","source":1,"assurance":1}}'
        );
    }

    function test_a_holder_that_is_a_contract_is_never_called_when_certificates_are_minted() public {
        certificates.mint(address(certificates), id, 5);
        equal(certificates.balanceOf(address(certificates), id), 5);
    }

    function test_an_id_says_what_it_was_made_of(uint32 site, uint24 vintage, uint8 source, uint8 assurance)
        public
        pure
    {
        (uint32 s, uint24 v, uint8 o, uint8 a) =
            CertificateId.read(CertificateId.idOf(site, vintage, source, assurance));
        holds(s == site && v == vintage && o == source && a == assurance);
    }

    function test_the_vintage_of_a_time_is_its_year_and_month() public pure {
        equal(CertificateId.vintageOf(0), 197_001);
        equal(CertificateId.vintageOf(951_782_399), 200_002); // 28 February 2000, 23:59:59
        equal(CertificateId.vintageOf(951_782_400), 200_002); // 29 February 2000
        equal(CertificateId.vintageOf(951_868_800), 200_003); // 1 March 2000
        equal(CertificateId.vintageOf(1_782_043_200), 202_606); // 21 June 2026
        equal(CertificateId.vintageOf(1_798_761_599), 202_612); // 31 December 2026, 23:59:59
        equal(CertificateId.vintageOf(1_798_761_600), 202_701); // 1 January 2027
        equal(CertificateId.vintageOf(4_107_542_399), 210_002); // 28 February 2100, 23:59:59
        equal(CertificateId.vintageOf(4_107_542_400), 210_003); // 1 March 2100: no leap year
    }

    // ---------------------------------------------------------------- by signature

    bytes32 private constant RETIRE = keccak256(
        "Retire(address holder,uint256 wh,address beneficiary,bytes32 statement,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant RETIRE_CERTIFICATES = keccak256(
        "RetireCertificates(address holder,uint256 id,uint256 wh,address beneficiary,bytes32 statement,uint256 nonce,uint256 deadline)"
    );

    function test_a_household_retires_by_signature_once_and_needs_no_gas() public {
        uint256 until = START + 1 days;
        bytes memory signature =
            _sign(keccak256(abi.encode(RETIRE, holder, 1234, beneficiary, STATEMENT, 0, until)));
        retirements.retireWithAuthorization(holder, 1234, beneficiary, STATEMENT, 0, until, signature);
        equal(token.balanceOf(holder), 3766);
        vm.expectRevert();
        retirements.retireWithAuthorization(holder, 1234, beneficiary, STATEMENT, 0, until, signature);
        signature = _sign(
            keccak256(abi.encode(RETIRE_CERTIFICATES, holder, id, 10, beneficiary, STATEMENT, 1, until))
        );
        retirements.retireCertificatesWithAuthorization(
            holder, id, 10, beneficiary, STATEMENT, 1, until, signature
        );
        equal(certificates.balanceOf(holder, id), 2990);
    }

    function test_a_signature_never_serves_another_amount_beneficiary_statement_or_day() public {
        uint256 until = START + 1 days;
        bytes memory signature =
            _sign(keccak256(abi.encode(RETIRE, holder, 1234, beneficiary, STATEMENT, 0, until)));
        bytes memory bad = abi.encodeWithSelector(Retirements.BadSignature.selector, holder);
        vm.expectRevert(bad);
        retirements.retireWithAuthorization(holder, 1235, beneficiary, STATEMENT, 0, until, signature);
        vm.expectRevert(bad);
        retirements.retireWithAuthorization(holder, 1234, holder, STATEMENT, 0, until, signature);
        vm.expectRevert(bad);
        retirements.retireWithAuthorization(holder, 1234, beneficiary, bytes32(0), 0, until, signature);
        vm.expectRevert(bad);
        retirements.retireWithAuthorization(holder, 1234, beneficiary, STATEMENT, 0, until + 1, signature);
        vm.warp(until + 1);
        vm.expectRevert(abi.encodeWithSelector(Retirements.Expired.selector, until));
        retirements.retireWithAuthorization(holder, 1234, beneficiary, STATEMENT, 0, until, signature);
    }

    function _sign(bytes32 hash) private view returns (bytes memory) {
        (, string memory name, string memory version, uint256 chain, address where,,) =
            retirements.eip712Domain();
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256(bytes(name)),
                keccak256(bytes(version)),
                chain,
                where
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(1, keccak256(abi.encodePacked(hex"1901", domain, hash)));
        return abi.encodePacked(r, s, v);
    }

    // ---------------------------------------------------------------- reading

    function _head(bytes memory text, uint256 length) private pure returns (bytes memory head) {
        head = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            head[i] = text[i];
        }
    }

    function _rest(string memory text, uint256 from) private pure returns (string memory) {
        bytes memory all = bytes(text);
        bytes memory rest = new bytes(all.length - from);
        for (uint256 i = 0; i < rest.length; ++i) {
            rest[i] = all[from + i];
        }
        return string(rest);
    }
}
