// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A batch put before the oracle: what the validators sign.
struct Proposal {
    /// The gateway's site.
    uint32 site;
    /// The site's last number plus one; the first is 1.
    uint64 number;
    /// The Merkle root over the batch's statements.
    bytes32 root;
    /// The digest of the evidence's root block.
    bytes32 evidence;
    /// The time of the snapshot, Unix seconds.
    uint64 time;
    /// How many statements the tree has.
    uint32 leafCount;
    /// The version of the validator set that signs.
    uint32 validatorSet;
}

/// None: not proposed, or no longer the head or the one before it. Pending: its challenge window is open, or a
/// challenge is. Valid: it can be settled. Cancelled: it never can.
enum ProposalStatus {
    None,
    Pending,
    Valid,
    Cancelled
}
