/** A thread that decodes recordings one after another. Started by `decode-pool.ts`. */
import { parentPort } from 'node:worker_threads'
import { type DecodeTask, decodeClip } from './decode-clip'
import { type ThreadFailure, toFailure } from './thread-failure'

/** What the thread is sent. */
export interface DecodeRequest {
  readonly id: number
  readonly task: DecodeTask
}

/** What it answers; the samples' memory is handed over, not copied. */
export interface DecodeReply {
  readonly id: number
  readonly samples?: Float32Array<ArrayBuffer>
  readonly failure?: ThreadFailure
}

const answer = async ({ id, task }: DecodeRequest): Promise<void> => {
  try {
    const samples = (await decodeClip(task)) as Float32Array<ArrayBuffer>
    parentPort!.postMessage({ id, samples } satisfies DecodeReply, [samples.buffer])
  } catch (error) {
    parentPort!.postMessage({ id, failure: toFailure(error, task.file) } satisfies DecodeReply)
  }
}

// One at a time, so that the pool knows which recording a thread was at when it broke down.
let last: Promise<void> = Promise.resolve()
parentPort!.on('message', (request: DecodeRequest) => {
  last = last.then(() => answer(request))
})
