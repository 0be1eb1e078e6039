import { it } from 'vitest'
import { openFrameLabels } from './frame-labels'
it('x', async () => {
  const r0 = process.memoryUsage.rss(); const t = performance.now()
  await using l = await openFrameLabels('/tmp/w/c6/stages/big.km')
  console.log(l.utterances, l.largest, (performance.now()-t)/1000, 's', (process.memoryUsage.rss()-r0)/1e6,'MB')
  const t2 = performance.now()
  for (let i=0;i<20000;i++) await l.read((i*7919)%l.utterances, 10, 200)
  console.log('read us', (performance.now()-t2)/20000*1000)
}, 120000)
