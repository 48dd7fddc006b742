// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {GreenToken} from "../GreenToken.sol";
import {IOracle, Issuance, Terms} from "../Issuance.sol";
import {SharingPool} from "../SharingPool.sol";
import {AccountStatement} from "../Statement.sol";
import {Say} from "./Say.sol";
import {vm} from "./Vm.sol";

/// @title An oracle in office whose batches are made up by the test, and the only one who mints.
contract MadeUp is IOracle {
    /// The one who mints, and whose oracle this is.
    GreenToken public token;

    error NotValid(uint32 site, uint64 number);

    struct Batch {
        bytes32 root;
        uint64 time;
    }

    mapping(uint32 site => mapping(uint64 number => Batch)) private _batches;

    function oracle() external view returns (address) {
        return address(this);
    }

    function mints(GreenToken token_) external {
        token = token_;
    }

    function make(uint32 site, uint64 number, bytes32 root, uint64 time) external {
        _batches[site][number] = Batch(root, time);
    }

    function settleable(uint32 site, uint64 number) external view returns (Terms memory terms) {
        Batch memory batch = _batches[site][number];
        if (batch.time == 0) revert NotValid(site, number);
        (terms.root, terms.time) = (batch.root, batch.time);
    }

    function mint(address to, uint256 wh) external {
        uint256[] memory all = new uint256[](1);
        all[0] = wh << 160 | uint160(to);
        token.mint(all);
    }
}

/// @title A pool for site 1 with four households.
abstract contract Pool is Say {
    uint32 internal constant SITE = 1;
    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant N = 4;

    AccessManager internal authority;
    MadeUp internal office;
    GreenToken internal token;
    SharingPool internal pool;
    address[N] internal homes;
    uint64 internal batches;

    function open() internal {
        vm.warp(START);
        authority = new AccessManager(address(this));
        office = new MadeUp();
        token = new GreenToken(address(office), address(0xB0B));
        office.mints(token);
        pool = new SharingPool(address(authority), Issuance(address(office)), SITE);
        for (uint256 i = 0; i < N; ++i) {
            homes[i] = vm.addr(i + 1);
            office.mint(homes[i], 1_000_000);
            vm.prank(homes[i]);
            token.approve(address(pool), type(uint256).max);
        }
    }

    function deposit(uint256 i, uint256 amount) internal {
        vm.prank(homes[i]);
        pool.deposit(homes[i], amount);
    }

    function limit(uint256 i, uint128 most) internal {
        address[] memory households = new address[](1);
        households[0] = homes[i];
        pool.setLimits(households, most);
    }

    /// A batch with one statement, settled at once.
    function credit(uint256 i, int256 amount) internal {
        settleOne(AccountStatement(homes[i], amount, uint64(block.timestamp)));
    }

    function settleOne(AccountStatement memory s) internal {
        AccountStatement[] memory statements = new AccountStatement[](1);
        statements[0] = s;
        office.make(SITE, ++batches, leaf(s), uint64(block.timestamp));
        pool.settle(batches, statements, new bytes32[](0), new bool[](0));
        vm.warp(block.timestamp + 900);
    }

    function leaf(AccountStatement memory s) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(uint256(2), s.household, s.credit, s.time))));
    }

    function withdraw(uint256 i, uint256 amount) internal {
        vm.prank(homes[i]);
        pool.withdraw(homes[i], amount);
    }
}

