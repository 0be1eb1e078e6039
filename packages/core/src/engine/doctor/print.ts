import type { EngineDiagnosis, EngineFinding } from './report'

const rate = (gflops: number): string => (gflops >= 10 ? gflops.toFixed(0) : gflops.toFixed(1))

const printFinding = (finding: EngineFinding, taken: boolean): string => {
  const { engine, status, description, startMs, speed, error } = finding
  const head = `${taken ? '*' : ' '} ${engine.padEnd(14)}`
  if (status === 'works') {
    const lines = [`${head} works    ${description}, started in ${((startMs ?? 0) / 1000).toFixed(1)} s`]
    if (speed) {
      lines.push(
        `${' '.repeat(25)} matmul ${speed.matmulSize} x ${speed.matmulSize}: ${rate(speed.matmul)} GFLOP/s; ` +
          `conv1d with gradients: ${rate(speed.conv1d)} GFLOP/s`,
      )
    }
    return lines.join('\n')
  }
  const why = (error ?? '')
    .trim()
    .split('\n')
    .join(`\n${' '.repeat(25)} `)
  return `${head} ${status.padEnd(8)} ${why}`
}

/** The findings for people. */
export const printEngines = (diagnosis: EngineDiagnosis): string => {
  const { node, platform, processors, nvidia, engines, taken, advice } = diagnosis
  const lines = [
    `Node ${node} on ${platform}, ${processors} processors, ${nvidia ? 'with' : 'no'} NVIDIA driver`,
    '',
    ...engines.map((finding) => printFinding(finding, finding.engine === taken)),
    '',
    taken ? `loadEngine() takes ${taken} (marked *).` : 'No engine works.',
  ]
  if (advice.length > 0) lines.push('', 'What to do next', ...advice.map((line) => `- ${line}`))
  return `${lines.join('\n')}\n`
}
