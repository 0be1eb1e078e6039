import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { crc32, deflateRawSync } from 'node:zlib'
import { afterEach, beforeEach } from 'vitest'

/** @internal A zip archive of the given files; those whose name ends in `.stored` are not compressed. */
export function zip(files: Readonly<Record<string, string>>): Buffer {
  const bodies: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [name, text] of Object.entries(files)) {
    const content = Buffer.from(text)
    const stored = name.endsWith('.stored')
    const data = stored ? content : deflateRawSync(content)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(stored ? 0 : 8, 4)
    common.writeUInt32LE(crc32(content), 10)
    common.writeUInt32LE(data.length, 14)
    common.writeUInt32LE(content.length, 18)
    common.writeUInt16LE(Buffer.byteLength(name), 22)
    // An extra field in the local header only, as zip programs may write it.
    const local = Buffer.from(common)
    local.writeUInt16LE(4, 24)
    const body = Buffer.concat([word(0x04034b50), local, Buffer.from(name), Buffer.alloc(4), data])
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(offset, 10)
    directory.push(Buffer.concat([word(0x02014b50), Buffer.from([20, 0]), common, tail, Buffer.from(name)]))
    bodies.push(body)
    offset += body.length
  }
  const entries = Buffer.concat(directory)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(directory.length, 4)
  end.writeUInt16LE(directory.length, 6)
  end.writeUInt32LE(entries.length, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...bodies, entries, word(0x06054b50), end])
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

const VARIABLES = [
  'PATH',
  'HOME',
  'BABBLE_PJRT_PLUGIN',
  'BABBLE_CACHE',
  'XDG_CACHE_HOME',
  'VIRTUAL_ENV',
  'CONDA_PREFIX',
]

/**
 * @internal A machine of its own for each test: an empty home, none of our variables set, and an empty folder as the
 * whole PATH.
 */
export class Sandbox {
  folder = ''
  private saved: Record<string, string | undefined> = {}

  constructor() {
    beforeEach(() => {
      this.folder = mkdtempSync(join(tmpdir(), 'babble-install-'))
      for (const name of VARIABLES) {
        this.saved[name] = process.env[name]
        delete process.env[name]
      }
      process.env.HOME = this.folder
      process.env.PATH = join(this.folder, 'bin')
    })
    afterEach(() => {
      for (const [name, value] of Object.entries(this.saved)) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
      rmSync(this.folder, { recursive: true, force: true })
    })
  }

  /** Path of a file in the sandbox, which need not exist. */
  path(...names: string[]): string {
    return join(this.folder, ...names)
  }

  /** Writes a file and returns its path. */
  write(name: string, content: string | Uint8Array): string {
    const path = this.path(name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
    return path
  }

  /** Puts a shell script on the PATH. */
  program(name: string, script: string): void {
    chmodSync(this.write(`bin/${name}`, `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`), 0o755)
  }
}
