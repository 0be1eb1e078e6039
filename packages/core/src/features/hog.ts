import { DataError } from '../errors'
import type { FeatureFrames } from './feature-frames'
import { checkOption } from './waveform'

export interface HogOptions {
  /** Pixels of a row. */
  readonly width: number
  /** Rows of a frame. */
  readonly height: number
  /** Bins of the unsigned gradient direction, 0 to 180 degrees. Default 9. */
  readonly orientations?: number
  /** Side of a square cell in pixels; pixels beyond the last whole cell are left out. Default 8. */
  readonly cellPixels?: number
  /** Side of a square block in cells; blocks overlap by all but one cell. Default 3. */
  readonly blockCells?: number
}

/** Computes histograms of oriented gradients of grey frames. */
export interface HogFrontEnd {
  readonly name: string
  readonly dim: number
  readonly width: number
  readonly height: number
  /**
   * @param pixels Grey frames one after the other, `[frames, height, width]`; the unit does not matter (only blocks that are nearly flat feel it).
   * @throws DataError naming `file` if the pixels do not make whole frames, or are not finite.
   */
  extract(pixels: Uint8Array | Float32Array, context?: { readonly file?: string }): FeatureFrames
}

/** What a block's values are clipped to between its two normalisations (L2-Hys). */
const clip = 0.2
/** Keeps flat blocks at zero. */
const epsilon = 1e-5

/**
 * Histograms of oriented gradients (Dalal and Triggs 2005): the features clustered for the first iteration of visual HuBERT, the video-only
 * form of AV-HuBERT (Shi et al. 2022). Gradients are central differences, zero on the border; each pixel votes with its gradient's
 * magnitude for one direction of its cell; blocks are normalised by L2-Hys. The numbers and their order
 * (`[block row, block column, cell row, cell column, orientation]`) are those of scikit-image's `hog` with its defaults.
 *
 * @throws ConfigError for settings that leave no block.
 */
export function hog(options: HogOptions): HogFrontEnd {
  const { width, height, orientations = 9, cellPixels = 8, blockCells = 3 } = options
  for (const [field, value] of Object.entries({ width, height, orientations, cellPixels, blockCells })) {
    checkOption(Number.isInteger(value) && value >= 1 && value <= 65_536, field, value, 'Use a whole number from 1.')
  }
  const cellRows = Math.floor(height / cellPixels)
  const cellColumns = Math.floor(width / cellPixels)
  const [blockRows, blockColumns] = [cellRows - blockCells + 1, cellColumns - blockCells + 1]
  const smallest = cellPixels * blockCells
  checkOption(blockRows >= 1, 'height', height, `Use at least ${smallest} rows: one block of cells.`)
  checkOption(blockColumns >= 1, 'width', width, `Use at least ${smallest} pixels: one block of cells.`)
  const blockSize = blockCells * blockCells * orientations
  const dim = blockRows * blockColumns * blockSize
  const cells = new Float64Array(cellRows * cellColumns * orientations)
  const block = new Float64Array(blockSize)

  const fillCells = (frame: Uint8Array | Float32Array) => {
    cells.fill(0)
    for (let y = 0; y < cellRows * cellPixels; y++) {
      const cellRow = Math.floor(y / cellPixels)
      for (let x = 0; x < cellColumns * cellPixels; x++) {
        const at = y * width + x
        const down = y === 0 || y === height - 1 ? 0 : frame[at + width]! - frame[at - width]!
        const right = x === 0 || x === width - 1 ? 0 : frame[at + 1]! - frame[at - 1]!
        if (down === 0 && right === 0) continue
        const degrees = ((Math.atan2(down, right) * 180) / Math.PI + 180) % 180
        const bin = Math.min(orientations - 1, Math.floor((degrees * orientations) / 180))
        const cell = cellRow * cellColumns + Math.floor(x / cellPixels)
        cells[cell * orientations + bin]! += Math.sqrt(down * down + right * right) / (cellPixels * cellPixels)
      }
    }
  }

  const fillBlock = (row: number, column: number) => {
    for (let r = 0, at = 0; r < blockCells; r++) {
      for (let c = 0; c < blockCells; c++, at += orientations) {
        const from = ((row + r) * cellColumns + column + c) * orientations
        block.set(cells.subarray(from, from + orientations), at)
      }
    }
    normalise(block)
    for (let i = 0; i < blockSize; i++) block[i] = Math.min(block[i]!, clip)
    normalise(block)
  }

  return {
    name: `hog${dim}`,
    dim,
    width,
    height,
    extract(pixels, { file } = {}) {
      const frames = pixels.length / (width * height)
      if (!Number.isInteger(frames) || frames === 0) {
        throw new DataError(`${pixels.length} pixels do not make frames of ${width} x ${height}.`, {
          file,
          field: 'pixels',
          cure: 'Give whole grey frames, one byte or float a pixel.',
        })
      }
      if (pixels instanceof Float32Array && !pixels.every(Number.isFinite)) {
        throw new DataError('a pixel is not a finite number.', {
          file,
          field: 'pixels',
          cure: 'Decode the video again.',
        })
      }
      const data = new Float32Array(frames * dim)
      let at = 0
      for (let frame = 0; frame < frames; frame++) {
        fillCells(pixels.subarray(frame * width * height, (frame + 1) * width * height))
        for (let row = 0; row < blockRows; row++) {
          for (let column = 0; column < blockColumns; column++, at += blockSize) {
            fillBlock(row, column)
            data.set(block, at)
          }
        }
      }
      return { data, frames, dim }
    },
  }
}

function normalise(block: Float64Array): void {
  let squares = epsilon * epsilon
  for (let i = 0; i < block.length; i++) squares += block[i]! * block[i]!
  const scale = 1 / Math.sqrt(squares)
  for (let i = 0; i < block.length; i++) block[i]! *= scale
}
