/** One place in which a contract is broken. */
export interface Mutation {
  /** What is lost. */
  breaks: string
  file: string
  find: string
  replace: string
  /** The test file that should notice. */
  test: string
}

const of =
  (file: string, test: string) =>
  (breaks: string, find: string, replace: string, other = test): Mutation => ({
    breaks,
    file,
    find,
    replace,
    test: other,
  })

const issuance = of("Issuance.sol", "Lies")
const statement = of("Statement.sol", "Multiproof")
const token = of("GreenToken.sol", "GreenToken")
const proposals = of("Proposals.sol", "Propose")
const head = of("Head.sol", "Head")
const oracle = of("ImpactOracle.sol", "Challenge")
const stakes = of("Stakes.sol", "Stakes")
const reputation = of("Stakes.sol", "Reputation")
const policy = of("PolicyRegistry.sol", "Policy")
const set = of("ValidatorSet.sol", "Policy")
const certificates = of("Certificates.sol", "Retirements")
const certificateId = of("ICertificates.sol", "Retirements")
const retirements = of("Retirements.sol", "Retirements")
const pool = of("SharingPool.sol", "SharingPool")
const ceiling = of("Ceiling.sol", "Settle")
const ed25519 = of("Ed25519.sol", "Signatures")
const sha512 = of("Sha512.sol", "Sha512")
const reading = of("SignedReading.sol", "Reading")
const verifier = of("ReadingVerifier.sol", "Reading")
const registry = of("MeterRegistry.sol", "MeterLife")
const history = of("History.sol", "Challenge")
const keys = of("MeterKeys.sol", "MeterKeys")

