/**
 * The whole check of one log, offline: that it is the tree that was signed, that it only ever grew, and that the rows
 * and blocks which are there now are the ones that it says were written.
 *
 * It trusts the verifier keys and nothing else. Given none, it takes the source's own word for them, which still finds
 * whatever was changed by someone who does not hold the log's private keys and cannot change the keys shown either.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { leafHash, type Checkpoint } from '@claviger/verifier'
import { decodeEntry, type Entry } from '../entry.ts'
import { BlockReplay } from './block-replay.ts'
import { SealedCheck } from './sealed-check.ts'
import { VerifyProblem } from './problem.ts'
import { RowReplay } from './row-replay.ts'
import { openKeyring, renamed, type LogKeyring } from './signed-checkpoint.ts'
import type { LogSource } from './source.ts'
import { TreeCheck } from './tree-check.ts'

export interface VerifyOptions {
  /** Verifier keys from a place that the log's keeper cannot write; absent: the source's own. */
  readonly vkeys?: readonly string[]
  /** Whose log it must be; absent: whosever keys these are. */
  readonly workspaceId?: string
  /** The signed note that was seen last. The log must have grown from it. */
  readonly lastSeen?: string
  /** Told now and then how many entries are checked. */
  readonly onProgress?: (entries: number) => void
}

export interface VerifyCounts {
  /** Entries under the newest checkpoint. */
  readonly entries: number
  /** Entries that the source shows and no checkpoint covers yet. */
  readonly unpublished: number
  /** Hash tiles and entry bundles. */
  readonly tiles: number
  /** Signed checkpoints: the newest, and those of the history. */
  readonly checkpoints: number
  readonly rows: number
  readonly blocks: number
  /** Persons and customers whose details were erased. */
  readonly erased: number
  /** Sealed details and uses that lie where they were committed to; null when the source cannot see them: not checked then. */
  readonly sealed: number | null
  /** Subjects whose key is there; null as before. */
  readonly subjectKeys: number | null
}

export interface VerifyReport {
  readonly ok: boolean
  /** The first thing that is wrong, or none. */
  readonly problems: readonly VerifyProblem[]
  readonly workspaceId: string | null
  /** Whether the keys were given, or the source's own. */
  readonly keysFrom: 'options' | 'source'
  readonly size: number
  /** Root of the newest checkpoint, base64; null before one was read. */
  readonly root: string | null
  /** The newest checkpoint's signed note: keep it, and pass it as `lastSeen` next time. Null unless all is well. */
  readonly checkpoint: string | null
  /** Times of the first and the last entry that were read. */
  readonly from: string | null
  readonly to: string | null
  /** The log's size when rows began to be read: each is as the log says at some size from there to the newest. */
  readonly rowsFrom: number
  readonly counts: VerifyCounts
}

/** How much older than an entry before it an entry may be: decisions take their time before they are put in order. */
const backInTimeMaxMs = 60_000
/** How long a running log is waited for to publish what its rows already show. */
const patienceMs = 15_000
const pauseMs = 250
const progressEvery = 10_000

export async function verifyLog(source: LogSource, options: VerifyOptions = {}): Promise<VerifyReport> {
  const check = new LogCheck(source, options)
  try {
    await check.run()
    return check.report([])
  } catch (error) {
    if (!(error instanceof VerifyProblem)) throw error
    return check.report([error])
  }
}

class LogCheck {
  readonly #source: LogSource
  readonly #options: VerifyOptions
  readonly #tree: TreeCheck
  readonly #rows = new RowReplay()
  readonly #sealed: SealedCheck | null
  readonly #blocks: BlockReplay
  #keyring: LogKeyring | null = null
  #lastSeen: Checkpoint | null = null
  #history: AsyncIterator<string> | null = null
  /** The next checkpoint of the history that has not been reached yet. */
  #ahead: Checkpoint | null = null
  #newest: { readonly note: string; readonly checkpoint: Checkpoint } | null = null
  #checkpoints = 0
  /** Entries whose content was taken in, and of those that no checkpoint covered yet, the hashes. */
  #replayed = 0
  #rowsFrom = 0
  readonly #uncovered: Buffer[] = []
  #erased = 0
  #latestMs = 0
  #from: string | null = null
  #to: string | null = null

