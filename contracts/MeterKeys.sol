// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {History, Since} from "./History.sol";
import {NativeScheme} from "./NativeScheme.sol";
import {ED25519, PublicKey} from "./PublicKey.sol";

/// @title Verifies a meter's signature under any message, and judges its key with it.
interface IKeyVerifier {
    function verifySignature(
        uint8 scheme,
        bytes32[2] calldata key,
        bytes calldata message,
        bytes calldata signature
    ) external view returns (bool);
}

/// @title The keys that meters sign with, from the first to the present one.
/// @notice
///
///     first key ──(rotate: the old key and the new one sign)──▶ next key
///         │
///         └── announceRecovery ──(7 days, the household or a guardian may withdraw it)──▶ recover ──▶ next key
///
/// Whoever brings a key shows that it can sign: a key signs the 32 bytes of an EIP-712 digest that names this chain and
/// this contract. No reading is signed so: what a reading's signature covers is longer. A meter that signs in a format of
/// its maker cannot do that; whoever registers it vouches for its key, which then never changes.
///
/// A key id is keccak256(scheme byte ‖ public key), and the first key's is the meterId. A key serves one meter, under one
/// scheme, once: none that ever was a meter's is taken again.
abstract contract MeterKeys is AccessManaged, EIP712 {
    using History for Since[];

    /// @dev A recovery that was announced.
    struct Recovery {
        bytes32 keyId;
        /// When it can be executed, Unix seconds.
        uint64 from;
    }

    /// @notice How long everyone can see a recovery coming. A rotation lies at most as far ahead, so that none is
    /// outstanding when a recovery is executed.
    uint64 public constant RECOVERY_DELAY = 7 days;

    bytes32 private constant ROTATION_TYPEHASH =
        keccak256("Rotation(bytes32 meterId,bytes32 keyId,uint64 from)");
    bytes32 private constant RECOVERY_TYPEHASH = keccak256("Recovery(bytes32 meterId,bytes32 keyId)");

    /// @notice Who verifies what keys sign.
    IKeyVerifier public immutable verifier;

    /// @notice Whose a key is or was, by keccak256 of the public key alone; zero for one that never was a meter's.
    mapping(bytes32 keyHash => bytes32 meterId) public meterOfKey;
    /// @notice The recovery that was announced for a meter, and when it can be executed; zero for none.
    mapping(bytes32 meterId => Recovery) public recoveryOf;

    /// @dev By key id, so that a meter's first key is found by its meterId. None for native schemes.
    mapping(bytes32 keyId => bytes32[2]) private _keys;
    /// @dev The schemes of the keys after the first, and from when they hold; and those keys' ids.
    mapping(bytes32 meterId => Since[]) private _schemes;
    mapping(bytes32 meterId => bytes32[]) private _keyIds;

    /// @notice The meter's key cannot sign for the chain; this account vouched for it.
    event Attested(bytes32 indexed meterId, address indexed by);
    /// @notice From `from` on, by the time that readings say, the meter signs with this key.
    event KeyChanged(bytes32 indexed meterId, uint8 scheme, bytes publicKey, uint64 from);
    /// @notice A meter whose key is lost or stolen gets this one, from `from` on, when someone says so.
    event RecoveryAnnounced(bytes32 indexed meterId, uint8 scheme, bytes publicKey, uint64 from);
    /// @notice An announced recovery will not be.
    event RecoveryWithdrawn(bytes32 indexed meterId, bytes32 keyId, address by);

    error InvalidVerifier(IKeyVerifier verifier);
    error InvalidPublicKey(uint8 scheme, bytes publicKey);
    error KeyInUse(bytes publicKey, bytes32 meterId);
    /// @dev The signature is not this key's under this digest, or the key is one that no meter may have.
    error NotSigned(bytes32 keyId, bytes32 digest);
    /// @dev A meter that signs in a format of its maker keeps its key, and nobody signs for it.
    error KeyIsFixed(bytes32 meterId, uint8 scheme);
    error InvalidRotationTime(uint64 from, uint256 blockTime);
    error RecoveryPending(bytes32 meterId);
    error NoRecovery(bytes32 meterId);
    error AnotherKeyAnnounced(bytes32 keyId, bytes32 announced);
    error RecoveryNotYet(uint64 from);

    constructor(IKeyVerifier verifier_) EIP712("Commonwatt MeterRegistry", "1") {
        if (address(verifier_).code.length == 0) revert InvalidVerifier(verifier_);
        verifier = verifier_;
    }

    // ---------------------------------------------------------------- the first key

    /// @dev Takes a meter's first key. `digest` is what it must have signed.
    function _takeFirstKey(
        bytes32 meterId,
        uint8 scheme,
        bytes calldata key,
        bytes32 digest,
        bytes calldata proof
    ) internal {
        if (NativeScheme.length(scheme) == 0) {
            _checkSigned(scheme, key, digest, proof);
            _take(meterId, key);
            _keep(meterId, scheme, key);
            return;
        }
        if (key.length != NativeScheme.length(scheme)) revert InvalidPublicKey(scheme, key);
        if (proof.length != 0) revert KeyIsFixed(meterId, scheme);
        _take(meterId, key);
        emit Attested(meterId, msg.sender);
    }

    // ---------------------------------------------------------------- rotation

    /// @notice Gives a meter another key. Both have signed `rotationDigest`.
    /// @param from From when on it signs with the new key, Unix seconds: later than this block, as readings of the past
    /// are signed already, and at most RECOVERY_DELAY ahead.
    /// @param byOld The signature of its latest key. @param byNew That of the new one.
    function rotate(
        bytes32 meterId,
        uint8 scheme,
        bytes calldata key,
        uint64 from,
        bytes calldata byOld,
        bytes calldata byNew
    ) external restricted {
        _checkInService(meterId);
        _checkChangeable(meterId);
        if (recoveryOf[meterId].keyId != 0) revert RecoveryPending(meterId);
        if (from <= block.timestamp || from > block.timestamp + RECOVERY_DELAY) {
            revert InvalidRotationTime(from, block.timestamp);
        }
        bytes32 digest = rotationDigest(meterId, keyIdOf(scheme, key), from);
        _checkSignedByLatest(meterId, digest, byOld);
        _checkSigned(scheme, key, digest, byNew);
        _changeKey(meterId, scheme, key, from);
    }

    // ---------------------------------------------------------------- recovery: announced → (delay) → recovered

    /// @notice Announces a key for a meter whose key is lost or stolen. Announcing another starts the delay anew.
    /// @param proof The new key's signature under `recoveryDigest`.
    function announceRecovery(bytes32 meterId, uint8 scheme, bytes calldata key, bytes calldata proof)
        external
        restricted
    {
        _checkInService(meterId);
        _checkChangeable(meterId);
        bytes32 keyId = keyIdOf(scheme, key);
        _checkUnused(key);
        _checkSigned(scheme, key, recoveryDigest(meterId, keyId), proof);
        uint64 from = uint64(block.timestamp) + RECOVERY_DELAY;
        recoveryOf[meterId] = Recovery({keyId: keyId, from: from});
        emit RecoveryAnnounced(meterId, scheme, key, from);
    }

    /// @notice Takes the announcement back: by the meter's household, or by who is governed to.
    function withdrawRecovery(bytes32 meterId) external {
        if (msg.sender != _householdOf(meterId)) _checkCanCall(msg.sender, msg.data);
        bytes32 keyId = recoveryOf[meterId].keyId;
        if (keyId == 0) revert NoRecovery(meterId);
        delete recoveryOf[meterId];
        emit RecoveryWithdrawn(meterId, keyId, msg.sender);
    }

    /// @notice Executes a recovery once its delay is over, from the next second on. Anyone may say so.
    /// @param key The key that was announced.
    function recover(bytes32 meterId, uint8 scheme, bytes calldata key) external {
        _checkInService(meterId);
        Recovery memory announced = recoveryOf[meterId];
        if (announced.keyId == 0) revert NoRecovery(meterId);
        bytes32 keyId = keyIdOf(scheme, key);
        if (keyId != announced.keyId) revert AnotherKeyAnnounced(keyId, announced.keyId);
        if (block.timestamp < announced.from) revert RecoveryNotYet(announced.from);
        delete recoveryOf[meterId];
        _changeKey(meterId, scheme, key, uint64(block.timestamp) + 1);
    }

    // ---------------------------------------------------------------- shared

    function _changeKey(bytes32 meterId, uint8 scheme, bytes calldata key, uint64 from) private {
        bytes32 keyId = keyIdOf(scheme, key);
        _take(meterId, key);
        _keep(keyId, scheme, key);
        _schemes[meterId].add(from, int256(uint256(scheme)));
        _keyIds[meterId].push(keyId);
        emit KeyChanged(meterId, scheme, key, from);
    }

    function _take(bytes32 meterId, bytes calldata key) private {
        _checkUnused(key);
        meterOfKey[keccak256(key)] = meterId;
    }

    function _keep(bytes32 keyId, uint8 scheme, bytes calldata key) private {
        bytes32[2] memory words = _words(scheme, key);
        _keys[keyId][0] = words[0];
        if (scheme != ED25519) _keys[keyId][1] = words[1];
    }

    function _words(uint8 scheme, bytes calldata key) private pure returns (bytes32[2] memory words) {
        uint256 length = PublicKey.length(scheme);
        if (length == 0 || key.length != length) revert InvalidPublicKey(scheme, key);
        words[0] = bytes32(key[:32]);
        if (length == 64) words[1] = bytes32(key[32:]);
    }

    function _checkUnused(bytes calldata key) private view {
        bytes32 owner = meterOfKey[keccak256(key)];
        if (owner != 0) revert KeyInUse(key, owner);
    }

    function _checkSigned(uint8 scheme, bytes calldata key, bytes32 digest, bytes calldata signature)
        private
        view
    {
        if (!verifier.verifySignature(scheme, _words(scheme, key), bytes.concat(digest), signature)) {
            revert NotSigned(keyIdOf(scheme, key), digest);
        }
    }

    /// @dev By the key that was given to the meter last, whether it is in force already or not.
    function _checkSignedByLatest(bytes32 meterId, bytes32 digest, bytes calldata signature) private view {
        (bytes32 keyId, uint8 scheme) = _keyAt(meterId, type(uint64).max);
        if (!verifier.verifySignature(scheme, _keys[keyId], bytes.concat(digest), signature)) {
            revert NotSigned(keyId, digest);
        }
    }

    function _checkChangeable(bytes32 meterId) private view {
        uint8 scheme = _firstSchemeOf(meterId);
        if (NativeScheme.length(scheme) != 0) revert KeyIsFixed(meterId, scheme);
    }

    /// @dev The id and scheme of the key that holds at a time.
    function _keyAt(bytes32 meterId, uint64 time) private view returns (bytes32 keyId, uint8 scheme) {
        Since[] storage schemes = _schemes[meterId];
        uint256 n = schemes.countAt(time);
        if (n == 0) return (meterId, _firstSchemeOf(meterId));
        // forge-lint: disable-next-line(unsafe-typecast) it was a scheme
        return (_keyIds[meterId][n - 1], uint8(uint128(schemes[n - 1].value)));
    }

    function _schemeAt(bytes32 meterId, uint64 time) internal view returns (uint8 scheme) {
        (, scheme) = _keyAt(meterId, time);
    }

    /// @dev Reverts unless the meter is active or suspended, and has not ended.
    function _checkInService(bytes32 meterId) internal view virtual;

    function _householdOf(bytes32 meterId) internal view virtual returns (address);

    /// @dev Zero for an unknown meter.
    function _firstSchemeOf(bytes32 meterId) internal view virtual returns (uint8);

    // ---------------------------------------------------------------- what is known

    /// @notice The scheme and key with which a meter signs what it reads at a time; scheme zero for an unknown meter. An
    /// Ed25519 key is in the first word alone, an ES256 key is x and y. For the format of a meter's maker the scheme
    /// alone: the key was in the event of its registration, and its hash is the meterId.
    function keyAt(bytes32 meterId, uint64 time) external view returns (uint8 scheme, bytes32[2] memory key) {
        bytes32 keyId;
        (keyId, scheme) = _keyAt(meterId, time);
        key = _keys[keyId];
    }

    /// @notice The kid of a meter's readings at a time: the first eight bytes of its key's id (protocol/SPEC.md, 2).
    function kidAt(bytes32 meterId, uint64 time) external view returns (bytes8) {
        (bytes32 keyId,) = _keyAt(meterId, time);
        // forge-lint: disable-next-line(unsafe-typecast) the eight bytes in front are meant
        return bytes8(keyId);
    }

    /// @notice keccak256(scheme byte ‖ public key).
    function keyIdOf(uint8 scheme, bytes calldata key) public pure returns (bytes32) {
        return keccak256(bytes.concat(bytes1(scheme), key));
    }

    /// @notice What the old key and the new one sign for a rotation: its EIP-712 digest.
    function rotationDigest(bytes32 meterId, bytes32 keyId, uint64 from) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(ROTATION_TYPEHASH, meterId, keyId, from)));
    }

    /// @notice What the new key signs for a recovery: its EIP-712 digest.
    function recoveryDigest(bytes32 meterId, bytes32 keyId) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(RECOVERY_TYPEHASH, meterId, keyId)));
    }
}
