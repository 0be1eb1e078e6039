import { program } from '../../scripts/tsup'

export default program({ main: 'src/main.ts' })
