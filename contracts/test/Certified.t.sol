// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Certificates} from "../Certificates.sol";
import {CertificateId} from "../ICertificates.sol";
import {Issuance} from "../Issuance.sol";
import {ASSURANCE_METER, SOURCE_SOLAR} from "../Meter.sol";
import {Rules} from "../PolicyRegistry.sol";
import {MeterStatement} from "../Statement.sol";
import {GreenToken} from "../GreenToken.sol";
import {Community} from "./Community.sol";
import {CountingCertificates} from "./CountingCertificates.sol";
import {vm} from "./Vm.sol";

/// @dev Energy that a household wants as certificates.
contract CertifiedTest is Community {
    function test_a_household_that_wants_certificates_gets_those_and_no_currency() public {
        _want(true);
        _settleAfterAnHour(START_WH + 100);
        equal(certificates.balanceOf(household, _idAt(block.timestamp - WINDOW)), 100);
        equal(certificates.total(), 100);
        equal(token.totalSupply(), 0);
        equal(paidWh(meterId), START_WH + 100);
    }

    function test_no_watt_hour_is_ever_both(uint256 wishes, uint16[6] memory steps) public {
        uint64 wh = START_WH;
        for (uint256 i = 0; i < steps.length; ++i) {
            _want(wishes >> i & 1 == 1);
            uint256 before = token.totalSupply();
            uint64 step = uint64(within(steps[i], 0, 5000));
            wh += step;
            _settleAfterAnHour(wh);
            equal(token.totalSupply() - before, wishes >> i & 1 == 1 ? 0 : step);
            equal(token.totalSupply() + certificates.total(), wh - START_WH);
        }
    }

    function test_a_replay_never_certifies_twice() public {
        _want(true);
        vm.warp(block.timestamp + 1 hours);
        MeterStatement[] memory all = only(statement(meterId, START_WH + 9, uint64(block.timestamp)));
        uint64 number = valid(all);
        settle(number, all);
        settle(number, all);
        _want(false);
        settle(number, all);
        equal(certificates.total(), 9);
        equal(token.totalSupply(), 0);
    }

    function test_the_commons_share_of_certificates_is_certificates(uint16 share) public {
        share = uint16(within(share, 0, 5000));
        Rules memory r = rulesOf(WINDOW, HEADROOM);
        r.commonsShare = share;
        changeRules(r);
        issuance.setCommons(COMMONS);
        _want(true);
        _settleAfterAnHour(START_WH + 4000);
        uint256 id = _idAt(block.timestamp - WINDOW);
        uint256 shared = uint256(START_WH + 4000) * share / 10_000 - uint256(START_WH) * share / 10_000;
        equal(certificates.balanceOf(COMMONS, id), shared);
        equal(certificates.balanceOf(household, id), 4000 - shared);
        equal(token.totalSupply(), 0);
    }

    function test_the_vintage_is_the_month_of_the_later_register() public {
        _want(true);
        // From the last minute of January 2027 into February.
        vm.warp(1_801_439_940);
        _settleAfterAnHour(START_WH + 100);
        uint256 id = _idAt(1_801_439_940 + 1 hours);
        (, uint24 vintage,,) = CertificateId.read(id);
        equal(vintage, 202_702);
        equal(certificates.balanceOf(household, id), 100);
    }

    function test_neighbours_of_either_wish_are_settled_together() public {
        bytes32 second = register(address(0xB0B), 2);
        _want(true);
        vm.warp(block.timestamp + 1 hours);
        MeterStatement[] memory all = new MeterStatement[](3);
        all[0] = statement(second, START_WH + 70, uint64(block.timestamp));
        all[1] = statement(meterId, START_WH + 100, uint64(block.timestamp));
        all[2] = statement(register(address(0xB0C), 3), START_WH, uint64(block.timestamp));
        settle(valid(all), all);
        equal(token.totalSupply(), 70);
        equal(token.balanceOf(address(0xB0B)), 70);
        equal(certificates.total(), 100);
    }

    function test_an_issuance_is_never_deployed_beside_certificates_that_another_mints() public {
        address its = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 2);
        GreenToken token_ = new GreenToken(its, address(1));
        CountingCertificates others = new CountingCertificates(address(0xBAD));
        vm.expectRevert(
            abi.encodeWithSelector(Issuance.TokenMintedElsewhere.selector, address(others), address(0xBAD))
        );
        new Issuance(address(authority), registry, token_, others, oracle);
    }

    function test_certificates_always_have_an_issuance_and_retirements() public {
        vm.expectRevert(abi.encodeWithSelector(Certificates.InvalidIssuance.selector, address(0)));
        new Certificates(address(0), address(1));
        vm.expectRevert(abi.encodeWithSelector(Certificates.InvalidRetirements.selector, address(0)));
        new Certificates(address(1), address(0));
    }

    function test_certificates_are_never_minted_to_nobody() public {
        Certificates real = new Certificates(address(this), address(1));
        vm.expectRevert(abi.encodeWithSignature("ERC1155InvalidReceiver(address)", address(0)));
        real.mint(address(0), 1, 1);
    }

    function test_the_supply_of_a_kind_of_certificates_is_what_was_minted_less_what_was_burned(
        uint64 a,
        uint64 b
    ) public {
        Certificates real = new Certificates(address(this), address(this));
        real.mint(household, 7, a);
        real.mint(COMMONS, 7, b);
        uint256 burned = within(b, 0, a);
        real.burn(household, 7, burned);
        equal(real.totalSupply(7), uint256(a) + b - burned);
        equal(real.totalSupply(), uint256(a) + b - burned);
        equal(real.balanceOf(household, 7), a - burned);
    }

    // ----------------------------------------------------------------

    function _want(bool wanted) private {
        vm.prank(household);
        registry.wantCertificates(meterId, wanted);
    }

    function _idAt(uint256 time) private view returns (uint256) {
        return CertificateId.idOf(site, CertificateId.vintageOf(time), SOURCE_SOLAR, ASSURANCE_METER);
    }

    function _settleAfterAnHour(uint64 wh) private {
        vm.warp(block.timestamp + 1 hours);
        MeterStatement[] memory all = only(statement(meterId, wh, uint64(block.timestamp)));
        settle(valid(all), all);
    }
}
