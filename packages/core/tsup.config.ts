import { library, program } from '../../scripts/tsup'

export default [library({ index: 'src/index.ts' }), program({ engine: 'src/engine/cli.ts' })].flat()
