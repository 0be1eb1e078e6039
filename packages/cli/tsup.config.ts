import { program } from '../../scripts/tsup'

export default program({ babble: 'src/babble.ts' })