contract SharingPoolTest is Pool {
    function setUp() public {
        open();
    }

    function test_what_was_paid_in_can_be_drawn_again() public {
        deposit(0, 500);
        equal(pool.position(homes[0]), 500);
        withdraw(0, 500);
        equal(token.balanceOf(homes[0]), 1_000_000);
        equal(pool.owed(), 0);
    }

    function test_a_debtors_deposit_pays_his_neighbour() public {
        deposit(0, 500);
        credit(0, -300);
        credit(1, 300);
        equal(pool.position(homes[0]), 200);
        withdraw(1, 300);
        withdraw(0, 200);
        equal(token.balanceOf(address(pool)), 0);
    }

    function test_a_debt_within_its_limit_is_as_good_as_a_deposit_as_far_as_the_pool_holds_green() public {
        limit(0, 300);
        deposit(2, 1000);
        credit(0, -300);
        credit(1, 300);
        equal(pool.position(homes[0]), -300);
        equal(pool.withdrawable(homes[1]), 300);
        withdraw(1, 300);
        equal(pool.withdrawable(homes[2]), 700);
        deposit(0, 300);
        withdraw(2, 1000);
    }

    function test_a_debt_beyond_its_limit_is_shared_by_all_who_are_owed() public {
        limit(0, 100);
        deposit(2, 900);
        credit(0, -400);
        credit(1, 300);
        // Owed: 900 + 300. Good: 900 paid in + 100 within the limit.
        equal(pool.withdrawable(homes[2]), 750);
        equal(pool.withdrawable(homes[1]), 250);
        deposit(0, 300);
        equal(pool.withdrawable(homes[2]), 900);
        equal(pool.withdrawable(homes[1]), 300);
    }

    function test_credits_never_exceed_debits() public {
        deposit(2, 900);
        AccountStatement memory s = AccountStatement(homes[1], 900, uint64(block.timestamp));
        office.make(SITE, ++batches, leaf(s), uint64(block.timestamp));
        AccountStatement[] memory statements = new AccountStatement[](1);
        statements[0] = s;
        vm.expectRevert(abi.encodeWithSelector(SharingPool.Unbalanced.selector, batches, int256(900)));
        pool.settle(batches, statements, new bytes32[](0), new bool[](0));
        uint64 refused = batches;
        credit(0, -900);
        pool.settle(refused, statements, new bytes32[](0), new bool[](0));
        equal(int256(pool.netCredit()), 0);
    }

    function test_debtors_and_creditors_of_one_batch_are_settled_in_one_call() public {
        AccountStatement[] memory statements = new AccountStatement[](2);
        statements[0] = AccountStatement(homes[1], 900, uint64(block.timestamp));
        statements[1] = AccountStatement(homes[0], -900, uint64(block.timestamp));
        (bytes32 a, bytes32 b) = (leaf(statements[0]), leaf(statements[1]));
        bytes32 root = a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
        office.make(SITE, 1, root, uint64(block.timestamp));
        bool[] memory flags = new bool[](1);
        flags[0] = true;
        pool.settle(1, statements, new bytes32[](0), flags);
        equal(pool.position(homes[0]), -900);
        equal(pool.position(homes[1]), 900);
    }

    function test_a_household_never_draws_more_than_it_is_owed(uint256 amount) public {
        deposit(2, 1000);
        deposit(0, 10);
        amount = within(amount, 11, type(uint128).max);
        vm.prank(homes[0]);
        vm.expectRevert(abi.encodeWithSelector(SharingPool.NotThatMuch.selector, homes[0], amount, 10));
        pool.withdraw(homes[0], amount);
    }

    function test_a_household_in_debt_never_draws() public {
        deposit(2, 1000);
        limit(0, 1000);
        credit(0, -1);
        equal(pool.withdrawable(homes[0]), 0);
    }

    function test_payments_between_households_go_into_debt_only_as_far_as_the_limit() public {
        limit(0, 100);
        vm.prank(homes[0]);
        pool.pay(homes[1], 100);
        equal(pool.position(homes[0]), -100);
        equal(pool.position(homes[1]), 100);
        equal(pool.backed(), 100);
        vm.prank(homes[0]);
        vm.expectRevert(abi.encodeWithSelector(SharingPool.NotThatMuch.selector, homes[0], 1, 0));
        pool.pay(homes[1], 1);
    }

    function test_a_lower_limit_forgives_no_debt() public {
        limit(0, 100);
        credit(0, -100);
        limit(0, 20);
        equal(pool.position(homes[0]), -100);
        equal(pool.backed(), 20);
        equal(pool.spendable(homes[0]), 0);
    }

    function test_a_replayed_or_older_statement_never_changes_anything() public {
        credit(0, -100);
        AccountStatement memory newer = AccountStatement(homes[0], -250, uint64(block.timestamp));
        AccountStatement memory older = AccountStatement(homes[0], -50, uint64(block.timestamp - 1));
        settleOne(newer);
        settleOne(older);
        settleOne(newer);
        settleOne(AccountStatement(homes[0], -300, newer.time));
        equal(pool.position(homes[0]), -250);
    }

    function test_a_statement_is_never_later_than_its_batch() public {
        AccountStatement[] memory statements = new AccountStatement[](1);
        statements[0] = AccountStatement(homes[0], 5, uint64(block.timestamp + 1));
        office.make(SITE, 1, leaf(statements[0]), uint64(block.timestamp));
        vm.expectRevert(
            abi.encodeWithSelector(
                SharingPool.StatementAfterProposal.selector,
                homes[0],
                uint64(block.timestamp + 1),
                uint64(block.timestamp)
            )
        );
        pool.settle(1, statements, new bytes32[](0), new bool[](0));
    }

    /// Whatever an oracle says: such a statement would stop its household's account until then.
    function test_a_batch_from_the_future_is_never_settled() public {
        AccountStatement[] memory statements = new AccountStatement[](1);
        statements[0] = AccountStatement(homes[0], -5, type(uint64).max);
        office.make(SITE, 1, leaf(statements[0]), type(uint64).max);
        vm.expectRevert(
            abi.encodeWithSelector(SharingPool.ProposalInFuture.selector, type(uint64).max, block.timestamp)
        );
        pool.settle(1, statements, new bytes32[](0), new bool[](0));
    }

    function test_only_statements_of_valid_batches_of_its_own_site_are_settled() public {
        AccountStatement[] memory statements = new AccountStatement[](1);
        statements[0] = AccountStatement(homes[0], 5, uint64(block.timestamp));
        vm.expectRevert(abi.encodeWithSelector(MadeUp.NotValid.selector, SITE, uint64(1)));
        pool.settle(1, statements, new bytes32[](0), new bool[](0));
        office.make(SITE + 1, 1, leaf(statements[0]), uint64(block.timestamp));
        vm.expectRevert(abi.encodeWithSelector(MadeUp.NotValid.selector, SITE, uint64(1)));
        pool.settle(1, statements, new bytes32[](0), new bool[](0));
    }

    function test_a_statement_that_was_changed_in_any_field_is_refused(uint8 field) public {
        AccountStatement[] memory statements = new AccountStatement[](1);
        statements[0] = AccountStatement(homes[0], 5, uint64(block.timestamp));
        office.make(SITE, 1, leaf(statements[0]), uint64(block.timestamp));
        field %= 3;
        if (field == 0) statements[0].household = homes[1];
        if (field == 1) statements[0].credit = -5;
        if (field == 2) statements[0].time -= 1;
        vm.expectRevert(abi.encodeWithSelector(SharingPool.InvalidProof.selector, uint64(1)));
        pool.settle(1, statements, new bytes32[](0), new bool[](0));
    }

    function test_settling_nothing_is_refused() public {
        vm.expectRevert(SharingPool.NoStatements.selector);
        pool.settle(1, new AccountStatement[](0), new bytes32[](0), new bool[](0));
    }

    function test_only_the_authority_sets_limits() public {
        address[] memory households = new address[](1);
        vm.prank(homes[0]);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, homes[0]));
        pool.setLimits(households, 1);
    }

    // ---------------------------------------------------------------- by signature

    bytes32 private constant WITHDRAW =
        keccak256("Withdraw(address household,address to,uint256 amount,uint256 nonce,uint256 deadline)");
    bytes32 private constant PAY =
        keccak256("Pay(address household,address to,uint256 amount,uint256 nonce,uint256 deadline)");

    function test_a_household_draws_and_pays_by_signature_once_each() public {
        deposit(0, 500);
        bytes memory drawn = _signed(WITHDRAW, 0, homes[3], 100, 0);
        pool.withdrawWithAuthorization(homes[0], homes[3], 100, 0, START + 1 days, drawn);
        equal(token.balanceOf(homes[3]), 1_000_100);
        bytes memory paid = _signed(PAY, 0, homes[1], 150, 1);
        pool.payWithAuthorization(homes[0], homes[1], 150, 1, START + 1 days, paid);
        equal(pool.position(homes[0]), 250);
        equal(pool.position(homes[1]), 150);
        vm.expectRevert();
        pool.withdrawWithAuthorization(homes[0], homes[3], 100, 0, START + 1 days, drawn);
        vm.expectRevert();
        pool.payWithAuthorization(homes[0], homes[1], 150, 1, START + 1 days, paid);
    }

    function test_a_signature_never_serves_another_household_amount_receiver_or_deed() public {
        deposit(0, 500);
        deposit(1, 500);
        bytes memory signature = _signed(WITHDRAW, 0, homes[3], 100, 0);
        bytes memory bad = abi.encodeWithSelector(SharingPool.BadSignature.selector, homes[0]);
        vm.expectRevert(bad);
        pool.withdrawWithAuthorization(homes[0], homes[3], 101, 0, START + 1 days, signature);
        vm.expectRevert(bad);
        pool.withdrawWithAuthorization(homes[0], homes[2], 100, 0, START + 1 days, signature);
        vm.expectRevert(bad);
        pool.payWithAuthorization(homes[0], homes[3], 100, 0, START + 1 days, signature);
        vm.expectRevert(abi.encodeWithSelector(SharingPool.BadSignature.selector, homes[1]));
        pool.withdrawWithAuthorization(homes[1], homes[3], 100, 0, START + 1 days, signature);
        vm.warp(START + 1 days + 1);
        vm.expectRevert(abi.encodeWithSelector(SharingPool.Expired.selector, START + 1 days));
        pool.withdrawWithAuthorization(homes[0], homes[3], 100, 0, START + 1 days, signature);
    }

    function _signed(bytes32 typehash, uint256 i, address to, uint256 amount, uint256 nonce)
        private
        view
        returns (bytes memory)
    {
        (, string memory name, string memory version, uint256 chain, address where,,) = pool.eip712Domain();
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
        bytes32 hash = keccak256(abi.encode(typehash, homes[i], to, amount, nonce, START + 1 days));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(i + 1, keccak256(abi.encodePacked(hex"1901", domain, hash)));
        return abi.encodePacked(r, s, v);
    }
}

