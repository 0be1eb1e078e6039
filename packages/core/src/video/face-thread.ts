/** The thread that finds faces. Started by `face-detector.ts`; TensorFlow.js is loaded here a second time, apart from the engine's. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import type { Point } from './similarity'
import type { VideoFrame } from './video'

/** What the thread is started with: a file of the project that has the packages installed. */
export interface FaceThreadData {
  readonly resolveFrom: string
}

export interface FaceRequest {
  readonly id: number
  readonly frame: VideoFrame
}

/** The mesh of the likeliest face, if there is one. `id` -1: the thread is ready, or cannot start. */
export interface FaceReply {
  readonly id: number
  readonly mesh?: readonly Point[]
  readonly failure?: string
}

/** What is used of `@vladmandic/human`. */
interface Human {
  readonly tf: { tensor(data: Uint8Array, shape: number[], dtype: 'float32'): { dispose(): void } }
  init(): Promise<void>
  detect(image: unknown): Promise<{ error?: string | null; face: { meshRaw?: [number, number, number][] }[] }>
}

const open = async (): Promise<Human> => {
  const require = createRequire((workerData as FaceThreadData).resolveFrom)
  const human = dirname(dirname(require.resolve('@vladmandic/human')))
  const wasm = dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))
  // The package fetches its models; Node's fetch reads no files.
  const web = globalThis.fetch
  globalThis.fetch = async (address, options) =>
    String(address).startsWith('file:')
      ? new Response(await readFile(fileURLToPath(String(address))))
      : web(address, options)
  const { Human } = require(join(human, 'dist/human.node-wasm.js')) as { Human: new (config: unknown) => Human }
  const off = { enabled: false }
  const detector = new Human({
    backend: 'wasm',
    wasmPath: `${wasm}/`,
    modelBasePath: `${pathToFileURL(join(human, 'models')).href}/`,
    debug: false,
    // Each frame is looked at for itself.
    cacheSensitivity: 0,
    filter: off,
    gesture: off,
    body: off,
    hand: off,
    object: off,
    segmentation: off,
    face: {
      enabled: true,
      detector: { rotation: false, maxDetected: 1, minConfidence: 0.3, skipFrames: 0, skipTime: 0 },
      mesh: { enabled: true },
      attention: off,
      iris: off,
      description: off,
      emotion: off,
      antispoof: off,
      liveness: off,
    },
  })
  await detector.init()
  return detector
}

const rgb = ({ data, channels }: VideoFrame): Uint8Array => {
  if (channels === 3) return data
  const colored = new Uint8Array(3 * data.length)
  for (let i = 0; i < colored.length; i++) colored[i] = data[Math.floor(i / 3)]!
  return colored
}

const answer = async (human: Human, { id, frame }: FaceRequest): Promise<FaceReply> => {
  const { height, width } = frame
  const image = human.tf.tensor(rgb(frame), [1, height, width, 3], 'float32')
  try {
    const { error, face } = await human.detect(image)
    if (error) return { id, failure: error }
    const mesh = face[0]?.meshRaw?.map(([x, y]) => ({ x: x * width, y: y * height }))
    return mesh ? { id, mesh } : { id }
  } finally {
    image.dispose()
  }
}

const post = (reply: FaceReply) => parentPort!.postMessage(reply)
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

const opened = open()
opened.then(
  () => post({ id: -1 }),
  (error) => post({ id: -1, failure: messageOf(error) }),
)
let last: Promise<unknown> = opened.catch(() => {})
parentPort!.on('message', (request: FaceRequest) => {
  last = last
    .then(async () => post(await answer(await opened, request)))
    .catch((error) => post({ id: request.id, failure: messageOf(error) }))
})
