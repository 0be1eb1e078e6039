/** Where words for people go. */
export interface StageListener {
  note(text: string): void
  progress(activity: string, done: number, total: number): void
}

/** What a stage is given to work with. */
export interface StageContext extends StageListener {
  /** The stage's folder, absolute; all that it makes goes there. */
  readonly directory: string
  /** Whether the folder holds what an attempt left that did not come to its end; only where the stage is `resumable`. */
  readonly resumes: boolean
  readonly signal?: AbortSignal
}

/** One step of a recipe: work with a folder of its own and a small result. */
export interface Stage<Result extends object> {
  /** Of its folder, and for `from`: lower-case letters, digits and hyphens. */
  readonly name: string
  /** For people. Default: the name. */
  readonly title?: string
  /**
   * Everything that decides the result: settings, and fingerprints of files from outside. Plain data. What only decides speed or what is
   * shown does not belong here: a change of it would end the run.
   */
  readonly inputs: object
  /** Earlier stages whose files or results it uses. */
  readonly reads?: readonly FinishedStage<object>[]
  /** Whether `run` goes on by itself with what it finds in its folder, as training does. Default: the folder is emptied first. */
  readonly resumable?: boolean
  /**
   * Does the work. It must throw where it does not come to its end: what returns is taken for complete.
   *
   * @returns a small result, plain data: figures, and names of files relative to the folder. Numbers at its top are shown as figures.
   */
  run(context: StageContext): Promise<Result>
}

/** A stage that is complete. */
export interface FinishedStage<Result extends object> {
  readonly name: string
  readonly title: string
  /** Absolute. */
  readonly directory: string
  readonly result: Result
  /** Whether it had been done before, by an earlier process. */
  readonly reused: boolean
  /** How long it took: of a resumable stage all attempts that ended by themselves together, of another the last one. */
  readonly seconds: number
  /** SHA-256 that stands for this making of it: doing it again gives another. */
  readonly id: string
  /**
   * The path of a file or folder that the stage made, by its name in the stage's folder.
   *
   * @throws DataError when it is not there any more, or not of the size that the stage left it with.
   */
  file(name: string): string
}