/// @title A neighbourhood in which anything may happen in any order. It keeps its own books.
contract Neighbourhood is Pool {
    int256[N] public funds;
    int256[N] public credits;
    uint256[N] public limits;
    uint256 public paidIn;
    uint256 public paidOut;

    constructor() {
        open();
    }

    function home(uint256 i) external view returns (address) {
        return homes[i];
    }

    function green() external view returns (GreenToken, SharingPool) {
        return (token, pool);
    }

    function aHouseholdPaysIn(uint256 i, uint256 amount) external {
        i %= N;
        amount = within(amount, 0, token.balanceOf(homes[i]));
        deposit(i, amount);
        funds[i] += int256(amount);
        paidIn += amount;
    }

    function aLimitIsSet(uint256 i, uint256 most) external {
        limits[i % N] = within(most, 0, 50_000);
        limit(i % N, uint128(limits[i % N]));
    }

    /// Energy moved from one to another; statements are settled for both, or for the one who took it alone.
    function energyIsShared(uint256 from, uint256 to, uint256 worth, uint256 which) external {
        (from, to) = (from % N, to % N);
        worth = within(worth, 0, 20_000);
        int256 given = credits[from] + int256(worth);
        if (from == to) return;
        int256 taken = credits[to] - int256(worth);
        credit(to, taken);
        credits[to] = taken;
        if (which % 3 == 0) return;
        credit(from, given);
        credits[from] = given;
    }

    function aHouseholdDraws(uint256 i, uint256 amount) external {
        i %= N;
        uint256 most = pool.withdrawable(homes[i]);
        amount = within(amount, 0, most + 1);
        vm.prank(homes[i]);
        try pool.withdraw(homes[i], amount) {
            holds(amount <= most);
            funds[i] -= int256(amount);
            paidOut += amount;
        } catch {
            holds(amount > most);
        }
    }

    function aHouseholdPays(uint256 i, uint256 to, uint256 amount) external {
        (i, to) = (i % N, to % N);
        int256 position = funds[i] + credits[i];
        int256 most = position + int256(limits[i]);
        amount = within(amount, 0, 10_000);
        vm.prank(homes[i]);
        try pool.pay(homes[to], amount) {
            holds(int256(amount) <= most || amount == 0);
            funds[i] -= int256(amount);
            funds[to] += int256(amount);
        } catch {
            holds(int256(amount) > most);
        }
    }
}

