import { existsSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { sourceLoader } from '../data/source-loader'
import { VideoError } from '../errors'
import type { FaceReply, FaceRequest, FaceThreadData } from './face-thread'
import { type FaceLandmarks, landmarksOfMesh } from './landmarks'
import { cropMouths, type MouthCropOptions } from './mouth-crop'
import { type ReadVideoOptions, readVideo, videoFrames } from './read-video'
import type { Video, VideoFrame } from './video'

const packages = ['@vladmandic/human', '@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm']

interface Waiting {
  readonly resolve: (reply: FaceReply) => void
  readonly reject: (error: Error) => void
}

/**
 * Finds faces with the npm package `@vladmandic/human`, which brings its models along and works without a network. It is no dependency of this
 * package: install it, `@tensorflow/tfjs` and `@tensorflow/tfjs-backend-wasm` where faces are to be found. It runs on a thread of its own.
 */
export class FaceDetector {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 0
  #failure: VideoError | undefined

  private constructor(worker: Worker) {
    this.#worker = worker
    worker.on('message', (reply: FaceReply) => {
      this.#waiting.get(reply.id)?.resolve(reply)
      this.#waiting.delete(reply.id)
      if (this.#waiting.size === 0) worker.unref()
    })
    worker.on('error', (cause) => this.#end(new VideoError(`the face detector broke down: ${cause}.`, { cause })))
    worker.on('exit', () => this.#end(new VideoError('the face detector has been closed.')))
  }

  /**
   * @param project Folder that has the packages in its `node_modules`, or below one that has. Default: the current one.
   * @throws VideoError when the packages are not there, or do not load.
   */
  static async open(project = process.cwd()): Promise<FaceDetector> {
    const own = new URL('./face-thread.js', import.meta.url)
    const isBuilt = existsSync(fileURLToPath(own))
    const detector = new FaceDetector(
      new Worker(isBuilt ? own : new URL('./face-thread.ts', import.meta.url), {
        name: 'babble-faces',
        workerData: { resolveFrom: join(project, 'package.json') } satisfies FaceThreadData,
        execArgv: isBuilt ? [] : [...sourceLoader],
      }),
    )
    const { failure } = await detector.#wait(-1)
    if (failure === undefined) return detector
    await detector.close()
    throw new VideoError(`the face detector does not load: ${failure.split('\n')[0]}.`, {
      cure: `Run \`npm install ${packages.join(' ')}\` in your project.`,
    })
  }

  /** The likeliest face of a frame, undefined where there is none. */
  async find(frame: VideoFrame): Promise<FaceLandmarks | undefined> {
    const id = this.#nextId++
    const waiting = this.#wait(id)
    this.#worker.postMessage({ id, frame } satisfies FaceRequest)
    const { mesh, failure } = await waiting
    if (failure !== undefined) throw new VideoError(`the face detector failed: ${failure}.`)
    return mesh && landmarksOfMesh(mesh)
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }

  #wait(id: number): Promise<FaceReply> {
    if (this.#failure) return Promise.reject(this.#failure)
    this.#worker.ref()
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  #end(failure: VideoError): void {
    this.#failure ??= failure
    for (const { reject } of this.#waiting.values()) reject(this.#failure)
    this.#waiting.clear()
  }
}

/**
 * Reads a video of a talking face and cuts its mouth out: grey, `[frames, 96, 96, 1]`. See {@link cropMouths}.
 *
 * @param options `minFaces`: a video with a face in a smaller share of its frames is refused; default 0.9.
 * @throws VideoError naming the file.
 */
export const readMouths = async (
  path: string,
  detector: FaceDetector,
  options: Omit<ReadVideoOptions, 'color'> & MouthCropOptions & { readonly minFaces?: number } = {},
): Promise<Video> => {
  const { minFaces = 0.9 } = options
  const landmarks: (FaceLandmarks | undefined)[] = []
  for await (const frame of videoFrames(path, { ...options, color: 'rgb' })) landmarks.push(await detector.find(frame))
  const found = landmarks.filter(Boolean).length
  if (found === 0 || found < minFaces * landmarks.length) {
    throw new VideoError(`a face was found in ${found} of its ${landmarks.length} frames only.`, {
      file: path,
      cure: 'Leave it out, or lower minFaces.',
    })
  }
  return cropMouths(await readVideo(path, { ...options, color: 'gray' }), landmarks, options)
}
