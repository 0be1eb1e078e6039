import { program } from '../../scripts/tsup'

export default program({ index: 'src/index.ts' })
