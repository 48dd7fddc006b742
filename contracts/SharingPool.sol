// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {NoncesKeyed} from "@openzeppelin/contracts/utils/NoncesKeyed.sol";
import {GreenToken} from "./GreenToken.sol";
import {Issuance, Terms} from "./Issuance.sol";
import {AccountStatement, Statement} from "./Statement.sol";

/// @title What neighbours owe each other for shared energy, settled in GREEN.
/// @notice Mutual credit: a household's position is what it paid in, plus its cumulative credit from the account
/// statements of valid batches. A positive position is owed to it, a negative one is its debt, for all to see. A debt is
/// good up to the limit that the community sets for the household.
///
///     paid in + debts within their limits  >=  what can be paid out
///
/// Where that is less than the sum of all positive positions, because a statement has taken a household below its
/// limit, everyone who is owed can draw the same part of it. The rest stays owed, and can be drawn when the debt is paid.
/// @dev Statements are cumulative: where a household stands depends on its latest statement, never on how many were
/// settled before or in which order. What one household is credited others are debited: credits may never exceed debits,
/// so a debtor's statement is settled before or together with his creditor's. All sums are kept as they change;
/// nothing loops over households.
contract SharingPool is AccessManaged, EIP712, NoncesKeyed {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;
    using SafeCast for int256;

    // ---------------------------------------------------------------- state

    /// @dev Two slots. The position is funds + credit.
    struct Account {
        /// Paid in less drawn, and payments between households.
        int128 funds;
        /// Of the latest statement settled.
        int128 credit;
        uint128 limit;
        uint64 time;
    }

    bytes32 private constant WITHDRAW_TYPEHASH =
        keccak256("Withdraw(address household,address to,uint256 amount,uint256 nonce,uint256 deadline)");
    bytes32 private constant PAY_TYPEHASH =
        keccak256("Pay(address household,address to,uint256 amount,uint256 nonce,uint256 deadline)");

    /// @notice Names the oracle whose valid batches are settled here.
    Issuance public immutable issuance;
    /// @notice The currency.
    GreenToken public immutable token;
    /// @notice The one site whose households have accounts here.
    uint32 public immutable site;

    mapping(address household => Account) private _accounts;
    /// @notice The sum of all positive positions: what the pool owes.
    uint128 public owed;
    /// @notice The sum of all debts, each up to its household's limit.
    uint128 public backed;
    /// @notice The sum of all credits settled; zero when a whole batch is, and never above.
    int128 public netCredit;

    // ---------------------------------------------------------------- events and errors

    /// @notice How far a household may be in debt, token units.
    event LimitChanged(address indexed household, uint128 limit);
    /// @notice A household's cumulative credit went from one value to another.
    event AccountSettled(
        address indexed household, uint64 indexed number, int256 creditBefore, int256 credit, uint64 time
    );
    event Deposited(address indexed household, address indexed from, uint256 amount);
    event Withdrawn(address indexed household, address indexed to, uint256 amount);
    /// @notice One household paid another out of its position.
    event Paid(address indexed household, address indexed to, uint256 amount);

    error InvalidProof(uint64 number);
    error NoStatements();
    /// @dev More is credited than debited: settle the debtors' statements first or in the same call.
    error Unbalanced(uint64 number, int256 excess);
    error ProposalInFuture(uint256 time, uint256 blockTime);
    error StatementAfterProposal(address household, uint64 time, uint256 proposalTime);
    error InvalidHousehold(address household);
    error NotThatMuch(address household, uint256 amount, uint256 available);
    error Expired(uint256 deadline);
    error BadSignature(address household);

    /// @param authority Governs limits.
    constructor(address authority, Issuance issuance_, uint32 site_)
        AccessManaged(authority)
        EIP712("Commonwatt SharingPool", "1")
    {
        issuance = issuance_;
        token = issuance_.token();
        site = site_;
    }

    // ---------------------------------------------------------------- limits

    /// @notice Sets how far households may be in debt. A lower limit forgives no debt; it only stops new payments.
    function setLimits(address[] calldata households, uint128 limit) external restricted {
        for (uint256 i = 0; i < households.length; ++i) {
            Account memory account = _accounts[households[i]];
            account.limit = limit;
            _store(households[i], account);
            emit LimitChanged(households[i], limit);
        }
    }

    // ---------------------------------------------------------------- statements

    /// @notice Settles account statements of a valid batch of the site. Anyone may call it. A statement that is not
    /// later than the household's last has no effect.
    /// @param number The proposal. @param statements In the multiproof's order.
    function settle(
        uint64 number,
        AccountStatement[] calldata statements,
        bytes32[] calldata proof,
        bool[] calldata proofFlags
    ) external {
        if (statements.length == 0) revert NoStatements();
        Terms memory terms = issuance.oracle().settleable(site, number);
        // Whatever an oracle says: a statement from the future would outlive it, and stop its household's account.
        if (terms.time > block.timestamp) revert ProposalInFuture(terms.time, block.timestamp);
        bytes32[] memory leaves = new bytes32[](statements.length);
        for (uint256 i = 0; i < statements.length; ++i) {
            leaves[i] = Statement.leaf(statements[i]);
        }
        if (MerkleProof.processMultiProofCalldata(proof, proofFlags, leaves) != terms.root) {
            revert InvalidProof(number);
        }
        int256 sum = netCredit;
        for (uint256 i = 0; i < statements.length; ++i) {
            sum += _settle(number, terms.time, statements[i]);
        }
        if (sum > 0) revert Unbalanced(number, sum);
        netCredit = sum.toInt128();
    }

    /// @return change Of the household's credit.
    function _settle(uint64 number, uint256 proposalTime, AccountStatement calldata s)
        private
        returns (int256 change)
    {
        if (s.time > proposalTime) revert StatementAfterProposal(s.household, s.time, proposalTime);
        Account memory account = _accounts[s.household];
        if (s.time <= account.time) return 0;
        emit AccountSettled(s.household, number, account.credit, s.credit, s.time);
        int128 credit = s.credit.toInt128();
        change = int256(credit) - account.credit;
        account.credit = credit;
        account.time = s.time;
        _store(s.household, account);
    }

    // ---------------------------------------------------------------- paying in

    /// @notice Pays in for a household out of the caller's own GREEN, which the pool must be allowed to take.
    function deposit(address household, uint256 amount) external {
        _deposit(household, msg.sender, amount);
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Pays in by the household's signature (EIP-3009, `ReceiveWithAuthorization` to this pool), so that it
    /// needs no gas.
    function depositWithAuthorization(
        address household,
        uint256 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external {
        _deposit(household, household, amount);
        token.receiveWithAuthorization(
            household, address(this), amount, validAfter, validBefore, nonce, signature
        );
    }

    function _deposit(address household, address from, uint256 amount) private {
        if (household == address(0)) revert InvalidHousehold(household);
        _move(household, amount.toInt256());
        emit Deposited(household, from, amount);
    }

    // ---------------------------------------------------------------- drawing and paying

    /// @notice Draws GREEN out of the caller's position.
    function withdraw(address to, uint256 amount) external {
        _withdraw(msg.sender, to, amount);
    }

    /// @notice The same by the household's signature (EIP-712, `Withdraw`).
    function withdrawWithAuthorization(
        address household,
        address to,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external {
        _authorize(WITHDRAW_TYPEHASH, household, to, amount, nonce, deadline, signature);
        _withdraw(household, to, amount);
    }

    /// @notice Pays another household out of the caller's position, into debt as far as its limit goes.
    function pay(address to, uint256 amount) external {
        _pay(msg.sender, to, amount);
    }

    /// @notice The same by the household's signature (EIP-712, `Pay`).
    function payWithAuthorization(
        address household,
        address to,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external {
        _authorize(PAY_TYPEHASH, household, to, amount, nonce, deadline, signature);
        _pay(household, to, amount);
    }

    function _withdraw(address household, address to, uint256 amount) private {
        uint256 available = withdrawable(household);
        if (amount > available) revert NotThatMuch(household, amount, available);
        _move(household, -amount.toInt256());
        emit Withdrawn(household, to, amount);
        IERC20(token).safeTransfer(to, amount);
    }

    function _pay(address household, address to, uint256 amount) private {
        if (to == address(0)) revert InvalidHousehold(to);
        uint256 available = spendable(household);
        if (amount > available) revert NotThatMuch(household, amount, available);
        _move(household, -amount.toInt256());
        _move(to, amount.toInt256());
        emit Paid(household, to, amount);
    }

    function _authorize(
        bytes32 typehash,
        address household,
        address to,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) private {
        if (block.timestamp > deadline) revert Expired(deadline);
        bytes32 digest =
            _hashTypedDataV4(keccak256(abi.encode(typehash, household, to, amount, nonce, deadline)));
        if (!SignatureChecker.isValidSignatureNowCalldata(household, digest, signature)) {
            revert BadSignature(household);
        }
        _useCheckedNonce(household, nonce);
    }

    // ---------------------------------------------------------------- the books

    function _move(address household, int256 amount) private {
        Account memory account = _accounts[household];
        account.funds = (account.funds + amount).toInt128();
        _store(household, account);
    }

    /// @dev The only place where an account changes: the sums change with it.
    function _store(address household, Account memory account) private {
        Account memory before = _accounts[household];
        (uint256 owedBefore, uint256 backedBefore) = _sides(before);
        (uint256 owedAfter, uint256 backedAfter) = _sides(account);
        owed = (owed - owedBefore + owedAfter).toUint128();
        backed = (backed - backedBefore + backedAfter).toUint128();
        _accounts[household] = account;
    }

    function _position(Account memory account) private pure returns (int256) {
        return int256(account.funds) + account.credit;
    }

    /// @dev What an account adds to `owed` and to `backed`: one of the two is zero.
    function _sides(Account memory account) private pure returns (uint256 owed_, uint256 backed_) {
        int256 position_ = _position(account);
        if (position_ >= 0) return (uint256(position_), 0);
        return (0, Math.min(uint256(-position_), account.limit));
    }

    // ---------------------------------------------------------------- what is known

    /// @notice Where a household stands, token units: positive is owed to it, negative is its debt.
    function position(address household) external view returns (int256) {
        return _position(_accounts[household]);
    }

    /// @notice What a household's position is made of, and how far it may be negative.
    function accountOf(address household)
        external
        view
        returns (int256 funds, int256 credit, uint64 time, uint256 limit)
    {
        Account memory known = _accounts[household];
        return (known.funds, known.credit, known.time, known.limit);
    }

    /// @notice What a household can draw: its position, or the same part of it as everyone where the pool owes more
    /// than was paid in and debts within limits are good for; never more than the pool holds.
    function withdrawable(address household) public view returns (uint256) {
        int256 position_ = _position(_accounts[household]);
        if (position_ <= 0) return 0;
        uint256 held = token.balanceOf(address(this));
        uint256 good = Math.min(owed, held + backed);
        return Math.min(held, Math.mulDiv(uint256(position_), good, owed));
    }

    /// @notice What a household can pay to others within the pool: its position and its limit.
    function spendable(address household) public view returns (uint256) {
        Account memory known = _accounts[household];
        int256 available = _position(known) + int256(uint256(known.limit));
        return available > 0 ? uint256(available) : 0;
    }
}
