import { program } from '../scripts/tsup'

export default program({
  step: 'src/step.ts',
  'step-worker': 'src/step-worker.ts',
  ops: 'src/ops.ts',
  'ops-worker': 'src/ops/worker.ts',
  kmeans: 'src/kmeans.ts',
  'kmeans-worker': 'src/kmeans/worker.ts',
  table: 'src/table.ts',
})
