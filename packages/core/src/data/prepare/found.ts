import { extname } from 'node:path'

/** A recording that a layout's rules have found. Paths are relative to the source, with slashes. */
export interface FoundClip {
  /** The recording, or the video that its sound has to be taken out of. */
  readonly path: string
  /** Whether `path` is a video. */
  readonly isVideo?: boolean
  /** The video that belongs to the recording. */
  readonly video?: string
  readonly id?: string
  readonly speaker?: string
  readonly text?: string
  readonly split?: string
}

/** Something that is left out, and why. */
export interface Problem {
  readonly path: string
  readonly reason: string
}

export interface Findings {
  readonly clips: readonly FoundClip[]
  readonly problems: readonly Problem[]
}

/** A source's files, and how to read a small one. */
export interface SourceFiles {
  /** Relative paths with slashes, sorted. */
  readonly files: readonly string[]
  /** The text of a file, for transcripts. @throws DataError when it is too large or cannot be read. */
  readText(path: string): Promise<string>
}

const audioExtensions = new Set(['.wav', '.flac', '.mp3', '.ogg', '.opus'])
const videoExtensions = new Set(['.mp4', '.mpg', '.mpeg', '.avi', '.mov', '.mkv', '.webm'])

export const isAudio = (path: string): boolean => audioExtensions.has(extname(path).toLowerCase())
export const isVideo = (path: string): boolean => videoExtensions.has(extname(path).toLowerCase())

/** The path without its extension. */
export const stemOf = (path: string): string => path.slice(0, path.length - extname(path).length)

/** White space within a transcript to single spaces, none at its ends. */
export const tidy = (text: string): string => text.replace(/\s+/g, ' ').trim()
