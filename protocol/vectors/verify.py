#!/usr/bin/env python3
"""Verifies the public vectors with nothing of Commonwatt's own code.

Needs Python 3.9, cryptography and cbor2 (Debian: python3-cryptography, python3-cbor2). Keccak-256, the two curves'
checks of keys, the recovery of a signer, CAR and age are written out here from their specifications, so that this file
is a second implementation of SPEC.md and can be read beside it. It is slow and not for production.

    python3 protocol/vectors/verify.py

prints a line for each file and exits with 1 if any case comes out otherwise than stated.
"""

import base64
import datetime
import decimal
import hashlib
import hmac
import io
import json
import pathlib
import re
import sys
import unicodedata
from fractions import Fraction

import cbor2
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

FOLDER = pathlib.Path(__file__).resolve().parent


class Refused(Exception):
    """The bytes are not what SPEC.md describes."""


def refuse_unless(condition, why):
    if not condition:
        raise Refused(why)


# ---------------------------------------------------------------- Keccak-256 (the Keccak submission, padding 0x01)

MASK = 2**64 - 1


def keccak_constants():
    """Rotations and round constants, from their definition (FIPS 202, 3.2.2 and 3.2.5)."""
    rotations = [[0] * 5 for _ in range(5)]
    x, y = 1, 0
    for t in range(24):
        rotations[x][y] = (t + 1) * (t + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    rounds, lfsr = [], 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            if lfsr & 1:
                constant ^= 1 << (2**j - 1)
            lfsr = (lfsr << 1) ^ (0x171 if lfsr & 0x80 else 0)
        rounds.append(constant)
    return rotations, rounds


ROTATIONS, ROUNDS = keccak_constants()


def rotate(value, bits):
    return ((value << bits) | (value >> (64 - bits))) & MASK if bits else value


def keccak256(data):
    rate = 136
    padded = bytearray(data) + b"\x01"
    padded += bytes(-len(padded) % rate)
    padded[-1] |= 0x80
    a = [[0] * 5 for _ in range(5)]
    for start in range(0, len(padded), rate):
        for i in range(rate // 8):
            a[i % 5][i // 5] ^= int.from_bytes(padded[start + 8 * i : start + 8 * i + 8], "little")
        for constant in ROUNDS:
            c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
            d = [c[x - 1] ^ rotate(c[(x + 1) % 5], 1) for x in range(5)]
            b = [[0] * 5 for _ in range(5)]
            for x in range(5):
                for y in range(5):
                    b[y][(2 * x + 3 * y) % 5] = rotate(a[x][y] ^ d[x], ROTATIONS[x][y])
            a = [[b[x][y] ^ (~b[(x + 1) % 5][y] & MASK & b[(x + 2) % 5][y]) for y in range(5)] for x in range(5)]
            a[0][0] ^= constant
    return b"".join(a[i % 5][i // 5].to_bytes(8, "little") for i in range(4))


# ---------------------------------------------------------------- keys and signatures (SPEC.md, 2 and 3.3)

P25519 = 2**255 - 19
D25519 = -121665 * pow(121666, -1, P25519) % P25519
P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
N256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B256 = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
ED25519, ES256 = 1, 2
CURVES = {
    "secp256r1": ec.SECP256R1(),
    "secp384r1": ec.SECP384R1(),
    "secp256k1": ec.SECP256K1(),
    "secp192r1": ec.SECP192R1(),
    "brainpoolP256r1": ec.BrainpoolP256R1(),
    "brainpoolP384r1": ec.BrainpoolP384R1(),
}
# Formats of meters' makers: number, and from 128 on the same at a generator. cryptography has no secp192k1 (8).
NATIVE = {
    3: ("bsm", "secp256r1"),
    4: ("ocmf", "secp256r1"),
    5: ("ocmf", "secp384r1"),
    6: ("ocmf", "secp256k1"),
    7: ("ocmf", "secp192r1"),
    9: ("ocmf", "brainpoolP256r1"),
    10: ("ocmf", "brainpoolP384r1"),
}


def native(scheme):
    """Format and curve of a scheme, or None where it is one of COSE or none at all."""
    return NATIVE.get(scheme & 0x7F)


def size_of(curve):
    return CURVES[curve].key_size // 8


def check_key(scheme, key):
    if scheme == ED25519:
        refuse_unless(len(key) == 32, "length")
        y = int.from_bytes(key, "little") % 2**255
        refuse_unless(y < P25519, "not canonical")
        u, v = (y * y - 1) % P25519, (D25519 * y * y + 1) % P25519
        # x² = u / v has a root when u·v is a square or 0.
        refuse_unless(pow(u * v, (P25519 - 1) // 2, P25519) in (0, 1), "not on the curve")
        # Doubling a point of order 8 gives one of order 4, whose y is 0: d·y⁴ + 2·y² - 1 = 0.
        refuse_unless(y not in (0, 1, P25519 - 1), "small order")
        refuse_unless((D25519 * pow(y, 4, P25519) + 2 * y * y - 1) % P25519 != 0, "small order")
    elif scheme == ES256:
        refuse_unless(len(key) == 64, "length")
        x, y = int.from_bytes(key[:32], "big"), int.from_bytes(key[32:], "big")
        refuse_unless(x < P256 and y < P256, "not canonical")
        refuse_unless((y * y - x**3 + 3 * x - B256) % P256 == 0, "not on the curve")
    elif native(scheme):
        _, curve = native(scheme)
        refuse_unless(len(key) == 2 * size_of(curve), "length")
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(CURVES[curve], b"\x04" + key)
        except ValueError:
            raise Refused("not on the curve")
    else:
        raise Refused("no such scheme")


def meter_id(scheme, key):
    return keccak256(bytes([scheme]) + key)


def verifies(scheme, key, message, signature):
    if len(signature) != 64:
        return False
    try:
        if scheme == ED25519:
            ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
            return True
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        if s > N256 // 2:
            return False
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + key)
        public.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
        return True
    except (InvalidSignature, ValueError):
        return False


# ---------------------------------------------------------------- CBOR: decoded by cbor2, and written again to compare


def head(major, argument):
    if argument < 24:
        return bytes([major << 5 | argument])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 256**size:
            return bytes([major << 5 | code]) + argument.to_bytes(size, "big")
    raise Refused("a number of more than 64 bits")


def encode(value):
    """Deterministic CBOR (RFC 8949, 4.2.1; DAG-CBOR's order of keys) of what our formats have in them."""
    if value is None:
        return b"\xf6"
    if isinstance(value, bool) or isinstance(value, float):
        raise Refused("a value of a kind that no format has")
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, (list, tuple)):
        return head(4, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        items = sorted(((encode(k), encode(v)) for k, v in value.items()), key=lambda kv: (len(kv[0]), kv[0]))
        return head(5, len(items)) + b"".join(k + v for k, v in items)
    if isinstance(value, cbor2.CBORTag) and value.tag == 42:
        return head(6, 42) + encode(value.value)
    raise Refused("a value of a kind that no format has")


def decode(data):
    try:
        value = cbor2.CBORDecoder(io.BytesIO(data)).decode()
    except Refused:
        raise
    except Exception as error:  # cbor2 raises many kinds
        raise Refused(f"not CBOR: {error}")
    refuse_unless(encode(value) == data, "not in the one encoding")
    return value


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def is_energy(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


# ---------------------------------------------------------------- readings (SPEC.md, 3)

CONTEXT = b"commonwatt/reading/1"
ALGORITHMS = {-8: ED25519, -7: ES256}
FIELDS = {
    1: ("sequence", is_count),
    2: ("time", is_count),
    3: ("clock", lambda v: is_count(v) and v <= 3),
    4: ("clockSets", is_count),
    5: ("boots", is_count),
    6: ("generatedWh", is_energy),
    7: ("importedWh", is_energy),
    8: ("exportedWh", is_energy),
    9: ("powerW", lambda v: isinstance(v, int) and abs(v) < 2**31),
    10: ("status", is_count),
    11: ("resolutionWh", lambda v: is_count(v) and 2 <= v <= 1_000_000),
}


def read_reading(data):
    """Scheme, kid, fields, signed message and signature of a reading."""
    refuse_unless(len(data) <= 256, "too long")
    refuse_unless(data[:1] == b"\xd2", "not tagged")
    parts = decode(data[1:])
    refuse_unless(isinstance(parts, list) and len(parts) == 4, "not four parts")
    protected, unprotected, payload, signature = parts
    refuse_unless(isinstance(protected, bytes) and isinstance(payload, bytes), "not byte strings")
    refuse_unless(unprotected == {} and isinstance(unprotected, dict), "unprotected header")
    refuse_unless(isinstance(signature, bytes) and len(signature) == 64, "signature")
    header = decode(protected)
    refuse_unless(isinstance(header, dict) and set(header) == {1, 4}, "header")
    refuse_unless(header[1] in ALGORITHMS, "algorithm")
    refuse_unless(isinstance(header[4], bytes) and len(header[4]) == 8, "key id")
    values = decode(payload)
    refuse_unless(isinstance(values, dict) and set(values) <= set(FIELDS), "payload")
    refuse_unless({1, 2, 3, 4, 5} <= set(values), "a field is missing")
    refuse_unless({6, 7, 8} & set(values), "no register")
    for key, value in values.items():
        refuse_unless(FIELDS[key][1](value), FIELDS[key][0])
    fields = {FIELDS[key][0]: str(value) if key in (6, 7, 8) else value for key, value in values.items()}
    message = encode(["Signature1", protected, CONTEXT, payload])
    return ALGORITHMS[header[1]], header[4], fields, message, signature


def reading_verifies(scheme, key, data):
    if native(scheme):
        curve, message, signature, _, _ = read_native(scheme, data)
        if curve != native(scheme)[1]:
            return False
        r, s = (int.from_bytes(half, "big") for half in (signature[: len(signature) // 2], signature[len(signature) // 2 :]))
        public = ec.EllipticCurvePublicKey.from_encoded_point(CURVES[curve], b"\x04" + key)
        try:
            public.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
            return True
        except InvalidSignature:
            return False
    said, kid, _, message, signature = read_reading(data)
    return said == scheme and kid == meter_id(scheme, key)[:8] and verifies(scheme, key, message, signature)


# ---------------------------------------------------------------- formats of meters' makers (SPEC.md, 3.7)

ORDERS = {
    "secp256r1": N256,
    "secp384r1": 2**384 - 0x389CB27E0BC8D220A7E5F24DB74F58851313E695333AD68D,
    "secp256k1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    "secp192r1": 0xFFFFFFFFFFFFFFFFFFFFFFFF99DEF836146BC9B1B4D22831,
    "brainpoolP256r1": 0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7,
    "brainpoolP384r1": 0x8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B31F166E6CAC0425A7CF3AB6AF6B7FC3103B883202E9046565,
}


def read_native(scheme, data):
    """Curve, signed message, signature as r and s, fields, and whether the record is in doubt."""
    generation = scheme >= 128
    return read_bsm(data, generation) if native(scheme)[0] == "bsm" else read_ocmf(data, generation)


def native_signature(data, curve, may_be_raw):
    size = size_of(curve)
    try:
        r, s = decode_dss_signature(data)
        strict = encode_dss_signature(r, s) == data
    except ValueError:
        strict = False
    if not strict:
        refuse_unless(may_be_raw and len(data) == 2 * size, "neither DER nor r and s")
        r, s = int.from_bytes(data[:size], "big"), int.from_bytes(data[size:], "big")
    refuse_unless(0 < r < ORDERS[curve] and 0 < s < ORDERS[curve], "r or s out of range")
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def native_energy(value):
    """Whole Wh, rounded down, of a Decimal in Wh whose exponent is the register's last place."""
    refuse_unless(not value.is_signed() or value == 0, "below 0")
    with decimal.localcontext() as exact:
        exact.prec = 100
        wh = int(value.to_integral_value(decimal.ROUND_FLOOR))
        step = max(1, 10 ** max(0, value.as_tuple().exponent))
    refuse_unless(wh < 2**63 and step <= 1_000_000, "more than a reading carries")
    return wh, step


# Name, registers, kind (a string, or a number: signed or not), scale factor, unit's code; None is not signed.
BSM = [
    ("Typ", 1, "u", None, 255), ("St", 1, "u", None, None), ("RCR", 2, "u", "Wh_SF", 30),
    ("TotWhImp", 2, "u", "Wh_SF", 30), ("Wh_SF", 1, "i", None, None), ("W", 1, "i", "W_SF", 27),
    ("W_SF", 1, "i", None, None), ("MA1", 8, "s", None, 255), ("RCnt", 2, "u", None, 255),
    ("OS", 2, "u", None, 7), ("Epoch", 2, "u", None, 7), ("TZO", 1, "i", None, 6),
    ("EpochSetCnt", 2, "u", None, 255), ("EpochSetOS", 2, "u", None, 7), ("DI", 1, "u", None, 255),
    ("DO", 1, "u", None, 255), ("Meta1", 70, "s", None, 255), ("Meta2", 50, "s", None, 255),
    ("Meta3", 50, "s", None, 255), ("Evt", 2, "u", None, 255), ("NSig", 1, "u", None, None),
    ("BSig", 1, "u", None, None),
]  # fmt: skip


def read_bsm(data, generation):
    refuse_unless(len(data) == 504, "length")
    v, at = {}, 0
    for name, registers, kind, _, _ in BSM:
        part = data[at : at + 2 * registers]
        at += 2 * registers
        v[name] = part.rstrip(b"\0") if kind == "s" else int.from_bytes(part, "big", signed=kind == "i")
        refuse_unless(kind != "s" or b"\0" not in v[name], "bytes behind a text")
    refuse_unless(v["St"] == 0 and abs(v["Wh_SF"]) <= 10 and abs(v["W_SF"]) <= 10, "status or scale")
    refuse_unless(v["NSig"] == 48 and v["BSig"] <= 96 and not any(data[at + v["BSig"] :]), "signature's place")
    message = b""
    for name, _, kind, scale, unit in BSM:
        if unit is None:
            continue
        if kind == "s":
            message += len(v[name]).to_bytes(4, "big") + v[name]
        else:
            message += (v[name] % 2**32).to_bytes(4, "big") + ((v[scale] if scale else 0) % 256).to_bytes(1, "big") + bytes([unit])
    signature = native_signature(data[at : at + v["BSig"]], "secp256r1", False)
    none = 2**32 - 1
    refuse_unless(v["RCnt"] != none and v["Epoch"] not in (0, none) and v["TotWhImp"] != 0, "not there")
    wh, step = native_energy(decimal.Decimal((0, tuple(map(int, str(v["TotWhImp"]))), v["Wh_SF"])))
    sets = (v["EpochSetCnt"], v["OS"], v["EpochSetOS"])
    is_set = none not in sets and v["EpochSetCnt"] > 0 and v["OS"] >= v["EpochSetOS"]
    fields = {
        "sequence": v["RCnt"],
        "time": v["Epoch"],
        "clock": 2 if is_set else 1,
        "clockSets": 0 if v["EpochSetCnt"] == none else v["EpochSetCnt"],
        "boots": 0,
        "generatedWh" if generation else "importedWh": str(wh),
    }
    power = int(decimal.Decimal(v["W"]).scaleb(v["W_SF"]))
    if v["W"] != -(2**15) and abs(power) < 2**31:
        fields["powerW"] = power
    if v["Evt"]:
        fields["status"] = v["Evt"]
    if step > 1:
        fields["resolutionWh"] = step
    return "secp256r1", message, signature, fields, not is_set or bool(v["Evt"] & ~0b11100)


SETTLED = re.compile(r"(?i)0*1-(?:0+|b):0*(1|b0|2|c0)\.0*8\.(?:0+|e)(?:[.*](?:255|0*ff))?")
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d),\d{3}([+-])(\d\d)(\d\d) ([UISR])")
NUMBER = re.compile(r" *[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,2})? *")


class Number(str):
    """A JSON number by its own digits."""


def strict_json(data):
    def unique(pairs):
        refuse_unless(len(pairs) == len(dict(pairs)), "a name twice")
        return dict(pairs)

    def no_constant(name):
        raise Refused(name)

    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=unique,
            parse_int=Number,
            parse_float=Number,
            parse_constant=no_constant,
        )
    except (ValueError, RecursionError) as error:
        raise Refused(f"not JSON: {error}")
    refuse_unless(isinstance(value, dict), "not an object")
    return value


def read_ocmf(data, generation):
    refuse_unless(len(data) <= 16_384, "too long")
    sections = data.split(b"|")
    refuse_unless(len(sections) == 3 and sections[0] == b"OCMF", "not three sections")
    payload, section = strict_json(sections[1]), strict_json(sections[2])
    refuse_unless(all(isinstance(section.get(n, ""), str) for n in ("SA", "SE", "SM", "SD")), "signature section")
    parts = re.fullmatch(r"(?i)ECDSA-(\w+)-SHA256", section.get("SA", "ECDSA-secp256r1-SHA256"))
    name = parts and re.sub(r"brainpoolp?(?=\d)", "brainpoolp", parts[1].lower())
    curve = {known.lower(): known for known in CURVES}.get(name)
    refuse_unless(curve, "algorithm")
    refuse_unless(section.get("SM", "application/x-der") == "application/x-der", "SM")
    text, encoding = section.get("SD", ""), section.get("SE", "hex").lower()
    if encoding == "hex":
        refuse_unless(re.fullmatch(r"([0-9a-fA-F]{2})+", text), "hex")
        raw = bytes.fromhex(text)
    else:
        refuse_unless(encoding == "base64" and re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", text), "base64")
        raw = base64.b64decode(text + "=" * (-len(text) % 4))
    signature = native_signature(raw, curve, "SM" not in section)
    entries = payload.get("RD")
    refuse_unless(isinstance(entries, list) and entries and all(isinstance(e, dict) for e in entries), "RD")

    page = re.fullmatch(r"([TF])(0|[1-9][0-9]*)", payload.get("PG") if isinstance(payload.get("PG"), str) else "")
    refuse_unless(page and int(page[2]) < 2**52, "PG")
    doubt, spoilt, moments, here = False, False, {}, {}
    for entry in entries:
        here = {**here, **{n: entry[n] for n in ("TM", "TX", "RV", "RI", "RU", "CL", "EF", "ST") if n in entry}}
        doubt |= ("RI" in entry) != ("RU" in entry) or not all(isinstance(value, str) for value in here.values())
        spoilt |= here.get("TX") == "X"
        doubt |= spoilt or here.get("ST") != "G" or here.get("EF", "") != ""
        doubt |= not re.fullmatch(r"[-+]?0*\.?0*", here.get("CL", "0"))
        time = read_ocmf_time(here.get("TM"))
        if time is None:
            doubt = True
            continue
        doubt |= time[1] != 2
        moment = moments.setdefault((here["TM"], here.get("TX")), {"time": time, "registers": {}, "step": 1})
        registers = [(here.get("RV"), here.get("RI"), here.get("RU"))]
        if payload.get("MV") == "BAUER Electronic":
            registers.append((entry.get("XV"), entry.get("XI"), entry.get("XU")))
        for value, obis, unit in registers:
            settled = isinstance(obis, str) and value is not None and SETTLED.fullmatch(obis)
            if not settled:
                continue
            exported = settled[1].upper() in ("2", "C0")
            if generation and not exported:
                continue
            field = "generatedWh" if generation else "exportedWh" if exported else "importedWh"
            if unit not in ("Wh", "kWh") or not NUMBER.fullmatch(value):
                doubt = True
                continue
            try:
                wh, step = native_energy(decimal.Decimal(value.strip()).scaleb(3 if unit == "kWh" else 0))
            except Refused:
                doubt = True
                continue
            doubt |= moment["registers"].get(field, wh) != wh
            moment["registers"][field] = wh
            moment["step"] = max(moment["step"], step)
    found = [moment for moment in moments.values() if moment["registers"]]
    refuse_unless(found, "no register")
    for before, after in zip(found, found[1:]):
        doubt |= after["time"][0] < before["time"][0]
    for field in ("generatedWh", "importedWh", "exportedWh"):
        values = [moment["registers"][field] for moment in found if field in moment["registers"]]
        doubt |= values != sorted(values)
    last = found[-1]
    number = int(page[2]) + (2**52 if page[1] == "F" else 0)
    fields = {"sequence": number, "time": last["time"][0], "clock": last["time"][1], "clockSets": 0, "boots": 0}
    fields.update((field, str(wh)) for field, wh in last["registers"].items())
    if last["step"] > 1:
        fields["resolutionWh"] = last["step"]
    return curve, sections[1], signature, fields, doubt


def read_ocmf_time(text):
    """Unix seconds and the clock's state, or None where it is no time."""
    parts = TIME.fullmatch(text) if isinstance(text, str) else None
    if not parts or int(parts[3]) > 14 or int(parts[4]) > 59:
        return None
    try:
        local = datetime.datetime.fromisoformat(parts[1]).replace(tzinfo=datetime.timezone.utc).timestamp()
    except ValueError:
        return None
    time = int(local) - (int(parts[3]) * 60 + int(parts[4])) * (60 if parts[2] == "+" else -60)
    return None if time < 0 else (time, "UISR".index(parts[5]))


# ---------------------------------------------------------------- statements, trees, proposals (SPEC.md, 5 and 6)


def word(value):
    if isinstance(value, bytes):
        return value.rjust(32, b"\0")
    return (value % 2**256).to_bytes(32, "big")


def leaf_of(s):
    if s["kind"] == 1:
        words = [1, unhex(s["meterId"]), int(s["generatedWh"]), s["time"], unhex(s["reading"])]
    else:
        words = [2, unhex(s["household"]), int(s["credit"]), s["time"]]
    return keccak256(keccak256(b"".join(map(word, words))))


def pair(a, b):
    return keccak256(min(a, b) + max(a, b))


def tree_root(leaves):
    nodes = [b""] * (len(leaves) - 1) + sorted(leaves, reverse=True)
    for i in reversed(range(len(leaves) - 1)):
        nodes[i] = pair(nodes[2 * i + 1], nodes[2 * i + 2])
    return nodes[0]


def root_from_proof(leaf, proof):
    for node in proof:
        leaf = pair(leaf, node)
    return leaf


def root_from_multiproof(leaves, proof, flags):
    queue, siblings = list(leaves), list(proof)
    refuse_unless(len(leaves) + len(proof) == len(flags) + 1, "lengths")
    for flag in flags:
        a = queue.pop(0)
        queue.append(pair(a, queue.pop(0) if flag else siblings.pop(0)))
    return queue[0]


DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
PROPOSAL = (
    "Proposal(uint32 site,uint64 number,bytes32 root,bytes32 evidence,uint64 time,uint32 leafCount,"
    "uint32 validatorSet)"
)


REFUSAL = "Refusal(bytes32 proposal,string[] reasons)"


def typed_digest(chain_id, oracle, kind, fields):
    name, version = keccak256(b"Commonwatt ImpactOracle"), keccak256(b"1")
    domain = keccak256(keccak256(DOMAIN.encode()) + name + version + word(chain_id) + word(unhex(oracle)))
    return keccak256(b"\x19\x01" + domain + keccak256(keccak256(kind.encode()) + b"".join(map(word, fields))))


def proposal_digest(chain_id, oracle, p):
    fields = [p["site"], int(p["number"]), unhex(p["root"]), unhex(p["evidence"])]
    fields += [int(p["time"]), p["leafCount"], p["validatorSet"]]
    return typed_digest(chain_id, oracle, PROPOSAL, fields)


def refusal_digest(chain_id, oracle, p, reasons):
    said = keccak256(b"".join(keccak256(reason.encode()) for reason in reasons))
    return typed_digest(chain_id, oracle, REFUSAL, [proposal_digest(chain_id, oracle, p), said])


# ---------------------------------------------------------------- attestations (SPEC.md, 7; SEC 1, 4.1.6)

PK1 = 2**256 - 2**32 - 977
NK1 = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
GK1 = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % PK1 == 0:
        return None
    if a == b:
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, PK1)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, PK1)
    x = (slope * slope - a[0] - b[0]) % PK1
    return x, (slope * (a[0] - x) - a[1]) % PK1


def multiply(scalar, point):
    result = None
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def signer_of(digest, compact):
    """The address that signed, or None."""
    if len(compact) != 64:
        return None
    r, vs = int.from_bytes(compact[:32], "big"), int.from_bytes(compact[32:], "big")
    odd, s = vs >> 255, vs % 2**255
    if not 0 < r < NK1 or not 0 < s <= NK1 // 2:
        return None
    y = pow(r**3 + 7, (PK1 + 1) // 4, PK1)
    if (y * y - r**3 - 7) % PK1:
        return None
    point = (r, y if y % 2 == odd else PK1 - y)
    z, inverse = int.from_bytes(digest, "big"), pow(r, -1, NK1)
    public = add(multiply(s * inverse % NK1, point), multiply(-z * inverse % NK1, GK1))
    return public and keccak256(word(public[0]) + word(public[1]))[12:]


# ---------------------------------------------------------------- evidence (SPEC.md, 8)


def varint(data, at):
    value = shift = 0
    while True:
        refuse_unless(at < len(data) and shift < 63, "cut in a length")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def read_cid(data, at):
    """The bytes of a CID at a place, its codec, its hash function and digest, and where it ends."""
    start = at
    version, at = varint(data, at)
    refuse_unless(version == 1, "not a CID of version 1")
    codec, at = varint(data, at)
    function, at = varint(data, at)
    length, at = varint(data, at)
    refuse_unless(at + length <= len(data), "cut in a CID")
    return data[start : at + length], codec, function, data[at : at + length], at + length


def read_car(data):
    """The root and the blocks of a CAR file, each checked against its CID."""
    length, at = varint(data, 0)
    refuse_unless(0 < length <= len(data) - at, "cut in the header")
    header = decode(data[at : at + length])
    refuse_unless(isinstance(header, dict) and header.get("version") == 1 and "roots" in header, "not a CAR")
    at += length
    blocks = {}
    while at < len(data):
        length, at = varint(data, at)
        refuse_unless(length <= len(data) - at, "cut in a block")
        cid, _, function, digest, body = read_cid(data, at)
        content = data[body : at + length]
        refuse_unless(function == 0x12, "not SHA-256")
        refuse_unless(hashlib.sha256(content).digest() == digest, "changed")
        blocks[cid] = content
        at += length
    return [link_of(root) for root in header["roots"]], blocks


DAG_CBOR, RAW = 0x71, 0x55


def link_of(value):
    refuse_unless(isinstance(value, cbor2.CBORTag) and value.tag == 42, "not a link")
    refuse_unless(isinstance(value.value, bytes) and value.value[:1] == b"\0", "not a link")
    return value.value[1:]


def fetch(blocks, cid, codec):
    refuse_unless(read_cid(cid, 0)[1] == codec, "another codec")
    refuse_unless(cid in blocks, "missing")
    return blocks[cid]


def rows(blocks, links):
    return [row for link in links for row in listed(decode(fetch(blocks, link_of(link), DAG_CBOR)))]


def listed(value):
    refuse_unless(isinstance(value, list), "not a list")
    return value


def keys(value, *names):
    refuse_unless(isinstance(value, dict) and set(value) == set(names), f"keys are not {names}")
    return value


def blob(value, length):
    refuse_unless(isinstance(value, bytes) and length in (None, len(value)), "bytes")
    return "0x" + value.hex()


def count(value):
    refuse_unless(is_count(value), "a number")
    return value


def energy(value):
    refuse_unless(isinstance(value, int) and value >= 0, "energy")
    return str(value)


def row(value, *lengths):
    refuse_unless(isinstance(value, list) and len(value) in lengths, "a row")
    return value


def received(readings):
    found = []
    for reading in readings:
        at, data = row(reading, 2)
        found.append({"received": count(at), "bytes": blob(data, None)})
    return found


def scheme_of(scheme):
    known = scheme in (ED25519, ES256, 8, 136) or (is_count(scheme) and native(scheme))
    refuse_unless(known and scheme < 256, "scheme")
    return scheme


def later_keys(rows_):
    """A meter's keys after its first, 8.4."""
    found, last = [], 0
    for at, scheme, key in [row(one, 3) for one in listed(rows_)]:
        refuse_unless(count(at) > last, "keys not in order")
        found.append({"from": at, "scheme": scheme_of(scheme), "publicKey": blob(key, None)})
        last = at
    refuse_unless(found, "no later keys")
    return found


def meter_of(meter, readings):
    head_ = {"meterId": blob(meter["meter"], 32), "scheme": scheme_of(meter["scheme"]), "publicKey": blob(meter["key"], None)}
    if "later" in meter:
        head_["laterKeys"] = later_keys(meter["later"])
    return {**head_, "readings": received(readings)}


def meter_keys(meter, version, *names):
    """The entries of a meter: of form 2 it may have later keys."""
    later = ["later"] if version == 2 and isinstance(meter, dict) and "later" in meter else []
    return keys(meter, "meter", "scheme", "key", "readings", *names, *later)


RECORD = ("generatedWh", "importedWh", "exportedWh", "givenWh", "receivedWh")


def record_of(record):
    start, *values = row(record, 1, 6)
    return {"start": count(start), "energy": dict(zip(RECORD, map(energy, values))) if values else None}


def base32(cid):
    return "b" + base64.b32encode(cid).decode().lower().rstrip("=")


def check_accounts(accounts):
    """The rules of accounts by 8.3."""
    keys(accounts, "version", "fund", "everySeconds", "tariffs")
    refuse_unless(count(accounts["version"]) > 0 and count(accounts["everySeconds"]) > 0, "accounts")
    checked_address(accounts["fund"])
    refuse_unless(len(listed(accounts["tariffs"])) > 0, "no tariff")
    begun = -1
    for tariff in accounts["tariffs"]:
        keys(tariff, "from", "unitsPerKWh", "periods", "utcOffsetMinutes", "fundParts")
        refuse_unless(count(tariff["from"]) > begun, "tariffs in order of time")
        begun = tariff["from"]
        refuse_unless(count(tariff["unitsPerKWh"]) <= 10**9 and count(tariff["fundParts"]) <= 10**6, "tariff")
        refuse_unless(isinstance(tariff["utcOffsetMinutes"], int) and -720 <= tariff["utcOffsetMinutes"] <= 840, "offset")
        for period in listed(tariff["periods"]):
            days = period.get("days") if isinstance(period, dict) else None
            keys(period, "fromMinute", "toMinute", "unitsPerKWh", *(["days"] if days is not None else []))
            refuse_unless(count(period["fromMinute"]) < count(period["toMinute"]) <= 1440, "a period's minutes")
            refuse_unless(count(period["unitsPerKWh"]) <= 10**9, "a period's price")
            refuse_unless(days is None or (len(listed(days)) > 0 and all(count(day) <= 6 for day in days)), "days")


def price_at(tariff, time):
    local = time + 60 * tariff["utcOffsetMinutes"]
    minute, day = local // 60 % 1440, (local // 86400 + 4) % 7
    for period in tariff["periods"]:
        if period["fromMinute"] <= minute < period["toMinute"] and day in period.get("days", range(7)):
            return period["unitsPerKWh"]
    return tariff["unitsPerKWh"]


def credits_of(content):
    """What a site's first batch credits and debits, by 9.5."""
    accounts = content["rules"]["accounts"]
    credits = {h["household"]: 0 for h in content["households"]} | {accounts["fund"]: 0}
    for parts in {tariff["fundParts"] for tariff in accounts["tariffs"]}:
        given, received = {}, {}
        for h in content["households"]:
            for record in h["records"]:
                tariff = next((t for t in reversed(accounts["tariffs"]) if t["from"] <= record["start"]), None)
                if record["energy"] is None or tariff is None or tariff["fundParts"] != parts:
                    continue
                price, who = price_at(tariff, record["start"]), h["household"]
                given[who] = given.get(who, 0) + price * int(record["energy"]["givenWh"])
                received[who] = received.get(who, 0) + price * int(record["energy"]["receivedWh"])
        paid = {who: worth // 1000 for who, worth in received.items()}
        pot = sum(paid.values())
        rest = pot - pot * parts // 10**6
        shares = divided(rest, given)
        for who in given:
            credits[who] += shares[who] - paid[who]
        credits[accounts["fund"]] += pot - sum(shares.values())
    return credits


def commitment_to(household, records, seed):
    """The root over a household's records, 8.5."""
    leaves = []
    for r in records:
        salt = keccak256(seed + word(r["start"]))
        values = [int(r["energy"][name]) for name in RECORD] if r["energy"] else [0] * 5
        words = [3, salt, unhex(household), r["start"], 1 if r["energy"] else 0, *values]
        leaves.append(keccak256(keccak256(b"".join(map(word, words)))))
    return tree_root(leaves) if leaves else bytes(32)


def trimmed(text):
    return text.strip(" \t\r")


def name_of_table(text):
    """What a table may be called by 8.9."""
    refuse_unless(isinstance(text, str) and text == trimmed(text) and 1 <= len(text) <= 200, "a name")
    refuse_unless(not any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in text), "a name")
    return text


def read_factors(table):
    """What a table of emission factors says of itself, once all of it was found in its form, 8.9."""
    refuse_unless(len(table) <= 1048576, "longer than a block")
    try:
        lines = table.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise Refused("not UTF-8")
    about, last, begun, hours = {}, None, False, 0
    for line in map(trimmed, lines):
        said = re.match(r"#[ \t]*(grid|source|version):(.*)\Z", line, re.S)
        if said:
            refuse_unless(said[1] not in about, "said twice")
            about[said[1]] = name_of_table(trimmed(said[2]))
        elif line.startswith("#") or line == "":
            continue
        elif not begun:
            refuse_unless(line == "hour,grams_per_kwh", "the head of the columns")
            begun = True
        else:
            row = re.match(r"(\d{4}-\d\d-\d\d)T(\d\d):00(?::00)?(?:Z|([+-]\d\d):00),(\d{1,6})(?:\.(\d{1,3}))?\Z", line, re.A)
            refuse_unless(row, "no hour and its grams")
            hour, ahead = int(row[2]), int(row[3] or 0)
            try:
                day = datetime.date.fromisoformat(row[1]).toordinal()
            except ValueError:
                raise Refused("no day")
            refuse_unless(row[1] >= "1970" and hour < 24 and abs(ahead) < 24, "no hour")
            time = day * 24 + hour - ahead
            refuse_unless(last is None or time > last, "not later than the one before")
            refuse_unless(int(row[4]) * 1000 + int((row[5] or "").ljust(3, "0")) <= 3_000_000, "too many grams")
            last, hours = time, hours + 1
    refuse_unless(hours > 0 and set(about) == {"grid", "source", "version"}, "no hours, or nobody says whence")
    return about


def factors_of(factors, blocks):
    """The table of emission factors that a batch names, 8.2 and 8.9."""
    keys(factors, "grid", "source", "version", "sha256", "table")
    said = {name: name_of_table(factors[name]) for name in ("grid", "source", "version")}
    said["sha256"] = blob(factors["sha256"], 32)
    table = None
    if factors["table"] is not None:
        table = fetch(blocks, link_of(factors["table"]), RAW)
        refuse_unless(hashlib.sha256(table).digest() == factors["sha256"], "another table than is named")
        about = read_factors(table)
        refuse_unless(all(said[name] == about[name] for name in about), "another name than the table's")
    return {**said, "table": None if table is None else "0x" + table.hex()}


def read_evidence(cid, blocks, identities):
    """The content of a batch as the vectors write it, and the households whose part no identity opens."""
    root = decode(fetch(blocks, cid, DAG_CBOR))
    counts = isinstance(root, dict) and "factors" in root
    keys(
        root,
        *("format", "chain", "oracle", "site", "number", "from", "time", "previous", "rules"),
        *("meters", "generation", "statements", "root", "sealed"),
        *(["factors"] if counts and root.get("format") != "commonwatt/evidence/1" else []),
    )
    refuse_unless(root["format"] in ("commonwatt/evidence/1", "commonwatt/evidence/2"), "format")
    version = int(root["format"][-1])
    names = ["version", "intervalSeconds", "sharingKey", "headroomBasisPoints", "clockToleranceSeconds"]
    rules = keys(root["rules"], *names, *(["accounts"] if version == 2 else []))
    refuse_unless(rules["version"] == version, "rules")
    if version == 2 and rules["accounts"] is not None:
        check_accounts(rules["accounts"])
    check_sharing_key(rules["sharingKey"])
    for name in ("intervalSeconds", "headroomBasisPoints", "clockToleranceSeconds"):
        count(rules[name])
    refuse_unless(rules["intervalSeconds"] > 0, "interval")
    meters = []
    for meter in listed(root["meters"]):
        meter_keys(meter, version, "count")
        readings = rows(blocks, listed(meter["readings"]))
        refuse_unless(len(readings) == meter["count"], "count")
        meters.append(meter_of(meter, readings))
    households, sealed = [], []
    for part in listed(root["sealed"]):
        keys(part, "household", "content", *(["commitment"] if version == 2 else []))
        household = blob(part["household"], 20)
        refuse_unless(listed(part["content"]), "no content")
        file = b"".join(fetch(blocks, link_of(link), RAW) for link in part["content"])
        opened = open_age(file, identities)
        if opened is None:
            sealed.append(household)
            continue
        if version == 2:
            commitment = blob(part["commitment"], 32)
            refuse_unless(len(opened) >= 4, "no length")
            end = 4 + int.from_bytes(opened[:4], "big")
            refuse_unless(end <= len(opened) and not any(opened[end:]), "not padded")
            opened = opened[4:end]
        inside = keys(decode(opened), "meters", "records", *(["seed"] if version == 2 else []))
        if version == 2:
            blob(inside["seed"], 32)
            committed = commitment_to(household, [record_of(r) for r in listed(inside["records"])], inside["seed"])
            refuse_unless("0x" + committed.hex() == commitment, "the commitment is to other records")
        own = [meter_keys(meter, version) for meter in listed(inside["meters"])]
        households.append(
            {
                "household": household,
                "meters": [meter_of(meter, listed(meter["readings"])) for meter in own],
                "records": [record_of(record) for record in listed(inside["records"])],
            }
        )
    names = [h["household"] for h in households] + sealed
    refuse_unless(len(names) == len(set(names)), "a household twice")
    ids = [m["meterId"] for m in meters] + [m["meterId"] for h in households for m in h["meters"]]
    refuse_unless(len(ids) == len(set(ids)), "a meter twice")
    generation = []
    for record in rows(blocks, listed(root["generation"])):
        meter, start, wh = row(record, 3)
        made = None if wh is None else energy(wh)
        generation.append({"meterId": blob(meter, 32), "start": count(start), "generatedWh": made})
    statements = []
    for statement in rows(blocks, listed(root["statements"])):
        if version == 2 and listed(statement)[:1] == [2]:
            _, household, credit, time = row(statement, 4)
            refuse_unless(isinstance(credit, int) and -(2**63) <= credit < 2**63, "credit")
            statements.append({"kind": 2, "household": blob(household, 20), "credit": str(credit), "time": count(time)})
            continue
        kind, meter, wh, time, reading = row(statement, 5)
        refuse_unless(kind == 1, "kind")
        statements.append(
            {
                "kind": 1,
                "meterId": blob(meter, 32),
                "generatedWh": energy(wh),
                "time": count(time),
                "reading": blob(reading, 32),
            }
        )
    content = {
        "chainId": count(root["chain"]),
        "oracle": blob(root["oracle"], 20),
        "site": count(root["site"]),
        "number": energy(root["number"]),
        "from": count(root["from"]),
        "time": count(root["time"]),
        "previous": None if root["previous"] is None else base32(link_of(root["previous"])),
        "rules": rules,
        **({"factors": factors_of(root["factors"], blocks)} if counts else {}),
        "meters": meters,
        "generation": generation,
        "statements": statements,
        "root": blob(root["root"], 32),
        "households": households,
    }
    return content, sealed


# ---------------------------------------------------------------- age, X25519 (https://age-encryption.org/v1)

CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def identity_bytes(identity):
    """The 32 bytes of AGE-SECRET-KEY-1… (Bech32; its checksum is not checked here)."""
    digits = [CHARSET.index(c) for c in identity.lower().split("1", 1)[1]][:-6]
    bits = "".join(format(digit, "05b") for digit in digits)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, 256, 8))


def derive(key, salt, info):
    return HKDF(hashes.SHA256(), 32, salt, info).derive(key)


def unpadded(text):
    return base64.b64decode(text + b"=" * (-len(text) % 4))


def open_age(file, identities):
    """The content, or None when no identity opens it."""
    lines = file.split(b"\n")
    if lines[0] != b"age-encryption.org/v1":
        return None
    stanzas, at = [], 1
    while at < len(lines) and not lines[at].startswith(b"---"):
        refuse_unless(lines[at].startswith(b"-> "), "not an age stanza")
        arguments, body, at = lines[at][3:].split(b" "), b"", at + 1
        while len(lines[at]) == 64:
            body, at = body + lines[at], at + 1
        stanzas.append((arguments, unpadded(body + lines[at])))
        at += 1
    header = b"\n".join(lines[:at]) + b"\n---"
    mac = unpadded(lines[at][4:])
    payload = file[len(header) + len(lines[at]) - 3 + 1 :]
    for identity in identities:
        secret = x25519.X25519PrivateKey.from_private_bytes(identity_bytes(identity))
        own = secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        for arguments, body in stanzas:
            if arguments[0] != b"X25519":
                continue
            share = unpadded(arguments[1])
            shared = secret.exchange(x25519.X25519PublicKey.from_public_bytes(share))
            wrap = derive(shared, share + own, b"age-encryption.org/v1/X25519")
            try:
                file_key = ChaCha20Poly1305(wrap).decrypt(bytes(12), body, None)
            except InvalidTag:
                continue
            expected = hmac.new(derive(file_key, b"", b"header"), header, "sha256").digest()
            refuse_unless(hmac.compare_digest(mac, expected), "the age header was changed")
            cipher = ChaCha20Poly1305(derive(file_key, payload[:16], b"payload"))
            size, stream = 64 * 1024 + 16, payload[16:]
            chunks = [stream[i : i + size] for i in range(0, len(stream), size)]
            last = len(chunks) - 1
            return b"".join(
                cipher.decrypt(i.to_bytes(11, "big") + bytes([i == last]), chunk, None)
                for i, chunk in enumerate(chunks)
            )
    return None


# ---------------------------------------------------------------- counters (SPEC.md, 9.1)

UNITS = 36_000_000
STEPS = {16: (100, 1000), 31: (1, 10, 100, 1000), 32: (1, 10, 100, 1000)}
MODULI = sorted([10**n for n in range(6, 13)] + [2**bits * step for bits, steps in STEPS.items() for step in steps])


class Register:
    """One register by 9.1.1 and 9.1.2: `show` gives kind and reason, and `counted` is what is counted."""

    def __init__(self, meter, rules, value, time):
        self.watts = meter["ratedW"] * (10_000 + rules["headroomBasisPoints"])
        self.tolerance = rules["clockToleranceSeconds"]
        self.counted, self.anchor = value, time
        self.since, self.lead, self.jumped = time, 0, None
        self.offset, self.restarts, self.unseen = 0, 0, 0
        self.floor, self.mark = value, (value, time)
        self.before, self.behind, self.line = None, None, None

    def ceiling(self, seconds):
        return self.watts * seconds // UNITS + 1 if seconds > 0 else 0

    def slack(self, step):
        return UNITS * (1 + min(step, self.ceiling(900)))

    def can(self, wh, seconds, step):
        return UNITS * wh <= self.watts * seconds + self.slack(step) if seconds > 0 else wh <= 0

    def explained(self, wh, seconds, step):
        return wh <= self.ceiling(seconds + self.tolerance) + step

    def rise(self, to, time, step, jumped):
        """The fault if there is one, then since, lead and jumped."""
        if jumped is not None and to >= jumped:
            return "register-jumped", self.since, self.lead, jumped
        risen = to - self.counted
        if risen == 0:
            return None, self.since, self.lead, None
        seconds = time - self.since
        lead = self.lead + UNITS * risen - self.watts * seconds
        if lead <= (self.slack(step) if seconds > 0 else 0):
            return None, time, max(lead, 0), None
        return "over-rated", self.since, self.lead, jumped if self.explained(risen, seconds, step) else to

    def show(self, v, t, step):
        line = self.line
        if line and v >= line["last"] and self.can(v - line["last"], t - line["time"], step):
            line = {**line, "last": v, "time": t, "n": line["n"] + 1, "rises": line["rises"] + (v > line["last"])}
        else:
            line = {"first": v, "since": t, "last": v, "time": t, "n": 1, "rises": 0}
        c = v + self.offset
        if c < self.counted:
            self.line = line
            other = line["first"] < self.floor
            found = self.another(v, t, step, other)
            if found:
                return found
            if not other:
                self.behind = (v, t)
            return "dip" if other else "behind", "register-fell"
        fault, since, lead, jumped = self.rise(c, t, step, self.jumped)
        if fault:
            self.line, self.jumped = line, jumped
            other = jumped is not None and line["first"] + self.offset >= jumped
            return self.another(v, t, step, other) or ("glitch", fault)
        gap, stands = t - self.anchor, c == self.counted
        late = not self.can(c - self.counted, max(gap, 900), step)
        if late and line["n"] < 2:
            self.line = line
            return "unconfirmed", "register-late"
        self.counted, self.anchor, self.since, self.lead = c, t, since, lead
        self.line = self.jumped = self.behind = None
        if t - self.mark[1] >= 3600:
            self.floor, self.mark = self.mark[0], (v, t)
        return "late" if late else "gap" if gap > 900 else "frozen" if stands else "normal", None

    def another(self, v, t, step, other):
        line = self.line
        lasted = line["time"] - line["since"]
        if not (line["rises"] >= 3 and lasted >= 3600 or line["n"] >= 4 and lasted >= 86_400):
            return None
        here, when = self.behind or (self.counted - self.offset, self.anchor)
        f, unseen = line["first"], line["since"] - when
        b = self.before
        modulus = next((m for m in MODULI if m > here and 100 * (m - here) <= m), None)
        if (
            b
            and f >= b["shown"]
            and (b["below"] is None or f < b["below"])
            and self.explained(f - b["shown"], line["since"] - b["time"], step)
        ):
            kind, offset = "back", b["counter"][0]
        elif not other:
            return None
        elif f > here:
            kind, offset = "replaced", here + self.offset - f
        elif modulus is not None and self.can(modulus - here + f, unseen, step):
            kind, offset = "rollover", self.offset + modulus
        elif self.can(f, unseen, step):
            kind, offset = "reset", here + self.offset
        else:
            kind, offset = "replaced", here + self.offset - f
        to = v + offset
        since, lead, behind, reason = self.since, self.lead, (v, t), "register-fell"
        if to >= self.counted:
            reason, since, lead, _ = self.rise(to, t, step, None)
            if reason:
                return "glitch", reason
            behind = None
        if kind == "back":
            self.offset, self.restarts, self.unseen = b["counter"]
            self.before = None
        else:
            below = None if self.jumped is None else self.jumped - self.offset
            left = (self.offset, self.restarts, self.unseen)
            self.before = {"counter": left, "shown": here, "time": when, "below": below}
            self.offset, self.restarts = offset, self.restarts + 1
            self.unseen += self.ceiling(unseen) + step
        self.floor, self.mark = f, (v, t)
        self.line = self.jumped = None
        self.since, self.lead, self.behind = since, lead, behind
        if reason:
            return "behind", reason
        self.counted, self.anchor = to, t
        return kind, None


# ---------------------------------------------------------------- the files


def unhex(text):
    return bytes.fromhex(text[2:])


def base32_cid(text):
    body = text[1:].upper()
    return base64.b32decode(body + "=" * (-len(body) % 8))


class Report:
    def __init__(self):
        self.counts, self.wrong = {}, []

    def case(self, kind, name, holds):
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if not holds:
            self.wrong.append(f"{kind}: {name}")

    def refused(self, kind, name, work):
        try:
            work()
        except Refused:
            return self.case(kind, name, True)
        return self.case(kind, name, False)


def verify_keys(v, report):
    for c in v["valid"]:
        key = unhex(c["publicKey"])
        check_key(c["scheme"], key)
        known = meter_id(c["scheme"], key)
        report.case("valid", c["name"], known == unhex(c["meterId"]) and known[:8] == unhex(c["kid"]))
    for c in v["refused"]:
        report.refused("refused", c["name"], lambda: check_key(c["scheme"], unhex(c["publicKey"])))


def verify_signatures(v, report):
    for c in v["cases"]:
        key = unhex(c["publicKey"])
        if c.get("keyRefused"):
            report.refused("of refused keys", c["name"], lambda: check_key(c["scheme"], key))
            continue
        check_key(c["scheme"], key)
        verdict = verifies(c["scheme"], key, unhex(c["message"]), unhex(c["signature"]))
        report.case("valid" if c["valid"] else "invalid", c["name"], verdict == c["valid"])


def verify_readings(v, report):
    for c in v["valid"]:
        data = unhex(c["bytes"])
        _, _, fields, message, _ = read_reading(data)
        same = fields == c["fields"] and message == unhex(c["message"]) and len(data) == c["length"]
        signed = reading_verifies(c["scheme"], unhex(c["publicKey"]), data)
        report.case("valid", c["name"], same and signed and keccak256(data) == unhex(c["digest"]))
    for c in v["malformed"]:
        report.refused("malformed", c["name"], lambda: read_reading(unhex(c["bytes"])))
    for c in v["unverified"]:
        report.case("unverified", c["name"], not reading_verifies(c["scheme"], unhex(c["publicKey"]), unhex(c["bytes"])))


def verify_native(v, report):
    for c in v["valid"]:
        data, key = unhex(c["bytes"]), unhex(c["publicKey"])
        check_key(c["scheme"], key)
        _, message, _, fields, doubt = read_native(c["scheme"], data)
        same = fields == c["fields"] and message == unhex(c["message"]) and doubt == c["inDoubt"]
        named = meter_id(c["scheme"], key) == unhex(c["meterId"]) and keccak256(data) == unhex(c["digest"])
        report.case("valid", c["name"], same and named and reading_verifies(c["scheme"], key, data))
    for c in v["malformed"]:
        report.refused("malformed", c["name"], lambda: read_native(c["scheme"], unhex(c["bytes"])))
    for c in v["unverified"]:
        report.case("unverified", c["name"], not reading_verifies(c["scheme"], unhex(c["publicKey"]), unhex(c["bytes"])))


def verify_statements(v, report):
    for c in v["cases"]:
        report.case("leaves", c["name"], leaf_of(c["statement"]) == unhex(c["leaf"]))


def verify_trees(v, report):
    for c in v["trees"]:
        leaves, root = [unhex(leaf) for leaf in c["leaves"]], unhex(c["root"])
        report.case("roots", c["name"], tree_root(leaves) == root)
        for p in c["proofs"]:
            led = root_from_proof(leaves[p["leaf"]], map(unhex, p["proof"]))
            report.case("proofs", c["name"], led == root)
        for p in c["multiProofs"]:
            chosen = [leaves[i] for i in p["order"]]
            led = root_from_multiproof(chosen, [unhex(node) for node in p["proof"]], p["flags"])
            report.case("multiproofs", c["name"], led == root)
    for c in v["wrong"]:
        led = root_from_proof(unhex(c["leaf"]), map(unhex, c["proof"]))
        report.case("wrong", c["name"], led != unhex(c["root"]))


def verify_proposals(v, report):
    for c in v["cases"]:
        digest = proposal_digest(c["chainId"], c["oracle"], c["proposal"])
        report.case("digests", c["name"], digest == unhex(c["digest"]))


def verify_attestations(v, report):
    digest = proposal_digest(v["chainId"], v["oracle"], v["proposal"])
    for c in v["cases"]:
        signer = signer_of(digest, unhex(c["signature"]))
        report.case("signatures", c["name"], signer == (c["signer"] and unhex(c["signer"])))
    order = [unhex(validator["address"]) for validator in v["validators"]]
    report.case("sets", "ascending", order == sorted(order))
    for c in v["packed"]:
        bits = [a for i, a in enumerate(order) if int(c["signers"]) >> i & 1]
        signatures = unhex(c["signatures"])
        signers = [signer_of(digest, signatures[i : i + 64]) for i in range(0, len(signatures), 64)]
        report.case("packed", c["signers"], signers == bits == [unhex(a) for a in c["by"]])
    for c in v["refusals"]:
        refused = refusal_digest(v["chainId"], v["oracle"], v["proposal"], c["refused"])
        report.case("refusals", c["name"], signer_of(refused, unhex(c["signature"])) == unhex(c["signer"]))


def verify_evidence(v, report):
    identities = {i["name"]: i["identity"] for i in v["identities"]}
    previous = {}
    for c in v["valid"]:
        cid = base32_cid(c["root"])
        roots, blocks = read_car(base64.b64decode(c["car"]))
        content, sealed = read_evidence(cid, blocks, [identities["auditor"]])
        previous[c["root"]] = content["previous"]
        whole = roots == [cid] and not sealed and content == c["content"] and cid[4:] == unhex(c["digest"])
        report.case("whole", c["name"], whole)
        for name, identity in identities.items():
            opened, _ = read_evidence(cid, blocks, [identity])
            may = {household for household, names in c["opens"].items() if name in names}
            report.case("sealed", f"{c['name']}, {name}", {h["household"] for h in opened["households"]} == may)
        stated = {s["household"]: int(s["credit"]) for s in content["statements"] if s["kind"] == 2}
        if stated:
            report.case("accounts", c["name"], stated == credits_of(content) and sum(stated.values()) == 0)
        report.case("statements' roots", c["name"], tree_root([leaf_of(s) for s in content["statements"]]) == unhex(content["root"]))
        for meter in content["meters"] + [m for h in content["households"] for m in h["meters"]]:
            key = unhex(meter["publicKey"])
            check_key(meter["scheme"], key)
            known = meter_id(meter["scheme"], key) == unhex(meter["meterId"])
            for reading in meter["readings"]:
                signed = reading_verifies(meter["scheme"], key, unhex(reading["bytes"]))
                report.case("readings", c["name"], known and signed)
    for c in v["damaged"]:
        opens = [identities[c["opensWith"]]] if "opensWith" in c else []

        def read():
            _, blocks = read_car(base64.b64decode(c["car"]))
            read_evidence(base32_cid(c["root"]), blocks, opens)

        report.refused("damaged", c["name"], read)
    for c in v["chains"]:
        links = [previous[root] for root in c["roots"]]
        report.case("chains", c["name"], (links == [None] + c["roots"][:-1]) == c["holds"])


def signed_with(keys_, data):
    """Which of a meter's keys signed a reading, 3.3."""
    signers = [n for n, k in enumerate(keys_) if reading_verifies(k["scheme"], unhex(k["publicKey"]), data)]
    return signers[0] if signers else None


def verify_later_keys(v, report):
    keys_ = v["keys"]
    for k in keys_:
        check_key(k["scheme"], unhex(k["publicKey"]))
    named = meter_id(keys_[0]["scheme"], unhex(keys_[0]["publicKey"])) == unhex(v["meter"]["meterId"])
    report.case("meters", "its first key makes its meterId", named)

    latest = (0, -1)
    for c in v["readings"]:
        data = unhex(c["bytes"])
        signer = signed_with(keys_, data)
        verdict = None
        if signer is not None:
            said = read_reading(data)[2]
            in_force = max(n for n, k in enumerate(keys_) if k["from"] <= said["time"])
            if signer < latest[0]:
                verdict = "key-not-in-force"
            elif (signer, said["sequence"]) <= latest:
                verdict = "out-of-order"
            elif signer != in_force:
                verdict = "key-not-in-force"
            else:
                verdict, latest = "counts", (signer, said["sequence"])
        report.case("readings", c["name"], (signer, verdict) == (c["key"], c["verdict"]))

    for c in v["batches"]:
        _, blocks = read_car(base64.b64decode(c["car"]))
        content, _ = read_evidence(base32_cid(c["root"]), blocks, [v["identity"]["identity"]])
        [meter] = content["meters"] + [m for h in content["households"] for m in h["meters"]]
        later, registered = meter.get("laterKeys", []), c["registered"]
        left = registered[len(later):]
        same = later == registered[: len(later)] and not any(k["from"] <= content["time"] for k in left)
        report.case("batches", c["name"], same == c["holds"])
        if same:
            own = [{"from": 0, **{name: meter[name] for name in ("scheme", "publicKey")}}, *later]
            signed = all(signed_with(own, unhex(r["bytes"])) is not None for r in meter["readings"])
            report.case("batches' readings", c["name"], signed)
    for c in v["damaged"]:

        def read():
            _, blocks = read_car(base64.b64decode(c["car"]))
            read_evidence(base32_cid(c["root"]), blocks, [v["identity"]["identity"]])

        report.refused("damaged", c["name"], read)


def verify_counters(v, report):
    for c in v["cases"]:
        register = Register(v["meter"], v["rules"], int(c["startWh"]), 0) if "startWh" in c else None
        for row in c["readings"]:
            shown, time = int(row["shown"]), row["time"]
            if time > row.get("received", time) + v["rules"]["clockToleranceSeconds"]:
                kind, reason = "glitch", "clock-ahead"
            elif register is None:
                register = Register(v["meter"], v["rules"], shown, time)
                kind, reason = "first", None
            else:
                kind, reason = register.show(shown, time, row.get("resolutionWh", 0))
            stated = (row["kind"], row.get("reason"), int(row["countedWh"]))
            report.case("cases", f"{c['name']}, {time} s", (kind, reason, register.counted) == stated)


# ---------------------------------------------------------------- sharing (SPEC.md, 9.3)


def divided(amount, weights):
    """By name: the largest-remainder rule with exact fractions."""
    total = sum(weights.values())
    if total == 0:
        return {name: 0 for name in weights}
    exact = {name: Fraction(amount * weight, total) for name, weight in weights.items()}
    parts = {name: int(share) for name, share in exact.items()}
    order = sorted(weights, key=lambda name: (parts[name] - exact[name], name))
    for name in order[: amount - sum(parts.values())]:
        parts[name] += 1
    return parts


def offers(amount, parts):
    weights = {p[0]: p[1] for p in parts}
    weights["nobody"] = 1_000_000 - sum(weights.values())
    return divided(amount, weights)


def shared(key, surplus, deficit, start):
    """What each household gives and receives."""
    total = sum(surplus.values())
    row = next((r for r in key.get("rows", []) if r["start"] <= start < r["start"] + key["seconds"]), None)
    name = key["name"]
    if name in ("table", "pairs") and row is None:
        name = "proportional"
    if name == "pairs":
        given, received = dict.fromkeys(surplus, 0), {}
        offered = {}
        for producer in surplus:
            own = [(p["consumer"], p["parts"]) for p in row["pairs"] if p["producer"] == producer]
            offered[producer] = offers(surplus[producer], own)
        for consumer in deficit:
            own = {producer: part.get(consumer, 0) for producer, part in offered.items()}
            taken = divided(min(sum(own.values()), deficit[consumer]), own)
            received[consumer] = sum(taken.values())
            for producer, wh in taken.items():
                given[producer] += wh
        return given, received
    if name in ("proportional", "minimum"):
        received = divided(min(total, sum(deficit.values())), deficit)
    elif name in ("static", "table"):
        parts = key["parts"] if name == "static" else row["parts"]
        offered = offers(total, [(p["household"], p["parts"]) for p in parts])
        received = {h: min(offered.get(h, 0), need) for h, need in deficit.items()}
    elif name == "equal":
        received, left = dict.fromkeys(deficit, 0), total
        while left and any(received[h] < deficit[h] for h in deficit):
            takers = sorted(h for h in deficit if received[h] < deficit[h])
            level = left // len(takers)
            for h in takers if level else takers[:left]:
                part = min(level or 1, deficit[h] - received[h])
                received[h] += part
                left -= part
    else:
        received, left = {}, total
        named = [h for rank in key["ranks"] for h in rank]
        for rank in key["ranks"] + [[h for h in deficit if h not in named]]:
            needs = {h: deficit[h] for h in rank if h in deficit}
            amount = min(left, sum(needs.values()))
            received.update(divided(amount, needs))
            left -= amount
    return divided(sum(received.values()), surplus), received


SHARING_KEYS = {
    "proportional": (),
    "minimum": (),
    "equal": (),
    "static": ("parts",),
    "table": ("seconds", "rows"),
    "pairs": ("seconds", "rows"),
    "priority": ("ranks",),
}


def check_sharing_key(key):
    refuse_unless(isinstance(key, dict) and key.get("name") in SHARING_KEYS, "sharing key")
    keys(key, "name", "version", *SHARING_KEYS[key["name"]])
    refuse_unless(count(key["version"]) >= 1, "version")
    if key["name"] == "static":
        check_parts(key["parts"], "household")
    if key["name"] == "priority":
        named = [checked_address(h) for rank in listed(key["ranks"]) for h in listed(rank)]
        refuse_unless(named and all(key["ranks"]) and len(set(named)) == len(named), "ranks")
    if "rows" in key:
        seconds, last = count(key["seconds"]), -1
        refuse_unless(seconds >= 1, "seconds")
        for row in listed(key["rows"]):
            keys(row, "start", "parts" if key["name"] == "table" else "pairs")
            refuse_unless(count(row["start"]) > last and row["start"] % seconds == 0, "row")
            last = row["start"]
            if key["name"] == "table":
                check_parts(row["parts"], "household")
            else:
                check_parts(row["pairs"], "consumer", "producer")


def check_parts(parts, who, giver=None):
    sums, seen = {}, set()
    for part in listed(parts):
        keys(part, who, "parts", *([giver] if giver else []))
        pair = (checked_address(part[who]), checked_address(part[giver]) if giver else None)
        refuse_unless(pair not in seen, "twice")
        seen.add(pair)
        sums[pair[1]] = sums.get(pair[1], 0) + count(part["parts"])
    refuse_unless(seen and max(sums.values()) <= 1_000_000, "parts")


def checked_address(text):
    refuse_unless(isinstance(text, str) and re.fullmatch("0x[0-9a-f]{40}", text), "address")
    return text


def verify_sharing(v, report):
    for c in v["cases"]:
        check_sharing_key(c["key"])
        surplus, deficit = {}, {}
        for h in c["households"]:
            out, taken = int(h["exportedWh"]), int(h["importedWh"])
            if c["key"]["name"] != "minimum":
                out, taken = max(out - taken, 0), max(taken - out, 0)
            surplus[h["household"]], deficit[h["household"]] = out, taken
        given, received = shared(c["key"], surplus, deficit, c["start"])
        report.case(
            "cases",
            c["name"],
            all(
                (given[h["household"]], received[h["household"]]) == (int(h["givenWh"]), int(h["receivedWh"]))
                for h in c["households"]
            ),
        )


# ---------------------------------------------------------------- what the contracts said (docs/auditors.md)


def changed(base, changes):
    """A copy with each change made: a JSON pointer, and what stands there; null takes it out."""
    copy = json.loads(json.dumps(base))
    for pointer, value in changes:
        *path, last = pointer[1:].split("/")
        holder = copy
        for name in path:
            holder = holder[int(name)] if isinstance(holder, list) else holder.setdefault(name, {})
        if isinstance(value, str) and re.fullmatch(r"/[a-z]+/\d+", value):
            _, field, i = value.split("/")
            value = json.loads(json.dumps(copy[field][int(i)]))
        if not isinstance(holder, list):
            holder[last] = value
        elif value is None:
            holder.pop(int(last))
        elif int(last) == len(holder):
            holder.append(value)
        else:
            holder[int(last)] = value
    return copy


def before(a, b):
    return (int(a["block"]), a["log"]) < (int(b["block"]), b["log"])


def due(rules, from_wh, to_wh, meter, commons):
    """Fractions are taken of the register, each rounded down: to the household and to the commons."""
    factor = rules["meterFactor"] if meter["assurance"] == 1 else rules["gatewayFactor"]
    low, high = from_wh * factor // 10_000, to_wh * factor // 10_000
    share = high * rules["commonsShare"] // 10_000 - low * rules["commonsShare"] // 10_000
    return {meter["household"]: high - low - share, commons: share}


def found_in_history(h, stated):
    found = set()

    def find(check, wrong):
        if wrong:
            found.add(check)

    meters = {m["meterId"]: m for m in h["meters"]}
    time_of = {int(block): time for block, time in h["times"].items()}
    find("contracts", set(h["mayMint"].values()) != {h["issuance"]})
    find("contracts", h["mayBurn"]["certificates"] != h["retirements"])
    find("contracts", len(meters) != len(h["meters"]))

    for taken in h["rules"]:
        same = [p for p in h["policies"] if p["version"] == taken["version"] and not p["withdrawn"]]
        active = [p for p in same if p["activeFrom"] <= time_of[int(taken["at"]["block"])]]
        find("policy", not active or active[0]["rules"] != taken["rules"])
    rules = h["rules"][0]["rules"]

    number, last_time = 0, 0
    for p in h["proposals"]:
        find("proposals", int(p["number"]) != number + 1 or int(p["time"]) <= last_time)
        number, last_time = int(p["number"]), int(p["time"])
        made = time_of[int(p["at"]["block"])]
        find("proposals", int(p["time"]) > made or p["validAt"] < made + rules["challengeWindow"])
    proposals = {p["number"]: p for p in h["proposals"]}

    last, owed, total = {}, {}, 0
    for s in h["settled"]:
        meter, proposal = meters.get(s["meterId"]), proposals.get(s["number"])
        find("settlements", not meter or not proposal)
        if not meter or not proposal:
            continue
        find("proposals", time_of[int(s["at"]["block"])] < proposal["validAt"])
        low, high, seconds = int(s["fromWh"]), int(s["toWh"]), s["toTime"] - s["fromTime"]
        start = last.get(s["meterId"], (int(meter["startWh"]), meter["startTime"]))
        last[s["meterId"]] = (high, s["toTime"])
        headroom = rules["headroom"] if meter["assurance"] == 1 else rules["gatewayHeadroom"]
        most = meter["ratedW"] * seconds * (10_000 + headroom) // 36_000_000 + 1
        states = [x["status"] for x in meter.get("statuses", []) if before(x["at"], s["at"])]
        end = meter.get("end")
        doubts = [c for c in h["challenges"] if c["number"] == s["number"] and before(c["at"], s["at"])]
        find("settlements", (low, s["fromTime"]) != start or high < low or seconds <= 0 or high - low > most)
        find("settlements", stated.get((s["number"], s["meterId"])) != (high, s["toTime"]))
        find("settlements", meter["site"] != s["site"] or (states and states[-1] in (2, 3)))
        find("settlements", bool(end) and (high > int(end["countedWh"]) or s["toTime"] > end["time"]))
        find("settlements", proposal.get("cancelled") is not None or bool(doubts))
        for account, wh in due(rules, low, high, meter, h["commons"][0]["to"]).items():
            key = (s["at"]["transaction"], account, None)
            owed[key], total = owed.get(key, 0) + wh, total + wh

    minted, retired, burned = {}, {}, {}
    for move in h["minted"]:
        key = (move["at"]["transaction"], move["account"], move.get("id"))
        minted[key] = minted.get(key, 0) + int(move["wh"])
    for key in {*minted, *owed}:
        if minted.get(key, 0) != owed.get(key, 0):
            found.add("mints" if key[2] is None else "certificates")
    for r in h["retired"]:
        key = (r["at"]["transaction"], r["holder"])
        retired[key] = retired.get(key, 0) + int(r["wh"])
    for b in h["burned"]:
        key = (b["at"]["transaction"], b["account"])
        burned[key] = burned.get(key, 0) + int(b["wh"])
    sums = {}
    for r in h["retired"]:
        sums[r["beneficiary"]] = sums.get(r["beneficiary"], 0) + int(r["wh"])
    standing = h["standing"]
    held = {}
    for t in h["transfers"]:
        wh, nobody = int(t["wh"]), "0x" + "00" * 20
        for account, change in ((t["from"], -wh), (t["to"], wh)):
            if account != nobody:
                held[account, t.get("id")] = held.get((account, t.get("id")), 0) + change
                find("transfers", held[account, t.get("id")] < 0)
    find("transfers", any(held.get((b["account"], b.get("id")), 0) != int(b["wh"]) for b in standing["balances"]))
    find("supply", int(standing["totalSupplyWh"]) != total - sum(retired.values()))
    find("retirements", retired != burned or standing["retirements"] != len(h["retired"]))
    find("retirements", [int(r["number"]) for r in h["retired"]] != list(range(1, len(h["retired"]) + 1)))
    find("retirements", any(sums.get(to, 0) != int(wh) for to, wh in standing["retiredForWh"]))
    return found


def verify_audits(v, report):
    """The histories; recomputing a batch from its readings is not written out here."""
    stated = {(s["number"], s["meterId"]): (int(s["toWh"]), s["toTime"]) for s in v["history"]["settled"]}
    for c in v["histories"]:
        found = found_in_history(changed(v["history"], c["changes"]), stated)
        report.case("histories", c["name"], not found if c["check"] is None else c["check"] in found)


FILES = {
    "keys": verify_keys,
    "signatures": verify_signatures,
    "readings": verify_readings,
    "native": verify_native,
    "statements": verify_statements,
    "trees": verify_trees,
    "proposals": verify_proposals,
    "attestations": verify_attestations,
    "evidence": verify_evidence,
    "later-keys": verify_later_keys,
    "counters": verify_counters,
    "sharing": verify_sharing,
    "audits": verify_audits,
}


def main():
    empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak256(b"").hex() == empty, "the Keccak in this file is wrong"
    failed = False
    for name, verify in FILES.items():
        report = Report()
        verify(json.loads((FOLDER / f"{name}.json").read_text()), report)
        summary = ", ".join(f"{n} {kind}" for kind, n in report.counts.items())
        print(f"{name}.json: {summary}: {'as stated' if not report.wrong else 'NOT AS STATED'}")
        for wrong in report.wrong:
            print(f"    {wrong}")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
