import { program } from '../../scripts/tsup'

export default program({ main: 'src/main.ts', 'batch-thread': 'src/batch-thread.ts' })
