/** Frames of a video, in memory. */
export interface Video {
  /** `[frames, height, width, channels]`, 0 to 255. */
  readonly data: Uint8Array
  readonly frames: number
  readonly height: number
  readonly width: number
  /** 1: grey; 3: red, green, blue. */
  readonly channels: 1 | 3
  /** Frames a second. */
  readonly fps: number
}

/** One frame: `[height, width, channels]`, 0 to 255. */
export interface VideoFrame {
  readonly data: Uint8Array
  readonly height: number
  readonly width: number
  readonly channels: 1 | 3
}

/** Frame `index` of a video, sharing its memory. */
export const frameOf = ({ data, height, width, channels }: Video, index: number): VideoFrame => {
  const size = height * width * channels
  return { data: data.subarray(index * size, (index + 1) * size), height, width, channels }
}
