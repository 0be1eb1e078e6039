// Runs TensorFlow.js's own test suite against a backend of this package. `npm run conformance -- --help` tells how.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bundleSuite } from './bundle.ts'
import { runJasmine } from './jasmine.ts'
import type * as Suite from './suite.ts'
import { areaOf, count, judge, type SpecResult } from './verdict.ts'

/** Specs of the suite in tfjs-core 4.22.0 that must pass. */
const AT_LEAST = { xla: 4150, cpu: 4227 }

const help = `Runs the test suite of @tensorflow/tfjs-core against a backend.

  npm run conformance -- [options]

  --backend <xla|cpu>   which backend (default xla; cpu checks the harness itself)
  --filter <text>       only specs whose full name contains the text
  --verbose             show what the specs print
  --help

Specs that cannot hold stand in conformance/expected-failures.json with their reasons. The run fails when another spec
fails, when a listed one passes, and when fewer than ${AT_LEAST.xla} pass. Results: dist-conformance/<backend>.json`

const print = (text: string): void => void process.stdout.write(text)

const printAreas = (specs: readonly SpecResult[]): void => {
  const row = (area: string, cells: readonly (number | string)[]) =>
    print(`  ${area.padEnd(20)}${cells.map((cell) => String(cell).padStart(9)).join('')}\n`)
  row('area', ['passed', 'failed', 'pending'])
  for (const area of [...new Set(specs.map(({ file }) => areaOf(file)))].sort()) {
    row(area, Object.values(count(specs.filter(({ file }) => areaOf(file) === area))))
  }
}

const { values: options } = parseArgs({
  options: {
    backend: { type: 'string', default: 'xla' },
    filter: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const { backend, filter } = options
if (options.help) {
  console.log(help)
  process.exit(0)
}
if (backend !== 'xla' && backend !== 'cpu') {
  console.error(`Unknown backend "${backend}": xla or cpu.`)
  process.exit(2)
}

// Thousands of small programs that nobody will want again.
process.env.BABBLE_PROGRAM_CACHE ??= 'off'

const out = fileURLToPath(new URL('../dist-conformance', import.meta.url))
mkdirSync(out, { recursive: true })
const suite: typeof Suite = createRequire(import.meta.url)(await bundleSuite(out))
const started = performance.now()
const { specs, declared } = await runJasmine({
  declare: () => suite.declare(backend),
  filter,
  quiet: !options.verbose,
})
const seconds = Math.round((performance.now() - started) / 100) / 10

const listed = JSON.parse(readFileSync(new URL('expected-failures.json', import.meta.url), 'utf8'))
const failures = backend === 'xla' ? listed : {}
const verdict = judge(specs, { failures, atLeast: AT_LEAST[backend], partial: filter !== undefined })
const { ok, totals, unexpected, stale, complaints } = verdict
const resultFile = join(out, `${backend}.json`)
const result = { suite: '@tensorflow/tfjs-core 4.22.0', backend, device: declared, ok, totals, seconds, specs }
writeFileSync(resultFile, `${JSON.stringify(result, null, 1)}\n`)

printAreas(specs)
for (const { name, file, message } of unexpected) print(`\nFAILED ${name} (${file})\n  ${message}\n`)
for (const name of stale) print(`\nLISTED, BUT DID NOT FAIL ${name}\n`)
print(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.pending} pending`)
print(` (${declared}, ${seconds} s; ${resultFile})\n`)
for (const complaint of complaints) print(`Not conformant: ${complaint}.\n`)
// The suite leaves timers and open plugins behind.
process.exit(ok ? 0 : 1)