export const mutations: readonly Mutation[] = [
  issuance(
    "a register that falls is refused",
    "if (to < from) revert RegisterFell(meterId, to, from);",
    "if (to < from) to = from;",
    "Settle",
  ),
  issuance(
    "nothing above the ceiling",
    "if (wh > ceiling) revert AboveCeiling(meterId, wh, ceiling);",
    "if (wh > 2 * ceiling) revert AboveCeiling(meterId, wh, ceiling);",
    "Settle",
  ),
  issuance(
    "a meter that signs has its own headroom",
    "? terms.headroom : terms.gatewayHeadroom",
    "? terms.gatewayHeadroom : terms.headroom",
  ),
  issuance(
    "a meter that signs has its own factor",
    "? terms.meterFactor : terms.gatewayFactor",
    "? terms.gatewayFactor : terms.meterFactor",
  ),
  issuance(
    "nothing from the future",
    "if (terms.time > block.timestamp) revert",
    "if (terms.time > block.timestamp + 1) revert",
  ),
  issuance(
    "a statement is not later than its proposal",
    "if (time > terms.time) revert",
    "if (time > terms.time + 1) revert",
    "Settle",
  ),
  issuance(
    "headroom has a limit",
    "terms.headroom > MAX_HEADROOM ||",
    "terms.headroom > 2 * MAX_HEADROOM ||",
  ),
  issuance("the commons' share has a limit", "|| terms.commonsShare > MAX_COMMONS_SHARE", ""),
  issuance("factors have a limit", "|| terms.meterFactor > BASIS", ""),
  issuance("without commons nothing is taken", "if (commons == address(0)) terms.commonsShare = 0;", ""),
  issuance(
    "fractions are of the register",
    "if (share != 0) shared = to * share / BASIS - from * share / BASIS;",
    "if (share != 0) shared = (to - from) * share / BASIS;",
  ),
  issuance(
    "what is left over is in the next",
    "(from, to) = (from * factor / BASIS, to * factor / BASIS);",
    "(from, to) = (0, (to - from) * factor / BASIS);",
  ),
  issuance(
    "a replay has no effect",
    "if (elapsed > time || elapsed == 0) return (0, 0);",
    "if (elapsed > time) return (0, 0);",
    "Settle",
  ),
  issuance(
    "an older batch has no effect",
    "if (elapsed > time || elapsed == 0) return (0, 0);",
    "if (elapsed == 0) return (0, 0);",
    "Settle",
  ),
  issuance(
    "only active meters of the site",
    "if (!meter.isActiveAt(site)) _checkEnded(meterId, site, meter, s);",
    "",
    "Settle",
  ),
  issuance(
    "never currency and certificates",
    "if (!meter.wantsCertificates()) {",
    "if (true) {",
    "Certified",
  ),
  issuance(
    "the commons' certificates",
    "if (c.shared != 0) certificates.mint(commons, c.id, c.shared);",
    "",
    "Certified",
  ),
  issuance(
    "no bits that do not belong there",
    "if ((wh | time) >> 64 != 0) revert",
    "if ((wh & time) >> 64 != 0) revert",
  ),
  issuance(
    "the exit window",
    "if (block.timestamp < successionAt) revert",
    "if (block.timestamp + 1 < successionAt) revert",
    "Succession",
  ),
  issuance(
    "a successor has code",
    "if (address(successor_).code.length == 0) revert",
    "if (address(successor_) == address(0)) revert",
    "Succession",
  ),
  issuance(
    "who succeeded is not announced any more",
    "        oracle = successor;\n        emit OracleChanged(successor);\n        delete successor;",
    "        oracle = successor;\n        emit OracleChanged(successor);",
    "Succession",
  ),
  issuance(
    "the proof leads to the root",
    "!= terms.root) revert InvalidProof",
    "== bytes32(0)) revert InvalidProof",
    "Settle",
  ),

  statement("the kind is in the leaf", "mstore(preimage, KIND_METER)", "mstore(preimage, KIND_ACCOUNT)"),
  statement("children are sorted", "switch lt(a, b)", "switch gt(a, b)"),
  statement(
    "all of the proof is used",
    "fits := eq(sibling, add(proof.offset, shl(5, proof.length)))",
    "fits := 1",
  ),
  statement(
    "the lengths fit",
    "statements.length + proof.length != flags.length + 1",
    "statements.length + proof.length < flags.length + 1",
  ),
  statement("the leaf is hashed twice", "mstore(leafAt, keccak256(0, 0x20))", "mstore(leafAt, mload(0))"),

  token("only the issuance mints", "if (msg.sender != issuance) revert OnlyIssuance(msg.sender);", ""),
  token(
    "only a retirement burns",
    "if (msg.sender != retirements) revert OnlyRetirements(msg.sender);",
    "",
    "Retirements",
  ),
  token("the supply counts what is minted", "supply := add(supply, value)", ""),
  token("a balance grows", "sstore(balance_, add(sload(balance_), value))", "sstore(balance_, value)"),
  token("nothing to nobody", "if (toNobody) revert ERC20InvalidReceiver(address(0));", ""),
  token("the supply's slot", "sstore(2, supply)", "sstore(3, supply)"),

  proposals(
    "the number is the last plus one",
    "if (number != last.number() + 1) revert",
    "if (number <= last.number()) revert",
  ),
  proposals(
    "the time is later than the last",
    "if (time <= last.time()) revert",
    "if (time < last.time()) revert",
  ),
  proposals(
    "the time is not in the future",
    "if (time > block.timestamp) revert",
    "if (time > block.timestamp + 1) revert",
  ),
  proposals(
    "one pending at a time",
    "if (_isPending(last)) revert ProposalPending(site, last.number()",
    "if (last.open() != 0) revert ProposalPending(site, last.number()",
  ),
  proposals("no proposal without a stake", "if (!last.staked()) revert NoStake(site);", "", "Stakes"),
  proposals("the threshold", "if (given < threshold) revert", "if (given + 1 < threshold) revert"),
  proposals(
    "each signer is who is named",
    "if (signer != validator) revert BadSignature(i, validator);",
    "if (signer == address(0)) revert BadSignature(i, validator);",
  ),
  proposals(
    "the set's version is current",
    "if (p.validatorSet != current.validatorSet) {",
    "if (p.validatorSet > current.validatorSet) {",
    "Policy",
  ),
  proposals(
    "the digest covers the evidence",
    "calldatacopy(add(free, 0x20), p, 0xe0)",
    "calldatacopy(add(free, 0x20), p, 0xe0)\n            mstore(add(free, 0x80), 0)",
  ),
  proposals(
    "an open challenge holds a proposal back",
    "(block.timestamp < last.validAt() || last.open() != 0)",
    "(block.timestamp < last.validAt())",
    "Challenge",
  ),
  head("a proposal keeps its rules", "(word & RULES) << 16", "rules_ << 176"),
  head("a cancelled one stays so", "| (word & CANCELLED) << 8", ""),
  head("a time stays the one before's", "(word & TIME) << 40", "word & TIME"),
  head("a head keeps nothing that it should not", "word & ~STAKED", "word", "Stakes"),
  head("a count replaces the one before", "Head.unwrap(head) & ~OPEN |", "Head.unwrap(head) |"),
  proposals(
    "numbers go on from the predecessor's",
    "if (number != 0) last = last.inherited(uint40(number), uint40(time));",
    "",
    "Succession",
  ),
  head("nothing before a successor is valid", "| CANCELLED | CANCELLED_BEFORE", "| CANCELLED", "Succession"),
  head("nor is its last", "| CANCELLED | CANCELLED_BEFORE", "| CANCELLED_BEFORE", "Succession"),
  proposals(
    "validators have their stake",
    "if (stake < wanted) revert ValidatorStakeTooLow",
    "if (stake + 1 < wanted) revert ValidatorStakeTooLow",
    "Stakes",
  ),
  proposals(
    "only the stakes say who is staked",
    "if (msg.sender != address(stakes)) revert OnlyStakes(msg.sender);",
    "",
    "Stakes",
  ),
  proposals(
    "a leaf is verified in valid proposals only",
    "        _validHead(site, number);\n        return",
    "        return",
  ),

  oracle(
    "no challenge after the window",
    "if (block.timestamp >= last.validAt()) revert WindowOver",
    "if (block.timestamp > last.validAt()) revert WindowOver",
  ),
  oracle(
    "exactly the bond",
    "if (msg.value != uint256(r.bond) * 1 gwei) revert",
    "if (msg.value < uint256(r.bond) * 1 gwei) revert",
  ),
  oracle(
    "one challenge a leaf",
    "if (_challenges[id].challenger != address(0)) revert AlreadyChallenged(site, number, leaf);",
    "",
  ),
  oracle("a challenge counts", "_heads[site] = last.withOpen(last.open() + 1);", ""),
  oracle(
    "the answer has a deadline",
    "if (block.timestamp >= asked.deadline) revert TooLate",
    "if (block.timestamp > asked.deadline) revert TooLate",
  ),
  oracle(
    "the answer is the reading quoted",
    "if (digest_ != s.reading) revert WrongReading(digest_, s.reading);",
    "",
  ),
  oracle(
    "the answer says the leaf's register",
    "\n                || !_counts(s.meterId, shown, last.time(), s.generatedWh)",
    "",
  ),
  oracle(
    "the answer's clock is synchronised",
    "!shown.hasGenerated || shown.clock != SYNCHRONISED\n                || !_counts",
    "!shown.hasGenerated || !_counts",
  ),
  oracle(
    "a challenge is answered once",
    "        delete _challenges[_id(site, number, leaf)];\n        _heads[site] = last.withOpen(last.open() - 1);\n        stakes.owe(msg.sender",
    "        _heads[site] = last.withOpen(last.open() - 1);\n        stakes.owe(msg.sender",
  ),
  oracle(
    "a challenge is lost once",
    "        delete _challenges[_id(site, number, leaf)];\n        _heads[site] = last.withOpen(last.open() - 1);\n        stakes.owe(asked.challenger",
    "        _heads[site] = last.withOpen(last.open() - 1);\n        stakes.owe(asked.challenger",
  ),
  oracle(
    "a bond is refunded once",
    "        delete _challenges[_id(site, number, leaf)];\n        stakes.owe(asked.challenger",
    "        stakes.owe(asked.challenger",
  ),
  oracle("time is given", "if (block.timestamp < asked.deadline) revert StillTime(asked.deadline);", ""),
  oracle(
    "no refund while a proposal stands",
    "if (number == last.number() && !last.cancelled()) revert StillStanding(site, number);",
    "",
  ),
  oracle(
    "honest leaves are not proven false",
    "registry.siteAt(s.meterId, s.time) == site) revert NotProven();",
    "registry.siteAt(s.meterId, s.time) != 0 && false) revert NotProven();",
  ),
  oracle("a register has a quarter of an hour of lead", "s.time - start.time + LEAD", "s.time - start.time"),
  oracle(
    "a later reading is later",
    "shown.time <= s.time || shown.time > block.timestamp",
    "shown.time > block.timestamp",
  ),
  oracle(
    "an equal register has not fallen",
    "offsets[i] >= int256(uint256(wh))) return false;",
    "offsets[i] > int256(uint256(wh))) return false;",
  ),
  oracle("twins have one number", "first.sequence != second.sequence ||", ""),
  oracle(
    "a reading signed anew is no twin",
    "keccak256(a[:a.length - SIGNATURE]) == keccak256(b[:b.length - SIGNATURE])",
    "keccak256(a) == keccak256(b)",
  ),
  oracle("a replaced key makes no twins", "!_isPresent(meterId, timeA) || ", ""),
  oracle("nor one twin", "|| !_isPresent(meterId, timeB)", ""),
  oracle(
    "no stake is lost after succession",
    "if (address(issuance.oracle()) == address(this)) {",
    "if (true) {",
    "Succession",
  ),
  oracle(
    "a fallen register suspends its meter",
    "_cancel(site, number, Fault.RegisterFell);\n        registry.suspend(s.meterId);",
    "_cancel(site, number, Fault.RegisterFell);",
  ),

  stakes(
    "only the operator unbonds",
    "if (msg.sender != registry.siteOperator(site)) revert NotOperator(site, msg.sender);",
    "",
  ),
  stakes(
    "unbonding takes its time",
    "if (block.timestamp < stake.releaseAt) revert",
    "if (block.timestamp + 1 < stake.releaseAt) revert",
  ),
  stakes(
    "released once",
    "        stake.unbonding = 0;\n        owed[to] += amount;",
    "        owed[to] += amount;",
  ),
  stakes("what is unbonding can be lost", "stake.unbonding -= uint96(unbonding);", ""),
  stakes("half is burned", "burned += taken - taken / 2;", "burned += taken / 2;"),
  stakes("being caught counts", "++stake.caught;", ""),
  stakes(
    "withdrawn once, whoever calls back",
    '        owed[msg.sender] = 0;\n        emit Withdrawn(msg.sender, amount);\n        (bool done,) = msg.sender.call{value: amount}("");',
    '        emit Withdrawn(msg.sender, amount);\n        (bool done,) = msg.sender.call{value: amount}("");\n        owed[msg.sender] = 0;',
  ),
  stakes("what cannot be paid stays owed", "if (!done) revert NotPaid(msg.sender, amount);", ""),
  stakes(
    "only the oracle slashes",
    "function slashSite(uint32 site, uint64 number, uint256 amount, address to) external onlyOracle {",
    "function slashSite(uint32 site, uint64 number, uint256 amount, address to) external {",
  ),
  stakes("bonds are held apart", "held -= amount;", "", "Challenge"),
  stakes(
    "one batch is no double",
    "|| a.number != b.number || same) revert",
    "|| a.number != b.number) revert",
  ),
  stakes("one number is no other", "a.site != b.site || a.number != b.number ||", "a.site != b.site ||"),
  stakes(
    "one signer is no other",
    "if (validator == address(0) || validator != other) revert",
    "if (validator == address(0)) revert",
  ),
  stakes("punished once", "_punished[id] = true;", ""),
  stakes(
    "a site that unbonds is looked at",
    "emit SiteUnbonding(site, amount, _unbond(_ofSite[site], amount));\n        oracle.stakeChanged(site, _ofSite[site].bonded);",
    "emit SiteUnbonding(site, amount, _unbond(_ofSite[site], amount));",
  ),

  reputation(
    "a name put to it later risks nothing",
    "status != ProposalStatus.Pending || root != p.root",
    "status == ProposalStatus.None || root != p.root",
  ),
  reputation("signed is what was proposed", "root != p.root || time != p.time", "time != p.time"),
  reputation("and for that time", "root != p.root || time != p.time", "root != p.root"),
  reputation(
    "a signature counts once",
    "if (p.number <= _signedUpTo[validator][p.site]) revert",
    "if (p.number < _signedUpTo[validator][p.site]) revert",
  ),
  reputation("only validators gain", "_checkValidator(validator, p.validatorSet);", ""),
  reputation("only the set in force gains", "if (validatorSet == version) {", "if (version != 0) {"),
  reputation(
    "only what was slashed counts",
    "if (!_slashed[batch]) revert NotSlashed(p.site, p.number);",
    "",
  ),
  reputation("a cancellation counts once", "_cancelledCounted[batch][validator] = true;", ""),
  reputation(
    "another root is another batch",
    "keccak256(abi.encode(site, number, root, time))",
    "keccak256(abi.encode(site, number, time))",
  ),
  reputation(
    "another time is another batch",
    "keccak256(abi.encode(site, number, root, time))",
    "keccak256(abi.encode(site, number, root))",
  ),
  reputation(
    "another number is another batch",
    "keccak256(abi.encode(site, number, root, time))",
    "keccak256(abi.encode(site, root, time))",
  ),
  reputation(
    "nobody is counted",
    "if (validator == address(0)) revert NotValidator(validator, p.validatorSet);",
    "",
  ),

  policy(
    "rules have their notice",
    "if (from < block.timestamp + NOTICE) revert",
    "if (from + 1 < block.timestamp + NOTICE) revert",
  ),
  policy("rules wait for their time", "while (activeFrom[version] > block.timestamp) --version;", ""),
  policy("a window is not zero", "r.challengeWindow == 0 || ", ""),
  policy("rules in force are not withdrawn", "activeFrom[version] <= block.timestamp || ", ""),
  set("a set ascends", "if (validator <= last) revert", "if (validator < last) revert"),
  set("a set has an end", "n == 0 || n > MAX_SIZE", "n == 0"),

  certificates(
    "only the issuance mints certificates",
    "if (msg.sender != issuance) revert OnlyIssuance(msg.sender);",
    "",
  ),
  certificates(
    "only a retirement burns certificates",
    "if (msg.sender != retirements) revert OnlyRetirements(msg.sender);",
    "",
  ),
  certificates(
    "no certificates to nobody",
    "if (to == address(0)) revert ERC1155InvalidReceiver(to);",
    "",
    "Certified",
  ),
  certificateId("months begin in January", "monthFromMarch - 9", "monthFromMarch - 8"),
  certificateId("a century's February", "- dayOfEra / 146_096", ""),
  retirements("the holder signs", "revert BadSignature(holder);", ""),
  retirements("a signature is used once", "_useCheckedNonce(holder, nonce);", ""),
  retirements("a retirement never moves", "if (_ownerOf(number) != address(0)) revert Soulbound();", ""),
  retirements("retiring burns", "token.burn(holder, wh);", ""),
  retirements("nothing is not retired", "if (wh == 0) revert NothingToRetire();", ""),

  pool("credits never exceed debits", "if (sum > 0) revert Unbalanced(number, sum);", ""),
  pool(
    "an older statement has no effect",
    "if (s.time <= account.time) return 0;",
    "if (s.time < account.time) return 0;",
  ),
  pool(
    "no batch from the future",
    "if (terms.time > block.timestamp) revert ProposalInFuture",
    "if (terms.time == 0) revert ProposalInFuture",
  ),
  pool(
    "no more is drawn than may be",
    "if (amount > available) revert NotThatMuch(household, amount, available);\n        _move(household, -amount.toInt256());\n        emit Withdrawn",
    "_move(household, -amount.toInt256());\n        emit Withdrawn",
  ),
  pool(
    "a debt is good up to its limit",
    "Math.min(uint256(-position_), account.limit)",
    "uint256(-position_)",
  ),
  pool("a shortage is shared", "Math.mulDiv(uint256(position_), good, owed)", "uint256(position_)"),
  pool(
    "a pay has a limit",
    "_position(known) + int256(uint256(known.limit))",
    "_position(known) + int256(uint256(known.limit)) + 1",
  ),

  ceiling(
    "the register's resolution is one Wh",
    "/ WS_BASIS_POINTS_PER_WH + 1;",
    "/ WS_BASIS_POINTS_PER_WH + 2;",
  ),
  ceiling("an hour has 3600 seconds", "3600 * 10_000;", "3599 * 10_000;"),

  ed25519("a scalar is below the order", "if (scalar >= L) return false;", ""),
  ed25519("a key is canonical", "if (y >= P) return (false, 0, 0);", ""),
  ed25519("no small order", "if (y <= 1 || y == P - 1 || y == Y8 || y == P - Y8) return (false, 0, 0);", ""),
  sha512("the length is in bits", "shl(3,", "shl(2,"),
  reading("a short number in its short form", "if (size < 24) revert MalformedReading(17);", ""),
  reading("nothing stands behind", "if (position != end) revert MalformedReading(position);", ""),
  reading("keys ascend", "key <= previous ||", ""),
  verifier(
    "the kid is the meter's",
    "if (r.kid != bytes8(meterId)) revert AnotherMeter(r.kid, meterId);",
    "",
  ),
  verifier("an Ed25519 key is one word", "return key[1] == 0 && Ed25519", "return Ed25519", "Signatures"),

  registry(
    "more power only once the meter was paid",
    "if (ratedW > before) _checkPaidUntil(meterId, time);",
    "",
  ),
  registry(
    "a restart never changes what was paid",
    "if (time <= paidTime) revert PaidAlready",
    "if (time < paidTime) revert PaidAlready",
  ),
  registry("a replacement starts at the end", "|| by.startTime < time) {", ") {"),
  registry(
    "a move is from the next second on",
    "uint64 from = uint64(block.timestamp) + 1;",
    "uint64 from = uint64(block.timestamp);",
  ),
  registry("revoked is final", "status == from || from == Status.Revoked", "status == from"),
  registry(
    "a household is paid before it hands over",
    "if (household == before) revert SameHousehold(meterId, household);\n        _checkPaidUntil(meterId, time);",
    "if (household == before) revert SameHousehold(meterId, household);",
  ),
  registry(
    "a suspended meter does not end",
    "if (from != Status.Active) revert NotInService(meterId, from);",
    "",
  ),
  registry(
    "a known meter is not registered again",
    "if (_meters[meterId].status != Status.None) revert MeterAlreadyRegistered(meterId);",
    "",
    "MeterRegistry",
  ),
  registry("a meter starts after 1970", "if (r.startTime == 0 || ", "if (", "MeterRegistry"),
  registry(
    "only the household chooses",
    "if (known.household != msg.sender) revert NotTheHousehold(meterId, msg.sender);",
    "",
    "MeterRegistry",
  ),
  registry(
    "a credential never moves",
    "if (_ownerOf(tokenId) != address(0)) revert Soulbound();",
    "",
    "MeterRegistry",
  ),
  history(
    "a restart of the past makes nothing false",
    "while (n != 0 && history[n - 1].since >= moment) --n;",
    "",
  ),
  history(
    "what was known at the snapshot is not forgotten",
    "while (n != 0 && history[n - 1].since >= moment) --n;",
    "n = 0;",
  ),
  keys(
    "a stolen key never outruns a recovery",
    "if (recoveryOf[meterId].keyId != 0) revert RecoveryPending(meterId);",
    "",
  ),
  keys(
    "a recovery has its delay",
    "if (block.timestamp < announced.from) revert",
    "if (block.timestamp + 1 < announced.from) revert",
  ),
  keys(
    "only the announced key is recovered to",
    "if (keyId != announced.keyId) revert AnotherKeyAnnounced(keyId, announced.keyId);",
    "",
  ),
  keys("the old key signs the new", "_checkSignedByLatest(meterId, digest, byOld);", ""),
  keys("the new key signs, too", "_checkSigned(scheme, key, digest, byNew);", ""),
  keys("one key is one meter", "if (owner != 0) revert KeyInUse(key, owner);", ""),
  keys("a rotation is not for the past", "if (from <= block.timestamp || ", "if ("),
]
