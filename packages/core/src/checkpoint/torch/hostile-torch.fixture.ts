import { crc32 } from 'node:zlib'

/** A zip archive of stored files, as `torch.save` makes them. */
export const zipOf = (
  files: Readonly<Record<string, Uint8Array>> | readonly (readonly [string, Uint8Array])[],
): Uint8Array => {
  const locals: Uint8Array[] = []
  const directory: Uint8Array[] = []
  let at = 0
  const entries = (Array.isArray(files) ? files : Object.entries(files)) as [string, Uint8Array][]
  for (const [name, data] of entries) {
    const nameBytes = new TextEncoder().encode(name)
    const shared = (view: DataView, from: number) => {
      view.setUint32(from + 10, crc32(data), true)
      view.setUint32(from + 14, data.length, true)
      view.setUint32(from + 18, data.length, true)
      view.setUint16(from + 22, nameBytes.length, true)
    }
    const local = new DataView(new ArrayBuffer(30))
    local.setUint32(0, 0x04034b50, true)
    shared(local, 4)
    const central = new DataView(new ArrayBuffer(46))
    central.setUint32(0, 0x02014b50, true)
    shared(central, 6)
    central.setUint32(42, at, true)
    locals.push(new Uint8Array(local.buffer), nameBytes, data)
    directory.push(new Uint8Array(central.buffer), nameBytes)
    at += 30 + nameBytes.length + data.length
  }
  const end = new DataView(new ArrayBuffer(22))
  end.setUint32(0, 0x06054b50, true)
  end.setUint16(8, entries.length, true)
  end.setUint16(10, entries.length, true)
  end.setUint32(
    12,
    directory.reduce((sum, { length }) => sum + length, 0),
    true,
  )
  end.setUint32(16, at, true)
  return Buffer.concat([...locals, ...directory, new Uint8Array(end.buffer)])
}

/** A torch file with this pickle; text stands for its bytes. */
export const torchFileOf = (
  pickle: string | Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = {},
): Uint8Array =>
  zipOf([
    ['archive/data.pkl', typeof pickle === 'string' ? Buffer.from(pickle, 'latin1') : pickle],
    ...Object.entries(storages).map(([key, data]) => [`archive/data/${key}`, data] as const),
  ])

const short = (text: string) => `X${String.fromCharCode(text.length)}\0\0\0${text}`
const count = (n: number) => `J${String.fromCharCode(n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >> 24) & 255)}`

/** The pickle of a float32 tensor on storage `0`. */
export const tensorPickle = (
  length: number,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): string =>
  `ctorch._utils\n_rebuild_tensor_v2\n((${short('storage')}ctorch\nFloatStorage\n${short('0')}${short('cpu')}${count(length)}tQ` +
  `${count(offset)}(${shape.map(count).join('')}t(${strides.map(count).join('')}t\x89)tR`