contract SharingPoolInvariants is Say {
    Neighbourhood private life;
    uint256 private constant N = 4;

    function setUp() public {
        life = new Neighbourhood();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(life);
    }

    function invariant_each_position_is_what_was_paid_in_and_credited() public view {
        (, SharingPool pool) = life.green();
        for (uint256 i = 0; i < N; ++i) {
            equal(pool.position(life.home(i)), life.funds(i) + life.credits(i));
        }
    }

    function invariant_never_more_is_paid_out_than_was_paid_in() public view {
        (GreenToken token, SharingPool pool) = life.green();
        holds(life.paidOut() <= life.paidIn());
        equal(token.balanceOf(address(pool)), life.paidIn() - life.paidOut());
    }

    function invariant_credits_never_exceed_debits() public view {
        (, SharingPool pool) = life.green();
        int256 sum = 0;
        for (uint256 i = 0; i < N; ++i) {
            sum += life.credits(i);
        }
        equal(pool.netCredit(), sum);
        holds(sum <= 0);
    }

    function invariant_the_sums_are_the_sums_over_all_households() public view {
        (, SharingPool pool) = life.green();
        uint256 owed = 0;
        uint256 backed = 0;
        for (uint256 i = 0; i < N; ++i) {
            int256 position = life.funds(i) + life.credits(i);
            if (position > 0) owed += uint256(position);
            else backed += uint256(-position) < life.limits(i) ? uint256(-position) : life.limits(i);
        }
        equal(pool.owed(), owed);
        equal(pool.backed(), backed);
    }

    function invariant_what_all_can_draw_is_never_more_than_was_paid_in_plus_debts_within_limits()
        public
        view
    {
        (GreenToken token, SharingPool pool) = life.green();
        uint256 all = 0;
        for (uint256 i = 0; i < N; ++i) {
            all += pool.withdrawable(life.home(i));
        }
        holds(all <= token.balanceOf(address(pool)) + pool.backed());
    }
}

