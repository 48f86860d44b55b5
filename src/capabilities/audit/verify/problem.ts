/**
 * What can be wrong with a log: a stable code each, and a sentence for whoever has to look at it.
 *
 * @module
 */

export const problemTexts = {
  'log-empty': 'The log has no entry, and that its workspace was founded is one.',
  'keys-malformed': 'The log needs one Ed25519 and one ML-DSA-44 verifier key at least, all of one name.',
  'keys-differ': 'The log shows other verifier keys than the ones it is checked against.',
  'keys-of-another-log': 'The verifier keys are those of another log.',
  'checkpoint-missing': 'There is no checkpoint.',
  'checkpoint-malformed': 'The checkpoint is not a signed note of the form that C2SP tlog-checkpoint gives it.',
  'checkpoint-not-signed': 'The checkpoint is not signed by all of the log\'s keys.',
  'checkpoint-of-another-log': 'The checkpoint is one of another log.',
  'checkpoint-differs': 'The tree had another root at this size than the signed checkpoint says: what was logged has been changed since.',
  'checkpoint-out-of-order': 'The checkpoints that are kept do not stand in the order of their sizes.',
  'checkpoint-is-old': 'A larger checkpoint was signed than the one that is shown as the newest.',
  'last-seen-malformed': 'The checkpoint that was seen before is not one of this log, signed by its keys.',
  'log-went-back': 'The log is smaller than it was when it was last seen.',
  'log-forked': 'The log had another root when it was last seen at this size: two histories were shown.',
  'tile-missing': 'The tile is missing.',
  'tile-malformed': 'The tile does not have as many bytes as its width says.',
  'tile-altered': 'The tile does not hold the hashes of the entries.',
  'bundle-missing': 'The entry bundle is missing.',
  'bundle-malformed': 'The entry bundle does not hold as many entries as its width says, and nothing else.',
  'entry-altered': 'The entry is not the one that was hashed into the tree.',
  'entry-missing': 'The entry is missing, and later ones are there.',
  'entry-index-altered': 'What is kept beside the entry to find it by is not what the entry says.',
  'entry-malformed': 'The entry is not one of version 1 in canonical form.',
  'entry-of-another-workspace': 'The entry is one of another workspace.',
  'entry-back-in-time': 'The entry is more than a minute older than one before it.',
  'details-missing': 'The entry commits to details, and they do not lie sealed beside it: they were removed.',
  'details-unknown': 'Sealed details lie beside the entry that it does not commit to.',
  'details-malformed': 'What lies beside the entry is not spelt as sealed details are.',
  'subject-key-missing': 'The log does not say that this subject was erased, and its key is gone: its details cannot be opened any more.',
  'subject-key-kept': 'The log says that this subject was erased, and its key is there: its details can still be opened.',
  'row-marks-disagree': 'The entry writes a version of a row that does not follow the one before.',
  'row-malformed': 'The row is not spelt as a row is.',
  'row-altered': 'The row is not what the log says was written: it was edited.',
  'row-rolled-back': 'The row is an older version than the log says was written last.',
  'row-unlogged-version': 'The row is a newer version than any that the log knows of.',
  'row-missing': 'The log says that the row was written, and it is not there.',
  'row-unknown': 'The row is there, and the log does not know it.',
  'row-repeated': 'The row is there twice.',
  'row-mac-differs': 'The row is what the log says, and its MAC is not: that was overwritten, and the server refuses the row.',
  'head-differs': 'What is kept as the row\'s newest version is not what the row and the log say.',
  'block-facts-malformed': 'The entry does not say what an entry about a block of uses says.',
  'block-logged-twice': 'The entry names a block of uses that an earlier entry has named.',
  'block-malformed': 'The block of uses is not spelt as a block is.',
  'block-altered': 'The block of uses is not the one that the log committed to.',
  'block-details-missing': 'The block of uses commits to uses that do not lie sealed in it: they were removed.',
  'block-missing': 'The log says that the block of uses was cut, and it is not there.',
  'block-unknown': 'The block of uses is there, and the log does not know it.',
  'block-repeated': 'The block of uses is there twice.',
  'source-malformed': 'What was read is not spelt as it must be.',
} as const satisfies Readonly<Record<string, string>>

export type ProblemCode = keyof typeof problemTexts

/** Where: an entry's index, a tile's path, `table/id` of a row, a checkpoint's size, a block's or a subject's id, a file and line. */
export interface ProblemPlace {
  readonly kind: 'log' | 'entry' | 'tile' | 'row' | 'checkpoint' | 'block' | 'subject' | 'file'
  readonly name: string
}

/** The first thing that is wrong. */
export class VerifyProblem extends Error {
  override readonly name = 'VerifyProblem'
  readonly code: ProblemCode
  readonly place: ProblemPlace
  constructor(code: ProblemCode, kind: ProblemPlace['kind'], name: string | number = '') {
    super(`${code}: ${kind} ${name}`.trimEnd())
    this.code = code
    this.place = { kind, name: String(name) }
  }

  /** One sentence, the place first. */
  get text(): string {
    const { kind, name } = this.place
    return `${kind} ${name}`.trimEnd() + `: ${problemTexts[this.code]}`
  }
}
