import { getKernel } from '@tensorflow/tfjs-core'
import * as kernelNames from '@tensorflow/tfjs-core/dist/kernel_names'
import { HOST_REASONS } from '../src/kernels/host/catalogue'
import { kernelsOnHost } from '../src/kernels/host/register'
import { loadHostKernels } from '../src/kernels/host/run-on-host'
import { registerKernels } from '../src/kernels/index'

const REASONS = Object.fromEntries(Object.entries(HOST_REASONS).map(([reason, { because }]) => [reason, because]))

/** Kernels that work on images of a web page. */
const BROWSER = new Set(['Draw', 'FromPixels'])

/** How a kernel runs on the backend. */
const statusOf = (kernelName: string): string => {
  const reason = kernelsOnHost().get(kernelName)
  if (reason) return `on the host: ${REASONS[reason]}`
  if (getKernel(kernelName, 'xla')) return 'compiled'
  if (BROWSER.has(kernelName)) return 'not supported: it needs a browser'
  return getKernel(kernelName, 'cpu') ? 'not supported' : 'made of other kernels by TensorFlow.js'
}

/**
 * The page `docs/kernels.md`, from what is registered for the backend.
 *
 * @param expectedFailures The specs of TensorFlow.js's suite that cannot hold, with the reasons.
 */
export const kernelTable = async (expectedFailures: Readonly<Record<string, string>>): Promise<string> => {
  await loadHostKernels()
  registerKernels()
  const names = [...new Set(Object.values(kernelNames).filter((name) => typeof name === 'string'))].sort()
  const rows = names.map((name) => ({ name, status: statusOf(name) }))
  const number = (test: (status: string) => boolean) => rows.filter(({ status }) => test(status)).length
  const failures = Object.entries(expectedFailures).sort(([a], [b]) => (a < b ? -1 : 1))
  return `# TensorFlow.js kernels on the xla backend

Of the ${rows.length} kernels of TensorFlow.js 4.22.0, ${number((s) => s === 'compiled')} are compiled, ${number((s) => s.startsWith('on the host'))} run on the host, ${number((s) => s.startsWith('made of'))} are names
for what TensorFlow.js makes of others, ${number((s) => s.startsWith('not supported'))} are not supported.

- **compiled**: recorded as StableHLO, inside and outside of \`jit\`.
- **on the host**: TensorFlow.js's own \`cpu\` kernel computes it from values that are read back. Inside \`jit\` it throws a \`HostKernelError\`
  that says what to do instead.
- Strings live on the host, a complex64 tensor is two float32 ones: any kernel that is given such tensors, or is to make
  them, runs on the host. \`Complex\`, \`Real\`, \`Imag\` and \`Identity\` only share memory and work everywhere.

| kernel | how it runs |
|---|---|
${rows.map(({ name, status }) => `| ${name} | ${status} |`).join('\n')}

## TensorFlow.js's own test suite

\`npm run conformance\` runs the specs that \`@tensorflow/tfjs-core\` 4.22.0 ships against this backend and fails when one fails that is not
listed here, or one that is listed passes.

${failures.length === 0 ? 'No spec is listed.' : `| spec | why it cannot hold |\n|---|---|\n${failures.map(([name, reason]) => `| ${name} | ${reason} |`).join('\n')}`}

This page is generated: \`npx vitest run packages/tfjs-backend-xla/conformance --update\` writes it.
`
}
