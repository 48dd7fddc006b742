// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {End, Meter, Registration, Start, Status, WANTS_CERTIFICATES} from "../Meter.sol";
import {MeterKeys} from "../MeterKeys.sol";
import {MeterRegistry} from "../MeterRegistry.sol";
import {ED25519, ES256, PublicKey} from "../PublicKey.sol";
import {Meters} from "./Meters.sol";
import {Vm, vm} from "./Vm.sol";

/// @title The registry's state as its logs alone tell it, each with the time of its block.
contract Chronicle {
    struct KeyFrom {
        uint64 from;
        uint8 scheme;
        bytes key;
    }

    struct NumberFrom {
        uint64 from;
        int256 value;
    }

    uint32 public siteCount;
    mapping(uint32 site => address) public siteOperator;
    mapping(address owner => uint256) public balanceOf;
    mapping(bytes32 keyHash => bytes32) public meterOfKey;
    mapping(bytes32 meterId => bytes32) public recovery;
    mapping(bytes32 meterId => uint64) public recoveryFrom;
    mapping(bytes32 meterId => Meter) private _meters;
    mapping(bytes32 meterId => Start) private _starts;
    mapping(bytes32 meterId => End) private _ends;
    mapping(bytes32 meterId => KeyFrom[]) private _keys;
    mapping(bytes32 meterId => NumberFrom[]) private _sites;
    mapping(bytes32 meterId => NumberFrom[]) private _offsets;
    bytes32[] private _ids;

    error UnknownEvent(bytes32 topic);

    function ids() external view returns (bytes32[] memory) {
        return _ids;
    }

    function meter(bytes32 id) external view returns (Meter memory) {
        return _meters[id];
    }

    function start(bytes32 id) external view returns (Start memory) {
        return _starts[id];
    }

    function endOf(bytes32 id) external view returns (End memory) {
        return _ends[id];
    }

    function keyAt(bytes32 id, uint64 time) external view returns (KeyFrom memory found) {
        for (uint256 i = 0; i < _keys[id].length; ++i) {
            if (_keys[id][i].from <= time) found = _keys[id][i];
        }
    }

    function siteAt(bytes32 id, uint64 time) external view returns (int256) {
        return _at(_sites[id], time);
    }

    function offsetAt(bytes32 id, uint64 time) external view returns (int256) {
        return _at(_offsets[id], time);
    }

    function _at(NumberFrom[] storage numbers, uint64 time) private view returns (int256 found) {
        for (uint256 i = 0; i < numbers.length; ++i) {
            if (numbers[i].from <= time) found = numbers[i].value;
        }
    }

    function read(Vm.Log calldata log, uint64 blockTime) external {
        bytes32 kind = log.topics[0];
        if (kind == MeterRegistry.SiteOpened.selector) {
            siteCount = uint32(uint256(log.topics[1]));
            siteOperator[siteCount] = _address(log.topics[2]);
            return;
        }
        if (kind == IERC721.Transfer.selector) {
            if (log.topics[1] != 0) --balanceOf[_address(log.topics[1])];
            ++balanceOf[_address(log.topics[2])];
            return;
        }
        if (kind == MeterRegistry.Locked.selector || kind == IAccessManaged.AuthorityUpdated.selector) {
            return;
        }
        bytes32 id = log.topics[1];
        Meter storage m = _meters[id];
        if (kind == MeterRegistry.MeterRegistered.selector) {
            _readRegistered(log, blockTime);
        } else if (kind == MeterKeys.Attested.selector) {
            // The key came with the registration.
            return;
        } else if (kind == MeterRegistry.MeterStatusChanged.selector) {
            (, m.status) = abi.decode(log.data, (Status, Status));
        } else if (kind == MeterRegistry.CertificatesWanted.selector) {
            m.flags &= ~WANTS_CERTIFICATES;
            if (abi.decode(log.data, (bool))) m.flags |= WANTS_CERTIFICATES;
        } else if (kind == MeterRegistry.RatedPowerChanged.selector) {
            (, m.ratedW,) = abi.decode(log.data, (uint32, uint32, uint64));
            if (m.ratedW > _starts[id].mostRatedW) _starts[id].mostRatedW = m.ratedW;
        } else if (kind == MeterRegistry.Restarted.selector) {
            (,, uint64 time, int256 offset) = abi.decode(log.data, (uint64, uint64, uint64, int256));
            _offsets[id].push(NumberFrom({from: time, value: offset}));
        } else if (kind == MeterRegistry.MeterMoved.selector) {
            m.site = uint32(uint256(log.topics[3]));
            uint64 from = abi.decode(log.data, (uint64));
            _sites[id].push(NumberFrom({from: from, value: int256(uint256(log.topics[3]))}));
        } else if (kind == MeterRegistry.HouseholdChanged.selector) {
            m.household = _address(log.topics[3]);
        } else if (kind == MeterRegistry.MeterEnded.selector) {
            (, uint64 wh, uint64 time) = abi.decode(log.data, (uint64, uint64, uint64));
            _ends[id] = End({wh: wh, time: time});
        } else if (kind == MeterKeys.KeyChanged.selector) {
            (uint8 scheme, bytes memory key, uint64 from) = abi.decode(log.data, (uint8, bytes, uint64));
            _addKey(id, scheme, key, from);
            // A rotation is refused while a recovery is announced, so this is that recovery's key.
            delete recovery[id];
            delete recoveryFrom[id];
        } else if (kind == MeterKeys.RecoveryAnnounced.selector) {
            (uint8 scheme, bytes memory key, uint64 from) = abi.decode(log.data, (uint8, bytes, uint64));
            (recovery[id], recoveryFrom[id]) = (keccak256(abi.encodePacked(scheme, key)), from);
        } else if (kind == MeterKeys.RecoveryWithdrawn.selector) {
            delete recovery[id];
            delete recoveryFrom[id];
        } else if (kind != MeterRegistry.MeterReplaced.selector) {
            revert UnknownEvent(kind);
        }
    }

    /// What is not indexed of a registration, as a struct is encoded with its place in front.
    struct Registered {
        uint8 scheme;
        bytes key;
        uint8 assurance;
        uint8 source;
        uint32 ratedW;
        uint64 startWh;
        uint64 startTime;
    }

    function _readRegistered(Vm.Log calldata log, uint64 blockTime) private {
        bytes32 id = log.topics[1];
        Registered memory r = abi.decode(bytes.concat(bytes32(uint256(32)), log.data), (Registered));
        _meters[id] = Meter({
            household: _address(log.topics[3]),
            site: uint32(uint256(log.topics[2])),
            ratedW: r.ratedW,
            status: Status.Active,
            assurance: r.assurance,
            scheme: r.scheme,
            flags: r.source
        });
        _starts[id] = Start({wh: r.startWh, time: r.startTime, registeredAt: blockTime, mostRatedW: r.ratedW});
        _addKey(id, r.scheme, r.key, 0);
        _sites[id].push(NumberFrom({from: r.startTime, value: int256(uint256(log.topics[2]))}));
        _ids.push(id);
    }

    function _addKey(bytes32 id, uint8 scheme, bytes memory key, uint64 from) private {
        _keys[id].push(KeyFrom({from: from, scheme: scheme, key: key}));
        meterOfKey[keccak256(key)] = id;
    }

    function _address(bytes32 topic) private pure returns (address) {
        return address(uint160(uint256(topic)));
    }
}

