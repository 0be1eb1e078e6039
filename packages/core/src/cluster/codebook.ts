import { readSafetensors, writeSafetensors } from '../checkpoint/index'
import { CheckpointError, DataError } from '../errors'
import type { FeatureFrames } from '../features/index'
import { arrayFrames } from './frame-source'
import { NearestCentroids } from './nearest-centroids'

const tensorName = 'centroids'

/** Centroids that stand for classes of frames: what k-means learns. */
export class Codebook {
  readonly clusters: number

  /**
   * @param centroids `[clusters, dim]`
   * @param metadata How they were made, kept with them on disk.
   */
  constructor(
    readonly centroids: Float32Array,
    readonly dim: number,
    readonly metadata: Readonly<Record<string, string>> = {},
  ) {
    if (!(Number.isInteger(dim) && dim > 0 && centroids.length > 0 && centroids.length % dim === 0)) {
      throw new DataError(`${centroids.length} numbers are no centroids of ${dim}.`, { field: tensorName })
    }
    if (!centroids.every(Number.isFinite)) throw new DataError('a centroid is not finite.', { field: tensorName })
    this.clusters = centroids.length / dim
  }

  /**
   * Reads a file that {@link Codebook.save} wrote.
   *
   * @throws CheckpointError naming the file for what is no codebook.
   */
  static async load(path: string): Promise<Codebook> {
    const { tensors, metadata } = await readSafetensors(path)
    const tensor = tensors.get(tensorName)
    if (tensor?.dtype !== 'F32' || tensor.shape.length !== 2 || tensors.size !== 1) {
      throw new CheckpointError(`this is no codebook: it must hold one F32 tensor "${tensorName}" of two axes.`, {
        file: path,
        field: tensorName,
        cure: 'Name a file that k-means wrote.',
      })
    }
    try {
      return new Codebook(tensor.data as Float32Array, tensor.shape[1]!, metadata)
    } catch (cause) {
      throw new CheckpointError('the centroids cannot be used.', { file: path, field: tensorName, cause })
    }
  }

  /** Writes a safetensors file with the tensor `centroids` and the metadata, whole or not at all. */
  async save(path: string): Promise<void> {
    const { centroids, clusters, dim, metadata } = this
    await writeSafetensors(path, [[tensorName, { data: centroids, shape: [clusters, dim], dtype: 'F32' }]], metadata)
  }

  /** The class of each frame of features in memory. */
  async label({ data, dim }: Pick<FeatureFrames, 'data' | 'dim'>): Promise<Int32Array> {
    const source = arrayFrames(data, dim)
    const labels = new Int32Array(source.frames)
    if (source.frames === 0) return labels
    const nearest = this.nearest(dim)
    try {
      await nearest.label(source, (chunk) => {
        labels.set(chunk.labels.subarray(0, chunk.frames), chunk.start)
      })
    } finally {
      nearest.dispose()
    }
    return labels
  }

  /**
   * The search for the nearest centroids of frames of `dim` numbers. Dispose of it.
   *
   * @throws DataError when the centroids are of another size.
   */
  nearest(dim: number, options: { readonly file?: string; readonly chunkFrames?: number } = {}): NearestCentroids {
    if (dim !== this.dim) {
      throw new DataError(`frames have ${dim} numbers, the codebook's centroids ${this.dim}.`, {
        ...(options.file !== undefined && { file: options.file }),
        field: 'dim',
        cure: 'Use the codebook that was learnt from such features.',
      })
    }
    return new NearestCentroids(Float64Array.from(this.centroids), dim, options.chunkFrames)
  }
}
