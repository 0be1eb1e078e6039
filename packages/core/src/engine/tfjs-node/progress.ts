/** Who is told what a build does. */
export interface BuildProgress {
  /** Told in words what is being done. */
  readonly onProgress?: (message: string) => void
  /** Told about twice a second how much of a download has arrived. */
  readonly onBytes?: (progress: { readonly received: number; readonly total: number }) => void
}
