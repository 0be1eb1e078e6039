/** The most likely token of each frame of one utterance. */
export type FrameTokens = Int32Array | readonly number[]

export interface CtcGreedyOptions {
  /** Token that stands for "nothing here". Default 0. */
  readonly blankId?: number
}

/**
 * Reads the most likely CTC path: runs of the same token become one, then blanks are dropped (Graves et al. 2006,
 * section 3.2, "best path decoding").
 *
 * @param tokenIds the most likely token of each frame, for one utterance or for several. Leave padding frames out.
 * @returns the tokens of the utterance, or of each.
 */
export function ctcGreedyDecode(tokenIds: FrameTokens, options?: CtcGreedyOptions): number[]
export function ctcGreedyDecode(tokenIds: readonly FrameTokens[], options?: CtcGreedyOptions): number[][]
export function ctcGreedyDecode(
  tokenIds: FrameTokens | readonly FrameTokens[],
  options: CtcGreedyOptions = {},
): number[] | number[][] {
  if (isBatch(tokenIds)) return tokenIds.map((one) => collapse(one, options.blankId ?? 0))
  return collapse(tokenIds, options.blankId ?? 0)
}

function isBatch(tokenIds: FrameTokens | readonly FrameTokens[]): tokenIds is readonly FrameTokens[] {
  return Array.isArray(tokenIds) && typeof tokenIds[0] === 'object'
}

function collapse(tokenIds: FrameTokens, blankId: number): number[] {
  const out: number[] = []
  for (let frame = 0; frame < tokenIds.length; frame++) {
    const token = tokenIds[frame]!
    if (token !== blankId && (frame === 0 || token !== tokenIds[frame - 1])) out.push(token)
  }
  return out
}