/// @title Whole lives of meters, as chance has them, told by logs alone.
contract MeterRegistryChronicleTest is Meters {
    address private constant SECOND = address(0xB0B);

    Chronicle private chronicle;
    /// By meter: the secret and scheme of its latest key, and the secret of the one announced.
    mapping(bytes32 => uint256) private _secret;
    mapping(bytes32 => uint8) private _scheme;
    mapping(bytes32 => uint256) private _announced;
    uint256 private _lastSecret = 100;
    /// Which changes came about, by number.
    mapping(uint256 => uint256) private _came;

    function setUp() public override {
        vm.recordLogs();
        super.setUp();
        chronicle = new Chronicle();
        (_secret[meterId], _scheme[meterId]) = (1, ES256);
        _listen();
    }

    /// forge-config: default.fuzz.runs = 16
    function test_the_state_at_any_block_can_be_rebuilt_from_logs_alone(uint256 seed) public {
        for (uint256 i = 0; i < 40; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            vm.warp(block.timestamp + 1 + seed % 3 days);
            _step(seed >> 8);
            _listen();
            _compare();
        }
    }

    /// The fuzzed life is only worth something if each change comes about in it.
    function test_each_change_comes_about_in_a_long_enough_life() public {
        uint256 seed = 1;
        for (uint256 i = 0; i < 250; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            vm.warp(block.timestamp + 1 + seed % 3 days);
            _step(seed >> 8);
        }
        _listen();
        _compare();
        for (uint256 change = 0; change < 13; ++change) {
            holds(_came[change] != 0);
        }
    }

    function _step(uint256 seed) private {
        bytes32[] memory ids = chronicle.ids();
        bytes32 id = ids[(seed >> 8) % ids.length];
        uint256 change = seed % 13;
        uint64 time = inSeconds(0) - uint64((seed >> 16) % 2 days);
        seed >>= 40;
        bytes memory call_;
        address by = address(this);
        if (change == 0) {
            call_ = abi.encodeCall(MeterRegistry.openSite, (address(uint160(seed) | 1)));
        } else if (change == 1) {
            call_ = abi.encodeCall(MeterRegistry.register, (one(_next(seed))));
        } else if (change == 2) {
            call_ = abi.encodeCall(MeterRegistry.setStatus, (id, Status(1 + seed % 100 / 49)));
        } else if (change == 3) {
            by = registry.meter(id).household;
            call_ = abi.encodeCall(MeterRegistry.wantCertificates, (id, seed % 2 == 0));
        } else if (change == 4) {
            payments.pay(id, time);
            call_ = abi.encodeCall(MeterRegistry.setRatedPower, (id, uint32(1 + seed % 20_000), time));
        } else if (change == 5) {
            call_ = abi.encodeCall(
                MeterRegistry.restart, (id, uint64(1e9 + seed % 1e6), uint64((seed >> 32) % 1e6), time)
            );
        } else if (change == 6) {
            call_ = abi.encodeCall(MeterRegistry.move, (id, uint32(1 + seed % registry.siteCount())));
        } else if (change == 7) {
            payments.pay(id, time);
            call_ = abi.encodeCall(MeterRegistry.handOver, (id, seed % 2 == 0 ? SECOND : household, time));
        } else if (change == 8) {
            if (seed % 3 == 0) call_ = abi.encodeCall(MeterRegistry.end, (id, uint64(2e9), time));
            else call_ = _replacement(id, time, seed);
        } else if (change == 9) {
            call_ = _rotation(id, seed);
        } else if (change == 10) {
            call_ = _recovery(id);
        } else if (change == 11) {
            // Most recoveries are let be.
            if (seed % 4 != 0) return;
            call_ = abi.encodeCall(MeterKeys.withdrawRecovery, (id));
        } else {
            // Where none is announced, one that never was.
            uint256 secret = _announced[id] == 0 ? 1 : _announced[id];
            uint8 scheme = secret % 2 == 0 ? ES256 : ED25519;
            call_ = abi.encodeCall(MeterKeys.recover, (id, scheme, keyOf(scheme, secret)));
            vm.warp(block.timestamp + 7 days);
        }
        if (by != address(this)) vm.prank(by);
        (bool done,) = address(registry).call(call_);
        if (!done) return;
        ++_came[change];
        if (change == 9 || change == 12) {
            _secret[id] = change == 9 ? _lastSecret : _announced[id];
            _scheme[id] = _secret[id] % 2 == 0 ? ES256 : ED25519;
        }
        if (change == 10) _announced[id] = _lastSecret;
        _listen();
    }

    /// The next meter's registration; every third signs in a format of its maker.
    function _next(uint256 seed) private returns (Registration memory r) {
        uint256 secret = ++_lastSecret;
        uint8 scheme = secret % 2 == 0 ? ES256 : ED25519;
        r = registration(scheme, secret);
        if (seed % 3 == 0 && scheme == ES256) {
            (r.scheme, r.proof) = (131, "");
        } else {
            bytes32 id = idOf(scheme, r.publicKey);
            (_secret[id], _scheme[id]) = (secret, scheme);
        }
    }

    function _replacement(bytes32 id, uint64 time, uint256 seed) private returns (bytes memory) {
        Registration memory by = _next(1);
        Meter memory old = registry.meter(id);
        (by.household, by.site, by.ratedW) = (old.household, old.site, uint32(1 + seed % 9000));
        prove(by, _lastSecret);
        return abi.encodeCall(MeterRegistry.replace, (id, uint64(2e9), time, by));
    }

    function _rotation(bytes32 id, uint256 seed) private returns (bytes memory) {
        uint256 secret = ++_lastSecret;
        uint8 scheme = secret % 2 == 0 ? ES256 : ED25519;
        bytes memory key = keyOf(scheme, secret);
        uint64 from = inSeconds(1 + seed % 7 days);
        bytes32 digest = registry.rotationDigest(id, idOf(scheme, key), from);
        bytes memory byOld = _secret[id] == 0 ? bytes("") : signed(_scheme[id], _secret[id], digest);
        return
            abi.encodeCall(MeterKeys.rotate, (id, scheme, key, from, byOld, signed(scheme, secret, digest)));
    }

    function _recovery(bytes32 id) private returns (bytes memory) {
        uint256 secret = ++_lastSecret;
        uint8 scheme = secret % 2 == 0 ? ES256 : ED25519;
        bytes memory key = keyOf(scheme, secret);
        bytes memory proof = signed(scheme, secret, registry.recoveryDigest(id, idOf(scheme, key)));
        return abi.encodeCall(MeterKeys.announceRecovery, (id, scheme, key, proof));
    }

    function _listen() private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter == address(registry)) chronicle.read(logs[i], inSeconds(0));
        }
    }

    function _compare() private view {
        equal(chronicle.siteCount(), registry.siteCount());
        for (uint32 s = 0; s <= registry.siteCount() + 1; ++s) {
            equal(chronicle.siteOperator(s), registry.siteOperator(s));
        }
        equal(chronicle.balanceOf(household), registry.balanceOf(household));
        equal(chronicle.balanceOf(SECOND), registry.balanceOf(SECOND));
        bytes32[] memory ids = chronicle.ids();
        for (uint256 i = 0; i < ids.length; ++i) {
            bytes32 id = ids[i];
            equal(abi.encode(chronicle.meter(id)), abi.encode(registry.meter(id)));
            equal(abi.encode(chronicle.start(id)), abi.encode(registry.start(id)));
            equal(abi.encode(chronicle.endOf(id)), abi.encode(registry.endOf(id)));
            equal(registry.ownerOf(uint256(id)), registry.meter(id).household);
            (bytes32 keyId, uint64 from) = registry.recoveryOf(id);
            equal(chronicle.recovery(id), keyId);
            equal(chronicle.recoveryFrom(id), from);
            for (uint64 t = uint64(START) - 1; t < block.timestamp + 8 days; t += 4 days + 11) {
                _compareAt(id, t);
            }
            _compareAt(id, inSeconds(0));
            _compareAt(id, inSeconds(1));
        }
    }

    function _compareAt(bytes32 id, uint64 t) private view {
        equal(chronicle.siteAt(id, t), int256(uint256(registry.siteAt(id, t))));
        equal(chronicle.offsetAt(id, t), registry.offsetAt(id, t));
        Chronicle.KeyFrom memory k = chronicle.keyAt(id, t);
        (uint8 scheme, bytes32[2] memory words) = registry.keyAt(id, t);
        equal(scheme, k.scheme);
        equal(registry.kidAt(id, t), bytes8(keccak256(abi.encodePacked(k.scheme, k.key))));
        equal(registry.meterOfKey(keccak256(k.key)), id);
        equal(chronicle.meterOfKey(keccak256(k.key)), id);
        uint256 length = PublicKey.length(scheme);
        if (length == 64) equal(abi.encodePacked(words), k.key);
        else if (length == 32) equal(bytes.concat(words[0]), k.key);
        else holds(words[0] == 0);
    }
}
