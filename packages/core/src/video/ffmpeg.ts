import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { VideoError } from '../errors'

const installCure =
  'Install ffmpeg (for example `apt install ffmpeg` or `brew install ffmpeg`), name one by BABBLE_FFMPEG, or run `npm install @ffmpeg-installer/ffmpeg` in your project.'

/** Containers that are read. Playlists are not among them: they can name other files and addresses. */
const formats =
  'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,h264,hevc,m4v,flv,asf,ogg,yuv4mpegpipe,gif,wav,mp3,flac,aac'

/**
 * The ffmpeg program: `BABBLE_FFMPEG`, the first on the PATH, or that of the npm package `@ffmpeg-installer/ffmpeg` where the project has
 * it; undefined if there is none.
 */
export const findFfmpeg = (): string | undefined => {
  const named = process.env.BABBLE_FFMPEG
  if (named) return named
  const name = process.platform === 'win32' ? 'ffmpeg.exe' : 'ffmpeg'
  const onPath = (process.env.PATH ?? '').split(delimiter).filter(Boolean)
  return onPath.map((folder) => join(folder, name)).find(isProgram) ?? fromPackage()
}

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const fromPackage = (): string | undefined => {
  try {
    const { path } = createRequire(join(process.cwd(), 'package.json'))('@ffmpeg-installer/ffmpeg') as { path: string }
    return path
  } catch {
    return undefined
  }
}

/**
 * Runs ffmpeg on a file and gives what it writes, piece by piece; ending the iteration early ends the program.
 *
 * @param output Its options for the output, which goes to a pipe.
 * @throws VideoError naming the file, with ffmpeg's own last words.
 */
export async function* decodeWithFfmpeg(
  path: string,
  output: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  signal?.throwIfAborted()
  const program = findFfmpeg()
  if (!program) throw new VideoError('there is no ffmpeg to read it with.', { file: path, cure: installCure })
  if (!existsSync(path)) throw new VideoError('there is no such file.', { file: path, cure: 'Check the path.' })
  const input = ['-protocol_whitelist', 'file,pipe', '-format_whitelist', formats, '-i', `file:${path}`]
  const child = spawn(program, ['-hide_banner', '-nostdin', '-v', 'error', ...input, ...output, 'pipe:1'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-2000)
  })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  })
  ended.catch(() => {})
  const onAbort = () => child.kill('SIGKILL')
  signal?.addEventListener('abort', onAbort, { once: true })
  let isOver = false
  try {
    for await (const chunk of child.stdout) yield chunk as Uint8Array
    isOver = true
  } finally {
    signal?.removeEventListener('abort', onAbort)
    if (!isOver) child.kill('SIGKILL')
  }
  signal?.throwIfAborted()
  const code = await ended.catch((cause: Error) => {
    throw new VideoError(`${program} did not start: ${cause.message}.`, { file: path, cure: installCure, cause })
  })
  if (code !== 0) {
    const reason = words.trim().split('\n').at(-1) ?? ''
    throw new VideoError(`ffmpeg cannot read it: ${reason || `it ended with code ${code}`}.`, {
      file: path,
      cure: 'Fetch the file again, or leave it out.',
    })
  }
}
