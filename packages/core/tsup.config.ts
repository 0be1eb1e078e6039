import { library, program } from '../../scripts/tsup'

export default [
  library({ index: 'src/index.ts' }),
  program({ engine: 'src/engine/cli.ts' }),
  // The thread that `src/data/decode-pool.ts` starts.
  program({ 'decode-thread': 'src/data/decode-thread.ts' }),
  // The thread that `src/video/face-detector.ts` starts.
  program({ 'face-thread': 'src/video/face-thread.ts' }),
].flat()
