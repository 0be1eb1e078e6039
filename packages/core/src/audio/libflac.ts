import { createRequire } from 'node:module'

/** What Babble uses of libflacjs, the reference FLAC library compiled to JavaScript. Handles are numbers; 0 is none. */
interface LibFlac {
  isReady(): boolean
  on(event: 'ready', listener: () => void): void
  create_libflac_decoder(verify: boolean): number
  init_decoder_stream(
    decoder: number,
    read: (bytes: number) => { buffer: Uint8Array | undefined; readDataLength: number; error: boolean },
    write: (channels: Uint8Array[], frame: FlacFrame) => boolean,
    error: (code: number, description: string) => void,
  ): number
  FLAC__stream_decoder_process_until_end_of_stream(decoder: number): boolean
  FLAC__stream_decoder_delete(decoder: number): void
  /** Its memory, 16 MB; used by tests. */
  readonly _module: { readonly HEAP8: Int8Array }
}

/** Header of one decoded frame. */
export interface FlacFrame {
  /** Samples of each channel. */
  readonly blocksize: number
  readonly sampleRate: number
  readonly channels: number
  readonly bitsPerSample: number
  /** Of the frame's first sample, or of the frame. */
  readonly number: number
  readonly numberType: 'frames' | 'samples'
}

let library: Promise<LibFlac> | undefined

/**
 * Loads the library when the first FLAC file is met. This variant is one self-contained file: the WebAssembly one looks
 * for its binary with `fetch`, which cannot read files in Node, and the package's main entry sets an environment variable.
 */
export function loadLibFlac(): Promise<LibFlac> {
  library ??= new Promise((resolve) => {
    const flac = createRequire(import.meta.url)('libflacjs/dist/libflac.js') as LibFlac
    if (flac.isReady()) resolve(flac)
    else flac.on('ready', () => resolve(flac))
  })
  return library
}
