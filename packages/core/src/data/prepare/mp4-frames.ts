import { withBytes } from '../byte-source'

/** Largest index (`moov` box) that is read: that of hours of video. */
const largestIndex = 2 ** 26

interface Box {
  readonly type: string
  readonly body: DataView
}

/**
 * Frames of the picture of an MP4 or MOV file once it plays at `fps` frames a second, from its index; nothing is decoded.
 *
 * @returns undefined for a file without such an index.
 */
export const mp4Frames = (path: string, fps = 25): Promise<number | undefined> =>
  withBytes(path, async ({ size, read }) => {
    const header = Buffer.alloc(16)
    for (let at = 0; at + 8 <= size; ) {
      const bytesRead = await read(header, 0, 16, at)
      const short = bytesRead >= 8 ? header.readUInt32BE(0) : 0
      const isLong = short === 1 && bytesRead === 16
      const length = isLong ? Number(header.readBigUInt64BE(8)) : short === 0 ? size - at : short
      if (length < 8 || at + length > size) return undefined
      if (header.toString('latin1', 4, 8) === 'moov') {
        const start = isLong ? 16 : 8
        if (length - start > largestIndex) return undefined
        const body = Buffer.alloc(length - start)
        let filled = 0
        while (filled < body.length) {
          const got = await read(body, filled, body.length, at + start + filled)
          if (got === 0) return undefined
          filled += got
        }
        return framesOf(new DataView(body.buffer, body.byteOffset, body.length), fps)
      }
      at += length
    }
    return undefined
  })

const framesOf = (moov: DataView, fps: number): number | undefined => {
  for (const track of boxes(moov)) {
    if (track.type !== 'trak') continue
    const handler = find(track.body, ['mdia', 'hdlr'])
    if (!handler || handler.byteLength < 12 || handler.getUint32(8) !== 0x76696465 /* vide */) continue
    const timing = find(track.body, ['mdia', 'mdhd'])
    const durations = find(track.body, ['mdia', 'minf', 'stbl', 'stts'])
    if (!timing || timing.byteLength < 24 || !durations || durations.byteLength < 8) return undefined
    const timescale = timing.getUint32(timing.getUint8(0) === 1 ? 20 : 12)
    // Runs of frames of the same length; as many as there is room for, whatever the count says.
    const runs = Math.min(durations.getUint32(4), Math.floor((durations.byteLength - 8) / 8))
    let [frames, time] = [0, 0]
    for (let run = 0; run < runs; run++) {
      frames += durations.getUint32(8 + 8 * run)
      time += durations.getUint32(8 + 8 * run) * durations.getUint32(12 + 8 * run)
    }
    if (timescale === 0 || time === 0) return undefined
    const played = Math.round((time / timescale) * fps)
    // At the same rate the count is exact, whatever the last frame's length is said to be.
    return Math.abs(played - frames) <= 1 ? frames : played
  }
  return undefined
}

/** The first box that a path of types leads to. */
const find = (view: DataView, path: readonly string[]): DataView | undefined => {
  if (path.length === 0) return view
  const next = [...boxes(view)].find(({ type }) => type === path[0])
  return next && find(next.body, path.slice(1))
}

function* boxes(view: DataView): Generator<Box> {
  for (let at = 0; at + 8 <= view.byteLength; ) {
    const length = view.getUint32(at) || view.byteLength - at
    if (length < 8 || at + length > view.byteLength) return
    const type = String.fromCharCode(...[4, 5, 6, 7].map((offset) => view.getUint8(at + offset)))
    yield { type, body: new DataView(view.buffer, view.byteOffset + at + 8, length - 8) }
    at += length
  }
}
