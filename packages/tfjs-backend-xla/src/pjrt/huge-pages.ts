import { readFileSync } from 'node:fs'
import process from 'node:process'
import { loadKoffi } from './native'

const MADV_HUGEPAGE = 14
const PAGE = 4096
const HUGE_PAGE = 2 * 1024 * 1024
/** Smaller scratch memory is not worth the calls. */
const WORTH_BYTES = 128 * 1024 * 1024
/** How often the memory of a running program is looked for. */
const POLL_MS = 4
/** A program whose memory has not been found after this long keeps its small pages. */
const GIVE_UP_MS = 60_000

/** A run of a program. */
export interface Execution {
  readonly isDone: () => boolean
  /** Called when its state is not asked for any more. */
  readonly release: () => void
}

type Madvise = (address: bigint, length: bigint, advice: number) => number

let madvise: Madvise | undefined | null

/**
 * Asks Linux to back a program's scratch memory by huge pages while it runs.
 *
 * XLA's CPU runtime maps one block of scratch memory for each execution and unmaps it afterwards, so that every step of
 * a training touches hundreds of thousands of fresh 4 KiB pages: about a tenth of a step's time. Linux gives huge pages to
 * memory that has been marked (`madvise`), which neither XLA nor the C allocator does; the mark is only a hint, so it
 * does no harm where the block has changed in the meantime. Elsewhere, and where huge pages are off, nothing happens.
 */
export class HugePages {
  private readonly mappedBytes: number
  private readonly advise: Madvise
  private address = 0n
  private timer: NodeJS.Timeout | undefined
  private giveUpAt = 0
  private execution: Execution | undefined

  private constructor(scratchBytes: number, advise: Madvise) {
    this.mappedBytes = scratchBytes
    this.advise = advise
  }

  /** Undefined where it would be of no use. */
  static for(program: { memoryStats(): { readonly temporaries: number } }): HugePages | undefined {
    if (madvise === undefined) madvise = findMadvise()
    if (!madvise) return undefined
    try {
      const { temporaries } = program.memoryStats()
      return temporaries < WORTH_BYTES ? undefined : new HugePages(temporaries, madvise)
    } catch {
      // The plugin does not tell.
      return undefined
    }
  }

  /**
   * To be called when an execution has been enqueued: it may run now or later, and has its scratch memory as long as it runs.
   */
  executionStarted(execution: Execution): void {
    this.execution?.release()
    this.execution = execution
    this.giveUpAt = performance.now() + GIVE_UP_MS
    // Not in the call: marking waits for pages that the program is being given, and looking for the block takes a millisecond.
    setImmediate(() => this.mark())
    this.timer ??= setInterval(() => this.poll(), POLL_MS).unref()
  }

  private poll(): void {
    this.mark()
    if (!this.execution?.isDone() && performance.now() < this.giveUpAt) return
    clearInterval(this.timer)
    this.timer = undefined
    this.execution?.release()
    this.execution = undefined
  }

  /** Marks the block where it was found the last time (it mostly comes back there), or looks for it. */
  private mark(): void {
    if (this.address !== 0n && this.markAt(this.address)) return
    this.address = findMapping(this.mappedBytes)
    if (this.address !== 0n) this.markAt(this.address)
  }

  private markAt(address: bigint): boolean {
    return this.advise(address, BigInt(this.mappedBytes & ~(PAGE - 1)), MADV_HUGEPAGE) === 0
  }
}

function findMadvise(): Madvise | null {
  if (process.platform !== 'linux') return null
  try {
    const setting = readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'utf8')
    if (!setting.includes('[madvise]')) return null
    return loadKoffi().load(null).func('madvise', 'int', ['uint64_t', 'size_t', 'int']) as Madvise
  } catch {
    return null
  }
}

/** Start of the anonymous mapping that is just large enough for a block of `bytes`, 0 if there is none. */
export function findMapping(bytes: number, maps = readFileSync('/proc/self/maps', 'latin1')): bigint {
  for (const line of maps.split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) rw-p 00000000 00:00 0\s*$/.exec(line)
    if (!match) continue
    const [start, end] = [BigInt(`0x${match[1]}`), BigInt(`0x${match[2]}`)]
    const size = Number(end - start)
    if (size >= bytes && size < bytes + HUGE_PAGE) return start
  }
  return 0n
}
