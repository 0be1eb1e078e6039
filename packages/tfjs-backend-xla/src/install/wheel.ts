import process from 'node:process'

/** An operating system and processor, as Node names them. */
export type Target = 'linux-x64' | 'linux-arm64' | 'darwin-arm64'

/** The one build of a wheel that we know, by its hash: another build of the same version is refused. */
export interface WheelFile {
  /** The platform tag by which pip picks this build. */
  readonly tag: string
  readonly sha256: string
  /** Size of the wheel. */
  readonly bytes: number
  /** Size of what is unpacked of it. */
  readonly unpacked: number
}

/** One Python package of a plugin, at one version, with its build for each platform. */
export interface Wheel extends Readonly<Partial<Record<Target, WheelFile>>> {
  /** Name on the Python package index. */
  readonly name: string
  readonly version: string
}

/** The platform this process runs on; it may be none that there is a wheel for. */
export function currentTarget(): string {
  return `${process.platform}-${process.arch}`
}

/** What only building C++ or running Python needs. */
const DEVELOPMENT = /(^|\/)(include|cmake|pkgconfig|docs?|man)\/|\.(a|h|hpp|cuh|pyi?|pyc)$/
/** Of a wheel's own records, those that name it and its licence. */
const KEPT_RECORDS = /\.dist-info\/(METADATA$|LICENSE|licenses\/)/

/**
 * Where a file of a wheel belongs below the folder of an installed plugin, as pip would place it; undefined for files
 * that are of no use at run time.
 * @param sitePackages where Python modules go, relative to that folder.
 */
export function wheelPath(entry: string, sitePackages: string): string | undefined {
  if (entry.endsWith('/')) return undefined
  const inside = sitePackages === '' ? '' : `${sitePackages}/`
  if (entry.includes('.dist-info/')) return KEPT_RECORDS.test(entry) ? inside + entry : undefined
  const data = /^[^/]+\.data\/(data|purelib|platlib)\/(.*)$/.exec(entry)
  const path = data ? data[2]! : entry
  if (DEVELOPMENT.test(path)) return undefined
  // `data` is the environment's root, where Intel puts its libraries in `lib`.
  return data?.[1] === 'data' ? path : inside + path
}
