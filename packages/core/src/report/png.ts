import { crc32, deflateSync } from 'node:zlib'
import { ConfigError } from '../errors'

/** An image of palette entries. */
export interface IndexedImage {
  readonly width: number
  readonly height: number
  /** One palette index a pixel, row by row from the top; `[height * width]`. */
  readonly pixels: Uint8Array
  /** Red, green and blue of up to 256 colours, one after another. */
  readonly palette: Uint8Array
}

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)

const chunk = (type: string, data: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(12 + data.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, data.length)
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i)
  bytes.set(data, 8)
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)))
  return bytes
}

/**
 * Writes a PNG with a palette (ISO/IEC 15948: colour type 3, 8 bits a pixel).
 *
 * @throws ConfigError when sizes do not fit together.
 */
export const encodePng = ({ width, height, pixels, palette }: IndexedImage): Uint8Array => {
  if (
    !Number.isInteger(width) ||
    !Number.isInteger(height) ||
    width < 1 ||
    height < 1 ||
    pixels.length !== width * height
  ) {
    throw new ConfigError(`an image of ${width} x ${height} cannot have ${pixels.length} pixels.`, { field: 'pixels' })
  }
  if (palette.length === 0 || palette.length % 3 !== 0 || palette.length > 768) {
    throw new ConfigError(`a palette cannot have ${palette.length} values.`, {
      field: 'palette',
      cure: 'Give 1 to 256 colours, three values each.',
    })
  }
  const highest = pixels.reduce((most, index) => Math.max(most, index), 0)
  if (highest * 3 >= palette.length) {
    throw new ConfigError(`a pixel has colour ${highest}, of a palette of ${palette.length / 3}.`, { field: 'pixels' })
  }
  const header = new Uint8Array(13)
  const view = new DataView(header.buffer)
  view.setUint32(0, width)
  view.setUint32(4, height)
  header.set([8, 3, 0, 0, 0], 8)
  // Each row begins with its filter: 0, none, which suits palettes.
  const rows = new Uint8Array(height * (width + 1))
  for (let row = 0; row < height; row++)
    rows.set(pixels.subarray(row * width, (row + 1) * width), row * (width + 1) + 1)
  const parts = [
    signature,
    chunk('IHDR', header),
    chunk('PLTE', palette),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', new Uint8Array()),
  ]
  return Uint8Array.from(Buffer.concat(parts))
}
