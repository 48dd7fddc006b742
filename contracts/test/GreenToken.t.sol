// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {GreenToken} from "../GreenToken.sol";
import {Community} from "./Community.sol";
import {vm} from "./Vm.sol";

contract GreenTokenTest is Community {
    bytes32 private constant TRANSFER = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    uint256 private constant KEY = 77;
    address private holder = vm.addr(KEY);

    function setUp() public override {
        super.setUp();
        vm.prank(address(issuance));
        token.mint(minting(holder, 5000));
    }

    function test_one_token_is_a_kilowatt_hour_and_its_unit_a_watt_hour() public view {
        equal(bytes(token.name()), "Green");
        equal(bytes(token.symbol()), "GREEN");
        equal(token.decimals(), 3);
        equal(token.totalSupply(), 5000);
    }

    function test_only_the_issuance_mints(address stranger) public {
        vm.assume(stranger != address(issuance) && stranger != address(vm));
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(GreenToken.OnlyIssuance.selector, stranger));
        token.mint(minting(stranger, 1));
    }

    function test_many_mints_at_once_are_what_so_many_mints_would_be(uint96[7] calldata wh, uint8 same)
        public
    {
        uint256[] memory mints = new uint256[](7);
        uint256 sum = token.totalSupply();
        for (uint256 i = 0; i < 7; ++i) {
            // Some go to one holder.
            mints[i] = uint256(wh[i]) << 160 | uint160(0x1000 + (same >> i & 1) * i);
            sum += wh[i];
        }
        vm.prank(address(issuance));
        token.mint(mints);
        equal(token.totalSupply(), sum);
        for (uint256 holder_ = 0x1000; holder_ < 0x1007; ++holder_) {
            uint256 due = 0;
            for (uint256 i = 0; i < 7; ++i) {
                if (uint160(mints[i]) == holder_) due += wh[i];
            }
            equal(token.balanceOf(address(uint160(holder_))), due);
        }
        equal(token.balanceOf(holder), 5000);
    }

    /// The slots that mint writes are those that ERC20 reads and writes, whatever happens in between.
    function test_minted_balances_are_erc20s_own_after_any_mints_transfers_and_burns(
        uint96[8] calldata amounts,
        uint256 deeds
    ) public {
        address[3] memory holders = [address(0x1001), address(0x1002), address(0x1003)];
        uint256[3] memory expected;
        uint256 supply = token.totalSupply();
        for (uint256 i = 0; i < amounts.length; ++i) {
            uint256 deed = deeds >> (8 * i);
            (uint256 from, uint256 to) = (deed >> 2 & 0x3f) % 3 == 0 ? (0, 1) : (2, uint256(0));
            uint256 amount = amounts[i];
            if (deed % 3 == 0) {
                vm.prank(address(issuance));
                token.mint(minting(holders[to], amount));
                expected[to] += amount;
                supply += amount;
            } else if (deed % 3 == 1) {
                amount = within(amount, 0, expected[from]);
                vm.prank(holders[from]);
                token.transfer(holders[to], amount);
                expected[from] -= amount;
                expected[to] += amount;
            } else {
                amount = within(amount, 0, expected[from]);
                vm.prank(token.retirements());
                token.burn(holders[from], amount);
                expected[from] -= amount;
                supply -= amount;
            }
            equal(token.totalSupply(), supply);
        }
        for (uint256 i = 0; i < 3; ++i) {
            equal(token.balanceOf(holders[i]), expected[i]);
            equal(uint256(vm.load(address(token), keccak256(abi.encode(holders[i], 0)))), expected[i]);
        }
        equal(uint256(vm.load(address(token), bytes32(uint256(2)))), supply);
        equal(token.balanceOf(holder), 5000);
    }

    function test_nothing_is_minted_to_nobody() public {
        vm.prank(address(issuance));
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(0)));
        token.mint(minting(address(0), 1));
    }

    function test_a_mint_of_nothing_is_no_event() public {
        vm.recordLogs();
        vm.prank(address(issuance));
        token.mint(minting(holder, 0));
        equal(vm.getRecordedLogs().length, 0);
    }

    function test_a_token_always_has_an_issuance() public {
        vm.expectRevert(abi.encodeWithSelector(GreenToken.InvalidIssuance.selector, address(0)));
        new GreenToken(address(0), address(1));
    }

    function test_a_household_pays_by_signature_and_needs_no_gas() public {
        _transfer(address(1), 1200, bytes32(uint256(0xABCDEF) << 64));
        equal(token.balanceOf(address(1)), 1200);
        equal(token.balanceOf(holder), 3800);
    }

    function test_a_signed_transfer_never_happens_twice() public {
        bytes32 nonce = bytes32(uint256(0xABCDEF) << 64);
        _transfer(address(1), 1200, nonce);
        holds(token.authorizationState(holder, nonce));
        (uint8 v, bytes32 r, bytes32 s) = _signed(address(1), 1200, nonce);
        vm.expectRevert(
            abi.encodeWithSelector(Nonces.InvalidAccountNonce.selector, holder, uint256(nonce) + 1)
        );
        token.transferWithAuthorization(holder, address(1), 1200, 0, START + 1, nonce, v, r, s);
    }

    function test_signed_transfers_under_different_keys_do_not_wait_for_each_other(uint192 a, uint192 b)
        public
    {
        vm.assume(a != b);
        _transfer(address(1), 1, bytes32(uint256(a) << 64));
        _transfer(address(1), 1, bytes32(uint256(b) << 64));
        _transfer(address(1), 1, bytes32(uint256(a) << 64 | 1));
        equal(token.balanceOf(address(1)), 3);
    }

    function test_a_signed_transfer_never_serves_another_receiver_or_amount() public {
        bytes32 nonce = bytes32(uint256(1) << 64);
        (uint8 v, bytes32 r, bytes32 s) = _signed(address(1), 1200, nonce);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        token.transferWithAuthorization(holder, address(2), 1200, 0, START + 1, nonce, v, r, s);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        token.transferWithAuthorization(holder, address(1), 1201, 0, START + 1, nonce, v, r, s);
    }

    function test_an_allowance_is_given_by_signature() public {
        bytes32 content = keccak256(abi.encode(PERMIT, holder, address(this), 700, 0, START));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, _digest(content));
        token.permit(holder, address(this), 700, START, v, r, s);
        token.transferFrom(holder, address(1), 700);
        equal(token.balanceOf(address(1)), 700);
        equal(token.nonces(holder), 1);
    }

    function test_there_is_no_other_way_to_burn_than_to_retire() public {
        bytes[2] memory calls = [
            abi.encodeWithSignature("burn(uint256)", 1),
            abi.encodeWithSignature("burnFrom(address,uint256)", holder, 1)
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(holder);
            (bool done,) = address(token).call(calls[i]);
            holds(!done);
        }
    }

    // ----------------------------------------------------------------

    function minting(address to, uint256 wh) private pure returns (uint256[] memory mints) {
        mints = new uint256[](1);
        mints[0] = wh << 160 | uint160(to);
    }

    function _transfer(address to, uint256 wh, bytes32 nonce) private {
        (uint8 v, bytes32 r, bytes32 s) = _signed(to, wh, nonce);
        token.transferWithAuthorization(holder, to, wh, 0, START + 1, nonce, v, r, s);
    }

    function _signed(address to, uint256 wh, bytes32 nonce) private view returns (uint8, bytes32, bytes32) {
        return vm.sign(KEY, _digest(keccak256(abi.encode(TRANSFER, holder, to, wh, 0, START + 1, nonce))));
    }

    function _digest(bytes32 content) private view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), content));
    }
}
