/** Steps from an empty file to today's schema; `user_version` counts how many were taken. Never edit one: add one. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meters (
    id INTEGER PRIMARY KEY,
    meter_id TEXT NOT NULL UNIQUE,
    sequence INTEGER NOT NULL DEFAULT -1,
    anchor INTEGER REFERENCES readings(id),
    -- What the rules remember of each register, as JSON.
    registers TEXT NOT NULL DEFAULT '{}'
  ) STRICT;

  -- Authentic readings: signed by a known meter, each sequence number once. reason is null where it counts.
  CREATE TABLE readings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    meter INTEGER NOT NULL REFERENCES meters(id),
    sequence INTEGER NOT NULL,
    time INTEGER NOT NULL,
    received INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    generated INTEGER, imported INTEGER, exported INTEGER, power INTEGER,
    reason TEXT, detail TEXT,
    UNIQUE (meter, sequence)
  ) STRICT;
  CREATE INDEX readings_by_meter ON readings (meter, id);
  CREATE INDEX readings_in_doubt ON readings (id) WHERE reason IS NOT NULL;

  -- What is not authentic. Anyone on the network can fill this, so it is bounded; the counts are not.
  CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received INTEGER NOT NULL,
    source TEXT NOT NULL,
    meter_id TEXT,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    bytes BLOB NOT NULL,
    size INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX quarantine_by_reason ON quarantine (reason, id);
  -- A proof of fraud is kept for ever, and once: whoever sends it again and again does not fill the disk.
  CREATE UNIQUE INDEX equivocations ON quarantine (meter_id, bytes) WHERE reason = 'equivocation';
  CREATE TABLE counts (name TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT;

  CREATE TABLE batches (
    number INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    state TEXT NOT NULL,
    root TEXT NOT NULL,
    evidence TEXT NOT NULL,
    note TEXT
  ) STRICT;
  CREATE TABLE batch_meters (
    number INTEGER NOT NULL REFERENCES batches(number) ON DELETE CASCADE,
    meter INTEGER NOT NULL REFERENCES meters(id),
    last_reading INTEGER NOT NULL,
    PRIMARY KEY (number, meter)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE statements (
    number INTEGER NOT NULL REFERENCES batches(number) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    meter_id TEXT NOT NULL,
    generated INTEGER NOT NULL,
    time INTEGER NOT NULL,
    reading TEXT NOT NULL,
    PRIMARY KEY (number, position)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE blocks (
    number INTEGER NOT NULL REFERENCES batches(number) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    cid TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (number, position)
  ) STRICT;
  CREATE INDEX blocks_by_cid ON blocks (cid);
  CREATE TABLE attestations (
    number INTEGER NOT NULL REFERENCES batches(number) ON DELETE CASCADE,
    validator TEXT NOT NULL,
    validator_set INTEGER NOT NULL,
    signature TEXT,
    refusal TEXT,
    PRIMARY KEY (number, validator)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE transactions (
    hash TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    raw TEXT NOT NULL,
    sent INTEGER NOT NULL,
    gas_used INTEGER
  ) STRICT;
  `,
  `
  -- The counters of registers that began anew, as JSON; null where none did. generated, imported and exported are what
  -- the meter showed.
  ALTER TABLE readings ADD COLUMN counters TEXT;
  `,
  `
  -- A record of a maker's format can be written in many ways under one signature, so bytes do not tell two proofs
  -- apart; their details do, which name the digest of what was signed.
  DELETE FROM quarantine WHERE reason = 'equivocation' AND id NOT IN (
    SELECT min(id) FROM quarantine WHERE reason = 'equivocation' GROUP BY meter_id, detail);
  DROP INDEX equivocations;
  CREATE UNIQUE INDEX equivocations ON quarantine (meter_id, detail) WHERE reason = 'equivocation';
  `,
  `
  -- Credits are text: an account is as large as the contract's, not as SQLite's integer.
  CREATE TABLE account_statements (
    number INTEGER NOT NULL REFERENCES batches(number) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    household TEXT NOT NULL,
    credit TEXT NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (number, position)
  ) STRICT, WITHOUT ROWID;
  -- How a batch leaves the community's accounts to the next, as JSON.
  CREATE TABLE accounting (
    number INTEGER PRIMARY KEY REFERENCES batches(number) ON DELETE CASCADE,
    state TEXT NOT NULL
  ) STRICT;
  `,
  `
  -- What each household's energy was, a day at a time: worked out from the readings, kept so that a year is read fast.
  CREATE TABLE days (
    day TEXT PRIMARY KEY,
    from_time INTEGER NOT NULL,
    to_time INTEGER NOT NULL,
    -- How far each meter had reported when it was worked out.
    basis TEXT NOT NULL,
    -- 1 when nothing that comes later can change it.
    final INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE home_days (
    household TEXT NOT NULL,
    day TEXT NOT NULL REFERENCES days(day) ON DELETE CASCADE,
    known INTEGER NOT NULL, missing INTEGER NOT NULL,
    generated INTEGER, used INTEGER, given INTEGER, received INTEGER, to_grid INTEGER, from_grid INTEGER,
    silent TEXT NOT NULL,
    -- Its intervals, as DAG-CBOR.
    records BLOB NOT NULL,
    PRIMARY KEY (household, day)
  ) STRICT;
  CREATE INDEX home_days_by_day ON home_days (day, generated);
  -- The community's day as everyone was shown it. It is never changed: the difference would tell of one home.
  CREATE TABLE public_days (
    day TEXT PRIMARY KEY,
    homes TEXT NOT NULL,
    used INTEGER, shared INTEGER, to_grid INTEGER, from_grid INTEGER
  ) STRICT;
  `,
  `
  -- "proposed" said neither how deep in the chain a proposal was nor since when. Where it is, is found again.
  UPDATE batches SET state = 'mined' WHERE state = 'proposed';
  -- When a batch came into each state, and why.
  CREATE TABLE batch_history (
    id INTEGER PRIMARY KEY,
    number INTEGER NOT NULL REFERENCES batches(number) ON DELETE CASCADE,
    time INTEGER NOT NULL,
    state TEXT NOT NULL,
    note TEXT
  ) STRICT;
  CREATE INDEX batch_history_by_number ON batch_history (number, id);
  -- The block in which something was first seen on chain: while the chain has that block, it is that deep in it.
  CREATE TABLE sightings (
    number INTEGER NOT NULL REFERENCES batches(number) ON DELETE CASCADE,
    what TEXT NOT NULL,
    block INTEGER NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (number, what)
  ) STRICT, WITHOUT ROWID;
  -- Null while it may still be mined; mined, reverted, or lost to another with its nonce.
  ALTER TABLE transactions ADD COLUMN outcome TEXT;
  ALTER TABLE transactions ADD COLUMN paid_wei TEXT;
  UPDATE transactions SET outcome = 'mined' WHERE gas_used IS NOT NULL;
  CREATE INDEX transactions_open ON transactions (sent) WHERE outcome IS NULL;
  -- Everything that a validator ever signed, also for batches that were given up: two for one number are a proof.
  CREATE TABLE signed_proposals (
    number INTEGER NOT NULL,
    signer TEXT NOT NULL,
    root TEXT NOT NULL,
    evidence TEXT NOT NULL,
    time INTEGER NOT NULL,
    leaf_count INTEGER NOT NULL,
    validator_set INTEGER NOT NULL,
    signature TEXT NOT NULL,
    source TEXT NOT NULL,
    seen INTEGER NOT NULL,
    PRIMARY KEY (number, signer, root, evidence, time, leaf_count)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- What left this journal because its evidence is on disk and with others: readings up to this sequence number.
  ALTER TABLE meters ADD COLUMN forgotten INTEGER NOT NULL DEFAULT -1;
  ALTER TABLE batches ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;
  -- Of all else in the row: SQLite notices a damaged tree, and not a damaged value.
  ALTER TABLE readings ADD COLUMN checksum INTEGER;
  -- How this journal came back after a loss.
  CREATE TABLE recoveries (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, report TEXT NOT NULL) STRICT;
  `,
  `
  -- Households' signed intents, which the gateway carries to the chain, and the transactions that carry them.
  CREATE TABLE relays (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    holder TEXT NOT NULL,
    recipient TEXT NOT NULL,
    wh INTEGER NOT NULL,
    until INTEGER NOT NULL,
    nonce TEXT NOT NULL,
    statement TEXT,
    claim TEXT,
    digest TEXT NOT NULL UNIQUE,
    signature TEXT NOT NULL,
    created INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued',
    reason TEXT, detail TEXT,
    mined_in TEXT, block INTEGER, final INTEGER NOT NULL DEFAULT 0,
    number INTEGER, picture TEXT,
    UNIQUE (holder, kind, nonce)
  ) STRICT;
  CREATE INDEX relays_open ON relays (state, id) WHERE state IN ('queued', 'sent');
  CREATE INDEX relays_unsettled ON relays (id) WHERE state = 'done' AND final = 0;
  CREATE INDEX relays_by_recipient ON relays (recipient, id);
  CREATE INDEX relays_by_time ON relays (created);
  CREATE TABLE relay_transactions (
    hash TEXT PRIMARY KEY,
    relay INTEGER NOT NULL REFERENCES relays(id),
    nonce INTEGER NOT NULL,
    raw TEXT NOT NULL,
    sent INTEGER NOT NULL,
    max_fee INTEGER NOT NULL,
    max_tip INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX relay_transactions_by_relay ON relay_transactions (relay);
  CREATE TABLE relay_contracts (
    chain_id INTEGER NOT NULL,
    oracle TEXT NOT NULL,
    token TEXT NOT NULL,
    retirements TEXT NOT NULL,
    PRIMARY KEY (chain_id, oracle)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Blocks of evidence are written while their batch is being made: a number without a batch is a draft.
  CREATE TABLE blocks_as_made (
    number INTEGER NOT NULL,
    position INTEGER NOT NULL,
    cid TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (number, position)
  ) STRICT;
  INSERT INTO blocks_as_made SELECT number, position, cid, bytes FROM blocks;
  DROP TABLE blocks;
  ALTER TABLE blocks_as_made RENAME TO blocks;
  CREATE INDEX blocks_by_cid ON blocks (cid);
  CREATE TRIGGER blocks_go_with_their_batch AFTER DELETE ON batches BEGIN
    DELETE FROM blocks WHERE number = old.number;
  END;
  `,
  `
  -- The keys that meters got after their first, as the registry has them. In readings and meters, sequence is the key's
  -- place among them times 2^53, and the number that the meter gave.
  CREATE TABLE meter_keys (
    meter INTEGER NOT NULL REFERENCES meters(id),
    since INTEGER NOT NULL,
    scheme INTEGER NOT NULL,
    public_key TEXT NOT NULL,
    PRIMARY KEY (meter, since)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Whose signature or signed refusal it is. Refusals from before were signed by nobody, and give no batch up.
  ALTER TABLE attestations ADD COLUMN signer TEXT;
  `,
]
