import type { EngineFinding, ProbedEngine } from './report'

export interface Situation {
  readonly findings: readonly EngineFinding[]
  readonly taken: ProbedEngine | undefined
  /** Whether NVIDIA's driver is loaded. */
  readonly nvidia: boolean
  readonly measured: boolean
}

/** An engine must be this much faster than the one taken to be worth a word: less is noise. */
const WORTH = 1.2

/** What to do next, most useful first; `xla` is what that engine's own doctor says. */
export const adviseEngines = ({ findings, taken, nvidia, measured }: Situation, xla: readonly string[]): string[] => {
  const advice = [...xla]
  const finding = (name: ProbedEngine) => findings.find(({ engine }) => engine === name)
  for (const { engine, status, error = '' } of findings) {
    if (engine !== 'tfjs-node' && engine !== 'tfjs-node-gpu') continue
    if (status !== 'crashed' && !(status === 'unusable' && error.includes('did not load'))) continue
    const gpu = engine === 'tfjs-node-gpu' ? ' --gpu' : ''
    advice.push(
      `${engine} is here and does not load: \`npx babble-engine build tfjs-node${gpu} --force\` compiles it anew.`,
    )
  }
  const usesGpu = findings.some(({ status, device }) => status === 'works' && device !== undefined && device !== 'cpu')
  if (nvidia && !usesGpu && finding('tfjs-node-gpu')?.status === 'absent') {
    advice.push(
      'An NVIDIA driver is loaded and no engine uses it: `npx babble-engine build tfjs-node --gpu` is another way to.',
    )
  }
  const current = finding(taken ?? 'cpu')?.speed
  if (measured && taken && current) {
    const best = findings.reduce((a, b) => ((b.speed?.conv1d ?? 0) > (a.speed?.conv1d ?? 0) ? b : a))
    if (best.engine !== taken && (best.speed?.conv1d ?? 0) > WORTH * current.conv1d) {
      advice.push(
        `${best.engine} was faster than ${taken} here: ask for it with loadEngine({ backend: '${best.engine}' }).`,
      )
    }
  }
  const slow = taken === 'wasm' || taken === 'cpu' || taken === undefined
  if (slow && finding('tfjs-node')?.status === 'absent') {
    advice.push('`npx babble-engine build tfjs-node` gives the second fastest engine, where there is a C++ compiler.')
  }
  return advice
}
