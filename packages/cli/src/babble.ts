#!/usr/bin/env node
import process from 'node:process'
import { run } from './run'

const controller = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  // The first asks to finish and save. The second finds Node's own handling, which ends the process at once.
  process.once(name, () => {
    process.stderr.write(`\n${name}: finishing and saving (once more to stop at once).\n`)
    controller.abort(name)
  })
}
// A reader that has seen enough, such as `head`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

process.exitCode = await run(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: process.stderr,
  cwd: process.cwd(),
  signal: controller.signal,
})
