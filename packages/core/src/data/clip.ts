/** One recording of a data set, not loaded yet. */
export interface Clip {
  /** Where the audio is, as an absolute path. */
  readonly path: string
  readonly speaker?: string
  /** Transcript. */
  readonly text?: string
  /** Part of the data set: `train`, `valid`, `test`, … */
  readonly split?: string
  /** Length in samples at the data set's rate, where the manifest knows it. */
  readonly samples?: number
  /** Where the recording begins inside the file, in bytes, when the file is a shard that holds many. */
  readonly offset?: number
  /** Its length in the shard, in bytes. */
  readonly bytes?: number
  /** The manifest's other columns, as they stand there. */
  readonly fields?: Readonly<Record<string, string>>
}
