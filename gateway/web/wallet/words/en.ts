/** What the pages of sessions and wallet say, in English: the catalogue that every other language has to match. */
export const en = {
  // Ways around
  devicesLink: "Devices",
  logIn: "Log in",
  logOut: "Log out",
  noScriptSign:
    "Sending and retiring need JavaScript: the signature is made on this device, with a key that the gateway never sees. Everything else here works without it.",
  noScriptKey: "Keys are made by this device itself, and that needs JavaScript.",
  noScriptPasskey: "Passkeys need JavaScript. An invitation works without it.",

  // Joining and logging in
  joinTitle: "Open your household's page",
  joinLead: "An invitation lets one device in, once. This device stays logged in until you log it out.",
  joinField: "Invitation (the link or its code)",
  joinButton: "Let this device in",
  joinRefused: "This invitation does not let anybody in: it may have been used, or be too old.",
  joinNext: "Ask your operator for a new one.",
  tooMany: "Too many wrong attempts. Wait a minute and try again.",
  notPrivate: "Nobody can log in over this connection: others on the network could read along.",
  notPrivateNext: "Open this page by https://; your operator knows the address.",
  loginTitle: "Log in",
  loginLead: "With a passkey of this device, or with an invitation from your operator.",
  loginPasskey: "Log in with a passkey",
  loginInvitation: "Log in with an invitation",
  passkeyUnknown: "This passkey is not known here. Log in with an invitation and add it again.",
  passkeyFailed: "The passkey was not used.",
  loggedInAs: "Logged in as {name}",
  loggedOutTitle: "This device is logged out",
  keyStays: "A key that was made on this device stays on it, locked by its passphrase.",

  // Devices
  devicesTitle: "Devices",
  devicesLead:
    "These devices are logged in for your household. Each sees your energy; only one with the key and its passphrase can send or retire.",
  thisDevice: "this device",
  since: "since {date}",
  lastSeen: "last used {date}",
  endOne: "Log out",
  endAll: "Log out everywhere, and remove all passkeys",
  passkeysTitle: "Passkeys",
  passkeysLead: "With a passkey this device logs in by its fingerprint, face or screen lock.",
  passkeyAdd: "Add a passkey for this device",
  passkeyRemove: "Remove",
  passkeyNone: "There are none yet.",
  passkeyNotHere: "Passkeys work over https:// with a name, not with an address of numbers.",

  // Wallet
  walletTitle: "Wallet",
  balance: "Your GREEN",
  balanceUnknown: "not known: the chain was not asked yet",
  onItsWay: "{amount} of it are on their way",
  greenIs: "1 GREEN is 1 kWh of sun, verified.",
  send: "Send",
  request: "Receive",
  retire: "Retire",
  keyLink: "Key and account",
  noRelay: "This gateway does not carry transfers: its operator has set no account that pays their gas.",
  waits: "What you signed waits: {why}.",
  movements: "Sent and retired",
  movementsNone: "Nothing was sent or retired yet.",
  received: "Received from neighbours",
  certificates: "Certificates",
  sentTo: "{amount} GREEN to {who}",
  sentFrom: "{amount} GREEN from {who}",
  retiredFor: "{amount} GREEN retired for {who}",
  stateQueued: "waiting",
  stateSent: "on its way",
  stateDone: "done",
  stateFailed: "not carried out",
  transaction: "Transaction {hash}",
  voidFrom: "void from {date} on",

  // Why not
  "why balance": "the account has less GREEN than that",
  "why expired": "its time was over before the chain took it",
  "why used": "it was carried out already, or cancelled",
  "why signature": "the contract does not accept the signature",
  "why refused": "the contract refuses it",
  "why chain away": "the chain cannot be reached; it is carried when the chain is back",
  "why chain wrong": "the node is on another chain; your operator has been told",
  "why gas price": "gas is too expensive right now",
  "why gas money": "the cooperative's account for gas is empty; your operator has been told",
  "not taken other account":
    "This is signed for another account than your household's, {account}.",
  "not taken to yourself":
    "You would send this to yourself.",
  "not taken to contract":
    "This is the address of a contract: GREEN sent there is lost.",
  "not taken to nobody":
    "This is the address of nobody.",
  "not taken clock":
    "This would be void at once, or much too late. Set this device's clock, and sign again.",
  "not taken signer":
    "This is not signed by your household's account. The key on this device may be another one, or the page is old: load it again.",
  "not taken not enough":
    "Your household has less GREEN than that: {amount} are there and not on their way to somebody.",
  "not taken day own":
    "Your household has handed in {count} within a day. The cooperative pays for them; go on tomorrow.",
  "not taken day all":
    "The households together have handed in as much as the cooperative pays for in a day. Go on tomorrow.",
  "not taken not from here":
    "This was not made by this page. Load the page again, and sign again.",

  // Receive
  requestTitle: "Receive GREEN",
  requestLead: "Show this code to whoever pays you, or send the link.",
  requestAmount: "Amount (leave it empty for any)",
  requestShow: "Show the code",
  yourAddress: "Your account",
  requestLinkLabel: "Link",
  copy: "Copy",
  copied: "Copied",
  qrLabel: "QR code of the request",

  // Send
  sendTitle: "Send GREEN",
  sendTo: "To (an address or a request)",
  scan: "Scan a code",
  scanStop: "Stop scanning",
  scanFailed: "The camera cannot be used here. Paste the request instead.",
  amount: "Amount of GREEN",
  available: "{amount} GREEN can be sent.",
  goOn: "Go on",
  change: "Change",
  summarySend: "You send {amount} GREEN to",
  summaryRetire: "You retire {amount} GREEN for good, for",
  summaryNeighbour: "This account belongs to your community.",
  summaryStranger:
    "This account belongs to nobody of your community. Compare every letter: what was sent does not come back.",
  summaryUntil: "If it is not carried out by {date}, it is void.",
  summaryForGood: "Retired GREEN is gone: nobody can send or retire it again.",
  passphrase: "Passphrase of the key",
  signSend: "Sign and send",
  signRetire: "Sign and retire",
  signing: "Opening the key. This takes a few seconds.",
  handedIn: "Handed in. You can close this page; the gateway carries it to the chain.",
  handedInSee: "See what becomes of it",
  amountBad: "This is not an amount. Write it like {example} or 12, with no marks between thousands.",
  addressBad:
    "This is no address and no request for GREEN of this community. Copy or scan it again; do not type it.",
  claimBad: "Say for whom and why, in one line each.",
  offline: "The gateway does not answer. Nothing was handed in; try again when you are connected.",

  // Retire
  retireTitle: "Retire GREEN",
  retireLead:
    "Retiring claims the good of your energy, once: for yourself, the school, a guest. A certificate remains that nobody can sell.",
  retireFor: "For whom (a name)",
  retireAddress: "Whose account gets the certificate (empty: yours)",
  retireReason: "What it is claimed for",
  claimPrivate: "Name and reason are kept here and on your certificate; the chain gets a hash of them alone.",

  // Certificate
  certificateTitle: "Certificate {number}",
  certificatePicture: "Certificate: {amount} kWh retired",
  certificateFor: "For",
  certificateReason: "Because",
  certificateEnergy: "Energy",
  certificateHolder: "Retired by",
  certificateOwner: "Certificate of",
  certificateText: "The claim, as it was signed",
  certificateHash: "Its hash (keccak256), which is on the chain",
  certificateCheck:
    "Whoever has the text can compute the hash and compare it with the chain: contract {contract}, number {number}.",
  certificateShare:
    "Who has this link sees the whole certificate; without its key, what is on the chain anyway.",
  print: "Print",
  certificateWaiting: "The picture is drawn by the contract; the gateway fetches it in a moment.",

  // Key
  keyTitle: "Key and account",
  keyLead:
    "The key to your GREEN is made on this device and never leaves it. The gateway, your operator and we do not have it.",
  keyNotSecure:
    "Keys are kept over https:// only: over this connection somebody on the network could change the page and take them.",
  keyHere: "This device has the key to",
  keyExternal: "A wallet of yours signs for",
  keyNone: "This device has no key.",
  keyMatches: "This is your household's account.",
  keyDiffers: "Your household's account is another one: {account}.",
  keyNotLoggedIn: "Show this to your operator, who registers your household under it and then invites you.",
  keyCode: "Code for your operator",
  keyCodeLead: "Your operator sees the same six digits beside the address.",
  keyMake: "Make a new key",
  keyRestore: "Restore a key from its words",
  keyWallet: "Use a wallet that this browser has",
  keyWish: "Ask that this becomes your household's account",
  keyWished: "Your operator was asked. Tell them the code; until they agree nothing changes.",
  keyForget: "Remove the key from this device",
  keyForgetSure: "Without its twelve words the key is lost, and with it the GREEN of the account. Remove it?",
  keyShow: "Show the twelve words",
  wordsTitle: "Twelve words",
  wordsLead:
    "Whoever has these words has your GREEN. Write them on paper, in this order, and keep the paper where you keep what matters. They are not shown again without your passphrase.",
  wordsWritten: "I wrote them down",
  wordsCheck: "Which is word number {number}?",
  wordsWrong: "Word number {number} is another one. Look at your paper.",
  wordsField: "The twelve words",
  wordsBad: "These are not the words of a key: {why}",
  wordsUnknown: "“{word}” is not in the list of words.",
  wordsCount: "there must be twelve.",
  wordsChecksum: "one of them is wrong, or they are in another order.",
  passphraseNew: "New passphrase, at least 10 letters or digits",
  passphraseAgain: "The same again",
  passphraseShort: "Take at least 10.",
  passphraseDiffers: "The two are not the same.",
  passphraseWrong: "That is not the passphrase of this key.",
  passphraseLead: "It locks the key on this device. You type it whenever you send or retire.",
  keyKept: "The key is on this device, locked by your passphrase.",
  keyGone: "Another key is on this device already. Remove it first.",
  walletOther: "The wallet offers {account}, which is not your household's account.",
  walletNone: "This browser has no wallet.",
  walletRefused: "The wallet did not sign.",
}

/** Every phrase, in one language. */
export type WalletWords = Readonly<Record<keyof typeof en, string>>
