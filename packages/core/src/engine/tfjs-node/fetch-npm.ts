import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { EngineBuildError } from '../errors'
import type { NpmPackage } from './catalogue'
import { digestFile, expectDigest } from './digest'
import { lastWords, runProgram } from './run-program'

/** npm as a program and its first arguments: the one that started us (`npx`), else the one on the PATH. */
const npmCommand = (): [string, ...string[]] => {
  const running = process.env.npm_execpath
  return running && /npm-cli\.[cm]?js$/.test(running) ? [process.execPath, running] : ['npm']
}

/** @throws EngineBuildError when there is no npm. */
export const expectNpm = async (): Promise<void> => {
  const [program, ...first] = npmCommand()
  if ((await runProgram(program, [...first, '--version'])).exitCode === 0) return
  throw new EngineBuildError('npm, which fetches the sources of tfjs-node, was not found.', {
    cure: 'Install it, or put it on the PATH: it comes with Node (https://nodejs.org).',
  })
}

/**
 * Fetches a package as published (`npm pack`: its scripts do not run and its dependencies stay where they are), checks its
 * hash and unpacks it.
 *
 * @param folder where the package's files go; it must not exist.
 */
export const fetchNpmPackage = async (wanted: NpmPackage, folder: string): Promise<void> => {
  const specifier = `${wanted.name}@${wanted.version}`
  const [program, ...first] = npmCommand()
  const download = `${folder}.download`
  await mkdir(download, { recursive: true })
  try {
    const args = ['pack', specifier, '--pack-destination', download, '--loglevel=error', '--ignore-scripts']
    const result = await runProgram(program, [...first, ...args], { cwd: download })
    if (result.exitCode !== 0) {
      throw new EngineBuildError(`npm could not fetch ${specifier}. Its last words:\n${lastWords(result)}`)
    }
    const tarball = join(download, await packedFile(download, specifier))
    const [, expected] = wanted.integrity.split('sha512-') as [string, string]
    expectDigest(tarball, 'SHA-512', await digestFile(tarball, 'sha512', 'base64'), expected)
    await mkdir(folder, { recursive: true })
    const unpacked = await runProgram('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1'])
    if (unpacked.exitCode !== 0) {
      const why = unpacked.exitCode === undefined ? 'the program tar was not found' : lastWords(unpacked)
      throw new EngineBuildError(`${specifier} could not be unpacked: ${why}.`)
    }
  } finally {
    await rm(download, { recursive: true, force: true })
  }
}

/** Installs a package in a project, without running its scripts or those of what it depends on. */
export const installNpmPackage = async ({ name, version }: NpmPackage, project: string): Promise<void> => {
  const [program, ...first] = npmCommand()
  const args = ['install', `${name}@${version}`, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const result = await runProgram(program, [...first, ...args], { cwd: project })
  if (result.exitCode === 0) return
  throw new EngineBuildError(`npm could not install ${name}@${version}. Its last words:\n${lastWords(result)}`, {
    file: project,
  })
}

/** The one file in the folder: what npm prints of its name differs between its versions. */
const packedFile = async (folder: string, specifier: string): Promise<string> => {
  const [file] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'))
  if (file === undefined) throw new EngineBuildError(`npm fetched ${specifier} and left no file.`)
  return file
}
