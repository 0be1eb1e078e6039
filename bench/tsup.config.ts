import { program } from '../scripts/tsup'

export default program({ step: 'src/step.ts', ours: 'src/ours.ts' })
