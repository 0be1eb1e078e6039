import * as core from '@babble/core'
import { run } from './decode-run.cjs'

await run({ core })