  constructor(source: LogSource, options: VerifyOptions) {
    this.#source = source
    this.#options = options
    this.#sealed = source.sealed === undefined ? null : new SealedCheck(source.sealed)
    this.#blocks = new BlockReplay(this.#sealed)
    this.#tree = new TreeCheck(source, {
      onEntry: (index, leaf) => this.#covered(index, leaf),
      onSize: (size, root) => this.#size(size, root),
    })
  }

  async run(): Promise<void> {
    const keyring = await this.#openKeys()
    if (this.#options.lastSeen !== undefined) {
      const note = this.#options.lastSeen
      this.#lastSeen = renamed('last-seen-malformed', 'log', () => keyring.open(note))
    }
    this.#history = this.#source.checkpoints()[Symbol.asyncIterator]()
    const newest = await this.#source.checkpoint()
    if (newest !== null && this.#lastSeen !== null) requireGrowth(this.#lastSeen, keyring.open(newest))
    await this.#readAhead()
    await this.#advance(this.#source.startCheckpoint === undefined ? newest : await this.#source.startCheckpoint())
    this.#rowsFrom = this.#tree.size
    await this.#unpublishedLeaves()
    for await (const row of this.#source.rows()) this.#rows.check(row)
    this.#rows.finish()
    for await (const block of this.#source.blocks()) this.#blocks.check(block)
    this.#blocks.finish()
    await this.#sealed?.readKeys()
    await this.#catchUp()
    if (this.#replayed === 0) throw new VerifyProblem('log-empty', 'log')
  }

  report(problems: readonly VerifyProblem[]): VerifyReport {
    const ok = problems.length === 0
    const checkpoint = this.#newest?.checkpoint
    return {
      ok,
      problems,
      workspaceId: this.#keyring?.workspaceId ?? null,
      keysFrom: this.#options.vkeys === undefined ? 'source' : 'options',
      size: checkpoint?.size ?? 0,
      root: checkpoint?.root.toString('base64') ?? null,
      checkpoint: ok ? this.#newest?.note ?? null : null,
      from: this.#from,
      to: this.#to,
      rowsFrom: this.#rowsFrom,
      counts: {
        entries: this.#tree.size,
        unpublished: this.#uncovered.length,
        tiles: this.#tree.tiles,
        checkpoints: this.#checkpoints,
        rows: this.#rows.rows,
        blocks: this.#blocks.blocks,
        erased: this.#erased,
        sealed: this.#sealed?.found ?? null,
        subjectKeys: this.#sealed?.keys ?? null,
      },
    }
  }

  async #openKeys(): Promise<LogKeyring> {
    const shown = await this.#source.vkeys()
    const trusted = this.#options.vkeys ?? shown
    if (trusted.toSorted().join('\n') !== shown.toSorted().join('\n')) throw new VerifyProblem('keys-differ', 'log')
    this.#keyring = openKeyring(trusted)
    const { workspaceId } = this.#options
    if (workspaceId !== undefined && workspaceId !== this.#keyring.workspaceId) throw new VerifyProblem('keys-of-another-log', 'log')
    return this.#keyring
  }

  #open(note: string): Checkpoint {
    this.#checkpoints++
    return this.#keyring!.open(note)
  }

  /** Reads on, to a checkpoint that is the newest. */
  async #advance(note: string | null): Promise<void> {
    if (note === this.#newest?.note) return
    if (note === null) {
      // A log whose first entries have not been published is no problem; one that was published once has a checkpoint.
      const isNew = this.#newest === null && this.#ahead === null && this.#lastSeen === null && this.#source.leaves !== undefined
      if (!isNew) throw new VerifyProblem('checkpoint-missing', 'log')
      return
    }
    const checkpoint = this.#open(note)
    requireGrowth(this.#newest?.checkpoint ?? checkpoint, checkpoint)
    this.#newest = { note, checkpoint }
    if (this.#tree.size === 0) await this.#size(0, () => this.#tree.root())
    await this.#tree.advance(checkpoint)
  }

  #size(size: number, root: () => Buffer): Promise<void> | undefined {
    if (size % progressEvery === 0) this.#options.onProgress?.(size)
    if (size === this.#lastSeen?.size && !root().equals(this.#lastSeen.root)) throw new VerifyProblem('log-forked', 'checkpoint', size)
    if (size === this.#ahead?.size) return this.#historyAt(size, root())
    return this.#sealed?.isDue === true ? this.#sealed.compare() : undefined
  }

  async #historyAt(size: number, root: Buffer): Promise<void> {
    while (this.#ahead?.size === size) {
      if (!this.#ahead.root.equals(root)) throw new VerifyProblem('checkpoint-differs', 'checkpoint', size)
      await this.#readAhead()
    }
  }

  async #readAhead(): Promise<void> {
    const before = this.#ahead?.size ?? 0
    const next = await this.#history!.next()
    this.#ahead = next.done === true ? null : this.#open(next.value)
    if (this.#ahead !== null && this.#ahead.size < before) throw new VerifyProblem('checkpoint-out-of-order', 'checkpoint', this.#ahead.size)
  }

  /** An entry under a checkpoint. It may have been seen before it was under one. */
  #covered(index: number, leaf: Buffer): void {
    const seen = this.#uncovered.shift()
    if (seen === undefined) this.#replay(index, leaf)
    else if (!seen.equals(leafHash(leaf))) throw new VerifyProblem('entry-altered', 'entry', index)
  }

  #replay(index: number, leaf: Buffer): void {
    this.#replayed = index + 1
    const entry = decodeEntry(leaf)
    if (entry === null) throw new VerifyProblem('entry-malformed', 'entry', index)
    if (entry.workspace !== this.#keyring!.workspaceId) throw new VerifyProblem('entry-of-another-workspace', 'entry', index)
    this.#time(index, entry)
    for (const mark of entry.rows) this.#rows.apply(index, mark, entry.facts['tampered'] === true)
    this.#blocks.apply(index, entry)
    this.#sealed?.apply(index, entry)
    if (entry.event.endsWith('.erased')) this.#erased++
  }

  #time(index: number, { at }: Entry): void {
    const atMs = Date.parse(at)
    if (atMs < this.#latestMs - backInTimeMaxMs) throw new VerifyProblem('entry-back-in-time', 'entry', index)
    this.#latestMs = Math.max(this.#latestMs, atMs)
    this.#from ??= at
    this.#to = at
  }

  /** What stands behind the newest checkpoint is replayed too: the rows already show it. */
  async #unpublishedLeaves(): Promise<void> {
    for await (const bytes of this.#source.leaves?.(this.#replayed) ?? []) {
      const leaf = Buffer.from(bytes)
      this.#replay(this.#replayed, leaf)
      this.#uncovered.push(leafHash(leaf))
      if (this.#sealed?.isDue === true) await this.#sealed.compare()
    }
  }

  /** Rows and blocks that only later entries explain, and later checkpoints of the history. */
  async #catchUp(): Promise<void> {
    await this.#unpublishedLeaves()
    await this.#advance(await this.#source.checkpoint())
    for (let waitedMs = 0; this.#isBehind() && this.#source.isLive && waitedMs < patienceMs; waitedMs += pauseMs) {
      await sleep(pauseMs)
      await this.#advance(await this.#source.checkpoint())
    }
    if (this.#lastSeen !== null) requireGrowth(this.#lastSeen, this.#newest!.checkpoint)
    await this.#sealed?.compare()
    this.#rows.requireExplained()
    this.#blocks.requireExplained()
    this.#sealed?.requireExplained()
    if (this.#ahead !== null) throw new VerifyProblem('checkpoint-is-old', 'checkpoint', this.#ahead.size)
  }

  #isBehind(): boolean {
    return this.#ahead !== null || this.#rows.hasUnexplained || this.#blocks.hasUnexplained || this.#sealed?.hasUnexplained === true
  }
}

function requireGrowth(before: Checkpoint, now: Checkpoint): void {
  if (now.size < before.size) throw new VerifyProblem('log-went-back', 'checkpoint', now.size)
}