/// @title The same statements in two orders.
contract SharingPoolOrderTest is Pool {
    function setUp() public {
        open();
    }

    function test_the_order_of_settlement_never_changes_who_ends_with_what(
        bool turned,
        uint32 debt,
        uint32 other,
        uint256 part
    ) public {
        AccountStatement[] memory all = new AccountStatement[](N);
        int256 sum = int256(uint256(debt)) + int256(uint256(other));
        int256 first = int256(part % uint256(sum + 1));
        int256[4] memory credits = [-int256(uint256(debt)), -int256(uint256(other)), first, sum - first];
        for (uint256 i = 0; i < N; ++i) {
            limit(i, 1_000_000);
            deposit(i, (i + 1) * 1000);
            all[i] = AccountStatement(homes[i], credits[i], uint64(START));
        }
        SharingPool twin = _twin();
        for (uint256 k = 0; k < N; ++k) {
            _settleIn(pool, all[k]);
        }
        // Debtors in another order, one of them twice; creditors too.
        uint256 turn = turned ? 1 : 0;
        _settleIn(twin, all[1 - turn]);
        _settleIn(twin, all[turn]);
        _settleIn(twin, all[1]);
        _settleIn(twin, all[3 - turn]);
        _settleIn(twin, all[2 + turn]);
        equal(pool.owed(), twin.owed());
        equal(pool.backed(), twin.backed());
        for (uint256 i = 0; i < N; ++i) {
            equal(pool.position(homes[i]), twin.position(homes[i]));
            equal(pool.withdrawable(homes[i]), twin.withdrawable(homes[i]));
        }
    }

    function _twin() private returns (SharingPool other) {
        other = new SharingPool(address(authority), Issuance(address(office)), SITE);
        address[] memory households = new address[](N);
        for (uint256 i = 0; i < N; ++i) {
            households[i] = homes[i];
            vm.prank(homes[i]);
            token.approve(address(other), type(uint256).max);
            vm.prank(homes[i]);
            other.deposit(homes[i], (i + 1) * 1000);
        }
        other.setLimits(households, 1_000_000);
    }

    function _settleIn(SharingPool to, AccountStatement memory s) private {
        AccountStatement[] memory statements = new AccountStatement[](1);
        statements[0] = s;
        office.make(SITE, ++batches, leaf(s), uint64(START));
        to.settle(batches, statements, new bytes32[](0), new bool[](0));
    }
}
