import { library } from '../../scripts/tsup'

export default library({ index: 'src/index.ts', plugin: 'src/plugin/index.ts' })
