export { canonicalCidr, canonicalIp, cidrContains, parseCidr, parseIp, type Cidr, type IpAddress } from './cidr.ts'
export { equalDigest } from './constant-time.ts'
export { decide, type Restrictions, type Status, type VerificationRecord, type VerificationRequest } from './decide.ts'
export { createHmacSha256, type HmacSha256 } from './hmac.ts'
export { formatCheckpoint, parseCheckpoint, type Checkpoint } from './log/checkpoint.ts'
export { emptyRoot, hashLength, leafHash, leafHashes, nodeHash, subtreeHash } from './log/hash.ts'
export {
  CompactTree, consistencyProof, inclusionProof, rootHash, verifyConsistency, verifyInclusion, type EdgeNode, type ReadHash,
} from './log/merkle.ts'
export {
  messageToSign, noteAlgorithms, parseVerifierKey, signatureLine, verifierKey, type NoteAlgorithm, type NoteAlgorithmName,
  type VerifierKey,
} from './log/note-key.ts'
export { createNoteOpener, noteMaxLength, openNote, type OpenedNote } from './log/note.ts'
export { formatReceipt, parseReceipt, verifyReceipt, type Receipt } from './log/receipt.ts'
export {
  decodeEntries, encodeEntries, entriesPath, MalformedTile, parseTilePath, readHashFromTiles, tilePath, tileWidth, type TilePath,
} from './log/tile.ts'
export { isTimeWindow, windowContains, type TimeWindow } from './time-window.ts'
export {
  base62FromRandom, formatToken, hintOf, parseToken, tokenMaxLength, tokenPattern, type ParsedToken, type Token,
} from './token.ts'
export { verdictOf, verdicts, type RefusalCode, type Verdict, type VerdictCode } from './verdict.ts'
